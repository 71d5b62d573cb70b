/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_SEAL_H
#define TESTS_SUPPORT_SEAL_H

#include "vault/vault.h"

/*
 * What a test's backups are encrypted with, and what opens them. All zero: they
 * are not encrypted. What goes wrong in here fails the running test.
 */
typedef struct test_seal {
    bsi_encryption encryption;
    bool winzip; /* In zip: zip files with encrypted members. */
    bsi_key *wrap_key;
    bsi_key *open_key;
    bsi_signer *signer; /* Of rsa. */
    bsi_public_key signer_key;
} test_seal;

void test_seal_passphrase(test_seal *out);
/* Likewise aes256, but no time goes into scrypt. */
void test_seal_raw_key(test_seal *out);
void test_seal_rsa(test_seal *out);

/* Back to all zero. */
void test_seal_dispose(test_seal *seal);

/* Whoever works in `env` trusts the signer, and has what opens backups when `keys`. */
void test_seal_lend(test_seal *seal, bool keys, bsi_vault_env *env);

/* Backups of this plan are encrypted so. */
void test_seal_plan(test_seal *seal, bsi_backup_plan *plan);

#endif
