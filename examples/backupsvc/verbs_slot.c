/* SPDX-License-Identifier: MIT */
/*
 * key add, remove and change with --backup or --name, and key list ID: the keys
 * of backups that are there.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "key_options.h"
#include "output.h"
#include "slots.h"

typedef bs_status (*slot_call)(bs_service *service, const bs_slot_options *options,
                               bs_slot_report *report_out);

/* What was given on the command line. */
typedef struct slot_arguments {
    bs_slot_options options;
    option_number number;
    key_option key;
    key_option old;
    key_options unlock;
} slot_arguments;

bool slots_are_meant(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strncmp(argv[i], "--backup", 8) == 0 || strncmp(argv[i], "--name", 6) == 0) {
            return true;
        }
    }
    return false;
}

static bool take_keys(tool_run *tool, slot_arguments *given, int *code)
{
    if (!key_option_take(tool, &given->unlock.key, "unlock", false, code) ||
        !key_option_take(tool, &given->unlock.passphrase, "unlock-passphrase", false, code) ||
        !key_option_take(tool, &given->old, "old", false, code) ||
        !key_option_take(tool, &given->key, "key", true, code)) {
        return false;
    }
    given->options.number = (uint32_t)given->number.value;
    given->options.key = key_option_reference(&given->key);
    given->options.old_key = key_option_reference(&given->old);
    return true;
}

static int show_report(const tool_run *tool, bs_status status, const bs_slot_report *report)
{
    bs_error error = *bs_error_last();

    if (tool->json && status >= 0) {
        (void)printf("{\"success\":true,\"changed\":%" PRIu64 ",\"unchanged\":%" PRIu64
                     ",\"failed\":%" PRIu64 "}\n",
                     report->changed, report->unchanged, report->failed);
    } else if (!tool->json && !tool->quiet && report->changed + report->unchanged > 0) {
        (void)printf("changed: %" PRIu64 ", as they should be already: %" PRIu64
                     ", failed: %" PRIu64 "\n",
                     report->changed, report->unchanged, report->failed);
    }
    if (status == BS_PARTIAL) {
        output_complaint("", error.message);
        return TOOL_WARNINGS;
    }
    return status < 0 ? output_fail_last(tool) : TOOL_DONE;
}

static int run(tool_run *tool, slot_arguments *given, slot_call call)
{
    bs_slot_report report = {0, 0, 0};
    int code = TOOL_FAILED;

    if (!take_keys(tool, given, &code) ||
        !key_options_open(tool, &given->unlock, TOOL_EXISTING, &code)) {
        return code;
    }
    return show_report(tool, call(tool->service, &given->options, &report), &report);
}

static int change(tool_run *tool, int argc, char **argv, slot_call call)
{
    slot_arguments given = {
        .options = BS_SLOT_OPTIONS_INIT,
        .number = {.lowest = 1, .highest = UINT32_MAX},
    };
    const option_row rows[] = {
        {"backup", OPTION_TEXT, &given.options.backup_id, NULL, 0, 0},
        {"name", OPTION_TEXT, &given.options.name, NULL, 0, 0},
        {"key", OPTION_TEXT, &given.key.given, NULL, 0, 0},
        {"old", OPTION_TEXT, &given.old.given, NULL, 0, 0},
        {"slot", OPTION_NUMBER, &given.number, NULL, 0, 0},
        {"label", OPTION_TEXT, &given.options.label, NULL, 0, 0},
        {"unlock", OPTION_TEXT, &given.unlock.key.given, NULL, 0, 0},
        {"unlock-passphrase", OPTION_TEXT, &given.unlock.passphrase.given, NULL, 0, 0},
        {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
    };
    int code = TOOL_DONE;

    if (options_read(tool, argc, argv, rows, 0, 0, &code) < 0) {
        return code;
    }
    code = run(tool, &given, call);
    key_option_wipe(&given.key);
    key_option_wipe(&given.old);
    key_options_wipe(&given.unlock);
    return code;
}

int slots_add(tool_run *tool, int argc, char **argv)
{
    return change(tool, argc, argv, bs_backup_slot_add);
}

int slots_remove(tool_run *tool, int argc, char **argv)
{
    return change(tool, argc, argv, bs_backup_slot_remove);
}

int slots_change(tool_run *tool, int argc, char **argv)
{
    return change(tool, argc, argv, bs_backup_slot_change);
}

int slots_list(tool_run *tool, const char *id)
{
    bs_slots_info *info = NULL;

    if (bs_backup_slots(tool->service, id, &info) < 0) {
        return output_fail_last(tool);
    }
    if (tool->json) {
        char *json = NULL;
        bs_status status = bs_slots_info_to_json(info, &json);

        (void)printf("{\"success\":true,\"keys\":");
        output_json_owned(stdout, status, json);
        (void)printf("}\n");
    } else {
        for (size_t i = 0; i < info->slots_count; i++) {
            (void)printf("%4" PRIu32 "  %-10s  %-32s  ", info->slots[i].number,
                         bs_key_kind_name(info->slots[i].kind), info->slots[i].fingerprint);
            output_text(stdout, info->slots[i].label);
            (void)printf("\n");
        }
    }
    bs_slots_info_free(info);
    return TOOL_DONE;
}
