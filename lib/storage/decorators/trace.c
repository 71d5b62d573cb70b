/* SPDX-License-Identifier: MIT */
/*
 * trace: passes everything on, and tells of it.
 */
#include "storage/decorators/trace.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "os/time.h"
#include "storage/decorators/decorate.h"

enum {
    NS_PER_MS = 1000000,
    SHOWN_KEY_SIZE = 256,
};

typedef struct trace_storage {
    bsi_decorator base;
    const bsi_log *log;
    char *name;
} trace_storage;

/* An upload on its way. */
typedef struct trace_upload {
    void *inner;
    uint64_t bytes;
    int64_t spent_ns;
    bool told;  /* Of a failure. */
    char key[]; /* Ends in NUL. */
} trace_upload;

/* --- Telling --- */

static void tell(const trace_storage *trace, const char *what, const char *key, uint64_t bytes,
                 int64_t ns, bs_status status)
{
    char shown[SHOWN_KEY_SIZE];
    bs_error failure;

    bsi_error_save(&failure); /* Who takes the line may come to grief as well. */
    bsi_log_write(trace->log, BS_LOG_DEBUG, "storage",
                  "'%s': %s '%s', %" PRIu64 " bytes, %" PRId64 " ms, %s", trace->name, what,
                  bsi_printable(key, strlen(key), shown, sizeof(shown)), bytes, ns / NS_PER_MS,
                  bs_status_name(status));
    bsi_error_restore(&failure);
}

/* A call that began then, with so many bytes if it went well. */
static bs_status told(const trace_storage *trace, const char *what, const char *key, uint64_t bytes,
                      int64_t began_ns, bs_status status)
{
    tell(trace, what, key, status < 0 ? 0 : bytes, bsi_monotonic_ns() - began_ns, status);
    return status;
}

/* --- The methods --- */

static void trace_close(void *self)
{
    trace_storage *trace = self;

    bsi_free(trace->name);
    bsi_decorator_close(self);
}

static bs_status trace_stat(void *self, const bs_call *call, const char *key,
                            bs_storage_object *out)
{
    const trace_storage *trace = self;
    const bsi_storage *inner = trace->base.inner;
    const int64_t began = bsi_monotonic_ns();

    return told(trace, "stat", key, 0, began, inner->ops.stat(inner->self, call, key, out));
}

static bs_status trace_read(void *self, const bs_call *call, const char *key, uint64_t offset,
                            void *buf, size_t size)
{
    const trace_storage *trace = self;
    const bsi_storage *inner = trace->base.inner;
    const int64_t began = bsi_monotonic_ns();

    return told(trace, "read", key, size, began,
                inner->ops.read(inner->self, call, key, offset, buf, size));
}

/* What the callback says is no failure of the storage, and its time is its own. */
typedef struct listing {
    bs_storage_list_cb callback;
    void *user;
    int64_t spent_ns;
    bs_status status;
} listing;

static bs_status take_listed(void *user, const char *key, const bs_storage_object *object)
{
    listing *list = user;
    const int64_t began = bsi_monotonic_ns();

    list->status = list->callback(list->user, key, object);
    list->spent_ns += bsi_monotonic_ns() - began;
    return list->status;
}

static bs_status told_listing(const trace_storage *trace, const char *prefix, const listing *list,
                              int64_t began_ns, bs_status status)
{
    tell(trace, "list", prefix, 0, bsi_monotonic_ns() - began_ns - list->spent_ns,
         list->status == BS_OK ? status : BS_OK);
    return status;
}

static bs_status trace_list(void *self, const bs_call *call, const char *prefix,
                            bs_storage_list_cb callback, void *user)
{
    const trace_storage *trace = self;
    const bsi_storage *inner = trace->base.inner;
    listing list = {.callback = callback, .user = user, .status = BS_OK};
    const int64_t began = bsi_monotonic_ns();
    const bs_status status = inner->ops.list(inner->self, call, prefix, take_listed, &list);

    return told_listing(trace, prefix, &list, began, status);
}

static bs_status trace_list_page(void *self, const bs_call *call, const char *prefix,
                                 bs_storage_cursor *cursor, bs_storage_list_cb callback, void *user)
{
    const trace_storage *trace = self;
    const bsi_storage *inner = trace->base.inner;
    listing list = {.callback = callback, .user = user, .status = BS_OK};
    const int64_t began = bsi_monotonic_ns();
    const bs_status status =
        inner->ops.list_page(inner->self, call, prefix, cursor, take_listed, &list);

    return told_listing(trace, prefix, &list, began, status);
}

static bs_status trace_remove(void *self, const bs_call *call, const char *key)
{
    const trace_storage *trace = self;
    const bsi_storage *inner = trace->base.inner;
    const int64_t began = bsi_monotonic_ns();

    return told(trace, "remove", key, 0, began, inner->ops.remove(inner->self, call, key));
}

static bs_status trace_remove_many(void *self, const bs_call *call, const char *const *keys,
                                   size_t count)
{
    const trace_storage *trace = self;
    const bsi_storage *inner = trace->base.inner;
    const int64_t began = bsi_monotonic_ns();

    return told(trace, count > 1 ? "remove with others" : "remove", keys[0], 0, began,
                inner->ops.remove_many(inner->self, call, keys, count));
}

/* A step of an upload: what fails is told at once. */
static bs_status step(const trace_storage *trace, trace_upload *own, int64_t began_ns,
                      uint64_t bytes, bs_status status)
{
    own->spent_ns += bsi_monotonic_ns() - began_ns;
    own->told = status < 0;
    if (status < 0) {
        tell(trace, "put", own->key, own->bytes, own->spent_ns, status);
    } else {
        own->bytes += bytes;
    }
    return status;
}

static bs_status trace_put_begin(void *self, const bs_call *call, const char *key,
                                 const bs_storage_put_options *options, void **upload_out)
{
    const trace_storage *trace = self;
    const bsi_storage *inner = trace->base.inner;
    const size_t size = strlen(key) + 1;
    trace_upload *own = bsi_calloc(1, sizeof(*own) + size);
    const int64_t began = bsi_monotonic_ns();
    bs_status status = BS_OK;

    if (!own) {
        return BS_E_NOMEM;
    }
    memcpy(own->key, key, size);
    status = inner->ops.put_begin(inner->self, call, key, options, &own->inner);
    status = step(trace, own, began, 0, status);
    if (status < 0) {
        bsi_free(own);
        return status;
    }
    *upload_out = own;
    return BS_OK;
}

static bs_status trace_put_write(void *self, const bs_call *call, void *upload, const void *data,
                                 size_t size)
{
    const trace_storage *trace = self;
    const bsi_storage *inner = trace->base.inner;
    trace_upload *own = upload;
    const int64_t began = bsi_monotonic_ns();

    return step(trace, own, began, size,
                inner->ops.put_write(inner->self, call, own->inner, data, size));
}

static bs_status trace_put_patch(void *self, const bs_call *call, void *upload, uint64_t offset,
                                 const void *data, size_t size)
{
    const trace_storage *trace = self;
    const bsi_storage *inner = trace->base.inner;
    trace_upload *own = upload;
    const int64_t began = bsi_monotonic_ns();

    return step(trace, own, began, 0,
                inner->ops.put_patch(inner->self, call, own->inner, offset, data, size));
}

static bs_status trace_put_commit(void *self, const bs_call *call, void *upload)
{
    const trace_storage *trace = self;
    const bsi_storage *inner = trace->base.inner;
    trace_upload *own = upload;
    const int64_t began = bsi_monotonic_ns();
    const bs_status status =
        step(trace, own, began, 0, inner->ops.put_commit(inner->self, call, own->inner));

    if (status == BS_OK) {
        tell(trace, "put", own->key, own->bytes, own->spent_ns, status);
    }
    if (status == BS_OK || (inner->caps & BS_STORAGE_CAP_RESUME) == 0) {
        bsi_free(own);
    }
    return status;
}

static void trace_put_abort(void *self, void *upload)
{
    const trace_storage *trace = self;
    const bsi_storage *inner = trace->base.inner;
    trace_upload *own = upload;

    inner->ops.put_abort(inner->self, own->inner);
    if (!own->told) {
        tell(trace, "put", own->key, own->bytes, own->spent_ns, BS_E_CANCELLED);
    }
    bsi_free(own);
}

static bs_status trace_rename(void *self, const bs_call *call, const char *from, const char *to)
{
    const trace_storage *trace = self;
    const bsi_storage *inner = trace->base.inner;
    const int64_t began = bsi_monotonic_ns();

    return told(trace, "rename", from, 0, began, inner->ops.rename(inner->self, call, from, to));
}

static bs_status trace_free_space(void *self, const bs_call *call, uint64_t *bytes_out)
{
    const trace_storage *trace = self;
    const bsi_storage *inner = trace->base.inner;
    const int64_t began = bsi_monotonic_ns();

    return told(trace, "free space", "", 0, began,
                inner->ops.free_space(inner->self, call, bytes_out));
}

static bs_status trace_set_mtime(void *self, const bs_call *call, const char *key, int64_t mtime_ns)
{
    const trace_storage *trace = self;
    const bsi_storage *inner = trace->base.inner;
    const int64_t began = bsi_monotonic_ns();

    return told(trace, "set time", key, 0, began,
                inner->ops.set_mtime(inner->self, call, key, mtime_ns));
}

static bs_status trace_sweep(void *self, const bs_call *call, int64_t before_ns, uint64_t *objects,
                             uint64_t *bytes)
{
    const trace_storage *trace = self;
    const bsi_storage *inner = trace->base.inner;
    const int64_t began = bsi_monotonic_ns();

    return told(trace, "sweep", "", 0, began,
                inner->ops.sweep(inner->self, call, before_ns, objects, bytes));
}

static const bs_storage_ops trace_ops = {
    .self_size = sizeof(trace_storage),
    .close = trace_close,
    .stat = trace_stat,
    .read = trace_read,
    .list = trace_list,
    .remove = trace_remove,
    .put_begin = trace_put_begin,
    .put_write = trace_put_write,
    .put_patch = trace_put_patch,
    .put_commit = trace_put_commit,
    .put_abort = trace_put_abort,
    .rename = trace_rename,
    .free_space = trace_free_space,
    .set_mtime = trace_set_mtime,
    .sweep = trace_sweep,
    .list_page = trace_list_page,
    .remove_many = trace_remove_many,
};

bs_status bsi_storage_trace_new(bsi_storage *inner, const char *name, const bsi_log *log,
                                bsi_storage **out)
{
    bsi_storage *storage = NULL;
    trace_storage *trace = NULL;

    BSI_TRY(bsi_storage_decorate(inner, &trace_ops, &storage));
    trace = storage->self;
    trace->log = log;
    trace->name = bsi_strdup(name);
    if (!trace->name) {
        bsi_storage_unref(storage);
        return BS_E_NOMEM;
    }
    *out = storage;
    return BS_OK;
}
