/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_FTP_POOL_H
#define BSI_STORAGE_DRIVERS_FTP_POOL_H

#include "os/thread.h"
#include "storage/drivers/ftp_config.h"

/* A connection, and the file that is being read over it, if there is one. One thread at a time. */
typedef struct bsi_ftp_link {
    bsi_ftp *ftp;
    const bsi_ftp_config *config;
    char *reading;  /* Path; NULL: nothing is. */
    uint64_t at;    /* Where the next byte comes from. */
    uint64_t epoch; /* Of the storage, when that was begun. */
} bsi_ftp_link;

/*
 * The connections that nobody uses. An upload has one for itself until it is done, so that
 * nobody waits for somebody who waits; other work has to do with as many as are allowed. Any
 * thread.
 */
typedef struct bsi_ftp_pool {
    const bsi_ftp_config *config;
    bsi_mutex lock; /* Guards what follows. */
    bsi_cond changed;
    bsi_ftp_link *idle[BSI_FTP_CONNECTIONS_MAX];
    unsigned idle_count;
    unsigned brief_count; /* In use, but for those of uploads. */
} bsi_ftp_pool;

void bsi_ftp_pool_init(bsi_ftp_pool *pool, const bsi_ftp_config *config);
/* When nothing is in use any more. */
void bsi_ftp_pool_dispose(bsi_ftp_pool *pool);

typedef enum bsi_ftp_use { BSI_FTP_BRIEFLY, BSI_FTP_FOR_UPLOAD } bsi_ftp_use;

/* One without a file on it. */
BS_NODISCARD bs_status bsi_ftp_take(bsi_ftp_pool *pool, const bs_call *call, bsi_ftp_use use,
                                    bsi_ftp_link **out);
/* The one over which the next bytes of this file come, briefly; else as bsi_ftp_take(). */
BS_NODISCARD bs_status bsi_ftp_take_reading(bsi_ftp_pool *pool, const bs_call *call,
                                            const char *path, uint64_t at, uint64_t epoch,
                                            bsi_ftp_link **out);
/* The error record is left alone. */
void bsi_ftp_give(bsi_ftp_pool *pool, bsi_ftp_use use, bsi_ftp_link *link);

/* Nothing is read over it any more. */
void bsi_ftp_link_rest(bsi_ftp_link *link);

#endif
