/* SPDX-License-Identifier: MIT */
/*
 * Copies of backups on other storages.
 */
#include <backupsvc/replicate.h>

#include "api/check.h"
#include "engine/control.h"
#include "engine/replicate.h"
#include "engine/service.h"

enum {
    FIRST_OPTIONS_SIZE = offsetof(bs_replicate_options, backups) + sizeof(const char *const *),
};

void bs_replicate_options_init(bs_replicate_options *options, size_t size)
{
    bsi_options_init(options, size);
}

bs_status bs_replicate_start(bs_service *service, const bs_replicate_options *options,
                             char id_out[BS_ID_SIZE])
{
    bs_replicate_options own = {0};

    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(options);
    BSI_REQUIRE(id_out);
    BSI_TRY(bsi_options_take("options", options, FIRST_OPTIONS_SIZE, &own, sizeof(own)));
    return bsi_replicate_start(service, &own, id_out);
}

bs_status bs_replicate_get(bs_service *service, const char *id, bs_replicate_info **out)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(id);
    BSI_REQUIRE(out);
    return bsi_replicate_get(service, id, out);
}

void bs_replicate_info_free(bs_replicate_info *info)
{
    bsi_replicate_info_free(info);
}

bs_status bs_replicate_wait(bs_service *service, const char *id, uint32_t timeout_ms)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(id);
    return bsi_control_wait(service, BS_JOB_REPLICATE, id, timeout_ms);
}

bs_status bs_replicate_cancel(bs_service *service, const char *id)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(id);
    return bsi_control_cancel(service, BS_JOB_REPLICATE, id);
}
