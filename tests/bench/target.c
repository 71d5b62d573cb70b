/* SPDX-License-Identifier: MIT */
/*
 * Restores many small files, one thread, and says what each costs:
 *     bench-target DIRECTORY [FILES [BYTES]]
 * The directory must be new. `strace -cf` shows the calls.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "target/target.h"

enum { FILES_PER_DIR = 100 };

static bs_status put_file(bsi_target *target, const char *path, const void *data, size_t size)
{
    bsi_entry entry = {.path = bsi_slice_of(path)};
    bsi_target_file *file = NULL;
    bs_status status = BS_OK;

    entry.stat = (bsi_stat){.type = BSI_TYPE_FILE,
                            .mode = 0644,
                            .uid = geteuid(),
                            .gid = getegid(),
                            .size = size,
                            .nlink = 1,
                            .mtime = {.sec = 1000000007}};
    BSI_TRY(bsi_target_file_begin(target, &entry, &file));
    status = bsi_target_file_write(file, 0, data, size);
    if (status < 0) {
        bsi_target_file_abort(file);
        return status;
    }
    return bsi_target_file_commit(file);
}

static bs_status put_dir(bsi_target *target, const char *path, bool finish)
{
    bsi_entry entry = {.path = bsi_slice_of(path)};

    entry.stat = (bsi_stat){.type = BSI_TYPE_DIR, .mode = 0755, .nlink = 2};
    return finish ? bsi_target_dir_finish(target, &entry) : bsi_target_dir(target, &entry);
}

static bs_status restore(bsi_target *target, unsigned files, const void *data, size_t size)
{
    char path[64];

    for (unsigned i = 0; i < files; i++) {
        (void)snprintf(path, sizeof(path), "d%u", i / FILES_PER_DIR);
        if (i % FILES_PER_DIR == 0 && put_dir(target, path, false) < 0) {
            return bs_error_last()->code;
        }
        (void)snprintf(path, sizeof(path), "d%u/f%u", i / FILES_PER_DIR, i);
        BSI_TRY(put_file(target, path, data, size));
    }
    for (unsigned i = 0; i < files; i += FILES_PER_DIR) {
        (void)snprintf(path, sizeof(path), "d%u", i / FILES_PER_DIR);
        BSI_TRY(put_dir(target, path, true));
    }
    return BS_OK;
}

int main(int argc, char **argv)
{
    const bsi_target_options options = {.permissions = true, .ownership = true};
    const unsigned files = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 60000;
    const size_t size = argc > 3 ? strtoul(argv[3], NULL, 10) : 4096;
    uint8_t *data = bsi_calloc(1, size);
    bsi_target *target = NULL;
    bs_status status = BS_E_INVALID;
    int64_t begin = bsi_monotonic_ns();
    int64_t written = 0;

    if (argc > 1 && data) {
        status = bsi_target_open(argv[1], &options, NULL, &target);
    }
    if (status == BS_OK) {
        status = restore(target, files, data, size);
    }
    written = bsi_monotonic_ns();
    if (status == BS_OK) {
        status = bsi_target_sync(target);
    }
    if (status == BS_OK) {
        (void)printf("%u files of %zu bytes: %.2f us each, sync %.2f s\n", files, size,
                     (double)(written - begin) / 1e3 / files,
                     (double)(bsi_monotonic_ns() - written) / 1e9);
    } else {
        (void)fprintf(stderr, "%s: %s\n", bs_status_name(status), bs_error_last()->message);
    }
    bsi_target_close(target);
    bsi_free(data);
    return status == BS_OK ? 0 : 1;
}
