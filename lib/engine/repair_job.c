/* SPDX-License-Identifier: MIT */
/*
 * Repairing a repository, from its start to its row and back to an info.
 */
#include <stddef.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/complaints.h"
#include "engine/findings.h"
#include "engine/repository.h"
#include "engine/service.h"
#include "engine/words.h"
#include "repo/repair.h"
#include "storage/decorators/guard.h"

enum { PART_TEXT_MAX = 64 };

typedef struct repair_run {
    bsi_repo_work work;
    bs_repair_part part;
    bsi_repair_options options;
    char **packs; /* As they were named; NULL: those that are damaged. */
    size_t pack_count;
    bsi_repair_report report;
} repair_run;

typedef struct repair_box {
    bs_repair_info info; /* What the caller holds: must come first. */
    bsi_arena arena;
    bsi_findings_read findings;
} repair_box;

#define NUMBER(name) BSI_REPO_NUMBER(bsi_repair_report, bs_repair_info, name)

static const bsi_repo_number repair_numbers[] = {
    NUMBER(indexes_damaged),    NUMBER(packs_found),      NUMBER(packs_corrected),
    NUMBER(packs_missing),      NUMBER(packs_unreadable), NUMBER(packs_damaged),
    NUMBER(blobs_saved),        NUMBER(blobs_lost),       NUMBER(snapshots),
    NUMBER(snapshots_repaired), NUMBER(snapshots_lost),   NUMBER(files_shortened),
    NUMBER(folders_emptied),    BSI_REPO_NUMBERS_END,
};

static void repair_dispose(void *payload)
{
    repair_run *run = payload;

    if (run) {
        bsi_repo_texts_free(run->packs, run->pack_count);
        bsi_repo_work_dispose(&run->work);
        bsi_free(run);
    }
}

static void repair_describe(const bsi_job *job, bsi_deed *out)
{
    static const char *const planned[] = {
        [BS_REPAIR_INDEX] = "index, only planned",
        [BS_REPAIR_PACKS] = "packs, only planned",
        [BS_REPAIR_SNAPSHOTS] = "snapshots, only planned",
    };
    const repair_run *run = job->payload;

    out->action = "repository.repair";
    out->object = run->work.storage;
    out->detail = run->options.dry_run ? planned[run->part]
                                       : bsi_word_name(bsi_words_repair_part, (int)run->part);
}

/* --- The work --- */

static bs_status find_packs(const repair_run *run, const bsi_repo *repo, const bs_call *call,
                            bsi_repo_files *out)
{
    out->items = bsi_calloc(run->pack_count, sizeof(*out->items));
    if (!out->items) {
        return BS_E_NOMEM;
    }
    for (size_t i = 0; i < run->pack_count; i++) {
        BSI_TRY(bsi_repo_find(repo, call, BSI_REPO_PACKS, bsi_slice_of(run->packs[i]),
                              &out->items[i].id));
        out->count++;
    }
    return BS_OK;
}

static bs_status repair_packs(const bsi_open_repository *repository, const bs_call *call,
                              repair_run *run)
{
    const bsi_repo_session *session = &repository->session;
    bsi_repo_files packs = {0};
    bs_status status = BS_OK;

    if (!run->packs) {
        return bsi_repo_repair_packs(session->repo, call, session->lock, &run->options, NULL,
                                     &run->report);
    }
    status = find_packs(run, session->repo, call, &packs);
    if (status >= 0) {
        status = bsi_repo_repair_packs(session->repo, call, session->lock, &run->options, &packs,
                                       &run->report);
    }
    bsi_repo_files_dispose(&packs);
    return status;
}

static bs_status repair(const bsi_open_repository *repository, const bs_call *call, repair_run *run)
{
    const bsi_repo_session *session = &repository->session;

    switch (run->part) {
    case BS_REPAIR_INDEX:
        return bsi_repo_repair_index(session->repo, call, session->lock, &run->options,
                                     &run->report);
    case BS_REPAIR_PACKS:
        return repair_packs(repository, call, run);
    case BS_REPAIR_SNAPSHOTS:
        break;
    }
    return bsi_repo_repair_snapshots(session->repo, call, session->lock, &run->options,
                                     &run->report);
}

static bs_status repair_work(bsi_job *job)
{
    repair_run *run = job->payload;
    bsi_open_repository repository;
    bsi_findings findings;
    bs_status status = BS_OK;

    bsi_repo_work_begin_result(&run->work, BSI_FINDINGS_RESULT_MAX);
    bsi_json_put_text(&run->work.json, "part",
                      bsi_word_name(bsi_words_repair_part, (int)run->part));
    bsi_json_put_bool(&run->work.json, "dry_run", run->options.dry_run);
    bsi_findings_begin(&findings, &run->work.json);
    run->options.pool = job->service->pool;
    run->options.found = bsi_findings_found;
    run->options.user = &findings;
    BSI_TRY(bsi_repository_open(job->service, run->work.storage,
                                run->options.dry_run ? BSI_SESSION_SHARED : BSI_SESSION_EXCLUSIVE,
                                job, &repository));
    status = repair(&repository, &job->call, run);
    bsi_repository_close(&repository);
    BSI_TRY(status);
    bsi_findings_end(&findings);
    bsi_json_put_u64(&run->work.json, "findings_count", findings.count);
    return bsi_repo_work_end_result(&run->work, repair_numbers, &run->report);
}

static const bsi_job_ops repair_ops = {
    .kind = BS_JOB_REPAIR,
    .add = bsi_repo_work_add,
    .run = repair_work,
    .save = bsi_repo_work_save,
    .ended = bsi_repo_work_ended,
    .describe = repair_describe,
    .dispose = repair_dispose,
};

/* --- The start --- */

static bs_status check_options(const bs_repair_options *options)
{
    bsi_complaints complaints = {0};

    if (options->part < BS_REPAIR_INDEX || options->part > BS_REPAIR_SNAPSHOTS) {
        bsi_complain_invalid(&complaints,
                             "part: takes index, packs or snapshots, not the number "
                             "%d",
                             (int)options->part);
    }
    if (options->read_all_packs && options->part != BS_REPAIR_INDEX) {
        bsi_complain_invalid(&complaints, "read_all_packs: is for the part index");
    }
    if (options->packs && options->part != BS_REPAIR_PACKS) {
        bsi_complain_invalid(&complaints, "packs: are for the part packs");
    }
    if (options->forget && options->part != BS_REPAIR_SNAPSHOTS) {
        bsi_complain_invalid(&complaints, "forget: is for the part snapshots");
    }
    return bsi_complaints_status(&complaints);
}

static bs_status prepare(bs_service *service, const bs_repair_options *options, repair_run *run)
{
    BSI_TRY(check_options(options));
    BSI_TRY(bsi_repo_work_take_storage(service, &run->work, options->storage,
                                       options->dry_run ? NULL : bsi_storage_check_removable));
    BSI_TRY(bsi_repo_texts_copy(options->packs, &run->packs, &run->pack_count));
    run->work.kind = BSI_JOB_KIND_REPAIR;
    run->work.options = options->dry_run ? "{\"dry_run\":true}" : "{}";
    run->part = options->part;
    run->options.dry_run = options->dry_run;
    run->options.all_headers = options->read_all_packs;
    run->options.forget = options->forget;
    return BS_OK;
}

bs_status bsi_repair_start(bs_service *service, const bs_repair_options *options,
                           char id_out[BS_ID_SIZE])
{
    repair_run *run = bsi_calloc(1, sizeof(*run));
    const bs_status status = run ? prepare(service, options, run) : BS_E_NOMEM;

    return bsi_repo_work_start(service, &repair_ops, run, status, id_out);
}

/* --- Its info --- */

static bs_status read_part(bsi_json_reader *json, bs_repair_part *out)
{
    bsi_slice text;
    bsi_buf scratch;
    int part = 0;
    bs_status status = BS_OK;

    bsi_buf_init(&scratch, PART_TEXT_MAX);
    status = bsi_json_read_string(json, &scratch, &text);
    if (status >= 0 && !bsi_word_parse(bsi_words_repair_part, text, &part)) {
        status = bsi_json_fail(json, "an unknown part");
    }
    bsi_buf_dispose(&scratch);
    *out = (bs_repair_part)part;
    return status;
}

static bs_status take_member(void *user, bsi_json_reader *json, bsi_slice key)
{
    repair_box *box = user;

    if (bsi_slice_is(key, "part")) {
        return read_part(json, &box->info.part);
    }
    if (bsi_slice_is(key, "dry_run")) {
        return bsi_json_read_bool(json, &box->info.dry_run);
    }
    if (bsi_slice_is(key, "findings")) {
        return bsi_findings_read_all(json, &box->arena, &box->findings);
    }
    if (bsi_slice_is(key, "findings_count")) {
        return bsi_json_read_u64(json, &box->info.findings_count);
    }
    return bsi_repo_info_read_number(json, key, repair_numbers, &box->info);
}

bs_status bsi_repair_get(bs_service *service, const char *reference, bs_repair_info **out)
{
    repair_box *box = bsi_calloc(1, sizeof(*box));
    bsi_repo_info common;
    const bs_status status = box ? bsi_repo_info_get(service, BSI_JOB_KIND_REPAIR, reference,
                                                     &box->arena, take_member, box, &common)
                                 : BS_E_NOMEM;

    if (status < 0) {
        bsi_repair_info_free((bs_repair_info *)box);
        return status;
    }
    BSI_REPO_INFO_GIVE(&common, &box->info);
    box->info.findings = box->findings.items;
    box->info.findings_kept = box->findings.count;
    *out = &box->info;
    return BS_OK;
}

void bsi_repair_info_free(bs_repair_info *info)
{
    repair_box *box = (repair_box *)info;

    if (box) {
        bsi_findings_read_dispose(&box->findings);
        bsi_arena_dispose(&box->arena);
        bsi_free(box);
    }
}
