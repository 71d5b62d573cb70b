/* SPDX-License-Identifier: MIT */
/*
 * Passes everything on.
 */
#include "storage/decorators/decorate.h"

#include <stddef.h>
#include <string.h>

static const bsi_storage *inner_of(const void *self)
{
    return ((const bsi_decorator *)self)->inner;
}

static bs_status pass_open(void *self, const bs_call *call, const bs_storage_settings *settings)
{
    (void)self;
    (void)call;
    (void)settings;
    return BS_OK;
}

void bsi_decorator_close(void *self)
{
    bsi_storage_unref(((bsi_decorator *)self)->inner);
}

static uint32_t pass_caps(void *self)
{
    return inner_of(self)->caps;
}

static bs_status pass_stat(void *self, const bs_call *call, const char *key, bs_storage_object *out)
{
    return inner_of(self)->ops.stat(inner_of(self)->self, call, key, out);
}

static bs_status pass_read(void *self, const bs_call *call, const char *key, uint64_t offset,
                           void *buf, size_t size)
{
    return inner_of(self)->ops.read(inner_of(self)->self, call, key, offset, buf, size);
}

static bs_status pass_list(void *self, const bs_call *call, const char *prefix,
                           bs_storage_list_cb callback, void *user)
{
    return inner_of(self)->ops.list(inner_of(self)->self, call, prefix, callback, user);
}

static bs_status pass_remove(void *self, const bs_call *call, const char *key)
{
    return inner_of(self)->ops.remove(inner_of(self)->self, call, key);
}

static bs_status pass_put_begin(void *self, const bs_call *call, const char *key,
                                const bs_storage_put_options *options, void **upload_out)
{
    return inner_of(self)->ops.put_begin(inner_of(self)->self, call, key, options, upload_out);
}

static bs_status pass_put_write(void *self, const bs_call *call, void *upload, const void *data,
                                size_t size)
{
    return inner_of(self)->ops.put_write(inner_of(self)->self, call, upload, data, size);
}

static bs_status pass_put_patch(void *self, const bs_call *call, void *upload, uint64_t offset,
                                const void *data, size_t size)
{
    return inner_of(self)->ops.put_patch(inner_of(self)->self, call, upload, offset, data, size);
}

static bs_status pass_put_commit(void *self, const bs_call *call, void *upload)
{
    return inner_of(self)->ops.put_commit(inner_of(self)->self, call, upload);
}

static void pass_put_abort(void *self, void *upload)
{
    inner_of(self)->ops.put_abort(inner_of(self)->self, upload);
}

static bs_status pass_rename(void *self, const bs_call *call, const char *from, const char *to)
{
    return inner_of(self)->ops.rename(inner_of(self)->self, call, from, to);
}

static bs_status pass_free_space(void *self, const bs_call *call, uint64_t *bytes_out)
{
    return inner_of(self)->ops.free_space(inner_of(self)->self, call, bytes_out);
}

static bs_status pass_set_mtime(void *self, const bs_call *call, const char *key, int64_t mtime_ns)
{
    return inner_of(self)->ops.set_mtime(inner_of(self)->self, call, key, mtime_ns);
}

static bs_status pass_sweep(void *self, const bs_call *call, int64_t before_ns, uint64_t *objects,
                            uint64_t *bytes)
{
    return inner_of(self)->ops.sweep(inner_of(self)->self, call, before_ns, objects, bytes);
}

static bs_status pass_list_page(void *self, const bs_call *call, const char *prefix,
                                bs_storage_cursor *cursor, bs_storage_list_cb callback, void *user)
{
    return inner_of(self)->ops.list_page(inner_of(self)->self, call, prefix, cursor, callback,
                                         user);
}

static bs_status pass_remove_many(void *self, const bs_call *call, const char *const *keys,
                                  size_t count)
{
    return inner_of(self)->ops.remove_many(inner_of(self)->self, call, keys, count);
}

static const bs_storage_ops pass_ops = {
    .struct_size = sizeof(bs_storage_ops),
    .open = pass_open,
    .close = bsi_decorator_close,
    .caps = pass_caps,
    .stat = pass_stat,
    .read = pass_read,
    .list = pass_list,
    .remove = pass_remove,
    .put_begin = pass_put_begin,
    .put_write = pass_put_write,
    .put_patch = pass_put_patch,
    .put_commit = pass_put_commit,
    .put_abort = pass_put_abort,
    .rename = pass_rename,
    .free_space = pass_free_space,
    .set_mtime = pass_set_mtime,
    .sweep = pass_sweep,
    .list_page = pass_list_page,
    .remove_many = pass_remove_many,
};

/* The methods of a table stand one behind the other, from open() to its end. */
typedef void (*any_method)(void);
_Static_assert(sizeof(any_method) == sizeof(pass_ops.open) &&
                   (sizeof(bs_storage_ops) - offsetof(bs_storage_ops, open)) % sizeof(any_method) ==
                       0,
               "a table is its sizes and methods");

static any_method method_at(const bs_storage_ops *ops, size_t at)
{
    any_method method = NULL;

    memcpy(&method, (const char *)ops + at, sizeof(method));
    return method;
}

/* Each method is the decorator's own, or passes on; what the inner storage lacks is NULL. */
static bs_storage_ops join(const bs_storage_ops *own, const bs_storage_ops *inner)
{
    bs_storage_ops ops = pass_ops;

    ops.self_size = own->self_size;
    for (size_t at = offsetof(bs_storage_ops, open); at < sizeof(ops); at += sizeof(any_method)) {
        const bs_storage_ops *from = method_at(own, at) ? own : &pass_ops;
        const any_method method = method_at(inner, at) ? method_at(from, at) : NULL;
        memcpy((char *)&ops + at, &method, sizeof(method));
    }
    return ops;
}

bs_status bsi_storage_decorate(bsi_storage *inner, const bs_storage_ops *own, bsi_storage **out)
{
    const bs_storage_ops ops = join(own, &inner->ops);
    bsi_storage *storage = NULL;

    BSI_TRY(bsi_storage_new(inner->scheme, &ops, &storage));
    ((bsi_decorator *)storage->self)->inner = bsi_storage_ref(inner);
    storage->caps = ops.caps(storage->self);
    *out = storage;
    return BS_OK;
}
