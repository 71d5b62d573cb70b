/* SPDX-License-Identifier: MIT */
#ifndef BSI_BASE_LOG_H
#define BSI_BASE_LOG_H

#include "base/error.h"

/*
 * Where log lines go. Only what would otherwise be lost is logged: errors that
 * are returned are not. Never called with a lock held.
 */
typedef struct bsi_log {
    bs_log_cb sink; /* NULL: nobody listens. */
    void *user;
    bs_log_level level; /* Lines that matter less are dropped. */
} bsi_log;

void bsi_log_write(const bsi_log *log, bs_log_level level, const char *module, const char *format,
                   ...) BSI_PRINTF(4, 5);

#endif
