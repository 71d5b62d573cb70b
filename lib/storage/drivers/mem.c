/* SPDX-License-Identifier: MIT */
/*
 * mem: keeps objects in memory. For tests, and the example to copy for a new driver.
 *
 * One lock guards the list; data is copied in and out while it is held.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/error.h"
#include "os/thread.h"
#include "os/time.h"
#include "storage/drivers/drivers.h"

typedef struct mem_object {
    struct mem_object *next;
    char *key;
    bsi_buf content;
    int64_t mtime_ns;
    bool exclusive; /* Of an upload: never replaces. */
} mem_object;

typedef struct mem_storage {
    bsi_mutex lock; /* Guards the list and all in it. */
    mem_object *head;
} mem_storage;

static void object_free(mem_object *object)
{
    if (object) {
        bsi_free(object->key);
        bsi_buf_dispose(&object->content);
        bsi_free(object);
    }
}

/* The link that points at the object, or the NULL link at the end. */
static mem_object **find_link_locked(mem_storage *mem, const char *key)
{
    mem_object **link = &mem->head;

    while (*link && strcmp((*link)->key, key) != 0) {
        link = &(*link)->next;
    }
    return link;
}

static mem_object *take_locked(mem_storage *mem, const char *key)
{
    mem_object **link = find_link_locked(mem, key);
    mem_object *object = *link;

    if (object) {
        *link = object->next;
    }
    return object;
}

static bs_status no_object(void)
{
    return bsi_fail(BS_LAYER_STORAGE, BS_E_NOT_FOUND, "there is none");
}

static int64_t now_ns(void)
{
    const bsi_time now = bsi_now();

    return now.sec * 1000000000 + now.nsec;
}

static bs_status mem_open(void *self, const bs_call *call, const bs_storage_settings *settings)
{
    mem_storage *mem = self;

    (void)call;
    (void)settings;
    bsi_mutex_init(&mem->lock);
    return BS_OK;
}

static void mem_close(void *self)
{
    mem_storage *mem = self;

    while (mem->head) {
        mem_object *object = mem->head;
        mem->head = object->next;
        object_free(object);
    }
    bsi_mutex_dispose(&mem->lock);
}

static uint32_t mem_caps(void *self)
{
    (void)self;
    return BS_STORAGE_CAP_RANGE_READ | BS_STORAGE_CAP_CONDITIONAL_PUT | BS_STORAGE_CAP_SERVER_COPY |
           BS_STORAGE_CAP_RENAME | BS_STORAGE_CAP_MTIME | BS_STORAGE_CAP_PATCH |
           BS_STORAGE_CAP_STRONG_LIST | BS_STORAGE_CAP_ANY_BYTES | BS_STORAGE_CAP_CASE |
           BS_STORAGE_CAP_RESUME;
}

static bs_status mem_stat(void *self, const bs_call *call, const char *key, bs_storage_object *out)
{
    mem_storage *mem = self;
    const mem_object *object = NULL;

    (void)call;
    bsi_mutex_lock(&mem->lock);
    object = *find_link_locked(mem, key);
    if (object) {
        out->size = object->content.size;
        out->mtime_ns = object->mtime_ns;
    }
    bsi_mutex_unlock(&mem->lock);
    return object ? BS_OK : no_object();
}

static bs_status mem_read(void *self, const bs_call *call, const char *key, uint64_t offset,
                          void *buf, size_t size)
{
    mem_storage *mem = self;
    bs_status status = BS_OK;
    const mem_object *object = NULL;

    (void)call;
    bsi_mutex_lock(&mem->lock);
    object = *find_link_locked(mem, key);
    if (!object) {
        status = no_object();
    } else if (offset > object->content.size || size > object->content.size - offset) {
        status = bsi_fail(BS_LAYER_STORAGE, BS_E_RANGE, "has only %zu bytes", object->content.size);
    } else {
        memcpy(buf, object->content.data + offset, size);
    }
    bsi_mutex_unlock(&mem->lock);
    return status;
}

static bool is_below(const char *key, const char *prefix)
{
    const size_t size = strlen(prefix);

    return size == 0 || (strncmp(key, prefix, size) == 0 && key[size] == '/');
}

/* The keys below a prefix, one after the other, each with its NUL. */
static bs_status copy_keys(mem_storage *mem, const char *prefix, bsi_buf *out)
{
    bs_status status = BS_OK;

    bsi_mutex_lock(&mem->lock);
    for (const mem_object *object = mem->head; object && status == BS_OK; object = object->next) {
        if (is_below(object->key, prefix)) {
            status = bsi_buf_append(out, object->key, strlen(object->key) + 1);
        }
    }
    bsi_mutex_unlock(&mem->lock);
    return status;
}

/* The callback may use the storage, so that no lock is held while it runs. */
static bs_status mem_list(void *self, const bs_call *call, const char *prefix,
                          bs_storage_list_cb callback, void *user)
{
    bsi_buf keys;
    bs_status status = BS_OK;

    bsi_buf_init(&keys, SIZE_MAX / 2);
    status = copy_keys(self, prefix, &keys);
    for (size_t at = 0; status == BS_OK && at < keys.size;) {
        const char *key = (const char *)keys.data + at;
        bs_storage_object object = {0};

        at += strlen(key) + 1;
        if (mem_stat(self, call, key, &object) == BS_OK) {
            status = callback(user, key, &object);
        }
    }
    bsi_buf_dispose(&keys);
    return status;
}

static bs_status mem_remove(void *self, const bs_call *call, const char *key)
{
    mem_storage *mem = self;
    mem_object *object = NULL;

    (void)call;
    bsi_mutex_lock(&mem->lock);
    object = take_locked(mem, key);
    bsi_mutex_unlock(&mem->lock);
    object_free(object);
    return BS_OK;
}

static bs_status mem_put_begin(void *self, const bs_call *call, const char *key,
                               const bs_storage_put_options *options, void **upload_out)
{
    mem_object *object = bsi_calloc(1, sizeof(*object));

    (void)self;
    (void)call;
    if (!object) {
        return BS_E_NOMEM;
    }
    bsi_buf_init(&object->content, SIZE_MAX / 2);
    object->mtime_ns = options->mtime_ns;
    object->exclusive = (options->flags & BS_STORAGE_PUT_EXCLUSIVE) != 0;
    object->key = bsi_strdup(key);
    if (!object->key) {
        object_free(object);
        return BS_E_NOMEM;
    }
    *upload_out = object;
    return BS_OK;
}

static bs_status mem_put_write(void *self, const bs_call *call, void *upload, const void *data,
                               size_t size)
{
    mem_object *object = upload;

    (void)self;
    (void)call;
    return bsi_buf_append(&object->content, data, size);
}

static bs_status mem_put_patch(void *self, const bs_call *call, void *upload, uint64_t offset,
                               const void *data, size_t size)
{
    mem_object *object = upload;

    (void)self;
    (void)call;
    memcpy(object->content.data + offset, data, size);
    return BS_OK;
}

static bs_status mem_put_commit(void *self, const bs_call *call, void *upload)
{
    mem_storage *mem = self;
    mem_object *object = upload;
    mem_object *replaced = NULL;
    bool refused = false;

    (void)call;
    if (object->mtime_ns == BS_STORAGE_NO_TIME) {
        object->mtime_ns = now_ns();
    }
    bsi_mutex_lock(&mem->lock);
    refused = object->exclusive && *find_link_locked(mem, object->key);
    if (!refused) {
        replaced = take_locked(mem, object->key);
        object->next = mem->head;
        mem->head = object;
    }
    bsi_mutex_unlock(&mem->lock);
    object_free(replaced);
    return refused ? bsi_fail(BS_LAYER_STORAGE, BS_E_EXISTS, "there is one already") : BS_OK;
}

static void mem_put_abort(void *self, void *upload)
{
    (void)self;
    object_free(upload);
}

static bs_status mem_rename(void *self, const bs_call *call, const char *from, const char *to)
{
    mem_storage *mem = self;
    mem_object *object = NULL;
    mem_object *replaced = NULL;
    char *key = bsi_strdup(to);

    (void)call;
    if (!key) {
        return BS_E_NOMEM;
    }
    bsi_mutex_lock(&mem->lock);
    object = *find_link_locked(mem, from);
    if (object) {
        char *old_key = object->key;
        replaced = take_locked(mem, to);
        object->key = key;
        key = old_key;
    }
    bsi_mutex_unlock(&mem->lock);
    bsi_free(key);
    object_free(replaced);
    return object ? BS_OK : no_object();
}

static bs_status mem_set_mtime(void *self, const bs_call *call, const char *key, int64_t mtime_ns)
{
    mem_storage *mem = self;
    mem_object *object = NULL;

    (void)call;
    bsi_mutex_lock(&mem->lock);
    object = *find_link_locked(mem, key);
    if (object) {
        object->mtime_ns = mtime_ns;
    }
    bsi_mutex_unlock(&mem->lock);
    return object ? BS_OK : no_object();
}

static const bs_storage_ops mem_ops = {
    .struct_size = sizeof(bs_storage_ops),
    .self_size = sizeof(mem_storage),
    .open = mem_open,
    .close = mem_close,
    .caps = mem_caps,
    .stat = mem_stat,
    .read = mem_read,
    .list = mem_list,
    .remove = mem_remove,
    .put_begin = mem_put_begin,
    .put_write = mem_put_write,
    .put_patch = mem_put_patch,
    .put_commit = mem_put_commit,
    .put_abort = mem_put_abort,
    .rename = mem_rename,
    .set_mtime = mem_set_mtime,
};

/* The only symbol this file gives away. */
const bs_storage_driver bsi_storage_driver_mem = {
    .struct_size = sizeof(bs_storage_driver),
    .scheme = "mem",
    .help = "Keeps objects in memory until it is closed; for tests.",
    .ops = &mem_ops,
};
