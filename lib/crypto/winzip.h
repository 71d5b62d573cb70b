/* SPDX-License-Identifier: MIT */
#ifndef BSI_CRYPTO_WINZIP_H
#define BSI_CRYPTO_WINZIP_H

#include "crypto/key.h"

/*
 * The encryption of WinZip, AE-2 with 256 bits: how members of zip files are
 * encrypted in a way that other programs open. After "AES Encryption
 * Information: Encryption Specification AE-1 and AE-2" of WinZip. A member is
 *
 *     salt 16 | verifier 2 | bytes under AES-256 in counter mode | HMAC-SHA1 10
 *
 * PBKDF2-HMAC-SHA1 with 1000 rounds makes both keys and the verifier of the pass
 * phrase and the salt. The counter is little-endian and begins with 1. It is weaker
 * than the envelope: pass phrases are tried thousands of times as fast.
 *
 * One thread at a time. Failures carry layer CRYPTO.
 */
typedef struct bsi_winzip bsi_winzip;

enum {
    BSI_WINZIP_HEAD_SIZE = 18,
    BSI_WINZIP_TAIL_SIZE = 10,
    BSI_WINZIP_PHRASE_MAX = 99, /* Bytes that 7-Zip takes. */
};

/*
 * The pass phrase of a key, when zip files can have it: BS_E_KEY for keys of other kinds, and for
 * pass phrases that are too long or not made of printable ASCII, which programs read differently.
 * Borrowed from the key.
 */
BS_NODISCARD bs_status bsi_winzip_phrase(const bsi_key *key, const bsi_secret **out);

/* The phrase is copied. */
BS_NODISCARD bs_status bsi_winzip_new(const bsi_secret *phrase, bsi_winzip **out);
/* NULL is ignored. */
void bsi_winzip_free(bsi_winzip *winzip);

/* --- Writing, a member at a time --- */

/* A new member, with a new salt. */
BS_NODISCARD bs_status bsi_winzip_begin(bsi_winzip *winzip, uint8_t head[BSI_WINZIP_HEAD_SIZE]);
/* Its next bytes. */
BS_NODISCARD bs_status bsi_winzip_encrypt(bsi_winzip *winzip, const void *plain, size_t size,
                                          uint8_t *out);
BS_NODISCARD bs_status bsi_winzip_end(bsi_winzip *winzip, uint8_t tail[BSI_WINZIP_TAIL_SIZE]);

/* --- Reading, from anywhere --- */

/* Go to the member with this head; BS_E_CORRUPT when its verifier is not the pass phrase's. */
BS_NODISCARD bs_status bsi_winzip_open(bsi_winzip *winzip,
                                       const uint8_t head[BSI_WINZIP_HEAD_SIZE]);
/*
 * Decrypt in place the bytes that lie `at` bytes behind the member's head. Nothing tells whether
 * they are authentic: that is the caller's.
 */
BS_NODISCARD bs_status bsi_winzip_decrypt(bsi_winzip *winzip, uint64_t at, uint8_t *bytes,
                                          size_t size);

/* --- The pass phrase, for who can open the backup --- */

/*
 * Sealed under a backup's data key, so that each of its keys leads to it:
 *
 *     salt 32 | size 1, phrase, zeros: 100 bytes under AES-256-GCM | tag 16
 *
 * with HKDF(data key, salt, "bsvc1 zip passphrase"), a nonce of zeros, and the backup's id
 * authenticated with it.
 */
enum { BSI_WINZIP_SEALED_SIZE = 148 };
BS_NODISCARD bs_status bsi_winzip_seal(const bsi_secret *phrase, const bsi_secret *data_key,
                                       const char *id, uint8_t out[BSI_WINZIP_SEALED_SIZE]);
/* BS_E_CORRUPT when it is not what was sealed for this backup. */
BS_NODISCARD bs_status bsi_winzip_unseal(const uint8_t sealed[BSI_WINZIP_SEALED_SIZE],
                                         const bsi_secret *data_key, const char *id,
                                         bsi_secret **phrase_out);

#endif
