/* SPDX-License-Identifier: MIT */
#include "engine/pins.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "engine/held.h"
#include "engine/info_parts.h"
#include "engine/service.h"
#include "text/json_read.h"
#include "text/json_write.h"
#include "text/rfc3339.h"
#include "vault/pins.h"

enum { REASON_MAX = 500 };

/* --- As JSON --- */

static void write_time(bsi_json_writer *json, const char *key, int64_t ns)
{
    char text[BSI_RFC3339_SIZE] = "";

    if (ns != 0 &&
        bsi_rfc3339_format(ns / 1000000000, (int32_t)(ns % 1000000000), true, text) < 0) {
        json->status = bs_error_last()->code;
    }
    bsi_json_put_text(json, key, text);
}

static bs_status write_pins(const bsi_row_pin *rows, size_t count, bsi_buf *out)
{
    bsi_json_writer json;

    bsi_json_writer_init(&json, out, BSI_JSON_COMPACT);
    bsi_json_begin_object(&json);
    bsi_json_write_key(&json, "pins");
    bsi_json_begin_array(&json);
    for (size_t i = 0; i < count; i++) {
        bsi_json_begin_object(&json);
        bsi_json_put_text(&json, "kind", rows[i].kind);
        bsi_json_put_text(&json, "reason", rows[i].reason);
        write_time(&json, "created_at", rows[i].created_at);
        write_time(&json, "until", rows[i].until);
        bsi_json_end_object(&json);
    }
    bsi_json_end_array(&json);
    bsi_json_end_object(&json);
    return bsi_json_writer_finish(&json);
}

static bs_status put_on_storage(bs_service *service, const bsi_held *held, const bsi_row_pin *rows,
                                size_t count)
{
    const bsi_vault_env env = bsi_service_env(service, held->storage, NULL, NULL);
    bsi_buf text;
    bs_status status = BS_OK;

    bsi_buf_init(&text, BSI_PINS_SIZE_MAX);
    if (count > 0) {
        status = write_pins(rows, count, &text);
    }
    if (status >= 0) {
        status = bsi_vault_put_pins(&env, held->row.manifest_key,
                                    (bsi_slice){(const char *)text.data, text.size});
    }
    bsi_buf_dispose(&text);
    return status;
}

/* --- Changing them --- */

/* What one change works with: nobody else changes the backup's pins or removes it meanwhile. */
typedef struct change {
    bs_service *service;
    bsi_held held;
    char key[BS_ID_SIZE + 16];
    bool owned;
    bsi_row_pin *rows; /* As they are, with room for one more. */
    size_t count;
} change;

static void end_change(change *self)
{
    if (self->owned) {
        bsi_uses_end(&self->service->uses, self->key);
    }
    bsi_row_pins_free(self->rows, self->count);
    bsi_held_close(self->service, &self->held);
}

static bs_status begin_change(bs_service *service, const char *reference, change *out)
{
    bsi_row_pin *larger = NULL;

    *out = (change){.service = service};
    BSI_TRY(bsi_held_open(service, reference, &out->held));
    (void)snprintf(out->key, sizeof(out->key), "pins of %s", out->held.row.id);
    BSI_TRY(bsi_uses_own(&service->uses, out->key));
    out->owned = true;
    BSI_TRY(bsi_catalog_list_pins(service->catalog, out->held.row.id, &out->rows, &out->count));
    larger = bsi_realloc_array(out->rows, out->count + 1, sizeof(*larger));
    if (!larger) {
        return BS_E_NOMEM;
    }
    out->rows = larger;
    return BS_OK;
}

/* The place of a kind; behind all of them when there is none. */
static size_t find_kind(const change *self, const char *kind)
{
    size_t i = 0;

    while (i < self->count && strcmp(self->rows[i].kind, kind) != 0) {
        i++;
    }
    return i;
}

static bs_status put_pin(change *self, const bsi_row_pin *pin)
{
    const size_t at = find_kind(self, pin->kind);
    bsi_row_pin old = {.kind = NULL};
    bs_status status = BS_OK;

    if (strcmp(self->held.row.form, "mirror") == 0) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_UNSUPPORTED,
                        "backup %s is a mirror: its next run replaces it", self->held.row.id);
    }
    old = at < self->count ? self->rows[at] : old;
    self->rows[at] = *pin;
    status = put_on_storage(self->service, &self->held, self->rows,
                            at < self->count ? self->count : self->count + 1);
    if (at < self->count) {
        self->rows[at] = old;
    }
    return status < 0 ? status : bsi_catalog_put_pin(self->service->catalog, pin);
}

static bs_status take_pin(change *self, const char *kind)
{
    const size_t at = find_kind(self, kind);
    bsi_row_pin gone;
    bs_status status = BS_OK;

    if (at == self->count) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_NOT_FOUND, "backup %s has no %s", self->held.row.id,
                        kind);
    }
    gone = self->rows[at];
    self->rows[at] = self->rows[self->count - 1];
    self->rows[self->count - 1] = gone;
    status = put_on_storage(self->service, &self->held, self->rows, self->count - 1);
    return status < 0 ? status
                      : bsi_catalog_remove_pin(self->service->catalog, self->held.row.id, kind);
}

/* --- Calls --- */

static bs_status check_reason(const char *reason)
{
    const size_t size = reason ? strlen(reason) : 0;
    bool good = size > 0 && size <= REASON_MAX && bsi_utf8_valid(reason, size);

    for (size_t i = 0; good && i < size; i++) {
        good = (unsigned char)reason[i] >= 0x20 && reason[i] != 0x7f;
    }
    if (!good) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "reason: takes one line of 1 to %d bytes of UTF-8", REASON_MAX);
    }
    return BS_OK;
}

static bs_status parse_until(const char *until, int64_t now, int64_t *ns_out)
{
    int64_t sec = 0;
    int32_t nsec = 0;

    *ns_out = 0;
    if (!until || !until[0]) {
        return BS_OK;
    }
    if (bsi_rfc3339_parse(until, strlen(until), &sec, &nsec) < 0) {
        return bsi_fail_context(BS_LAYER_CALLER, BS_E_INVALID, "until");
    }
    if (sec > INT64_MAX / 1000000000 - 1) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "until: is too far away; leave it out for no end");
    }
    *ns_out = sec * 1000000000 + nsec;
    if (*ns_out <= now) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "until: is past");
    }
    return BS_OK;
}

static bs_status put_new_pin(change *self, const char *kind, const char *reason, int64_t until,
                             int64_t now)
{
    const bsi_row_pin pin = {.backup_id = self->held.row.id,
                             .kind = kind,
                             .reason = reason,
                             .until = until,
                             .created_at = now};

    return put_pin(self, &pin);
}

bs_status bsi_backup_pin(bs_service *service, const char *reference, const bs_pin_options *options)
{
    const int64_t now = bsi_row_now();
    int64_t until = 0;
    change self;
    bs_status status = BS_OK;

    BSI_TRY(check_reason(options->reason));
    BSI_TRY(parse_until(options->until, now, &until));
    status = begin_change(service, reference, &self);
    if (status >= 0) {
        status = put_new_pin(&self, options->hold ? BSI_PIN_HOLD : BSI_PIN_PIN, options->reason,
                             until, now);
    }
    end_change(&self);
    return status;
}

bs_status bsi_backup_unpin(bs_service *service, const char *reference, bool hold)
{
    change self;
    bs_status status = begin_change(service, reference, &self);

    if (status >= 0) {
        status = take_pin(&self, hold ? BSI_PIN_HOLD : BSI_PIN_PIN);
    }
    end_change(&self);
    return status;
}

static bs_status check_marked(const change *self)
{
    bsi_row_mark mark;

    BSI_TRY(bsi_catalog_get_mark(self->service->catalog, self->held.row.id, &mark));
    if (mark.marked_at == 0) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_NOT_FOUND, "backup %s is not marked for removal",
                        self->held.row.id);
    }
    return BS_OK;
}

bs_status bsi_backup_undelete(bs_service *service, const char *reference)
{
    change self;
    bs_status status = begin_change(service, reference, &self);

    if (status >= 0) {
        status = check_marked(&self);
    }
    if (status >= 0) {
        status = put_new_pin(&self, BSI_PIN_PIN, "undeleted", 0, bsi_row_now());
    }
    end_change(&self);
    return status;
}

/* --- From the storage --- */

typedef struct reading {
    bsi_json_reader json;
    bsi_buf scratch;
    bsi_arena arena;
} reading;

static bs_status read_time(reading *self, const char *text, int64_t *out)
{
    int64_t sec = 0;
    int32_t nsec = 0;

    *out = 0;
    if (!text[0]) {
        return BS_OK;
    }
    if (bsi_rfc3339_parse(text, strlen(text), &sec, &nsec) < 0 ||
        sec > INT64_MAX / 1000000000 - 1 || sec < 0) {
        return bsi_json_fail(&self->json, "not a time that a pin can have");
    }
    *out = sec * 1000000000 + nsec;
    return BS_OK;
}

static bs_status read_member(reading *self, bsi_slice key, bsi_row_pin *out)
{
    bsi_slice value;
    const char *text = NULL;

    BSI_TRY(bsi_json_read_string(&self->json, &self->scratch, &value));
    text = bsi_arena_slice(&self->arena, value);
    if (!text) {
        return BS_E_NOMEM;
    }
    if (bsi_slice_is(key, "kind")) {
        out->kind = text;
    } else if (bsi_slice_is(key, "reason")) {
        out->reason = text;
    } else if (bsi_slice_is(key, "created_at")) {
        return read_time(self, text, &out->created_at);
    } else if (bsi_slice_is(key, "until")) {
        return read_time(self, text, &out->until);
    } else {
        return bsi_json_fail(&self->json, "an unknown key");
    }
    return BS_OK;
}

static bs_status read_pin(reading *self, const char *id, bsi_row_pin *out)
{
    bsi_slice key;
    bs_status status = bsi_json_enter_object(&self->json);

    *out = (bsi_row_pin){.backup_id = id, .kind = "", .reason = ""};
    while (status >= 0) {
        status = bsi_json_next_key(&self->json, &key);
        if (status != BS_OK) {
            break;
        }
        status = read_member(self, key, out);
    }
    BSI_TRY(status);
    if (strcmp(out->kind, BSI_PIN_PIN) != 0 && strcmp(out->kind, BSI_PIN_HOLD) != 0) {
        return bsi_json_fail(&self->json, "an unknown kind of pin");
    }
    if (strlen(out->reason) > REASON_MAX) {
        return bsi_json_fail(&self->json, "too long a reason");
    }
    return BS_OK;
}

static bs_status read_pins(bs_service *service, reading *self, const char *id)
{
    bsi_row_pin pin;
    bsi_slice key;
    bs_status status = bsi_json_enter_object(&self->json);

    BSI_TRY(status);
    status = bsi_json_next_key(&self->json, &key);
    if (status != BS_OK || !bsi_slice_is(key, "pins")) {
        return status < 0 ? status : bsi_json_fail(&self->json, "the list of pins is missing");
    }
    BSI_TRY(bsi_json_enter_array(&self->json));
    while ((status = bsi_json_next_item(&self->json)) == BS_OK) {
        BSI_TRY(read_pin(self, id, &pin));
        BSI_TRY(bsi_catalog_put_pin(service->catalog, &pin));
    }
    return status < 0 ? status : BS_OK;
}

/* Whether a failure is that of what lies there, not of asking for it. */
static bool is_not_understood(bs_status status)
{
    return status == BS_E_CORRUPT || status == BS_E_LIMIT || status == BS_E_INVALID;
}

static bs_status pin_unread(bs_service *service, const char *id)
{
    const bsi_row_pin pin = {.backup_id = id,
                             .kind = BSI_PIN_PIN,
                             .reason = "what its pins say cannot be understood",
                             .created_at = bsi_row_now()};

    bsi_log_write(&service->log, BS_LOG_WARNING, "engine", "the pins of backup %s: %s", id,
                  bs_error_last()->message);
    return bsi_catalog_put_pin(service->catalog, &pin);
}

bs_status bsi_pins_import(bs_service *service, bsi_storage *storage, const bsi_row_backup *row)
{
    const bsi_vault_env env = bsi_service_env(service, storage, NULL, NULL);
    reading self = {.arena = {0}};
    bsi_buf text;
    bs_status status = BS_OK;

    bsi_buf_init(&text, BSI_PINS_SIZE_MAX);
    bsi_buf_init(&self.scratch, BSI_PINS_SIZE_MAX);
    status = bsi_vault_load_pins(&env, row->manifest_key, &text);
    if (status >= 0) {
        bsi_json_init(&self.json, text.data, text.size, BS_LAYER_STORAGE, BS_E_CORRUPT);
        status = read_pins(service, &self, row->id);
    }
    if (is_not_understood(status)) {
        status = pin_unread(service, row->id);
    }
    bsi_buf_dispose(&text);
    bsi_buf_dispose(&self.scratch);
    bsi_arena_dispose(&self.arena);
    return status == BS_E_NOT_FOUND ? BS_OK : status;
}

bs_status bsi_pins_remove(bs_service *service, bsi_storage *storage, const bsi_row_backup *row)
{
    const bsi_vault_env env = bsi_service_env(service, storage, NULL, NULL);
    bsi_row_pin *rows = NULL;
    size_t count = 0;

    BSI_TRY(bsi_catalog_list_pins(service->catalog, row->id, &rows, &count));
    bsi_row_pins_free(rows, count);
    if (count == 0 || !row->manifest_key[0]) {
        return BS_OK;
    }
    return bsi_vault_put_pins(&env, row->manifest_key, (bsi_slice){"", 0});
}
