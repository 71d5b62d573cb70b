/* SPDX-License-Identifier: MIT */
/*
 * Tries a storage out, and tells what was found.
 */
#include "base/alloc.h"
#include "engine/profiles.h"
#include "storage/probe.h"

#define NS_PER_S 1e9

typedef struct check_box {
    bs_storage_check_info info; /* What the caller holds: must come first. */
    bsi_arena arena;
} check_box;

_Static_assert((int)BS_STORAGE_OK == (int)BSI_PROBE_OK &&
                   (int)BS_STORAGE_LACKS == (int)BSI_PROBE_LACKS &&
                   (int)BS_STORAGE_FAILED == (int)BSI_PROBE_FAILED,
               "results are the same numbers");

static bs_status fill(check_box *box, const char *name, const bsi_storage *storage,
                      const bsi_probe *probe)
{
    bs_storage_check_info *info = &box->info;
    bs_storage_step *steps = bsi_arena_alloc(&box->arena, probe->count + 1, sizeof(*steps));

    info->name = bsi_arena_text(&box->arena, name);
    info->driver = bsi_arena_text(&box->arena, bsi_storage_scheme(storage));
    if (!steps || !info->name || !info->driver) {
        return BS_E_NOMEM;
    }
    info->is_good = true;
    for (size_t i = 0; i < probe->count; i++) {
        const bsi_probe_step *from = &probe->steps[i];
        steps[i].name = from->name;
        steps[i].result = (bs_storage_result)from->result;
        steps[i].seconds = (double)from->time_ns / NS_PER_S;
        steps[i].code = from->error.code;
        steps[i].message = bsi_arena_text(&box->arena, from->error.message);
        info->is_good = info->is_good && from->result != BSI_PROBE_FAILED;
        if (!steps[i].message) {
            return BS_E_NOMEM;
        }
    }
    info->steps = steps;
    info->steps_count = probe->count;
    info->clock_is_known = probe->clock_is_known;
    info->clock_ahead_seconds = (double)probe->clock_ahead_ns / NS_PER_S;
    info->free_is_known = probe->free_bytes != BS_STORAGE_NO_SIZE;
    info->free_bytes = info->free_is_known ? probe->free_bytes : 0;
    return BS_OK;
}

bs_status bsi_storage_check_run(bs_service *service, const char *name, bs_storage_check_info **out)
{
    check_box *box = bsi_calloc(1, sizeof(*box));
    bsi_probe *probe = bsi_calloc(1, sizeof(*probe));
    bsi_storage *storage = NULL;
    bs_status status = BS_E_NOMEM;

    if (box && probe) {
        status = bsi_service_storage(service, name, &storage);
    }
    if (status == BS_OK) {
        status = bsi_storage_probe(storage, NULL, probe);
    }
    if (status == BS_OK) {
        status = fill(box, name, storage, probe);
    }
    bsi_storage_unref(storage);
    bsi_free(probe);
    if (status < 0) {
        bsi_storage_check_free(box ? &box->info : NULL);
        return status;
    }
    *out = &box->info;
    return BS_OK;
}

void bsi_storage_check_free(bs_storage_check_info *info)
{
    check_box *box = (check_box *)info;

    if (box) {
        bsi_arena_dispose(&box->arena);
        bsi_free(box);
    }
}
