/* SPDX-License-Identifier: MIT */
/*
 * Subscriptions to what happens to jobs.
 */
#include <backupsvc/events.h>

#include "api/check.h"
#include "engine/control.h"
#include "engine/events.h"
#include "engine/service.h"

bs_status bs_subscribe(bs_service *service, const char *job_id, bs_subscription **out)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(out);
    return bsi_control_subscribe(service, job_id, out);
}

bs_status bs_subscription_next(bs_subscription *subscription, uint32_t timeout_ms, bs_event **out)
{
    BSI_REQUIRE(subscription);
    BSI_REQUIRE(out);
    return bsi_subscription_next(subscription, timeout_ms, out);
}

int bs_subscription_fd(bs_subscription *subscription)
{
    return subscription ? bsi_subscription_fd(subscription) : -1;
}

void bs_event_free(bs_event *event)
{
    bsi_event_free(event);
}

void bs_unsubscribe(bs_subscription *subscription)
{
    bsi_subscription_free(subscription);
}
