/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_PACK_H
#define BSI_REPO_PACK_H

#include "repo/blob.h"
#include "storage/storage.h"

/*
 * Packs: the files in which blobs lie.
 *
 *     sealed blob | ... | sealed blob | sealed header | its length 4, little-endian
 *
 * The header lists the blobs in their order; each begins where the one before
 * ends. A pack is known by the digest of the whole file. All numbers below are
 * of restic's format.
 */
enum {
    BSI_PACK_HEADER_MAX = 16 * 1024 * 1024, /* Sealed. */
    BSI_PACK_BLOBS_MAX = 409199,            /* That a header may list, as restic counts. */
    BSI_PACK_SIZE_MIN = 73,                 /* A header of one entry. */
    BSI_PACK_TARGET = 16 * 1024 * 1024,     /* Where a pack is finished, unless told otherwise. */
    BSI_PACK_TARGET_MIN = 4 * 1024 * 1024,
    BSI_PACK_TARGET_MAX = 128 * 1024 * 1024,
};

/* Bytes of the whole file of a pack with these blobs. */
uint64_t bsi_pack_size(const bsi_blob_list *blobs);

/*
 * Append what a decrypted header lists. `stored` is how many bytes of the pack
 * lie before it: not one more and not one less than the blobs have. BS_E_CORRUPT
 * of layer STORAGE, or BS_E_LIMIT; nothing is appended then.
 */
BS_NODISCARD bs_status bsi_pack_parse_header(bsi_slice header, uint64_t stored, uint32_t version,
                                             bsi_blob_list *out);

/* A pack on a storage. */
typedef struct bsi_pack_object {
    bsi_storage *storage;
    const char *key; /* Of the object. */
    bsi_digest id;
} bsi_pack_object;

/*
 * Append the blobs of a pack from its own header: one or two short reads. Failures
 * name the pack; one that is not there is BS_E_MISSING. `key`: the master key.
 */
BS_NODISCARD bs_status bsi_pack_load_header(const bsi_pack_object *pack, const bs_call *call,
                                            const bsi_secret *key, uint32_t version,
                                            bsi_blob_list *out);

/*
 * Put "pack <id>" in front of a failure's text. A read that found no such object,
 * or ended too early, becomes BS_E_MISSING or BS_E_CORRUPT.
 */
bs_status bsi_pack_failed(bs_status status, const bsi_digest *id);

/* --- Writing --- */

/* A pack on its way, in memory. One thread at a time. */
typedef struct bsi_pack_writer bsi_pack_writer;

/* `target`: bytes of blobs with which a pack is full, at most BSI_PACK_TARGET_MAX. */
BS_NODISCARD bs_status bsi_pack_writer_new(size_t target, bsi_pack_writer **out);
void bsi_pack_writer_free(bsi_pack_writer *writer); /* NULL is ignored. */

/* Whether it has reached its target, or as many blobs as a header lists. */
bool bsi_pack_writer_is_full(const bsi_pack_writer *writer);
bool bsi_pack_writer_is_empty(const bsi_pack_writer *writer);

/* A sealed blob comes behind the others; its place is set by the pack. All of one type. */
BS_NODISCARD bs_status bsi_pack_writer_add(bsi_pack_writer *writer, const bsi_blob *blob,
                                           const void *sealed);

/* Write the header, and hash all of it: the pack has its id then. Not for an empty one. */
BS_NODISCARD bs_status bsi_pack_writer_finish(bsi_pack_writer *writer, const bsi_secret *key);

/* What a finished pack is. Valid until it is cleared. */
const bsi_digest *bsi_pack_writer_id(const bsi_pack_writer *writer);
bsi_slice bsi_pack_writer_bytes(const bsi_pack_writer *writer);
const bsi_blob_list *bsi_pack_writer_blobs(const bsi_pack_writer *writer);

/* Begin a new one, keeping the memory. */
void bsi_pack_writer_clear(bsi_pack_writer *writer);

#endif
