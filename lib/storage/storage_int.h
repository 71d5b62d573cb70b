/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_STORAGE_INT_H
#define BSI_STORAGE_STORAGE_INT_H

#include <stdatomic.h>

#include "storage/storage.h"

/*
 * Inside of a storage, for the wrappers and for decorators: storages whose
 * driver is one of ours and calls the `ops` of another storage with its `self`.
 * Arguments are checked once, by the wrappers on top.
 */
struct bsi_storage {
    atomic_uint references;
    const char *scheme;
    bs_storage_ops ops; /* A driver's older, shorter table ends in NULLs. */
    void *self;
    uint32_t caps;
};

struct bs_storage_settings {
    const bs_storage_option *options;
    const bsi_setting *items;
    size_t count;
};

/* What final components begin with while an object is not complete. */
#define BSI_STORAGE_TEMP_PREFIX ".bst-"

/* The driver of a scheme; BS_E_UNSUPPORTED tells what there is. Freezes the registry. */
BS_NODISCARD bs_status bsi_storage_driver_find(const char *scheme, const bs_storage_driver **out);

/* A storage with zeroed state whose open() has not been called. */
BS_NODISCARD bs_status bsi_storage_new(const char *scheme, const bs_storage_ops *ops,
                                       bsi_storage **out);

/* Free what bsi_storage_new() made, without close(). */
void bsi_storage_discard(bsi_storage *storage);

/* put_commit() and, where a failure has left the upload, put_abort(). */
BS_NODISCARD bs_status bsi_storage_commit_or_abort(const bsi_storage *storage, const bs_call *call,
                                                   void *upload);

/* Whether every mandatory method is there. */
bool bsi_storage_ops_complete(const bs_storage_ops *ops);

#endif
