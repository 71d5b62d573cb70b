/* SPDX-License-Identifier: MIT */
#include "engine/space.h"

#include <stdio.h>
#include <string.h>

#include "engine/retention.h"
#include "engine/service.h"
#include "text/size.h"

#define LIMITED_STORAGE "local"

enum { THRESHOLD_WHOLE = 1000000 };

bool bsi_space_is_limited(const bs_service *service)
{
    return service->space.limit > 0;
}

static bs_status sum_up(bs_service *service)
{
    uint64_t bytes = 0;

    BSI_TRY(bsi_catalog_stored_bytes(service->catalog, LIMITED_STORAGE, &bytes));
    atomic_store(&service->space.stored, bytes);
    return BS_OK;
}

bs_status bsi_space_open(bs_service *service)
{
    const int64_t limit = bsi_config_number(service->config, BSI_CONFIG_MAX_STORAGE_SIZE);

    service->space.limit = limit > 0 ? (uint64_t)limit : 0;
    return bsi_space_is_limited(service) ? sum_up(service) : BS_OK;
}

static bool is_full(const bs_service *service)
{
    return bsi_budget_used(&service->space) >= service->space.limit;
}

static bs_status make_room(bs_service *service)
{
    if (bsi_config_flag(service->config, BSI_CONFIG_STORAGE_CLEANUP_ENABLED) &&
        bsi_retention_press(service, LIMITED_STORAGE) < 0) {
        bsi_log_write(&service->log, BS_LOG_WARNING, "engine",
                      "making room on storage '" LIMITED_STORAGE "': %s", bs_error_last()->message);
    }
    return sum_up(service);
}

bs_status bsi_space_admit(bs_service *service, const char *storage, bsi_spending *out)
{
    char used[BSI_SIZE_TEXT_SIZE];
    char limit[BSI_SIZE_TEXT_SIZE];

    if (!bsi_space_is_limited(service) || strcmp(storage, LIMITED_STORAGE) != 0) {
        return BS_OK;
    }
    BSI_TRY(sum_up(service));
    if (is_full(service)) {
        BSI_TRY(make_room(service));
    }
    if (is_full(service)) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_NO_SPACE,
                        "the storage '" LIMITED_STORAGE "' holds %s of the %s that "
                        "MAX_STORAGE_SIZE allows: remove backups, or allow more",
                        bsi_size_format(bsi_budget_used(&service->space), used),
                        bsi_size_format(service->space.limit, limit));
    }
    out->budget = &service->space;
    return BS_OK;
}

/* Between the two steps its bytes count twice, which does no harm. */
void bsi_space_settle(bs_service *service, bsi_spending *spending)
{
    if (!spending->budget) {
        return;
    }
    if (sum_up(service) < 0) {
        bsi_log_write(&service->log, BS_LOG_WARNING, "engine",
                      "what storage '" LIMITED_STORAGE "' holds is not known: %s",
                      bs_error_last()->message);
        return; /* It goes on counting as being on its way. */
    }
    bsi_spending_end(spending);
}

static bool is_short(const bs_service *service)
{
    const int64_t threshold =
        bsi_config_number(service->config, BSI_CONFIG_STORAGE_WARNING_THRESHOLD);

    return (double)bsi_budget_used(&service->space) >=
           (double)service->space.limit * ((double)threshold / THRESHOLD_WHOLE);
}

static void tell(bs_service *service)
{
    char used[BSI_SIZE_TEXT_SIZE];
    char limit[BSI_SIZE_TEXT_SIZE];
    char message[BS_ERROR_MESSAGE_SIZE];
    const bs_event event = {
        .type = BS_EVENT_STORAGE,
        .warning = {BS_E_NO_SPACE, BS_LAYER_STORAGE, LIMITED_STORAGE, message},
    };

    (void)snprintf(message, sizeof(message),
                   "the storage '" LIMITED_STORAGE "' holds %s of the %s that MAX_STORAGE_SIZE "
                   "allows",
                   bsi_size_format(bsi_budget_used(&service->space), used),
                   bsi_size_format(service->space.limit, limit));
    bsi_log_write(&service->log, BS_LOG_WARNING, "engine", "%s", message);
    bsi_events_send(&service->events, &event);
}

bool bsi_space_is_short(bs_service *service)
{
    const bool short_of = bsi_space_is_limited(service) && is_short(service);
    bool told = false;

    bsi_mutex_lock(&service->lock);
    told = service->space_told;
    service->space_told = short_of;
    bsi_mutex_unlock(&service->lock);
    if (short_of && !told) {
        tell(service);
    }
    return short_of;
}
