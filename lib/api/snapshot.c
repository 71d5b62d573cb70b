/* SPDX-License-Identifier: MIT */
/*
 * Snapshots of repositories.
 */
#include <backupsvc/snapshot.h>

#include "api/check.h"
#include "engine/control.h"
#include "engine/service.h"
#include "engine/snapshots.h"
#include "engine/words.h"

enum {
    FIRST_COPY_OPTIONS_SIZE = offsetof(bs_copy_options, snapshots) + sizeof(const char *const *),
    FIRST_FIND_OPTIONS_SIZE = offsetof(bs_find_options, snapshots) + sizeof(const char *const *),
};

bs_status bs_snapshot_list(bs_service *service, const char *storage, bs_snapshot_page **out)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(out);
    return bsi_snapshot_list(service, storage, out);
}

void bs_snapshot_page_free(bs_snapshot_page *page)
{
    bsi_snapshot_page_free(page);
}

/* --- What is in them --- */

const char *bs_difference_kind_name(bs_difference_kind kind)
{
    return bsi_word_name(bsi_words_difference, (int)kind);
}

bs_status bs_snapshot_diff(bs_service *service, const char *storage, const char *before,
                           const char *after, bs_difference_cb difference, void *user)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(before);
    BSI_REQUIRE(after);
    BSI_REQUIRE(difference);
    return bsi_snapshot_diff(service, storage, before, after, difference, user);
}

void bs_find_options_init(bs_find_options *options, size_t size)
{
    bsi_options_init(options, size);
}

bs_status bs_snapshot_find(bs_service *service, const bs_find_options *options, bs_find_cb match,
                           void *user)
{
    bs_find_options own = {0};

    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(options);
    BSI_REQUIRE(match);
    BSI_TRY(bsi_options_take("options", options, FIRST_FIND_OPTIONS_SIZE, &own, sizeof(own)));
    return bsi_snapshot_find(service, &own, match, user);
}

/* --- Copies --- */

void bs_copy_options_init(bs_copy_options *options, size_t size)
{
    bsi_options_init(options, size);
}

bs_status bs_copy_start(bs_service *service, const bs_copy_options *options,
                        char id_out[BS_ID_SIZE])
{
    bs_copy_options own = {0};

    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(options);
    BSI_REQUIRE(id_out);
    BSI_TRY(bsi_options_take("options", options, FIRST_COPY_OPTIONS_SIZE, &own, sizeof(own)));
    return bsi_copy_start(service, &own, id_out);
}

bs_status bs_copy_get(bs_service *service, const char *id, bs_copy_info **out)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(id);
    BSI_REQUIRE(out);
    return bsi_copy_get(service, id, out);
}

void bs_copy_info_free(bs_copy_info *info)
{
    bsi_copy_info_free(info);
}

bs_status bs_copy_wait(bs_service *service, const char *id, uint32_t timeout_ms)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(id);
    return bsi_control_wait(service, BS_JOB_COPY, id, timeout_ms);
}

bs_status bs_copy_cancel(bs_service *service, const char *id)
{
    BSI_TRY(bsi_service_enter(service));
    BSI_REQUIRE(id);
    return bsi_control_cancel(service, BS_JOB_COPY, id);
}
