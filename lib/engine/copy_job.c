/* SPDX-License-Identifier: MIT */
/*
 * Copying snapshots, and backups of other forms, into another repository, from the start to the
 * row and back to an info.
 */
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/complaints.h"
#include "engine/copy_backups.h"
#include "engine/findings.h"
#include "engine/service.h"
#include "engine/snapshots.h"
#include "repo/copy.h"
#include "storage/decorators/guard.h"

enum { NAME_TEXT_MAX = 64 * 1024 }; /* Of a storage, in JSON. */

typedef struct copy_report {
    uint64_t snapshots;
    uint64_t snapshots_present;
    uint64_t snapshots_failed;
    uint64_t trees;
    uint64_t blobs;
    uint64_t bytes;
} copy_report;

typedef struct copy_run {
    bsi_repo_work work;
    char *to;         /* The other storage. */
    bool all;         /* All snapshots are meant. */
    bool some;        /* Those that were named. */
    bool archives;    /* All backups of other forms. */
    char **snapshots; /* As they were named; NULL: it is among the backups. */
    size_t snapshot_count;
    bsi_copy_backups backups; /* Of other forms. */
    bsi_open_repository from_repository;
    bsi_open_repository to_repository;
    bsi_findings findings;
    uint64_t locked; /* Backups that no key opens. */
    copy_report report;
} copy_run;

typedef struct copy_box {
    bs_copy_info info; /* What the caller holds: must come first. */
    bsi_arena arena;
    bsi_findings_read findings;
} copy_box;

#define NUMBER(name) BSI_REPO_NUMBER(copy_report, bs_copy_info, name)

static const bsi_repo_number copy_numbers[] = {
    NUMBER(snapshots),
    NUMBER(snapshots_present),
    NUMBER(snapshots_failed),
    NUMBER(trees),
    NUMBER(blobs),
    NUMBER(bytes),
    BSI_REPO_NUMBERS_END,
};

static void copy_dispose(void *payload)
{
    copy_run *run = payload;

    if (run) {
        bsi_repo_texts_free(run->snapshots, run->snapshot_count);
        bsi_copy_backups_dispose(&run->backups);
        bsi_free(run->to);
        bsi_repo_work_dispose(&run->work);
        bsi_free(run);
    }
}

static void copy_describe(const bsi_job *job, bsi_deed *out)
{
    const copy_run *run = job->payload;

    out->action = "repository.copy";
    out->object = run->work.storage;
    out->detail = run->to;
}

/* --- The work --- */

/* Whether a failure is of one snapshot, so that others may be good. */
static bool is_damage(bs_status status)
{
    return status == BS_E_CORRUPT || status == BS_E_MISSING || status == BS_E_LIMIT;
}

static void note_failure(copy_run *run, const bsi_digest *id)
{
    run->report.snapshots_failed++;
    bsi_findings_found(&run->findings, &(bsi_check_finding){
                                           .subject = BSI_CHECK_SNAPSHOT,
                                           .id = id,
                                           .text = bs_error_last()->message,
                                       });
}

static bs_status copy_one(copy_run *run, bsi_job *job, bsi_copier *copier, const bsi_digest *id)
{
    bsi_copy_stats before;
    bsi_copy_stats after;
    bsi_digest copied;
    bool is_new = false;
    bs_status status = BS_OK;

    bsi_copier_get_stats(copier, &before);
    status = bsi_copier_add(copier, id, &copied, &is_new);
    bsi_copier_get_stats(copier, &after);
    bsi_progress_add(&job->progress, 0, after.bytes - before.bytes);
    if (is_damage(status)) {
        note_failure(run, id);
        return BS_OK;
    }
    run->report.snapshots_present += status >= 0 && !is_new ? 1 : 0;
    return status;
}

static bs_status copy_all(copy_run *run, bsi_job *job, bsi_copier *copier)
{
    bsi_repo_files files = {0};
    bs_status status =
        bsi_repo_list(run->from_repository.session.repo, &job->call, BSI_REPO_SNAPSHOTS, &files);

    for (size_t i = 0; status >= 0 && i < files.count; i++) {
        status = copy_one(run, job, copier, &files.items[i].id);
        status = status == BS_E_NOT_FOUND ? BS_OK : status; /* It went meanwhile. */
    }
    bsi_repo_files_dispose(&files);
    return status;
}

static bs_status copy_named(copy_run *run, bsi_job *job, bsi_copier *copier)
{
    bsi_digest id;

    for (size_t i = 0; i < run->snapshot_count; i++) {
        if (!run->snapshots[i]) {
            continue;
        }
        BSI_TRY(bsi_snapshot_resolve(job->service, &run->from_repository, run->work.storage,
                                     run->snapshots[i], &id));
        BSI_TRY(copy_one(run, job, copier, &id));
    }
    return BS_OK;
}

static bs_status copy_snapshots(copy_run *run, bsi_job *job)
{
    const bsi_copy_options options = {
        .from_lock = run->from_repository.session.lock,
        .to_lock = run->to_repository.session.lock,
        .pool = job->service->pool,
    };
    bsi_copier *copier = NULL;
    bsi_copy_stats stats;
    bs_status status =
        bsi_copier_new(run->from_repository.session.repo, run->to_repository.session.repo,
                       &job->call, &options, &copier);

    if (status < 0) {
        return status;
    }
    status = run->all ? copy_all(run, job, copier) : copy_named(run, job, copier);
    bsi_copier_get_stats(copier, &stats);
    run->report.snapshots += stats.snapshots;
    run->report.trees += stats.trees;
    run->report.blobs += stats.blobs;
    run->report.bytes += stats.bytes;
    bsi_copier_free(copier);
    return status;
}

static const char *first_name(const copy_run *run)
{
    size_t i = 0;

    while (!run->snapshots[i]) {
        i++;
    }
    return run->snapshots[i];
}

static bs_status from_repository(copy_run *run, bsi_job *job)
{
    bs_status status = bsi_repository_open(job->service, run->work.storage, BSI_SESSION_SHARED, job,
                                           &run->from_repository);

    if (status == BS_E_NOT_FOUND && run->some) {
        return bsi_fail(BS_LAYER_CALLER, status,
                        "'%s' is no archive and no mirror, and there is no repository on '%s'",
                        first_name(run), run->work.storage);
    }
    BSI_TRY(status);
    status = copy_snapshots(run, job);
    bsi_repository_close(&run->from_repository);
    return status;
}

/* --- Backups of other forms --- */

/* Likewise of one backup, whether it is damaged or locked. */
static bool is_of_one(bs_status status)
{
    return is_damage(status) || status == BS_E_VERSION || status == BS_E_KEY ||
           status == BS_E_BUSY || status == BS_E_UNSUPPORTED;
}

static bs_status make_one(copy_run *run, bsi_job *job, bsi_adopter *adopter, const char *id)
{
    bsi_adopted done = {.is_new = false};
    const bs_status status = bsi_copy_backup_run(job, id, adopter, &done);

    if (status == BS_E_NOT_FOUND && run->archives) {
        return BS_OK; /* It went meanwhile. */
    }
    run->report.trees += done.trees;
    run->report.blobs += done.blobs;
    run->report.bytes += done.bytes;
    if (is_of_one(status)) {
        run->report.snapshots_failed++;
        run->locked += status == BS_E_KEY ? 1 : 0;
        bsi_findings_found_backup(&run->findings, id, bs_error_last()->message);
        return BS_OK;
    }
    run->report.snapshots += status >= 0 && done.is_new ? 1 : 0;
    run->report.snapshots_present += status >= 0 && !done.is_new ? 1 : 0;
    return status;
}

static bs_status make_all(copy_run *run, bsi_job *job)
{
    bsi_adopter *adopter = NULL;
    bs_status status = BS_OK;

    if (run->backups.count == 0) {
        return BS_OK;
    }
    if (!run->some) {
        bsi_progress_set_total(&job->progress, run->backups.files, run->backups.bytes);
    }
    BSI_TRY(bsi_adopter_new(&run->to_repository.session, &adopter));
    for (size_t i = 0; status >= 0 && i < run->backups.count; i++) {
        status = make_one(run, job, adopter, run->backups.items[i].id);
    }
    bsi_adopter_free(adopter);
    return status;
}

/* --- All of it --- */

static bs_status open_and_copy(copy_run *run, bsi_job *job)
{
    bs_status status = BS_OK;

    if (run->archives) {
        BSI_TRY(bsi_copy_backups_take_all(job->service, run->work.storage, &run->backups));
    }
    BSI_TRY(
        bsi_repository_open(job->service, run->to, BSI_SESSION_SHARED, job, &run->to_repository));
    status = make_all(run, job);
    if (status >= 0 && (run->all || run->some)) {
        status = from_repository(run, job);
    }
    bsi_repository_close(&run->to_repository);
    return status;
}

static bs_status copy_work(bsi_job *job)
{
    copy_run *run = job->payload;

    bsi_repo_work_begin_result(&run->work, BSI_FINDINGS_RESULT_MAX);
    bsi_json_put_text(&run->work.json, "to", run->to);
    bsi_findings_begin(&run->findings, &run->work.json);
    BSI_TRY(open_and_copy(run, job));
    bsi_findings_end(&run->findings);
    BSI_TRY(bsi_repo_work_end_result(&run->work, copy_numbers, &run->report));
    if (run->report.snapshots_failed == 0) {
        return BS_OK;
    }
    if (run->report.snapshots_failed == run->locked) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_KEY, "no key opens %" PRIu64 " backups; %s",
                        run->locked, run->findings.first);
    }
    return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                    "%" PRIu64 " snapshots could not be copied, for they are damaged; %s",
                    run->report.snapshots_failed, run->findings.first);
}

static const bsi_job_ops copy_ops = {
    .kind = BS_JOB_COPY,
    .add = bsi_repo_work_add,
    .run = copy_work,
    .save = bsi_repo_work_save,
    .ended = bsi_repo_work_ended,
    .describe = copy_describe,
    .dispose = copy_dispose,
};

/* --- The start --- */

static bs_status take_other(bs_service *service, const char *to, copy_run *run)
{
    bsi_complaints complaints = {0};

    if (!to || strcmp(to, run->work.storage) == 0) {
        bsi_complain_invalid(&complaints, "to: takes another storage than '%s'", run->work.storage);
        return bsi_complaints_status(&complaints);
    }
    BSI_TRY(bsi_repo_check_storage(service, to, bsi_storage_check_writable));
    run->to = bsi_strdup(to);
    return run->to ? BS_OK : BS_E_NOMEM;
}

/* Of what was named, what is no backup of another form stays with the snapshots. */
static bs_status sort_names(bs_service *service, copy_run *run)
{
    for (size_t i = 0; run->snapshots && i < run->snapshot_count; i++) {
        bool taken = false;
        BSI_TRY(bsi_copy_backups_take(service, run->work.storage, run->snapshots[i], &run->backups,
                                      &taken));
        if (taken) {
            bsi_free(run->snapshots[i]);
            run->snapshots[i] = NULL;
        }
        run->some = run->some || !taken;
    }
    return BS_OK;
}

static bs_status take_names(bs_service *service, const bs_copy_options *options, copy_run *run)
{
    bsi_complaints complaints = {0};

    BSI_TRY(bsi_repo_texts_copy(options->snapshots, &run->snapshots, &run->snapshot_count));
    run->archives = options->archives;
    run->all = !run->snapshots && !run->archives;
    if (run->snapshots && run->archives) {
        bsi_complain_invalid(&complaints, "archives: takes all, so none can be named");
        return bsi_complaints_status(&complaints);
    }
    return sort_names(service, run);
}

static bs_status prepare(bs_service *service, const bs_copy_options *options, copy_run *run)
{
    BSI_TRY(bsi_repo_work_take_storage(service, &run->work, options->storage, NULL));
    BSI_TRY(take_other(service, options->to, run));
    run->work.kind = BSI_JOB_KIND_COPY;
    run->work.options = "{}";
    return take_names(service, options, run);
}

bs_status bsi_copy_start(bs_service *service, const bs_copy_options *options,
                         char id_out[BS_ID_SIZE])
{
    copy_run *run = bsi_calloc(1, sizeof(*run));
    const bs_status status = run ? prepare(service, options, run) : BS_E_NOMEM;

    return bsi_repo_work_start(service, &copy_ops, run, status, id_out);
}

/* --- Its info --- */

static bs_status read_to(bsi_json_reader *json, copy_box *box)
{
    bsi_slice text;
    bsi_buf scratch;
    bs_status status = BS_OK;

    bsi_buf_init(&scratch, NAME_TEXT_MAX);
    status = bsi_json_read_string(json, &scratch, &text);
    if (status >= 0) {
        box->info.to = bsi_arena_slice(&box->arena, text);
        status = box->info.to ? BS_OK : BS_E_NOMEM;
    }
    bsi_buf_dispose(&scratch);
    return status;
}

static bs_status take_member(void *user, bsi_json_reader *json, bsi_slice key)
{
    copy_box *box = user;

    if (bsi_slice_is(key, "to")) {
        return read_to(json, box);
    }
    return bsi_slice_is(key, "findings")
               ? bsi_findings_read_all(json, &box->arena, &box->findings)
               : bsi_repo_info_read_number(json, key, copy_numbers, &box->info);
}

bs_status bsi_copy_get(bs_service *service, const char *reference, bs_copy_info **out)
{
    copy_box *box = bsi_calloc(1, sizeof(*box));
    bsi_repo_info common;
    bs_status status = BS_E_NOMEM;

    if (box) {
        box->info.to = "";
        status = bsi_repo_info_get(service, BSI_JOB_KIND_COPY, reference, &box->arena, take_member,
                                   box, &common);
    }
    if (status < 0) {
        bsi_copy_info_free((bs_copy_info *)box);
        return status;
    }
    BSI_REPO_INFO_GIVE(&common, &box->info);
    box->info.findings = box->findings.items;
    box->info.findings_kept = box->findings.count;
    *out = &box->info;
    return BS_OK;
}

void bsi_copy_info_free(bs_copy_info *info)
{
    copy_box *box = (copy_box *)info;

    if (box) {
        bsi_findings_read_dispose(&box->findings);
        bsi_arena_dispose(&box->arena);
        bsi_free(box);
    }
}
