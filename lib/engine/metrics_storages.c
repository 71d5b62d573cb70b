/* SPDX-License-Identifier: MIT */
/*
 * Metrics of storages: what they hold, and what was asked of them since the
 * service is open.
 */
#include <string.h>

#include "catalog/numbers.h"
#include "engine/metrics_render.h"
#include "engine/service.h"
#include "os/file.h"
#include "storage/decorators/cache.h"
#include "storage/decorators/metrics.h"

enum {
    NS_PLACES = 9,
    US_PLACES = 6,
    STORAGES_MAX = 1000,
};

typedef struct one_storage {
    const char *name;
    bsi_storage_numbers numbers;
    bool has_cache;
    bsi_cache_numbers cache;
} one_storage;

typedef struct storages {
    one_storage *items;
    size_t count;
    bsi_arena arena;
} storages;

static size_t count_storages(bs_service *service)
{
    size_t count = 0;

    bsi_mutex_lock(&service->lock);
    for (const bsi_named_storage *one = service->storages; one; one = one->next) {
        count++;
    }
    bsi_mutex_unlock(&service->lock);
    return count < STORAGES_MAX ? count : STORAGES_MAX;
}

/* They are never taken off the list. */
static bs_status read_storages(bs_service *service, storages *all)
{
    const size_t count = count_storages(service);

    all->items = bsi_arena_alloc(&all->arena, count + 1, sizeof(*all->items));
    for (size_t i = 0; i < count && all->items; i++) {
        one_storage *item = &all->items[i];
        bsi_storage_layers layers = {.cache = NULL};
        bsi_storage *storage =
            bsi_service_storage_at(service, i, &all->arena, &item->name, &layers);
        if (!storage) {
            return BS_E_NOMEM;
        }
        bsi_storage_metrics_read(layers.metrics, &item->numbers);
        item->has_cache = layers.cache != NULL;
        if (item->has_cache) {
            bsi_storage_cache_read_numbers(layers.cache, &item->cache);
        }
        bsi_storage_unref(storage);
        all->count++;
    }
    return all->items ? BS_OK : BS_E_NOMEM;
}

/* --- Space --- */

static void put_local(const char *name, const char *help, uint64_t bytes, bsi_metrics_text *text)
{
    const bsi_label labels[BSI_LABELS_MAX] = {{"storage", "local"}};

    bsi_metrics_text_family(text, BSI_METRICS_PREFIX, name, "gauge", help);
    bsi_metrics_text_count(text, labels, bytes);
}

static bs_status put_space(bs_service *service, const storages *all, bsi_metrics_text *text)
{
    uint64_t bytes = 0;
    uint64_t files = 0;

    bsi_metrics_text_family(text, BSI_METRICS_PREFIX, "storage_used_bytes", "gauge",
                            "Bytes that backups take on a storage.");
    for (size_t i = 0; i < all->count; i++) {
        const bsi_label labels[BSI_LABELS_MAX] = {{"storage", all->items[i].name}};
        BSI_TRY(bsi_catalog_stored_bytes(service->catalog, all->items[i].name, &bytes));
        bsi_metrics_text_count(text, labels, bytes);
    }
    if (service->space.limit > 0) {
        put_local("storage_limit_bytes", "MAX_STORAGE_SIZE, where it is set.", service->space.limit,
                  text);
    }
    BSI_TRY(bsi_free_space(service->dir.fd, &bytes, &files));
    put_local("storage_free_bytes", "Free space of the file system below the storage.", bytes,
              text);
    return BS_OK;
}

/* --- Requests --- */

static void put_requests(const storages *all, bsi_metrics_text *text)
{
    bsi_metrics_text_family(text, BSI_METRICS_PREFIX, "storage_requests_total", "counter",
                            "What was asked of storages. Cancelled requests are not counted.");
    for (size_t i = 0; i < all->count; i++) {
        for (int op = 0; op < BSI_STORAGE_OP_COUNT; op++) {
            const bsi_storage_op_numbers *numbers = &all->items[i].numbers.ops[op];
            bsi_label labels[BSI_LABELS_MAX] = {{"storage", all->items[i].name},
                                                {"op", bsi_storage_op_name((bsi_storage_op)op)},
                                                {"outcome", "ok"}};

            bsi_metrics_text_count(text, labels, numbers->ok);
            labels[2].value = "error";
            bsi_metrics_text_count(text, labels, numbers->failed);
        }
    }
}

static void put_times(const storages *all, bsi_metrics_text *text)
{
    int64_t bounds[BSI_STORAGE_BOUNDS];

    for (size_t i = 0; i < BSI_STORAGE_BOUNDS; i++) {
        bounds[i] = (int64_t)(bsi_storage_bounds[i] * 1e6 + 0.5);
    }
    bsi_metrics_text_family(text, BSI_METRICS_PREFIX, "storage_request_duration_seconds",
                            "histogram", "How long storages took.");
    for (size_t i = 0; i < all->count; i++) {
        for (int op = 0; op < BSI_STORAGE_OP_COUNT; op++) {
            const bsi_storage_op_numbers *numbers = &all->items[i].numbers.ops[op];
            const bsi_label labels[BSI_LABELS_MAX] = {
                {"storage", all->items[i].name}, {"op", bsi_storage_op_name((bsi_storage_op)op)}};
            const bsi_histogram histogram = {
                .bounds = bounds,
                .counts = numbers->buckets,
                .bounds_count = BSI_STORAGE_BOUNDS,
                .places = US_PLACES,
                .sum = (int64_t)numbers->time_ns,
                .sum_places = NS_PLACES,
            };
            bsi_metrics_text_histogram(text, labels, &histogram);
        }
    }
}

static void put_transfer(const storages *all, bsi_metrics_text *text)
{
    bsi_metrics_text_family(text, BSI_METRICS_PREFIX, "storage_transfer_bytes_total", "counter",
                            "Bytes to and from storages.");
    for (size_t i = 0; i < all->count; i++) {
        const one_storage *item = &all->items[i];
        const bsi_label sent[BSI_LABELS_MAX] = {{"storage", item->name}, {"direction", "sent"}};
        const bsi_label received[BSI_LABELS_MAX] = {{"storage", item->name},
                                                    {"direction", "received"}};

        bsi_metrics_text_count(text, sent, item->numbers.bytes_sent);
        bsi_metrics_text_count(text, received, item->numbers.bytes_received);
    }
}

/* --- Caches, where there are any --- */

static void put_cache_reads(const storages *all, bsi_metrics_text *text)
{
    bsi_metrics_text_family(text, BSI_METRICS_PREFIX, "storage_cache_reads_total", "counter",
                            "Reads that a cache had a copy for, and those that had to fetch one.");
    for (size_t i = 0; i < all->count; i++) {
        const one_storage *item = &all->items[i];
        const bsi_label hits[BSI_LABELS_MAX] = {{"storage", item->name}, {"outcome", "hit"}};
        const bsi_label misses[BSI_LABELS_MAX] = {{"storage", item->name}, {"outcome", "miss"}};

        if (item->has_cache) {
            bsi_metrics_text_count(text, hits, item->cache.hits);
            bsi_metrics_text_count(text, misses, item->cache.misses);
        }
    }
}

static void put_cache_size(const storages *all, const char *name, const char *help, size_t offset,
                           bsi_metrics_text *text)
{
    bsi_metrics_text_family(text, BSI_METRICS_PREFIX, name, "gauge", help);
    for (size_t i = 0; i < all->count; i++) {
        const one_storage *item = &all->items[i];
        const bsi_label labels[BSI_LABELS_MAX] = {{"storage", item->name}};
        uint64_t value = 0;

        memcpy(&value, (const char *)&item->cache + offset, sizeof(value));
        if (item->has_cache) {
            bsi_metrics_text_count(text, labels, value);
        }
    }
}

static void put_caches(const storages *all, bsi_metrics_text *text)
{
    put_cache_reads(all, text);
    put_cache_size(all, "storage_cache_bytes", "Bytes that the copies in a cache take.",
                   offsetof(bsi_cache_numbers, bytes), text);
    put_cache_size(all, "storage_cache_objects", "Copies in a cache.",
                   offsetof(bsi_cache_numbers, objects), text);
}

bs_status bsi_metrics_put_storages(bs_service *service, bsi_metrics_text *text)
{
    storages all = {.items = NULL};
    bs_status status = read_storages(service, &all);

    if (status >= 0) {
        status = put_space(service, &all, text);
    }
    if (status >= 0) {
        put_requests(&all, text);
        put_times(&all, text);
        put_transfer(&all, text);
        put_caches(&all, text);
    }
    bsi_arena_dispose(&all.arena);
    return status;
}
