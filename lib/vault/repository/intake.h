/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_REPOSITORY_INTAKE_H
#define BSI_VAULT_REPOSITORY_INTAKE_H

#include "repo/save.h"
#include "vault/content.h"
#include "vault/repository/session.h"

/*
 * What deposit.h does with sources, with a backup of another form: the entries of its manifest
 * in, blobs and the id of the root's tree out. Nothing lies on a disk in between.
 *
 * Entries come in the order in which trees are put together, and the bytes of their files in that
 * of the containers that they lie in. So all is read once: the job's thread reads, the pool
 * hashes and stores. The first thing that is not what was backed up is the end.
 *
 * Memory: 32 MiB of small files and nodes under way; the trees on the way to the present entry, see
 * trees.h; and about 120 bytes for each file with several names, whose blobs are listed in a file
 * without a name.
 */
typedef struct bsi_intake {
    const bsi_repo_session *session; /* Where it goes to. */
    bsi_repo_index *index;
    bsi_repo_writer *writer;
    bsi_manifest_reader *manifest; /* At its first entry. */
    const bsi_content *content;
    bsi_progress *progress; /* May be NULL. */

    /* What came of it. */
    bsi_digest root;
    uint64_t dirs;
    uint64_t new_bytes; /* Of files' chunks that were not stored before. */
    char *first; /* The path of the first entry; NULL: there was none. Freed by the caller. */
} bsi_intake;

/*
 * All blobs are stored, or on their way, when it returns: see bsi_repo_writer_finish(). Failures
 * name the entry, and what its bytes lie in.
 */
BS_NODISCARD bs_status bsi_intake_run(bsi_intake *intake);

#endif
