/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_OPTIONS_READ_H
#define BSI_ENGINE_OPTIONS_READ_H

#include <backupsvc/drill.h>
#include <backupsvc/restore.h>
#include <backupsvc/retention.h>
#include <backupsvc/schedule.h>

#include "base/error.h"

/*
 * Requests from JSON, as bs_backup_options_from_json() says: those that
 * programs hand in, and those that schedules keep.
 */
BS_NODISCARD bs_status bsi_backup_options_read(const char *text, size_t size,
                                               bs_backup_options **out);
/* NULL is ignored. */
void bsi_backup_options_free(bs_backup_options *options);

BS_NODISCARD bs_status bsi_restore_options_read(const char *text, size_t size,
                                                bs_restore_options **out);
/* NULL is ignored. */
void bsi_restore_options_free(bs_restore_options *options);

BS_NODISCARD bs_status bsi_drill_options_read(const char *text, size_t size,
                                              bs_drill_options **out);
/* NULL is ignored. */
void bsi_drill_options_free(bs_drill_options *options);

BS_NODISCARD bs_status bsi_retention_options_read(const char *text, size_t size,
                                                  bs_retention_options **out);
/* NULL is ignored. */
void bsi_retention_options_free(bs_retention_options *options);

BS_NODISCARD bs_status bsi_pin_options_read(const char *text, size_t size, bs_pin_options **out);
/* NULL is ignored. */
void bsi_pin_options_free(bs_pin_options *options);

BS_NODISCARD bs_status bsi_schedule_options_read(const char *text, size_t size,
                                                 bs_schedule_options **out);
/* NULL is ignored. */
void bsi_schedule_options_free(bs_schedule_options *options);

#endif
