/* SPDX-License-Identifier: MIT */
/*
 * Shared mappings: only those are written back to their file.
 */
#include "os/mapped.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "os/posix/posix.h"

/* The code that posix_fallocate() answers, which leaves errno alone. */
static int take_room(int fd, uint64_t offset, size_t size)
{
    int code = EINTR;

    if (bsi_os_refused(BSI_OS_WRITE)) {
        return errno;
    }
    while (code == EINTR) {
        code = posix_fallocate(fd, (off_t)offset, (off_t)size);
    }
    return code;
}

bs_status bsi_mapped_new(int fd, uint64_t offset, size_t size, void **out)
{
    void *memory = MAP_FAILED;
    int code = 0;

    BSI_ASSERT(offset % BSI_MAPPED_UNIT == 0 && size % BSI_MAPPED_UNIT == 0);
    code = take_room(fd, offset, size);
    if (code != 0) {
        return bsi_fail_os(BS_LAYER_SYSTEM, code, "taking %zu bytes of a temporary file", size);
    }
    if (!bsi_os_refused(BSI_OS_MAP)) {
        memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);
    }
    if (memory == MAP_FAILED) {
        return bsi_fail_os(BS_LAYER_SYSTEM, errno, "having %zu bytes of a temporary file as memory",
                           size);
    }
    (void)madvise(memory, size, MADV_DONTDUMP);
    *out = memory;
    return BS_OK;
}

void bsi_mapped_free(void *memory, size_t size)
{
    if (memory) {
        (void)munmap(memory, size);
    }
}

void bsi_mapped_let_go(void *memory, size_t size)
{
    (void)madvise(memory, size, MADV_DONTNEED); /* Of a shared mapping, nothing is lost. */
}
