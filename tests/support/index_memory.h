/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_INDEX_MEMORY_H
#define TESTS_SUPPORT_INDEX_MEMORY_H

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>

/*
 * Tests of repositories run a second time with BSI_INDEX_MEMORY=1: all that their indexes know of
 * blobs lies in files then. How many bytes may lie in memory, and the folder, which the caller
 * closes; 0 and no folder: all of it.
 */
static inline uint64_t limit_index_memory(int *dir_out)
{
    const char *most = getenv("BSI_INDEX_MEMORY");

    if (!most) {
        return 0;
    }
    *dir_out = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return strtoull(most, NULL, 10);
}

#endif
