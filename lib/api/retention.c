/* SPDX-License-Identifier: MIT */
/*
 * Retention: planning and applying it, pins, and taking marks back.
 */
#include "engine/retention.h"

#include "api/check.h"
#include "engine/audit_job.h"
#include "engine/pins.h"
#include "engine/service.h"

enum {
    FIRST_OPTIONS_SIZE = offsetof(bs_retention_options, accept_clock) + sizeof(bool),
    FIRST_PIN_SIZE = offsetof(bs_pin_options, hold) + sizeof(bool),
};

void bs_retention_options_init(bs_retention_options *options, size_t size)
{
    bsi_options_init(options, size);
}

void bs_pin_options_init(bs_pin_options *options, size_t size)
{
    bsi_options_init(options, size);
}

bs_status bs_retention_plan(bs_service *service, const bs_retention_options *options,
                            bs_retention_report **out)
{
    bs_retention_options own = {0};

    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(out);
    BSI_TRY(bsi_options_take("options", options, FIRST_OPTIONS_SIZE, &own, sizeof(own)));
    return bsi_retention_plan(service, &own, out);
}

bs_status bs_retention_apply(bs_service *service, const bs_retention_options *options,
                             bs_retention_report **out)
{
    bs_retention_options own = {0};

    BSI_TRY(bsi_service_enter(service));
    BSI_TRY(bsi_options_take("options", options, FIRST_OPTIONS_SIZE, &own, sizeof(own)));
    return bsi_retention_apply(service, &own, out);
}

void bs_retention_report_free(bs_retention_report *report)
{
    bsi_retention_report_free(report);
}

bs_status bs_backup_pin(bs_service *service, const char *id, const bs_pin_options *options)
{
    bs_pin_options own = {0};
    char full[BS_ID_SIZE];

    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(id);
    BSI_REQUIRE(options);
    BSI_TRY(bsi_options_take("options", options, FIRST_PIN_SIZE, &own, sizeof(own)));
    return bsi_audit_end(service,
                         &(bsi_deed){.action = own.hold ? "backup.hold" : "backup.pin",
                                     .object = bsi_audit_backup_id(service, id, full),
                                     .detail = own.reason},
                         bsi_backup_pin(service, id, &own));
}

bs_status bs_backup_unpin(bs_service *service, const char *id, bool hold)
{
    char full[BS_ID_SIZE];

    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(id);
    return bsi_audit_end(service,
                         &(bsi_deed){.action = hold ? "backup.unhold" : "backup.unpin",
                                     .object = bsi_audit_backup_id(service, id, full)},
                         bsi_backup_unpin(service, id, hold));
}

bs_status bs_backup_undelete(bs_service *service, const char *id)
{
    char full[BS_ID_SIZE];

    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(id);
    return bsi_audit_end(
        service,
        &(bsi_deed){.action = "backup.undelete", .object = bsi_audit_backup_id(service, id, full)},
        bsi_backup_undelete(service, id));
}
