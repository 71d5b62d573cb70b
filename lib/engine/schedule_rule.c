/* SPDX-License-Identifier: MIT */
#include "engine/schedule_rule.h"

#include <backupsvc/schedule.h>

#include <string.h>

#include "engine/words.h"
#include "engine/zones.h"

enum { NS_PER_SEC = 1000000000 };

_Static_assert((int)BSI_MISSED_RUN_ONCE == (int)BS_MISSED_RUN_ONCE &&
                   (int)BSI_MISSED_ALL == (int)BS_MISSED_ALL,
               "what becomes of missed due times has the same numbers everywhere");

/* The last due time that fits into a row. */
#define DUE_MAX (INT64_MAX / NS_PER_SEC)

static void put_zone(bsi_schedule_rule *rule, bsi_timezone *zone)
{
    rule->own_zone = zone;
    rule->rule.cron = &rule->cron;
    rule->rule.zone = zone ? zone : bsi_timezone_utc();
}

bs_status bsi_schedule_rule_take(const char *cron, const char *zone, bsi_complaints *complaints,
                                 bsi_schedule_rule *out)
{
    bsi_timezone *loaded = NULL;
    bs_status status = BS_OK;

    *out = (bsi_schedule_rule){.rule.missed = BSI_MISSED_RUN_ONCE};
    put_zone(out, NULL);
    if (!cron || !cron[0]) {
        bsi_complain_invalid(complaints, "cron_expression: is missing");
    } else if (bsi_cron_parse(cron, strlen(cron), &out->cron) < 0) {
        bsi_complain_invalid(complaints, "cron_expression: %s", bs_error_last()->message);
    }
    if (zone && zone[0]) {
        status = bsi_zone_load(BSI_ZONES_FOLDER, zone, &loaded);
    }
    if (status == BS_E_NOMEM) {
        return status;
    }
    if (status < 0) {
        bsi_complain(complaints, status, bs_error_last()->layer, "timezone: %s",
                     bs_error_last()->message);
        return BS_OK;
    }
    put_zone(out, loaded);
    return status;
}

bs_status bsi_schedule_rule_load(const bsi_row_schedule *row, const bsi_log *log,
                                 bsi_schedule_rule *out)
{
    bsi_complaints complaints = {0};
    int missed = BS_MISSED_RUN_ONCE;
    bsi_timezone *zone = NULL;
    bs_status status = bsi_schedule_rule_take(row->cron_expression, NULL, &complaints, out);

    if (status >= 0) {
        status = bsi_complaints_status(&complaints);
    }
    if (status < 0) {
        return bsi_fail_context(BS_LAYER_CATALOG, status, "schedule '%s'", row->name);
    }
    (void)bsi_word_parse(bsi_words_missed, bsi_slice_of(row->missed), &missed);
    out->rule.missed = (bsi_missed)missed;
    status = bsi_zone_load(BSI_ZONES_FOLDER, row->timezone, &zone);
    if (status == BS_E_NOMEM) {
        return status;
    }
    if (status != BS_OK) {
        bsi_log_write(log, BS_LOG_WARNING, "engine", "schedule '%s' goes by UTC: %s", row->name,
                      status < 0 ? bs_error_last()->message : "there is no time zone database");
    }
    put_zone(out, status < 0 ? NULL : zone);
    return BS_OK;
}

void bsi_schedule_rule_dispose(bsi_schedule_rule *rule)
{
    bsi_timezone_free(rule->own_zone);
    rule->own_zone = NULL;
}

bs_status bsi_schedule_next(const bsi_schedule_rule *rule, const char *dealt, int64_t after_sec,
                            int64_t *ns_out)
{
    bsi_dealt stretches;
    int64_t next = 0;
    bs_status status = bsi_dealt_parse(dealt, &stretches);

    if (status < 0) {
        return status;
    }
    status = bsi_due_next(&rule->rule, &stretches, after_sec, &next);
    if (status < 0 && status != BS_E_NOT_FOUND) {
        return status;
    }
    *ns_out = status < 0 || next > DUE_MAX ? 0 : next * NS_PER_SEC;
    return BS_OK;
}
