/* SPDX-License-Identifier: MIT */
/*
 * Backups of other forms, on their way to snapshots.
 */
#include "engine/copy_backups.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/access.h"
#include "engine/complaints.h"
#include "engine/held.h"
#include "engine/service.h"

void bsi_copy_backups_dispose(bsi_copy_backups *list)
{
    bsi_free(list->items);
    *list = (bsi_copy_backups){0};
}

static bool is_taken(const bsi_copy_backups *list, const char *id)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].id, id) == 0) {
            return true;
        }
    }
    return false;
}

static bs_status take(bsi_copy_backups *list, const bsi_row_backup *row)
{
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity > 0 ? 2 * list->capacity : 64;
        bsi_copy_backup *items = bsi_realloc_array(list->items, capacity, sizeof(*items));
        if (!items) {
            return BS_E_NOMEM;
        }
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count] = (bsi_copy_backup){.seq = row->seq};
    memcpy(list->items[list->count].id, row->id, BS_ID_SIZE);
    list->count++;
    list->files += row->total_files;
    list->bytes += row->total_bytes;
    return BS_OK;
}

/* --- By name --- */

static bs_status take_held(const char *storage, const bsi_held *held, bsi_copy_backups *list,
                           bool *taken_out)
{
    bsi_complaints complaints = {0};

    if (!held->vault->lend) {
        return BS_OK;
    }
    if (strcmp(held->row.storage, storage) != 0) {
        bsi_complain_invalid(&complaints, "snapshots: backup %s lies on storage '%s', not on '%s'",
                             held->row.id, held->row.storage, storage);
        return bsi_complaints_status(&complaints);
    }
    *taken_out = true;
    return is_taken(list, held->row.id) ? BS_OK : take(list, &held->row);
}

/* Whoever looks for a snapshot of that name tells what is wrong with it. */
static bool names_no_backup(bs_status status)
{
    return status == BS_E_NOT_FOUND || status == BS_E_INVALID || status == BS_E_AMBIGUOUS;
}

bs_status bsi_copy_backups_take(bs_service *service, const char *storage, const char *reference,
                                bsi_copy_backups *list, bool *taken_out)
{
    bsi_held held = {0};
    bs_status status = bsi_held_open(service, reference, &held);

    *taken_out = false;
    if (status < 0) {
        return names_no_backup(status) ? BS_OK : status;
    }
    status = take_held(storage, &held, list, taken_out);
    bsi_held_close(service, &held);
    return status;
}

/* --- All --- */

static bs_status take_row(void *user, const bsi_row_backup *row)
{
    const bsi_vault *vault = bsi_vault_find(row->form);

    return bsi_row_is_completed(row->status) && !row->deleting && vault && vault->lend
               ? take(user, row)
               : BS_OK;
}

static int compare_backups(const void *a, const void *b)
{
    const bsi_copy_backup *left = a;
    const bsi_copy_backup *right = b;

    return left->seq < right->seq ? -1 : left->seq > right->seq;
}

bs_status bsi_copy_backups_take_all(bs_service *service, const char *storage,
                                    bsi_copy_backups *list)
{
    const bs_status status = bsi_held_each_row(service, storage, take_row, list);

    if (status >= 0 && list->count > 0) {
        qsort(list->items, list->count, sizeof(*list->items), compare_backups);
    }
    return status;
}

/* --- The work --- */

static bs_status adopt(bsi_job *job, const bsi_held *held, bsi_adopter *adopter, bsi_adopted *out)
{
    bsi_vault_env env = bsi_service_env(job->service, held->storage, &job->call, &job->warn);
    bsi_access access;
    bs_status status = BS_OK;

    env.progress = &job->progress;
    BSI_TRY(bsi_access_open_for(job->service, &held->row, NULL, &env, &access));
    status = bsi_adopter_add(adopter, held->vault, &env, held->row.manifest_key, out);
    status = bsi_access_explain(job->service, &env, &held->row, status);
    bsi_access_close(&access);
    return status;
}

bs_status bsi_copy_backup_run(bsi_job *job, const char *id, bsi_adopter *adopter, bsi_adopted *out)
{
    bsi_held held = {0};
    bs_status status = bsi_held_open(job->service, id, &held);

    if (status >= 0) {
        status = adopt(job, &held, adopter, out);
        bsi_held_close(job->service, &held);
    }
    return status;
}
