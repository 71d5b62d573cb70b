/* SPDX-License-Identifier: MIT */
/*
 * ftp when the server goes away, stands still or comes back, and when it keeps something else
 * than it was sent. Called with ftp_server.py.
 */
#include "support/test.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "ftp_fixture.h"
#include "remote_checks.h"

static void stop(void)
{
    test_ftpd_stop(&ftp_server);
}

static void start(void)
{
    assert_true(test_ftpd_start(&ftp_server));
}

static const remote_power power = {stop, start};

static void a_server_killed_in_mid_upload_leaves_nothing_that_is_seen(void **state)
{
    remote_settings all;

    (void)state;
    ftp_usual(&all);
    remote_check_killed_server(&all, &power);
}

static void uploads_go_on_when_the_server_comes_back(void **state)
{
    remote_settings all;

    (void)state;
    ftp_usual(&all);
    remote_check_restarts(&all, &power);
}

static void a_silent_server_is_given_up_after_the_idle_time(void **state)
{
    bsi_storage *storage = NULL;
    bs_storage_object object;
    remote_settings all;

    (void)state;
    ftp_usual(&all);
    remote_set(&all, "idle_timeout_s", "1");
    assert_ok(remote_open(&all, &storage));
    assert_ok(bsi_storage_put(storage, NULL, "k", "x", 1));
    assert_int_equal(kill(ftp_server.pid, SIGSTOP), 0);
    assert_status(bsi_storage_stat(storage, NULL, "k", &object), BS_E_TIMEOUT);
    assert_int_equal(bs_error_last()->retry, BS_RETRY_SAFE);
    remote_assert_text("127.0.0.1");
    assert_int_equal(kill(ftp_server.pid, SIGCONT), 0);
    assert_ok(bsi_storage_stat(storage, NULL, "k", &object));
    bsi_storage_unref(storage);
}

/* --- A line that breaks --- */

static bsi_storage *open_at(remote_settings *all, void *user)
{
    return ftp_open_patient_at(all, test_proxy_port(user));
}

static remote_line make_line(void)
{
    test_proxy *proxy = test_proxy_start(ftp_server.port);

    assert_non_null(proxy);
    return (remote_line){open_at, proxy, proxy};
}

/* This server forgets to answer when a connection for data breaks before it has looked at it. */
static bsi_storage *open_hasty(remote_settings *all, void *user)
{
    (void)user;
    ftp_usual(all);
    remote_set(all, "idle_timeout_s", "1");
    return remote_open_patient(all);
}

/* The server takes all connections for data on one port, and tells that of a proxy. */
static remote_line make_data_line(void)
{
    const uint16_t port = test_free_port();
    test_proxy *proxy = test_proxy_start(port);
    char order[64];

    assert_non_null(proxy);
    (void)snprintf(order, sizeof(order), "data-port=%u:%u", port, test_proxy_port(proxy));
    ftp_order(order);
    return (remote_line){open_hasty, NULL, proxy};
}

static void nothing_is_lost_where_the_connection_for_commands_breaks(void **state)
{
    const remote_line line = make_line();

    (void)state;
    remote_work_with_each_cut(&line, TEST_PROXY_UP);
    remote_work_with_each_cut(&line, TEST_PROXY_DOWN);
    test_proxy_stop(line.proxy);
}

static void nothing_is_lost_where_a_connection_for_data_breaks(void **state)
{
    const remote_line line = make_data_line();

    (void)state;
    remote_work_with_each_cut(&line, TEST_PROXY_UP);
    remote_work_with_each_cut(&line, TEST_PROXY_DOWN);
    test_proxy_stop(line.proxy);
    ftp_order("");
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
    const remote_line line = make_data_line();

    (void)state;
    remote_check_listing(&line);
    test_proxy_stop(line.proxy);
    ftp_order("");
}

static void answers_in_pieces_are_put_together(void **state)
{
    const remote_line line = make_line();

    (void)state;
    test_proxy_slice(line.proxy, 7);
    assert_false(remote_work_with_cut(&line, TEST_PROXY_UP, TEST_PROXY_NEVER));
    test_proxy_stop(line.proxy);
}

/* --- A server that keeps something else --- */

/* An object is to be replaced and the order keeps it from that: the old one stays, alone. */
static void assert_not_replaced(const char *order, bs_status expected, const char *text)
{
    remote_settings all;
    bsi_storage *storage = open_hasty(&all, NULL);

    assert_ok(bsi_storage_put(storage, NULL, "d/k", "old text", 8));
    ftp_order(order);
    assert_status(bsi_storage_put(storage, NULL, "d/k", "new text", 8), expected);
    assert_int_equal(bs_error_last()->retry, BS_RETRY_NEVER);
    remote_assert_text("127.0.0.1");
    remote_assert_text(text);
    remote_assert_stored(storage, "d/k", "old text", 8);
    assert_int_equal(remote_count_files(all.path), 1);
    ftp_order("");
    assert_ok(bsi_storage_put(storage, NULL, "d/k", "new text", 8));
    remote_assert_stored(storage, "d/k", "new text", 8);
    bsi_storage_unref(storage);
}

static void what_is_kept_in_part_gets_no_name(void **state)
{
    (void)state;
    assert_not_replaced("short", BS_E_IO, "has stored 7 bytes");
}

static void what_is_kept_with_other_bytes_gets_no_name(void **state)
{
    (void)state;
    assert_not_replaced("wrong", BS_E_IO, "has stored other bytes");
}

static void a_full_server_is_told_and_keeps_what_it_had(void **state)
{
    (void)state;
    assert_not_replaced("full", BS_E_NO_SPACE, "There is no room for it");
}

static void what_the_server_cannot_hash_is_measured_alone(void **state)
{
    remote_settings all;
    bsi_storage *storage = ftp_open_usual(&all);

    (void)state;
    ftp_order("no-hash");
    assert_ok(bsi_storage_put(storage, NULL, "d/k", "text", 4));
    remote_assert_stored(storage, "d/k", "text", 4);
    ftp_order("");
    bsi_storage_unref(storage);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_killed_in_mid_upload_leaves_nothing_that_is_seen),
        cmocka_unit_test(uploads_go_on_when_the_server_comes_back),
        cmocka_unit_test(a_silent_server_is_given_up_after_the_idle_time),
        cmocka_unit_test(nothing_is_lost_where_the_connection_for_commands_breaks),
        cmocka_unit_test(nothing_is_lost_where_a_connection_for_data_breaks),
        cmocka_unit_test(an_answer_that_gets_lost_is_found_out),
        cmocka_unit_test(a_listing_begins_anew_where_the_line_breaks),
        cmocka_unit_test(answers_in_pieces_are_put_together),
        cmocka_unit_test(what_is_kept_in_part_gets_no_name),
        cmocka_unit_test(what_is_kept_with_other_bytes_gets_no_name),
        cmocka_unit_test(a_full_server_is_told_and_keeps_what_it_had),
        cmocka_unit_test(what_the_server_cannot_hash_is_measured_alone),
    };

    return argc == 2 ? ftp_run("ftp_loss", argv[1], tests, BSI_ARRAY_SIZE(tests)) : 1;
}
