/* SPDX-License-Identifier: MIT */
#ifndef BSI_SOURCE_LISTING_H
#define BSI_SOURCE_LISTING_H

#include "base/buffer.h"
#include "os/file.h"
#include "task/pool.h"

/*
 * The names of one directory, sorted by their bytes, and the states of what they
 * name. Names and states may be read ahead by the pool; what the pool has not
 * begun when it is wanted, the caller does itself, so that a busy pool never
 * makes a walk wait. All calls come from the one thread that walks.
 */
typedef struct bsi_listing bsi_listing;

/* What the listings of one walk share. */
typedef struct bsi_read_ahead {
    bsi_pool *pool; /* NULL: nothing is read ahead. */
    bool one_file_system;
    bsi_mutex lock; /* Guards what follows, and the `state` and `refs` of all listings. */
    bsi_cond change;
    size_t tasks; /* Submitted and not yet run to their end. */
    bool stopped; /* Tasks that run from now on do nothing. */
} bsi_read_ahead;

void bsi_read_ahead_init(bsi_read_ahead *ahead, bsi_pool *pool, bool one_file_system);
/* Nothing of what is queued begins any more; what runs has ended. */
void bsi_read_ahead_stop(bsi_read_ahead *ahead);
void bsi_read_ahead_dispose(bsi_read_ahead *ahead);

/* Open directory `name` in `dir` and read all of it. */
BS_NODISCARD bs_status bsi_listing_open(bsi_read_ahead *ahead, int dir, const char *name,
                                        bsi_listing **out);

/*
 * Have entry `index` of `parent`, which keeps its descriptor, read by the pool.
 * NULL: no room or memory for that now. Make it complete before it is used.
 */
bsi_listing *bsi_listing_read_ahead(bsi_listing *parent, size_t index);

/* Wait for what the pool has begun and do the rest here. Fails as bsi_listing_open() does. */
BS_NODISCARD bs_status bsi_listing_complete(bsi_listing *listing);

/* NULL is ignored. */
void bsi_listing_free(bsi_listing *listing);

/* The open directory; -1 once it was given up. */
int bsi_listing_fd(const bsi_listing *listing);
/* Close the descriptor: nothing is read ahead. Before the first bsi_listing_stat(). */
void bsi_listing_give_up_fd(bsi_listing *listing);
/* What the directory itself was when it was opened. */
const bsi_stat *bsi_listing_self(const bsi_listing *listing);
/* Which entry of its parent it was read ahead for. */
size_t bsi_listing_index(const bsi_listing *listing);

size_t bsi_listing_count(const bsi_listing *listing);
/* A name, as a string; valid as long as the listing. */
const char *bsi_listing_name(const bsi_listing *listing, size_t index);
/* 0: the file system does not say. */
bsi_file_type bsi_listing_type(const bsi_listing *listing, size_t index);
/* Leave an entry out: it is not read ahead. Before the first bsi_listing_stat(). */
void bsi_listing_leave_out(bsi_listing *listing, size_t index);
bool bsi_listing_is_left_out(const bsi_listing *listing, size_t index);

/* The state of an entry, asked for in ascending order. `fd` is the directory's. */
BS_NODISCARD bs_status bsi_listing_stat(bsi_listing *listing, int fd, size_t index, bsi_stat *out);

#endif
