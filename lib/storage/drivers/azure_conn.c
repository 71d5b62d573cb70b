/* SPDX-License-Identifier: MIT */
/*
 * Requests to a container: address, headers, signature.
 */
#include "storage/drivers/azure_conn.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/endian.h"
#include "net/endpoint.h"
#include "net/http_date.h"
#include "os/time.h"
#include "storage/drivers/settings.h"
#include "text/base64.h"

/* Old enough for every stamp and emulator, new enough for all that is asked for. */
#define VERSION "2023-11-03"

enum {
    CONTAINER_MIN = 3, /* Source: "Naming and referencing containers, blobs, and metadata". */
    CONTAINER_MAX = 63,
    NAME_BYTES_MAX = 4 * BSI_AZURE_NAME_MAX + 1024,
    OWN_HEADERS = 2,
    CRC64_SIZE = 8,
};

/* --- Settings --- */

static bs_status take_container(const bs_storage_settings *settings, char **out)
{
    const char *name = bs_storage_settings_text(settings, "container");
    const size_t size = strlen(name);
    bool good = size >= CONTAINER_MIN && size <= CONTAINER_MAX && !strstr(name, "--") &&
                name[0] != '-' && name[size - 1] != '-' && bsi_is_plain(bsi_slice_of(name), "-");

    for (const char *at = name; *at; at++) {
        good = good && !(*at >= 'A' && *at <= 'Z');
    }
    if (!good) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "container: takes 3 to 63 lower-case letters, digits and single '-'");
    }
    *out = bsi_strdup(name);
    return *out ? BS_OK : BS_E_NOMEM;
}

static bs_status take_sums(const bs_storage_settings *settings, bsi_azure_sums *out)
{
    static const struct {
        const char *word;
        bsi_azure_sums sums;
    } words[] = {{"md5", BSI_AZURE_SUMS_MD5},
                 {"crc64", BSI_AZURE_SUMS_CRC64},
                 {"none", BSI_AZURE_SUMS_NONE}};
    const char *text = bs_storage_settings_text(settings, "checksums");

    for (size_t i = 0; i < BSI_ARRAY_SIZE(words); i++) {
        if (strcmp(text, words[i].word) == 0) {
            *out = words[i].sums;
            return BS_OK;
        }
    }
    return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "checksums: takes md5, crc64 or none");
}

static bs_status take_settings(bsi_azure_conn *conn, const bs_storage_settings *settings)
{
    BSI_TRY(take_container(settings, &conn->container));
    BSI_TRY(take_sums(settings, &conn->sums));
    BSI_TRY(bsi_settings_take_prefix(settings, &conn->prefix));
    BSI_TRY(bsi_settings_make_http(settings, &conn->http));
    return bsi_azure_account_open(&conn->account, settings);
}

bs_status bsi_azure_conn_open(bsi_azure_conn *conn, const bs_storage_settings *settings)
{
    const bs_status status = take_settings(conn, settings);

    bsi_crc64_init(&conn->crc64);
    if (status < 0) {
        bsi_azure_conn_close(conn);
    }
    return status;
}

void bsi_azure_conn_close(bsi_azure_conn *conn)
{
    bsi_azure_account_close(&conn->account);
    bsi_http_free(conn->http);
    bsi_free(conn->container);
    bsi_free(conn->prefix);
}

/* --- Names --- */

bs_status bsi_azure_append_name(const bsi_azure_conn *conn, const char *key, bsi_buf *out)
{
    const size_t before = out->size;
    bsi_buf whole;
    bs_status status = BS_OK;

    bsi_buf_init(&whole, NAME_BYTES_MAX + BS_STORAGE_KEY_MAX);
    status = bsi_buf_append_format(&whole, "%s%s", conn->prefix, key);
    if (status == BS_OK) {
        status = bsi_azure_name_append(out, bsi_buf_slice(&whole));
    }
    bsi_buf_dispose(&whole);
    if (status == BS_OK &&
        !bsi_azure_name_fits((bsi_slice){(const char *)out->data + before, out->size - before})) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_LIMIT,
                        "Azure takes keys of at most %d characters and %d components, with the "
                        "prefix",
                        BSI_AZURE_NAME_MAX, BSI_AZURE_SEGMENTS_MAX);
    }
    return status;
}

/* --- A request on its way --- */

static bs_status write_key(bsi_wire *wire, const bsi_azure_conn *conn, const char *key)
{
    bsi_buf name;
    bs_status status = BS_OK;

    bsi_buf_init(&name, 8 * BS_STORAGE_KEY_MAX);
    status = bsi_azure_append_name(conn, key, &name);
    if (status == BS_OK) {
        status = bsi_buf_append_byte(&name, '\0');
    }
    if (status == BS_OK) {
        status = bsi_buf_append_byte(&wire->path, '/');
    }
    if (status == BS_OK) {
        status = bsi_uri_append_path(&wire->path, (const char *)name.data);
    }
    bsi_buf_dispose(&name);
    return status;
}

static bs_status write_query(bsi_wire *wire, const bsi_azure_conn *conn,
                             const bsi_wire_request *request)
{
    const bsi_secret *sas = conn->account.sas;

    BSI_TRY(bsi_uri_append_query(&wire->query, request->query, request->query_count));
    if (!sas) {
        return BS_OK;
    }
    BSI_TRY(wire->query.size > 0 ? bsi_buf_append_byte(&wire->query, '&') : BS_OK);
    return bsi_buf_append_text(&wire->query, (const char *)bsi_secret_view(sas));
}

static bs_status write_address(bsi_wire *wire, const bsi_azure_conn *conn,
                               const bsi_wire_request *request)
{
    BSI_TRY(bsi_buf_append_format(&wire->path, "%s/%s", conn->account.path, conn->container));
    BSI_TRY(request->key ? write_key(wire, conn, request->key) : BS_OK);
    BSI_TRY(write_query(wire, conn, request));
    return bsi_wire_write_url(wire, conn->account.url);
}

/* A shared access signature stands in the address already. */
static bs_status sign(bsi_wire *wire, const bsi_azure_conn *conn, const bsi_wire_request *request,
                      const bsi_header *headers, size_t count)
{
    const bsi_shared_key_request text = {
        .method = request->method,
        .path = (const char *)wire->path.data,
        .query = request->query,
        .query_count = request->query_count,
        .headers = headers,
        .header_count = count,
        .body_size = request->body_size,
    };

    if (!conn->account.key) {
        return BS_OK;
    }
    BSI_TRY(bsi_wire_begin_line(wire, "Authorization"));
    BSI_TRY(bsi_shared_key_sign(conn->account.key, conn->account.name, &text, &wire->lines));
    return bsi_buf_append_byte(&wire->lines, '\0');
}

static bs_status write_headers(bsi_wire *wire, const bsi_azure_conn *conn,
                               const bsi_wire_request *request)
{
    char date[BSI_HTTP_DATE_SIZE];
    bsi_header headers[BSI_WIRE_HEADERS_MAX + OWN_HEADERS] = {{"x-ms-date", date},
                                                              {"x-ms-version", VERSION}};
    const size_t count = request->header_count + OWN_HEADERS;

    BSI_CHECK(request->header_count <= BSI_WIRE_HEADERS_MAX);
    BSI_TRY(bsi_http_date_format(bsi_now().sec, date));
    for (size_t i = 0; i < request->header_count; i++) {
        headers[OWN_HEADERS + i] = request->headers[i];
    }
    for (size_t i = 0; i < count; i++) {
        BSI_TRY(bsi_wire_add_line(wire, headers[i].name, headers[i].value));
    }
    return sign(wire, conn, request, headers, count);
}

static bs_status write_all(bsi_wire *wire, const bsi_azure_conn *conn,
                           const bsi_wire_request *request)
{
    const bsi_secret *sas = conn->account.sas;

    BSI_TRY(bsi_wire_reserve(wire, sas ? bsi_secret_size(sas) : 0));
    BSI_TRY(write_address(wire, conn, request));
    return write_headers(wire, conn, request);
}

static bs_status judge(const bsi_azure_conn *conn, const bsi_wire_request *request, int expected,
                       const bsi_http_answer *answer)
{
    bsi_service_error unwanted;

    if (answer->status == expected || (answer->status == 206 && request->sink)) {
        return BS_OK;
    }
    if (answer->status < 300) {
        return bsi_azure_not_azure(conn, "answers as no blob service does");
    }
    return bsi_azure_refused(conn, answer, request->error ? request->error : &unwanted);
}

bs_status bsi_azure_send(bsi_azure_conn *conn, const bs_call *call, const bsi_wire_request *request,
                         int expected, bsi_http_answer *answer)
{
    bsi_wire wire;
    bs_status status = BS_OK;

    bsi_wire_init(&wire);
    status = write_all(&wire, conn, request);
    if (status == BS_OK) {
        status = bsi_wire_send(&wire, conn->http, call, request, answer);
    }
    bsi_wire_dispose(&wire);
    if (status < 0) {
        return status;
    }
    status = judge(conn, request, expected, answer);
    if (status < 0) {
        bsi_http_answer_dispose(answer);
    }
    return status;
}

bs_status bsi_azure_head(bsi_azure_conn *conn, const bs_call *call, const char *key,
                         bsi_http_answer *answer, uint64_t *size_out)
{
    const bsi_wire_request request = {.method = "HEAD", .key = key};
    bsi_slice type = {NULL, 0};
    bsi_slice length = {NULL, 0};

    BSI_TRY(bsi_azure_send(conn, call, &request, 200, answer));
    if (!bsi_http_header(answer, "x-ms-blob-type", &type) ||
        !bsi_http_header(answer, "content-length", &length) ||
        !bsi_service_parse_size(length, size_out)) {
        bsi_http_answer_dispose(answer);
        return bsi_azure_not_azure(conn, "tells of a blob without type or length");
    }
    return BS_OK;
}

/* --- Checksums --- */

const char *bsi_azure_sum_header(bsi_azure_sums sums)
{
    switch (sums) {
    case BSI_AZURE_SUMS_MD5:
        return "content-md5";
    case BSI_AZURE_SUMS_CRC64:
        return "x-ms-content-crc64";
    default:
        return NULL;
    }
}

static bs_status encode(const uint8_t *bytes, size_t size, char out[BSI_AZURE_SUM_SIZE])
{
    bsi_buf text;
    bs_status status = BS_OK;

    bsi_buf_init(&text, BSI_AZURE_SUM_SIZE - 1);
    status = bsi_base64_encode(bytes, size, &text);
    if (status == BS_OK) {
        (void)snprintf(out, BSI_AZURE_SUM_SIZE, "%.*s", (int)text.size, (const char *)text.data);
    }
    bsi_buf_dispose(&text);
    return status;
}

bs_status bsi_azure_sum(const bsi_azure_conn *conn, bsi_azure_sums sums, bsi_slice bytes,
                        char out[BSI_AZURE_SUM_SIZE])
{
    uint8_t sum[BSI_MD5_SIZE];

    out[0] = '\0';
    if (sums == BSI_AZURE_SUMS_MD5) {
        bsi_md5_of(bytes.data, bytes.size, sum);
        return encode(sum, BSI_MD5_SIZE, out);
    }
    if (sums == BSI_AZURE_SUMS_CRC64) {
        bsi_put_le64(sum, bsi_crc64_of(&conn->crc64, bytes.data, bytes.size));
        return encode(sum, CRC64_SIZE, out);
    }
    return BS_OK;
}

bs_status bsi_azure_check_sum(const bsi_azure_conn *conn, bsi_azure_sums sums,
                              const bsi_http_answer *answer, const char *sum)
{
    const char *header = bsi_azure_sum_header(sums);
    bsi_slice value = {NULL, 0};

    if (header && bsi_http_header(answer, header, &value) && !bsi_slice_is(value, sum)) {
        return bsi_azure_not_azure(conn, "tells another checksum than that of the bytes");
    }
    return BS_OK;
}
