/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_REBUILD_H
#define BSI_ENGINE_REBUILD_H

#include <backupsvc/service.h>

#include "base/error.h"

/* Make the catalogue's backups anew from the storages; see bs_catalog_rebuild(). */
BS_NODISCARD bs_status bsi_catalog_rebuild(bs_service *service, bs_rebuild_report *report_out);

#endif
