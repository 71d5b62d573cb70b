/* SPDX-License-Identifier: MIT */
/*
 * Findings of repositories on their way into rows, and back.
 */
#include "engine/findings.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/words.h"

enum { FINDING_TEXT_MAX = 64 * 1024, SHOWN_TEXT_SIZE = 4096 };

/* --- As they come --- */

void bsi_findings_begin(bsi_findings *findings, bsi_json_writer *json)
{
    *findings = (bsi_findings){.json = json};
    bsi_json_write_key(json, "findings");
    bsi_json_begin_array(json);
}

void bsi_findings_end(bsi_findings *findings)
{
    bsi_json_end_array(findings->json);
}

static void put_printable(bsi_json_writer *json, const char *key, bsi_slice text)
{
    char shown[SHOWN_TEXT_SIZE];

    bsi_json_put_text(json, key, bsi_printable(text.data, text.size, shown, sizeof(shown)));
}

_Static_assert((int)BSI_CHECK_INDEX + 1 == (int)BS_CHECK_INDEX &&
                   (int)BSI_CHECK_FILE + 1 == (int)BS_CHECK_FILE,
               "subjects of the API follow those of the repository");

/* One that is complete: its id is a text. */
static void take(bsi_findings *self, bs_check_subject subject, const char *id,
                 const bsi_check_finding *finding)
{
    self->count++;
    if (!finding->is_note && !self->first[0]) {
        (void)snprintf(self->first, sizeof(self->first), "%s %.8s: %s",
                       bsi_word_name(bsi_words_check_subject, (int)subject), id, finding->text);
    }
    if (self->kept == BSI_FINDINGS_MAX) {
        return;
    }
    self->kept++;
    bsi_json_begin_object(self->json);
    bsi_json_put_text(self->json, "subject", bsi_word_name(bsi_words_check_subject, (int)subject));
    bsi_json_put_bool(self->json, "is_note", finding->is_note);
    bsi_json_put_text(self->json, "id", id);
    put_printable(self->json, "path", finding->path);
    put_printable(self->json, "message", bsi_slice_of(finding->text));
    bsi_json_end_object(self->json);
}

void bsi_findings_found(void *user, const bsi_check_finding *finding)
{
    char id[BS_DIGEST_TEXT_SIZE] = "";

    if (finding->id) {
        bsi_digest_format(finding->id, id);
    }
    take(user, (bs_check_subject)((int)finding->subject + 1), id, finding);
}

void bsi_findings_found_backup(bsi_findings *findings, const char *id, const char *text)
{
    take(findings, BS_CHECK_BACKUP, id, &(bsi_check_finding){.text = text});
}

/* --- As they are read --- */

typedef struct reading {
    bsi_json_reader *json;
    bsi_arena *arena;
    bsi_buf scratch;
} reading;

static bs_status read_text(reading *self, const char **out)
{
    bsi_slice text;

    BSI_TRY(bsi_json_read_string(self->json, &self->scratch, &text));
    *out = bsi_arena_slice(self->arena, text);
    return *out ? BS_OK : BS_E_NOMEM;
}

static bs_status read_id(reading *self, char out[BS_DIGEST_TEXT_SIZE])
{
    bsi_slice text;

    BSI_TRY(bsi_json_read_string(self->json, &self->scratch, &text));
    if (text.size >= BS_DIGEST_TEXT_SIZE) {
        return bsi_json_fail(self->json, "too long an id");
    }
    memcpy(out, text.data, text.size);
    out[text.size] = '\0';
    return BS_OK;
}

static bs_status read_subject(reading *self, bs_check_subject *out)
{
    bsi_slice text;
    int subject = 0;

    BSI_TRY(bsi_json_read_string(self->json, &self->scratch, &text));
    if (!bsi_word_parse(bsi_words_check_subject, text, &subject)) {
        return bsi_json_fail(self->json, "an unknown subject");
    }
    *out = (bs_check_subject)subject;
    return BS_OK;
}

static bs_status read_member(reading *self, bsi_slice key, bs_check_finding *out)
{
    if (bsi_slice_is(key, "subject")) {
        return read_subject(self, &out->subject);
    }
    if (bsi_slice_is(key, "is_note")) {
        return bsi_json_read_bool(self->json, &out->is_note);
    }
    if (bsi_slice_is(key, "id")) {
        return read_id(self, out->id);
    }
    if (bsi_slice_is(key, "path")) {
        return read_text(self, &out->path);
    }
    if (bsi_slice_is(key, "message")) {
        return read_text(self, &out->message);
    }
    return bsi_json_skip(self->json);
}

static bs_status read_finding(reading *self, bs_check_finding *out)
{
    bsi_slice key;
    bs_status status = bsi_json_enter_object(self->json);

    *out = (bs_check_finding){.subject = BS_CHECK_PACK, .path = "", .message = ""};
    while (status >= 0) {
        status = bsi_json_next_key(self->json, &key);
        if (status != BS_OK) {
            break;
        }
        status = read_member(self, key, out);
    }
    return status < 0 ? status : BS_OK;
}

static bs_status add_finding(bsi_findings_read *out, const bs_check_finding *finding)
{
    if (out->count == out->capacity) {
        const size_t capacity = out->capacity > 0 ? 2 * out->capacity : 16;
        bs_check_finding *larger = bsi_realloc_array(out->items, capacity, sizeof(*larger));
        if (!larger) {
            return BS_E_NOMEM;
        }
        out->items = larger;
        out->capacity = capacity;
    }
    out->items[out->count++] = *finding;
    return BS_OK;
}

static bs_status read_list(reading *self, bsi_findings_read *out)
{
    bs_check_finding finding;
    bs_status status = bsi_json_enter_array(self->json);

    while (status >= 0) {
        status = bsi_json_next_item(self->json);
        if (status != BS_OK) {
            break;
        }
        status = read_finding(self, &finding);
        if (status >= 0) {
            status = add_finding(out, &finding);
        }
    }
    return status < 0 ? status : BS_OK;
}

bs_status bsi_findings_read_all(bsi_json_reader *json, bsi_arena *arena, bsi_findings_read *out)
{
    reading self = {.json = json, .arena = arena};
    bs_status status = BS_OK;

    bsi_buf_init(&self.scratch, FINDING_TEXT_MAX);
    status = read_list(&self, out);
    bsi_buf_dispose(&self.scratch);
    return status;
}

void bsi_findings_read_dispose(bsi_findings_read *findings)
{
    bsi_free(findings->items);
}
