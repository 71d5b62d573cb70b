/* SPDX-License-Identifier: MIT */
/*
 * Against the server of http_server.py, which starts this program. What the
 * paths do stands there.
 */
#include "support/test.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "net/http.h"
#include "os/thread.h"
#include "os/time.h"

#define CANARY "canary-77-secret"

static const char *plain_port;
static const char *tls_port;
static const char *ca_file;

static bsi_http *new_http(const bsi_http_options *options)
{
    static const bsi_http_options defaults = {0};
    bsi_http *http = NULL;

    assert_ok(bsi_http_new(options ? options : &defaults, &http));
    return http;
}

static const char *url_of(const char *path, char out[256])
{
    (void)snprintf(out, 256, "http://127.0.0.1:%s%s?key=" CANARY, plain_port, path);
    return out;
}

static bs_status get(bsi_http *http, const char *path, bsi_http_answer *answer)
{
    char url[256];
    const bsi_http_request request = {
        .method = "GET", .url = url_of(path, url), .answer_max = 1024 * 1024};

    return bsi_http_send(http, NULL, &request, answer);
}

/* The request fails, and its text tells the server and no secret. */
static void assert_fails(const char *path, bs_status expected, const char *words)
{
    bsi_http *http = new_http(NULL);
    bsi_http_answer answer;

    print_message("# %s\n", path);
    assert_status(get(http, path, &answer), expected);
    assert_non_null(strstr(bs_error_last()->message, words));
    assert_null(strstr(bs_error_last()->message, CANARY));
    assert_int_equal(bs_error_last()->layer, BS_LAYER_STORAGE);
    bsi_http_free(http);
}

static bool says(const bsi_http_answer *answer, const char *line)
{
    return answer->text.size > 0 &&
           memmem(answer->text.data, answer->text.size, line, strlen(line)) != NULL;
}

static void a_request_goes_out_as_it_is(void **state)
{
    static const char *const headers[] = {"X-One: 1", "Authorization: AWS4 x", NULL};
    char url[256];
    char line[300];
    bsi_http *http = new_http(NULL);
    bsi_http_answer answer;
    bsi_http_request request = {.method = "GET", .headers = headers, .answer_max = 10000};

    (void)state;
    request.url = url_of("/a/./b/../c//%2F%7e+%C3%A9'()", url);
    assert_ok(bsi_http_send(http, NULL, &request, &answer));
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.size, answer.text.size);
    (void)snprintf(line, sizeof(line), "GET %s\n", strstr(url, "/a/"));
    assert_true(says(&answer, line));
    assert_true(says(&answer, "X-One: 1\nAuthorization: AWS4 x\n"));
    assert_false(says(&answer, "Accept-Encoding"));
    assert_false(says(&answer, "Expect"));
    bsi_http_answer_dispose(&answer);
    bsi_http_free(http);
}

static void every_method_is_sent_with_its_length(void **state)
{
    static const struct {
        const char *method;
        const char *body;
        const char *line;
    } cases[] = {
        {"PUT", "", "Content-Length: 0\n"},  {"PUT", "hello", "Content-Length: 5\n"},
        {"POST", "", "Content-Length: 0\n"}, {"POST", "hello", "Content-Length: 5\n"},
        {"DELETE", "", "DELETE /echo?key="},
    };
    char url[256];
    bsi_http *http = new_http(NULL);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const bsi_http_request request = {.method = cases[i].method,
                                          .url = url_of("/echo", url),
                                          .body = cases[i].body,
                                          .body_size = strlen(cases[i].body),
                                          .answer_max = 10000};
        bsi_http_answer answer;

        print_message("# %s %s\n", cases[i].method, cases[i].body);
        assert_ok(bsi_http_send(http, NULL, &request, &answer));
        assert_true(says(&answer, cases[i].line));
        assert_true(says(&answer, cases[i].method));
        assert_true(says(&answer, cases[i].body));
        assert_false(says(&answer, "Content-Type"));
        bsi_http_answer_dispose(&answer);
    }
    bsi_http_free(http);
}

static void a_head_tells_headers_and_no_body(void **state)
{
    char url[256];
    bsi_http *http = new_http(NULL);
    const bsi_http_request request = {.method = "HEAD", .url = url_of("/bytes/1000", url)};
    bsi_http_answer answer;
    bsi_slice value = {NULL, 0};

    (void)state;
    assert_ok(bsi_http_send(http, NULL, &request, &answer));
    assert_true(bsi_http_header(&answer, "content-length", &value));
    assert_true(bsi_slice_is(value, "1000"));
    assert_true(bsi_http_header(&answer, "etag", &value));
    assert_true(bsi_slice_is(value, "\"abc\""));
    assert_false(bsi_http_header(&answer, "eta", &value));
    assert_int_equal(answer.size, 0);
    bsi_http_answer_dispose(&answer);
    bsi_http_free(http);
}

/* A body of bytes that its offset gives. */
typedef struct pattern {
    uint64_t asked;
    uint64_t fail_at; /* 0: never. */
    bsi_cancel *cancel;
} pattern;

static bs_status give(void *user, uint64_t offset, void *out, size_t size)
{
    pattern *self = user;
    uint8_t *bytes = out;

    if (self->fail_at > 0 && offset + size >= self->fail_at) {
        return bsi_fail(BS_LAYER_SOURCE, BS_E_CHANGED, "the file is shorter now");
    }
    if (self->cancel) {
        bsi_cancel_request(self->cancel);
    }
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)((offset + i) % 251);
    }
    self->asked += size;
    return BS_OK;
}

static void a_large_body_is_pulled(void **state)
{
    enum { SIZE = 5 * 1024 * 1024 + 3 };
    char url[256];
    char line[64];
    uint64_t sum = 0;
    pattern body = {0};
    bsi_http *http = new_http(NULL);
    const bsi_http_request request = {.method = "PUT",
                                      .url = url_of("/sum", url),
                                      .source = give,
                                      .source_user = &body,
                                      .body_size = SIZE,
                                      .answer_max = 100};
    bsi_http_answer answer;

    (void)state;
    for (uint64_t i = 0; i < SIZE; i++) {
        sum += i % 251;
    }
    (void)snprintf(line, sizeof(line), "%d %llu", SIZE, (unsigned long long)sum);
    assert_ok(bsi_http_send(http, NULL, &request, &answer));
    assert_int_equal(answer.text.size, strlen(line));
    assert_true(says(&answer, line));
    assert_int_equal(body.asked, SIZE);
    bsi_http_answer_dispose(&answer);
    bsi_http_free(http);
}

static void a_source_that_fails_ends_the_request(void **state)
{
    char url[256];
    pattern body = {.fail_at = 300000};
    bsi_http *http = new_http(NULL);
    const bsi_http_request request = {.method = "PUT",
                                      .url = url_of("/sum", url),
                                      .source = give,
                                      .source_user = &body,
                                      .body_size = 1000000,
                                      .answer_max = 100};
    bsi_http_answer answer;

    (void)state;
    assert_status(bsi_http_send(http, NULL, &request, &answer), BS_E_CHANGED);
    assert_string_equal(bs_error_last()->message, "the file is shorter now");
    bsi_http_free(http);
}

/* A body that comes in pieces of odd sizes. */
typedef struct feed {
    uint64_t fed;
    uint64_t size;
    uint64_t fail_at; /* 0: never. */
} feed;

static bs_status give_next(void *user, void *out, size_t size, size_t *got_out)
{
    feed *self = user;
    const uint64_t most = bsi_min_u64(size, self->fed % 7001 + 1);
    const uint64_t piece = bsi_min_u64(most, self->size - self->fed);

    if (self->fail_at > 0 && self->fed + piece >= self->fail_at) {
        return bsi_fail(BS_LAYER_SOURCE, BS_E_CHANGED, "the file is shorter now");
    }
    memset(out, 3, (size_t)piece);
    self->fed += piece;
    *got_out = (size_t)piece;
    return BS_OK;
}

static bs_status post_fed(bsi_http *http, const char *path, feed *body, bsi_http_answer *answer)
{
    char url[256];
    const bsi_http_request request = {.method = "POST",
                                      .url = url_of(path, url),
                                      .feed = give_next,
                                      .feed_user = body,
                                      .answer_max = 100};

    return bsi_http_send(http, NULL, &request, answer);
}

static void a_body_of_unknown_length_is_sent_as_it_comes(void **state)
{
    static const uint64_t sizes[] = {0, 1, 3000001};
    char line[64];
    bsi_http *http = new_http(NULL);
    bsi_http_answer answer;

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(sizes); i++) {
        feed body = {.size = sizes[i]};

        (void)snprintf(line, sizeof(line), "%llu %llu", (unsigned long long)sizes[i],
                       (unsigned long long)sizes[i] * 3);
        assert_ok(post_fed(http, "/sum", &body, &answer));
        assert_int_equal(answer.text.size, strlen(line));
        assert_true(says(&answer, line));
        bsi_http_answer_dispose(&answer);
    }
    bsi_http_free(http);
}

static void a_feed_that_fails_never_ends_the_body(void **state)
{
    feed body = {.size = 1000000, .fail_at = 300000};
    bsi_http *http = new_http(NULL);
    bsi_http_answer answer;

    (void)state;
    assert_status(post_fed(http, "/sum", &body, &answer), BS_E_CHANGED);
    assert_ok(get(http, "/cut", &answer)); /* Waits until the server has seen it cut. */
    assert_int_equal(answer.status, 200);
    bsi_http_answer_dispose(&answer);
    bsi_http_free(http);
}

static void an_early_answer_to_a_feed_is_no_success(void **state)
{
    bsi_http_answer answer;
    bsi_http *http = new_http(NULL);

    (void)state;
    assert_status(post_fed(http, "/early/200", &(feed){.size = UINT64_MAX}, &answer), BS_E_IO);
    bsi_http_free(http);
}

static bs_status take(void *user, const void *data, size_t size)
{
    bsi_buf *got = user;

    return bsi_buf_append(got, data, size);
}

static void a_sink_takes_a_body_and_no_error(void **state)
{
    char url[256];
    bsi_buf got;
    bsi_http *http = new_http(NULL);
    bsi_http_request request = {.method = "GET",
                                .url = url_of("/bytes/100000", url),
                                .sink = take,
                                .sink_user = &got,
                                .answer_max = 100000};
    bsi_http_answer answer;

    (void)state;
    bsi_buf_init(&got, 100000);
    assert_ok(bsi_http_send(http, NULL, &request, &answer));
    assert_int_equal(answer.size, 100000);
    assert_int_equal(answer.text.size, 0);
    assert_int_equal(got.size, 100000);
    for (size_t i = 0; i < got.size; i++) {
        assert_int_equal(got.data[i], i % 251);
    }
    bsi_http_answer_dispose(&answer);
    bsi_buf_clear(&got);
    request.url = url_of("/status/404", url);
    assert_ok(bsi_http_send(http, NULL, &request, &answer));
    assert_int_equal(answer.status, 404);
    assert_int_equal(got.size, 0);
    assert_true(says(&answer, "<Error>why</Error>"));
    bsi_http_answer_dispose(&answer);
    bsi_buf_dispose(&got);
    bsi_http_free(http);
}

static bs_status refuse(void *user, const void *data, size_t size)
{
    (void)user;
    (void)data;
    (void)size;
    return bsi_fail(BS_LAYER_TARGET, BS_E_NO_SPACE, "the disk is full");
}

static void a_sink_that_fails_ends_the_request(void **state)
{
    char url[256];
    bsi_http *http = new_http(NULL);
    const bsi_http_request request = {
        .method = "GET", .url = url_of("/bytes/100000", url), .sink = refuse, .answer_max = 100000};
    bsi_http_answer answer;

    (void)state;
    assert_status(bsi_http_send(http, NULL, &request, &answer), BS_E_NO_SPACE);
    assert_string_equal(bs_error_last()->message, "the disk is full");
    bsi_http_free(http);
}

static void more_than_was_asked_for_is_refused(void **state)
{
    char url[256];
    bsi_http *http = new_http(NULL);
    bsi_http_request request = {
        .method = "GET", .url = url_of("/bytes/1001", url), .answer_max = 1000};
    bsi_http_answer answer;

    (void)state;
    assert_status(bsi_http_send(http, NULL, &request, &answer), BS_E_LIMIT);
    request.url = url_of("/endless/200", url);
    assert_status(bsi_http_send(http, NULL, &request, &answer), BS_E_LIMIT);
    bsi_http_free(http);
}

static void of_an_endless_error_the_beginning_is_kept(void **state)
{
    bsi_http *http = new_http(NULL);
    bsi_http_answer answer;

    (void)state;
    assert_ok(get(http, "/endless/500", &answer));
    assert_int_equal(answer.status, 500);
    assert_int_equal(answer.text.size, BSI_HTTP_ERROR_MAX);
    bsi_http_answer_dispose(&answer);
    bsi_http_free(http);
}

static void what_is_no_answer_is_refused(void **state)
{
    (void)state;
    assert_fails("/short", BS_E_IO, "127.0.0.1");
    assert_fails("/chunked/cut", BS_E_IO, "127.0.0.1");
    assert_fails("/drop", BS_E_IO, "127.0.0.1");
    assert_fails("/reset", BS_E_IO, "127.0.0.1");
    assert_fails("/other", BS_E_IO, "HTTP/0.9");
    assert_fails("/headers", BS_E_LIMIT, "headers");
    assert_fails("/interim", BS_E_LIMIT, "headers");
}

static void chunks_are_put_together(void **state)
{
    bsi_http *http = new_http(NULL);
    bsi_http_answer answer;

    (void)state;
    assert_ok(get(http, "/chunked/whole", &answer));
    assert_int_equal(answer.text.size, 3);
    assert_true(says(&answer, "abc"));
    bsi_http_answer_dispose(&answer);
    bsi_http_free(http);
}

static void redirects_are_told_and_not_followed(void **state)
{
    bsi_http *http = new_http(NULL);
    bsi_http_answer answer;
    bsi_slice value = {NULL, 0};

    (void)state;
    assert_ok(get(http, "/redirect", &answer));
    assert_int_equal(answer.status, 301);
    assert_true(bsi_http_header(&answer, "location", &value));
    assert_true(bsi_slice_is(value, "/echo"));
    bsi_http_answer_dispose(&answer);
    bsi_http_free(http);
}

static void a_status_tells_whether_to_try_again_and_when(void **state)
{
    static const struct {
        const char *path;
        bs_status code;
        bs_retry retry;
        uint32_t after_ms;
    } cases[] = {
        {"/status/400", BS_E_IO, BS_RETRY_NEVER, 0},
        {"/status/403", BS_E_ACCESS, BS_RETRY_NEVER, 0},
        {"/status/404/5", BS_E_NOT_FOUND, BS_RETRY_NEVER, 0},
        {"/status/408", BS_E_TIMEOUT, BS_RETRY_SAFE, 0},
        {"/status/412", BS_E_EXISTS, BS_RETRY_NEVER, 0},
        {"/status/416", BS_E_RANGE, BS_RETRY_NEVER, 0},
        {"/status/429/7", BS_E_BUSY, BS_RETRY_AFTER, 7000},
        {"/status/500", BS_E_IO, BS_RETRY_SAFE, 0},
        {"/status/501", BS_E_UNSUPPORTED, BS_RETRY_NEVER, 0},
        {"/status/503/0", BS_E_BUSY, BS_RETRY_SAFE, 0},
        {"/status/503/soon", BS_E_BUSY, BS_RETRY_SAFE, 0},
        {"/status/503/-5", BS_E_BUSY, BS_RETRY_SAFE, 0},
        {"/status/503/99999999999999999999", BS_E_BUSY, BS_RETRY_AFTER, 3600000},
        {"/status/503/Sun,_06_Nov_1994_08:49:37_GMT", BS_E_BUSY, BS_RETRY_SAFE, 0},
        {"/status/503/Sat,_06_Nov_9994_08:49:37_GMT", BS_E_BUSY, BS_RETRY_SAFE, 0},
        {"/status/503/Sun,_06_Nov_9994_08:49:37_GMT", BS_E_BUSY, BS_RETRY_AFTER, 3600000},
        {"/status/507", BS_E_NO_SPACE, BS_RETRY_NEVER, 0},
    };
    bsi_http *http = new_http(NULL);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bsi_http_answer answer;

        print_message("# %s\n", cases[i].path);
        assert_ok(get(http, cases[i].path, &answer));
        assert_int_equal(answer.retry, cases[i].retry);
        assert_int_equal(answer.retry_after_ms, cases[i].after_ms);
        assert_status(bsi_http_fail(&answer, bsi_slice_of("why\n\x1b")), cases[i].code);
        assert_int_equal(bs_error_last()->retry, cases[i].retry);
        assert_int_equal(bs_error_last()->retry_after_ms, cases[i].after_ms);
        assert_non_null(strstr(bs_error_last()->message, ": why\\x0a\\x1b"));
        bsi_http_answer_dispose(&answer);
    }
    bsi_http_free(http);
}

/* Which of the server's connections an answer came over. */
static int connection_of(bsi_http *http, const char *path)
{
    bsi_http_answer answer;
    bsi_slice value = {NULL, 0};
    int number = 0;

    assert_ok(get(http, path, &answer));
    assert_int_equal(answer.status, 200);
    assert_true(bsi_http_header(&answer, "x-connection", &value));
    for (size_t i = 0; i < value.size; i++) {
        number = number * 10 + (value.data[i] - '0');
    }
    bsi_http_answer_dispose(&answer);
    return number;
}

static void connections_are_used_again(void **state)
{
    bsi_http *http = new_http(NULL);
    const int first = connection_of(http, "/echo");

    (void)state;
    assert_int_equal(connection_of(http, "/bytes/100000"), first);
    assert_int_equal(connection_of(http, "/once"), first);
    assert_int_not_equal(connection_of(http, "/echo"), first);
    bsi_http_free(http);
}

static void a_body_is_sent_again_when_a_kept_connection_was_gone(void **state)
{
    char url[256];
    bsi_http *http = new_http(NULL);
    const bsi_http_request request = {.method = "PUT",
                                      .url = url_of("/echo", url),
                                      .body = "the whole body",
                                      .body_size = 14,
                                      .answer_max = 10000};
    bsi_http_answer answer;

    (void)state;
    (void)connection_of(http, "/once");
    assert_ok(bsi_http_send(http, NULL, &request, &answer));
    assert_true(says(&answer, "the whole body"));
    bsi_http_answer_dispose(&answer);
    bsi_http_free(http);
}

static void an_early_answer_counts_when_it_is_a_refusal(void **state)
{
    char url[256];
    pattern body = {0};
    bsi_http *http = new_http(NULL);
    bsi_http_request request = {.method = "PUT",
                                .source = give,
                                .source_user = &body,
                                .body_size = 200 * 1024 * 1024,
                                .answer_max = 100};
    bsi_http_answer answer;
    bs_status status = BS_OK;

    (void)state;
    request.url = url_of("/early/412", url);
    status = bsi_http_send(http, NULL, &request, &answer);
    if (status == BS_OK) { /* Else the connection's end came before the answer. */
        assert_int_equal(answer.status, 412);
        bsi_http_answer_dispose(&answer);
    } else {
        assert_status(status, BS_E_IO);
    }
    request.url = url_of("/early/200", url);
    assert_status(bsi_http_send(http, NULL, &request, &answer), BS_E_IO);
    bsi_http_free(http);
}

static void a_cancelled_call_ends_the_request(void **state)
{
    char url[256];
    bsi_cancel cancel = {0};
    const bs_call call = {.cancel = &cancel};
    pattern body = {.cancel = &cancel};
    bsi_http *http = new_http(NULL);
    bsi_http_request request = {.method = "PUT",
                                .url = url_of("/stall", url),
                                .source = give,
                                .source_user = &body,
                                .body_size = 100,
                                .answer_max = 100};
    bsi_http_answer answer;

    (void)state;
    assert_status(bsi_http_send(http, &call, &request, &answer), BS_E_CANCELLED);
    assert_int_equal(body.asked, 100);
    assert_status(bsi_http_send(http, &call, &request, &answer), BS_E_CANCELLED);
    assert_int_equal(body.asked, 100);
    bsi_http_free(http);
}

static void a_deadline_ends_the_request(void **state)
{
    char url[256];
    const bs_call call = {.deadline_ns = bsi_monotonic_ns() + 50000000};
    bsi_http *http = new_http(NULL);
    const bsi_http_request request = {
        .method = "GET", .url = url_of("/stall", url), .answer_max = 100};
    bsi_http_answer answer;

    (void)state;
    assert_status(bsi_http_send(http, &call, &request, &answer), BS_E_TIMEOUT);
    bsi_http_free(http);
}

static void a_server_that_stalls_is_given_up(void **state)
{
    const bsi_http_options options = {.stall_timeout_s = 1};
    bsi_http *http = new_http(&options);
    bsi_http_answer answer;

    (void)state;
    assert_status(get(http, "/stall", &answer), BS_E_TIMEOUT);
    assert_int_equal(bs_error_last()->retry, BS_RETRY_SAFE);
    bsi_http_free(http);
}

static void a_server_that_is_not_there_is_named(void **state)
{
    bsi_http *http = new_http(NULL);
    const bsi_http_request request = {.method = "GET", .url = "http://127.0.0.1:1/x?" CANARY};
    bsi_http_answer answer;

    (void)state;
    assert_status(bsi_http_send(http, NULL, &request, &answer), BS_E_IO);
    assert_non_null(strstr(bs_error_last()->message, "server '127.0.0.1:1'"));
    assert_null(strstr(bs_error_last()->message, CANARY));
    assert_int_equal(bs_error_last()->retry, BS_RETRY_SAFE);
    bsi_http_free(http);
}

/* A request over TLS to a name that stands for 127.0.0.1. */
static bs_status get_tls(const char *ca, const char *name)
{
    char url[256];
    char resolve[256];
    const bsi_http_options options = {.ca_file = ca, .resolve = resolve};
    const bsi_http_request request = {.method = "GET", .url = url, .answer_max = 10000};
    bsi_http_answer answer;
    bsi_http *http = NULL;
    bs_status status = BS_OK;

    (void)snprintf(url, sizeof(url), "https://%s:%s/echo?" CANARY, name, tls_port);
    (void)snprintf(resolve, sizeof(resolve), "%s:%s:127.0.0.1", name, tls_port);
    http = new_http(&options);
    status = bsi_http_send(http, NULL, &request, &answer);
    if (status == BS_OK) {
        assert_true(says(&answer, "GET /echo"));
        bsi_http_answer_dispose(&answer);
    }
    bsi_http_free(http);
    return status;
}

static void certificates_are_checked(void **state)
{
    (void)state;
    assert_ok(get_tls(ca_file, "storage.test"));
    assert_status(get_tls(NULL, "storage.test"), BS_E_ACCESS);
    assert_non_null(strstr(bs_error_last()->message, "certificate"));
    assert_null(strstr(bs_error_last()->message, CANARY));
    assert_int_equal(bs_error_last()->retry, BS_RETRY_NEVER);
    assert_status(get_tls(ca_file, "other.test"), BS_E_ACCESS);
    assert_status(get_tls("/nowhere/ca.pem", "storage.test"), BS_E_ACCESS);
}

static void a_proxy_is_used_when_it_is_set(void **state)
{
    char proxy[256];
    const bsi_http_options options = {.proxy = proxy};
    bsi_http *http = NULL;
    const bsi_http_request request = {
        .method = "GET", .url = "http://nowhere.test/a?b=", .answer_max = 10000};
    bsi_http_answer answer;

    (void)state;
    (void)snprintf(proxy, sizeof(proxy), "http://user:" CANARY "@127.0.0.1:%s", plain_port);
    http = new_http(&options);
    assert_ok(bsi_http_send(http, NULL, &request, &answer));
    assert_true(says(&answer, "GET http://nowhere.test/a?b=\n"));
    assert_true(says(&answer, "Proxy-Authorization: Basic "));
    bsi_http_answer_dispose(&answer);
    bsi_http_free(http);

    (void)snprintf(proxy, sizeof(proxy), "http://user:" CANARY "@127.0.0.1:1");
    http = new_http(&options);
    assert_status(bsi_http_send(http, NULL, &request, &answer), BS_E_IO);
    assert_null(strstr(bs_error_last()->message, CANARY));
    bsi_http_free(http);
}

static void what_is_no_address_or_header_is_refused(void **state)
{
    static const char *const urls[] = {"",
                                       "localhost",
                                       "ftp://localhost/",
                                       "file:///etc/passwd",
                                       "http://",
                                       "http:///a",
                                       "http://user:" CANARY "@localhost/",
                                       "http://localhost/a b",
                                       "http://localhost/\r\nX: y",
                                       "http://localhost/\xc3\xa9"};
    static const char *const headers[] = {"X-One: 1\r\nX-Two: 2", NULL};
    bsi_http *http = new_http(NULL);
    bsi_http_request request = {.method = "GET"};
    bsi_http_answer answer;

    (void)state;
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        print_message("# %s\n", urls[i]);
        request.url = urls[i];
        assert_status(bsi_http_send(http, NULL, &request, &answer), BS_E_INVALID);
        assert_null(strstr(bs_error_last()->message, CANARY));
    }
    request.url = "http://127.0.0.1:1/";
    request.headers = headers;
    assert_status(bsi_http_send(http, NULL, &request, &answer), BS_E_INVALID);
    bsi_http_free(http);
}

enum { THREADS = 4, REQUESTS = 20 };

static atomic_int good; /* cmocka's assertions belong to the main thread. */

static void send_many(void *user)
{
    for (int i = 0; i < REQUESTS; i++) {
        bsi_http_answer answer;

        if (get(user, "/bytes/3000", &answer) == BS_OK) {
            atomic_fetch_add(&good, answer.size == 3000);
            bsi_http_answer_dispose(&answer);
        }
    }
}

static void threads_share_it(void **state)
{
    bsi_http *http = new_http(NULL);
    bsi_thread threads[THREADS];

    (void)state;
    for (size_t i = 0; i < THREADS; i++) {
        assert_ok(bsi_thread_start(&threads[i], "http", send_many, http));
    }
    for (size_t i = 0; i < THREADS; i++) {
        bsi_thread_join(threads[i]);
    }
    assert_int_equal(good, THREADS * REQUESTS);
    bsi_http_free(http);
}

static void every_lack_of_memory_is_told(void **state)
{
    bool failed = true;

    (void)state;
    for (long at = 0; failed; at++) {
        const bsi_http_options options = {.ca_file = "a", .proxy = "", .resolve = "a:1:127.0.0.1"};
        bsi_http *http = NULL;
        bsi_http_answer answer;
        bs_status status = BS_OK;

        bsi_alloc_fail_after(at);
        status = bsi_http_new(&options, &http);
        if (status == BS_OK) {
            status = get(http, "/echo", &answer);
        }
        failed = bsi_alloc_has_failed();
        bsi_alloc_fail_after(-1);
        assert_status(status, failed ? BS_E_NOMEM : BS_OK);
        assert_true(at > 0 || failed);
        if (status == BS_OK) {
            bsi_http_answer_dispose(&answer);
        }
        bsi_http_free(http);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_goes_out_as_it_is),
        cmocka_unit_test(every_method_is_sent_with_its_length),
        cmocka_unit_test(a_head_tells_headers_and_no_body),
        cmocka_unit_test(a_large_body_is_pulled),
        cmocka_unit_test(a_source_that_fails_ends_the_request),
        cmocka_unit_test(a_body_of_unknown_length_is_sent_as_it_comes),
        cmocka_unit_test(a_feed_that_fails_never_ends_the_body),
        cmocka_unit_test(an_early_answer_to_a_feed_is_no_success),
        cmocka_unit_test(a_sink_takes_a_body_and_no_error),
        cmocka_unit_test(a_sink_that_fails_ends_the_request),
        cmocka_unit_test(more_than_was_asked_for_is_refused),
        cmocka_unit_test(of_an_endless_error_the_beginning_is_kept),
        cmocka_unit_test(what_is_no_answer_is_refused),
        cmocka_unit_test(chunks_are_put_together),
        cmocka_unit_test(redirects_are_told_and_not_followed),
        cmocka_unit_test(a_status_tells_whether_to_try_again_and_when),
        cmocka_unit_test(connections_are_used_again),
        cmocka_unit_test(a_body_is_sent_again_when_a_kept_connection_was_gone),
        cmocka_unit_test(an_early_answer_counts_when_it_is_a_refusal),
        cmocka_unit_test(a_cancelled_call_ends_the_request),
        cmocka_unit_test(a_deadline_ends_the_request),
        cmocka_unit_test(a_server_that_stalls_is_given_up),
        cmocka_unit_test(a_server_that_is_not_there_is_named),
        cmocka_unit_test(certificates_are_checked),
        cmocka_unit_test(a_proxy_is_used_when_it_is_set),
        cmocka_unit_test(what_is_no_address_or_header_is_refused),
        cmocka_unit_test(threads_share_it),
        cmocka_unit_test(every_lack_of_memory_is_told),
    };

    if (argc != 4) {
        print_error("usage: %s PORT PORT_OF_TLS FILE_OF_AUTHORITY\n", argv[0]);
        return 2;
    }
    plain_port = argv[1];
    tls_port = argv[2];
    ca_file = argv[3];
    return cmocka_run_group_tests_name("net/http", tests, NULL, NULL);
}
