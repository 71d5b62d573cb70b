/* SPDX-License-Identifier: MIT */
/*
 * stats, metrics: what all backups add up to.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "output.h"
#include "verbs.h"

static void held_text(const bs_stats_info *stats)
{
    char size[OUTPUT_SIZE_TEXT];

    (void)printf("%-14s%" PRIu64 " of %" PRIu64 " names\n", "backups", stats->total_backups,
                 stats->names);
    (void)printf("%-14s%" PRIu64 ", %" PRIu64 " with warnings\n", "completed",
                 stats->completed_backups + stats->completed_with_warnings_backups,
                 stats->completed_with_warnings_backups);
    (void)printf("%-14s%" PRIu64 ", %" PRIu64 " cancelled, %" PRIu64 " running\n", "failed",
                 stats->failed_backups, stats->cancelled_backups, stats->running_backups);
    (void)printf("%-14s%s\n", "source", output_size(stats->source_bytes, size));
    (void)printf("%-14s%s, compressed %.2f times, held already %s\n", "stored",
                 output_size(stats->stored_bytes, size), stats->compression_ratio,
                 output_size(stats->deduplicated_bytes, (char[OUTPUT_SIZE_TEXT]){0}));
    if (*stats->oldest_backup_at) {
        (void)printf("%-14s%s\n%-14s%s\n", "oldest", stats->oldest_backup_at, "newest",
                     stats->newest_backup_at);
    }
    (void)printf("%-14s%s\n", "free", output_size(stats->storage_free_bytes, size));
}

static void span_row(const char *label, const bs_stats_span *span)
{
    char size[OUTPUT_SIZE_TEXT];
    char held[OUTPUT_SIZE_TEXT];

    (void)printf("%-14.10s%6" PRIu64 "  %6" PRIu64 "  ", label, span->runs, span->failed);
    if (span->completed + span->completed_with_warnings + span->failed > 0) {
        (void)printf("%6.1f %%", 100 * span->success_rate);
    } else {
        (void)printf("%8s", "-");
    }
    (void)printf("  %10s  %10s\n", output_size(span->stored_bytes, size),
                 output_size(span->held_bytes, held));
}

static void span_head(const char *first)
{
    (void)printf("\n%-14s%6s  %6s  %8s  %10s  %10s\n", first, "RUNS", "FAILED", "SUCCESS",
                 "WRITTEN", "HELD");
}

static void names_text(const bs_stats_info *stats)
{
    char size[OUTPUT_SIZE_TEXT];

    (void)printf("\n%-20s  %-10s  %10s  %10s  %s\n", "LAST SUCCESS", "LAST RUN", "HELD", "DURATION",
                 "NAME");
    for (size_t i = 0; i < stats->by_name_count; i++) {
        const bs_stats_name *name = &stats->by_name[i];
        const char *state = name->last_run_status == BS_STATE_COMPLETED_WITH_WARNINGS
                                ? "warnings"
                                : bs_job_state_name(name->last_run_status);

        (void)printf("%-20.19s  %-10s  %10s  ",
                     *name->last_success_at ? name->last_success_at : "-",
                     *name->last_run_at ? state : "-", output_size(name->stored_bytes, size));
        (void)printf("%8.1f s  ", name->duration_median_seconds);
        output_text(stdout, name->name);
        (void)printf("\n");
    }
}

static void stats_text(const bs_stats_info *stats)
{
    held_text(stats);
    span_head("LAST");
    span_row("24 hours", &stats->day);
    span_row("7 days", &stats->week);
    span_row("30 days", &stats->month);
    if (stats->by_name_count > 0) {
        names_text(stats);
    }
}

static int show_stats(tool_run *tool)
{
    bs_stats_info *stats = NULL;

    if (bs_stats(tool->service, &stats) < 0) {
        return output_fail_last(tool);
    }
    if (tool->json) {
        char *json = NULL;
        bs_status status = bs_stats_info_to_json(stats, &json);

        (void)printf("{\"success\":true,\"statistics\":");
        output_json_owned(stdout, status, json);
        (void)printf("}\n");
    } else {
        stats_text(stats);
    }
    bs_stats_info_free(stats);
    return TOOL_DONE;
}

static int show_history(tool_run *tool, const bs_stats_history_options *options)
{
    bs_stats_history_info *history = NULL;

    if (bs_stats_history(tool->service, options, &history) < 0) {
        return output_fail_last(tool);
    }
    if (tool->json) {
        char *json = NULL;
        bs_status status = bs_stats_history_info_to_json(history, &json);

        (void)printf("{\"success\":true,\"history\":");
        output_json_owned(stdout, status, json);
        (void)printf("}\n");
    } else {
        span_head("FROM");
        for (size_t i = 0; i < history->count; i++) {
            span_row(history->spans[i].from, &history->spans[i]);
        }
    }
    bs_stats_history_info_free(history);
    return TOOL_DONE;
}

int verb_stats(tool_run *tool, int argc, char **argv)
{
    bs_stats_history_options options = BS_STATS_HISTORY_OPTIONS_INIT;
    option_number days = {.lowest = 1, .highest = 3650};
    const option_row rows[] = {
        {"history", OPTION_NUMBER, &days, NULL, 0, 0},
        {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
    };
    int first = 0;
    int code = TOOL_DONE;

    first = options_read(tool, argc, argv, rows, 0, 0, &code);
    if (first < 0) {
        return code;
    }
    if (tool_open(tool, TOOL_EXISTING) < 0) {
        return TOOL_FAILED;
    }
    options.days = (uint32_t)days.value;
    return options.days > 0 ? show_history(tool, &options) : show_stats(tool);
}

/* --- Metrics --- */

/* In place all at once, as who reads the file expects. */
static int write_file(const tool_run *tool, const char *path, const char *text)
{
    const size_t size = strlen(path) + sizeof(".new");
    char *fresh = malloc(size);
    FILE *file = NULL;
    bool written = false;

    if (fresh) {
        (void)snprintf(fresh, size, "%s.new", path);
        file = fopen(fresh, "we");
    }
    if (file) {
        written = fputs(text, file) >= 0;
        written = fclose(file) == 0 && written && rename(fresh, path) == 0;
    }
    if (!written) {
        const int code = output_fail(tool, BS_E_IO, "%s: %s", path, strerror(errno));

        if (file) {
            (void)remove(fresh);
        }
        free(fresh);
        return code;
    }
    free(fresh);
    if (tool->json) {
        (void)printf("{\"success\":true}\n");
    }
    return TOOL_DONE;
}

static int show_metrics(const tool_run *tool, const char *text)
{
    if (tool->json) {
        (void)printf("{\"success\":true,\"metrics\":");
        output_json_text(stdout, text);
        (void)printf("}\n");
    } else {
        (void)fputs(text, stdout);
    }
    return TOOL_DONE;
}

int verb_metrics(tool_run *tool, int argc, char **argv)
{
    const char *path = NULL;
    const option_row rows[] = {
        {"textfile", OPTION_TEXT, &path, NULL, 0, 0},
        {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
    };
    char *text = NULL;
    int first = 0;
    int code = TOOL_DONE;

    first = options_read(tool, argc, argv, rows, 0, 0, &code);
    if (first < 0) {
        return code;
    }
    if (tool_open(tool, TOOL_EXISTING) < 0) {
        return TOOL_FAILED;
    }
    if (bs_metrics(tool->service, &text) < 0) {
        return output_fail_last(tool);
    }
    code = path ? write_file(tool, path, text) : show_metrics(tool, text);
    bs_free(text);
    return code;
}
