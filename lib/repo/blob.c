/* SPDX-License-Identifier: MIT */
/*
 * Sealing and opening one blob. Nothing is asked for by what a blob says of
 * itself: its sizes come from an index or a pack's header and are checked first.
 */
#include "repo/blob.h"

#include <inttypes.h>

#include "base/alloc.h"
#include "compress/zstd_frame.h"

enum {
    VERSION_COMPRESSED = 2, /* The first one that compresses. */
    KEPT_MAX = 32 << 20,    /* A buffer that grew beyond is given back. */
    LIST_FIRST = 64,
};

struct bsi_blob_sealer {
    const bsi_secret *key;
    uint32_t version;
    bool store_data;
    bsi_ctr_poly *cipher;
    bsi_zstd_frames *frames;
    bsi_buf decrypted; /* Of a compressed blob. */
    bsi_buf plain;
};

/* --- Sizes and names --- */

const char *bsi_blob_type_name(bsi_blob_type type)
{
    return type == BSI_BLOB_TREE ? "tree" : "data";
}

uint32_t bsi_blob_plain_size(const bsi_blob *blob)
{
    return blob->plain_size > 0 ? blob->plain_size : blob->size - BSI_CTR_POLY_OVERHEAD;
}

static uint32_t plain_max(bsi_blob_type type)
{
    return type == BSI_BLOB_TREE ? BSI_BLOB_TREE_MAX : BSI_BLOB_DATA_MAX;
}

/* Put the blob's name in front of a failure's text. */
static bs_status in_context(bs_status status, const bsi_blob *blob)
{
    char id[2 * BSI_SHA256_SIZE + 1];

    bsi_digest_format(&blob->id, id);
    return bsi_fail_context(BS_LAYER_STORAGE, status, "%s blob %s", bsi_blob_type_name(blob->type),
                            id);
}

static bs_status check_sizes(const bsi_blob *blob, uint32_t version)
{
    const uint32_t most = plain_max(blob->type);

    if (blob->size < BSI_CTR_POLY_OVERHEAD) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                        "%" PRIu32 " encrypted bytes, fewer than %d", blob->size,
                        BSI_CTR_POLY_OVERHEAD);
    }
    if (blob->plain_size > 0 && version < VERSION_COMPRESSED) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                        "compressed in a repository of version %" PRIu32, version);
    }
    if (bsi_blob_plain_size(blob) > most ||
        blob->size - BSI_CTR_POLY_OVERHEAD > bsi_zstd_frame_bound(most)) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_LIMIT,
                        "%" PRIu32 " bytes, stored in %" PRIu32 "; at most %" PRIu32 " are read",
                        bsi_blob_plain_size(blob), blob->size, most);
    }
    return BS_OK;
}

bs_status bsi_blob_check(const bsi_blob *blob, uint32_t version)
{
    const bs_status status = check_sizes(blob, version);

    return status < 0 ? in_context(status, blob) : BS_OK;
}

/* --- Lists --- */

bs_status bsi_blob_list_add(bsi_blob_list *list, const bsi_blob *blob)
{
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity > 0 ? 2 * list->capacity : LIST_FIRST;
        bsi_blob *items = bsi_realloc_array(list->items, capacity, sizeof(*items));
        if (!items) {
            return BS_E_NOMEM;
        }
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = *blob;
    return BS_OK;
}

void bsi_blob_list_clear(bsi_blob_list *list)
{
    list->count = 0;
}

void bsi_blob_list_dispose(bsi_blob_list *list)
{
    bsi_free(list->items);
    *list = (bsi_blob_list){0};
}

bool bsi_blob_equal(const bsi_blob *a, const bsi_blob *b)
{
    return a->offset == b->offset && a->size == b->size && a->plain_size == b->plain_size &&
           a->type == b->type && bsi_digest_equal(&a->id, &b->id);
}

bool bsi_blob_list_equal(const bsi_blob_list *a, const bsi_blob_list *b)
{
    bool same = a->count == b->count;

    for (size_t i = 0; same && i < a->count; i++) {
        same = bsi_blob_equal(&a->items[i], &b->items[i]);
    }
    return same;
}

/* --- The sealer --- */

bs_status bsi_blob_sealer_new(const bsi_blob_options *options, bsi_blob_sealer **out)
{
    bsi_blob_sealer *self = bsi_calloc(1, sizeof(*self));
    bs_status status = BS_OK;

    if (!self) {
        return BS_E_NOMEM;
    }
    self->key = options->key;
    self->version = options->version;
    self->store_data = options->store_data;
    bsi_buf_init(&self->decrypted, SIZE_MAX);
    bsi_buf_init(&self->plain, SIZE_MAX);
    status = bsi_ctr_poly_new(&self->cipher);
    if (status == BS_OK) {
        status = bsi_zstd_frames_new(options->level, &self->frames);
    }
    if (status < 0) {
        bsi_blob_sealer_free(self);
        return status;
    }
    *out = self;
    return BS_OK;
}

void bsi_blob_sealer_free(bsi_blob_sealer *sealer)
{
    if (!sealer) {
        return;
    }
    bsi_ctr_poly_free(sealer->cipher);
    bsi_zstd_frames_free(sealer->frames);
    bsi_buf_dispose(&sealer->decrypted);
    bsi_buf_dispose(&sealer->plain);
    bsi_free(sealer);
}

/* Room for `size` bytes, and no more than is worth keeping. */
static bs_status prepare(bsi_buf *buf, size_t size)
{
    if (buf->capacity > KEPT_MAX && size <= KEPT_MAX) {
        bsi_buf_dispose(buf);
    }
    bsi_buf_clear(buf);
    return bsi_buf_reserve(buf, size);
}

/* Decrypt and decompress; the sizes were checked, the digest is not. */
static bs_status unseal(bsi_blob_sealer *self, const bsi_blob *blob, const uint8_t *sealed)
{
    const size_t stored = blob->size - BSI_CTR_POLY_OVERHEAD;
    const size_t size = bsi_blob_plain_size(blob);

    BSI_TRY(prepare(&self->plain, size));
    self->plain.size = size;
    if (blob->plain_size == 0) {
        return bsi_ctr_poly_open_with(self->cipher, self->key, sealed, blob->size,
                                      self->plain.data);
    }
    BSI_TRY(prepare(&self->decrypted, stored));
    BSI_TRY(
        bsi_ctr_poly_open_with(self->cipher, self->key, sealed, blob->size, self->decrypted.data));
    return bsi_zstd_frame_decode(self->frames, self->decrypted.data, stored, self->plain.data,
                                 size);
}

static bs_status open_checked(bsi_blob_sealer *self, const bsi_blob *blob, const uint8_t *sealed)
{
    bsi_digest digest;

    BSI_TRY(check_sizes(blob, self->version));
    BSI_TRY(bsi_as_damage(unseal(self, blob, sealed)));
    bsi_sha256_of(self->plain.data, self->plain.size, &digest);
    if (!bsi_digest_equal(&digest, &blob->id)) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "its content has another digest");
    }
    return BS_OK;
}

bs_status bsi_blob_open(bsi_blob_sealer *sealer, const bsi_blob *blob, const void *sealed,
                        bsi_slice *out)
{
    const bs_status status = open_checked(sealer, blob, sealed);

    if (status < 0) {
        return in_context(status, blob);
    }
    *out = bsi_buf_slice(&sealer->plain);
    return BS_OK;
}

/* --- Sealing --- */

static bool compresses(const bsi_blob_sealer *self, const bsi_blob *blob, size_t size)
{
    return self->version >= VERSION_COMPRESSED && size > 0 &&
           (blob->type == BSI_BLOB_TREE || !self->store_data);
}

/* What will be encrypted, put behind an IV's room; its size, and whether it is a frame. */
static bs_status compress(bsi_blob_sealer *self, bsi_blob *blob, const void *plain, size_t size,
                          uint8_t *body, size_t *stored_out)
{
    size_t stored = size;

    blob->plain_size = 0;
    if (compresses(self, blob, size)) {
        BSI_TRY(bsi_zstd_frame_encode(self->frames, plain, size, body, &stored));
        blob->plain_size = stored < size || blob->type == BSI_BLOB_TREE ? (uint32_t)size : 0;
    }
    *stored_out = blob->plain_size > 0 ? stored : size;
    return BS_OK;
}

static bs_status verify(bsi_blob_sealer *self, const bsi_blob *blob, const uint8_t *sealed,
                        const void *plain)
{
    const bs_status status = unseal(self, blob, sealed);

    if (status == BS_E_NOMEM) {
        return status;
    }
    if (status < 0 ||
        (self->plain.size > 0 && memcmp(self->plain.data, plain, self->plain.size) != 0)) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_INTERNAL,
                        "what was encrypted does not decrypt to what it was");
    }
    return BS_OK;
}

static bs_status seal(bsi_blob_sealer *self, bsi_blob *blob, const void *plain, size_t size,
                      bsi_buf *out)
{
    const size_t bound = bsi_zstd_frame_bound(size) + BSI_CTR_POLY_OVERHEAD;
    uint8_t *sealed = NULL;
    uint8_t *body = NULL;
    size_t stored = 0;

    BSI_CHECK(size <= plain_max(blob->type));
    BSI_TRY(bsi_buf_reserve(out, bound));
    sealed = out->data + out->size;
    body = sealed + BSI_CTR_POLY_IV_SIZE;
    BSI_TRY(compress(self, blob, plain, size, body, &stored));
    blob->size = (uint32_t)(stored + BSI_CTR_POLY_OVERHEAD);
    BSI_TRY(bsi_ctr_poly_seal_with(self->cipher, self->key, blob->plain_size > 0 ? body : plain,
                                   stored, sealed));
    BSI_TRY(verify(self, blob, sealed, plain));
    out->size += blob->size;
    return BS_OK;
}

bs_status bsi_blob_seal(bsi_blob_sealer *sealer, bsi_blob *blob, const void *plain, size_t size,
                        bsi_buf *out)
{
    const bs_status status = seal(sealer, blob, plain, size, out);

    return status < 0 ? in_context(status, blob) : BS_OK;
}
