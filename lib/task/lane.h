/* SPDX-License-Identifier: MIT */
#ifndef BSI_TASK_LANE_H
#define BSI_TASK_LANE_H

#include "task/pool.h"

/*
 * A thread beside the job's for what must be done to bytes in their order, such
 * as hashing or writing them: the job goes on while it is done. One thread at a
 * time uses an object, and waits for it only where it needs the outcome, or the
 * memory in which the bytes lie.
 */
typedef struct bsi_lane bsi_lane;

typedef bs_status (*bsi_lane_cb)(void *user, const void *data, size_t size);

/*
 * For the job that works on this thread; `name` as for threads. Beside a pool without threads, or
 * when the system gives none, everything is done inside bsi_lane_add().
 */
BS_NODISCARD bs_status bsi_lane_new(const bsi_pool *pool, const char *name, bsi_lane **out);
/* Does what was added, then ends the thread. NULL is ignored. */
void bsi_lane_free(bsi_lane *lane);

/*
 * Have `run` called with these bytes, behind all that was added before. They stay as they are
 * until a wait for the answer has come back; up to BSI_LANE_COPIED bytes are copied. Waits while
 * too much is under way. After a failure nothing is run any more.
 */
enum { BSI_LANE_COPIED = 512 };
uint64_t bsi_lane_add(bsi_lane *lane, bsi_lane_cb run, void *user, const void *data, size_t size);

/*
 * Until the piece that bsi_lane_add() answered with `ticket`, and all before it, are done with.
 * The first failure of any so far comes back, each time.
 */
BS_NODISCARD bs_status bsi_lane_wait(bsi_lane *lane, uint64_t ticket);

#endif
