/* SPDX-License-Identifier: MIT */
/*
 * What can be done with a job from outside.
 */
#include "engine/control.h"

#include <string.h>

#include "engine/info_parts.h"
#include "engine/runner.h"
#include "engine/service.h"
#include "engine/words.h"

static bs_status resolve(bs_service *service, bs_job_kind kind, const char *reference,
                         char id_out[BS_ID_SIZE])
{
    return kind == BS_JOB_BACKUP ? bsi_catalog_resolve_backup(service->catalog, reference, id_out)
                                 : bsi_catalog_resolve_job(service->catalog, reference, id_out);
}

/* How a job ended that is over, by its row. */
static bs_status load_outcome(bs_service *service, bs_job_kind kind, const char *id,
                              bs_job_state *state_out, bs_error *error_out)
{
    bsi_row_backup backup;
    bsi_row_job job;
    bs_status status = BS_OK;

    if (kind == BS_JOB_BACKUP) {
        BSI_TRY(bsi_catalog_get_backup(service->catalog, id, &backup));
        *state_out = bsi_job_state_of(backup.status);
        bsi_info_error(backup.error_code, backup.error_layer, backup.error_message, error_out);
        bsi_row_backup_dispose(&backup);
        return BS_OK;
    }
    BSI_TRY(bsi_catalog_get_job(service->catalog, id, &job));
    *state_out = bsi_job_state_of(job.status);
    bsi_info_error(job.error_code, job.error_layer, job.error_message, error_out);
    if (strcmp(job.kind, bsi_word_name(bsi_words_job_kind, (int)kind)) != 0) {
        status = bsi_fail(BS_LAYER_CALLER, BS_E_NOT_FOUND, "job %s is no %s", id,
                          bsi_word_name(bsi_words_job_kind, (int)kind));
    }
    bsi_row_job_dispose(&job);
    return status;
}

bs_status bsi_control_wait(bs_service *service, bs_job_kind kind, const char *reference,
                           uint32_t timeout_ms)
{
    char id[BS_ID_SIZE];
    bsi_job *job = NULL;
    bs_job_state state = BS_STATE_PENDING;
    bs_error error;
    bs_status status = resolve(service, kind, reference, id);

    if (status < 0) {
        return status;
    }
    job = bsi_job_find(service, id);
    if (job && job->ops->kind == kind) {
        status = bsi_job_wait(job, timeout_ms);
        bsi_job_unref(job);
        return status;
    }
    bsi_job_unref(job);
    BSI_TRY(load_outcome(service, kind, id, &state, &error));
    return bsi_job_outcome(state, &error);
}

bs_status bsi_control_cancel(bs_service *service, bs_job_kind kind, const char *reference)
{
    char id[BS_ID_SIZE];
    bsi_job *job = NULL;
    bs_job_state state = BS_STATE_PENDING;
    bs_error error;
    bs_status status = resolve(service, kind, reference, id);

    if (status < 0) {
        return status;
    }
    job = bsi_job_find(service, id);
    if (job && job->ops->kind == kind) {
        bsi_job_cancel(job);
        bsi_job_unref(job);
        return BS_OK;
    }
    bsi_job_unref(job);
    return load_outcome(service, kind, id, &state, &error);
}

static bs_status check_known(bs_service *service, const char *id)
{
    bs_job_state state = BS_STATE_PENDING;
    bs_error error;
    bsi_row_job job;
    bs_status status = load_outcome(service, BS_JOB_BACKUP, id, &state, &error);

    if (status == BS_E_NOT_FOUND) {
        status = bsi_catalog_get_job(service->catalog, id, &job);
        if (status >= 0) {
            bsi_row_job_dispose(&job);
        }
    }
    return status;
}

/* Whether the job with this id goes on; a final event comes before it is over. */
static bool goes_on(bs_service *service, const char *id)
{
    bsi_job *job = bsi_job_find(service, id);
    bsi_job_view view = {.state = BS_STATE_COMPLETED};

    if (job) {
        bsi_job_look(job, &view);
    }
    bsi_job_unref(job);
    return view.state < BS_STATE_COMPLETED;
}

/* Listening begins before the look at the job, so that its end cannot slip through between. */
bs_status bsi_control_subscribe(bs_service *service, const char *job_id, bs_subscription **out)
{
    char id[BS_ID_SIZE] = "";

    if (job_id && strlen(job_id) != BS_ID_SIZE - 1) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "job_id: takes a whole id");
    }
    if (!job_id) {
        return bsi_subscription_new(&service->events, NULL, out);
    }
    memcpy(id, job_id, BS_ID_SIZE);
    BSI_TRY(check_known(service, id));
    BSI_TRY(bsi_subscription_new(&service->events, id, out));
    if (!goes_on(service, id)) {
        bsi_subscription_end(*out);
    }
    return BS_OK;
}
