/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_VAULT_H
#define TESTS_SUPPORT_VAULT_H

#include "support/seal.h"
#include "support/tempdir.h"

/*
 * A storage and all that a vault needs, in a directory of the test's own:
 * "source" is what is backed up, "storage" where it goes, "out" where restores
 * land. Everything that goes wrong in here fails the running test.
 */
typedef struct test_vault {
    test_dir *dir;
    bsi_vault_env env;
    bsi_progress progress;
    bsi_warn warn;
    atomic_uint warnings;
    bool print_warnings;
    bool content_only; /* Of the backups to come; as is what they are encrypted with. */
    test_seal seal;
    char source[512];
    char out[512];
    char storage_path[512];
    unsigned serial;
} test_vault;

/* For cmocka: `*state` is a test_vault *. */
int test_vault_setup(void **state);
int test_vault_teardown(void **state);

/*
 * Encrypt the backups to come: under a pass phrase, or for an RSA key and signed. The vault has
 * what opens them, trusts the signer, and keeps copies of manifests in "bases".
 */
void test_vault_encrypt(test_vault *vault, bsi_encryption encryption);

/* Encrypt the backups to come under a raw key: no time goes into scrypt. */
void test_vault_encrypt_raw(test_vault *vault);

/* From now on the vault has no key (false), or has it again. */
void test_vault_lend_key(test_vault *vault, bool lend);

/* One backup and what came of it. */
typedef struct test_backup {
    char id[BS_ID_SIZE];
    bsi_backup_result result;
    bs_status status;
} test_backup;

/* Back up "source"; `base` may be NULL. Never fails the test by itself: see `status`. */
void test_vault_backup(test_vault *vault, const char *form, bsi_backup_kind kind,
                       const char *compression, const test_backup *base, test_backup *out);
void test_backup_dispose(test_backup *backup);

/* Restore a backup's source into "out", which is emptied first. Privileged, verified. */
bs_status test_vault_restore(test_vault *vault, const char *form, const test_backup *backup);

/* Verify; gives the number of damaged objects, and of lost files when `lost_out` is not NULL. */
unsigned test_vault_verify(test_vault *vault, const char *form, const test_backup *backup,
                           unsigned *lost_out);

#endif
