/* SPDX-License-Identifier: MIT */
/*
 * list and show: what the catalogue knows of backups.
 */
#include <inttypes.h>
#include <stdio.h>

#include "job.h"
#include "options.h"
#include "output.h"
#include "verbs.h"

static const char *type_name(int value)
{
    return bs_backup_type_name((bs_backup_type)value);
}

static const char *state_name(int value)
{
    return bs_job_state_name((bs_job_state)value);
}

static void list_text(const bs_backup_page *page, uint64_t offset)
{
    char size[OUTPUT_SIZE_TEXT];

    if (page->count == 0) {
        (void)printf("no backups\n");
        return;
    }
    (void)printf("%-36s  %-20s  %-12s  %8s  %10s  %-10s  %s\n", "ID", "CREATED", "TYPE", "FILES",
                 "SIZE", "STATUS", "NAME");
    for (size_t i = 0; i < page->count; i++) {
        const bs_backup_info *info = page->items[i];
        const char *state = info->status == BS_STATE_COMPLETED_WITH_WARNINGS
                                ? "warnings"
                                : bs_job_state_name(info->status);

        state = *info->marked_at ? "marked" : state;
        (void)printf("%-36s  %.19sZ  %-12s  %8" PRIu64 "  %10s  %-10s  ", info->id,
                     info->created_at, bs_backup_type_name(info->backup_type),
                     info->files_processed, output_size(info->backup_size, size), state);
        output_text(stdout, info->name);
        (void)printf("\n");
    }
    if (page->total > offset + page->count) {
        (void)printf("%zu of %" PRIu64 "; --offset %" PRIu64 " shows more\n", page->count,
                     page->total, offset + page->count);
    }
}

static void list_json(const bs_backup_page *page, const bs_backup_filter *filter)
{
    (void)printf("{\"success\":true,\"total\":%" PRIu64 ",\"limit\":%u,\"offset\":%u,"
                 "\"backups\":[",
                 page->total, filter->limit, filter->offset);
    for (size_t i = 0; i < page->count; i++) {
        char *json = NULL;
        bs_status status = bs_backup_info_to_json(page->items[i], &json);

        (void)fputs(i > 0 ? "," : "", stdout);
        output_json_owned(stdout, status, json);
    }
    (void)printf("]}\n");
}

int verb_list(tool_run *tool, int argc, char **argv)
{
    bs_backup_filter filter = BS_BACKUP_FILTER_INIT;
    option_number limit = {.value = 50, .lowest = 1, .highest = 1000};
    option_number offset = {.lowest = 0, .highest = UINT32_MAX};
    int type = 0;
    int state = -1;
    const option_row rows[] = {
        {"name", OPTION_TEXT, &filter.name, NULL, 0, 0},
        {"status", OPTION_WORD, &state, state_name, BS_STATE_PENDING, BS_STATE_CANCELLED},
        {"type", OPTION_WORD, &type, type_name, 1, BS_BACKUP_MIRROR},
        {"limit", OPTION_NUMBER, &limit, NULL, 0, 0},
        {"offset", OPTION_NUMBER, &offset, NULL, 0, 0},
        {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
    };
    bs_job_state wanted = BS_STATE_PENDING;
    bs_backup_page *page = NULL;
    int first = 0;
    int code = TOOL_DONE;

    first = options_read(tool, argc, argv, rows, 0, 0, &code);
    if (first < 0) {
        return code;
    }
    if (tool_open(tool, TOOL_EXISTING) < 0) {
        return TOOL_FAILED;
    }
    wanted = (bs_job_state)state;
    filter.backup_type = (bs_backup_type)type;
    filter.status = state >= 0 ? &wanted : NULL;
    filter.limit = (uint32_t)limit.value;
    filter.offset = (uint32_t)offset.value;
    if (bs_backup_list(tool->service, &filter, &page) < 0) {
        return output_fail_last(tool);
    }
    if (tool->json) {
        list_json(page, &filter);
    } else {
        list_text(page, filter.offset);
    }
    bs_backup_page_free(page);
    return TOOL_DONE;
}

static void show_row(const char *label, const char *text)
{
    if (*text) {
        (void)printf("%-14s", label);
        output_text(stdout, text);
        (void)printf("\n");
    }
}

static void show_numbers(const bs_backup_info *info)
{
    char size[OUTPUT_SIZE_TEXT];
    char stored[OUTPUT_SIZE_TEXT];
    char same[OUTPUT_SIZE_TEXT];

    (void)printf("%-14s%" PRIu64 " of %" PRIu64 ", %s\n", "files", info->files_processed,
                 info->total_files, output_size(info->bytes_processed, size));
    (void)printf("%-14s%s added, %s held already, %s in all\n", "stored",
                 output_size(info->bytes_stored, stored),
                 output_size(info->bytes_deduplicated, same), output_size(info->backup_size, size));
    if (info->retention_days < 0) {
        (void)printf("%-14sfor ever\n", "kept");
    } else if (info->retention_days == 0) {
        (void)printf("%-14sas long as the rules of its name say\n", "kept");
    } else {
        (void)printf("%-14s%d days, until %s\n", "kept", info->retention_days, info->expires_at);
    }
}

/* What keeps it, and what is going to become of it. */
static void show_retention(const bs_backup_info *info)
{
    const struct {
        const char *name;
        int32_t value;
    } rules[] = {
        {"last", info->keep_last},       {"hourly", info->keep_hourly},
        {"daily", info->keep_daily},     {"weekly", info->keep_weekly},
        {"monthly", info->keep_monthly}, {"yearly", info->keep_yearly},
    };
    const char *label = "rules";

    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (rules[i].value > 0) {
            (void)printf("%-14skeep_%s %d\n", label, rules[i].name, (int)rules[i].value);
            label = "";
        }
    }
    for (size_t i = 0; i < info->pins_count; i++) {
        show_row(info->pins[i].hold ? "held" : "pinned", info->pins[i].reason);
        show_row("  until", info->pins[i].until);
    }
    show_row("marked", info->marked_at);
    show_row("removed after", info->remove_after);
}

static void show_copies(const bs_backup_info *info)
{
    for (size_t i = 0; i < info->copies_count; i++) {
        const bs_backup_copy *copy = &info->copies[i];

        (void)printf("%-14s%s, %s\n", i == 0 ? "copies" : "", copy->storage,
                     bs_job_state_name(copy->status));
        show_row("", copy->error.message);
    }
}

static void show_text(const tool_run *tool, const bs_backup_info *info)
{
    show_row("id", info->id);
    show_row("name", info->name);
    for (const char *const *path = info->source_paths; path && *path; path++) {
        show_row(path == info->source_paths ? "source" : "", *path);
    }
    show_row("status", bs_job_state_name(info->status));
    show_row("type", bs_backup_type_name(info->backup_type));
    show_row("base", info->base_id);
    show_row("note", info->note);
    show_row("form", bs_form_name(info->form));
    show_row("compression", bs_compression_name(info->compression));
    show_row("storage", info->storage);
    show_row("object", info->backup_file_path);
    show_row("manifest", info->manifest_path);
    show_copies(info);
    show_row("created", info->created_at);
    show_row("started", info->started_at);
    show_row("completed", info->completed_at);
    show_numbers(info);
    show_retention(info);
    show_row("metadata", info->metadata);
    (void)fflush(stdout);
    job_show_warnings(tool, info->warnings, info->warnings_kept, info->warnings_count);
    if (info->status >= BS_STATE_FAILED) {
        job_show_error("backup", &info->error, info->status);
    }
}

int verb_show(tool_run *tool, int argc, char **argv)
{
    bs_backup_info *info = NULL;
    int first = 0;
    int code = TOOL_DONE;

    first = options_read(tool, argc, argv, NULL, 1, 1, &code);
    if (first < 0) {
        return code;
    }
    if (tool_open(tool, TOOL_EXISTING) < 0) {
        return TOOL_FAILED;
    }
    if (bs_backup_get(tool->service, argv[first], &info) < 0) {
        return output_fail_last(tool);
    }
    if (tool->json) {
        char *json = NULL;
        bs_status status = bs_backup_info_to_json(info, &json);

        (void)printf("{\"success\":true,\"backup\":");
        output_json_owned(stdout, status, json);
        (void)printf("}\n");
    } else {
        show_text(tool, info);
    }
    bs_backup_info_free(info);
    return TOOL_DONE;
}
