/* SPDX-License-Identifier: MIT */
/*
 * replicate: backups of one storage onto another.
 */
#include <inttypes.h>
#include <stdio.h>

#include "job.h"
#include "key_options.h"
#include "options.h"
#include "output.h"
#include "verbs.h"

static const job_kind replicate_job = {"replication", bs_replicate_wait, bs_replicate_cancel};

static void replicate_text(const tool_run *tool, const bs_replicate_info *info, double seconds)
{
    char size[OUTPUT_SIZE_TEXT];

    if (info->status >= BS_STATE_FAILED) {
        (void)fflush(stdout);
        job_show_error("replication", &info->error, info->status);
    } else if (!tool->quiet) {
        (void)printf("copied %" PRIu64 " backups to ", info->backups);
        output_text(stdout, info->to);
        (void)printf(" in %.1f s: %" PRIu64 " objects, %s; %" PRIu64 " backups were there already",
                     seconds, info->objects, output_size(info->bytes, size), info->backups_present);
        if (info->backups_passed_over > 0) {
            (void)printf("; %" PRIu64 " of other forms were passed over",
                         info->backups_passed_over);
        }
        (void)printf("\n");
    }
    job_show_warnings(tool, info->warnings, info->warnings_kept, info->warnings_count);
}

static void replicate_json(const bs_replicate_info *info)
{
    const job_end end = {"replication", NULL, info->status, &info->error};
    char *json = NULL;
    const bs_status status = bs_replicate_info_to_json(info, &json);

    job_show_json(&end, status, json);
}

static int replicate_follow(tool_run *tool, bs_subscription *events, const char *id)
{
    bs_replicate_info *info = NULL;
    double seconds = 0;
    bs_status ended = job_follow(tool, &replicate_job, events, id, &seconds);

    if (bs_replicate_get(tool->service, id, &info) < 0) {
        return output_fail_last(tool);
    }
    if (tool->json) {
        replicate_json(info);
    } else {
        replicate_text(tool, info, seconds);
    }
    bs_replicate_info_free(info);
    return job_exit_code(ended);
}

static int run_replicate(tool_run *tool, const bs_replicate_options *options)
{
    bs_subscription *events = NULL;
    char id[BS_ID_SIZE];
    int code = TOOL_FAILED;

    if (bs_subscribe(tool->service, NULL, &events) < 0 ||
        bs_replicate_start(tool->service, options, id) < 0) {
        code = output_fail_last(tool);
    } else {
        code = replicate_follow(tool, events, id);
    }
    bs_unsubscribe(events);
    return code;
}

int verb_replicate(tool_run *tool, int argc, char **argv)
{
    key_options keys = {{NULL, NULL}, {NULL, NULL}};
    bs_replicate_options options = BS_REPLICATE_OPTIONS_INIT;
    const option_row rows[] = {
        KEY_ROWS(&keys),
        {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
    };
    int code = TOOL_DONE;
    const int first = options_read(tool, argc, argv, rows, 2, -1, &code);

    if (first < 0) {
        return code;
    }
    options.storage = argv[first];
    options.to = argv[first + 1];
    options.backups = first + 2 < argc ? (const char *const *)(argv + first + 2) : NULL;
    if (key_options_open(tool, &keys, TOOL_EXISTING, &code)) {
        code = run_replicate(tool, &options);
    }
    return code;
}
