/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <string.h>

#include "os/thread.h"
#include "os/time.h"
#include "source/stream.h"

static void a_command_gives_its_output(void **state)
{
    static const char *const argv[] = {"printf", "%s %s", "hello", "there", NULL};
    bsi_stream *stream = NULL;
    char buf[64];
    size_t got = 0;

    (void)state;
    assert_ok(bsi_stream_command(argv, NULL, &stream));
    assert_ok(bsi_stream_read(stream, NULL, buf, sizeof(buf), &got));
    assert_int_equal(got, 11);
    assert_memory_equal(buf, "hello there", 11);
    assert_ok(bsi_stream_read(stream, NULL, buf, sizeof(buf), &got));
    assert_int_equal(got, 0);
    assert_ok(bsi_stream_finish(stream));
    bsi_stream_free(stream);
}

static void a_failed_command_is_told_at_the_end(void **state)
{
    static const char *const argv[] = {"sh", "-c", "echo some; echo broken >&2; exit 3", NULL};
    bsi_stream *stream = NULL;
    char buf[64];
    size_t got = 0;

    (void)state;
    assert_ok(bsi_stream_command(argv, NULL, &stream));
    assert_ok(bsi_stream_read(stream, NULL, buf, sizeof(buf), &got));
    assert_int_equal(got, 5);
    assert_status(bsi_stream_finish(stream), BS_E_COMMAND);
    assert_int_equal(bs_error_last()->layer, BS_LAYER_SOURCE);
    assert_non_null(strstr(bs_error_last()->message, "broken"));
    bsi_stream_free(stream);
}

static void a_missing_command_is_told(void **state)
{
    static const char *const argv[] = {"/nowhere/to be found", NULL};
    bsi_stream *stream = NULL;

    (void)state;
    assert_true(bsi_stream_command(argv, NULL, &stream) < 0);
    assert_int_equal(bs_error_last()->layer, BS_LAYER_SOURCE);
    assert_non_null(strstr(bs_error_last()->message, "/nowhere/to be found"));
    assert_null(stream);
}

static void cancel_soon(void *user)
{
    bsi_cancel_request(user);
}

static void a_silent_command_is_cancelled_within_a_second(void **state)
{
    static const char *const argv[] = {"sleep", "1000", NULL};
    bsi_cancel cancel = {0};
    const bs_call call = {.cancel = &cancel};
    bsi_stream *stream = NULL;
    bsi_thread thread;
    char buf[64];
    size_t got = 0;
    int64_t began = 0;

    (void)state;
    assert_ok(bsi_stream_command(argv, NULL, &stream));
    began = bsi_monotonic_ns();
    assert_ok(bsi_thread_start(&thread, "cancel", cancel_soon, &cancel));
    assert_status(bsi_stream_read(stream, &call, buf, sizeof(buf), &got), BS_E_CANCELLED);
    bsi_thread_join(thread);
    bsi_stream_free(stream);
    assert_true(bsi_monotonic_ns() - began < 1000000000);
}

static int count_down(void *user, void *buf, size_t size, size_t *got_out)
{
    int *left = user;

    if (*left < 0) {
        return 1;
    }
    *got_out = *left < (int)size ? (size_t)*left : size;
    *got_out = *got_out > 3 ? 3 : *got_out;
    memset(buf, 'x', *got_out);
    *left -= (int)*got_out;
    return 0;
}

static void a_callback_fills_whole_buffers(void **state)
{
    bsi_stream *stream = NULL;
    int left = 25;
    char buf[10];
    size_t got = 0;

    (void)state;
    assert_ok(bsi_stream_callback(count_down, &left, &stream));
    for (size_t expected = 25; expected > 0; expected -= got) {
        assert_ok(bsi_stream_read(stream, NULL, buf, sizeof(buf), &got));
        assert_int_equal(got, expected < 10 ? expected : 10);
    }
    assert_ok(bsi_stream_finish(stream));
    bsi_stream_free(stream);
}

static int claim_too_much(void *user, void *buf, size_t size, size_t *got_out)
{
    (void)user;
    (void)buf;
    *got_out = size + 1;
    return 0;
}

static void a_callback_that_fails_or_lies_ends_the_stream(void **state)
{
    bsi_stream *stream = NULL;
    int left = -1;
    char buf[10];
    size_t got = 0;

    (void)state;
    assert_ok(bsi_stream_callback(count_down, &left, &stream));
    assert_status(bsi_stream_read(stream, NULL, buf, sizeof(buf), &got), BS_E_CALLBACK);
    bsi_stream_free(stream);
    assert_ok(bsi_stream_callback(claim_too_much, NULL, &stream));
    assert_status(bsi_stream_read(stream, NULL, buf, sizeof(buf), &got), BS_E_CALLBACK);
    bsi_stream_free(stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_gives_its_output),
        cmocka_unit_test(a_failed_command_is_told_at_the_end),
        cmocka_unit_test(a_missing_command_is_told),
        cmocka_unit_test(a_silent_command_is_cancelled_within_a_second),
        cmocka_unit_test(a_callback_fills_whole_buffers),
        cmocka_unit_test(a_callback_that_fails_or_lies_ends_the_stream),
    };

    return cmocka_run_group_tests_name("source/stream", tests, NULL, NULL);
}
