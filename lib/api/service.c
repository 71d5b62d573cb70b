/* SPDX-License-Identifier: MIT */
/*
 * Opening services, their storages and their catalogue.
 */
#include "engine/service.h"

#include "api/check.h"
#include "engine/rebuild.h"

enum {
    FIRST_OPTIONS_SIZE = offsetof(bs_service_options, replace_damaged) + sizeof(bool),
};

void bs_service_options_init(bs_service_options *options, size_t size)
{
    bsi_options_init(options, size);
}

bs_status bs_service_open(const bs_service_options *options, bs_service **out)
{
    bs_service_options own = {0};

    BSI_REQUIRE(out);
    BSI_TRY(bsi_options_take("options", options, FIRST_OPTIONS_SIZE, &own, sizeof(own)));
    return bsi_service_open(&own, out);
}

void bs_service_close(bs_service *service)
{
    bsi_service_close(service);
}

bs_status bs_service_add_storage(bs_service *service, const char *name, const char *driver,
                                 const char *const *settings)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(name);
    BSI_REQUIRE(driver);
    return bsi_service_add_storage(service, name, driver, settings);
}

bs_status bs_service_run_schedules(bs_service *service)
{
    BSI_TRY(bsi_service_enter(service));
    return bsi_scheduler_start(service);
}

bs_status bs_catalog_rebuild(bs_service *service, bs_rebuild_report *report_out)
{
    BSI_TRY(bsi_service_enter(service));
    return bsi_audit_end(service, &(bsi_deed){.action = "catalog.rebuild"},
                         bsi_catalog_rebuild(service, report_out));
}
