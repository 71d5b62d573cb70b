/* SPDX-License-Identifier: MIT */
/*
 * Reading blobs, one range of a pack each.
 */
#include "repo/reader.h"

#include "base/alloc.h"
#include "compress/zstd_frame.h"
#include "repo/pack.h"

enum { KEPT_MAX = 32 << 20 }; /* A buffer that grew beyond is given back. */

struct bsi_blob_reader {
    const bsi_repo *repo;
    bsi_repo_index *index;
    bsi_blob_sealer *sealer;
    bsi_buf sealed;
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
        bsi_free(reader);
    }
}

static bs_status read_place(bsi_blob_reader *self, const bs_call *call, const bsi_blob_place *place,
                            bsi_slice *out)
{
    const uint32_t size = place->blob.size;
    char key[BSI_REPO_KEY_SIZE];

    if (self->sealed.capacity > KEPT_MAX && size <= KEPT_MAX) {
        bsi_buf_dispose(&self->sealed);
    }
    BSI_TRY(bsi_blob_check(&place->blob, bsi_repo_config_of(self->repo)->version));
    BSI_TRY(bsi_buf_reserve(&self->sealed, size));
    bsi_repo_object_key(self->repo, BSI_REPO_PACKS, &place->pack, key);
    BSI_TRY(bsi_storage_read(bsi_repo_storage(self->repo), call, key, place->blob.offset,
                             self->sealed.data, size));
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
