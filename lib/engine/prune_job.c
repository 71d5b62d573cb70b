/* SPDX-License-Identifier: MIT */
/*
 * Pruning a repository, from its start to its row and back to an info. What came of it
 * is kept as a JSON object of numbers.
 */
#include <stddef.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/complaints.h"
#include "engine/info_parts.h"
#include "engine/repository.h"
#include "engine/runner.h"
#include "engine/service.h"
#include "repo/prune.h"
#include "storage/decorators/guard.h"
#include "text/json_read.h"
#include "text/json_write.h"
#include "text/size.h"

enum {
    PRUNE_RESULT_MAX = 64 * 1024,
    PERCENT_END = 100,
};

typedef struct prune_run {
    char *storage;
    bsi_prune_options options;
    bool dry_run;
    bsi_prune_report report;
    bsi_buf result;
    bool complete; /* The result is all there. */
} prune_run;

typedef struct prune_box {
    bs_prune_info info; /* What the caller holds: must come first. */
    bsi_arena arena;
} prune_box;

/* The numbers that rows and infos have, by the names that they have in both. */
typedef struct number {
    const char *name;
    size_t from; /* In bsi_prune_report. */
    size_t to;   /* In bs_prune_info. */
} number;

#define NUMBER(name)                                                           \
    {                                                                          \
#name, offsetof(bsi_prune_report, name), offsetof(bs_prune_info, name) \
    }

static const number numbers[] = {
    NUMBER(snapshots),       NUMBER(packs),           NUMBER(bytes_needed),
    NUMBER(bytes_unneeded),  NUMBER(bytes_twice),     NUMBER(packs_unknown),
    NUMBER(bytes_unknown),   NUMBER(packs_to_remove), NUMBER(packs_to_repack),
    NUMBER(bytes_to_remove), NUMBER(bytes_to_repack), NUMBER(bytes_left),
    NUMBER(packs_waiting),   NUMBER(packs_removed),   NUMBER(bytes_removed),
    NUMBER(packs_written),   NUMBER(bytes_written),
};

static void prune_dispose(void *payload)
{
    prune_run *run = payload;

    if (run) {
        bsi_buf_dispose(&run->result);
        bsi_free(run->storage);
        bsi_free(run);
    }
}

/* --- Rows --- */

static void fill_row(const bsi_job *job, const bsi_job_view *view, bsi_row_job *row)
{
    const prune_run *run = job->payload;

    bsi_job_fill_row(job, view, row);
    row->kind = BSI_JOB_KIND_PRUNE;
    row->target = run->storage;
    row->options = run->dry_run ? "{\"dry_run\":true}" : "{}";
    row->result = run->complete ? (const char *)run->result.data : "{}";
}

static bs_status prune_add(bsi_job *job, const bsi_job_view *view)
{
    bsi_row_job row;

    fill_row(job, view, &row);
    return bsi_catalog_add_job(job->service->catalog, &row);
}

static bs_status prune_save(bsi_job *job, const bsi_job_view *view)
{
    bsi_row_job row;

    if (view->state >= BS_STATE_COMPLETED) {
        BSI_TRY(bsi_job_save_warnings(job));
    }
    fill_row(job, view, &row);
    return bsi_catalog_update_job(job->service->catalog, &row);
}

static void prune_ended(bsi_job *job)
{
    (void)job; /* It keeps nobody from anything. */
}

static void prune_describe(const bsi_job *job, bsi_deed *out)
{
    const prune_run *run = job->payload;

    out->action = "repository.prune";
    out->object = run->storage;
    out->detail = run->dry_run ? "only planned" : "";
}

static bs_status write_result(prune_run *run)
{
    bsi_json_writer json;

    bsi_buf_init(&run->result, PRUNE_RESULT_MAX);
    bsi_json_writer_init(&json, &run->result, BSI_JSON_COMPACT);
    bsi_json_begin_object(&json);
    bsi_json_put_bool(&json, "dry_run", run->dry_run);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(numbers); i++) {
        uint64_t value = 0;
        memcpy(&value, (const char *)&run->report + numbers[i].from, sizeof(value));
        bsi_json_put_u64(&json, numbers[i].name, value);
    }
    bsi_json_end_object(&json);
    BSI_TRY(bsi_json_writer_finish(&json));
    BSI_TRY(bsi_buf_append_byte(&run->result, 0));
    run->complete = true;
    return BS_OK;
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
    BSI_TRY(bsi_repository_open(job->service, run->storage, lock_of(run), job, &repository));
    status = prune(&repository, &job->call, run);
    bsi_repository_close(&repository);
    BSI_TRY(status);
    return write_result(run);
}

static const bsi_job_ops prune_ops = {
    .kind = BS_JOB_PRUNE,
    .add = prune_add,
    .run = prune_work,
    .save = prune_save,
    .ended = prune_ended,
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
    const char *storage = options->storage ? options->storage : BSI_REPOSITORY_STORAGE;
    bsi_complaints complaints = {0};
    bsi_storage *found = NULL;
    bs_status status = BS_OK;

    take_unused(options->max_unused, &run->options, &complaints);
    take_repack(options->max_repack_size, &run->options, &complaints);
    BSI_TRY(bsi_complaints_status(&complaints));
    BSI_TRY(bsi_service_storage(service, storage, &found));
    status = options->dry_run ? BS_OK : bsi_storage_check_removable(found, storage);
    bsi_storage_unref(found);
    BSI_TRY(status);
    run->dry_run = options->dry_run;
    run->options.two_phases = options->two_phases;
    run->options.no_grace = options->no_grace;
    run->storage = bsi_strdup(storage);
    return run->storage ? BS_OK : BS_E_NOMEM;
}

bs_status bsi_prune_start(bs_service *service, const bs_prune_options *options,
                          char id_out[BS_ID_SIZE])
{
    prune_run *run = bsi_calloc(1, sizeof(*run));
    bsi_job *job = NULL;
    char id[BS_ID_SIZE];
    const bs_status status = run ? prepare(service, options, run) : BS_E_NOMEM;

    if (status < 0) {
        prune_dispose(run);
        return status;
    }
    BSI_TRY(bsi_job_new(service, &prune_ops, run, &job));
    memcpy(id, job->id, sizeof(id));
    BSI_TRY(bsi_job_start(job));
    memcpy(id_out, id, sizeof(id));
    return BS_OK;
}

/* --- Its info --- */

static bs_status read_number(bsi_json_reader *json, void *out)
{
    uint64_t value = 0;

    BSI_TRY(bsi_json_read_u64(json, &value));
    memcpy(out, &value, sizeof(value));
    return BS_OK;
}

static bs_status read_member(bsi_json_reader *json, bsi_slice key, bs_prune_info *out)
{
    if (bsi_slice_is(key, "dry_run")) {
        return bsi_json_read_bool(json, &out->dry_run);
    }
    for (size_t i = 0; i < BSI_ARRAY_SIZE(numbers); i++) {
        if (bsi_slice_is(key, numbers[i].name)) {
            return read_number(json, (char *)out + numbers[i].to);
        }
    }
    return bsi_json_skip(json);
}

static bs_status read_result(const char *result, bs_prune_info *out)
{
    bsi_json_reader json;
    bsi_slice key;
    bs_status status = BS_OK;

    bsi_json_init(&json, result, strlen(result), BS_LAYER_CATALOG, BS_E_CORRUPT);
    status = bsi_json_enter_object(&json);
    while (status >= 0) {
        status = bsi_json_next_key(&json, &key);
        if (status != BS_OK) {
            break;
        }
        status = read_member(&json, key, out);
    }
    return status < 0 ? status : BS_OK;
}

static bs_status fill(const bsi_row_job *row, const bsi_job_view *view, prune_box *box)
{
    bs_prune_info *info = &box->info;

    bsi_info_id(row->id, info->id);
    info->storage = bsi_arena_text(&box->arena, row->target);
    info->status = view->state;
    info->created_at = bsi_info_time(&box->arena, row->created_at);
    info->started_at = bsi_info_time(&box->arena, view->started_at);
    info->completed_at = bsi_info_time(&box->arena, view->completed_at);
    info->usage = bsi_info_usage(&view->usage);
    if (view->state == BS_STATE_FAILED) {
        info->error = view->error;
    }
    if (!info->storage || !info->created_at || !info->started_at || !info->completed_at) {
        return BS_E_NOMEM;
    }
    return read_result(row->result, info);
}

bs_status bsi_prune_get(bs_service *service, const char *reference, bs_prune_info **out)
{
    bsi_job_view view;
    bsi_row_job row;
    bsi_job *job = NULL;
    prune_box *box = NULL;
    bs_status status = bsi_info_job(service, BSI_JOB_KIND_PRUNE, reference, &view, &job, &row);

    if (status < 0) {
        return status;
    }
    bsi_job_unref(job);
    box = bsi_calloc(1, sizeof(*box));
    status = box ? fill(&row, &view, box) : BS_E_NOMEM;
    bsi_row_job_dispose(&row);
    if (status < 0) {
        bsi_prune_info_free((bs_prune_info *)box);
        return status;
    }
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
