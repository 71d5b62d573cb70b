/* SPDX-License-Identifier: MIT */
/*
 * Verifications.
 */
#include <backupsvc/backup.h>

#include "api/check.h"
#include "engine/control.h"
#include "engine/info.h"
#include "engine/restore_job.h"
#include "engine/service.h"

bs_status bs_verify_start(bs_service *service, const char *backup_id, char id_out[BS_ID_SIZE])
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(backup_id);
    BSI_REQUIRE(id_out);
    return bsi_verify_start(service, backup_id, id_out);
}

bs_status bs_verify_get(bs_service *service, const char *id, bs_verify_info **out)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(id);
    BSI_REQUIRE(out);
    return bsi_verify_get(service, id, out);
}

void bs_verify_info_free(bs_verify_info *info)
{
    bsi_verify_info_free(info);
}

bs_status bs_verify_wait(bs_service *service, const char *id, uint32_t timeout_ms)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(id);
    return bsi_control_wait(service, BS_JOB_VERIFY, id, timeout_ms);
}

bs_status bs_verify_cancel(bs_service *service, const char *id)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(id);
    return bsi_control_cancel(service, BS_JOB_VERIFY, id);
}
