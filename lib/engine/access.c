/* SPDX-License-Identifier: MIT */
/*
 * Gathers what encrypted backups are worked on with.
 */
#include "engine/access.h"

#include <string.h>

#include "base/alloc.h"
#include "engine/service.h"
#include "hash/sha256.h"
#include "os/random.h"

#define SALT_META "kdf_salt"

_Static_assert((int)BSI_KDF_SALT_SIZE == (int)BSI_SHA256_SIZE, "a salt is written as a digest is");

static bs_status take_signers(bs_service *service, bsi_access *access)
{
    BSI_TRY(bsi_signers_list(service, &access->arena, &access->signers, &access->signer_count));
    access->trusted =
        bsi_arena_alloc(&access->arena, access->signer_count + 1, sizeof(*access->trusted));
    if (!access->trusted) {
        return BS_E_NOMEM;
    }
    for (size_t i = 0; i < access->signer_count; i++) {
        access->trusted[i] = access->signers[i].key;
    }
    return BS_OK;
}

bs_status bsi_access_open(bs_service *service, bsi_key *first, bsi_access *out)
{
    bsi_access access = {0};
    bs_status status = bsi_keys_collect(service, first, &access.keys);

    if (status >= 0) {
        status = take_signers(service, &access);
    }
    if (status < 0) {
        bsi_access_close(&access);
        return status;
    }
    *out = access;
    return BS_OK;
}

void bsi_access_lend(const bsi_access *access, bsi_vault_env *env)
{
    env->keys = access->keys.items;
    env->key_count = access->keys.count;
    env->trusted = access->trusted;
    env->trusted_count = access->signer_count;
    env->bases = access->bases;
}

bs_status bsi_access_open_bases(bs_service *service, const char *storage, bsi_access *access)
{
    bsi_setting settings[] = {{"path", NULL}, {"sweep", "false"}};
    char *path = NULL;
    bsi_buf text;
    bs_status status = BS_OK;

    /* The name of a storage may be "..". */
    bsi_buf_init(&text, BSI_PATH_MAX);
    status = bsi_buf_append_format(&text, "%s/" BSI_STATE_BASES_DIR "/on-%s", service->dir.path,
                                   storage);
    if (status >= 0) {
        path = bsi_buf_take_text(&text);
        settings[0].value = path;
        status = path ? bsi_storage_open("local", settings, BSI_ARRAY_SIZE(settings), NULL,
                                         &access->bases)
                      : BS_E_NOMEM;
    }
    bsi_free(path);
    bsi_buf_dispose(&text);
    return status < 0 ? bsi_fail_context(BS_LAYER_SYSTEM, status, "what backups build on") : BS_OK;
}

bs_status bsi_access_open_for(bs_service *service, const bsi_row_backup *row, bsi_key *first,
                              bsi_vault_env *env, bsi_access *out)
{
    bsi_encryption encryption = BSI_ENCRYPTION_NONE;
    bsi_access access = {0};
    bs_status status = BS_OK;

    *out = access;
    if (bsi_encryption_parse(bsi_slice_of(row->encryption), &encryption) &&
        encryption != BSI_ENCRYPTION_NONE) {
        status = bsi_access_open(service, first, &access);
    }
    if (status >= 0 && encryption == BSI_ENCRYPTION_RSA) {
        status = bsi_access_open_bases(service, row->storage, &access);
    }
    if (status < 0) {
        bsi_access_close(&access);
        return status;
    }
    bsi_access_lend(&access, env);
    *out = access;
    return BS_OK;
}

void bsi_access_close(bsi_access *access)
{
    bsi_key_list_dispose(&access->keys);
    bsi_storage_unref(access->bases);
    bsi_arena_dispose(&access->arena);
    *access = (bsi_access){0};
}

const char *bsi_access_signer_name(const bsi_access *access, const bsi_public_key *key)
{
    for (size_t i = 0; i < access->signer_count; i++) {
        if (memcmp(access->signers[i].key.bytes, key->bytes, sizeof(key->bytes)) == 0) {
            return access->signers[i].name;
        }
    }
    return NULL;
}

/* --- The salt --- */

static bs_status make_salt(bs_service *service, bsi_digest *out)
{
    char text[2 * BSI_SHA256_SIZE + 1];

    BSI_TRY(bsi_random(out->bytes, sizeof(out->bytes)));
    bsi_digest_format(out, text);
    return bsi_catalog_set_meta(service->catalog, SALT_META, text);
}

/* Two that make one at once both have a good one: the later stays. */
bs_status bsi_service_salt(bs_service *service, unsigned char out[BSI_KDF_SALT_SIZE])
{
    bsi_digest salt;
    char *text = NULL;
    bs_status status = bsi_catalog_get_meta(service->catalog, SALT_META, &text);

    if (status >= 0) {
        status = bsi_digest_parse(text, strlen(text), &salt);
    }
    if (status == BS_E_NOT_FOUND || status == BS_E_INVALID) {
        status = make_salt(service, &salt);
    }
    bsi_free(text);
    if (status >= 0) {
        memcpy(out, salt.bytes, BSI_KDF_SALT_SIZE);
    }
    return status;
}
