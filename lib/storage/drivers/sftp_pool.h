/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_SFTP_POOL_H
#define BSI_STORAGE_DRIVERS_SFTP_POOL_H

#include "os/thread.h"
#include "storage/drivers/sftp_link.h"

/*
 * The connections of a storage. Each is used by one thread at a time; more are
 * opened, one after the other, when all are in use. One that broke is closed as
 * soon as no upload lies on it. Any thread.
 */
typedef struct bsi_sftp_pool {
    const bsi_sftp_config *config;
    bsi_mutex lock;   /* Guards the rest, and what links say is for the pool. Taken alone. */
    bsi_cond changed; /* A link is free, or gone, or could not be opened. */
    bsi_sftp_link *links[BSI_SFTP_CONNECTIONS_MAX]; /* NULLs in between. */
    unsigned count;                                 /* Links that do not count as broken. */
    unsigned limit;                                 /* How many the server seems to allow. */
    bool opening;
} bsi_sftp_pool;

/* Opens the first connection. `out` comes zeroed; disposed also after a failure. */
BS_NODISCARD bs_status bsi_sftp_pool_open(const bsi_sftp_config *config, const bs_call *call,
                                          bsi_sftp_pool *out);
void bsi_sftp_pool_dispose(bsi_sftp_pool *pool);

/* What a link is wanted for. */
typedef enum bsi_sftp_use {
    BSI_SFTP_BRIEFLY,
    BSI_SFTP_FOR_LONG, /* Much will be moved: rather a connection more than one that is shared. */
} bsi_sftp_use;

BS_NODISCARD bs_status bsi_sftp_acquire(bsi_sftp_pool *pool, const bs_call *call, bsi_sftp_use use,
                                        bsi_sftp_link **out);
/* The very link, on which an upload lies. */
BS_NODISCARD bs_status bsi_sftp_acquire_again(bsi_sftp_pool *pool, const bs_call *call,
                                              bsi_sftp_link *link);
void bsi_sftp_release(bsi_sftp_pool *pool, bsi_sftp_link *link);

/* An upload lies on an acquired link, which therefore stays; or no longer does. */
void bsi_sftp_stay(bsi_sftp_pool *pool, bsi_sftp_link *link);
void bsi_sftp_leave(bsi_sftp_pool *pool, bsi_sftp_link *link);

#endif
