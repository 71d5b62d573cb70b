/* SPDX-License-Identifier: MIT */
/*
 * What a backup does from its request to its row: choose what it builds on, let
 * the vault do the work, do it again as a full when the base turns out to be
 * damaged, have what was written read again, and copy it to further storages.
 */
#include "engine/backup_job.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/access.h"
#include "engine/copies.h"
#include "engine/fresh.h"
#include "engine/hooks.h"
#include "engine/manifest_row.h"
#include "engine/runner.h"
#include "engine/schedule.h"
#include "engine/service.h"
#include "engine/space.h"
#include "engine/upkeep.h"
#include "engine/words.h"

enum {
    NOTE_SIZE = 8192, /* With what the vault adds. */
    NOTE_PART_SIZE = 1536,
};

typedef struct backup_run {
    bsi_backup_request *request;
    bsi_backup_kind kind; /* As it runs. */
    bsi_row_backup base;  /* Zeroed: none. Held by service->uses. */
    bsi_id *replaced;     /* Mirrors that this one takes the place of; held likewise. */
    size_t replaced_count;
    char *mirror_manifest; /* Of the newest of them. */
    bool owns_mirror;
    char mirror_key[400];
    char note[NOTE_SIZE];
    bool written; /* What it stored is there, whether it is good or not. */
    bool durable;
    bsi_access access;     /* To what encrypted backups are built on; zeroed: not needed. */
    bsi_spending spending; /* What it stores. */
    bsi_backup_result result;
} backup_run;

static void backup_dispose(void *payload)
{
    backup_run *run = payload;

    if (run) {
        bsi_backup_request_free(run->request);
        bsi_row_backup_dispose(&run->base);
        bsi_free(run->replaced);
        bsi_free(run->mirror_manifest);
        bsi_access_close(&run->access);
        bsi_backup_result_dispose(&run->result);
        bsi_free(run);
    }
}

/* --- Rows --- */

/* What a row says of the request and of how far the job is. */
static void fill_row(const bsi_job *job, const bsi_job_view *view, bsi_row_backup *row)
{
    const backup_run *run = job->payload;
    const bsi_backup_request *request = run->request;

    *row = (bsi_row_backup){
        .id = job->id,
        .name = request->name,
        .backup_type = bsi_backup_kind_name(run->kind),
        .requested_type = bsi_backup_kind_name(request->kind),
        .form = request->form,
        .storage = request->storage_name,
        .compression = request->compression,
        .compression_level = request->level,
        .encryption = bsi_encryption_name(request->encryption),
        .status = bsi_row_status_of(view->state),
        .created_at = job->created_at,
        .started_at = view->started_at,
        .completed_at = view->completed_at,
        .expires_at = bsi_row_expiry(job->created_at, request->retention_days),
        .source_paths = request->paths_json,
        .options = request->options,
        .metadata = request->metadata,
        .bytes_processed = view->bytes_processed,
        .files_processed = view->files_processed,
        .total_bytes = view->total_bytes,
        .total_files = view->total_files,
        .base_id = run->base.id,
        .base_note = run->note,
        .retention_days = bsi_row_retention(request->retention_days),
        .usage = view->usage,
    };
    if (view->state == BS_STATE_FAILED) {
        row->error_code = view->error.code;
        row->error_layer = view->error.layer;
        row->error_message = view->error.message;
    }
}

/* What a durable backup has left behind, over it. */
static void fill_result(const bsi_backup_result *result, char digest[2 * BSI_SHA256_SIZE + 1],
                        bsi_row_backup *row)
{
    bsi_digest_format(&result->manifest_sha256, digest);
    row->container_key = result->container_key;
    row->manifest_key = result->manifest_key;
    row->container_size = result->container_size;
    row->manifest_size = result->manifest_size;
    row->manifest_sha256 = digest;
    row->files_processed = result->files;
    row->total_files = result->files;
    row->bytes_processed = result->bytes;
    row->total_bytes = result->bytes;
    row->bytes_stored = result->bytes_stored;
    row->bytes_deduplicated = result->bytes_deduplicated;
    row->completed_at = bsi_row_time(result->completed_at);
}

static bs_status backup_add(bsi_job *job, const bsi_job_view *view)
{
    bsi_row_backup row;

    fill_row(job, view, &row);
    return bsi_catalog_add_backup(job->service->catalog, &row, NULL);
}

static bs_status remove_replaced(const bsi_job *job)
{
    const backup_run *run = job->payload;

    for (size_t i = 0; i < run->replaced_count; i++) {
        BSI_TRY(bsi_catalog_remove_backup(job->service->catalog, run->replaced[i].text));
    }
    return BS_OK;
}

static bs_status save_durable(bsi_job *job, const bsi_row_backup *begun)
{
    backup_run *run = job->payload;
    const bsi_backup_result *result = &run->result;
    char digest[2 * BSI_SHA256_SIZE + 1];
    bsi_row_backup row = *begun;
    const char **needs = bsi_calloc(result->needs_count + 1, sizeof(*needs));
    bs_status status = needs ? BS_OK : BS_E_NOMEM;

    for (size_t i = 0; status >= 0 && i < result->needs_count; i++) {
        needs[i] = result->needs[i];
    }
    if (status >= 0) { /* First: as long as the row is not complete, recovery looks after both. */
        status = remove_replaced(job);
    }
    if (status >= 0) {
        fill_result(result, digest, &row);
        status = bsi_catalog_update_backup(job->service->catalog, &row, needs, result->needs_count);
    }
    bsi_free(needs);
    return status;
}

static bs_status backup_save(bsi_job *job, const bsi_job_view *view)
{
    const backup_run *run = job->payload;
    bsi_row_backup row;

    fill_row(job, view, &row);
    if (view->state >= BS_STATE_COMPLETED) {
        BSI_TRY(bsi_job_save_warnings(job));
    }
    if (run->durable &&
        (view->state == BS_STATE_COMPLETED || view->state == BS_STATE_COMPLETED_WITH_WARNINGS)) {
        BSI_TRY(save_durable(job, &row));
        bsi_upkeep_want(job->service, row.name);
        return BS_OK;
    }
    if (run->written && view->state >= BS_STATE_COMPLETED) {
        BSI_TRY(remove_replaced(job));
    }
    return bsi_catalog_update_backup(job->service->catalog, &row, NULL, 0);
}

/* --- The base --- */

static void release_base(bsi_job *job)
{
    backup_run *run = job->payload;

    if (run->base.id) {
        bsi_uses_end(&job->service->uses, run->base.id);
    }
    bsi_row_backup_dispose(&run->base);
}

static void backup_ended(bsi_job *job)
{
    backup_run *run = job->payload;

    release_base(job);
    for (size_t i = 0; i < run->replaced_count; i++) {
        bsi_uses_end(&job->service->uses, run->replaced[i].text);
    }
    run->replaced_count = 0;
    if (run->owns_mirror) {
        bsi_uses_end(&job->service->uses, run->mirror_key);
        run->owns_mirror = false;
    }
    bsi_space_settle(job->service, &run->spending);
}

/* Add to what the backup says of itself. */
static void add_note(backup_run *run, const char *format, ...) BSI_PRINTF(2, 3);

static void add_note(backup_run *run, const char *format, ...)
{
    const size_t used = strlen(run->note);
    char text[NOTE_PART_SIZE];
    char clean[NOTE_PART_SIZE];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    bsi_printable(text, strlen(text), clean, sizeof(clean));
    (void)snprintf(run->note + used, sizeof(run->note) - used, "%s%s", used > 0 ? "; " : "", clean);
}

static bsi_vault_env job_env(bsi_job *job)
{
    const backup_run *run = job->payload;
    bsi_vault_env env =
        bsi_service_env(job->service, run->request->storage, &job->call, &job->warn);

    env.progress = &job->progress;
    bsi_access_lend(&run->access, &env);
    return env;
}

/*
 * Its manifest can be read, and whoever can open the new backup can open it too: one key restores
 * a whole chain.
 */
static bs_status check_base(const backup_run *run, const bsi_vault_env *env)
{
    const bsi_backup_request *request = run->request;
    const char *encryption = bsi_encryption_name(request->encryption);

    if (strcmp(run->base.encryption, encryption) != 0) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_KEY, "its encryption is %s, not %s",
                        run->base.encryption, encryption);
    }
    if (request->encryption != BSI_ENCRYPTION_NONE && !bsi_request_is_repository(request)) {
        BSI_TRY(bsi_access_check_same_keys(env, run->base.manifest_key, &request->wrap_keys));
    }
    return bsi_vault_check_base(env, run->base.manifest_key);
}

/*
 * Take the row as base when its manifest is whole. While it is held nobody can
 * remove it. BS_OK without a base, and with a note, when it cannot be used.
 */
static bs_status try_base(bsi_job *job, bsi_row_backup *row)
{
    backup_run *run = job->payload;
    const bsi_vault_env env = job_env(job);
    bs_status status = bsi_uses_read(&job->service->uses, row->id);

    if (status == BS_E_BUSY) {
        add_note(run, "the backup to build on, %s, is just being removed", row->id);
        bsi_row_backup_dispose(row);
        return BS_OK;
    }
    if (status < 0) {
        bsi_row_backup_dispose(row);
        return status;
    }
    run->base = *row;
    *row = (bsi_row_backup){0};
    status = check_base(run, &env);
    if (status >= 0) {
        return BS_OK;
    }
    if (status == BS_E_NOMEM || status == BS_E_CANCELLED) {
        return status;
    }
    add_note(run, "the backup to build on, %s, cannot be used: %s", run->base.id,
             bs_error_last()->message);
    bsi_log_write(&job->service->log, BS_LOG_WARNING, "engine", "%s", run->note);
    release_base(job);
    return BS_OK;
}

static bs_status choose_base(bsi_job *job)
{
    backup_run *run = job->payload;
    const bsi_backup_request *request = run->request;
    const bool full_only = request->kind == BSI_KIND_DIFFERENTIAL;
    bsi_row_backup row = {0};
    bs_status status = bsi_catalog_last_base(job->service->catalog, request->name,
                                             request->storage_name, request->form, full_only, &row);

    if (status == BS_E_NOT_FOUND) {
        add_note(run, "there is no earlier %s of this name to build on",
                 full_only ? "full backup" : "backup");
    } else if (status >= 0) {
        status = try_base(job, &row);
    }
    if (status < 0 && status != BS_E_NOT_FOUND) {
        return status;
    }
    if (!run->base.id) {
        run->kind = BSI_KIND_FULL;
    }
    return BS_OK;
}

static bool wants_base(const backup_run *run)
{
    return run->kind == BSI_KIND_INCREMENTAL || run->kind == BSI_KIND_DIFFERENTIAL;
}

/* --- Mirrors --- */

/* Rows come newest first: the first one tells what the tree holds, if it can be read. */
static bs_status own_replaced(bsi_job *job, const bsi_row_backup *row)
{
    backup_run *run = job->payload;
    const bsi_vault_env env = job_env(job);
    bsi_manifest_info info = {0};
    bs_status status = BS_OK;

    if (row->status != BSI_ROW_COMPLETED && row->status != BSI_ROW_COMPLETED_WITH_WARNINGS) {
        return BS_OK;
    }
    BSI_TRY(bsi_uses_own(&job->service->uses, row->id));
    memcpy(run->replaced[run->replaced_count++].text, row->id, BS_ID_SIZE);
    if (run->replaced_count > 1) {
        return BS_OK;
    }
    status = bsi_vault_info(&env, row->manifest_key, &info);
    bsi_manifest_info_dispose(&info);
    if (status == BS_E_NOMEM || status == BS_E_CANCELLED) {
        return status;
    }
    if (status < 0) {
        add_note(run, "what the last mirror, %s, holds cannot be read: %s", row->id,
                 bs_error_last()->message);
        return BS_OK;
    }
    run->mirror_manifest = bsi_strdup(row->manifest_key);
    return run->mirror_manifest ? BS_OK : BS_E_NOMEM;
}

/* Nobody may read the tree while it changes, and only one run may change it. */
static bs_status own_mirror(bsi_job *job)
{
    backup_run *run = job->payload;
    const bsi_backup_request *request = run->request;
    const bsi_backup_filter filter = {
        .name = request->name, .storage = request->storage_name, .form = "mirror"};
    bsi_row_backup *rows = NULL;
    size_t count = 0;
    bs_status status = BS_OK;

    (void)snprintf(run->mirror_key, sizeof(run->mirror_key), "mirror of '%s' on '%s'",
                   request->name, request->storage_name);
    BSI_TRY(bsi_uses_own(&job->service->uses, run->mirror_key));
    run->owns_mirror = true;
    BSI_TRY(bsi_catalog_list_backups(job->service->catalog, &filter, &rows, &count, NULL));
    run->replaced = bsi_calloc(count + 1, sizeof(*run->replaced));
    status = run->replaced ? BS_OK : BS_E_NOMEM;
    for (size_t i = 0; status >= 0 && i < count; i++) {
        status = own_replaced(job, &rows[i]);
    }
    bsi_row_backups_free(rows, count);
    return status;
}

/* --- The run --- */

static bs_status open_stream(bsi_job *job, bsi_stream **out)
{
    backup_run *run = job->payload;
    bsi_backup_request *request = run->request;
    const char *const *hidden = NULL;

    if (request->callback) {
        return bsi_stream_callback(request->callback, request->callback_user, out);
    }
    hidden = bsi_keys_hidden(job->service, &request->arena);
    if (!hidden) {
        return BS_E_NOMEM;
    }
    return bsi_stream_command(request->source_paths, hidden, out);
}

static bsi_time time_of(int64_t ns)
{
    return (bsi_time){ns / 1000000000, (int32_t)(ns % 1000000000)};
}

static uint64_t max_file_size(const bs_service *service)
{
    const int64_t size = bsi_config_number(service->config, BSI_CONFIG_MAX_FILE_SIZE);

    return size > 0 ? (uint64_t)size : 0;
}

static bs_status run_vault(bsi_job *job, const bsi_vault_env *env)
{
    backup_run *run = job->payload;
    const bsi_backup_request *request = run->request;
    unsigned char salt[BSI_KDF_SALT_SIZE] = {0};
    bsi_job_view view;
    bsi_backup_plan plan = {
        .id = job->id,
        .name = request->name,
        .kind = run->kind,
        .compression = request->compression,
        .level = request->level,
        .created_at = time_of(job->created_at),
        .retention_days = request->retention_days,
        .note = run->note,
        .metadata = request->metadata,
        .options = request->options,
        .source_paths = request->source_paths,
        .walk = {.roots = request->roots,
                 .root_count = request->root_count,
                 .include = request->include,
                 .exclude = request->exclude,
                 .one_file_system = request->one_file_system,
                 .skip = &job->service->dir.id,
                 .skip_count = 1},
        .stream_name = request->stream_name,
        .base_manifest_key = run->mirror_manifest ? run->mirror_manifest : run->base.manifest_key,
        .content_only = request->content_only,
        .skip_special = request->skip_special,
        .allow_empty_mirror = request->allow_empty_mirror,
        .max_file_size = max_file_size(job->service),
        .encryption = request->encryption,
        .wrap_keys = request->wrap_keys.items,
        .wrap_count = request->wrap_keys.count,
        .cost = {.salt = salt},
        .winzip = request->winzip,
    };
    bs_status status = BS_OK;

    if (request->encryption == BSI_ENCRYPTION_AES256) {
        BSI_TRY(bsi_service_salt(job->service, salt));
    } else if (request->encryption == BSI_ENCRYPTION_RSA) {
        BSI_TRY(bsi_service_signer(job->service, &plan.signer));
    }
    bsi_job_look(job, &view);
    plan.started_at = time_of(view.started_at);
    if (!request->roots) {
        BSI_TRY(open_stream(job, &plan.stream));
    }
    status = request->vault->backup(env, &plan, &run->result);
    bsi_stream_free(plan.stream);
    return status;
}

/* Whether a failure can only be the base's: what it stored cannot be read. */
static bool blames_base(const backup_run *run, bs_status status)
{
    return run->base.id && bs_error_last()->layer == BS_LAYER_STORAGE &&
           (status == BS_E_CORRUPT || status == BS_E_MISSING || status == BS_E_NOT_FOUND ||
            status == BS_E_RANGE || status == BS_E_VERSION);
}

static bs_status run_again_as_full(bsi_job *job, const bsi_vault_env *env)
{
    backup_run *run = job->payload;

    add_note(run, "the backup to build on, %s, is damaged: %s", run->base.id,
             bs_error_last()->message);
    bsi_log_write(&job->service->log, BS_LOG_WARNING, "engine", "%s", run->note);
    release_base(job);
    run->kind = BSI_KIND_FULL;
    bsi_job_reset(job);
    return run_vault(job, env);
}

/* What has to be known to build on encrypted backups. The request's own key comes first. */
static bs_status open_access(bsi_job *job)
{
    backup_run *run = job->payload;
    const bsi_backup_request *request = run->request;
    bsi_key *first = request->wrap_keys.count > 0 ? request->wrap_keys.items[0] : NULL;

    if (request->encryption != BSI_ENCRYPTION_NONE &&
        (wants_base(run) || bsi_request_is_repository(request))) {
        BSI_TRY(bsi_access_open(job->service, first, &run->access));
    }
    if (bsi_request_is_repository(request)) {
        return bsi_access_take_phrase(job->service, request->storage_name, &run->access);
    }
    if (request->encryption == BSI_ENCRYPTION_RSA) {
        return bsi_access_open_bases(job->service, request->storage_name, &run->access);
    }
    return BS_OK;
}

/* Tell the catalogue what it runs as and on which base, so that nobody removes that. */
static bs_status announce(bsi_job *job)
{
    bsi_job_view view;

    bsi_job_look(job, &view);
    return backup_save(job, &view);
}

static void count_files(bsi_job *job, const bsi_file_changes *changes)
{
    bsi_metrics *metrics = &job->service->metrics;

    bsi_metrics_count(metrics, BSI_METRIC_SOURCE_FILES, "new", NULL, changes->added);
    bsi_metrics_count(metrics, BSI_METRIC_SOURCE_FILES, "changed", NULL, changes->changed);
    bsi_metrics_count(metrics, BSI_METRIC_SOURCE_FILES, "unmodified", NULL, changes->unmodified);
    bsi_metrics_count(metrics, BSI_METRIC_SOURCE_FILES, "removed", NULL, changes->removed);
}

/* Before it is called completed; what fails here is taken back. */
static bs_status verify_written(bsi_job *job)
{
    backup_run *run = job->payload;
    const bsi_backup_request *request = run->request;
    const bsi_row_backup row = {.storage = request->storage_name,
                                .encryption = bsi_encryption_name(request->encryption)};
    /* Archives have a data key of their own. */
    bsi_key *phrase = bsi_request_is_repository(request) && request->wrap_keys.count > 0
                          ? request->wrap_keys.items[0]
                          : NULL;
    bsi_vault_env env = job_env(job);
    bsi_access access;
    bs_status status = BS_OK;

    env.progress = NULL; /* The job's own counters have come to their end. */
    env.fresh_id = job->id;
    env.fresh_key = run->result.data_key;
    status = bsi_access_open_for(job->service, &row, phrase, &env, &access);
    if (status >= 0) {
        status = bsi_fresh_verify(request->vault, &env, &run->result);
    }
    if (status < 0) {
        bsi_fresh_take_back(request->vault, &env, &run->result);
    }
    bsi_access_close(&access);
    return status;
}

static bool wants_verification(const bs_service *service)
{
    return bsi_config_flag(service->config, BSI_CONFIG_BACKUP_VERIFICATION_ENABLED);
}

/* What it builds on, or takes the place of. */
static bs_status begin_work(bsi_job *job)
{
    backup_run *run = job->payload;

    if (wants_base(run) && !run->request->roots) {
        add_note(run, "a stream is always backed up as a full");
        run->kind = BSI_KIND_FULL;
    }
    BSI_TRY(open_access(job));
    if (wants_base(run)) {
        BSI_TRY(choose_base(job));
    } else if (run->kind == BSI_KIND_MIRROR) {
        BSI_TRY(own_mirror(job));
    }
    return announce(job);
}

/* What fails here takes nothing from the backup: it is complete. */
static bs_status make_copies(bsi_job *job, bs_status status)
{
    const backup_run *run = job->payload;
    const bsi_backup_request *request = run->request;
    const bsi_held held = {.row = {.id = job->id,
                                   .name = request->name,
                                   .storage = request->storage_name,
                                   .options = request->options,
                                   .encryption = bsi_encryption_name(request->encryption),
                                   .manifest_key = run->result.manifest_key},
                           .storage = request->storage,
                           .vault = request->vault};
    const bsi_copies_plan plan = {.held = &held, .to = request->copy_to, .result = &run->result};

    if (!request->copy_to) {
        return status;
    }
    return bsi_copies_make(job->service, &job->call, &job->warn, &plan) == BS_OK ? status
                                                                                 : BS_PARTIAL;
}

static bs_status backup_work(bsi_job *job)
{
    backup_run *run = job->payload;
    bsi_vault_env env;
    bs_status status = BS_OK;

    BSI_TRY(begin_work(job));
    BSI_TRY(bsi_hook_before(job, run->request->name));
    env = job_env(job);
    status = run_vault(job, &env);
    if (status < 0 && blames_base(run, status)) {
        status = run_again_as_full(job, &env);
    }
    run->written = status >= 0;
    if (status >= 0 && wants_verification(job->service)) {
        const bs_status verified = verify_written(job);
        status = verified < 0 ? verified : status;
    }
    if (status >= 0) {
        count_files(job, &run->result.changes);
        run->durable = true;
        /* The vault may have added to it: the row is to say what the manifest says. */
        (void)snprintf(run->note, sizeof(run->note), "%s", run->result.note);
        status = make_copies(job, status);
    }
    return status;
}

static void backup_describe(const bsi_job *job, bsi_deed *out)
{
    const backup_run *run = job->payload;

    out->name = run->request->name;
    out->detail = run->request->storage_name;
}

static const bsi_job_ops backup_ops = {
    .kind = BS_JOB_BACKUP,
    .add = backup_add,
    .run = backup_work,
    .save = backup_save,
    .ended = backup_ended,
    .describe = backup_describe,
    .dispose = backup_dispose,
};

bs_status bsi_backup_prepare(bs_service *service, const bs_backup_options *options, bsi_job **out)
{
    backup_run *run = bsi_calloc(1, sizeof(*run));
    bs_status status = BS_E_NOMEM;

    if (run) {
        status = bsi_backup_request_new(service, options, &run->request);
    }
    if (status >= 0) {
        status = bsi_space_admit(service, run->request->storage_name, &run->spending);
    }
    if (status < 0) {
        backup_dispose(run);
        return status;
    }
    run->kind = run->request->kind;
    if (run->request->note[0]) {
        add_note(run, "%s", run->request->note);
    }
    BSI_TRY(bsi_job_new(service, &backup_ops, run, out));
    (*out)->call.spending = &run->spending;
    return BS_OK;
}

bs_status bsi_backup_start(bs_service *service, const bs_backup_options *options,
                           char id_out[BS_ID_SIZE])
{
    bsi_job *job = NULL;
    char id[BS_ID_SIZE];

    if (options->schedule) {
        return bsi_schedule_add_and_run(service, options, id_out);
    }
    BSI_TRY(bsi_backup_prepare(service, options, &job));
    memcpy(id, job->id, sizeof(id));
    BSI_TRY(bsi_job_start(job));
    memcpy(id_out, id, sizeof(id));
    return BS_OK;
}
