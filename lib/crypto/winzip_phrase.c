/* SPDX-License-Identifier: MIT */
/*
 * The pass phrase of a zip file: whether a key has one, and how it is kept for
 * whoever can open the backup.
 */
#include <string.h>

#include "crypto/cipher_int.h"
#include "crypto/derive_int.h"
#include "crypto/gcm_int.h"
#include "crypto/winzip.h"
#include "os/random.h"

enum { DOCUMENT_SIZE = 1 + BSI_WINZIP_PHRASE_MAX };

_Static_assert(BSI_SALT_SIZE + DOCUMENT_SIZE + BSI_GCM_TAG_SIZE == BSI_WINZIP_SEALED_SIZE,
               "what a sealed pass phrase is made of");

static const char seal_info[] = "bsvc1 zip passphrase";
static const uint8_t zero_nonce[BSI_GCM_NONCE_SIZE];

static bool is_printable(const bsi_secret *phrase)
{
    const unsigned char *bytes = bsi_secret_view(phrase);

    for (size_t i = 0; i < bsi_secret_size(phrase); i++) {
        if (bytes[i] < 0x20 || bytes[i] > 0x7e) {
            return false;
        }
    }
    return true;
}

bs_status bsi_winzip_phrase(const bsi_key *key, const bsi_secret **out)
{
    const bsi_secret *phrase = bsi_key_phrase(key);

    if (!phrase) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_KEY,
                        "a zip file is encrypted under a pass phrase, not a key of the kind '%s'",
                        key->driver->name);
    }
    if (bsi_secret_size(phrase) > BSI_WINZIP_PHRASE_MAX || !is_printable(phrase)) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_KEY,
                        "the pass phrase of a zip file has at most %d bytes of printable ASCII: "
                        "other programs read anything else differently",
                        BSI_WINZIP_PHRASE_MAX);
    }
    *out = phrase;
    return BS_OK;
}

static bsi_gcm_bound bound_of(const char *id)
{
    return (bsi_gcm_bound){.nonce = zero_nonce, .first = bsi_slice_of(id)};
}

bs_status bsi_winzip_seal(const bsi_secret *phrase, const bsi_secret *data_key, const char *id,
                          uint8_t out[BSI_WINZIP_SEALED_SIZE])
{
    const bsi_gcm_bound bound = bound_of(id);
    const size_t size = bsi_secret_size(phrase);
    bsi_secret *document = NULL;
    bsi_secret *key = NULL;
    bs_status status = BS_OK;

    BSI_CHECK(size <= BSI_WINZIP_PHRASE_MAX);
    BSI_TRY(bsi_random(out, BSI_SALT_SIZE));
    status = bsi_secret_new(DOCUMENT_SIZE, &document);
    if (status == BS_OK) {
        bsi_secret_bytes(document)[0] = (unsigned char)size;
        memcpy(bsi_secret_bytes(document) + 1, bsi_secret_view(phrase), size);
        status = bsi_hkdf_secret(data_key, out, seal_info, &key);
    }
    if (status == BS_OK) {
        status = bsi_gcm_seal(key, &bound, bsi_secret_view(document), DOCUMENT_SIZE,
                              out + BSI_SALT_SIZE);
    }
    bsi_secret_free(key);
    bsi_secret_free(document);
    return status;
}

static bs_status take_phrase(const bsi_secret *document, bsi_secret **out)
{
    const size_t size = bsi_secret_view(document)[0];

    if (size == 0 || size > BSI_WINZIP_PHRASE_MAX) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_CORRUPT, "no pass phrase of a zip file");
    }
    return bsi_secret_copy(bsi_secret_view(document) + 1, size, out);
}

bs_status bsi_winzip_unseal(const uint8_t sealed[BSI_WINZIP_SEALED_SIZE],
                            const bsi_secret *data_key, const char *id, bsi_secret **phrase_out)
{
    const bsi_gcm_bound bound = bound_of(id);
    bsi_secret *document = NULL;
    bsi_secret *key = NULL;
    bs_status status = bsi_secret_new(DOCUMENT_SIZE, &document);

    if (status == BS_OK) {
        status = bsi_hkdf_secret(data_key, sealed, seal_info, &key);
    }
    if (status == BS_OK) {
        status = bsi_gcm_open(key, &bound, sealed + BSI_SALT_SIZE, DOCUMENT_SIZE,
                              bsi_secret_bytes(document));
    }
    if (status == BS_OK) {
        status = take_phrase(document, phrase_out);
    }
    bsi_secret_free(key);
    bsi_secret_free(document);
    return status;
}
