/* SPDX-License-Identifier: MIT */
/*
 * A check of a repository from its start to its row, and back to an info.
 */
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/complaints.h"
#include "engine/findings.h"
#include "engine/repository.h"
#include "engine/service.h"
#include "storage/decorators/guard.h"

enum { CHECK_PARTS_MAX = 256 }; /* Packs are parted by their first byte. */

typedef struct check_run {
    bsi_repo_work work;
    bsi_check_options options;
    bsi_check_report report;
} check_run;

typedef struct check_box {
    bs_check_info info; /* What the caller holds: must come first. */
    bsi_arena arena;
    bsi_findings_read findings;
} check_box;

#define NUMBER(name) BSI_REPO_NUMBER(bsi_check_report, bs_check_info, name)

static const bsi_repo_number check_numbers[] = {
    NUMBER(errors),       NUMBER(notes),
    NUMBER(indexes),      NUMBER(packs),
    NUMBER(blobs),        NUMBER(packs_read),
    NUMBER(bytes_read),   NUMBER(trees),
    NUMBER(snapshots),    NUMBER(snapshots_damaged),
    BSI_REPO_NUMBERS_END,
};

static void check_dispose(void *payload)
{
    check_run *run = payload;

    if (run) {
        bsi_repo_work_dispose(&run->work);
        bsi_free(run);
    }
}

static void check_describe(const bsi_job *job, bsi_deed *out)
{
    const check_run *run = job->payload;

    out->action = "repository.check";
    out->object = run->work.storage;
}

/* --- The work --- */

/* Where nothing can be written nobody else writes, as far as this service can tell. */
static bs_status choose_lock(const bsi_job *job, const check_run *run, bsi_session_lock *out)
{
    const bs_status status =
        bsi_repo_check_storage(job->service, run->work.storage, bsi_storage_check_writable);

    *out = status == BS_E_READ_ONLY ? BSI_SESSION_SHARED : BSI_SESSION_EXCLUSIVE;
    return status == BS_E_READ_ONLY ? BS_OK : status;
}

static bs_status check_work(bsi_job *job)
{
    check_run *run = job->payload;
    bsi_open_repository repository;
    bsi_findings findings;
    bsi_session_lock lock = BSI_SESSION_EXCLUSIVE;
    bs_status status = BS_OK;

    bsi_repo_work_begin_result(&run->work, BSI_FINDINGS_RESULT_MAX);
    bsi_findings_begin(&findings, &run->work.json);
    BSI_TRY(choose_lock(job, run, &lock));
    BSI_TRY(bsi_repository_open(job->service, run->work.storage, lock, job, &repository));
    run->options.pool = job->service->pool;
    run->options.found = bsi_findings_found;
    run->options.user = &findings;
    status = bsi_repo_check(repository.session.repo, &job->call, &run->options, &run->report);
    bsi_repository_close(&repository);
    BSI_TRY(status);
    bsi_findings_end(&findings);
    BSI_TRY(bsi_repo_work_end_result(&run->work, check_numbers, &run->report));
    bsi_progress_add(&job->progress, 0, run->report.bytes_read);
    if (run->report.errors == 0) {
        return BS_OK;
    }
    return bsi_fail(
        BS_LAYER_STORAGE, BS_E_CORRUPT,
        "%" PRIu64 " errors; %" PRIu64 " of %" PRIu64 " snapshots do not restore as a whole; %s",
        run->report.errors, run->report.snapshots_damaged, run->report.snapshots, findings.first);
}

static const bsi_job_ops check_ops = {
    .kind = BS_JOB_CHECK,
    .add = bsi_repo_work_add,
    .run = check_work,
    .save = bsi_repo_work_save,
    .ended = bsi_repo_work_ended,
    .describe = check_describe,
    .dispose = check_dispose,
};

/* --- The start --- */

static bs_status check_options(const bs_check_options *options)
{
    bsi_complaints complaints = {0};
    const bool parts = options->part != 0 || options->parts != 0;

    if (parts &&
        (options->part < 1 || options->part > options->parts || options->parts > CHECK_PARTS_MAX)) {
        bsi_complain_invalid(&complaints, "part: takes 1 to parts, and parts 1 to %d",
                             CHECK_PARTS_MAX);
    }
    if (options->percent > 100) {
        bsi_complain_invalid(&complaints, "percent: takes 1 to 100, not %u",
                             (unsigned)options->percent);
    }
    if ((parts || options->percent != 0) && !options->read_data) {
        bsi_complain_invalid(&complaints, "read_data: part and percent are of what is read");
    }
    return bsi_complaints_status(&complaints);
}

static bs_status prepare(bs_service *service, const bs_check_options *options, check_run *run)
{
    BSI_TRY(check_options(options));
    BSI_TRY(bsi_repo_work_take_storage(service, &run->work, options->storage, NULL));
    run->work.kind = BSI_JOB_KIND_CHECK;
    run->work.options = "{}";
    run->options.read_data = options->read_data;
    run->options.part = options->part;
    run->options.parts = options->parts;
    run->options.percent = options->percent;
    return BS_OK;
}

bs_status bsi_check_start(bs_service *service, const bs_check_options *options,
                          char id_out[BS_ID_SIZE])
{
    check_run *run = bsi_calloc(1, sizeof(*run));
    const bs_status status = run ? prepare(service, options, run) : BS_E_NOMEM;

    return bsi_repo_work_start(service, &check_ops, run, status, id_out);
}

/* --- Its info --- */

static bs_status take_member(void *user, bsi_json_reader *json, bsi_slice key)
{
    check_box *box = user;

    return bsi_slice_is(key, "findings")
               ? bsi_findings_read_all(json, &box->arena, &box->findings)
               : bsi_repo_info_read_number(json, key, check_numbers, &box->info);
}

bs_status bsi_check_get(bs_service *service, const char *reference, bs_check_info **out)
{
    check_box *box = bsi_calloc(1, sizeof(*box));
    bsi_repo_info common;
    const bs_status status = box ? bsi_repo_info_get(service, BSI_JOB_KIND_CHECK, reference,
                                                     &box->arena, take_member, box, &common)
                                 : BS_E_NOMEM;

    if (status < 0) {
        bsi_check_info_free((bs_check_info *)box);
        return status;
    }
    BSI_REPO_INFO_GIVE(&common, &box->info);
    box->info.findings = box->findings.items;
    box->info.findings_kept = box->findings.count;
    *out = &box->info;
    return BS_OK;
}

void bsi_check_info_free(bs_check_info *info)
{
    check_box *box = (check_box *)info;

    if (box) {
        bsi_findings_read_dispose(&box->findings);
        bsi_arena_dispose(&box->arena);
        bsi_free(box);
    }
}
