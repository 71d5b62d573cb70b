/* SPDX-License-Identifier: MIT */
/*
 * Schedules.
 */
#include <backupsvc/schedule.h>

#include "api/check.h"
#include "engine/schedule.h"
#include "engine/schedule_run.h"
#include "engine/service.h"

enum {
    FIRST_OPTIONS_SIZE = offsetof(bs_schedule_options, is_active) + sizeof(bs_choice),
    FIRST_FILTER_SIZE = offsetof(bs_schedule_filter, offset) + sizeof(uint32_t),
};

void bs_schedule_options_init(bs_schedule_options *options, size_t size)
{
    bsi_options_init(options, size);
}

void bs_schedule_filter_init(bs_schedule_filter *filter, size_t size)
{
    bsi_options_init(filter, size);
}

/* The request within the options has a size of its own. */
static bs_status take_options(const bs_schedule_options *options, bs_schedule_options *own,
                              bs_backup_options *own_request)
{
    BSI_TRY(bsi_options_take("options", options, FIRST_OPTIONS_SIZE, own, sizeof(*own)));
    if (own->backup_request) {
        BSI_TRY(bsi_backup_options_take("backup_request", own->backup_request, own_request));
        own->backup_request = own_request;
    }
    return BS_OK;
}

bs_status bs_schedule_add(bs_service *service, const bs_schedule_options *options,
                          char id_out[BS_ID_SIZE])
{
    bs_backup_options own_request = {0};
    bs_schedule_options own = {0};
    char id[BS_ID_SIZE];
    bs_status status = BS_OK;

    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(options);
    BSI_REQUIRE(id_out);
    BSI_TRY(take_options(options, &own, &own_request));
    status = bsi_schedule_add(service, &own, id);
    if (status >= 0) {
        memcpy(id_out, id, sizeof(id));
    }
    return bsi_audit_end(
        service,
        &(bsi_deed){.action = "schedule.add", .object = status < 0 ? "" : id, .name = own.name},
        status);
}

bs_status bs_schedule_get(bs_service *service, const char *schedule, bs_schedule_info **out)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(schedule);
    BSI_REQUIRE(out);
    return bsi_schedule_get(service, schedule, out);
}

void bs_schedule_info_free(bs_schedule_info *info)
{
    bsi_schedule_info_free(info);
}

bs_status bs_schedule_list(bs_service *service, const bs_schedule_filter *filter,
                           bs_schedule_page **out)
{
    bs_schedule_filter own = {0};

    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(out);
    BSI_TRY(bsi_options_take("filter", filter, FIRST_FILTER_SIZE, &own, sizeof(own)));
    return bsi_schedule_list(service, &own, out);
}

void bs_schedule_page_free(bs_schedule_page *page)
{
    bsi_schedule_page_free(page);
}

bs_status bs_schedule_update(bs_service *service, const char *schedule,
                             const bs_schedule_options *changes)
{
    bs_backup_options own_request = {0};
    bs_schedule_options own = {0};

    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(schedule);
    BSI_REQUIRE(changes);
    BSI_TRY(take_options(changes, &own, &own_request));
    return bsi_audit_end(service, &(bsi_deed){.action = "schedule.update", .object = schedule},
                         bsi_schedule_update(service, schedule, &own));
}

bs_status bs_schedule_remove(bs_service *service, const char *schedule)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(schedule);
    return bsi_audit_end(service, &(bsi_deed){.action = "schedule.remove", .object = schedule},
                         bsi_schedule_remove(service, schedule));
}

bs_status bs_schedule_run(bs_service *service, const char *schedule, char job_id_out[BS_ID_SIZE])
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(schedule);
    BSI_REQUIRE(job_id_out);
    return bsi_audit_end(service, &(bsi_deed){.action = "schedule.run", .object = schedule},
                         bsi_schedule_run(service, schedule, job_id_out));
}

bs_status bs_schedule_list_runs(bs_service *service, const char *schedule, uint32_t limit,
                                uint32_t offset, bs_schedule_runs **out)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(schedule);
    BSI_REQUIRE(out);
    return bsi_schedule_list_runs(service, schedule, limit, offset, out);
}

void bs_schedule_runs_free(bs_schedule_runs *runs)
{
    bsi_schedule_runs_free(runs);
}

bs_status bs_schedule_preview(const char *cron_expression, const char *zone, uint32_t count,
                              bs_schedule_times **out)
{
    BSI_REQUIRE(cron_expression);
    BSI_REQUIRE(out);
    return bsi_schedule_preview(cron_expression, zone, count, out);
}

void bs_schedule_times_free(bs_schedule_times *times)
{
    bsi_schedule_times_free(times);
}
