/* SPDX-License-Identifier: MIT */
/*
 * Reading and writing index files. What is read is taken as restic takes it:
 * members in any order, null for an empty list, hex digits of any case.
 */
#include "repo/index_file.h"

#include <inttypes.h>

#include "repo/json_parts.h"
#include "repo/pack.h"

enum { SCRATCH_MAX = 4096, ID_DIGITS = 2 * BSI_SHA256_SIZE };

/* --- Reading --- */

typedef struct index_parser {
    uint32_t version;
    bsi_index_pack_cb callback;
    void *user;
    bsi_buf scratch;     /* Strings with escapes. */
    bsi_blob_list blobs; /* Of the present pack. */

    bsi_blob blob; /* The present one. */
    unsigned have; /* Which of its members were there. */
} index_parser;

enum {
    HAVE_ID = 1,
    HAVE_TYPE = 2,
    HAVE_OFFSET = 4,
    HAVE_SIZE = 8,
    HAVE_BLOB = HAVE_ID | HAVE_TYPE | HAVE_OFFSET | HAVE_SIZE,
};

static bs_status read_type(bsi_json_reader *json, index_parser *self)
{
    bsi_slice text = {0};

    BSI_TRY(bsi_json_read_string(json, &self->scratch, &text));
    if (bsi_slice_is(text, bsi_blob_type_name(BSI_BLOB_DATA))) {
        self->blob.type = BSI_BLOB_DATA;
    } else if (bsi_slice_is(text, bsi_blob_type_name(BSI_BLOB_TREE))) {
        self->blob.type = BSI_BLOB_TREE;
    } else {
        return bsi_json_fail(json, "a blob is neither data nor tree");
    }
    return BS_OK;
}

static bs_status blob_member(bsi_json_reader *json, bsi_slice key, void *user)
{
    index_parser *self = user;

    if (bsi_slice_is(key, "id")) {
        self->have |= HAVE_ID;
        return bsi_json_read_digest(json, &self->scratch, &self->blob.id);
    }
    if (bsi_slice_is(key, "type")) {
        self->have |= HAVE_TYPE;
        return read_type(json, self);
    }
    if (bsi_slice_is(key, "offset")) {
        self->have |= HAVE_OFFSET;
        return bsi_json_read_u32(json, &self->blob.offset);
    }
    if (bsi_slice_is(key, "length")) {
        self->have |= HAVE_SIZE;
        return bsi_json_read_u32(json, &self->blob.size);
    }
    if (bsi_slice_is(key, "uncompressed_length")) {
        return bsi_json_read_u32(json, &self->blob.plain_size);
    }
    return bsi_json_skip(json);
}

static bs_status parse_blob(bsi_json_reader *json, void *user)
{
    index_parser *self = user;

    if (self->blobs.count == BSI_PACK_BLOBS_MAX) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_LIMIT, "more than %d blobs in a pack",
                        BSI_PACK_BLOBS_MAX);
    }
    self->have = 0;
    self->blob = (bsi_blob){0};
    BSI_TRY(bsi_json_each_member(json, blob_member, self));
    if (self->have != HAVE_BLOB) {
        return bsi_json_fail(json, "a blob lacks its id, type, offset or length");
    }
    BSI_TRY(bsi_blob_check(&self->blob, self->version));
    if (self->blob.size > UINT32_MAX - self->blob.offset) {
        return bsi_json_fail(json, "a blob lies behind the first 4 GiB of its pack");
    }
    return bsi_blob_list_add(&self->blobs, &self->blob);
}

/* Its blobs may come before its id. */
typedef struct pack_parser {
    index_parser *index;
    bsi_digest id;
    bool has_id;
} pack_parser;

static bs_status pack_member(bsi_json_reader *json, bsi_slice key, void *user)
{
    pack_parser *self = user;

    if (bsi_slice_is(key, "id")) {
        self->has_id = true;
        return bsi_json_read_digest(json, &self->index->scratch, &self->id);
    }
    if (bsi_slice_is(key, "blobs")) {
        return bsi_json_each_item(json, parse_blob, self->index);
    }
    return bsi_json_skip(json);
}

static bs_status parse_pack(bsi_json_reader *json, void *user)
{
    index_parser *self = user;
    pack_parser pack = {.index = self};

    bsi_blob_list_clear(&self->blobs);
    BSI_TRY(bsi_json_each_member(json, pack_member, &pack));
    if (!pack.has_id) {
        return bsi_json_fail(json, "a pack has no id");
    }
    return self->callback(self->user, &pack.id, &self->blobs);
}

static bs_status file_member(bsi_json_reader *json, bsi_slice key, void *user)
{
    return bsi_slice_is(key, "packs") ? bsi_json_each_item(json, parse_pack, user)
                                      : bsi_json_skip(json);
}

bs_status bsi_index_parse(bsi_slice text, uint32_t version, bsi_index_pack_cb callback, void *user)
{
    index_parser self = {.version = version, .callback = callback, .user = user};
    bsi_json_reader json;
    bs_status status = BS_OK;

    bsi_json_init(&json, text.data, text.size, BS_LAYER_STORAGE, BS_E_CORRUPT);
    bsi_buf_init(&self.scratch, SCRATCH_MAX);
    if (bsi_json_peek(&json) == BSI_JSON_ARRAY) {
        status = bsi_fail(BS_LAYER_STORAGE, BS_E_UNSUPPORTED,
                          "an index as restic wrote them before its version 0.2; restic 0.14 "
                          "makes a new one: rebuild-index");
    } else {
        status = bsi_json_each_member(&json, file_member, &self);
    }
    if (status == BS_OK) {
        status = bsi_json_end(&json);
    }
    bsi_buf_dispose(&self.scratch);
    bsi_blob_list_dispose(&self.blobs);
    return status;
}

/* --- Writing --- */

void bsi_index_writer_init(bsi_index_writer *writer)
{
    *writer = (bsi_index_writer){0};
    bsi_buf_init(&writer->text, BSI_INDEX_FILE_MAX);
}

void bsi_index_writer_dispose(bsi_index_writer *writer)
{
    bsi_buf_dispose(&writer->text);
}

void bsi_index_writer_clear(bsi_index_writer *writer)
{
    bsi_buf_clear(&writer->text);
    writer->blobs = 0;
    writer->packs = 0;
}

static bs_status write_blob(bsi_buf *out, const bsi_blob *blob, bool first)
{
    char id[ID_DIGITS + 1];

    bsi_digest_format(&blob->id, id);
    BSI_TRY(bsi_buf_append_format(
        out, "%s{\"id\":\"%s\",\"type\":\"%s\",\"offset\":%" PRIu32 ",\"length\":%" PRIu32,
        first ? "" : ",", id, bsi_blob_type_name(blob->type), blob->offset, blob->size));
    if (blob->plain_size > 0) {
        BSI_TRY(bsi_buf_append_format(out, ",\"uncompressed_length\":%" PRIu32, blob->plain_size));
    }
    return bsi_buf_append_byte(out, '}');
}

static bs_status write_pack(bsi_buf *out, const bsi_digest *pack, const bsi_blob_list *blobs,
                            bool first)
{
    char id[ID_DIGITS + 1];

    bsi_digest_format(pack, id);
    BSI_TRY(bsi_buf_append_format(out, "%s{\"id\":\"%s\",\"blobs\":[", first ? "{\"packs\":[" : ",",
                                  id));
    for (size_t i = 0; i < blobs->count; i++) {
        BSI_TRY(write_blob(out, &blobs->items[i], i == 0));
    }
    return bsi_buf_append_text(out, "]}");
}

bs_status bsi_index_writer_add(bsi_index_writer *writer, const bsi_digest *pack,
                               const bsi_blob_list *blobs)
{
    const size_t before = writer->text.size;
    const bs_status status = write_pack(&writer->text, pack, blobs, writer->packs == 0);

    if (status < 0) {
        writer->text.size = before;
        return status;
    }
    writer->packs++;
    writer->blobs += blobs->count;
    return BS_OK;
}

bs_status bsi_index_writer_finish(bsi_index_writer *writer)
{
    return bsi_buf_append_text(&writer->text, writer->packs == 0 ? "{\"packs\":[]}\n" : "]}\n");
}
