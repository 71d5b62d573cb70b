/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_SCHEDULE_H
#define BSI_ENGINE_SCHEDULE_H

#include <backupsvc/schedule.h>

#include "base/error.h"

/*
 * The list of schedules: what programs add, change and ask about. Running them
 * is schedule_run.h's business, at the right time scheduler.h's.
 */
BS_NODISCARD bs_status bsi_schedule_add(bs_service *service, const bs_schedule_options *options,
                                        char id_out[BS_ID_SIZE]);
/* A backup request with a schedule: add that, and make the backup its first run. */
BS_NODISCARD bs_status bsi_schedule_add_and_run(bs_service *service,
                                                const bs_backup_options *options,
                                                char id_out[BS_ID_SIZE]);
BS_NODISCARD bs_status bsi_schedule_update(bs_service *service, const char *reference,
                                           const bs_schedule_options *changes);
BS_NODISCARD bs_status bsi_schedule_remove(bs_service *service, const char *reference);

BS_NODISCARD bs_status bsi_schedule_get(bs_service *service, const char *reference,
                                        bs_schedule_info **out);
void bsi_schedule_info_free(bs_schedule_info *info);

BS_NODISCARD bs_status bsi_schedule_list(bs_service *service, const bs_schedule_filter *filter,
                                         bs_schedule_page **out);
void bsi_schedule_page_free(bs_schedule_page *page);

BS_NODISCARD bs_status bsi_schedule_list_runs(bs_service *service, const char *reference,
                                              uint32_t limit, uint32_t offset,
                                              bs_schedule_runs **out);
void bsi_schedule_runs_free(bs_schedule_runs *runs);

BS_NODISCARD bs_status bsi_schedule_preview(const char *cron, const char *zone, uint32_t count,
                                            bs_schedule_times **out);
void bsi_schedule_times_free(bs_schedule_times *times);

#endif
