/* SPDX-License-Identifier: MIT */
/*
 * Copying backups to another storage, from the start to the row and back to an info.
 *
 * What a backup needs is older than itself. So all that is to be copied is put in the order in
 * which it was made, with what it needs, and a backup finds what it needs at the target.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/complaints.h"
#include "engine/copies.h"
#include "engine/held.h"
#include "engine/info_parts.h"
#include "engine/replicate.h"
#include "engine/repo_work.h"
#include "engine/service.h"
#include "storage/decorators/guard.h"

enum {
    NAME_TEXT_MAX = 64 * 1024, /* Of a storage, in JSON. */
    RESULT_MAX = 1024 * 1024,
};

typedef struct replicate_report {
    uint64_t backups;
    uint64_t backups_present;
    uint64_t backups_failed;
    uint64_t backups_passed_over;
    uint64_t objects;
    uint64_t objects_present;
    uint64_t bytes;
} replicate_report;

/* A backup that is to be copied. */
typedef struct chosen {
    char id[BS_ID_SIZE];
    int64_t seq;
    uint64_t bytes;
} chosen;

typedef struct replicate_run {
    bsi_repo_work work;
    char *to;   /* The other storage. */
    bool named; /* Some were, and not all are meant. */
    chosen *items;
    size_t count;
    size_t capacity;
    replicate_report report;
    char first[BS_ERROR_MESSAGE_SIZE]; /* Why the first could not be copied. */
} replicate_run;

typedef struct replicate_box {
    bs_replicate_info info; /* What the caller holds: must come first. */
    bsi_arena arena;
} replicate_box;

#define NUMBER(name) BSI_REPO_NUMBER(replicate_report, bs_replicate_info, name)

static const bsi_repo_number replicate_numbers[] = {
    NUMBER(backups), NUMBER(backups_present), NUMBER(backups_failed), NUMBER(backups_passed_over),
    NUMBER(objects), NUMBER(objects_present), NUMBER(bytes),          BSI_REPO_NUMBERS_END,
};

static void replicate_dispose(void *payload)
{
    replicate_run *run = payload;

    if (run) {
        bsi_free(run->items);
        bsi_free(run->to);
        bsi_repo_work_dispose(&run->work);
        bsi_free(run);
    }
}

static void replicate_describe(const bsi_job *job, bsi_deed *out)
{
    const replicate_run *run = job->payload;

    out->action = "storage.replicate";
    out->object = run->work.storage;
    out->detail = run->to;
}

/* --- What is to be copied --- */

static bs_status choose(replicate_run *run, const bsi_row_backup *row)
{
    const size_t capacity = run->capacity > 0 ? run->capacity * 2 : 64;
    chosen *items = run->items;

    if (run->count == run->capacity) {
        items = bsi_realloc_array(run->items, capacity, sizeof(*run->items));
        if (!items) {
            return BS_E_NOMEM;
        }
        run->items = items;
        run->capacity = capacity;
    }
    items[run->count] = (chosen){.seq = row->seq, .bytes = row->container_size};
    memcpy(items[run->count].id, row->id, BS_ID_SIZE);
    run->count++;
    return BS_OK;
}

static bool is_chosen(const replicate_run *run, const char *id)
{
    for (size_t i = 0; i < run->count; i++) {
        if (strcmp(run->items[i].id, id) == 0) {
            return true;
        }
    }
    return false;
}

/* What the n-th needs, behind all that were chosen; their own needs follow in their turn. */
static bs_status choose_needs(bs_service *service, replicate_run *run, size_t index)
{
    bsi_id *ids = NULL;
    size_t count = 0;
    bs_status status = bsi_catalog_needs(service->catalog, run->items[index].id, &ids, &count);

    for (size_t i = 0; status >= 0 && i < count; i++) {
        bsi_row_backup row = {0};
        if (is_chosen(run, ids[i].text)) {
            continue;
        }
        status = bsi_catalog_get_backup(service->catalog, ids[i].text, &row);
        if (status >= 0) {
            status = choose(run, &row);
            bsi_row_backup_dispose(&row);
        }
        status = status == BS_E_NOT_FOUND ? BS_OK : status; /* Who needs it will tell. */
    }
    bsi_free(ids);
    return status;
}

/* Forms without such copies: there is nothing to do for them here. */
static bs_status check_form(const bsi_held *held)
{
    if (held->vault->replicate) {
        return BS_OK;
    }
    return bsi_fail(
        BS_LAYER_CALLER, BS_E_UNSUPPORTED,
        "backup %s has the form '%s', which cannot be replicated%s", held->row.id, held->row.form,
        strcmp(held->row.form, "repository") == 0 ? "; its snapshots can be copied" : "");
}

static bs_status check_named(const replicate_run *run, const bsi_held *held)
{
    bsi_complaints complaints = {0};

    if (strcmp(held->row.storage, run->work.storage) != 0) {
        bsi_complain_invalid(&complaints, "backups: backup %s lies on storage '%s', not on '%s'",
                             held->row.id, held->row.storage, run->work.storage);
        return bsi_complaints_status(&complaints);
    }
    return check_form(held);
}

static bs_status choose_named(bs_service *service, replicate_run *run, const char *reference)
{
    bsi_held held = {0};
    bs_status status = bsi_held_open(service, reference, &held);

    BSI_TRY(status);
    status = check_named(run, &held);
    if (status >= 0 && !is_chosen(run, held.row.id)) {
        status = choose(run, &held.row);
    }
    bsi_held_close(service, &held);
    return status;
}

static bs_status choose_all_named(bs_service *service, replicate_run *run,
                                  const char *const *references)
{
    run->named = true;
    for (size_t i = 0; references[i]; i++) {
        BSI_TRY(choose_named(service, run, references[i]));
    }
    for (size_t i = 0; i < run->count; i++) {
        BSI_TRY(choose_needs(service, run, i));
    }
    return BS_OK;
}

static bs_status choose_row(void *user, const bsi_row_backup *row)
{
    replicate_run *run = user;
    const bsi_vault *vault = bsi_vault_find(row->form);

    if (!bsi_row_is_completed(row->status)) {
        return BS_OK;
    }
    if (!vault || !vault->replicate) {
        run->report.backups_passed_over++;
        return BS_OK;
    }
    return choose(run, row);
}

static int compare_chosen(const void *a, const void *b)
{
    const chosen *left = a;
    const chosen *right = b;

    return left->seq < right->seq ? -1 : left->seq > right->seq;
}

static void put_in_order(replicate_run *run, bsi_job *job)
{
    uint64_t bytes = 0;

    if (run->count > 0) {
        qsort(run->items, run->count, sizeof(*run->items), compare_chosen);
    }
    for (size_t i = 0; i < run->count; i++) {
        bytes += run->items[i].bytes;
    }
    bsi_progress_set_total(&job->progress, run->count, bytes);
}

/* --- The work --- */

static void note_failure(replicate_run *run, bsi_job *job, const char *id)
{
    if (run->report.backups_failed == 0) {
        memcpy(run->first, bs_error_last()->message, sizeof(run->first));
    }
    run->report.backups_failed++;
    bsi_warn_last(&job->warn, bsi_slice_of(id));
}

static bs_status copy_held(replicate_run *run, bsi_job *job, const bsi_held *held,
                           bsi_storage *target)
{
    const bsi_copy_work work = {.service = job->service,
                                .call = &job->call,
                                .warn = &job->warn,
                                .progress = &job->progress,
                                .to = run->to,
                                .target = target};
    bsi_replicated done;
    const bs_status status = bsi_copy_make(&work, held, &done);

    run->report.objects += done.objects;
    run->report.objects_present += done.objects_present;
    run->report.bytes += done.bytes;
    if (status >= 0) {
        run->report.backups += done.objects > 0;
        run->report.backups_present += done.objects == 0;
    }
    return status;
}

static bs_status copy_one(replicate_run *run, bsi_job *job, const char *id, bsi_storage *target)
{
    bsi_held held = {0};
    bs_status status = bsi_held_open(job->service, id, &held);

    if (status == BS_E_NOT_FOUND && !run->named) {
        return BS_OK; /* It went meanwhile. */
    }
    if (status >= 0) {
        status = copy_held(run, job, &held, target);
        bsi_held_close(job->service, &held);
    }
    bsi_progress_add(&job->progress, 1, 0);
    if (bsi_copy_blames_one(status)) {
        note_failure(run, job, id);
        return BS_OK;
    }
    return status;
}

static bs_status copy_all(replicate_run *run, bsi_job *job)
{
    bsi_storage *target = NULL;
    bs_status status = bsi_service_storage(job->service, run->to, &target);

    for (size_t i = 0; status >= 0 && i < run->count; i++) {
        status = bsi_call_check(&job->call);
        if (status >= 0) {
            status = copy_one(run, job, run->items[i].id, target);
        }
    }
    bsi_storage_unref(target);
    return status < 0 ? status : BS_OK;
}

static bs_status replicate_work(bsi_job *job)
{
    replicate_run *run = job->payload;
    bs_status status = BS_OK;

    bsi_repo_work_begin_result(&run->work, RESULT_MAX);
    bsi_json_put_text(&run->work.json, "to", run->to);
    if (!run->named) {
        BSI_TRY(bsi_held_each_row(job->service, run->work.storage, choose_row, run));
    }
    put_in_order(run, job);
    status = copy_all(run, job);
    BSI_TRY(bsi_repo_work_end_result(&run->work, replicate_numbers, &run->report));
    if (status < 0 || run->report.backups_failed == 0) {
        return status;
    }
    return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "%" PRIu64 " backups could not be copied: %s",
                    run->report.backups_failed, run->first);
}

static const bsi_job_ops replicate_ops = {
    .kind = BS_JOB_REPLICATE,
    .add = bsi_repo_work_add,
    .run = replicate_work,
    .save = bsi_repo_work_save,
    .ended = bsi_repo_work_ended,
    .describe = replicate_describe,
    .dispose = replicate_dispose,
};

/* --- The start --- */

static bs_status take_target(bs_service *service, const char *to, replicate_run *run)
{
    bsi_complaints complaints = {0};

    if (!to || strcmp(to, run->work.storage) == 0) {
        bsi_complain_invalid(&complaints, "to: takes another storage than '%s'", run->work.storage);
        return bsi_complaints_status(&complaints);
    }
    BSI_TRY(bsi_repo_check_storage(service, to, bsi_storage_check_writable));
    run->to = bsi_strdup(to);
    return run->to ? BS_OK : BS_E_NOMEM;
}

static bs_status prepare(bs_service *service, const bs_replicate_options *options,
                         replicate_run *run)
{
    BSI_TRY(bsi_repo_work_take_storage(service, &run->work, options->storage, NULL));
    BSI_TRY(take_target(service, options->to, run));
    run->work.kind = BSI_JOB_KIND_REPLICATE;
    run->work.options = "{}";
    return options->backups && options->backups[0]
               ? choose_all_named(service, run, options->backups)
               : BS_OK;
}

bs_status bsi_replicate_start(bs_service *service, const bs_replicate_options *options,
                              char id_out[BS_ID_SIZE])
{
    replicate_run *run = bsi_calloc(1, sizeof(*run));
    const bs_status status = run ? prepare(service, options, run) : BS_E_NOMEM;

    return bsi_repo_work_start(service, &replicate_ops, run, status, id_out);
}

/* --- Its info --- */

static bs_status take_member(void *user, bsi_json_reader *json, bsi_slice key)
{
    replicate_box *box = user;
    bsi_slice text;
    bsi_buf scratch;
    bs_status status = BS_OK;

    if (!bsi_slice_is(key, "to")) {
        return bsi_repo_info_read_number(json, key, replicate_numbers, &box->info);
    }
    bsi_buf_init(&scratch, NAME_TEXT_MAX);
    status = bsi_json_read_string(json, &scratch, &text);
    if (status >= 0) {
        box->info.to = bsi_arena_slice(&box->arena, text);
        status = box->info.to ? BS_OK : BS_E_NOMEM;
    }
    bsi_buf_dispose(&scratch);
    return status;
}

static bs_status take_warnings(bs_service *service, replicate_box *box)
{
    bsi_job *job = bsi_job_find(service, box->info.id);
    const bs_status status =
        bsi_info_warnings(service, job, box->info.id, &box->arena, &box->info.warnings,
                          &box->info.warnings_kept, &box->info.warnings_count);

    bsi_job_unref(job);
    return status;
}

bs_status bsi_replicate_get(bs_service *service, const char *reference, bs_replicate_info **out)
{
    replicate_box *box = bsi_calloc(1, sizeof(*box));
    bsi_repo_info common;
    bs_status status = BS_E_NOMEM;

    if (box) {
        box->info.to = "";
        status = bsi_repo_info_get(service, BSI_JOB_KIND_REPLICATE, reference, &box->arena,
                                   take_member, box, &common);
    }
    if (status >= 0) {
        BSI_REPO_INFO_GIVE(&common, &box->info);
        status = take_warnings(service, box);
    }
    if (status < 0) {
        bsi_replicate_info_free((bs_replicate_info *)box);
        return status;
    }
    *out = &box->info;
    return BS_OK;
}

void bsi_replicate_info_free(bs_replicate_info *info)
{
    replicate_box *box = (replicate_box *)info;

    if (box) {
        bsi_arena_dispose(&box->arena);
        bsi_free(box);
    }
}
