/* SPDX-License-Identifier: MIT */
#ifndef BSI_CRYPTO_PEM_INT_H
#define BSI_CRYPTO_PEM_INT_H

#include "base/buffer.h"
#include "base/slice.h"
#include "crypto/libcrypto_int.h"
#include "crypto/secret.h"

/*
 * The key of a PEM text, freed with EVP_PKEY_free(). `selection`: EVP_PKEY_KEYPAIR or
 * EVP_PKEY_PUBLIC_KEY. `passphrase`: of an encrypted one; may be NULL. NULL: it is none, or there
 * was no memory.
 */
struct evp_pkey_st *bsi_pem_decode(const bsi_libcrypto *library, bsi_slice pem, int selection,
                                   const bsi_secret *passphrase);

/* Append the public half of a key as SubjectPublicKeyInfo. Within a mark of libcrypto's errors. */
BS_NODISCARD bs_status bsi_pem_write_public(const struct evp_pkey_st *pkey, bsi_buf *out);

/*
 * A pem_password_cb that gives the pass phrase in `user`, a bsi_secret; NULL: none. Without one
 * libcrypto would ask on the terminal.
 */
int bsi_pem_passphrase(char *buf, int size, int writing, void *user);

#endif
