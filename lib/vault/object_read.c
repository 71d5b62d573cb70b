/* SPDX-License-Identifier: MIT */
/*
 * Reads objects, out of an envelope or without. The last segment of which only
 * a part was asked for stays decrypted, so that reading on does not do it twice.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "vault/object.h"

enum { RUN_MAX = 5 }; /* Segments that are read from the storage together. */

#define NO_SEGMENT UINT64_MAX

struct bsi_object_reader {
    bsi_vault_env env;
    char *key;
    uint64_t stored_size;
    uint64_t size;

    /* With an envelope: */
    bsi_envelope *envelope; /* NULL: there is none. */
    size_t segment_size;
    uint8_t *stored;  /* RUN_MAX segments with their tags. */
    uint8_t *plain;   /* A whole segment, */
    uint64_t index;   /* this one; or NO_SEGMENT. */
    bsi_sha256 *hash; /* Of manifests; NULL otherwise. */
    uint64_t hashed;  /* Stored bytes from the beginning that have passed in order. */
};

static bs_status read_stored(bsi_object_reader *reader, uint64_t offset, void *buf, size_t size)
{
    const bsi_vault_env *env = &reader->env;

    BSI_TRY(bsi_storage_read(env->storage, env->call, reader->key, offset, buf, size));
    if (reader->hash && offset == reader->hashed) {
        bsi_sha256_update(reader->hash, buf, size);
        reader->hashed += size;
    }
    return BS_OK;
}

/* --- Opening --- */

static bs_status open_envelope(bsi_object_reader *reader, const bsi_crypt *crypt)
{
    unsigned char header[BSI_ENVELOPE_HEADER_SIZE];

    if (crypt->kind == BSI_ENVELOPE_MANIFEST) {
        BSI_TRY(bsi_sha256_new(&reader->hash));
    }
    if (reader->stored_size < sizeof(header)) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "it is too short for an envelope");
    }
    BSI_TRY(read_stored(reader, 0, header, sizeof(header)));
    BSI_TRY(bsi_as_damage(
        bsi_envelope_open(crypt->data_key, crypt->kind, crypt->id, header, &reader->envelope)));
    BSI_TRY(bsi_as_damage(
        bsi_envelope_plain_size(reader->envelope, reader->stored_size, &reader->size)));
    reader->segment_size = bsi_envelope_segment_size(reader->envelope);
    reader->plain = bsi_alloc(reader->segment_size);
    reader->stored = bsi_alloc(RUN_MAX * (reader->segment_size + BSI_ENVELOPE_TAG_SIZE));
    return reader->plain && reader->stored ? BS_OK : BS_E_NOMEM;
}

bs_status bsi_object_reader_new(const bsi_vault_env *env, const char *key, const bsi_crypt *crypt,
                                uint64_t stored_size, bsi_object_reader **out)
{
    bsi_object_reader *reader = bsi_calloc(1, sizeof(*reader));
    bs_status status = BS_OK;

    if (!reader) {
        return BS_E_NOMEM;
    }
    reader->env = *env;
    reader->stored_size = stored_size;
    reader->size = stored_size;
    reader->index = NO_SEGMENT;
    reader->key = bsi_strdup(key);
    status = reader->key ? BS_OK : BS_E_NOMEM;
    if (status >= 0 && crypt) {
        status = open_envelope(reader, crypt);
    }
    if (status < 0) {
        bsi_object_reader_free(reader);
        return status;
    }
    *out = reader;
    return BS_OK;
}

void bsi_object_reader_free(bsi_object_reader *reader)
{
    if (!reader) {
        return;
    }
    bsi_envelope_free(reader->envelope);
    bsi_sha256_free(reader->hash);
    bsi_free(reader->stored);
    bsi_free(reader->plain);
    bsi_free(reader->key);
    bsi_free(reader);
}

uint64_t bsi_object_size(const bsi_object_reader *reader)
{
    return reader->size;
}

/* --- Segments --- */

static uint64_t last_segment(const bsi_object_reader *reader)
{
    return reader->size == 0 ? 0 : (reader->size - 1) / reader->segment_size;
}

/* Plain bytes of a segment. */
static size_t segment_bytes(const bsi_object_reader *reader, uint64_t index)
{
    return (size_t)bsi_min_u64(reader->segment_size, reader->size - index * reader->segment_size);
}

/* A part of an object, and where it is wanted. */
typedef struct wanted {
    uint64_t offset;
    uint8_t *buf;
    size_t size;
} wanted;

/* Give what the present segment has of it; the rest is left in `part`. */
static bs_status take(const bsi_object_reader *reader, wanted *part)
{
    const size_t in = (size_t)(part->offset % reader->segment_size);
    const size_t size = bsi_min_size(part->size, segment_bytes(reader, reader->index) - in);

    memcpy(part->buf, reader->plain + in, size);
    *part = (wanted){part->offset + size, part->buf + size, part->size - size};
    return BS_OK;
}

/* Decrypt one segment: straight to where it is wanted, if all of it is. */
static bs_status unseal(bsi_object_reader *reader, uint64_t index, const uint8_t *stored,
                        wanted *part)
{
    const size_t size = segment_bytes(reader, index);
    const bool whole = part->offset % reader->segment_size == 0 && part->size >= size;
    uint8_t *to = whole ? part->buf : reader->plain;

    reader->index = whole ? reader->index : NO_SEGMENT;
    BSI_TRY(bsi_as_damage(bsi_envelope_unseal(reader->envelope, index,
                                              index == last_segment(reader), stored, size, to)));
    if (whole) {
        *part = (wanted){part->offset + size, part->buf + size, part->size - size};
        return BS_OK;
    }
    reader->index = index;
    return take(reader, part);
}

/* Read and decrypt the segments from `part->offset` on, as many as go together. */
static bs_status read_run(bsi_object_reader *reader, wanted *part)
{
    const size_t step = reader->segment_size + BSI_ENVELOPE_TAG_SIZE;
    const uint64_t first = part->offset / reader->segment_size;
    const uint64_t end =
        bsi_min_u64((part->offset + part->size - 1) / reader->segment_size + 1, first + RUN_MAX);
    const size_t stored =
        (size_t)(end - 1 - first) * step + segment_bytes(reader, end - 1) + BSI_ENVELOPE_TAG_SIZE;

    BSI_TRY(read_stored(reader, BSI_ENVELOPE_HEADER_SIZE + first * step, reader->stored, stored));
    for (uint64_t index = first; index < end; index++) {
        BSI_TRY(unseal(reader, index, reader->stored + (index - first) * step, part));
    }
    return BS_OK;
}

bs_status bsi_object_read(bsi_object_reader *reader, uint64_t offset, void *buf, size_t size)
{
    wanted part = {offset, buf, size};

    if (!reader->envelope) {
        return bsi_storage_read(reader->env.storage, reader->env.call, reader->key, offset, buf,
                                size);
    }
    if (offset > reader->size || size > reader->size - offset) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_RANGE, "object '%s' ends before the range",
                        reader->key);
    }
    while (part.size > 0) {
        const bool present = part.offset / reader->segment_size == reader->index;
        BSI_TRY(present ? take(reader, &part) : read_run(reader, &part));
    }
    return BS_OK;
}

bs_status bsi_object_digest(bsi_object_reader *reader, bsi_digest *out)
{
    BSI_CHECK(reader->hash && reader->hashed == reader->stored_size);
    bsi_sha256_peek(reader->hash, out);
    return BS_OK;
}
