/* SPDX-License-Identifier: MIT */
/*
 * Restores.
 */
#include <backupsvc/restore.h>

#include "api/check.h"
#include "engine/control.h"
#include "engine/info.h"
#include "engine/restore_job.h"
#include "engine/service.h"

enum {
    FIRST_OPTIONS_SIZE = offsetof(bs_restore_options, strip_source) + sizeof(bool),
};

void bs_restore_options_init(bs_restore_options *options, size_t size)
{
    bsi_options_init(options, size);
}

bs_status bs_restore_start(bs_service *service, const bs_restore_options *options,
                           char id_out[BS_ID_SIZE])
{
    bs_restore_options own = {0};

    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(options);
    BSI_REQUIRE(id_out);
    BSI_TRY(bsi_options_take("options", options, FIRST_OPTIONS_SIZE, &own, sizeof(own)));
    if (!own.backup_id) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "backup_id: is missing");
    }
    return bsi_restore_start(service, &own, id_out);
}

bs_status bs_restore_get(bs_service *service, const char *id, bs_restore_info **out)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(id);
    BSI_REQUIRE(out);
    return bsi_restore_get(service, id, out);
}

void bs_restore_info_free(bs_restore_info *info)
{
    bsi_restore_info_free(info);
}

bs_status bs_restore_wait(bs_service *service, const char *id, uint32_t timeout_ms)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(id);
    return bsi_control_wait(service, BS_JOB_RESTORE, id, timeout_ms);
}

bs_status bs_restore_cancel(bs_service *service, const char *id)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(id);
    return bsi_control_cancel(service, BS_JOB_RESTORE, id);
}

bs_status bs_restore_list(bs_service *service, uint32_t limit, uint32_t offset,
                          bs_restore_page **out)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(out);
    return bsi_restore_list(service, limit, offset, out);
}

void bs_restore_page_free(bs_restore_page *page)
{
    bsi_restore_page_free(page);
}
