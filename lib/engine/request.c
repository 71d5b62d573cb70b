/* SPDX-License-Identifier: MIT */
#include "engine/request.h"

#include <inttypes.h>
#include <string.h>

#include "archive/archive.h"
#include "base/alloc.h"
#include "base/utf8.h"
#include "compress/zstd_frame.h"
#include "engine/copies.h"
#include "engine/schedule_rule.h"
#include "engine/service.h"
#include "engine/words.h"
#include "storage/decorators/guard.h"
#include "text/json_read.h"

enum {
    REQUEST_METADATA_MAX = 64 * 1024,
    REQUEST_METADATA_DEPTH = BSI_JSON_MAX_DEPTH / 2, /* It becomes part of other documents. */
};

/* --- Name, type, form --- */

static bs_status take_name(const bs_backup_options *options, bsi_backup_request *request,
                           bsi_complaints *complaints)
{
    if (!options->name || !options->name[0]) {
        bsi_complain_invalid(complaints, "name: is missing");
        return BS_OK;
    }
    if (!bsi_backup_name_is_valid(options->name)) {
        bsi_complain_invalid(complaints, "name: takes 1 to 128 letters, digits, spaces, '.', '_' "
                                         "and '-', and no '.' in front");
        return BS_OK;
    }
    request->name = bsi_arena_text(&request->arena, options->name);
    return request->name ? BS_OK : BS_E_NOMEM;
}

/* The only compression that archives do not have says enough. */
static bool wants_repository(const bs_backup_options *options)
{
    return options->form == BS_FORM_REPOSITORY ||
           (options->form == BS_FORM_DEFAULT && options->compression == BS_COMPRESSION_ZSTD);
}

/* All snapshots of a repository are complete: there is no reason to read unchanged files again. */
static int usual_kind(const bs_service *service, const bs_backup_options *options)
{
    if (wants_repository(options)) {
        return options->source_paths ? BS_BACKUP_INCREMENTAL : BS_BACKUP_FULL;
    }
    return (int)bsi_config_number(service->config, BSI_CONFIG_DEFAULT_BACKUP_TYPE) + 1;
}

static void take_kind(const bs_service *service, const bs_backup_options *options,
                      bsi_backup_request *request, bsi_complaints *complaints)
{
    char words[80];
    int kind = (int)options->backup_type;

    if (options->backup_type == BS_BACKUP_DEFAULT) {
        kind = usual_kind(service, options);
    }
    if (kind < BS_BACKUP_FULL || kind > BS_BACKUP_MIRROR) {
        bsi_complain_invalid(complaints, "backup_type: takes %s, not the number %d",
                             bsi_word_list(bsi_words_backup_type, words, sizeof(words)), kind);
        kind = BS_BACKUP_FULL;
    }
    request->kind = (bsi_backup_kind)kind;
}

_Static_assert((int)BSI_KIND_FULL == (int)BS_BACKUP_FULL &&
                   (int)BSI_KIND_MIRROR == (int)BS_BACKUP_MIRROR,
               "kinds of the vault and types of the API are the same numbers");

static void take_form(const bs_backup_options *options, bsi_backup_request *request,
                      bsi_complaints *complaints)
{
    const bool mirror = request->kind == BSI_KIND_MIRROR;
    bs_form form = options->form;

    if (form == BS_FORM_DEFAULT) {
        form = wants_repository(options) ? BS_FORM_REPOSITORY : BS_FORM_ARCHIVE;
        form = mirror ? BS_FORM_MIRROR : form;
    }
    if (form < BS_FORM_ARCHIVE || form > BS_FORM_MIRROR) {
        bsi_complain_invalid(
            complaints, "form: takes archive, repository or mirror, not the number %d", (int)form);
        form = mirror ? BS_FORM_MIRROR : BS_FORM_ARCHIVE;
    }
    request->form = bsi_word_name(bsi_words_form, (int)form);
    if (mirror != (form == BS_FORM_MIRROR)) {
        bsi_complain_invalid(complaints, "form: a %s backup has the form %s",
                             bsi_backup_kind_name(request->kind),
                             mirror ? "mirror" : "archive or repository");
    }
    request->vault = bsi_vault_find(request->form);
    if (!request->vault) {
        bsi_complain(complaints, BS_E_UNSUPPORTED, BS_LAYER_CALLER, "form: %s is not in this build",
                     request->form);
    }
}

bool bsi_request_is_repository(const bsi_backup_request *request)
{
    return strcmp(request->form, "repository") == 0;
}

/* --- Compression --- */

/* False: it has none. A container that is not known has none either. */
static bool find_levels(const char *compression, int *low_out, int *high_out, int *usual_out)
{
    const bsi_archive_driver *driver = bsi_archive_find(bsi_slice_of(compression));

    if (strcmp(compression, "zstd") == 0) {
        *low_out = BSI_ZSTD_FRAME_LEVEL_MIN;
        *high_out = BSI_ZSTD_FRAME_LEVEL_MAX;
        *usual_out = BSI_ZSTD_FRAME_LEVEL_DEFAULT;
        return true;
    }
    return driver && bsi_archive_levels(driver, low_out, high_out, usual_out);
}

void bsi_request_check_level(const char *compression, int32_t level, bsi_complaints *complaints)
{
    int low = 0;
    int high = 0;
    int usual = 0;

    if (level == 0) {
        return;
    }
    if (!find_levels(compression, &low, &high, &usual)) {
        bsi_complain_invalid(complaints, "compression_level: %s has no levels, leave it out",
                             compression);
    } else if (level < low || level > high) {
        bsi_complain_invalid(complaints, "compression_level: %s takes %d to %d, not %d",
                             compression, low, high, level);
    }
}

/* The level of a request that names none: the setting, where somebody set it, else its own. */
static int usual_level(const bs_service *service, const char *compression)
{
    int low = 0;
    int high = 0;
    int level = 0;
    const int64_t set = service->config->values[BSI_CONFIG_COMPRESSION_LEVEL]
                            ? bsi_config_number(service->config, BSI_CONFIG_COMPRESSION_LEVEL)
                            : 0;

    if (!find_levels(compression, &low, &high, &level)) {
        return 0;
    }
    if (set > 0) {
        level = (int)set;
        level = level < low ? low : level;
        level = level > high ? high : level;
    }
    return level;
}

static void take_mirror_compression(const bs_backup_options *options, bsi_complaints *complaints)
{
    if (options->compression != BS_COMPRESSION_DEFAULT &&
        options->compression != BS_COMPRESSION_NONE) {
        bsi_complain_invalid(complaints, "compression: a mirror takes none");
    }
    if (options->compression_level != 0) {
        bsi_complain_invalid(complaints, "compression_level: a mirror has none, leave it out");
    }
}

/* What the form has; false: it was complained about. */
static bool check_compression(bs_compression compression, const bsi_backup_request *request,
                              bsi_complaints *complaints)
{
    const bool repository = bsi_request_is_repository(request);
    char words[80];

    if (compression < BS_COMPRESSION_NONE || compression > BS_COMPRESSION_ZSTD) {
        bsi_complain_invalid(complaints, "compression: takes %s, not the number %d",
                             bsi_word_list(bsi_words_compression, words, sizeof(words)),
                             (int)compression);
        return false;
    }
    if (repository && compression != BS_COMPRESSION_NONE && compression != BS_COMPRESSION_ZSTD) {
        bsi_complain_invalid(complaints, "compression: a repository takes none or zstd, not %s",
                             bsi_word_name(bsi_words_compression, (int)compression));
        return false;
    }
    if (!repository && compression == BS_COMPRESSION_ZSTD) {
        bsi_complain_invalid(complaints, "compression: zstd is for the form repository; for an "
                                         "archive take tar.zst");
        return false;
    }
    return true;
}

bs_compression bsi_request_compression(const bs_backup_options *options)
{
    if (options->compression != BS_COMPRESSION_DEFAULT) {
        return options->compression;
    }
    return wants_repository(options) ? BS_COMPRESSION_ZSTD : BS_COMPRESSION_ZIP;
}

static void take_compression(const bs_service *service, const bs_backup_options *options,
                             bsi_backup_request *request, bsi_complaints *complaints)
{
    const bs_compression compression = bsi_request_compression(options);

    request->compression = "none";
    if (request->kind == BSI_KIND_MIRROR) {
        take_mirror_compression(options, complaints);
        return;
    }
    if (!check_compression(compression, request, complaints)) {
        return;
    }
    request->compression = bsi_word_name(bsi_words_compression, (int)compression);
    bsi_request_check_level(request->compression, options->compression_level, complaints);
    request->level = options->compression_level != 0 ? options->compression_level
                                                     : usual_level(service, request->compression);
}

/* --- The rest --- */

/* What a mirror does besides storing: it replaces and removes. */
static void check_storage(const char *name, const bsi_backup_request *request,
                          bsi_complaints *complaints)
{
    if (bsi_storage_check_writable(request->storage, name) < 0) {
        bsi_complain(complaints, BS_E_READ_ONLY, BS_LAYER_STORAGE, "storage: %s",
                     bs_error_last()->message);
    } else if (request->kind == BSI_KIND_MIRROR &&
               bsi_storage_check_removable(request->storage, name) < 0) {
        bsi_complain(complaints, BS_E_READ_ONLY, BS_LAYER_STORAGE,
                     "storage: a mirror needs both: %s", bs_error_last()->message);
    }
}

static bs_status take_storage(bs_service *service, const bs_backup_options *options,
                              bsi_backup_request *request, bsi_complaints *complaints)
{
    const char *name = options->storage && options->storage[0] ? options->storage : "local";
    const bs_status status = bsi_service_storage(service, name, &request->storage);

    if (status == BS_E_NOT_FOUND) {
        bsi_complain(complaints, BS_E_NOT_FOUND, BS_LAYER_CALLER, "storage: %s",
                     bs_error_last()->message);
    } else if (status < 0) {
        return status;
    } else {
        check_storage(name, request, complaints);
    }
    request->storage_name = bsi_arena_text(&request->arena, name);
    return request->storage_name ? BS_OK : BS_E_NOMEM;
}

static bool names_twice(const char *const *names, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(names[i], names[index]) == 0) {
            return true;
        }
    }
    return false;
}

/* One that is away today is for the copy to tell; the backup itself can do without. */
static bs_status check_copy(bs_service *service, const bsi_backup_request *request, size_t index,
                            bsi_complaints *complaints)
{
    const char *name = request->copy_to[index];
    bsi_storage *storage = NULL;
    bs_status status = BS_OK;

    if (strcmp(name, request->storage_name) == 0 || names_twice(request->copy_to, index)) {
        bsi_complain_invalid(complaints, "copy_to[%zu]: '%s' is named already", index, name);
        return BS_OK;
    }
    status = bsi_service_storage(service, name, &storage);
    if (status >= 0) {
        status = bsi_storage_check_writable(storage, name);
    }
    if (status == BS_E_READ_ONLY ||
        (status == BS_E_NOT_FOUND && bs_error_last()->layer == BS_LAYER_CALLER)) {
        bsi_complain(complaints, status, bs_error_last()->layer, "copy_to[%zu]: %s", index,
                     bs_error_last()->message);
    }
    bsi_storage_unref(storage);
    return status == BS_E_NOMEM ? status : BS_OK;
}

/* Behind the form and the storage. */
static bs_status take_copies(bs_service *service, const bs_backup_options *options,
                             bsi_backup_request *request, bsi_complaints *complaints)
{
    size_t count = 0;
    bs_status status = BS_OK;

    while (options->copy_to && options->copy_to[count] && count <= BSI_COPIES_MAX) {
        count++;
    }
    if (count == 0) {
        return BS_OK;
    }
    if (count > BSI_COPIES_MAX) {
        bsi_complain_invalid(complaints, "copy_to: takes at most %d storages", BSI_COPIES_MAX);
        return BS_OK;
    }
    if (request->vault && !request->vault->replicate) {
        bsi_complain(complaints, BS_E_UNSUPPORTED, BS_LAYER_CALLER,
                     "copy_to: the form %s has no copies on other storages", request->form);
        return BS_OK;
    }
    request->copy_to = bsi_arena_texts(&request->arena, options->copy_to);
    if (!request->copy_to) {
        return BS_E_NOMEM;
    }
    for (size_t i = 0; i < count && status >= 0; i++) {
        status = check_copy(service, request, i, complaints);
    }
    return status;
}

/* Which of the patterns are wrong, each by itself. */
static bs_status complain_of_patterns(const char *field, const char *const *patterns, size_t count,
                                      bsi_complaints *complaints)
{
    const size_t before = complaints->count;

    for (size_t i = 0; i < count; i++) {
        bsi_pattern_list *one = NULL;
        const bs_status status = bsi_pattern_list_new(&patterns[i], 1, &one, NULL);
        bsi_pattern_list_free(one);
        if (status == BS_E_NOMEM) {
            return status;
        }
        if (status < 0) {
            bsi_complain_invalid(complaints, "%s[%zu]: %s", field, i, bs_error_last()->message);
        }
    }
    if (complaints->count == before) {
        bsi_complain_invalid(complaints, "%s: takes at most %d patterns", field,
                             BSI_PATTERN_MAX_COUNT);
    }
    return BS_OK;
}

bs_status bsi_request_take_patterns(const char *field, const char *const *patterns,
                                    bsi_pattern_list **out, bsi_complaints *complaints)
{
    size_t count = 0;
    bs_status status = BS_OK;

    for (; patterns && patterns[count]; count++) {
        if (!bsi_utf8_valid(patterns[count], strlen(patterns[count]))) {
            bsi_complain_invalid(complaints, "%s[%zu]: is not UTF-8", field, count);
            return BS_OK;
        }
    }
    if (count == 0) {
        return BS_OK;
    }
    status = bsi_pattern_list_new(patterns, count, out, NULL);
    if (status == BS_OK || status == BS_E_NOMEM) {
        return status;
    }
    return complain_of_patterns(field, patterns, count, complaints);
}

static void take_retention(const bs_service *service, const bs_backup_options *options,
                           bsi_backup_request *request, bsi_complaints *complaints)
{
    const int64_t usual = bsi_config_number(service->config, BSI_CONFIG_DEFAULT_RETENTION_DAYS);
    const int32_t days = options->retention_days;

    request->rules = bsi_rules_take(options, complaints);
    request->retention_days = days;
    if (days == 0 && !bsi_rules_are_set(&request->rules)) {
        request->retention_days = usual > 0 ? (int32_t)usual : BS_RETENTION_FOREVER;
    }
    if (days == BS_RETENTION_FOREVER && bsi_rules_are_set(&request->rules)) {
        bsi_complain_invalid(complaints,
                             "retention_days: -1 keeps every backup, so that a keep_... "
                             "rule means nothing; leave one of them out");
    } else if (days < BS_RETENTION_FOREVER || days > BSI_RETENTION_DAYS_MAX) {
        bsi_complain_invalid(complaints,
                             "retention_days: takes 1 to %d, or -1 for ever, not %" PRId32,
                             BSI_RETENTION_DAYS_MAX, days);
    }
}

/* Copy JSON that was checked, without the white space between its tokens. */
static char *compact_json(bsi_arena *arena, const char *json)
{
    char *out = bsi_arena_alloc(arena, 1, strlen(json) + 1);
    bool text = false;
    size_t used = 0;

    for (size_t i = 0; out && json[i]; i++) {
        const char byte = json[i];
        if (text && byte == '\\') {
            out[used++] = json[i++];
        } else if (byte == '"') {
            text = !text;
        } else if (!text && strchr(" \t\r\n", byte)) {
            continue;
        }
        out[used++] = json[i];
    }
    return out;
}

static bs_status take_metadata(const bs_backup_options *options, bsi_backup_request *request,
                               bsi_complaints *complaints)
{
    const bsi_json_limits limits = {.max_size = REQUEST_METADATA_MAX,
                                    .max_depth = REQUEST_METADATA_DEPTH};
    const char *metadata = options->metadata && options->metadata[0] ? options->metadata : "{}";
    bsi_json_reader reader;
    bs_status status =
        bsi_json_check(metadata, strlen(metadata), &limits, BS_LAYER_CALLER, BS_E_INVALID);

    if (status == BS_E_NOMEM) {
        return status;
    }
    if (status < 0) {
        bsi_complain_invalid(complaints, "metadata: %s", bs_error_last()->message);
        return BS_OK;
    }
    bsi_json_init(&reader, metadata, strlen(metadata), BS_LAYER_CALLER, BS_E_INVALID);
    if (bsi_json_peek(&reader) != BSI_JSON_OBJECT) {
        bsi_complain_invalid(complaints, "metadata: takes a JSON object");
        return BS_OK;
    }
    request->metadata = compact_json(&request->arena, metadata);
    return request->metadata ? BS_OK : BS_E_NOMEM;
}

static bool is_given(const char *text)
{
    return text && text[0];
}

void bsi_request_check_lasting(const bs_backup_options *options, const bsi_backup_request *request,
                               bsi_complaints *complaints)
{
    if (options->source_callback) {
        bsi_complain_invalid(complaints, "source_callback: a schedule outlives the program; it "
                                         "takes source_paths or source_command");
    }
    if (request->key_is_secret) {
        bsi_complain_invalid(complaints, "encryption_key: a schedule keeps no secrets; it takes "
                                         "env:NAME, file:PATH or keyring:NAME");
    }
}

/* It is kept elsewhere; here it is only checked. */
static bs_status check_schedule(const bs_backup_options *options, const bsi_backup_request *request,
                                bsi_complaints *complaints)
{
    bsi_schedule_rule rule = {.own_zone = NULL};
    bs_status status = BS_OK;

    if (!options->schedule) {
        if (is_given(options->schedule_timezone) || is_given(options->schedule_name)) {
            bsi_complain_invalid(complaints, "schedule: is missing, though its time zone or name "
                                             "is given");
        }
        return BS_OK;
    }
    bsi_request_check_lasting(options, request, complaints);
    complaints->prefix = "schedule.";
    if (is_given(options->schedule_name) && !bsi_backup_name_is_valid(options->schedule_name)) {
        bsi_complain_invalid(complaints, "name: takes what a backup's name takes");
    }
    status =
        bsi_schedule_rule_take(options->schedule, options->schedule_timezone, complaints, &rule);
    complaints->prefix = NULL;
    bsi_schedule_rule_dispose(&rule);
    return status < 0 ? status : BS_OK;
}

static bs_status take_all(bs_service *service, const bs_backup_options *options,
                          bsi_backup_request *request, bsi_complaints *complaints)
{
    request->note = "";
    request->one_file_system = options->one_file_system;
    request->content_only = options->content_only;
    request->skip_special = options->skip_special;
    request->allow_empty_mirror = options->allow_empty_mirror;
    BSI_TRY(take_name(options, request, complaints));
    take_kind(service, options, request, complaints);
    BSI_TRY(bsi_request_take_sources(service, options, request, complaints));
    take_form(options, request, complaints);
    BSI_TRY(take_storage(service, options, request, complaints));
    BSI_TRY(take_copies(service, options, request, complaints));
    take_compression(service, options, request, complaints);
    BSI_TRY(bsi_request_take_encryption(service, options, request, complaints));
    BSI_TRY(bsi_request_take_patterns("include_patterns", options->include_patterns,
                                      &request->include, complaints));
    BSI_TRY(bsi_request_take_patterns("exclude_patterns", options->exclude_patterns,
                                      &request->exclude, complaints));
    take_retention(service, options, request, complaints);
    BSI_TRY(check_schedule(options, request, complaints));
    return take_metadata(options, request, complaints);
}

bs_status bsi_backup_request_new(bs_service *service, const bs_backup_options *options,
                                 bsi_backup_request **out)
{
    bsi_complaints complaints = {0};
    bsi_backup_request *request = bsi_calloc(1, sizeof(*request));
    bs_status status = BS_E_NOMEM;

    if (request) {
        status = take_all(service, options, request, &complaints);
    }
    if (status >= 0) {
        status = bsi_complaints_status(&complaints);
    }
    if (status >= 0) {
        status = bsi_request_write_options(options, request);
    }
    if (status < 0) {
        bsi_backup_request_free(request);
        return status;
    }
    *out = request;
    return BS_OK;
}

void bsi_backup_request_free(bsi_backup_request *request)
{
    if (!request) {
        return;
    }
    bsi_pattern_list_free(request->include);
    bsi_pattern_list_free(request->exclude);
    bsi_key_list_dispose(&request->wrap_keys);
    bsi_storage_unref(request->storage);
    bsi_arena_dispose(&request->arena);
    bsi_free(request);
}
