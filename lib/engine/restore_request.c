/* SPDX-License-Identifier: MIT */
/*
 * Checks a restore request and makes it complete.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "engine/paths.h"
#include "engine/request.h"
#include "engine/roots.h"
#include "engine/service.h"
#include "text/json_read.h"
#include "text/json_write.h"

enum {
    RESTORE_PATHS_MAX = 100000,
    RESTORE_OWNERS_MAX = 1000,
    RESTORE_JSON_MAX = 64 * 1024 * 1024,
};

static bs_status take_target(const bs_service *service, const bs_restore_options *options,
                             bsi_restore_request *request, bsi_complaints *complaints)
{
    const char *given = options->restore_path;
    char *clean = NULL;
    bs_status status = BS_OK;

    if (!given || given[0] != '/' || !bsi_utf8_valid(given, strlen(given))) {
        bsi_complain_invalid(complaints, "restore_path: takes an absolute path in UTF-8");
        return BS_OK;
    }
    bsi_error_restore(&(bs_error){.code = BS_OK});
    clean = bsi_path_normalise(given);
    if (!clean) {
        if (bs_error_last()->code == BS_E_NOMEM) {
            return BS_E_NOMEM;
        }
        bsi_complain_invalid(complaints, "restore_path: takes a path without '..'");
        return BS_OK;
    }
    if (bsi_path_is_within(clean, service->dir.path)) {
        bsi_complain_invalid(
            complaints, "restore_path: '%.200s' lies in the service's own state directory", clean);
    }
    status = bsi_roots_allow(service->config, BSI_CONFIG_RESTORE_ROOTS, clean);
    if (status < 0) {
        bsi_complain(complaints, status, BS_LAYER_CALLER, "restore_path: %s",
                     bs_error_last()->message);
    }
    request->restore_path = bsi_arena_text(&request->arena, clean);
    bsi_free(clean);
    return request->restore_path ? BS_OK : BS_E_NOMEM;
}

/* Paths in a backup have no slash in front; as a pattern, one there means the top. */
static bs_status take_paths(const bs_restore_options *options, bsi_restore_request *request,
                            bsi_complaints *complaints)
{
    bsi_pattern_list *compiled = NULL;
    size_t count = 0;
    bs_status status = BS_OK;

    while (options->paths && options->paths[count]) {
        count++;
    }
    if (count == 0) {
        return BS_OK;
    }
    if (count > RESTORE_PATHS_MAX) {
        bsi_complain_invalid(complaints, "paths: takes at most %d", RESTORE_PATHS_MAX);
        return BS_OK;
    }
    status = bsi_request_take_patterns("paths", options->paths, &compiled, complaints);
    bsi_pattern_list_free(compiled);
    if (status < 0) {
        return status;
    }
    request->paths = bsi_arena_texts(&request->arena, options->paths);
    return request->paths ? BS_OK : BS_E_NOMEM;
}

/* "FROM:TO", with "@" in front for groups. */
static bool parse_owner(const char *text, bsi_owner_rule *out)
{
    const char *colon = NULL;

    out->group = text[0] == '@';
    text += out->group ? 1 : 0;
    colon = strchr(text, ':');
    if (!colon || colon == text || !colon[1] || strchr(colon + 1, ':')) {
        return false;
    }
    out->from = (bsi_slice){text, (size_t)(colon - text)};
    out->to = bsi_slice_of(colon + 1);
    return true;
}

static bs_status take_owners(const bs_restore_options *options, bsi_restore_request *request,
                             bsi_complaints *complaints)
{
    const char *const *texts = NULL;
    size_t count = 0;

    while (options->owner_map && options->owner_map[count] && count <= RESTORE_OWNERS_MAX) {
        count++;
    }
    if (count == 0) {
        return BS_OK;
    }
    if (count > RESTORE_OWNERS_MAX) {
        bsi_complain_invalid(complaints, "owner_map: takes at most %d rules", RESTORE_OWNERS_MAX);
        return BS_OK;
    }
    texts = bsi_arena_texts(&request->arena, options->owner_map);
    request->owners = bsi_arena_alloc(&request->arena, count, sizeof(*request->owners));
    if (!texts || !request->owners) {
        return BS_E_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        if (!bsi_utf8_valid(texts[i], strlen(texts[i])) ||
            !parse_owner(texts[i], &request->owners[i])) {
            bsi_complain_invalid(complaints,
                                 "owner_map[%zu]: takes 'FROM:TO', or '@FROM:TO' for groups", i);
        }
    }
    request->owner_count = count;
    return BS_OK;
}

static void check_strip(const bs_restore_options *options, const bsi_row_backup *backup,
                        bsi_complaints *complaints)
{
    bsi_json_reader json;
    size_t count = 0;

    if (!options->strip_source) {
        return;
    }
    bsi_json_init(&json, backup->source_paths, strlen(backup->source_paths), BS_LAYER_CATALOG,
                  BS_E_CORRUPT);
    if (bsi_json_enter_array(&json) == BS_OK) {
        while (bsi_json_next_item(&json) == BS_OK && bsi_json_skip(&json) == BS_OK) {
            count++;
        }
    }
    if (count > 1 && strstr(backup->options, "\"source_command\":") == NULL) {
        bsi_complain_invalid(complaints, "strip_source: the backup has %zu sources, not one",
                             count);
    }
}

static void put_texts(bsi_json_writer *json, const char *key, const char *const *texts)
{
    if (!texts || !texts[0]) {
        return;
    }
    bsi_json_write_key(json, key);
    bsi_json_begin_array(json);
    for (; *texts; texts++) {
        bsi_json_write_text(json, *texts);
    }
    bsi_json_end_array(json);
}

static bs_status write_options(const bs_restore_options *options, const char *backup_id,
                               bsi_restore_request *request)
{
    bsi_json_writer json;
    bsi_buf buf;
    bs_status status = BS_OK;

    bsi_buf_init(&buf, RESTORE_JSON_MAX);
    bsi_json_writer_init(&json, &buf, BSI_JSON_COMPACT);
    bsi_json_begin_object(&json);
    bsi_json_put_text(&json, "backup_id", backup_id);
    bsi_json_put_text(&json, "restore_path", request->restore_path);
    put_texts(&json, "paths", request->paths);
    put_texts(&json, "owner_map", options->owner_map);
    bsi_json_put_bool(&json, "overwrite", options->overwrite);
    bsi_json_put_bool(&json, "no_permissions", options->no_permissions);
    bsi_json_put_bool(&json, "no_ownership", options->no_ownership);
    bsi_json_put_bool(&json, "no_verify", options->no_verify);
    bsi_json_put_bool(&json, "privileged", options->privileged);
    bsi_json_put_bool(&json, "strip_source", options->strip_source);
    bsi_json_end_object(&json);
    status = bsi_json_writer_finish(&json);
    if (status >= 0) {
        request->options =
            bsi_arena_slice(&request->arena, (bsi_slice){(const char *)buf.data, buf.size});
        status = request->options ? BS_OK : BS_E_NOMEM;
    }
    bsi_buf_dispose(&buf);
    return status;
}

static bs_status take_key(bs_service *service, const bs_restore_options *options,
                          bsi_restore_request *request, bsi_complaints *complaints)
{
    bs_status status = BS_OK;

    if (!options->encryption_key) {
        if (options->key_passphrase) {
            bsi_complain_invalid(complaints, "key_passphrase: only an encryption_key has one");
        }
        return BS_OK;
    }
    status =
        bsi_keys_resolve(service, options->encryption_key, options->key_passphrase, &request->key);
    if (status >= 0 && !bsi_key_can_open(request->key)) {
        status = bsi_fail(BS_LAYER_CALLER, BS_E_KEY,
                          "this is a public key, which opens nothing; the private key is needed");
    }
    if (status < 0 && status != BS_E_NOMEM) {
        bsi_complain(complaints, status, bs_error_last()->layer, "encryption_key: %s",
                     bs_error_last()->message);
        status = BS_OK;
    }
    return status;
}

static bs_status take_all(bs_service *service, const bs_restore_options *options,
                          const bsi_row_backup *backup, bsi_restore_request *request)
{
    bsi_complaints complaints = {0};

    request->overwrite = options->overwrite;
    request->permissions = !options->no_permissions;
    request->ownership = !options->no_ownership;
    request->verify = !options->no_verify;
    request->privileged = options->privileged;
    request->strip_source = options->strip_source;
    BSI_TRY(take_target(service, options, request, &complaints));
    BSI_TRY(take_paths(options, request, &complaints));
    BSI_TRY(take_owners(options, request, &complaints));
    BSI_TRY(take_key(service, options, request, &complaints));
    check_strip(options, backup, &complaints);
    BSI_TRY(bsi_complaints_status(&complaints));
    return write_options(options, backup->id, request);
}

bs_status bsi_restore_request_new(bs_service *service, const bs_restore_options *options,
                                  const bsi_row_backup *backup, bsi_restore_request **out)
{
    bsi_restore_request *request = bsi_calloc(1, sizeof(*request));
    bs_status status = BS_E_NOMEM;

    if (request) {
        status = take_all(service, options, backup, request);
    }
    if (status < 0) {
        bsi_restore_request_free(request);
        return status;
    }
    *out = request;
    return BS_OK;
}

void bsi_restore_request_free(bsi_restore_request *request)
{
    if (request) {
        bsi_key_unref(request->key);
        bsi_arena_dispose(&request->arena);
        bsi_free(request);
    }
}
