/* SPDX-License-Identifier: MIT */
/*
 * storage: where backups can go besides the state directory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "output.h"
#include "verbs.h"

/* --- Adding and removing --- */

/* Pairs from KEY=VALUE, ended by NULL; they point into the arguments, whose '=' becomes NUL. */
static const char **take_settings(tool_run *tool, int count, char **arguments, const char *usage,
                                  int *code)
{
    const char **pairs = calloc(2 * (size_t)count + 1, sizeof(*pairs));

    if (!pairs) {
        *code = output_fail(tool, BS_E_NOMEM, "out of memory");
        return NULL;
    }
    for (int i = 0; i < count; i++) {
        char *equals = strchr(arguments[i], '=');
        if (!equals || equals == arguments[i]) {
            *code = output_usage(tool, "%s", usage);
            free(pairs);
            return NULL;
        }
        *equals = '\0';
        pairs[2 * (size_t)i] = arguments[i];
        pairs[2 * (size_t)i + 1] = equals + 1;
    }
    return pairs;
}

static int do_add(tool_run *tool, int argc, char **argv)
{
    const char **settings = NULL;
    int code = TOOL_DONE;
    int first = options_read(tool, argc, argv, NULL, 2, -1, &code);

    if (first < 0) {
        return code;
    }
    settings = take_settings(tool, argc - first - 2, argv + first + 2,
                             "storage add takes KEY=VALUE behind the driver", &code);
    if (!settings) {
        return code;
    }
    code = TOOL_FAILED;
    tool->log_level = BS_LOG_WARNING; /* Such as of what is not encrypted on the way. */
    if (tool_open(tool, TOOL_CREATE) >= 0) {
        code =
            output_done(tool, bs_storage_add(tool->service, argv[first], argv[first + 1], settings),
                        "the storage can be used");
    }
    free(settings);
    return code;
}

static int do_limit(tool_run *tool, int argc, char **argv)
{
    const char **limits = NULL;
    int code = TOOL_DONE;
    int first = options_read(tool, argc, argv, NULL, 2, -1, &code);

    if (first < 0) {
        return code;
    }
    limits = take_settings(tool, argc - first - 1, argv + first + 1,
                           "storage limit takes KEY=VALUE behind the name", &code);
    if (!limits) {
        return code;
    }
    code = TOOL_FAILED;
    if (tool_open(tool, TOOL_EXISTING) >= 0) {
        code = output_done(tool, bs_storage_limit(tool->service, argv[first], limits),
                           "the limits are kept");
    }
    free(limits);
    return code;
}

static int do_remove(tool_run *tool, int argc, char **argv)
{
    bool force = false;
    const option_row rows[] = {
        {"force", OPTION_FLAG, &force, NULL, 0, 0},
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
    return output_done(tool, bs_storage_remove(tool->service, argv[first], force),
                       "the storage is forgotten; what lies on it stays there");
}

/* --- Showing --- */

static void list_text(const bs_storage_list_info *info)
{
    for (size_t i = 0; i < info->storages_count; i++) {
        (void)printf("%-20s  %s\n", info->storages[i].name, info->storages[i].driver);
    }
}

static void show_text(const bs_storage_info *info)
{
    (void)printf("name    %s\ndriver  %s\n", info->name, info->driver);
    for (const char *const *pair = info->settings; pair[0]; pair += 2) {
        (void)printf("%s = ", pair[0]);
        output_text(stdout, pair[1]);
        (void)printf("\n");
    }
}

/* A list that has only this one; false when there is none of that name. */
static bool narrow(bs_storage_list_info *info, const char *name)
{
    for (size_t i = 0; i < info->storages_count; i++) {
        if (strcmp(info->storages[i].name, name) == 0) {
            info->storages += i;
            info->storages_count = 1;
            return true;
        }
    }
    return false;
}

static void list_json(const bs_storage_list_info *info)
{
    char *json = NULL;
    const bs_status status = bs_storage_list_info_to_json(info, &json);

    (void)printf("{\"success\":true,\"list\":");
    output_json_owned(stdout, status, json);
    (void)printf("}\n");
}

static int show(tool_run *tool, const char *name)
{
    bs_storage_list_info *info = NULL;
    bs_storage_list_info shown = {0};

    if (tool_open(tool, TOOL_EXISTING) < 0) {
        return TOOL_FAILED;
    }
    if (bs_storage_list(tool->service, &info) < 0) {
        return output_fail_last(tool);
    }
    shown = *info;
    if (name && !narrow(&shown, name)) {
        bs_storage_list_free(info);
        return output_fail(tool, BS_E_NOT_FOUND, "there is no storage '%s'", name);
    }
    if (tool->json) {
        list_json(&shown);
    } else if (name) {
        show_text(shown.storages);
    } else {
        list_text(&shown);
    }
    bs_storage_list_free(info);
    return TOOL_DONE;
}

static int do_list(tool_run *tool, int argc, char **argv)
{
    int code = TOOL_DONE;

    return options_read(tool, argc, argv, NULL, 0, 0, &code) < 0 ? code : show(tool, NULL);
}

static int do_show(tool_run *tool, int argc, char **argv)
{
    int code = TOOL_DONE;
    const int first = options_read(tool, argc, argv, NULL, 1, 1, &code);

    return first < 0 ? code : show(tool, argv[first]);
}

/* --- Trying it out --- */

static void check_text(const tool_run *tool, const bs_storage_check_info *info)
{
    char free_text[OUTPUT_SIZE_TEXT];

    for (size_t i = 0; i < info->steps_count && !tool->quiet; i++) {
        const bs_storage_step *step = &info->steps[i];
        (void)printf("%-14s  %-6s", step->name, bs_storage_result_name(step->result));
        (void)printf(step->result == BS_STORAGE_LACKS ? "\n" : "  %.3f s\n", step->seconds);
    }
    if (info->free_is_known && !tool->quiet) {
        (void)printf("free space      %s\n", output_size(info->free_bytes, free_text));
    }
    if (info->clock_is_known && !tool->quiet) {
        (void)printf("its clock       %+.1f s\n", info->clock_ahead_seconds);
    }
    (void)fflush(stdout);
    for (size_t i = 0; i < info->steps_count; i++) {
        if (info->steps[i].result == BS_STORAGE_FAILED) {
            output_complaint("", info->steps[i].message);
        }
    }
}

static void check_json(const bs_storage_check_info *info)
{
    bs_error error = {.layer = BS_LAYER_STORAGE};
    char *json = NULL;
    bs_status status = bs_storage_check_info_to_json(info, &json);

    (void)printf("{\"success\":%s,\"check\":", info->is_good ? "true" : "false");
    output_json_owned(stdout, status, json);
    for (size_t i = 0; i < info->steps_count && error.code >= 0; i++) {
        if (info->steps[i].result == BS_STORAGE_FAILED) {
            error.code = info->steps[i].code;
            (void)snprintf(error.message, sizeof(error.message), "%s", info->steps[i].message);
        }
    }
    if (error.code < 0) {
        status = bs_error_to_json(&error, &json);
        (void)printf(",\"error\":");
        output_json_owned(stdout, status, json);
    }
    (void)printf("}\n");
}

static int do_check(tool_run *tool, int argc, char **argv)
{
    bs_storage_check_info *info = NULL;
    int code = TOOL_DONE;
    int first = options_read(tool, argc, argv, NULL, 1, 1, &code);

    if (first < 0) {
        return code;
    }
    tool->log_level = BS_LOG_WARNING;
    if (tool_open(tool, TOOL_EXISTING) < 0) {
        return TOOL_FAILED;
    }
    if (bs_storage_check(tool->service, argv[first], &info) < 0) {
        return output_fail_last(tool);
    }
    if (tool->json) {
        check_json(info);
    } else {
        check_text(tool, info);
    }
    code = info->is_good ? TOOL_DONE : TOOL_FAILED;
    bs_storage_check_free(info);
    return code;
}

int verb_storage(tool_run *tool, int argc, char **argv)
{
    static const verb_action actions[] = {
        {"add", do_add},     {"list", do_list},     {"show", do_show}, {"check", do_check},
        {"limit", do_limit}, {"remove", do_remove}, {NULL, NULL},
    };

    return options_act(tool, argc, argv, actions);
}
