/* SPDX-License-Identifier: MIT */
/*
 * Backups: starting, waiting, looking at them, removing them.
 */
#include <backupsvc/backup.h>

#include "api/check.h"
#include "engine/audit_job.h"
#include "engine/backup_job.h"
#include "engine/browse.h"
#include "engine/control.h"
#include "engine/info.h"
#include "engine/removal.h"
#include "engine/service.h"

enum {
    FIRST_OPTIONS_SIZE = offsetof(bs_backup_options, allow_empty_mirror) + sizeof(bool),
    FIRST_EXPORT_SIZE = offsetof(bs_export_options, paths) + sizeof(const char *const *),
    FIRST_FILTER_SIZE = offsetof(bs_backup_filter, offset) + sizeof(uint32_t),
};

void bs_backup_options_init(bs_backup_options *options, size_t size)
{
    bsi_options_init(options, size);
}

void bs_backup_filter_init(bs_backup_filter *filter, size_t size)
{
    bsi_options_init(filter, size);
}

bs_status bsi_backup_options_take(const char *what, const bs_backup_options *options,
                                  bs_backup_options *own)
{
    return bsi_options_take(what, options, FIRST_OPTIONS_SIZE, own, sizeof(*own));
}

bs_status bs_backup_start(bs_service *service, const bs_backup_options *options,
                          char id_out[BS_ID_SIZE])
{
    bs_backup_options own = {0};

    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(options);
    BSI_REQUIRE(id_out);
    BSI_TRY(bsi_backup_options_take("options", options, &own));
    return bsi_backup_start(service, &own, id_out);
}

bs_status bs_backup_get(bs_service *service, const char *id, bs_backup_info **out)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(id);
    BSI_REQUIRE(out);
    return bsi_backup_get(service, id, out);
}

void bs_backup_info_free(bs_backup_info *info)
{
    bsi_backup_info_free(info);
}

bs_status bs_backup_wait(bs_service *service, const char *id, uint32_t timeout_ms)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(id);
    return bsi_control_wait(service, BS_JOB_BACKUP, id, timeout_ms);
}

bs_status bs_backup_cancel(bs_service *service, const char *id)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(id);
    return bsi_control_cancel(service, BS_JOB_BACKUP, id);
}

bs_status bs_backup_list(bs_service *service, const bs_backup_filter *filter, bs_backup_page **out)
{
    bs_backup_filter own = {0};

    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(out);
    BSI_TRY(bsi_options_take("filter", filter, FIRST_FILTER_SIZE, &own, sizeof(own)));
    return bsi_backup_list(service, &own, out);
}

void bs_backup_page_free(bs_backup_page *page)
{
    bsi_backup_page_free(page);
}

bs_status bs_backup_delete(bs_service *service, const char *id, bool cascade, uint64_t *removed_out)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(id);
    return bsi_backup_delete(service, id, cascade, removed_out);
}

bs_status bs_backup_entries(bs_service *service, const char *id, const char *path, bool recursive,
                            bs_entry_cb entry, void *user)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(id);
    BSI_REQUIRE(entry);
    return bsi_backup_entries(service, id, path, recursive, entry, user);
}

bs_status bs_backup_read(bs_service *service, const char *id, const char *path, bs_data_cb data,
                         void *user)
{
    char full[BS_ID_SIZE];

    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(id);
    BSI_REQUIRE(path);
    BSI_REQUIRE(data);
    return bsi_audit_end(service,
                         &(bsi_deed){.action = "backup.read",
                                     .object = bsi_audit_backup_id(service, id, full),
                                     .detail = path},
                         bsi_backup_read(service, id, path, data, user));
}

bs_status bs_backup_download(bs_service *service, const char *id, uint64_t offset, uint64_t size,
                             bs_data_cb data, void *user)
{
    char full[BS_ID_SIZE];

    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(id);
    BSI_REQUIRE(data);
    return bsi_audit_end(
        service,
        &(bsi_deed){.action = "backup.download", .object = bsi_audit_backup_id(service, id, full)},
        bsi_backup_download(service, id, offset, size, data, user));
}

void bs_export_options_init(bs_export_options *options, size_t size)
{
    bsi_options_init(options, size);
}

bs_status bs_backup_export(bs_service *service, const char *id, const bs_export_options *options,
                           bs_data_cb data, void *user)
{
    bs_export_options own = {0};
    char full[BS_ID_SIZE];

    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(id);
    BSI_REQUIRE(options);
    BSI_REQUIRE(data);
    BSI_TRY(bsi_options_take("options", options, FIRST_EXPORT_SIZE, &own, sizeof(own)));
    return bsi_audit_end(
        service,
        &(bsi_deed){.action = "backup.export", .object = bsi_audit_backup_id(service, id, full)},
        bsi_backup_export(service, id, &own, data, user));
}
