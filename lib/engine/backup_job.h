/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_BACKUP_JOB_H
#define BSI_ENGINE_BACKUP_JOB_H

#include "engine/job.h"
#include "engine/request.h"

/* Check a request and make its job, for bsi_job_start(). */
BS_NODISCARD bs_status bsi_backup_prepare(bs_service *service, const bs_backup_options *options,
                                          bsi_job **out);

/* Start a backup; see bs_backup_start(). */
BS_NODISCARD bs_status bsi_backup_start(bs_service *service, const bs_backup_options *options,
                                        char id_out[BS_ID_SIZE]);

#endif
