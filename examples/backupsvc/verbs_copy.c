/* SPDX-License-Identifier: MIT */
/*
 * copy: snapshots, archives and mirrors into another repository.
 */
#include <inttypes.h>
#include <stdio.h>

#include "job.h"
#include "output.h"
#include "repo_options.h"
#include "verbs.h"

static const job_kind copy_job = {"copy", bs_copy_wait, bs_copy_cancel};

static void copy_text(const tool_run *tool, const bs_copy_info *info, double seconds)
{
    char size[OUTPUT_SIZE_TEXT];

    repo_show_findings(info->findings, info->findings_kept, info->snapshots_failed, true);
    if (info->status >= BS_STATE_FAILED) {
        (void)fflush(stdout);
        job_show_error("copy", &info->error, info->status);
    } else if (!tool->quiet) {
        (void)printf("copied %" PRIu64 " snapshots in %.1f s: %" PRIu64 " blobs, %s; %" PRIu64
                     " snapshots were there already\n",
                     info->snapshots, seconds, info->blobs, output_size(info->bytes, size),
                     info->snapshots_present);
    }
}

static void copy_json(const bs_copy_info *info)
{
    const job_end end = {"copy", NULL, info->status, &info->error};
    char *json = NULL;
    const bs_status status = bs_copy_info_to_json(info, &json);

    job_show_json(&end, status, json);
}

static int copy_follow(tool_run *tool, bs_subscription *events, const char *id)
{
    bs_copy_info *info = NULL;
    double seconds = 0;
    bs_status ended = job_follow(tool, &copy_job, events, id, &seconds);

    if (bs_copy_get(tool->service, id, &info) < 0) {
        return output_fail_last(tool);
    }
    if (tool->json) {
        copy_json(info);
    } else {
        copy_text(tool, info, seconds);
    }
    bs_copy_info_free(info);
    return job_exit_code(ended);
}

static int run_copy(tool_run *tool, const bs_copy_options *options)
{
    bs_subscription *events = NULL;
    char id[BS_ID_SIZE];
    int code = TOOL_FAILED;

    if (bs_subscribe(tool->service, NULL, &events) < 0 ||
        bs_copy_start(tool->service, options, id) < 0) {
        code = output_fail_last(tool);
    } else {
        code = copy_follow(tool, events, id);
    }
    bs_unsubscribe(events);
    return code;
}

/* Open the service, which then knows both pass phrases. */
static bool open_both(tool_run *tool, repo_arguments *given, int *code_out)
{
    const char *added = NULL;

    if (!key_option_take(tool, &given->added, "to-key", false, code_out) ||
        !key_options_open(tool, &given->keys, TOOL_EXISTING, code_out)) {
        return false;
    }
    added = key_option_reference(&given->added);
    if (added && bs_key_unlock(tool->service, added, NULL) < 0) {
        *code_out = output_fail_last(tool);
        return false;
    }
    return true;
}

int verb_copy(tool_run *tool, int argc, char **argv)
{
    repo_arguments given = REPO_ARGUMENTS_INIT;
    bs_copy_options options = BS_COPY_OPTIONS_INIT;
    const option_row rows[] = {
        REPO_ROWS(&given),
        {"to", OPTION_TEXT, &options.to, NULL, 0, 0},
        {"to-key", OPTION_TEXT, &given.added.given, NULL, 0, 0},
        {"archives", OPTION_FLAG, &options.archives, NULL, 0, 0},
        {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
    };
    int code = TOOL_DONE;
    const int first = options_read(tool, argc, argv, rows, 0, -1, &code);

    if (first < 0) {
        return code;
    }
    if (!options.to) {
        return output_usage(tool, "copy needs --to: the storage of the other repository");
    }
    options.storage = given.storage;
    options.snapshots = first < argc ? (const char *const *)(argv + first) : NULL;
    if (open_both(tool, &given, &code)) {
        code = run_copy(tool, &options);
    }
    key_option_wipe(&given.added);
    return code;
}
