/* SPDX-License-Identifier: MIT */
/*
 * Credentials, requests for tokens, and the answers to these.
 */
#include "net/google_auth.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "net/uri.h"
#include "text/base64.h"
#include "text/json_read.h"
#include "text/json_write.h"

enum {
    LIFE_S = 3600, /* Of an assertion; more is refused. */
    TEXT_MAX = 2048,
    ASSERTION_MAX = 32 * 1024,
    REQUEST_MAX = 128 * 1024, /* Each byte of what a file may hold may come encoded. */
    LASTS_MAX_S = 365 * 24 * 3600,
    TYPE_SHOWN = 64,
};

/* Reading and writing objects in any bucket that the account may see. */
static const char scope[] = "https://www.googleapis.com/auth/devstorage.read_write";
static const char usual_token_uri[] = "https://oauth2.googleapis.com/token";

/* --- One object of texts and numbers --- */

enum { MEMBERS_MAX = 10 };

/* A member that is wanted; those that are not there stay as they are. */
typedef struct member {
    const char *key;
    bsi_slice text;
    uint64_t number;
    bool is_number;
} member;

typedef struct document {
    member members[MEMBERS_MAX]; /* Ended by one without a key. */
    bsi_buf scratch[MEMBERS_MAX];
} document;

static void wipe_buf(bsi_buf *buf)
{
    if (buf->data) {
        bsi_wipe(buf->data, buf->capacity);
    }
    bsi_buf_dispose(buf);
}

static void document_dispose(document *self)
{
    for (size_t i = 0; i < MEMBERS_MAX; i++) {
        wipe_buf(&self->scratch[i]);
    }
}

static bs_status read_member(bsi_json_reader *reader, bsi_slice key, document *self)
{
    for (size_t i = 0; i < MEMBERS_MAX && self->members[i].key; i++) {
        member *one = &self->members[i];

        if (bsi_slice_is(key, one->key)) {
            return one->is_number ? bsi_json_read_u64(reader, &one->number)
                                  : bsi_json_read_string(reader, &self->scratch[i], &one->text);
        }
    }
    return bsi_json_skip(reader);
}

static bs_status read_members(bsi_json_reader *reader, document *self)
{
    bsi_slice key = {NULL, 0};
    bs_status status = BS_OK;

    BSI_TRY(bsi_json_enter_object(reader));
    for (status = bsi_json_next_key(reader, &key); status == BS_OK;
         status = bsi_json_next_key(reader, &key)) {
        BSI_TRY(read_member(reader, key, self));
    }
    return status < 0 ? status : bsi_json_end(reader);
}

/* To be disposed of after a failure, too. */
static bs_status document_read(document *self, bsi_slice text, bs_layer layer, bs_status code)
{
    const bsi_json_limits limits = {.max_size = BSI_GOOGLE_FILE_MAX};
    bsi_json_reader reader;

    for (size_t i = 0; i < MEMBERS_MAX; i++) {
        bsi_buf_init(&self->scratch[i], BSI_GOOGLE_FILE_MAX);
    }
    BSI_TRY(bsi_json_check(text.data, text.size, &limits, layer, code));
    bsi_json_init(&reader, text.data, text.size, layer, code);
    return read_members(&reader, self);
}

/* --- Files --- */

/* The order of the members of a file. */
enum {
    AT_TYPE,
    AT_EMAIL,
    AT_KEY_ID,
    AT_PRIVATE_KEY,
    AT_TOKEN_URI,
    AT_CLIENT_ID,
    AT_CLIENT_SECRET,
    AT_REFRESH_TOKEN,
};

static bs_status fail_member(const member *one)
{
    return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                    "'%s' is missing, empty, too long, or has blanks in it", one->key);
}

/* These go into headers, URLs and claims: a blank or line end in them is a slip. */
static bool is_visible(bsi_slice text, size_t max)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] <= ' ' || text.data[i] >= 0x7f) {
            return false;
        }
    }
    return text.size > 0 && text.size <= max;
}

static bs_status copy_text(const member *from, char **out)
{
    if (!is_visible(from->text, TEXT_MAX)) {
        return fail_member(from);
    }
    *out = bsi_strndup(from->text.data, from->text.size);
    return *out ? BS_OK : BS_E_NOMEM;
}

static bs_status copy_secret(bsi_slice text, bsi_secret **out)
{
    bsi_secret *made = NULL;

    BSI_TRY(bsi_secret_new(text.size + 1, &made));
    memcpy(bsi_secret_bytes(made), text.data, text.size);
    *out = made;
    return BS_OK;
}

static bs_status take_secret(const member *from, bsi_secret **out)
{
    return is_visible(from->text, BSI_GOOGLE_TOKEN_MAX) ? copy_secret(from->text, out)
                                                        : fail_member(from);
}

static bs_status take_token_uri(const member *from, bsi_google_account *out)
{
    if (!from->text.data) {
        out->token_uri = bsi_strdup(usual_token_uri);
        return out->token_uri ? BS_OK : BS_E_NOMEM;
    }
    BSI_TRY(copy_text(from, &out->token_uri));
    return bsi_uri_keeps_secrets(out->token_uri)
               ? BS_OK
               : bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                          "'token_uri' is neither https: nor of this machine");
}

static bs_status take_service_account(const document *from, bsi_google_account *out)
{
    const member *members = from->members;

    BSI_TRY(copy_text(&members[AT_EMAIL], &out->email));
    if (members[AT_KEY_ID].text.size > 0) {
        BSI_TRY(copy_text(&members[AT_KEY_ID], &out->key_id));
    }
    if (members[AT_PRIVATE_KEY].text.size == 0) {
        return fail_member(&members[AT_PRIVATE_KEY]);
    }
    return bsi_rsa_signer_new(members[AT_PRIVATE_KEY].text, &out->signer);
}

static bs_status take_user(const document *from, bsi_google_account *out)
{
    const member *members = from->members;

    BSI_TRY(copy_text(&members[AT_CLIENT_ID], &out->client_id));
    BSI_TRY(take_secret(&members[AT_CLIENT_SECRET], &out->client_secret));
    return take_secret(&members[AT_REFRESH_TOKEN], &out->refresh_token);
}

static bs_status take_account(const document *from, bsi_google_account *out)
{
    const bsi_slice type = from->members[AT_TYPE].text;
    char shown[TYPE_SHOWN];

    BSI_TRY(take_token_uri(&from->members[AT_TOKEN_URI], out));
    if (bsi_slice_is(type, "service_account")) {
        return take_service_account(from, out);
    }
    if (bsi_slice_is(type, "authorized_user")) {
        return take_user(from, out);
    }
    if (type.size == 0) {
        return fail_member(&from->members[AT_TYPE]);
    }
    return bsi_fail(BS_LAYER_CALLER, BS_E_UNSUPPORTED,
                    "credentials of type '%s'; wanted are 'service_account' or 'authorized_user'",
                    bsi_printable(type.data, type.size, shown, sizeof(shown)));
}

bs_status bsi_google_account_parse(bsi_slice text, bsi_google_account **out)
{
    document from = {.members = {[AT_TYPE] = {.key = "type"},
                                 [AT_EMAIL] = {.key = "client_email"},
                                 [AT_KEY_ID] = {.key = "private_key_id"},
                                 [AT_PRIVATE_KEY] = {.key = "private_key"},
                                 [AT_TOKEN_URI] = {.key = "token_uri"},
                                 [AT_CLIENT_ID] = {.key = "client_id"},
                                 [AT_CLIENT_SECRET] = {.key = "client_secret"},
                                 [AT_REFRESH_TOKEN] = {.key = "refresh_token"}}};
    bsi_google_account *made = bsi_calloc(1, sizeof(*made));
    bs_status status = BS_OK;

    if (!made) {
        return BS_E_NOMEM;
    }
    status = document_read(&from, text, BS_LAYER_CALLER, BS_E_INVALID);
    if (status == BS_OK) {
        status = take_account(&from, made);
    }
    document_dispose(&from);
    if (status < 0) {
        bsi_google_account_free(made);
        return status;
    }
    *out = made;
    return BS_OK;
}

void bsi_google_account_free(bsi_google_account *account)
{
    if (account) {
        bsi_free(account->token_uri);
        bsi_free(account->email);
        bsi_free(account->key_id);
        bsi_rsa_signer_free(account->signer);
        bsi_free(account->client_id);
        bsi_secret_free(account->client_secret);
        bsi_secret_free(account->refresh_token);
        bsi_free(account);
    }
}

/* --- Requests --- */

static bs_status write_header(const bsi_google_account *account, bsi_buf *out)
{
    bsi_json_writer writer;

    bsi_json_writer_init(&writer, out, BSI_JSON_COMPACT);
    bsi_json_begin_object(&writer);
    bsi_json_put_text(&writer, "alg", "RS256");
    bsi_json_put_text(&writer, "typ", "JWT");
    if (account->key_id) {
        bsi_json_put_text(&writer, "kid", account->key_id);
    }
    bsi_json_end_object(&writer);
    return bsi_json_writer_finish(&writer);
}

static bs_status write_claims(const bsi_google_account *account, int64_t now_sec, bsi_buf *out)
{
    bsi_json_writer writer;

    bsi_json_writer_init(&writer, out, BSI_JSON_COMPACT);
    bsi_json_begin_object(&writer);
    bsi_json_put_text(&writer, "iss", account->email);
    bsi_json_put_text(&writer, "scope", scope);
    bsi_json_put_text(&writer, "aud", account->token_uri);
    bsi_json_put_i64(&writer, "iat", now_sec);
    bsi_json_put_i64(&writer, "exp", now_sec + LIFE_S);
    bsi_json_end_object(&writer);
    return bsi_json_writer_finish(&writer);
}

/* "header.claims", which is what is signed. */
static bs_status write_parts(const bsi_google_account *account, int64_t now_sec, bsi_buf *text,
                             bsi_buf *out)
{
    BSI_TRY(write_header(account, text));
    BSI_TRY(bsi_base64_encode_url(text->data, text->size, out));
    BSI_TRY(bsi_buf_append_byte(out, '.'));
    bsi_buf_clear(text);
    BSI_TRY(write_claims(account, now_sec, text));
    return bsi_base64_encode_url(text->data, text->size, out);
}

static bs_status write_assertion(const bsi_google_account *account, int64_t now_sec, bsi_buf *text,
                                 bsi_buf *out)
{
    const size_t begin = out->size;

    BSI_TRY(write_parts(account, now_sec, text, out));
    bsi_buf_clear(text);
    BSI_TRY(bsi_rsa_sign(account->signer, out->data + begin, out->size - begin, text));
    BSI_TRY(bsi_buf_append_byte(out, '.'));
    return bsi_base64_encode_url(text->data, text->size, out);
}

bs_status bsi_google_assertion(const bsi_google_account *account, int64_t now_sec, bsi_buf *out)
{
    bsi_buf text;
    bs_status status = BS_OK;

    BSI_CHECK(account->signer);
    bsi_buf_init(&text, ASSERTION_MAX);
    status = write_assertion(account, now_sec, &text, out);
    bsi_buf_dispose(&text);
    return status;
}

static bs_status write_service_form(const bsi_buf *assertion, bsi_buf *out)
{
    const bsi_uri_pair pairs[] = {
        {"grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"},
        {"assertion", (const char *)assertion->data},
    };

    return bsi_uri_append_query(out, pairs, BSI_ARRAY_SIZE(pairs));
}

static bs_status write_user_form(const bsi_google_account *account, bsi_buf *out)
{
    const bsi_uri_pair pairs[] = {
        {"grant_type", "refresh_token"},
        {"client_id", account->client_id},
        {"client_secret", (const char *)bsi_secret_view(account->client_secret)},
        {"refresh_token", (const char *)bsi_secret_view(account->refresh_token)},
    };

    return bsi_uri_append_query(out, pairs, BSI_ARRAY_SIZE(pairs));
}

static bs_status write_request(const bsi_google_account *account, int64_t now_sec,
                               bsi_buf *assertion, bsi_buf *form)
{
    /* A buffer that moves leaves its bytes behind. */
    BSI_TRY(bsi_buf_reserve(assertion, ASSERTION_MAX));
    BSI_TRY(bsi_buf_reserve(form, REQUEST_MAX));
    if (!account->signer) {
        return write_user_form(account, form);
    }
    BSI_TRY(bsi_google_assertion(account, now_sec, assertion));
    BSI_TRY(bsi_buf_append_byte(assertion, '\0'));
    return write_service_form(assertion, form);
}

bs_status bsi_google_request(const bsi_google_account *account, int64_t now_sec, bsi_secret **out)
{
    bsi_buf assertion;
    bsi_buf form;
    bs_status status = BS_OK;

    bsi_buf_init(&assertion, ASSERTION_MAX);
    bsi_buf_init(&form, REQUEST_MAX);
    status = write_request(account, now_sec, &assertion, &form);
    if (status == BS_OK) {
        status = copy_secret(bsi_buf_slice(&form), out);
    }
    wipe_buf(&assertion);
    wipe_buf(&form);
    return status;
}

/* --- Answers --- */

static bs_status take_token(const document *from, bsi_secret **token_out, uint64_t *lasts_s)
{
    enum { AT_TOKEN, AT_LASTS };
    const bsi_slice token = from->members[AT_TOKEN].text;
    const uint64_t lasts = from->members[AT_LASTS].number;

    if (!is_visible(token, BSI_GOOGLE_TOKEN_MAX) || lasts == 0 || lasts > LASTS_MAX_S) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                        "the answer has no proper token, or does not say how long it lasts");
    }
    BSI_TRY(copy_secret(token, token_out));
    *lasts_s = lasts;
    return BS_OK;
}

bs_status bsi_google_token_parse(bsi_slice document_text, bsi_secret **token_out, uint64_t *lasts_s)
{
    document from = {
        .members = {{.key = "access_token"}, {.key = "expires_in", .is_number = true}}};
    bs_status status = document_read(&from, document_text, BS_LAYER_STORAGE, BS_E_CORRUPT);

    if (status == BS_OK) {
        status = take_token(&from, token_out, lasts_s);
    }
    document_dispose(&from);
    return status;
}

static void copy_cut(bsi_slice from, char *out, size_t size)
{
    (void)snprintf(out, size, "%.*s", (int)from.size, from.data ? from.data : "");
}

bs_status bsi_google_refusal_parse(bsi_slice document_text, bsi_google_refusal *out)
{
    document from = {.members = {{.key = "error"}, {.key = "error_description"}}};
    bs_status status = document_read(&from, document_text, BS_LAYER_STORAGE, BS_E_CORRUPT);

    if (status == BS_OK) {
        copy_cut(from.members[0].text, out->code, sizeof(out->code));
        copy_cut(from.members[1].text, out->message, sizeof(out->message));
    }
    document_dispose(&from);
    return status == BS_OK && out->code[0] == '\0'
               ? bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "the answer does not refuse")
               : status;
}
