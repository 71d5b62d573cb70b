/* SPDX-License-Identifier: MIT */
/*
 * sftp when the server goes away, stands still or comes back.
 */
#include "support/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/time.h"
#include "sftp_fixture.h"
#include "support/proxy.h"

enum { NS_PER_MS = 1000000, BIG = 32 * 1024 * 1024 };

static void a_server_killed_in_mid_upload_leaves_nothing_that_is_seen(void **state)
{
    bsi_storage *storage = NULL;
    bsi_upload *upload = NULL;
    uint8_t *data = calloc(1, BIG);
    bs_status status = BS_OK;
    bs_error error;
    uint64_t objects = 0;
    uint64_t bytes = 0;
    char byte = 0;
    sftp_settings all;

    (void)state;
    assert_non_null(data);
    sftp_usual(&all);
    assert_ok(sftp_open(&all, &storage));
    assert_ok(bsi_storage_put(storage, NULL, "d/k", "old", 3));
    assert_ok(bsi_upload_begin(storage, NULL, "d/k", NULL, &upload));
    assert_ok(bsi_upload_write(upload, NULL, data, BIG));
    test_sshd_stop(&sftp_server);
    for (int i = 0; i < 8 && status == BS_OK; i++) {
        status = bsi_upload_write(upload, NULL, data, BIG);
    }
    assert_true(status < 0);
    bsi_error_save(&error);
    assert_int_equal(error.layer, BS_LAYER_STORAGE);
    assert_int_equal(error.retry, BS_RETRY_SAFE);
    sftp_assert_text("127.0.0.1");
    bsi_upload_abort(upload);
    assert_true(bsi_storage_read(storage, NULL, "d/k", 0, &byte, 1) < 0);
    assert_int_equal(bs_error_last()->retry, BS_RETRY_SAFE);

    assert_true(test_sshd_start(&sftp_server));
    assert_ok(bsi_storage_read(storage, NULL, "d/k", 0, &byte, 1));
    assert_int_equal(byte, 'o');
    assert_int_equal(sftp_count_objects(storage), 1);
    assert_int_equal(sftp_count_files(all.path), 2);
    assert_ok(bsi_storage_put(storage, NULL, "d/k", "new", 3));
    assert_ok(bsi_storage_sweep(storage, NULL, INT64_MAX, &objects, &bytes));
    assert_int_equal(objects, 1);
    assert_true(bytes > 0);
    assert_int_equal(sftp_count_files(all.path), 1);
    bsi_storage_unref(storage);
    free(data);
}

static void an_aborted_upload_is_removed_over_another_connection(void **state)
{
    bsi_storage *storage = NULL;
    bsi_upload *upload = NULL;
    sftp_settings all;

    (void)state;
    sftp_usual(&all);
    assert_ok(sftp_open(&all, &storage));
    assert_ok(bsi_upload_begin(storage, NULL, "d/k", NULL, &upload));
    assert_ok(bsi_upload_write(upload, NULL, "text", 4));
    test_sshd_stop(&sftp_server);
    assert_true(test_sshd_start(&sftp_server));
    assert_true(bsi_upload_commit(upload, NULL) < 0);
    assert_int_equal(bs_error_last()->retry, BS_RETRY_SAFE);
    assert_int_equal(sftp_count_files(all.path), 0);
    assert_ok(bsi_storage_put(storage, NULL, "d/k", "text", 4));
    bsi_storage_unref(storage);
}

static void restart(void)
{
    test_sshd_stop(&sftp_server);
    assert_true(test_sshd_start(&sftp_server));
}

static void assert_stored(bsi_storage *storage, const char *key, const uint8_t *data, size_t size)
{
    bs_storage_object object;
    uint8_t *back = malloc(size);

    assert_non_null(back);
    assert_ok(bsi_storage_stat(storage, NULL, key, &object));
    assert_int_equal(object.size, size);
    assert_ok(bsi_storage_read(storage, NULL, key, 0, back, size));
    assert_memory_equal(back, data, size);
    free(back);
}

static void uploads_go_on_when_the_server_comes_back(void **state)
{
    static const uint32_t flags[] = {0, BS_STORAGE_PUT_EXCLUSIVE, BS_STORAGE_PUT_PATCHABLE};
    bs_storage_put_options options = BSI_PUT_DEFAULTS;
    uint8_t *data = malloc(BIG);
    sftp_settings all;
    bsi_storage *storage = sftp_open_patient(&all);

    (void)state;
    assert_non_null(data);
    sftp_fill(data, BIG);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(flags); i++) {
        const char key[] = {'d', '/', (char)('a' + (int)i), '\0'};
        bsi_upload *upload = NULL;
        options.flags = flags[i];
        assert_ok(bsi_upload_begin(storage, NULL, key, &options, &upload));
        restart();
        assert_ok(bsi_upload_write(upload, NULL, data, BIG / 2));
        restart();
        assert_ok(bsi_upload_write(upload, NULL, data + BIG / 2, BIG / 2));
        if ((flags[i] & BS_STORAGE_PUT_PATCHABLE) != 0) {
            data[7] ^= 0xff;
            assert_ok(bsi_upload_patch(upload, NULL, 7, &data[7], 1));
        }
        restart();
        assert_ok(bsi_upload_commit(upload, NULL));
        assert_stored(storage, key, data, BIG);
    }
    assert_int_equal(sftp_count_files(all.path), 3);
    bsi_storage_unref(storage);
    free(data);
}

static void a_server_that_is_not_there_is_told_with_host_and_port(void **state)
{
    sftp_settings all;

    (void)state;
    sftp_usual(&all);
    test_sshd_stop(&sftp_server);
    sftp_assert_refused(&all, BS_E_IO);
    assert_int_equal(bs_error_last()->retry, BS_RETRY_SAFE);
    sftp_assert_text("127.0.0.1");
    sftp_assert_text(sftp_server.port_text);
    assert_true(test_sshd_start(&sftp_server));
}

/* The processes of the server stand still, or go on. */
static void signal_sessions(int number)
{
    char command[200];

    (void)snprintf(command, sizeof(command),
                   "for p in $(cat /proc/%d/task/%d/children); do kill -%d $p "
                   "$(cat /proc/$p/task/$p/children); done; true",
                   (int)sftp_server.pid, (int)sftp_server.pid, number);
    assert_true(test_run((const char *const[]){"sh", "-c", command, NULL}));
}

static void a_silent_server_is_given_up_after_the_idle_time(void **state)
{
    bsi_storage *storage = NULL;
    bs_storage_object object;
    sftp_settings all;

    (void)state;
    sftp_usual(&all);
    sftp_set(&all, "idle_timeout_s", "1");
    assert_ok(sftp_open(&all, &storage));
    assert_ok(bsi_storage_put(storage, NULL, "k", "x", 1));
    signal_sessions(SIGSTOP);
    assert_status(bsi_storage_stat(storage, NULL, "k", &object), BS_E_TIMEOUT);
    assert_int_equal(bs_error_last()->retry, BS_RETRY_SAFE);
    sftp_assert_text("127.0.0.1");
    assert_ok(bsi_storage_stat(storage, NULL, "k", &object));
    signal_sessions(SIGCONT);
    bsi_storage_unref(storage);
}

static void whoever_gives_up_leaves_a_connection_that_works(void **state)
{
    bsi_storage *storage = NULL;
    bs_storage_object object;
    bs_call call = {.cancel = NULL};
    sftp_settings all;
    char byte = 0;

    (void)state;
    sftp_usual(&all);
    sftp_set(&all, "connections", "1");
    assert_ok(sftp_open(&all, &storage));
    assert_ok(bsi_storage_put(storage, NULL, "k", "x", 1));
    signal_sessions(SIGSTOP);
    call.deadline_ns = bsi_monotonic_ns() + (int64_t)50 * NS_PER_MS;
    assert_status(bsi_storage_stat(storage, &call, "k", &object), BS_E_TIMEOUT);
    call.deadline_ns = bsi_monotonic_ns() + (int64_t)50 * NS_PER_MS;
    assert_status(bsi_storage_read(storage, &call, "k", 0, &byte, 1), BS_E_TIMEOUT);
    signal_sessions(SIGCONT);
    assert_ok(bsi_storage_read(storage, NULL, "k", 0, &byte, 1));
    assert_int_equal(byte, 'x');
    bsi_storage_unref(storage);
}

/* --- A line that breaks --- */

enum { SIZE = 300 * 1000, PATCH_AT = 5 };

/* What a backup does: it succeeds whatever happens to one connection. */
static void work(bsi_storage *storage, uint8_t *data)
{
    bs_storage_put_options exclusive = BSI_PUT_DEFAULTS;
    bs_storage_put_options patchable = BSI_PUT_DEFAULTS;
    bsi_upload *upload = NULL;

    exclusive.flags = BS_STORAGE_PUT_EXCLUSIVE;
    patchable.flags = BS_STORAGE_PUT_PATCHABLE;
    assert_ok(bsi_upload_begin(storage, NULL, "d/patched", &patchable, &upload));
    assert_ok(bsi_upload_write(upload, NULL, data, SIZE / 2));
    assert_ok(bsi_upload_write(upload, NULL, data + SIZE / 2, SIZE / 2));
    data[PATCH_AT] ^= 0xff;
    assert_ok(bsi_upload_patch(upload, NULL, PATCH_AT, &data[PATCH_AT], 1));
    assert_ok(bsi_upload_commit(upload, NULL));
    assert_stored(storage, "d/patched", data, SIZE);
    assert_ok(bsi_upload_begin(storage, NULL, "d/once", &exclusive, &upload));
    assert_ok(bsi_upload_write(upload, NULL, data, SIZE));
    assert_ok(bsi_upload_commit(upload, NULL));
    assert_ok(bsi_storage_put(storage, NULL, "d/once-more", "old", 3));
    assert_ok(bsi_storage_put(storage, NULL, "d/once-more", "new", 3));
    assert_ok(bsi_storage_remove(storage, NULL, "d/patched"));
    assert_int_equal(sftp_count_objects(storage), 2);
}

static void assert_worked(bsi_storage *storage, const sftp_settings *all, const uint8_t *data)
{
    uint64_t objects = 0;
    uint64_t bytes = 0;

    assert_stored(storage, "d/once", data, SIZE);
    assert_stored(storage, "d/once-more", (const uint8_t *)"new", 3);
    assert_ok(bsi_storage_sweep(storage, NULL, INT64_MAX, &objects, &bytes));
    assert_int_equal(sftp_count_files(all->path), 2);
    assert_true(objects <= 1);
}

static void work_with_cut(test_proxy *proxy, test_proxy_way way, uint64_t after)
{
    static uint8_t data[SIZE];
    sftp_settings all;
    bsi_storage *storage = sftp_open_patient_at(&all, test_proxy_port(proxy));

    sftp_fill(data, sizeof(data));
    test_proxy_cut(proxy, way, after);
    work(storage, data);
    assert_worked(storage, &all, data);
    assert_true(after == TEST_PROXY_NEVER || test_proxy_has_cut(proxy));
    bsi_storage_unref(storage);
}

/* Bytes are counted once; then the line breaks in between. */
static void work_with_each_cut(test_proxy *proxy, test_proxy_way way)
{
    const unsigned parts = getenv("BSI_TESTS_FULL") ? 64 : 6;
    uint64_t count = 0;

    work_with_cut(proxy, way, TEST_PROXY_NEVER);
    count = test_proxy_count(proxy, way);
    for (unsigned i = 1; i <= parts; i++) {
        work_with_cut(proxy, way, count * i / (parts + 1));
    }
}

static void nothing_is_lost_where_the_line_breaks(void **state)
{
    test_proxy *proxy = test_proxy_start(sftp_server.port);

    (void)state;
    assert_non_null(proxy);
    work_with_each_cut(proxy, TEST_PROXY_UP);
    work_with_each_cut(proxy, TEST_PROXY_DOWN);
    test_proxy_stop(proxy);
}

/* The names are given and the answers come behind the last bytes of data. */
static void an_answer_that_gets_lost_is_found_out(void **state)
{
    test_proxy *proxy = test_proxy_start(sftp_server.port);
    const unsigned step = getenv("BSI_TESTS_FULL") ? 1 : 60;
    static const uint32_t flags[] = {0, BS_STORAGE_PUT_EXCLUSIVE};
    bs_storage_put_options options = BSI_PUT_DEFAULTS;

    (void)state;
    assert_non_null(proxy);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(flags); i++) {
        bool cut = true;
        options.flags = flags[i];
        for (uint64_t after = 0; cut; after += step) {
            sftp_settings all;
            bsi_storage *storage = sftp_open_patient_at(&all, test_proxy_port(proxy));
            bsi_upload *upload = NULL;
            assert_ok(bsi_upload_begin(storage, NULL, "k", &options, &upload));
            assert_ok(bsi_upload_write(upload, NULL, "text", 4));
            test_proxy_cut(proxy, TEST_PROXY_DOWN, after);
            assert_ok(bsi_upload_commit(upload, NULL));
            cut = test_proxy_has_cut(proxy);
            assert_stored(storage, "k", (const uint8_t *)"text", 4);
            assert_int_equal(sftp_count_files(all.path), 1);
            bsi_storage_unref(storage);
        }
    }
    test_proxy_stop(proxy);
}

static void a_listing_begins_anew_where_the_line_breaks(void **state)
{
    test_proxy *proxy = test_proxy_start(sftp_server.port);
    char key[16];
    uint64_t count = 0;
    sftp_settings all;
    bsi_storage *storage = NULL;

    (void)state;
    assert_non_null(proxy);
    storage = sftp_open_patient_at(&all, test_proxy_port(proxy));
    for (int i = 0; i < 30; i++) {
        (void)snprintf(key, sizeof(key), "%d/%d/k", i / 10, i);
        assert_ok(bsi_storage_put(storage, NULL, key, "", 0));
    }
    test_proxy_cut(proxy, TEST_PROXY_DOWN, TEST_PROXY_NEVER);
    assert_int_equal(sftp_count_objects(storage), 30);
    count = test_proxy_count(proxy, TEST_PROXY_DOWN);
    for (uint64_t part = 0; part < 4; part++) {
        test_proxy_cut(proxy, TEST_PROXY_DOWN, count * part / 4);
        assert_int_equal(sftp_count_objects(storage), 30);
        assert_true(test_proxy_has_cut(proxy));
    }
    bsi_storage_unref(storage);
    test_proxy_stop(proxy);
}

static void packets_in_pieces_are_put_together(void **state)
{
    test_proxy *proxy = test_proxy_start(sftp_server.port);

    (void)state;
    assert_non_null(proxy);
    test_proxy_slice(proxy, 97);
    work_with_cut(proxy, TEST_PROXY_UP, TEST_PROXY_NEVER);
    test_proxy_stop(proxy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_killed_in_mid_upload_leaves_nothing_that_is_seen),
        cmocka_unit_test(an_aborted_upload_is_removed_over_another_connection),
        cmocka_unit_test(uploads_go_on_when_the_server_comes_back),
        cmocka_unit_test(a_server_that_is_not_there_is_told_with_host_and_port),
        cmocka_unit_test(a_silent_server_is_given_up_after_the_idle_time),
        cmocka_unit_test(whoever_gives_up_leaves_a_connection_that_works),
        cmocka_unit_test(nothing_is_lost_where_the_line_breaks),
        cmocka_unit_test(an_answer_that_gets_lost_is_found_out),
        cmocka_unit_test(a_listing_begins_anew_where_the_line_breaks),
        cmocka_unit_test(packets_in_pieces_are_put_together),
    };

    return sftp_run("sftp_loss", tests, BSI_ARRAY_SIZE(tests));
}
