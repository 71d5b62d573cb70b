/* SPDX-License-Identifier: MIT */
/*
 * Times, lists and warnings of infos.
 */
#include "engine/info_parts.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "engine/service.h"
#include "text/json_read.h"
#include "text/rfc3339.h"

void bsi_info_id(const char *id, char out[BS_ID_SIZE])
{
    const size_t size = bsi_min_size(strlen(id), BS_ID_SIZE - 1);

    memcpy(out, id, size);
    out[size] = '\0';
}

const char *bsi_info_time(bsi_arena *arena, int64_t ns)
{
    char text[BSI_RFC3339_SIZE];
    int64_t sec = ns / 1000000000;
    int32_t nsec = (int32_t)(ns % 1000000000);

    if (nsec < 0) {
        sec--;
        nsec += 1000000000;
    }
    if (ns == 0 || bsi_rfc3339_format(sec, nsec, true, text) < 0) {
        return "";
    }
    return bsi_arena_text(arena, text);
}

static bs_status read_texts(bsi_json_reader *json, bsi_buf *scratch, bsi_arena *arena,
                            const char **texts, size_t *count)
{
    bsi_slice text;
    bs_status status = bsi_json_enter_array(json);

    *count = 0;
    while (status >= 0) {
        status = bsi_json_next_item(json);
        if (status != BS_OK) {
            break;
        }
        status = bsi_json_read_string(json, scratch, &text);
        if (status >= 0 && texts) {
            texts[*count] = bsi_arena_slice(arena, text);
            status = texts[*count] ? BS_OK : BS_E_NOMEM;
        }
        *count += 1;
    }
    return status < 0 ? status : BS_OK;
}

bs_status bsi_info_texts(bsi_arena *arena, const char *json, const char *const **out)
{
    static const char *const none[] = {NULL};
    bsi_json_reader reader;
    const char **texts = NULL;
    size_t count = 0;
    bsi_buf scratch;
    bs_status status = BS_OK;

    bsi_buf_init(&scratch, (size_t)64 * 1024 * 1024);
    bsi_json_init(&reader, json, strlen(json), BS_LAYER_CATALOG, BS_E_CORRUPT);
    status = read_texts(&reader, &scratch, arena, NULL, &count);
    if (status >= 0) {
        texts = bsi_arena_alloc(arena, count + 1, sizeof(*texts));
        status = texts ? BS_OK : BS_E_NOMEM;
    }
    if (status >= 0) {
        bsi_json_init(&reader, json, strlen(json), BS_LAYER_CATALOG, BS_E_CORRUPT);
        status = read_texts(&reader, &scratch, arena, texts, &count);
    }
    bsi_buf_dispose(&scratch);
    *out = status >= 0 ? texts : none;
    return status == BS_E_NOMEM ? status : BS_OK;
}

/* --- Entries --- */

_Static_assert((int)BSI_TYPE_FILE == (int)BS_ENTRY_FILE &&
                   (int)BSI_TYPE_BLOCK_DEVICE == (int)BS_ENTRY_BLOCK_DEVICE,
               "types of files and of entries are the same numbers");

static const char *copy_name(bsi_slice name, char out[BSI_INFO_OWNER_SIZE])
{
    const size_t size = bsi_min_size(name.size, BSI_INFO_OWNER_SIZE - 1);

    if (size > 0) {
        memcpy(out, name.data, size);
    }
    out[size] = '\0';
    return out;
}

void bsi_info_entry(const bsi_entry *from, bsi_info_names *names, bs_entry *out)
{
    const bsi_slice link = from->linked.size > 0 ? from->linked : from->link;

    *out = (bs_entry){
        .path = from->path.data,
        .path_size = from->path.size,
        .type = (bs_entry_type)from->stat.type,
        .mode = from->stat.mode,
        .uid = from->stat.uid,
        .gid = from->stat.gid,
        .user = copy_name(from->user, names->user),
        .group = copy_name(from->group, names->group),
        .size = from->stat.type == BSI_TYPE_FILE ? from->stat.size : 0,
        .mtime_sec = from->stat.mtime.sec,
        .mtime_nsec = from->stat.mtime.nsec,
        .link = link.size > 0 ? link.data : "",
        .link_size = link.size,
        .sha256 = "",
        .stored_in = "",
    };
}

bs_status bsi_info_stopped(void)
{
    return bsi_fail(BS_LAYER_CALLER, BS_E_CALLBACK, "the caller stopped it");
}

/* --- Errors --- */

void bsi_info_error(bs_status code, bs_layer layer, const char *message, bs_error *out)
{
    bs_error before;

    *out = (bs_error){.code = BS_OK};
    if (code < 0) {
        bsi_error_save(&before);
        (void)bsi_fail(layer, code, "%s", message);
        bsi_error_save(out);
        bsi_error_restore(&before);
    }
}

static bs_status fill_warnings(const bsi_row_warning *rows, size_t count, bsi_arena *arena,
                               const bs_warning **out)
{
    bs_warning *warnings = bsi_arena_alloc(arena, count + 1, sizeof(*warnings));
    char *shown = NULL;

    for (size_t i = 0; warnings && i < count; i++) {
        const size_t room = rows[i].path.size * 4 + 8;
        shown = bsi_arena_alloc(arena, 1, room);
        warnings[i] = (bs_warning){.code = rows[i].code, .layer = rows[i].layer};
        warnings[i].message = bsi_arena_text(arena, rows[i].message);
        if (!shown || !warnings[i].message) {
            return BS_E_NOMEM;
        }
        warnings[i].path = bsi_printable(rows[i].path.data, rows[i].path.size, shown, room);
    }
    *out = warnings;
    return warnings ? BS_OK : BS_E_NOMEM;
}

bs_status bsi_info_warnings(bs_service *service, bsi_job *job, const char *id, bsi_arena *arena,
                            const bs_warning **out, size_t *kept_out, uint64_t *count_out)
{
    bsi_row_warning *rows = NULL;
    size_t count = 0;
    bs_status status = BS_OK;

    if (job) {
        BSI_TRY(bsi_job_copy_warnings(job, arena, &rows, &count, count_out));
        *kept_out = count;
        return fill_warnings(rows, count, arena, out);
    }
    BSI_TRY(bsi_catalog_list_warnings(service->catalog, id, 0, 0, &rows, &count, count_out));
    *kept_out = count;
    status = fill_warnings(rows, count, arena, out);
    bsi_row_warnings_free(rows, count);
    return status;
}

bsi_job *bsi_info_live(bs_service *service, const char *id, bsi_job_view *view_out)
{
    bsi_job *job = bsi_job_find(service, id);

    if (job) {
        bsi_job_look(job, view_out);
    }
    if (job && view_out->saved) {
        bsi_job_unref(job);
        job = NULL;
    }
    return job;
}
