/* SPDX-License-Identifier: MIT */
#include "engine/audit_job.h"

#include <stdio.h>

#include "engine/service.h"
#include "engine/words.h"

enum { ACTION_SIZE = 40 };

static bsi_deed describe(const bsi_job *job, char action[ACTION_SIZE])
{
    const bs_job_kind kind = job->ops->kind;
    bsi_deed deed = {.action = action, .object = job->id, .actor = job->actor};

    (void)snprintf(action, ACTION_SIZE, "backup.%s",
                   kind == BS_JOB_BACKUP ? "create" : bsi_word_name(bsi_words_job_kind, (int)kind));
    if (job->ops->describe) {
        job->ops->describe(job, &deed);
    }
    return deed;
}

bs_status bsi_audit_job_begin(bsi_job *job)
{
    char action[ACTION_SIZE];
    const bsi_deed deed = describe(job, action);

    return bsi_audit_begin(job->service, &deed);
}

void bsi_audit_job_end(bsi_job *job, const bsi_job_view *end)
{
    char action[ACTION_SIZE];
    const bsi_deed deed = describe(job, action);
    bs_error error;
    bs_status status = BS_OK;

    bsi_error_save(&error);
    if (end->state == BS_STATE_COMPLETED_WITH_WARNINGS) {
        status = BS_PARTIAL;
    } else if (end->state != BS_STATE_COMPLETED) {
        status = end->error.code;
        bsi_error_restore(&end->error);
    }
    (void)bsi_audit_end(job->service, &deed, status);
    bsi_error_restore(&error);
}

void bsi_audit_job_refused(bsi_job *job, bsi_job_view *view)
{
    view->state = BS_STATE_FAILED;
    bsi_error_save(&view->error);
    bsi_audit_job_end(job, view);
}

const char *bsi_audit_backup_id(bs_service *service, const char *reference, char id_out[BS_ID_SIZE])
{
    bs_error error;
    bs_status status = BS_OK;

    bsi_error_save(&error);
    status = bsi_catalog_resolve_backup(service->catalog, reference, id_out);
    bsi_error_restore(&error);
    return status < 0 ? reference : id_out;
}
