/* SPDX-License-Identifier: MIT */
#ifndef BACKUPSVC_KEYS_H
#define BACKUPSVC_KEYS_H

#include <backupsvc/service.h>

BS_BEGIN_DECLS

/**
 * @file backupsvc/keys.h
 * @brief Keys of encrypted backups: how they are named and what they are.
 *
 * Wherever a key or pass phrase is asked for, a reference is given:
 *
 *     env:NAME      the text of an environment variable
 *     file:PATH     what a file holds; one line end behind it does not count
 *     keyring:NAME  an entry of the service's keyring
 *     other text    the secret itself; only this form is a secret
 *
 * What is found there is taken for what it looks like: PEM for an RSA key, a
 * line that begins with "bsvc-key-1 " for a raw key, anything else for a pass
 * phrase. Where public keys are asked for, other text that is no PEM is the path
 * of a file.
 *
 * A file with a secret must be a regular file of at most 64 KiB that belongs to
 * this user or root, that nobody else may read (mode 0600), and that is named
 * itself, not by a symbolic link. Files with public keys may be anybody's.
 *
 * No secret is ever kept in the catalogue or a manifest, or told in logs and
 * errors.
 */

/** What a key is. */
typedef enum bs_key_kind {
    BS_KEY_PASSPHRASE = 1, /**< Any bytes that a person or program remembers. */
    BS_KEY_RAW = 2,        /**< 32 bytes of chance in a file. */
    BS_KEY_RSA = 3,        /**< An RSA key of at least 3072 bits, its public half or both. */
} bs_key_kind;

BS_END_DECLS

#endif
