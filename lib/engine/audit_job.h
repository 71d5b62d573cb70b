/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_AUDIT_JOB_H
#define BSI_ENGINE_AUDIT_JOB_H

#include "engine/job.h"

/*
 * What the audit log says of jobs: "backup.create", "backup.restore",
 * "backup.verify", on behalf of who started them.
 */
BS_NODISCARD bs_status bsi_audit_job_begin(bsi_job *job);
void bsi_audit_job_end(bsi_job *job, const bsi_job_view *end);
/* It did not begin after all; the thread's error says why. */
void bsi_audit_job_refused(bsi_job *job, bsi_job_view *view);

/* The id that a reference to a backup leads to, or the reference itself. */
const char *bsi_audit_backup_id(bs_service *service, const char *reference,
                                char id_out[BS_ID_SIZE]);

#endif
