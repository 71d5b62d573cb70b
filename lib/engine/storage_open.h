/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_STORAGE_OPEN_H
#define BSI_ENGINE_STORAGE_OPEN_H

#include "engine/service.h"

/* A storage that is open, and what stands around its driver. */
typedef struct bsi_opened_storage {
    bsi_storage *storage; /* With a reference. */
    bsi_storage_layers layers;
} bsi_opened_storage;

/*
 * Open a storage as requests use it: what its driver asks for is counted, over a network
 * what may pass is tried again, and it keeps to the settings that storages of every type
 * have. `settings` are pairs of option name and value, ended by NULL; NULL: none. Secret ones
 * may be references, as to keys. `name` is for texts.
 */
BS_NODISCARD bs_status bsi_storage_open_for(bs_service *service, const char *name,
                                            const char *driver, const char *const *settings,
                                            bsi_opened_storage *out);

/* Take the copies away that a storage of that name had in a cache. */
BS_NODISCARD bs_status bsi_storage_drop_cache(bs_service *service, const char *name);

/* What a driver says of a setting; NULL: there is no such driver, or it has no such setting. */
const bs_storage_option *bsi_storage_option_of(const char *driver, const char *key);

#endif
