/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_REPOSITORY_INT_H
#define BSI_REPO_REPOSITORY_INT_H

#include "repo/repository.h"

/* What the files of repository_*.c share. */

struct bsi_repo {
    bsi_storage *storage;
    char *folder;          /* "" or with a slash at its end. */
    bsi_secret *master;    /* NULL while it is being opened. */
    bsi_digest key_id;     /* Of the key file that it came from. */
    bsi_known_keys *known; /* NULL: none. */
    bsi_repo_config config;
    uint64_t index_memory_most; /* 0: all of it. */
    int temp_dir;
};

/* Of a kind of files, such as "snapshot". */
const char *bsi_repo_kind_name(bsi_repo_kind kind);

/* The key of `config`. */
void bsi_repo_config_key(const bsi_repo *repo, char out[BSI_REPO_KEY_SIZE]);

/* Put bytes that are final under their own id. */
BS_NODISCARD bs_status bsi_repo_put(const bsi_repo *repo, const bs_call *call, bsi_repo_kind kind,
                                    const bsi_buf *stored, bsi_digest *id_out);

/*
 * Find and open a key file: fills `master` and `key_id`. BS_E_KEY without `may_derive` where
 * scrypt would have to run.
 */
BS_NODISCARD bs_status bsi_repo_unlock_master(bsi_repo *repo, const bs_call *call,
                                              const bsi_secret *password, bool may_derive);

/* The first key of a repository, as bsi_repo_key_add() adds one, with a single run of scrypt. */
BS_NODISCARD bs_status bsi_repo_key_begin(bsi_repo *repo, const bs_call *call,
                                          const bsi_secret *password, const bsi_scrypt_cost *cost);

#endif
