/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_REPO_WORK_H
#define BSI_ENGINE_REPO_WORK_H

#include "engine/arena.h"
#include "engine/job.h"
#include "text/json_read.h"
#include "text/json_write.h"

/*
 * What jobs on a whole repository have in common: checks, prunes, repairs. Their
 * rows keep what came of them as one JSON object.
 */

/* A number that reports, results and infos have, by the name that it has in all of them. */
typedef struct bsi_repo_number {
    const char *name; /* NULL: the end of a table. */
    size_t from;      /* In the report. */
    size_t to;        /* In the info. */
} bsi_repo_number;

/* Of types that `report` and `info` are names of. */
#define BSI_REPO_NUMBER(report, info, name)                 \
    {                                                       \
#name, offsetof(report, name), offsetof(info, name) \
    }
#define BSI_REPO_NUMBERS_END \
    {                        \
        NULL, 0, 0           \
    }

/* --- Jobs --- */

/* The first member of such a job's payload. */
typedef struct bsi_repo_work {
    const char *kind;    /* Of its row. Static. */
    const char *options; /* A JSON object, for its row. Static. */
    char *storage;
    bsi_buf result;
    bsi_json_writer json; /* Of the result. */
    bool complete;        /* The result is all there, with a NUL. */
} bsi_repo_work;

/* What a storage must allow, as bsi_storage_check_removable() tells. */
typedef bs_status (*bsi_repo_need)(const bsi_storage *storage, const char *name);

/* Check that there is such a storage and that it allows what is needed. `need` NULL: nothing. */
BS_NODISCARD bs_status bsi_repo_check_storage(bs_service *service, const char *name,
                                              bsi_repo_need need);

/* Likewise, and keep its name for the job; NULL: the usual one. */
BS_NODISCARD bs_status bsi_repo_work_take_storage(bs_service *service, bsi_repo_work *work,
                                                  const char *storage, bsi_repo_need need);
void bsi_repo_work_dispose(bsi_repo_work *work);

/* A list ended by NULL; NULL, and an empty one, give NULL. What there is afterwards must be freed.
 */
BS_NODISCARD bs_status bsi_repo_texts_copy(const char *const *texts, char ***out,
                                           size_t *count_out);
void bsi_repo_texts_free(char **texts, size_t count);

/* For bsi_job_ops. */
BS_NODISCARD bs_status bsi_repo_work_add(bsi_job *job, const bsi_job_view *view);
BS_NODISCARD bs_status bsi_repo_work_save(bsi_job *job, const bsi_job_view *view);
void bsi_repo_work_ended(bsi_job *job);

/*
 * Start a job with such a payload, which is disposed of when `prepared` is a failure; NULL: it is
 * BS_E_NOMEM.
 */
BS_NODISCARD bs_status bsi_repo_work_start(bs_service *service, const bsi_job_ops *ops,
                                           void *payload, bs_status prepared,
                                           char id_out[BS_ID_SIZE]);

/* The object is open between these two; the second puts in the numbers of a report. */
void bsi_repo_work_begin_result(bsi_repo_work *work, size_t max);
BS_NODISCARD bs_status bsi_repo_work_end_result(bsi_repo_work *work, const bsi_repo_number *numbers,
                                                const void *report);

/* --- Infos --- */

/* What is told of all of them; texts are in the arena. */
typedef struct bsi_repo_info {
    char id[BS_ID_SIZE];
    const char *storage;
    bs_job_state status;
    const char *created_at;
    const char *started_at;
    const char *completed_at;
    bs_error error;
    bs_usage usage;
} bsi_repo_info;

/* Take over what has the same names in a public info. */
#define BSI_REPO_INFO_GIVE(common, info)                      \
    do {                                                      \
        memcpy((info)->id, (common)->id, sizeof((info)->id)); \
        (info)->storage = (common)->storage;                  \
        (info)->status = (common)->status;                    \
        (info)->created_at = (common)->created_at;            \
        (info)->started_at = (common)->started_at;            \
        (info)->completed_at = (common)->completed_at;        \
        (info)->error = (common)->error;                      \
        (info)->usage = (common)->usage;                      \
    } while (0)

/* Takes one member of a result; it passes over what it does not know. */
typedef bs_status (*bsi_repo_member_cb)(void *user, bsi_json_reader *json, bsi_slice key);

/* A job of this kind: what is told of all of them, and each member of its result. */
BS_NODISCARD bs_status bsi_repo_info_get(bs_service *service, const char *kind,
                                         const char *reference, bsi_arena *arena,
                                         bsi_repo_member_cb member, void *user, bsi_repo_info *out);

/* A member that is one of these numbers, into an info; any other is passed over. */
BS_NODISCARD bs_status bsi_repo_info_read_number(bsi_json_reader *json, bsi_slice key,
                                                 const bsi_repo_number *numbers, void *info);

#endif
