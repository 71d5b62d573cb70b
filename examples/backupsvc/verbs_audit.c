/* SPDX-License-Identifier: MIT */
/*
 * audit: who did what, and whether that record of it is still what was written.
 */
#include <inttypes.h>
#include <stdio.h>

#include "options.h"
#include "output.h"
#include "verbs.h"

/* --- show --- */

static void show_text(const char *before, const char *text)
{
    if (*text) {
        (void)fputs(before, stdout);
        output_text(stdout, text);
    }
}

static void show_record(const bs_audit_record *record)
{
    (void)printf("%6" PRIu64 "  %.19sZ  %-9s  %-16s", record->seq, record->time,
                 bs_audit_result_name(record->result), record->action);
    show_text("  ", record->object);
    show_text("  ", record->name);
    show_text("  by ", record->user);
    show_text(" for ", record->actor);
    show_text("  (", record->detail);
    (void)fputs(*record->detail ? ")" : "", stdout);
    show_text(": ", record->error);
    (void)printf("\n");
}

static void show_records_json(const bs_audit_page *page)
{
    (void)printf("{\"success\":true,\"next_before\":%" PRIu64 ",\"records\":[", page->next_before);
    for (size_t i = 0; i < page->count; i++) {
        char *json = NULL;
        bs_status status = bs_audit_record_to_json(page->items[i], &json);

        (void)fputs(i > 0 ? "," : "", stdout);
        output_json_owned(stdout, status, json);
    }
    (void)printf("]}\n");
}

static const char *result_name(int value)
{
    return bs_audit_result_name((bs_audit_result)value);
}

static int do_show(tool_run *tool, int argc, char **argv)
{
    bs_audit_filter filter = BS_AUDIT_FILTER_INIT;
    option_number limit = {.lowest = 1, .highest = 1000};
    option_number before = {.lowest = 1, .highest = INT64_MAX};
    int result = 0;
    const option_row rows[] = {
        {"action", OPTION_TEXT, &filter.action, NULL, 0, 0},
        {"object", OPTION_TEXT, &filter.object, NULL, 0, 0},
        {"name", OPTION_TEXT, &filter.name, NULL, 0, 0},
        {"actor", OPTION_TEXT, &filter.actor, NULL, 0, 0},
        {"user", OPTION_TEXT, &filter.user, NULL, 0, 0},
        {"since", OPTION_TEXT, &filter.since, NULL, 0, 0},
        {"until", OPTION_TEXT, &filter.until, NULL, 0, 0},
        {"result", OPTION_WORD, &result, result_name, BS_AUDIT_BEGUN, BS_AUDIT_CANCELLED},
        {"limit", OPTION_NUMBER, &limit, NULL, 0, 0},
        {"before", OPTION_NUMBER, &before, NULL, 0, 0},
        {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
    };
    bs_audit_page *page = NULL;
    int code = TOOL_DONE;

    if (options_read(tool, argc, argv, rows, 0, 0, &code) < 0) {
        return code;
    }
    filter.result = (bs_audit_result)result;
    filter.limit = (uint32_t)limit.value;
    filter.before = (uint64_t)before.value;
    if (tool_open(tool, TOOL_EXISTING) < 0) {
        return TOOL_FAILED;
    }
    if (bs_audit_list(tool->service, &filter, &page) < 0) {
        return output_fail_last(tool);
    }
    if (tool->json) {
        show_records_json(page);
    }
    for (size_t i = 0; i < page->count && !tool->json; i++) {
        show_record(page->items[i]);
    }
    bs_audit_page_free(page);
    return code;
}

/* --- verify --- */

static void show_report(const tool_run *tool, const bs_audit_report *report)
{
    if (report->fault == BS_AUDIT_SOUND && !tool->quiet) {
        (void)printf("%" PRIu64 " records, all of them sound; the last one's hash is %s\n",
                     report->records, *report->newest_hash ? report->newest_hash : "-");
    }
    (void)fflush(stdout);
    if (report->fault != BS_AUDIT_SOUND) {
        output_complaint("", report->message);
        output_complaint("", *report->file ? report->file : "");
    }
    if (!report->end_is_known && report->records > 0) {
        output_complaint("", "the catalogue does not say how many records there were: had the "
                             "newest been cut off, nobody would know");
    }
}

static void show_report_json(const bs_audit_report *report)
{
    bs_error error = {.code = BS_E_CORRUPT, .layer = BS_LAYER_CATALOG};
    char *json = NULL;
    bs_status status = bs_audit_report_to_json(report, &json);

    (void)printf("{\"success\":%s,\"audit\":", report->fault == BS_AUDIT_SOUND ? "true" : "false");
    output_json_owned(stdout, status, json);
    if (report->fault != BS_AUDIT_SOUND) {
        (void)snprintf(error.message, sizeof(error.message), "%s", report->message);
        status = bs_error_to_json(&error, &json);
        (void)printf(",\"error\":");
        output_json_owned(stdout, status, json);
    }
    (void)printf("}\n");
}

static int do_verify(tool_run *tool, int argc, char **argv)
{
    option_list signers = {0};
    const option_row rows[] = {
        {"signer", OPTION_LIST, &signers, NULL, 0, 0},
        {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
    };
    bs_audit_report *report = NULL;
    bs_status status = BS_OK;
    int code = TOOL_DONE;

    if (options_read(tool, argc, argv, rows, 0, 0, &code) < 0) {
        option_list_free(&signers);
        return code;
    }
    status = tool_open(tool, TOOL_EXISTING);
    if (status < 0) {
        option_list_free(&signers);
        return TOOL_FAILED;
    }
    status = bs_audit_verify(tool->service, signers.items, &report);
    option_list_free(&signers);
    if (status < 0) {
        return output_fail_last(tool);
    }
    if (tool->json) {
        show_report_json(report);
    } else {
        show_report(tool, report);
    }
    code = report->fault == BS_AUDIT_SOUND ? TOOL_DONE : TOOL_FAILED;
    bs_audit_report_free(report);
    return code;
}

int verb_audit(tool_run *tool, int argc, char **argv)
{
    static const verb_action actions[] = {
        {"show", do_show},
        {"verify", do_verify},
        {NULL, NULL},
    };

    return options_act(tool, argc, argv, actions);
}
