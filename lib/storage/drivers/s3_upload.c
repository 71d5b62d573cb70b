/* SPDX-License-Identifier: MIT */
/*
 * Uploads to a bucket, whole or in parts.
 */
#include "storage/drivers/s3_upload.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "os/time.h"
#include "storage/drivers/parts.h"

/* Whose an object is, where an answer got lost. */
#define MARK_HEADER "x-amz-meta-bst-upload"

enum {
    ETAG_SIZE = 128,
    ANSWER_MAX = 64 * 1024,
    COMPLETE_MAX = BSI_S3_PARTS_MAX * (ETAG_SIZE + BSI_S3_SUM_SIZE + 200),
    ABORT_S = 10, /* What an abort may take. */
};

/* What the service said of a part, for the list at the end. */
typedef struct sent {
    char etag[ETAG_SIZE];
    char sum[BSI_S3_SUM_SIZE];
} sent;

_Static_assert(sizeof(sent) <= BSI_PARTS_RESULT_MAX, "it is kept with each part");

struct bsi_s3_upload {
    bsi_s3_conn *conn;
    const bsi_s3_upload_plan *plan;
    char *key;
    char mark[BSI_MARK_SIZE];
    char until[BSI_RFC3339_SIZE]; /* Of the lock; "": none. */
    bool exclusive;
    bsi_parts *parts;
    char *id;      /* Of an upload in parts; NULL: none is begun. */
    bool complete; /* It is an object; only the look at it is left. */
};

/* --- Headers that every object begins with --- */

static void add_object_headers(const bsi_s3_upload *upload, bsi_wire_headers *list)
{
    const bsi_s3_upload_plan *plan = upload->plan;

    bsi_wire_add(list, MARK_HEADER, upload->mark);
    bsi_wire_add(list, "x-amz-storage-class", plan->storage_class);
    bsi_wire_add(list, "x-amz-server-side-encryption", plan->encryption);
    bsi_wire_add(list, "x-amz-server-side-encryption-aws-kms-key-id", plan->encryption_key);
    bsi_wire_add(list, "x-amz-tagging", plan->tags);
    bsi_wire_add(list, BSI_S3_LOCK_MODE, plan->lock.mode);
    bsi_wire_add(list, BSI_S3_LOCK_UNTIL, upload->until);
    bsi_wire_add(list, BSI_S3_LEGAL_HOLD, plan->lock.legal_hold ? "ON" : NULL);
}

/* It goes into the document at the end: what would break out of that is none. */
static bool take_etag(const bsi_http_answer *answer, char out[ETAG_SIZE])
{
    bsi_slice value = {NULL, 0};

    if (!bsi_http_header(answer, "etag", &value) || value.size == 0 || value.size >= ETAG_SIZE) {
        return false;
    }
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] <= ' ' || value.data[i] >= 0x7f || strchr("<>&'", value.data[i])) {
            return false;
        }
    }
    memcpy(out, value.data, value.size);
    out[value.size] = '\0';
    return true;
}

/* What the service has counted must be what was sent, where it tells. */
static bs_status check_sum(const bsi_s3_conn *conn, const bsi_http_answer *answer, const char *sum)
{
    bsi_slice value = {NULL, 0};

    if (sum[0] && bsi_http_header(answer, "x-amz-checksum-sha256", &value) &&
        !bsi_slice_is(value, sum)) {
        return bsi_s3_not_s3(conn, "tells another checksum than that of what was sent");
    }
    return BS_OK;
}

/* PUT the bytes of a part: the whole object, or one of many. */
static bs_status put(bsi_s3_upload *upload, const bs_call *call, bsi_slice content,
                     const bsi_wire_request *request, bsi_wire_headers *list, sent *out)
{
    bsi_digest digest;
    bsi_http_answer answer;
    bsi_wire_request wire = *request;
    bs_status status = BS_OK;

    *out = (sent){.etag = ""};
    bsi_sha256_of(content.data, content.size, &digest);
    if (upload->plan->checksums) {
        BSI_TRY(bsi_s3_encode_sum(&digest, out->sum));
        bsi_wire_add(list, "x-amz-checksum-sha256", out->sum);
    }
    wire.method = "PUT";
    wire.key = upload->key;
    wire.headers = list->items;
    wire.header_count = list->count;
    wire.body = content.data;
    wire.body_size = content.size;
    wire.digest = &digest;
    wire.answer_max = ANSWER_MAX;
    BSI_TRY(bsi_s3_send(upload->conn, call, &wire, &answer));
    if (!take_etag(&answer, out->etag)) {
        status = bsi_s3_not_s3(upload->conn, "takes an upload without naming it");
    }
    if (status == BS_OK) {
        status = check_sum(upload->conn, &answer, out->sum);
    }
    bsi_http_answer_dispose(&answer);
    return status;
}

/* --- Parts --- */

static bs_status send_part(void *user, const bs_call *call, const bsi_part *part, void *result)
{
    bsi_s3_upload *upload = user;
    char number[16];
    const bsi_uri_pair query[] = {{"partNumber", number}, {"uploadId", upload->id}};
    const bsi_wire_request request = {.query = query, .query_count = BSI_ARRAY_SIZE(query)};
    bsi_wire_headers list = {.count = 0};

    (void)snprintf(number, sizeof(number), "%" PRIu32, part->number);
    return put(upload, call, (bsi_slice){part->data, part->size}, &request, &list, result);
}

static bs_status begin_parts(void *user, const bs_call *call)
{
    static const bsi_uri_pair query[] = {{"uploads", NULL}};
    bsi_s3_upload *upload = user;
    bsi_wire_headers list = {.count = 0};
    bsi_wire_request request = {.method = "POST",
                                .key = upload->key,
                                .query = query,
                                .query_count = BSI_ARRAY_SIZE(query),
                                .answer_max = ANSWER_MAX};
    bsi_http_answer answer;
    bsi_buf id;
    bs_status status = BS_OK;

    add_object_headers(upload, &list);
    bsi_wire_add(&list, "x-amz-checksum-algorithm", upload->plan->checksums ? "SHA256" : NULL);
    request.headers = list.items;
    request.header_count = list.count;
    BSI_TRY(bsi_s3_send(upload->conn, call, &request, &answer));
    bsi_buf_init(&id, ANSWER_MAX);
    status =
        bsi_s3_upload_id_parse((bsi_slice){(const char *)answer.text.data, answer.text.size}, &id);
    bsi_http_answer_dispose(&answer);
    if (status == BS_OK) {
        upload->id = bsi_buf_take_text(&id);
        status = upload->id ? BS_OK : BS_E_NOMEM;
    }
    bsi_buf_dispose(&id);
    return status;
}

static const bsi_parts_methods part_methods = {begin_parts, send_part};

/* --- The end --- */

static bool has_mark(const bsi_s3_upload *upload, const bsi_http_answer *answer)
{
    bsi_slice mark = {NULL, 0};

    return bsi_http_header(answer, MARK_HEADER, &mark) && bsi_slice_is(mark, upload->mark);
}

static bs_status look(void *user, const bs_call *call, bool *ours_out)
{
    const bsi_s3_upload *upload = user;
    bsi_http_answer answer;
    uint64_t size = 0;

    BSI_TRY(bsi_s3_head(upload->conn, call, upload->key, &answer, &size));
    *ours_out = has_mark(upload, &answer) && size == bsi_parts_size(upload->parts);
    bsi_http_answer_dispose(&answer);
    return BS_OK;
}

static void add_condition(const bsi_s3_upload *upload, bsi_wire_headers *list)
{
    bsi_wire_add(list, "if-none-match", upload->exclusive ? "*" : NULL);
}

static bs_status put_whole(bsi_s3_upload *upload, const bs_call *call)
{
    const bsi_wire_request request = {.query_count = 0};
    bsi_wire_headers list = {.count = 0};
    sent unused;
    bs_status status = BS_OK;

    add_object_headers(upload, &list);
    add_condition(upload, &list);
    status = put(upload, call, bsi_parts_whole(upload->parts), &request, &list, &unused);
    return status == BS_E_EXISTS ? bsi_mark_find_out(look, upload, call, status) : status;
}

static bs_status append_part(const bsi_s3_upload *upload, uint32_t number, bsi_buf *out)
{
    const sent *one = bsi_parts_result(upload->parts, number);

    BSI_TRY(bsi_buf_append_format(out, "<Part><PartNumber>%" PRIu32 "</PartNumber><ETag>%s</ETag>",
                                  number, one->etag));
    if (one->sum[0]) {
        BSI_TRY(bsi_buf_append_format(out, "<ChecksumSHA256>%s</ChecksumSHA256>", one->sum));
    }
    return bsi_buf_append_text(out, "</Part>");
}

static bs_status write_list(const bsi_s3_upload *upload, bsi_buf *out)
{
    BSI_TRY(bsi_buf_append_text(out, "<CompleteMultipartUpload "
                                     "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"));
    for (uint32_t number = 1; number <= bsi_parts_count(upload->parts); number++) {
        BSI_TRY(append_part(upload, number, out));
    }
    return bsi_buf_append_text(out, "</CompleteMultipartUpload>");
}

/* An error may come with status 200, as the service begins to answer before it has done it. */
static bs_status read_completion(const bsi_s3_upload *upload, const bsi_http_answer *answer,
                                 bsi_service_error *error)
{
    const bsi_slice text = {(const char *)answer->text.data, answer->text.size};

    if (bsi_service_error_parse(text, error)) {
        return bsi_s3_refused(upload->conn, answer, error);
    }
    return bsi_s3_complete_parse(text);
}

static bs_status complete(bsi_s3_upload *upload, const bs_call *call, const bsi_buf *list,
                          bsi_service_error *error)
{
    const bsi_uri_pair query[] = {{"uploadId", upload->id}};
    bsi_wire_headers extra = {.count = 0};
    bsi_wire_request request = {.method = "POST",
                                .key = upload->key,
                                .query = query,
                                .query_count = BSI_ARRAY_SIZE(query),
                                .body = list->data,
                                .body_size = list->size,
                                .answer_max = ANSWER_MAX,
                                .error = error};
    bsi_http_answer answer;
    bs_status status = BS_OK;

    add_condition(upload, &extra);
    request.headers = extra.items;
    request.header_count = extra.count;
    BSI_TRY(bsi_s3_send(upload->conn, call, &request, &answer));
    status = read_completion(upload, &answer, error);
    bsi_http_answer_dispose(&answer);
    return status;
}

/* Parts in a wrong order or twice would be found here at the latest, and locks that are none. */
static bs_status check_stored(const bsi_s3_upload *upload, const bs_call *call)
{
    bsi_http_answer answer;
    uint64_t size = 0;
    bs_status status = BS_OK;

    BSI_TRY(bsi_s3_head(upload->conn, call, upload->key, &answer, &size));
    if (has_mark(upload, &answer) && size != bsi_parts_size(upload->parts)) {
        status = bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                          "the server has %" PRIu64 " bytes of %" PRIu64 " that were sent", size,
                          bsi_parts_size(upload->parts));
    } else {
        status = bsi_s3_lock_check_object(&upload->plan->lock, upload->until, &answer);
    }
    bsi_http_answer_dispose(&answer);
    return status;
}

static bs_status make_object(bsi_s3_upload *upload, const bs_call *call)
{
    bsi_service_error error = {.code = ""};
    bsi_buf list;
    bs_status status = BS_OK;

    bsi_buf_init(&list, COMPLETE_MAX);
    status = write_list(upload, &list);
    if (status == BS_OK) {
        status = complete(upload, call, &list, &error);
    }
    bsi_buf_dispose(&list);
    if (status == BS_E_EXISTS || strcmp(error.code, "NoSuchUpload") == 0) {
        status = bsi_mark_find_out(look, upload, call, status);
    }
    return status;
}

static bs_status commit_parts(bsi_s3_upload *upload, const bs_call *call)
{
    if (!upload->complete) {
        BSI_TRY(bsi_parts_finish(upload->parts, call));
        BSI_TRY(make_object(upload, call));
        upload->complete = true;
    }
    return check_stored(upload, call);
}

static bs_status commit_whole(bsi_s3_upload *upload, const bs_call *call)
{
    if (!upload->complete) {
        BSI_TRY(put_whole(upload, call));
        upload->complete = true;
    }
    return bsi_s3_lock_is_set(&upload->plan->lock) ? check_stored(upload, call) : BS_OK;
}

/* --- The methods --- */

static bs_status prepare(bsi_s3_upload *upload, const char *key,
                         const bs_storage_put_options *options)
{
    const bsi_s3_upload_plan *plan = upload->plan;
    const bsi_parts_plan parts = {
        .part_size = plan->part_size,
        .part_size_max = BSI_S3_PART_MAX,
        .expected_size = options->expected_size,
        .parts_max = BSI_S3_PARTS_MAX,
        .advice = "a larger part_size_mib makes fewer",
        .parallel = plan->parallel,
        .patchable = (options->flags & BS_STORAGE_PUT_PATCHABLE) != 0,
        .result_size = sizeof(sent),
    };

    BSI_TRY(bsi_mark_make(upload->mark));
    BSI_TRY(bsi_s3_lock_until(&plan->lock, upload->until));
    BSI_TRY(bsi_parts_new(&parts, &part_methods, upload, &upload->parts));
    upload->key = bsi_strdup(key);
    return upload->key ? BS_OK : BS_E_NOMEM;
}

bs_status bsi_s3_upload_begin(bsi_s3_conn *conn, const bsi_s3_upload_plan *plan, const char *key,
                              const bs_storage_put_options *options, bsi_s3_upload **out)
{
    bsi_s3_upload *upload = NULL;
    bs_status status = bsi_s3_check_key(conn, key);

    if (status < 0) {
        return status;
    }
    upload = bsi_calloc(1, sizeof(*upload));
    if (!upload) {
        return BS_E_NOMEM;
    }
    upload->conn = conn;
    upload->plan = plan;
    upload->exclusive = (options->flags & BS_STORAGE_PUT_EXCLUSIVE) != 0;
    status = prepare(upload, key, options);
    if (status < 0) {
        bsi_s3_upload_abort(upload);
        return status;
    }
    *out = upload;
    return BS_OK;
}

bs_status bsi_s3_upload_write(bsi_s3_upload *upload, const bs_call *call, const void *data,
                              size_t size)
{
    return bsi_parts_write(upload->parts, call, data, size);
}

void bsi_s3_upload_patch(bsi_s3_upload *upload, uint64_t offset, const void *data, size_t size)
{
    bsi_parts_patch(upload->parts, offset, data, size);
}

static void upload_free(bsi_s3_upload *upload)
{
    bsi_parts_free(upload->parts);
    bsi_free(upload->id);
    bsi_free(upload->key);
    bsi_free(upload);
}

bs_status bsi_s3_upload_commit(bsi_s3_upload *upload, const bs_call *call)
{
    const bs_status status = upload->id ? commit_parts(upload, call) : commit_whole(upload, call);

    if (status == BS_OK) {
        upload_free(upload);
    }
    return status;
}

void bsi_s3_upload_abort(bsi_s3_upload *upload)
{
    bs_error before;

    bsi_error_save(&before);
    bsi_parts_stop(upload->parts);
    if (upload->id && !upload->complete) {
        const bs_call call = {.deadline_ns = bsi_monotonic_ns() + ABORT_S * INT64_C(1000000000)};
        const bs_status status = bsi_s3_upload_end(upload->conn, &call, upload->key, upload->id);
        (void)status; /* A sweep finds it later. */
    }
    upload_free(upload);
    bsi_error_restore(&before);
}

bs_status bsi_s3_upload_end(bsi_s3_conn *conn, const bs_call *call, const char *key, const char *id)
{
    const bsi_uri_pair query[] = {{"uploadId", id}};
    bsi_service_error error = {.code = ""};
    const bsi_wire_request request = {.method = "DELETE",
                                      .key = key,
                                      .query = query,
                                      .query_count = BSI_ARRAY_SIZE(query),
                                      .answer_max = ANSWER_MAX,
                                      .error = &error};
    bsi_http_answer answer;
    const bs_status status = bsi_s3_send(conn, call, &request, &answer);

    if (status == BS_OK) {
        bsi_http_answer_dispose(&answer);
    }
    return strcmp(error.code, "NoSuchUpload") == 0 ? BS_OK : status;
}
