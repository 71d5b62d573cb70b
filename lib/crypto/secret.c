/* SPDX-License-Identifier: MIT */
/*
 * Secrets in pages of their own. Behind the bytes lies a mark, by which it is
 * noticed that the kernel wiped the pages because the process was forked.
 */
#include "crypto/secret.h"

#include <openssl/crypto.h>
#include <string.h>

#include "base/alloc.h"
#include "os/locked.h"
#include "os/random.h"

enum { INTACT = 0xa5 };

struct bsi_secret {
    unsigned char *bytes; /* `size` of them, and the mark. */
    size_t size;
};

bs_status bsi_secret_new(size_t size, bsi_secret **out)
{
    bsi_secret *secret = NULL;
    void *pages = NULL;

    if (size == 0 || size > BSI_SECRET_MAX) {
        (void)bsi_fail(BS_LAYER_CRYPTO, BS_E_LIMIT, "a secret has 1 to %d bytes, not %zu",
                       BSI_SECRET_MAX, size);
        return BS_E_LIMIT;
    }
    BSI_TRY(bsi_locked_map(size + 1, &pages));
    secret = bsi_calloc(1, sizeof(*secret));
    if (!secret) {
        bsi_locked_unmap(pages, size + 1);
        return BS_E_NOMEM;
    }
    secret->bytes = pages;
    secret->size = size;
    secret->bytes[size] = INTACT;
    *out = secret;
    return BS_OK;
}

bs_status bsi_secret_copy(const void *bytes, size_t size, bsi_secret **out)
{
    BSI_TRY(bsi_secret_new(size, out));
    memcpy((*out)->bytes, bytes, size);
    return BS_OK;
}

bs_status bsi_secret_random(size_t size, bsi_secret **out)
{
    bsi_secret *secret = NULL;
    bs_status status = BS_OK;

    BSI_TRY(bsi_secret_new(size, &secret));
    status = bsi_random(secret->bytes, size);
    if (status < 0) {
        bsi_secret_free(secret);
        return status;
    }
    *out = secret;
    return BS_OK;
}

void bsi_secret_free(bsi_secret *secret)
{
    if (!secret) {
        return;
    }
    bsi_wipe(secret->bytes, secret->size);
    bsi_locked_unmap(secret->bytes, secret->size + 1);
    bsi_free(secret);
}

bool bsi_secret_is_intact(const bsi_secret *secret)
{
    return secret->bytes[secret->size] == INTACT;
}

unsigned char *bsi_secret_bytes(bsi_secret *secret)
{
    return secret->bytes;
}

const unsigned char *bsi_secret_view(const bsi_secret *secret)
{
    return secret->bytes;
}

size_t bsi_secret_size(const bsi_secret *secret)
{
    return secret->size;
}

void bsi_wipe(void *bytes, size_t size)
{
    OPENSSL_cleanse(bytes, size);
}

bool bsi_secret_equal(const void *a, const void *b, size_t size)
{
    return CRYPTO_memcmp(a, b, size) == 0;
}
