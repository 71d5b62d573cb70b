/* SPDX-License-Identifier: MIT */
/*
 * Statistics.
 */
#include <backupsvc/stats.h>

#include "api/check.h"
#include "engine/info.h"
#include "engine/service.h"

bs_status bs_stats(bs_service *service, bs_stats_info **out)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(out);
    return bsi_stats_get(service, out);
}

void bs_stats_info_free(bs_stats_info *stats)
{
    bsi_stats_info_free(stats);
}
