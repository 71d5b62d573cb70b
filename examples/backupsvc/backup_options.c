/* SPDX-License-Identifier: MIT */
/*
 * From the arguments of a backup to its options.
 */
#include "backup_options.h"

#include <stdlib.h>
#include <string.h>

#include "output.h"

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

static const char *zip_encryption_name(int value)
{
    return bs_zip_encryption_name((bs_zip_encryption)value);
}

static void sources_free(char **sources)
{
    for (size_t i = 0; sources && sources[i]; i++) {
        free(sources[i]);
    }
    free(sources);
}

void backup_arguments_free(backup_arguments *given)
{
    sources_free(given->sources);
    key_recipients_free(given->recipient_paths);
    option_list_free(&given->includes);
    option_list_free(&given->excludes);
    option_list_free(&given->recipients);
    option_list_free(&given->copies);
    key_option_wipe(&given->key);
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
    arguments->recipient_paths = key_recipients_take(&arguments->recipients);
    arguments->options.recipients = (const char *const *)arguments->recipient_paths;
    return arguments->recipient_paths || arguments->recipients.count == 0;
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

int backup_arguments_read(tool_run *tool, int argc, char **argv, const option_row *more, int fewest,
                          backup_arguments *given, int *code_out)
{
    bs_backup_options *options = &given->options;
    const option_row own[] = {
        {"type", OPTION_WORD, &given->type, type_name, 1, BS_BACKUP_MIRROR},
        {"form", OPTION_WORD, &given->form, form_name, 1, BS_FORM_MIRROR},
        {"compression", OPTION_WORD, &given->compression, compression_name, 1, BS_COMPRESSION_ZSTD},
        {"level", OPTION_NUMBER, &given->level, NULL, 0, 0},
        {"storage", OPTION_TEXT, &options->storage, NULL, 0, 0},
        {"copy-to", OPTION_LIST, &given->copies, NULL, 0, 0},
        {"include", OPTION_LIST, &given->includes, NULL, 0, 0},
        {"exclude", OPTION_LIST, &given->excludes, NULL, 0, 0},
        {"retention-days", OPTION_NUMBER, &given->retention, NULL, 0, 0},
        RULE_ROWS(&given->rules),
        {"metadata", OPTION_TEXT, &options->metadata, NULL, 0, 0},
        {"encrypt", OPTION_WORD, &given->encryption, encryption_name, 0, BS_ENCRYPTION_RSA},
        {"zip-encryption", OPTION_WORD, &given->zip_encryption, zip_encryption_name, 0,
         BS_ZIP_ENCRYPTION_WINZIP},
        {"key", OPTION_TEXT, &given->key.given, NULL, 0, 0},
        {"recipient", OPTION_LIST, &given->recipients, NULL, 0, 0},
        {"one-file-system", OPTION_FLAG, &options->one_file_system, NULL, 0, 0},
        {"command", OPTION_FLAG, &given->command, NULL, 0, 0},
    };
    enum { OWN_COUNT = sizeof(own) / sizeof(own[0]) };
    option_row rows[OPTION_ROWS_MAX + 1] = {{NULL, OPTION_FLAG, NULL, NULL, 0, 0}};
    size_t count = OWN_COUNT;

    memcpy(rows, own, sizeof(own));
    for (; more && more->name && count < OPTION_ROWS_MAX; more++) {
        rows[count++] = *more;
    }
    rows[count] = (option_row){NULL, OPTION_FLAG, NULL, NULL, 0, 0};
    return options_read(tool, argc, argv, rows, fewest, -1, code_out);
}

bool backup_arguments_take(tool_run *tool, backup_arguments *given, const char *name,
                           char **sources, int count, int *code_out)
{
    bs_backup_options *options = &given->options;

    if (rules_are_given(&given->rules) && !rules_keep_something(&given->rules) &&
        !given->retention.given) {
        *code_out = output_usage(tool, "these rules keep nothing: one of them must be 1 or more");
        return false;
    }
    options->name = name;
    options->backup_type = (bs_backup_type)given->type;
    options->form = (bs_form)given->form;
    options->compression = (bs_compression)given->compression;
    options->compression_level = (int32_t)given->level.value;
    options->include_patterns = given->includes.items;
    options->exclude_patterns = given->excludes.items;
    options->copy_to = given->copies.items;
    take_rules(&given->rules, options);
    if (given->retention.given) {
        options->retention_days =
            given->retention.value == 0 ? BS_RETENTION_FOREVER : (int32_t)given->retention.value;
    }
    if (!key_option_take(tool, &given->key, "key", true, code_out)) {
        return false;
    }
    options->encryption = (bs_encryption)given->encryption;
    options->zip_encryption = (bs_zip_encryption)given->zip_encryption;
    options->encryption_key = key_option_reference(&given->key);
    if (given->command) {
        options->source_command = (const char *const *)sources;
    }
    if (!take_recipients(given) || (!given->command && !take_sources(given, sources, count))) {
        *code_out = output_fail(tool, BS_E_NOMEM, "out of memory");
        return false;
    }
    return true;
}
