/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_REPOSITORY_WRAP_H
#define BSI_VAULT_REPOSITORY_WRAP_H

#include "crypto/keyset.h"
#include "vault/vault.h"

/*
 * Repositories for RSA keys. The pass phrase is made by chance: it is the 64 hex
 * digits of the data key of a key set, which lies beside `config` where restic
 * passes it over, with a slot for each recipient. Who has a private key unwraps
 * it from there; who makes the repository keeps it (env->keeper), and so writes
 * and reads without one.
 *
 * Whether a repository is one of these is decided by what opens it, never by a
 * key set that lies there.
 */
#define BSI_REPOSITORY_KEYS_KEY "repository.keys"

/* Nobody guesses 256 bits of chance, so to open it need not cost half a second. */
#define BSI_WRAP_SCRYPT_COST ((bsi_scrypt_cost){.log_n = 10, .r = 8, .p = 1})

/* Whom it is for; all is borrowed. */
typedef struct bsi_repo_wrap {
    bsi_key *const *recipients; /* None: those that its key set has. */
    size_t count;
    const bsi_signer *signer; /* NULL: nobody signs. */
} bsi_repo_wrap;

/* The set as it is stored, not yet open. BS_E_NOT_FOUND, BS_E_CORRUPT, BS_E_VERSION. */
BS_NODISCARD bs_status bsi_wrap_load(const bsi_vault_env *env, bsi_keyset **out);

/* Open it with the private keys among these. BS_E_KEY: none fits. */
BS_NODISCARD bs_status bsi_wrap_open_set(bsi_keyset *set, bsi_key *const *keys, size_t count);

/* Tell env->warn of a set whose signer is not known here. */
void bsi_wrap_report_signer(const bsi_vault_env *env, const bsi_keyset *set);

/* A new set, open, for those that `wrap` has; `data_key` NULL: with a new one. */
BS_NODISCARD bs_status bsi_wrap_make_set(const bsi_repo_wrap *wrap, const bsi_secret *data_key,
                                         bsi_keyset **out);

/*
 * Put an open set on the storage and read it back. `exclusive`: not where one is already
 * (BS_E_EXISTS), if the storage can tell; elsewhere the last one stays.
 */
BS_NODISCARD bs_status bsi_wrap_store(const bsi_vault_env *env, bsi_keyset *set, bool exclusive);

/* The pass phrase that a data key stands for. */
BS_NODISCARD bs_status bsi_wrap_phrase(const bsi_secret *data_key, bsi_secret **out);

/* What is kept here. BS_E_KEY: nothing; what cannot be read is reported to env->warn. */
BS_NODISCARD bs_status bsi_wrap_kept(const bsi_vault_env *env, bsi_kept which, bsi_secret **out);

/*
 * What the storage's set has for the private keys among these. BS_E_KEY, and the record says why:
 * there is none, or no set, or it is damaged. `reports`: a signer who is not known is reported to
 * env->warn.
 */
BS_NODISCARD bs_status bsi_wrap_open(const bsi_vault_env *env, bsi_key *const *keys, size_t count,
                                     bool reports, bsi_secret **out);

/* What is said where nothing opens a repository that may be one of these. Always BS_E_KEY. */
bs_status bsi_wrap_explain(const bsi_vault_env *env);

/*
 * Before a repository is made: its set is on the storage and its data key is kept when this
 * returns. `begun`: key files are there already. One that was begun here goes on.
 * BS_E_EXISTS: another machine is at it; BS_E_KEY: it was begun for others.
 */
BS_NODISCARD bs_status bsi_wrap_begin(const bsi_vault_env *env, const bsi_repo_wrap *wrap,
                                      bool begun, bsi_secret **data_key_out);

/*
 * The set of an open repository is there, is its own or that of a change which died here, and is
 * for all recipients that are given (BS_E_KEY). One that is missing is stored again where
 * recipients are given; what cannot be mended is reported to env->warn. `is_new`: it was made just
 * now, and a foreign set is replaced.
 */
BS_NODISCARD bs_status bsi_wrap_check(const bsi_vault_env *env, const bsi_repo_wrap *wrap,
                                      const bsi_secret *data_key, bool is_new);

/* The repository became another's: take the set back if it is still this one. */
void bsi_wrap_take_back(const bsi_vault_env *env, const bsi_secret *data_key);

#endif
