/* SPDX-License-Identifier: MIT */
/*
 * The root: opening it, how much fits in, and when it is durable.
 */
#include "target/target.h"

#include <errno.h>
#include <inttypes.h>

#include "base/alloc.h"
#include "target/state.h"

static bs_status open_root(bsi_target *target, const char *path)
{
    const unsigned flags = BSI_OPEN_READ | BSI_OPEN_DIR;
    bs_status status = bsi_open(BSI_CWD, path, flags, 0, &target->root);

    if (status == BS_E_NOT_FOUND && bs_error_last()->os_code == ENOENT) {
        status = bsi_mkdir_all(BSI_CWD, path, 0755);
        target->root_made = status == BS_OK;
        if (status == BS_OK) {
            status = bsi_open(BSI_CWD, path, flags, 0, &target->root);
        }
    }
    if (status < 0 && bs_error_last()->os_code == ENOTDIR) {
        return bsi_fail(BS_LAYER_TARGET, BS_E_EXISTS,
                        "something else is where a directory is "
                        "needed");
    }
    return status;
}

static bs_status init(bsi_target *target, const char *path)
{
    bsi_stat info;

    BSI_TRY(bsi_inode_map_init(&target->made));
    BSI_TRY(bsi_inode_map_init(&target->linked));
    BSI_TRY(bsi_target_owners_load(target));
    BSI_TRY(open_root(target, path));
    BSI_TRY(bsi_dir_cache_new(target->root, &target->cache));
    BSI_TRY(bsi_fstat(target->root, &info));
    target->mounts = bsi_alloc(sizeof(*target->mounts));
    if (!target->mounts) {
        return BS_E_NOMEM;
    }
    target->mounts[0] = (bsi_target_mount){.dev = info.dev, .fd = -1};
    target->mount_count = 1;
    return bsi_target_mark(target);
}

bs_status bsi_target_open(const char *path, const bsi_target_options *options, const bs_call *call,
                          bsi_target **out)
{
    bsi_target *target = NULL;
    bs_status status = bsi_call_check(call);

    if (status < 0) {
        return status;
    }
    target = bsi_calloc(1, sizeof(*target));
    if (!target) {
        return BS_E_NOMEM;
    }
    target->options = *options;
    target->call = call;
    target->root = -1;
    target->mark = -1;
    atomic_init(&target->user_refused, false);
    atomic_init(&target->leftovers, false);
    bsi_mutex_init(&target->lock);
    status = init(target, path);
    if (status < 0) {
        bsi_target_close(target);
        return bsi_target_fail(status, bsi_slice_of(path));
    }
    *out = target;
    return BS_OK;
}

void bsi_target_close(bsi_target *target)
{
    if (!target) {
        return;
    }
    bsi_target_report_losses(target);
    bsi_target_unmark(target);
    bsi_target_place_unref(target->place);
    for (size_t i = 0; i < target->mount_count; i++) {
        bsi_close_quietly(target->mounts[i].fd);
    }
    bsi_free(target->mounts);
    bsi_dir_cache_free(target->cache);
    bsi_close_quietly(target->root);
    bsi_users_free(target->users);
    bsi_free(target->owners);
    bsi_inode_map_dispose(&target->made);
    bsi_inode_map_dispose(&target->linked);
    bsi_mutex_dispose(&target->lock);
    bsi_free(target);
}

bs_status bsi_target_check_space(bsi_target *target, uint64_t bytes, uint64_t files)
{
    uint64_t free_bytes = 0;
    uint64_t free_files = 0;
    const bs_status status = bsi_free_space(target->root, &free_bytes, &free_files);

    if (status < 0) {
        return bsi_fail_context(BS_LAYER_TARGET, status, "the target");
    }
    if (bytes > free_bytes) {
        return bsi_fail(BS_LAYER_TARGET, BS_E_NO_SPACE,
                        "the target needs %" PRIu64 " bytes and has %" PRIu64, bytes, free_bytes);
    }
    if (files > free_files) {
        return bsi_fail(BS_LAYER_TARGET, BS_E_NO_SPACE,
                        "the target needs %" PRIu64 " files and has room for %" PRIu64, files,
                        free_files);
    }
    return BS_OK;
}

bs_status bsi_target_sync(bsi_target *target)
{
    bs_status status = bsi_sync_fs(target->root);

    for (size_t i = 1; i < target->mount_count && status == BS_OK; i++) {
        status = bsi_sync_fs(target->mounts[i].fd);
    }
    if (status < 0) {
        return bsi_fail_context(BS_LAYER_TARGET, status, "making the restored files durable");
    }
    bsi_target_report_losses(target);
    return BS_OK;
}
