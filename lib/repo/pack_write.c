/* SPDX-License-Identifier: MIT */
/*
 * Writing packs. A pack is put together in memory, for its name is the digest
 * of all of it.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/endian.h"
#include "repo/pack_int.h"

enum { KEPT_FACTOR = 4 };

struct bsi_pack_writer {
    size_t target;
    bsi_buf bytes;
    bsi_blob_list blobs;
    bsi_digest id; /* Of a finished one. */
    bool finished;
};

bs_status bsi_pack_writer_new(size_t target, bsi_pack_writer **out)
{
    bsi_pack_writer *self = NULL;

    BSI_CHECK(target > 0 && target <= BSI_PACK_TARGET_MAX);
    self = bsi_calloc(1, sizeof(*self));
    if (!self) {
        return BS_E_NOMEM;
    }
    self->target = target;
    bsi_buf_init(&self->bytes, UINT32_MAX);
    *out = self;
    return BS_OK;
}

void bsi_pack_writer_free(bsi_pack_writer *writer)
{
    if (writer) {
        bsi_buf_dispose(&writer->bytes);
        bsi_blob_list_dispose(&writer->blobs);
        bsi_free(writer);
    }
}

bool bsi_pack_writer_is_empty(const bsi_pack_writer *writer)
{
    return writer->blobs.count == 0;
}

bool bsi_pack_writer_is_full(const bsi_pack_writer *writer)
{
    return writer->bytes.size >= writer->target || writer->blobs.count >= BSI_PACK_BLOBS_MAX;
}

bs_status bsi_pack_writer_add(bsi_pack_writer *writer, const bsi_blob *blob, const void *sealed)
{
    bsi_blob placed = *blob;

    BSI_CHECK(!writer->finished && writer->blobs.count < BSI_PACK_BLOBS_MAX);
    BSI_ASSERT(writer->blobs.count == 0 || writer->blobs.items[0].type == blob->type);
    placed.offset = (uint32_t)writer->bytes.size;
    BSI_TRY(bsi_buf_reserve(&writer->bytes, blob->size)); /* So that it is all or nothing. */
    BSI_TRY(bsi_blob_list_add(&writer->blobs, &placed));
    return bsi_buf_append(&writer->bytes, sealed, blob->size);
}

static void put_entry(const bsi_blob *blob, uint8_t *out)
{
    uint8_t *id = out + 5;

    out[0] = blob->type == BSI_BLOB_TREE ? BSI_PACK_TREE : 0;
    bsi_put_le32(out + 1, blob->size);
    if (blob->plain_size > 0) {
        out[0] |= BSI_PACK_COMPRESSED;
        bsi_put_le32(id, blob->plain_size);
        id += 4;
    }
    memcpy(id, blob->id.bytes, sizeof(blob->id.bytes));
}

bs_status bsi_pack_writer_finish(bsi_pack_writer *writer, const bsi_secret *key)
{
    const size_t stored = writer->bytes.size;
    const size_t size = (size_t)bsi_pack_size(&writer->blobs) - stored;
    const size_t sealed = size - BSI_PACK_LENGTH_SIZE;
    uint8_t *header = NULL;
    size_t at = BSI_CTR_POLY_IV_SIZE;

    BSI_CHECK(!writer->finished && writer->blobs.count > 0);
    BSI_TRY(bsi_buf_reserve(&writer->bytes, size));
    header = writer->bytes.data + stored;
    for (size_t i = 0; i < writer->blobs.count; i++) {
        put_entry(&writer->blobs.items[i], header + at);
        at += bsi_pack_entry_size(&writer->blobs.items[i]);
    }
    BSI_TRY(bsi_ctr_poly_seal(key, header + BSI_CTR_POLY_IV_SIZE, sealed - BSI_CTR_POLY_OVERHEAD,
                              header));
    bsi_put_le32(header + sealed, (uint32_t)sealed);
    writer->bytes.size += size;
    bsi_sha256_of(writer->bytes.data, writer->bytes.size, &writer->id);
    writer->finished = true;
    return BS_OK;
}

const bsi_digest *bsi_pack_writer_id(const bsi_pack_writer *writer)
{
    BSI_ASSERT(writer->finished);
    return &writer->id;
}

bsi_slice bsi_pack_writer_bytes(const bsi_pack_writer *writer)
{
    BSI_ASSERT(writer->finished);
    return bsi_buf_slice(&writer->bytes);
}

const bsi_blob_list *bsi_pack_writer_blobs(const bsi_pack_writer *writer)
{
    return &writer->blobs;
}

void bsi_pack_writer_clear(bsi_pack_writer *writer)
{
    /* One very large tree is no reason to keep as much for ever. */
    if (writer->bytes.capacity > KEPT_FACTOR * writer->target) {
        bsi_buf_dispose(&writer->bytes);
    }
    bsi_buf_clear(&writer->bytes);
    bsi_blob_list_clear(&writer->blobs);
    writer->finished = false;
}
