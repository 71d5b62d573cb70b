/* SPDX-License-Identifier: MIT */
/*
 * Storages that are kept, and what a storage can do.
 */
#include <backupsvc/storage.h>

#include "api/check.h"
#include "engine/profiles.h"

bs_status bs_storage_add(bs_service *service, const char *name, const char *driver,
                         const char *const *settings)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(name);
    BSI_REQUIRE(driver);
    return bsi_audit_end(service,
                         &(bsi_deed){.action = "storage.add", .object = name, .detail = driver},
                         bsi_profile_add(service, name, driver, settings));
}

bs_status bs_storage_remove(bs_service *service, const char *name, bool force)
{
    const bsi_deed deed = {.action = "storage.remove", .object = name};

    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(name);
    BSI_TRY(bsi_audit_begin(service, &deed));
    return bsi_audit_end(service, &deed, bsi_profile_remove(service, name, force));
}

bs_status bs_storage_limit(bs_service *service, const char *name, const char *const *limits)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(name);
    BSI_REQUIRE(limits && limits[0]);
    return bsi_audit_end(service, &(bsi_deed){.action = "storage.limit", .object = name},
                         bsi_profile_limit(service, name, limits));
}

bs_status bs_storage_list(bs_service *service, bs_storage_list_info **out)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(out);
    return bsi_storage_list_get(service, out);
}

void bs_storage_list_free(bs_storage_list_info *info)
{
    bsi_storage_list_free(info);
}

bs_status bs_storage_check(bs_service *service, const char *name, bs_storage_check_info **out)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(name);
    BSI_REQUIRE(out);
    return bsi_storage_check_run(service, name, out);
}

void bs_storage_check_free(bs_storage_check_info *info)
{
    bsi_storage_check_free(info);
}
