/* SPDX-License-Identifier: MIT */
/*
 * Options from JSON. Each struct has a table of its members; a reader goes
 * through the object once and notes every complaint by the path of the value.
 * Text that is no JSON ends it where it is broken, after what was noted before.
 */
#include "engine/options_read.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "crypto/secret.h"
#include "engine/arena.h"
#include "engine/complaints.h"
#include "engine/request.h"
#include "engine/words.h"
#include "text/json_read.h"

enum {
    JSON_REQUEST_MAX = 1024 * 1024,
    JSON_LIST_MAX = 100000,
    JSON_FIELDS_MAX = 32,
};

/* What a member takes. */
typedef enum field_kind {
    FIELD_TEXT,
    FIELD_TEXTS,
    FIELD_NUMBER, /* int32_t */
    FIELD_FLAG,
    FIELD_WORD,
    FIELD_OBJECT, /* Kept as the JSON that it is. */
    FIELD_RULES,  /* An object with the numbers of bsi_rule_fields. */
    FIELD_CHOICE, /* bs_choice, from true or false. */
    FIELD_BACKUP, /* A whole backup request. */
    FIELD_WHEN,   /* A cron expression, or an object of when_fields. */
} field_kind;

typedef struct field {
    const char *name;
    field_kind kind;
    size_t offset;
    const bsi_word *words;
} field;

typedef struct reading {
    bsi_json_reader json;
    bsi_arena *arena;
    bsi_buf scratch;
    bsi_complaints complaints;
    char *options;
    bool has_rules; /* There is an object of rules, whatever is in it. */
} reading;

/* The struct that the caller holds comes first, so that its address is the box's. */
typedef struct options_box {
    union {
        size_t struct_size; /* What each of them begins with. */
        bs_backup_options backup;
        bs_restore_options restore;
        bs_drill_options drill;
        bs_retention_options retention;
        bs_pin_options pin;
        bs_schedule_options schedule;
    } options;
    bsi_arena arena;
} options_box;

/* clang-format off */
#define BACKUP_FIELD(member, kind, words)                                                        \
    {#member, kind, offsetof(bs_backup_options, member), words}
static const field backup_fields[] = {
    BACKUP_FIELD(name, FIELD_TEXT, NULL),
    BACKUP_FIELD(source_paths, FIELD_TEXTS, NULL),
    BACKUP_FIELD(source_command, FIELD_TEXTS, NULL),
    BACKUP_FIELD(source_name, FIELD_TEXT, NULL),
    BACKUP_FIELD(backup_type, FIELD_WORD, bsi_words_backup_type),
    BACKUP_FIELD(form, FIELD_WORD, bsi_words_form),
    BACKUP_FIELD(storage, FIELD_TEXT, NULL),
    BACKUP_FIELD(compression, FIELD_WORD, bsi_words_compression),
    BACKUP_FIELD(compression_level, FIELD_NUMBER, NULL),
    BACKUP_FIELD(encryption, FIELD_WORD, bsi_words_encryption),
    BACKUP_FIELD(include_patterns, FIELD_TEXTS, NULL),
    BACKUP_FIELD(exclude_patterns, FIELD_TEXTS, NULL),
    BACKUP_FIELD(retention_days, FIELD_NUMBER, NULL),
    BACKUP_FIELD(metadata, FIELD_OBJECT, NULL),
    BACKUP_FIELD(one_file_system, FIELD_FLAG, NULL),
    BACKUP_FIELD(content_only, FIELD_FLAG, NULL),
    BACKUP_FIELD(skip_special, FIELD_FLAG, NULL),
    BACKUP_FIELD(allow_empty_mirror, FIELD_FLAG, NULL),
    BACKUP_FIELD(encryption_key, FIELD_TEXT, NULL),
    BACKUP_FIELD(recipients, FIELD_TEXTS, NULL),
    BACKUP_FIELD(zip_encryption, FIELD_WORD, bsi_words_zip_encryption),
    BACKUP_FIELD(copy_to, FIELD_TEXTS, NULL),
    {"retention", FIELD_RULES, 0, NULL},
    BACKUP_FIELD(schedule, FIELD_WHEN, NULL),
    {NULL, FIELD_TEXT, 0, NULL},
};

/* The object that may stand for a backup request's schedule. */
static const field when_fields[] = {
    {"name", FIELD_TEXT, offsetof(bs_backup_options, schedule_name), NULL},
    {"cron_expression", FIELD_TEXT, offsetof(bs_backup_options, schedule), NULL},
    {"timezone", FIELD_TEXT, offsetof(bs_backup_options, schedule_timezone), NULL},
    {NULL, FIELD_TEXT, 0, NULL},
};

#define SCHEDULE_FIELD(member, kind, words)                                                      \
    {#member, kind, offsetof(bs_schedule_options, member), words}
static const field schedule_fields[] = {
    SCHEDULE_FIELD(name, FIELD_TEXT, NULL),
    SCHEDULE_FIELD(cron_expression, FIELD_TEXT, NULL),
    SCHEDULE_FIELD(timezone, FIELD_TEXT, NULL),
    SCHEDULE_FIELD(action, FIELD_WORD, bsi_words_schedule_action),
    SCHEDULE_FIELD(backup_request, FIELD_BACKUP, NULL),
    SCHEDULE_FIELD(action_request, FIELD_OBJECT, NULL),
    SCHEDULE_FIELD(missed, FIELD_WORD, bsi_words_missed),
    SCHEDULE_FIELD(is_active, FIELD_CHOICE, NULL),
    {NULL, FIELD_TEXT, 0, NULL},
};

#define RESTORE_FIELD(member, kind) {#member, kind, offsetof(bs_restore_options, member), NULL}
static const field restore_fields[] = {
    RESTORE_FIELD(backup_id, FIELD_TEXT),
    RESTORE_FIELD(restore_path, FIELD_TEXT),
    RESTORE_FIELD(paths, FIELD_TEXTS),
    RESTORE_FIELD(owner_map, FIELD_TEXTS),
    RESTORE_FIELD(overwrite, FIELD_FLAG),
    RESTORE_FIELD(no_permissions, FIELD_FLAG),
    RESTORE_FIELD(no_ownership, FIELD_FLAG),
    RESTORE_FIELD(no_verify, FIELD_FLAG),
    RESTORE_FIELD(privileged, FIELD_FLAG),
    RESTORE_FIELD(strip_source, FIELD_FLAG),
    RESTORE_FIELD(encryption_key, FIELD_TEXT),
    RESTORE_FIELD(key_passphrase, FIELD_TEXT),
    {NULL, FIELD_TEXT, 0, NULL},
};

#define DRILL_FIELD(member, kind) {#member, kind, offsetof(bs_drill_options, member), NULL}
static const field drill_fields[] = {
    DRILL_FIELD(backup_id, FIELD_TEXT),
    DRILL_FIELD(sample_files, FIELD_NUMBER),
    DRILL_FIELD(sample_percent, FIELD_NUMBER),
    DRILL_FIELD(all, FIELD_FLAG),
    DRILL_FIELD(scratch_path, FIELD_TEXT),
    {NULL, FIELD_TEXT, 0, NULL},
};

#define RETENTION_FIELD(member, kind) {#member, kind, offsetof(bs_retention_options, member), NULL}
static const field retention_fields[] = {
    RETENTION_FIELD(name, FIELD_TEXT),
    RETENTION_FIELD(retention_days, FIELD_NUMBER),
    RETENTION_FIELD(keep_last, FIELD_NUMBER),
    RETENTION_FIELD(keep_hourly, FIELD_NUMBER),
    RETENTION_FIELD(keep_daily, FIELD_NUMBER),
    RETENTION_FIELD(keep_weekly, FIELD_NUMBER),
    RETENTION_FIELD(keep_monthly, FIELD_NUMBER),
    RETENTION_FIELD(keep_yearly, FIELD_NUMBER),
    RETENTION_FIELD(accept_clock, FIELD_FLAG),
    {NULL, FIELD_TEXT, 0, NULL},
};

#define PIN_FIELD(member, kind) {#member, kind, offsetof(bs_pin_options, member), NULL}
static const field pin_fields[] = {
    PIN_FIELD(reason, FIELD_TEXT),
    PIN_FIELD(until, FIELD_TEXT),
    PIN_FIELD(hold, FIELD_FLAG),
    {NULL, FIELD_TEXT, 0, NULL},
};
/* clang-format on */

_Static_assert(BSI_ARRAY_SIZE(backup_fields) <= JSON_FIELDS_MAX, "a bit for each field");

/* --- One value --- */

/* Pass over a value of the wrong type, which was complained about. */
static bs_status refuse(reading *self, const char *path, const char *takes)
{
    bsi_complain_invalid(&self->complaints, "%s: takes %s", path, takes);
    return bsi_json_skip(&self->json);
}

static bs_status read_text(reading *self, const char *path, const char **out)
{
    bsi_slice text;

    *out = NULL;
    if (bsi_json_peek(&self->json) != BSI_JSON_STRING) {
        return refuse(self, path, "a text");
    }
    BSI_TRY(bsi_json_read_string(&self->json, &self->scratch, &text));
    *out = bsi_arena_slice(self->arena, text);
    return *out ? BS_OK : BS_E_NOMEM;
}

/* How many items the array has that begins here; the reader stays before it. */
static bs_status count_items(const reading *self, size_t *out)
{
    bsi_json_reader ahead = self->json;
    bs_status status = bsi_json_enter_array(&ahead);

    *out = 0;
    while (status >= 0) {
        status = bsi_json_next_item(&ahead);
        if (status != BS_OK) {
            break;
        }
        status = bsi_json_skip(&ahead);
        *out += 1;
    }
    return status < 0 ? status : BS_OK;
}

static bs_status read_texts(reading *self, const char *path, const char *const **out)
{
    const char **texts = NULL;
    char item[64];
    size_t count = 0;

    if (bsi_json_peek(&self->json) != BSI_JSON_ARRAY) {
        return refuse(self, path, "an array of texts");
    }
    BSI_TRY(count_items(self, &count));
    if (count > JSON_LIST_MAX) {
        return refuse(self, path, "at most 100000 texts");
    }
    texts = bsi_arena_alloc(self->arena, count + 1, sizeof(*texts));
    if (!texts) {
        return BS_E_NOMEM;
    }
    BSI_TRY(bsi_json_enter_array(&self->json));
    for (size_t i = 0; bsi_json_next_item(&self->json) == BS_OK; i++) {
        bs_status status = BS_OK;
        (void)snprintf(item, sizeof(item), "%.40s[%zu]", path, i);
        status = read_text(self, item, &texts[i]);
        if (status < 0) {
            return status;
        }
    }
    *out = texts;
    return BS_OK;
}

static bs_status read_number(reading *self, const char *path, int32_t *out)
{
    bsi_json_reader before = self->json;
    int64_t value = 0;

    if (bsi_json_peek(&self->json) != BSI_JSON_NUMBER) {
        return refuse(self, path, "a whole number");
    }
    if (bsi_json_read_i64(&self->json, &value) < 0 || value < INT32_MIN || value > INT32_MAX) {
        self->json = before;
        return refuse(self, path, "a whole number of -2147483648 to 2147483647");
    }
    *out = (int32_t)value;
    return BS_OK;
}

static bs_status read_word(reading *self, const char *path, const bsi_word *words, void *out)
{
    char list[80];
    char shown[64];
    const char *text = NULL;
    int value = 0;

    BSI_TRY(read_text(self, path, &text));
    if (!text) {
        return BS_OK;
    }
    if (!bsi_word_parse(words, bsi_slice_of(text), &value)) {
        bsi_complain_invalid(&self->complaints, "%s: takes %s, not '%s'", path,
                             bsi_word_list(words, list, sizeof(list)),
                             bsi_printable(text, strlen(text), shown, sizeof(shown)));
        return BS_OK;
    }
    memcpy(out, &value, sizeof(value));
    return BS_OK;
}

_Static_assert(sizeof(bs_backup_type) == sizeof(int) && sizeof(bs_form) == sizeof(int) &&
                   sizeof(bs_compression) == sizeof(int) && sizeof(bs_encryption) == sizeof(int) &&
                   sizeof(bs_zip_encryption) == sizeof(int),
               "enumerations are stored as int");

static bs_status read_object(reading *self, const char *path, const char **out)
{
    bsi_slice raw;
    bs_status status = BS_OK;

    if (bsi_json_peek(&self->json) != BSI_JSON_OBJECT) {
        return refuse(self, path, "a JSON object");
    }
    BSI_TRY(bsi_json_raw_value(&self->json, &raw));
    status = bsi_json_check(raw.data, raw.size, NULL, BS_LAYER_CALLER, BS_E_INVALID);
    if (status == BS_E_NOMEM) {
        return status;
    }
    if (status < 0) {
        bsi_complain_invalid(&self->complaints, "%s: %s", path, bs_error_last()->message);
        return BS_OK;
    }
    *out = bsi_arena_slice(self->arena, raw);
    return *out ? BS_OK : BS_E_NOMEM;
}

static bs_status read_rule(reading *self, bsi_slice key, uint32_t *seen)
{
    char path[96];
    char shown[64];
    const bsi_rule_field *rule = bsi_rule_fields;

    bsi_printable(key.data, key.size, shown, sizeof(shown));
    (void)snprintf(path, sizeof(path), "retention.%s", shown);
    while (rule->name && !bsi_slice_is(key, rule->name)) {
        rule++;
    }
    if (!rule->name) {
        bsi_complain_invalid(&self->complaints, "%s: there is no such field", path);
        return bsi_json_skip(&self->json);
    }
    if (*seen & 1u << (rule - bsi_rule_fields)) {
        bsi_complain_invalid(&self->complaints, "%s: stands twice", path);
        return bsi_json_skip(&self->json);
    }
    *seen |= 1u << (rule - bsi_rule_fields);
    if (bsi_json_peek(&self->json) == BSI_JSON_NULL) {
        return bsi_json_read_null(&self->json);
    }
    return read_number(self, path, (int32_t *)(void *)(self->options + rule->in_options));
}

static bs_status read_rules(reading *self)
{
    bsi_slice key;
    uint32_t seen = 0;
    bs_status status = BS_OK;

    if (bsi_json_peek(&self->json) != BSI_JSON_OBJECT) {
        return refuse(self, "retention", "an object such as {\"keep_last\": 3}");
    }
    self->has_rules = true;
    status = bsi_json_enter_object(&self->json);
    while (status >= 0) {
        status = bsi_json_next_key(&self->json, &key);
        if (status != BS_OK) {
            break;
        }
        status = read_rule(self, key, &seen);
    }
    return status < 0 ? status : BS_OK;
}

static bs_status read_choice(reading *self, const char *path, bs_choice *out)
{
    bool yes = false;

    if (bsi_json_peek(&self->json) != BSI_JSON_BOOL) {
        return refuse(self, path, "true or false");
    }
    BSI_TRY(bsi_json_read_bool(&self->json, &yes));
    *out = yes ? BS_CHOICE_YES : BS_CHOICE_NO;
    return BS_OK;
}

static bs_status read_members(reading *self, const field *fields);
static void check_backup_options(reading *self);

/* The members of an object that is itself a member; they belong to self->options. */
static bs_status read_nested(reading *self, const char *name, const field *fields)
{
    const char *outer = self->complaints.prefix;
    char prefix[80];
    bs_status status = BS_OK;

    if (bsi_json_peek(&self->json) != BSI_JSON_OBJECT) {
        return refuse(self, name, "a JSON object");
    }
    (void)snprintf(prefix, sizeof(prefix), "%s%s.", outer ? outer : "", name);
    self->complaints.prefix = prefix;
    status = read_members(self, fields);
    if (status >= 0 && fields == backup_fields) {
        check_backup_options(self);
    }
    self->complaints.prefix = outer;
    return status;
}

static bs_status read_backup(reading *self, const char *name, const bs_backup_options **out)
{
    bs_backup_options *options = bsi_arena_alloc(self->arena, 1, sizeof(*options));
    char *outer = self->options;
    bs_status status = BS_OK;

    if (!options) {
        return BS_E_NOMEM;
    }
    options->struct_size = sizeof(*options);
    *out = options;
    self->options = (char *)options;
    status = read_nested(self, name, backup_fields);
    self->options = outer;
    return status;
}

static bs_status read_when(reading *self, const char *name, const char **out)
{
    switch (bsi_json_peek(&self->json)) {
    case BSI_JSON_STRING:
        return read_text(self, name, out);
    case BSI_JSON_OBJECT:
        return read_nested(self, name, when_fields);
    default:
        return refuse(self, name,
                      "a cron expression, or an object of cron_expression, timezone "
                      "and name");
    }
}

/* A null is a value that was not given. */
static bs_status read_field(reading *self, const field *one)
{
    void *to = self->options + one->offset;

    if (bsi_json_peek(&self->json) == BSI_JSON_NULL) {
        return bsi_json_read_null(&self->json);
    }
    switch (one->kind) {
    case FIELD_TEXT:
        return read_text(self, one->name, to);
    case FIELD_TEXTS:
        return read_texts(self, one->name, to);
    case FIELD_NUMBER:
        return read_number(self, one->name, to);
    case FIELD_FLAG:
        if (bsi_json_peek(&self->json) != BSI_JSON_BOOL) {
            return refuse(self, one->name, "true or false");
        }
        return bsi_json_read_bool(&self->json, to);
    case FIELD_WORD:
        return read_word(self, one->name, one->words, to);
    case FIELD_OBJECT:
        return read_object(self, one->name, to);
    case FIELD_RULES:
        return read_rules(self);
    case FIELD_CHOICE:
        return read_choice(self, one->name, to);
    case FIELD_BACKUP:
        return read_backup(self, one->name, to);
    case FIELD_WHEN:
        return read_when(self, one->name, to);
    }
    return BS_E_INTERNAL;
}

/* --- The object --- */

static bs_status refuse_key(reading *self, bsi_slice key)
{
    char shown[80];

    bsi_printable(key.data, key.size, shown, sizeof(shown));
    if (bsi_slice_is(key, "source_callback") || bsi_slice_is(key, "source_user")) {
        bsi_complain_invalid(&self->complaints, "%s: cannot be given in JSON", shown);
    } else {
        bsi_complain_invalid(&self->complaints, "%s: there is no such field", shown);
    }
    return bsi_json_skip(&self->json);
}

static bs_status read_member(reading *self, const field *fields, bsi_slice key, uint32_t *seen)
{
    for (size_t i = 0; fields[i].name; i++) {
        if (!bsi_slice_is(key, fields[i].name)) {
            continue;
        }
        if (*seen & 1u << i) {
            bsi_complain_invalid(&self->complaints, "%s: stands twice", fields[i].name);
            return bsi_json_skip(&self->json);
        }
        *seen |= 1u << i;
        return read_field(self, &fields[i]);
    }
    return refuse_key(self, key);
}

static bs_status read_members(reading *self, const field *fields)
{
    bsi_slice key;
    uint32_t seen = 0;
    bs_status status = bsi_json_enter_object(&self->json);

    while (status >= 0) {
        status = bsi_json_next_key(&self->json, &key);
        if (status != BS_OK) {
            break;
        }
        status = read_member(self, fields, key, &seen);
    }
    return status < 0 ? status : BS_OK;
}

/* Broken text is one more complaint, and the last. */
static bs_status read_all(reading *self, const char *text, size_t size, const field *fields)
{
    bs_status status = BS_OK;

    if (size > JSON_REQUEST_MAX) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "a request has at most 1 MiB, not %zu bytes",
                        size);
    }
    /* As large as it can get: it never moves, and leaves no copies of a key behind. */
    bsi_buf_init(&self->scratch, JSON_REQUEST_MAX);
    BSI_TRY(bsi_buf_reserve(&self->scratch, size));
    bsi_json_init(&self->json, text, size, BS_LAYER_CALLER, BS_E_INVALID);
    status = read_members(self, fields);
    if (status >= 0) {
        status = bsi_json_end(&self->json);
    }
    bsi_wipe(self->scratch.data, self->scratch.capacity);
    bsi_buf_dispose(&self->scratch);
    if (status == BS_E_INVALID || status == BS_E_LIMIT) {
        bsi_complain_invalid(&self->complaints, "%s", bs_error_last()->message);
        status = BS_OK;
    }
    return status;
}

static void check_rules(reading *self, const bs_backup_options *options)
{
    bsi_retention_rules rules = bsi_rules_take(options, &self->complaints);

    if (self->has_rules && self->complaints.count == 0) {
        rules.own_days = options->retention_days == BS_RETENTION_FOREVER;
        rules.retention_days = options->retention_days > 0 ? options->retention_days : 0;
        if (bsi_retention_check(&rules) < 0) {
            bsi_complain_invalid(&self->complaints, "%s", bs_error_last()->message);
        }
    }
}

static void check_backup(reading *self, const bs_backup_options *options)
{
    const bs_compression compression = bsi_request_compression(options);

    if (options->backup_type != BS_BACKUP_MIRROR) {
        bsi_request_check_level(bsi_word_name(bsi_words_compression, (int)compression),
                                options->compression_level, &self->complaints);
    }
}

static void check_backup_options(reading *self)
{
    const bs_backup_options *options = (const void *)self->options;

    check_rules(self, options);
    check_backup(self, options);
}

static void free_options(void *options)
{
    options_box *box = options;

    if (box) {
        bsi_arena_wipe(&box->arena);
        bsi_free(box);
    }
}

/* Memory for options of any kind, of which `options_size` bytes are given out. */
static bs_status read_options(const char *text, size_t size, const field *fields,
                              void (*check)(reading *self), size_t options_size, options_box **out)
{
    reading self = {.json = {.begin = NULL}};
    options_box *box = bsi_calloc(1, sizeof(*box));
    bs_status status = BS_OK;

    if (!box) {
        return BS_E_NOMEM;
    }
    box->options.struct_size = options_size;
    self.arena = &box->arena;
    self.options = (char *)&box->options;
    status = read_all(&self, text, size, fields);
    if (status >= 0 && check) {
        check(&self);
    }
    if (status >= 0) {
        status = bsi_complaints_status(&self.complaints);
    }
    if (status < 0) {
        free_options(box);
        return status;
    }
    *out = box;
    return BS_OK;
}

#define READ_OPTIONS(member, fields, check)                                                  \
    do {                                                                                     \
        options_box *box = NULL;                                                             \
        BSI_TRY(read_options(text, size, fields, check, sizeof(box->options.member), &box)); \
        *out = &box->options.member;                                                         \
        return BS_OK;                                                                        \
    } while (0)

bs_status bsi_backup_options_read(const char *text, size_t size, bs_backup_options **out)
{
    READ_OPTIONS(backup, backup_fields, check_backup_options);
}

void bsi_backup_options_free(bs_backup_options *options)
{
    free_options(options);
}

bs_status bsi_restore_options_read(const char *text, size_t size, bs_restore_options **out)
{
    READ_OPTIONS(restore, restore_fields, NULL);
}

void bsi_restore_options_free(bs_restore_options *options)
{
    free_options(options);
}

bs_status bsi_drill_options_read(const char *text, size_t size, bs_drill_options **out)
{
    READ_OPTIONS(drill, drill_fields, NULL);
}

void bsi_drill_options_free(bs_drill_options *options)
{
    free_options(options);
}

bs_status bsi_retention_options_read(const char *text, size_t size, bs_retention_options **out)
{
    READ_OPTIONS(retention, retention_fields, NULL);
}

void bsi_retention_options_free(bs_retention_options *options)
{
    free_options(options);
}

bs_status bsi_pin_options_read(const char *text, size_t size, bs_pin_options **out)
{
    READ_OPTIONS(pin, pin_fields, NULL);
}

void bsi_pin_options_free(bs_pin_options *options)
{
    free_options(options);
}

bs_status bsi_schedule_options_read(const char *text, size_t size, bs_schedule_options **out)
{
    READ_OPTIONS(schedule, schedule_fields, NULL);
}

void bsi_schedule_options_free(bs_schedule_options *options)
{
    free_options(options);
}
