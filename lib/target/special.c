/* SPDX-License-Identifier: MIT */
/*
 * What has no content of its own: symbolic links, hard links, FIFOs, devices.
 * Each is made under a temporary name and takes its metadata through a handle
 * to the very thing that was made, whatever happens to its name meanwhile.
 */
#include "base/alloc.h"
#include "target/state.h"

enum {
    TEMP_TRIES = 8,
    TEMP_MODE = 0600,
    LINK_SIZE_MAX = 4095,
};

/* What is to be made; `link` is the content of a symbolic link, else NULL. */
typedef struct request {
    const bsi_entry *entry;
    const char *link;
} request;

static bs_status make_thing(const request *wanted, int dir, const char *name)
{
    const bsi_stat *info = &wanted->entry->stat;

    if (wanted->link) {
        return bsi_symlink(wanted->link, dir, name);
    }
    return bsi_make_node(dir, name, info->type, TEMP_MODE, info->rdev_major, info->rdev_minor);
}

static bs_status make_temp(bsi_target *target, const request *wanted, int dir,
                           char temp[BSI_TEMP_NAME_SIZE])
{
    bs_status status = BS_E_EXISTS;

    for (int i = 0; i < TEMP_TRIES && status == BS_E_EXISTS; i++) {
        bsi_target_temp_name(target, temp);
        status = make_thing(wanted, dir, temp);
    }
    if (status < 0) {
        temp[0] = '\0';
    }
    return status;
}

/* A handle to what was made, if it is still that. */
static bs_status open_made(const bsi_target *target, int dir, const char *temp, bsi_file_type type,
                           int *fd_out, bsi_stat *info_out)
{
    bs_status status = bsi_open(dir, temp, BSI_OPEN_PATH | BSI_OPEN_NOFOLLOW, 0, fd_out);

    if (status == BS_OK) {
        status = bsi_fstat(*fd_out, info_out);
    }
    if (status == BS_OK &&
        (info_out->type != type || info_out->uid != target->uid || info_out->nlink != 1)) {
        status = bsi_fail(BS_LAYER_TARGET, BS_E_EXISTS, "another file took the place");
    }
    return status;
}

/* Other names of it may come: keep room now for what is known when it is published. */
static bs_status expect_links(bsi_target *target, const bsi_entry *entry, uint64_t *key_out)
{
    bs_status status = BS_OK;

    if (entry->stat.nlink > 1) {
        *key_out = bsi_inode_map_key(&target->linked, entry->path);
        bsi_mutex_lock(&target->lock);
        status = bsi_inode_map_put(&target->linked, *key_out, (bsi_inode){0});
        bsi_mutex_unlock(&target->lock);
    }
    return status;
}

static void remember_links(bsi_target *target, uint64_t key, bsi_inode inode)
{
    if (key != 0) {
        bsi_mutex_lock(&target->lock);
        bsi_inode_map_set(&target->linked, key, inode);
        bsi_mutex_unlock(&target->lock);
    }
}

static bs_status dress(bsi_target *target, const bsi_entry *entry, const bsi_target_place *place,
                       const char *temp, bsi_inode *made_out)
{
    bsi_target_meta meta = {0};
    bsi_target_now now = {0};
    bsi_stat info = {0};
    int fd = -1;
    bs_status status = open_made(target, place->fd, temp, entry->stat.type, &fd, &info);

    if (status < 0) {
        goto out;
    }
    now = (bsi_target_now){.mode = info.mode,
                           .uid = info.uid,
                           .gid = info.gid,
                           .foreign_acl = place->default_acl && info.type != BSI_TYPE_SYMLINK};
    status = bsi_target_meta_load(target, entry, &meta);
    if (status == BS_OK) {
        status = bsi_target_meta_apply(target, fd, &meta, &now);
    }
    if (status == BS_OK) {
        status = bsi_fstat(fd, &info);
        *made_out = (bsi_inode){.dev = info.dev, .ino = info.ino, .uid = info.uid};
    }

out:
    bsi_target_meta_dispose(&meta);
    bsi_close_quietly(fd);
    return status;
}

static void discard(bsi_target *target, const bsi_target_place *place, const char *temp)
{
    if (temp[0] != '\0') {
        bsi_target_discard(target, place->fd, temp);
    }
}

static bs_status put_thing(bsi_target *target, const request *wanted)
{
    char name[BSI_TARGET_NAME_SIZE];
    char temp[BSI_TEMP_NAME_SIZE] = "";
    bsi_target_place *place = NULL;
    bsi_inode made = {0};
    uint64_t link_key = 0;
    bs_status status = bsi_target_enter(target, wanted->entry->path, name, &place);

    if (status < 0) {
        return status;
    }
    status = bsi_target_check_free(target, place, name);
    if (status == BS_OK) {
        status = expect_links(target, wanted->entry, &link_key);
    }
    if (status == BS_OK) {
        status = make_temp(target, wanted, place->fd, temp);
    }
    if (status == BS_OK) {
        status = dress(target, wanted->entry, place, temp, &made);
    }
    if (status == BS_OK) {
        status = bsi_target_publish(target, place, temp, name);
    }
    if (status == BS_OK) {
        remember_links(target, link_key, made);
    } else if (status < 0) {
        discard(target, place, temp);
    }
    bsi_target_place_unref(place);
    return status;
}

/* What this file system or user cannot make is left out. */
static bs_status answer_thing(bsi_target *target, bs_status status, bsi_slice path)
{
    if (status == BS_E_UNSUPPORTED || status == BS_E_ACCESS) {
        return bsi_target_leave_out(target, path);
    }
    return bsi_target_answer(target, status, path);
}

bs_status bsi_target_symlink(bsi_target *target, const bsi_entry *entry)
{
    request wanted = {.entry = entry};
    char *content = NULL;
    bs_status status = bsi_target_admit(target, entry);

    if (status < 0) {
        return status;
    }
    if (entry->link.size == 0 || entry->link.size > LINK_SIZE_MAX ||
        memchr(entry->link.data, '\0', entry->link.size)) {
        return bsi_target_fail(
            bsi_fail(BS_LAYER_TARGET, BS_E_INVALID, "not what a symbolic link can hold"),
            entry->path);
    }
    content = bsi_strndup(entry->link.data, entry->link.size);
    if (!content) {
        return BS_E_NOMEM;
    }
    wanted.link = content;
    status = answer_thing(target, put_thing(target, &wanted), entry->path);
    bsi_free(content);
    return status;
}

static bs_status refuse_node(bsi_target *target, const bsi_entry *entry)
{
    (void)bsi_fail(BS_LAYER_TARGET, BS_E_UNSUPPORTED, "a %s is not restored%s",
                   bsi_file_type_name(entry->stat.type),
                   entry->stat.type == BSI_TYPE_SOCKET ? "" : " unless privileged");
    return bsi_target_leave_out(target, entry->path);
}

bs_status bsi_target_node(bsi_target *target, const bsi_entry *entry)
{
    const request wanted = {.entry = entry};

    BSI_TRY(bsi_target_admit(target, entry));
    switch (entry->stat.type) {
    case BSI_TYPE_FIFO:
        break;
    case BSI_TYPE_CHAR_DEVICE:
    case BSI_TYPE_BLOCK_DEVICE:
        if (!target->options.privileged) {
            return refuse_node(target, entry);
        }
        break;
    case BSI_TYPE_SOCKET:
        return refuse_node(target, entry);
    default:
        return bsi_target_fail(bsi_fail(BS_LAYER_TARGET, BS_E_INVALID, "a %s is no special file",
                                        bsi_file_type_name(entry->stat.type)),
                               entry->path);
    }
    return answer_thing(target, put_thing(target, &wanted), entry->path);
}

static bs_status not_linkable(void)
{
    return bsi_fail(BS_LAYER_TARGET, BS_E_NOT_FOUND, "its first name was not restored");
}

/* The inode of the first name, if this run made it. */
static bs_status find_first(bsi_target *target, bsi_slice first, bsi_inode *out)
{
    const bsi_inode *inode = NULL;
    const uint64_t key = bsi_inode_map_key(&target->linked, first);

    bsi_mutex_lock(&target->lock);
    inode = bsi_inode_map_get(&target->linked, key);
    *out = inode ? *inode : (bsi_inode){0};
    bsi_mutex_unlock(&target->lock);
    return out->ino != 0 ? BS_OK : not_linkable();
}

/* A temporary name for the inode; that it is the right one is looked at afterwards. */
static bs_status link_temp(bsi_target *target, const bsi_entry *entry, const bsi_inode *inode,
                           const bsi_target_place *place, char temp[BSI_TEMP_NAME_SIZE])
{
    const bsi_slice first = entry->linked;
    char old_name[BSI_TARGET_NAME_SIZE];
    bsi_slice old_dir;
    bsi_slice old_last;
    bsi_stat info;
    bs_status status = BS_E_EXISTS;
    int fd = -1;

    bsi_path_split(first, &old_dir, &old_last);
    memcpy(old_name, old_last.data, old_last.size);
    old_name[old_last.size] = '\0';
    BSI_TRY(bsi_dir_cache_open(target->cache, old_dir, &fd));
    for (int i = 0; i < TEMP_TRIES && status == BS_E_EXISTS; i++) {
        bsi_target_temp_name(target, temp);
        status = bsi_link(fd, old_name, place->fd, temp);
    }
    if (status < 0) {
        temp[0] = '\0';
        return status;
    }
    BSI_TRY(bsi_stat_at(place->fd, temp, &info));
    if (info.ino != inode->ino || info.dev != inode->dev || info.uid != inode->uid ||
        info.type != entry->stat.type) {
        return not_linkable();
    }
    return BS_OK;
}

/* Renaming one name of an inode to another of the same does nothing, and leaves both. */
static bs_status publish_link(const bsi_target *target, const bsi_target_place *place,
                              const bsi_inode *inode, char temp[BSI_TEMP_NAME_SIZE],
                              const char *name)
{
    bsi_stat info;

    if (bsi_target_may_replace(target, place) && bsi_stat_at(place->fd, name, &info) == BS_OK &&
        info.ino == inode->ino && info.dev == inode->dev) {
        return bsi_unlink(place->fd, temp);
    }
    return bsi_target_publish(target, place, temp, name);
}

static bs_status put_link(bsi_target *target, const bsi_entry *entry, const bsi_inode *inode)
{
    char name[BSI_TARGET_NAME_SIZE];
    char temp[BSI_TEMP_NAME_SIZE] = "";
    bsi_target_place *place = NULL;
    bs_status status = bsi_target_enter(target, entry->path, name, &place);

    if (status < 0) {
        return status;
    }
    status = bsi_target_check_free(target, place, name);
    if (status == BS_OK) {
        status = link_temp(target, entry, inode, place, temp);
    }
    if (status == BS_OK) {
        status = publish_link(target, place, inode, temp, name);
    }
    if (status < 0) {
        discard(target, place, temp);
    }
    bsi_target_place_unref(place);
    return status;
}

/* What no attempt of linking will change. */
static bool cannot_link(bs_status status)
{
    return status == BS_E_ACCESS || status == BS_E_UNSUPPORTED || status == BS_E_LIMIT;
}

bs_status bsi_target_hardlink(bsi_target *target, const bsi_entry *entry)
{
    bsi_inode inode;
    bs_status status = bsi_target_admit(target, entry);

    if (status < 0) {
        return status;
    }
    if (!bsi_path_is_safe(entry->linked)) {
        return bsi_target_fail(not_linkable(), entry->path);
    }
    status = find_first(target, entry->linked, &inode);
    if (status == BS_OK) {
        status = put_link(target, entry, &inode);
    }
    if (cannot_link(status)) {
        bsi_target_lose(target, BSI_LOSS_HARD_LINK, status);
        status = bsi_fail(BS_LAYER_TARGET, BS_E_NOT_FOUND, "no hard link can be made");
    }
    return bsi_target_answer(target, status, entry->path);
}
