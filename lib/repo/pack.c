/* SPDX-License-Identifier: MIT */
/*
 * Reading the header of a pack. Each entry is
 *
 *     type 1 | size of the sealed blob 4 | (compressed: plain size 4) | id 32
 *
 * with bit 0 of the type for trees and bit 1 for compressed blobs.
 */
#include "repo/pack.h"

#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "base/endian.h"
#include "repo/pack_int.h"

enum {
    TAIL_SIZE = 32 * 1024, /* Read at once; holds the header of most packs. */
};

_Static_assert(BSI_PACK_SIZE_MIN ==
                   BSI_CTR_POLY_OVERHEAD + BSI_PACK_ENTRY_SIZE + BSI_PACK_LENGTH_SIZE,
               "the smallest pack is a header of one entry");

size_t bsi_pack_entry_size(const bsi_blob *blob)
{
    return blob->plain_size > 0 ? BSI_PACK_ENTRY_COMPRESSED_SIZE : BSI_PACK_ENTRY_SIZE;
}

uint64_t bsi_pack_size(const bsi_blob_list *blobs)
{
    uint64_t size = BSI_CTR_POLY_OVERHEAD + BSI_PACK_LENGTH_SIZE;

    for (size_t i = 0; i < blobs->count; i++) {
        size += blobs->items[i].size + bsi_pack_entry_size(&blobs->items[i]);
    }
    return size;
}

bs_status bsi_pack_failed(bs_status status, const bsi_digest *id)
{
    char hex[2 * BSI_SHA256_SIZE + 1];

    bsi_digest_format(id, hex);
    if (status == BS_E_NOT_FOUND) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_MISSING, "pack %s is missing", hex);
    }
    if (status == BS_E_RANGE) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "pack %s is shorter than it should be",
                        hex);
    }
    return bsi_fail_context(BS_LAYER_STORAGE, status, "pack %s", hex);
}

/* --- The header --- */

/* One entry; its size in the header, or 0 when it can be none. */
static size_t parse_entry(const uint8_t *entry, size_t left, bsi_blob *out)
{
    size_t size = BSI_PACK_ENTRY_SIZE;
    const uint8_t *id = entry + 5;

    if (left < size || entry[0] > (BSI_PACK_TREE | BSI_PACK_COMPRESSED)) {
        return 0;
    }
    out->type = entry[0] & BSI_PACK_TREE ? BSI_BLOB_TREE : BSI_BLOB_DATA;
    out->size = bsi_le32(entry + 1);
    out->plain_size = 0;
    if (entry[0] & BSI_PACK_COMPRESSED) {
        size = BSI_PACK_ENTRY_COMPRESSED_SIZE;
        out->plain_size = left < size ? 0 : bsi_le32(entry + 5);
        id += 4;
        if (out->plain_size == 0) {
            return 0;
        }
    }
    memcpy(out->id.bytes, id, sizeof(out->id.bytes));
    return size;
}

static bs_status parse_entries(bsi_slice header, uint64_t stored, uint32_t version,
                               bsi_blob_list *out)
{
    const uint8_t *const bytes = (const uint8_t *)header.data;
    uint64_t offset = 0;
    size_t at = 0;

    if (stored > UINT32_MAX) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_LIMIT, "%" PRIu64 " bytes of blobs, more than 4 GiB",
                        stored);
    }
    while (at < header.size && offset <= stored) {
        bsi_blob blob = {.offset = (uint32_t)offset};
        const size_t size = parse_entry(bytes + at, header.size - at, &blob);
        if (size == 0) {
            return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                            "byte %zu of the header begins no entry of a blob", at);
        }
        BSI_TRY(bsi_blob_check(&blob, version));
        BSI_TRY(bsi_blob_list_add(out, &blob));
        offset += blob.size;
        at += size;
    }
    if (offset != stored) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                        "the header tells of %s than the %" PRIu64 " bytes that lie before it",
                        offset < stored ? "fewer" : "more", stored);
    }
    return BS_OK;
}

bs_status bsi_pack_parse_header(bsi_slice header, uint64_t stored, uint32_t version,
                                bsi_blob_list *out)
{
    const size_t before = out->count;
    const bs_status status = parse_entries(header, stored, version, out);

    if (status < 0) {
        out->count = before;
    }
    return status;
}

/* --- From a storage --- */

/* The end of a pack while its header is looked for. */
typedef struct pack_tail {
    const bsi_pack_object *pack;
    const bs_call *call;
    uint64_t size; /* Of the pack. */
    bsi_buf bytes; /* Its last ones. */
} pack_tail;

/* Read the last `size` bytes anew. */
static bs_status read_tail(pack_tail *tail, size_t size)
{
    bsi_buf_clear(&tail->bytes);
    BSI_TRY(bsi_buf_reserve(&tail->bytes, size));
    tail->bytes.size = size;
    return bsi_storage_read(tail->pack->storage, tail->call, tail->pack->key, tail->size - size,
                            tail->bytes.data, size);
}

/* How long the last bytes say that the sealed header is. */
static bs_status check_length(const pack_tail *tail, uint32_t *out)
{
    const size_t size = tail->bytes.size;
    const uint32_t length = bsi_le32(tail->bytes.data + size - BSI_PACK_LENGTH_SIZE);

    if (length < BSI_CTR_POLY_OVERHEAD + BSI_PACK_ENTRY_SIZE || length > BSI_PACK_HEADER_MAX ||
        length > tail->size - BSI_PACK_LENGTH_SIZE) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                        "the header can not have the %" PRIu32 " bytes that the last four say",
                        length);
    }
    *out = length;
    return BS_OK;
}

/* Have the sealed header and its length in the buffer, and nothing before them. */
static bs_status read_header(pack_tail *tail, uint32_t *length_out)
{
    bs_storage_object object = {0};
    uint32_t length = 0;

    BSI_TRY(bsi_storage_stat(tail->pack->storage, tail->call, tail->pack->key, &object));
    if (object.size < BSI_PACK_SIZE_MIN) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                        "%" PRIu64 " bytes, fewer than the smallest pack's %d", object.size,
                        BSI_PACK_SIZE_MIN);
    }
    tail->size = object.size;
    BSI_TRY(read_tail(tail, (size_t)bsi_min_u64(object.size, TAIL_SIZE)));
    BSI_TRY(check_length(tail, &length));
    if (length + BSI_PACK_LENGTH_SIZE > tail->bytes.size) {
        BSI_TRY(read_tail(tail, length + BSI_PACK_LENGTH_SIZE));
    }
    *length_out = length;
    return BS_OK;
}

static bs_status load_header(pack_tail *tail, const bsi_secret *key, uint32_t version,
                             bsi_blob_list *out)
{
    uint32_t length = 0;
    uint8_t *header = NULL;
    uint8_t *plain = NULL;

    BSI_TRY(read_header(tail, &length));
    header = tail->bytes.data + tail->bytes.size - BSI_PACK_LENGTH_SIZE - length;
    plain = header + BSI_CTR_POLY_IV_SIZE;
    BSI_TRY(bsi_as_damage(bsi_ctr_poly_open(key, header, length, plain)));
    return bsi_pack_parse_header((bsi_slice){(const char *)plain, length - BSI_CTR_POLY_OVERHEAD},
                                 tail->size - BSI_PACK_LENGTH_SIZE - length, version, out);
}

bs_status bsi_pack_load_header(const bsi_pack_object *pack, const bs_call *call,
                               const bsi_secret *key, uint32_t version, bsi_blob_list *out)
{
    pack_tail tail = {.pack = pack, .call = call};
    bs_status status = BS_OK;

    bsi_buf_init(&tail.bytes, BSI_PACK_HEADER_MAX + BSI_PACK_LENGTH_SIZE);
    status = load_header(&tail, key, version, out);
    bsi_buf_dispose(&tail.bytes);
    return status < 0 ? bsi_pack_failed(status, &pack->id) : BS_OK;
}
