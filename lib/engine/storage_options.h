/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_STORAGE_OPTIONS_H
#define BSI_ENGINE_STORAGE_OPTIONS_H

#include "storage/decorators/guard.h"
#include "storage/decorators/limits.h"

/*
 * Settings that storages of every type have: what may be done with a storage, and
 * how fast. They stand among the driver's own, and no driver sees them. One that has a
 * setting of the same name itself keeps it.
 */
typedef struct bsi_common_options {
    bsi_guard_mode guard;
    bsi_limits_plan limits;
    uint64_t cache_size; /* Bytes; 0: there is no cache. */
} bsi_common_options;

/* Whether a setting is one of these for storages of a driver. */
bool bsi_common_option_has(const char *driver, const char *key);

/*
 * What pairs of name and value, ended by NULL, say of them; others are passed over. BS_E_INVALID
 * of layer CALLER tells of all that are wrong. `out` is then not changed.
 */
BS_NODISCARD bs_status bsi_common_options_read(const char *driver, const char *const *settings,
                                               bsi_common_options *out);

/* As limits alone: any other setting is wrong, and what is not named stays as it is in `out`. */
BS_NODISCARD bs_status bsi_limits_read(const char *driver, const char *const *settings,
                                       bsi_limits_plan *out);

#endif
