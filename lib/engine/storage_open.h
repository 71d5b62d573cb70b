/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_STORAGE_OPEN_H
#define BSI_ENGINE_STORAGE_OPEN_H

#include "engine/service.h"

/*
 * Open a storage as requests use it: what its driver asks for is counted, and
 * over a network what may pass is tried again. `settings` are pairs of option
 * name and value, ended by NULL; NULL: none. Secret ones may be references, as to keys.
 */
BS_NODISCARD bs_status bsi_storage_open_for(bs_service *service, const char *driver,
                                            const char *const *settings, bsi_storage **out);

/* What a driver says of a setting; NULL: there is no such driver, or it has no such setting. */
const bs_storage_option *bsi_storage_option_of(const char *driver, const char *key);

#endif
