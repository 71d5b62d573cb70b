/* SPDX-License-Identifier: MIT */
/*
 * Requests to a bucket: address, headers, signature.
 */
#include "storage/drivers/s3_conn.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/utf8.h"
#include "net/endpoint.h"
#include "os/process.h"
#include "os/time.h"
#include "storage/drivers/settings.h"
#include "text/base64.h"

enum {
    HOST_MAX = 255,
    BUCKET_MIN = 3,
    BUCKET_MAX = 255, /* Amazon's have at most 63 bytes, old ones up to this. */
    REGION_MAX = 63,
    HEX_SIZE = 2 * BSI_SHA256_SIZE + 1,
};

/* --- Where the bucket is --- */

static bs_status check_bucket(const char *bucket)
{
    const bsi_slice name = bsi_slice_of(bucket);

    if (name.size < BUCKET_MIN || name.size > BUCKET_MAX || name.data[0] == '.' ||
        !bsi_is_plain(name, ".-_")) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "bucket: takes 3 to 63 lower-case letters, digits, '.' and '-'");
    }
    return BS_OK;
}

static const char *first_set(const char *a, const char *b, const char *c, const char *d)
{
    const char *const values[] = {a, b, c, d};

    for (size_t i = 0; i < BSI_ARRAY_SIZE(values); i++) {
        if (values[i] && values[i][0]) {
            return values[i];
        }
    }
    return "";
}

static bs_status take_region(const bs_storage_settings *settings, char **out)
{
    const char *region =
        first_set(bs_storage_settings_text(settings, "region"), bsi_environment("AWS_REGION"),
                  bsi_environment("AWS_DEFAULT_REGION"), "us-east-1");

    if (strlen(region) > REGION_MAX || !bsi_is_plain(bsi_slice_of(region), "-_")) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "region: takes letters, digits and '-', such as 'eu-central-1'");
    }
    *out = bsi_strdup(region);
    return *out ? BS_OK : BS_E_NOMEM;
}

static bs_status bad_endpoint(void)
{
    return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                    "endpoint: takes http://HOST or https://HOST, with :PORT if it is another, "
                    "without user or path");
}

/* "bucket.host", or "host/bucket": a certificate for "*.host" does not hold for more dots. */
static bs_status choose_style(const bs_storage_settings *settings, const char *bucket,
                              bool has_endpoint, bool *virtual_out)
{
    const char *style = bs_storage_settings_text(settings, "addressing");

    if (strcmp(style, "auto") == 0) {
        *virtual_out = !has_endpoint && !strchr(bucket, '.') && !strchr(bucket, '_');
        return BS_OK;
    }
    *virtual_out = strcmp(style, "virtual") == 0;
    if (!*virtual_out && strcmp(style, "path") != 0) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "addressing: takes 'auto', 'path' or 'virtual'");
    }
    return BS_OK;
}

static bs_status join(const char *a, const char *b, const char *c, char **out)
{
    char text[2 * HOST_MAX + 64];

    (void)snprintf(text, sizeof(text), "%s%s%s", a, b, c);
    *out = bsi_strdup(text);
    return *out ? BS_OK : BS_E_NOMEM;
}

static bs_status take_address(bsi_s3_conn *conn, const bs_storage_settings *settings)
{
    const char *endpoint = bs_storage_settings_text(settings, "endpoint");
    const bool has_endpoint = endpoint && endpoint[0];
    char usual[HOST_MAX + 1];
    char host[2 * HOST_MAX + 2];
    bsi_endpoint server;
    bool is_virtual = false;

    (void)snprintf(usual, sizeof(usual), "https://s3.%s.amazonaws.com%s", conn->region,
                   strncmp(conn->region, "cn-", 3) == 0 ? ".cn" : "");
    if (!bsi_endpoint_parse(bsi_slice_of(has_endpoint ? endpoint : usual), &server) ||
        server.path.size > 0) {
        return bad_endpoint();
    }
    BSI_TRY(choose_style(settings, conn->bucket, has_endpoint, &is_virtual));
    (void)snprintf(host, sizeof(host), "%s%s%.*s", is_virtual ? conn->bucket : "",
                   is_virtual ? "." : "", (int)server.host.size, server.host.data);
    for (char *at = host; *at; at++) {
        *at = bsi_lower(*at);
    }
    BSI_TRY(join(host, "", "", &conn->host));
    BSI_TRY(join(server.tls ? "https" : "http", "://", host, &conn->url));
    return join(is_virtual ? "" : "/", is_virtual ? "" : conn->bucket, "", &conn->path);
}

static bs_status take_settings(bsi_s3_conn *conn, const bs_call *call,
                               const bs_storage_settings *settings)
{
    const char *bucket = bs_storage_settings_text(settings, "bucket");

    BSI_TRY(check_bucket(bucket));
    conn->bucket = bsi_strdup(bucket);
    if (!conn->bucket) {
        return BS_E_NOMEM;
    }
    BSI_TRY(take_region(settings, &conn->region));
    BSI_TRY(take_address(conn, settings));
    BSI_TRY(bsi_settings_take_prefix(settings, &conn->prefix));
    BSI_TRY(bsi_settings_make_http(settings, &conn->http));
    return bsi_s3_identity_open(&conn->identity, call, settings);
}

static void free_texts(bsi_s3_conn *conn)
{
    bsi_http_free(conn->http);
    bsi_free(conn->bucket);
    bsi_free(conn->region);
    bsi_free(conn->prefix);
    bsi_free(conn->host);
    bsi_free(conn->url);
    bsi_free(conn->path);
}

bs_status bsi_s3_conn_open(bsi_s3_conn *conn, const bs_call *call,
                           const bs_storage_settings *settings)
{
    const bs_status status = take_settings(conn, call, settings);

    if (status < 0) {
        free_texts(conn);
    }
    return status;
}

void bsi_s3_conn_close(bsi_s3_conn *conn)
{
    bsi_s3_identity_close(&conn->identity);
    free_texts(conn);
}

/* --- A request on its way --- */

typedef struct draft {
    bsi_wire wire;
    bsi_header signed_headers[BSI_WIRE_HEADERS_MAX + 4];
    size_t signed_count;
    char date[BSI_SIGV4_DATE_SIZE];
    char hash[HEX_SIZE];
} draft;

bs_status bsi_s3_check_key(const bsi_s3_conn *conn, const char *key)
{
    const size_t size = strlen(conn->prefix) + strlen(key);

    if (size > BSI_S3_KEY_MAX) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_LIMIT,
                        "S3 takes keys of at most %d bytes; with its prefix this one has %zu",
                        BSI_S3_KEY_MAX, size);
    }
    if (!bsi_utf8_valid(key, strlen(key))) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_INVALID, "S3 takes keys in UTF-8 only");
    }
    return BS_OK;
}

static bs_status write_key(draft *self, const bsi_s3_conn *conn, const char *key)
{
    BSI_TRY(bsi_s3_check_key(conn, key));
    BSI_TRY(bsi_buf_append_byte(&self->wire.path, '/'));
    BSI_TRY(bsi_uri_append_path(&self->wire.path, conn->prefix));
    return bsi_uri_append_path(&self->wire.path, key);
}

static bs_status write_path(draft *self, const bsi_s3_conn *conn, const char *key)
{
    BSI_TRY(bsi_buf_append_text(&self->wire.path, conn->path));
    if (key) {
        return write_key(self, conn, key);
    }
    return self->wire.path.size == 0 ? bsi_buf_append_byte(&self->wire.path, '/') : BS_OK;
}

static bs_status write_address(draft *self, const bsi_s3_conn *conn,
                               const bsi_wire_request *request)
{
    BSI_TRY(write_path(self, conn, request->key));
    BSI_TRY(bsi_uri_append_query(&self->wire.query, request->query, request->query_count));
    return bsi_wire_write_url(&self->wire, conn->url);
}

static void sign_header(draft *self, const char *name, const char *value)
{
    self->signed_headers[self->signed_count] = (bsi_header){name, value};
    self->signed_count++;
}

/* libcurl adds the host by itself. */
static bs_status write_headers(draft *self, const bsi_s3_conn *conn, const bsi_secret *token,
                               const bsi_wire_request *request)
{
    bsi_digest digest;

    BSI_CHECK(request->header_count <= BSI_WIRE_HEADERS_MAX - 1);
    if (request->digest) {
        digest = *request->digest;
    } else {
        bsi_sha256_of(request->body, request->body_size, &digest);
    }
    bsi_digest_format(&digest, self->hash);
    sign_header(self, "host", conn->host);
    sign_header(self, "x-amz-date", self->date);
    sign_header(self, "x-amz-content-sha256", self->hash);
    if (token) {
        sign_header(self, "x-amz-security-token", (const char *)bsi_secret_view(token));
    }
    for (size_t i = 0; i < request->header_count; i++) {
        sign_header(self, request->headers[i].name, request->headers[i].value);
    }
    for (size_t i = 1; i < self->signed_count; i++) {
        BSI_TRY(bsi_wire_add_line(&self->wire, self->signed_headers[i].name,
                                  self->signed_headers[i].value));
    }
    return BS_OK;
}

static bs_status write_signature(draft *self, bsi_s3_conn *conn, bsi_s3_credentials *who,
                                 const char *method, int64_t sec)
{
    const bsi_sigv4_scope scope = {.sec = sec, .region = conn->region, .service = "s3"};
    const bsi_sigv4_request request = {
        .method = method,
        .path = (const char *)self->wire.path.data,
        .query = (const char *)self->wire.query.data,
        .headers = self->signed_headers,
        .header_count = self->signed_count,
        .payload_hash = self->hash,
    };

    BSI_TRY(bsi_wire_begin_line(&self->wire, "Authorization"));
    BSI_TRY(bsi_s3_identity_sign(&conn->identity, who, &scope, &request, &self->wire.lines));
    return bsi_buf_append_byte(&self->wire.lines, '\0');
}

static bs_status write_draft(draft *self, bsi_s3_conn *conn, bsi_s3_credentials *who,
                             const bsi_wire_request *request)
{
    const int64_t sec = bsi_now().sec;

    BSI_TRY(bsi_wire_reserve(&self->wire, who->token ? bsi_secret_size(who->token) : 0));
    BSI_TRY(bsi_sigv4_date(sec, self->date));
    BSI_TRY(write_address(self, conn, request));
    BSI_TRY(write_headers(self, conn, who->token, request));
    return write_signature(self, conn, who, request->method, sec);
}

/* Credentials that have ended may be others the next time. */
static bs_status refuse(bsi_s3_conn *conn, const bsi_s3_credentials *who,
                        const bsi_http_answer *answer, bsi_service_error *error)
{
    const bs_status status = bsi_s3_refused(conn, answer, error);

    if (strcmp(error->code, "ExpiredToken") == 0 && bsi_s3_identity_refused(&conn->identity, who)) {
        bsi_error_set_retry(BS_RETRY_SAFE, 0);
    }
    return status;
}

static bs_status send_as(bsi_s3_conn *conn, const bs_call *call, bsi_s3_credentials *who,
                         const bsi_wire_request *request, bsi_http_answer *answer)
{
    bsi_service_error unwanted;
    draft self = {.signed_count = 0};
    bs_status status = BS_OK;

    bsi_wire_init(&self.wire);
    status = write_draft(&self, conn, who, request);
    if (status == BS_OK) {
        status = bsi_wire_send(&self.wire, conn->http, call, request, answer);
    }
    bsi_wire_dispose(&self.wire);
    if (status < 0 || (answer->status >= 200 && answer->status < 300)) {
        return status;
    }
    status = refuse(conn, who, answer, request->error ? request->error : &unwanted);
    bsi_http_answer_dispose(answer);
    return status;
}

bs_status bsi_s3_send(bsi_s3_conn *conn, const bs_call *call, const bsi_wire_request *request,
                      bsi_http_answer *answer)
{
    bsi_s3_credentials *who = NULL;
    bs_status status = bsi_s3_identity_get(&conn->identity, call, &who);

    if (status < 0) {
        return status;
    }
    status = send_as(conn, call, who, request, answer);
    bsi_s3_credentials_unref(who);
    return status;
}

bs_status bsi_s3_head(bsi_s3_conn *conn, const bs_call *call, const char *key,
                      bsi_http_answer *answer, uint64_t *size_out)
{
    const bsi_wire_request request = {.method = "HEAD", .key = key};
    bsi_slice etag = {NULL, 0};
    bsi_slice length = {NULL, 0};

    BSI_TRY(bsi_s3_send(conn, call, &request, answer));
    if (!bsi_http_header(answer, "etag", &etag) ||
        !bsi_http_header(answer, "content-length", &length) ||
        !bsi_service_parse_size(length, size_out)) {
        bsi_http_answer_dispose(answer);
        return bsi_s3_not_s3(conn, "tells of an object without ETag or length");
    }
    return BS_OK;
}

bs_status bsi_s3_encode_sum(const bsi_digest *digest, char out[BSI_S3_SUM_SIZE])
{
    bsi_buf text;
    bs_status status = BS_OK;

    bsi_buf_init(&text, BSI_S3_SUM_SIZE - 1);
    status = bsi_base64_encode(digest->bytes, sizeof(digest->bytes), &text);
    if (status == BS_OK) {
        (void)snprintf(out, BSI_S3_SUM_SIZE, "%.*s", (int)text.size, (const char *)text.data);
    }
    bsi_buf_dispose(&text);
    return status;
}
