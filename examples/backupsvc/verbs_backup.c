/* SPDX-License-Identifier: MIT */
/*
 * backup: from arguments to options, from the finished job to words.
 */
#include <inttypes.h>
#include <stdio.h>

#include "backup_options.h"
#include "job.h"
#include "output.h"
#include "verbs.h"

static const job_kind backup_job = {"backup", bs_backup_wait, bs_backup_cancel};

static void show_text(const tool_run *tool, const bs_backup_info *info, double seconds)
{
    char size[OUTPUT_SIZE_TEXT];
    char stored[OUTPUT_SIZE_TEXT];

    job_show_warnings(tool, info->warnings, info->warnings_kept, info->warnings_count);
    if (info->status >= BS_STATE_FAILED) {
        job_show_error("backup", &info->error, info->status);
        return;
    }
    if (tool->quiet) {
        (void)printf("%s\n", info->id);
        return;
    }
    (void)printf("backup %s: %s, %s\n", info->id, bs_job_state_name(info->status),
                 bs_backup_type_name(info->backup_type));
    if (*info->note) {
        (void)printf("  note: ");
        output_text(stdout, info->note);
        (void)printf("\n");
    }
    (void)printf("  %" PRIu64 " files, %s in %.1f s; %s added as ", info->files_processed,
                 output_size(info->bytes_processed, size), seconds,
                 output_size(info->bytes_stored, stored));
    output_text(stdout, info->backup_file_path);
    (void)printf("\n");
}

static void show_json(const bs_backup_info *info)
{
    const job_end end = {"backup", info->id, info->status, &info->error};
    char *json = NULL;
    const bs_status status = bs_backup_info_to_json(info, &json);

    job_show_json(&end, status, json);
}

int backup_follow(tool_run *tool, bs_subscription *events, const char *id)
{
    bs_backup_info *info = NULL;
    double seconds = 0;
    bs_status ended = job_follow(tool, &backup_job, events, id, &seconds);

    if (bs_backup_get(tool->service, id, &info) < 0) {
        return output_fail_last(tool);
    }
    if (tool->json) {
        show_json(info);
    } else {
        show_text(tool, info, seconds);
    }
    bs_backup_info_free(info);
    return job_exit_code(ended);
}

static int run(tool_run *tool, const bs_backup_options *options, key_option *key)
{
    bs_subscription *events = NULL;
    char id[BS_ID_SIZE];
    int code = TOOL_FAILED;

    if (tool_open(tool, TOOL_CREATE) < 0) {
        return TOOL_FAILED;
    }
    if (bs_subscribe(tool->service, NULL, &events) < 0 ||
        bs_backup_start(tool->service, options, id) < 0) {
        code = output_fail_last(tool);
    } else {
        key_option_wipe(key); /* The library has what it needs. */
        code = backup_follow(tool, events, id);
    }
    bs_unsubscribe(events);
    return code;
}

int verb_backup(tool_run *tool, int argc, char **argv)
{
    backup_arguments given = BACKUP_ARGUMENTS_INIT;
    int code = TOOL_DONE;
    int first = backup_arguments_read(tool, argc, argv, NULL, 2, &given, &code);

    if (first >= 0 && backup_arguments_take(tool, &given, argv[first], argv + first + 1,
                                            argc - first - 1, &code)) {
        code = run(tool, &given.options, &given.key);
    }
    backup_arguments_free(&given);
    return code;
}
