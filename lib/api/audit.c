/* SPDX-License-Identifier: MIT */
/*
 * The audit log.
 */
#include "engine/audit.h"

#include <stddef.h>

#include "api/check.h"
#include "engine/service.h"

enum { FIRST_FILTER_SIZE = offsetof(bs_audit_filter, limit) + sizeof(uint32_t) };

void bs_audit_filter_init(bs_audit_filter *filter, size_t size)
{
    bsi_options_init(filter, size);
}

bs_status bs_audit_list(bs_service *service, const bs_audit_filter *filter, bs_audit_page **out)
{
    bs_audit_filter own = {0};

    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(out);
    BSI_TRY(bsi_options_take("filter", filter, FIRST_FILTER_SIZE, &own, sizeof(own)));
    return bsi_audit_list(service, &own, out);
}

void bs_audit_page_free(bs_audit_page *page)
{
    bsi_audit_page_free(page);
}

bs_status bs_audit_verify(bs_service *service, const char *const *public_keys,
                          bs_audit_report **out)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(out);
    return bsi_audit_verify(service, public_keys, out);
}

void bs_audit_report_free(bs_audit_report *report)
{
    bsi_audit_report_free(report);
}

bs_status bs_audit_set_actor(const char *actor)
{
    return bsi_audit_set_actor(actor);
}
