/* SPDX-License-Identifier: MIT */
/*
 * Our own member of a snapshot, written and read.
 */
#include "vault/repository/record.h"

#include "repo/snapshot.h"
#include "vault/manifest_parse.h"

#define MEMBER "backupsvc"

/* --- Writing --- */

static bs_status put_warnings(bsi_buf *out, bsi_draft *warnings)
{
    const size_t most = out->size + BSI_RECORD_WARNINGS_MAX;
    bsi_record record;
    bs_status status = BS_OK;
    bool any = false;

    while ((status = bsi_draft_next(warnings, &record)) == BS_OK) {
        const size_t size = record.bytes.size - 1; /* Without its line feed. */
        if (out->size + size >= most) {
            return BS_OK;
        }
        BSI_TRY(any ? bsi_buf_append_byte(out, ',') : BS_OK);
        BSI_TRY(bsi_buf_append(out, record.bytes.data, size));
        any = true;
    }
    return status < 0 ? status : BS_OK;
}

bs_status bsi_record_write(bsi_buf *out, const bsi_manifest_info *info, bsi_draft *warnings)
{
    BSI_TRY(bsi_buf_append_text(out, ",\"" MEMBER "\":{\"info\":"));
    BSI_TRY(bsi_manifest_format_info(out, info, BSI_INFO_WHOLE));
    BSI_TRY(bsi_buf_append_text(out, ",\"warnings\":["));
    BSI_TRY(put_warnings(out, warnings));
    return bsi_buf_append_text(out, "]}");
}

/* --- Reading --- */

/* The parts of a record, as they stand there. */
typedef struct record_parts {
    bool given;
    bsi_slice info;
    bsi_slice warnings;
} record_parts;

static bs_status take_part(bsi_json_reader *json, bsi_slice key, void *user)
{
    record_parts *parts = user;
    const bool is_info = bsi_slice_is(key, "info");
    bsi_slice *part = is_info ? &parts->info : &parts->warnings;

    if (!is_info && !bsi_slice_is(key, "warnings")) {
        return bsi_json_fail(json, "unknown field of the record");
    }
    if (part->size > 0) {
        return bsi_json_fail(json, "a field of the record stands twice");
    }
    return bsi_json_raw_value(json, part);
}

static bs_status take_member(bsi_json_reader *json, bsi_slice key, void *user)
{
    record_parts *parts = user;

    if (!bsi_slice_is(key, MEMBER)) {
        return bsi_json_skip(json);
    }
    if (parts->given) {
        return bsi_json_fail(json, "the record stands twice");
    }
    parts->given = true;
    return bsi_json_each_member(json, take_part, parts);
}

/* `text` keeps the members as one object, to which `parts` points. */
static bs_status read_parts(bsi_slice others, bsi_buf *text, record_parts *parts)
{
    bsi_json_reader json;

    BSI_TRY(bsi_buf_append_byte(text, '{'));
    BSI_TRY(others.size > 0 ? bsi_buf_append(text, others.data + 1, others.size - 1) : BS_OK);
    BSI_TRY(bsi_buf_append_byte(text, '}'));
    bsi_json_init(&json, text->data, text->size, BS_LAYER_STORAGE, BS_E_CORRUPT);
    BSI_TRY(bsi_json_each_member(&json, take_member, parts));
    BSI_TRY(bsi_json_end(&json));
    if (!parts->given) {
        return BS_END;
    }
    if (parts->info.size == 0 || parts->warnings.size == 0) {
        return bsi_json_fail(&json, "the record lacks a field");
    }
    return BS_OK;
}

/* What is done with the parts of a record. */
typedef bs_status (*use_fn)(const record_parts *parts, void *user);

static bs_status with_parts(bsi_slice others, use_fn use, void *user)
{
    record_parts parts = {.given = false};
    bs_status status = BS_OK;
    bsi_buf text;

    bsi_buf_init(&text, others.size + 2);
    status = read_parts(others, &text, &parts);
    if (status == BS_OK) {
        status = use(&parts, user);
    }
    bsi_buf_dispose(&text);
    return status < 0 ? bsi_fail_context(BS_LAYER_STORAGE, status, "what it tells of its backup")
                      : status;
}

static bs_status use_info(const record_parts *parts, void *user)
{
    bsi_manifest_info *out = user;
    bs_status status = bsi_parse_info(parts->info, BSI_INFO_WHOLE, out);

    if (status == BS_OK &&
        (strcmp(out->form, "repository") != 0 || out->kind == BSI_KIND_MIRROR ||
         strcmp(out->container_key, BSI_RECORD_CONTAINER) != 0 || out->needs_count > 0)) {
        status = bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "it claims what no snapshot is");
    }
    if (status < 0) {
        bsi_manifest_info_dispose(out);
    }
    return status;
}

bs_status bsi_record_parse(bsi_slice others, bsi_manifest_info *out)
{
    return with_parts(others, use_info, out);
}

/* Warnings while they are read. */
typedef struct warning_parts {
    bsi_line_memory memory;
    const bsi_warn *warn;
} warning_parts;

static bs_status take_warning(bsi_json_reader *json, void *user)
{
    warning_parts *parts = user;
    bsi_slice line = {0};
    bsi_slice path = {0};
    bs_error error;

    BSI_TRY(bsi_json_raw_value(json, &line));
    BSI_TRY(bsi_parse_warning(line, &parts->memory, &path, &error));
    parts->warn->report(parts->warn->user, path, &error);
    return BS_OK;
}

static bs_status use_warnings(const record_parts *parts, void *user)
{
    warning_parts warnings = {.warn = user};
    bsi_json_reader json;
    bs_status status = BS_OK;

    bsi_line_memory_init(&warnings.memory);
    bsi_json_init(&json, parts->warnings.data, parts->warnings.size, BS_LAYER_STORAGE,
                  BS_E_CORRUPT);
    status = bsi_json_each_item(&json, take_warning, &warnings);
    bsi_line_memory_dispose(&warnings.memory);
    return status;
}

bs_status bsi_record_warnings(bsi_slice others, const bsi_warn *warn)
{
    return with_parts(others, use_warnings, (void *)(uintptr_t)warn);
}
