/* SPDX-License-Identifier: MIT */
/*
 * Signature Version 4: the canonical request, the text to sign, the key.
 */
#include "net/sigv4.h"

#include <stdio.h>
#include <string.h>

#include "base/calendar.h"
#include "crypto/hmac.h"
#include "hash/sha256.h"

#define ALGORITHM "AWS4-HMAC-SHA256"

enum {
    DAY_SIZE = 8,              /* The date's first part: yyyymmdd. */
    CANONICAL_MAX = 64 * 1024, /* Of a canonical request; keys have 1024 bytes at most. */
    SECRET_MAX = 1024,         /* Of a secret access key. */
    HEX_SIZE = 2 * BSI_SHA256_SIZE + 1,
};

static const char terminator[] = "aws4_request";

bs_status bsi_sigv4_date(int64_t sec, char out[BSI_SIGV4_DATE_SIZE])
{
    bsi_civil civil = {.month = 1};

    BSI_TRY(bsi_civil_from_time(sec, &civil));
    (void)snprintf(out, BSI_SIGV4_DATE_SIZE, "%04u%02u%02uT%02u%02u%02uZ",
                   (unsigned)civil.year % 10000, (unsigned)civil.month % 100,
                   (unsigned)civil.day % 100, (unsigned)civil.hour % 100,
                   (unsigned)civil.minute % 100, (unsigned)civil.second % 100);
    return BS_OK;
}

/* Put the HMAC of a text in the place of the key. */
static bs_status step(bsi_secret **key, const void *text, size_t size)
{
    bsi_secret *next = NULL;
    bs_status status = bsi_secret_new(BSI_HMAC_SIZE, &next);

    if (status == BS_OK) {
        status = bsi_hmac(*key, text, size, bsi_secret_bytes(next));
    }
    if (status < 0) {
        bsi_secret_free(next);
        return status;
    }
    bsi_secret_free(*key);
    *key = next;
    return BS_OK;
}

/* "AWS4" and the secret. */
static bs_status first_key(const bsi_secret *secret, bsi_secret **out)
{
    static const char prefix[] = {'A', 'W', 'S', '4'};
    const size_t size = bsi_secret_size(secret);

    if (size > SECRET_MAX) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "a secret access key of %zu bytes; at most %d are possible", size,
                        SECRET_MAX);
    }
    BSI_CHECK(bsi_secret_is_intact(secret));
    BSI_TRY(bsi_secret_new(sizeof(prefix) + size, out));
    memcpy(bsi_secret_bytes(*out), prefix, sizeof(prefix));
    memcpy(bsi_secret_bytes(*out) + sizeof(prefix), bsi_secret_view(secret), size);
    return BS_OK;
}

bs_status bsi_sigv4_key(const bsi_secret *secret, const bsi_sigv4_scope *scope, bsi_secret **out)
{
    char date[BSI_SIGV4_DATE_SIZE] = "";
    bsi_secret *key = NULL;
    bs_status status = bsi_sigv4_date(scope->sec, date);

    if (status == BS_OK) {
        status = first_key(secret, &key);
    }
    if (status == BS_OK) {
        status = step(&key, date, DAY_SIZE);
    }
    if (status == BS_OK) {
        status = step(&key, scope->region, strlen(scope->region));
    }
    if (status == BS_OK) {
        status = step(&key, scope->service, strlen(scope->service));
    }
    if (status == BS_OK) {
        status = step(&key, terminator, strlen(terminator));
    }
    if (status < 0) {
        bsi_secret_free(key);
        return status;
    }
    *out = key;
    return BS_OK;
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

/* Without blanks at the ends, and one for several inside. */
static bs_status append_value(bsi_buf *out, const char *value)
{
    bool pending = false;
    bool begun = false;

    for (; *value; value++) {
        if (is_blank(*value)) {
            pending = begun;
            continue;
        }
        BSI_TRY(pending ? bsi_buf_append_byte(out, ' ') : BS_OK);
        BSI_TRY(bsi_buf_append_byte(out, (uint8_t)*value));
        pending = false;
        begun = true;
    }
    return BS_OK;
}

typedef struct sorted_headers {
    const bsi_header *items[BSI_SIGV4_HEADERS_MAX];
    size_t count;
} sorted_headers;

static void sort(const bsi_sigv4_request *request, sorted_headers *out)
{
    for (size_t i = 0; i < request->header_count; i++) {
        const bsi_header *header = &request->headers[i];
        size_t at = i;
        for (; at > 0 && strcmp(header->name, out->items[at - 1]->name) < 0; at--) {
            out->items[at] = out->items[at - 1];
        }
        out->items[at] = header;
    }
    out->count = request->header_count;
}

/* "host;x-amz-date" */
static bs_status append_names(bsi_buf *out, const sorted_headers *headers)
{
    for (size_t i = 0; i < headers->count; i++) {
        BSI_TRY(i > 0 ? bsi_buf_append_byte(out, ';') : BS_OK);
        BSI_TRY(bsi_buf_append_text(out, headers->items[i]->name));
    }
    return BS_OK;
}

static bs_status append_headers(bsi_buf *out, const sorted_headers *headers)
{
    for (size_t i = 0; i < headers->count; i++) {
        BSI_TRY(bsi_buf_append_text(out, headers->items[i]->name));
        BSI_TRY(bsi_buf_append_byte(out, ':'));
        BSI_TRY(append_value(out, headers->items[i]->value));
        BSI_TRY(bsi_buf_append_byte(out, '\n'));
    }
    return BS_OK;
}

static bs_status append_canonical(bsi_buf *out, const bsi_sigv4_request *request,
                                  const sorted_headers *headers)
{
    BSI_TRY(
        bsi_buf_append_format(out, "%s\n%s\n%s\n", request->method, request->path, request->query));
    BSI_TRY(append_headers(out, headers));
    BSI_TRY(bsi_buf_append_byte(out, '\n'));
    BSI_TRY(append_names(out, headers));
    return bsi_buf_append_format(out, "\n%s", request->payload_hash);
}

static bs_status hash_canonical(const bsi_sigv4_request *request, const sorted_headers *headers,
                                char hex[HEX_SIZE])
{
    bsi_digest digest;
    bsi_buf text;
    bs_status status = BS_OK;

    bsi_buf_init(&text, CANONICAL_MAX);
    status = append_canonical(&text, request, headers);
    if (status == BS_OK) {
        bsi_sha256_of(text.data, text.size, &digest);
        bsi_digest_format(&digest, hex);
    }
    bsi_buf_dispose(&text);
    return status;
}

/* "20130524/us-east-1/s3/aws4_request" */
static bs_status append_scope(bsi_buf *out, const bsi_sigv4_scope *scope, const char *date)
{
    return bsi_buf_append_format(out, "%.8s/%s/%s/%s", date, scope->region, scope->service,
                                 terminator);
}

static bs_status sign(const bsi_secret *key, const bsi_sigv4_scope *scope, const char *date,
                      const char *canonical_hash, char hex[HEX_SIZE])
{
    bsi_digest signature;
    bsi_buf text;
    bs_status status = BS_OK;

    bsi_buf_init(&text, CANONICAL_MAX);
    status = bsi_buf_append_format(&text, ALGORITHM "\n%s\n", date);
    if (status == BS_OK) {
        status = append_scope(&text, scope, date);
    }
    if (status == BS_OK) {
        status = bsi_buf_append_format(&text, "\n%s", canonical_hash);
    }
    if (status == BS_OK) {
        status = bsi_hmac(key, text.data, text.size, signature.bytes);
    }
    if (status == BS_OK) {
        bsi_digest_format(&signature, hex);
    }
    bsi_buf_dispose(&text);
    return status;
}

bs_status bsi_sigv4_sign(const bsi_secret *key, const char *access_key,
                         const bsi_sigv4_scope *scope, const bsi_sigv4_request *request,
                         bsi_buf *out)
{
    char date[BSI_SIGV4_DATE_SIZE] = "";
    char hash[HEX_SIZE] = "";
    char signature[HEX_SIZE] = "";
    sorted_headers headers = {.count = 0};

    BSI_CHECK(request->header_count <= BSI_SIGV4_HEADERS_MAX);
    BSI_TRY(bsi_sigv4_date(scope->sec, date));
    sort(request, &headers);
    BSI_TRY(hash_canonical(request, &headers, hash));
    BSI_TRY(sign(key, scope, date, hash, signature));
    BSI_TRY(bsi_buf_append_format(out, ALGORITHM " Credential=%s/", access_key));
    BSI_TRY(append_scope(out, scope, date));
    BSI_TRY(bsi_buf_append_text(out, ",SignedHeaders="));
    BSI_TRY(append_names(out, &headers));
    return bsi_buf_append_format(out, ",Signature=%s", signature);
}
