/* SPDX-License-Identifier: MIT */
/*
 * Infos of storages as JSON. A key is the name of the struct's member.
 */
#include <backupsvc/json.h>

#include "api/check.h"
#include "api/json_document.h"

static void write_storage(bsi_json_writer *json, const bs_storage_info *info)
{
    bsi_json_begin_object(json);
    bsi_json_put_text(json, "name", info->name);
    bsi_json_put_text(json, "driver", info->driver);
    bsi_json_put_bool(json, "is_kept", info->is_kept);
    bsi_json_put_bool(json, "is_open", info->is_open);
    bsi_json_write_key(json, "settings");
    bsi_json_begin_object(json);
    for (const char *const *pair = info->settings; pair && pair[0]; pair += 2) {
        bsi_json_put_text(json, pair[0], pair[1]);
    }
    bsi_json_end_object(json);
    bsi_json_end_object(json);
}

bs_status bs_storage_list_info_to_json(const bs_storage_list_info *info, char **out)
{
    bsi_json_writer json;
    bsi_buf buf;

    BSI_REQUIRE(info);
    BSI_REQUIRE(out);
    bsi_json_document_begin(&json, &buf);
    bsi_json_write_key(&json, "storages");
    bsi_json_begin_array(&json);
    for (size_t i = 0; i < info->storages_count; i++) {
        write_storage(&json, &info->storages[i]);
    }
    bsi_json_end_array(&json);
    return bsi_json_document_end(&json, &buf, out);
}

static void write_step(bsi_json_writer *json, const bs_storage_step *step)
{
    const bool failed = step->result == BS_STORAGE_FAILED;

    bsi_json_begin_object(json);
    bsi_json_put_text(json, "name", step->name);
    bsi_json_put_text(json, "result", bs_storage_result_name(step->result));
    bsi_json_put_double(json, "seconds", step->seconds);
    bsi_json_put_text(json, "code", failed ? bs_status_name(step->code) : NULL);
    bsi_json_put_text(json, "message", failed ? step->message : NULL);
    bsi_json_end_object(json);
}

bs_status bs_storage_check_info_to_json(const bs_storage_check_info *info, char **out)
{
    bsi_json_writer json;
    bsi_buf buf;

    BSI_REQUIRE(info);
    BSI_REQUIRE(out);
    bsi_json_document_begin(&json, &buf);
    bsi_json_put_text(&json, "name", info->name);
    bsi_json_put_text(&json, "driver", info->driver);
    bsi_json_put_bool(&json, "is_good", info->is_good);
    bsi_json_write_key(&json, "steps");
    bsi_json_begin_array(&json);
    for (size_t i = 0; i < info->steps_count; i++) {
        write_step(&json, &info->steps[i]);
    }
    bsi_json_end_array(&json);
    bsi_json_write_key(&json, "clock_ahead_seconds");
    if (info->clock_is_known) {
        bsi_json_write_double(&json, info->clock_ahead_seconds);
    } else {
        bsi_json_write_null(&json);
    }
    bsi_json_write_key(&json, "free_bytes");
    if (info->free_is_known) {
        bsi_json_write_u64(&json, info->free_bytes);
    } else {
        bsi_json_write_null(&json);
    }
    return bsi_json_document_end(&json, &buf, out);
}
