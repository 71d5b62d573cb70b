/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_RESTORE_JOB_H
#define BSI_ENGINE_RESTORE_JOB_H

#include "engine/job.h"
#include "engine/request.h"

/* What the rows of these jobs call their kind. */
#define BSI_JOB_KIND_RESTORE "restore"
#define BSI_JOB_KIND_VERIFY "verify"

/* Start a restore; see bs_restore_start(). */
BS_NODISCARD bs_status bsi_restore_start(bs_service *service, const bs_restore_options *options,
                                         char id_out[BS_ID_SIZE]);

/* Hold the backup and make the job of its verification, for bsi_job_start(). */
BS_NODISCARD bs_status bsi_verify_prepare(bs_service *service, const char *backup_id,
                                          bsi_job **out);

/* Start a verification; see bs_verify_start(). */
BS_NODISCARD bs_status bsi_verify_start(bs_service *service, const char *backup_id,
                                        char id_out[BS_ID_SIZE]);

#endif
