/* SPDX-License-Identifier: MIT */
#include "schedule_output.h"

#include <inttypes.h>
#include <stdio.h>

#include "output.h"

/* "2026-11-23T02:30:00Z", or "-" where there is no time. */
static void show_time(const char *time, int width)
{
    if (*time) {
        (void)printf("%.19sZ%*s", time, width > 20 ? width - 20 : 0, "");
    } else {
        (void)printf("%-*s", width, "-");
    }
}

static const char *state_word(const bs_schedule_info *info)
{
    if (!info->is_active) {
        return "inactive";
    }
    if (info->overdue) {
        return "overdue";
    }
    return info->running ? "running" : "waiting";
}

static void list_text(const bs_schedule_page *page, uint64_t offset)
{
    if (page->count == 0) {
        (void)printf("no schedules\n");
        return;
    }
    (void)printf("%-8s  %-20s  %-20s  %-23s  %-24s  %s\n", "STATE", "NEXT", "LAST", "LAST STATUS",
                 "EXPRESSION", "NAME");
    for (size_t i = 0; i < page->count; i++) {
        const bs_schedule_info *info = page->items[i];

        (void)printf("%-8s  ", state_word(info));
        show_time(info->next_run_at, 22);
        show_time(info->last_run_at, 22);
        (void)printf("%-23s  %-24s  ", *info->last_status ? info->last_status : "-",
                     info->cron_expression);
        output_text(stdout, info->name);
        (void)printf("\n");
    }
    if (page->total > offset + page->count) {
        (void)printf("%zu of %" PRIu64 "; --offset %" PRIu64 " shows more\n", page->count,
                     page->total, offset + page->count);
    }
}

static void show_info_json(const bs_schedule_info *info)
{
    char *json = NULL;
    bs_status status = bs_schedule_info_to_json(info, &json);

    output_json_owned(stdout, status, json);
}

void schedule_show_list(const tool_run *tool, const bs_schedule_page *page,
                        const bs_schedule_filter *filter)
{
    if (!tool->json) {
        list_text(page, filter->offset);
        return;
    }
    (void)printf("{\"success\":true,\"total\":%" PRIu64 ",\"limit\":%u,\"offset\":%u,"
                 "\"schedules\":[",
                 page->total, filter->limit, filter->offset);
    for (size_t i = 0; i < page->count; i++) {
        (void)fputs(i > 0 ? "," : "", stdout);
        show_info_json(page->items[i]);
    }
    (void)printf("]}\n");
}

static void show_row(const char *label, const char *text)
{
    if (text && *text) {
        (void)printf("%-14s", label);
        output_text(stdout, text);
        (void)printf("\n");
    }
}

static void show_run(const bs_schedule_run_info *run)
{
    if (*run->due_at) {
        show_time(run->due_at, 22);
    } else {
        (void)printf("%-22s", "by hand");
    }
    (void)printf("%-15s  %s", bs_run_outcome_name(run->outcome), run->job_id);
    if (*run->status) {
        (void)printf("  %s", run->status);
    }
    if (run->error.code < 0) {
        (void)printf("  ");
        output_text(stdout, run->error.message);
    }
    (void)printf("\n");
}

static void show_text(const bs_schedule_info *info, const bs_schedule_runs *runs)
{
    show_row("id", info->id);
    show_row("name", info->name);
    show_row("state", state_word(info));
    show_row("expression", info->cron_expression);
    show_row("time zone", info->timezone);
    show_row("missed", bs_missed_name(info->missed));
    show_row("action", bs_schedule_action_name(info->action));
    show_row("request", info->backup_request ? info->backup_request : info->action_request);
    show_row("next", info->next_run_at);
    show_row("last", info->last_run_at);
    show_row("last status", info->last_status);
    show_row("last job", info->last_job_id);
    show_row("created", info->created_at);
    show_row("changed", info->updated_at);
    (void)printf("%-14s%" PRIu64 " started, %" PRIu64 " skipped as busy, %" PRIu64
                 " missed, %" PRIu64 " failed to start\n",
                 "runs", info->runs_started, info->runs_skipped_busy, info->runs_missed,
                 info->runs_failed_to_start);
    for (size_t i = 0; i < runs->count; i++) {
        (void)printf("  ");
        show_run(runs->items[i]);
    }
}

void schedule_show(const tool_run *tool, const bs_schedule_info *info, const bs_schedule_runs *runs)
{
    if (!tool->json) {
        show_text(info, runs);
        return;
    }
    (void)printf("{\"success\":true,\"schedule\":");
    show_info_json(info);
    (void)printf(",\"runs\":[");
    for (size_t i = 0; i < runs->count; i++) {
        char *json = NULL;
        bs_status status = bs_schedule_run_info_to_json(runs->items[i], &json);

        (void)fputs(i > 0 ? "," : "", stdout);
        output_json_owned(stdout, status, json);
    }
    (void)printf("]}\n");
}

void schedule_show_times(const tool_run *tool, const bs_schedule_times *times)
{
    if (tool->json) {
        (void)printf("{\"success\":true,\"times\":[");
    }
    for (size_t i = 0; i < times->count; i++) {
        (void)printf(tool->json ? "%s\"%s\"" : "%s%s\n", tool->json && i > 0 ? "," : "",
                     times->items[i]);
    }
    if (tool->json) {
        (void)printf("]}\n");
    }
}
