/* SPDX-License-Identifier: MIT */
/*
 * What snapshots say of their backups: our own record, or what restic tells.
 */
#include "vault/repository/snapshot_info.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "os/random.h"
#include "text/json_write.h"
#include "vault/repository/record.h"

enum { NAME_SIZE = 129 };

/* --- Keys --- */

bool bsi_is_snapshot_key(const char *key)
{
    const size_t before = sizeof(BSI_SNAPSHOT_KEY_PREFIX) - 1;
    bsi_digest id;

    return strlen(key) == BSI_SNAPSHOT_KEY_SIZE - 1 &&
           memcmp(key, BSI_SNAPSHOT_KEY_PREFIX, before) == 0 &&
           bsi_digest_parse(key + before, (size_t)2 * BSI_SHA256_SIZE, &id) == BS_OK;
}

bs_status bsi_snapshot_id_of_key(const char *key, bsi_digest *out)
{
    if (!bsi_is_snapshot_key(key)) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_NOT_FOUND, "'%s' is not the key of a snapshot", key);
    }
    return bsi_digest_parse(key + sizeof(BSI_SNAPSHOT_KEY_PREFIX) - 1, (size_t)2 * BSI_SHA256_SIZE,
                            out);
}

/* --- One that restic made --- */

/* A UUID of version 8, RFC 9562, 5.8: the first bytes of the snapshot's id. */
static void make_id(const bsi_digest *snapshot, char out[BS_ID_SIZE])
{
    uint8_t bytes[BSI_ID_BYTES];

    memcpy(bytes, snapshot->bytes, sizeof(bytes));
    bytes[6] = (uint8_t)(0x80 | (bytes[6] & 0x0f));
    bytes[8] = (uint8_t)(0x80 | (bytes[8] & 0x3f));
    bsi_id_format(bytes, out);
}

/* As much of a text as a name may have, with what it may not have replaced. */
static bool make_name(bsi_slice text, char out[NAME_SIZE])
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ._-";
    size_t size = 0;

    for (; size < text.size && size < NAME_SIZE - 1; size++) {
        const char byte = text.data[size];
        out[size] = '_';
        if (byte != '\0' && strchr(allowed, byte)) {
            out[size] = byte;
        }
    }
    while (size > 0 && out[size - 1] == ' ') {
        size--;
    }
    out[size] = '\0';
    if (size > 0 && (out[0] == '.' || out[0] == ' ')) {
        out[0] = '_';
    }
    return bsi_backup_name_is_valid(out);
}

static void choose_name(const bsi_snapshot *snapshot, char out[NAME_SIZE])
{
    const bsi_slice tag = snapshot->tags.count > 0 ? snapshot->tags.items[0] : (bsi_slice){"", 0};

    if (!make_name(tag, out) && !make_name(snapshot->hostname, out)) {
        (void)snprintf(out, NAME_SIZE, "restic");
    }
}

static bs_status list_paths(const bsi_snapshot *snapshot, char **out)
{
    bsi_json_writer json;
    bsi_buf text;
    bs_status status = BS_OK;

    bsi_buf_init(&text, (size_t)6 * BSI_SNAPSHOT_MAX);
    bsi_json_writer_init(&json, &text, BSI_JSON_COMPACT);
    bsi_json_begin_array(&json);
    for (size_t i = 0; i < snapshot->paths.count; i++) {
        bsi_json_write_string(&json, snapshot->paths.items[i]);
    }
    bsi_json_end_array(&json);
    status = bsi_json_writer_finish(&json);
    if (status >= 0) {
        *out = bsi_buf_take_text(&text);
        status = *out ? BS_OK : BS_E_NOMEM;
    }
    bsi_buf_dispose(&text);
    return status;
}

static bsi_time moment(const bsi_go_time *time)
{
    return (bsi_time){time->sec, time->nsec};
}

static void take_times(const bsi_snapshot *snapshot, bsi_manifest_info *out)
{
    const bsi_snapshot_summary *summary = &snapshot->summary;
    const bool told = snapshot->has_summary && summary->backup_end.sec >= summary->backup_start.sec;

    out->created_at = moment(&snapshot->time);
    out->started_at = moment(told ? &summary->backup_start : &snapshot->time);
    out->completed_at = moment(told ? &summary->backup_end : &snapshot->time);
    out->scan_began = out->started_at;
}

bsi_encryption bsi_session_encryption(const bsi_repo_session *session)
{
    if (session->wrapped) {
        return BSI_ENCRYPTION_RSA;
    }
    return session->phraseless ? BSI_ENCRYPTION_NONE : BSI_ENCRYPTION_AES256;
}

const char *bsi_session_compression(const bsi_repo_session *session)
{
    return bsi_repo_config_of(session->repo)->version > 1 ? "zstd" : "none";
}

static bs_status describe(const bsi_snapshot *snapshot, const bsi_repo_session *session,
                          bsi_manifest_info *out)
{
    char name[NAME_SIZE];

    choose_name(snapshot, name);
    out->kind = snapshot->parent.given ? BSI_KIND_INCREMENTAL : BSI_KIND_FULL;
    out->encryption = bsi_session_encryption(session);
    out->retention_days = -1;
    take_times(snapshot, out);
    if (snapshot->has_summary) {
        out->entries = snapshot->summary.total_files_processed;
        out->files = snapshot->summary.total_files_processed;
        out->bytes = snapshot->summary.total_bytes_processed;
        out->bytes_stored_data = snapshot->summary.data_added_packed;
    }
    out->name = bsi_strdup(name);
    out->form = bsi_strdup("repository");
    out->compression = bsi_strdup(bsi_session_compression(session));
    out->note = bsi_strdup("");
    out->metadata = bsi_strdup("{}");
    out->options = bsi_strdup("{}");
    if (!out->name || !out->form || !out->compression || !out->note || !out->metadata ||
        !out->options) {
        return BS_E_NOMEM;
    }
    return list_paths(snapshot, &out->source_paths);
}

/* --- Either --- */

/* What only the file itself can tell. */
static bs_status take_file(const bsi_repo_session *session, const bsi_repo_file *file,
                           bsi_manifest_info *out)
{
    char key[BSI_REPO_KEY_SIZE];

    bsi_repo_object_key(session->repo, BSI_REPO_SNAPSHOTS, &file->id, key);
    bsi_free(out->container_key);
    out->container_key = bsi_strdup(key);
    out->manifest_size = file->size;
    out->manifest_sha256 = file->id;
    return out->container_key ? BS_OK : BS_E_NOMEM;
}

bs_status bsi_snapshot_info(const bsi_repo_session *session, const bsi_snapshot *snapshot,
                            const bsi_repo_file *file, bsi_manifest_info *out)
{
    bsi_manifest_info info = {.level = 0};
    bs_status status = bsi_record_parse(snapshot->others, &info);

    if (status == BS_END) {
        make_id(&file->id, info.id);
        status = describe(snapshot, session, &info);
    }
    if (status >= 0) {
        status = take_file(session, file, &info);
    }
    if (status < 0) {
        bsi_manifest_info_dispose(&info);
        return status;
    }
    *out = info;
    return BS_OK;
}
