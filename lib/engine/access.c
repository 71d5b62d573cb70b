/* SPDX-License-Identifier: MIT */
/*
 * Gathers what encrypted backups are worked on with.
 */
#include "engine/access.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/phrases.h"
#include "engine/service.h"
#include "hash/sha256.h"
#include "os/random.h"

enum { SLOTS_TEXT_SIZE = 512 };

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
    env->keeper = access->keeper;
}

bs_status bsi_access_take_phrase(bs_service *service, const char *storage, bsi_access *access)
{
    access->keeper = bsi_phrases_keeper(service, storage, &access->arena);
    return access->keeper ? BS_OK : BS_E_NOMEM;
}

/* BS_E_NOT_FOUND: there is no such directory, and it is not to be made. */
static bs_status open_bases(bs_service *service, const char *storage, bool create,
                            bsi_storage **out)
{
    bsi_setting settings[] = {
        {"path", NULL}, {"sweep", "false"}, {"create", create ? "true" : "false"}};
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
        status = path ? bsi_storage_open("local", settings, BSI_ARRAY_SIZE(settings), NULL, out)
                      : BS_E_NOMEM;
    }
    bsi_free(path);
    bsi_buf_dispose(&text);
    return status;
}

bs_status bsi_access_open_bases(bs_service *service, const char *storage, bsi_access *access)
{
    const bs_status status = open_bases(service, storage, true, &access->bases);

    return status < 0 ? bsi_fail_context(BS_LAYER_SYSTEM, status, "what backups build on") : BS_OK;
}

bs_status bsi_access_sweep_bases(bs_service *service, const char *storage, int64_t before_ns)
{
    uint64_t objects = 0;
    uint64_t bytes = 0;
    bsi_storage *bases = NULL;
    bs_status status = open_bases(service, storage, false, &bases);

    if (status == BS_E_NOT_FOUND) {
        return BS_OK;
    }
    if (status >= 0) {
        status = bsi_storage_sweep(bases, NULL, before_ns, &objects, &bytes);
    }
    bsi_storage_unref(bases);
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
    if (status >= 0 && encryption != BSI_ENCRYPTION_NONE) {
        status = bsi_access_take_phrase(service, row->storage, &access);
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

/* "passphrase, rsa 0123..."; cut when it is long. */
static void list_slots(const bsi_keyset *keyset, char *out, size_t size)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < bsi_keyset_slots(keyset) && used < size; i++) {
        const bsi_slot_info *slot = bsi_keyset_slot(keyset, i);
        const int more = snprintf(out + used, size - used, "%s%s%s%s", i > 0 ? ", " : "",
                                  bsi_key_kind_name(slot->kind),
                                  slot->fingerprint[0] != '\0' ? " " : "", slot->fingerprint);
        used += more > 0 ? (size_t)more : 0;
    }
}

bs_status bsi_access_explain(bs_service *service, const bsi_vault_env *env,
                             const bsi_row_backup *row, bs_status status)
{
    char slots[SLOTS_TEXT_SIZE];
    bsi_keyset *keyset = NULL;
    bs_error error;

    if (status != BS_E_KEY) {
        return status;
    }
    bsi_error_save(&error);
    if (bsi_vault_load_keys(env, row->manifest_key, &keyset) < 0 ||
        bsi_keyset_open(keyset, env->keys, env->key_count) != BS_E_KEY) {
        bsi_keyset_free(keyset);
        bsi_error_restore(&error); /* It is another one of its chain. */
        return status;
    }
    list_slots(keyset, slots, sizeof(slots));
    bsi_keyset_free(keyset);
    return bsi_fail(BS_LAYER_CRYPTO, BS_E_KEY,
                    "none of the known keys opens backup %s, which is encrypted for: %s%s", row->id,
                    slots, bsi_keys_ring_is_closed(service) ? "; the keyring stayed closed" : "");
}

bs_status bsi_access_check_same_keys(const bsi_vault_env *env, const char *manifest_key,
                                     const bsi_key_list *keys)
{
    bsi_keyset *keyset = NULL;
    bs_status status = bsi_vault_load_keys(env, manifest_key, &keyset);

    for (size_t i = 0; i < keys->count && status >= 0; i++) {
        uint32_t number = 0;
        status = bsi_keyset_find(keyset, keys->items[i], &number);
    }
    bsi_keyset_free(keyset);
    if (status == BS_E_NOT_FOUND) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_KEY, "it is encrypted for other keys");
    }
    return status;
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
