/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_WARN_LOG_H
#define BSI_VAULT_WARN_LOG_H

#include "vault/draft.h"

/*
 * Hears what a run survives: passes it on, and keeps it as lines for the
 * manifest. The first BSI_WARNINGS_MAX are kept, all are counted. Any thread
 * may report.
 */
enum { BSI_WARNINGS_MAX = 10000 };

typedef struct bsi_warn_log {
    bsi_warn warn; /* What the run reports to. */
    const bsi_warn *next;
    bsi_mutex lock; /* Guards what follows. */
    bsi_draft *lines;
    uint64_t count;
    bs_status status; /* A failure to keep one. */
} bsi_warn_log;

/* `next` is borrowed; it may be NULL. */
BS_NODISCARD bs_status bsi_warn_log_init(bsi_warn_log *log, int temp_dir, const bsi_warn *next);
void bsi_warn_log_dispose(bsi_warn_log *log);

#endif
