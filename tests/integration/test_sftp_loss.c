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
#include "remote_checks.h"
#include "sftp_fixture.h"

enum { NS_PER_MS = 1000000 };

static void stop(void)
{
    test_sshd_stop(&sftp_server);
}

static void start(void)
{
    assert_true(test_sshd_start(&sftp_server));
}

static const remote_power power = {stop, start};

static void a_server_killed_in_mid_upload_leaves_nothing_that_is_seen(void **state)
{
    remote_settings all;

    (void)state;
    sftp_usual(&all);
    remote_check_killed_server(&all, &power);
}

static void an_aborted_upload_is_removed_over_another_connection(void **state)
{
    bsi_storage *storage = NULL;
    bsi_upload *upload = NULL;
    remote_settings all;

    (void)state;
    sftp_usual(&all);
    assert_ok(remote_open(&all, &storage));
    assert_ok(bsi_upload_begin(storage, NULL, "d/k", NULL, &upload));
    assert_ok(bsi_upload_write(upload, NULL, "text", 4));
    stop();
    start();
    assert_true(bsi_upload_commit(upload, NULL) < 0);
    assert_int_equal(bs_error_last()->retry, BS_RETRY_SAFE);
    assert_int_equal(remote_count_files(all.path), 0);
    assert_ok(bsi_storage_put(storage, NULL, "d/k", "text", 4));
    bsi_storage_unref(storage);
}

static void uploads_go_on_when_the_server_comes_back(void **state)
{
    remote_settings all;

    (void)state;
    sftp_usual(&all);
    remote_check_restarts(&all, &power);
}

static void a_server_that_is_not_there_is_told_with_host_and_port(void **state)
{
    remote_settings all;

    (void)state;
    sftp_usual(&all);
    stop();
    remote_assert_refused(&all, BS_E_IO);
    assert_int_equal(bs_error_last()->retry, BS_RETRY_SAFE);
    remote_assert_text("127.0.0.1");
    remote_assert_text(sftp_server.port_text);
    start();
}

static void a_silent_server_is_given_up_after_the_idle_time(void **state)
{
    bsi_storage *storage = NULL;
    bs_storage_object object;
    remote_settings all;

    (void)state;
    sftp_usual(&all);
    remote_set(&all, "idle_timeout_s", "1");
    assert_ok(remote_open(&all, &storage));
    assert_ok(bsi_storage_put(storage, NULL, "k", "x", 1));
    remote_signal_sessions(sftp_server.pid, SIGSTOP);
    assert_status(bsi_storage_stat(storage, NULL, "k", &object), BS_E_TIMEOUT);
    assert_int_equal(bs_error_last()->retry, BS_RETRY_SAFE);
    remote_assert_text("127.0.0.1");
    assert_ok(bsi_storage_stat(storage, NULL, "k", &object));
    remote_signal_sessions(sftp_server.pid, SIGCONT);
    bsi_storage_unref(storage);
}

static void whoever_gives_up_leaves_a_connection_that_works(void **state)
{
    bsi_storage *storage = NULL;
    bs_storage_object object;
    bs_call call = {.cancel = NULL};
    remote_settings all;
    char byte = 0;

    (void)state;
    sftp_usual(&all);
    remote_set(&all, "connections", "1");
    assert_ok(remote_open(&all, &storage));
    assert_ok(bsi_storage_put(storage, NULL, "k", "x", 1));
    remote_signal_sessions(sftp_server.pid, SIGSTOP);
    call.deadline_ns = bsi_monotonic_ns() + (int64_t)50 * NS_PER_MS;
    assert_status(bsi_storage_stat(storage, &call, "k", &object), BS_E_TIMEOUT);
    call.deadline_ns = bsi_monotonic_ns() + (int64_t)50 * NS_PER_MS;
    assert_status(bsi_storage_read(storage, &call, "k", 0, &byte, 1), BS_E_TIMEOUT);
    remote_signal_sessions(sftp_server.pid, SIGCONT);
    assert_ok(bsi_storage_read(storage, NULL, "k", 0, &byte, 1));
    assert_int_equal(byte, 'x');
    bsi_storage_unref(storage);
}

/* --- A line that breaks --- */

static bsi_storage *open_at(remote_settings *all, void *user)
{
    return sftp_open_patient_at(all, test_proxy_port(user));
}

static remote_line make_line(void)
{
    test_proxy *proxy = test_proxy_start(sftp_server.port);

    assert_non_null(proxy);
    return (remote_line){open_at, proxy, proxy};
}

static void nothing_is_lost_where_the_line_breaks(void **state)
{
    const remote_line line = make_line();

    (void)state;
    remote_work_with_each_cut(&line, TEST_PROXY_UP);
    remote_work_with_each_cut(&line, TEST_PROXY_DOWN);
    test_proxy_stop(line.proxy);
}

static void an_answer_that_gets_lost_is_found_out(void **state)
{
    const remote_line line = make_line();

    (void)state;
    remote_check_lost_answers(&line);
    test_proxy_stop(line.proxy);
}

static void a_listing_begins_anew_where_the_line_breaks(void **state)
{
    const remote_line line = make_line();

    (void)state;
    remote_check_listing(&line);
    test_proxy_stop(line.proxy);
}

static void packets_in_pieces_are_put_together(void **state)
{
    const remote_line line = make_line();

    (void)state;
    test_proxy_slice(line.proxy, 97);
    assert_false(remote_work_with_cut(&line, TEST_PROXY_UP, TEST_PROXY_NEVER));
    test_proxy_stop(line.proxy);
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
