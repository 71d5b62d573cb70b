/* SPDX-License-Identifier: MIT */
/*
 * A request as JSON, to be kept with its row and in its manifest: what it takes
 * to run it again, in the form that bs_backup_options_from_json() reads. It
 * holds no secrets: of keys only references and public keys.
 */
#include "base/alloc.h"
#include "engine/request.h"
#include "engine/words.h"
#include "text/json_write.h"

enum { REQUEST_JSON_MAX = 16 * 1024 * 1024 };

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

static void put_true(bsi_json_writer *json, const char *key, bool value)
{
    if (value) {
        bsi_json_put_bool(json, key, true);
    }
}

static void put_request(bsi_json_writer *json, const bs_backup_options *options,
                        const bsi_backup_request *request)
{
    bsi_json_put_text(json, "name", request->name);
    if (request->roots) {
        put_texts(json, "source_paths", request->source_paths);
    } else if (request->is_command) {
        put_texts(json, "source_command", request->source_paths);
    }
    if (request->stream_name) {
        bsi_json_put_text(json, "source_name", request->stream_name);
    }
    bsi_json_put_text(json, "backup_type", bsi_backup_kind_name(request->kind));
    bsi_json_put_text(json, "form", request->form);
    bsi_json_put_text(json, "storage", request->storage_name);
    put_texts(json, "copy_to", request->copy_to);
    bsi_json_put_text(json, "compression", request->compression);
    if (request->level > 0) {
        bsi_json_put_i64(json, "compression_level", request->level);
    }
    if (request->encryption != BSI_ENCRYPTION_NONE) {
        bsi_json_put_text(json, "encryption", bsi_encryption_name(request->encryption));
    }
    if (request->winzip) {
        bsi_json_put_text(json, "zip_encryption",
                          bsi_word_name(bsi_words_zip_encryption, BS_ZIP_ENCRYPTION_WINZIP));
    }
    if (request->key_reference) {
        bsi_json_put_text(json, "encryption_key", request->key_reference);
    }
    put_texts(json, "recipients", request->recipients);
    put_texts(json, "include_patterns", options->include_patterns);
    put_texts(json, "exclude_patterns", options->exclude_patterns);
    if (request->retention_days != 0) {
        bsi_json_put_i64(json, "retention_days", request->retention_days);
    }
    bsi_rules_put(json, &request->rules);
    put_true(json, "one_file_system", request->one_file_system);
    put_true(json, "content_only", request->content_only);
    put_true(json, "skip_special", request->skip_special);
    put_true(json, "allow_empty_mirror", request->allow_empty_mirror);
}

static bs_status take_json(bsi_json_writer *json, bsi_buf *buf, bsi_arena *arena, const char **out)
{
    bs_status status = bsi_json_writer_finish(json);

    if (status >= 0) {
        *out = bsi_arena_slice(arena, (bsi_slice){(const char *)buf->data, buf->size});
        status = *out ? BS_OK : BS_E_NOMEM;
    }
    bsi_buf_clear(buf);
    return status;
}

bs_status bsi_request_write_options(const bs_backup_options *options, bsi_backup_request *request)
{
    bsi_json_writer json;
    bsi_buf buf;
    bs_status status = BS_OK;

    bsi_buf_init(&buf, REQUEST_JSON_MAX);
    bsi_json_writer_init(&json, &buf, BSI_JSON_COMPACT);
    bsi_json_begin_object(&json);
    put_request(&json, options, request);
    bsi_json_end_object(&json);
    status = take_json(&json, &buf, &request->arena, &request->options);
    if (status >= 0) {
        bsi_json_begin_array(&json);
        for (const char *const *path = request->source_paths; *path; path++) {
            bsi_json_write_text(&json, *path);
        }
        bsi_json_end_array(&json);
        status = take_json(&json, &buf, &request->arena, &request->paths_json);
    }
    bsi_buf_dispose(&buf);
    return status;
}

bs_status bsi_request_write_whole(const bs_backup_options *options,
                                  const bsi_backup_request *request, bsi_arena *arena,
                                  const char **out)
{
    bsi_json_writer json;
    bsi_buf buf;
    bs_status status = BS_OK;

    bsi_buf_init(&buf, REQUEST_JSON_MAX);
    bsi_json_writer_init(&json, &buf, BSI_JSON_COMPACT);
    bsi_json_begin_object(&json);
    put_request(&json, options, request);
    bsi_json_write_key(&json, "metadata");
    bsi_json_write_raw(&json, bsi_slice_of(request->metadata));
    bsi_json_end_object(&json);
    status = take_json(&json, &buf, arena, out);
    bsi_buf_dispose(&buf);
    return status;
}
