/* SPDX-License-Identifier: MIT */
/*
 * limits: so many bytes a second, and so many calls at the same time.
 */
#include "storage/decorators/limits.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "os/thread.h"
#include "os/time.h"
#include "storage/decorators/decorate.h"
#include "task/pace.h"

enum {
    LOOK_NS = 50000000,           /* How often it is looked whether a wait is still wanted. */
    UPLOAD_PIECES = 4,            /* So many pieces go in a second, */
    UPLOAD_PIECE_MIN = 16 * 1024, /* but none of less than this, */
    UPLOAD_PIECE_MAX = 1024 * 1024,
    DOWNLOAD_PIECE_MIN = 1024 * 1024, /* nor ranges, each of which is asked for. */
};

typedef struct limits_storage {
    bsi_decorator base;
    const bsi_timezone *zone;
    bsi_pace upload;
    bsi_pace download;

    bsi_mutex lock; /* Guards the rest. */
    bsi_cond free;  /* There is a place. */
    bsi_limits_plan plan;
    uint32_t busy;
} limits_storage;

/* An upload on its way. What comes again after a failure goes on with the same piece. */
typedef struct limits_upload {
    void *inner;
    size_t done;  /* Of the bytes of one call. */
    size_t piece; /* That was begun; 0: none. */
} limits_upload;

/* --- Places --- */

static bool is_full_locked(const limits_storage *limits)
{
    return limits->plan.requests > 0 && limits->busy >= limits->plan.requests;
}

static bs_status enter(limits_storage *limits, const bs_call *call)
{
    bs_status status = bsi_call_check(call);

    bsi_mutex_lock(&limits->lock);
    while (status == BS_OK && is_full_locked(limits)) {
        (void)bsi_cond_wait_until(&limits->free, &limits->lock, bsi_monotonic_ns() + LOOK_NS);
        status = bsi_call_check(call);
    }
    if (status == BS_OK) {
        limits->busy++;
    }
    bsi_mutex_unlock(&limits->lock);
    return status;
}

static void leave(limits_storage *limits)
{
    bsi_mutex_lock(&limits->lock);
    limits->busy--;
    bsi_cond_signal(&limits->free);
    bsi_mutex_unlock(&limits->lock);
}

/* One call of the driver's, in its place. */
#define LIMITED(limits, call, call_inner) \
    do {                                  \
        bs_status status_of_call = BS_OK; \
        BSI_TRY(enter(limits, call));     \
        status_of_call = call_inner;      \
        leave(limits);                    \
        return status_of_call;            \
    } while (0)

/* --- Rates --- */

static uint64_t rate_of(limits_storage *limits, const bsi_timetable *table)
{
    uint64_t rate = 0;

    bsi_mutex_lock(&limits->lock);
    rate = bsi_timetable_rate(table, limits->zone, bsi_now().sec);
    bsi_mutex_unlock(&limits->lock);
    return rate;
}

static uint64_t upload_rate(void *user)
{
    limits_storage *limits = user;

    return rate_of(limits, &limits->plan.upload);
}

static uint64_t download_rate(void *user)
{
    limits_storage *limits = user;

    return rate_of(limits, &limits->plan.download);
}

static size_t upload_piece(limits_storage *limits, size_t size)
{
    const uint64_t rate = upload_rate(limits);
    const uint64_t piece =
        bsi_max_u64(UPLOAD_PIECE_MIN, bsi_min_u64(rate / UPLOAD_PIECES, UPLOAD_PIECE_MAX));

    return rate == 0 ? size : (size_t)bsi_min_u64(piece, size);
}

static size_t download_piece(limits_storage *limits, size_t size)
{
    const uint64_t rate = download_rate(limits);

    return rate == 0 ? size : (size_t)bsi_min_u64(bsi_max_u64(rate, DOWNLOAD_PIECE_MIN), size);
}

/* --- The methods --- */

static void limits_close(void *self)
{
    limits_storage *limits = self;

    bsi_pace_dispose(&limits->upload);
    bsi_pace_dispose(&limits->download);
    bsi_cond_dispose(&limits->free);
    bsi_mutex_dispose(&limits->lock);
    bsi_decorator_close(self);
}

static bs_status limits_stat(void *self, const bs_call *call, const char *key,
                             bs_storage_object *out)
{
    limits_storage *limits = self;
    const bsi_storage *inner = limits->base.inner;

    LIMITED(limits, call, inner->ops.stat(inner->self, call, key, out));
}

static bs_status read_piece(limits_storage *limits, const bs_call *call, const char *key,
                            uint64_t offset, void *buf, size_t size)
{
    const bsi_storage *inner = limits->base.inner;

    BSI_TRY(bsi_pace_take(&limits->download, call, size, download_rate, limits));
    LIMITED(limits, call, inner->ops.read(inner->self, call, key, offset, buf, size));
}

static bs_status limits_read(void *self, const bs_call *call, const char *key, uint64_t offset,
                             void *buf, size_t size)
{
    size_t done = 0;

    while (done < size) {
        const size_t piece = download_piece(self, size - done);
        BSI_TRY(read_piece(self, call, key, offset + done, (uint8_t *)buf + done, piece));
        done += piece;
    }
    return BS_OK;
}

/* Stands between a driver and the callback of who lists, who may ask for something else. */
typedef struct listing {
    limits_storage *limits;
    const bs_call *call;
    bs_storage_list_cb callback;
    void *user;
    bool outside; /* It has no place, and gets none any more. */
} listing;

static bs_status take_listed(void *user, const char *key, const bs_storage_object *object)
{
    listing *list = user;
    bs_status status = BS_OK;
    bs_status entered = BS_OK;

    leave(list->limits);
    list->outside = true;
    status = list->callback(list->user, key, object);
    if (status != BS_OK) {
        return status;
    }
    entered = enter(list->limits, list->call);
    list->outside = entered < 0;
    return entered;
}

static void end_listing(const listing *list)
{
    if (!list->outside) {
        leave(list->limits);
    }
}

static bs_status limits_list(void *self, const bs_call *call, const char *prefix,
                             bs_storage_list_cb callback, void *user)
{
    listing list = {.limits = self, .call = call, .callback = callback, .user = user};
    const bsi_storage *inner = list.limits->base.inner;
    bs_status status = enter(self, call);

    BSI_TRY(status);
    status = inner->ops.list(inner->self, call, prefix, take_listed, &list);
    end_listing(&list);
    return status;
}

static bs_status limits_list_page(void *self, const bs_call *call, const char *prefix,
                                  bs_storage_cursor *cursor, bs_storage_list_cb callback,
                                  void *user)
{
    listing list = {.limits = self, .call = call, .callback = callback, .user = user};
    const bsi_storage *inner = list.limits->base.inner;
    bs_status status = enter(self, call);

    BSI_TRY(status);
    status = inner->ops.list_page(inner->self, call, prefix, cursor, take_listed, &list);
    end_listing(&list);
    return status;
}

static bs_status limits_remove(void *self, const bs_call *call, const char *key)
{
    limits_storage *limits = self;
    const bsi_storage *inner = limits->base.inner;

    LIMITED(limits, call, inner->ops.remove(inner->self, call, key));
}

static bs_status limits_remove_many(void *self, const bs_call *call, const char *const *keys,
                                    size_t count)
{
    limits_storage *limits = self;
    const bsi_storage *inner = limits->base.inner;

    LIMITED(limits, call, inner->ops.remove_many(inner->self, call, keys, count));
}

static bs_status begin_inner(limits_storage *limits, const bs_call *call, const char *key,
                             const bs_storage_put_options *options, void **upload_out)
{
    const bsi_storage *inner = limits->base.inner;

    LIMITED(limits, call, inner->ops.put_begin(inner->self, call, key, options, upload_out));
}

static bs_status limits_put_begin(void *self, const bs_call *call, const char *key,
                                  const bs_storage_put_options *options, void **upload_out)
{
    limits_upload *own = bsi_calloc(1, sizeof(*own));
    bs_status status = BS_OK;

    if (!own) {
        return BS_E_NOMEM;
    }
    status = begin_inner(self, call, key, options, &own->inner);
    if (status < 0) {
        bsi_free(own);
        return status;
    }
    *upload_out = own;
    return BS_OK;
}

static bs_status write_piece(limits_storage *limits, const bs_call *call, void *inner_upload,
                             const void *data, size_t size)
{
    const bsi_storage *inner = limits->base.inner;

    BSI_TRY(bsi_pace_take(&limits->upload, call, size, upload_rate, limits));
    LIMITED(limits, call, inner->ops.put_write(inner->self, call, inner_upload, data, size));
}

static bs_status limits_put_write(void *self, const bs_call *call, void *upload, const void *data,
                                  size_t size)
{
    limits_upload *own = upload;

    while (own->done < size) {
        if (own->piece == 0) {
            own->piece = upload_piece(self, size - own->done);
        }
        BSI_TRY(write_piece(self, call, own->inner, (const uint8_t *)data + own->done, own->piece));
        own->done += own->piece;
        own->piece = 0;
    }
    own->done = 0;
    return BS_OK;
}

static bs_status limits_put_patch(void *self, const bs_call *call, void *upload, uint64_t offset,
                                  const void *data, size_t size)
{
    limits_storage *limits = self;
    const bsi_storage *inner = limits->base.inner;
    const limits_upload *own = upload;

    BSI_TRY(bsi_pace_take(&limits->upload, call, size, upload_rate, limits));
    LIMITED(limits, call, inner->ops.put_patch(inner->self, call, own->inner, offset, data, size));
}

static bool resumes(const limits_storage *limits)
{
    return (limits->base.inner->caps & BS_STORAGE_CAP_RESUME) != 0;
}

static bs_status limits_put_commit(void *self, const bs_call *call, void *upload)
{
    limits_storage *limits = self;
    const bsi_storage *inner = limits->base.inner;
    limits_upload *own = upload;
    bs_status status = enter(limits, call);

    if (status == BS_OK) {
        status = inner->ops.put_commit(inner->self, call, own->inner);
        leave(limits);
    } else if (!resumes(limits)) { /* It never got to the driver, who would have ended it. */
        inner->ops.put_abort(inner->self, own->inner);
    }
    if (status == BS_OK || !resumes(limits)) {
        bsi_free(own);
    }
    return status;
}

/* Cleaning up waits for nobody. */
static void limits_put_abort(void *self, void *upload)
{
    const bsi_storage *inner = ((limits_storage *)self)->base.inner;
    limits_upload *own = upload;

    inner->ops.put_abort(inner->self, own->inner);
    bsi_free(own);
}

static bs_status limits_rename(void *self, const bs_call *call, const char *from, const char *to)
{
    limits_storage *limits = self;
    const bsi_storage *inner = limits->base.inner;

    LIMITED(limits, call, inner->ops.rename(inner->self, call, from, to));
}

static bs_status limits_free_space(void *self, const bs_call *call, uint64_t *bytes_out)
{
    limits_storage *limits = self;
    const bsi_storage *inner = limits->base.inner;

    LIMITED(limits, call, inner->ops.free_space(inner->self, call, bytes_out));
}

static bs_status limits_set_mtime(void *self, const bs_call *call, const char *key,
                                  int64_t mtime_ns)
{
    limits_storage *limits = self;
    const bsi_storage *inner = limits->base.inner;

    LIMITED(limits, call, inner->ops.set_mtime(inner->self, call, key, mtime_ns));
}

static bs_status limits_sweep(void *self, const bs_call *call, int64_t before_ns, uint64_t *objects,
                              uint64_t *bytes)
{
    limits_storage *limits = self;
    const bsi_storage *inner = limits->base.inner;

    LIMITED(limits, call, inner->ops.sweep(inner->self, call, before_ns, objects, bytes));
}

static const bs_storage_ops limits_ops = {
    .self_size = sizeof(limits_storage),
    .close = limits_close,
    .stat = limits_stat,
    .read = limits_read,
    .list = limits_list,
    .remove = limits_remove,
    .put_begin = limits_put_begin,
    .put_write = limits_put_write,
    .put_patch = limits_put_patch,
    .put_commit = limits_put_commit,
    .put_abort = limits_put_abort,
    .rename = limits_rename,
    .free_space = limits_free_space,
    .set_mtime = limits_set_mtime,
    .sweep = limits_sweep,
    .list_page = limits_list_page,
    .remove_many = limits_remove_many,
};

bs_status bsi_storage_limits_new(bsi_storage *inner, const bsi_limits_plan *plan,
                                 const bsi_timezone *zone, bsi_storage **out)
{
    limits_storage *limits = NULL;

    BSI_TRY(bsi_storage_decorate(inner, &limits_ops, out));
    limits = (*out)->self;
    limits->zone = zone;
    bsi_pace_init(&limits->upload);
    bsi_pace_init(&limits->download);
    bsi_mutex_init(&limits->lock);
    bsi_cond_init(&limits->free);
    if (plan) {
        limits->plan = *plan;
    }
    return BS_OK;
}

void bsi_storage_limits_set(bsi_storage *limits, const bsi_limits_plan *plan)
{
    limits_storage *self = limits->self;

    bsi_mutex_lock(&self->lock);
    self->plan = *plan;
    bsi_cond_broadcast(&self->free);
    bsi_mutex_unlock(&self->lock);
}

void bsi_storage_limits_get(bsi_storage *limits, bsi_limits_plan *out)
{
    limits_storage *self = limits->self;

    bsi_mutex_lock(&self->lock);
    *out = self->plan;
    bsi_mutex_unlock(&self->lock);
}
