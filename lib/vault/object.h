/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_OBJECT_H
#define BSI_VAULT_OBJECT_H

#include "crypto/envelope.h"
#include "vault/vault.h"

/*
 * One object of a backup, container or manifest, as its form sees it: plain
 * bytes. Between them and the storage stands an envelope when the backup is
 * encrypted; nobody else knows of that. One thread at a time.
 */

/* What an envelope is made with. Everything is borrowed. */
typedef struct bsi_crypt {
    const bsi_secret *data_key;
    bsi_envelope_kind kind;
    const char *id; /* Of the backup. */
} bsi_crypt;

/* --- Writing --- */

typedef struct bsi_object_writer bsi_object_writer;

/* `crypt` NULL: no envelope. `patchable`: bsi_object_patch() will be called. */
BS_NODISCARD bs_status bsi_object_writer_new(const bsi_vault_env *env, const char *key,
                                             const bsi_crypt *crypt, bool patchable,
                                             bsi_object_writer **out);

BS_NODISCARD bs_status bsi_object_write(bsi_object_writer *writer, const void *data, size_t size);

/* Change what was written already, within the first BSI_ENVELOPE_SEGMENT_SIZE bytes. */
BS_NODISCARD bs_status bsi_object_patch(bsi_object_writer *writer, uint64_t offset,
                                        const void *data, size_t size);

/* Nothing more comes. Nothing is visible yet. */
BS_NODISCARD bs_status bsi_object_finish(bsi_object_writer *writer);

/* Durable and visible, all at once. */
BS_NODISCARD bs_status bsi_object_commit(bsi_object_writer *writer);

/* Gives up what was not committed. NULL is ignored. */
void bsi_object_writer_free(bsi_object_writer *writer);

/*
 * Size and digest of the stored object, known once it is finished; the digest of
 * one that was patched once it is committed.
 */
uint64_t bsi_object_stored_size(const bsi_object_writer *writer);
const bsi_digest *bsi_object_stored_digest(const bsi_object_writer *writer);

/* --- Reading --- */

typedef struct bsi_object_reader bsi_object_reader;

/*
 * `stored_size` is what the object must have; `crypt` NULL: there is no envelope, and nothing is
 * read yet. An envelope that is not right is BS_E_CORRUPT or BS_E_VERSION, layer STORAGE.
 */
BS_NODISCARD bs_status bsi_object_reader_new(const bsi_vault_env *env, const char *key,
                                             const bsi_crypt *crypt, uint64_t stored_size,
                                             bsi_object_reader **out);
void bsi_object_reader_free(bsi_object_reader *reader);

/* Plain bytes in all. */
uint64_t bsi_object_size(const bsi_object_reader *reader);

/*
 * Fill all of `buf`. Within an envelope only bytes that are authentic come out; others are
 * BS_E_CORRUPT, layer STORAGE.
 */
BS_NODISCARD bs_status bsi_object_read(bsi_object_reader *reader, uint64_t offset, void *buf,
                                       size_t size);

/*
 * The digest of the stored bytes of a manifest in an envelope that was read from beginning to end,
 * in order; BS_E_INTERNAL otherwise.
 */
BS_NODISCARD bs_status bsi_object_digest(bsi_object_reader *reader, bsi_digest *out);

/* --- Whole objects as they are stored --- */

/* Read `size` bytes from the beginning and hash them. `progress` may be NULL. */
BS_NODISCARD bs_status bsi_object_hash(const bsi_vault_env *env, const char *key, uint64_t size,
                                       bsi_progress *progress, bsi_digest *out);

#endif
