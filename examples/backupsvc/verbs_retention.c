/* SPDX-License-Identifier: MIT */
/*
 * retention: what goes and what keeps the rest; pins.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "options.h"
#include "output.h"
#include "rules.h"
#include "verbs.h"

/* --- Plans and reports --- */

static void show_keepers(const bs_retention_item *item)
{
    const char *before = "";

    for (uint32_t bit = 1; bit != 0 && bit <= item->kept_by; bit <<= 1) {
        if ((item->kept_by & bit) == 0) {
            continue;
        }
        (void)printf("%s%s", before, bs_kept_by_name(bit));
        if (bit == BS_KEPT_AS_NEEDED && *item->needed_by) {
            (void)printf(" by %s", item->needed_by);
        }
        before = ", ";
    }
}

static void show_item(const bs_retention_item *item)
{
    char size[OUTPUT_SIZE_TEXT];

    (void)printf("%-36s  %.19sZ  %10s  %-6s  ", item->id, item->created_at,
                 output_size(item->size, size), bs_retention_action_name(item->action));
    show_keepers(item);
    if (item->action == BS_RETENTION_MARK || item->action == BS_RETENTION_WAIT) {
        (void)printf("until %.19sZ", item->remove_after);
    }
    (void)printf("\n");
}

static void show_sums(const bs_retention_report *report)
{
    char size[OUTPUT_SIZE_TEXT];

    (void)printf("%" PRIu64 " kept, %" PRIu64 " marked, %" PRIu64 " waiting, %" PRIu64
                 " removed (%s)",
                 report->kept, report->marked, report->waiting, report->removed,
                 output_size(report->removed_bytes, size));
    if (report->reclaimed_objects > 0) {
        (void)printf("; %" PRIu64 " objects of no backup swept up (%s)", report->reclaimed_objects,
                     output_size(report->reclaimed_bytes, size));
    }
    (void)printf("\n");
}

static void show_report(const tool_run *tool, const bs_retention_report *report)
{
    const bs_retention_item *before = NULL;

    for (size_t i = 0; i < report->count && !tool->quiet; i++) {
        const bs_retention_item *item = report->items[i];
        if (!before || strcmp(before->name, item->name) != 0 ||
            strcmp(before->storage, item->storage) != 0) {
            output_text(stdout, item->name);
            (void)printf(" on %s\n", item->storage);
        }
        show_item(item);
        before = item;
    }
    show_sums(report);
    (void)fflush(stdout);
    for (size_t i = 0; i < report->count; i++) {
        if (report->items[i]->error.code < 0) {
            output_complaint("not removed: ", report->items[i]->error.message);
        }
    }
    if (report->clock.code < 0) {
        output_complaint("", report->clock.message);
    }
}

static void show_json(const bs_retention_report *report)
{
    char *json = NULL;
    bs_status status = bs_retention_report_to_json(report, &json);

    (void)printf("{\"success\":true,\"retention\":");
    output_json_owned(stdout, status, json);
    (void)printf("}\n");
}

static int run_rules(tool_run *tool, const bs_retention_options *options, bool change)
{
    bs_retention_report *report = NULL;
    bs_status status = BS_OK;
    int code = TOOL_DONE;

    if (tool_open(tool, TOOL_EXISTING) < 0) {
        return TOOL_FAILED;
    }
    status = change ? bs_retention_apply(tool->service, options, &report)
                    : bs_retention_plan(tool->service, options, &report);
    if (status < 0) {
        return output_fail_last(tool);
    }
    if (tool->json) {
        show_json(report);
    } else {
        show_report(tool, report);
    }
    code = status == BS_PARTIAL || report->clock.code < 0 ? TOOL_WARNINGS : TOOL_DONE;
    bs_retention_report_free(report);
    return code;
}

static int look_at_rules(tool_run *tool, int argc, char **argv, bool change)
{
    bs_retention_options options = BS_RETENTION_OPTIONS_INIT;
    rule_options rules = RULE_OPTIONS_INIT;
    option_number days = {.lowest = 0, .highest = 36500};
    bool dry_run = false;
    const option_row rows[] = {
        {"name", OPTION_TEXT, &options.name, NULL, 0, 0},
        {"retention-days", OPTION_NUMBER, &days, NULL, 0, 0},
        RULE_ROWS(&rules),
        {"accept-clock", OPTION_FLAG, &options.accept_clock, NULL, 0, 0},
        {"dry-run", OPTION_FLAG, &dry_run, NULL, 0, 0},
        {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
    };
    int code = TOOL_DONE;

    if (options_read(tool, argc, argv, rows, 0, 0, &code) < 0) {
        return code;
    }
    if ((days.given || rules_are_given(&rules)) && days.value == 0 &&
        !rules_keep_something(&rules)) {
        return output_usage(tool, "these rules keep nothing: one of them must be 1 or more");
    }
    options.retention_days = (int32_t)days.value;
    options.keep_last = (int32_t)rules.last.value;
    options.keep_hourly = (int32_t)rules.hourly.value;
    options.keep_daily = (int32_t)rules.daily.value;
    options.keep_weekly = (int32_t)rules.weekly.value;
    options.keep_monthly = (int32_t)rules.monthly.value;
    options.keep_yearly = (int32_t)rules.yearly.value;
    return run_rules(tool, &options, change && !dry_run);
}

static int do_plan(tool_run *tool, int argc, char **argv)
{
    return look_at_rules(tool, argc, argv, false);
}

static int do_apply(tool_run *tool, int argc, char **argv)
{
    return look_at_rules(tool, argc, argv, true);
}

/* --- Pins --- */

static int do_pin(tool_run *tool, int argc, char **argv)
{
    bs_pin_options options = BS_PIN_OPTIONS_INIT;
    const option_row rows[] = {
        {"reason", OPTION_TEXT, &options.reason, NULL, 0, 0},
        {"until", OPTION_TEXT, &options.until, NULL, 0, 0},
        {"hold", OPTION_FLAG, &options.hold, NULL, 0, 0},
        {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
    };
    int code = TOOL_DONE;
    int first = options_read(tool, argc, argv, rows, 1, 1, &code);

    if (first < 0) {
        return code;
    }
    if (!options.reason) {
        return output_usage(tool, "retention pin: --reason is missing");
    }
    if (tool_open(tool, TOOL_EXISTING) < 0) {
        return TOOL_FAILED;
    }
    return output_done(tool, bs_backup_pin(tool->service, argv[first], &options),
                       options.hold ? "held" : "pinned");
}

static int do_unpin(tool_run *tool, int argc, char **argv)
{
    bool hold = false;
    const option_row rows[] = {
        {"hold", OPTION_FLAG, &hold, NULL, 0, 0},
        {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
    };
    int code = TOOL_DONE;
    int first = options_read(tool, argc, argv, rows, 1, 1, &code);

    if (first < 0) {
        return code;
    }
    if (tool_open(tool, TOOL_EXISTING) < 0) {
        return TOOL_FAILED;
    }
    return output_done(tool, bs_backup_unpin(tool->service, argv[first], hold),
                       hold ? "the hold is gone" : "the pin is gone");
}

static int do_undelete(tool_run *tool, int argc, char **argv)
{
    int code = TOOL_DONE;
    int first = options_read(tool, argc, argv, NULL, 1, 1, &code);

    if (first < 0) {
        return code;
    }
    if (tool_open(tool, TOOL_EXISTING) < 0) {
        return TOOL_FAILED;
    }
    return output_done(tool, bs_backup_undelete(tool->service, argv[first]),
                       "it stays, and is pinned");
}

int verb_retention(tool_run *tool, int argc, char **argv)
{
    static const verb_action actions[] = {
        {"plan", do_plan},   {"apply", do_apply},       {"pin", do_pin},
        {"unpin", do_unpin}, {"undelete", do_undelete}, {NULL, NULL},
    };

    return options_act(tool, argc, argv, actions);
}
