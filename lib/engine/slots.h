/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_SLOTS_H
#define BSI_ENGINE_SLOTS_H

#include <backupsvc/keys.h>

#include "base/error.h"

/* What is done to a backup's slots. */
typedef enum bsi_slot_action {
    BSI_SLOT_ADD,
    BSI_SLOT_REMOVE,
    BSI_SLOT_CHANGE,
} bsi_slot_action;

/* See bs_backup_slots() and what follows it. */
BS_NODISCARD bs_status bsi_slots_get(bs_service *service, const char *reference,
                                     bs_slots_info **out);
/* NULL is ignored. */
void bsi_slots_info_free(bs_slots_info *info);

BS_NODISCARD bs_status bsi_slots_change(bs_service *service, bsi_slot_action action,
                                        const bs_slot_options *options, bs_slot_report *report_out);

#endif
