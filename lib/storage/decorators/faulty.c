/* SPDX-License-Identifier: MIT */
/*
 * faulty: passes everything on, and fails the n-th operation by plan.
 */
#include "storage/decorators/faulty.h"

#include "base/alloc.h"
#include "os/thread.h"
#include "os/time.h"
#include "storage/storage_int.h"

enum { NS_PER_US = 1000 };

typedef struct faulty_storage {
    bsi_storage *inner;
    bsi_mutex lock; /* Guards plan and count. */
    bsi_cond never; /* Nobody signals it: to wait for a while. */
    bsi_faulty_plan plan;
    uint64_t count;
} faulty_storage;

/* An upload on its way. */
typedef struct faulty_upload {
    void *inner; /* NULL: it was committed, and the answer got lost. */
} faulty_upload;

typedef enum faulty_verdict { PASS, FAIL_BEFORE, FAIL_AFTER, GARBLE } faulty_verdict;

static bool is_hit(const bsi_faulty_plan *plan, uint64_t count)
{
    if (plan->at == 0) {
        return false;
    }
    return count == plan->at || (plan->forever && count > plan->at) ||
           (plan->every && count % plan->at == 0);
}

/* So long as the number of the call says, which is as good as chance. */
static void wait_locked(faulty_storage *faulty)
{
    const uint64_t mixed = faulty->count * UINT64_C(0x9e3779b97f4a7c15) >> 32;
    const int64_t wait_ns = (int64_t)(mixed % faulty->plan.delay_us) * NS_PER_US;
    const int64_t until_ns = bsi_monotonic_ns() + wait_ns;

    while (bsi_cond_wait_until(&faulty->never, &faulty->lock, until_ns)) {
    }
}

static faulty_verdict judge(faulty_storage *faulty, uint32_t op, bsi_faulty_plan *plan_out)
{
    faulty_verdict verdict = PASS;
    const bsi_faulty_plan *plan = &faulty->plan;

    bsi_mutex_lock(&faulty->lock);
    *plan_out = *plan;
    if (plan->op_mask == 0 || (plan->op_mask & op) != 0) {
        faulty->count++;
        if (is_hit(plan, faulty->count)) {
            verdict = plan->after ? FAIL_AFTER : FAIL_BEFORE;
            verdict = plan->garble ? GARBLE : verdict;
        }
        if (plan->delay_us > 0) {
            wait_locked(faulty);
        }
    }
    bsi_mutex_unlock(&faulty->lock);
    return verdict;
}

static bs_status planned_failure(const bsi_faulty_plan *plan)
{
    (void)bsi_fail(BS_LAYER_STORAGE, plan->code, "a planned failure");
    bs_error error;
    bsi_error_save(&error);
    error.retry = plan->retry;
    bsi_error_restore(&error);
    return plan->code;
}

/* For operations that either are done or are not. */
#define FAULTY_CALL(faulty, op, call_inner)     \
    do {                                        \
        bsi_faulty_plan plan;                   \
        if (judge(faulty, op, &plan) != PASS) { \
            return planned_failure(&plan);      \
        }                                       \
        return call_inner;                      \
    } while (0)

/* For operations whose success may get lost on the way back. */
#define FAULTY_CHANGE(faulty, op, call_inner)                    \
    do {                                                         \
        bsi_faulty_plan plan;                                    \
        const faulty_verdict verdict = judge(faulty, op, &plan); \
        if (verdict == FAIL_BEFORE) {                            \
            return planned_failure(&plan);                       \
        }                                                        \
        const bs_status status = call_inner;                     \
        if (status == BS_OK && verdict == FAIL_AFTER) {          \
            return planned_failure(&plan);                       \
        }                                                        \
        return status;                                           \
    } while (0)

static bs_status faulty_open(void *self, const bs_call *call, const bs_storage_settings *settings)
{
    (void)self;
    (void)call;
    (void)settings;
    return BS_OK;
}

static void faulty_close(void *self)
{
    faulty_storage *faulty = self;

    bsi_storage_unref(faulty->inner);
    bsi_cond_dispose(&faulty->never);
    bsi_mutex_dispose(&faulty->lock);
}

static uint32_t faulty_caps(void *self)
{
    const faulty_storage *faulty = self;

    return faulty->inner->caps;
}

static bs_status faulty_stat(void *self, const bs_call *call, const char *key,
                             bs_storage_object *out)
{
    faulty_storage *faulty = self;
    bsi_storage *inner = faulty->inner;

    FAULTY_CALL(faulty, BSI_FAULTY_STAT, inner->ops.stat(inner->self, call, key, out));
}

static bs_status faulty_read(void *self, const bs_call *call, const char *key, uint64_t offset,
                             void *buf, size_t size)
{
    faulty_storage *faulty = self;
    bsi_storage *inner = faulty->inner;
    bsi_faulty_plan plan;
    const faulty_verdict verdict = judge(faulty, BSI_FAULTY_READ, &plan);

    if (verdict == FAIL_BEFORE || verdict == FAIL_AFTER) {
        return planned_failure(&plan);
    }
    BSI_TRY(inner->ops.read(inner->self, call, key, offset, buf, size));
    if (verdict == GARBLE) {
        uint8_t *bytes = buf;
        bytes[size / 2] ^= 1;
    }
    return BS_OK;
}

static bs_status faulty_list(void *self, const bs_call *call, const char *prefix,
                             bs_storage_list_cb callback, void *user)
{
    faulty_storage *faulty = self;
    bsi_storage *inner = faulty->inner;

    FAULTY_CALL(faulty, BSI_FAULTY_LIST,
                inner->ops.list(inner->self, call, prefix, callback, user));
}

static bs_status faulty_remove(void *self, const bs_call *call, const char *key)
{
    faulty_storage *faulty = self;
    bsi_storage *inner = faulty->inner;

    FAULTY_CHANGE(faulty, BSI_FAULTY_REMOVE, inner->ops.remove(inner->self, call, key));
}

static bs_status begin_inner(const bsi_storage *inner, const bs_call *call, const char *key,
                             const bs_storage_put_options *options, void **upload_out)
{
    faulty_upload *own = bsi_calloc(1, sizeof(*own));
    bs_status status = BS_E_NOMEM;

    if (!own) {
        return status;
    }
    status = inner->ops.put_begin(inner->self, call, key, options, &own->inner);
    if (status < 0) {
        bsi_free(own);
        return status;
    }
    *upload_out = own;
    return BS_OK;
}

static bs_status faulty_remove_many(void *self, const bs_call *call, const char *const *keys,
                                    size_t count)
{
    faulty_storage *faulty = self;
    const bsi_storage *inner = faulty->inner;

    FAULTY_CHANGE(faulty, BSI_FAULTY_REMOVE,
                  inner->ops.remove_many(inner->self, call, keys, count));
}

static bs_status faulty_put_begin(void *self, const bs_call *call, const char *key,
                                  const bs_storage_put_options *options, void **upload_out)
{
    faulty_storage *faulty = self;

    FAULTY_CALL(faulty, BSI_FAULTY_BEGIN,
                begin_inner(faulty->inner, call, key, options, upload_out));
}

static bs_status faulty_put_write(void *self, const bs_call *call, void *upload, const void *data,
                                  size_t size)
{
    faulty_storage *faulty = self;
    const faulty_upload *own = upload;
    bsi_storage *inner = faulty->inner;

    FAULTY_CALL(faulty, BSI_FAULTY_WRITE,
                inner->ops.put_write(inner->self, call, own->inner, data, size));
}

static bs_status faulty_put_patch(void *self, const bs_call *call, void *upload, uint64_t offset,
                                  const void *data, size_t size)
{
    faulty_storage *faulty = self;
    const faulty_upload *own = upload;
    bsi_storage *inner = faulty->inner;

    FAULTY_CALL(faulty, BSI_FAULTY_WRITE,
                inner->ops.put_patch(inner->self, call, own->inner, offset, data, size));
}

static void faulty_put_abort(void *self, void *upload)
{
    faulty_storage *faulty = self;
    faulty_upload *own = upload;

    if (own->inner) {
        faulty->inner->ops.put_abort(faulty->inner->self, own->inner);
    }
    bsi_free(own);
}

/* Commit what is not committed yet, and forget what is gone by that. */
static bs_status commit_inner(const bsi_storage *inner, const bs_call *call, faulty_upload *own)
{
    bs_status status = BS_OK;

    if (own->inner) {
        status = inner->ops.put_commit(inner->self, call, own->inner);
    }
    if (status == BS_OK || (inner->caps & BS_STORAGE_CAP_RESUME) == 0) {
        own->inner = NULL;
    }
    return status;
}

static bs_status faulty_put_commit(void *self, const bs_call *call, void *upload)
{
    faulty_storage *faulty = self;
    bsi_faulty_plan plan;
    const faulty_verdict verdict = judge(faulty, BSI_FAULTY_COMMIT, &plan);
    bs_status status = BS_OK;

    if (verdict != FAIL_BEFORE) {
        status = commit_inner(faulty->inner, call, upload);
    }
    if (status == BS_OK && (verdict == FAIL_BEFORE || verdict == FAIL_AFTER)) {
        status = planned_failure(&plan);
    }
    if (status == BS_OK || (faulty->inner->caps & BS_STORAGE_CAP_RESUME) == 0) {
        faulty_put_abort(faulty, upload);
    }
    return status;
}

static bs_status faulty_rename(void *self, const bs_call *call, const char *from, const char *to)
{
    faulty_storage *faulty = self;
    bsi_storage *inner = faulty->inner;

    FAULTY_CHANGE(faulty, BSI_FAULTY_RENAME, inner->ops.rename(inner->self, call, from, to));
}

static bs_status faulty_free_space(void *self, const bs_call *call, uint64_t *bytes_out)
{
    faulty_storage *faulty = self;
    bsi_storage *inner = faulty->inner;

    FAULTY_CALL(faulty, BSI_FAULTY_OTHER, inner->ops.free_space(inner->self, call, bytes_out));
}

static bs_status faulty_set_mtime(void *self, const bs_call *call, const char *key,
                                  int64_t mtime_ns)
{
    faulty_storage *faulty = self;
    bsi_storage *inner = faulty->inner;

    FAULTY_CALL(faulty, BSI_FAULTY_OTHER, inner->ops.set_mtime(inner->self, call, key, mtime_ns));
}

static bs_status faulty_sweep(void *self, const bs_call *call, int64_t before_ns, uint64_t *objects,
                              uint64_t *bytes)
{
    faulty_storage *faulty = self;

    FAULTY_CALL(faulty, BSI_FAULTY_OTHER,
                bsi_storage_sweep(faulty->inner, call, before_ns, objects, bytes));
}

static bs_status faulty_list_page(void *self, const bs_call *call, const char *prefix,
                                  bs_storage_cursor *cursor, bs_storage_list_cb callback,
                                  void *user)
{
    faulty_storage *faulty = self;
    bsi_storage *inner = faulty->inner;

    FAULTY_CALL(faulty, BSI_FAULTY_LIST,
                inner->ops.list_page(inner->self, call, prefix, cursor, callback, user));
}

static const bs_storage_ops faulty_ops = {
    .struct_size = sizeof(bs_storage_ops),
    .self_size = sizeof(faulty_storage),
    .open = faulty_open,
    .close = faulty_close,
    .caps = faulty_caps,
    .stat = faulty_stat,
    .read = faulty_read,
    .list = faulty_list,
    .remove = faulty_remove,
    .put_begin = faulty_put_begin,
    .put_write = faulty_put_write,
    .put_patch = faulty_put_patch,
    .put_commit = faulty_put_commit,
    .put_abort = faulty_put_abort,
    .rename = faulty_rename,
    .free_space = faulty_free_space,
    .set_mtime = faulty_set_mtime,
    .sweep = faulty_sweep,
    .list_page = faulty_list_page,
    .remove_many = faulty_remove_many,
};

bs_status bsi_storage_faulty_new(bsi_storage *inner, bsi_storage **out)
{
    bsi_storage *storage = NULL;
    faulty_storage *faulty = NULL;

    BSI_TRY(bsi_storage_new("faulty", &faulty_ops, &storage));
    faulty = storage->self;
    bsi_mutex_init(&faulty->lock);
    bsi_cond_init(&faulty->never);
    faulty->inner = bsi_storage_ref(inner);
    storage->caps = inner->caps;
    storage->ops.list_page = inner->ops.list_page ? faulty_list_page : NULL;
    storage->ops.remove_many = inner->ops.remove_many ? faulty_remove_many : NULL;
    *out = storage;
    return BS_OK;
}

void bsi_storage_faulty_set(bsi_storage *faulty, const bsi_faulty_plan *plan)
{
    faulty_storage *self = faulty->self;

    bsi_mutex_lock(&self->lock);
    self->plan = plan ? *plan : (bsi_faulty_plan){0};
    self->count = 0;
    bsi_mutex_unlock(&self->lock);
}

uint64_t bsi_storage_faulty_count(bsi_storage *faulty)
{
    faulty_storage *self = faulty->self;
    uint64_t count = 0;

    bsi_mutex_lock(&self->lock);
    count = self->count;
    bsi_mutex_unlock(&self->lock);
    return count;
}
