/* SPDX-License-Identifier: MIT */
/*
 * A drill from its start to its row.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/access.h"
#include "engine/drill.h"
#include "engine/held.h"
#include "engine/paths.h"
#include "engine/runner.h"
#include "engine/service.h"
#include "os/random.h"
#include "os/tree.h"
#include "vault/names.h"

enum { DIR_NAME_SIZE = sizeof(BSI_DRILL_DIR) + BS_ID_SIZE };

typedef struct drill_run {
    bsi_held held;
    bsi_arena arena;
    bsi_sample_size size;
    const char *options;
    const char *folder; /* In which the drill's directory is made. */
    bool made;          /* It is there. */
    bsi_sample sample;
    bool restored;
    bool proven;
    uint64_t wrong;
    int64_t duration;
} drill_run;

/* The backup was let go of when the job ended. */
static void drill_dispose(void *payload)
{
    drill_run *run = payload;

    if (run) {
        bsi_arena_dispose(&run->arena);
        bsi_free(run);
    }
}

/* --- Rows --- */

static void fill_rows(const bsi_job *job, const bsi_job_view *view, bsi_row_job *row,
                      bsi_row_drill *drill)
{
    const drill_run *run = job->payload;
    const bool ended = view->state >= BS_STATE_COMPLETED;

    bsi_job_fill_row(job, view, row);
    row->kind = BSI_JOB_KIND_DRILL;
    row->backup_id = run->held.row.id;
    row->target = run->folder;
    row->options = run->options;
    row->result = "{}";
    *drill = (bsi_row_drill){
        .job_id = job->id,
        .name = run->held.row.name,
        .backup_id = run->held.row.id,
        .scratch = ended && !run->made ? "" : run->folder,
        .backup_files = run->sample.all_files,
        .backup_bytes = run->sample.all_bytes,
    };
    if (run->restored) {
        drill->proven = run->proven;
        drill->proven_at = run->proven ? view->completed_at : 0;
        drill->files = run->sample.files;
        drill->bytes = run->sample.bytes;
        drill->files_wrong = run->wrong;
        drill->duration = run->duration;
    }
}

static bs_status drill_add(bsi_job *job, const bsi_job_view *view)
{
    bsi_row_job row;
    bsi_row_drill drill;

    fill_rows(job, view, &row, &drill);
    return bsi_catalog_add_drill(job->service->catalog, &row, &drill);
}

static bs_status drill_save(bsi_job *job, const bsi_job_view *view)
{
    bsi_row_job row;
    bsi_row_drill drill;

    if (view->state >= BS_STATE_COMPLETED) {
        BSI_TRY(bsi_job_save_warnings(job));
    }
    fill_rows(job, view, &row, &drill);
    return bsi_catalog_update_drill(job->service->catalog, &row, &drill);
}

static void drill_ended(bsi_job *job)
{
    drill_run *run = job->payload;

    bsi_held_close(job->service, &run->held);
}

/* --- Its directory --- */

static void name_dir(const char *id, char out[DIR_NAME_SIZE])
{
    (void)snprintf(out, DIR_NAME_SIZE, BSI_DRILL_DIR "%s", id);
}

static bs_status make_dir(bsi_job *job, const char *name)
{
    drill_run *run = job->payload;
    int fd = -1;
    bs_status status = bsi_open(BSI_CWD, run->folder, BSI_OPEN_READ | BSI_OPEN_DIR, 0, &fd);

    if (status >= 0) {
        status = bsi_mkdir(fd, name, 0700);
        run->made = status >= 0;
        bsi_close_quietly(fd);
    }
    return status < 0 ? bsi_fail_context(BS_LAYER_TARGET, status, "making a directory in '%s'",
                                         run->folder)
                      : BS_OK;
}

/* BS_E_NOT_FOUND: the folder itself is not there. */
static bs_status remove_dir(const char *folder, const char *name)
{
    int fd = -1;
    bs_status status = bsi_open(BSI_CWD, folder, BSI_OPEN_READ | BSI_OPEN_DIR, 0, &fd);

    if (status >= 0) {
        status = bsi_tree_remove(fd, name);
        bsi_close_quietly(fd);
    }
    return status;
}

/* What cannot be removed is told, and the next service tries again. */
static void clean_up(bsi_job *job, const char *name)
{
    drill_run *run = job->payload;
    bs_error failure;

    if (!run->made) {
        return;
    }
    bsi_error_save(&failure);
    if (remove_dir(run->folder, name) < 0) {
        bsi_warn_last(&job->warn, bsi_slice_of(name));
    } else {
        run->made = false;
    }
    bsi_error_restore(&failure);
}

/* --- The work --- */

/* The restore has gone through the sample, whatever it has found. */
static bool has_run(bs_status status)
{
    return status >= 0 || (bs_error_last()->layer == BS_LAYER_STORAGE &&
                           (status == BS_E_CORRUPT || status == BS_E_IO));
}

static bs_status restore_sample(bsi_job *job, const bsi_vault_env *env, const char *path)
{
    drill_run *run = job->payload;
    bsi_restore_result result = {0};
    char short_id[BSI_SHORT_ID_SIZE];
    const bsi_restore_plan plan = {
        .manifest_key = run->held.row.manifest_key,
        .restore_path = path,
        .sample = &run->sample,
        .target = {.short_id = short_id},
        .verify = true,
    };
    const int64_t began = bsi_monotonic_ns();
    bs_status status = BS_OK;

    bsi_short_id(job->id, short_id);
    status = run->held.vault->restore(env, &plan, &result);
    run->duration = bsi_monotonic_ns() - began;
    return status;
}

static bs_status judge(drill_run *run, bs_status restored)
{
    run->restored = true;
    if (run->wrong > 0) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                        "%" PRIu64 " of %" PRIu64 " files did not come back as they were backed up",
                        run->wrong, run->sample.files);
    }
    run->proven = restored >= 0;
    return restored;
}

static bs_status drill(bsi_job *job, bsi_vault_env *env, const char *path)
{
    drill_run *run = job->payload;
    const char *manifest_key = run->held.row.manifest_key;
    bs_error failure;
    bs_status restored = BS_OK;

    env->progress = &job->progress;
    restored = restore_sample(job, env, path);
    if (!has_run(restored)) {
        return restored;
    }
    bsi_error_save(&failure);
    env->progress = NULL;
    BSI_TRY(bsi_drill_compare(env, manifest_key, &run->sample, path, &run->wrong));
    bsi_error_restore(&failure);
    return judge(run, restored);
}

static bs_status drill_in(bsi_job *job, bsi_vault_env *env, const char *name)
{
    const drill_run *run = job->payload;
    bsi_buf path;
    bs_status status = make_dir(job, name);

    bsi_buf_init(&path, BSI_PATH_MAX);
    if (status >= 0) {
        status = bsi_buf_append_format(&path, "%s/%s", run->folder, name);
    }
    if (status >= 0) {
        status = bsi_buf_append_byte(&path, 0);
    }
    if (status >= 0) {
        status = drill(job, env, (const char *)path.data);
    }
    bsi_buf_dispose(&path);
    return status;
}

static bs_status drill_work(bsi_job *job)
{
    drill_run *run = job->payload;
    bsi_vault_env env = bsi_service_env(job->service, run->held.storage, &job->call, &job->warn);
    char name[DIR_NAME_SIZE];
    bsi_access access;
    bs_status status = BS_OK;

    name_dir(job->id, name);
    BSI_TRY(bsi_random(run->sample.seed, sizeof(run->sample.seed)));
    BSI_TRY(bsi_access_open_for(job->service, &run->held.row, NULL, &env, &access));
    status = bsi_sample_choose(&env, run->held.row.manifest_key, &run->size, &run->sample);
    if (status >= 0) {
        status = drill_in(job, &env, name);
    }
    clean_up(job, name);
    bsi_access_close(&access);
    return status;
}

static void drill_describe(const bsi_job *job, bsi_deed *out)
{
    const drill_run *run = job->payload;

    out->object = run->held.row.id;
    out->name = run->held.row.name;
}

static const bsi_job_ops drill_ops = {
    .kind = BS_JOB_DRILL,
    .add = drill_add,
    .run = drill_work,
    .save = drill_save,
    .ended = drill_ended,
    .describe = drill_describe,
    .dispose = drill_dispose,
};

/* --- The start --- */

static bs_status find_folder(const bs_service *service, const bs_drill_options *options,
                             drill_run *run)
{
    bsi_buf path;
    bs_status status = BS_OK;

    if (options->scratch_path) {
        char *clean = bsi_path_normalise(options->scratch_path);
        run->folder = clean ? bsi_arena_text(&run->arena, clean) : NULL;
        bsi_free(clean);
        return run->folder ? BS_OK : BS_E_NOMEM;
    }
    bsi_buf_init(&path, BSI_PATH_MAX);
    status = bsi_buf_append_format(&path, "%s/" BSI_STATE_TEMP_DIR, service->dir.path);
    if (status >= 0) {
        run->folder = bsi_arena_slice(&run->arena, (bsi_slice){(const char *)path.data, path.size});
        status = run->folder ? BS_OK : BS_E_NOMEM;
    }
    bsi_buf_dispose(&path);
    return status;
}

static bs_status take_options(const bs_service *service, const bs_drill_options *options,
                              drill_run *run)
{
    bsi_complaints complaints = {0};

    bsi_drill_check(service, options, &complaints);
    BSI_TRY(bsi_complaints_status(&complaints));
    run->size = bsi_drill_size(options);
    BSI_TRY(find_folder(service, options, run));
    return bsi_drill_write_options(options, &run->arena, &run->options);
}

bs_status bsi_drill_prepare(bs_service *service, const bs_drill_options *options, bsi_job **out)
{
    drill_run *run = bsi_calloc(1, sizeof(*run));
    bsi_held held = {0};
    bs_status status = run ? take_options(service, options, run) : BS_E_NOMEM;

    if (status >= 0) {
        status = bsi_held_open(service, options->backup_id, &held);
    }
    if (status < 0) {
        drill_dispose(run);
        return status;
    }
    status = bsi_job_new(service, &drill_ops, run, out);
    if (status < 0) {
        bsi_held_close(service, &held);
        return status;
    }
    run->held = held;
    return BS_OK;
}

bs_status bsi_drill_start(bs_service *service, const bs_drill_options *options,
                          char id_out[BS_ID_SIZE])
{
    bsi_job *job = NULL;
    char id[BS_ID_SIZE];

    BSI_TRY(bsi_drill_prepare(service, options, &job));
    memcpy(id, job->id, sizeof(id));
    BSI_TRY(bsi_job_start(job));
    memcpy(id_out, id, sizeof(id));
    return BS_OK;
}

/* --- After a crash --- */

static bs_status recover_one(bs_service *service, const bsi_row_drill *row)
{
    char name[DIR_NAME_SIZE];
    bs_status status = BS_OK;

    name_dir(row->job_id, name);
    status = remove_dir(row->scratch, name);
    if (status >= 0) {
        return bsi_catalog_clear_scratch(service->catalog, row->job_id);
    }
    if (status == BS_E_NOMEM) {
        return status;
    }
    bsi_log_write(&service->log, BS_LOG_WARNING, "engine",
                  "what drill %s left in '%s' is not removed yet: %s", row->job_id, row->scratch,
                  bs_error_last()->message);
    return BS_OK;
}

bs_status bsi_drills_recover(bs_service *service)
{
    const bsi_drill_filter filter = {.scratch = true};
    bsi_row_drill *rows = NULL;
    size_t count = 0;
    bs_status status = bsi_catalog_list_drills(service->catalog, &filter, &rows, &count, NULL);

    for (size_t i = 0; i < count && status >= 0; i++) {
        status = recover_one(service, &rows[i]);
    }
    bsi_row_drills_free(rows, count);
    return status;
}
