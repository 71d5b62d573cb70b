/* SPDX-License-Identifier: MIT */
/*
 * SHA-256 over libcrypto's own functions instead of EVP: those allocate and
 * look their algorithm up, so each step of theirs can fail, while these only
 * compute. A digest that cannot fail need not be checked by every caller.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "hash/sha256.h"

#include <openssl/sha.h>
#include <string.h>

#include "base/alloc.h"

struct bsi_sha256 {
    SHA256_CTX context;
};

_Static_assert(BSI_SHA256_SIZE == SHA256_DIGEST_LENGTH, "a digest has the size SHA-256 gives");

bs_status bsi_sha256_new(bsi_sha256 **out)
{
    bsi_sha256 *hash = bsi_alloc(sizeof(*hash));

    if (!hash) {
        return BS_E_NOMEM;
    }
    bsi_sha256_reset(hash);
    *out = hash;
    return BS_OK;
}

void bsi_sha256_free(bsi_sha256 *hash)
{
    bsi_free(hash);
}

/* The library's functions below always return 1. */
void bsi_sha256_reset(bsi_sha256 *hash)
{
    (void)SHA256_Init(&hash->context);
}

void bsi_sha256_update(bsi_sha256 *hash, const void *data, size_t size)
{
    if (size > 0) {
        (void)SHA256_Update(&hash->context, data, size);
    }
}

void bsi_sha256_finish(bsi_sha256 *hash, bsi_digest *out)
{
    (void)SHA256_Final(out->bytes, &hash->context);
    bsi_sha256_reset(hash);
}

void bsi_sha256_peek(const bsi_sha256 *hash, bsi_digest *out)
{
    bsi_sha256 copy = *hash;

    bsi_sha256_finish(&copy, out);
}

void bsi_sha256_of(const void *data, size_t size, bsi_digest *out)
{
    bsi_sha256 hash;

    bsi_sha256_reset(&hash);
    bsi_sha256_update(&hash, data, size);
    bsi_sha256_finish(&hash, out);
}

bool bsi_digest_equal(const bsi_digest *a, const bsi_digest *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

void bsi_digest_format(const bsi_digest *digest, char out[2 * BSI_SHA256_SIZE + 1])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < BSI_SHA256_SIZE; i++) {
        out[2 * i] = digits[digest->bytes[i] >> 4];
        out[2 * i + 1] = digits[digest->bytes[i] & 15];
    }
    out[2 * BSI_SHA256_SIZE] = '\0';
}

/* NOT_A_DIGIT for what is no lower-case hex digit. Without branches: indexes have millions. */
enum { NOT_A_DIGIT = 0xff };

static unsigned digit_value(char digit)
{
    const unsigned decimal = (uint8_t)digit - (unsigned)'0';
    const unsigned letter = (uint8_t)digit - (unsigned)'a';
    const unsigned value = letter < 6 ? letter + 10 : NOT_A_DIGIT;

    return decimal < 10 ? decimal : value;
}

bs_status bsi_digest_parse(const char *text, size_t size, bsi_digest *out)
{
    bsi_digest digest;
    unsigned all = 0;

    if (size != 2 * sizeof(digest.bytes)) {
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_INVALID, "a SHA-256 has %zu hex digits, not %zu",
                        2 * sizeof(digest.bytes), size);
    }
    for (size_t i = 0; i < sizeof(digest.bytes); i++) {
        const unsigned high = digit_value(text[2 * i]);
        const unsigned low = digit_value(text[2 * i + 1]);

        all |= high | low;
        digest.bytes[i] = (uint8_t)(high << 4 | low);
    }
    if (all > 15) {
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_INVALID,
                        "a SHA-256 is written in lower-case hex digits");
    }
    *out = digest;
    return BS_OK;
}
