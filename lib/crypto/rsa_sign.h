/* SPDX-License-Identifier: MIT */
#ifndef BSI_CRYPTO_RSA_SIGN_H
#define BSI_CRYPTO_RSA_SIGN_H

#include "base/buffer.h"
#include "base/slice.h"
#include "crypto/secret.h"

/*
 * RSASSA-PKCS1-v1_5 over SHA-256 (RFC 8017, 8.2), which JSON Web Tokens call RS256: for services
 * that want it of who logs in. Nothing that we keep is signed so. Any thread on the same signer.
 */
typedef struct bsi_rsa_signer bsi_rsa_signer;

/*
 * From a private key in PEM, not encrypted, of 2048 to 8192 bits, that signs what it then verifies;
 * anything else is BS_E_INVALID.
 * The key lies in libcrypto's own memory, which is wiped when it is freed.
 */
BS_NODISCARD bs_status bsi_rsa_signer_new(bsi_slice pem, bsi_rsa_signer **out);
void bsi_rsa_signer_free(bsi_rsa_signer *signer); /* NULL is ignored. */

/* Append the signature, as long as the key's modulus. */
BS_NODISCARD bs_status bsi_rsa_sign(const bsi_rsa_signer *signer, const void *message, size_t size,
                                    bsi_buf *out);

#endif
