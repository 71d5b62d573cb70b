/* SPDX-License-Identifier: MIT */
/*
 * Removes objects, one by one or as a list. Source: "DeleteObject" and
 * "DeleteObjects" in the Amazon S3 API reference.
 */
#include "storage/drivers/s3_remove.h"

#include <string.h>

enum {
    ANSWER_MAX = 64 * 1024,
    LIST_MAX = BS_STORAGE_REMOVE_MAX * (6 * BSI_S3_KEY_MAX + 64) + 256,
    LIST_ANSWER_MAX = 4 * LIST_MAX, /* An error for each, with its text. */
};

bs_status bsi_s3_remove(bsi_s3_conn *conn, const bs_call *call, const char *key)
{
    const bsi_wire_request request = {.method = "DELETE", .key = key, .answer_max = ANSWER_MAX};
    bsi_http_answer answer;
    bs_status status = bsi_s3_send(conn, call, &request, &answer);

    if (status < 0) {
        return status == BS_E_NOT_FOUND ? BS_OK : status;
    }
    if (answer.status != 204 && answer.size > 0) {
        status = bsi_s3_not_s3(conn, "does not say that the object is gone");
    }
    bsi_http_answer_dispose(&answer);
    return status;
}

/* --- Many --- */

/* Some characters XML does not have, however they are written. */
static bool can_be_listed(const char *key)
{
    if (strstr(key, "\xef\xbf\xbe") || strstr(key, "\xef\xbf\xbf")) {
        return false;
    }
    for (const char *at = key; *at; at++) {
        if ((uint8_t)*at < ' ' && !strchr("\t\n\r", *at)) {
            return false;
        }
    }
    return true;
}

static bs_status append_escaped(bsi_buf *out, const char *text)
{
    for (; *text; text++) {
        BSI_TRY(strchr("&<>\"\t\n\r", *text) ? bsi_buf_append_format(out, "&#%d;", *text)
                                             : bsi_buf_append_byte(out, (uint8_t)*text));
    }
    return BS_OK;
}

/* Nothing for a key that cannot be listed. */
static bs_status append_key(const bsi_s3_conn *conn, const char *key, bsi_buf *out,
                            size_t *listed_out)
{
    if (!can_be_listed(key)) {
        return BS_OK;
    }
    (*listed_out)++;
    BSI_TRY(bsi_s3_check_key(conn, key));
    BSI_TRY(bsi_buf_append_text(out, "<Object><Key>"));
    BSI_TRY(append_escaped(out, conn->prefix));
    BSI_TRY(append_escaped(out, key));
    return bsi_buf_append_text(out, "</Key></Object>");
}

/* How many keys of it are in the list. */
static bs_status write_list(const bsi_s3_conn *conn, const char *const *keys, size_t count,
                            bsi_buf *out, size_t *listed_out)
{
    BSI_TRY(bsi_buf_append_text(
        out, "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>"));
    for (size_t i = 0; i < count; i++) {
        BSI_TRY(append_key(conn, keys[i], out, listed_out));
    }
    return bsi_buf_append_text(out, "</Delete>");
}

static bs_status send_list(bsi_s3_conn *conn, const bs_call *call, const bsi_buf *list)
{
    static const bsi_uri_pair query[] = {{"delete", NULL}};
    char sum[BSI_S3_SUM_SIZE];
    const bsi_header headers[] = {{"x-amz-checksum-sha256", sum},
                                  {"x-amz-sdk-checksum-algorithm", "SHA256"}};
    bsi_digest digest;
    const bsi_wire_request request = {.method = "POST",
                                      .query = query,
                                      .query_count = BSI_ARRAY_SIZE(query),
                                      .headers = headers,
                                      .header_count = BSI_ARRAY_SIZE(headers),
                                      .body = list->data,
                                      .body_size = list->size,
                                      .digest = &digest,
                                      .answer_max = LIST_ANSWER_MAX};
    bsi_service_error error;
    bsi_http_answer answer;
    bs_status status = BS_OK;

    bsi_sha256_of(list->data, list->size, &digest);
    BSI_TRY(bsi_s3_encode_sum(&digest, sum));
    BSI_TRY(bsi_s3_send(conn, call, &request, &answer));
    status =
        bsi_s3_removed_parse((bsi_slice){(const char *)answer.text.data, answer.text.size}, &error);
    bsi_http_answer_dispose(&answer);
    if (status == BS_OK && error.code[0]) {
        status = bsi_s3_refused_one(conn, &error);
    }
    return status;
}

static bs_status remove_listed(bsi_s3_conn *conn, const bs_call *call, const char *const *keys,
                               size_t count)
{
    bsi_buf list;
    size_t listed = 0;
    bs_status status = BS_OK;

    bsi_buf_init(&list, LIST_MAX);
    status = write_list(conn, keys, count, &list, &listed);
    if (status == BS_OK && listed > 0) {
        status = send_list(conn, call, &list);
    }
    bsi_buf_dispose(&list);
    return status;
}

bs_status bsi_s3_remove_many(bsi_s3_conn *conn, const bs_call *call, const char *const *keys,
                             size_t count)
{
    const bs_status status = remove_listed(conn, call, keys, count);
    /* Services that know no lists. */
    const bool singly = status == BS_E_UNSUPPORTED;

    if (status < 0 && !singly) {
        return status;
    }
    for (size_t i = 0; i < count; i++) {
        BSI_TRY(singly || !can_be_listed(keys[i]) ? bsi_s3_remove(conn, call, keys[i]) : BS_OK);
    }
    return BS_OK;
}
