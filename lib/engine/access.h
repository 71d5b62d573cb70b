/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_ACCESS_H
#define BSI_ENGINE_ACCESS_H

#include "catalog/rows.h"
#include "engine/arena.h"
#include "engine/keys.h"
#include "engine/signers.h"
#include "vault/vault.h"

/*
 * What it takes to work on encrypted backups: the keys that may open them, whose
 * signatures are known, and where plain copies of manifests lie. It is lent to a
 * bsi_vault_env as long as that is used.
 */
typedef struct bsi_access {
    bsi_key_list keys;
    bsi_arena arena;
    bsi_known_signer *signers;
    bsi_public_key *trusted; /* The keys of `signers`. */
    size_t signer_count;
    bsi_storage *bases;
    const bsi_repo_keeper *keeper; /* NULL: of no storage. */
} bsi_access;

/* Keys and signers. `first`: a key to try before the others, or NULL. */
BS_NODISCARD bs_status bsi_access_open(bs_service *service, bsi_key *first, bsi_access *out);
/* A zeroed one is ignored. */
void bsi_access_close(bsi_access *access);

/* The pass phrase of a storage's repository too, when one is kept. */
BS_NODISCARD bs_status bsi_access_take_phrase(bs_service *service, const char *storage,
                                              bsi_access *access);

/* What is kept here of a storage's manifests too; only `rsa` needs it. */
BS_NODISCARD bs_status bsi_access_open_bases(bs_service *service, const char *storage,
                                             bsi_access *access);

/* Remove copies there that were begun before `before_ns` and never finished. */
BS_NODISCARD bs_status bsi_access_sweep_bases(bs_service *service, const char *storage,
                                              int64_t before_ns);

/* `env` borrows it. */
void bsi_access_lend(const bsi_access *access, bsi_vault_env *env);

/* All that one backup needs, and lent; nothing when its row says that it is not encrypted. */
BS_NODISCARD bs_status bsi_access_open_for(bs_service *service, const bsi_row_backup *row,
                                           bsi_key *first, bsi_vault_env *env, bsi_access *out);

/*
 * A failure with BS_E_KEY told anew, when it is this backup that no key in `env` opens: for whom
 * it is encrypted, and whether the keyring is closed. `status` as it is.
 */
bs_status bsi_access_explain(bs_service *service, const bsi_vault_env *env,
                             const bsi_row_backup *row, bs_status status);

/* BS_E_KEY: the backup cannot be opened by one of these keys, or it is not known which can. */
BS_NODISCARD bs_status bsi_access_check_same_keys(const bsi_vault_env *env,
                                                  const char *manifest_key,
                                                  const bsi_key_list *keys);

/* The name under which a signer is known; NULL: it is not. */
const char *bsi_access_signer_name(const bsi_access *access, const bsi_public_key *key);

/* The salt that this service's pass phrase slots share, made when it is first needed. */
enum { BSI_KDF_SALT_SIZE = 32 };
BS_NODISCARD bs_status bsi_service_salt(bs_service *service, unsigned char out[BSI_KDF_SALT_SIZE]);

#endif
