/* SPDX-License-Identifier: MIT */
#ifndef BSI_OS_FAULT_H
#define BSI_OS_FAULT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The seam through which tests disturb the operating system. Every wrapper of
 * os/ that touches files, time, chance or threads announces itself here first.
 * In builds without -Dtesting all of it compiles to nothing.
 */
typedef enum bsi_os_op {
    BSI_OS_OPEN,
    BSI_OS_READ,
    BSI_OS_WRITE,
    BSI_OS_SYNC,
    BSI_OS_CLOSE,
    BSI_OS_STAT,
    BSI_OS_LIST,
    BSI_OS_MKDIR,
    BSI_OS_UNLINK,
    BSI_OS_RENAME,
    BSI_OS_LINK, /* Hard links, symbolic links, devices, FIFOs. */
    BSI_OS_META, /* Setting owner, mode, times, xattrs; truncation. */
    BSI_OS_LOCK,
    BSI_OS_RANDOM,
    BSI_OS_SPAWN,
    BSI_OS_THREAD,
    BSI_OS_MAP, /* Pages for secrets, and of files. */
    BSI_OS_NET, /* Looking up hosts, connecting, moving bytes. */
    BSI_OS_OP_COUNT
} bsi_os_op;

#ifdef BSI_TESTING

typedef struct bsi_fault_plan {
    uint64_t op_mask; /* Which kinds count: 1u << BSI_OS_..., 0 means all. */
    uint64_t at;      /* Which counted call is hit, from 1; 0: none. */
    int os_code;      /* The errno it fails with; 0: the process dies by SIGKILL. */
    bool forever;     /* All counted calls from there on fail. */
    bool short_io;    /* Reads and writes move half of what was asked, at least one byte. */
} bsi_fault_plan;

/* Begin counting anew with this plan; NULL ends the disturbance. Not while other threads run. */
void bsi_fault_set(const bsi_fault_plan *plan);

/* How many calls were counted since bsi_fault_set(). */
uint64_t bsi_fault_count(void);

/* Let the wall clock stand at a second, until bsi_clock_shift() lets it go on. */
void bsi_clock_stop(int64_t sec);

/*
 * Let waits with an end be over at once, as if the time had passed: the monotonic clock moves to
 * the end of each. It does not go back when that ends.
 */
void bsi_clock_leap(bool on);

/* 0, or the errno that the announced call must fail with. May not return. */
int bsi_fault_point(bsi_os_op op);

/* How many bytes a read or write of `size` may move. */
uint64_t bsi_fault_short(uint64_t size);

#else

#define bsi_fault_point(op) ((void)(op), 0)
#define bsi_fault_short(size) (size)

#endif

#endif
