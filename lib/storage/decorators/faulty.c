/* SPDX-License-Identifier: MIT */
/*
 * faulty: passes everything on, and fails the n-th operation by plan.
 */
#include "storage/decorators/faulty.h"

#include "os/thread.h"
#include "storage/storage_int.h"

typedef struct faulty_storage {
    bsi_storage *inner;
    bsi_mutex lock; /* Guards plan and count. */
    bsi_faulty_plan plan;
    uint64_t count;
} faulty_storage;

typedef enum faulty_verdict { PASS, FAIL_BEFORE, FAIL_AFTER, GARBLE } faulty_verdict;

static faulty_verdict judge(faulty_storage *faulty, uint32_t op, bsi_faulty_plan *plan_out)
{
    faulty_verdict verdict = PASS;
    const bsi_faulty_plan *plan = &faulty->plan;

    bsi_mutex_lock(&faulty->lock);
    *plan_out = *plan;
    if (plan->op_mask == 0 || (plan->op_mask & op) != 0) {
        faulty->count++;
        if (plan->at != 0 &&
            (faulty->count == plan->at || (plan->forever && faulty->count > plan->at))) {
            verdict = plan->after ? FAIL_AFTER : FAIL_BEFORE;
            verdict = plan->garble ? GARBLE : verdict;
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
#define FAULTY_CHANGE(faulty, op, call_inner, undo)              \
    do {                                                         \
        bsi_faulty_plan plan;                                    \
        const faulty_verdict verdict = judge(faulty, op, &plan); \
        if (verdict == FAIL_BEFORE) {                            \
            undo;                                                \
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

    FAULTY_CHANGE(faulty, BSI_FAULTY_REMOVE, inner->ops.remove(inner->self, call, key), (void)0);
}

static bs_status faulty_put_begin(void *self, const bs_call *call, const char *key,
                                  const bs_storage_put_options *options, void **upload_out)
{
    faulty_storage *faulty = self;
    bsi_storage *inner = faulty->inner;

    FAULTY_CALL(faulty, BSI_FAULTY_BEGIN,
                inner->ops.put_begin(inner->self, call, key, options, upload_out));
}

static bs_status faulty_put_write(void *self, const bs_call *call, void *upload, const void *data,
                                  size_t size)
{
    faulty_storage *faulty = self;
    bsi_storage *inner = faulty->inner;

    FAULTY_CALL(faulty, BSI_FAULTY_WRITE,
                inner->ops.put_write(inner->self, call, upload, data, size));
}

static bs_status faulty_put_patch(void *self, const bs_call *call, void *upload, uint64_t offset,
                                  const void *data, size_t size)
{
    faulty_storage *faulty = self;
    bsi_storage *inner = faulty->inner;

    FAULTY_CALL(faulty, BSI_FAULTY_WRITE,
                inner->ops.put_patch(inner->self, call, upload, offset, data, size));
}

static bs_status faulty_put_commit(void *self, const bs_call *call, void *upload)
{
    faulty_storage *faulty = self;
    bsi_storage *inner = faulty->inner;

    FAULTY_CHANGE(faulty, BSI_FAULTY_COMMIT, inner->ops.put_commit(inner->self, call, upload),
                  inner->ops.put_abort(inner->self, upload));
}

static void faulty_put_abort(void *self, void *upload)
{
    faulty_storage *faulty = self;

    faulty->inner->ops.put_abort(faulty->inner->self, upload);
}

static bs_status faulty_rename(void *self, const bs_call *call, const char *from, const char *to)
{
    faulty_storage *faulty = self;
    bsi_storage *inner = faulty->inner;

    FAULTY_CHANGE(faulty, BSI_FAULTY_RENAME, inner->ops.rename(inner->self, call, from, to),
                  (void)0);
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
};

bs_status bsi_storage_faulty_new(bsi_storage *inner, bsi_storage **out)
{
    bsi_storage *storage = NULL;
    faulty_storage *faulty = NULL;

    BSI_TRY(bsi_storage_new("faulty", &faulty_ops, &storage));
    faulty = storage->self;
    bsi_mutex_init(&faulty->lock);
    faulty->inner = bsi_storage_ref(inner);
    storage->caps = inner->caps;
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
