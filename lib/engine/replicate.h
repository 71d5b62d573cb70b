/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_REPLICATE_H
#define BSI_ENGINE_REPLICATE_H

#include <backupsvc/replicate.h>

#include "base/error.h"

/* Copies of backups on other storages; see backupsvc/replicate.h. */

#define BSI_JOB_KIND_REPLICATE "replicate"

BS_NODISCARD bs_status bsi_replicate_start(bs_service *service, const bs_replicate_options *options,
                                           char id_out[BS_ID_SIZE]);
BS_NODISCARD bs_status bsi_replicate_get(bs_service *service, const char *reference,
                                         bs_replicate_info **out);
void bsi_replicate_info_free(bs_replicate_info *info);

#endif
