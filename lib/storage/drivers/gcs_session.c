/* SPDX-License-Identifier: MIT */
/*
 * Resumable uploads. Source: "Resumable uploads" and "Perform resumable uploads" in Google Cloud
 * Storage's documentation.
 *
 * Nothing is shown to a session but its address, which the service made: so it must lead back to
 * the service that was asked.
 */
#include "storage/drivers/gcs_session.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "text/json_write.h"

enum {
    ADDRESS_MAX = 8 * 1024,
    DESCRIPTION_MAX = 16 * 1024,
    ANSWER_MAX = 256 * 1024,
    HEADER_SIZE = 96,
    IDLE_MAX = 3, /* Answers in a row after which the service has no more than before. */
    STATUS_GOES_ON = 308,
};

/* --- Beginning --- */

static void write_members(bsi_json_writer *writer, const bsi_gcs_target *target, const char *name)
{
    if (name) {
        bsi_json_put_text(writer, "name", name);
    }
    bsi_json_put_text(writer, "contentType", "application/octet-stream");
    if (target->storage_class) {
        bsi_json_put_text(writer, "storageClass", target->storage_class);
    }
    bsi_json_write_key(writer, "metadata");
    bsi_json_begin_object(writer);
    bsi_json_put_text(writer, BSI_GCS_MARK, target->mark);
    bsi_json_end_object(writer);
}

bs_status bsi_gcs_write_description(const bsi_gcs_target *target, const char *crc32c, bsi_buf *out)
{
    char name[BSI_GCS_NAME_MAX + 1];
    bsi_json_writer writer;

    BSI_TRY(bsi_gcs_check_key(target->conn, target->key));
    (void)snprintf(name, sizeof(name), "%s%s", target->conn->prefix, target->key);
    bsi_json_writer_init(&writer, out, BSI_JSON_COMPACT);
    bsi_json_begin_object(&writer);
    write_members(&writer, target, name);
    if (crc32c) {
        bsi_json_put_text(&writer, "crc32c", crc32c);
    }
    bsi_json_end_object(&writer);
    return bsi_json_writer_finish(&writer);
}

/* "https://HOST/...", on the very host that was asked. */
static bool is_ours(const bsi_gcs_conn *conn, bsi_slice address)
{
    const size_t size = strlen(conn->url);

    if (address.size <= size || address.size > ADDRESS_MAX ||
        memcmp(address.data, conn->url, size) != 0 || address.data[size] != '/') {
        return false;
    }
    for (size_t i = 0; i < address.size; i++) {
        if (address.data[i] <= ' ' || address.data[i] >= 0x7f) {
            return false;
        }
    }
    return true;
}

static bs_status take_address(bsi_gcs_session *session, const bsi_http_answer *answer)
{
    bsi_slice address = {NULL, 0};

    if (!bsi_http_header(answer, "location", &address) || !is_ours(session->target.conn, address)) {
        return bsi_gcs_not_gcs(session->target.conn,
                               "begins an upload without an address of its own");
    }
    session->url = bsi_strndup(address.data, address.size);
    return session->url ? BS_OK : BS_E_NOMEM;
}

static bs_status begin_with(bsi_gcs_session *session, const bs_call *call,
                            const bsi_buf *description)
{
    static const char *const headers[] = {"Content-Type: application/json; charset=UTF-8",
                                          "X-Upload-Content-Type: application/octet-stream", NULL};
    const bsi_uri_pair query[] = {{"uploadType", "resumable"},
                                  {"fields", "kind,size,generation,updated,crc32c,metadata"},
                                  BSI_GCS_ONLY_IF_NEW};
    const bsi_gcs_request request = {.method = "POST",
                                     .is_upload = true,
                                     .query = query,
                                     .query_count = BSI_ARRAY_SIZE(query) -
                                                    (session->target.exclusive ? 0 : 1),
                                     .headers = headers,
                                     .body = description->data,
                                     .body_size = description->size,
                                     .answer_max = ANSWER_MAX};
    bsi_http_answer answer;
    bs_status status = BS_OK;

    BSI_TRY(bsi_gcs_send(session->target.conn, call, &request, &answer));
    status = take_address(session, &answer);
    bsi_http_answer_dispose(&answer);
    return status;
}

static bs_status begin(bsi_gcs_session *session, const bs_call *call)
{
    bsi_buf description;
    bs_status status = BS_OK;

    bsi_buf_init(&description, DESCRIPTION_MAX);
    status = bsi_gcs_write_description(&session->target, NULL, &description);
    if (status == BS_OK) {
        status = begin_with(session, call, &description);
    }
    bsi_buf_dispose(&description);
    if (status == BS_OK) {
        session->stored = 0;
        session->unsure = false;
    }
    return status;
}

/* --- Answers --- */

static void forget_address(bsi_gcs_session *session)
{
    if (session->url) {
        bsi_wipe(session->url, strlen(session->url));
        bsi_free(session->url);
        session->url = NULL;
    }
}

/* Without a range the service has nothing. */
static bs_status take_stored(bsi_gcs_session *session, const bsi_http_answer *answer,
                             const bsi_gcs_piece *piece)
{
    bsi_slice range = {NULL, 0};
    uint64_t stored = 0;

    if (bsi_http_header(answer, "range", &range) && !bsi_gcs_stored_parse(range, &stored)) {
        return bsi_gcs_not_gcs(session->target.conn, "says how much it has as nobody can read it");
    }
    if (stored > piece->offset + piece->size) {
        return bsi_gcs_not_gcs(session->target.conn, "has more of an upload than was sent");
    }
    if (stored < piece->offset) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                        "the server has lost %" PRIu64 " bytes that it had taken",
                        piece->offset - stored);
    }
    session->stored = stored;
    session->unsure = false;
    return BS_OK;
}

static bs_status take_object(bsi_gcs_session *session, const bsi_http_answer *answer,
                             const bsi_gcs_piece *piece)
{
    if (!piece->last) {
        return bsi_gcs_not_gcs(session->target.conn, "ends an upload before all is sent");
    }
    BSI_TRY(bsi_gcs_object_parse(bsi_buf_slice(&answer->text), &session->object));
    session->stored = piece->offset + piece->size;
    session->done = true;
    return BS_OK;
}

/* A session that is gone or damaged is begun anew while all bytes are at hand. */
static void check_session(bsi_gcs_session *session, const bsi_gcs_piece *piece, int refused)
{
    const bool damaged = refused == 400 && bs_error_last()->retry != BS_RETRY_NEVER;

    if (refused != 404 && refused != 410 && !damaged) {
        return;
    }
    if (piece->offset == 0) {
        forget_address(session);
    }
    bsi_error_set_retry(piece->offset == 0 ? BS_RETRY_SAFE : BS_RETRY_NEVER, 0);
}

/* PUT to the session. What is not answered may have been taken all the same. */
static bs_status put(bsi_gcs_session *session, const bs_call *call, const bsi_gcs_piece *piece,
                     const char *const *headers, bsi_slice body)
{
    int refused = 0;
    const bsi_gcs_request request = {.method = "PUT",
                                     .session = session->url,
                                     .headers = headers,
                                     .body = body.data,
                                     .body_size = body.size,
                                     .answer_max = ANSWER_MAX,
                                     .refused = &refused};
    bsi_http_answer answer;
    bs_status status = BS_OK;

    session->unsure = true;
    status = bsi_gcs_send(session->target.conn, call, &request, &answer);
    if (status < 0) {
        check_session(session, piece, refused);
        return status;
    }
    status = answer.status == STATUS_GOES_ON ? take_stored(session, &answer, piece)
                                             : take_object(session, &answer, piece);
    bsi_http_answer_dispose(&answer);
    return status;
}

/* --- Sending --- */

/* Ask how much there is. */
static bs_status look(bsi_gcs_session *session, const bs_call *call, const bsi_gcs_piece *piece)
{
    char range[HEADER_SIZE];
    const char *const headers[] = {range, NULL};

    if (piece->last) {
        (void)snprintf(range, sizeof(range), "Content-Range: bytes */%" PRIu64,
                       piece->offset + piece->size);
    } else {
        (void)snprintf(range, sizeof(range), "Content-Range: bytes */*");
    }
    return put(session, call, piece, headers, (bsi_slice){"", 0});
}

/* Bytes of the piece that can go now. */
static size_t size_to_send(const bsi_gcs_session *session, const bsi_gcs_piece *piece)
{
    const size_t left = (size_t)(piece->offset + piece->size - session->stored);

    return piece->last ? left : left - left % BSI_GCS_QUANTUM;
}

static bs_status send_rest(bsi_gcs_session *session, const bs_call *call,
                           const bsi_gcs_piece *piece)
{
    const uint64_t first = session->stored;
    const size_t size = size_to_send(session, piece);
    const bsi_slice body = {(const char *)piece->bytes + (first - piece->offset), size};
    char range[HEADER_SIZE];
    char sum[BSI_GCS_SUM_SIZE];
    char hash[HEADER_SIZE];
    const char *const headers[] = {range, piece->last ? hash : NULL, NULL};

    BSI_TRY(bsi_gcs_sum_format(piece->crc32c, sum));
    (void)snprintf(hash, sizeof(hash), "X-Goog-Hash: crc32c=%s", sum);
    if (!piece->last) {
        (void)snprintf(range, sizeof(range), "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/*",
                       first, first + size - 1);
    } else if (size > 0) {
        (void)snprintf(range, sizeof(range),
                       "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, first,
                       first + size - 1, first + size);
    } else {
        (void)snprintf(range, sizeof(range), "Content-Range: bytes */%" PRIu64, first);
    }
    return put(session, call, piece, headers, body);
}

static bs_status step(bsi_gcs_session *session, const bs_call *call, const bsi_gcs_piece *piece)
{
    if (!session->url) {
        BSI_TRY(begin(session, call));
    }
    return session->unsure ? look(session, call, piece) : send_rest(session, call, piece);
}

static bool is_enough(const bsi_gcs_session *session, const bsi_gcs_piece *piece)
{
    return session->done ||
           (!piece->last && session->url && !session->unsure && size_to_send(session, piece) == 0);
}

bs_status bsi_gcs_session_send(bsi_gcs_session *session, const bs_call *call,
                               const bsi_gcs_piece *piece)
{
    unsigned idle = 0;

    while (!is_enough(session, piece)) {
        const uint64_t before = session->stored;

        BSI_TRY(step(session, call, piece));
        idle = session->stored > before || session->done ? 0 : idle + 1;
        if (idle > IDLE_MAX) {
            return bsi_gcs_not_gcs(session->target.conn, "takes nothing of what is sent");
        }
    }
    return BS_OK;
}

/* --- The end --- */

void bsi_gcs_session_end(bsi_gcs_session *session, const bs_call *call)
{
    const bsi_gcs_request request = {
        .method = "DELETE", .session = session->url, .answer_max = ANSWER_MAX};
    bs_error before;
    bsi_http_answer answer;

    if (!session->url || session->done) {
        return;
    }
    bsi_error_save(&before);
    if (bsi_gcs_send(session->target.conn, call, &request, &answer) == BS_OK) {
        bsi_http_answer_dispose(&answer);
    }
    bsi_error_restore(&before);
}

void bsi_gcs_session_dispose(bsi_gcs_session *session)
{
    forget_address(session);
}
