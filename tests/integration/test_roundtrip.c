/* SPDX-License-Identifier: MIT */
/*
 * Every container and every kind, with every oddity a tree can have: what comes
 * back is what was there.
 */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/archive.h"
#include "support/compare.h"
#include "support/tree.h"
#include "support/vault.h"

/* Sockets are never restored; the top is the directory that the restore makes itself. */
enum { LEFT_OUT = COMPARE_NO_SOCKETS | COMPARE_NO_TOP };

static void check(test_vault *vault, const char *form, const test_backup *backup)
{
    bs_status status = BS_OK;

    if (backup->status < 0) {
        print_error("backup: %s\n", bs_error_last()->message);
    }
    assert_true(backup->status >= 0);
    assert_int_equal(test_vault_verify(vault, form, backup, NULL), 0);
    status = test_vault_restore(vault, form, backup);
    if (status < 0) {
        print_error("restore: %s\n", bs_error_last()->message);
    }
    assert_true(status >= 0);
}

/* Who encrypts for an RSA key needs no private half, be it for an incremental. */
static void back_up(test_vault *vault, bsi_backup_kind kind, const char *compression,
                    const test_backup *base, test_backup *out)
{
    test_vault_lend_key(vault, vault->seal.encryption != BSI_ENCRYPTION_RSA);
    test_vault_backup(vault, "archive", kind, compression, base, out);
    test_vault_lend_key(vault, true);
    check(vault, "archive", out);
    assert_trees_equal(vault->source, vault->out, LEFT_OUT);
}

static bool is_slow(const char *compression)
{
    return strcmp(compression, "tar.bz2") == 0 || strcmp(compression, "7z") == 0;
}

/*
 * In short runs only what is quick, not encrypted and without sanitizers meets large files: what
 * lies in envelopes is the same container.
 */
static unsigned flags_for(const test_vault *vault, const char *compression)
{
    const bool large =
        !is_slow(compression) && vault->seal.encryption == BSI_ENCRYPTION_NONE && !TEST_SANITIZED;

    return TREE_EVERYTHING | (large || getenv("BSI_TESTS_FULL") ? 0 : TREE_SMALL);
}

/* In short runs what is slow meets one kind of keys each. */
static bool is_due(const test_vault *vault, const char *compression)
{
    const char *other = vault->seal.encryption == BSI_ENCRYPTION_RSA ? "7z" : "tar.bz2";

    return getenv("BSI_TESTS_FULL") || vault->seal.encryption == BSI_ENCRYPTION_NONE ||
           strcmp(compression, other) != 0;
}

static void round_trip(test_vault *vault, const char *compression)
{
    test_backup full;
    test_backup differential;
    test_backup incremental;
    test_backup second;

    print_message("# container: %s, encryption: %s\n", compression,
                  bsi_encryption_name(vault->seal.encryption));
    tree_remove(vault->source);
    tree_build(vault->source, flags_for(vault, compression));
    back_up(vault, BSI_KIND_FULL, compression, NULL, &full);

    tree_mutate(vault->source, 1, 60);
    back_up(vault, BSI_KIND_INCREMENTAL, compression, &full, &incremental);

    tree_mutate(vault->source, 2, 60);
    back_up(vault, BSI_KIND_INCREMENTAL, compression, &incremental, &second);
    back_up(vault, BSI_KIND_DIFFERENTIAL, compression, &full, &differential);
    assert_true(second.result.container_size < full.result.container_size);
    test_backup_dispose(&full);
    test_backup_dispose(&incremental);
    test_backup_dispose(&second);
    test_backup_dispose(&differential);
}

static void every_container_and_kind_brings_the_tree_back(void **state)
{
    for (size_t i = 0; bsi_archive_at(i); i++) {
        const char *compression = bsi_archive_name(bsi_archive_at(i));
        if (is_due(*state, compression)) {
            round_trip(*state, compression);
        }
    }
}

static void every_container_and_kind_does_so_under_a_pass_phrase(void **state)
{
    test_vault_encrypt(*state, BSI_ENCRYPTION_AES256);
    every_container_and_kind_brings_the_tree_back(state);
}

static void a_zip_file_with_encrypted_members_does_so(void **state)
{
    test_vault *vault = *state;

    test_vault_encrypt(vault, BSI_ENCRYPTION_AES256);
    vault->seal.winzip = true;
    round_trip(vault, "zip");
}

static void every_container_and_kind_does_so_for_an_rsa_key(void **state)
{
    test_vault_encrypt(*state, BSI_ENCRYPTION_RSA);
    every_container_and_kind_brings_the_tree_back(state);
}

static void a_mirror_brings_the_tree_back_after_each_run(void **state)
{
    test_vault *vault = *state;
    test_backup runs[4];
    const test_backup *base = NULL;

    /* Keys of objects are shorter than the deepest paths. */
    tree_build(vault->source, TREE_EVERYTHING & ~(unsigned)TREE_DEEP);
    for (size_t i = 0; i < 4; i++) {
        test_vault_backup(vault, "mirror", BSI_KIND_MIRROR, "none", base, &runs[i]);
        check(vault, "mirror", &runs[i]);
        assert_trees_equal(vault->source, vault->out, LEFT_OUT);
        base = &runs[i];
        tree_mutate(vault->source, 10 + i, 40);
    }
    for (size_t i = 0; i < 4; i++) {
        test_backup_dispose(&runs[i]);
    }
}

static void an_unchanged_tree_is_not_stored_again(void **state)
{
    test_vault *vault = *state;
    test_backup full;
    test_backup again;

    tree_build(vault->source, TREE_HARD_LINKS | TREE_SPARSE);
    test_vault_backup(vault, "archive", BSI_KIND_FULL, "tar.zst", NULL, &full);
    check(vault, "archive", &full);
    test_vault_backup(vault, "archive", BSI_KIND_INCREMENTAL, "tar.zst", &full, &again);
    check(vault, "archive", &again);
    assert_trees_equal(vault->source, vault->out, LEFT_OUT);
    assert_int_equal(again.result.bytes_deduplicated, again.result.bytes);
    assert_true(again.result.container_size < 4096);
    test_backup_dispose(&full);
    test_backup_dispose(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_container_and_kind_brings_the_tree_back,
                                        test_vault_setup, test_vault_teardown),
        cmocka_unit_test_setup_teardown(every_container_and_kind_does_so_under_a_pass_phrase,
                                        test_vault_setup, test_vault_teardown),
        cmocka_unit_test_setup_teardown(a_zip_file_with_encrypted_members_does_so, test_vault_setup,
                                        test_vault_teardown),
        cmocka_unit_test_setup_teardown(every_container_and_kind_does_so_for_an_rsa_key,
                                        test_vault_setup, test_vault_teardown),
        cmocka_unit_test_setup_teardown(a_mirror_brings_the_tree_back_after_each_run,
                                        test_vault_setup, test_vault_teardown),
        cmocka_unit_test_setup_teardown(an_unchanged_tree_is_not_stored_again, test_vault_setup,
                                        test_vault_teardown),
    };

    return cmocka_run_group_tests_name("integration/roundtrip", tests, NULL, NULL);
}
