/* SPDX-License-Identifier: MIT */
/*
 * Against the server of tests/support/s3_hostile.py, which starts this program:
 * prefixes tell it what to do wrong. A real server is met by the conformance suite.
 */
#include "remote.h"

#include <stdio.h>

#include "os/process.h"
#include "os/time.h"

#define SECRET "secret-canary-4711"
#define TOKEN "token-canary-0815"

enum { SETTINGS_MAX = 16 };

static bs_status open_with(const bsi_setting *more, size_t count, bsi_storage **out)
{
    bsi_setting settings[SETTINGS_MAX] = {
        {"endpoint", bsi_environment("BSI_S3_ENDPOINT")},
        {"bucket", "bucket"},
        {"credentials", "settings"},
        {"access_key_id", "AKIAEXAMPLE"},
        {"secret_access_key", SECRET},
        {"session_token", TOKEN},
        {"part_size_mib", "5"},
        {"parallel_parts", "2"},
    };
    const size_t used = add_settings(settings, 8, SETTINGS_MAX, more, count);

    return bsi_storage_open("s3", settings, used, NULL, out);
}

static bs_status open_script(const char *script, bsi_storage **out)
{
    const bsi_setting prefix = {"prefix", script};

    return open_with(&prefix, 1, out);
}

static bsi_storage *open_repeating(const char *script)
{
    bsi_storage *bare = NULL;

    assert_ok(open_script(script, &bare));
    return repeating(bare);
}

static void assert_tells(const char *words)
{
    const bs_error *error = bs_error_last();

    if (!strstr(error->message, words)) {
        print_error("%s\n", error->message);
    }
    assert_non_null(strstr(error->message, words));
    assert_null(strstr(error->message, SECRET));
    assert_null(strstr(error->message, TOKEN));
}

/* --- Opening --- */

/* The server speaks no TLS. */
static void plain_http_is_told(void **state)
{
    bsi_storage *storage = NULL;

    (void)state;
    assert_ok(open_script("", &storage));
    assert_true((bsi_storage_caps(storage) & BS_STORAGE_CAP_CLEARTEXT) != 0);
    bsi_storage_unref(storage);
}

static void opening_tells_what_is_wrong(void **state)
{
    static const struct {
        const char *fault;
        bs_status expected;
        const char *words;
    } cases[] = {
        {"region", BS_E_INVALID, "set region to 'eu-west-7' instead of 'us-east-1'"},
        {"moved", BS_E_INVALID, "set region to 'eu-west-7' instead of 'us-east-1'"},
        {"bucket", BS_E_INVALID, "404 NoSuchBucket (The specified bucket does not exist)"},
        {"denied", BS_E_ACCESS, "403 AccessDenied (Access Denied.): these credentials may not"},
        {"signature", BS_E_ACCESS, "the secret access key is not that of the access key"},
        {"expired", BS_E_ACCESS, "400 ExpiredToken: the session is over"},
        {"clock", BS_E_CLOCK, "at the server Mon, 01 Jan 2001 00:00:00 GMT"},
        {"html", BS_E_CORRUPT, "the server's "},
        {"nothing", BS_E_IO, "is the endpoint right?"},
        {"slow", BS_E_BUSY, "503 SlowDown (Please reduce your request rate.)"},
        {"gateway", BS_E_IO, "502"},
        {"reset", BS_E_IO, "server '127.0.0.1:"},
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        bsi_storage *storage = NULL;
        char script[64];

        print_message("# %s\n", cases[i].fault);
        (void)snprintf(script, sizeof(script), "open.%s.1", cases[i].fault);
        assert_status(open_script(script, &storage), cases[i].expected);
        assert_tells(cases[i].words);
        assert_tells("opening storage 's3'");
    }
}

static void settings_that_cannot_be_right_are_refused(void **state)
{
    static const struct {
        bsi_setting setting;
        const char *words;
    } cases[] = {
        {{"bucket", "b"}, "bucket"},
        {{"bucket", "a/b/c"}, "bucket"},
        {{"bucket", ".abc"}, "bucket"},
        {{"region", "eu west"}, "region"},
        {{"endpoint", "ftp://host"}, "endpoint"},
        {{"endpoint", "host:9000"}, "endpoint"},
        {{"endpoint", "http://"}, "endpoint"},
        {{"endpoint", "http://user@host"}, "endpoint"},
        {{"endpoint", "http://host/path"}, "endpoint"},
        {{"addressing", "both"}, "addressing"},
        {{"credentials", "guess"}, "credentials"},
        {{"prefix", "/a"}, "prefix"},
        {{"prefix", "a//b"}, "prefix"},
        {{"part_size_mib", "4"}, "part_size_mib"},
        {{"part_size_mib", "1025"}, "part_size_mib"},
        {{"parallel_parts", "0"}, "parallel_parts"},
        {{"parallel_parts", "17"}, "parallel_parts"},
        {{"list_page_size", "1001"}, "list_page_size"},
        {{"storage_class", "STANDARD\r\nX: 1"}, "storage_class"},
        {{"secret_access_key", "with blank " SECRET}, "the secret access key from the settings"},
        {{"secret_access_key", ""}, "the secret access key from the settings"},
        {{"access_key_id", "a/b"}, "the access key from the settings"},
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        bsi_storage *storage = NULL;

        print_message("# %s=%s\n", cases[i].setting.key, cases[i].setting.value);
        assert_status(open_with(&cases[i].setting, 1, &storage), BS_E_INVALID);
        assert_tells(cases[i].words);
        assert_int_equal(bs_error_last()->layer, BS_LAYER_CALLER);
    }
}

/* --- Faults that end an operation --- */

static const refused_case refused[] = {
    {"get.denied.9", do_get, BS_E_ACCESS, BS_RETRY_NEVER, "reading object 'k': bucket 'bucket'"},
    {"get.cold.9", do_get, BS_E_ACCESS, BS_RETRY_NEVER, "archive class"},
    {"get.nothing.9", do_get, BS_E_IO, BS_RETRY_NEVER, "is the endpoint right?"},
    {"get.bucket.9", do_get, BS_E_INVALID, BS_RETRY_NEVER, "NoSuchBucket"},
    {"get.html.9", do_get, BS_E_IO, BS_RETRY_SAFE, "more than was asked for"},
    {"get.short.9", do_get, BS_E_IO, BS_RETRY_SAFE, "reading object 'k'"},
    {"get.less.9", do_get, BS_E_IO, BS_RETRY_SAFE, "less than the range"},
    {"get.other.9", do_get, BS_E_IO, BS_RETRY_SAFE, "another range"},
    {"get.internal.9", do_get, BS_E_IO, BS_RETRY_SAFE, "500 InternalError"},
    {"head.forbidden.9", do_head, BS_E_ACCESS, BS_RETRY_NEVER, "looking up object 'k'"},
    {"head.html.9", do_head, BS_E_IO, BS_RETRY_SAFE, "without ETag or length"},
    {"put.denied.9", do_put, BS_E_ACCESS, BS_RETRY_NEVER, "storing object 'k'"},
    {"put.full.9", do_put, BS_E_NO_SPACE, BS_RETRY_NEVER, "507 QuotaExceeded"},
    {"put.html.9", do_put, BS_E_IO, BS_RETRY_SAFE, "without naming it"},
    {"put.sum.9", do_put, BS_E_IO, BS_RETRY_SAFE, "another checksum"},
    {"put.digest.9", do_put, BS_E_IO, BS_RETRY_SAFE, "changed on their way"},
    {"put.expired.9", do_put, BS_E_ACCESS, BS_RETRY_NEVER, "takes new credentials"},
    {"put.wait.9", do_put, BS_E_BUSY, BS_RETRY_AFTER, "503 SlowDown"},
    {"delete.denied.9", do_delete, BS_E_ACCESS, BS_RETRY_NEVER, "removing object 'k'"},
    {"delete.html.9", do_delete, BS_E_IO, BS_RETRY_SAFE, "does not say that"},
    {"list.denied.9", do_list, BS_E_ACCESS, BS_RETRY_NEVER, "listing below 'a'"},
    {"list.html.9", do_list, BS_E_CORRUPT, BS_RETRY_NEVER, "the server's "},
    {"list.same.9", do_list, BS_E_CORRUPT, BS_RETRY_NEVER, "has no end"},
    {"list.circle.99", do_list, BS_E_CORRUPT, BS_RETRY_NEVER, "has no end"},
    {"list.foreign.9", do_list, BS_E_IO, BS_RETRY_SAFE, "not asked for"},
    {"begin.denied.9", do_large, BS_E_ACCESS, BS_RETRY_NEVER, "storing object 'k'"},
    {"begin.html.9", do_large, BS_E_CORRUPT, BS_RETRY_NEVER, "the server's "},
    {"part.denied.9", do_large, BS_E_ACCESS, BS_RETRY_NEVER, "storing object 'k'"},
    {"part.sum.9", do_large, BS_E_IO, BS_RETRY_SAFE, "another checksum"},
    {"complete.denied.9", do_large, BS_E_ACCESS, BS_RETRY_NEVER, "storing object 'k'"},
    {"complete.error.9", do_large, BS_E_IO, BS_RETRY_SAFE, "200 InternalError (We encountered"},
    {"complete.html.9", do_large, BS_E_CORRUPT, BS_RETRY_NEVER, "the server's "},
};

static void each_refusal_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(refused); i++) {
        bsi_storage *storage = NULL;

        print_message("# %s\n", refused[i].script);
        assert_ok(open_script(refused[i].script, &storage));
        assert_status(refused[i].run(storage), refused[i].expected);
        assert_tells(refused[i].words);
        assert_int_equal(bs_error_last()->retry, refused[i].retry);
        assert_int_equal(bs_error_last()->layer, BS_LAYER_STORAGE);
        bsi_storage_unref(storage);
    }
}

static void what_the_server_wants_to_have_waited_is_told(void **state)
{
    bsi_storage *storage = NULL;

    (void)state;
    assert_ok(open_script("head.wait.1", &storage));
    assert_status(do_head(storage), BS_E_BUSY);
    bsi_storage_unref(storage);
    assert_ok(open_script("put.wait.1", &storage));
    assert_status(do_put(storage), BS_E_BUSY);
    assert_int_equal(bs_error_last()->retry_after_ms, 7000);
    bsi_storage_unref(storage);
}

/* --- Faults that pass --- */

static void what_passes_is_tried_again(void **state)
{
    static const char *const scripts[] = {
        "list.slow.2",      "list.reset.2",    "get.slow.2",       "get.reset.2",
        "get.short.2",      "get.less.1",      "get.internal.2",   "get.gateway.1",
        "head.slow.2",      "head.reset.2",    "put.slow.2",       "put.reset.2",
        "put.cut.2",        "put.lost.1",      "put.digest.1",     "put.sum.1",
        "delete.slow.2",    "delete.lost.1",   "begin.slow.2",     "begin.reset.1",
        "begin.lost.1",     "part.slow.3",     "part.reset.3",     "part.cut.3",
        "part.lost.2",      "part.digest.1",   "complete.error.2", "complete.slow.2",
        "complete.reset.2", "complete.lost.1",
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(scripts); i++) {
        bsi_storage *storage = NULL;

        print_message("# %s\n", scripts[i]);
        storage = open_repeating(scripts[i]);
        assert_all_works(storage);
        bsi_storage_unref(storage);
    }
}

static void an_upload_whose_answer_got_lost_is_known_again(void **state)
{
    static const char *const scripts[] = {"put.lost.1", "complete.lost.1"};
    const bsi_setting conditional = {"conditional_put", "true"};

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(scripts); i++) {
        char script[64];
        bsi_setting settings[2] = {{"prefix", script}, conditional};
        bsi_storage *bare = NULL;
        bsi_storage *storage = NULL;

        print_message("# %s\n", scripts[i]);
        (void)snprintf(script, sizeof(script), "%s/once", scripts[i]);
        assert_ok(open_with(settings, BSI_ARRAY_SIZE(settings), &bare));
        storage = repeating(bare);
        assert_ok(put(storage, "small", BS_STORAGE_PUT_EXCLUSIVE, "mine", 4));
        assert_ok(put_large(storage, "large", BS_STORAGE_PUT_EXCLUSIVE));
        assert_large(storage, "large");
        assert_status(put(storage, "small", BS_STORAGE_PUT_EXCLUSIVE, "mine", 4), BS_E_EXISTS);
        assert_status(put_large(storage, "large", BS_STORAGE_PUT_EXCLUSIVE), BS_E_EXISTS);
        bsi_storage_unref(storage);
    }
}

/* --- Removing many --- */

enum { MANY = BS_STORAGE_REMOVE_MAX + 1, NAME_SIZE = 24 };

/* Keys "00000", "00001", ... of objects; all of them are stored when `stored`. */
static bs_status remove_numbered(bsi_storage *storage, size_t many, bool stored)
{
    static char names[MANY][NAME_SIZE];
    static const char *keys[MANY];

    for (size_t i = 0; i < many; i++) {
        (void)snprintf(names[i], NAME_SIZE, "%05zu", i);
        keys[i] = names[i];
        if (stored) {
            assert_ok(bsi_storage_put(storage, NULL, keys[i], "x", 1));
        }
    }
    return bsi_storage_remove_many(storage, NULL, keys, many);
}

static int objects_of(bsi_storage *storage)
{
    int found = 0;

    assert_ok(bsi_storage_list(storage, NULL, "", count, &found));
    return found;
}

static void many_are_removed_again_where_some_were_not(void **state)
{
    bsi_storage *storage = open_repeating("removal.some.2");

    (void)state;
    assert_ok(remove_numbered(storage, 3, true));
    assert_int_equal(objects_of(storage), 0);
    bsi_storage_unref(storage);
}

static void one_that_may_not_be_removed_is_told(void **state)
{
    bsi_storage *storage = open_repeating("removal.held.1");

    (void)state;
    assert_status(remove_numbered(storage, 3, true), BS_E_ACCESS);
    assert_tells("AccessDenied (No.)");
    assert_int_equal(objects_of(storage), 1);
    bsi_storage_unref(storage);
}

static void services_without_lists_are_asked_for_each(void **state)
{
    bsi_storage *storage = open_repeating("removal.unknown.9");

    (void)state;
    assert_ok(remove_numbered(storage, 3, true));
    assert_int_equal(objects_of(storage), 0);
    bsi_storage_unref(storage);
}

/* One more than fit into a request: the first meets the fault once, the second none. */
static void more_than_fit_go_in_several_requests(void **state)
{
    bsi_storage *storage = open_repeating("removal.internal.1");

    (void)state;
    assert_ok(remove_numbered(storage, MANY, false));
    bsi_storage_unref(storage);
}

static void a_removal_that_is_answered_by_a_page_is_none(void **state)
{
    bsi_storage *storage = NULL;

    (void)state;
    assert_ok(open_script("removal.html.1", &storage));
    assert_true(remove_numbered(storage, 2, true) < 0);
    assert_int_equal(objects_of(storage), 2);
    bsi_storage_unref(storage);
}

/* --- Uploads that are given up --- */

static void assert_swept(bsi_storage *storage, uint64_t objects, uint64_t bytes)
{
    uint64_t found = 0;
    uint64_t size = 0;

    assert_ok(bsi_storage_sweep(storage, NULL, INT64_MAX, &found, &size));
    assert_int_equal(found, objects);
    assert_int_equal(size, bytes);
}

static void an_upload_that_is_given_up_leaves_no_parts(void **state)
{
    uint8_t *bytes = make_large();
    bsi_storage *storage = NULL;
    bsi_upload *upload = NULL;

    (void)state;
    assert_ok(open_script("given-up", &storage));
    assert_ok(bsi_upload_begin(storage, NULL, "k", NULL, &upload));
    assert_ok(bsi_upload_write(upload, NULL, bytes, LARGE));
    bsi_upload_abort(upload);
    assert_swept(storage, 0, 0);
    assert_status(do_head(storage), BS_E_NOT_FOUND);
    bsi_storage_unref(storage);
    free(bytes);
}

static void parts_that_were_left_are_swept_up(void **state)
{
    const bs_call over = {.deadline_ns = 1};
    uint8_t *content = make_large();
    uint64_t objects = 0;
    uint64_t bytes = 0;
    bsi_storage *storage = NULL;
    bsi_upload *upload = NULL;

    (void)state;
    assert_ok(open_script("end.denied.1", &storage));
    assert_ok(bsi_upload_begin(storage, NULL, "k", NULL, &upload));
    assert_ok(bsi_upload_write(upload, NULL, content, LARGE));
    assert_status(bsi_upload_commit(upload, &over), BS_E_TIMEOUT);
    free(content);
    /* Uploads of 2020, by what the server says. */
    assert_ok(bsi_storage_sweep(storage, NULL, INT64_C(1500000000) * 1000000000, &objects, &bytes));
    assert_int_equal(objects, 0);
    assert_ok(bsi_storage_sweep(storage, NULL, INT64_MAX, &objects, &bytes));
    assert_int_equal(objects, 1);
    assert_in_range(bytes, 0, LARGE);
    assert_swept(storage, 0, 0);
    bsi_storage_unref(storage);
}

/* --- Waiting --- */

static void who_says_nothing_is_given_up(void **state)
{
    const bsi_setting settings[] = {{"prefix", "head.stall.1"}, {"stall_timeout_s", "1"}};
    bsi_storage *storage = NULL;

    (void)state;
    assert_ok(open_with(settings, BSI_ARRAY_SIZE(settings), &storage));
    assert_status(do_head(storage), BS_E_TIMEOUT);
    assert_int_equal(bs_error_last()->retry, BS_RETRY_SAFE);
    bsi_storage_unref(storage);
}

static void deadlines_hold_for_requests_and_parts(void **state)
{
    uint8_t *bytes = make_large();
    bs_storage_object object;
    bsi_storage *storage = NULL;
    bsi_upload *upload = NULL;
    bs_call call = {0};

    (void)state;
    assert_ok(open_script("head.stall.2", &storage));
    call.deadline_ns = bsi_monotonic_ns() + 100000000;
    assert_status(bsi_storage_stat(storage, &call, "k", &object), BS_E_TIMEOUT);
    bsi_storage_unref(storage);

    assert_ok(open_script("part.stall.9", &storage));
    assert_ok(bsi_upload_begin(storage, NULL, "k", NULL, &upload));
    assert_ok(bsi_upload_write(upload, NULL, bytes, LARGE));
    call.deadline_ns = bsi_monotonic_ns() + 100000000;
    assert_status(bsi_upload_commit(upload, &call), BS_E_TIMEOUT);
    assert_swept(storage, 0, 0);
    bsi_storage_unref(storage);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_http_is_told),
        cmocka_unit_test(opening_tells_what_is_wrong),
        cmocka_unit_test(settings_that_cannot_be_right_are_refused),
        cmocka_unit_test(each_refusal_is_told),
        cmocka_unit_test(what_the_server_wants_to_have_waited_is_told),
        cmocka_unit_test(what_passes_is_tried_again),
        cmocka_unit_test(an_upload_whose_answer_got_lost_is_known_again),
        cmocka_unit_test(many_are_removed_again_where_some_were_not),
        cmocka_unit_test(one_that_may_not_be_removed_is_told),
        cmocka_unit_test(services_without_lists_are_asked_for_each),
        cmocka_unit_test(more_than_fit_go_in_several_requests),
        cmocka_unit_test(a_removal_that_is_answered_by_a_page_is_none),
        cmocka_unit_test(an_upload_that_is_given_up_leaves_no_parts),
        cmocka_unit_test(parts_that_were_left_are_swept_up),
        cmocka_unit_test(who_says_nothing_is_given_up),
        cmocka_unit_test(deadlines_hold_for_requests_and_parts),
    };

    return cmocka_run_group_tests_name("storage/s3", tests, NULL, NULL);
}
