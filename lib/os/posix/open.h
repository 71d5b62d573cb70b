/* SPDX-License-Identifier: MIT */
#ifndef BSI_OS_POSIX_OPEN_H
#define BSI_OS_POSIX_OPEN_H

#include <stdbool.h>

#ifdef BSI_TESTING
/* Act as on a kernel without openat2(). */
void bsi_os_force_no_openat2(bool force);
#endif

#endif
