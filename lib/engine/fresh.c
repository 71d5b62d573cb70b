/* SPDX-License-Identifier: MIT */
/*
 * Verification of a backup that was just written.
 */
#include "engine/fresh.h"

#include <stdio.h>
#include <string.h>

enum { SHOWN_KEY_SIZE = 256 };

/* What is wrong with it. */
typedef struct findings {
    uint64_t count;
    char first[BS_ERROR_MESSAGE_SIZE];
} findings;

static bs_status found_object(void *user, const char *key, const char *message)
{
    findings *found = user;
    char shown[SHOWN_KEY_SIZE];

    if (found->count++ == 0) {
        (void)snprintf(found->first, sizeof(found->first), "object '%s': %s",
                       bsi_printable(key, strlen(key), shown, sizeof(shown)), message);
    }
    return BS_OK;
}

static bs_status found_lost(void *user, bsi_slice path)
{
    (void)user;
    (void)path;
    return BS_OK;
}

static bool is_mirror(const bsi_vault *vault)
{
    return strcmp(vault->form, "mirror") == 0;
}

static bs_status judge(const bsi_vault *vault, const findings *found)
{
    if (found->count == 0) {
        return BS_OK;
    }
    return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                    "read again, what was written is damaged (%llu objects) and %s; %s",
                    (unsigned long long)found->count,
                    is_mirror(vault) ? "the next run of this mirror writes all of it anew"
                                     : "was removed",
                    found->first);
}

bs_status bsi_fresh_verify(const bsi_vault *vault, const bsi_vault_env *env,
                           const bsi_backup_result *written)
{
    findings found = {0};
    const bsi_damage_sink sink = {found_object, found_lost, &found};
    bsi_verify_result result;
    const bs_status status = vault->verify(env, written->manifest_key, &sink, &result);

    return status < 0 ? status : judge(vault, &found);
}

void bsi_fresh_take_back(const bsi_vault *vault, const bsi_vault_env *env,
                         const bsi_backup_result *written)
{
    bs_error failure;
    bsi_vault_env own = *env;

    own.call = NULL; /* Also when the job was cancelled. */
    bsi_error_save(&failure);
    if (vault->remove(&own, written->manifest_key,
                      is_mirror(vault) ? NULL : written->container_key) < 0) {
        bsi_warn_last(env->warn, bsi_slice_of(written->manifest_key));
    }
    bsi_error_restore(&failure);
}
