/* SPDX-License-Identifier: MIT */
/*
 * Uploads to a container, whole or in blocks. Source: "Put Blob", "Put Block" and
 * "Put Block List" in the Azure Storage REST API reference.
 */
#include "storage/drivers/azure_upload.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "storage/drivers/parts.h"
#include "text/base64.h"

/* Whose a blob is, where an answer got lost. */
#define MARK_HEADER "x-ms-meta-bstupload"

enum {
    ID_PLAIN = 24, /* Half of the mark, and a number. Of one length in all of a blob. */
    ID_SIZE = 33,  /* In base 64, with the NUL. */
    MARK_IN_ID = 16,
    ANSWER_MAX = 64 * 1024,
    LIST_MAX = BSI_AZURE_BLOCKS_MAX * (ID_SIZE + 20) + 200,
};

struct bsi_azure_upload {
    bsi_azure_conn *conn;
    const bsi_azure_upload_plan *plan;
    char *key;
    char mark[BSI_MARK_SIZE];
    bsi_azure_until until;
    bool exclusive;
    bsi_parts *parts;
    bool missing;  /* Whoever looked has found no blob. */
    bool complete; /* It is a blob; only the look at it is left. */
};

/* --- Requests --- */

static void add_blob_headers(const bsi_azure_upload *upload, bsi_wire_headers *list)
{
    const bsi_azure_upload_plan *plan = upload->plan;

    bsi_wire_add(list, MARK_HEADER, upload->mark);
    bsi_wire_add(list, "x-ms-blob-content-type", "application/octet-stream");
    bsi_wire_add(list, "x-ms-access-tier", plan->tier);
    bsi_azure_lock_add(&plan->lock, &upload->until, list);
    bsi_wire_add(list, "if-none-match", upload->exclusive ? "*" : NULL);
}

/* PUT some bytes: a whole blob, a block, or the list of them. */
static bs_status put(const bsi_azure_upload *upload, const bs_call *call, bsi_slice content,
                     const bsi_wire_request *request, bsi_wire_headers *list)
{
    char sum[BSI_AZURE_SUM_SIZE];
    bsi_http_answer answer;
    bsi_wire_request wire = *request;
    const bsi_azure_sums sums = upload->conn->sums;
    bs_status status = BS_OK;

    BSI_TRY(bsi_azure_sum(upload->conn, sums, content, sum));
    bsi_wire_add(list, bsi_azure_sum_header(sums), sum);
    bsi_wire_add(list, "x-ms-encryption-scope", upload->plan->scope);
    wire.method = "PUT";
    wire.key = upload->key;
    wire.headers = list->items;
    wire.header_count = list->count;
    wire.body = content.data;
    wire.body_size = content.size;
    wire.answer_max = ANSWER_MAX;
    BSI_TRY(bsi_azure_send(upload->conn, call, &wire, 201, &answer));
    status = bsi_azure_check_sum(upload->conn, sums, &answer, sum);
    bsi_http_answer_dispose(&answer);
    return status;
}

/* --- Blocks --- */

static bs_status make_id(const bsi_azure_upload *upload, uint32_t number, bsi_buf *out)
{
    char plain[ID_PLAIN + 1];

    (void)snprintf(plain, sizeof(plain), "%.*s%08" PRIu32, MARK_IN_ID, upload->mark, number);
    return bsi_base64_encode(plain, ID_PLAIN, out);
}

static bs_status send_block(void *user, const bs_call *call, const bsi_part *part, void *result)
{
    const bsi_azure_upload *upload = user;
    char id[ID_SIZE];
    const bsi_uri_pair query[] = {{"comp", "block"}, {"blockid", id}};
    const bsi_wire_request request = {.query = query, .query_count = BSI_ARRAY_SIZE(query)};
    bsi_wire_headers list = {.count = 0};
    bsi_buf text;
    bs_status status = BS_OK;

    (void)result;
    bsi_buf_init(&text, ID_SIZE - 1);
    status = make_id(upload, part->number, &text);
    if (status == BS_OK) {
        (void)snprintf(id, sizeof(id), "%.*s", (int)text.size, (const char *)text.data);
        status = put(upload, call, (bsi_slice){part->data, part->size}, &request, &list);
    }
    bsi_buf_dispose(&text);
    return status;
}

static const bsi_parts_methods block_methods = {NULL, send_block};

static bs_status write_list(const bsi_azure_upload *upload, bsi_buf *out)
{
    BSI_TRY(bsi_buf_append_text(out, "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>"));
    for (uint32_t number = 1; number <= bsi_parts_count(upload->parts); number++) {
        BSI_TRY(bsi_buf_append_text(out, "<Latest>"));
        BSI_TRY(make_id(upload, number, out));
        BSI_TRY(bsi_buf_append_text(out, "</Latest>"));
    }
    return bsi_buf_append_text(out, "</BlockList>");
}

/* --- The end --- */

static bool has_mark(const bsi_azure_upload *upload, const bsi_http_answer *answer)
{
    bsi_slice mark = {NULL, 0};

    return bsi_http_header(answer, MARK_HEADER, &mark) && bsi_slice_is(mark, upload->mark);
}

static bs_status look(void *user, const bs_call *call, bool *ours_out)
{
    bsi_azure_upload *upload = user;
    bsi_http_answer answer;
    uint64_t size = 0;
    const bs_status status = bsi_azure_head(upload->conn, call, upload->key, &answer, &size);

    upload->missing = status == BS_E_NOT_FOUND;
    if (status < 0) {
        return status;
    }
    *ours_out = has_mark(upload, &answer) && size == bsi_parts_size(upload->parts);
    bsi_http_answer_dispose(&answer);
    return BS_OK;
}

static bs_status commit_list(bsi_azure_upload *upload, const bs_call *call, const bsi_buf *list)
{
    static const bsi_uri_pair query[] = {{"comp", "blocklist"}};
    bsi_service_error error = {.code = ""};
    const bsi_wire_request request = {
        .query = query, .query_count = BSI_ARRAY_SIZE(query), .error = &error};
    bsi_wire_headers headers = {.count = 0};
    bs_status status = BS_OK;

    add_blob_headers(upload, &headers);
    status = put(upload, call, bsi_buf_slice(list), &request, &headers);
    if (status == BS_E_EXISTS || strcmp(error.code, "InvalidBlockList") == 0) {
        status = bsi_mark_find_out(look, upload, call, status);
    }
    return status;
}

static bs_status put_blocks(bsi_azure_upload *upload, const bs_call *call)
{
    bsi_buf list;
    bs_status status = BS_OK;

    BSI_TRY(bsi_parts_finish(upload->parts, call));
    bsi_buf_init(&list, LIST_MAX);
    status = write_list(upload, &list);
    if (status == BS_OK) {
        status = commit_list(upload, call, &list);
    }
    bsi_buf_dispose(&list);
    return status;
}

/*
 * Some servers say that there is a blob where there are but blocks that somebody has left; among
 * blocks they make the difference.
 */
static bs_status put_whole(bsi_azure_upload *upload, const bs_call *call)
{
    const bsi_wire_request request = {.query_count = 0};
    bsi_wire_headers list = {.count = 0};
    bs_status status = BS_OK;

    bsi_wire_add(&list, "x-ms-blob-type", "BlockBlob");
    add_blob_headers(upload, &list);
    status = put(upload, call, bsi_parts_whole(upload->parts), &request, &list);
    if (status == BS_E_EXISTS) {
        status = bsi_mark_find_out(look, upload, call, status);
    }
    return status == BS_E_EXISTS && upload->missing ? put_blocks(upload, call) : status;
}

/* Blocks in a wrong order or twice would be found here at the latest, and locks that are none. */
static bs_status check_stored(const bsi_azure_upload *upload, const bs_call *call)
{
    bsi_http_answer answer;
    uint64_t size = 0;
    bs_status status = BS_OK;

    BSI_TRY(bsi_azure_head(upload->conn, call, upload->key, &answer, &size));
    if (has_mark(upload, &answer) && size != bsi_parts_size(upload->parts)) {
        status = bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                          "the server has %" PRIu64 " bytes of %" PRIu64 " that were sent", size,
                          bsi_parts_size(upload->parts));
    } else {
        status = bsi_azure_lock_check_blob(&upload->plan->lock, &upload->until, &answer);
    }
    bsi_http_answer_dispose(&answer);
    return status;
}

/* --- The methods --- */

static bs_status prepare(bsi_azure_upload *upload, const char *key,
                         const bs_storage_put_options *options)
{
    const bsi_azure_upload_plan *plan = upload->plan;
    const bsi_parts_plan parts = {
        .part_size = plan->block_size,
        .part_size_max = BSI_AZURE_BLOCK_MAX,
        .expected_size = options->expected_size,
        .parts_max = BSI_AZURE_BLOCKS_MAX,
        .advice = "a larger block_size_mib makes fewer",
        .parallel = plan->parallel,
        .patchable = (options->flags & BS_STORAGE_PUT_PATCHABLE) != 0,
    };

    BSI_TRY(bsi_mark_make(upload->mark));
    BSI_TRY(bsi_azure_lock_until(&plan->lock, &upload->until));
    BSI_TRY(bsi_parts_new(&parts, &block_methods, upload, &upload->parts));
    upload->key = bsi_strdup(key);
    return upload->key ? BS_OK : BS_E_NOMEM;
}

static void upload_free(bsi_azure_upload *upload)
{
    bsi_parts_free(upload->parts);
    bsi_free(upload->key);
    bsi_free(upload);
}

bs_status bsi_azure_upload_begin(bsi_azure_conn *conn, const bsi_azure_upload_plan *plan,
                                 const char *key, const bs_storage_put_options *options,
                                 bsi_azure_upload **out)
{
    bsi_azure_upload *upload = bsi_calloc(1, sizeof(*upload));
    bs_status status = BS_OK;

    if (!upload) {
        return BS_E_NOMEM;
    }
    upload->conn = conn;
    upload->plan = plan;
    upload->exclusive = (options->flags & BS_STORAGE_PUT_EXCLUSIVE) != 0;
    status = prepare(upload, key, options);
    if (status < 0) {
        upload_free(upload);
        return status;
    }
    *out = upload;
    return BS_OK;
}

bs_status bsi_azure_upload_write(bsi_azure_upload *upload, const bs_call *call, const void *data,
                                 size_t size)
{
    return bsi_parts_write(upload->parts, call, data, size);
}

void bsi_azure_upload_patch(bsi_azure_upload *upload, uint64_t offset, const void *data,
                            size_t size)
{
    bsi_parts_patch(upload->parts, offset, data, size);
}

bs_status bsi_azure_upload_commit(bsi_azure_upload *upload, const bs_call *call)
{
    const bool in_blocks = bsi_parts_have_begun(upload->parts);

    if (!upload->complete) {
        BSI_TRY(in_blocks ? put_blocks(upload, call) : put_whole(upload, call));
        upload->complete = true;
    }
    if (in_blocks || bsi_azure_lock_is_set(&upload->plan->lock)) {
        BSI_TRY(check_stored(upload, call));
    }
    upload_free(upload);
    return BS_OK;
}

/* Blocks that were sent are nothing that can be seen or removed; the service forgets them. */
void bsi_azure_upload_abort(bsi_azure_upload *upload)
{
    bs_error before;

    bsi_error_save(&before);
    bsi_parts_stop(upload->parts);
    upload_free(upload);
    bsi_error_restore(&before);
}
