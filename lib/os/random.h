/* SPDX-License-Identifier: MIT */
#ifndef BSI_OS_RANDOM_H
#define BSI_OS_RANDOM_H

#include "base/error.h"

/* Fill `out` from the kernel's generator. Any thread. */
BS_NODISCARD bs_status bsi_random(void *out, size_t size);

/* A new UUID version 7 (RFC 9562, 5.7) as text: sorts by the time it was made. */
BS_NODISCARD bs_status bsi_new_id(char out[BS_ID_SIZE]);

#endif
