/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_KEY_FILE_H
#define BSI_REPO_KEY_FILE_H

#include "base/buffer.h"
#include "base/slice.h"
#include "crypto/ctr_poly.h"
#include "crypto/scrypt.h"
#include "repo/go_text.h"
#include "repo/json_parts.h"
#include "repo/known_keys.h"

/*
 * A key file: the repository's master key, which never changes, encrypted with
 * a key that scrypt makes of a password. A repository has one or more. A
 * password may be NULL: that is the empty one.
 *
 * The master key is a secret of BSI_CTR_POLY_KEY_SIZE bytes.
 */
enum {
    BSI_REPO_KEY_FILE_MAX = 64 * 1024,
    BSI_REPO_SALT_SIZE = 64,
};

/* What a key file says besides: who made it, and what guessing at it costs. */
typedef struct bsi_repo_key_info {
    bsi_go_time created; /* BSI_GO_TIME_NONE: not told. */
    bsi_slice username;
    bsi_slice hostname;
    bsi_scrypt_cost cost;

    bsi_json_texts memory; /* Of one that was parsed: what the above points to. */
} bsi_repo_key_info;

/* What restic's own calibration comes to on most machines: 32 MiB, some tenths of a second. */
#define BSI_REPO_SCRYPT_COST ((bsi_scrypt_cost){.log_n = 15, .r = 8, .p = 6})

BS_NODISCARD bs_status bsi_repo_master_key_new(bsi_secret **out);

/*
 * Append a new key file of the master key, byte for byte as restic writes them. What scrypt made
 * of the password is put into `known`, which may be NULL.
 */
BS_NODISCARD bs_status bsi_repo_key_file_write(const bsi_secret *master, const bsi_secret *password,
                                               const bsi_repo_key_info *info, bsi_known_keys *known,
                                               bsi_buf *out);

/*
 * Read a key file without its password, with the same failures as opening it.
 * `work_out` is what bsi_scrypt_check() says of it. On success the caller disposes of the info.
 */
BS_NODISCARD bs_status bsi_repo_key_info_parse(bsi_slice json, bsi_repo_key_info *out,
                                               uint64_t *work_out);
void bsi_repo_key_info_dispose(bsi_repo_key_info *info);

/*
 * The master key out of a key file. BS_E_KEY: the password is not this
 * file's. BS_E_CORRUPT of layer STORAGE: no key file. BS_E_LIMIT: it asks for
 * more memory or time than bsi_scrypt_check() allows. What is in `known`, which
 * may be NULL, is not derived again; what opens the file is put into it.
 */
BS_NODISCARD bs_status bsi_repo_key_file_open(bsi_slice json, const bsi_secret *password,
                                              bsi_known_keys *known, bsi_secret **master_out);

/* The same with what is known alone: BS_E_KEY also where scrypt would have to run. */
BS_NODISCARD bs_status bsi_repo_key_file_open_known(bsi_slice json, const bsi_secret *password,
                                                    bsi_known_keys *known, bsi_secret **master_out);

#endif
