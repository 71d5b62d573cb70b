/* SPDX-License-Identifier: MIT */
#ifndef BSI_OS_POSIX_POSIX_H
#define BSI_OS_POSIX_POSIX_H

#include <errno.h>

#include "base/error.h"
#include "os/fault.h"

/* What the files of this folder share, and nobody else sees. */

/* True, with errno set, when a test wants the announced call to fail. */
static inline bool bsi_os_refused(bsi_os_op op)
{
    const int code = bsi_fault_point(op);

    if (code != 0) {
        errno = code;
    }
    return code != 0;
}

/* Make a system call that fails with -1 and errno, unless a test fails it first. */
#define BSI_SYSCALL(op, call) (bsi_os_refused(op) ? -1 : (call))

/* When the system's wall clock shows what bsi_now() shows at `sec`; INT64_MAX: never. */
#ifdef BSI_TESTING
int64_t bsi_clock_true(int64_t sec);
#else
#define bsi_clock_true(sec) (sec)
#endif

/* Where waits take no time, be at this time of bsi_monotonic_ns(), and true. */
/* What the system's clock shows when bsi_monotonic_ns() shows this. */
#ifdef BSI_TESTING
bool bsi_clock_leap_to(int64_t monotonic_ns);
int64_t bsi_monotonic_true(int64_t monotonic_ns);
#else
#define bsi_clock_leap_to(monotonic_ns) ((void)(monotonic_ns), false)
#define bsi_monotonic_true(monotonic_ns) (monotonic_ns)
#endif

/* As bsi_fail_os() for what was done to a name, whatever bytes are in that. */
bs_status bsi_os_fail_name(int os_code, const char *doing, const char *name);

/* The name under which /proc shows one of our descriptors, O_PATH ones included. */
enum { BSI_OS_FD_PATH_SIZE = 32 };
const char *bsi_os_fd_path(int fd, char out[BSI_OS_FD_PATH_SIZE]);

#endif
