/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_RULES_H
#define BSI_ENGINE_RULES_H

#include <backupsvc/backup.h>

#include "engine/complaints.h"
#include "policy/retention.h"
#include "text/json_write.h"

/*
 * The rules by which the backups of a name are kept, in requests and in the
 * JSON that is kept of them:
 *
 *     "retention":{"keep_last":3,"keep_daily":7}
 *
 * A backup has days of its own besides. Where a request gives rules and no days,
 * the rules alone decide.
 */

/* One of the numbers by its name. Ends with a NULL name. */
typedef struct bsi_rule_field {
    const char *name;
    size_t in_options; /* Offset of the int32_t in bs_backup_options. */
    size_t in_rules;   /* And in bsi_retention_rules. */
} bsi_rule_field;
extern const bsi_rule_field bsi_rule_fields[];

/* The keep_... numbers of a request, of which those out of range are complained about. */
bsi_retention_rules bsi_rules_take(const bs_backup_options *options, bsi_complaints *complaints);

/* Whether one of the keep_... numbers is set. */
bool bsi_rules_are_set(const bsi_retention_rules *rules);

/* "retention" and its object; nothing when none is set. */
void bsi_rules_put(bsi_json_writer *json, const bsi_retention_rules *rules);

/* Those of a kept request; BS_E_CORRUPT of layer CATALOG when they cannot be read. */
BS_NODISCARD bs_status bsi_rules_read(const char *options, bsi_retention_rules *out);

#endif
