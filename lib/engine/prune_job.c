/* SPDX-License-Identifier: MIT */
/*
 * Pruning a repository, from its start to its row and back to an info.
 */
#include <stddef.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/complaints.h"
#include "engine/repo_work.h"
#include "engine/repository.h"
#include "engine/service.h"
#include "repo/prune.h"
#include "storage/decorators/guard.h"
#include "text/size.h"

enum {
    PRUNE_RESULT_MAX = 64 * 1024,
    PERCENT_END = 100,
};

typedef struct prune_run {
    bsi_repo_work work;
    bsi_prune_options options;
    bool dry_run;
    bsi_prune_report report;
} prune_run;

typedef struct prune_box {
    bs_prune_info info; /* What the caller holds: must come first. */
    bsi_arena arena;
} prune_box;

#define NUMBER(name) BSI_REPO_NUMBER(bsi_prune_report, bs_prune_info, name)

static const bsi_repo_number prune_numbers[] = {
    NUMBER(snapshots),       NUMBER(packs),           NUMBER(bytes_needed),
    NUMBER(bytes_unneeded),  NUMBER(bytes_twice),     NUMBER(packs_unknown),
    NUMBER(bytes_unknown),   NUMBER(packs_to_remove), NUMBER(packs_to_repack),
    NUMBER(bytes_to_remove), NUMBER(bytes_to_repack), NUMBER(bytes_left),
    NUMBER(packs_waiting),   NUMBER(packs_removed),   NUMBER(bytes_removed),
    NUMBER(packs_written),   NUMBER(bytes_written),   BSI_REPO_NUMBERS_END,
};

static void prune_dispose(void *payload)
{
    prune_run *run = payload;

    if (run) {
        bsi_repo_work_dispose(&run->work);
        bsi_free(run);
    }
}

static void prune_describe(const bsi_job *job, bsi_deed *out)
{
    const prune_run *run = job->payload;

    out->action = "repository.prune";
    out->object = run->work.storage;
    out->detail = run->dry_run ? "only planned" : "";
}

/* --- The work --- */

static bs_status plan_only(const bsi_open_repository *repository, const bs_call *call,
                           prune_run *run)
{
    bsi_repo_prune *prune = NULL;
    bs_status status = bsi_repo_prune_plan(repository->session.repo, call, repository->session.lock,
                                           &run->options, &prune);

    if (status >= 0) {
        bsi_repo_prune_get_report(prune, &run->report);
    }
    bsi_repo_prune_free(prune);
    return status;
}

static bs_status prune(const bsi_open_repository *repository, const bs_call *call, prune_run *run)
{
    const bsi_repo *repo = repository->session.repo;

    if (run->dry_run) {
        return plan_only(repository, call, run);
    }
    return run->options.two_phases
               ? bsi_repo_prune_beside(repo, call, &run->options, NULL, &run->report)
               : bsi_repo_prune_all(repo, call, repository->session.lock, &run->options,
                                    &run->report);
}

static bsi_session_lock lock_of(const prune_run *run)
{
    if (run->dry_run) {
        return BSI_SESSION_SHARED;
    }
    return run->options.two_phases ? BSI_SESSION_UNLOCKED : BSI_SESSION_EXCLUSIVE;
}

static bs_status prune_work(bsi_job *job)
{
    prune_run *run = job->payload;
    bsi_open_repository repository;
    bs_status status = BS_OK;

    run->options.pool = job->service->pool;
    BSI_TRY(bsi_repository_open(job->service, run->work.storage, lock_of(run), job, &repository));
    status = prune(&repository, &job->call, run);
    bsi_repository_close(&repository);
    BSI_TRY(status);
    bsi_repo_work_begin_result(&run->work, PRUNE_RESULT_MAX);
    bsi_json_put_bool(&run->work.json, "dry_run", run->dry_run);
    return bsi_repo_work_end_result(&run->work, prune_numbers, &run->report);
}

static const bsi_job_ops prune_ops = {
    .kind = BS_JOB_PRUNE,
    .add = bsi_repo_work_add,
    .run = prune_work,
    .save = bsi_repo_work_save,
    .ended = bsi_repo_work_ended,
    .describe = prune_describe,
    .dispose = prune_dispose,
};

/* --- The start --- */

/* "5%", false when it is none. */
static bool parse_percent(const char *text, uint64_t *out)
{
    const size_t size = strlen(text);
    uint64_t value = 0;

    if (size < 2 || size > 3 || text[size - 1] != '%') {
        return false;
    }
    for (size_t i = 0; i + 1 < size; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        value = 10 * value + (uint64_t)(text[i] - '0');
    }
    *out = value;
    return value < PERCENT_END;
}

static void take_unused(const char *text, bsi_prune_options *out, bsi_complaints *complaints)
{
    if (!text) {
        return;
    }
    if (strcmp(text, "unlimited") == 0) {
        out->unused = BSI_PRUNE_UNUSED_ANY;
    } else if (parse_percent(text, &out->unused_max)) {
        out->unused = BSI_PRUNE_UNUSED_PERCENT;
    } else if (bsi_size_parse(text, &out->unused_max) >= 0) {
        out->unused = BSI_PRUNE_UNUSED_BYTES;
    } else {
        bsi_complain_invalid(complaints, "max_unused: takes a share such as 5%%, a size such as "
                                         "1GB, or unlimited");
    }
}

static void take_repack(const char *text, bsi_prune_options *out, bsi_complaints *complaints)
{
    if (text && (bsi_size_parse(text, &out->repack_max) < 0 || out->repack_max == 0)) {
        bsi_complain_invalid(complaints, "max_repack_size: takes a size such as 1GB");
    }
}

static bs_status prepare(bs_service *service, const bs_prune_options *options, prune_run *run)
{
    bsi_complaints complaints = {0};

    take_unused(options->max_unused, &run->options, &complaints);
    take_repack(options->max_repack_size, &run->options, &complaints);
    BSI_TRY(bsi_complaints_status(&complaints));
    BSI_TRY(bsi_repo_work_take_storage(service, &run->work, options->storage,
                                       options->dry_run ? NULL : bsi_storage_check_removable));
    run->work.kind = BSI_JOB_KIND_PRUNE;
    run->work.options = options->dry_run ? "{\"dry_run\":true}" : "{}";
    run->dry_run = options->dry_run;
    run->options.two_phases = options->two_phases;
    run->options.no_grace = options->no_grace;
    return BS_OK;
}

bs_status bsi_prune_start(bs_service *service, const bs_prune_options *options,
                          char id_out[BS_ID_SIZE])
{
    prune_run *run = bsi_calloc(1, sizeof(*run));
    const bs_status status = run ? prepare(service, options, run) : BS_E_NOMEM;

    return bsi_repo_work_start(service, &prune_ops, run, status, id_out);
}

/* --- Its info --- */

static bs_status take_member(void *user, bsi_json_reader *json, bsi_slice key)
{
    bs_prune_info *info = user;

    return bsi_slice_is(key, "dry_run") ? bsi_json_read_bool(json, &info->dry_run)
                                        : bsi_repo_info_read_number(json, key, prune_numbers, info);
}

bs_status bsi_prune_get(bs_service *service, const char *reference, bs_prune_info **out)
{
    prune_box *box = bsi_calloc(1, sizeof(*box));
    bsi_repo_info common;
    const bs_status status = box ? bsi_repo_info_get(service, BSI_JOB_KIND_PRUNE, reference,
                                                     &box->arena, take_member, &box->info, &common)
                                 : BS_E_NOMEM;

    if (status < 0) {
        bsi_prune_info_free((bs_prune_info *)box);
        return status;
    }
    BSI_REPO_INFO_GIVE(&common, &box->info);
    *out = &box->info;
    return BS_OK;
}

void bsi_prune_info_free(bs_prune_info *info)
{
    prune_box *box = (prune_box *)info;

    if (box) {
        bsi_arena_dispose(&box->arena);
        bsi_free(box);
    }
}
