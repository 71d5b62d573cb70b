/* SPDX-License-Identifier: MIT */
/*
 * Opens and closes services, and keeps the storages that requests may name.
 */
#include "engine/service.h"

#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "engine/drill.h"
#include "engine/log_file.h"
#include "engine/profiles.h"
#include "engine/recovery.h"
#include "engine/runner.h"
#include "engine/schedule_run.h"
#include "engine/space.h"
#include "engine/storage_open.h"
#include "engine/upkeep.h"
#include "engine/webhook.h"
#include "engine/zones.h"
#include "os/time.h"

enum { STORAGE_NAME_MAX = 64 };

int64_t bsi_row_time(bsi_time time)
{
    return time.sec * 1000000000 + time.nsec;
}

int64_t bsi_row_now(void)
{
    return bsi_row_time(bsi_now());
}

bs_status bsi_service_enter(const bs_service *service)
{
    if (!service) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "service: must not be NULL");
    }
    if (service->process != getpid()) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_BUSY,
                        "the service belongs to process %lld; a forked child opens one of its own",
                        (long long)service->process);
    }
    return BS_OK;
}

bsi_vault_env bsi_service_env(bs_service *service, bsi_storage *storage, const bs_call *call,
                              const bsi_warn *warn)
{
    const int64_t most = bsi_config_number(service->config, BSI_CONFIG_MAX_INDEX_MEMORY);

    return (bsi_vault_env){
        .storage = storage,
        .pool = service->pool,
        .call = call,
        .temp_dir = service->dir.temp_fd,
        .index_memory_most = most > 0 ? (uint64_t)most : 0,
        .warn = warn,
        .known = service->known,
    };
}

/* --- Storages --- */

static bs_status fail_no_storage(bs_service *service, const char *name)
{
    bs_storage_list_info *list = NULL;
    char names[256] = "";
    char shown[80];
    size_t used = 0;

    BSI_TRY(bsi_storage_list_get(service, &list));
    for (size_t i = 0; i < list->storages_count; i++) {
        const char *one = list->storages[i].name;
        const size_t size = strlen(one);
        if (used + size + 3 > sizeof(names)) {
            break;
        }
        memcpy(names + used, used > 0 ? ", " : "", used > 0 ? 2 : 0);
        used += used > 0 ? 2 : 0;
        memcpy(names + used, one, size + 1);
        used += size;
    }
    bsi_storage_list_free(list);
    return bsi_fail(BS_LAYER_CALLER, BS_E_NOT_FOUND, "there is no storage '%s'; there are: %s",
                    bsi_printable(name, strlen(name), shown, sizeof(shown)), names);
}

/* Among those that are open; without one both are NULL. */
static bsi_opened_storage find_opened(bs_service *service, const char *name)
{
    const bsi_named_storage *one = NULL;
    bsi_opened_storage found = {.storage = NULL};

    bsi_mutex_lock(&service->lock);
    one = service->storages;
    while (one && strcmp(one->name, name) != 0) {
        one = one->next;
    }
    if (one) {
        found = (bsi_opened_storage){bsi_storage_ref(one->storage), one->layers};
    }
    bsi_mutex_unlock(&service->lock);
    return found;
}

bsi_storage *bsi_service_open_storage(bs_service *service, const char *name)
{
    return find_opened(service, name).storage;
}

bool bsi_service_set_limits(bs_service *service, const char *name, const bsi_limits_plan *plan)
{
    const bsi_opened_storage found = find_opened(service, name);

    if (found.storage) {
        bsi_storage_limits_set(found.layers.limits, plan);
    }
    bsi_storage_unref(found.storage);
    return found.storage != NULL;
}

const char *bsi_service_get_limits(bs_service *service, const char *name, bsi_limits_plan *out)
{
    const bsi_opened_storage found = find_opened(service, name);
    const char *driver = NULL;

    if (found.storage) {
        bsi_storage_limits_get(found.layers.limits, out);
        driver = bsi_storage_scheme(found.storage);
    }
    bsi_storage_unref(found.storage);
    return driver;
}

bs_status bsi_service_storage(bs_service *service, const char *name, bsi_storage **out)
{
    bsi_storage *storage = bsi_service_open_storage(service, name);
    bool is_kept = false;

    if (!storage) {
        BSI_TRY(bsi_profile_open(service, name, &is_kept));
        storage = bsi_service_open_storage(service, name);
    }
    if (!storage) {
        return fail_no_storage(service, name);
    }
    *out = storage;
    return BS_OK;
}

bsi_storage *bsi_service_storage_at(bs_service *service, size_t index, bsi_arena *arena,
                                    const char **name_out, bsi_storage_layers *layers_out)
{
    const bsi_named_storage *one = NULL;
    bsi_storage *storage = NULL;

    bsi_mutex_lock(&service->lock);
    one = service->storages;
    for (; one && index > 0; index--) {
        one = one->next;
    }
    if (one) {
        *name_out = bsi_arena_text(arena, one->name);
        storage = *name_out ? bsi_storage_ref(one->storage) : NULL;
        if (layers_out) {
            *layers_out = one->layers;
        }
    }
    bsi_mutex_unlock(&service->lock);
    return storage;
}

size_t bsi_service_storage_count(bs_service *service)
{
    size_t count = 0;

    bsi_mutex_lock(&service->lock);
    for (const bsi_named_storage *one = service->storages; one; one = one->next) {
        count++;
    }
    bsi_mutex_unlock(&service->lock);
    return count;
}

void bsi_service_forget_storage(bs_service *service, const char *name)
{
    bsi_named_storage **link = NULL;
    bsi_named_storage *gone = NULL;

    bsi_mutex_lock(&service->lock);
    link = &service->storages;
    while (*link && strcmp((*link)->name, name) != 0) {
        link = &(*link)->next;
    }
    gone = *link;
    if (gone) {
        *link = gone->next;
    }
    bsi_mutex_unlock(&service->lock);
    if (gone) {
        bsi_storage_unref(gone->storage);
        bsi_free(gone);
    }
}

/* Takes over the reference to the storage when it succeeds. */
static bs_status add_storage(bs_service *service, const char *name, bsi_opened_storage opened)
{
    const size_t size = strlen(name) + 1;
    bsi_named_storage *added = bsi_calloc(1, sizeof(*added) + size);
    bsi_named_storage **link = NULL;
    bool taken = false;

    if (!added) {
        return BS_E_NOMEM;
    }
    memcpy(added->name, name, size);
    added->storage = opened.storage;
    added->layers = opened.layers;
    bsi_mutex_lock(&service->lock);
    link = &service->storages;
    while (*link && !taken) {
        taken = strcmp((*link)->name, name) == 0;
        link = &(*link)->next;
    }
    if (!taken) {
        *link = added;
    }
    bsi_mutex_unlock(&service->lock);
    if (taken) {
        bsi_free(added);
        return bsi_fail(BS_LAYER_CALLER, BS_E_EXISTS, "there is a storage '%s' already", name);
    }
    return BS_OK;
}

static bool storage_name_is_valid(const char *name)
{
    const size_t size = strlen(name);

    return size > 0 && size <= STORAGE_NAME_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
               size;
}

static bs_status stop_at_first(void *user, const char *key, const bs_storage_object *object)
{
    (void)user;
    (void)key;
    (void)object;
    return BS_END;
}

/*
 * A disk that is not mounted leaves an empty folder: backups would go elsewhere, and what is
 * removed would count as gone. What cannot be listed is told by whoever needs it.
 */
static bs_status check_not_empty(bs_service *service, const char *name, bsi_storage *storage)
{
    uint64_t count = 0;
    uint64_t copies = 0;

    BSI_TRY(bsi_catalog_count_stored(service->catalog, name, &count));
    BSI_TRY(bsi_catalog_count_copies(service->catalog, name, &copies));
    count += copies;
    if (count == 0 || bsi_storage_list(storage, NULL, "", stop_at_first, NULL) != BS_OK) {
        return BS_OK;
    }
    return bsi_fail(BS_LAYER_STORAGE, BS_E_MISSING,
                    "storage '%s' is empty, but %llu backups should lie there: see that its disk "
                    "is mounted and its settings are right; a rebuild of the catalogue forgets "
                    "backups that are lost",
                    name, (unsigned long long)count);
}

bs_status bsi_service_register(bs_service *service, const char *name, const char *driver,
                               const char *const *settings)
{
    bsi_opened_storage opened = {.storage = NULL};

    BSI_TRY(bsi_storage_open_for(service, name, driver, settings, &opened));
    if (check_not_empty(service, name, opened.storage) < 0 ||
        add_storage(service, name, opened) < 0) {
        bsi_storage_unref(opened.storage);
        return bs_error_last()->code;
    }
    return bsi_recovery_storage(service, name);
}

/* Neither open nor kept. */
static bs_status check_name_is_free(bs_service *service, const char *name)
{
    bsi_storage *storage = bsi_service_open_storage(service, name);
    bool taken = storage != NULL;

    bsi_storage_unref(storage);
    if (!taken) {
        BSI_TRY(bsi_profile_find(service, name, &taken));
    }
    return taken ? bsi_fail(BS_LAYER_CALLER, BS_E_EXISTS, "there is a storage '%s' already", name)
                 : BS_OK;
}

bs_status bsi_service_add_storage(bs_service *service, const char *name, const char *driver,
                                  const char *const *settings)
{
    if (!storage_name_is_valid(name)) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "name: takes 1 to %d letters, digits, '.', '_' and '-'", STORAGE_NAME_MAX);
    }
    BSI_TRY(check_name_is_free(service, name));
    return bsi_service_register(service, name, driver, settings);
}

/* --- Open --- */

static unsigned pool_threads(const bs_config *config)
{
    const int64_t set = bsi_config_number(config, BSI_CONFIG_MAX_WORKER_THREADS);

    if (!bsi_config_flag(config, BSI_CONFIG_PARALLEL_PROCESSING)) {
        return 1;
    }
    return set > 0 ? (unsigned)set : bsi_cpu_count();
}

static bs_status open_catalog(bs_service *service, bool replace_damaged)
{
    bs_status status = bsi_catalog_open(service->dir.path, &service->catalog);

    /* INVALID: a database no more, or somebody else's; it is kept under another name. */
    if ((status == BS_E_CORRUPT || status == BS_E_INVALID) && replace_damaged) {
        bsi_log_write(&service->log, BS_LOG_WARNING, "engine",
                      "a damaged catalogue is set aside: %s", bs_error_last()->message);
        BSI_TRY(bsi_catalog_move_aside(service->dir.path));
        status = bsi_catalog_open(service->dir.path, &service->catalog);
    }
    return status;
}

/* What a process that died left incomplete is swept away: nobody else writes here. */
static bs_status open_local(bs_service *service)
{
    const char *settings[] = {"path", service->dir.storage_path, "sweep", "false", NULL};
    bsi_opened_storage opened = {.storage = NULL};
    bool due = false;

    BSI_TRY(bsi_recovery_is_due(service, &due));
    settings[3] = due ? "true" : "false";
    BSI_TRY(bsi_storage_open_for(service, "local", "local", settings, &opened));
    if (add_storage(service, "local", opened) < 0) {
        bsi_storage_unref(opened.storage);
        return bs_error_last()->code;
    }
    return BS_OK;
}

static bs_status take_settings(bs_service *service, const bs_service_options *options)
{
    bs_status status = options->config ? bsi_config_copy(options->config, &service->config)
                                       : bsi_config_new(&service->config);

    if (status < 0) {
        return status;
    }
    service->log.level = bsi_config_log_level(service->config);
    service->runners_max =
        (unsigned)bsi_config_number(service->config, BSI_CONFIG_MAX_CONCURRENT_BACKUPS);
    BSI_TRY(bsi_metrics_begin(
        &service->metrics,
        (size_t)bsi_config_number(service->config, BSI_CONFIG_METRICS_MAX_NAMES)));
    service->runners = bsi_calloc(service->runners_max, sizeof(*service->runners));
    return service->runners ? BS_OK : BS_E_NOMEM;
}

/* What the process before this one has left undone. */
static bs_status recover(bs_service *service)
{
    BSI_TRY(bsi_recovery_mark(service));
    BSI_TRY(open_local(service));
    BSI_TRY(bsi_recovery_storage(service, "local"));
    BSI_TRY(bsi_drills_recover(service));
    return bsi_schedule_recover(service);
}

static bs_status open_zone(bs_service *service)
{
    const char *name = bsi_config_text(service->config, BSI_CONFIG_TIMEZONE);
    const bs_status status = bsi_zone_load(BSI_ZONES_FOLDER, name, &service->zone);

    if (status == BS_PARTIAL) {
        bsi_log_write(&service->log, BS_LOG_WARNING, "engine",
                      "TIMEZONE: there is no time zone database; days are those of UTC");
    }
    return status < 0 ? bsi_fail_context(BS_LAYER_CALLER, status, "TIMEZONE") : BS_OK;
}

static bs_status open_state(bs_service *service, const bs_service_options *options)
{
    const char *path = options->state_path;

    if (!path || !path[0]) {
        path = bsi_config_text(service->config, BSI_CONFIG_BACKUP_STORAGE_PATH);
    }
    BSI_TRY(bsi_webhook_open(service));
    BSI_TRY(bsi_state_dir_open(path, &service->dir));
    return open_catalog(service, options->replace_damaged);
}

static bs_status open_parts(bs_service *service, const bs_service_options *options)
{
    BSI_TRY(take_settings(service, options));
    BSI_TRY(open_zone(service));
    BSI_TRY(bsi_keys_init(&service->keys, service->config, options));
    BSI_TRY(bsi_known_keys_new(&service->known));
    BSI_TRY(open_state(service, options));
    BSI_TRY(bsi_pool_new(pool_threads(service->config), &service->pool));
    BSI_TRY(bsi_space_open(service));
    BSI_TRY(recover(service));
    return options->run_schedules ? bsi_scheduler_start(service) : BS_OK;
}

bs_status bsi_service_open(const bs_service_options *options, bs_service **out)
{
    bs_service *service = bsi_calloc(1, sizeof(*service));
    bs_status status = BS_OK;

    if (!service) {
        return BS_E_NOMEM;
    }
    service->process = getpid();
    service->log = (bsi_log){.sink = options->log, .user = options->log_user};
    service->dir = (bsi_state_dir){.fd = -1, .lock_fd = -1, .temp_fd = -1};
    bsi_mutex_init(&service->lock);
    bsi_cond_init(&service->change);
    bsi_cond_init(&service->work);
    bsi_events_init(&service->events);
    bsi_metrics_init(&service->metrics);
    bsi_uses_init(&service->uses);
    bsi_mutex_init(&service->keys.lock);
    bsi_mutex_init(&service->signers.lock);
    bsi_audit_init(&service->audit);
    status = open_parts(service, options);
    if (status < 0) {
        bsi_service_close(service);
        return status;
    }
    *out = service;
    return BS_OK;
}

/* Leaves the error record alone: what made opening fail is in it. */
void bsi_service_close(bs_service *service)
{
    bs_error error;

    if (!service || service->process != getpid()) {
        return;
    }
    bsi_error_save(&error);
    bsi_scheduler_stop(service);
    bsi_jobs_stop(service);
    bsi_webhook_close(service);
    bsi_scheduler_free(service);
    bsi_upkeep_drop(service);
    bsi_pool_free(service->pool);
    while (service->storages) {
        bsi_named_storage *one = service->storages;
        service->storages = one->next;
        bsi_storage_unref(one->storage);
        bsi_free(one);
    }
    bsi_timezone_free(service->zone);
    bsi_audit_dispose(&service->audit);
    bsi_catalog_close(service->catalog);
    bsi_state_dir_close(&service->dir);
    bsi_keys_dispose(&service->keys);
    bsi_known_keys_free(service->known);
    bsi_signers_dispose(&service->signers);
    bsi_mutex_dispose(&service->keys.lock);
    bsi_mutex_dispose(&service->signers.lock);
    bsi_uses_dispose(&service->uses);
    bsi_metrics_dispose(&service->metrics);
    bsi_events_dispose(&service->events);
    bsi_cond_dispose(&service->work);
    bsi_cond_dispose(&service->change);
    bsi_mutex_dispose(&service->lock);
    bsi_config_free(service->config);
    bsi_free(service->runners);
    bsi_free(service);
    bsi_error_restore(&error);
}
