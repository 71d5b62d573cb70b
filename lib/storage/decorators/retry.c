/* SPDX-License-Identifier: MIT */
/*
 * retry: tries again by the retry class of a failure.
 */
#include "storage/decorators/retry.h"

#include "storage/storage_int.h"

typedef struct retry_storage {
    bsi_storage *inner;
    bsi_backoff_policy policy;
} retry_storage;

/* Whether to try once more; if not, `status` is what comes of it. */
static bool again(bsi_backoff *backoff, const bs_call *call, bs_status *status)
{
    bs_status waited = BS_OK;

    if (*status >= 0) {
        return false;
    }
    waited = bsi_backoff_wait(backoff, call, *status);
    if (waited < 0) {
        *status = waited;
    }
    return waited == BS_OK;
}

#define RETRY_CALL_IF(can_repeat, retry, call, call_inner)        \
    do {                                                          \
        bsi_backoff backoff;                                      \
        bs_status status = BS_OK;                                 \
        bsi_backoff_begin(&backoff, &(retry)->policy);            \
        do {                                                      \
            status = call_inner;                                  \
        } while ((can_repeat) && again(&backoff, call, &status)); \
        return status;                                            \
    } while (0)

#define RETRY_CALL(retry, call, call_inner) RETRY_CALL_IF(true, retry, call, call_inner)

static bs_status retry_open(void *self, const bs_call *call, const bs_storage_settings *settings)
{
    (void)self;
    (void)call;
    (void)settings;
    return BS_OK;
}

static void retry_close(void *self)
{
    retry_storage *retry = self;

    bsi_storage_unref(retry->inner);
}

/* What could go on has gone on: a failure that comes out of here is the last. */
static uint32_t retry_caps(void *self)
{
    const retry_storage *retry = self;

    return retry->inner->caps & ~(uint32_t)BS_STORAGE_CAP_RESUME;
}

static bs_status stat_anew(bsi_storage *inner, const bs_call *call, const char *key,
                           bs_storage_object *out)
{
    *out = (bs_storage_object){.size = 0};
    return inner->ops.stat(inner->self, call, key, out);
}

static bs_status retry_stat(void *self, const bs_call *call, const char *key,
                            bs_storage_object *out)
{
    const retry_storage *retry = self;

    RETRY_CALL(retry, call, stat_anew(retry->inner, call, key, out));
}

static bs_status retry_read(void *self, const bs_call *call, const char *key, uint64_t offset,
                            void *buf, size_t size)
{
    const retry_storage *retry = self;
    bsi_storage *inner = retry->inner;

    RETRY_CALL(retry, call, inner->ops.read(inner->self, call, key, offset, buf, size));
}

/* Stands between the inner listing and its callback, whose failures are not the storage's. */
typedef struct told {
    bs_storage_list_cb callback;
    void *user;
    bool any;
    bs_status status; /* What the callback said last. */
} told;

static bs_status tell(void *user, const char *key, const bs_storage_object *object)
{
    told *one = user;

    one->any = true;
    one->status = one->callback(one->user, key, object);
    return one->status;
}

/* A page that has failed by itself has told nothing. */
static bs_status list_page(const retry_storage *retry, const bs_call *call, const char *prefix,
                           bs_storage_cursor *cursor, told *one)
{
    bsi_storage *inner = retry->inner;
    bsi_backoff backoff;
    bs_status status = BS_OK;

    bsi_backoff_begin(&backoff, &retry->policy);
    do {
        status = inner->ops.list_page(inner->self, call, prefix, cursor, tell, one);
    } while (one->status == BS_OK && again(&backoff, call, &status));
    return status;
}

static bs_status list_pages(const retry_storage *retry, const bs_call *call, const char *prefix,
                            told *one)
{
    bs_storage_cursor cursor = {.token = ""};
    bs_status status = BS_OK;

    do {
        status = list_page(retry, call, prefix, &cursor, one);
    } while (status == BS_OK && cursor.token[0] != '\0');
    return status;
}

/* In one piece: begun anew as long as nothing was told. */
static bs_status list_whole(const retry_storage *retry, const bs_call *call, const char *prefix,
                            told *one)
{
    bsi_storage *inner = retry->inner;
    bsi_backoff backoff;
    bs_status status = BS_OK;

    bsi_backoff_begin(&backoff, &retry->policy);
    do {
        status = inner->ops.list(inner->self, call, prefix, tell, one);
    } while (!one->any && again(&backoff, call, &status));
    return status;
}

static bs_status retry_list(void *self, const bs_call *call, const char *prefix,
                            bs_storage_list_cb callback, void *user)
{
    const retry_storage *retry = self;
    told one = {.callback = callback, .user = user, .status = BS_OK};

    return retry->inner->ops.list_page ? list_pages(retry, call, prefix, &one)
                                       : list_whole(retry, call, prefix, &one);
}

static bs_status retry_remove(void *self, const bs_call *call, const char *key)
{
    const retry_storage *retry = self;
    bsi_storage *inner = retry->inner;

    RETRY_CALL(retry, call, inner->ops.remove(inner->self, call, key));
}

static bs_status retry_put_begin(void *self, const bs_call *call, const char *key,
                                 const bs_storage_put_options *options, void **upload_out)
{
    const retry_storage *retry = self;
    bsi_storage *inner = retry->inner;

    RETRY_CALL(retry, call, inner->ops.put_begin(inner->self, call, key, options, upload_out));
}

static bool resumes(const retry_storage *retry)
{
    return (retry->inner->caps & BS_STORAGE_CAP_RESUME) != 0;
}

static bs_status retry_put_write(void *self, const bs_call *call, void *upload, const void *data,
                                 size_t size)
{
    const retry_storage *retry = self;
    bsi_storage *inner = retry->inner;

    RETRY_CALL_IF(resumes(retry), retry, call,
                  inner->ops.put_write(inner->self, call, upload, data, size));
}

static bs_status retry_put_patch(void *self, const bs_call *call, void *upload, uint64_t offset,
                                 const void *data, size_t size)
{
    const retry_storage *retry = self;
    bsi_storage *inner = retry->inner;

    RETRY_CALL_IF(resumes(retry), retry, call,
                  inner->ops.put_patch(inner->self, call, upload, offset, data, size));
}

static bs_status retry_put_commit(void *self, const bs_call *call, void *upload)
{
    const retry_storage *retry = self;
    bsi_storage *inner = retry->inner;
    bsi_backoff backoff;
    bs_status status = BS_OK;

    bsi_backoff_begin(&backoff, &retry->policy);
    do {
        status = inner->ops.put_commit(inner->self, call, upload);
    } while (resumes(retry) && again(&backoff, call, &status));
    if (status < 0 && resumes(retry)) {
        inner->ops.put_abort(inner->self, upload);
    }
    return status;
}

static void retry_put_abort(void *self, void *upload)
{
    const retry_storage *retry = self;

    retry->inner->ops.put_abort(retry->inner->self, upload);
}

static bs_status retry_rename(void *self, const bs_call *call, const char *from, const char *to)
{
    const retry_storage *retry = self;

    return retry->inner->ops.rename(retry->inner->self, call, from, to);
}

static bs_status retry_free_space(void *self, const bs_call *call, uint64_t *bytes_out)
{
    const retry_storage *retry = self;
    bsi_storage *inner = retry->inner;

    RETRY_CALL(retry, call, inner->ops.free_space(inner->self, call, bytes_out));
}

static bs_status retry_set_mtime(void *self, const bs_call *call, const char *key, int64_t mtime_ns)
{
    const retry_storage *retry = self;
    bsi_storage *inner = retry->inner;

    RETRY_CALL(retry, call, inner->ops.set_mtime(inner->self, call, key, mtime_ns));
}

static bs_status retry_sweep(void *self, const bs_call *call, int64_t before_ns, uint64_t *objects,
                             uint64_t *bytes)
{
    const retry_storage *retry = self;

    RETRY_CALL(retry, call, bsi_storage_sweep(retry->inner, call, before_ns, objects, bytes));
}

static bs_status retry_remove_many(void *self, const bs_call *call, const char *const *keys,
                                   size_t count)
{
    const retry_storage *retry = self;
    bsi_storage *inner = retry->inner;

    RETRY_CALL(retry, call, inner->ops.remove_many(inner->self, call, keys, count));
}

static const bs_storage_ops retry_ops = {
    .struct_size = sizeof(bs_storage_ops),
    .self_size = sizeof(retry_storage),
    .open = retry_open,
    .close = retry_close,
    .caps = retry_caps,
    .stat = retry_stat,
    .read = retry_read,
    .list = retry_list,
    .remove = retry_remove,
    .put_begin = retry_put_begin,
    .put_write = retry_put_write,
    .put_patch = retry_put_patch,
    .put_commit = retry_put_commit,
    .put_abort = retry_put_abort,
    .rename = retry_rename,
    .free_space = retry_free_space,
    .set_mtime = retry_set_mtime,
    .sweep = retry_sweep,
    .remove_many = retry_remove_many,
};

bs_status bsi_storage_retry_new(bsi_storage *inner, const bsi_backoff_policy *policy,
                                bsi_storage **out)
{
    bsi_storage *storage = NULL;
    retry_storage *retry = NULL;

    BSI_TRY(bsi_storage_new(inner->scheme, &retry_ops, &storage));
    retry = storage->self;
    retry->inner = bsi_storage_ref(inner);
    retry->policy = policy ? *policy : (bsi_backoff_policy){0, 0, 0};
    storage->caps = retry_caps(retry);
    storage->ops.remove_many = inner->ops.remove_many ? retry_remove_many : NULL;
    *out = storage;
    return BS_OK;
}
