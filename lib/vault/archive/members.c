/* SPDX-License-Identifier: MIT */
/*
 * Joins a container's members to their encryption, and keeps its pass phrase.
 */
#include "vault/archive/members.h"

#include <string.h>

#include "base/alloc.h"
#include "crypto/winzip.h"
#include "text/base64.h"

_Static_assert((int)BSI_MEMBER_HEAD_SIZE == (int)BSI_WINZIP_HEAD_SIZE &&
                   (int)BSI_MEMBER_TAIL_SIZE == (int)BSI_WINZIP_TAIL_SIZE,
               "what stands around a member");

struct bsi_members {
    bsi_winzip *winzip;
    bsi_member_cipher cipher;
};

/* --- As the container wants it --- */

static bs_status begin(void *self, uint8_t head[BSI_MEMBER_HEAD_SIZE])
{
    return bsi_winzip_begin(self, head);
}

static bs_status encrypt(void *self, const void *plain, size_t size, uint8_t *out)
{
    return bsi_winzip_encrypt(self, plain, size, out);
}

static bs_status end(void *self, uint8_t tail[BSI_MEMBER_TAIL_SIZE])
{
    return bsi_winzip_end(self, tail);
}

static bs_status open_member(void *self, const uint8_t head[BSI_MEMBER_HEAD_SIZE])
{
    return bsi_as_damage(bsi_winzip_open(self, head));
}

static bs_status decrypt(void *self, uint64_t at, uint8_t *bytes, size_t size)
{
    return bsi_winzip_decrypt(self, at, bytes, size);
}

static bs_status make(const bsi_secret *phrase, bsi_members **out)
{
    bsi_members *members = bsi_calloc(1, sizeof(*members));
    bs_status status = members ? bsi_winzip_new(phrase, &members->winzip) : BS_E_NOMEM;

    if (status < 0) {
        bsi_members_free(members);
        return status;
    }
    members->cipher =
        (bsi_member_cipher){begin, encrypt, end, open_member, decrypt, members->winzip};
    *out = members;
    return BS_OK;
}

void bsi_members_free(bsi_members *members)
{
    if (members) {
        bsi_winzip_free(members->winzip);
        bsi_free(members);
    }
}

const bsi_member_cipher *bsi_members_cipher(const bsi_members *members)
{
    return &members->cipher;
}

/* --- The pass phrase --- */

static bs_status phrase_of(const bsi_backup_plan *plan, const bsi_secret **out)
{
    if (plan->encryption != BSI_ENCRYPTION_AES256 || plan->wrap_count == 0) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_KEY,
                        "the members of a zip file are encrypted under a pass phrase");
    }
    return bsi_winzip_phrase(plan->wrap_keys[0], out);
}

bs_status bsi_members_new(const bsi_backup_plan *plan, bsi_members **out)
{
    const bsi_secret *phrase = NULL;

    BSI_TRY(phrase_of(plan, &phrase));
    return make(phrase, out);
}

bs_status bsi_members_note(const bsi_backup_plan *plan, const bsi_keyset *keys,
                           bsi_manifest_info *info)
{
    const bsi_secret *phrase = NULL;
    uint8_t sealed[BSI_WINZIP_SEALED_SIZE];
    bsi_buf text;
    bs_status status = BS_OK;

    BSI_TRY(phrase_of(plan, &phrase));
    BSI_TRY(bsi_winzip_seal(phrase, bsi_keyset_data_key(keys), plan->id, sealed));
    bsi_buf_init(&text, (size_t)2 * BSI_WINZIP_SEALED_SIZE);
    status = bsi_base64_encode(sealed, sizeof(sealed), &text);
    if (status >= 0) {
        info->zip_passphrase = bsi_buf_take_text(&text);
        status = info->zip_passphrase ? BS_OK : BS_E_NOMEM;
    }
    bsi_buf_dispose(&text);
    return status;
}

/* The sealed bytes that the public part has. */
static bs_status decode(const char *text, uint8_t out[BSI_WINZIP_SEALED_SIZE])
{
    bsi_buf bytes;
    bs_status status = BS_OK;

    bsi_buf_init(&bytes, (size_t)2 * BSI_WINZIP_SEALED_SIZE);
    status = bsi_base64_decode(text, strlen(text), &bytes);
    if (status == BS_OK && bytes.size == BSI_WINZIP_SEALED_SIZE) {
        memcpy(out, bytes.data, bytes.size);
    } else if (status != BS_E_NOMEM) {
        status = bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                          "the pass phrase of its zip file does not lie there as it should");
    }
    bsi_buf_dispose(&bytes);
    return status;
}

bs_status bsi_members_open(const bsi_backup_keys *keys, const char *id, bsi_members **out)
{
    const char *text = keys->info.zip_passphrase ? keys->info.zip_passphrase : "";
    uint8_t sealed[BSI_WINZIP_SEALED_SIZE];
    bsi_secret *phrase = NULL;
    bs_status status = BS_OK;

    BSI_TRY(decode(text, sealed));
    status = bsi_as_damage(bsi_winzip_unseal(sealed, bsi_keyset_data_key(keys->set), id, &phrase));
    if (status == BS_OK) {
        status = make(phrase, out);
    }
    bsi_secret_free(phrase);
    return status;
}
