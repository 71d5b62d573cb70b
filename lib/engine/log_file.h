/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_LOG_FILE_H
#define BSI_ENGINE_LOG_FILE_H

#include <backupsvc/log.h>

#include "engine/config.h"

/*
 * A log file as the settings want it. A line is
 *
 *     2026-11-23T06:10:00.123Z WARNING [4711] engine: message
 *
 * and is written by one call to the end of the file. A renamed file is called
 * LOG_FILE.20261123T061000Z, or ...Z-2 when there is one of that second.
 */
BS_NODISCARD bs_status bsi_log_file_open(const bs_config *config, bs_log_cb trouble, void *user,
                                         bs_log_file **out);
/* Leaves the error record alone. */
void bsi_log_file_write(bs_log_file *file, bs_log_level level, const char *module,
                        const char *message);
/* NULL is ignored. */
void bsi_log_file_close(bs_log_file *file);

/* Which lines are wanted, by the setting LOG_LEVEL. */
bs_log_level bsi_config_log_level(const bs_config *config);

#endif
