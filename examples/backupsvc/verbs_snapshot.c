/* SPDX-License-Identifier: MIT */
/*
 * snapshots, diff, find: what lies in a repository.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "output.h"
#include "repo_options.h"
#include "verbs.h"

/* --- snapshots --- */

static void show_paths(const bs_snapshot_info *info)
{
    for (size_t i = 0; info->paths[i]; i++) {
        (void)fputs(i > 0 ? ", " : "", stdout);
        output_text(stdout, info->paths[i]);
    }
    (void)printf("\n");
}

static void show_snapshot(const bs_snapshot_info *info)
{
    char size[OUTPUT_SIZE_TEXT];

    (void)printf("%.*s  %.19s%s  %-36s  ", SHORT_ID, info->id, info->time, *info->time ? "Z" : "",
                 *info->backup_id ? info->backup_id : "-");
    if (info->has_summary) {
        (void)printf("%8" PRIu64 "  %10s  ", info->files, output_size(info->bytes, size));
    } else {
        (void)printf("%8s  %10s  ", "-", "-");
    }
    output_text(stdout, info->hostname);
    (void)printf("  ");
    show_paths(info);
}

static void show_snapshots(const bs_snapshot_page *page)
{
    size_t unknown = 0;

    if (page->count > 0) {
        (void)printf("%-8s  %-20s  %-36s  %8s  %10s  %s\n", "ID", "TIME", "BACKUP", "FILES", "SIZE",
                     "HOST  PATHS");
    }
    for (size_t i = 0; i < page->count; i++) {
        show_snapshot(&page->items[i]);
        unknown += *page->items[i].backup_id ? 0 : 1;
    }
    (void)printf("%zu snapshots\n", page->count);
    if (unknown > 0) {
        (void)printf("%zu of them are not in the catalogue; 'backupsvc rebuild' takes them in\n",
                     unknown);
    }
}

static void show_snapshots_json(const bs_snapshot_page *page)
{
    (void)printf("{\"success\":true,\"unreadable\":%" PRIu64 ",\"snapshots\":[", page->unreadable);
    for (size_t i = 0; i < page->count; i++) {
        char *json = NULL;
        bs_status status = bs_snapshot_info_to_json(&page->items[i], &json);

        (void)fputs(i > 0 ? "," : "", stdout);
        output_json_owned(stdout, status, json);
    }
    (void)printf("]}\n");
}

int verb_snapshots(tool_run *tool, int argc, char **argv)
{
    repo_arguments given = REPO_ARGUMENTS_INIT;
    bs_snapshot_page *page = NULL;
    int code = TOOL_DONE;

    if (repo_options_begin(tool, argc, argv, &given, 0, &code) < 0) {
        return code;
    }
    if (bs_snapshot_list(tool->service, given.storage, &page) < 0) {
        return output_fail_last(tool);
    }
    if (tool->json) {
        show_snapshots_json(page);
    } else {
        show_snapshots(page);
    }
    code = page->unreadable > 0 ? TOOL_WARNINGS : TOOL_DONE;
    bs_snapshot_page_free(page);
    return code;
}

/* --- Lists that are printed as they come --- */

typedef struct printing {
    bool json;
    bool metadata; /* Also what only metadata tells apart. */
    uint64_t printed;
    uint64_t counts[BS_DIFFERENCE_TYPE + 1]; /* By kind. */
} printing;

/* Whether to go on after an item: what a callback returns. */
static int has_ended(void)
{
    return tool_interrupted() || ferror(stdout);
}

static int print_json(printing *self, bs_status status, char *json)
{
    (void)fputs(self->printed++ > 0 ? "," : "", stdout);
    output_json_owned(stdout, status, json);
    return status < 0 || has_ended();
}

/* The end of a document: what became of it stands behind its list. */
static int end_json(bs_status status)
{
    const bs_error error = *bs_error_last();

    (void)printf("\"success\":%s", status < 0 ? "false" : "true");
    if (status < 0) {
        char *json = NULL;
        const bs_status made = bs_error_to_json(&error, &json);

        (void)printf(",\"error\":");
        output_json_owned(stdout, made, json);
    }
    (void)printf("}\n");
    return status < 0 ? TOOL_FAILED : TOOL_DONE;
}

static void print_path(const bs_entry *entry)
{
    output_bytes(stdout, entry->path, entry->path_size);
    (void)fputs(entry->type == BS_ENTRY_DIR ? "/\n" : "\n", stdout);
}

/* --- diff --- */

static int print_difference(void *user, const bs_difference *difference)
{
    static const char letters[] = "?+-MUT";
    printing *self = user;
    char *json = NULL;

    self->counts[difference->kind]++;
    if (difference->kind == BS_DIFFERENCE_METADATA && !self->metadata) {
        return has_ended();
    }
    if (self->json) {
        const bs_status status = bs_difference_to_json(difference, &json);
        return print_json(self, status, json);
    }
    (void)printf("%c  ", letters[difference->kind]);
    print_path(difference->after ? difference->after : difference->before);
    return has_ended();
}

static int diff_json(const printing *self, bs_status status)
{
    (void)printf("],");
    for (int kind = BS_DIFFERENCE_ADDED; kind <= BS_DIFFERENCE_TYPE; kind++) {
        (void)printf("\"%s\":%" PRIu64 ",", bs_difference_kind_name((bs_difference_kind)kind),
                     self->counts[kind]);
    }
    return end_json(status);
}

int verb_diff(tool_run *tool, int argc, char **argv)
{
    repo_arguments given = REPO_ARGUMENTS_INIT;
    printing self = {.json = tool->json};
    const option_row rows[] = {
        REPO_ROWS(&given),
        {"metadata", OPTION_FLAG, &self.metadata, NULL, 0, 0},
        {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
    };
    bs_status status = BS_OK;
    int code = TOOL_DONE;
    const int first = options_read(tool, argc, argv, rows, 2, 2, &code);

    if (first < 0 || !key_options_open(tool, &given.keys, TOOL_EXISTING, &code)) {
        return code;
    }
    self.json = tool->json;
    (void)fputs(self.json ? "{\"differences\":[" : "", stdout);
    status = bs_snapshot_diff(tool->service, given.storage, argv[first], argv[first + 1],
                              print_difference, &self);
    if (self.json) {
        return diff_json(&self, status);
    }
    if (status < 0) {
        return output_fail_last(tool);
    }
    if (!tool->quiet) {
        (void)printf("%" PRIu64 " added, %" PRIu64 " removed, %" PRIu64 " changed, %" PRIu64
                     " with other metadata, %" PRIu64 " of another type\n",
                     self.counts[BS_DIFFERENCE_ADDED], self.counts[BS_DIFFERENCE_REMOVED],
                     self.counts[BS_DIFFERENCE_CHANGED], self.counts[BS_DIFFERENCE_METADATA],
                     self.counts[BS_DIFFERENCE_TYPE]);
    }
    return TOOL_DONE;
}

/* --- find --- */

static int print_match(void *user, const bs_find_match *match)
{
    printing *self = user;
    char *json = NULL;

    if (self->json) {
        const bs_status status = bs_find_match_to_json(match, &json);
        return print_json(self, status, json);
    }
    self->printed++;
    (void)printf("%.*s  %.19s%s  %12" PRIu64 "  ", SHORT_ID, match->snapshot->id,
                 match->snapshot->time, *match->snapshot->time ? "Z" : "", match->entry->size);
    print_path(match->entry);
    return has_ended();
}

static int find(tool_run *tool, const bs_find_options *options)
{
    printing self = {.json = tool->json};
    bs_status status = BS_OK;
    int code = TOOL_DONE;

    (void)fputs(self.json ? "{\"matches\":[" : "", stdout);
    status = bs_snapshot_find(tool->service, options, print_match, &self);
    if (self.json) {
        (void)printf("],");
        code = end_json(status);
    } else if (status < 0) {
        code = output_fail_last(tool);
    } else if (!tool->quiet) {
        (void)printf("%" PRIu64 " found\n", self.printed);
    }
    return status == BS_PARTIAL ? TOOL_WARNINGS : code;
}

int verb_find_paths(tool_run *tool, int argc, char **argv)
{
    repo_arguments given = REPO_ARGUMENTS_INIT;
    bs_find_options options = BS_FIND_OPTIONS_INIT;
    option_list snapshots = {NULL, 0};
    const option_row rows[] = {
        REPO_ROWS(&given),
        {"snapshot", OPTION_LIST, &snapshots, NULL, 0, 0},
        {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
    };
    int code = TOOL_DONE;
    const int first = options_read(tool, argc, argv, rows, 1, -1, &code);

    if (first >= 0 && key_options_open(tool, &given.keys, TOOL_EXISTING, &code)) {
        options.storage = given.storage;
        options.patterns = (const char *const *)(argv + first);
        options.snapshots = snapshots.items;
        code = find(tool, &options);
    }
    option_list_free(&snapshots);
    return code;
}
