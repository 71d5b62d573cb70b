/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_REPOSITORY_CHUNKS_H
#define BSI_VAULT_REPOSITORY_CHUNKS_H

#include "chunk/chunker.h"
#include "repo/save.h"
#include "vault/repository/session.h"

/*
 * Stores content of any length as chunks: reads ahead, cuts, and has the pool do the
 * rest, with the chunks of up to BSI_CHUNK_BUFFERS buffers on their way. One thread
 * at a time, none of the pool's.
 */
typedef struct bsi_chunks bsi_chunks;

/* The job's part in memory: each buffer holds a chunk of any length. */
enum { BSI_CHUNK_BUFFERS = 3, BSI_CHUNK_BUFFER = BSI_CHUNK_MAX + 1024 * 1024 };

/* Where content comes from. */
typedef struct bsi_chunk_source {
    void *user;
    /* Fill up to `size` bytes; fewer only at the end. What was got counts also when it fails. */
    bs_status (*read)(void *user, const bs_call *call, void *buf, size_t size, size_t *got_out);
    /* How many of the next bytes are 0 and need not be read; NULL: nobody knows. */
    uint64_t (*hole)(void *user);
    void (*skip)(void *user, uint64_t size); /* Pass over some of these. */
} bsi_chunk_source;

/* What came of it. */
typedef struct bsi_chunk_result {
    bsi_buf ids;        /* bsi_digest each. Initialised by the caller. */
    uint64_t size;      /* Bytes in all. */
    uint64_t new_bytes; /* Of chunks that were not stored before. */
    bs_status source;   /* A failure to read, whose record is the thread's; what came before it
                           is stored. */
} bsi_chunk_result;

/* All is borrowed. */
BS_NODISCARD bs_status bsi_chunks_new(const bsi_repo_session *session, const bsi_chunker *chunker,
                                      bsi_repo_writer *writer, bsi_chunks **out);
void bsi_chunks_free(bsi_chunks *chunks); /* NULL is ignored. */

/* Store all that there is. Nothing of it is under way any more when it returns. */
BS_NODISCARD bs_status bsi_chunks_store(bsi_chunks *chunks, const bsi_chunk_source *source,
                                        bsi_chunk_result *result);

/* As long as packs wait for their upload. The lock is kept meanwhile. */
BS_NODISCARD bs_status bsi_chunks_wait(const bsi_repo_session *session, bsi_repo_writer *writer);

#endif
