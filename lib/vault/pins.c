/* SPDX-License-Identifier: MIT */
#include "vault/pins.h"

#include <string.h>

#include "base/alloc.h"
#include "vault/manifest.h"
#include "vault/names.h"

bs_status bsi_vault_put_pins(const bsi_vault_env *env, const char *manifest_key, bsi_slice text)
{
    char *key = bsi_pins_key(manifest_key);
    bs_status status = BS_E_NOMEM;

    if (key && text.size > 0) {
        status = bsi_storage_put(env->storage, env->call, key, text.data, text.size);
    } else if (key) {
        status = bsi_storage_remove(env->storage, env->call, key);
    }
    bsi_free(key);
    return status;
}

bs_status bsi_vault_load_pins(const bsi_vault_env *env, const char *manifest_key, bsi_buf *out)
{
    char *key = bsi_pins_key(manifest_key);
    const bs_status status =
        key ? bsi_storage_load(env->storage, env->call, key, BSI_PINS_SIZE_MAX, out) : BS_E_NOMEM;

    bsi_free(key);
    return status;
}
