/* SPDX-License-Identifier: MIT */
/*
 * Opens storages: settings from pairs, secrets from references, decorators on top.
 */
#include "engine/storage_open.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "engine/storage_options.h"
#include "hash/sha256.h"
#include "os/file.h"
#include "os/tree.h"
#include "storage/decorators/cache.h"
#include "storage/decorators/metrics.h"
#include "storage/decorators/retry.h"
#include "storage/decorators/trace.h"
#include "vault/names.h"

enum {
    SETTINGS_MAX = 100,
    NAME_SIZE = 128, /* Of a cache's folder; names of storages have 64 bytes at most. */
};

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

/* Put a decorator on top, which has a reference of its own, if the storage is to have one. */
static bs_status wrap_limits(bsi_storage **storage, const bsi_common_options *options,
                             const bsi_timezone *zone)
{
    bsi_storage *inner = *storage;
    const bs_status status = bsi_storage_limits_new(inner, &options->limits, zone, storage);

    bsi_storage_unref(inner);
    return status;
}

static bs_status wrap_trace(bsi_storage **storage, const char *name, const bsi_log *log)
{
    bsi_storage *inner = *storage;
    bs_status status = BS_OK;

    if (log->level < BS_LOG_DEBUG) {
        return BS_OK;
    }
    status = bsi_storage_trace_new(inner, name, log, storage);
    bsi_storage_unref(inner);
    return status;
}

static bs_status wrap_retry(bsi_storage **storage)
{
    bsi_storage *inner = *storage;
    bs_status status = BS_OK;

    if ((bsi_storage_caps(inner) & BS_STORAGE_CAP_NETWORK) == 0) {
        return BS_OK;
    }
    status = bsi_storage_retry_new(inner, NULL, storage);
    bsi_storage_unref(inner);
    return status;
}

static bs_status wrap_guard(bsi_storage **storage, const char *name, bsi_guard_mode mode)
{
    bsi_storage *inner = *storage;
    bs_status status = BS_OK;

    if (mode == BSI_GUARD_NOTHING) {
        return BS_OK;
    }
    status = bsi_storage_guard_new(inner, name, mode, storage);
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

/* --- The cache --- */

/* The name of a storage may be "..". */
#define CACHE_PREFIX "on-"

/* "index/<id>" and "snapshots/<id>" of a repository: files that are called as their content. */
static bool is_of_repository(const char *key)
{
    static const char *const folders[] = {"index/", "snapshots/"};
    bsi_digest id;

    for (size_t i = 0; i < BSI_ARRAY_SIZE(folders); i++) {
        const size_t size = strlen(folders[i]);
        if (strncmp(key, folders[i], size) == 0) {
            return bsi_hex_value(key[size]) >= 0 &&
                   bsi_digest_parse(key + size, strlen(key + size), &id) == BS_OK;
        }
    }
    return false;
}

/* What is read again and again, and never replaced by something else. */
static bool is_cached(const char *key)
{
    bsi_object_name name;

    return is_of_repository(key) || (bsi_object_name_parse(key, &name) && name.manifest);
}

static bs_status open_store(bs_service *service, const char *name, bsi_storage **out)
{
    bsi_setting settings[] = {{"path", NULL}, {"create", "true"}, {"sweep", "true"}};
    bsi_buf path;
    bs_status status = BS_OK;

    bsi_buf_init(&path, BSI_PATH_MAX);
    status = bsi_buf_append_format(&path, "%s/" BSI_STATE_CACHE_DIR "/" CACHE_PREFIX "%s",
                                   service->dir.path, name);
    if (status >= 0) {
        status = bsi_buf_append_byte(&path, 0);
    }
    if (status >= 0) {
        settings[0].value = (const char *)path.data;
        status = bsi_storage_open("local", settings, BSI_ARRAY_SIZE(settings), NULL, out);
    }
    bsi_buf_dispose(&path);
    return status < 0 ? bsi_fail_context(BS_LAYER_SYSTEM, status, "the cache of storage '%s'", name)
                      : BS_OK;
}

bs_status bsi_storage_drop_cache(bs_service *service, const char *name)
{
    char folder[NAME_SIZE];
    int dir = -1;
    bs_status status =
        bsi_open(service->dir.fd, BSI_STATE_CACHE_DIR, BSI_OPEN_READ | BSI_OPEN_DIR, 0, &dir);

    if (status < 0) {
        return status == BS_E_NOT_FOUND ? BS_OK : status;
    }
    (void)snprintf(folder, sizeof(folder), CACHE_PREFIX "%s", name);
    status = bsi_tree_remove(dir, folder);
    bsi_close_quietly(dir);
    return status;
}

static bs_status wrap_cache(bs_service *service, const char *name, uint64_t bytes,
                            bsi_storage **storage)
{
    const bsi_cache_options options = {.bytes_max = bytes, .is_wanted = is_cached};
    bsi_storage *inner = *storage;
    bsi_storage *store = NULL;
    bs_status status = BS_OK;

    if (bytes == 0) {
        return BS_OK;
    }
    status = open_store(service, name, &store);
    if (status == BS_OK) {
        status = bsi_storage_cache_new(inner, store, &options, storage);
    }
    bsi_storage_unref(store);
    bsi_storage_unref(inner);
    return status;
}

/* --- All of it --- */

/* Takes over the reference to `storage`, also when it fails. */
static bs_status wrap(bs_service *service, const char *name, const bsi_common_options *options,
                      bsi_storage *storage, bsi_opened_storage *out)
{
    bsi_storage_layers layers = {.cache = NULL};

    BSI_TRY(wrap_trace(&storage, name, &service->log));
    BSI_TRY(wrap_limits(&storage, options, service->zone));
    layers.limits = storage;
    BSI_TRY(wrap_retry(&storage));
    BSI_TRY(wrap_guard(&storage, name, options->guard));
    BSI_TRY(wrap_metrics(&storage));
    layers.metrics = storage;
    BSI_TRY(wrap_cache(service, name, options->cache_size, &storage));
    layers.cache = options->cache_size > 0 ? storage : NULL;
    *out = (bsi_opened_storage){storage, layers};
    return BS_OK;
}

static void warn_of_listeners(bs_service *service, const char *name, const bsi_storage *storage)
{
    if ((bsi_storage_caps(storage) & BS_STORAGE_CAP_CLEARTEXT) != 0) {
        bsi_log_write(
            &service->log, BS_LOG_WARNING, "storage",
            "storage '%s': nothing is encrypted on the way there; whoever listens has what is "
            "sent of the credentials, and reads and changes what is stored",
            name);
    }
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
        warn_of_listeners(service, name, storage);
        status = wrap(service, name, options, storage, out);
    }
    bsi_free(options);
    return status;
}
