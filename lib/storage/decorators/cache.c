/* SPDX-License-Identifier: MIT */
/*
 * cache: copies of small objects, near by.
 */
#include "storage/decorators/cache.h"

#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "base/endian.h"
#include "hash/sha256.h"
#include "os/thread.h"
#include "os/time.h"
#include "storage/decorators/cache_index.h"
#include "storage/decorators/decorate.h"

#define NS_PER_S INT64_C(1000000000)

enum {
    MEMOS = 64,     /* Of what was asked last. */
    MEMO_S = 2,     /* They count for so long. */
    TOUCH_S = 3600, /* A copy that is used gets a new time that often. */
    OBJECT_MAX = 16 * 1024 * 1024,
};

/* What a copy begins with: its object as it was, and the digest of the bytes behind. */
#define MAGIC "bscache1"
enum {
    AT_SIZE = 8,
    AT_MTIME = 16,
    AT_DIGEST = 24,
    HEADER_SIZE = AT_DIGEST + BSI_SHA256_SIZE,
};

typedef struct memo {
    bsi_digest name;
    int64_t until_ns; /* By bsi_monotonic_ns(). */
    bs_storage_object object;
} memo;

typedef struct cache_storage {
    bsi_decorator base;
    bsi_storage *store;
    bsi_cache_options options;
    atomic_uint_least64_t hits;
    atomic_uint_least64_t misses;

    bsi_mutex lock; /* Guards the rest. */
    bsi_cache_index index;
    memo memos[MEMOS];
    size_t next_memo;
} cache_storage;

/* An upload on its way. */
typedef struct cache_upload {
    void *inner;
    bsi_digest name;
} cache_upload;

/* A copy is called as the digest of its object's key. */
static bsi_digest name_of(const char *key)
{
    bsi_digest name;

    bsi_sha256_of(key, strlen(key), &name);
    return name;
}

static bool is_wanted(const cache_storage *cache, const char *key)
{
    return !cache->options.is_wanted || cache->options.is_wanted(key);
}

/* --- What was asked --- */

static void remember(cache_storage *cache, const bsi_digest *name, const bs_storage_object *object)
{
    const int64_t until = bsi_monotonic_ns() + MEMO_S * NS_PER_S;

    bsi_mutex_lock(&cache->lock);
    cache->memos[cache->next_memo] = (memo){*name, until, *object};
    cache->next_memo = (cache->next_memo + 1) % MEMOS;
    bsi_mutex_unlock(&cache->lock);
}

/* The youngest counts. */
static bool recall(cache_storage *cache, const bsi_digest *name, bs_storage_object *out)
{
    const int64_t now = bsi_monotonic_ns();
    int64_t best = now;

    bsi_mutex_lock(&cache->lock);
    for (size_t i = 0; i < MEMOS; i++) {
        const memo *one = &cache->memos[i];
        if (one->until_ns > best && bsi_digest_equal(&one->name, name)) {
            best = one->until_ns;
            *out = one->object;
        }
    }
    bsi_mutex_unlock(&cache->lock);
    return best > now;
}

static void forget(cache_storage *cache, const bsi_digest *name)
{
    bsi_mutex_lock(&cache->lock);
    for (size_t i = 0; i < MEMOS; i++) {
        if (bsi_digest_equal(&cache->memos[i].name, name)) {
            cache->memos[i].until_ns = 0;
        }
    }
    bsi_mutex_unlock(&cache->lock);
}

/* --- Copies --- */

typedef char copy_name[2 * BSI_SHA256_SIZE + 1];

static void drop_copy(cache_storage *cache, const bsi_digest *name)
{
    copy_name key;
    bool had = false;

    bsi_mutex_lock(&cache->lock);
    had = bsi_cache_index_drop(&cache->index, name);
    bsi_mutex_unlock(&cache->lock);
    if (had) {
        bsi_digest_format(name, key);
        bsi_storage_remove_quietly(cache->store, key);
    }
}

/* The object has changed or goes. */
static void drop(cache_storage *cache, const bsi_digest *name)
{
    forget(cache, name);
    drop_copy(cache, name);
}

/* Make room by those that were not used for the longest time. */
static void shrink(cache_storage *cache)
{
    bsi_digest oldest;
    bool found = true;

    while (found) {
        bsi_mutex_lock(&cache->lock);
        found = bsi_cache_index_oldest(&cache->index, cache->options.bytes_max, &oldest);
        bsi_mutex_unlock(&cache->lock);
        if (found) {
            drop_copy(cache, &oldest);
        }
    }
}

static void write_header(uint8_t *copy, const bs_storage_object *object)
{
    bsi_digest digest;

    bsi_sha256_of(copy + HEADER_SIZE, (size_t)object->size, &digest);
    memcpy(copy, MAGIC, AT_SIZE);
    bsi_put_le64(copy + AT_SIZE, object->size);
    bsi_put_le64(copy + AT_MTIME, (uint64_t)object->mtime_ns);
    memcpy(copy + AT_DIGEST, digest.bytes, sizeof(digest.bytes));
}

static bool is_copy_of(const uint8_t *copy, size_t size, const bs_storage_object *object)
{
    bsi_digest digest;

    if (size != HEADER_SIZE + object->size || memcmp(copy, MAGIC, AT_SIZE) != 0 ||
        bsi_le64(copy + AT_SIZE) != object->size ||
        bsi_le64(copy + AT_MTIME) != (uint64_t)object->mtime_ns) {
        return false;
    }
    bsi_sha256_of(copy + HEADER_SIZE, (size_t)object->size, &digest);
    return memcmp(copy + AT_DIGEST, digest.bytes, sizeof(digest.bytes)) == 0;
}

/* It is used: note that, now and then also in the store, where it may fail. */
static bool use(cache_storage *cache, const bsi_digest *name, const char *key)
{
    const bsi_time now = bsi_now();
    bool touch = false;
    bool there = false;

    bsi_mutex_lock(&cache->lock);
    there = bsi_cache_index_use(&cache->index, name, now.sec, TOUCH_S, &touch);
    bsi_mutex_unlock(&cache->lock);
    if (touch) {
        const bs_status status = bsi_storage_set_mtime(cache->store, NULL, key, now.sec * NS_PER_S);
        (void)status;
    }
    return there;
}

static bool load_used(cache_storage *cache, const bsi_digest *name, const bs_storage_object *object,
                      bsi_buf *copy)
{
    copy_name key;

    bsi_digest_format(name, key);
    if (!use(cache, name, key)) {
        return false;
    }
    if (bsi_storage_load(cache->store, NULL, key, copy->max, copy) == BS_OK &&
        is_copy_of(copy->data, copy->size, object)) {
        return true;
    }
    drop_copy(cache, name);
    copy->size = 0;
    return false;
}

/* The bytes behind the header are those of the object. False: there is no such copy. */
static bool load_copy(cache_storage *cache, const bsi_digest *name, const bs_storage_object *object,
                      bsi_buf *copy)
{
    bs_error before;
    bool loaded = false;

    bsi_error_save(&before);
    loaded = load_used(cache, name, object, copy);
    bsi_error_restore(&before);
    return loaded;
}

/* A copy that cannot be kept is done without. */
static void keep_copy(cache_storage *cache, const bsi_digest *name, const bs_storage_object *object,
                      bsi_buf *copy)
{
    bs_error before;
    copy_name key;
    bs_status status = BS_OK;

    bsi_error_save(&before);
    write_header(copy->data, object);
    bsi_digest_format(name, key);
    status = bsi_storage_put(cache->store, NULL, key, copy->data, copy->size);
    if (status == BS_OK) {
        bsi_mutex_lock(&cache->lock);
        status = bsi_cache_index_add(&cache->index, name, copy->size, bsi_now().sec, false);
        bsi_mutex_unlock(&cache->lock);
    }
    if (status < 0) {
        bsi_storage_remove_quietly(cache->store, key);
    }
    shrink(cache);
    bsi_error_restore(&before);
}

/* The whole object, behind room for a header. */
static bs_status fetch(cache_storage *cache, const bs_call *call, const char *key,
                       const bs_storage_object *object, bsi_buf *copy)
{
    const bsi_storage *inner = cache->base.inner;

    BSI_TRY(bsi_buf_reserve(copy, HEADER_SIZE + (size_t)object->size));
    BSI_TRY(
        inner->ops.read(inner->self, call, key, 0, copy->data + HEADER_SIZE, (size_t)object->size));
    copy->size = HEADER_SIZE + (size_t)object->size;
    return BS_OK;
}

/* --- Reading --- */

static bs_status ask(cache_storage *cache, const bs_call *call, const char *key,
                     const bsi_digest *name, bs_storage_object *out)
{
    const bsi_storage *inner = cache->base.inner;

    BSI_TRY(inner->ops.stat(inner->self, call, key, out));
    remember(cache, name, out);
    return BS_OK;
}

static bs_status cache_stat(void *self, const bs_call *call, const char *key,
                            bs_storage_object *out)
{
    cache_storage *cache = self;
    const bsi_storage *inner = cache->base.inner;
    bsi_digest name;

    if (!is_wanted(cache, key)) {
        return inner->ops.stat(inner->self, call, key, out);
    }
    name = name_of(key);
    forget(cache, &name);
    return ask(cache, call, key, &name, out);
}

static bool is_fit(const cache_storage *cache, const bs_storage_object *object, uint64_t end)
{
    const uint64_t most = cache->options.object_max;

    return object->size > 0 && object->size <= most && end <= object->size &&
           HEADER_SIZE + object->size <= cache->options.bytes_max &&
           object->mtime_ns != BS_STORAGE_NO_TIME;
}

static bs_status get(cache_storage *cache, const bs_call *call, const char *key,
                     const bsi_digest *name, const bs_storage_object *object, bsi_buf *copy)
{
    if (load_copy(cache, name, object, copy)) {
        atomic_fetch_add(&cache->hits, 1);
        return BS_OK;
    }
    atomic_fetch_add(&cache->misses, 1);
    BSI_TRY(fetch(cache, call, key, object, copy));
    keep_copy(cache, name, object, copy);
    return BS_OK;
}

static bs_status read_through(cache_storage *cache, const bs_call *call, const char *key,
                              uint64_t offset, void *buf, size_t size)
{
    const bsi_storage *inner = cache->base.inner;
    const bsi_digest name = name_of(key);
    bs_storage_object object = {.size = 0};
    bsi_buf copy;
    bs_status status = BS_OK;

    if (!recall(cache, &name, &object)) {
        BSI_TRY(ask(cache, call, key, &name, &object));
    }
    if (!is_fit(cache, &object, offset + size)) {
        return inner->ops.read(inner->self, call, key, offset, buf, size);
    }
    bsi_buf_init(&copy, HEADER_SIZE + (size_t)object.size);
    status = get(cache, call, key, &name, &object, &copy);
    if (status == BS_OK) {
        memcpy(buf, copy.data + HEADER_SIZE + offset, size);
    }
    bsi_buf_dispose(&copy);
    return status;
}

static bs_status cache_read(void *self, const bs_call *call, const char *key, uint64_t offset,
                            void *buf, size_t size)
{
    cache_storage *cache = self;
    const bsi_storage *inner = cache->base.inner;

    if ((call && call->fresh) || size > cache->options.object_max || !is_wanted(cache, key)) {
        return inner->ops.read(inner->self, call, key, offset, buf, size);
    }
    return read_through(cache, call, key, offset, buf, size);
}

/* --- What changes objects --- */

static bs_status cache_remove(void *self, const bs_call *call, const char *key)
{
    cache_storage *cache = self;
    const bsi_storage *inner = cache->base.inner;
    const bs_status status = inner->ops.remove(inner->self, call, key);
    const bsi_digest name = name_of(key);

    drop(cache, &name);
    return status;
}

static bs_status cache_remove_many(void *self, const bs_call *call, const char *const *keys,
                                   size_t count)
{
    cache_storage *cache = self;
    const bsi_storage *inner = cache->base.inner;
    const bs_status status = inner->ops.remove_many(inner->self, call, keys, count);

    for (size_t i = 0; i < count; i++) {
        const bsi_digest name = name_of(keys[i]);
        drop(cache, &name);
    }
    return status;
}

static bs_status cache_put_begin(void *self, const bs_call *call, const char *key,
                                 const bs_storage_put_options *options, void **upload_out)
{
    const bsi_storage *inner = ((cache_storage *)self)->base.inner;
    cache_upload *own = bsi_calloc(1, sizeof(*own));
    bs_status status = BS_OK;

    if (!own) {
        return BS_E_NOMEM;
    }
    own->name = name_of(key);
    status = inner->ops.put_begin(inner->self, call, key, options, &own->inner);
    if (status < 0) {
        bsi_free(own);
        return status;
    }
    *upload_out = own;
    return BS_OK;
}

static bs_status cache_put_write(void *self, const bs_call *call, void *upload, const void *data,
                                 size_t size)
{
    const bsi_storage *inner = ((cache_storage *)self)->base.inner;

    return inner->ops.put_write(inner->self, call, ((cache_upload *)upload)->inner, data, size);
}

static bs_status cache_put_patch(void *self, const bs_call *call, void *upload, uint64_t offset,
                                 const void *data, size_t size)
{
    const bsi_storage *inner = ((cache_storage *)self)->base.inner;

    return inner->ops.put_patch(inner->self, call, ((cache_upload *)upload)->inner, offset, data,
                                size);
}

/* Whatever comes back, another object may be there. */
static bs_status cache_put_commit(void *self, const bs_call *call, void *upload)
{
    cache_storage *cache = self;
    cache_upload *own = upload;
    const bs_status status = bsi_storage_commit_or_abort(cache->base.inner, call, own->inner);

    drop(cache, &own->name);
    bsi_free(own);
    return status;
}

static void cache_put_abort(void *self, void *upload)
{
    const bsi_storage *inner = ((cache_storage *)self)->base.inner;
    cache_upload *own = upload;

    inner->ops.put_abort(inner->self, own->inner);
    bsi_free(own);
}

static bs_status cache_rename(void *self, const bs_call *call, const char *from, const char *to)
{
    cache_storage *cache = self;
    const bsi_storage *inner = cache->base.inner;
    const bs_status status = inner->ops.rename(inner->self, call, from, to);
    const bsi_digest names[] = {name_of(from), name_of(to)};

    drop(cache, &names[0]);
    drop(cache, &names[1]);
    return status;
}

static bs_status cache_set_mtime(void *self, const bs_call *call, const char *key, int64_t mtime_ns)
{
    cache_storage *cache = self;
    const bsi_storage *inner = cache->base.inner;
    const bs_status status = inner->ops.set_mtime(inner->self, call, key, mtime_ns);
    const bsi_digest name = name_of(key);

    drop(cache, &name);
    return status;
}

/* --- The storage --- */

static void cache_close(void *self)
{
    cache_storage *cache = self;

    bsi_storage_unref(cache->store);
    bsi_cache_index_dispose(&cache->index);
    bsi_mutex_dispose(&cache->lock);
    bsi_decorator_close(self);
}

/* A commit ends the upload, whatever comes back. */
static uint32_t cache_caps(void *self)
{
    return ((const cache_storage *)self)->base.inner->caps & ~(uint32_t)BS_STORAGE_CAP_RESUME;
}

static const bs_storage_ops cache_ops = {
    .self_size = sizeof(cache_storage),
    .close = cache_close,
    .caps = cache_caps,
    .stat = cache_stat,
    .read = cache_read,
    .remove = cache_remove,
    .put_begin = cache_put_begin,
    .put_write = cache_put_write,
    .put_patch = cache_put_patch,
    .put_commit = cache_put_commit,
    .put_abort = cache_put_abort,
    .rename = cache_rename,
    .set_mtime = cache_set_mtime,
    .remove_many = cache_remove_many,
};

/* What else lies there is left alone. */
static bs_status take_listed(void *user, const char *key, const bs_storage_object *object)
{
    bsi_digest name;

    if (bsi_digest_parse(key, strlen(key), &name) < 0 || object->mtime_ns == BS_STORAGE_NO_TIME) {
        return BS_OK;
    }
    return bsi_cache_index_add(user, &name, object->size, object->mtime_ns / NS_PER_S, true);
}

bs_status bsi_storage_cache_new(bsi_storage *inner, bsi_storage *store,
                                const bsi_cache_options *options, bsi_storage **out)
{
    bsi_storage *storage = NULL;
    cache_storage *cache = NULL;
    bs_status status = BS_OK;

    BSI_TRY(bsi_storage_decorate(inner, &cache_ops, &storage));
    cache = storage->self;
    bsi_mutex_init(&cache->lock);
    cache->store = bsi_storage_ref(store);
    cache->options = *options;
    if (cache->options.object_max == 0) {
        cache->options.object_max = OBJECT_MAX;
    }
    cache->options.object_max = bsi_min_u64(cache->options.object_max, OBJECT_MAX);
    status = bsi_storage_list(store, NULL, "", take_listed, &cache->index);
    if (status < 0) {
        bsi_storage_unref(storage);
        return status;
    }
    shrink(cache);
    *out = storage;
    return BS_OK;
}

void bsi_storage_cache_read_numbers(bsi_storage *cache, bsi_cache_numbers *out)
{
    cache_storage *self = cache->self;

    out->hits = atomic_load(&self->hits);
    out->misses = atomic_load(&self->misses);
    bsi_mutex_lock(&self->lock);
    out->objects = self->index.count;
    out->bytes = self->index.bytes;
    bsi_mutex_unlock(&self->lock);
}
