/* SPDX-License-Identifier: MIT */
/*
 * drill: restore files of a backup, compare them, and throw them away.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job.h"
#include "key_options.h"
#include "output.h"
#include "verbs.h"

static const job_kind drill_job = {"drill", bs_drill_wait, bs_drill_cancel};

/* --- One drill --- */

static void drill_text(const tool_run *tool, const bs_drill_info *info)
{
    char size[OUTPUT_SIZE_TEXT];

    job_show_warnings(tool, info->warnings, info->warnings_kept, info->warnings_count);
    if (info->status >= BS_STATE_FAILED) {
        job_show_error("drill", &info->error, info->status);
    } else if (!tool->quiet) {
        (void)printf("drilled %s: %" PRIu64 " of %" PRIu64 " files, %s restored in %.1f s and as "
                     "they were backed up\n",
                     info->backup_id, info->files_restored, info->backup_files,
                     output_size(info->bytes_restored, size), info->restore_seconds);
    }
}

static void drill_json(const bs_drill_info *info)
{
    const job_end end = {"drill", NULL, info->status, &info->error};
    char *json = NULL;
    const bs_status status = bs_drill_info_to_json(info, &json);

    job_show_json(&end, status, json);
}

int drill_follow(tool_run *tool, bs_subscription *events, const char *id)
{
    bs_drill_info *info = NULL;
    double seconds = 0;
    bs_status ended = job_follow(tool, &drill_job, events, id, &seconds);

    if (bs_drill_get(tool->service, id, &info) < 0) {
        return output_fail_last(tool);
    }
    if (tool->json) {
        drill_json(info);
    } else {
        drill_text(tool, info);
    }
    bs_drill_info_free(info);
    return job_exit_code(ended);
}

static int run(tool_run *tool, const bs_drill_options *options)
{
    bs_subscription *events = NULL;
    char id[BS_ID_SIZE];
    int code = TOOL_DONE;

    if (bs_subscribe(tool->service, NULL, &events) < 0 ||
        bs_drill_start(tool->service, options, id) < 0) {
        code = output_fail_last(tool);
    } else {
        code = drill_follow(tool, events, id);
    }
    bs_unsubscribe(events);
    return code;
}

/* --- Reports --- */

static void show_times(const bs_drill_report *report)
{
    char size[OUTPUT_SIZE_TEXT];
    char time[OUTPUT_TIME_TEXT];

    if (report->measured_drills == 0) {
        return;
    }
    (void)printf("  measured:  %s, %.0f files a second, in %" PRIu64 " drills\n",
                 output_size((uint64_t)report->bytes_per_second, size), report->files_per_second,
                 report->measured_drills);
    if (*report->backup_id) {
        (void)printf("  expected:  %s for all of %s (%" PRIu64 " files, %s)\n",
                     output_duration(report->expected_seconds, time), report->backup_id,
                     report->backup_files, output_size(report->backup_bytes, size));
    }
}

static void show_report(const bs_drill_report *report)
{
    output_text(stdout, report->name);
    (void)printf("\n");
    if (*report->proven_at) {
        (void)printf("  proven:    %.19sZ, %s, %" PRIu64 " of %" PRIu64 " files\n",
                     report->proven_at, report->proven_backup_id, report->proven_files,
                     report->proven_backup_files);
    } else {
        (void)printf("  proven:    never\n");
    }
    if (report->drills > 0) {
        (void)printf("  last:      %.19sZ, %s\n", report->last_drill_at,
                     bs_job_state_name(report->last_status));
    }
    show_times(report);
}

static void show_reports_json(const bs_drill_reports *reports)
{
    (void)printf("{\"success\":true,\"reports\":[");
    for (size_t i = 0; i < reports->count; i++) {
        char *json = NULL;
        bs_status status = bs_drill_report_to_json(reports->items[i], &json);
        (void)fputs(i > 0 ? "," : "", stdout);
        output_json_owned(stdout, status, json);
    }
    (void)printf("]}\n");
}

static int tell(tool_run *tool, const char *name)
{
    bs_drill_reports *reports = NULL;

    if (tool_open(tool, TOOL_EXISTING) < 0) {
        return TOOL_FAILED;
    }
    if (bs_drill_list_reports(tool->service, name, &reports) < 0) {
        return output_fail_last(tool);
    }
    if (tool->json) {
        show_reports_json(reports);
    } else {
        for (size_t i = 0; i < reports->count; i++) {
            show_report(reports->items[i]);
        }
    }
    bs_drill_reports_free(reports);
    return TOOL_DONE;
}

/* --- The verb --- */

bool drill_take_sample(const char *text, bs_drill_options *options)
{
    char *end = NULL;
    const long value = strtol(text, &end, 10);
    const bool percent = strcmp(end, "%") == 0;

    if (end == text || (*end && !percent) || value < 1 || value > (percent ? 100 : INT32_MAX)) {
        return false;
    }
    *(percent ? &options->sample_percent : &options->sample_files) = (int32_t)value;
    return true;
}

/* What was given on the command line. */
typedef struct drill_arguments {
    bs_drill_options options;
    key_options keys;
    const char *name;
    const char *sample;
    const char *scratch;
    bool report;
} drill_arguments;

static int drill(tool_run *tool, drill_arguments *given, const char *reference)
{
    char *scratch = given->scratch ? tool_absolute_path(given->scratch) : NULL;
    bs_drill_options options = given->options;
    int code = TOOL_DONE;

    options.backup_id = reference;
    options.scratch_path = scratch;
    if (given->scratch && !scratch) {
        code = output_fail(tool, BS_E_NOMEM, "no memory");
    } else if (key_options_open(tool, &given->keys, TOOL_EXISTING, &code)) {
        code = run(tool, &options);
    }
    free(scratch);
    return code;
}

/* One backup: by its id, or the newest of a name. */
static int drill_one(tool_run *tool, drill_arguments *given, const char *id)
{
    char reference[512];

    if (!id == !given->name) {
        return output_usage(tool, "drill takes an id or --name; 'backupsvc help drill' shows the "
                                  "form");
    }
    if (given->sample && !drill_take_sample(given->sample, &given->options)) {
        return output_usage(tool, "--sample takes a number of files, or a share such as 5%%");
    }
    if (id) {
        return drill(tool, given, id);
    }
    (void)snprintf(reference, sizeof(reference), "latest:%s", given->name);
    return drill(tool, given, reference);
}

int verb_drill(tool_run *tool, int argc, char **argv)
{
    drill_arguments given = {.options = BS_DRILL_OPTIONS_INIT};
    const option_row rows[] = {
        {"name", OPTION_TEXT, &given.name, NULL, 0, 0},
        {"sample", OPTION_TEXT, &given.sample, NULL, 0, 0},
        {"all", OPTION_FLAG, &given.options.all, NULL, 0, 0},
        {"scratch", OPTION_TEXT, &given.scratch, NULL, 0, 0},
        {"report", OPTION_FLAG, &given.report, NULL, 0, 0},
        KEY_ROWS(&given.keys),
        {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
    };
    int code = TOOL_DONE;
    int first = options_read(tool, argc, argv, rows, 0, 1, &code);

    if (first < 0) {
        return code;
    }
    if (!given.report) {
        return drill_one(tool, &given, first < argc ? argv[first] : NULL);
    }
    return first < argc ? output_usage(tool, "--report takes no id, but --name")
                        : tell(tool, given.name);
}
