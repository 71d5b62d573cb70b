/* SPDX-License-Identifier: MIT */
/*
 * backup: from arguments to options, from the finished job to words.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job.h"
#include "key_options.h"
#include "options.h"
#include "output.h"
#include "rules.h"
#include "verbs.h"

static const job_kind backup_job = {"backup", bs_backup_wait, bs_backup_cancel};

/* What was given on the command line. */
typedef struct backup_arguments {
    bs_backup_options options;
    option_list includes;
    option_list excludes;
    option_list recipients;
    char **recipient_paths; /* The same, paths made absolute; ends with NULL. */
    key_option key;
    option_number level;
    option_number retention;
    rule_options rules;
    int type;
    int form;
    int compression;
    int encryption;
    bool command;
    char **sources; /* Absolute; ends with NULL. */
} backup_arguments;

static const char *type_name(int value)
{
    return bs_backup_type_name((bs_backup_type)value);
}

static const char *form_name(int value)
{
    return bs_form_name((bs_form)value);
}

static const char *compression_name(int value)
{
    return bs_compression_name((bs_compression)value);
}

static const char *encryption_name(int value)
{
    return bs_encryption_name((bs_encryption)value);
}

static void texts_free(char **texts)
{
    for (size_t i = 0; texts && texts[i]; i++) {
        free(texts[i]);
    }
    free(texts);
}

static void arguments_free(backup_arguments *arguments)
{
    texts_free(arguments->sources);
    texts_free(arguments->recipient_paths);
    option_list_free(&arguments->includes);
    option_list_free(&arguments->excludes);
    option_list_free(&arguments->recipients);
    key_option_wipe(&arguments->key);
}

static bool take_sources(backup_arguments *arguments, char **paths, int count)
{
    arguments->sources = calloc((size_t)count + 1, sizeof(*arguments->sources));
    if (!arguments->sources) {
        return false;
    }
    for (int i = 0; i < count; i++) {
        arguments->sources[i] = tool_absolute_path(paths[i]);
        if (!arguments->sources[i]) {
            return false;
        }
    }
    arguments->options.source_paths = (const char *const *)arguments->sources;
    return true;
}

static bool take_recipients(backup_arguments *arguments)
{
    const option_list *given = &arguments->recipients;

    if (given->count == 0) {
        return true;
    }
    arguments->recipient_paths = calloc(given->count + 1, sizeof(*arguments->recipient_paths));
    for (size_t i = 0; arguments->recipient_paths && i < given->count; i++) {
        arguments->recipient_paths[i] = key_is_reference(given->items[i])
                                            ? strdup(given->items[i])
                                            : tool_absolute_path(given->items[i]);
        if (!arguments->recipient_paths[i]) {
            return false;
        }
    }
    arguments->options.recipients = (const char *const *)arguments->recipient_paths;
    return arguments->recipient_paths != NULL;
}

static void take_rules(const rule_options *rules, bs_backup_options *options)
{
    options->keep_last = (int32_t)rules->last.value;
    options->keep_hourly = (int32_t)rules->hourly.value;
    options->keep_daily = (int32_t)rules->daily.value;
    options->keep_weekly = (int32_t)rules->weekly.value;
    options->keep_monthly = (int32_t)rules->monthly.value;
    options->keep_yearly = (int32_t)rules->yearly.value;
}

static bool arguments_read(tool_run *tool, int argc, char **argv, backup_arguments *given,
                           int *code)
{
    bs_backup_options *options = &given->options;
    const option_row rows[] = {
        {"type", OPTION_WORD, &given->type, type_name, 1, BS_BACKUP_MIRROR},
        {"form", OPTION_WORD, &given->form, form_name, 1, BS_FORM_MIRROR},
        {"compression", OPTION_WORD, &given->compression, compression_name, 1, BS_COMPRESSION_7Z},
        {"level", OPTION_NUMBER, &given->level, NULL, 0, 0},
        {"storage", OPTION_TEXT, &options->storage, NULL, 0, 0},
        {"include", OPTION_LIST, &given->includes, NULL, 0, 0},
        {"exclude", OPTION_LIST, &given->excludes, NULL, 0, 0},
        {"retention-days", OPTION_NUMBER, &given->retention, NULL, 0, 0},
        RULE_ROWS(&given->rules),
        {"metadata", OPTION_TEXT, &options->metadata, NULL, 0, 0},
        {"encrypt", OPTION_WORD, &given->encryption, encryption_name, 0, BS_ENCRYPTION_RSA},
        {"key", OPTION_TEXT, &given->key.given, NULL, 0, 0},
        {"recipient", OPTION_LIST, &given->recipients, NULL, 0, 0},
        {"one-file-system", OPTION_FLAG, &options->one_file_system, NULL, 0, 0},
        {"command", OPTION_FLAG, &given->command, NULL, 0, 0},
        {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
    };
    int first = 0;

    first = options_read(tool, argc, argv, rows, 2, -1, code);
    if (first < 0) {
        return false;
    }
    if (rules_are_given(&given->rules) && !rules_keep_something(&given->rules) &&
        !given->retention.given) {
        *code = output_usage(tool, "these rules keep nothing: one of them must be 1 or more");
        return false;
    }
    options->name = argv[first];
    options->backup_type = (bs_backup_type)given->type;
    options->form = (bs_form)given->form;
    options->compression = (bs_compression)given->compression;
    options->compression_level = (int32_t)given->level.value;
    options->include_patterns = given->includes.items;
    options->exclude_patterns = given->excludes.items;
    take_rules(&given->rules, options);
    if (given->retention.given) {
        options->retention_days =
            given->retention.value == 0 ? BS_RETENTION_FOREVER : (int32_t)given->retention.value;
    }
    if (!key_option_take(tool, &given->key, "key", true, code)) {
        return false;
    }
    options->encryption = (bs_encryption)given->encryption;
    options->encryption_key = key_option_reference(&given->key);
    if (given->command) {
        options->source_command = (const char *const *)(argv + first + 1);
    }
    if (!take_recipients(given) ||
        (!given->command && !take_sources(given, argv + first + 1, argc - first - 1))) {
        *code = output_fail(tool, BS_E_NOMEM, "out of memory");
        return false;
    }
    return true;
}

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
    char *json = NULL;
    bs_status status = bs_backup_info_to_json(info, &json);
    bool good = info->status < BS_STATE_FAILED;

    (void)printf("{\"success\":%s,\"backup_id\":\"%s\",\"backup\":", good ? "true" : "false",
                 info->id);
    output_json_owned(stdout, status, json);
    if (!good) {
        json = NULL;
        status = bs_error_to_json(&info->error, &json);
        (void)printf(",\"error\":");
        output_json_owned(stdout, status, json);
    }
    (void)printf("}\n");
}

static int follow(tool_run *tool, bs_subscription *events, const char *id)
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
        code = follow(tool, events, id);
    }
    bs_unsubscribe(events);
    return code;
}

int verb_backup(tool_run *tool, int argc, char **argv)
{
    backup_arguments given = {
        .options = BS_BACKUP_OPTIONS_INIT,
        .level = {.lowest = 1, .highest = 1000},
        .retention = {.lowest = 0, .highest = 36500},
        .rules = RULE_OPTIONS_INIT,
    };
    int code = TOOL_DONE;

    if (arguments_read(tool, argc, argv, &given, &code)) {
        code = run(tool, &given.options, &given.key);
    }
    arguments_free(&given);
    return code;
}
