/* SPDX-License-Identifier: MIT */
/*
 * Options structs of any release, made into those of this one.
 */
#include "api/check.h"

#include <string.h>

static bool is_zero(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

bs_status bsi_options_take(const char *what, const void *options, size_t first_size, void *own,
                           size_t own_size)
{
    const uint8_t *bytes = options;
    size_t size = own_size;

    if (options) {
        memcpy(&size, options, sizeof(size));
        if (size < first_size) {
            return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                            "%s: struct_size is %zu, but at least %zu; begin with the INIT macro",
                            what, size, first_size);
        }
        if (size > own_size && !is_zero(bytes + own_size, size - own_size)) {
            return bsi_fail(BS_LAYER_CALLER, BS_E_UNSUPPORTED,
                            "%s: a member is set that this release does not know", what);
        }
        memcpy(own, options, size < own_size ? size : own_size);
    }
    memcpy(own, &own_size, sizeof(own_size));
    return BS_OK;
}

void bsi_options_init(void *options, size_t size)
{
    if (options && size >= sizeof(size)) {
        memset(options, 0, size);
        memcpy(options, &size, sizeof(size));
    }
}
