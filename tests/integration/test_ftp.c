/* SPDX-License-Identifier: MIT */
/*
 * ftp against vsftpd: who is let in, who is believed, what goes over the line, and what is kept.
 */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine_fixture.h"
#include "ftp_fixture.h"
#include "remote_checks.h"
#include "support/compare.h"
#include "support/tree.h"

enum {
    BIG = 12 * 1024 * 1024,
    PART = 2 * 1024 * 1024,
    SAME = COMPARE_NO_SOCKETS | COMPARE_NO_TOP,
};

/* Another server for one test, which ends with the old one in its place. */
static test_ftpd start_other(const char *more)
{
    const test_ftpd first = ftp_server;

    assert_true(test_ftpd_setup(&ftp_server, NULL, more));
    return first;
}

static void end_other(test_ftpd first)
{
    test_ftpd_teardown(&ftp_server);
    ftp_server = first;
}

/* How often the server's log has a text. */
static size_t count_in_log(const char *part)
{
    char path[400];
    char line[1024];
    size_t count = 0;
    FILE *file = NULL;

    (void)snprintf(path, sizeof(path), "%s/log", ftp_server.dir);
    file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file)) {
        count += strstr(line, part) ? 1 : 0;
    }
    assert_int_equal(fclose(file), 0);
    return count;
}

/* --- TLS --- */

static void use_tls(remote_settings *all, const char *tls)
{
    ftp_usual(all);
    remote_set(all, "tls", tls);
    remote_set(all, "ca_file", ftp_server.ca);
}

/* This server wants the session of the connection for commands on those for data. */
static void assert_kept_over_tls(const char *tls)
{
    remote_settings all;
    bsi_storage *storage = NULL;
    uint8_t *data = malloc(BIG);

    assert_non_null(data);
    remote_fill(data, BIG);
    use_tls(&all, tls);
    assert_ok(remote_open(&all, &storage));
    for (int i = 0; i < 2; i++) {
        assert_ok(bsi_storage_put(storage, NULL, "d/k", data, BIG));
        remote_assert_stored(storage, "d/k", data, BIG);
    }
    assert_int_equal(remote_count_objects(storage), 1);
    bsi_storage_unref(storage);
    free(data);
}

static void explicit_tls_is_for_commands_and_data(void **state)
{
    const test_ftpd first =
        start_other("force_anon_logins_ssl=YES\nforce_anon_data_ssl=YES\nrequire_ssl_reuse=YES");

    (void)state;
    assert_kept_over_tls("explicit");
    end_other(first);
}

static void implicit_tls_is_for_commands_and_data(void **state)
{
    const test_ftpd first =
        start_other("implicit_ssl=YES\nforce_anon_logins_ssl=YES\nforce_anon_data_ssl=YES\n"
                    "require_ssl_reuse=YES");

    (void)state;
    assert_kept_over_tls("implicit");
    end_other(first);
}

static void a_certificate_that_nobody_trusted_has_signed_is_refused(void **state)
{
    remote_settings all;

    (void)state;
    use_tls(&all, "explicit");
    remote_set(&all, "ca_file", ftp_server.other_ca);
    remote_assert_refused(&all, BS_E_ACCESS);
    assert_int_equal(bs_error_last()->retry, BS_RETRY_NEVER);
    remote_assert_text("certificate");
    remote_assert_text("127.0.0.1");
    remote_drop(&all, "ca_file");
    remote_assert_refused(&all, BS_E_ACCESS);
    remote_assert_text("certificate");
}

static void a_certificate_for_another_host_is_refused(void **state)
{
    remote_settings all;

    (void)state;
    use_tls(&all, "explicit");
    remote_set(&all, "host", "localhost");
    remote_assert_refused(&all, BS_E_ACCESS);
    remote_assert_text("localhost");
}

static void a_file_of_certificates_that_cannot_be_read_is_told(void **state)
{
    remote_settings all;

    (void)state;
    use_tls(&all, "explicit");
    remote_set(&all, "ca_file", "/nonexistent/ca.pem");
    remote_assert_refused(&all, BS_E_ACCESS);
    remote_assert_text("/nonexistent/ca.pem");
}

static void no_password_goes_to_a_server_without_tls(void **state)
{
    const test_ftpd first = start_other("ssl_enable=NO");
    remote_settings all;

    (void)state;
    ftp_usual(&all);
    remote_drop(&all, "tls");
    remote_assert_refused(&all, BS_E_ACCESS);
    assert_int_equal(bs_error_last()->retry, BS_RETRY_NEVER);
    remote_assert_text("offers no TLS");
    assert_int_equal(count_in_log("\"USER"), 0);
    assert_int_equal(count_in_log("\"PASS"), 0);
    end_other(first);
}

/* --- Who we are, and where --- */

static void a_wrong_password_is_refused_once_and_not_told(void **state)
{
    remote_settings all;

    (void)state;
    ftp_usual(&all);
    remote_set(&all, "password", "canary-5521");
    all.secret = "canary-5521";
    remote_assert_refused(&all, BS_E_ACCESS);
    assert_int_equal(bs_error_last()->retry, BS_RETRY_NEVER);
    remote_assert_text("127.0.0.1");
}

static void a_wrong_user_is_refused(void **state)
{
    remote_settings all;

    (void)state;
    ftp_usual(&all);
    remote_set(&all, "user", "somebody");
    remote_assert_refused(&all, BS_E_ACCESS);
}

static void a_port_where_nobody_listens_is_told(void **state)
{
    char port[8];
    remote_settings all;

    (void)state;
    ftp_usual(&all);
    (void)snprintf(port, sizeof(port), "%u", test_free_port());
    remote_set(&all, "port", port);
    remote_assert_refused(&all, BS_E_IO);
    assert_int_equal(bs_error_last()->retry, BS_RETRY_SAFE);
    remote_assert_text("127.0.0.1");
    remote_assert_text(port);
}

static void settings_that_are_none_are_refused(void **state)
{
    static const char *const wrong[][2] = {
        {"host", "a/b"},        {"host", "user@host"}, {"port", "0"},
        {"port", "65536"},      {"tls", "perhaps"},    {"connections", "17"},
        {"connections", "0"},   {"user", "a\nDELE b"}, {"password", "a\r\nDELE b"},
        {"path", "/a\nDELE b"}, {"colour", "red"},     {"idle_timeout_s", "0"},
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(wrong); i++) {
        remote_settings all;
        ftp_usual(&all);
        remote_set(&all, wrong[i][0], wrong[i][1]);
        remote_assert_refused(&all, BS_E_INVALID);
        remote_assert_text(wrong[i][0]);
    }
}

static void a_directory_that_may_not_be_made_is_refused_with_host_and_path(void **state)
{
    remote_settings all;

    (void)state;
    ftp_usual(&all);
    remote_set(&all, "path", "/proc/objects");
    remote_assert_refused(&all, BS_E_NOT_FOUND);
    remote_assert_text("127.0.0.1");
    remote_assert_text("/proc/objects");
    ftp_usual(&all);
    remote_set(&all, "create", "false");
    remote_assert_refused(&all, BS_E_NOT_FOUND);
    remote_assert_text(all.path);
}

static void a_directory_that_may_not_be_written_is_refused_with_its_path(void **state)
{
    remote_settings all;
    bsi_storage *storage = ftp_open_usual(&all);

    (void)state;
    assert_int_equal(chmod(all.path, 0500), 0);
    assert_status(bsi_storage_put(storage, NULL, "d/k", "x", 1), BS_E_ACCESS);
    assert_int_equal(bs_error_last()->retry, BS_RETRY_NEVER);
    remote_assert_text("127.0.0.1");
    remote_assert_text(all.path);
    assert_int_equal(chmod(all.path, 0700), 0);
    assert_ok(bsi_storage_put(storage, NULL, "d/k", "x", 1));
    bsi_storage_unref(storage);
}

/* --- Connections --- */

static void the_server_connects_to_us_on_request(void **state)
{
    remote_settings all;
    bsi_storage *storage = NULL;
    uint8_t *data = malloc(BIG);

    (void)state;
    assert_non_null(data);
    remote_fill(data, BIG);
    ftp_usual(&all);
    remote_set(&all, "active", "true");
    assert_ok(remote_open(&all, &storage));
    assert_ok(bsi_storage_put(storage, NULL, "d/k", data, BIG));
    remote_assert_stored(storage, "d/k", data, BIG);
    assert_int_equal(remote_count_objects(storage), 1);
    bsi_storage_unref(storage);
    free(data);
}

static void one_login_serves_many_calls(void **state)
{
    remote_settings all;
    const size_t before = count_in_log("OK LOGIN");
    bsi_storage *storage = ftp_open_usual(&all);

    (void)state;
    for (int i = 0; i < 20; i++) {
        assert_ok(bsi_storage_put(storage, NULL, "d/k", "text", 4));
        remote_assert_stored(storage, "d/k", "text", 4);
        assert_int_equal(remote_count_objects(storage), 1);
    }
    bsi_storage_unref(storage);
    assert_int_equal(count_in_log("OK LOGIN"), before + 1);
}

static void data_is_never_taken_for_text(void **state)
{
    static const char lines[] = "a\r\nb\nc\r\0d";
    remote_settings all;
    bsi_storage *storage = ftp_open_usual(&all);

    (void)state;
    assert_ok(bsi_storage_put(storage, NULL, "k", lines, sizeof(lines)));
    assert_int_equal(remote_count_objects(storage), 1);
    remote_assert_stored(storage, "k", lines, sizeof(lines));
    bsi_storage_unref(storage);
}

static void one_connection_is_enough(void **state)
{
    remote_settings all;

    (void)state;
    ftp_usual(&all);
    remote_check_one_connection(&all);
}

/* --- Objects --- */

static void a_vanished_directory_is_neither_empty_nor_without_objects(void **state)
{
    remote_settings all;

    (void)state;
    ftp_usual(&all);
    remote_check_vanished_directory(&all);
}

static void keys_hold_every_byte(void **state)
{
    remote_settings all;

    (void)state;
    ftp_usual(&all);
    remote_check_keys(&all);
}

/* --- Backups --- */

/* In a directory of each test's own. */
static void add_storage(engine_fixture *engine, const char *tls)
{
    static unsigned number;
    char path[400];
    const char *const settings[] = {"host",    "127.0.0.1",    "port",     ftp_server.port_text,
                                    "user",    TEST_FTPD_USER, "password", "env:FTP_TEST_PASSWORD",
                                    "path",    path,           "tls",      tls,
                                    "ca_file", ftp_server.ca,  NULL};

    (void)snprintf(path, sizeof(path), "%s/backups-%u", ftp_server.data, number++);
    assert_int_equal(setenv("FTP_TEST_PASSWORD", TEST_FTPD_PASSWORD, 1), 0);
    assert_ok(bs_service_add_storage(engine->service, "server", "ftp", settings));
}

static void assert_comes_back(engine_fixture *engine, const bs_backup_options *options,
                              unsigned flags)
{
    char id[BS_ID_SIZE];
    char verify_id[BS_ID_SIZE];

    engine_backup(engine, options, BS_OK, id);
    assert_ok(bs_verify_start(engine->service, id, verify_id));
    assert_ok(bs_verify_wait(engine->service, verify_id, BS_FOREVER));
    engine_restore(engine, id);
    assert_trees_equal(engine->source, engine->target, flags);
}

static bs_backup_options begin(engine_fixture *engine, const char *tls, const char *name)
{
    bs_backup_options options = engine_options(engine, name);
    char path[320];

    add_storage(engine, tls);
    tree_build(engine->source, TREE_NAMES | TREE_HARD_LINKS | TREE_SPARSE);
    (void)snprintf(path, sizeof(path), "%s/big", engine->source);
    tree_write(path, PART, 7);
    options.storage = "server";
    return options;
}

static void archives_come_back_identical(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = begin(engine, "explicit", "home");

    options.compression = BS_COMPRESSION_TAR_ZST;
    options.backup_type = BS_BACKUP_FULL;
    assert_comes_back(engine, &options, SAME);
    tree_mutate(engine->source, 7, 20);
    options.backup_type = BS_BACKUP_INCREMENTAL;
    assert_comes_back(engine, &options, SAME);
}

/* Its beginning is written last. */
static void seven_zip_comes_back_identical(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = begin(engine, "none", "home");

    options.compression = BS_COMPRESSION_7Z;
    options.backup_type = BS_BACKUP_FULL;
    assert_comes_back(engine, &options, SAME);
}

static void repositories_come_back_identical(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = begin(engine, "none", "home");

    options.form = BS_FORM_REPOSITORY;
    assert_comes_back(engine, &options, SAME);
}

static void mirrors_come_back_identical(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = begin(engine, "none", "tree");
    char id[BS_ID_SIZE];

    options.backup_type = BS_BACKUP_MIRROR;
    options.allow_empty_mirror = true; /* A rename of a directory is most of this tree. */
    for (uint64_t round = 1; round <= 2; round++) {
        engine_backup(engine, &options, BS_OK, id);
        engine_restore(engine, id);
        assert_trees_equal(engine->source, engine->target, SAME);
        tree_mutate(engine->source, round, 10);
    }
}

#define ENGINE_TEST(name) cmocka_unit_test_setup_teardown(name, engine_setup, engine_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(explicit_tls_is_for_commands_and_data),
        cmocka_unit_test(implicit_tls_is_for_commands_and_data),
        cmocka_unit_test(a_certificate_that_nobody_trusted_has_signed_is_refused),
        cmocka_unit_test(a_certificate_for_another_host_is_refused),
        cmocka_unit_test(a_file_of_certificates_that_cannot_be_read_is_told),
        cmocka_unit_test(no_password_goes_to_a_server_without_tls),
        cmocka_unit_test(a_wrong_password_is_refused_once_and_not_told),
        cmocka_unit_test(a_wrong_user_is_refused),
        cmocka_unit_test(a_port_where_nobody_listens_is_told),
        cmocka_unit_test(settings_that_are_none_are_refused),
        cmocka_unit_test(a_directory_that_may_not_be_made_is_refused_with_host_and_path),
        cmocka_unit_test(a_directory_that_may_not_be_written_is_refused_with_its_path),
        cmocka_unit_test(the_server_connects_to_us_on_request),
        cmocka_unit_test(one_login_serves_many_calls),
        cmocka_unit_test(data_is_never_taken_for_text),
        cmocka_unit_test(one_connection_is_enough),
        cmocka_unit_test(a_vanished_directory_is_neither_empty_nor_without_objects),
        cmocka_unit_test(keys_hold_every_byte),
        ENGINE_TEST(archives_come_back_identical),
        ENGINE_TEST(seven_zip_comes_back_identical),
        ENGINE_TEST(repositories_come_back_identical),
        ENGINE_TEST(mirrors_come_back_identical),
    };

    return ftp_run("ftp", NULL, tests, BSI_ARRAY_SIZE(tests));
}
