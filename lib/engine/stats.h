/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_STATS_H
#define BSI_ENGINE_STATS_H

#include <backupsvc/stats.h>

#include "engine/arena.h"

/* Numbers over all backups, from the sums that the catalogue keeps. */
BS_NODISCARD bs_status bsi_stats_get(bs_service *service, bs_stats_info **out);
void bsi_stats_info_free(bs_stats_info *stats);

/* The options are complete: days and length are set and within their ranges. */
BS_NODISCARD bs_status bsi_stats_history(bs_service *service,
                                         const bs_stats_history_options *options,
                                         bs_stats_history_info **out);
void bsi_stats_history_info_free(bs_stats_history_info *history);

/* --- Parts --- */

/* What completed backups take, also those that are being removed. */
BS_NODISCARD bs_status bsi_stats_held(bs_service *service, uint64_t *bytes_out);

/* The spans that end now. */
BS_NODISCARD bs_status bsi_stats_fill_spans(bs_service *service, uint64_t held, bsi_arena *arena,
                                            bs_stats_info *info);

/* Jobs that have ended, and how they failed. */
BS_NODISCARD bs_status bsi_stats_fill_jobs(bs_service *service, bsi_arena *arena,
                                           bs_stats_info *info);

#endif
