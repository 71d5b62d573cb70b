/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_CONTROL_H
#define BSI_ENGINE_CONTROL_H

#include <backupsvc/events.h>

#include "base/error.h"

/*
 * Waiting for jobs, cancelling and following them, whether they still run or
 * are only a row. `reference` is what a person calls the job; see
 * bs_backup_get().
 */
BS_NODISCARD bs_status bsi_control_wait(bs_service *service, bs_job_kind kind,
                                        const char *reference, uint32_t timeout_ms);
BS_NODISCARD bs_status bsi_control_cancel(bs_service *service, bs_job_kind kind,
                                          const char *reference);

/* NULL: all jobs. BS_E_NOT_FOUND: there is no job with this id. */
BS_NODISCARD bs_status bsi_control_subscribe(bs_service *service, const char *job_id,
                                             bs_subscription **out);

#endif
