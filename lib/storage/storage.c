/* SPDX-License-Identifier: MIT */
/*
 * The wrappers around a driver's methods: checks, cancellation, error context.
 */
#include "storage/storage.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "os/entry.h"
#include "storage/storage_int.h"
#include "task/budget.h"

enum { SHOWN_KEY_SIZE = 256 };

/* Put what was tried, and with which key, in front of the error's text. */
static bs_status in_context(bs_status status, const bs_call *call, const char *verb,
                            const char *key)
{
    char shown[SHOWN_KEY_SIZE];

    if (status >= 0) {
        return status;
    }
    if (status == BS_E_CANCELLED) { /* A driver need not set the record for this. */
        const bs_status why = bsi_call_check(call);
        return why < 0 ? why : status;
    }
    return bsi_fail_context(BS_LAYER_STORAGE, status, "%s '%s'", verb,
                            bsi_printable(key, strlen(key), shown, sizeof(shown)));
}

static bool is_temporary(const char *key)
{
    const char *slash = strrchr(key, '/');
    const char *name = slash ? slash + 1 : key;

    return strncmp(name, BSI_STORAGE_TEMP_PREFIX, strlen(BSI_STORAGE_TEMP_PREFIX)) == 0;
}

bool bsi_storage_key_is_valid(const char *key)
{
    const size_t size = strnlen(key, BS_STORAGE_KEY_MAX + 1);

    return size <= BS_STORAGE_KEY_MAX && bsi_path_is_safe((bsi_slice){key, size}) &&
           !is_temporary(key);
}

/* What every call begins with. */
static bs_status begin(const bs_call *call, const char *key)
{
    char shown[SHOWN_KEY_SIZE];

    if (!bsi_storage_key_is_valid(key)) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_INVALID, "'%s' cannot be the key of an object",
                        bsi_printable(key, strlen(key), shown, sizeof(shown)));
    }
    return bsi_call_check(call);
}

static bs_status unsupported(const bsi_storage *storage, const char *what)
{
    return bsi_fail(BS_LAYER_STORAGE, BS_E_UNSUPPORTED, "storage '%s' cannot %s", storage->scheme,
                    what);
}

bool bsi_storage_ops_complete(const bs_storage_ops *ops)
{
    return ops->open && ops->close && ops->caps && ops->stat && ops->read && ops->list &&
           ops->remove && ops->put_begin && ops->put_write && ops->put_commit && ops->put_abort;
}

bs_status bsi_storage_new(const char *scheme, const bs_storage_ops *ops, bsi_storage **out)
{
    bsi_storage *storage = bsi_calloc(1, sizeof(*storage));

    if (!storage) {
        return BS_E_NOMEM;
    }
    memcpy(&storage->ops, ops, bsi_min_size(ops->struct_size, sizeof(storage->ops)));
    storage->self = bsi_calloc(1, storage->ops.self_size);
    if (!storage->self) {
        bsi_free(storage);
        return BS_E_NOMEM;
    }
    storage->scheme = scheme;
    atomic_init(&storage->references, 1);
    BSI_ASSERT(bsi_storage_ops_complete(&storage->ops));
    *out = storage;
    return BS_OK;
}

void bsi_storage_discard(bsi_storage *storage)
{
    if (storage) {
        bsi_free(storage->self);
        bsi_free(storage);
    }
}

bs_status bsi_storage_open(const char *scheme, const bsi_setting *settings, size_t count,
                           const bs_call *call, bsi_storage **out)
{
    const bs_storage_driver *driver = NULL;
    bs_storage_settings checked = {.items = settings, .count = count};
    bsi_storage *storage = NULL;
    bs_status status = bsi_storage_check_settings(scheme, settings, count);

    if (status < 0) {
        return status;
    }
    BSI_TRY(bsi_call_check(call));
    BSI_TRY(bsi_storage_driver_find(scheme, &driver));
    BSI_TRY(bsi_storage_new(driver->scheme, driver->ops, &storage));
    checked.options = driver->options;
    status = storage->ops.open(storage->self, call, &checked);
    if (status < 0) {
        bsi_storage_discard(storage);
        return bsi_fail_context(BS_LAYER_STORAGE, status, "opening storage '%s'", scheme);
    }
    storage->caps = storage->ops.caps(storage->self);
    *out = storage;
    return BS_OK;
}

bsi_storage *bsi_storage_ref(bsi_storage *storage)
{
    atomic_fetch_add(&storage->references, 1);
    return storage;
}

void bsi_storage_unref(bsi_storage *storage)
{
    if (storage && atomic_fetch_sub(&storage->references, 1) == 1) {
        storage->ops.close(storage->self);
        bsi_storage_discard(storage);
    }
}

const char *bsi_storage_scheme(const bsi_storage *storage)
{
    return storage->scheme;
}

uint32_t bsi_storage_caps(const bsi_storage *storage)
{
    return storage->caps;
}

static bs_status stat_object(bsi_storage *storage, const bs_call *call, const char *key,
                             bs_storage_object *out)
{
    bs_storage_object object = {.mtime_ns = 0};

    BSI_TRY(storage->ops.stat(storage->self, call, key, &object));
    *out = object;
    return BS_OK;
}

bs_status bsi_storage_stat(bsi_storage *storage, const bs_call *call, const char *key,
                           bs_storage_object *out)
{
    BSI_TRY(begin(call, key));
    return in_context(stat_object(storage, call, key, out), call, "looking up object", key);
}

static bs_status read_nothing(bsi_storage *storage, const bs_call *call, const char *key,
                              uint64_t offset)
{
    bs_storage_object object;

    BSI_TRY(stat_object(storage, call, key, &object));
    if (offset > object.size) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_RANGE, "ends before the range");
    }
    return BS_OK;
}

bs_status bsi_storage_read(bsi_storage *storage, const bs_call *call, const char *key,
                           uint64_t offset, void *buf, size_t size)
{
    uint64_t end = 0;
    bs_status status = BS_OK;

    BSI_TRY(begin(call, key));
    if (!bsi_add_u64(offset, size, &end)) {
        status = bsi_fail(BS_LAYER_STORAGE, BS_E_RANGE, "ends before the range");
    } else if (size == 0) {
        status = read_nothing(storage, call, key, offset);
    } else {
        status = storage->ops.read(storage->self, call, key, offset, buf, size);
    }
    return in_context(status, call, "reading object", key);
}

/* Stands between a driver and the callback of who lists. */
typedef struct listing {
    const bs_call *call;
    bsi_slice prefix;
    bs_storage_list_cb callback;
    void *user;
    bs_status status; /* What the callback ended it with. */
} listing;

static bs_status take_listed(void *user, const char *key, const bs_storage_object *object)
{
    listing *list = user;

    BSI_TRY(bsi_call_check(list->call));
    /* Names that nobody could have put, and objects that are not complete. */
    if (!bsi_storage_key_is_valid(key) || !bsi_path_is_below(bsi_slice_of(key), list->prefix)) {
        return BS_OK;
    }
    list->status = list->callback(list->user, key, object);
    return list->status;
}

bs_status bsi_storage_list(bsi_storage *storage, const bs_call *call, const char *prefix,
                           bs_storage_list_cb callback, void *user)
{
    listing list = {.call = call,
                    .prefix = bsi_slice_of(prefix),
                    .callback = callback,
                    .user = user,
                    .status = BS_OK};
    bs_status status = BS_OK;

    BSI_TRY(prefix[0] == '\0' ? bsi_call_check(call) : begin(call, prefix));
    status = storage->ops.list(storage->self, call, prefix, take_listed, &list);
    if (list.status != BS_OK) {
        return list.status;
    }
    return in_context(status, call, "listing below", prefix);
}

bs_status bsi_storage_remove(bsi_storage *storage, const bs_call *call, const char *key)
{
    BSI_TRY(begin(call, key));
    return in_context(storage->ops.remove(storage->self, call, key), call, "removing object", key);
}

static bs_status remove_some(bsi_storage *storage, const bs_call *call, const char *const *keys,
                             size_t count)
{
    char what[64];

    (void)snprintf(what, sizeof(what), "removing %zu objects, the first of them", count);
    return in_context(storage->ops.remove_many(storage->self, call, keys, count), call, what,
                      keys[0]);
}

bs_status bsi_storage_remove_many(bsi_storage *storage, const bs_call *call,
                                  const char *const *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        BSI_TRY(begin(call, keys[i]));
    }
    for (size_t at = 0; at < count && storage->ops.remove_many;) {
        const size_t some = bsi_min_size(count - at, BS_STORAGE_REMOVE_MAX);
        BSI_TRY(bsi_call_check(call));
        BSI_TRY(remove_some(storage, call, keys + at, some));
        at += some;
    }
    for (size_t i = 0; i < count && !storage->ops.remove_many; i++) {
        BSI_TRY(bsi_storage_remove(storage, call, keys[i]));
    }
    return BS_OK;
}

void bsi_storage_remove_quietly(bsi_storage *storage, const char *key)
{
    bs_error failure;
    bs_status status = BS_OK;

    bsi_error_save(&failure);
    status = bsi_storage_remove(storage, NULL, key);
    (void)status;
    /* One that went well has looked for things as well, and told of what it did not find. */
    bsi_error_restore(&failure);
}

bs_status bsi_storage_rename(bsi_storage *storage, const bs_call *call, const char *from,
                             const char *to)
{
    BSI_TRY(begin(call, from));
    BSI_TRY(begin(call, to));
    if (!storage->ops.rename || (storage->caps & BS_STORAGE_CAP_RENAME) == 0) {
        return unsupported(storage, "rename objects");
    }
    if (strcmp(from, to) == 0) {
        bs_storage_object object;
        return in_context(stat_object(storage, call, from, &object), call, "renaming object", from);
    }
    return in_context(storage->ops.rename(storage->self, call, from, to), call, "renaming object",
                      from);
}

bs_status bsi_storage_free_space(bsi_storage *storage, const bs_call *call, uint64_t *bytes_out)
{
    bs_status status = BS_OK;

    BSI_TRY(bsi_call_check(call));
    if (!storage->ops.free_space || (storage->caps & BS_STORAGE_CAP_FREE_SPACE) == 0) {
        return unsupported(storage, "tell its free space");
    }
    status = storage->ops.free_space(storage->self, call, bytes_out);
    return status < 0 ? bsi_fail_context(BS_LAYER_STORAGE, status, "asking for free space") : BS_OK;
}

bs_status bsi_storage_set_mtime(bsi_storage *storage, const bs_call *call, const char *key,
                                int64_t mtime_ns)
{
    BSI_TRY(begin(call, key));
    if (!storage->ops.set_mtime || (storage->caps & BS_STORAGE_CAP_MTIME) == 0) {
        return unsupported(storage, "change the time of objects");
    }
    return in_context(storage->ops.set_mtime(storage->self, call, key, mtime_ns), call,
                      "setting the time of object", key);
}

bs_status bsi_storage_sweep(bsi_storage *storage, const bs_call *call, int64_t before_ns,
                            uint64_t *objects, uint64_t *bytes)
{
    bs_status status = BS_OK;

    BSI_TRY(bsi_call_check(call));
    if (!storage->ops.sweep) {
        return unsupported(storage, "sweep up what uploads have left");
    }
    status = storage->ops.sweep(storage->self, call, before_ns, objects, bytes);
    return status < 0 ? bsi_fail_context(BS_LAYER_STORAGE, status, "sweeping up") : BS_OK;
}

struct bsi_upload {
    bsi_storage *storage;
    char *key;
    void *inner; /* The driver's. */
    uint64_t size;
    bool patchable;
    bool held; /* All of it waits in `content` for the commit. */
    bool failed;
    bsi_spending *spending; /* What has taken the bytes; NULL. */
    bsi_buf content;
};

static bs_status check_put_options(const bsi_storage *storage,
                                   const bs_storage_put_options *options)
{
    if ((options->flags & BS_STORAGE_PUT_EXCLUSIVE) != 0 &&
        (storage->caps & BS_STORAGE_CAP_CONDITIONAL_PUT) == 0) {
        return unsupported(storage, "put objects only if they are new");
    }
    return BS_OK;
}

bs_status bsi_storage_commit_or_abort(const bsi_storage *storage, const bs_call *call, void *upload)
{
    const bs_status status = storage->ops.put_commit(storage->self, call, upload);

    if (status < 0 && (storage->caps & BS_STORAGE_CAP_RESUME) != 0) {
        storage->ops.put_abort(storage->self, upload);
    }
    return status;
}

static void upload_free(bsi_upload *upload)
{
    if (upload) {
        bsi_storage_unref(upload->storage);
        bsi_buf_dispose(&upload->content);
        bsi_free(upload->key);
        bsi_free(upload);
    }
}

bs_status bsi_upload_begin(bsi_storage *storage, const bs_call *call, const char *key,
                           const bs_storage_put_options *options, bsi_upload **out)
{
    static const bs_storage_put_options defaults = BSI_PUT_DEFAULTS;
    const bs_storage_put_options *chosen = options ? options : &defaults;
    bsi_upload *upload = NULL;
    bs_status status = begin(call, key);

    if (status < 0) {
        return status;
    }
    BSI_TRY(check_put_options(storage, chosen));
    upload = bsi_calloc(1, sizeof(*upload));
    if (!upload) {
        return BS_E_NOMEM;
    }
    bsi_buf_init(&upload->content, BSI_UPLOAD_HELD_MAX);
    upload->storage = bsi_storage_ref(storage);
    upload->patchable = (chosen->flags & BS_STORAGE_PUT_PATCHABLE) != 0;
    upload->held = upload->patchable &&
                   (!storage->ops.put_patch || (storage->caps & BS_STORAGE_CAP_PATCH) == 0);
    upload->key = bsi_strdup(key);
    if (!upload->key) {
        upload_free(upload);
        return BS_E_NOMEM;
    }
    status = storage->ops.put_begin(storage->self, call, key, chosen, &upload->inner);
    if (status < 0) {
        upload_free(upload);
        return in_context(status, call, "storing object", key);
    }
    *out = upload;
    return BS_OK;
}

static bs_status hold(bsi_upload *upload, const void *data, size_t size)
{
    if (size > BSI_UPLOAD_HELD_MAX - upload->content.size) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_UNSUPPORTED,
                        "storage '%s' cannot change the beginning of an object over %d bytes",
                        upload->storage->scheme, BSI_UPLOAD_HELD_MAX);
    }
    return bsi_buf_append(&upload->content, data, size);
}

bs_status bsi_upload_write(bsi_upload *upload, const bs_call *call, const void *data, size_t size)
{
    bsi_storage *storage = upload->storage;
    bs_status status = BS_OK;

    BSI_CHECK(!upload->failed);
    status = bsi_call_check(call);
    if (status == BS_OK && call && call->spending) {
        upload->spending = call->spending;
        status = bsi_spend(upload->spending, size);
    }
    if (status == BS_OK && size > 0) {
        status = upload->held
                     ? hold(upload, data, size)
                     : storage->ops.put_write(storage->self, call, upload->inner, data, size);
    }
    if (status < 0) {
        upload->failed = true;
        return in_context(status, call, "storing object", upload->key);
    }
    upload->size += size;
    return BS_OK;
}

bs_status bsi_upload_patch(bsi_upload *upload, const bs_call *call, uint64_t offset,
                           const void *data, size_t size)
{
    bsi_storage *storage = upload->storage;
    uint64_t end = 0;
    bs_status status = BS_OK;

    BSI_CHECK(!upload->failed);
    BSI_CHECK(upload->patchable);
    BSI_CHECK(bsi_add_u64(offset, size, &end));
    BSI_CHECK(end <= BS_STORAGE_PATCH_MAX && end <= upload->size);
    if (size == 0) {
        return BS_OK;
    }
    if (upload->held) {
        memcpy(upload->content.data + offset, data, size);
        return BS_OK;
    }
    status = storage->ops.put_patch(storage->self, call, upload->inner, offset, data, size);
    if (status < 0) {
        upload->failed = true;
    }
    return in_context(status, call, "storing object", upload->key);
}

uint64_t bsi_upload_size(const bsi_upload *upload)
{
    return upload->size;
}

bs_status bsi_upload_commit(bsi_upload *upload, const bs_call *call)
{
    bsi_storage *storage = upload->storage;
    bs_status status = bsi_call_check(call);

    if (upload->failed) {
        status = bsi_fail(BS_LAYER_STORAGE, BS_E_INTERNAL, "committing an upload that failed");
    }
    if (status == BS_OK && upload->held && upload->content.size > 0) {
        status = storage->ops.put_write(storage->self, call, upload->inner, upload->content.data,
                                        upload->content.size);
    }
    if (status == BS_OK) {
        status = bsi_storage_commit_or_abort(storage, call, upload->inner);
    } else {
        bsi_spend_back(upload->spending, upload->size);
        storage->ops.put_abort(storage->self, upload->inner);
    }
    status = in_context(status, call, "storing object", upload->key);
    upload_free(upload);
    return status;
}

void bsi_upload_abort(bsi_upload *upload)
{
    if (upload) {
        bsi_spend_back(upload->spending, upload->size);
        upload->storage->ops.put_abort(upload->storage->self, upload->inner);
        upload_free(upload);
    }
}

static bs_status put(bsi_storage *storage, const bs_call *call, const char *key, const void *data,
                     size_t size, uint32_t flags)
{
    bs_storage_put_options options = BSI_PUT_DEFAULTS;
    bsi_upload *upload = NULL;
    bs_status status = BS_OK;

    options.flags = flags;
    options.expected_size = size;
    BSI_TRY(bsi_upload_begin(storage, call, key, &options, &upload));
    BSI_CHECK(upload);
    status = bsi_upload_write(upload, call, data, size);
    if (status < 0) {
        bsi_upload_abort(upload);
        return status;
    }
    return bsi_upload_commit(upload, call);
}

bs_status bsi_storage_put(bsi_storage *storage, const bs_call *call, const char *key,
                          const void *data, size_t size)
{
    return put(storage, call, key, data, size, 0);
}

bs_status bsi_storage_put_new(bsi_storage *storage, const bs_call *call, const char *key,
                              const void *data, size_t size)
{
    const bool can_tell = (bsi_storage_caps(storage) & BS_STORAGE_CAP_CONDITIONAL_PUT) != 0;

    return put(storage, call, key, data, size, can_tell ? BS_STORAGE_PUT_EXCLUSIVE : 0);
}

bs_status bsi_storage_load(bsi_storage *storage, const bs_call *call, const char *key,
                           uint64_t max_size, bsi_buf *out)
{
    bs_storage_object object = {.size = 0};
    bs_status status = BS_OK;

    BSI_TRY(bsi_storage_stat(storage, call, key, &object));
    if (object.size > max_size || object.size > SIZE_MAX) {
        status = bsi_fail(BS_LAYER_STORAGE, BS_E_LIMIT, "has %" PRIu64 " bytes, more than %" PRIu64,
                          object.size, max_size);
        return in_context(status, call, "loading object", key);
    }
    BSI_TRY(bsi_buf_reserve(out, (size_t)object.size));
    BSI_TRY(bsi_storage_read(storage, call, key, 0, out->data + out->size, (size_t)object.size));
    out->size += (size_t)object.size;
    return BS_OK;
}
