/* SPDX-License-Identifier: MIT */
/*
 * A verification from its start to its row. What it finds is kept as JSON:
 *
 *     {"damages":[{"object":"...","message":"...","paths":["..."],"paths_count":1}],
 *      "is_locked":false,"files_unread":0,"signer":"...","signer_name":"..."}
 */
#include <string.h>

#include "base/alloc.h"
#include "engine/access.h"
#include "engine/held.h"
#include "engine/restore_job.h"
#include "engine/runner.h"
#include "engine/service.h"
#include "text/json_write.h"

enum {
    VERIFY_PATHS_MAX = 1000,      /* Kept of each object. */
    VERIFY_ALL_PATHS_MAX = 20000, /* Kept in all. */
    VERIFY_DAMAGES_MAX = 10000,
    VERIFY_RESULT_MAX = 256 * 1024 * 1024,
    VERIFY_PATH_SIZE = 4096,
};

typedef struct verify_run {
    bsi_held held;
    bsi_storage *storage; /* On which it is looked at. Borrowed. */
    bsi_buf result;
    bsi_json_writer json;
    bool in_paths;        /* An object is begun, and its list of paths. */
    uint64_t paths_count; /* Of that object. */
    uint64_t paths_kept;  /* Of all. */
    uint64_t damages;
    uint64_t missing; /* Objects that are not there at all. */
    char first[BS_ERROR_MESSAGE_SIZE];
    bool complete; /* The JSON is closed. */
} verify_run;

static void verify_dispose(void *payload)
{
    verify_run *run = payload;

    if (run) {
        bsi_buf_dispose(&run->result);
        bsi_free(run);
    }
}

/* --- Damage as it is found --- */

static void end_object(verify_run *run)
{
    if (run->in_paths) {
        bsi_json_end_array(&run->json);
        bsi_json_put_u64(&run->json, "paths_count", run->paths_count);
        bsi_json_end_object(&run->json);
    }
    run->in_paths = false;
    run->paths_count = 0;
}

static void put_printable(bsi_json_writer *json, const char *bytes, size_t size)
{
    char shown[VERIFY_PATH_SIZE];

    bsi_printable(bytes, size, shown, sizeof(shown));
    bsi_json_write_text(json, shown);
}

static bs_status found_object(void *user, const char *key, const char *message)
{
    bsi_job *job = user;
    verify_run *run = job->payload;
    bs_storage_object object;

    end_object(run);
    run->damages++;
    if (run->damages == 1) {
        bsi_printable(message, strlen(message), run->first, sizeof(run->first));
    }
    if (bsi_storage_stat(run->storage, &job->call, key, &object) == BS_E_NOT_FOUND) {
        run->missing++;
    }
    if (run->damages > VERIFY_DAMAGES_MAX) {
        return BS_OK;
    }
    bsi_json_begin_object(&run->json);
    bsi_json_write_key(&run->json, "object");
    put_printable(&run->json, key, strlen(key));
    bsi_json_write_key(&run->json, "message");
    put_printable(&run->json, message, strlen(message));
    bsi_json_write_key(&run->json, "paths");
    bsi_json_begin_array(&run->json);
    run->in_paths = true;
    return BS_OK;
}

static bs_status found_lost(void *user, bsi_slice path)
{
    bsi_job *job = user;
    verify_run *run = job->payload;

    run->paths_count++;
    if (run->in_paths && run->paths_count <= VERIFY_PATHS_MAX &&
        run->paths_kept < VERIFY_ALL_PATHS_MAX) {
        run->paths_kept++;
        put_printable(&run->json, path.data, path.size);
    }
    return BS_OK;
}

static void begin_result(verify_run *run)
{
    bsi_buf_init(&run->result, VERIFY_RESULT_MAX);
    bsi_json_writer_init(&run->json, &run->result, BSI_JSON_COMPACT);
    bsi_json_begin_object(&run->json);
    bsi_json_write_key(&run->json, "damages");
    bsi_json_begin_array(&run->json);
}

static void put_signer(verify_run *run, const bsi_verify_result *result, const bsi_access *access)
{
    char signer[2 * BSI_SIGN_KEY_SIZE + 1] = "";
    const char *name = NULL;

    if (result->is_signed) {
        bsi_public_key_format(&result->signer, signer);
        name = result->is_trusted ? bsi_access_signer_name(access, &result->signer) : NULL;
    }
    bsi_json_put_text(&run->json, "signer", signer);
    bsi_json_put_text(&run->json, "signer_name", name ? name : "");
}

static bs_status end_result(verify_run *run, const bsi_verify_result *result,
                            const bsi_access *access)
{
    end_object(run);
    bsi_json_end_array(&run->json);
    bsi_json_put_bool(&run->json, "is_locked", result->is_locked);
    bsi_json_put_u64(&run->json, "files_unread", result->files_unread);
    put_signer(run, result, access);
    bsi_json_end_object(&run->json);
    BSI_TRY(bsi_json_writer_finish(&run->json));
    BSI_TRY(bsi_buf_append_byte(&run->result, 0));
    run->complete = true;
    return BS_OK;
}

/* --- The job --- */

static void fill_row(const bsi_job *job, const bsi_job_view *view, bsi_row_job *row)
{
    const verify_run *run = job->payload;

    bsi_job_fill_row(job, view, row);
    row->kind = BSI_JOB_KIND_VERIFY;
    row->backup_id = run->held.row.id;
    row->options = "{}";
    row->result = run->complete ? (const char *)run->result.data : "{}";
}

static bs_status verify_add(bsi_job *job, const bsi_job_view *view)
{
    bsi_row_job row;

    fill_row(job, view, &row);
    return bsi_catalog_add_job(job->service->catalog, &row);
}

static bs_status verify_save(bsi_job *job, const bsi_job_view *view)
{
    bsi_row_job row;

    if (view->state >= BS_STATE_COMPLETED) {
        BSI_TRY(bsi_job_save_warnings(job));
    }
    fill_row(job, view, &row);
    return bsi_catalog_update_job(job->service->catalog, &row);
}

static void verify_ended(bsi_job *job)
{
    verify_run *run = job->payload;

    bsi_held_close(job->service, &run->held);
}

static void verify_describe(const bsi_job *job, bsi_deed *out)
{
    const verify_run *run = job->payload;

    out->object = run->held.row.id;
    out->name = run->held.row.name;
}

static void count_damage(bsi_job *job, bs_status status)
{
    const verify_run *run = job->payload;
    bsi_metrics *metrics = &job->service->metrics;

    bsi_metrics_count(metrics, BSI_METRIC_VERIFY_ERRORS, "missing", NULL, run->missing);
    bsi_metrics_count(metrics, BSI_METRIC_VERIFY_ERRORS, "corrupt", NULL,
                      run->damages - run->missing);
    if (status == BS_E_CORRUPT && bs_error_last()->layer == BS_LAYER_CRYPTO) {
        bsi_metrics_count(metrics, BSI_METRIC_VERIFY_ERRORS, "tampered", NULL, 1);
    }
}

static bs_status verify_at(bsi_job *job, bsi_storage *storage)
{
    verify_run *run = job->payload;
    bsi_vault_env env = bsi_service_env(job->service, storage, &job->call, &job->warn);
    const bsi_damage_sink sink = {found_object, found_lost, job};
    bsi_verify_result result = {0};
    bsi_access access;
    bs_status status = BS_OK;
    bs_status ended = BS_OK;

    env.progress = &job->progress;
    run->storage = storage;
    begin_result(run);
    BSI_TRY(bsi_access_open_for(job->service, &run->held.row, NULL, &env, &access));
    status = run->held.vault->verify(&env, run->held.row.manifest_key, &sink, &result);
    if (status >= 0) {
        ended = end_result(run, &result, &access);
    }
    count_damage(job, status);
    bsi_access_close(&access);
    BSI_TRY(status);
    BSI_TRY(ended);
    if (run->damages == 0) {
        return status;
    }
    return bsi_fail(BS_LAYER_STORAGE, run->missing == run->damages ? BS_E_MISSING : BS_E_CORRUPT,
                    "%llu damaged objects: %s", (unsigned long long)run->damages, run->first);
}

/* The storage does not answer. What it says that is wrong is the verification's to tell. */
static bool is_away(bs_status status)
{
    return status < 0 && bs_error_last()->layer == BS_LAYER_STORAGE &&
           !bsi_held_blames_storage(status) && status != BS_E_NOMEM && status != BS_E_CANCELLED;
}

static void begin_anew(verify_run *run)
{
    bsi_buf_dispose(&run->result);
    run->in_paths = false;
    run->paths_count = 0;
    run->paths_kept = 0;
    run->damages = 0;
    run->missing = 0;
}

/* The backup itself, or when its storage is away, the first copy that can be read. */
static bs_status verify_work(bsi_job *job)
{
    verify_run *run = job->payload;
    bs_status status = BS_OK;

    for (size_t i = 0; i < run->held.place_count; i++) {
        const bsi_held_place *place = &run->held.places[i];
        if (place->storage) {
            status = verify_at(job, place->storage);
        } else {
            bsi_error_restore(&place->error);
            status = place->error.code;
        }
        if (i + 1 == run->held.place_count || (place->storage && !is_away(status))) {
            break;
        }
        begin_anew(run);
        bsi_warn_last(&job->warn, bsi_slice_of(place->name));
    }
    return status;
}

static const bsi_job_ops verify_ops = {
    .kind = BS_JOB_VERIFY,
    .add = verify_add,
    .run = verify_work,
    .save = verify_save,
    .ended = verify_ended,
    .describe = verify_describe,
    .dispose = verify_dispose,
};

bs_status bsi_verify_prepare(bs_service *service, const char *backup_id, bsi_job **out)
{
    verify_run *run = bsi_calloc(1, sizeof(*run));
    bsi_held held = {0};
    bs_status status = BS_E_NOMEM;

    if (run) {
        status = bsi_held_open_any(service, backup_id, &held);
    }
    if (status < 0) {
        bsi_free(run);
        return status;
    }
    status = bsi_job_new(service, &verify_ops, run, out);
    if (status < 0) {
        bsi_held_close(service, &held);
        return status;
    }
    run->held = held;
    return BS_OK;
}

bs_status bsi_verify_start(bs_service *service, const char *backup_id, char id_out[BS_ID_SIZE])
{
    bsi_job *job = NULL;
    char id[BS_ID_SIZE];

    BSI_TRY(bsi_verify_prepare(service, backup_id, &job));
    memcpy(id, job->id, sizeof(id));
    BSI_TRY(bsi_job_start(job));
    memcpy(id_out, id, sizeof(id));
    return BS_OK;
}
