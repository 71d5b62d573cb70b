/* SPDX-License-Identifier: MIT */
/*
 * Statistics.
 */
#include "engine/stats.h"

#include "api/check.h"
#include "engine/metrics_render.h"
#include "engine/service.h"

enum {
    FIRST_HISTORY_SIZE = offsetof(bs_stats_history_options, span_hours) + sizeof(uint32_t),
    USUAL_DAYS = 30,
    USUAL_SPAN_HOURS = 24,
};

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

void bs_stats_history_options_init(bs_stats_history_options *options, size_t size)
{
    bsi_options_init(options, size);
}

bs_status bs_stats_history(bs_service *service, const bs_stats_history_options *options,
                           bs_stats_history_info **out)
{
    bs_stats_history_options own = {0};

    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(out);
    BSI_TRY(bsi_options_take("options", options, FIRST_HISTORY_SIZE, &own, sizeof(own)));
    own.days = own.days > 0 ? own.days : USUAL_DAYS;
    own.span_hours = own.span_hours > 0 ? own.span_hours : USUAL_SPAN_HOURS;
    return bsi_stats_history(service, &own, out);
}

void bs_stats_history_info_free(bs_stats_history_info *history)
{
    bsi_stats_history_info_free(history);
}

bs_status bs_metrics(bs_service *service, char **out)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(out);
    return bsi_metrics_render(service, bs_version(), out);
}
