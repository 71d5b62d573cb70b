/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_BROWSE_H
#define BSI_ENGINE_BROWSE_H

#include <backupsvc/backup.h>

#include "base/error.h"

/* Looking into backups on the caller's thread; see backupsvc/backup.h. */
BS_NODISCARD bs_status bsi_backup_entries(bs_service *service, const char *reference,
                                          const char *path, bool recursive, bs_entry_cb entry,
                                          void *user);
BS_NODISCARD bs_status bsi_backup_read(bs_service *service, const char *reference, const char *path,
                                       bs_data_cb data, void *user);
BS_NODISCARD bs_status bsi_backup_download(bs_service *service, const char *reference,
                                           uint64_t offset, uint64_t size, bs_data_cb data,
                                           void *user);

BS_NODISCARD bs_status bsi_backup_export(bs_service *service, const char *reference,
                                         const bs_export_options *options, bs_data_cb data,
                                         void *user);

#endif
