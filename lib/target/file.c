/* SPDX-License-Identifier: MIT */
/*
 * Files: written under a temporary name in their own directory, named when
 * they are complete.
 */
#include "base/alloc.h"
#include "base/checked.h"
#include "target/state.h"

enum {
    BLOCK_SIZE = 4096,        /* Of what stays a hole, and of most file systems. */
    EARLY_SIZE = 1024 * 1024, /* From here on a size that cannot be shows at once. */
    TEMP_MODE = 0600,
    TEMP_TRIES = 8,
};

struct bsi_target_file {
    bsi_target *target;
    bsi_target_place *place;
    int fd;
    bool sparse;
    atomic_bool broken;        /* A write failed. */
    uint64_t size;             /* As the entry has it. */
    atomic_uint_least64_t end; /* Of the file so far. */
    uint64_t link_key;         /* In target->linked; 0: it has one name. */
    bsi_target_meta meta;
    char temp[BSI_TEMP_NAME_SIZE];
    char name[BSI_TARGET_NAME_SIZE];
    size_t path_size;
    char path[];
};

static bsi_slice path_of(const bsi_target_file *file)
{
    return (bsi_slice){file->path, file->path_size};
}

static void file_free(bsi_target_file *file)
{
    bsi_target_meta_dispose(&file->meta);
    bsi_target_place_unref(file->place);
    bsi_free(file);
}

static bs_status create_temp(bsi_target *target, bsi_target_file *file)
{
    bs_status status = BS_E_EXISTS;

    for (int i = 0; i < TEMP_TRIES && status == BS_E_EXISTS; i++) {
        bsi_target_temp_name(target, file->temp);
        status = bsi_open(file->place->fd, file->temp,
                          BSI_OPEN_WRITE | BSI_OPEN_CREATE | BSI_OPEN_EXCLUSIVE | BSI_OPEN_NOFOLLOW,
                          TEMP_MODE, &file->fd);
    }
    return status;
}

/* Whose new files are is the same for all of a directory, setgid or not. */
static bs_status learn_owner(bsi_target_place *place, int fd)
{
    bsi_stat info;

    if (place->owner_known) {
        return BS_OK;
    }
    BSI_TRY(bsi_fstat(fd, &info));
    place->uid = info.uid;
    place->gid = info.gid;
    place->owner_known = true;
    return BS_OK;
}

/* Take the room now, so that the commit needs no memory for it. */
static bs_status expect_links(bsi_target *target, const bsi_entry *entry, bsi_target_file *file)
{
    bs_status status = BS_OK;

    if (entry->stat.nlink > 1) {
        file->link_key = bsi_inode_map_key(&target->linked, entry->path);
        bsi_mutex_lock(&target->lock);
        if (!bsi_inode_map_get(&target->linked, file->link_key)) {
            status = bsi_inode_map_put(&target->linked, file->link_key, (bsi_inode){0});
        }
        bsi_mutex_unlock(&target->lock);
    }
    return status;
}

static bs_status begin(bsi_target *target, const bsi_entry *entry, bsi_target_file *file)
{
    BSI_TRY(bsi_target_enter(target, entry->path, file->name, &file->place));
    BSI_TRY(bsi_target_check_free(target, file->place, file->name));
    BSI_TRY(expect_links(target, entry, file));
    BSI_TRY(bsi_target_meta_load(target, entry, &file->meta));
    BSI_TRY(create_temp(target, file));
    BSI_TRY(learn_owner(file->place, file->fd));
    if (file->size < EARLY_SIZE) {
        return BS_OK;
    }
    atomic_store(&file->end, file->size);
    return bsi_truncate(file->fd, file->size);
}

bs_status bsi_target_file_begin(bsi_target *target, const bsi_entry *entry, bsi_target_file **out)
{
    bsi_target_file *file = NULL;
    bs_status status = bsi_target_admit(target, entry);

    if (status < 0) {
        return status;
    }
    file = bsi_alloc(sizeof(*file) + entry->path.size);
    if (!file) {
        return BS_E_NOMEM;
    }
    *file = (bsi_target_file){.target = target,
                              .fd = -1,
                              .sparse = entry->sparse,
                              .size = entry->stat.size,
                              .path_size = entry->path.size};
    memcpy(file->path, entry->path.data, entry->path.size);
    status = begin(target, entry, file);
    if (status < 0) {
        bsi_target_file_abort(file);
        return bsi_target_answer(target, status, entry->path);
    }
    *out = file;
    return BS_OK;
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0;
}

/* Up to the end of the block that `offset` lies in. */
static size_t block_rest(uint64_t offset, size_t size)
{
    return bsi_min_size(size, BLOCK_SIZE - (size_t)(offset % BLOCK_SIZE));
}

/* Write runs of blocks that hold something. */
static bs_status write_around_zeros(int fd, uint64_t offset, const uint8_t *bytes, size_t size)
{
    size_t begin = 0; /* Of the run. */
    size_t at = 0;
    bs_status status = BS_OK;

    while (at < size && status == BS_OK) {
        const size_t step = block_rest(offset + at, size - at);
        const bool zero = is_zero(bytes + at, step);

        if (zero && begin < at) {
            status = bsi_pwrite(fd, bytes + begin, at - begin, offset + begin);
        }
        at += step;
        begin = zero ? at : begin;
    }
    if (status < 0 || begin == size) {
        return status;
    }
    return bsi_pwrite(fd, bytes + begin, size - begin, offset + begin);
}

/* Several threads may write. */
static void raise_end(bsi_target_file *file, uint64_t end)
{
    uint64_t now = atomic_load(&file->end);

    while (end > now && !atomic_compare_exchange_weak(&file->end, &now, end)) {
    }
}

bs_status bsi_target_file_write(bsi_target_file *file, uint64_t offset, const void *data,
                                size_t size)
{
    uint64_t end = 0;
    bs_status status = BS_OK;

    if (!bsi_add_u64(offset, size, &end) || end > file->size) {
        status = bsi_fail(BS_LAYER_TARGET, BS_E_RANGE, "content beyond the end of the file");
    } else if (size > 0) {
        status = file->sparse ? write_around_zeros(file->fd, offset, data, size)
                              : bsi_pwrite(file->fd, data, size, offset);
    }
    if (status < 0) {
        atomic_store(&file->broken, true);
        return bsi_target_fail(status, path_of(file));
    }
    /* Zeros that were left out at the end leave the file shorter than this. */
    if (!file->sparse) {
        raise_end(file, end);
    }
    return BS_OK;
}

static bs_status settle_size(const bsi_target_file *file)
{
    if (atomic_load(&file->broken)) {
        return bsi_fail(BS_LAYER_TARGET, BS_E_IO, "its content could not be written");
    }
    return atomic_load(&file->end) < file->size ? bsi_truncate(file->fd, file->size) : BS_OK;
}

/* Everything but the name. */
static bs_status complete(bsi_target_file *file, bsi_inode *inode_out)
{
    const bsi_target_now now = {.mode = TEMP_MODE,
                                .uid = file->place->uid,
                                .gid = file->place->gid,
                                .foreign_acl = file->place->default_acl};
    bsi_stat info = {0};
    bs_status status = BS_OK;
    const int fd = file->fd;

    BSI_TRY(settle_size(file));
    BSI_TRY(bsi_target_meta_apply(file->target, fd, &file->meta, &now));
    if (file->link_key != 0) {
        status = bsi_fstat(fd, &info);
        *inode_out = (bsi_inode){.dev = info.dev, .ino = info.ino, .uid = info.uid};
    }
    if (status < 0) {
        return status;
    }
    file->fd = -1;
    return bsi_close(fd);
}

static void remember_links(bsi_target_file *file, bsi_inode inode)
{
    bsi_target *target = file->target;

    if (file->link_key != 0) {
        bsi_mutex_lock(&target->lock);
        bsi_inode_map_set(&target->linked, file->link_key, inode);
        bsi_mutex_unlock(&target->lock);
    }
}

bs_status bsi_target_file_commit(bsi_target_file *file)
{
    bsi_inode inode = {0};
    bs_status status = complete(file, &inode);

    if (status == BS_OK) {
        status = bsi_target_publish(file->target, file->place, file->temp, file->name);
    }
    if (status == BS_OK) {
        remember_links(file, inode);
        file_free(file);
        return BS_OK;
    }
    bsi_target_discard(file->target, file->place->fd, file->temp);
    status = bsi_target_answer(file->target, status, path_of(file));
    bsi_close_quietly(file->fd);
    file_free(file);
    return status;
}

void bsi_target_file_abort(bsi_target_file *file)
{
    if (file) {
        if (file->fd >= 0) {
            bsi_target_discard(file->target, file->place->fd, file->temp);
            bsi_close_quietly(file->fd);
        }
        file_free(file);
    }
}
