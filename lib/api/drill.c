/* SPDX-License-Identifier: MIT */
/*
 * Restore drills.
 */
#include <backupsvc/drill.h>

#include "api/check.h"
#include "engine/control.h"
#include "engine/drill.h"
#include "engine/service.h"

enum {
    FIRST_OPTIONS_SIZE = offsetof(bs_drill_options, scratch_path) + sizeof(const char *),
    FIRST_FILTER_SIZE = offsetof(bs_drill_filter, offset) + sizeof(uint32_t),
};

void bs_drill_options_init(bs_drill_options *options, size_t size)
{
    bsi_options_init(options, size);
}

void bs_drill_filter_init(bs_drill_filter *filter, size_t size)
{
    bsi_options_init(filter, size);
}

bs_status bs_drill_start(bs_service *service, const bs_drill_options *options,
                         char id_out[BS_ID_SIZE])
{
    bs_drill_options own = {0};

    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(options);
    BSI_REQUIRE(id_out);
    BSI_TRY(bsi_options_take("options", options, FIRST_OPTIONS_SIZE, &own, sizeof(own)));
    return bsi_drill_start(service, &own, id_out);
}

bs_status bs_drill_get(bs_service *service, const char *id, bs_drill_info **out)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(id);
    BSI_REQUIRE(out);
    return bsi_drill_get(service, id, out);
}

void bs_drill_info_free(bs_drill_info *info)
{
    bsi_drill_info_free(info);
}

bs_status bs_drill_wait(bs_service *service, const char *id, uint32_t timeout_ms)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(id);
    return bsi_control_wait(service, BS_JOB_DRILL, id, timeout_ms);
}

bs_status bs_drill_cancel(bs_service *service, const char *id)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(id);
    return bsi_control_cancel(service, BS_JOB_DRILL, id);
}

bs_status bs_drill_list(bs_service *service, const bs_drill_filter *filter, bs_drill_page **out)
{
    bs_drill_filter own = {0};

    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(out);
    BSI_TRY(bsi_options_take("filter", filter, FIRST_FILTER_SIZE, &own, sizeof(own)));
    return bsi_drill_list(service, &own, out);
}

void bs_drill_page_free(bs_drill_page *page)
{
    bsi_drill_page_free(page);
}

bs_status bs_drill_list_reports(bs_service *service, const char *name, bs_drill_reports **out)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(out);
    return bsi_drill_list_reports(service, name, out);
}

void bs_drill_reports_free(bs_drill_reports *reports)
{
    bsi_drill_reports_free(reports);
}
