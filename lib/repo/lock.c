/* SPDX-License-Identifier: MIT */
/*
 * The text of a lock:
 * {"time":..,"exclusive":..,"hostname":..,"username":..,"pid":..,"uid":..,"gid":..,"table":..}
 */
#include "repo/lock.h"

#include <inttypes.h>

/* Zero is left out. */
static bs_status put_id(bsi_buf *out, const char *key, uint32_t id)
{
    return id != 0 ? bsi_buf_append_format(out, ",\"%s\":%" PRIu32, key, id) : BS_OK;
}

static bs_status put_table(bsi_buf *out, bsi_slice table)
{
    if (table.size == 0) {
        return BS_OK;
    }
    BSI_TRY(bsi_buf_append_text(out, ",\"table\":"));
    return bsi_go_json_string(out, table);
}

static bs_status put_owner(const bsi_lock_info *info, bsi_buf *out)
{
    BSI_TRY(bsi_buf_append_text(out, ",\"hostname\":"));
    BSI_TRY(bsi_go_json_string(out, info->hostname));
    BSI_TRY(bsi_buf_append_text(out, ",\"username\":"));
    BSI_TRY(bsi_go_json_string(out, info->username));
    BSI_TRY(bsi_buf_append_format(out, ",\"pid\":%" PRIu32, info->pid));
    BSI_TRY(put_id(out, "uid", info->uid));
    BSI_TRY(put_id(out, "gid", info->gid));
    return put_table(out, info->table);
}

bs_status bsi_lock_info_write(const bsi_lock_info *info, bsi_buf *out)
{
    BSI_TRY(bsi_buf_append_text(out, "{\"time\":"));
    BSI_TRY(bsi_go_json_time(out, &info->time));
    BSI_TRY(bsi_buf_append_format(out, ",\"exclusive\":%s", info->exclusive ? "true" : "false"));
    BSI_TRY(put_owner(info, out));
    return bsi_buf_append_byte(out, '}');
}

static bs_status lock_member(bsi_json_reader *reader, bsi_slice key, void *user)
{
    bsi_lock_info *out = user;

    if (bsi_slice_is(key, "time")) {
        return bsi_json_read_go_time(reader, &out->memory.scratch, &out->time);
    }
    if (bsi_slice_is(key, "exclusive")) {
        return bsi_json_read_bool(reader, &out->exclusive);
    }
    if (bsi_slice_is(key, "hostname")) {
        return bsi_json_read_text(reader, &out->memory, &out->hostname);
    }
    if (bsi_slice_is(key, "username")) {
        return bsi_json_read_text(reader, &out->memory, &out->username);
    }
    if (bsi_slice_is(key, "pid")) {
        return bsi_json_read_u32(reader, &out->pid);
    }
    if (bsi_slice_is(key, "uid")) {
        return bsi_json_read_u32(reader, &out->uid);
    }
    if (bsi_slice_is(key, "gid")) {
        return bsi_json_read_u32(reader, &out->gid);
    }
    if (bsi_slice_is(key, "table")) {
        return bsi_json_read_text(reader, &out->memory, &out->table);
    }
    return bsi_json_skip(reader);
}

static bs_status read_lock(bsi_slice json, bsi_lock_info *out)
{
    bsi_json_reader reader;

    bsi_json_init(&reader, json.data, json.size, BS_LAYER_STORAGE, BS_E_CORRUPT);
    BSI_TRY(bsi_json_each_member(&reader, lock_member, out));
    BSI_TRY(bsi_json_end(&reader));
    if (out->time.sec == BSI_GO_TIME_NONE.sec) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "there is no time");
    }
    return BS_OK;
}

bs_status bsi_lock_info_parse(bsi_slice json, bsi_lock_info *out)
{
    bs_status status = BS_OK;

    *out = (bsi_lock_info){.time = BSI_GO_TIME_NONE};
    status = bsi_json_texts_init(&out->memory, json.size);
    if (status == BS_OK) {
        status = read_lock(json, out);
    }
    if (status < 0) {
        bsi_lock_info_dispose(out);
        return bsi_fail_context(BS_LAYER_STORAGE, status, "a lock");
    }
    return BS_OK;
}

void bsi_lock_info_dispose(bsi_lock_info *info)
{
    bsi_json_texts_dispose(&info->memory);
    *info = (bsi_lock_info){.time = BSI_GO_TIME_NONE};
}
