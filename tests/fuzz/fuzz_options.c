/* SPDX-License-Identifier: MIT */
/*
 * Options from JSON. An input is a byte that says of which kind, and the text.
 * What was read is written from the struct's members and read again: then it is
 * written the same.
 */
#include "fuzz.h"

#include <backupsvc.h>

#include "base/buffer.h"
#include "engine/words.h"
#include "text/json_write.h"

enum {
    WRITTEN_MAX = 1024 * 1024,
    KINDS = 5,
};

/* --- Writing; what is zero was not given --- */

static void put_text(bsi_json_writer *json, const char *key, const char *text)
{
    if (text) {
        bsi_json_put_text(json, key, text);
    }
}

static void put_texts(bsi_json_writer *json, const char *key, const char *const *texts)
{
    if (!texts) {
        return;
    }
    bsi_json_write_key(json, key);
    bsi_json_begin_array(json);
    for (; *texts; texts++) {
        bsi_json_write_text(json, *texts);
    }
    bsi_json_end_array(json);
}

static void put_number(bsi_json_writer *json, const char *key, int32_t number)
{
    if (number != 0) {
        bsi_json_put_i64(json, key, number);
    }
}

static void put_flag(bsi_json_writer *json, const char *key, bool flag)
{
    if (flag) {
        bsi_json_put_bool(json, key, true);
    }
}

static void put_word(bsi_json_writer *json, const char *key, const bsi_word *words, int value)
{
    if (value != 0) {
        bsi_json_put_text(json, key, bsi_word_name(words, value));
    }
}

static void put_raw(bsi_json_writer *json, const char *key, const char *object)
{
    if (object) {
        bsi_json_write_key(json, key);
        bsi_json_write_raw(json, bsi_slice_of(object));
    }
}

static void put_rules(bsi_json_writer *json, const bs_backup_options *options)
{
    if (!options->keep_last && !options->keep_hourly && !options->keep_daily &&
        !options->keep_weekly && !options->keep_monthly && !options->keep_yearly) {
        return;
    }
    bsi_json_write_key(json, "retention");
    bsi_json_begin_object(json);
    put_number(json, "keep_last", options->keep_last);
    put_number(json, "keep_hourly", options->keep_hourly);
    put_number(json, "keep_daily", options->keep_daily);
    put_number(json, "keep_weekly", options->keep_weekly);
    put_number(json, "keep_monthly", options->keep_monthly);
    put_number(json, "keep_yearly", options->keep_yearly);
    bsi_json_end_object(json);
}

static void put_schedule(bsi_json_writer *json, const bs_backup_options *options)
{
    bsi_json_write_key(json, "schedule");
    bsi_json_begin_object(json);
    put_text(json, "cron_expression", options->schedule);
    put_text(json, "timezone", options->schedule_timezone);
    put_text(json, "name", options->schedule_name);
    bsi_json_end_object(json);
}

static void put_backup(bsi_json_writer *json, const void *what)
{
    const bs_backup_options *options = what;

    put_text(json, "name", options->name);
    put_texts(json, "source_paths", options->source_paths);
    put_texts(json, "source_command", options->source_command);
    put_text(json, "source_name", options->source_name);
    put_word(json, "backup_type", bsi_words_backup_type, (int)options->backup_type);
    put_word(json, "form", bsi_words_form, (int)options->form);
    put_text(json, "storage", options->storage);
    put_word(json, "compression", bsi_words_compression, (int)options->compression);
    put_number(json, "compression_level", options->compression_level);
    put_word(json, "encryption", bsi_words_encryption, (int)options->encryption);
    put_texts(json, "include_patterns", options->include_patterns);
    put_texts(json, "exclude_patterns", options->exclude_patterns);
    put_number(json, "retention_days", options->retention_days);
    put_raw(json, "metadata", options->metadata);
    put_flag(json, "one_file_system", options->one_file_system);
    put_flag(json, "content_only", options->content_only);
    put_flag(json, "skip_special", options->skip_special);
    put_flag(json, "allow_empty_mirror", options->allow_empty_mirror);
    put_text(json, "encryption_key", options->encryption_key);
    put_texts(json, "recipients", options->recipients);
    put_word(json, "zip_encryption", bsi_words_zip_encryption, (int)options->zip_encryption);
    put_rules(json, options);
    put_schedule(json, options);
}

static void put_restore(bsi_json_writer *json, const void *what)
{
    const bs_restore_options *options = what;

    put_text(json, "backup_id", options->backup_id);
    put_text(json, "restore_path", options->restore_path);
    put_texts(json, "paths", options->paths);
    put_texts(json, "owner_map", options->owner_map);
    put_flag(json, "overwrite", options->overwrite);
    put_flag(json, "no_permissions", options->no_permissions);
    put_flag(json, "no_ownership", options->no_ownership);
    put_flag(json, "no_verify", options->no_verify);
    put_flag(json, "privileged", options->privileged);
    put_flag(json, "strip_source", options->strip_source);
    put_text(json, "encryption_key", options->encryption_key);
    put_text(json, "key_passphrase", options->key_passphrase);
}

static void put_retention(bsi_json_writer *json, const void *what)
{
    const bs_retention_options *options = what;

    put_text(json, "name", options->name);
    put_number(json, "retention_days", options->retention_days);
    put_number(json, "keep_last", options->keep_last);
    put_number(json, "keep_hourly", options->keep_hourly);
    put_number(json, "keep_daily", options->keep_daily);
    put_number(json, "keep_weekly", options->keep_weekly);
    put_number(json, "keep_monthly", options->keep_monthly);
    put_number(json, "keep_yearly", options->keep_yearly);
    put_flag(json, "accept_clock", options->accept_clock);
}

static void put_pin(bsi_json_writer *json, const void *what)
{
    const bs_pin_options *options = what;

    put_text(json, "reason", options->reason);
    put_text(json, "until", options->until);
    put_flag(json, "hold", options->hold);
}

static void put_plan(bsi_json_writer *json, const void *what)
{
    const bs_schedule_options *options = what;

    put_text(json, "name", options->name);
    put_text(json, "cron_expression", options->cron_expression);
    put_text(json, "timezone", options->timezone);
    put_word(json, "action", bsi_words_schedule_action, (int)options->action);
    if (options->backup_request) {
        bsi_json_write_key(json, "backup_request");
        bsi_json_begin_object(json);
        put_backup(json, options->backup_request);
        bsi_json_end_object(json);
    }
    put_raw(json, "action_request", options->action_request);
    put_word(json, "missed", bsi_words_missed, (int)options->missed);
    if (options->is_active != BS_CHOICE_DEFAULT) {
        bsi_json_put_bool(json, "is_active", options->is_active == BS_CHOICE_YES);
    }
}

/* --- Each kind --- */

typedef union any_options {
    bs_backup_options *backup;
    bs_restore_options *restore;
    bs_retention_options *retention;
    bs_pin_options *pin;
    bs_schedule_options *schedule;
    const void *what;
} any_options;

static bs_status read_kind(unsigned kind, bsi_slice text, any_options *out)
{
    switch (kind) {
    case 0:
        return bs_backup_options_from_json(text.data, text.size, &out->backup);
    case 1:
        return bs_restore_options_from_json(text.data, text.size, &out->restore);
    case 2:
        return bs_retention_options_from_json(text.data, text.size, &out->retention);
    case 3:
        return bs_pin_options_from_json(text.data, text.size, &out->pin);
    default:
        return bs_schedule_options_from_json(text.data, text.size, &out->schedule);
    }
}

static void free_kind(unsigned kind, any_options options)
{
    switch (kind) {
    case 0:
        bs_backup_options_free(options.backup);
        break;
    case 1:
        bs_restore_options_free(options.restore);
        break;
    case 2:
        bs_retention_options_free(options.retention);
        break;
    case 3:
        bs_pin_options_free(options.pin);
        break;
    default:
        bs_schedule_options_free(options.schedule);
        break;
    }
}

static void write_kind(unsigned kind, any_options options, bsi_buf *out)
{
    static void (*const writers[KINDS])(bsi_json_writer * json, const void *what) = {
        put_backup, put_restore, put_retention, put_pin, put_plan};
    bsi_json_writer json;

    bsi_buf_init(out, WRITTEN_MAX);
    bsi_json_writer_init(&json, out, BSI_JSON_COMPACT);
    bsi_json_begin_object(&json);
    writers[kind](&json, options.what);
    bsi_json_end_object(&json);
    fuzz_ok(bsi_json_writer_finish(&json));
}

static void check_written(unsigned kind, any_options options)
{
    any_options again = {NULL};
    bsi_buf first;
    bsi_buf second;

    write_kind(kind, options, &first);
    fuzz_ok(read_kind(kind, bsi_buf_slice(&first), &again));
    write_kind(kind, again, &second);
    fuzz_check(first.size == second.size && memcmp(first.data, second.data, first.size) == 0);
    free_kind(kind, again);
    bsi_buf_dispose(&first);
    bsi_buf_dispose(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = {data, size};
    const unsigned kind = fuzz_byte(&in) % KINDS;
    any_options options = {NULL};
    const bs_status status = read_kind(kind, fuzz_take(&in, in.left), &options);

    fuzz_check(status == BS_OK || status == BS_E_INVALID);
    fuzz_check((status == BS_OK) == (options.what != NULL));
    if (status == BS_OK) {
        check_written(kind, options);
        free_kind(kind, options);
    } else {
        fuzz_check(bs_error_last()->message[0] != '\0');
    }
    return 0;
}
