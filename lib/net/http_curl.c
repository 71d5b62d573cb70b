/* SPDX-License-Identifier: MIT */
/*
 * HTTP over libcurl's easy handles.
 *
 * A handle keeps its connections, so that handles wait in a list until the next
 * request takes one; each belongs to one thread meanwhile. Callbacks run on the
 * thread of the request, so that a record they set is still there at its end.
 */
#include <curl/curl.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "net/curl_int.h"
#include "net/http_int.h"
#include "os/thread.h"
#include "os/time.h"

enum {
    IDLE_MAX = 16,                /* Handles that are kept; more are closed after use. */
    CONNECT_TIMEOUT_MS = 15000,   /* Where the options do not say. */
    STALL_TIMEOUT_S = 60,         /* Likewise. */
    IDLE_CONNECTION_S = 55,       /* Balancers close after 60 s without a request. */
    EXPECT_MIN = 1024 * 1024,     /* Smaller bodies are sent without asking first. */
    TRANSFER_BUFFER = 256 * 1024, /* Larger ones measured no faster. */
    NS_PER_MS = 1000000,
    HOST_SHOWN = 256,
};

struct bsi_http {
    char *ca_file;
    char *proxy;
    char *resolve;
    uint32_t connect_timeout_ms;
    uint32_t stall_timeout_s;
    bsi_mutex lock; /* Guards what follows. */
    CURL *idle[IDLE_MAX];
    size_t idle_count;
};

/* One request on its way. */
typedef struct transfer {
    const bs_call *call;
    const bsi_http_request *request;
    bsi_http_answer *answer;
    CURL *curl;
    struct curl_slist *headers;
    struct curl_slist *resolve;
    uint64_t sent;       /* Bytes of the body that libcurl has got. */
    bool fed;            /* The feed has come to its end. */
    size_t header_bytes; /* Of all answers, interim ones among them. */
    bs_status status;    /* What a callback ended it with. */
    bool cut;            /* The rest of an error's text was not waited for. */
    char reason[CURL_ERROR_SIZE];
} transfer;

static bs_status copy_text(const char *text, char **out)
{
    *out = text ? bsi_strdup(text) : NULL;
    return text && !*out ? BS_E_NOMEM : BS_OK;
}

bs_status bsi_http_new(const bsi_http_options *options, bsi_http **out)
{
    bsi_http *http = bsi_calloc(1, sizeof(*http));
    bs_status status = BS_OK;

    if (!http) {
        return BS_E_NOMEM;
    }
    bsi_mutex_init(&http->lock);
    http->connect_timeout_ms =
        options->connect_timeout_ms > 0 ? options->connect_timeout_ms : CONNECT_TIMEOUT_MS;
    http->stall_timeout_s =
        options->stall_timeout_s > 0 ? options->stall_timeout_s : STALL_TIMEOUT_S;
    status = copy_text(options->ca_file, &http->ca_file);
    if (status == BS_OK) {
        status = copy_text(options->proxy, &http->proxy);
    }
    if (status == BS_OK) {
        status = copy_text(options->resolve, &http->resolve);
    }
    if (status < 0) {
        bsi_http_free(http);
        return status;
    }
    *out = http;
    return BS_OK;
}

void bsi_http_free(bsi_http *http)
{
    if (!http) {
        return;
    }
    for (size_t i = 0; i < http->idle_count; i++) {
        curl_easy_cleanup(http->idle[i]);
    }
    bsi_mutex_dispose(&http->lock);
    bsi_free(http->ca_file);
    bsi_free(http->proxy);
    bsi_free(http->resolve);
    bsi_free(http);
}

/* The one that was used last: its connection is the least likely to be closed. */
static CURL *take_handle(bsi_http *http)
{
    CURL *curl = NULL;

    bsi_mutex_lock(&http->lock);
    if (http->idle_count > 0) {
        http->idle_count--;
        curl = http->idle[http->idle_count];
    }
    bsi_mutex_unlock(&http->lock);
    return curl ? curl : bsi_curl_new();
}

static void give_handle_back(bsi_http *http, CURL *curl)
{
    bool kept = false;

    curl_easy_reset(curl);
    bsi_mutex_lock(&http->lock);
    kept = http->idle_count < IDLE_MAX;
    if (kept) {
        http->idle[http->idle_count] = curl;
        http->idle_count++;
    }
    bsi_mutex_unlock(&http->lock);
    if (!kept) {
        curl_easy_cleanup(curl);
    }
}

static bool is_success(int status)
{
    return status >= 200 && status < 300;
}

static int status_of(const transfer *one)
{
    long status = 0;

    return curl_easy_getinfo(one->curl, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK ? (int)status
                                                                                     : 0;
}

/* A callback that returns another number than the bytes it got ends the transfer. */
static size_t end_with(transfer *one, bs_status status, size_t size)
{
    one->status = status;
    return status < 0 ? 0 : size;
}

static size_t take_header(char *bytes, size_t unit, size_t count, void *user)
{
    transfer *one = user;
    const size_t size = unit * count;

    if (size > BSI_HTTP_HEADERS_MAX - one->header_bytes) {
        return end_with(one,
                        bsi_fail(BS_LAYER_STORAGE, BS_E_LIMIT,
                                 "the server's headers have more than %d bytes",
                                 BSI_HTTP_HEADERS_MAX),
                        size);
    }
    one->header_bytes += size;
    if (size >= 5 && memcmp(bytes, "HTTP/", 5) == 0) {
        bsi_buf_clear(&one->answer->headers);
        return size;
    }
    return end_with(one, bsi_buf_append(&one->answer->headers, bytes, size), size);
}

/* The beginning of what is said beside a failure; 0 ends the transfer. */
static size_t keep_error(transfer *one, const char *bytes, size_t size)
{
    bsi_buf *text = &one->answer->text;
    const size_t kept = bsi_min_size(size, BSI_HTTP_ERROR_MAX - text->size);

    one->cut = kept < size;
    return end_with(one, bsi_buf_append(text, bytes, kept), one->cut ? 0 : size);
}

static size_t take_body(char *bytes, size_t unit, size_t count, void *user)
{
    transfer *one = user;
    const bsi_http_request *request = one->request;
    bsi_http_answer *answer = one->answer;
    const size_t size = unit * count;

    if (!is_success(status_of(one))) {
        return keep_error(one, bytes, size);
    }
    if (size > request->answer_max - answer->size) {
        return end_with(one,
                        bsi_fail(BS_LAYER_STORAGE, BS_E_LIMIT,
                                 "the server sends more than %llu bytes",
                                 (unsigned long long)request->answer_max),
                        size);
    }
    answer->size += size;
    return end_with(one,
                    request->sink ? request->sink(request->sink_user, bytes, size)
                                  : bsi_buf_append(&answer->text, bytes, size),
                    size);
}

static size_t give_fed(transfer *one, char *out, size_t size)
{
    size_t got = 0;

    one->status = one->request->feed(one->request->feed_user, out, size, &got);
    if (one->status < 0) {
        return CURL_READFUNC_ABORT;
    }
    one->fed = got == 0;
    one->sent += got;
    return got;
}

static size_t give_body(char *out, size_t unit, size_t count, void *user)
{
    transfer *one = user;
    const bsi_http_request *request = one->request;
    const size_t size = (size_t)bsi_min_u64(unit * count, request->body_size - one->sent);

    if (request->feed) {
        return give_fed(one, out, unit * count);
    }
    if (request->body && size > 0) {
        memcpy(out, (const char *)request->body + one->sent, size);
    } else if (size > 0) {
        one->status = request->source(request->source_user, one->sent, out, size);
    }
    if (one->status < 0) {
        return CURL_READFUNC_ABORT;
    }
    one->sent += size;
    return size;
}

/* Asked for when the body must be sent a second time. */
static int seek_body(void *user, curl_off_t offset, int origin)
{
    transfer *one = user;

    if (one->request->feed) {
        return one->sent == 0 && offset == 0 ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
    }
    if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > one->request->body_size) {
        return CURL_SEEKFUNC_FAIL;
    }
    one->sent = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

/* Any other value than 0 gives the transfer up. */
static int look(void *user, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                curl_off_t up)
{
    transfer *one = user;

    (void)down_total;
    (void)down;
    (void)up_total;
    (void)up;
    if (one->status == BS_OK) {
        one->status = bsi_call_check(one->call);
    }
    return one->status < 0 ? 1 : 0;
}

/* Milliseconds to the call's deadline, at least 1; 0: none. */
static long time_left_ms(const bs_call *call)
{
    int64_t left = 0;

    if (!call || call->deadline_ns == 0) {
        return 0;
    }
    left = (call->deadline_ns - bsi_monotonic_ns()) / NS_PER_MS;
    return left < 1 ? 1 : (long)bsi_min_u64((uint64_t)left, INT32_MAX);
}

static bool sends_body(const bsi_http_request *request)
{
    return strcmp(request->method, "PUT") == 0 || strcmp(request->method, "POST") == 0;
}

/* The first that fails stands for all. */
#define SET(option, value) code = code == CURLE_OK ? curl_easy_setopt(curl, option, value) : code

static CURLcode set_connection(CURL *curl, const bsi_http *http, const transfer *one)
{
    CURLcode code = CURLE_OK;

    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1); /* 7.88 loses data over 2. */
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROXY, http->proxy ? http->proxy : "");
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)http->connect_timeout_ms);
    SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
    SET(CURLOPT_LOW_SPEED_TIME, (long)http->stall_timeout_s);
    SET(CURLOPT_TIMEOUT_MS, time_left_ms(one->call));
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_MAXAGE_CONN, (long)IDLE_CONNECTION_S);
    SET(CURLOPT_BUFFERSIZE, (long)TRANSFER_BUFFER);
    SET(CURLOPT_UPLOAD_BUFFERSIZE, (long)TRANSFER_BUFFER);
    SET(CURLOPT_RESOLVE, one->resolve);
    if (http->ca_file) {
        SET(CURLOPT_CAINFO, http->ca_file);
        SET(CURLOPT_CAPATH, NULL);
    }
    return code;
}

static CURLcode set_callbacks(CURL *curl, transfer *one)
{
    CURLcode code = CURLE_OK;

    SET(CURLOPT_ERRORBUFFER, one->reason);
    SET(CURLOPT_HEADERFUNCTION, take_header);
    SET(CURLOPT_HEADERDATA, one);
    SET(CURLOPT_WRITEFUNCTION, take_body);
    SET(CURLOPT_WRITEDATA, one);
    SET(CURLOPT_READFUNCTION, give_body);
    SET(CURLOPT_READDATA, one);
    SET(CURLOPT_SEEKFUNCTION, seek_body);
    SET(CURLOPT_SEEKDATA, one);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, look);
    SET(CURLOPT_XFERINFODATA, one);
    return code;
}

static CURLcode set_request(CURL *curl, const transfer *one)
{
    const bsi_http_request *request = one->request;
    CURLcode code = CURLE_OK;

    SET(CURLOPT_URL, request->url);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_HTTPHEADER, one->headers);
    if (strcmp(request->method, "HEAD") == 0) {
        SET(CURLOPT_NOBODY, 1L);
    } else if (sends_body(request)) {
        SET(CURLOPT_UPLOAD, 1L);
        SET(CURLOPT_INFILESIZE_LARGE,
            request->feed ? (curl_off_t)-1 : (curl_off_t)request->body_size);
    }
    if (strcmp(request->method, "HEAD") != 0) {
        SET(CURLOPT_CUSTOMREQUEST, request->method);
    }
    return code;
}

#undef SET

/* What stands between "//" and the path. */
static bsi_slice host_of(const char *url)
{
    const char *scheme_end = strstr(url, "://");
    const char *host = scheme_end ? scheme_end + 3 : url;

    return (bsi_slice){host, strcspn(host, "/?#")};
}

/* Only what cannot be taken for anything else; texts do not show it. */
static bs_status check_url(const char *url)
{
    const bsi_slice host = host_of(url);
    bool good = strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;

    for (const char *at = url; *at; at++) {
        good = good && *at > ' ' && *at < 0x7f;
    }
    if (!good || host.size == 0 || memchr(host.data, '@', host.size)) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "the address of a server is http://HOST or https://HOST, without a user");
    }
    return BS_OK;
}

/* A line end in a header would begin another one. */
static bs_status check_headers(const char *const *headers)
{
    for (; headers && *headers; headers++) {
        if (strpbrk(*headers, "\r\n")) {
            return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "a line end in a header");
        }
    }
    return BS_OK;
}

/* Without "Expect" in it, libcurl waits a second before each small body (7.88). */
static bs_status make_lists(const bsi_http *http, transfer *one)
{
    static const char *const small[] = {"Expect:", NULL};
    static const char *const chunked[] = {"Transfer-Encoding: chunked", NULL};
    const char *const resolve[] = {http->resolve, NULL};

    BSI_TRY(check_headers(one->request->headers));
    BSI_TRY(bsi_curl_add(&one->resolve, resolve));
    BSI_TRY(one->request->body_size < EXPECT_MIN ? bsi_curl_add(&one->headers, small) : BS_OK);
    BSI_TRY(one->request->feed ? bsi_curl_add(&one->headers, chunked) : BS_OK);
    return bsi_curl_add(&one->headers, one->request->headers);
}

static bs_status code_of(CURLcode code)
{
    switch (code) {
    case CURLE_OUT_OF_MEMORY:
        return BS_E_NOMEM;
    case CURLE_OPERATION_TIMEDOUT:
        return BS_E_TIMEOUT;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
        return BS_E_ACCESS;
    case CURLE_URL_MALFORMAT:
        return BS_E_INVALID;
    default:
        return BS_E_IO;
    }
}

/* For these libcurl knows more than a name. It speaks of hosts, certificates and versions. */
static bool tells_more(CURLcode code)
{
    return code == CURLE_COULDNT_CONNECT || code == CURLE_SSL_CONNECT_ERROR ||
           code == CURLE_UNSUPPORTED_PROTOCOL || code_of(code) == BS_E_ACCESS;
}

static bs_status fail(const transfer *one, CURLcode code)
{
    const bsi_slice host = host_of(one->request->url);
    const char *reason =
        tells_more(code) && one->reason[0] ? one->reason : curl_easy_strerror(code);
    char shown_host[HOST_SHOWN];
    char shown[CURL_ERROR_SIZE];

    BSI_TRY(one->status); /* A callback's own failure, whose record is still there. */
    BSI_TRY(bsi_call_check(one->call));
    return bsi_fail(BS_LAYER_STORAGE, code_of(code), "server '%s': %s",
                    bsi_printable(host.data, host.size, shown_host, sizeof(shown_host)),
                    bsi_printable(reason, strlen(reason), shown, sizeof(shown)));
}

/* What libcurl takes for an answer and is none. */
static bs_status check_answer(const transfer *one)
{
    const int status = one->answer->status;
    const bool has_all = one->request->feed ? one->fed : one->sent >= one->request->body_size;

    if (status < 200 || status > 599) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_IO, "the server answers with status %d", status);
    }
    if (is_success(status) && sends_body(one->request) && !has_all) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_IO, "the server answers before it had all");
    }
    return BS_OK;
}

static bs_status perform(bsi_http *http, transfer *one)
{
    bsi_pipe_guard guard;
    CURLcode code = CURLE_OK;

    BSI_TRY(make_lists(http, one));
    code = set_connection(one->curl, http, one);
    if (code == CURLE_OK) {
        code = set_callbacks(one->curl, one);
    }
    if (code == CURLE_OK) {
        code = set_request(one->curl, one);
    }
    if (code == CURLE_OK) {
        bsi_pipe_guard_begin(&guard);
        code = curl_easy_perform(one->curl);
        bsi_pipe_guard_end(&guard);
    }
    if (code != CURLE_OK && !one->cut) {
        return fail(one, code);
    }
    one->answer->status = status_of(one);
    BSI_TRY(check_answer(one));
    bsi_http_answer_classify(one->answer);
    return BS_OK;
}

/* Whether there is a body just where one can be sent, and from one place. */
static bool has_fit_body(const bsi_http_request *request)
{
    const bool from_source = request->body || request->source || request->body_size == 0;
    const bool fits = request->feed ? request->body_size == 0 : from_source;

    return fits && ((request->body_size == 0 && !request->feed) || sends_body(request)) &&
           request->body_size <= INT64_MAX;
}

bs_status bsi_http_send(bsi_http *http, const bs_call *call, const bsi_http_request *request,
                        bsi_http_answer *answer)
{
    transfer one = {.call = call, .request = request, .answer = answer, .status = BS_OK};
    const uint64_t kept = request->sink ? 0 : request->answer_max;
    bs_status status = BS_OK;

    BSI_CHECK(has_fit_body(request));
    BSI_TRY(bsi_call_check(call));
    BSI_TRY(check_url(request->url));
    one.curl = take_handle(http);
    if (!one.curl) {
        return BS_E_NOMEM;
    }
    bsi_http_answer_init(answer, kept < BSI_HTTP_ERROR_MAX ? BSI_HTTP_ERROR_MAX : kept);
    status = perform(http, &one);
    if (status < 0) {
        bsi_http_answer_dispose(answer);
    }
    curl_slist_free_all(one.headers);
    curl_slist_free_all(one.resolve);
    give_handle_back(http, one.curl);
    return status;
}
