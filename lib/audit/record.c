/* SPDX-License-Identifier: MIT */
/*
 * Records as lines of JSON, with what chains and signs them at their end.
 */
#include "audit/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "text/json_read.h"
#include "text/json_write.h"
#include "text/rfc3339.h"

/* The end of a line: ,"hash":"HASH","sig":"SIGNATURE"} */
#define HASH_KEY ",\"hash\":\""
#define SIG_KEY "\",\"sig\":\""
#define LINE_END "\"}"

/* What is signed for one purpose is nothing for another. */
static const char record_context[] = "backupsvc audit record 1";
static const char head_context[] = "backupsvc audit head 1";

enum {
    FORMAT_VERSION = 1,
    HASH_DIGITS = 2 * BSI_SHA256_SIZE,
    SIG_DIGITS = 2 * BSI_SIGNATURE_SIZE,
    TAIL_SIZE = (int)sizeof(HASH_KEY) - 1 + HASH_DIGITS + (int)sizeof(SIG_KEY) - 1 + SIG_DIGITS +
                (int)sizeof(LINE_END) - 1,
    HEAD_MESSAGE_SIZE = 8 + BSI_SHA256_SIZE,
};

/* --- Hex --- */

static void format_signature(const unsigned char *signature, char out[SIG_DIGITS + 1])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < BSI_SIGNATURE_SIZE; i++) {
        out[2 * i] = digits[signature[i] >> 4];
        out[2 * i + 1] = digits[signature[i] & 15];
    }
    out[SIG_DIGITS] = '\0';
}

/* A signature is written as two digests are, one behind the other. */
static bool parse_signature(const char *text, unsigned char *out)
{
    bsi_digest half;

    _Static_assert((int)SIG_DIGITS == 2 * (int)HASH_DIGITS, "two halves");
    for (size_t i = 0; i < 2; i++) {
        if (bsi_digest_parse(text + i * HASH_DIGITS, HASH_DIGITS, &half) < 0) {
            return false;
        }
        memcpy(out + i * BSI_SHA256_SIZE, half.bytes, BSI_SHA256_SIZE);
    }
    return true;
}

/* --- Writing --- */

static bs_status write_body(const bsi_audit_record *record, const bsi_audit_head *before,
                            bsi_buf *out)
{
    char prev[HASH_DIGITS + 1];
    char time[BSI_RFC3339_SIZE];
    bsi_json_writer json;

    BSI_TRY(bsi_rfc3339_format(record->sec, record->nsec, true, time));
    bsi_digest_format(&before->hash, prev);
    bsi_json_writer_init(&json, out, BSI_JSON_COMPACT);
    bsi_json_begin_object(&json);
    bsi_json_put_u64(&json, "audit", FORMAT_VERSION);
    bsi_json_put_u64(&json, "seq", before->seq + 1);
    bsi_json_put_text(&json, "time", time);
    bsi_json_put_u64(&json, "uid", record->uid);
    bsi_json_put_text(&json, "user", record->user);
    bsi_json_put_i64(&json, "process", record->process);
    bsi_json_put_text(&json, "actor", record->actor);
    bsi_json_put_text(&json, "action", record->action);
    bsi_json_put_text(&json, "object", record->object);
    bsi_json_put_text(&json, "name", record->name);
    bsi_json_put_text(&json, "result", record->result);
    bsi_json_put_text(&json, "error", record->error);
    bsi_json_put_text(&json, "detail", record->detail);
    bsi_json_put_text(&json, "prev", prev);
    bsi_json_end_object(&json);
    return bsi_json_writer_finish(&json);
}

bs_status bsi_audit_format(const bsi_audit_record *record, const bsi_audit_head *before,
                           const bsi_signer *signer, bsi_buf *out, bsi_audit_head *after)
{
    const size_t begin = out->size;
    char hash[HASH_DIGITS + 1];
    char signature[SIG_DIGITS + 1];
    unsigned char bytes[BSI_SIGNATURE_SIZE];
    bsi_audit_head head = {.seq = before->seq + 1};

    BSI_TRY(write_body(record, before, out));
    out->size--; /* The bracket comes behind hash and signature. */
    bsi_sha256_of(out->data + begin, out->size - begin, &head.hash);
    BSI_TRY(bsi_sign(signer, record_context, head.hash.bytes, sizeof(head.hash.bytes), bytes));
    bsi_digest_format(&head.hash, hash);
    format_signature(bytes, signature);
    BSI_TRY(bsi_buf_append_format(out, HASH_KEY "%s" SIG_KEY "%s" LINE_END "\n", hash, signature));
    if (out->size - begin > BSI_AUDIT_LINE_MAX) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_LIMIT, "a record of the audit log is too long");
    }
    *after = head;
    return BS_OK;
}

/* --- Reading --- */

typedef struct line_reader {
    bsi_json_reader json;
    bsi_buf scratch;
    bsi_audit_line *line;
    uint32_t found; /* A bit for each member. */
} line_reader;

/* Where the members that are texts go. */
static char *text_member(bsi_audit_record *record, size_t index, size_t *size_out)
{
    const struct {
        char *at;
        size_t size;
    } members[] = {
        {record->user, sizeof(record->user)},     {record->actor, sizeof(record->actor)},
        {record->action, sizeof(record->action)}, {record->object, sizeof(record->object)},
        {record->name, sizeof(record->name)},     {record->result, sizeof(record->result)},
        {record->error, sizeof(record->error)},   {record->detail, sizeof(record->detail)},
    };

    *size_out = members[index].size;
    return members[index].at;
}

typedef enum member {
    MEMBER_USER,
    MEMBER_ACTOR,
    MEMBER_ACTION,
    MEMBER_OBJECT,
    MEMBER_NAME,
    MEMBER_RESULT,
    MEMBER_ERROR,
    MEMBER_DETAIL,
    MEMBER_TIME,
    MEMBER_PREV,
    MEMBER_VERSION,
    MEMBER_SEQ,
    MEMBER_UID,
    MEMBER_PROCESS,
    MEMBER_COUNT
} member;

static const char *const member_names[MEMBER_COUNT] = {
    "user",   "actor", "action", "object", "name", "result", "error",
    "detail", "time",  "prev",   "audit",  "seq",  "uid",    "process",
};

static bs_status take_text(line_reader *self, size_t which, bsi_slice text)
{
    bsi_audit_record *record = &self->line->record;
    size_t size = 0;
    char *to = NULL;

    if (which == MEMBER_TIME) {
        return bsi_rfc3339_parse(text.data, text.size, &record->sec, &record->nsec) < 0
                   ? bsi_json_fail(&self->json, "not a time")
                   : BS_OK;
    }
    if (which == MEMBER_PREV) {
        return bsi_digest_parse(text.data, text.size, &self->line->prev) < 0
                   ? bsi_json_fail(&self->json, "not a hash")
                   : BS_OK;
    }
    to = text_member(record, which, &size);
    if (text.size >= size) {
        return bsi_json_fail(&self->json, "'%s' is too long", member_names[which]);
    }
    memcpy(to, text.data, text.size);
    to[text.size] = '\0';
    return BS_OK;
}

static bs_status take_number(line_reader *self, size_t which)
{
    bsi_audit_record *record = &self->line->record;
    uint64_t value = 0;

    if (which == MEMBER_PROCESS) {
        return bsi_json_read_i64(&self->json, &record->process);
    }
    BSI_TRY(bsi_json_read_u64(&self->json, &value));
    if (which == MEMBER_SEQ) {
        record->seq = value;
        return BS_OK;
    }
    if (which == MEMBER_UID && value <= UINT32_MAX) {
        record->uid = (uint32_t)value;
        return BS_OK;
    }
    if (which == MEMBER_VERSION && value == FORMAT_VERSION) {
        return BS_OK;
    }
    return bsi_json_fail(&self->json, "a number that '%s' cannot have", member_names[which]);
}

static bs_status take_member(line_reader *self, bsi_slice key)
{
    bsi_slice text;
    size_t which = 0;

    while (which < MEMBER_COUNT && !bsi_slice_is(key, member_names[which])) {
        which++;
    }
    if (which == MEMBER_COUNT || (self->found & 1u << which) != 0) {
        return bsi_json_fail(&self->json, "a key that is unknown or stands twice");
    }
    self->found |= 1u << which;
    if (which >= MEMBER_VERSION) {
        return take_number(self, which);
    }
    BSI_TRY(bsi_json_read_string(&self->json, &self->scratch, &text));
    return take_text(self, which, text);
}

static bs_status read_body(line_reader *self)
{
    bsi_slice key;
    bs_status status = bsi_json_enter_object(&self->json);

    while (status == BS_OK) {
        status = bsi_json_next_key(&self->json, &key);
        if (status == BS_OK) {
            status = take_member(self, key);
        }
    }
    BSI_TRY(status);
    if (self->found != (1u << MEMBER_COUNT) - 1) {
        return bsi_json_fail(&self->json, "a key is missing");
    }
    return bsi_json_end(&self->json);
}

static bs_status parse_body(bsi_slice body, bsi_audit_line *out)
{
    line_reader reader = {.line = out};
    bsi_buf whole;
    bs_status status = BS_OK;

    bsi_buf_init(&whole, BSI_AUDIT_LINE_MAX + 1);
    bsi_buf_init(&reader.scratch, BSI_AUDIT_LINE_MAX);
    status = bsi_buf_append(&whole, body.data, body.size);
    if (status >= 0) {
        status = bsi_buf_append_byte(&whole, '}');
    }
    if (status >= 0) {
        bsi_json_init(&reader.json, whole.data, whole.size, BS_LAYER_CATALOG, BS_E_CORRUPT);
        status = read_body(&reader);
    }
    bsi_buf_dispose(&reader.scratch);
    bsi_buf_dispose(&whole);
    return status;
}

/* Takes apart what stands behind the body. */
static bool parse_tail(const char *tail, bsi_audit_line *out)
{
    const char *hash = tail + sizeof(HASH_KEY) - 1;
    const char *sig = hash + HASH_DIGITS + sizeof(SIG_KEY) - 1;

    return memcmp(tail, HASH_KEY, sizeof(HASH_KEY) - 1) == 0 &&
           memcmp(hash + HASH_DIGITS, SIG_KEY, sizeof(SIG_KEY) - 1) == 0 &&
           memcmp(sig + SIG_DIGITS, LINE_END, sizeof(LINE_END) - 1) == 0 &&
           bsi_digest_parse(hash, HASH_DIGITS, &out->hash) == BS_OK &&
           parse_signature(sig, out->signature);
}

bs_status bsi_audit_parse(bsi_slice text, bsi_audit_line *out)
{
    bsi_slice body = {text.data, 0};
    bsi_digest hash;

    if (text.size <= TAIL_SIZE || text.size >= BSI_AUDIT_LINE_MAX ||
        !parse_tail(text.data + text.size - TAIL_SIZE, out)) {
        return bsi_fail(BS_LAYER_CATALOG, BS_E_CORRUPT, "a line that is no record");
    }
    body.size = text.size - TAIL_SIZE;
    bsi_sha256_of(body.data, body.size, &hash);
    if (!bsi_digest_equal(&hash, &out->hash)) {
        return bsi_fail(BS_LAYER_CATALOG, BS_E_CORRUPT, "a record whose hash is wrong");
    }
    return parse_body(body, out);
}

static bs_status check_with_any(const char *context, const void *message, size_t size,
                                const unsigned char *signature, const bsi_public_key *keys,
                                size_t count)
{
    bs_status status =
        bsi_fail(BS_LAYER_CATALOG, BS_E_CORRUPT, "no key is known that could have signed it");

    for (size_t i = 0; i < count && status == BS_E_CORRUPT; i++) {
        status = bsi_sign_check(&keys[i], context, message, size, signature);
    }
    return status;
}

bs_status bsi_audit_check_signature(const bsi_audit_line *line, const bsi_public_key *keys,
                                    size_t count)
{
    return check_with_any(record_context, line->hash.bytes, sizeof(line->hash.bytes),
                          line->signature, keys, count);
}

/* --- The head --- */

/* The number with its highest byte first, then the hash. */
static void head_message(const bsi_audit_head *head, unsigned char out[HEAD_MESSAGE_SIZE])
{
    for (unsigned i = 0; i < 8; i++) {
        out[i] = (unsigned char)(head->seq >> (56 - 8 * i));
    }
    memcpy(out + 8, head->hash.bytes, BSI_SHA256_SIZE);
}

bs_status bsi_audit_head_format(const bsi_audit_head *head, const bsi_signer *signer,
                                char out[BSI_AUDIT_HEAD_SIZE])
{
    unsigned char message[HEAD_MESSAGE_SIZE];
    unsigned char bytes[BSI_SIGNATURE_SIZE];
    char hash[HASH_DIGITS + 1];
    char signature[SIG_DIGITS + 1];

    head_message(head, message);
    BSI_TRY(bsi_sign(signer, head_context, message, sizeof(message), bytes));
    bsi_digest_format(&head->hash, hash);
    format_signature(bytes, signature);
    (void)snprintf(out, BSI_AUDIT_HEAD_SIZE, "%" PRIu64 " %s %s", head->seq, hash, signature);
    return BS_OK;
}

/* Digits without a zero in front, and what stands behind the space that follows. */
static const char *parse_seq(const char *text, uint64_t *out)
{
    uint64_t seq = 0;

    if (*text < '1' || *text > '9') {
        return NULL;
    }
    for (; *text >= '0' && *text <= '9'; text++) {
        if (seq > (UINT64_MAX - 9) / 10) {
            return NULL;
        }
        seq = seq * 10 + (uint64_t)(*text - '0');
    }
    *out = seq;
    return *text == ' ' ? text + 1 : NULL;
}

bs_status bsi_audit_head_parse(const char *text, const bsi_public_key *keys, size_t count,
                               bsi_audit_head *out)
{
    unsigned char message[HEAD_MESSAGE_SIZE];
    unsigned char signature[BSI_SIGNATURE_SIZE];
    bsi_audit_head head = {0};
    const char *at = parse_seq(text, &head.seq);

    if (!at || strlen(at) != HASH_DIGITS + 1 + SIG_DIGITS || at[HASH_DIGITS] != ' ' ||
        bsi_digest_parse(at, HASH_DIGITS, &head.hash) < 0 ||
        !parse_signature(at + HASH_DIGITS + 1, signature)) {
        return bsi_fail(BS_LAYER_CATALOG, BS_E_CORRUPT,
                        "what the catalogue says of the audit log is damaged");
    }
    if (count > 0) {
        head_message(&head, message);
        BSI_TRY(check_with_any(head_context, message, sizeof(message), signature, keys, count));
    }
    *out = head;
    return BS_OK;
}
