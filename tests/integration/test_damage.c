/* SPDX-License-Identifier: MIT */
/*
 * Every bit of a small backup flipped in turn, every length that it may be cut
 * to, every object gone or in another's place: verification finds each of them,
 * and a restore never puts anything in place but what was backed up.
 */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/archive.h"
#include "damage_fixture.h"
#include "support/tree.h"

static void every_flipped_bit_and_every_cut_is_found_in_each_container(void **state)
{
    test_vault *vault = *state;
    test_backup backup;

    vault->print_warnings = false;
    damage_build(vault);
    for (size_t i = 0; bsi_archive_at(i); i++) {
        const char *compression = bsi_archive_name(bsi_archive_at(i));
        test_vault_backup(vault, "archive", BSI_KIND_FULL, compression, NULL, &backup);
        assert_int_equal(backup.status, BS_OK);
        damage_object(vault, "archive", &backup, backup.result.container_key, 0);
        damage_object(vault, "archive", &backup, backup.result.manifest_key, 0);
        test_backup_dispose(&backup);
    }
}

static void every_flipped_bit_and_every_cut_is_found_in_a_mirror(void **state)
{
    test_vault *vault = *state;
    test_backup backup;
    char key[DAMAGE_PATH_SIZE];

    vault->print_warnings = false;
    damage_build(vault);
    test_vault_backup(vault, "mirror", BSI_KIND_MIRROR, "none", NULL, &backup);
    assert_int_equal(backup.status, BS_OK);
    for (size_t i = 0; i < DAMAGE_NAMES; i++) {
        (void)snprintf(key, sizeof(key), "%s%s/%s", backup.result.container_key, vault->source,
                       damage_names[i]);
        damage_object(vault, "mirror", &backup, key, 0);
    }
    damage_object(vault, "mirror", &backup, backup.result.manifest_key, 0);
    test_backup_dispose(&backup);
}

/* Alike in every size, so that only what they say tells them apart. */
static void an_object_in_the_place_of_another_is_found(void **state)
{
    test_vault *vault = *state;
    test_backup one;
    test_backup two;

    vault->print_warnings = false;
    for (size_t i = 0; bsi_archive_at(i); i++) {
        const char *compression = bsi_archive_name(bsi_archive_at(i));
        damage_build(vault);
        test_vault_backup(vault, "archive", BSI_KIND_FULL, compression, NULL, &one);
        tree_mutate(vault->source, i, 3);
        test_vault_backup(vault, "archive", BSI_KIND_FULL, compression, NULL, &two);
        damage_swap(vault, one.result.container_key, two.result.container_key);
        assert_true(test_vault_verify(vault, "archive", &one, NULL) > 0);
        assert_true(test_vault_verify(vault, "archive", &two, NULL) > 0);
        damage_swap(vault, one.result.container_key, two.result.container_key);
        damage_swap(vault, one.result.manifest_key, two.result.manifest_key);
        assert_true(test_vault_verify(vault, "archive", &one, NULL) > 0);
        assert_true(test_vault_verify(vault, "archive", &two, NULL) > 0);
        assert_status(test_vault_restore(vault, "archive", &one), BS_E_CORRUPT);
        damage_swap(vault, one.result.manifest_key, two.result.manifest_key);
        damage_swap(vault, one.result.manifest_key, one.result.container_key);
        assert_true(test_vault_verify(vault, "archive", &one, NULL) > 0);
        damage_swap(vault, one.result.manifest_key, one.result.container_key);
        assert_int_equal(test_vault_verify(vault, "archive", &one, NULL), 0);
        test_backup_dispose(&one);
        test_backup_dispose(&two);
    }
}

/* --- Chains --- */

typedef struct told {
    unsigned objects;
    unsigned lost;
    char key[DAMAGE_PATH_SIZE];
    char paths[512];
} told;

static bs_status tell_object(void *user, const char *key, const char *message)
{
    told *out = user;

    assert_true(message[0] != '\0');
    out->objects++;
    (void)snprintf(out->key, sizeof(out->key), "%s", key);
    return BS_OK;
}

static bs_status tell_lost(void *user, bsi_slice path)
{
    told *out = user;
    const size_t used = strlen(out->paths);

    out->lost++;
    (void)snprintf(out->paths + used, sizeof(out->paths) - used, "%.*s\n", (int)path.size,
                   path.data);
    return BS_OK;
}

static void verify_with(test_vault *vault, const test_backup *backup, const bsi_damage_sink *sink)
{
    bsi_verify_result result;

    assert_ok(
        bsi_vault_find("archive")->verify(&vault->env, backup->result.manifest_key, sink, &result));
}

/* Flip a bit in every byte of the base; together they cost just the files that are still in it. */
static void check_chain(test_vault *vault, const test_backup *base, const test_backup *next)
{
    char path[DAMAGE_PATH_SIZE];
    static uint8_t bytes[64 * 1024];
    size_t size = 0;
    unsigned long costly = 0;
    const size_t sampled = TEST_SANITIZED ? 23 : 7;

    damage_path(vault, base->result.container_key, path);
    size = damage_load(path, bytes, sizeof(bytes));
    for (size_t at = 0; at < size; at += damage_all() ? 1 : sampled) {
        told seen = {0};
        const bsi_damage_sink sink = {tell_object, tell_lost, &seen};
        damage_put_byte(path, at, bytes[at] ^ 0x10);
        verify_with(vault, next, &sink);
        damage_put_byte(path, at, bytes[at]);
        assert_int_equal(seen.objects, 1);
        assert_string_equal(seen.key, base->result.container_key);
        assert_null(strstr(seen.paths, "/beta\n")); /* Stored anew by the incremental. */
        assert_true(seen.lost < DAMAGE_NAMES);
        costly += seen.lost > 0 ? 1 : 0;
    }
    assert_true(costly > 0);
    assert_int_equal(unlink(path), 0);
    {
        told seen = {0};
        const bsi_damage_sink sink = {tell_object, tell_lost, &seen};
        verify_with(vault, next, &sink);
        assert_int_equal(seen.lost, DAMAGE_NAMES - 1);
        assert_non_null(strstr(seen.paths, "/alpha.txt\n"));
        assert_non_null(strstr(seen.paths, "/dir/gamma\n"));
        assert_non_null(strstr(seen.paths, "/sparse\n"));
    }
    damage_save(path, bytes, size);
}

static void damage_in_a_base_is_named_with_the_files_that_it_costs(void **state)
{
    test_vault *vault = *state;
    char path[DAMAGE_PATH_SIZE];
    static test_backup base;
    static test_backup next;

    vault->print_warnings = false;
    for (size_t i = 0; bsi_archive_at(i); i++) {
        const char *compression = bsi_archive_name(bsi_archive_at(i));
        damage_build(vault);
        test_vault_backup(vault, "archive", BSI_KIND_FULL, compression, NULL, &base);
        (void)snprintf(path, sizeof(path), "%s/beta", vault->source);
        tree_write(path, 77, 99);
        test_vault_backup(vault, "archive", BSI_KIND_INCREMENTAL, compression, &base, &next);
        assert_int_equal(next.result.needs_count, 1);
        check_chain(vault, &base, &next);
        test_backup_dispose(&base);
        test_backup_dispose(&next);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_flipped_bit_and_every_cut_is_found_in_each_container,
                                        test_vault_setup, test_vault_teardown),
        cmocka_unit_test_setup_teardown(every_flipped_bit_and_every_cut_is_found_in_a_mirror,
                                        test_vault_setup, test_vault_teardown),
        cmocka_unit_test_setup_teardown(an_object_in_the_place_of_another_is_found,
                                        test_vault_setup, test_vault_teardown),
        cmocka_unit_test_setup_teardown(damage_in_a_base_is_named_with_the_files_that_it_costs,
                                        test_vault_setup, test_vault_teardown),
    };

    test_dir_in_memory();
    return cmocka_run_group_tests_name("integration/damage", tests, NULL, NULL);
}
