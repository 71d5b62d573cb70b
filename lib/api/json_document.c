/* SPDX-License-Identifier: MIT */
#include "api/json_document.h"

#include <string.h>

#include <backupsvc/json.h>

#include "base/utf8.h"
#include "engine/words.h"
#include "text/base64.h"

void bsi_json_document_begin(bsi_json_writer *json, bsi_buf *buf)
{
    bsi_buf_init(buf, BSI_JSON_DOCUMENT_MAX);
    bsi_json_writer_init(json, buf, BSI_JSON_COMPACT);
    bsi_json_begin_object(json);
}

bs_status bsi_json_document_end(bsi_json_writer *json, bsi_buf *buf, char **out)
{
    char *text = NULL;
    bs_status status = BS_OK;

    bsi_json_end_object(json);
    status = bsi_json_writer_finish(json);
    if (status >= 0) {
        text = bsi_buf_take_text(buf);
        status = text ? BS_OK : BS_E_NOMEM;
    }
    bsi_buf_dispose(buf);
    if (status >= 0) {
        *out = text;
    }
    return status;
}

/* --- Parts --- */

void bsi_json_put_texts(bsi_json_writer *json, const char *key, const char *const *texts)
{
    bsi_json_write_key(json, key);
    bsi_json_begin_array(json);
    for (; texts && *texts; texts++) {
        bsi_json_write_text(json, *texts);
    }
    bsi_json_end_array(json);
}

/* Bytes as text under one key, or as base64 under the other. */
static void put_bytes(bsi_json_writer *json, const char *key, const char *key_base64,
                      bsi_slice bytes)
{
    bsi_buf coded;

    if (bytes.size == 0 ||
        (bsi_utf8_valid(bytes.data, bytes.size) && memchr(bytes.data, 0, bytes.size) == NULL)) {
        bsi_json_put_string(json, key, bytes);
        return;
    }
    bsi_buf_init(&coded, BSI_JSON_DOCUMENT_MAX);
    if (bsi_base64_encode(bytes.data, bytes.size, &coded) < 0) {
        json->status = bs_error_last()->code;
    } else {
        bsi_json_put_string(json, key_base64, (bsi_slice){(const char *)coded.data, coded.size});
    }
    bsi_buf_dispose(&coded);
}

void bsi_json_put_entry(bsi_json_writer *json, const bs_entry *entry)
{
    put_bytes(json, "path", "path_base64", (bsi_slice){entry->path, entry->path_size});
    bsi_json_put_text(json, "type", bs_entry_type_name(entry->type));
    bsi_json_put_u64(json, "mode", entry->mode);
    bsi_json_put_u64(json, "uid", entry->uid);
    bsi_json_put_u64(json, "gid", entry->gid);
    bsi_json_put_text(json, "user", entry->user);
    bsi_json_put_text(json, "group", entry->group);
    bsi_json_put_u64(json, "size", entry->size);
    bsi_json_put_i64(json, "mtime_sec", entry->mtime_sec);
    bsi_json_put_i64(json, "mtime_nsec", entry->mtime_nsec);
    put_bytes(json, "link", "link_base64", (bsi_slice){entry->link, entry->link_size});
    bsi_json_put_text(json, "sha256", entry->sha256);
    bsi_json_put_text(json, "stored_in", entry->stored_in);
}

void bsi_json_write_error(bsi_json_writer *json, const bs_error *error)
{
    char message[BS_ERROR_MESSAGE_SIZE];
    char clean[2 * BS_ERROR_MESSAGE_SIZE];
    const size_t size = strnlen(error->message, sizeof(error->message));

    /* A message that was cut may end inside of a character. */
    memcpy(message, error->message, size);
    bsi_json_begin_object(json);
    bsi_json_put_text(json, "code", bs_status_name(error->code));
    bsi_json_put_text(json, "layer", bs_layer_name(error->layer));
    if (bsi_utf8_valid(message, size)) {
        bsi_json_put_string(json, "message", (bsi_slice){message, size});
    } else {
        bsi_json_put_text(json, "message", bsi_printable(message, size, clean, sizeof(clean)));
    }
    bsi_json_put_text(json, "retry", bsi_word_name(bsi_words_retry, (int)error->retry));
    bsi_json_put_u64(json, "retry_after_ms", error->retry_after_ms);
    bsi_json_put_i64(json, "os_code", error->os_code);
    bsi_json_end_object(json);
}

void bsi_json_put_error(bsi_json_writer *json, const bs_error *error)
{
    bsi_json_write_key(json, "error");
    if (error->code >= 0) {
        bsi_json_write_null(json);
    } else {
        bsi_json_write_error(json, error);
    }
    bsi_json_put_text(json, "error_message", error->code < 0 ? error->message : NULL);
}

void bsi_json_put_usage(bsi_json_writer *json, const bs_usage *usage)
{
    bsi_json_write_key(json, "usage");
    bsi_json_begin_object(json);
    bsi_json_put_double(json, "cpu_seconds", usage->cpu_seconds);
    bsi_json_put_u64(json, "peak_memory_bytes", usage->peak_memory_bytes);
    bsi_json_put_u64(json, "bytes_sent", usage->bytes_sent);
    bsi_json_put_u64(json, "bytes_received", usage->bytes_received);
    bsi_json_end_object(json);
}
