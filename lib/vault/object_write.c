/* SPDX-License-Identifier: MIT */
/*
 * Writes objects, in an envelope or without, and hashes what is stored.
 *
 * A segment is sealed once and for all. So the first one of an object that may
 * still be patched waits in memory: zeros keep its place on the storage until the
 * end, when what it has become is sealed and put there.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "vault/object.h"

enum {
    SEGMENT = BSI_ENVELOPE_SEGMENT_SIZE,
    SEALED_SEGMENT = SEGMENT + BSI_ENVELOPE_TAG_SIZE,
    PART = 1024 * 1024,
};

/* The storage takes the first sealed segment as a patch. */
_Static_assert(BSI_ENVELOPE_HEADER_SIZE + SEALED_SEGMENT <= BS_STORAGE_PATCH_MAX,
               "the first segment must be patchable");

struct bsi_object_writer {
    bsi_vault_env env;
    char *key;
    bsi_upload *upload;
    bsi_sha256 *hash;
    bsi_digest digest;
    uint64_t size;
    bool patched; /* The running hash no longer fits. */

    /* With an envelope: */
    bsi_envelope *envelope; /* NULL: there is none. */
    bool patchable;
    uint64_t index;  /* Of the segment that is being filled. */
    uint8_t *plain;  /* Its bytes. */
    size_t filled;   /* So many of them. */
    uint8_t *sealed; /* The segment on its way to the storage. */
    uint8_t *first;  /* Segment 0 while it waits to be patched; NULL: it does not. */
};

static bs_status store(bsi_object_writer *writer, const void *data, size_t size)
{
    bsi_sha256_update(writer->hash, data, size);
    writer->size += size;
    return bsi_upload_write(writer->upload, writer->env.call, data, size);
}

/* --- Segments --- */

static bs_status seal(bsi_object_writer *writer, bool last, const void *plain, size_t size)
{
    BSI_TRY(bsi_envelope_seal(writer->envelope, writer->index, last, plain, size, writer->sealed));
    writer->index++;
    return store(writer, writer->sealed, size + BSI_ENVELOPE_TAG_SIZE);
}

static bs_status hold_first(bsi_object_writer *writer)
{
    uint8_t *next = bsi_alloc(SEGMENT);

    if (!next) {
        return BS_E_NOMEM;
    }
    writer->first = writer->plain;
    writer->plain = next;
    writer->index++;
    memset(writer->sealed, 0, SEALED_SEGMENT);
    return store(writer, writer->sealed, SEALED_SEGMENT);
}

/* The segment is full, and another one follows. */
static bs_status end_segment(bsi_object_writer *writer)
{
    writer->filled = 0;
    if (writer->index == 0 && writer->patchable) {
        return hold_first(writer);
    }
    return seal(writer, false, writer->plain, SEGMENT);
}

static bs_status write_sealed(bsi_object_writer *writer, const uint8_t *data, size_t size)
{
    while (size > 0) {
        size_t part = 0;
        BSI_TRY(writer->filled == SEGMENT ? end_segment(writer) : BS_OK);
        part = bsi_min_size(size, SEGMENT - writer->filled);
        memcpy(writer->plain + writer->filled, data, part);
        writer->filled += part;
        data += part;
        size -= part;
    }
    return BS_OK;
}

static bs_status finish_sealed(bsi_object_writer *writer)
{
    BSI_TRY(seal(writer, true, writer->plain, writer->filled));
    if (!writer->first) {
        return BS_OK;
    }
    BSI_TRY(bsi_envelope_seal(writer->envelope, 0, false, writer->first, SEGMENT, writer->sealed));
    writer->patched = true;
    return bsi_upload_patch(writer->upload, writer->env.call, BSI_ENVELOPE_HEADER_SIZE,
                            writer->sealed, SEALED_SEGMENT);
}

/* --- The object --- */

static bs_status begin_envelope(bsi_object_writer *writer, const bsi_crypt *crypt)
{
    BSI_TRY(bsi_envelope_create(crypt->data_key, crypt->kind, crypt->id, &writer->envelope));
    writer->plain = bsi_alloc(SEGMENT);
    writer->sealed = bsi_alloc(SEALED_SEGMENT);
    if (!writer->plain || !writer->sealed) {
        return BS_E_NOMEM;
    }
    return store(writer, bsi_envelope_header(writer->envelope), BSI_ENVELOPE_HEADER_SIZE);
}

static bs_status begin(bsi_object_writer *writer, const bsi_vault_env *env, const char *key,
                       const bsi_crypt *crypt)
{
    bs_storage_put_options put = BSI_PUT_DEFAULTS;

    if (writer->patchable) {
        put.flags |= BS_STORAGE_PUT_PATCHABLE;
    }
    writer->key = bsi_strdup(key);
    if (!writer->key) {
        return BS_E_NOMEM;
    }
    BSI_TRY(bsi_sha256_new(&writer->hash));
    BSI_TRY(bsi_upload_begin(env->storage, env->call, key, &put, &writer->upload));
    return crypt ? begin_envelope(writer, crypt) : BS_OK;
}

bs_status bsi_object_writer_new(const bsi_vault_env *env, const char *key, const bsi_crypt *crypt,
                                bool patchable, bsi_object_writer **out)
{
    bsi_object_writer *writer = bsi_calloc(1, sizeof(*writer));
    bs_status status = BS_OK;

    if (!writer) {
        return BS_E_NOMEM;
    }
    writer->env = *env;
    writer->patchable = patchable;
    status = begin(writer, env, key, crypt);
    if (status < 0) {
        bsi_object_writer_free(writer);
        return status;
    }
    *out = writer;
    return BS_OK;
}

bs_status bsi_object_write(bsi_object_writer *writer, const void *data, size_t size)
{
    return writer->envelope ? write_sealed(writer, data, size) : store(writer, data, size);
}

bs_status bsi_object_patch(bsi_object_writer *writer, uint64_t offset, const void *data,
                           size_t size)
{
    uint8_t *first = writer->first ? writer->first : writer->plain;
    uint64_t end = 0;

    BSI_CHECK(writer->patchable && bsi_add_u64(offset, size, &end) && end <= SEGMENT);
    if (!writer->envelope) {
        writer->patched = true;
        return bsi_upload_patch(writer->upload, writer->env.call, offset, data, size);
    }
    BSI_CHECK(writer->first || end <= writer->filled);
    memcpy(first + offset, data, size);
    return BS_OK;
}

bs_status bsi_object_finish(bsi_object_writer *writer)
{
    if (writer->envelope) {
        BSI_TRY(finish_sealed(writer));
    }
    if (!writer->patched) {
        bsi_sha256_finish(writer->hash, &writer->digest);
    }
    return BS_OK;
}

bs_status bsi_object_commit(bsi_object_writer *writer)
{
    bsi_upload *upload = writer->upload;

    writer->upload = NULL;
    BSI_TRY(bsi_upload_commit(upload, writer->env.call));
    if (!writer->patched) {
        return BS_OK;
    }
    return bsi_object_hash(&writer->env, writer->key, writer->size, NULL, &writer->digest);
}

void bsi_object_writer_free(bsi_object_writer *writer)
{
    if (!writer) {
        return;
    }
    bsi_upload_abort(writer->upload);
    bsi_envelope_free(writer->envelope);
    bsi_sha256_free(writer->hash);
    bsi_free(writer->plain);
    bsi_free(writer->sealed);
    bsi_free(writer->first);
    bsi_free(writer->key);
    bsi_free(writer);
}

uint64_t bsi_object_stored_size(const bsi_object_writer *writer)
{
    return writer->size;
}

const bsi_digest *bsi_object_stored_digest(const bsi_object_writer *writer)
{
    return &writer->digest;
}

/* --- Whole objects as they are stored --- */

static bs_status hash_parts(const bsi_vault_env *env, const char *key, uint64_t size,
                            bsi_progress *progress, bsi_sha256 *hash)
{
    uint8_t *buffer = bsi_alloc(PART);
    uint64_t at = 0;
    bs_status status = buffer ? BS_OK : BS_E_NOMEM;

    while (status >= 0 && at < size) {
        const size_t part = (size_t)bsi_min_u64(PART, size - at);
        status = bsi_storage_read(env->storage, env->call, key, at, buffer, part);
        if (status >= 0) {
            bsi_sha256_update(hash, buffer, part);
            bsi_progress_add(progress, 0, part);
            at += part;
        }
    }
    bsi_free(buffer);
    return status;
}

bs_status bsi_object_hash(const bsi_vault_env *env, const char *key, uint64_t size,
                          bsi_progress *progress, bsi_digest *out)
{
    bsi_sha256 *hash = NULL;
    bs_status status = bsi_sha256_new(&hash);

    BSI_TRY(status);
    status = hash_parts(env, key, size, progress, hash);
    if (status >= 0) {
        bsi_sha256_finish(hash, out);
    }
    bsi_sha256_free(hash);
    return status;
}
