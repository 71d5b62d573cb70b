/* SPDX-License-Identifier: MIT */
/*
 * Makes copies of backups on further storages.
 *
 * What a backup needs must be where its copy is to be, and is older than itself. So whatever is
 * wanted there of a name is copied in the order in which it was made, what was left out earlier
 * too; and a backup makes what it needs wanted.
 */
#include "engine/copies.h"

#include <string.h>

#include "base/alloc.h"
#include "engine/access.h"
#include "engine/service.h"
#include "text/json_read.h"

enum { NAME_TEXT_MAX = 64 * 1024 };

/* --- One --- */

/* Whether the catalogue has a copy there as complete; what fails tells no more than that. */
static bool is_kept(const bsi_copy_work *work, const char *id)
{
    bsi_row_copy *rows = NULL;
    size_t count = 0;
    bool kept = false;

    if (bsi_catalog_list_copies(work->service->catalog, id, &rows, &count) < 0) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        kept =
            kept || (rows[i].status == BSI_ROW_COMPLETED && strcmp(rows[i].storage, work->to) == 0);
    }
    bsi_row_copies_free(rows, count);
    return kept;
}

static bs_status keep_outcome(const bsi_copy_work *work, const char *id, bs_status status)
{
    bsi_row_copy row = {.backup_id = id, .storage = work->to, .status = BSI_ROW_COMPLETED};
    bs_error failure;

    if (status >= 0) {
        row.completed_at = bsi_row_now();
        return bsi_catalog_put_copy(work->service->catalog, &row);
    }
    bsi_error_save(&failure);
    row.status = BSI_ROW_PENDING;
    if (status != BS_E_CANCELLED) {
        row.status = BSI_ROW_FAILED;
        row.error_code = failure.code;
        row.error_layer = failure.layer;
        row.error_message = failure.message;
    }
    if (bsi_catalog_put_copy(work->service->catalog, &row) < 0) {
        bsi_log_write(&work->service->log, BS_LOG_WARNING, "engine",
                      "how the copy of backup %s on '%s' stands is not kept: %s", id, work->to,
                      bs_error_last()->message);
    }
    bsi_error_restore(&failure);
    return status;
}

bs_status bsi_copy_make(const bsi_copy_work *work, const bsi_held *held, bsi_replicated *out)
{
    bsi_vault_env env = bsi_service_env(work->service, held->storage, work->call, work->warn);
    bsi_access access;
    bs_status status = BS_OK;

    *out = (bsi_replicated){0};
    env.progress = work->progress;
    status = bsi_access_open_for(work->service, &held->row, NULL, &env, &access);
    if (status >= 0) {
        status = held->vault->replicate(&env, held->row.manifest_key, work->target, out);
    }
    bsi_access_close(&access);
    if (status >= 0 && out->objects == 0 && is_kept(work, held->row.id)) {
        return status; /* Since it was made. */
    }
    return keep_outcome(work, held->row.id, status);
}

bool bsi_copy_blames_one(bs_status status)
{
    return status == BS_E_CORRUPT || status == BS_E_MISSING || status == BS_E_VERSION ||
           status == BS_E_LIMIT || status == BS_E_BUSY || status == BS_E_NOT_FOUND;
}

/* --- What a request asks for --- */

static bs_status read_names(bsi_json_reader *json, bsi_arena *arena, bsi_buf *scratch,
                            const char **names, size_t max)
{
    bsi_slice text;
    size_t count = 0;

    BSI_TRY(bsi_json_enter_array(json));
    while (count < max && bsi_json_next_item(json) == BS_OK) {
        BSI_TRY(bsi_json_read_string(json, scratch, &text));
        names[count] = bsi_arena_slice(arena, text);
        if (!names[count]) {
            return BS_E_NOMEM;
        }
        count++;
    }
    return BS_OK;
}

/* The reader is at the value, when there is one. */
static bool find_names(bsi_json_reader *json)
{
    bsi_slice key;

    if (bsi_json_enter_object(json) < 0) {
        return false;
    }
    while (bsi_json_next_key(json, &key) == BS_OK) {
        if (bsi_slice_is(key, "copy_to")) {
            return true;
        }
        if (bsi_json_skip(json) < 0) {
            break;
        }
    }
    return false;
}

bs_status bsi_copies_asked_for(const char *options, bsi_arena *arena, const char *const **out)
{
    const char **names = bsi_arena_alloc(arena, BSI_COPIES_MAX + 1, sizeof(*names));
    bsi_json_reader json;
    bsi_buf scratch;
    bs_status status = BS_OK;

    if (!names) {
        return BS_E_NOMEM;
    }
    bsi_json_init(&json, options, strlen(options), BS_LAYER_CATALOG, BS_E_CORRUPT);
    bsi_buf_init(&scratch, NAME_TEXT_MAX);
    if (find_names(&json)) {
        status = read_names(&json, arena, &scratch, names, BSI_COPIES_MAX);
    }
    bsi_buf_dispose(&scratch);
    *out = names;
    return status == BS_E_NOMEM ? status : BS_OK;
}

bs_status bsi_copies_want(bs_service *service, const bsi_row_backup *row)
{
    const char *const *names = NULL;
    bsi_arena arena = {0};
    bs_status status = bsi_copies_asked_for(row->options, &arena, &names);

    for (; status >= 0 && *names; names++) {
        if (strcmp(*names, row->storage) != 0) {
            status = bsi_catalog_want_copy(service->catalog, row->id, *names);
        }
    }
    bsi_arena_dispose(&arena);
    return status;
}

/* --- What goes before --- */

static bs_status want_with_needs(bs_service *service, const char *id, const char *to)
{
    bsi_id *ids = NULL;
    size_t count = 0;
    bs_status status = bsi_catalog_all_needs(service->catalog, id, &ids, &count);

    for (size_t i = 0; i < count && status >= 0; i++) {
        status = bsi_catalog_want_copy(service->catalog, ids[i].text, to);
    }
    bsi_free(ids);
    return status < 0 ? status : bsi_catalog_want_copy(service->catalog, id, to);
}

static bs_status want_needs(const bsi_copy_work *work, const bsi_copies_plan *plan)
{
    bs_status status = BS_OK;

    for (size_t i = 0; i < plan->result->needs_count && status >= 0; i++) {
        status = want_with_needs(work->service, plan->result->needs[i], work->to);
    }
    return status == BS_E_NOT_FOUND ? BS_OK : status; /* The copy tells what is missing. */
}

/* What was there is not any more: look at all of it again. */
static bs_status doubt_needs(const bsi_copy_work *work, const bsi_copies_plan *plan)
{
    bs_status status = BS_OK;

    for (size_t i = 0; i < plan->result->needs_count && status >= 0; i++) {
        const bsi_row_copy row = {
            .backup_id = plan->result->needs[i], .storage = work->to, .status = BSI_ROW_PENDING};
        status = bsi_catalog_put_copy(work->service->catalog, &row);
    }
    return status;
}

/* A backup that cannot be copied keeps none but those that need it from being copied. */
static bs_status copy_earlier(const bsi_copy_work *work, const char *id)
{
    bsi_replicated done;
    bsi_held held = {0};
    bs_status status = bsi_held_open(work->service, id, &held);

    if (status >= 0) {
        status = bsi_copy_make(work, &held, &done);
        bsi_held_close(work->service, &held);
    }
    if (bsi_copy_blames_one(status)) {
        bsi_log_write(&work->service->log, BS_LOG_WARNING, "engine",
                      "backup %s is still not copied to '%s': %s", id, work->to,
                      bs_error_last()->message);
        return BS_OK;
    }
    return status;
}

static bs_status make_up(const bsi_copy_work *work, const bsi_row_backup *row)
{
    bsi_id *ids = NULL;
    size_t count = 0;
    bs_status status = bsi_catalog_lacking_copies(work->service->catalog, row->name, row->storage,
                                                  work->to, &ids, &count);

    for (size_t i = 0; i < count && status >= 0; i++) {
        status = bsi_call_check(work->call);
        if (status >= 0) {
            status = copy_earlier(work, ids[i].text);
        }
    }
    bsi_free(ids);
    return status < 0 ? status : BS_OK;
}

/* --- The job's --- */

static bs_status copy_behind(const bsi_copy_work *work, const bsi_copies_plan *plan)
{
    bsi_replicated done;
    const bs_status status = make_up(work, &plan->held->row);

    if (status < 0) {
        return keep_outcome(work, plan->held->row.id, status);
    }
    return bsi_copy_make(work, plan->held, &done);
}

static bs_status copy_to(bsi_copy_work *work, const bsi_copies_plan *plan)
{
    bs_status status = bsi_service_storage(work->service, work->to, &work->target);

    if (status < 0) {
        return keep_outcome(work, plan->held->row.id, status);
    }
    status = want_needs(work, plan);
    if (status >= 0) {
        status = copy_behind(work, plan);
    }
    if (status == BS_E_MISSING && plan->result->needs_count > 0) {
        status = doubt_needs(work, plan);
        if (status >= 0) {
            status = copy_behind(work, plan);
        }
    }
    bsi_storage_unref(work->target);
    return status;
}

bs_status bsi_copies_make(bs_service *service, const bs_call *call, const bsi_warn *warn,
                          const bsi_copies_plan *plan)
{
    bs_call fresh = *call;
    bs_status status = bsi_copies_want(service, &plan->held->row);
    bool all = status >= 0;

    fresh.fresh = true;
    fresh.spending = NULL; /* That is of the backup's own storage. */
    if (status < 0) {
        bsi_warn_last(warn, bsi_slice_of(plan->held->row.storage));
    }
    for (const char *const *to = plan->to; *to; to++) {
        bsi_copy_work work = {.service = service, .call = &fresh, .warn = warn, .to = *to};
        status = copy_to(&work, plan);
        if (status < 0) {
            (void)bsi_fail_context(bs_error_last()->layer, status,
                                   "the backup is complete, but not its copy on '%s'", *to);
            bsi_warn_last(warn, bsi_slice_of(*to));
            all = false;
        }
    }
    return all ? BS_OK : BS_PARTIAL;
}
