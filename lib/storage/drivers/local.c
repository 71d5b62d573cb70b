/* SPDX-License-Identifier: MIT */
/*
 * local: objects are files below one directory, under their own names.
 *
 * An object is written to a temporary name in its directory, synced, renamed
 * and the directory synced; a directory that came with it is synced into its
 * parent, up to the root. A failed sync is final. Directories without objects
 * are removed with the last one. Nothing below the root is reached through a
 * symbolic link. One service at a time owns the root.
 */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/checked.h"
#include "base/error.h"
#include "os/dir_cache.h"
#include "os/file.h"
#include "os/random.h"
#include "storage/drivers/drivers.h"
#include "storage/drivers/local_files.h"
#include "storage/drivers/local_tree.h"
#include "storage/drivers/local_walk.h"
#include "task/call.h"

#define TEMP_PREFIX ".bst-"

enum {
    FILE_MODE = 0600,
    TEMP_NAME_SIZE = sizeof(TEMP_PREFIX) + 16,
    BLOCK_SIZE = 1024 * 1024,      /* Bytes between two looks at the call. */
    BEHIND_SIZE = 8 * 1024 * 1024, /* Bytes that are brought to the disk together. */
    RACES_MAX = 1000,              /* How often a directory may vanish before its use. */
};

typedef struct local_storage {
    bsi_local_tree tree;
    uint64_t reserve_bytes;
    bsi_local_files files;
} local_storage;

typedef struct local_upload {
    int dir;
    int fd;
    bool exclusive;
    int64_t mtime_ns;
    uint64_t size;      /* Bytes written so far. */
    uint64_t on_way;    /* Of these, bytes that are on their way to the disk. */
    bsi_slice dir_path; /* Part of `key`. */
    const char *name;   /* Part of `key`. */
    char temp[TEMP_NAME_SIZE];
    char key[];
} local_upload;

static bsi_local_tree *tree_of(void *self)
{
    return &((local_storage *)self)->tree;
}

static void forget(local_storage *local, const char *key)
{
    bsi_local_files_forget(&local->files, key);
}

static bs_status no_object(void)
{
    return bsi_fail(BS_LAYER_STORAGE, BS_E_NOT_FOUND, "there is none");
}

/* The directory of a key and the name in it, which is the end of `key`. */
static bs_status open_parent(const local_storage *local, const char *key, int *dir_out,
                             const char **name_out)
{
    bsi_slice dir;
    bsi_slice name;

    bsi_path_split(bsi_slice_of(key), &dir, &name);
    BSI_TRY(bsi_local_reach_dir(&local->tree, dir, dir_out));
    *name_out = name.data;
    return BS_OK;
}

static bs_status stat_file(int dir, const char *name, bsi_stat *out)
{
    BSI_TRY(bsi_stat_at(dir, name, out));
    return out->type == BSI_TYPE_FILE ? BS_OK : no_object();
}

static int64_t to_ns(const bsi_time *time)
{
    if (time->sec > INT64_MAX / 1000000000 - 1 || time->sec < INT64_MIN / 1000000000 + 1) {
        return BS_STORAGE_NO_TIME;
    }
    return time->sec * 1000000000 + time->nsec;
}

static bsi_time from_ns(int64_t ns)
{
    bsi_time time = {ns / 1000000000, (int32_t)(ns % 1000000000)};

    if (time.nsec < 0) {
        time.sec--;
        time.nsec += 1000000000;
    }
    return time;
}

static bs_status open_object(const local_storage *local, const char *key, int *fd_out)
{
    const char *name = NULL;
    bsi_stat stat;
    int dir = -1;
    int fd = -1;
    bs_status status = open_parent(local, key, &dir, &name);

    if (status < 0) {
        return status;
    }
    status = bsi_open(dir, name, BSI_OPEN_READ | BSI_OPEN_NOFOLLOW | BSI_OPEN_NONBLOCK, 0, &fd);
    bsi_close_quietly(dir);
    if (status < 0) {
        return status;
    }
    status = bsi_fstat(fd, &stat);
    if (status == BS_OK && stat.type != BSI_TYPE_FILE) {
        status = no_object();
    }
    if (status < 0) {
        bsi_close_quietly(fd);
        return status;
    }
    *fd_out = fd;
    return BS_OK;
}

static bs_status acquire_file(local_storage *local, const char *key, bsi_local_file **out)
{
    uint64_t generation = 0;
    bsi_local_file *file = bsi_local_files_find(&local->files, key, &generation);
    int fd = -1;

    if (file) {
        *out = file;
        return BS_OK;
    }
    BSI_TRY(open_object(local, key, &fd));
    file = bsi_local_file_new(key, fd);
    if (!file) {
        bsi_close_quietly(fd);
        return BS_E_NOMEM;
    }
    bsi_local_files_keep(&local->files, file, generation);
    *out = file;
    return BS_OK;
}

/* What a listing hands on. */
typedef struct local_listing {
    bs_storage_list_cb callback;
    void *user;
} local_listing;

static bs_status visit_object(void *user, int dir, const char *name, const char *path)
{
    const local_listing *listing = user;
    bs_storage_object object;
    bsi_stat stat;
    bs_status status = BS_OK;

    if (strncmp(name, TEMP_PREFIX, strlen(TEMP_PREFIX)) == 0) {
        return BS_OK;
    }
    status = bsi_stat_at(dir, name, &stat);
    if (status < 0) {
        return status == BS_E_NOT_FOUND ? BS_OK : status;
    }
    object = (bs_storage_object){stat.size, to_ns(&stat.mtime)};
    return listing->callback(listing->user, path, &object);
}

/* What a sweep looks for, and finds. */
typedef struct local_sweep {
    int64_t before_ns;
    bool removed; /* The file that was visited last. */
    uint64_t objects;
    uint64_t bytes;
} local_sweep;

static bs_status visit_leftover(void *user, int dir, const char *name, const char *path)
{
    local_sweep *self = user;
    bsi_stat stat;
    bs_status status = BS_OK;

    (void)path;
    self->removed = false;
    if (strncmp(name, TEMP_PREFIX, strlen(TEMP_PREFIX)) != 0) {
        return BS_OK;
    }
    status = bsi_stat_at(dir, name, &stat);
    if (status < 0 || to_ns(&stat.mtime) >= self->before_ns) {
        return status == BS_E_NOT_FOUND ? BS_OK : status;
    }
    BSI_TRY(bsi_unlink(dir, name));
    self->removed = true;
    self->objects++;
    self->bytes += stat.size;
    return BS_OK;
}

static bs_status local_list(void *self, const bs_call *call, const char *prefix,
                            bs_storage_list_cb callback, void *user)
{
    local_listing listing = {callback, user};
    const bsi_local_visit visit = {.visit = visit_object, .user = &listing};

    return bsi_local_walk(tree_of(self), call, prefix, &visit);
}

static bs_status local_sweep_up(void *self, const bs_call *call, int64_t before_ns,
                                uint64_t *objects, uint64_t *bytes)
{
    local_sweep sweep = {.before_ns = before_ns};
    const bsi_local_visit visit = {
        .visit = visit_leftover, .user = &sweep, .removed = &sweep.removed};
    const bs_status status = bsi_local_walk(tree_of(self), call, "", &visit);

    *objects += sweep.objects;
    *bytes += sweep.bytes;
    return status;
}

/* Nobody else writes here: what is not complete now never will be. */
static bs_status sweep_all(local_storage *local, const bs_call *call)
{
    uint64_t objects = 0;
    uint64_t bytes = 0;

    return local_sweep_up(local, call, INT64_MAX, &objects, &bytes);
}

static void local_close(void *self)
{
    local_storage *local = self;

    bsi_local_files_dispose(&local->files);
    bsi_local_tree_close(&local->tree);
}

static bs_status local_open(void *self, const bs_call *call, const bs_storage_settings *settings)
{
    local_storage *local = self;
    const char *path = bs_storage_settings_text(settings, "path");
    bs_status status = BS_OK;

    BSI_TRY(bsi_local_tree_open(path, bs_storage_settings_flag(settings, "create"), &local->tree));
    local->reserve_bytes = bs_storage_settings_number(settings, "reserve_bytes");
    bsi_local_files_init(&local->files);
    if (bs_storage_settings_flag(settings, "sweep")) {
        status = sweep_all(local, call);
        if (status < 0) {
            local_close(local);
        }
    }
    return status;
}

static uint32_t local_caps(void *self)
{
    (void)self;
    return BS_STORAGE_CAP_RANGE_READ | BS_STORAGE_CAP_CONDITIONAL_PUT | BS_STORAGE_CAP_SERVER_COPY |
           BS_STORAGE_CAP_RENAME | BS_STORAGE_CAP_MTIME | BS_STORAGE_CAP_FREE_SPACE |
           BS_STORAGE_CAP_PATCH | BS_STORAGE_CAP_STRONG_LIST | BS_STORAGE_CAP_MULTIPART |
           BS_STORAGE_CAP_ANY_BYTES | BS_STORAGE_CAP_CASE;
}

/*
 * Let go of a descriptor whose object somebody else has replaced or removed: who
 * asks what lies there now must not go on to read what lay there before.
 */
static void drop_stale(local_storage *local, const char *key, const bsi_stat *now)
{
    uint64_t generation = 0;
    bsi_stat kept;
    bsi_local_file *file = bsi_local_files_find(&local->files, key, &generation);

    if (!file) {
        return;
    }
    if (!now || bsi_fstat(file->fd, &kept) < 0 || kept.ino != now->ino || kept.dev != now->dev) {
        forget(local, key);
    }
    bsi_local_file_unref(file);
}

static bs_status local_stat(void *self, const bs_call *call, const char *key,
                            bs_storage_object *out)
{
    const char *name = NULL;
    bsi_stat stat;
    int dir = -1;
    bs_status status = BS_OK;

    (void)call;
    BSI_TRY(open_parent(self, key, &dir, &name));
    status = stat_file(dir, name, &stat);
    bsi_close_quietly(dir);
    if (status == BS_OK || status == BS_E_NOT_FOUND) {
        drop_stale(self, key, status == BS_OK ? &stat : NULL);
    }
    if (status == BS_OK) {
        *out = (bs_storage_object){stat.size, to_ns(&stat.mtime)};
    }
    return status;
}

static bs_status local_read(void *self, const bs_call *call, const char *key, uint64_t offset,
                            void *buf, size_t size)
{
    const size_t most = bsi_call_chunk(call, BLOCK_SIZE);
    bsi_local_file *file = NULL;
    uint8_t *at = buf;
    bs_status status = BS_OK;

    BSI_TRY(acquire_file(self, key, &file));
    while (status == BS_OK && size > 0) {
        const size_t block = bsi_min_size(size, most);
        size_t got = 0;

        status = bsi_pread(file->fd, at, block, offset, &got);
        if (status == BS_OK && got < block) {
            status =
                bsi_fail(BS_LAYER_STORAGE, BS_E_RANGE, "has only %" PRIu64 " bytes", offset + got);
        }
        at += block;
        offset += block;
        size -= block;
        if (status == BS_OK && size > 0) {
            status = bsi_call_check(call);
        }
    }
    bsi_local_file_unref(file);
    return status;
}

static bs_status local_remove(void *self, const bs_call *call, const char *key)
{
    const char *name = NULL;
    bsi_slice left;
    bsi_slice unused;
    bsi_stat stat;
    int dir = -1;
    bs_status status = open_parent(self, key, &dir, &name);

    (void)call;
    if (status == BS_OK) {
        status = stat_file(dir, name, &stat);
        if (status == BS_OK) {
            status = bsi_unlink(dir, name);
        }
        bsi_close_quietly(dir);
    }
    if (status == BS_E_NOT_FOUND) {
        return BS_OK;
    }
    if (status < 0) {
        return status;
    }
    forget(self, key);
    bsi_path_split(bsi_slice_of(key), &left, &unused);
    do {
        bsi_local_remove_empty(tree_of(self), left, &left);
        status = bsi_local_sync_dir(tree_of(self),
                                    left); /* Unless somebody removed it: its parent knows. */
    } while (status == BS_E_NOT_FOUND && left.size > 0);
    return status;
}

static bs_status check_space(const local_storage *local, uint64_t expected_size)
{
    uint64_t needed = 0;
    uint64_t bytes = 0;
    uint64_t files = 0;

    if (expected_size == BS_STORAGE_NO_SIZE) {
        return BS_OK;
    }
    BSI_TRY(bsi_free_space(local->tree.root, &bytes, &files));
    if (!bsi_add_u64(expected_size, local->reserve_bytes, &needed) || bytes < needed) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_NO_SPACE,
                        "%" PRIu64 " bytes are free, %" PRIu64 " are needed and %" PRIu64
                        " kept in reserve",
                        bytes, expected_size, local->reserve_bytes);
    }
    return BS_OK;
}

static bs_status new_temp(local_upload *upload)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t chance[8];
    char *at = upload->temp + strlen(TEMP_PREFIX);

    BSI_TRY(bsi_random(chance, sizeof(chance)));
    memcpy(upload->temp, TEMP_PREFIX, sizeof(TEMP_PREFIX));
    for (size_t i = 0; i < sizeof(chance); i++) {
        *at++ = digits[chance[i] >> 4];
        *at++ = digits[chance[i] & 15];
    }
    *at = '\0';
    return bsi_open(upload->dir, upload->temp,
                    BSI_OPEN_WRITE | BSI_OPEN_CREATE | BSI_OPEN_EXCLUSIVE, FILE_MODE, &upload->fd);
}

static bs_status open_or_make(const local_storage *local, bsi_slice path, int *fd_out)
{
    bs_status status = bsi_local_reach_dir(&local->tree, path, fd_out);

    if (status != BS_E_NOT_FOUND) {
        return status;
    }
    BSI_TRY(bsi_local_make_dirs(&local->tree, path));
    return bsi_local_open_dir(&local->tree, path, fd_out);
}

/* Whoever removes the last object of a directory may remove it before we are in it. */
static bs_status enter_dir(const local_storage *local, local_upload *upload)
{
    bs_status status = BS_E_NOT_FOUND;

    for (int i = 0; i < RACES_MAX && status == BS_E_NOT_FOUND; i++) {
        status = open_or_make(local, upload->dir_path, &upload->dir);
        if (status < 0) {
            continue;
        }
        status = new_temp(upload);
        if (status < 0) {
            bsi_close_quietly(upload->dir);
        }
    }
    return status;
}

static bs_status local_put_begin(void *self, const bs_call *call, const char *key,
                                 const bs_storage_put_options *options, void **upload_out)
{
    const size_t key_size = strlen(key) + 1;
    local_upload *upload = NULL;
    bsi_slice name;
    bs_status status = BS_OK;

    (void)call;
    BSI_TRY(check_space(self, options->expected_size));
    upload = bsi_calloc(1, sizeof(*upload) + key_size);
    if (!upload) {
        return BS_E_NOMEM;
    }
    memcpy(upload->key, key, key_size);
    bsi_path_split((bsi_slice){upload->key, key_size - 1}, &upload->dir_path, &name);
    upload->name = name.data;
    upload->exclusive = (options->flags & BS_STORAGE_PUT_EXCLUSIVE) != 0;
    upload->mtime_ns = options->mtime_ns;
    status = enter_dir(self, upload);
    if (status < 0) {
        bsi_slice left;
        bs_error first;
        bsi_error_save(&first);
        bsi_local_remove_empty(tree_of(self), upload->dir_path, &left);
        bsi_error_restore(&first);
        bsi_free(upload);
        return status;
    }
    *upload_out = upload;
    return BS_OK;
}

/* The disk works while the next bytes are made, not only when the upload is committed. */
static void write_behind(local_upload *upload)
{
    if (upload->size - upload->on_way >= BEHIND_SIZE) {
        bsi_advise_written(upload->fd, upload->on_way, upload->size - upload->on_way);
        upload->on_way = upload->size;
    }
}

static bs_status local_put_write(void *self, const bs_call *call, void *upload, const void *data,
                                 size_t size)
{
    const size_t most = bsi_call_chunk(call, BLOCK_SIZE);
    local_upload *local = upload;
    const uint8_t *at = data;

    (void)self;
    while (size > 0) {
        const size_t part = bsi_min_size(size, most);
        BSI_TRY(bsi_write(local->fd, at, part));
        at += part;
        size -= part;
        local->size += part;
        write_behind(local);
        BSI_TRY(size > 0 ? bsi_call_check(call) : BS_OK);
    }
    return BS_OK;
}

static bs_status local_put_patch(void *self, const bs_call *call, void *upload, uint64_t offset,
                                 const void *data, size_t size)
{
    const local_upload *local = upload;

    (void)self;
    (void)call;
    return bsi_pwrite(local->fd, data, size, offset);
}

static void local_put_abort(void *self, void *upload)
{
    local_upload *gone = upload;
    bsi_slice left;
    bs_error before;

    bsi_error_save(&before);
    bsi_close_quietly(gone->fd);
    const bs_status unlinked = bsi_unlink(gone->dir, gone->temp);
    (void)unlinked; /* A sweep finds it later. */
    bsi_close_quietly(gone->dir);
    bsi_local_remove_empty(tree_of(self), gone->dir_path, &left);
    bsi_error_restore(&before);
    bsi_free(gone);
}

/* The bytes and the time are on disk and the descriptor is closed. */
static bs_status finish_temp(local_upload *upload)
{
    bs_status status = BS_OK;

    if (upload->mtime_ns != BS_STORAGE_NO_TIME) {
        const bsi_time mtime = from_ns(upload->mtime_ns);
        status = bsi_set_mtime(upload->fd, &mtime);
    }
    if (status == BS_OK) {
        status = bsi_sync(upload->fd);
    }
    if (status == BS_OK) {
        const int fd = upload->fd;
        upload->fd = -1;
        status = bsi_close(fd);
    }
    return status;
}

static bs_status local_put_commit(void *self, const bs_call *call, void *upload)
{
    local_upload *done = upload;
    bs_status status = finish_temp(done);

    (void)call;
    if (status == BS_OK) {
        status = bsi_rename(done->dir, done->temp, done->dir, done->name, done->exclusive);
    }
    if (status < 0) {
        local_put_abort(self, done);
        return status;
    }
    forget(self, done->key);
    status = bsi_sync(done->dir);
    bsi_close_quietly(done->dir);
    if (status == BS_OK) {
        status = bsi_local_sync_parents(tree_of(self), done->dir_path);
    }
    bsi_free(done);
    return status;
}

static bs_status move_once(const local_storage *local, int source, const char *name,
                           bsi_slice to_path, const char *new_name)
{
    int to_dir = -1;
    bs_status status = open_or_make(local, to_path, &to_dir);

    if (status < 0) {
        return status;
    }
    status = bsi_rename(source, name, to_dir, new_name, false);
    if (status == BS_OK) {
        status = bsi_sync(to_dir);
    }
    bsi_close_quietly(to_dir);
    return status;
}

/* Move a file into a directory that may be missing, and may vanish again. */
static bs_status move(const local_storage *local, int source, const char *name, const char *to)
{
    bs_status status = BS_E_NOT_FOUND;
    bsi_slice to_path;
    bsi_slice end;
    bsi_stat stat;

    bsi_path_split(bsi_slice_of(to), &to_path, &end);
    for (int i = 0; i < RACES_MAX && status == BS_E_NOT_FOUND; i++) {
        status = stat_file(source, name, &stat);
        if (status < 0) {
            break;
        }
        status = move_once(local, source, name, to_path, end.data);
    }
    return status;
}

static bs_status local_rename(void *self, const bs_call *call, const char *from, const char *to)
{
    const char *name = NULL;
    bsi_slice from_path;
    bsi_slice to_path;
    bsi_slice unused;
    bs_error first;
    int dir = -1;
    bs_status status = BS_OK;

    (void)call;
    bsi_path_split(bsi_slice_of(from), &from_path, &unused);
    bsi_path_split(bsi_slice_of(to), &to_path, &unused);
    BSI_TRY(open_parent(self, from, &dir, &name));
    status = move(self, dir, name, to);
    forget(self, from);
    forget(self, to);
    if (status == BS_OK) {
        status = bsi_local_sync_parents(tree_of(self), to_path);
    }
    if (status == BS_OK) {
        status = bsi_sync(dir);
    }
    bsi_close_quietly(dir);
    bsi_error_save(&first);
    bsi_local_remove_empty(tree_of(self), from_path, &unused);
    if (status < 0) {
        bsi_local_remove_empty(tree_of(self), to_path, &unused);
    }
    bsi_error_restore(&first);
    return status;
}

static bs_status local_free_space(void *self, const bs_call *call, uint64_t *bytes_out)
{
    const local_storage *local = self;
    uint64_t bytes = 0;
    uint64_t files = 0;

    (void)call;
    BSI_TRY(bsi_free_space(local->tree.root, &bytes, &files));
    *bytes_out = bytes > local->reserve_bytes ? bytes - local->reserve_bytes : 0;
    return BS_OK;
}

static bs_status local_set_mtime(void *self, const bs_call *call, const char *key, int64_t mtime_ns)
{
    const bsi_time mtime = from_ns(mtime_ns);
    int fd = -1;
    bs_status status = BS_OK;

    (void)call;
    BSI_TRY(open_object(self, key, &fd));
    status = bsi_set_mtime(fd, &mtime);
    bsi_close_quietly(fd);
    return status;
}

static const bs_storage_option local_options[] = {
    {.key = "path",
     .type = BS_STORAGE_OPTION_PATH,
     .required = true,
     .help = "Directory that holds the objects."},
    {.key = "create",
     .type = BS_STORAGE_OPTION_FLAG,
     .fallback = "true",
     .help = "Make the directory when it is missing."},
    {.key = "sweep",
     .type = BS_STORAGE_OPTION_FLAG,
     .fallback = "false",
     .help = "Remove what an interrupted service left incomplete; only where one service writes."},
    {.key = "reserve_bytes",
     .type = BS_STORAGE_OPTION_NUMBER,
     .fallback = "0",
     .help = "Space of the file system that is left free."},
    {.key = NULL},
};

static const bs_storage_ops local_ops = {
    .struct_size = sizeof(bs_storage_ops),
    .self_size = sizeof(local_storage),
    .open = local_open,
    .close = local_close,
    .caps = local_caps,
    .stat = local_stat,
    .read = local_read,
    .list = local_list,
    .remove = local_remove,
    .put_begin = local_put_begin,
    .put_write = local_put_write,
    .put_patch = local_put_patch,
    .put_commit = local_put_commit,
    .put_abort = local_put_abort,
    .rename = local_rename,
    .free_space = local_free_space,
    .set_mtime = local_set_mtime,
    .sweep = local_sweep_up,
};

/* The only symbol this file gives away. */
const bs_storage_driver bsi_storage_driver_local = {
    .struct_size = sizeof(bs_storage_driver),
    .scheme = "local",
    .help = "Files below one directory of this machine.",
    .ops = &local_ops,
    .options = local_options,
};
