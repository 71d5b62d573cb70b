/* SPDX-License-Identifier: MIT */
#include "engine/reclaim.h"

#include "engine/access.h"
#include "engine/arena.h"
#include "engine/runner.h"
#include "engine/service.h"

#define SAFE_AGE (INT64_C(86400) * 1000000000)

/* A row that is there speaks for its objects, whatever has become of the manifest. */
static bs_status claim(void *user, const char *name, const char *short_id, bsi_claim *out)
{
    bs_service *service = user;
    bsi_row_status row_status = BSI_ROW_NONE;
    const bs_status status =
        bsi_catalog_status_by_tail(service->catalog, name, short_id, &row_status);

    *out = BSI_CLAIM_STANDING;
    if (row_status == BSI_ROW_NONE) {
        *out = BSI_CLAIM_NONE;
    } else if (row_status == BSI_ROW_FAILED || row_status == BSI_ROW_CANCELLED) {
        *out = BSI_CLAIM_FAILED;
    }
    return status;
}

static bool stop(void *user)
{
    return bsi_jobs_are_over(user);
}

static bool a_backup_is_running(bs_service *service)
{
    bool running = false;

    bsi_mutex_lock(&service->lock);
    for (const bsi_job *job = service->jobs; job; job = job->next) {
        running = running || (job->ops->kind == BS_JOB_BACKUP && !job->over);
    }
    bsi_mutex_unlock(&service->lock);
    return running;
}

static bs_status sweep_up(bs_service *service, bsi_storage *storage, const char *name,
                          int64_t before_ns, bsi_reclaimed *out)
{
    const bs_status status =
        bsi_storage_sweep(storage, NULL, before_ns, &out->objects, &out->bytes);

    BSI_TRY(status == BS_E_UNSUPPORTED ? BS_OK : status);
    return bsi_access_sweep_bases(service, name, before_ns);
}

static bs_status reclaim_storage(bs_service *service, bsi_storage *storage, const char *name,
                                 int64_t now, bsi_reclaimed *out)
{
    const bsi_vault_env env = bsi_service_env(service, storage, NULL, NULL);
    const bsi_reclaim_plan plan = {
        .before_ns = now - SAFE_AGE, .claim = claim, .stop = stop, .user = service};
    const uint32_t caps = bsi_storage_caps(storage);

    if ((caps & BS_STORAGE_CAP_READ_ONLY) != 0) {
        return BS_OK;
    }
    if ((caps & BS_STORAGE_CAP_APPEND_ONLY) == 0) {
        BSI_TRY(bsi_vault_reclaim(&env, &plan, out));
    }
    return a_backup_is_running(service) ? BS_OK
                                        : sweep_up(service, storage, name, plan.before_ns, out);
}

static bs_status reclaim_all(bs_service *service, bsi_arena *arena, int64_t now, bsi_reclaimed *out)
{
    const char *name = NULL;
    bs_status status = BS_OK;

    for (size_t i = 0; status >= 0 && !stop(service); i++) {
        bsi_storage *storage = bsi_service_storage_at(service, i, arena, &name, NULL);
        if (!storage) {
            break;
        }
        status = reclaim_storage(service, storage, name, now, out);
        bsi_storage_unref(storage);
        if (status < 0 && bs_error_last()->layer == BS_LAYER_STORAGE) {
            bsi_log_write(&service->log, BS_LOG_WARNING, "engine", "sweeping up storage '%s': %s",
                          name, bs_error_last()->message);
            status = BS_OK;
        }
    }
    return status == BS_E_CANCELLED ? BS_OK : status;
}

/* Nobody may make the catalogue anew meanwhile: its rows speak for the objects. */
bs_status bsi_reclaim(bs_service *service, int64_t now, bsi_reclaimed *out)
{
    bsi_arena arena = {0};
    bs_status status = bsi_uses_read(&service->uses, BSI_USES_CATALOG);

    if (status < 0) {
        return status == BS_E_BUSY ? BS_OK : status;
    }
    status = reclaim_all(service, &arena, now, out);
    bsi_uses_end(&service->uses, BSI_USES_CATALOG);
    bsi_arena_dispose(&arena);
    return status;
}
