/* SPDX-License-Identifier: MIT */
/*
 * Directories: entering them from descriptor to descriptor, making those that
 * are missing, and giving them their metadata at the end. A name is never
 * trusted to be what it was before: a directory counts as ours only if its
 * inode is the one that this run made.
 */
#include <errno.h>

#include "base/alloc.h"
#include "target/state.h"

enum {
    MODE_WHILE_FILLED = 0700,
    MODE_OF_PARENTS = 0755,
    ASIDE_TRIES = 8,
};

static const char acl_default[] = "system.posix_acl_default";

static void copy_name(bsi_slice from, char to[BSI_TARGET_NAME_SIZE])
{
    BSI_ASSERT(from.size > 0 && from.size < BSI_TARGET_NAME_SIZE);
    memcpy(to, from.data, from.size);
    to[from.size] = '\0';
}

static bool is_same(const bsi_inode *inode, const bsi_stat *info)
{
    return inode->ino == info->ino && inode->dev == info->dev;
}

static const bsi_inode *find_made(const bsi_target *target, bsi_slice path)
{
    return bsi_inode_map_get(&target->made, bsi_inode_map_key(&target->made, path));
}

/* Whether the directory behind `fd` is the one that this run made at `path`. */
static bs_status is_made(const bsi_target *target, bsi_slice path, int fd, bool *out)
{
    const bsi_inode *inode = find_made(target, path);
    bsi_stat info;

    *out = false;
    if (!inode) {
        return BS_OK;
    }
    BSI_TRY(bsi_fstat(fd, &info));
    *out = is_same(inode, &info);
    return BS_OK;
}

static bool has_default_acl(int fd)
{
    uint8_t *value = NULL;
    size_t size = 0;

    if (bsi_xattr_get(fd, acl_default, &value, &size) < 0) {
        return false;
    }
    bsi_free(value);
    return true;
}

bs_status bsi_target_admit(bsi_target *target, const bsi_entry *entry)
{
    BSI_TRY(bsi_call_check(target->call));
    if (!bsi_path_is_safe(entry->path)) {
        return bsi_target_fail(
            bsi_fail(BS_LAYER_TARGET, BS_E_INVALID, "not a path beneath the target"), entry->path);
    }
    return BS_OK;
}

/* Missing, or something that is no directory: then what is there has to be looked at. */
static bool may_be_made(bs_status status)
{
    return status == BS_E_NOT_FOUND || (status < 0 && bs_error_last()->os_code == ELOOP);
}

static bs_status in_the_way(bsi_file_type type)
{
    return bsi_fail(BS_LAYER_TARGET, BS_E_EXISTS, "a %s is where a directory is needed",
                    bsi_file_type_name(type));
}

/* Put what has the name aside, so that it comes back if the directory cannot be made. */
static bs_status replace_by_dir(bsi_target *target, int parent, const char *name)
{
    char aside[BSI_TEMP_NAME_SIZE];
    bs_error error;
    bs_status status = BS_E_EXISTS;

    for (int i = 0; i < ASIDE_TRIES && status == BS_E_EXISTS; i++) {
        bsi_target_temp_name(target, aside);
        status = bsi_rename(parent, name, parent, aside, true);
    }
    if (status < 0) {
        return status;
    }
    status = bsi_mkdir(parent, name, MODE_WHILE_FILLED);
    if (status == BS_OK) {
        bsi_target_discard(target, parent, aside);
        return BS_OK;
    }
    bsi_error_save(&error);
    if (bsi_rename(parent, aside, parent, name, true) < 0) {
        atomic_store(&target->leftovers, true);
        bsi_error_restore(&error);
    }
    return status;
}

/* `*made_out`: it was not there. */
static bs_status make_name(bsi_target *target, bool may_replace, int parent, const char *name,
                           bool *made_out)
{
    bsi_stat info;
    bs_status status = bsi_stat_at(parent, name, &info);

    *made_out = false;
    if (status == BS_E_NOT_FOUND) {
        status = bsi_mkdir(parent, name, MODE_WHILE_FILLED);
        *made_out = status == BS_OK;
        return status;
    }
    if (status < 0 || info.type == BSI_TYPE_DIR) {
        return status;
    }
    if (!may_replace) {
        return in_the_way(info.type);
    }
    status = replace_by_dir(target, parent, name);
    *made_out = status == BS_OK;
    return status;
}

/* Remember the new directory, unless somebody put another in its place already. */
static bs_status adopt(bsi_target *target, bsi_slice path, int fd, bool drop_acl, uint32_t mode)
{
    bsi_stat info;
    bs_status status = BS_OK;

    BSI_TRY(bsi_fstat(fd, &info));
    if (info.uid != target->uid || (info.mode & 0777 & ~(uint32_t)MODE_WHILE_FILLED) != 0) {
        return bsi_fail(BS_LAYER_TARGET, BS_E_EXISTS, "another directory took the place");
    }
    if (drop_acl) {
        status = bsi_target_drop_acl(fd, BSI_TYPE_DIR, false);
    }
    if (status == BS_OK && (drop_acl || mode != MODE_WHILE_FILLED)) {
        status = bsi_fchmod(fd, mode);
    }
    if (status < 0) {
        return status;
    }
    return bsi_inode_map_put(&target->made, bsi_inode_map_key(&target->made, path),
                             (bsi_inode){.dev = info.dev, .ino = info.ino, .uid = info.uid});
}

/* Make one directory in a parent that is there. */
static bs_status make_level(bsi_target *target, bsi_slice path, uint32_t mode)
{
    char name[BSI_TARGET_NAME_SIZE];
    bsi_slice above;
    bsi_slice last;
    bool parent_made = false;
    bool made = false;
    bool drop_acl = false;
    int fd = -1;

    bsi_path_split(path, &above, &last);
    copy_name(last, name);
    BSI_TRY(bsi_dir_cache_open(target->cache, above, &fd));
    BSI_TRY(is_made(target, above, fd, &parent_made));
    BSI_TRY(make_name(target, target->options.overwrite && !parent_made, fd, name, &made));
    drop_acl = made && !parent_made && target->options.permissions && has_default_acl(fd);
    BSI_TRY(bsi_dir_cache_open(target->cache, path, &fd));
    return made ? adopt(target, path, fd, drop_acl, mode) : BS_OK;
}

/* Make each level that is missing, from the top. */
static bs_status make_levels(bsi_target *target, bsi_slice path)
{
    size_t at = 0;

    while (at < path.size) {
        const char *slash = memchr(path.data + at, '/', path.size - at);
        const bsi_slice level = {path.data, slash ? (size_t)(slash - path.data) : path.size};
        int fd = -1;
        bs_status status = bsi_dir_cache_open(target->cache, level, &fd);

        if (may_be_made(status)) {
            status = make_level(target, level, MODE_OF_PARENTS);
        }
        if (status < 0) {
            return status;
        }
        at = level.size + 1;
    }
    return BS_OK;
}

/* The directory's descriptor, borrowed from the cache. */
static bs_status open_or_make(bsi_target *target, bsi_slice path, int *fd_out)
{
    const bs_status status = bsi_dir_cache_open(target->cache, path, fd_out);

    if (!may_be_made(status)) {
        return status;
    }
    BSI_TRY(make_levels(target, path));
    return bsi_dir_cache_open(target->cache, path, fd_out);
}

/* Remember a file system that bsi_target_sync() would not reach through the root. */
static bs_status note_mount(bsi_target *target, int fd, uint64_t dev)
{
    bsi_target_mount *grown = NULL;
    int own = -1;

    for (size_t i = 0; i < target->mount_count; i++) {
        if (target->mounts[i].dev == dev) {
            return BS_OK;
        }
    }
    grown = bsi_realloc_array(target->mounts, target->mount_count + 1, sizeof(*grown));
    if (!grown) {
        return BS_E_NOMEM;
    }
    target->mounts = grown;
    BSI_TRY(bsi_open(fd, ".", BSI_OPEN_READ | BSI_OPEN_DIR, 0, &own));
    target->mounts[target->mount_count++] = (bsi_target_mount){.dev = dev, .fd = own};
    return BS_OK;
}

static bs_status fill_place(bsi_target *target, bsi_slice path, int fd, bsi_target_place *place)
{
    const bsi_inode *inode = find_made(target, path);
    bsi_stat info;

    BSI_TRY(bsi_open(fd, ".", BSI_OPEN_PATH | BSI_OPEN_DIR, 0, &place->fd));
    BSI_TRY(bsi_fstat(fd, &info));
    BSI_TRY(note_mount(target, fd, info.dev));
    place->made = inode && is_same(inode, &info);
    place->default_acl = !place->made && target->options.permissions && has_default_acl(fd);
    return BS_OK;
}

static bs_status place_new(bsi_target *target, bsi_slice path, bsi_target_place **out)
{
    bsi_target_place *place = NULL;
    bs_status status = BS_OK;
    int fd = -1;

    BSI_TRY(open_or_make(target, path, &fd));
    place = bsi_alloc(sizeof(*place) + path.size);
    if (!place) {
        return BS_E_NOMEM;
    }
    *place = (bsi_target_place){.fd = -1, .path_size = path.size};
    atomic_init(&place->references, 1);
    if (path.size > 0) {
        memcpy(place->path, path.data, path.size);
    }
    status = fill_place(target, path, fd, place);
    if (status < 0) {
        bsi_target_place_unref(place);
        return status;
    }
    *out = place;
    return BS_OK;
}

void bsi_target_place_unref(bsi_target_place *place)
{
    if (place && atomic_fetch_sub(&place->references, 1) == 1) {
        bsi_close_quietly(place->fd);
        bsi_free(place);
    }
}

bs_status bsi_target_enter(bsi_target *target, bsi_slice path, char name[BSI_TARGET_NAME_SIZE],
                           bsi_target_place **out)
{
    bsi_target_place *place = target->place;
    bsi_slice dir;
    bsi_slice last;

    bs_status status = BS_OK;

    bsi_path_split(path, &dir, &last);
    copy_name(last, name);
    if (!place || !bsi_slice_equal(dir, (bsi_slice){place->path, place->path_size})) {
        status = place_new(target, dir, &place);
        if (status < 0) {
            return status;
        }
        bsi_target_place_unref(target->place);
        target->place = place;
    }
    atomic_fetch_add(&place->references, 1);
    *out = place;
    return BS_OK;
}

bool bsi_target_may_replace(const bsi_target *target, const bsi_target_place *place)
{
    return target->options.overwrite && !place->made;
}

bs_status bsi_target_check_free(const bsi_target *target, const bsi_target_place *place,
                                const char *name)
{
    bsi_stat info;
    bs_status status = BS_OK;

    /* In a directory of ours it shows when the name is given. */
    if (place->made || target->options.overwrite) {
        return BS_OK;
    }
    status = bsi_stat_at(place->fd, name, &info);
    if (status == BS_OK) {
        return bsi_fail(BS_LAYER_TARGET, BS_E_EXISTS, "a %s is there already",
                        bsi_file_type_name(info.type));
    }
    return status == BS_E_NOT_FOUND ? BS_OK : status;
}

bs_status bsi_target_publish(const bsi_target *target, const bsi_target_place *place,
                             const char *temp, const char *name)
{
    const bool replace = bsi_target_may_replace(target, place);
    bs_status status = bsi_rename(place->fd, temp, place->fd, name, !replace);

    if (replace && status < 0 && bs_error_last()->os_code == EISDIR) {
        status = bsi_rmdir(place->fd, name);
        if (status == BS_OK) {
            status = bsi_rename(place->fd, temp, place->fd, name, false);
        } else if (status == BS_E_EXISTS) {
            status =
                bsi_fail(BS_LAYER_TARGET, BS_E_EXISTS, "a directory is there that is not empty");
        }
    }
    return status;
}

static bs_status dir_enter(bsi_target *target, bsi_slice path)
{
    bs_status status = BS_OK;
    bsi_slice above;
    bsi_slice last;
    bool made = false;
    int fd = -1;

    status = bsi_dir_cache_open(target->cache, path, &fd);
    if (may_be_made(status)) {
        bsi_path_split(path, &above, &last);
        status = open_or_make(target, above, &fd);
        return status < 0 ? status : make_level(target, path, MODE_WHILE_FILLED);
    }
    if (status < 0) {
        return status;
    }
    BSI_TRY(is_made(target, path, fd, &made));
    return made ? BS_OK : bsi_target_sweep_fd(target, fd);
}

bs_status bsi_target_dir(bsi_target *target, const bsi_entry *entry)
{
    BSI_TRY(bsi_target_admit(target, entry));
    return bsi_target_answer(target, dir_enter(target, entry->path), entry->path);
}

static bs_status apply_to_dir(bsi_target *target, const bsi_entry *entry, int fd,
                              const bsi_stat *info, bool made)
{
    const bsi_target_now now = {
        .mode = info->mode, .uid = info->uid, .gid = info->gid, .foreign_acl = !made};
    bsi_target_meta meta;
    bs_status status = bsi_target_meta_load(target, entry, &meta);

    if (status == BS_OK) {
        status = bsi_target_meta_apply(target, fd, &meta, &now);
    }
    bsi_target_meta_dispose(&meta);
    return status;
}

static bs_status finish(bsi_target *target, const bsi_entry *entry)
{
    const bsi_inode *inode = find_made(target, entry->path);
    bsi_stat info;
    bs_status status = BS_OK;
    int fd = -1;

    if (!inode && !target->options.overwrite) {
        return BS_OK;
    }
    status = bsi_dir_cache_open(target->cache, entry->path, &fd);
    if (may_be_made(status) && !inode) {
        return BS_OK; /* It was left out, and that was reported. */
    }
    if (status < 0) {
        return status;
    }
    BSI_TRY(bsi_fstat(fd, &info));
    if (inode && (!is_same(inode, &info) || info.uid != inode->uid)) {
        return bsi_fail(BS_LAYER_TARGET, BS_E_EXISTS, "another directory took the place");
    }
    return apply_to_dir(target, entry, fd, &info, inode != NULL);
}

bs_status bsi_target_dir_finish(bsi_target *target, const bsi_entry *entry)
{
    BSI_TRY(bsi_target_admit(target, entry));
    return bsi_target_answer(target, finish(target, entry), entry->path);
}

/* The run's marks lie in the root: they go first, or its time would not stay. */
static bs_status finish_root(bsi_target *target, const bsi_entry *entry)
{
    bsi_stat info;

    if (!target->root_made && !target->options.overwrite) {
        return BS_OK;
    }
    bsi_target_unmark(target);
    BSI_TRY(bsi_fstat(target->root, &info));
    return apply_to_dir(target, entry, target->root, &info, false);
}

bs_status bsi_target_root_finish(bsi_target *target, const bsi_entry *entry)
{
    BSI_TRY(bsi_call_check(target->call));
    return bsi_target_answer(target, finish_root(target, entry), entry->path);
}

bs_status bsi_target_sweep(bsi_target *target, bsi_slice dir)
{
    bs_status status = BS_OK;
    int fd = -1;

    if (target->dead_count == 0) {
        return BS_OK;
    }
    status = bsi_dir_cache_open(target->cache, dir, &fd);
    if (may_be_made(status)) {
        return BS_OK;
    }
    if (status == BS_OK) {
        status = bsi_target_sweep_fd(target, fd);
    }
    return status < 0 ? bsi_target_fail(status, dir) : BS_OK;
}
