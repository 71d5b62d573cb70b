/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DECORATORS_DECORATE_H
#define BSI_STORAGE_DECORATORS_DECORATE_H

#include "storage/storage_int.h"

/*
 * What decorators have in common: they hold the storage below, and pass on what
 * they do not change.
 */

/* What a decorator's state begins with. */
typedef struct bsi_decorator {
    bsi_storage *inner;
} bsi_decorator;

/*
 * Put a decorator over `inner`, which gets a reference of its own. `own` has its
 * `self_size` and the methods that do something: NULL ones pass everything on. What `inner`
 * lacks is lacking. The capabilities are those of `inner`, unless `own` has caps(). A
 * decorator with a close() calls bsi_decorator_close() in it.
 */
BS_NODISCARD bs_status bsi_storage_decorate(bsi_storage *inner, const bs_storage_ops *own,
                                            bsi_storage **out);

void bsi_decorator_close(void *self);

#endif
