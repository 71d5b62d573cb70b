/* SPDX-License-Identifier: MIT */
/*
 * A restore from its request to its row.
 */
#include "engine/restore_job.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/access.h"
#include "engine/held.h"
#include "engine/runner.h"
#include "engine/service.h"
#include "storage/decorators/fallback.h"
#include "vault/names.h"

typedef struct restore_run {
    bsi_held held;
    bsi_restore_request *request;
    bsi_restore_result result;
} restore_run;

/* The backup was let go of when the job ended. */
static void restore_dispose(void *payload)
{
    restore_run *run = payload;

    if (run) {
        bsi_restore_request_free(run->request);
        bsi_free(run);
    }
}

static void fill_row(const bsi_job *job, const bsi_job_view *view, bsi_row_job *row)
{
    const restore_run *run = job->payload;

    bsi_job_fill_row(job, view, row);
    row->kind = BSI_JOB_KIND_RESTORE;
    row->backup_id = run->held.row.id;
    row->target = run->request->restore_path;
    row->options = run->request->options;
}

static bs_status restore_add(bsi_job *job, const bsi_job_view *view)
{
    bsi_row_job row;

    fill_row(job, view, &row);
    row.result = "{}";
    return bsi_catalog_add_job(job->service->catalog, &row);
}

static bs_status restore_save(bsi_job *job, const bsi_job_view *view)
{
    const restore_run *run = job->payload;
    char result[64];
    bsi_row_job row;

    if (view->state >= BS_STATE_COMPLETED) {
        BSI_TRY(bsi_job_save_warnings(job));
    }
    fill_row(job, view, &row);
    (void)snprintf(result, sizeof(result), "{\"files_skipped\":%" PRIu64 "}",
                   run->result.files_skipped);
    row.result = result;
    return bsi_catalog_update_job(job->service->catalog, &row);
}

static void restore_ended(bsi_job *job)
{
    restore_run *run = job->payload;

    bsi_held_close(job->service, &run->held);
}

static void restore_describe(const bsi_job *job, bsi_deed *out)
{
    const restore_run *run = job->payload;

    out->object = run->held.row.id;
    out->name = run->held.row.name;
    out->detail = run->request->restore_path;
}

/* Where the manifest of one copy is no good, that of the next may be: nothing was written yet. */
static bs_status restore_any(restore_run *run, const bsi_vault_env *env,
                             const bsi_restore_plan *plan)
{
    bs_status status = run->held.vault->restore(env, plan, &run->result);

    while (status < 0 && !run->result.begun && bsi_held_blames_storage(status) &&
           bsi_fallback_advance(env->storage)) {
        status = run->held.vault->restore(env, plan, &run->result);
    }
    return status;
}

static bs_status restore_work(bsi_job *job)
{
    restore_run *run = job->payload;
    const bsi_restore_request *request = run->request;
    bsi_vault_env env = bsi_service_env(job->service, NULL, &job->call, &job->warn);
    bsi_access access = {0};
    bs_status status = BS_OK;
    char short_id[BSI_SHORT_ID_SIZE];
    const bsi_restore_plan plan = {
        .manifest_key = run->held.row.manifest_key,
        .restore_path = request->restore_path,
        .paths = request->paths,
        .target = {.overwrite = request->overwrite,
                   .permissions = request->permissions,
                   .ownership = request->ownership,
                   .privileged = request->privileged,
                   .owners = request->owners,
                   .owner_count = request->owner_count,
                   .short_id = short_id},
        .verify = request->verify,
        .strip_source = request->strip_source,
    };

    bsi_short_id(job->id, short_id);
    env.progress = &job->progress;
    BSI_TRY(bsi_held_read(&run->held, &job->warn, &env.storage));
    status = bsi_access_open_for(job->service, &run->held.row, request->key, &env, &access);
    if (status >= 0) {
        status = restore_any(run, &env, &plan);
        status = bsi_access_explain(job->service, &env, &run->held.row, status);
    }
    bsi_access_close(&access);
    bsi_storage_unref(env.storage);
    return status;
}

static const bsi_job_ops restore_ops = {
    .kind = BS_JOB_RESTORE,
    .add = restore_add,
    .run = restore_work,
    .save = restore_save,
    .ended = restore_ended,
    .describe = restore_describe,
    .dispose = restore_dispose,
};

bs_status bsi_restore_start(bs_service *service, const bs_restore_options *options,
                            char id_out[BS_ID_SIZE])
{
    restore_run *run = bsi_calloc(1, sizeof(*run));
    bsi_held held = {0};
    bsi_job *job = NULL;
    char id[BS_ID_SIZE];
    bs_status status = BS_E_NOMEM;

    if (run) {
        status = bsi_held_open_any(service, options->backup_id, &held);
    }
    if (status >= 0) {
        status = bsi_restore_request_new(service, options, &held.row, &run->request);
    }
    if (status < 0) {
        bsi_held_close(service, &held);
        restore_dispose(run);
        return status;
    }
    status = bsi_job_new(service, &restore_ops, run, &job);
    if (status < 0) {
        bsi_held_close(service, &held);
        return status;
    }
    run->held = held;
    memcpy(id, job->id, sizeof(id));
    BSI_TRY(bsi_job_start(job));
    memcpy(id_out, id, sizeof(id));
    return BS_OK;
}
