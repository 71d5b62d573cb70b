/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_KEY_REF_H
#define BSI_ENGINE_KEY_REF_H

#include "crypto/key.h"

/*
 * References to keys and pass phrases, as keys.h of the public headers describes
 * them. Entries of the keyring are found by engine/keys.h; the rest is here.
 * Failures are for the person who gave the reference: they name variables and
 * files, and never the text of a secret.
 */
typedef enum bsi_key_source {
    BSI_KEY_SOURCE_TEXT, /* The secret itself. */
    BSI_KEY_SOURCE_ENV,
    BSI_KEY_SOURCE_FILE,
    BSI_KEY_SOURCE_KEYRING,
} bsi_key_source;

/* Longest text of a key, and of a file that holds one. */
enum { BSI_KEY_TEXT_MAX = 64 * 1024 };

/* Which one it is, and what stands behind the prefix. */
bsi_key_source bsi_key_ref_source(const char *reference, const char **rest_out);

/* What a reference that is no entry of the keyring leads to, without one line end. */
BS_NODISCARD bs_status bsi_key_ref_read(const char *reference, bsi_secret **out);

/* The same for public keys: other text that is no PEM is an absolute path. */
BS_NODISCARD bs_status bsi_key_ref_read_public(const char *reference, bsi_secret **out);

/* The content of a file that, unless it is a public key, only this user or root may read. */
BS_NODISCARD bs_status bsi_key_file_read(const char *path, bsi_secret **out);

/* The key that a content is, by what it looks like. `passphrase`: of an encrypted PEM; NULL. */
BS_NODISCARD bs_status bsi_key_of_content(const bsi_secret *content, const bsi_secret *passphrase,
                                          bsi_key **out);

#endif
