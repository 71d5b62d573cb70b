/* SPDX-License-Identifier: MIT */
/*
 * Objects by one request: from bytes, or of others. Source: "Objects: insert" (multipart) and
 * "Objects: compose" in the JSON API's reference.
 */
#include "storage/drivers/gcs_object.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "storage/drivers/parts.h"
#include "text/json_write.h"

enum {
    BODY_MAX = 64 * 1024, /* But for the bytes of the object. */
    ANSWER_MAX = 256 * 1024,
    LINE_SIZE = 128,
};

#define FIELDS "kind,size,generation,updated,crc32c,metadata"

/* --- What is stored --- */

bs_status bsi_gcs_check_stored(const bsi_gcs_target *target, const bs_call *call,
                               const bsi_gcs_object *object, uint64_t size, uint32_t crc32c)
{
    char sum[BSI_GCS_SUM_SIZE];
    bs_status status = BS_OK;

    BSI_TRY(bsi_gcs_sum_format(crc32c, sum));
    if (object->size == size && strcmp(object->sum, sum) == 0) {
        return BS_OK;
    }
    status = bsi_gcs_remove(target->conn, call, target->key, object->generation);
    (void)status; /* What is wrong with the object counts, and the next put replaces it. */
    if (object->size != size) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_IO,
                        "the server has %" PRIu64 " bytes of %" PRIu64 " that were sent",
                        object->size, size);
    }
    return bsi_fail(BS_LAYER_STORAGE, BS_E_IO,
                    "the server tells another checksum than that of what was sent");
}

/* A target, and the size that its object would have. */
typedef struct made {
    const bsi_gcs_target *target;
    uint64_t size;
} made;

static bs_status look(void *user, const bs_call *call, bool *ours_out)
{
    const made *self = user;
    bsi_gcs_object object;

    BSI_TRY(bsi_gcs_describe(self->target->conn, call, self->target->key, &object));
    *ours_out = strcmp(object.mark, self->target->mark) == 0 && object.size == self->size;
    return BS_OK;
}

bs_status bsi_gcs_find_out(const bsi_gcs_target *target, const bs_call *call, uint64_t size,
                           bs_status refusal)
{
    made self = {target, size};

    return bsi_mark_find_out(look, &self, call, refusal);
}

static bs_status take_object(const bsi_gcs_target *target, const bs_call *call,
                             const bsi_http_answer *answer, uint64_t size, uint32_t crc32c)
{
    bsi_gcs_object object;

    BSI_TRY(bsi_gcs_object_parse(bsi_buf_slice(&answer->text), &object));
    return bsi_gcs_check_stored(target, call, &object, size, crc32c);
}

static bs_status make(const bsi_gcs_target *target, const bs_call *call,
                      const bsi_gcs_request *request, uint64_t size, uint32_t crc32c)
{
    bsi_http_answer answer;
    bs_status status = bsi_gcs_send(target->conn, call, request, &answer);

    if (status == BS_E_EXISTS) {
        return bsi_gcs_find_out(target, call, size, status);
    }
    if (status < 0) {
        return status;
    }
    status = take_object(target, call, &answer, size, crc32c);
    bsi_http_answer_dispose(&answer);
    return status;
}

/* --- From bytes --- */

/* A body in three parts, of which the second is the object's bytes. */
typedef struct body {
    bsi_buf head;
    bsi_slice content;
    bsi_buf tail;
} body;

static void copy_part(bsi_slice part, uint64_t *skip, uint8_t **out, size_t *left)
{
    const size_t passed = (size_t)bsi_min_u64(*skip, part.size);
    const size_t size = bsi_min_size(part.size - passed, *left);

    if (size > 0) {
        memcpy(*out, part.data + passed, size);
    }
    *skip -= passed;
    *out += size;
    *left -= size;
}

static bs_status give_body(void *user, uint64_t offset, void *out, size_t size)
{
    const body *self = user;
    uint8_t *at = out;

    copy_part(bsi_buf_slice(&self->head), &offset, &at, &size);
    copy_part(self->content, &offset, &at, &size);
    copy_part(bsi_buf_slice(&self->tail), &offset, &at, &size);
    return BS_OK;
}

/* The boundary has the upload's mark in it, so that it is not in the bytes but by 128-bit chance.
 */
static bs_status write_body(const bsi_gcs_target *target, uint32_t crc32c, body *self)
{
    char sum[BSI_GCS_SUM_SIZE];

    BSI_TRY(bsi_gcs_sum_format(crc32c, sum));
    BSI_TRY(bsi_buf_append_format(&self->head,
                                  "--bst-%s\r\nContent-Type: application/json; "
                                  "charset=UTF-8\r\n\r\n",
                                  target->mark));
    BSI_TRY(bsi_gcs_write_description(target, sum, &self->head));
    BSI_TRY(bsi_buf_append_format(&self->head,
                                  "\r\n--bst-%s\r\nContent-Type: application/octet-stream\r\n\r\n",
                                  target->mark));
    return bsi_buf_append_format(&self->tail, "\r\n--bst-%s--\r\n", target->mark);
}

static bs_status put_body(const bsi_gcs_target *target, const bs_call *call, body *self,
                          uint32_t crc32c)
{
    char type[LINE_SIZE];
    const char *const headers[] = {type, NULL};
    const bsi_uri_pair query[] = {
        {"uploadType", "multipart"}, {"fields", FIELDS}, BSI_GCS_ONLY_IF_NEW};
    const bsi_gcs_request request = {
        .method = "POST",
        .is_upload = true,
        .query = query,
        .query_count = BSI_ARRAY_SIZE(query) - (target->exclusive ? 0 : 1),
        .headers = headers,
        .source = give_body,
        .source_user = self,
        .body_size = self->head.size + self->content.size + self->tail.size,
        .answer_max = ANSWER_MAX};

    (void)snprintf(type, sizeof(type), "Content-Type: multipart/related; boundary=bst-%s",
                   target->mark);
    return make(target, call, &request, self->content.size, crc32c);
}

bs_status bsi_gcs_put(const bsi_gcs_target *target, const bs_call *call, const void *data,
                      size_t size, uint32_t crc32c)
{
    body self = {.content = {data, size}};
    bs_status status = BS_OK;

    bsi_buf_init(&self.head, BODY_MAX);
    bsi_buf_init(&self.tail, BODY_MAX);
    status = write_body(target, crc32c, &self);
    if (status == BS_OK) {
        status = put_body(target, call, &self, crc32c);
    }
    bsi_buf_dispose(&self.head);
    bsi_buf_dispose(&self.tail);
    return status;
}

/* --- Of others --- */

static bs_status write_sources(const bsi_gcs_target *target, const char *const keys[2],
                               bsi_buf *out)
{
    bsi_buf description;
    bsi_json_writer writer;
    bs_status status = BS_OK;

    bsi_buf_init(&description, BODY_MAX);
    status = bsi_gcs_write_description(target, NULL, &description);
    if (status == BS_OK) {
        bsi_json_writer_init(&writer, out, BSI_JSON_COMPACT);
        bsi_json_begin_object(&writer);
        bsi_json_write_key(&writer, "sourceObjects");
        bsi_json_begin_array(&writer);
        for (size_t i = 0; i < 2; i++) {
            char name[BSI_GCS_NAME_MAX + 1];
            (void)snprintf(name, sizeof(name), "%s%s", target->conn->prefix, keys[i]);
            bsi_json_begin_object(&writer);
            bsi_json_put_text(&writer, "name", name);
            bsi_json_end_object(&writer);
        }
        bsi_json_end_array(&writer);
        bsi_json_write_key(&writer, "destination");
        bsi_json_write_raw(&writer, bsi_buf_slice(&description));
        bsi_json_end_object(&writer);
        status = bsi_json_writer_finish(&writer);
    }
    bsi_buf_dispose(&description);
    return status;
}

bs_status bsi_gcs_compose(const bsi_gcs_target *target, const bs_call *call,
                          const char *const keys[2], uint64_t size, uint32_t crc32c)
{
    static const char *const headers[] = {"Content-Type: application/json; charset=UTF-8", NULL};
    const bsi_uri_pair query[] = {{"fields", FIELDS}, BSI_GCS_ONLY_IF_NEW};
    bsi_gcs_request request = {.method = "POST",
                               .key = target->key,
                               .action = "compose",
                               .query = query,
                               .query_count = BSI_ARRAY_SIZE(query) - (target->exclusive ? 0 : 1),
                               .headers = headers,
                               .answer_max = ANSWER_MAX};
    bsi_buf sources;
    bs_status status = BS_OK;

    bsi_buf_init(&sources, BODY_MAX);
    status = write_sources(target, keys, &sources);
    if (status == BS_OK) {
        request.body = sources.data;
        request.body_size = sources.size;
        status = make(target, call, &request, size, crc32c);
    }
    bsi_buf_dispose(&sources);
    return status;
}
