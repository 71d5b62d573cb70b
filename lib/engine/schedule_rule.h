/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_SCHEDULE_RULE_H
#define BSI_ENGINE_SCHEDULE_RULE_H

#include "base/log.h"
#include "catalog/rows.h"
#include "engine/complaints.h"
#include "policy/due.h"

/* When a schedule is due: its expression and time zone as policy/ wants them. */
typedef struct bsi_schedule_rule {
    bsi_cron cron;
    bsi_timezone *own_zone; /* NULL: the zone is UTC. */
    bsi_due_rule rule;      /* Points at the two above: the struct must not be moved. */
} bsi_schedule_rule;

/*
 * From what a person writes; `zone` may be NULL. Complaints name the fields
 * cron_expression and timezone. BS_PARTIAL: there is no time zone database, and
 * the zone is UTC. Failures are only of memory.
 */
BS_NODISCARD bs_status bsi_schedule_rule_take(const char *cron, const char *zone,
                                              bsi_complaints *complaints, bsi_schedule_rule *out);

/* From a row. A zone that cannot be loaded any more is UTC, with a warning in the log. */
BS_NODISCARD bs_status bsi_schedule_rule_load(const bsi_row_schedule *row, const bsi_log *log,
                                              bsi_schedule_rule *out);

/* A zeroed one is ignored. */
void bsi_schedule_rule_dispose(bsi_schedule_rule *rule);

/* The first due time of a row after `after_sec` that was not dealt with, in nanoseconds; 0: none.
 */
BS_NODISCARD bs_status bsi_schedule_next(const bsi_schedule_rule *rule, const char *dealt,
                                         int64_t after_sec, int64_t *ns_out);

#endif
