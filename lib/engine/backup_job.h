/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_BACKUP_JOB_H
#define BSI_ENGINE_BACKUP_JOB_H

#include "engine/request.h"

/* Start a backup; see bs_backup_start(). */
BS_NODISCARD bs_status bsi_backup_start(bs_service *service, const bs_backup_options *options,
                                        char id_out[BS_ID_SIZE]);

#endif
