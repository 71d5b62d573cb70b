/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_INFO_H
#define BSI_ENGINE_INFO_H

#include <backupsvc/restore.h>

#include "base/error.h"

/*
 * What the service knows of backups and jobs, as the copies that programs get:
 * the row, and over it the counters of a job that is still running. Each copy is
 * one allocation and an arena of its own.
 */
BS_NODISCARD bs_status bsi_backup_get(bs_service *service, const char *reference,
                                      bs_backup_info **out);
void bsi_backup_info_free(bs_backup_info *info);

BS_NODISCARD bs_status bsi_backup_list(bs_service *service, const bs_backup_filter *filter,
                                       bs_backup_page **out);
void bsi_backup_page_free(bs_backup_page *page);

BS_NODISCARD bs_status bsi_restore_get(bs_service *service, const char *reference,
                                       bs_restore_info **out);
void bsi_restore_info_free(bs_restore_info *info);

BS_NODISCARD bs_status bsi_restore_list(bs_service *service, uint32_t limit, uint32_t offset,
                                        bs_restore_page **out);
void bsi_restore_page_free(bs_restore_page *page);

BS_NODISCARD bs_status bsi_verify_get(bs_service *service, const char *reference,
                                      bs_verify_info **out);
void bsi_verify_info_free(bs_verify_info *info);

#endif
