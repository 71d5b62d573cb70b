/* SPDX-License-Identifier: MIT */
#include "engine/schedule_action.h"

#include <string.h>

#include "base/alloc.h"
#include "engine/backup_job.h"
#include "engine/drill.h"
#include "engine/options_read.h"
#include "engine/restore_job.h"
#include "engine/service.h"
#include "text/json_read.h"
#include "text/json_write.h"

enum { ACTION_REQUEST_MAX = 64 * 1024 };

/* --- Backup --- */

static bs_status backup_take(bs_service *service, const bs_schedule_options *options,
                             bsi_arena *arena, bsi_complaints *complaints, const char **request_out)
{
    const bs_backup_options *asked = options->backup_request;
    bsi_backup_request *request = NULL;
    bs_status status = BS_OK;

    if (options->action_request) {
        bsi_complain_invalid(complaints, "action_request: a backup has a backup_request instead");
    }
    if (!asked) {
        bsi_complain_invalid(complaints, "backup_request: is missing");
        return BS_OK;
    }
    if (asked->schedule) {
        bsi_complain_invalid(complaints, "backup_request.schedule: a schedule's request has none "
                                         "of its own");
        return BS_OK;
    }
    status = bsi_backup_request_new(service, asked, &request);
    if (status == BS_E_NOMEM) {
        return status;
    }
    if (status < 0) {
        complaints->prefix = "backup_request.";
        bsi_complain_last(complaints);
        complaints->prefix = NULL;
        return BS_OK;
    }
    complaints->prefix = "backup_request.";
    bsi_request_check_lasting(asked, request, complaints);
    complaints->prefix = NULL;
    status = bsi_request_write_whole(asked, request, arena, request_out);
    bsi_backup_request_free(request);
    return status;
}

static bs_status backup_prepare(bs_service *service, const char *request, bsi_job **out)
{
    bs_backup_options *options = NULL;
    bs_status status = bsi_backup_options_read(request, strlen(request), &options);

    if (status >= 0) {
        status = bsi_backup_prepare(service, options, out);
    }
    bsi_backup_options_free(options);
    return status;
}

/* --- Verification --- */

/* The one member of {"backup_id": "..."}; NULL after a complaint. */
static bs_status read_backup_id(const char *json, bsi_arena *arena, bsi_complaints *complaints,
                                const char **out)
{
    bsi_json_reader reader;
    bsi_buf scratch;
    bsi_slice text;
    bsi_slice key;
    bs_status status = BS_OK;

    *out = NULL;
    bsi_buf_init(&scratch, ACTION_REQUEST_MAX);
    bsi_json_init(&reader, json, strlen(json), BS_LAYER_CALLER, BS_E_INVALID);
    status = bsi_json_enter_object(&reader);
    if (status >= 0) {
        status = bsi_json_next_key(&reader, &key);
    }
    if (status == BS_OK && bsi_slice_is(key, "backup_id")) {
        status = bsi_json_read_string(&reader, &scratch, &text);
        if (status >= 0) {
            *out = bsi_arena_slice(arena, text);
            status = *out ? bsi_json_next_key(&reader, &key) : BS_E_NOMEM;
        }
    }
    if (status != BS_E_NOMEM && (status != BS_END || !*out || !**out)) {
        bsi_complain_invalid(complaints, "action_request: takes {\"backup_id\": \"latest:NAME\"}, "
                                         "or \"stalest:NAME\" or an id in place of that");
        *out = NULL;
    }
    bsi_buf_dispose(&scratch);
    return status == BS_E_NOMEM ? status : BS_OK;
}

static bs_status write_backup_id(const char *id, bsi_arena *arena, const char **out)
{
    bsi_json_writer json;
    bsi_buf buf;
    bs_status status = BS_OK;

    bsi_buf_init(&buf, ACTION_REQUEST_MAX);
    bsi_json_writer_init(&json, &buf, BSI_JSON_COMPACT);
    bsi_json_begin_object(&json);
    bsi_json_put_text(&json, "backup_id", id);
    bsi_json_end_object(&json);
    status = bsi_json_writer_finish(&json);
    if (status >= 0) {
        *out = bsi_arena_slice(arena, (bsi_slice){(const char *)buf.data, buf.size});
        status = *out ? BS_OK : BS_E_NOMEM;
    }
    bsi_buf_dispose(&buf);
    return status;
}

/* Which backup that is may be known only when the time has come. */
static bs_status verify_take(bs_service *service, const bs_schedule_options *options,
                             bsi_arena *arena, bsi_complaints *complaints, const char **request_out)
{
    const char *id = NULL;

    (void)service;
    if (options->backup_request) {
        bsi_complain_invalid(complaints, "backup_request: only a backup has one");
    }
    BSI_TRY(read_backup_id(options->action_request ? options->action_request : "", arena,
                           complaints, &id));
    return id ? write_backup_id(id, arena, request_out) : BS_OK;
}

static bs_status verify_prepare(bs_service *service, const char *request, bsi_job **out)
{
    bsi_complaints complaints = {0};
    bsi_arena arena = {0};
    const char *id = NULL;
    bs_status status = read_backup_id(request, &arena, &complaints, &id);

    if (status >= 0) {
        status = bsi_complaints_status(&complaints);
    }
    if (status >= 0) {
        status = bsi_verify_prepare(service, id, out);
    }
    bsi_arena_dispose(&arena);
    return status;
}

/* --- Restore drill --- */

static void check_drill(const bs_service *service, const bs_drill_options *asked,
                        bsi_complaints *complaints)
{
    complaints->prefix = "action_request.";
    if (asked) {
        bsi_drill_check(service, asked, complaints);
    } else {
        bsi_complain_last(complaints);
    }
    complaints->prefix = NULL;
}

static bs_status drill_take(bs_service *service, const bs_schedule_options *options,
                            bsi_arena *arena, bsi_complaints *complaints, const char **request_out)
{
    const char *json = options->action_request ? options->action_request : "{}";
    bs_drill_options *asked = NULL;
    bs_status status = bsi_drill_options_read(json, strlen(json), &asked);

    if (status == BS_E_NOMEM) {
        return status;
    }
    check_drill(service, asked, complaints);
    if (options->backup_request) {
        bsi_complain_invalid(complaints, "backup_request: only a backup has one");
    }
    status = complaints->count == 0 ? bsi_drill_write_options(asked, arena, request_out) : BS_OK;
    bsi_drill_options_free(asked);
    return status;
}

static bs_status drill_prepare(bs_service *service, const char *request, bsi_job **out)
{
    bs_drill_options *options = NULL;
    bs_status status = bsi_drill_options_read(request, strlen(request), &options);

    if (status >= 0) {
        status = bsi_drill_prepare(service, options, out);
    }
    bsi_drill_options_free(options);
    return status;
}

/* --- The table --- */

static const bsi_action actions[] = {
    {BS_ACTION_BACKUP, backup_take, backup_prepare},
    {BS_ACTION_VERIFY, verify_take, verify_prepare},
    {BS_ACTION_DRILL, drill_take, drill_prepare},
};

const bsi_action *bsi_action_find(int action)
{
    for (size_t i = 0; i < BSI_ARRAY_SIZE(actions); i++) {
        if ((int)actions[i].action == action) {
            return &actions[i];
        }
    }
    return NULL;
}
