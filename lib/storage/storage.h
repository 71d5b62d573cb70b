/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_STORAGE_H
#define BSI_STORAGE_STORAGE_H

#include <backupsvc/sys/storage_driver.h>

#include "base/buffer.h"
#include "base/error.h"
#include "task/call.h"

/*
 * Where objects are kept, whatever the driver underneath. These wrappers are
 * the only callers of a driver's methods: they check keys and arguments, poll
 * the call, and put operation and key in front of a failure's text. Failures
 * carry layer STORAGE.
 *
 * Thread-safety: any thread on the same storage; an upload belongs to one
 * thread at a time. The meaning of each call stands in
 * backupsvc/sys/storage_driver.h.
 */
typedef struct bsi_storage bsi_storage;

/* One setting as it was configured. Values of secret options are used and forgotten. */
typedef struct bsi_setting {
    const char *key;
    const char *value;
} bsi_setting;

/*
 * Open a storage with one reference. Settings are checked against the driver's
 * table: an unknown or missing one is BS_E_INVALID of layer CALLER. An unknown
 * scheme is BS_E_UNSUPPORTED with a list of what exists.
 */
BS_NODISCARD bs_status bsi_storage_open(const char *scheme, const bsi_setting *settings,
                                        size_t count, const bs_call *call, bsi_storage **out);

/* As open(), without touching the storage: only whether the settings are right. */
BS_NODISCARD bs_status bsi_storage_check_settings(const char *scheme, const bsi_setting *settings,
                                                  size_t count);

bsi_storage *bsi_storage_ref(bsi_storage *storage);
/* The last one closes. NULL is ignored; the error record is left alone. */
void bsi_storage_unref(bsi_storage *storage);

const char *bsi_storage_scheme(const bsi_storage *storage);
/* BS_STORAGE_CAP_... */
uint32_t bsi_storage_caps(const bsi_storage *storage);

/* Whether a text may be the key of an object: see backupsvc/sys/storage_driver.h. */
bool bsi_storage_key_is_valid(const char *key);

BS_NODISCARD bs_status bsi_storage_stat(bsi_storage *storage, const bs_call *call, const char *key,
                                        bs_storage_object *out);

/* An empty range of an object that is there is BS_OK. */
BS_NODISCARD bs_status bsi_storage_read(bsi_storage *storage, const bs_call *call, const char *key,
                                        uint64_t offset, void *buf, size_t size);

BS_NODISCARD bs_status bsi_storage_list(bsi_storage *storage, const bs_call *call,
                                        const char *prefix, bs_storage_list_cb callback,
                                        void *user);

BS_NODISCARD bs_status bsi_storage_remove(bsi_storage *storage, const bs_call *call,
                                          const char *key);

/*
 * As remove() of each, none of them twice, by as few requests as the driver can. After a
 * failure some may be gone.
 */
BS_NODISCARD bs_status bsi_storage_remove_many(bsi_storage *storage, const bs_call *call,
                                               const char *const *keys, size_t count);

/* One, for cleaning up after a failure: nothing ends it, and the error record is left alone. */
void bsi_storage_remove_quietly(bsi_storage *storage, const char *key);

/* BS_E_UNSUPPORTED without BS_STORAGE_CAP_RENAME; likewise the next two without theirs. */
BS_NODISCARD bs_status bsi_storage_rename(bsi_storage *storage, const bs_call *call,
                                          const char *from, const char *to);
BS_NODISCARD bs_status bsi_storage_free_space(bsi_storage *storage, const bs_call *call,
                                              uint64_t *bytes_out);
BS_NODISCARD bs_status bsi_storage_set_mtime(bsi_storage *storage, const bs_call *call,
                                             const char *key, int64_t mtime_ns);

/* BS_E_UNSUPPORTED where the driver cannot. Adds to what stands in `objects` and `bytes`. */
BS_NODISCARD bs_status bsi_storage_sweep(bsi_storage *storage, const bs_call *call,
                                         int64_t before_ns, uint64_t *objects, uint64_t *bytes);

/*
 * An object on its way. Either bsi_upload_commit() or bsi_upload_abort() ends it;
 * it keeps its storage open until then.
 */
typedef struct bsi_upload bsi_upload;

/* What callers of bsi_upload_begin() start from. */
#define BSI_PUT_DEFAULTS                                                          \
    {                                                                             \
        sizeof(bs_storage_put_options), 0, BS_STORAGE_NO_SIZE, BS_STORAGE_NO_TIME \
    }

/*
 * `options` may be NULL. BS_STORAGE_PUT_EXCLUSIVE is BS_E_UNSUPPORTED without
 * BS_STORAGE_CAP_CONDITIONAL_PUT. With BS_STORAGE_PUT_PATCHABLE over a driver
 * without BS_STORAGE_CAP_PATCH the object is held in memory until it is
 * committed, and more than BSI_UPLOAD_HELD_MAX bytes are BS_E_UNSUPPORTED.
 */
enum { BSI_UPLOAD_HELD_MAX = 16 * 1024 * 1024 };
BS_NODISCARD bs_status bsi_upload_begin(bsi_storage *storage, const bs_call *call, const char *key,
                                        const bs_storage_put_options *options, bsi_upload **out);

/* After a failure of write or patch only bsi_upload_abort() is left; others are BS_E_INTERNAL. */
BS_NODISCARD bs_status bsi_upload_write(bsi_upload *upload, const bs_call *call, const void *data,
                                        size_t size);
BS_NODISCARD bs_status bsi_upload_patch(bsi_upload *upload, const bs_call *call, uint64_t offset,
                                        const void *data, size_t size);

/* Bytes written so far. */
uint64_t bsi_upload_size(const bsi_upload *upload);

/* Durable and visible all at once. Frees the upload, whatever comes back. */
BS_NODISCARD bs_status bsi_upload_commit(bsi_upload *upload, const bs_call *call);

/* Leaves nothing behind. NULL is ignored; the error record is left alone. */
void bsi_upload_abort(bsi_upload *upload);

/* A whole object in one go. */
BS_NODISCARD bs_status bsi_storage_put(bsi_storage *storage, const bs_call *call, const char *key,
                                       const void *data, size_t size);
/* The same where nothing is yet: BS_E_EXISTS, where the storage can tell; elsewhere it replaces. */
BS_NODISCARD bs_status bsi_storage_put_new(bsi_storage *storage, const bs_call *call,
                                           const char *key, const void *data, size_t size);

/*
 * Append a whole object to `out`. More than `max_size` bytes are BS_E_LIMIT, found before
 * any memory is asked for.
 */
BS_NODISCARD bs_status bsi_storage_load(bsi_storage *storage, const bs_call *call, const char *key,
                                        uint64_t max_size, bsi_buf *out);

/* The n-th driver that this build knows, or NULL behind the last. Freezes the registry. */
const bs_storage_driver *bsi_storage_driver_at(size_t index);

#endif
