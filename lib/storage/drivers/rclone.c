/* SPDX-License-Identifier: MIT */
/*
 * rclone: objects as files of a remote of rclone's, on any service that rclone knows.
 *
 * An rclone of our own is started and asked over its remote control. Where files lie in
 * directories an object is stored under a temporary name and then renamed. rclone removes what a
 * renamed file replaces before; so a new object waits beside the old one, under a name that tells
 * whose it is, and is found there until it has its own.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "storage/drivers/drivers.h"
#include "storage/drivers/held.h"
#include "storage/drivers/ranges.h"
#include "storage/drivers/rclone_upload.h"
#include "storage/storage_int.h"

enum {
    WAITING_MAX = 16 << 20, /* Bytes of the names of objects that wait. */
    RANGE_SIZE = 64,
};

typedef struct rclone_storage {
    bsi_rclone rclone;
} rclone_storage;

/* --- Opening --- */

static bs_status find_root(bsi_rclone *rclone, const bs_call *call, bool create)
{
    bs_status status = bsi_rclone_check_root(rclone, call);

    if (status == BS_E_NOT_FOUND && create) {
        BSI_TRY(bsi_rclone_do(rclone, call, "operations/mkdir", ""));
        status = bsi_rclone_check_root(rclone, call);
    }
    return status;
}

static bs_status rclone_open(void *self, const bs_call *call, const bs_storage_settings *settings)
{
    rclone_storage *storage = self;
    bsi_rclone *rclone = &storage->rclone;
    bs_status status = bsi_rclone_init(rclone, settings);

    if (status < 0) {
        return status;
    }
    status = bsi_rclone_ask_features(rclone, call);
    if (status == BS_OK) {
        status = find_root(rclone, call, bs_storage_settings_flag(settings, "create"));
    }
    if (status < 0) {
        bsi_rclone_close(rclone);
    }
    return status;
}

static void rclone_close(void *self)
{
    bsi_rclone_close(&((rclone_storage *)self)->rclone);
}

static uint32_t rclone_caps(void *self)
{
    const rclone_storage *storage = self;

    return BS_STORAGE_CAP_RANGE_READ | BS_STORAGE_CAP_MULTIPART | BS_STORAGE_CAP_NETWORK |
           BS_STORAGE_CAP_RESUME | (storage->rclone.can.ignores_case ? 0 : BS_STORAGE_CAP_CASE);
}

/* --- Objects --- */

/* Names with others are not those of rclone's files, or not the same when they come back. */
static bool can_be_key(const char *key)
{
    return !strpbrk(key, "\r\n") && bsi_utf8_valid(key, strlen(key));
}

static bs_status find(void *self, const bs_call *call, const char *key, bsi_rclone_item *out,
                      char **path_out)
{
    bsi_rclone *rclone = &((rclone_storage *)self)->rclone;

    if (!can_be_key(key)) {
        BSI_TRY(bsi_rclone_check_root(rclone, call));
        return bsi_fail(BS_LAYER_STORAGE, BS_E_NOT_FOUND, "rclone keeps no objects of such names");
    }
    BSI_TRY(bsi_rclone_find(rclone, call, key, out, path_out));
    if (out->size == BSI_RCLONE_NO_SIZE) {
        bsi_free(*path_out);
        (void)bsi_fail(BS_LAYER_STORAGE, BS_E_IO, "it is a document, whose size is not known");
        bsi_error_set_retry(BS_RETRY_NEVER, 0);
        return BS_E_IO;
    }
    return BS_OK;
}

static bs_storage_object object_of(const bsi_rclone_item *item)
{
    return (bs_storage_object){item->size, item->mtime_ns == BSI_RCLONE_NO_TIME ? BS_STORAGE_NO_TIME
                                                                                : item->mtime_ns};
}

static bs_status rclone_stat(void *self, const bs_call *call, const char *key,
                             bs_storage_object *out)
{
    bsi_rclone_item item = {.size = 0};
    char *path = NULL;

    BSI_TRY(find(self, call, key, &item, &path));
    bsi_free(path);
    *out = object_of(&item);
    return BS_OK;
}

static bs_status read_range(bsi_rclone *rclone, const bs_call *call, const char *path,
                            uint64_t offset, void *buf, size_t size)
{
    char range[RANGE_SIZE];
    bsi_range target = {.at = buf, .left = size};
    const bsi_rclone_request request = {.key = path,
                                        .header = range,
                                        .sink = bsi_range_take,
                                        .sink_user = &target,
                                        .answer_max = UINT64_MAX}; /* The sink ends it. */
    bsi_http_answer answer;
    bs_status status = BS_OK;

    (void)snprintf(range, sizeof(range), "Range: bytes=%" PRIu64 "-%" PRIu64, offset,
                   offset + size - 1);
    BSI_TRY(bsi_rclone_send(rclone, call, &request, &answer));
    status = bsi_range_check(&answer, offset, size);
    bsi_http_answer_dispose(&answer);
    return status;
}

/*
 * Why it could not be read: rclone tells a range that no file has, and a directory, by words
 * alone. What has another name for now is read under that.
 */
static bs_status read_found(void *self, const bs_call *call, const char *key, uint64_t offset,
                            void *buf, size_t size, bs_status failure)
{
    bsi_rclone *rclone = &((rclone_storage *)self)->rclone;
    bsi_rclone_item item = {.size = 0};
    bs_error first;
    char *path = NULL;
    bs_status status = BS_OK;

    bsi_error_save(&first);
    BSI_TRY(find(self, call, key, &item, &path));
    if (offset > item.size || size > item.size - offset) {
        status = bsi_fail(BS_LAYER_STORAGE, BS_E_RANGE, "has only %" PRIu64 " bytes", item.size);
    } else if (failure == BS_E_NOT_FOUND) {
        status = read_range(rclone, call, path, offset, buf, size);
        if (status == BS_E_NOT_FOUND) {
            status = bsi_fail(BS_LAYER_STORAGE, BS_E_IO, "a file comes and goes");
        }
    } else {
        bsi_error_restore(&first);
        status = failure;
    }
    bsi_free(path);
    return status;
}

static bs_status rclone_read(void *self, const bs_call *call, const char *key, uint64_t offset,
                             void *buf, size_t size)
{
    bs_status status = BS_E_NOT_FOUND;

    if (can_be_key(key) && offset <= INT64_MAX - size) {
        status = read_range(&((rclone_storage *)self)->rclone, call, key, offset, buf, size);
    }
    if (status != BS_E_NOT_FOUND && status != BS_E_IO) {
        return status;
    }
    return read_found(self, call, key, offset, buf, size, status);
}

static bs_status remove_key(void *self, const bs_call *call, const char *key)
{
    bsi_rclone *rclone = &((rclone_storage *)self)->rclone;
    bsi_rclone_item item = {.size = 0};
    bs_error first;
    char *path = NULL;
    bs_status status = bsi_rclone_do(rclone, call, "operations/deletefile", key);

    if (status != BS_E_NOT_FOUND && status != BS_E_IO) {
        return status;
    }
    bsi_error_save(&first);
    BSI_TRY(find(self, call, key, &item, &path));
    bsi_free(path);
    bsi_error_restore(&first);
    return status == BS_E_NOT_FOUND ? bsi_fail(BS_LAYER_STORAGE, BS_E_IO, "a file comes and goes")
                                    : status;
}

/* First what waits for its place, which would be found without it. */
static bs_status remove_both(void *self, const bs_call *call, const char *key)
{
    bsi_rclone *rclone = &((rclone_storage *)self)->rclone;
    char *next = NULL;
    bs_status status = BS_OK;

    BSI_TRY(bsi_rclone_next_path(rclone, key, &next));
    if (next) {
        status = bsi_rclone_do(rclone, call, "operations/deletefile", next);
    }
    bsi_free(next);
    if (status == BS_OK || status == BS_E_NOT_FOUND || status == BS_E_IO) {
        status = remove_key(self, call, key);
    }
    return status == BS_E_NOT_FOUND ? BS_OK : status;
}

static bs_status rclone_remove(void *self, const bs_call *call, const char *key)
{
    bsi_rclone *rclone = &((rclone_storage *)self)->rclone;
    bsi_mutex *place = NULL;
    bs_status status = BS_OK;

    if (!can_be_key(key)) {
        return bsi_rclone_check_root(rclone, call);
    }
    place = bsi_rclone_lock_place(rclone, key);
    status = remove_both(self, call, key);
    bsi_rclone_unlock_place(place);
    return status;
}

/* --- Listing --- */

typedef struct listing {
    bsi_held held;
    const char *prefix;
    bsi_buf key;     /* Of one item. */
    bsi_buf waiting; /* What was found beside objects: bs_storage_object and key, with a NUL. */
} listing;

/* Whether the last component of a path begins so. */
static bool is_called(const char *path, const char *prefix)
{
    const char *slash = strrchr(path, '/');

    return strncmp(slash ? slash + 1 : path, prefix, strlen(prefix)) == 0;
}

/* Cuts the prefix out of the path of what waits, so that it is the key; false for any other. */
static bool strip_next(char *path)
{
    char *slash = strrchr(path, '/');
    char *to = slash ? slash + 1 : path;
    const char *from = to + strlen(BSI_RCLONE_NEXT_PREFIX);

    if (!is_called(path, BSI_RCLONE_NEXT_PREFIX) || *from == '\0') {
        return false;
    }
    while (*from) {
        *to++ = *from++;
    }
    *to = '\0';
    return true;
}

static bool is_below(const char *path, const char *prefix)
{
    const size_t size = strlen(prefix);

    return size == 0 || (strncmp(path, prefix, size) == 0 && path[size] == '/');
}

static bs_status visit_object(void *user, const bsi_rclone_item *item)
{
    listing *self = user;
    const bs_storage_object object = object_of(item);
    char *path = NULL;

    bsi_buf_clear(&self->key);
    BSI_TRY(bsi_buf_append(&self->key, item->path.data, item->path.size));
    BSI_TRY(bsi_buf_append_byte(&self->key, '\0'));
    path = (char *)self->key.data;
    if (item->is_dir || item->size == BSI_RCLONE_NO_SIZE) {
        return BS_OK;
    }
    if (!is_below(path, self->prefix)) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_IO, "rclone lists what was not asked for");
    }
    if (strip_next(path)) {
        BSI_TRY(bsi_buf_append(&self->waiting, &object, sizeof(object)));
        return bsi_buf_append(&self->waiting, path, strlen(path) + 1);
    }
    if (is_called(path, BSI_STORAGE_TEMP_PREFIX) || !bsi_storage_key_is_valid(path)) {
        return BS_OK;
    }
    return bsi_held_add(&self->held, path, &object);
}

/* An object that waits is told of unless it has its name by now and was told. */
static bs_status tell_waiting(listing *self, bsi_rclone *rclone, const bs_call *call,
                              const char *key, const bs_storage_object *object)
{
    bsi_rclone_item item = {.size = 0};
    bs_storage_object present;
    bs_status status = BS_OK;

    if (bsi_held_has(&self->held, key)) {
        return BS_OK;
    }
    status = bsi_rclone_stat(rclone, call, key, &item);
    if (status == BS_E_NOT_FOUND) {
        return bsi_held_add(&self->held, key, object);
    }
    if (status < 0 || self->held.told) {
        return status;
    }
    present = object_of(&item);
    return bsi_held_add(&self->held, key, &present);
}

static bs_status tell_all_waiting(listing *self, bsi_rclone *rclone, const bs_call *call)
{
    bs_status status = BS_OK;

    for (size_t at = 0; at < self->waiting.size && status == BS_OK;) {
        const char *key = (const char *)self->waiting.data + at + sizeof(bs_storage_object);
        bs_storage_object object;

        memcpy(&object, self->waiting.data + at, sizeof(object));
        at += sizeof(object) + strlen(key) + 1;
        status = tell_waiting(self, rclone, call, key, &object);
    }
    return status;
}

static bs_status rclone_list(void *self, const bs_call *call, const char *prefix,
                             bs_storage_list_cb callback, void *user)
{
    rclone_storage *storage = self;
    listing all = {.prefix = prefix};
    bs_status status = BS_OK;

    bsi_held_begin(&all.held, callback, user);
    bsi_buf_init(&all.key, 2 * BSI_RCLONE_ITEM_MAX);
    bsi_buf_init(&all.waiting, WAITING_MAX);
    status = bsi_rclone_walk(&storage->rclone, call, prefix, visit_object, &all);
    if (status == BS_OK) {
        status = tell_all_waiting(&all, &storage->rclone, call);
    }
    bsi_buf_dispose(&all.key);
    bsi_buf_dispose(&all.waiting);
    return bsi_held_end(&all.held, status);
}

/* --- Uploads --- */

static bs_status rclone_put_begin(void *self, const bs_call *call, const char *key,
                                  const bs_storage_put_options *options, void **upload_out)
{
    bsi_rclone_upload *upload = NULL;

    (void)call;
    (void)options;
    if (!can_be_key(key)) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_INVALID,
                        "rclone takes names in UTF-8 without line ends only");
    }
    BSI_TRY(bsi_rclone_upload_begin(&((rclone_storage *)self)->rclone, key, &upload));
    *upload_out = upload;
    return BS_OK;
}

static bs_status rclone_put_write(void *self, const bs_call *call, void *upload, const void *data,
                                  size_t size)
{
    (void)self;
    return bsi_rclone_upload_write(upload, call, data, size);
}

static bs_status rclone_put_commit(void *self, const bs_call *call, void *upload)
{
    (void)self;
    return bsi_rclone_upload_commit(upload, call);
}

static void rclone_put_abort(void *self, void *upload)
{
    (void)self;
    bsi_rclone_upload_abort(upload);
}

/* --- Sweeping --- */

/* What a sweep looks for, and what it finds: the size of each and its path, with a NUL. */
typedef struct sweep {
    int64_t before_ns;
    bsi_buf found;
} sweep;

static bs_status visit_leftover(void *user, const bsi_rclone_item *item)
{
    sweep *self = user;
    const bsi_slice path = item->path;
    const char *slash = memrchr(path.data, '/', path.size);
    const char *name = slash ? slash + 1 : path.data;
    const size_t size = path.size - (size_t)(name - path.data);

    if (item->is_dir || item->mtime_ns == BSI_RCLONE_NO_TIME || item->mtime_ns >= self->before_ns ||
        item->size == BSI_RCLONE_NO_SIZE || size < strlen(BSI_STORAGE_TEMP_PREFIX) ||
        memcmp(name, BSI_STORAGE_TEMP_PREFIX, strlen(BSI_STORAGE_TEMP_PREFIX)) != 0) {
        return BS_OK;
    }
    BSI_TRY(bsi_buf_append(&self->found, &item->size, sizeof(item->size)));
    BSI_TRY(bsi_buf_append(&self->found, path.data, path.size));
    return bsi_buf_append_byte(&self->found, '\0');
}

/* What waits for the place of an object that is gone gets that. */
static bs_status sweep_file(bsi_rclone *rclone, const bs_call *call, const char *path,
                            bool *removed_out)
{
    bsi_rclone_item item = {.size = 0};
    char *key = bsi_strdup(path);
    bs_status status = key ? BS_OK : BS_E_NOMEM;

    *removed_out = false;
    if (key && strip_next(key)) {
        status = bsi_rclone_stat(rclone, call, key, &item);
    }
    if (status == BS_E_NOT_FOUND) {
        status = bsi_rclone_move(rclone, call, path, key);
    } else if (status == BS_OK) {
        status = bsi_rclone_do(rclone, call, "operations/deletefile", path);
        *removed_out = status == BS_OK;
    }
    bsi_free(key);
    return status == BS_E_NOT_FOUND ? BS_OK : status;
}

static bs_status rclone_sweep(void *self, const bs_call *call, int64_t before_ns, uint64_t *objects,
                              uint64_t *bytes)
{
    bsi_rclone *rclone = &((rclone_storage *)self)->rclone;
    sweep all = {.before_ns = before_ns};
    bs_status status = BS_OK;

    if (!bsi_rclone_stages(rclone)) {
        return BS_OK;
    }
    bsi_buf_init(&all.found, WAITING_MAX);
    status = bsi_rclone_walk(rclone, call, "", visit_leftover, &all);
    for (size_t at = 0; at < all.found.size && status == BS_OK;) {
        const char *path = (const char *)all.found.data + at + sizeof(uint64_t);
        uint64_t size = 0;
        bool removed = false;

        memcpy(&size, all.found.data + at, sizeof(size));
        at += sizeof(size) + strlen(path) + 1;
        status = sweep_file(rclone, call, path, &removed);
        *objects += removed ? 1 : 0;
        *bytes += removed ? size : 0;
    }
    bsi_buf_dispose(&all.found);
    return status;
}

/* --- The table --- */

static const bs_storage_option rclone_options[] = {
    {.key = "remote",
     .type = BS_STORAGE_OPTION_TEXT,
     .required = true,
     .help = "Where the objects lie, as rclone has it: NAME:PATH of one of its remotes, "
             ":BACKEND:PATH, or an absolute path here."},
    {.key = "parameters",
     .type = BS_STORAGE_OPTION_TEXT,
     .secret = true,
     .help = "Options of the remote as rclone's connection strings have them: "
             "\"key=value,key=value\"."},
    {.key = "config_file",
     .type = BS_STORAGE_OPTION_PATH,
     .help = "rclone's configuration; where rclone looks by itself without."},
    {.key = "config_pass",
     .type = BS_STORAGE_OPTION_TEXT,
     .secret = true,
     .help = "Opens the configuration when that is encrypted."},
    {.key = "program",
     .type = BS_STORAGE_OPTION_TEXT,
     .fallback = "rclone",
     .help = "The rclone to start; a name is looked up in PATH."},
    {.key = "create",
     .type = BS_STORAGE_OPTION_FLAG,
     .fallback = "true",
     .help = "Make the directory or bucket when it is missing."},
    {.key = "stall_timeout_s",
     .type = BS_STORAGE_OPTION_NUMBER,
     .fallback = "600",
     .help = "Seconds without a byte either way after which a request has failed; rclone is "
             "silent while a service takes an upload that cannot be streamed."},
    {.key = NULL},
};

static const bs_storage_ops rclone_ops = {
    .struct_size = sizeof(bs_storage_ops),
    .self_size = sizeof(rclone_storage),
    .open = rclone_open,
    .close = rclone_close,
    .caps = rclone_caps,
    .stat = rclone_stat,
    .read = rclone_read,
    .list = rclone_list,
    .remove = rclone_remove,
    .put_begin = rclone_put_begin,
    .put_write = rclone_put_write,
    .put_commit = rclone_put_commit,
    .put_abort = rclone_put_abort,
    .sweep = rclone_sweep,
};

/* The only symbol this file gives away. */
const bs_storage_driver bsi_storage_driver_rclone = {
    .struct_size = sizeof(bs_storage_driver),
    .scheme = "rclone",
    .help = "Files of a remote of rclone's, on any service that rclone knows.",
    .ops = &rclone_ops,
    .options = rclone_options,
};
