/* SPDX-License-Identifier: MIT */
/*
 * A list of names that runners take from, and when all names were looked at last.
 */
#include "engine/upkeep.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/retention.h"
#include "engine/runner.h"
#include "engine/service.h"
#include "engine/space.h"
#include "text/json_read.h"

#define ALL_NAMES_META "retention_of_all"
#define ALL_NAMES_EVERY (INT64_C(86400) * 1000000000)

typedef struct bsi_wanted {
    struct bsi_wanted *next;
    char name[]; /* Ends in NUL. */
} bsi_wanted;

/* The link that points at the name, or the NULL link at the end. */
static bsi_wanted **find_locked(bs_service *service, const char *name)
{
    bsi_wanted **link = &service->wanted;

    while (*link && strcmp((*link)->name, name) != 0) {
        link = &(*link)->next;
    }
    return link;
}

static bool cleans_up(const bs_service *service)
{
    return bsi_config_flag(service->config, BSI_CONFIG_STORAGE_CLEANUP_ENABLED);
}

void bsi_upkeep_want(bs_service *service, const char *name)
{
    const size_t size = strlen(name) + 1;
    bsi_wanted *added = NULL;
    bsi_wanted **link = NULL;

    if (!cleans_up(service) && !bsi_space_is_limited(service)) {
        return;
    }
    added = bsi_calloc(1, sizeof(*added) + size);
    if (!added) {
        return;
    }
    memcpy(added->name, name, size);
    bsi_mutex_lock(&service->lock);
    link = find_locked(service, name);
    if (!*link) {
        *link = added;
        added = NULL;
    }
    bsi_mutex_unlock(&service->lock);
    bsi_free(added);
}

static bsi_wanted *take(bs_service *service)
{
    bsi_wanted *one = NULL;

    bsi_mutex_lock(&service->lock);
    one = service->wanted;
    if (one) {
        service->wanted = one->next;
    }
    bsi_mutex_unlock(&service->lock);
    return one;
}

/* --- All names --- */

static bs_status read_last(bs_service *service, int64_t *ns_out)
{
    bsi_json_reader json;
    char *text = NULL;
    bs_status status = bsi_catalog_get_meta(service->catalog, ALL_NAMES_META, &text);

    *ns_out = 0;
    if (status == BS_E_NOT_FOUND) {
        return BS_OK;
    }
    if (status >= 0) {
        bsi_json_init(&json, text, strlen(text), BS_LAYER_CATALOG, BS_E_CORRUPT);
        status = bsi_json_read_i64(&json, ns_out);
    }
    bsi_free(text);
    return status;
}

/* A clock that was set back must not put it off. */
static bs_status all_names_are_due(bs_service *service, bool *out)
{
    const int64_t now = bsi_row_now();
    int64_t last = 0;

    BSI_TRY(read_last(service, &last));
    *out = now < last || now - last >= ALL_NAMES_EVERY;
    return BS_OK;
}

static bs_status keep_last(bs_service *service)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "%" PRId64, bsi_row_now());
    return bsi_catalog_set_meta(service->catalog, ALL_NAMES_META, text);
}

/* The time is kept when it has ended: a process that dies on the way has not done it. */
static bs_status apply(bs_service *service, const char *name)
{
    const bool space_is_short = bsi_space_is_short(service);
    bool due = false;
    bs_status status = BS_OK;

    if (!cleans_up(service)) {
        return BS_OK;
    }
    if (space_is_short) {
        BSI_TRY(bsi_retention_press(service, "local"));
    }
    status = all_names_are_due(service, &due);
    if (status >= 0 && (due || !space_is_short)) {
        status = bsi_retention_run(service, due ? NULL : name);
    }
    return status >= 0 && due && !bsi_jobs_are_over(service) ? keep_last(service) : status;
}

void bsi_upkeep_do(bs_service *service)
{
    bsi_wanted *one = NULL;

    bsi_audit_act_as("retention");
    for (one = take(service); one; one = take(service)) {
        if (apply(service, one->name) < 0) {
            bsi_log_write(&service->log, BS_LOG_WARNING, "engine",
                          "retention after a backup of '%s': %s", one->name,
                          bs_error_last()->message);
        }
        bsi_free(one);
    }
    bsi_audit_act_as("");
}

void bsi_upkeep_drop(bs_service *service)
{
    bsi_wanted *one = NULL;

    for (one = take(service); one; one = take(service)) {
        bsi_free(one);
    }
}
