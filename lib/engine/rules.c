/* SPDX-License-Identifier: MIT */
#include "engine/rules.h"

#include <string.h>

#include "text/json_read.h"

#define RULE_FIELD(member)                                                                  \
    {                                                                                       \
#member, offsetof(bs_backup_options, member), offsetof(bsi_retention_rules, member) \
    }

const bsi_rule_field bsi_rule_fields[] = {
    RULE_FIELD(keep_last),
    RULE_FIELD(keep_hourly),
    RULE_FIELD(keep_daily),
    RULE_FIELD(keep_weekly),
    RULE_FIELD(keep_monthly),
    RULE_FIELD(keep_yearly),
    {NULL, 0, 0},
};

static int32_t get(const void *from, size_t offset)
{
    int32_t value = 0;

    memcpy(&value, (const char *)from + offset, sizeof(value));
    return value;
}

static void set(bsi_retention_rules *rules, const bsi_rule_field *field, int32_t value)
{
    memcpy((char *)rules + field->in_rules, &value, sizeof(value));
}

static bool is_in_range(int64_t value)
{
    return value >= 0 && value <= BSI_RETENTION_KEEP_MAX;
}

bsi_retention_rules bsi_rules_take(const bs_backup_options *options, bsi_complaints *complaints)
{
    bsi_retention_rules rules = {0};

    for (const bsi_rule_field *field = bsi_rule_fields; field->name; field++) {
        const int32_t value = get(options, field->in_options);
        if (is_in_range(value)) {
            set(&rules, field, value);
        } else {
            bsi_complain_invalid(complaints, "%s: takes 0 to %d, not %ld", field->name,
                                 BSI_RETENTION_KEEP_MAX, (long)value);
        }
    }
    return rules;
}

bool bsi_rules_are_set(const bsi_retention_rules *rules)
{
    for (const bsi_rule_field *field = bsi_rule_fields; field->name; field++) {
        if (get(rules, field->in_rules) > 0) {
            return true;
        }
    }
    return false;
}

void bsi_rules_put(bsi_json_writer *json, const bsi_retention_rules *rules)
{
    if (!bsi_rules_are_set(rules)) {
        return;
    }
    bsi_json_write_key(json, "retention");
    bsi_json_begin_object(json);
    for (const bsi_rule_field *field = bsi_rule_fields; field->name; field++) {
        if (get(rules, field->in_rules) > 0) {
            bsi_json_put_i64(json, field->name, get(rules, field->in_rules));
        }
    }
    bsi_json_end_object(json);
}

static bs_status read_rule(bsi_json_reader *json, bsi_slice key, bsi_retention_rules *out)
{
    const bsi_rule_field *field = bsi_rule_fields;
    int64_t value = 0;

    while (field->name && !bsi_slice_is(key, field->name)) {
        field++;
    }
    BSI_TRY(bsi_json_read_i64(json, &value));
    if (!field->name || !is_in_range(value)) {
        return bsi_fail(BS_LAYER_CATALOG, BS_E_CORRUPT, "a rule of retention is not known");
    }
    set(out, field, (int32_t)value);
    return BS_OK;
}

static bs_status read_object(bsi_json_reader *json, bsi_retention_rules *out)
{
    bsi_slice key;
    bs_status status = bsi_json_enter_object(json);

    while (status >= 0) {
        status = bsi_json_next_key(json, &key);
        if (status != BS_OK) {
            break;
        }
        status = read_rule(json, key, out);
    }
    return status < 0 ? status : BS_OK;
}

bs_status bsi_rules_read(const char *options, bsi_retention_rules *out)
{
    bsi_retention_rules rules = {0};
    bsi_json_reader json;
    bsi_slice key;
    bs_status status = BS_OK;

    bsi_json_init(&json, options, strlen(options), BS_LAYER_CATALOG, BS_E_CORRUPT);
    status = bsi_json_enter_object(&json);
    while (status >= 0) {
        status = bsi_json_next_key(&json, &key);
        if (status != BS_OK) {
            break;
        }
        status = bsi_slice_is(key, "retention") ? read_object(&json, &rules) : bsi_json_skip(&json);
    }
    if (status < 0) {
        return bsi_fail_context(BS_LAYER_CATALOG, status, "the rules of a backup");
    }
    *out = rules;
    return BS_OK;
}
