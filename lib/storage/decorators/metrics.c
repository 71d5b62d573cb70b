/* SPDX-License-Identifier: MIT */
/*
 * metrics: passes everything on, and counts.
 */
#include "storage/decorators/metrics.h"

#include "base/alloc.h"
#include "os/time.h"
#include "storage/storage_int.h"
#include "task/usage.h"

typedef struct op_counters {
    atomic_uint_least64_t ok;
    atomic_uint_least64_t failed;
    atomic_uint_least64_t cancelled;
    atomic_uint_least64_t time_ns;
    atomic_uint_least64_t buckets[BSI_STORAGE_BOUNDS + 1];
} op_counters;

typedef struct metrics_storage {
    bsi_storage *inner;
    bool network;
    op_counters ops[BSI_STORAGE_OP_COUNT];
    atomic_uint_least64_t bytes_sent;
    atomic_uint_least64_t bytes_received;
    atomic_uint_least64_t errors[BSI_STORAGE_CODES];
} metrics_storage;

/* An upload on its way. */
typedef struct metrics_upload {
    void *inner;
    int64_t spent_ns; /* Inside of the driver so far. */
    bool counted;     /* It has failed, and was counted then. */
} metrics_upload;

const double bsi_storage_bounds[BSI_STORAGE_BOUNDS] = {0.001, 0.005, 0.01, 0.05, 0.1,
                                                       0.5,   1,     5,    10,   60};

const char *bsi_storage_op_name(bsi_storage_op op)
{
    static const char *const names[BSI_STORAGE_OP_COUNT] = {
        [BSI_STORAGE_OP_STAT] = "stat",   [BSI_STORAGE_OP_READ] = "read",
        [BSI_STORAGE_OP_LIST] = "list",   [BSI_STORAGE_OP_REMOVE] = "remove",
        [BSI_STORAGE_OP_PUT] = "put",     [BSI_STORAGE_OP_RENAME] = "rename",
        [BSI_STORAGE_OP_OTHER] = "other",
    };

    return names[op];
}

/* --- Counting --- */

static bool is_answer(bs_status status)
{
    return status >= 0 || status == BS_E_NOT_FOUND || status == BS_E_RANGE ||
           status == BS_E_EXISTS || status == BS_E_UNSUPPORTED;
}

static void add(atomic_uint_least64_t *counter, uint64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

static void count_time(op_counters *counters, int64_t ns)
{
    size_t bucket = 0;

    while (bucket < BSI_STORAGE_BOUNDS && (double)ns / 1e9 > bsi_storage_bounds[bucket]) {
        bucket++;
    }
    add(&counters->buckets[bucket], 1);
    add(&counters->time_ns, (uint64_t)ns);
}

static void count(metrics_storage *self, bsi_storage_op op, bs_status status, int64_t ns)
{
    op_counters *counters = &self->ops[op];
    const int code = -(int)status;

    if (status == BS_E_CANCELLED) {
        add(&counters->cancelled, 1);
        return;
    }
    if (is_answer(status)) {
        add(&counters->ok, 1);
    } else {
        add(&counters->failed, 1);
        add(&self->errors[code < BSI_STORAGE_CODES ? code : 0], 1);
    }
    count_time(counters, ns);
}

static bs_status counted(metrics_storage *self, bsi_storage_op op, int64_t began, bs_status status)
{
    count(self, op, status, bsi_monotonic_ns() - began);
    return status;
}

static void count_bytes(metrics_storage *self, uint64_t sent, uint64_t received)
{
    add(&self->bytes_sent, sent);
    add(&self->bytes_received, received);
    if (self->network) {
        bsi_usage_add_network(sent, received);
    }
}

/* --- The methods --- */

static bs_status metrics_open(void *self, const bs_call *call, const bs_storage_settings *settings)
{
    (void)self;
    (void)call;
    (void)settings;
    return BS_OK;
}

static void metrics_close(void *self)
{
    const metrics_storage *metrics = self;

    bsi_storage_unref(metrics->inner);
}

/* A failed upload was counted: it cannot go on. */
static uint32_t metrics_caps(void *self)
{
    const metrics_storage *metrics = self;

    return metrics->inner->caps & ~(uint32_t)BS_STORAGE_CAP_RESUME;
}

static bs_status metrics_stat(void *self, const bs_call *call, const char *key,
                              bs_storage_object *out)
{
    metrics_storage *metrics = self;
    const bsi_storage *inner = metrics->inner;
    const int64_t began = bsi_monotonic_ns();

    return counted(metrics, BSI_STORAGE_OP_STAT, began,
                   inner->ops.stat(inner->self, call, key, out));
}

static bs_status metrics_read(void *self, const bs_call *call, const char *key, uint64_t offset,
                              void *buf, size_t size)
{
    metrics_storage *metrics = self;
    const bsi_storage *inner = metrics->inner;
    const int64_t began = bsi_monotonic_ns();
    const bs_status status = inner->ops.read(inner->self, call, key, offset, buf, size);

    if (status >= 0) {
        count_bytes(metrics, 0, size);
    }
    return counted(metrics, BSI_STORAGE_OP_READ, began, status);
}

/* Stands between a driver and the callback of who lists. */
typedef struct listing {
    bs_storage_list_cb callback;
    void *user;
    int64_t spent_ns; /* In the callback. */
    bool stopped;     /* By the callback: no failure of the storage. */
} listing;

static bs_status take_listed(void *user, const char *key, const bs_storage_object *object)
{
    listing *list = user;
    const int64_t began = bsi_monotonic_ns();
    const bs_status status = list->callback(list->user, key, object);

    list->spent_ns += bsi_monotonic_ns() - began;
    list->stopped = status != BS_OK;
    return status;
}

static bs_status metrics_list(void *self, const bs_call *call, const char *prefix,
                              bs_storage_list_cb callback, void *user)
{
    metrics_storage *metrics = self;
    const bsi_storage *inner = metrics->inner;
    listing list = {.callback = callback, .user = user};
    const int64_t began = bsi_monotonic_ns();
    const bs_status status = inner->ops.list(inner->self, call, prefix, take_listed, &list);

    count(metrics, BSI_STORAGE_OP_LIST, list.stopped ? BS_OK : status,
          bsi_monotonic_ns() - began - list.spent_ns);
    return status;
}

static bs_status metrics_remove(void *self, const bs_call *call, const char *key)
{
    metrics_storage *metrics = self;
    const bsi_storage *inner = metrics->inner;
    const int64_t began = bsi_monotonic_ns();

    return counted(metrics, BSI_STORAGE_OP_REMOVE, began,
                   inner->ops.remove(inner->self, call, key));
}

/* A step of an upload: only what ends it is counted. */
static bs_status step(metrics_storage *self, metrics_upload *upload, int64_t began,
                      bs_status status)
{
    upload->spent_ns += bsi_monotonic_ns() - began;
    if (status < 0) {
        count(self, BSI_STORAGE_OP_PUT, status, upload->spent_ns);
        upload->counted = true;
    }
    return status;
}

static bs_status metrics_put_begin(void *self, const bs_call *call, const char *key,
                                   const bs_storage_put_options *options, void **upload_out)
{
    metrics_storage *metrics = self;
    const bsi_storage *inner = metrics->inner;
    metrics_upload *upload = bsi_calloc(1, sizeof(*upload));
    const int64_t began = bsi_monotonic_ns();
    bs_status status = BS_OK;

    if (!upload) {
        return BS_E_NOMEM;
    }
    status = inner->ops.put_begin(inner->self, call, key, options, &upload->inner);
    status = step(metrics, upload, began, status);
    if (status < 0) {
        bsi_free(upload);
        return status;
    }
    *upload_out = upload;
    return BS_OK;
}

static bs_status metrics_put_write(void *self, const bs_call *call, void *upload, const void *data,
                                   size_t size)
{
    metrics_storage *metrics = self;
    const bsi_storage *inner = metrics->inner;
    metrics_upload *own = upload;
    const int64_t began = bsi_monotonic_ns();
    const bs_status status = inner->ops.put_write(inner->self, call, own->inner, data, size);

    if (status >= 0) {
        count_bytes(metrics, size, 0);
    }
    return step(metrics, own, began, status);
}

static bs_status metrics_put_patch(void *self, const bs_call *call, void *upload, uint64_t offset,
                                   const void *data, size_t size)
{
    metrics_storage *metrics = self;
    const bsi_storage *inner = metrics->inner;
    metrics_upload *own = upload;
    const int64_t began = bsi_monotonic_ns();
    const bs_status status =
        inner->ops.put_patch(inner->self, call, own->inner, offset, data, size);

    if (status >= 0) {
        count_bytes(metrics, size, 0);
    }
    return step(metrics, own, began, status);
}

static bs_status metrics_put_commit(void *self, const bs_call *call, void *upload)
{
    metrics_storage *metrics = self;
    const bsi_storage *inner = metrics->inner;
    metrics_upload *own = upload;
    const int64_t began = bsi_monotonic_ns() - own->spent_ns;
    const bs_status status = bsi_storage_commit_or_abort(inner, call, own->inner);

    bsi_free(own);
    return counted(metrics, BSI_STORAGE_OP_PUT, began, status);
}

/* What the caller gives up by itself is no failure of the storage. */
static void metrics_put_abort(void *self, void *upload)
{
    metrics_storage *metrics = self;
    const bsi_storage *inner = metrics->inner;
    metrics_upload *own = upload;

    if (!own->counted) {
        count(metrics, BSI_STORAGE_OP_PUT, BS_E_CANCELLED, 0);
    }
    inner->ops.put_abort(inner->self, own->inner);
    bsi_free(own);
}

static bs_status metrics_rename(void *self, const bs_call *call, const char *from, const char *to)
{
    metrics_storage *metrics = self;
    const bsi_storage *inner = metrics->inner;
    const int64_t began = bsi_monotonic_ns();

    return counted(metrics, BSI_STORAGE_OP_RENAME, began,
                   inner->ops.rename(inner->self, call, from, to));
}

static bs_status metrics_free_space(void *self, const bs_call *call, uint64_t *bytes_out)
{
    metrics_storage *metrics = self;
    const bsi_storage *inner = metrics->inner;
    const int64_t began = bsi_monotonic_ns();

    return counted(metrics, BSI_STORAGE_OP_OTHER, began,
                   inner->ops.free_space(inner->self, call, bytes_out));
}

static bs_status metrics_set_mtime(void *self, const bs_call *call, const char *key,
                                   int64_t mtime_ns)
{
    metrics_storage *metrics = self;
    const bsi_storage *inner = metrics->inner;
    const int64_t began = bsi_monotonic_ns();

    return counted(metrics, BSI_STORAGE_OP_OTHER, began,
                   inner->ops.set_mtime(inner->self, call, key, mtime_ns));
}

static bs_status metrics_sweep(void *self, const bs_call *call, int64_t before_ns,
                               uint64_t *objects, uint64_t *bytes)
{
    metrics_storage *metrics = self;
    const bsi_storage *inner = metrics->inner;
    const int64_t began = bsi_monotonic_ns();

    return counted(metrics, BSI_STORAGE_OP_OTHER, began,
                   inner->ops.sweep(inner->self, call, before_ns, objects, bytes));
}

static bs_status metrics_remove_many(void *self, const bs_call *call, const char *const *keys,
                                     size_t count)
{
    metrics_storage *metrics = self;
    const bsi_storage *inner = metrics->inner;
    const int64_t began = bsi_monotonic_ns();

    return counted(metrics, BSI_STORAGE_OP_REMOVE, began,
                   inner->ops.remove_many(inner->self, call, keys, count));
}

static const bs_storage_ops metrics_ops = {
    .struct_size = sizeof(bs_storage_ops),
    .self_size = sizeof(metrics_storage),
    .open = metrics_open,
    .close = metrics_close,
    .caps = metrics_caps,
    .stat = metrics_stat,
    .read = metrics_read,
    .list = metrics_list,
    .remove = metrics_remove,
    .put_begin = metrics_put_begin,
    .put_write = metrics_put_write,
    .put_patch = metrics_put_patch,
    .put_commit = metrics_put_commit,
    .put_abort = metrics_put_abort,
    .rename = metrics_rename,
    .free_space = metrics_free_space,
    .set_mtime = metrics_set_mtime,
    .sweep = metrics_sweep,
    .remove_many = metrics_remove_many,
};

/* What the driver cannot do, we cannot. */
static void leave_out(bs_storage_ops *ops, const bs_storage_ops *inner)
{
    ops->put_patch = inner->put_patch ? ops->put_patch : NULL;
    ops->rename = inner->rename ? ops->rename : NULL;
    ops->free_space = inner->free_space ? ops->free_space : NULL;
    ops->set_mtime = inner->set_mtime ? ops->set_mtime : NULL;
    ops->sweep = inner->sweep ? ops->sweep : NULL;
    ops->remove_many = inner->remove_many ? ops->remove_many : NULL;
}

bs_status bsi_storage_metrics_new(bsi_storage *inner, bsi_storage **out)
{
    bsi_storage *storage = NULL;
    metrics_storage *metrics = NULL;

    BSI_TRY(bsi_storage_new(inner->scheme, &metrics_ops, &storage));
    metrics = storage->self;
    metrics->inner = bsi_storage_ref(inner);
    metrics->network = (inner->caps & BS_STORAGE_CAP_NETWORK) != 0;
    storage->caps = metrics_caps(metrics);
    leave_out(&storage->ops, &inner->ops);
    *out = storage;
    return BS_OK;
}

static void read_op(const op_counters *counters, bsi_storage_op_numbers *out)
{
    out->ok = atomic_load(&counters->ok);
    out->failed = atomic_load(&counters->failed);
    out->cancelled = atomic_load(&counters->cancelled);
    out->time_ns = atomic_load(&counters->time_ns);
    for (size_t i = 0; i <= BSI_STORAGE_BOUNDS; i++) {
        out->buckets[i] = atomic_load(&counters->buckets[i]);
    }
}

void bsi_storage_metrics_read(const bsi_storage *metrics, bsi_storage_numbers *out)
{
    const metrics_storage *self = metrics->self;

    for (size_t i = 0; i < BSI_STORAGE_OP_COUNT; i++) {
        read_op(&self->ops[i], &out->ops[i]);
    }
    out->bytes_sent = atomic_load(&self->bytes_sent);
    out->bytes_received = atomic_load(&self->bytes_received);
    for (size_t i = 0; i < BSI_STORAGE_CODES; i++) {
        out->errors[i] = atomic_load(&self->errors[i]);
    }
}
