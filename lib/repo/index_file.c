/* SPDX-License-Identifier: MIT */
/*
 * Reading and writing index files. What is read is taken as restic takes it:
 * members in any order, null for an empty list, hex digits of any case.
 */
#include "repo/index_file.h"

#include <inttypes.h>

#include "base/ascii.h"
#include "repo/pack.h"
#include "text/json_read.h"

enum { SCRATCH_MAX = 4096, ID_DIGITS = 2 * BSI_SHA256_SIZE };

/* --- Reading --- */

typedef struct index_parser {
    bsi_json_reader json;
    uint32_t version;
    bsi_index_pack_cb callback;
    void *user;
    bsi_buf scratch;     /* Strings with escapes. */
    bsi_blob_list blobs; /* Of the present pack. */
} index_parser;

/* A member of one of the file's objects. */
typedef bs_status (*member_cb)(index_parser *self, bsi_slice key, void *user);

static bs_status each_member(index_parser *self, member_cb member, void *user)
{
    bsi_slice key = {0};
    bs_status status = bsi_json_enter_object(&self->json);

    while (status == BS_OK) {
        status = bsi_json_next_key(&self->json, &key);
        if (status == BS_OK) {
            status = member(self, key, user);
        }
    }
    return status < 0 ? status : BS_OK;
}

/* An array, or null, which is how Go writes an empty one. */
static bs_status each_item(index_parser *self, bs_status (*item)(index_parser *self))
{
    bs_status status = BS_OK;

    if (bsi_json_peek(&self->json) == BSI_JSON_NULL) {
        return bsi_json_read_null(&self->json);
    }
    status = bsi_json_enter_array(&self->json);
    while (status == BS_OK) {
        status = bsi_json_next_item(&self->json);
        if (status == BS_OK) {
            status = item(self);
        }
    }
    return status < 0 ? status : BS_OK;
}

static bs_status read_id(index_parser *self, bsi_digest *out)
{
    char lower[ID_DIGITS];
    bsi_slice text = {0};

    BSI_TRY(bsi_json_read_string(&self->json, &self->scratch, &text));
    for (size_t i = 0; i < text.size && i < sizeof(lower); i++) {
        lower[i] = bsi_lower(text.data[i]);
    }
    if (text.size != sizeof(lower) || bsi_digest_parse(lower, sizeof(lower), out) < 0) {
        return bsi_json_fail(&self->json, "an id is not of %d hex digits", ID_DIGITS);
    }
    return BS_OK;
}

static bs_status read_u32(index_parser *self, uint32_t *out)
{
    uint64_t value = 0;

    BSI_TRY(bsi_json_read_u64(&self->json, &value));
    if (value > UINT32_MAX) {
        return bsi_json_fail(&self->json, "%" PRIu64 " is more than 4 GiB", value);
    }
    *out = (uint32_t)value;
    return BS_OK;
}

static bs_status read_type(index_parser *self, bsi_blob_type *out)
{
    bsi_slice text = {0};

    BSI_TRY(bsi_json_read_string(&self->json, &self->scratch, &text));
    if (bsi_slice_is(text, bsi_blob_type_name(BSI_BLOB_DATA))) {
        *out = BSI_BLOB_DATA;
    } else if (bsi_slice_is(text, bsi_blob_type_name(BSI_BLOB_TREE))) {
        *out = BSI_BLOB_TREE;
    } else {
        return bsi_json_fail(&self->json, "a blob is neither data nor tree");
    }
    return BS_OK;
}

/* A blob, and which of its members were there. */
typedef struct parsed_blob {
    bsi_blob blob;
    bool has_id;
    bool has_type;
    bool has_offset;
    bool has_size;
} parsed_blob;

static bs_status blob_member(index_parser *self, bsi_slice key, void *user)
{
    parsed_blob *parsed = user;

    if (bsi_slice_is(key, "id")) {
        parsed->has_id = true;
        return read_id(self, &parsed->blob.id);
    }
    if (bsi_slice_is(key, "type")) {
        parsed->has_type = true;
        return read_type(self, &parsed->blob.type);
    }
    if (bsi_slice_is(key, "offset")) {
        parsed->has_offset = true;
        return read_u32(self, &parsed->blob.offset);
    }
    if (bsi_slice_is(key, "length")) {
        parsed->has_size = true;
        return read_u32(self, &parsed->blob.size);
    }
    if (bsi_slice_is(key, "uncompressed_length")) {
        return read_u32(self, &parsed->blob.plain_size);
    }
    return bsi_json_skip(&self->json);
}

static bs_status parse_blob(index_parser *self)
{
    parsed_blob parsed = {0};

    if (self->blobs.count == BSI_PACK_BLOBS_MAX) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_LIMIT, "more than %d blobs in a pack",
                        BSI_PACK_BLOBS_MAX);
    }
    BSI_TRY(each_member(self, blob_member, &parsed));
    if (!parsed.has_id || !parsed.has_type || !parsed.has_offset || !parsed.has_size) {
        return bsi_json_fail(&self->json, "a blob lacks its id, type, offset or length");
    }
    BSI_TRY(bsi_blob_check(&parsed.blob, self->version));
    if (parsed.blob.size > UINT32_MAX - parsed.blob.offset) {
        return bsi_json_fail(&self->json, "a blob lies behind the first 4 GiB of its pack");
    }
    return bsi_blob_list_add(&self->blobs, &parsed.blob);
}

typedef struct parsed_pack {
    bsi_digest id;
    bool has_id;
} parsed_pack;

static bs_status pack_member(index_parser *self, bsi_slice key, void *user)
{
    parsed_pack *pack = user;

    if (bsi_slice_is(key, "id")) {
        pack->has_id = true;
        return read_id(self, &pack->id);
    }
    if (bsi_slice_is(key, "blobs")) {
        return each_item(self, parse_blob);
    }
    return bsi_json_skip(&self->json);
}

static bs_status parse_pack(index_parser *self)
{
    parsed_pack pack = {0};

    bsi_blob_list_clear(&self->blobs);
    BSI_TRY(each_member(self, pack_member, &pack));
    if (!pack.has_id) {
        return bsi_json_fail(&self->json, "a pack has no id");
    }
    return self->callback(self->user, &pack.id, &self->blobs);
}

static bs_status file_member(index_parser *self, bsi_slice key, void *user)
{
    (void)user;
    if (bsi_slice_is(key, "packs")) {
        return each_item(self, parse_pack);
    }
    return bsi_json_skip(&self->json);
}

bs_status bsi_index_parse(bsi_slice json, uint32_t version, bsi_index_pack_cb callback, void *user)
{
    index_parser self = {.version = version, .callback = callback, .user = user};
    bs_status status = BS_OK;

    bsi_json_init(&self.json, json.data, json.size, BS_LAYER_STORAGE, BS_E_CORRUPT);
    bsi_buf_init(&self.scratch, SCRATCH_MAX);
    if (bsi_json_peek(&self.json) == BSI_JSON_ARRAY) {
        status = bsi_fail(BS_LAYER_STORAGE, BS_E_UNSUPPORTED,
                          "an index as restic wrote them before its version 0.2; restic 0.14 "
                          "makes a new one: rebuild-index");
    } else {
        status = each_member(&self, file_member, NULL);
    }
    if (status == BS_OK) {
        status = bsi_json_end(&self.json);
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
