/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "full_disk.h"
#include "support/compare.h"
#include "support/small_disk.h"
#include "support/tree.h"

enum {
    MIB = 1024 * 1024,
    ROOM = 4 * MIB,
    MORE_ROOM = 64 * MIB,
    OLD = MIB,
    LARGE = 10 * MIB, /* More than a driver keeps back. */
    PIECE = MIB / 2,
};

/* Of a size that nobody was told: so it is not refused before. */
static bs_status put(bsi_storage *storage, const char *key, const uint8_t *bytes, size_t size)
{
    bsi_upload *upload = NULL;
    bs_status status = bsi_upload_begin(storage, NULL, key, NULL, &upload);

    for (size_t at = 0; at < size && status == BS_OK; at += PIECE) {
        status = bsi_upload_write(upload, NULL, bytes + at, PIECE);
    }
    if (status == BS_OK) {
        return bsi_upload_commit(upload, NULL);
    }
    bsi_upload_abort(upload);
    return status;
}

static void assert_only_old(bsi_storage *storage, const remote_settings *all, const uint8_t *bytes)
{
    remote_assert_stored(storage, "d/old", bytes, OLD);
    assert_int_equal(remote_count_objects(storage), 1);
    assert_int_equal(remote_count_files(all->path), 1);
}

void full_disk_check_uploads(const remote_settings *all, const char *disk, bs_status expected)
{
    uint8_t *bytes = malloc(LARGE);
    bsi_storage *storage = NULL;

    assert_non_null(bytes);
    assert_true(test_small_disk_mount(disk, ROOM));
    storage = remote_open_patient(all);
    remote_fill(bytes, LARGE);
    assert_ok(put(storage, "d/old", bytes, OLD));

    assert_status(put(storage, "d/new", bytes, LARGE), expected);
    remote_assert_text("127.0.0.1");
    assert_only_old(storage, all, bytes);
    assert_status(put(storage, "d/old", bytes + PIECE, LARGE - PIECE), expected);
    assert_only_old(storage, all, bytes);

    assert_true(test_small_disk_resize(disk, MORE_ROOM));
    assert_ok(put(storage, "d/new", bytes, LARGE));
    remote_assert_stored(storage, "d/new", bytes, LARGE);
    assert_int_equal(remote_count_files(all->path), 2);
    bsi_storage_unref(storage);
    assert_true(test_small_disk_unmount(disk));
    free(bytes);
}

void full_disk_check_backup(engine_fixture *engine, const char *name, const char *disk,
                            bs_status expected)
{
    bs_backup_options options = engine_options(engine, "full");
    char path[600];
    char id[BS_ID_SIZE];
    size_t before = 0;

    assert_true(test_small_disk_mount(disk, ROOM));
    tree_build(engine->source, TREE_SMALL);
    options.storage = name;
    engine_backup(engine, &options, BS_OK, id);
    before = remote_count_files(disk);
    (void)snprintf(path, sizeof(path), "%s/large", engine->source);
    tree_write(path, LARGE, 2);
    engine_backup(engine, &options, expected, id);
    assert_int_equal(remote_count_files(disk), before);
    assert_true(test_small_disk_resize(disk, MORE_ROOM));
    engine_backup(engine, &options, BS_OK, id);
    engine_restore(engine, id);
    assert_true(compare_trees(engine->source, engine->target, COMPARE_NO_TOP));
    assert_true(test_small_disk_unmount(disk));
}
