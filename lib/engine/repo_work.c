/* SPDX-License-Identifier: MIT */
/*
 * Jobs on repositories, from their start to their rows and back to infos.
 */
#include "engine/repo_work.h"

#include <string.h>

#include "base/alloc.h"
#include "engine/info_parts.h"
#include "engine/repository.h"
#include "engine/runner.h"
#include "engine/service.h"

/* --- Rows --- */

static void fill_row(const bsi_job *job, const bsi_job_view *view, bsi_row_job *row)
{
    const bsi_repo_work *work = job->payload;

    bsi_job_fill_row(job, view, row);
    row->kind = work->kind;
    row->target = work->storage;
    row->options = work->options;
    row->result = work->complete ? (const char *)work->result.data : "{}";
}

bs_status bsi_repo_work_add(bsi_job *job, const bsi_job_view *view)
{
    bsi_row_job row;

    fill_row(job, view, &row);
    return bsi_catalog_add_job(job->service->catalog, &row);
}

bs_status bsi_repo_work_save(bsi_job *job, const bsi_job_view *view)
{
    bsi_row_job row;

    if (view->state >= BS_STATE_COMPLETED) {
        BSI_TRY(bsi_job_save_warnings(job));
    }
    fill_row(job, view, &row);
    return bsi_catalog_update_job(job->service->catalog, &row);
}

void bsi_repo_work_ended(bsi_job *job)
{
    (void)job; /* It keeps nobody from anything. */
}

/* --- From the start to the result --- */

bs_status bsi_repo_check_storage(bs_service *service, const char *name, bsi_repo_need need)
{
    bsi_storage *found = NULL;
    bs_status status = BS_OK;

    BSI_TRY(bsi_service_storage(service, name, &found));
    status = need ? need(found, name) : BS_OK;
    bsi_storage_unref(found);
    return status;
}

bs_status bsi_repo_work_take_storage(bs_service *service, bsi_repo_work *work, const char *storage,
                                     bsi_repo_need need)
{
    const char *name = storage ? storage : BSI_REPOSITORY_STORAGE;

    BSI_TRY(bsi_repo_check_storage(service, name, need));
    work->storage = bsi_strdup(name);
    return work->storage ? BS_OK : BS_E_NOMEM;
}

void bsi_repo_work_dispose(bsi_repo_work *work)
{
    bsi_buf_dispose(&work->result);
    bsi_free(work->storage);
}

bs_status bsi_repo_texts_copy(const char *const *texts, char ***out, size_t *count_out)
{
    size_t count = 0;

    while (texts && texts[count]) {
        count++;
    }
    if (count == 0) {
        return BS_OK;
    }
    *out = bsi_calloc(count, sizeof(**out));
    for (*count_out = 0; *out && *count_out < count; *count_out += 1) {
        (*out)[*count_out] = bsi_strdup(texts[*count_out]);
        if (!(*out)[*count_out]) {
            return BS_E_NOMEM;
        }
    }
    return *out ? BS_OK : BS_E_NOMEM;
}

void bsi_repo_texts_free(char **texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bsi_free(texts[i]);
    }
    bsi_free(texts);
}

bs_status bsi_repo_work_start(bs_service *service, const bsi_job_ops *ops, void *payload,
                              bs_status prepared, char id_out[BS_ID_SIZE])
{
    bsi_job *job = NULL;
    char id[BS_ID_SIZE];

    if (!payload) {
        return BS_E_NOMEM;
    }
    if (prepared < 0) {
        ops->dispose(payload);
        return prepared;
    }
    BSI_TRY(bsi_job_new(service, ops, payload, &job));
    memcpy(id, job->id, sizeof(id));
    BSI_TRY(bsi_job_start(job));
    memcpy(id_out, id, sizeof(id));
    return BS_OK;
}

void bsi_repo_work_begin_result(bsi_repo_work *work, size_t max)
{
    bsi_buf_init(&work->result, max);
    bsi_json_writer_init(&work->json, &work->result, BSI_JSON_COMPACT);
    bsi_json_begin_object(&work->json);
}

bs_status bsi_repo_work_end_result(bsi_repo_work *work, const bsi_repo_number *numbers,
                                   const void *report)
{
    for (; numbers->name; numbers++) {
        uint64_t value = 0;
        memcpy(&value, (const char *)report + numbers->from, sizeof(value));
        bsi_json_put_u64(&work->json, numbers->name, value);
    }
    bsi_json_end_object(&work->json);
    BSI_TRY(bsi_json_writer_finish(&work->json));
    BSI_TRY(bsi_buf_append_byte(&work->result, 0));
    work->complete = true;
    return BS_OK;
}

/* --- Infos --- */

static bs_status read_result(const char *result, bsi_repo_member_cb member, void *user)
{
    bsi_json_reader json;
    bsi_slice key;
    bs_status status = BS_OK;

    bsi_json_init(&json, result, strlen(result), BS_LAYER_CATALOG, BS_E_CORRUPT);
    status = bsi_json_enter_object(&json);
    while (status >= 0) {
        status = bsi_json_next_key(&json, &key);
        if (status != BS_OK) {
            break;
        }
        status = member(user, &json, key);
    }
    return status < 0 ? status : BS_OK;
}

static bs_status fill(const bsi_row_job *row, const bsi_job_view *view, bsi_arena *arena,
                      bsi_repo_info *out)
{
    *out = (bsi_repo_info){
        .storage = bsi_arena_text(arena, row->target),
        .status = view->state,
        .created_at = bsi_info_time(arena, row->created_at),
        .started_at = bsi_info_time(arena, view->started_at),
        .completed_at = bsi_info_time(arena, view->completed_at),
        .usage = bsi_info_usage(&view->usage),
    };
    bsi_info_id(row->id, out->id);
    if (view->state == BS_STATE_FAILED) {
        out->error = view->error;
    }
    return out->storage && out->created_at && out->started_at && out->completed_at ? BS_OK
                                                                                   : BS_E_NOMEM;
}

bs_status bsi_repo_info_get(bs_service *service, const char *kind, const char *reference,
                            bsi_arena *arena, bsi_repo_member_cb member, void *user,
                            bsi_repo_info *out)
{
    bsi_job_view view;
    bsi_row_job row;
    bsi_job *job = NULL;
    bs_status status = bsi_info_job(service, kind, reference, &view, &job, &row);

    if (status < 0) {
        return status;
    }
    bsi_job_unref(job);
    status = fill(&row, &view, arena, out);
    if (status >= 0) {
        status = read_result(row.result, member, user);
    }
    bsi_row_job_dispose(&row);
    return status;
}

bs_status bsi_repo_info_read_number(bsi_json_reader *json, bsi_slice key,
                                    const bsi_repo_number *numbers, void *info)
{
    uint64_t value = 0;

    while (numbers->name && !bsi_slice_is(key, numbers->name)) {
        numbers++;
    }
    if (!numbers->name) {
        return bsi_json_skip(json);
    }
    BSI_TRY(bsi_json_read_u64(json, &value));
    memcpy((char *)info + numbers->to, &value, sizeof(value));
    return BS_OK;
}
