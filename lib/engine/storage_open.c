/* SPDX-License-Identifier: MIT */
/*
 * Opens storages: settings from pairs, secrets from references, decorators on top.
 */
#include "engine/storage_open.h"

#include <string.h>

#include "base/alloc.h"
#include "engine/storage_options.h"
#include "storage/decorators/metrics.h"
#include "storage/decorators/retry.h"

enum { SETTINGS_MAX = 100 };

typedef struct pairs {
    bsi_setting items[SETTINGS_MAX];
    bsi_secret *secrets[SETTINGS_MAX]; /* Behind the values of some; NULL. */
    size_t count;
} pairs;

const bs_storage_option *bsi_storage_option_of(const char *driver, const char *key)
{
    const bs_storage_driver *one = NULL;
    const bs_storage_option *option = NULL;

    for (size_t i = 0; (one = bsi_storage_driver_at(i)) != NULL; i++) {
        if (strcmp(one->scheme, driver) == 0) {
            break;
        }
    }
    option = one ? one->options : NULL;
    while (option && option->key && strcmp(option->key, key) != 0) {
        option++;
    }
    return option && option->key ? option : NULL;
}

/* Ends with a NUL, so that it is a text. */
static bs_status read_secret(bs_service *service, const char *key, const char *reference,
                             bsi_secret **out)
{
    bsi_secret *content = NULL;
    bs_status status = bsi_keys_read(service, reference, &content);

    if (status == BS_OK) {
        status = bsi_secret_new(bsi_secret_size(content) + 1, out);
    }
    if (status == BS_OK) {
        memcpy(bsi_secret_bytes(*out), bsi_secret_view(content), bsi_secret_size(content));
    }
    bsi_secret_free(content);
    return status < 0 ? bsi_fail_context(BS_LAYER_CALLER, status, "setting '%s'", key) : BS_OK;
}

static bs_status take_pair(bs_service *service, const char *driver, const char *const *pair,
                           pairs *out)
{
    const bs_storage_option *option = bsi_storage_option_of(driver, pair[0]);
    bsi_setting *item = &out->items[out->count];

    if (!pair[1] || out->count == SETTINGS_MAX) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "settings: takes pairs of name and value, at most %d of them",
                        SETTINGS_MAX);
    }
    *item = (bsi_setting){pair[0], pair[1]};
    if (option && option->secret) {
        BSI_TRY(read_secret(service, pair[0], pair[1], &out->secrets[out->count]));
        item->value = (const char *)bsi_secret_view(out->secrets[out->count]);
    }
    out->count++;
    return BS_OK;
}

static bs_status open_bare(bs_service *service, const char *driver, const char *const *settings,
                           bsi_storage **out)
{
    pairs all = {.count = 0};
    bs_status status = BS_OK;

    for (; settings && settings[0] && status == BS_OK; settings += 2) {
        if (!settings[1] || !bsi_common_option_has(driver, settings[0])) {
            status = take_pair(service, driver, settings, &all);
        }
    }
    if (status == BS_OK) {
        status = bsi_storage_open(driver, all.items, all.count, NULL, out);
    }
    for (size_t i = 0; i < SETTINGS_MAX; i++) {
        bsi_secret_free(all.secrets[i]);
    }
    return status;
}

/* Put a decorator on top, which has a reference of its own. */
static bs_status wrap_limits(bsi_storage **storage, const bsi_common_options *options,
                             const bsi_timezone *zone)
{
    bsi_storage *inner = *storage;
    const bs_status status = bsi_storage_limits_new(inner, &options->limits, zone, storage);

    bsi_storage_unref(inner);
    return status;
}

static bs_status wrap_retry(bsi_storage **storage)
{
    bsi_storage *inner = *storage;
    const bs_status status = bsi_storage_retry_new(inner, NULL, storage);

    bsi_storage_unref(inner);
    return status;
}

static bs_status wrap_guard(bsi_storage **storage, const char *name, bsi_guard_mode mode)
{
    bsi_storage *inner = *storage;
    const bs_status status = bsi_storage_guard_new(inner, name, mode, storage);

    bsi_storage_unref(inner);
    return status;
}

static bs_status wrap_metrics(bsi_storage **storage)
{
    bsi_storage *inner = *storage;
    const bs_status status = bsi_storage_metrics_new(inner, storage);

    bsi_storage_unref(inner);
    return status;
}

/* Takes over the reference to `storage`, also when it fails. */
static bs_status wrap(bs_service *service, const char *name, const bsi_common_options *options,
                      bsi_storage *storage, bsi_opened_storage *out)
{
    bsi_storage *limits = NULL;

    BSI_TRY(wrap_limits(&storage, options, service->zone));
    limits = storage;
    if ((bsi_storage_caps(storage) & BS_STORAGE_CAP_NETWORK) != 0) {
        BSI_TRY(wrap_retry(&storage));
    }
    if (options->guard != BSI_GUARD_NOTHING) {
        BSI_TRY(wrap_guard(&storage, name, options->guard));
    }
    BSI_TRY(wrap_metrics(&storage));
    *out = (bsi_opened_storage){storage, limits};
    return BS_OK;
}

bs_status bsi_storage_open_for(bs_service *service, const char *name, const char *driver,
                               const char *const *settings, bsi_opened_storage *out)
{
    bsi_common_options *options = bsi_calloc(1, sizeof(*options));
    bsi_storage *storage = NULL;
    bs_status status = BS_E_NOMEM;

    if (options) {
        status = bsi_common_options_read(driver, settings, options);
    }
    if (status == BS_OK) {
        status = open_bare(service, driver, settings, &storage);
    }
    if (status == BS_OK) {
        status = wrap(service, name, options, storage, out);
    }
    bsi_free(options);
    return status;
}
