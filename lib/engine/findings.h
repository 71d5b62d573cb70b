/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_FINDINGS_H
#define BSI_ENGINE_FINDINGS_H

#include <backupsvc/repository.h>

#include "engine/repo_work.h"
#include "repo/check.h"

/*
 * What checks and repairs of repositories find: a member of their results.
 *
 *     "findings":[{"subject":"pack","is_note":false,"id":"...","path":"...","message":"..."}]
 */
enum {
    BSI_FINDINGS_MAX = 10000,                    /* That are kept. */
    BSI_FINDINGS_RESULT_MAX = 256 * 1024 * 1024, /* Bytes of a result that has them. */
};

/* As they come, into a result that is open. The struct is the `user` of bsi_findings_found(). */
typedef struct bsi_findings {
    bsi_json_writer *json;
    uint64_t kept;
    uint64_t count;
    char first[BS_ERROR_MESSAGE_SIZE]; /* What is wrong first of all; "": nothing, but for notes. */
} bsi_findings;

/* The member is open between these two. */
void bsi_findings_begin(bsi_findings *findings, bsi_json_writer *json);
void bsi_findings_end(bsi_findings *findings);

/* Takes one; a bsi_check_cb. */
void bsi_findings_found(void *user, const bsi_check_finding *finding);

/* A backup that is no snapshot: what is wrong with it. */
void bsi_findings_found_backup(bsi_findings *findings, const char *id, const char *text);

/* As they are read from a row. */
typedef struct bsi_findings_read {
    bs_check_finding *items; /* Texts are in the arena. */
    size_t count;
    size_t capacity;
} bsi_findings_read;

/* The value of the member. */
BS_NODISCARD bs_status bsi_findings_read_all(bsi_json_reader *json, bsi_arena *arena,
                                             bsi_findings_read *out);
void bsi_findings_read_dispose(bsi_findings_read *findings);

#endif
