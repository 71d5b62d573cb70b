/* SPDX-License-Identifier: MIT */
/*
 * Raw keys: 32 bytes of chance, kept in a file as one line of text.
 *
 *     body: fingerprint 16 | salt 32 | data key 32 | tag 16
 */
#include <string.h>

#include "base/alloc.h"
#include "crypto/cipher_int.h"
#include "crypto/derive_int.h"
#include "hash/sha256.h"

enum {
    HEX_SIZE = 2 * BSI_SHA256_SIZE, /* Of a key, which is as long as a digest. */
    BODY_SIZE = BSI_FINGERPRINT_BYTES + BSI_WRAP_SIZE,
};

#define PREFIX "bsvc-key-"
#define VERSION_1 PREFIX "1 "

static const char wrap_info[] = "bsvc1 raw slot";

typedef struct raw_key {
    bsi_key base;
    bsi_secret *bytes;
    uint8_t fingerprint[BSI_FINGERPRINT_BYTES];
} raw_key;

bool bsi_key_text_is_raw(bsi_slice text)
{
    return text.size >= strlen(PREFIX) && memcmp(text.data, PREFIX, strlen(PREFIX)) == 0;
}

/* The hex digits of the one line; its end may be missing. */
static bool parse_line(bsi_slice text, bsi_digest *out)
{
    const size_t prefix = strlen(VERSION_1);

    if (text.size > 0 && text.data[text.size - 1] == '\n') {
        text.size--;
    }
    if (text.size > 0 && text.data[text.size - 1] == '\r') {
        text.size--;
    }
    return text.size == prefix + HEX_SIZE && memcmp(text.data, VERSION_1, prefix) == 0 &&
           bsi_digest_parse(text.data + prefix, HEX_SIZE, out) == BS_OK;
}

static bs_status take_fingerprint(raw_key *key)
{
    static const uint8_t no_salt[BSI_SALT_SIZE];
    uint8_t derived[BSI_DERIVED_SIZE];

    BSI_TRY(bsi_hkdf(key->bytes, no_salt, "bsvc1 fingerprint", derived));
    memcpy(key->fingerprint, derived, sizeof(key->fingerprint));
    bsi_fingerprint_format(key->fingerprint, key->base.fingerprint);
    return BS_OK;
}

static bs_status raw_open(bsi_key *self, bsi_slice text, const bsi_secret *passphrase)
{
    raw_key *key = (raw_key *)self;
    bsi_digest bytes;
    bs_status status = BS_OK;

    (void)passphrase;
    if (parse_line(text, &bytes)) {
        status = bsi_secret_copy(bytes.bytes, sizeof(bytes.bytes), &key->bytes);
    } else {
        status =
            bsi_fail(BS_LAYER_CRYPTO, BS_E_INVALID,
                     "a raw key file is one line: '" VERSION_1 "' and %d hex digits", HEX_SIZE);
    }
    bsi_wipe(&bytes, sizeof(bytes));
    if (status < 0) {
        return status;
    }
    self->can_open = true;
    return take_fingerprint(key);
}

static void raw_close(bsi_key *self)
{
    bsi_secret_free(((raw_key *)self)->bytes);
}

static size_t raw_body_size(const bsi_key *self)
{
    (void)self;
    return BODY_SIZE;
}

static bs_status raw_check(bsi_slice body, bsi_slot_facts *out)
{
    if (body.size != BODY_SIZE) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_CORRUPT, "no slot of a raw key");
    }
    bsi_fingerprint_format((const uint8_t *)body.data, out->fingerprint);
    return BS_OK;
}

static bs_status raw_wrap(bsi_key *self, const bsi_slot_frame *frame, const bsi_keyset_cost *cost,
                          const bsi_secret *data_key)
{
    const raw_key *key = (const raw_key *)self;

    (void)cost;
    memcpy(frame->bytes + frame->head, key->fingerprint, sizeof(key->fingerprint));
    return bsi_wrap_data_key(key->bytes, wrap_info, frame, data_key);
}

static bs_status raw_unwrap(bsi_key *self, const bsi_slot_frame *frame, bsi_secret **data_key_out)
{
    return bsi_unwrap_data_key(((raw_key *)self)->bytes, wrap_info, frame, data_key_out);
}

static bs_status format_line(const bsi_secret *bytes, bsi_secret **text_out)
{
    static const char version[] = VERSION_1;
    const size_t prefix = sizeof(version) - 1;
    bsi_secret *text = NULL;
    bsi_digest digest;
    char hex[HEX_SIZE + 1];
    char *line = NULL;

    BSI_TRY(bsi_secret_new(prefix + HEX_SIZE + 1, &text));
    line = (char *)bsi_secret_bytes(text);
    memcpy(digest.bytes, bsi_secret_view(bytes), sizeof(digest.bytes));
    bsi_digest_format(&digest, hex);
    memcpy(line, version, prefix);
    memcpy(line + prefix, hex, HEX_SIZE);
    line[prefix + HEX_SIZE] = '\n';
    bsi_wipe(&digest, sizeof(digest));
    bsi_wipe(hex, sizeof(hex));
    *text_out = text;
    return BS_OK;
}

bs_status bsi_key_raw_generate(bsi_secret **text_out)
{
    bsi_secret *bytes = NULL;
    bs_status status = bsi_secret_random(BSI_SHA256_SIZE, &bytes);

    if (status == BS_OK) {
        status = format_line(bytes, text_out);
    }
    bsi_secret_free(bytes);
    return status;
}

const bsi_cipher_driver bsi_cipher_driver_raw = {
    .kind = BSI_KEY_RAW,
    .name = "raw",
    .self_size = sizeof(raw_key),
    .open = raw_open,
    .close = raw_close,
    .body_size = raw_body_size,
    .check = raw_check,
    .wrap = raw_wrap,
    .unwrap = raw_unwrap,
};
