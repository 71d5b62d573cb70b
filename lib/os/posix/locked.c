/* SPDX-License-Identifier: MIT */
/*
 * Pages for secrets, straight from the kernel: the heap would lay other data
 * beside them, and pages can be locked and left out of dumps only as a whole.
 */
#include "os/locked.h"

#include <sys/mman.h>

#include "os/posix/posix.h"

bs_status bsi_locked_map(size_t size, void **out)
{
    void *pages = MAP_FAILED;

    if (!bsi_os_refused(BSI_OS_MAP)) {
        pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    }
    if (pages == MAP_FAILED) {
        return bsi_fail_os(BS_LAYER_SYSTEM, errno, "asking for %zu bytes for a secret", size);
    }
    /* None of these is needed for the memory to work. */
    (void)madvise(pages, size, MADV_DONTDUMP);
    (void)madvise(pages, size, MADV_WIPEONFORK);
    (void)mlock(pages, size);
    *out = pages;
    return BS_OK;
}

void bsi_locked_unmap(void *pages, size_t size)
{
    if (pages) {
        (void)munmap(pages, size); /* Which unlocks, too. */
    }
}
