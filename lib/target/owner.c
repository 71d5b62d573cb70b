/* SPDX-License-Identifier: MIT */
/*
 * Who shall own what: by rule, by name, by number.
 */
#include "base/alloc.h"
#include "target/state.h"

enum { NAME_SIZE = 257 };

static bool parse_id(bsi_slice text, uint32_t *out)
{
    uint64_t value = 0;

    if (text.size == 0 || text.size > 10) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        value = value * 10 + (uint64_t)(text.data[i] - '0');
    }
    if (value >= BSI_KEEP_ID) {
        return false;
    }
    *out = (uint32_t)value;
    return true;
}

/* BS_E_NOT_FOUND also for what can be no name. */
static bs_status look_up(bsi_target *target, bool group, bsi_slice name, uint32_t *out)
{
    char text[NAME_SIZE];

    if (name.size == 0 || name.size >= sizeof(text) || memchr(name.data, '\0', name.size)) {
        return BS_E_NOT_FOUND;
    }
    memcpy(text, name.data, name.size);
    text[name.size] = '\0';
    return group ? bsi_group_id(target->users, text, out) : bsi_user_id(target->users, text, out);
}

bs_status bsi_target_owners_load(bsi_target *target)
{
    const bsi_target_options *options = &target->options;

    BSI_TRY(bsi_users_new(&target->users));
    target->owners = bsi_calloc(options->owner_count, sizeof(*target->owners));
    if (!target->owners) {
        return BS_E_NOMEM;
    }
    for (size_t i = 0; i < options->owner_count; i++) {
        bsi_owner_match *match = &target->owners[i];
        const bsi_owner_rule *rule = &options->owners[i];
        bs_status status = BS_OK;

        match->rule = rule;
        match->from_is_id = parse_id(rule->from, &match->from);
        status = look_up(target, rule->group, rule->to, &match->to);
        if (status == BS_E_NOT_FOUND && !parse_id(rule->to, &match->to)) {
            char text[NAME_SIZE];
            return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "no %s '%s' on this machine",
                            rule->group ? "group" : "user",
                            bsi_printable(rule->to.data, rule->to.size, text, sizeof(text)));
        }
        if (status < 0 && status != BS_E_NOT_FOUND) {
            return status;
        }
    }
    return BS_OK;
}

static const bsi_owner_match *find_by_id(const bsi_target *target, bool group, uint32_t id)
{
    for (size_t i = 0; i < target->options.owner_count; i++) {
        const bsi_owner_match *match = &target->owners[i];
        if (match->rule->group == group && match->from_is_id && match->from == id) {
            return match;
        }
    }
    return NULL;
}

static const bsi_owner_match *find_rule(const bsi_target *target, bool group, bsi_slice name,
                                        uint32_t id)
{
    for (size_t i = 0; i < target->options.owner_count; i++) {
        const bsi_owner_match *match = &target->owners[i];
        if (match->rule->group == group && name.size > 0 &&
            bsi_slice_equal(match->rule->from, name)) {
            return match;
        }
    }
    return find_by_id(target, group, id);
}

static uint32_t resolve(bsi_target *target, bool group, bsi_slice name, uint32_t id)
{
    const bsi_owner_match *match = find_rule(target, group, name, id);
    uint32_t found = 0;

    if (match) {
        return match->to;
    }
    return look_up(target, group, name, &found) == BS_OK ? found : id;
}

void bsi_target_owner(bsi_target *target, const bsi_entry *entry, uint32_t *uid_out,
                      uint32_t *gid_out)
{
    *uid_out = BSI_KEEP_ID;
    *gid_out = BSI_KEEP_ID;
    if (target->options.ownership) {
        *uid_out = resolve(target, false, entry->user, entry->stat.uid);
        *gid_out = resolve(target, true, entry->group, entry->stat.gid);
    }
}

uint32_t bsi_target_map_id(const bsi_target *target, bool group, uint32_t id)
{
    const bsi_owner_match *match = find_by_id(target, group, id);

    return match ? match->to : id;
}
