/* SPDX-License-Identifier: MIT */
/*
 * Requests to a bucket: address, headers, and who asks.
 */
#include "storage/drivers/gcs_conn.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "net/endpoint.h"
#include "os/process.h"
#include "storage/drivers/settings.h"

enum {
    BUCKET_MIN = 3,
    BUCKET_MAX = 222, /* With dots in it; others have at most 63 bytes. */
    PATH_MAX_BYTES = BUCKET_MAX + 64,
    URL_SIZE = 512,      /* Of an endpoint. */
    URL_MAX = 32 * 1024, /* A name of 1024 bytes, all encoded, and a token. */
    ANSWER_MAX = 256 * 1024,
};

static const char usual_endpoint[] = "https://storage.googleapis.com";

/* --- Where the bucket is --- */

static bs_status take_bucket(const bs_storage_settings *settings, bsi_gcs_conn *conn)
{
    const bsi_slice name = bsi_slice_of(bs_storage_settings_text(settings, "bucket"));
    char path[PATH_MAX_BYTES];

    if (name.size < BUCKET_MIN || name.size > BUCKET_MAX || name.data[0] == '.' ||
        !bsi_is_plain(name, ".-_")) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "bucket: takes 3 to 63 lower-case letters, digits, '.', '_' and '-'");
    }
    (void)snprintf(path, sizeof(path), "/storage/v1/b/%s/o", name.data);
    conn->bucket = bsi_strdup(name.data);
    conn->objects = bsi_strdup(path);
    return conn->bucket && conn->objects ? BS_OK : BS_E_NOMEM;
}

/* `scheme`: what an emulator's variable may leave out, or "". */
static bs_status write_url(const char *what, const char *scheme, const char *text, char **out)
{
    char whole[URL_SIZE];
    char url[URL_SIZE];
    bsi_endpoint endpoint;
    const int size =
        snprintf(whole, sizeof(whole), "%s%s", strstr(text, "://") ? "" : scheme, text);

    if (size < 0 || (size_t)size >= sizeof(whole) ||
        !bsi_endpoint_parse(bsi_slice_of(whole), &endpoint) || endpoint.path.size > 0) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "%s: takes http://HOST or https://HOST, with :PORT if it is another, "
                        "without user or path",
                        what);
    }
    (void)snprintf(url, sizeof(url), "%s%.*s", endpoint.tls ? "https://" : "http://",
                   (int)endpoint.host.size, endpoint.host.data);
    *out = bsi_strdup(url);
    return *out ? BS_OK : BS_E_NOMEM;
}

static bs_status take_url(const bs_storage_settings *settings, bsi_gcs_conn *conn,
                          bool *emulator_out)
{
    const char *endpoint = bs_storage_settings_text(settings, "endpoint");
    const char *emulator = bsi_environment("STORAGE_EMULATOR_HOST");

    *emulator_out = false;
    if (endpoint && endpoint[0]) {
        return write_url("endpoint", "", endpoint, &conn->url);
    }
    if (emulator && emulator[0]) {
        *emulator_out = true;
        return write_url("STORAGE_EMULATOR_HOST", "http://", emulator, &conn->url);
    }
    return write_url("endpoint", "", usual_endpoint, &conn->url);
}

static bs_status take_prefix(const bs_storage_settings *settings, char **out)
{
    BSI_TRY(bsi_settings_take_prefix(settings, out));
    if (!bsi_gcs_can_be_key(*out)) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "prefix: takes UTF-8 without line ends");
    }
    return BS_OK;
}

/* A token that others can read is theirs. */
static bs_status check_secrecy(const bsi_gcs_conn *conn)
{
    if (conn->identity.credentials.place == BSI_GCS_NOBODY || bsi_uri_keeps_secrets(conn->url)) {
        return BS_OK;
    }
    return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                    "endpoint: credentials go over https: only; without, set credentials to none");
}

static void free_texts(bsi_gcs_conn *conn)
{
    bsi_http_free(conn->http);
    bsi_free(conn->bucket);
    bsi_free(conn->prefix);
    bsi_free(conn->url);
    bsi_free(conn->objects);
}

bs_status bsi_gcs_conn_open(bsi_gcs_conn *conn, const bs_storage_settings *settings)
{
    bool emulator = false;
    bs_status status = take_bucket(settings, conn);

    if (status == BS_OK) {
        status = take_url(settings, conn, &emulator);
    }
    if (status == BS_OK) {
        status = take_prefix(settings, &conn->prefix);
    }
    if (status == BS_OK) {
        status = bsi_settings_make_http(settings, &conn->http);
    }
    if (status == BS_OK) {
        status = bsi_gcs_identity_open(&conn->identity, settings, emulator);
    }
    if (status < 0) {
        free_texts(conn);
        return status;
    }
    status = check_secrecy(conn);
    if (status < 0) {
        bsi_gcs_conn_close(conn);
    }
    return status;
}

void bsi_gcs_conn_close(bsi_gcs_conn *conn)
{
    bsi_gcs_identity_close(&conn->identity);
    free_texts(conn);
}

const char *bsi_gcs_host(const bsi_gcs_conn *conn)
{
    return strstr(conn->url, "://") + 3;
}

/* --- Names --- */

/* Source: "About Cloud Storage objects", naming requirements. */
bool bsi_gcs_can_be_key(const char *key)
{
    return !strpbrk(key, "\r\n") && bsi_utf8_valid(key, strlen(key)) &&
           strncmp(key, ".well-known/acme-challenge/", 27) != 0;
}

bs_status bsi_gcs_check_key(const bsi_gcs_conn *conn, const char *key)
{
    const size_t size = strlen(conn->prefix) + strlen(key);

    if (size > BSI_GCS_NAME_MAX) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_LIMIT,
                        "Google takes names of at most %d bytes; with its prefix this one has %zu",
                        BSI_GCS_NAME_MAX, size);
    }
    if (!bsi_gcs_can_be_key(key)) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_INVALID,
                        "Google takes names in UTF-8 without line ends only");
    }
    return BS_OK;
}

/* --- A request on its way --- */

static bs_status write_object(const bsi_gcs_conn *conn, const bsi_gcs_request *request,
                              bsi_buf *url)
{
    if (!request->key) {
        return BS_OK;
    }
    BSI_TRY(bsi_gcs_check_key(conn, request->key));
    BSI_TRY(bsi_buf_append_byte(url, '/'));
    BSI_TRY(bsi_uri_append_component(url, conn->prefix));
    BSI_TRY(bsi_uri_append_component(url, request->key));
    return request->action ? bsi_buf_append_format(url, "/%s", request->action) : BS_OK;
}

static bs_status write_address(const bsi_gcs_conn *conn, const bsi_gcs_request *request,
                               bsi_buf *url)
{
    if (request->session) {
        BSI_TRY(bsi_buf_append_text(url, request->session));
        return bsi_buf_append_byte(url, '\0');
    }
    BSI_TRY(bsi_buf_append_format(url, "%s%s%s", conn->url, request->is_upload ? "/upload" : "",
                                  conn->objects));
    BSI_TRY(write_object(conn, request, url));
    if (request->query_count > 0) {
        BSI_TRY(bsi_buf_append_byte(url, '?'));
        BSI_TRY(bsi_uri_append_query(url, request->query, request->query_count));
    }
    return bsi_buf_append_byte(url, '\0');
}

static bs_status send_to(bsi_gcs_conn *conn, const bs_call *call, const bsi_gcs_request *request,
                         const char *url, const bsi_gcs_token *token, bsi_http_answer *answer)
{
    const char *headers[BSI_GCS_HEADERS_MAX + 2] = {NULL};
    const bsi_http_request wire = {
        .method = request->method,
        .url = url,
        .headers = headers,
        .body = request->body || request->source ? request->body : "",
        .body_size = request->body_size,
        .source = request->source,
        .source_user = request->source_user,
        .sink = request->sink,
        .sink_user = request->sink_user,
        .answer_max = request->answer_max,
    };
    size_t count = 0;

    for (; request->headers && request->headers[count] && count < BSI_GCS_HEADERS_MAX; count++) {
        headers[count] = request->headers[count];
    }
    BSI_ASSERT(!request->headers || !request->headers[count]);
    headers[count] = token ? (const char *)bsi_secret_view(token->line) : NULL;
    return bsi_http_send(conn->http, call, &wire, answer);
}

static bool is_wanted(const bsi_gcs_request *request, int status)
{
    return (status >= 200 && status < 300) || (request->session && status == 308);
}

/* Whether the service itself says that it is the object which is missing. */
static bool names_object(const bsi_http_answer *answer)
{
    static const char begin[] = "No such object: ";
    bsi_service_error error;

    return bsi_gcs_error_parse(bsi_buf_slice(&answer->text), &error) == BS_OK &&
           strcmp(error.code, "notFound") == 0 &&
           strncmp(error.message, begin, sizeof(begin) - 1) == 0;
}

/* Who has looked says so; a bucket that is gone, or a portal, must not seem empty. */
static bs_status fail_missing(bsi_gcs_conn *conn, const bs_call *call,
                              const bsi_http_answer *answer)
{
    if (!names_object(answer)) {
        BSI_TRY(bsi_gcs_look_at_bucket(conn, call));
    }
    return bsi_fail(BS_LAYER_STORAGE, BS_E_NOT_FOUND, "is not in bucket '%s'", conn->bucket);
}

/* A token that is over may be another one the next time. */
static bs_status refuse(bsi_gcs_conn *conn, const bs_call *call, const bsi_gcs_request *request,
                        const bsi_gcs_token *token, const bsi_http_answer *answer)
{
    bs_status status = BS_OK;

    if (answer->status == 404 && request->key) {
        return fail_missing(conn, call, answer);
    }
    if (request->session && (answer->status == 404 || answer->status == 410)) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_IO, "the server has forgotten the upload");
    }
    status = bsi_gcs_refused(conn, answer, token);
    if (answer->status == 401 && token && bsi_gcs_identity_refused(&conn->identity, token)) {
        bsi_error_set_retry(BS_RETRY_SAFE, 0);
    }
    return status;
}

static bs_status send_as(bsi_gcs_conn *conn, const bs_call *call, const bsi_gcs_request *request,
                         bsi_gcs_token *token, bsi_http_answer *answer)
{
    bsi_buf url;
    bs_status status = BS_OK;

    bsi_buf_init(&url, URL_MAX);
    status = write_address(conn, request, &url);
    if (status == BS_OK) {
        status = send_to(conn, call, request, (const char *)url.data, token, answer);
    }
    bsi_buf_dispose(&url);
    if (status < 0) {
        return status;
    }
    if (is_wanted(request, answer->status)) {
        if (token) {
            atomic_store(&token->accepted, true);
        }
        return BS_OK;
    }
    if (request->refused) {
        *request->refused = answer->status;
    }
    status = refuse(conn, call, request, token, answer);
    bsi_http_answer_dispose(answer);
    return status;
}

bs_status bsi_gcs_send(bsi_gcs_conn *conn, const bs_call *call, const bsi_gcs_request *request,
                       bsi_http_answer *answer)
{
    bsi_gcs_token *token = NULL;
    bs_status status = BS_OK;

    *answer = (bsi_http_answer){.status = 0};
    if (!request->session) {
        BSI_TRY(bsi_gcs_identity_get(&conn->identity, conn->http, call, &token));
    }
    status = send_as(conn, call, request, token, answer);
    bsi_gcs_token_unref(token);
    return status;
}

/* --- Requests that several need --- */

bs_status bsi_gcs_look_at_bucket(bsi_gcs_conn *conn, const bs_call *call)
{
    const bsi_uri_pair query[] = {{"fields", "kind,nextPageToken,items(name,size)"},
                                  {"maxResults", "1"},
                                  {"prefix", conn->prefix}};
    const bsi_gcs_request request = {.method = "GET",
                                     .query = query,
                                     .query_count = BSI_ARRAY_SIZE(query),
                                     .answer_max = ANSWER_MAX};
    bsi_http_answer answer;
    bsi_page page;
    bs_status status = BS_OK;

    BSI_TRY(bsi_gcs_send(conn, call, &request, &answer));
    status = bsi_gcs_page_parse(bsi_buf_slice(&answer.text), &page);
    bsi_http_answer_dispose(&answer);
    if (status < 0) {
        return bsi_gcs_in_bucket(conn, status);
    }
    bsi_page_dispose(&page);
    return BS_OK;
}

bs_status bsi_gcs_describe(bsi_gcs_conn *conn, const bs_call *call, const char *key,
                           bsi_gcs_object *out)
{
    static const bsi_uri_pair query[] = {
        {"fields", "kind,size,generation,updated,crc32c,metadata"}};
    const bsi_gcs_request request = {.method = "GET",
                                     .key = key,
                                     .query = query,
                                     .query_count = BSI_ARRAY_SIZE(query),
                                     .answer_max = ANSWER_MAX};
    bsi_http_answer answer;
    bs_status status = BS_OK;

    BSI_TRY(bsi_gcs_send(conn, call, &request, &answer));
    status = bsi_gcs_object_parse(bsi_buf_slice(&answer.text), out);
    bsi_http_answer_dispose(&answer);
    return status;
}

/* As the service does, or as emulators write that in JSON. */
static bool says_nothing(const bsi_http_answer *answer)
{
    return answer->size == 0 || bsi_slice_is(bsi_buf_slice(&answer->text), "null\n");
}

bs_status bsi_gcs_remove(bsi_gcs_conn *conn, const bs_call *call, const char *key,
                         uint64_t generation)
{
    char number[24];
    const bsi_uri_pair query[] = {{"generation", number}};
    const bsi_gcs_request request = {.method = "DELETE",
                                     .key = key,
                                     .query = query,
                                     .query_count = generation > 0 ? 1 : 0,
                                     .answer_max = ANSWER_MAX};
    bsi_http_answer answer;
    bs_status status = BS_OK;

    (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)generation);
    status = bsi_gcs_send(conn, call, &request, &answer);
    if (status < 0) {
        return status == BS_E_NOT_FOUND ? BS_OK : status;
    }
    if (!says_nothing(&answer)) {
        status = bsi_gcs_not_gcs(conn, "does not say that the object is gone");
    }
    bsi_http_answer_dispose(&answer);
    return status;
}
