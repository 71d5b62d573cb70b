/* SPDX-License-Identifier: MIT */
#ifndef BSI_OS_MAPPED_H
#define BSI_OS_MAPPED_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * Memory that lies in a file: the system writes it there when it needs the memory for
 * something else, and reads it again when it is used. Any thread.
 */
enum { BSI_MAPPED_UNIT = 64 * 1024 }; /* Offsets and sizes are multiples of it: whole pages. */

/*
 * Have a stretch of a file, which is made long enough, as memory. Its room on the disk is taken
 * at once, so that a full disk is told here (BS_E_NO_SPACE) and by nobody who writes there.
 */
BS_NODISCARD bs_status bsi_mapped_new(int fd, uint64_t offset, size_t size, void **out);

/* With the size it was made with. What was written stays in the file. NULL is ignored. */
void bsi_mapped_free(void *memory, size_t size);

/* It is not going to be used soon: what it takes of the machine's memory may be used otherwise. */
void bsi_mapped_let_go(void *memory, size_t size);

#endif
