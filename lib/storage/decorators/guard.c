/* SPDX-License-Identifier: MIT */
/*
 * guard: refuses what would change a storage, or what lies on it.
 */
#include "storage/decorators/guard.h"

#include <string.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "os/entry.h"
#include "storage/decorators/decorate.h"
#include "storage/probe.h"

#define LOCKS "locks/"
enum { LOCK_DIGITS = 64 }; /* Of SHA-256, as restic names its locks. */

typedef struct guard_storage {
    bsi_decorator base;
    bsi_guard_mode mode;
    char *name;
} guard_storage;

/* An upload on its way. */
typedef struct guard_upload {
    void *inner;
    char *key;    /* What must not be there yet; NULL: it may be replaced. */
    bool made_so; /* The driver was told never to replace it, and its caller did not ask that. */
} guard_upload;

/* --- What is refused --- */

static bs_status refuse_writing(const char *name)
{
    return bsi_fail(BS_LAYER_STORAGE, BS_E_READ_ONLY,
                    "storage '%s' is read-only, by its setting read_only", name);
}

static bs_status refuse_changing(const char *name)
{
    return bsi_fail(BS_LAYER_STORAGE, BS_E_READ_ONLY,
                    "storage '%s' is append-only, by its setting append_only: objects are neither "
                    "removed nor replaced",
                    name);
}

bs_status bsi_storage_check_writable(const bsi_storage *storage, const char *name)
{
    return storage->caps & BS_STORAGE_CAP_READ_ONLY ? refuse_writing(name) : BS_OK;
}

bs_status bsi_storage_check_removable(const bsi_storage *storage, const char *name)
{
    BSI_TRY(bsi_storage_check_writable(storage, name));
    return storage->caps & BS_STORAGE_CAP_APPEND_ONLY ? refuse_changing(name) : BS_OK;
}

static bool is_lock(const char *key)
{
    size_t digits = 0;

    if (strncmp(key, LOCKS, strlen(LOCKS)) != 0) {
        return false;
    }
    key += strlen(LOCKS);
    while (bsi_hex_value(key[digits]) >= 0) {
        digits++;
    }
    return digits == LOCK_DIGITS && key[digits] == '\0';
}

/* What is no part of a backup. */
static bool may_go(const char *key)
{
    return is_lock(key) || bsi_path_is_below(bsi_slice_of(key), bsi_slice_of(BSI_PROBE_FOLDER));
}

static bs_status check_change(const guard_storage *guard, const char *key)
{
    switch (guard->mode) {
    case BSI_GUARD_READ_ONLY:
        return refuse_writing(guard->name);
    case BSI_GUARD_APPEND_ONLY:
        return may_go(key) ? BS_OK : refuse_changing(guard->name);
    case BSI_GUARD_NOTHING:
        break;
    }
    return BS_OK;
}

/* --- The methods --- */

static void guard_close(void *self)
{
    guard_storage *guard = self;

    bsi_free(guard->name);
    bsi_decorator_close(self);
}

/* A commit ends the upload, whatever comes back. */
static uint32_t guard_caps(void *self)
{
    const guard_storage *guard = self;
    const uint32_t caps = guard->base.inner->caps & ~(uint32_t)BS_STORAGE_CAP_RESUME;

    switch (guard->mode) {
    case BSI_GUARD_READ_ONLY:
        return (caps & ~(uint32_t)BS_STORAGE_CAP_RENAME) | BS_STORAGE_CAP_READ_ONLY;
    case BSI_GUARD_APPEND_ONLY:
        return (caps & ~(uint32_t)BS_STORAGE_CAP_RENAME) | BS_STORAGE_CAP_APPEND_ONLY;
    case BSI_GUARD_NOTHING:
        break;
    }
    return caps;
}

static bs_status guard_remove(void *self, const bs_call *call, const char *key)
{
    const guard_storage *guard = self;
    const bsi_storage *inner = guard->base.inner;

    BSI_TRY(check_change(guard, key));
    return inner->ops.remove(inner->self, call, key);
}

static bs_status guard_remove_many(void *self, const bs_call *call, const char *const *keys,
                                   size_t count)
{
    const guard_storage *guard = self;
    const bsi_storage *inner = guard->base.inner;

    for (size_t i = 0; i < count; i++) {
        BSI_TRY(check_change(guard, keys[i]));
    }
    return inner->ops.remove_many(inner->self, call, keys, count);
}

static bs_status check_absent(const guard_storage *guard, const bs_call *call, const char *key)
{
    const bsi_storage *inner = guard->base.inner;
    bs_storage_object object = {0};
    const bs_status status = inner->ops.stat(inner->self, call, key, &object);

    if (status == BS_E_NOT_FOUND) {
        return BS_OK;
    }
    return status < 0 ? status : refuse_changing(guard->name);
}

static void upload_free(guard_upload *own)
{
    if (own) {
        bsi_free(own->key);
        bsi_free(own);
    }
}

/* An object that must be new. The driver sees to it itself, or we look. */
static bs_status begin_new(const guard_storage *guard, const bs_call *call, const char *key,
                           const bs_storage_put_options *options, guard_upload *own)
{
    const bsi_storage *inner = guard->base.inner;
    bs_storage_put_options chosen = *options;

    if (inner->caps & BS_STORAGE_CAP_CONDITIONAL_PUT) {
        own->made_so = (options->flags & BS_STORAGE_PUT_EXCLUSIVE) == 0;
        chosen.flags |= BS_STORAGE_PUT_EXCLUSIVE;
    } else {
        BSI_TRY(check_absent(guard, call, key));
        own->key = bsi_strdup(key);
        BSI_TRY(own->key ? BS_OK : BS_E_NOMEM);
    }
    return inner->ops.put_begin(inner->self, call, key, &chosen, &own->inner);
}

static bs_status guard_put_begin(void *self, const bs_call *call, const char *key,
                                 const bs_storage_put_options *options, void **upload_out)
{
    const guard_storage *guard = self;
    const bsi_storage *inner = guard->base.inner;
    const bool append = guard->mode == BSI_GUARD_APPEND_ONLY && !may_go(key);
    guard_upload *own = NULL;
    bs_status status = BS_OK;

    if (guard->mode == BSI_GUARD_READ_ONLY) {
        return refuse_writing(guard->name);
    }
    own = bsi_calloc(1, sizeof(*own));
    if (!own) {
        return BS_E_NOMEM;
    }
    status = append ? begin_new(guard, call, key, options, own)
                    : inner->ops.put_begin(inner->self, call, key, options, &own->inner);
    if (status < 0) {
        upload_free(own);
        return status;
    }
    *upload_out = own;
    return BS_OK;
}

static bs_status guard_put_write(void *self, const bs_call *call, void *upload, const void *data,
                                 size_t size)
{
    const bsi_storage *inner = ((const guard_storage *)self)->base.inner;

    return inner->ops.put_write(inner->self, call, ((const guard_upload *)upload)->inner, data,
                                size);
}

static bs_status guard_put_patch(void *self, const bs_call *call, void *upload, uint64_t offset,
                                 const void *data, size_t size)
{
    const bsi_storage *inner = ((const guard_storage *)self)->base.inner;

    return inner->ops.put_patch(inner->self, call, ((const guard_upload *)upload)->inner, offset,
                                data, size);
}

static bs_status guard_put_commit(void *self, const bs_call *call, void *upload)
{
    const guard_storage *guard = self;
    const bsi_storage *inner = guard->base.inner;
    guard_upload *own = upload;
    bs_status status = own->key ? check_absent(guard, call, own->key) : BS_OK;

    if (status < 0) {
        inner->ops.put_abort(inner->self, own->inner);
    } else {
        status = bsi_storage_commit_or_abort(inner, call, own->inner);
    }
    if (status == BS_E_EXISTS && own->made_so) {
        status = refuse_changing(guard->name);
    }
    upload_free(own);
    return status;
}

static void guard_put_abort(void *self, void *upload)
{
    const bsi_storage *inner = ((const guard_storage *)self)->base.inner;
    guard_upload *own = upload;

    inner->ops.put_abort(inner->self, own->inner);
    upload_free(own);
}

static bs_status guard_rename(void *self, const bs_call *call, const char *from, const char *to)
{
    const guard_storage *guard = self;
    const bsi_storage *inner = guard->base.inner;

    BSI_TRY(check_change(guard, from));
    BSI_TRY(check_change(guard, to));
    return inner->ops.rename(inner->self, call, from, to);
}

static bs_status guard_set_mtime(void *self, const bs_call *call, const char *key, int64_t mtime_ns)
{
    const guard_storage *guard = self;
    const bsi_storage *inner = guard->base.inner;

    BSI_TRY(check_change(guard, key));
    return inner->ops.set_mtime(inner->self, call, key, mtime_ns);
}

static bs_status guard_sweep(void *self, const bs_call *call, int64_t before_ns, uint64_t *objects,
                             uint64_t *bytes)
{
    const guard_storage *guard = self;
    const bsi_storage *inner = guard->base.inner;

    if (guard->mode == BSI_GUARD_READ_ONLY) {
        return refuse_writing(guard->name);
    }
    return inner->ops.sweep(inner->self, call, before_ns, objects, bytes);
}

static const bs_storage_ops guard_ops = {
    .self_size = sizeof(guard_storage),
    .close = guard_close,
    .caps = guard_caps,
    .remove = guard_remove,
    .put_begin = guard_put_begin,
    .put_write = guard_put_write,
    .put_patch = guard_put_patch,
    .put_commit = guard_put_commit,
    .put_abort = guard_put_abort,
    .rename = guard_rename,
    .set_mtime = guard_set_mtime,
    .sweep = guard_sweep,
    .remove_many = guard_remove_many,
};

bs_status bsi_storage_guard_new(bsi_storage *inner, const char *name, bsi_guard_mode mode,
                                bsi_storage **out)
{
    bsi_storage *storage = NULL;
    guard_storage *guard = NULL;

    BSI_TRY(bsi_storage_decorate(inner, &guard_ops, &storage));
    guard = storage->self;
    guard->mode = mode;
    guard->name = bsi_strdup(name);
    if (!guard->name) {
        bsi_storage_unref(storage);
        return BS_E_NOMEM;
    }
    storage->caps = guard_caps(guard);
    *out = storage;
    return BS_OK;
}
