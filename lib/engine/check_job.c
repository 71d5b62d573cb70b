/* SPDX-License-Identifier: MIT */
/*
 * A check of a repository from its start to its row. What it finds is kept as
 * JSON:
 *
 *     {"findings":[{"subject":"pack","is_note":false,"id":"...","path":"...","message":"..."}],
 *      "errors":1,"notes":0,"indexes":1,...}
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/complaints.h"
#include "engine/repository.h"
#include "engine/runner.h"
#include "engine/service.h"
#include "engine/words.h"
#include "repo/check.h"
#include "text/json_write.h"

enum {
    CHECK_RESULT_MAX = 256 * 1024 * 1024,
    CHECK_TEXT_SIZE = 4096,
    CHECK_PARTS_MAX = 256, /* Packs are parted by their first byte. */
};

typedef struct check_run {
    char *storage;
    bsi_check_options options;
    bsi_check_report report;
    bsi_buf result;
    bsi_json_writer json;
    uint64_t kept;
    char first[BS_ERROR_MESSAGE_SIZE]; /* What is wrong; "": nothing. */
    bool complete;                     /* The JSON is closed. */
} check_run;

static void check_dispose(void *payload)
{
    check_run *run = payload;

    if (run) {
        bsi_buf_dispose(&run->result);
        bsi_free(run->storage);
        bsi_free(run);
    }
}

/* --- Rows --- */

static void fill_row(const bsi_job *job, const bsi_job_view *view, bsi_row_job *row)
{
    const check_run *run = job->payload;

    bsi_job_fill_row(job, view, row);
    row->kind = BSI_JOB_KIND_CHECK;
    row->target = run->storage;
    row->options = "{}";
    row->result = run->complete ? (const char *)run->result.data : "{}";
}

static bs_status check_add(bsi_job *job, const bsi_job_view *view)
{
    bsi_row_job row;

    fill_row(job, view, &row);
    return bsi_catalog_add_job(job->service->catalog, &row);
}

static bs_status check_save(bsi_job *job, const bsi_job_view *view)
{
    bsi_row_job row;

    if (view->state >= BS_STATE_COMPLETED) {
        BSI_TRY(bsi_job_save_warnings(job));
    }
    fill_row(job, view, &row);
    return bsi_catalog_update_job(job->service->catalog, &row);
}

static void check_ended(bsi_job *job)
{
    (void)job; /* It keeps nobody from anything. */
}

static void check_describe(const bsi_job *job, bsi_deed *out)
{
    const check_run *run = job->payload;

    out->action = "repository.check";
    out->object = run->storage;
}

/* --- Findings as they come --- */

static void put_printable(bsi_json_writer *json, const char *key, bsi_slice text)
{
    char shown[CHECK_TEXT_SIZE];

    bsi_json_put_text(json, key, bsi_printable(text.data, text.size, shown, sizeof(shown)));
}

_Static_assert((int)BSI_CHECK_INDEX + 1 == (int)BS_CHECK_INDEX &&
                   (int)BSI_CHECK_FILE + 1 == (int)BS_CHECK_FILE,
               "subjects of the API follow those of the repository");

static void found(void *user, const bsi_check_finding *finding)
{
    check_run *run = user;
    const int subject = (int)finding->subject + 1;
    char id[BS_DIGEST_TEXT_SIZE] = "";

    if (finding->id) {
        bsi_digest_format(finding->id, id);
    }
    if (!finding->is_note && !run->first[0]) {
        (void)snprintf(run->first, sizeof(run->first), "%s %.8s: %s",
                       bsi_word_name(bsi_words_check_subject, subject), id, finding->text);
    }
    if (run->kept == BSI_CHECK_FINDINGS_MAX) {
        return;
    }
    run->kept++;
    bsi_json_begin_object(&run->json);
    bsi_json_put_text(&run->json, "subject", bsi_word_name(bsi_words_check_subject, subject));
    bsi_json_put_bool(&run->json, "is_note", finding->is_note);
    bsi_json_put_text(&run->json, "id", id);
    put_printable(&run->json, "path", finding->path);
    put_printable(&run->json, "message", bsi_slice_of(finding->text));
    bsi_json_end_object(&run->json);
}

static void begin_result(check_run *run)
{
    bsi_buf_init(&run->result, CHECK_RESULT_MAX);
    bsi_json_writer_init(&run->json, &run->result, BSI_JSON_COMPACT);
    bsi_json_begin_object(&run->json);
    bsi_json_write_key(&run->json, "findings");
    bsi_json_begin_array(&run->json);
}

static bs_status end_result(check_run *run)
{
    const bsi_check_report *report = &run->report;
    const struct {
        const char *key;
        uint64_t value;
    } numbers[] = {
        {"errors", report->errors},         {"notes", report->notes},
        {"indexes", report->indexes},       {"packs", report->packs},
        {"blobs", report->blobs},           {"packs_read", report->packs_read},
        {"bytes_read", report->bytes_read}, {"trees", report->trees},
        {"snapshots", report->snapshots},   {"snapshots_damaged", report->snapshots_damaged},
    };

    bsi_json_end_array(&run->json);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(numbers); i++) {
        bsi_json_put_u64(&run->json, numbers[i].key, numbers[i].value);
    }
    bsi_json_end_object(&run->json);
    BSI_TRY(bsi_json_writer_finish(&run->json));
    BSI_TRY(bsi_buf_append_byte(&run->result, 0));
    run->complete = true;
    return BS_OK;
}

/* --- The work --- */

static bs_status check_work(bsi_job *job)
{
    check_run *run = job->payload;
    bsi_open_repository repository;
    bs_status status = BS_OK;

    begin_result(run);
    BSI_TRY(
        bsi_repository_open(job->service, run->storage, BSI_SESSION_EXCLUSIVE, job, &repository));
    run->options.pool = job->service->pool;
    run->options.found = found;
    run->options.user = run;
    status = bsi_repo_check(repository.session.repo, &job->call, &run->options, &run->report);
    bsi_repository_close(&repository);
    BSI_TRY(status);
    BSI_TRY(end_result(run));
    bsi_progress_add(&job->progress, 0, run->report.bytes_read);
    if (run->report.errors == 0) {
        return BS_OK;
    }
    return bsi_fail(
        BS_LAYER_STORAGE, BS_E_CORRUPT,
        "%" PRIu64 " errors; %" PRIu64 " of %" PRIu64 " snapshots do not restore as a whole; %s",
        run->report.errors, run->report.snapshots_damaged, run->report.snapshots, run->first);
}

static const bsi_job_ops check_ops = {
    .kind = BS_JOB_CHECK,
    .add = check_add,
    .run = check_work,
    .save = check_save,
    .ended = check_ended,
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
    const char *storage = options->storage ? options->storage : BSI_REPOSITORY_STORAGE;
    bsi_storage *found_storage = NULL;

    BSI_TRY(check_options(options));
    BSI_TRY(bsi_service_storage(service, storage, &found_storage));
    bsi_storage_unref(found_storage);
    run->storage = bsi_strdup(storage);
    run->options.read_data = options->read_data;
    run->options.part = options->part;
    run->options.parts = options->parts;
    run->options.percent = options->percent;
    return run->storage ? BS_OK : BS_E_NOMEM;
}

bs_status bsi_check_start(bs_service *service, const bs_check_options *options,
                          char id_out[BS_ID_SIZE])
{
    check_run *run = bsi_calloc(1, sizeof(*run));
    bsi_job *job = NULL;
    char id[BS_ID_SIZE];
    const bs_status status = run ? prepare(service, options, run) : BS_E_NOMEM;

    if (status < 0) {
        check_dispose(run);
        return status;
    }
    BSI_TRY(bsi_job_new(service, &check_ops, run, &job));
    memcpy(id, job->id, sizeof(id));
    BSI_TRY(bsi_job_start(job));
    memcpy(id_out, id, sizeof(id));
    return BS_OK;
}
