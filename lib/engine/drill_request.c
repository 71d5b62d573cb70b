/* SPDX-License-Identifier: MIT */
/*
 * What a drill is asked to do.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "engine/drill.h"
#include "engine/paths.h"
#include "engine/service.h"
#include "text/json_write.h"

enum {
    SAMPLE_USUAL = 100,
    SAMPLE_FILES_MAX = 10000000,
    OPTIONS_MAX = 64 * 1024,
};

static void check_size(const bs_drill_options *options, bsi_complaints *complaints)
{
    if (options->sample_files < 0 || options->sample_files > SAMPLE_FILES_MAX) {
        bsi_complain_invalid(complaints, "sample_files: takes 1 to %d", SAMPLE_FILES_MAX);
    }
    if (options->sample_percent < 0 || options->sample_percent > 100) {
        bsi_complain_invalid(complaints, "sample_percent: takes 1 to 100");
    }
    if ((options->sample_files != 0) + (options->sample_percent != 0) + options->all > 1) {
        bsi_complain_invalid(complaints, "takes one of sample_files, sample_percent and all");
    }
}

static void check_scratch(const bs_service *service, const char *given, bsi_complaints *complaints)
{
    char *clean = NULL;

    if (!given) {
        return;
    }
    clean = bsi_utf8_valid(given, strlen(given)) ? bsi_path_normalise(given) : NULL;
    if (!clean) {
        bsi_complain_invalid(complaints,
                             "scratch_path: takes an absolute path in UTF-8 without '..'");
    } else if (bsi_path_is_within(clean, service->dir.path)) {
        bsi_complain_invalid(complaints,
                             "scratch_path: '%.200s' lies in the service's own state directory; "
                             "leave it out for a place there",
                             clean);
    }
    bsi_free(clean);
}

void bsi_drill_check(const bs_service *service, const bs_drill_options *options,
                     bsi_complaints *complaints)
{
    if (!options->backup_id || !options->backup_id[0]) {
        bsi_complain_invalid(complaints, "backup_id: is missing");
    }
    check_size(options, complaints);
    check_scratch(service, options->scratch_path, complaints);
}

bsi_sample_size bsi_drill_size(const bs_drill_options *options)
{
    const uint64_t files = options->sample_files > 0 ? (uint64_t)options->sample_files : 0;

    if (options->all) {
        return (bsi_sample_size){0};
    }
    if (options->sample_percent > 0) {
        return (bsi_sample_size){.percent = (unsigned)options->sample_percent};
    }
    return (bsi_sample_size){.files = files > 0 ? files : SAMPLE_USUAL};
}

bs_status bsi_drill_write_options(const bs_drill_options *options, bsi_arena *arena,
                                  const char **out)
{
    bsi_json_writer json;
    bsi_buf buf;
    bs_status status = BS_OK;

    bsi_buf_init(&buf, OPTIONS_MAX);
    bsi_json_writer_init(&json, &buf, BSI_JSON_COMPACT);
    bsi_json_begin_object(&json);
    bsi_json_put_text(&json, "backup_id", options->backup_id);
    if (options->all) {
        bsi_json_put_bool(&json, "all", true);
    } else if (options->sample_percent > 0) {
        bsi_json_put_i64(&json, "sample_percent", options->sample_percent);
    } else {
        bsi_json_put_u64(&json, "sample_files", bsi_drill_size(options).files);
    }
    if (options->scratch_path) {
        bsi_json_put_text(&json, "scratch_path", options->scratch_path);
    }
    bsi_json_end_object(&json);
    status = bsi_json_writer_finish(&json);
    if (status >= 0) {
        *out = bsi_arena_slice(arena, (bsi_slice){(const char *)buf.data, buf.size});
        status = *out ? BS_OK : BS_E_NOMEM;
    }
    bsi_buf_dispose(&buf);
    return status;
}
