/* SPDX-License-Identifier: MIT */
/*
 * restore: from arguments to options, from the finished job to words.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "job.h"
#include "key_options.h"
#include "options.h"
#include "output.h"
#include "verbs.h"

static const job_kind restore_job = {"restore", bs_restore_wait, bs_restore_cancel};

static void show_text(const tool_run *tool, const bs_restore_info *info, double seconds)
{
    char size[OUTPUT_SIZE_TEXT];

    job_show_warnings(tool, info->warnings, info->warnings_kept, info->warnings_count);
    if (info->status >= BS_STATE_FAILED) {
        job_show_error("restore", &info->error, info->status);
        return;
    }
    if (tool->quiet) {
        return;
    }
    (void)printf("restore: %s\n  %" PRIu64 " files, %s in %.1f s below ",
                 bs_job_state_name(info->status), info->files_processed,
                 output_size(info->bytes_processed, size), seconds);
    output_text(stdout, info->restore_path);
    (void)printf("\n");
    if (info->files_skipped > 0) {
        (void)printf("  %" PRIu64 " files were there already and were kept; --overwrite replaces\n",
                     info->files_skipped);
    }
}

static void show_json(const bs_restore_info *info)
{
    const job_end end = {"restore", info->id, info->status, &info->error};
    char *json = NULL;
    const bs_status status = bs_restore_info_to_json(info, &json);

    job_show_json(&end, status, json);
}

static int follow(tool_run *tool, bs_subscription *events, const char *id)
{
    bs_restore_info *info = NULL;
    double seconds = 0;
    bs_status ended = job_follow(tool, &restore_job, events, id, &seconds);

    if (bs_restore_get(tool->service, id, &info) < 0) {
        return output_fail_last(tool);
    }
    if (tool->json) {
        show_json(info);
    } else {
        show_text(tool, info, seconds);
    }
    bs_restore_info_free(info);
    return job_exit_code(ended);
}

static int run(tool_run *tool, const bs_restore_options *options, key_options *keys)
{
    bs_subscription *events = NULL;
    char id[BS_ID_SIZE];
    int code = TOOL_FAILED;

    if (tool_open(tool, TOOL_EXISTING) < 0) {
        return TOOL_FAILED;
    }
    if (bs_subscribe(tool->service, NULL, &events) < 0 ||
        bs_restore_start(tool->service, options, id) < 0) {
        code = output_fail_last(tool);
    } else {
        key_options_wipe(keys); /* The library has what it needs. */
        code = follow(tool, events, id);
    }
    bs_unsubscribe(events);
    return code;
}

int verb_restore(tool_run *tool, int argc, char **argv)
{
    bs_restore_options options = BS_RESTORE_OPTIONS_INIT;
    option_list paths = {0};
    option_list owners = {0};
    key_options keys = {{NULL, NULL}, {NULL, NULL}};
    const option_row rows[] = {
        {"path", OPTION_LIST, &paths, NULL, 0, 0},
        {"owner-map", OPTION_LIST, &owners, NULL, 0, 0},
        {"overwrite", OPTION_FLAG, &options.overwrite, NULL, 0, 0},
        {"no-permissions", OPTION_FLAG, &options.no_permissions, NULL, 0, 0},
        {"no-ownership", OPTION_FLAG, &options.no_ownership, NULL, 0, 0},
        {"no-verify", OPTION_FLAG, &options.no_verify, NULL, 0, 0},
        {"privileged", OPTION_FLAG, &options.privileged, NULL, 0, 0},
        {"strip", OPTION_FLAG, &options.strip_source, NULL, 0, 0},
        KEY_ROWS(&keys),
        {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
    };
    char *target = NULL;
    int first = 0;
    int code = TOOL_DONE;

    first = options_read(tool, argc, argv, rows, 2, 2, &code);
    if (first < 0) {
        goto out;
    }
    target = tool_absolute_path(argv[first + 1]);
    if (!target) {
        code = output_fail(tool, BS_E_NOMEM, "out of memory");
        goto out;
    }
    if (!key_options_take(tool, &keys, false, &code)) {
        goto out;
    }
    options.encryption_key = key_option_reference(&keys.key);
    options.key_passphrase = key_option_reference(&keys.passphrase);
    options.backup_id = argv[first];
    options.restore_path = target;
    options.paths = paths.items;
    options.owner_map = owners.items;
    code = run(tool, &options, &keys);

out:
    key_options_wipe(&keys);
    free(target);
    option_list_free(&paths);
    option_list_free(&owners);
    return code;
}
