/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_CHECK_H
#define BSI_REPO_CHECK_H

#include "repo/repository.h"
#include "task/pool.h"

/*
 * Whether a repository is whole: each index, pack, snapshot and tree is looked
 * at, and what of them is damaged is told with what it costs. Whoever checks
 * holds an exclusive lock, or bears with findings about what others are about
 * to write.
 */
typedef enum bsi_check_subject {
    BSI_CHECK_INDEX,    /* An index file. */
    BSI_CHECK_PACK,     /* A pack. */
    BSI_CHECK_SNAPSHOT, /* A snapshot that does not restore as a whole. */
    BSI_CHECK_TREE,     /* A directory of a snapshot. */
    BSI_CHECK_FILE,     /* A file of a snapshot, some of whose bytes are lost. */
} bsi_check_subject;

typedef struct bsi_check_finding {
    bsi_check_subject subject;
    bool is_note;         /* Worth knowing; nothing is lost. */
    const bsi_digest *id; /* Of the index, the pack or the snapshot. */
    bsi_slice path;       /* In the snapshot, of a tree or file; any bytes. */
    const char *text;     /* What is wrong. For the call only, as all of it. */
} bsi_check_finding;

/* On any thread that checks, one at a time. */
typedef void (*bsi_check_cb)(void *user, const bsi_check_finding *finding);

typedef struct bsi_check_options {
    bool read_data;     /* Read packs, and open each blob. */
    uint32_t part;      /* Only packs of this part, 1 to `parts`, by their first byte as restic. */
    uint32_t parts;     /* At most 256; 0: all packs. */
    uint32_t percent;   /* Only so many of those, by chance; 0 and 100: all. */
    bsi_pool *pool;     /* Whose threads read packs; NULL: this one does. */
    bsi_check_cb found; /* NULL: only counted. */
    void *user;
} bsi_check_options;

typedef struct bsi_check_report {
    uint64_t errors;
    uint64_t notes;
    uint64_t indexes;
    uint64_t packs;
    uint64_t blobs;
    uint64_t packs_read;
    uint64_t bytes_read;
    uint64_t trees;
    uint64_t snapshots;
    uint64_t snapshots_damaged;
} bsi_check_report;

/*
 * BS_OK when it came to its end, whatever it has found. `options` may be NULL:
 * the structure only. Failures are those of the storage, of memory, of the call.
 */
BS_NODISCARD bs_status bsi_repo_check(const bsi_repo *repo, const bs_call *call,
                                      const bsi_check_options *options, bsi_check_report *out);

#endif
