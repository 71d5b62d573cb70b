/* SPDX-License-Identifier: MIT */
/*
 * The encryption of a request, and the keys that it is to be opened with.
 */
#include <string.h>

#include "base/alloc.h"
#include "crypto/winzip.h"
#include "engine/key_ref.h"
#include "engine/request.h"
#include "engine/service.h"
#include "engine/words.h"
#include "os/file.h"

_Static_assert((int)BSI_ENCRYPTION_AES256 == (int)BS_ENCRYPTION_AES256 &&
                   (int)BSI_ENCRYPTION_RSA == (int)BS_ENCRYPTION_RSA,
               "encryptions of the vault and of the API are the same numbers");

/* --- What may be kept of a reference --- */

/* With the absolute path, for it is used again where another directory is the process's. */
static bs_status keep_file(const char *path, bsi_arena *arena, const char **out)
{
    char *absolute = NULL;
    bsi_buf text;
    bs_status status = bsi_absolute_path(path, &absolute);

    bsi_buf_init(&text, BSI_PATH_MAX + 8);
    if (status >= 0) {
        status = bsi_buf_append_format(&text, "file:%s", absolute);
    }
    if (status >= 0) {
        *out = bsi_arena_slice(arena, (bsi_slice){(const char *)text.data, text.size});
        status = *out ? BS_OK : BS_E_NOMEM;
    }
    bsi_buf_dispose(&text);
    bsi_free(absolute);
    return status;
}

static bs_status keep(const char *reference, bsi_arena *arena, const char **out)
{
    const char *rest = NULL;

    if (bsi_key_ref_source(reference, &rest) == BSI_KEY_SOURCE_FILE) {
        return keep_file(rest, arena, out);
    }
    *out = bsi_arena_text(arena, reference);
    return *out ? BS_OK : BS_E_NOMEM;
}

/* --- aes256 --- */

/* The failure becomes a complaint about the field, unless it is of memory. */
static bs_status complain_of_key(bsi_complaints *complaints, const char *field, size_t index,
                                 bs_status status)
{
    const bs_layer layer = bs_error_last()->layer;

    if (status == BS_E_NOMEM) {
        return status;
    }
    if (index == SIZE_MAX) {
        bsi_complain(complaints, status, layer, "%s: %s", field, bs_error_last()->message);
    } else {
        bsi_complain(complaints, status, layer, "%s[%zu]: %s", field, index,
                     bs_error_last()->message);
    }
    return BS_OK;
}

static bs_status keep_key(const char *reference, bsi_backup_request *request)
{
    const char *rest = NULL;

    request->key_is_secret = bsi_key_ref_source(reference, &rest) == BSI_KEY_SOURCE_TEXT;
    return request->key_is_secret ? BS_OK
                                  : keep(reference, &request->arena, &request->key_reference);
}

static bs_status take_secret_key(bs_service *service, const char *reference,
                                 bsi_backup_request *request, bsi_complaints *complaints)
{
    bsi_key *key = NULL;
    bs_status status = reference ? bsi_keys_resolve(service, reference, NULL, &key)
                                 : bsi_keys_usual(service, &key);

    if (status < 0) {
        return complain_of_key(complaints, "encryption_key", SIZE_MAX, status);
    }
    if (bsi_key_kind_of(key) == BSI_KEY_RSA) {
        bsi_complain_invalid(complaints, "encryption_key: aes256 takes a pass phrase or a raw key; "
                                         "for an RSA key ask for rsa");
    } else if (bsi_request_is_repository(request) && bsi_key_kind_of(key) != BSI_KEY_PASSPHRASE) {
        bsi_complain_invalid(complaints, "encryption_key: a repository is opened with a pass "
                                         "phrase, not with a raw key");
    } else {
        status = bsi_key_list_add(&request->wrap_keys, key);
    }
    bsi_key_unref(key);
    if (status >= 0 && reference) {
        status = keep_key(reference, request);
    }
    return status;
}

/* What a request must be for its zip file to be encrypted file by file. */
static void take_winzip(const bs_backup_options *options, bsi_backup_request *request,
                        bsi_complaints *complaints)
{
    const bsi_secret *phrase = NULL;
    char words[80];

    if (options->zip_encryption == BS_ZIP_ENCRYPTION_ENVELOPE) {
        return;
    }
    if (options->zip_encryption != BS_ZIP_ENCRYPTION_WINZIP) {
        bsi_complain_invalid(complaints, "zip_encryption: takes %s, not the number %d",
                             bsi_word_list(bsi_words_zip_encryption, words, sizeof(words)),
                             (int)options->zip_encryption);
        return;
    }
    if (strcmp(request->compression, "zip") != 0) {
        bsi_complain_invalid(complaints, "zip_encryption: winzip needs the compression zip, not %s",
                             request->compression);
        return;
    }
    if (request->encryption != BSI_ENCRYPTION_AES256) {
        bsi_complain_invalid(complaints,
                             "zip_encryption: winzip needs the encryption aes256, not %s",
                             bsi_encryption_name(request->encryption));
        return;
    }
    if (request->wrap_keys.count == 0) {
        return; /* It was complained about. */
    }
    if (bsi_winzip_phrase(request->wrap_keys.items[0], &phrase) < 0) {
        bsi_complain_invalid(complaints, "zip_encryption: %s", bs_error_last()->message);
        return;
    }
    request->winzip = true;
}

/* --- rsa --- */

static bool is_known(const bsi_key_list *list, const bsi_key *key)
{
    char wanted[BSI_FINGERPRINT_SIZE];
    char found[BSI_FINGERPRINT_SIZE];

    bsi_key_fingerprint(key, wanted);
    for (size_t i = 0; i < list->count; i++) {
        bsi_key_fingerprint(list->items[i], found);
        if (strcmp(wanted, found) == 0) {
            return true;
        }
    }
    return false;
}

/* What makes a key no recipient; NULL: it is one. */
static const char *refusal(const char *reference, const bsi_key *key, const bsi_key_list *others)
{
    const char *rest = NULL;

    if (bsi_key_kind_of(key) != BSI_KEY_RSA) {
        return "rsa takes public keys or certificates in PEM, not a pass phrase or raw key";
    }
    /* Within the keyring it lies sealed; anywhere else it has no business on this machine. */
    if (bsi_key_can_open(key) && bsi_key_ref_source(reference, &rest) != BSI_KEY_SOURCE_KEYRING) {
        return "this is a private key; who takes backups needs its public half only: keep the "
               "private key elsewhere";
    }
    if (is_known(others, key)) {
        return "the same key is given twice";
    }
    return others->count >= BSI_KEYSET_SLOTS_MAX ? "at most 64 keys can open one backup" : NULL;
}

bs_status bsi_request_take_recipient(bs_service *service, const char *field, size_t index,
                                     const char *reference, bsi_key_list *list,
                                     bsi_complaints *complaints)
{
    const char *refused = NULL;
    bsi_key *key = NULL;
    bs_status status = bsi_keys_resolve_public(service, reference, &key);

    if (status < 0) {
        return complain_of_key(complaints, field, index, status);
    }
    refused = refusal(reference, key, list);
    if (refused) {
        status = bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "%s", refused);
        status = complain_of_key(complaints, field, index, status);
    } else {
        status = bsi_key_list_add(list, key);
    }
    bsi_key_unref(key);
    return status;
}

static bs_status take_recipients(bs_service *service, const char *const *recipients,
                                 bsi_backup_request *request, bsi_complaints *complaints)
{
    const size_t before = complaints->count;
    const char **kept = NULL;
    size_t count = 0;
    bs_status status = BS_OK;

    while (recipients[count] && count <= BSI_KEYSET_SLOTS_MAX) {
        count++;
    }
    kept = bsi_arena_alloc(&request->arena, count + 1, sizeof(*kept));
    if (!kept) {
        return BS_E_NOMEM;
    }
    for (size_t i = 0; i < count && status >= 0; i++) {
        status = bsi_request_take_recipient(service, "recipients", i, recipients[i],
                                            &request->wrap_keys, complaints);
        if (status >= 0 && complaints->count == before) {
            status = keep(recipients[i], &request->arena, &kept[i]);
        }
    }
    request->recipients = kept;
    return status;
}

static bs_status take_public_keys(bs_service *service, const bs_backup_options *options,
                                  bsi_backup_request *request, bsi_complaints *complaints)
{
    const size_t before = complaints->count;

    if (options->encryption_key) {
        BSI_TRY(bsi_request_take_recipient(service, "encryption_key", SIZE_MAX,
                                           options->encryption_key, &request->wrap_keys,
                                           complaints));
    }
    /* What was refused may be anything; nothing of it is kept. */
    if (options->encryption_key && complaints->count == before) {
        BSI_TRY(keep(options->encryption_key, &request->arena, &request->key_reference));
    }
    if (options->recipients) {
        BSI_TRY(take_recipients(service, options->recipients, request, complaints));
    }
    /* A repository that is there has its own. */
    if (request->wrap_keys.count == 0 && !bsi_request_is_repository(request) &&
        complaints->count == before) {
        bsi_complain_invalid(complaints, "recipients: rsa needs the public key of at least one who "
                                         "may read the backup");
    }
    return BS_OK;
}

/* --- Both --- */

/* What the request asks for, or the setting does for one that asks for nothing. */
static bs_encryption wanted(const bs_service *service, const bs_backup_options *options,
                            const bsi_backup_request *request)
{
    if (options->encryption != BS_ENCRYPTION_NONE || request->kind == BSI_KIND_MIRROR) {
        return options->encryption;
    }
    return (bs_encryption)bsi_config_number(service->config, BSI_CONFIG_DEFAULT_ENCRYPTION);
}

/* False: it was complained about, and no key needs to be looked at. */
static bool check_encryption(const bs_service *service, const bsi_backup_request *request,
                             bs_encryption encryption, bsi_complaints *complaints)
{
    char words[80];

    if ((int)encryption < 0 || encryption > BS_ENCRYPTION_RSA) {
        bsi_complain_invalid(complaints, "encryption: takes %s, not the number %d",
                             bsi_word_list(bsi_words_encryption, words, sizeof(words)),
                             (int)encryption);
        return false;
    }
    if (!bsi_config_flag(service->config, BSI_CONFIG_ENCRYPTION_ENABLED)) {
        bsi_complain_invalid(complaints, "encryption: the setting ENCRYPTION_ENABLED forbids it");
        return false;
    }
    if (request->kind == BSI_KIND_MIRROR) {
        bsi_complain_invalid(complaints, "encryption: a mirror is a plain tree and takes none");
        return false;
    }
    return true;
}

static bs_status take_keys(bs_service *service, const bs_backup_options *options,
                           bsi_backup_request *request, bsi_complaints *complaints)
{
    const bs_encryption encryption = wanted(service, options, request);

    if (encryption == BS_ENCRYPTION_NONE) {
        if (options->encryption_key || options->recipients) {
            bsi_complain_invalid(complaints, "encryption: must be aes256 or rsa where "
                                             "encryption_key or recipients are given");
        }
        return BS_OK;
    }
    if (!check_encryption(service, request, encryption, complaints)) {
        return BS_OK;
    }
    request->encryption = (bsi_encryption)encryption;
    if (encryption == BS_ENCRYPTION_RSA) {
        return take_public_keys(service, options, request, complaints);
    }
    if (options->recipients) {
        bsi_complain_invalid(complaints, "recipients: only rsa has them");
    }
    return take_secret_key(service, options->encryption_key, request, complaints);
}

bs_status bsi_request_take_encryption(bs_service *service, const bs_backup_options *options,
                                      bsi_backup_request *request, bsi_complaints *complaints)
{
    BSI_TRY(take_keys(service, options, request, complaints));
    take_winzip(options, request, complaints);
    return BS_OK;
}
