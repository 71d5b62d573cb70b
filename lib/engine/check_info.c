/* SPDX-License-Identifier: MIT */
/*
 * Infos of checks of repositories.
 */
#include <string.h>

#include "base/alloc.h"
#include "engine/info_parts.h"
#include "engine/repository.h"
#include "engine/service.h"
#include "engine/words.h"
#include "text/json_read.h"

enum { FINDING_TEXT_MAX = 64 * 1024 };

typedef struct check_box {
    bs_check_info info; /* What the caller holds: must come first. */
    bsi_arena arena;
    bs_check_finding *findings;
    size_t capacity;
} check_box;

typedef struct reading {
    bsi_json_reader json;
    bsi_buf scratch;
    check_box *box;
} reading;

/* --- Findings --- */

static bs_status read_text(reading *self, const char **out)
{
    bsi_slice text;

    BSI_TRY(bsi_json_read_string(&self->json, &self->scratch, &text));
    *out = bsi_arena_slice(&self->box->arena, text);
    return *out ? BS_OK : BS_E_NOMEM;
}

static bs_status read_id(reading *self, char out[BS_DIGEST_TEXT_SIZE])
{
    bsi_slice text;

    BSI_TRY(bsi_json_read_string(&self->json, &self->scratch, &text));
    if (text.size >= BS_DIGEST_TEXT_SIZE) {
        return bsi_json_fail(&self->json, "too long an id");
    }
    memcpy(out, text.data, text.size);
    out[text.size] = '\0';
    return BS_OK;
}

static bs_status read_subject(reading *self, bs_check_subject *out)
{
    bsi_slice text;
    int subject = 0;

    BSI_TRY(bsi_json_read_string(&self->json, &self->scratch, &text));
    if (!bsi_word_parse(bsi_words_check_subject, text, &subject)) {
        return bsi_json_fail(&self->json, "an unknown subject");
    }
    *out = (bs_check_subject)subject;
    return BS_OK;
}

static bs_status read_member(reading *self, bsi_slice key, bs_check_finding *out)
{
    if (bsi_slice_is(key, "subject")) {
        return read_subject(self, &out->subject);
    }
    if (bsi_slice_is(key, "is_note")) {
        return bsi_json_read_bool(&self->json, &out->is_note);
    }
    if (bsi_slice_is(key, "id")) {
        return read_id(self, out->id);
    }
    if (bsi_slice_is(key, "path")) {
        return read_text(self, &out->path);
    }
    if (bsi_slice_is(key, "message")) {
        return read_text(self, &out->message);
    }
    return bsi_json_skip(&self->json);
}

static bs_status read_finding(reading *self, bs_check_finding *out)
{
    bsi_slice key;
    bs_status status = bsi_json_enter_object(&self->json);

    *out = (bs_check_finding){.subject = BS_CHECK_PACK, .path = "", .message = ""};
    while (status >= 0) {
        status = bsi_json_next_key(&self->json, &key);
        if (status != BS_OK) {
            break;
        }
        status = read_member(self, key, out);
    }
    return status < 0 ? status : BS_OK;
}

static bs_status add_finding(check_box *box, const bs_check_finding *finding)
{
    if (box->info.findings_kept == box->capacity) {
        const size_t capacity = box->capacity > 0 ? 2 * box->capacity : 16;
        bs_check_finding *larger = bsi_realloc_array(box->findings, capacity, sizeof(*larger));
        if (!larger) {
            return BS_E_NOMEM;
        }
        box->findings = larger;
        box->capacity = capacity;
    }
    box->findings[box->info.findings_kept++] = *finding;
    return BS_OK;
}

static bs_status read_findings(reading *self)
{
    bs_check_finding finding;
    bs_status status = bsi_json_enter_array(&self->json);

    while (status >= 0) {
        status = bsi_json_next_item(&self->json);
        if (status != BS_OK) {
            break;
        }
        status = read_finding(self, &finding);
        if (status >= 0) {
            status = add_finding(self->box, &finding);
        }
    }
    return status < 0 ? status : BS_OK;
}

/* --- Numbers --- */

static bs_status read_number(reading *self, bsi_slice key)
{
    bs_check_info *info = &self->box->info;
    const struct {
        const char *key;
        uint64_t *value;
    } numbers[] = {
        {"errors", &info->errors},         {"notes", &info->notes},
        {"indexes", &info->indexes},       {"packs", &info->packs},
        {"blobs", &info->blobs},           {"packs_read", &info->packs_read},
        {"bytes_read", &info->bytes_read}, {"trees", &info->trees},
        {"snapshots", &info->snapshots},   {"snapshots_damaged", &info->snapshots_damaged},
    };

    for (size_t i = 0; i < BSI_ARRAY_SIZE(numbers); i++) {
        if (bsi_slice_is(key, numbers[i].key)) {
            return bsi_json_read_u64(&self->json, numbers[i].value);
        }
    }
    return bsi_json_skip(&self->json);
}

static bs_status read_result(reading *self, const char *result)
{
    bsi_slice key;
    bs_status status = BS_OK;

    bsi_json_init(&self->json, result, strlen(result), BS_LAYER_CATALOG, BS_E_CORRUPT);
    status = bsi_json_enter_object(&self->json);
    while (status >= 0) {
        status = bsi_json_next_key(&self->json, &key);
        if (status != BS_OK) {
            break;
        }
        status = bsi_slice_is(key, "findings") ? read_findings(self) : read_number(self, key);
    }
    return status < 0 ? status : BS_OK;
}

/* --- One --- */

static bs_status fill(const bsi_row_job *row, const bsi_job_view *view, check_box *box)
{
    bs_check_info *info = &box->info;
    reading self = {.box = box};
    bs_status status = BS_OK;

    bsi_info_id(row->id, info->id);
    info->storage = bsi_arena_text(&box->arena, row->target);
    info->status = view->state;
    info->created_at = bsi_info_time(&box->arena, row->created_at);
    info->started_at = bsi_info_time(&box->arena, view->started_at);
    info->completed_at = bsi_info_time(&box->arena, view->completed_at);
    info->usage = bsi_info_usage(&view->usage);
    if (view->state == BS_STATE_FAILED) {
        info->error = view->error;
    }
    if (!info->storage || !info->created_at || !info->started_at || !info->completed_at) {
        return BS_E_NOMEM;
    }
    bsi_buf_init(&self.scratch, FINDING_TEXT_MAX);
    status = read_result(&self, row->result);
    bsi_buf_dispose(&self.scratch);
    info->findings = box->findings;
    return status;
}

bs_status bsi_check_get(bs_service *service, const char *reference, bs_check_info **out)
{
    bsi_job_view view;
    bsi_row_job row;
    bsi_job *job = NULL;
    check_box *box = NULL;
    bs_status status = bsi_info_job(service, BSI_JOB_KIND_CHECK, reference, &view, &job, &row);

    if (status < 0) {
        return status;
    }
    bsi_job_unref(job);
    box = bsi_calloc(1, sizeof(*box));
    status = box ? fill(&row, &view, box) : BS_E_NOMEM;
    bsi_row_job_dispose(&row);
    if (status < 0) {
        bsi_check_info_free((bs_check_info *)box);
        return status;
    }
    *out = &box->info;
    return BS_OK;
}

void bsi_check_info_free(bs_check_info *info)
{
    check_box *box = (check_box *)info;

    if (box) {
        bsi_free(box->findings);
        bsi_arena_dispose(&box->arena);
        bsi_free(box);
    }
}
