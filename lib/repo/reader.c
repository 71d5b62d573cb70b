/* SPDX-License-Identifier: MIT */
/*
 * Reading blobs: one range of a pack each, or out of blocks of packs that are kept.
 */
#include "repo/reader.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "compress/zstd_frame.h"
#include "repo/pack.h"

enum {
    KEPT_MAX = 32 << 20, /* A buffer that grew beyond is given back. */
    BLOCK_SIZE = 1 << 20,
    BLOCKS = BSI_READER_BLOCKS_SIZE / BLOCK_SIZE,
    BLOCK_BLOB_MAX = BLOCK_SIZE / 4, /* What is larger is read by itself. */
};

/* A stretch of a pack that was read. */
typedef struct block {
    bsi_digest pack;
    uint32_t number; /* In the pack. */
    uint64_t used;   /* When, as the reader counts; 0: never. */
    size_t size;
    uint8_t *bytes; /* BLOCK_SIZE of them; NULL: none yet. */
} block;

struct bsi_blob_reader {
    const bsi_repo *repo;
    bsi_repo_index *index;
    bsi_blob_sealer *sealer;
    bsi_buf sealed;
    block *blocks; /* BLOCKS of them; NULL: not used. */
    uint64_t clock;
    bsi_blob_list blobs; /* Of the pack that is read in blocks. */
};

bs_status bsi_blob_reader_new(const bsi_repo *repo, bsi_repo_index *index, bsi_blob_reader **out)
{
    const bsi_blob_options options = {
        .key = bsi_repo_master_key(repo),
        .version = bsi_repo_config_of(repo)->version,
        .level = BSI_ZSTD_FRAME_LEVEL_DEFAULT,
    };
    bsi_blob_reader *self = bsi_calloc(1, sizeof(*self));
    bs_status status = BS_E_NOMEM;

    if (!self) {
        return BS_E_NOMEM;
    }
    self->repo = repo;
    self->index = index;
    bsi_buf_init(&self->sealed, SIZE_MAX);
    status = bsi_blob_sealer_new(&options, &self->sealer);
    if (status < 0) {
        bsi_free(self);
        return status;
    }
    *out = self;
    return BS_OK;
}

void bsi_blob_reader_free(bsi_blob_reader *reader)
{
    if (reader) {
        bsi_blob_sealer_free(reader->sealer);
        bsi_buf_dispose(&reader->sealed);
        bsi_blob_list_dispose(&reader->blobs);
        for (size_t i = 0; reader->blocks && i < BLOCKS; i++) {
            bsi_free(reader->blocks[i].bytes);
        }
        bsi_free(reader->blocks);
        bsi_free(reader);
    }
}

/* --- Blocks --- */

bs_status bsi_blob_reader_use_blocks(bsi_blob_reader *reader)
{
    if (!reader->blocks) {
        reader->blocks = bsi_calloc(BLOCKS, sizeof(*reader->blocks));
    }
    return reader->blocks ? BS_OK : BS_E_NOMEM;
}

/* The block if it was read before, or the one that was not used for the longest time. */
static block *choose_block(bsi_blob_reader *self, const bsi_digest *pack, uint32_t number)
{
    block *oldest = &self->blocks[0];

    for (size_t i = 0; i < BLOCKS; i++) {
        block *one = &self->blocks[i];
        if (one->used > 0 && one->number == number && bsi_digest_equal(&one->pack, pack)) {
            return one;
        }
        if (one->used < oldest->used) {
            oldest = one;
        }
    }
    oldest->used = 0;
    return oldest;
}

/* Where the last blob of a pack ends. */
static bs_status find_end(bsi_blob_reader *self, const bsi_blob_place *place, uint64_t *out)
{
    bsi_digest id;
    const bs_status status =
        bsi_repo_index_pack(self->index, place->pack_number, &id, &self->blobs);
    const bsi_blob *last = NULL;

    BSI_TRY(status);
    BSI_CHECK(status == BS_OK && self->blobs.count > 0);
    last = &self->blobs.items[self->blobs.count - 1];
    *out = (uint64_t)last->offset + last->size;
    return BS_OK;
}

static bs_status fill_block(bsi_blob_reader *self, const bs_call *call, const bsi_blob_place *place,
                            uint32_t number, block *out)
{
    const uint64_t begin = (uint64_t)number * BLOCK_SIZE;
    char key[BSI_REPO_KEY_SIZE];
    uint64_t end = 0;

    BSI_TRY(find_end(self, place, &end));
    if (!out->bytes) {
        out->bytes = bsi_alloc(BLOCK_SIZE);
    }
    if (!out->bytes) {
        return BS_E_NOMEM;
    }
    out->size = (size_t)bsi_min_u64(end - begin, BLOCK_SIZE);
    bsi_repo_object_key(self->repo, BSI_REPO_PACKS, &place->pack, key);
    BSI_TRY(
        bsi_storage_read(bsi_repo_storage(self->repo), call, key, begin, out->bytes, out->size));
    out->pack = place->pack;
    out->number = number;
    return BS_OK;
}

/* Have the block in which a byte lies, unless it was read before. */
static bs_status have_block(bsi_blob_reader *self, const bs_call *call, const bsi_blob_place *place,
                            uint64_t at, block *one)
{
    BSI_TRY(one->used > 0 ? BS_OK
                          : fill_block(self, call, place, (uint32_t)(at / BLOCK_SIZE), one));
    BSI_CHECK(at % BLOCK_SIZE < one->size);
    one->used = ++self->clock;
    return BS_OK;
}

/* The sealed bytes of a blob out of blocks. */
static bs_status read_blocks(bsi_blob_reader *self, const bs_call *call,
                             const bsi_blob_place *place)
{
    const uint64_t end = (uint64_t)place->blob.offset + place->blob.size;
    uint64_t at = place->blob.offset;
    bs_status status = BS_OK;

    bsi_buf_clear(&self->sealed);
    while (status == BS_OK && at < end) {
        const size_t skip = (size_t)(at % BLOCK_SIZE);
        block *one = choose_block(self, &place->pack, (uint32_t)(at / BLOCK_SIZE));
        status = have_block(self, call, place, at, one);
        if (status == BS_OK) {
            const size_t size = (size_t)bsi_min_u64(one->size - skip, end - at);
            status = bsi_buf_append(&self->sealed, one->bytes + skip, size);
            at += size;
        }
    }
    return status;
}

/* --- Places --- */

/* A block may reach to where a damaged pack has nothing: then the blob is read by itself. */
static bs_status read_sealed(bsi_blob_reader *self, const bs_call *call,
                             const bsi_blob_place *place)
{
    const uint32_t size = place->blob.size;
    char key[BSI_REPO_KEY_SIZE];

    if (self->blocks && size <= BLOCK_BLOB_MAX) {
        const bs_status status = read_blocks(self, call, place);
        if (status != BS_E_RANGE && status != BS_E_IO) {
            return status;
        }
    }
    BSI_TRY(bsi_buf_reserve(&self->sealed, size));
    bsi_repo_object_key(self->repo, BSI_REPO_PACKS, &place->pack, key);
    return bsi_storage_read(bsi_repo_storage(self->repo), call, key, place->blob.offset,
                            self->sealed.data, size);
}

static bs_status read_place(bsi_blob_reader *self, const bs_call *call, const bsi_blob_place *place,
                            bsi_slice *out)
{
    if (self->sealed.capacity > KEPT_MAX && place->blob.size <= KEPT_MAX) {
        bsi_buf_dispose(&self->sealed);
    }
    bsi_buf_clear(&self->sealed);
    BSI_TRY(bsi_blob_check(&place->blob, bsi_repo_config_of(self->repo)->version));
    BSI_TRY(read_sealed(self, call, place));
    return bsi_blob_open(self->sealer, &place->blob, self->sealed.data, out);
}

bs_status bsi_blob_reader_read_at(bsi_blob_reader *reader, const bs_call *call,
                                  const bsi_blob_place *place, bsi_slice *out)
{
    const bs_status status = read_place(reader, call, place, out);

    return status < 0 ? bsi_pack_failed(status, &place->pack) : BS_OK;
}

/* Whether another copy of the blob may do better. */
static bool is_of_the_copy(bs_status status)
{
    return status == BS_E_CORRUPT || status == BS_E_MISSING || status == BS_E_LIMIT ||
           status == BS_E_IO;
}

bs_status bsi_blob_not_known(bsi_blob_type type, const bsi_digest *id)
{
    char hex[2 * BSI_SHA256_SIZE + 1];

    bsi_digest_format(id, hex);
    return bsi_fail(BS_LAYER_STORAGE, BS_E_MISSING, "%s blob %s is in no pack of the index",
                    bsi_blob_type_name(type), hex);
}

bs_status bsi_blob_reader_read(bsi_blob_reader *reader, const bs_call *call, bsi_blob_type type,
                               const bsi_digest *id, bsi_slice *out)
{
    bsi_blob_place place;
    bs_error first_error;
    bs_status first = BS_OK;
    bs_status status = bsi_repo_index_find(reader->index, type, id, 0, &place);

    for (unsigned copy = 1; status == BS_OK; copy++) {
        status = bsi_blob_reader_read_at(reader, call, &place, out);
        if (status == BS_OK || !is_of_the_copy(status)) {
            return status;
        }
        if (first == BS_OK) {
            first = status;
            bsi_error_save(&first_error);
        }
        status = bsi_repo_index_find(reader->index, type, id, copy, &place);
    }
    if (first < 0) {
        bsi_error_restore(&first_error);
        return first;
    }
    return status < 0 ? status : bsi_blob_not_known(type, id);
}
