/* SPDX-License-Identifier: MIT */
/*
 * Storages that the catalogue keeps: their settings as JSON, without secrets.
 */
#include "engine/profiles.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "engine/key_ref.h"
#include "engine/recovery.h"
#include "engine/storage_open.h"
#include "engine/storage_options.h"
#include "text/json_read.h"
#include "text/json_write.h"

enum { SETTINGS_BYTES_MAX = 64 * 1024 };

/* --- Settings as text, and back --- */

static bs_status fail_not_absolute(const char *key)
{
    return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                    "setting '%s': is kept, so its path begins with '/'", key);
}

/* Only where a secret lies is kept, and that must mean the same in every directory. */
static bs_status check_value(const char *driver, const char *key, const char *value)
{
    const bs_storage_option *option = bsi_storage_option_of(driver, key);
    const char *rest = NULL;

    if (!bsi_utf8_valid(value, strlen(value))) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "setting '%s': is kept, so it takes UTF-8",
                        key);
    }
    if (option && option->type == BS_STORAGE_OPTION_PATH && value[0] != '/') {
        return fail_not_absolute(key);
    }
    if (!option || !option->secret) {
        return BS_OK;
    }
    switch (bsi_key_ref_source(value, &rest)) {
    case BSI_KEY_SOURCE_TEXT:
        break;
    case BSI_KEY_SOURCE_FILE:
        return rest[0] == '/' ? BS_OK : fail_not_absolute(key);
    case BSI_KEY_SOURCE_ENV:
    case BSI_KEY_SOURCE_KEYRING:
        return BS_OK;
    }
    return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                    "setting '%s': is kept, so it takes no secret but where that is: env:NAME, "
                    "file:PATH or keyring:NAME",
                    key);
}

static bs_status format_settings(const char *driver, const char *const *settings, bsi_buf *out)
{
    bsi_json_writer json;

    bsi_json_writer_init(&json, out, BSI_JSON_COMPACT);
    bsi_json_begin_object(&json);
    for (; settings && settings[0] && settings[1]; settings += 2) {
        BSI_TRY(check_value(driver, settings[0], settings[1]));
        bsi_json_put_text(&json, settings[0], settings[1]);
    }
    bsi_json_end_object(&json);
    return bsi_json_writer_finish(&json);
}

/* Pairs, ended by NULL, in the arena. */
static bs_status parse_settings(const char *text, bsi_arena *arena, const char *const **out)
{
    const size_t size = strlen(text);
    /* No pair takes less than `"":"",`. */
    const char **pairs = bsi_arena_alloc(arena, size / 3 + 3, sizeof(*pairs));
    bsi_json_reader json;
    bsi_buf scratch;
    bsi_slice key;
    bsi_slice value;
    size_t count = 0;
    bs_status status = pairs ? BS_OK : BS_E_NOMEM;

    bsi_buf_init(&scratch, SETTINGS_BYTES_MAX);
    bsi_json_init(&json, text, size, BS_LAYER_CATALOG, BS_E_CORRUPT);
    if (status == BS_OK) {
        status = bsi_json_enter_object(&json);
    }
    while (status == BS_OK && (status = bsi_json_next_key(&json, &key)) == BS_OK) {
        pairs[count] = bsi_arena_slice(arena, key);
        status = bsi_json_read_string(&json, &scratch, &value);
        if (status == BS_OK) {
            pairs[count + 1] = bsi_arena_slice(arena, value);
            status = pairs[count] && pairs[count + 1] ? BS_OK : BS_E_NOMEM;
            count += 2;
        }
    }
    bsi_buf_dispose(&scratch);
    if (status != BS_END) {
        return status;
    }
    *out = pairs;
    return bsi_json_end(&json);
}

/* --- Opening --- */

static bs_status open_row(bs_service *service, const bsi_row_profile *row)
{
    const char *const *settings = NULL;
    bsi_arena arena = {0};
    bs_status status = parse_settings(row->settings, &arena, &settings);

    if (status == BS_OK) {
        status = bsi_service_register(service, row->name, row->driver, settings);
    }
    bsi_arena_dispose(&arena);
    /* Somebody else was faster; but a driver may find something in its way. */
    return status == BS_E_EXISTS && bs_error_last()->layer == BS_LAYER_CALLER ? BS_OK : status;
}

/* `is_kept` tells "none is kept" from what opening fails with. */
static bs_status get_row(bs_service *service, const char *name, bsi_row_profile *row, bool *is_kept)
{
    const bs_status status = bsi_catalog_get_profile(service->catalog, name, row);

    *is_kept = status == BS_OK;
    return status == BS_E_NOT_FOUND ? BS_OK : status;
}

bs_status bsi_profile_find(bs_service *service, const char *name, bool *is_kept)
{
    bsi_row_profile row;

    BSI_TRY(get_row(service, name, &row, is_kept));
    if (*is_kept) {
        bsi_row_profile_dispose(&row);
    }
    return BS_OK;
}

bs_status bsi_profile_open(bs_service *service, const char *name, bool *is_kept)
{
    bsi_row_profile row;
    bs_status status = BS_OK;

    BSI_TRY(get_row(service, name, &row, is_kept));
    if (*is_kept) {
        status = open_row(service, &row);
        bsi_row_profile_dispose(&row);
    }
    return status < 0 ? bsi_fail_context(bs_error_last()->layer, status, "storage '%s'", name)
                      : BS_OK;
}

bs_status bsi_profiles_open(bs_service *service)
{
    bsi_row_profile *rows = NULL;
    size_t count = 0;
    bs_status status = bsi_catalog_list_profiles(service->catalog, &rows, &count);

    for (size_t i = 0; i < count && status == BS_OK; i++) {
        bsi_storage *storage = NULL;
        status = bsi_service_storage(service, rows[i].name, &storage);
        bsi_storage_unref(storage);
    }
    bsi_row_profiles_free(rows, count);
    return status;
}

/* --- Adding --- */

static bs_status keep(bs_service *service, const char *name, const char *driver,
                      const bsi_buf *settings)
{
    const bsi_row_profile row = {
        .name = name, .driver = driver, .settings = (const char *)settings->data};

    return bsi_catalog_put_profile(service->catalog, &row);
}

bs_status bsi_profile_add(bs_service *service, const char *name, const char *driver,
                          const char *const *settings)
{
    bsi_buf text;
    bs_status status = BS_OK;

    bsi_buf_init(&text, SETTINGS_BYTES_MAX);
    status = format_settings(driver, settings, &text);
    if (status == BS_OK) {
        status = bsi_buf_append(&text, "", 1);
    }
    if (status == BS_OK) {
        status = bsi_service_add_storage(service, name, driver, settings);
    }
    if (status == BS_OK) {
        status = keep(service, name, driver, &text);
        if (status < 0) {
            bsi_service_forget_storage(service, name);
        }
    }
    bsi_buf_dispose(&text);
    return status;
}

/* --- What may be done --- */

static bs_status row_keeps_all(const bsi_row_profile *row, bool *out)
{
    bsi_common_options *options = bsi_calloc(1, sizeof(*options));
    const char *const *settings = NULL;
    bsi_arena arena = {0};
    bs_status status = options ? parse_settings(row->settings, &arena, &settings) : BS_E_NOMEM;

    if (status == BS_OK) {
        status = bsi_common_options_read(row->driver, settings, options);
    }
    if (status == BS_OK) {
        *out = options->guard != BSI_GUARD_NOTHING;
    }
    bsi_arena_dispose(&arena);
    bsi_free(options);
    return status == BS_E_NOMEM ? status : BS_OK; /* Who needs it tells of damage. */
}

bs_status bsi_profile_keeps_all(bs_service *service, const char *name, bool *out)
{
    bsi_storage *storage = bsi_service_open_storage(service, name);
    bsi_row_profile row;
    bool is_kept = false;
    bs_status status = BS_OK;

    *out = storage && bsi_storage_check_removable(storage, name) < 0;
    if (storage) {
        bsi_storage_unref(storage);
        return BS_OK;
    }
    BSI_TRY(get_row(service, name, &row, &is_kept));
    if (is_kept) {
        status = row_keeps_all(&row, out);
        bsi_row_profile_dispose(&row);
    }
    return status;
}

/* --- Limits --- */

static size_t count_pairs(const char *const *settings)
{
    size_t count = 0;

    while (settings[2 * count] && settings[2 * count + 1]) {
        count++;
    }
    return count;
}

static bool has_key(const char *const *settings, const char *key)
{
    for (; settings[0]; settings += 2) {
        if (strcmp(settings[0], key) == 0) {
            return true;
        }
    }
    return false;
}

/* The old settings with the new ones instead of those of the same names. */
static bs_status merge(const char *const *old, const char *const *changed, bsi_arena *arena,
                       const char *const **out)
{
    const size_t changes = count_pairs(changed);
    const size_t room = 2 * (count_pairs(old) + changes) + 1;
    const char **all = bsi_arena_alloc(arena, room, sizeof(*all));
    size_t used = 0;

    if (!all) {
        return BS_E_NOMEM;
    }
    for (; old[0]; old += 2) {
        if (!has_key(changed, old[0])) {
            all[used++] = old[0];
            all[used++] = old[1];
        }
    }
    memcpy(all + used, changed, 2 * changes * sizeof(*all));
    *out = all;
    return BS_OK;
}

static bs_status keep_limits(bs_service *service, const bsi_row_profile *row,
                             const char *const *limits)
{
    const char *const *settings = NULL;
    bsi_arena arena = {0};
    bsi_buf text;
    bs_status status = parse_settings(row->settings, &arena, &settings);

    bsi_buf_init(&text, SETTINGS_BYTES_MAX);
    if (status == BS_OK) {
        status = merge(settings, limits, &arena, &settings);
    }
    if (status == BS_OK) {
        status = format_settings(row->driver, settings, &text);
    }
    if (status == BS_OK) {
        status = bsi_buf_append(&text, "", 1);
    }
    if (status == BS_OK) {
        status = keep(service, row->name, row->driver, &text);
    }
    bsi_buf_dispose(&text);
    bsi_arena_dispose(&arena);
    return status;
}

/* In the usual words. */
static bs_status fail_unknown(bs_service *service, const char *name)
{
    bsi_storage *added = NULL;
    const bs_status status = bsi_service_storage(service, name, &added);

    bsi_storage_unref(added);
    return status < 0
               ? status
               : bsi_fail(BS_LAYER_CALLER, BS_E_BUSY, "storage '%s' is just being added", name);
}

/* `row` is NULL for one that is not kept. */
static bs_status set_limits(bs_service *service, const char *name, const bsi_row_profile *row,
                            const char *const *limits, bsi_limits_plan *plan)
{
    const char *driver = bsi_service_get_limits(service, name, plan);

    if (!driver && row) {
        driver = row->driver;
    }
    if (!driver) {
        return fail_unknown(service, name);
    }
    BSI_TRY(bsi_limits_read(driver, limits, plan));
    if (row) {
        BSI_TRY(keep_limits(service, row, limits));
    }
    (void)bsi_service_set_limits(service, name, plan); /* Later, when it is not open. */
    return BS_OK;
}

bs_status bsi_profile_limit(bs_service *service, const char *name, const char *const *limits)
{
    bsi_limits_plan *plan = NULL;
    bsi_row_profile row;
    bool is_kept = false;
    bs_status status = get_row(service, name, &row, &is_kept);

    BSI_TRY(status);
    plan = bsi_calloc(1, sizeof(*plan));
    status = plan ? set_limits(service, name, is_kept ? &row : NULL, limits, plan) : BS_E_NOMEM;
    bsi_free(plan);
    if (is_kept) {
        bsi_row_profile_dispose(&row);
    }
    return status;
}

/* --- Removing --- */

/* How many backups lie there, whatever became of them, and how many copies. */
static bs_status count_backups(bs_service *service, const char *name, uint64_t *out)
{
    const bsi_backup_filter filter = {.storage = name, .deleting = true, .limit = 1};
    bsi_row_backup *rows = NULL;
    uint64_t copies = 0;
    size_t count = 0;

    BSI_TRY(bsi_catalog_list_backups(service->catalog, &filter, &rows, &count, out));
    bsi_row_backups_free(rows, count);
    BSI_TRY(bsi_catalog_count_copies(service->catalog, name, &copies));
    *out += copies;
    return BS_OK;
}

static bs_status fail_not_kept(const char *name)
{
    char shown[80];

    return bsi_fail(BS_LAYER_CALLER, BS_E_NOT_FOUND, "no storage '%s' is kept",
                    bsi_printable(name, strlen(name), shown, sizeof(shown)));
}

/* Copies that stay harm nobody. */
static void drop_cache(bs_service *service, const char *name)
{
    if (bsi_storage_drop_cache(service, name) < 0) {
        bsi_log_write(&service->log, BS_LOG_WARNING, "engine",
                      "the cache of storage '%s' is not removed: %s", name,
                      bs_error_last()->message);
    }
}

bs_status bsi_profile_remove(bs_service *service, const char *name, bool force)
{
    bool is_kept = false;
    uint64_t backups = 0;

    BSI_TRY(bsi_profile_find(service, name, &is_kept));
    if (!is_kept) {
        return fail_not_kept(name);
    }
    BSI_TRY(count_backups(service, name, &backups));
    if (backups > 0 && !force) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_BUSY,
                        "backups lie on storage '%s' (%llu); remove them first, or force it: they "
                        "cannot be read until a storage of that name is there again",
                        name, (unsigned long long)backups);
    }
    BSI_TRY(bsi_catalog_remove_profile(service->catalog, name));
    BSI_TRY(bsi_catalog_forget_copies(service->catalog, name));
    bsi_service_forget_storage(service, name);
    drop_cache(service, name);
    return BS_OK;
}

/* --- Infos --- */

typedef struct list_box {
    bs_storage_list_info info; /* What the caller holds: must come first. */
    bsi_arena arena;
} list_box;

static const char *const no_settings[] = {NULL};

static bs_status add_kept(list_box *box, bs_storage_info *out, const bsi_row_profile *row)
{
    out->name = bsi_arena_text(&box->arena, row->name);
    out->driver = bsi_arena_text(&box->arena, row->driver);
    out->is_kept = true;
    if (!out->name || !out->driver) {
        return BS_E_NOMEM;
    }
    return parse_settings(row->settings, &box->arena, &out->settings);
}

static bs_storage_info *find(bs_storage_info *items, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(items[i].name, name) == 0) {
            return &items[i];
        }
    }
    return NULL;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const bs_storage_info *)a)->name, ((const bs_storage_info *)b)->name);
}

/* Those that are open, whether they are kept or not. */
static bs_status add_open(bs_service *service, list_box *box, bs_storage_info *items, size_t room,
                          size_t *count)
{
    const size_t kept = *count;
    const char *name = NULL;
    bsi_storage *storage = NULL;
    bs_status status = BS_OK;

    for (size_t i = 0; status == BS_OK; i++) {
        bs_storage_info *one = NULL;
        storage = bsi_service_storage_at(service, i, &box->arena, &name, NULL);
        if (!storage) {
            break;
        }
        one = find(items, kept, name);
        if (!one && *count < room) {
            one = &items[(*count)++];
            *one = (bs_storage_info){.name = name, .settings = no_settings};
            one->driver = bsi_arena_text(&box->arena, bsi_storage_scheme(storage));
            status = one->driver ? BS_OK : BS_E_NOMEM;
        }
        if (one) {
            one->is_open = true;
        }
        bsi_storage_unref(storage);
    }
    return status;
}

static bs_status fill_list(bs_service *service, list_box *box, const bsi_row_profile *rows,
                           size_t count)
{
    const size_t room = count + bsi_service_storage_count(service);
    bs_storage_info *items = bsi_arena_alloc(&box->arena, room, sizeof(*items));
    size_t used = 0;

    if (!items) {
        return BS_E_NOMEM;
    }
    for (; used < count; used++) {
        BSI_TRY(add_kept(box, &items[used], &rows[used]));
    }
    BSI_TRY(add_open(service, box, items, room, &used));
    qsort(items, used, sizeof(*items), compare_names);
    box->info.storages = items;
    box->info.storages_count = used;
    return BS_OK;
}

bs_status bsi_storage_list_get(bs_service *service, bs_storage_list_info **out)
{
    list_box *box = bsi_calloc(1, sizeof(*box));
    bsi_row_profile *rows = NULL;
    size_t count = 0;
    bs_status status = BS_E_NOMEM;

    if (box) {
        status = bsi_catalog_list_profiles(service->catalog, &rows, &count);
    }
    if (status == BS_OK) {
        status = fill_list(service, box, rows, count);
    }
    bsi_row_profiles_free(rows, count);
    if (status < 0) {
        bsi_storage_list_free(box ? &box->info : NULL);
        return status;
    }
    *out = &box->info;
    return BS_OK;
}

void bsi_storage_list_free(bs_storage_list_info *info)
{
    list_box *box = (list_box *)info;

    if (box) {
        bsi_arena_dispose(&box->arena);
        bsi_free(box);
    }
}
