/* SPDX-License-Identifier: MIT */
/*
 * Asks the container or the machine for the credentials of its role.
 */
#include "storage/drivers/s3_metadata.h"

#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "net/uri.h"
#include "os/file.h"
#include "os/process.h"
#include "text/json_read.h"
#include "text/rfc3339.h"

enum {
    CONNECT_TIMEOUT_MS = 1000,
    STALL_TIMEOUT_S = 5,
    ANSWER_MAX = 64 * 1024,
    URL_SIZE = 2048,
    LINE_SIZE = 16 * 1024 + 64,
    TOKEN_FILE_MAX = 16 * 1024,
    ROLE_MAX = 256,
};

/* Where both answer when nothing else is set. */
static const char container_host[] = "http://169.254.170.2";
static const char machine_host[] = "http://169.254.169.254";

bs_status bsi_s3_metadata_http(bsi_http **out)
{
    const bsi_http_options options = {.connect_timeout_ms = CONNECT_TIMEOUT_MS,
                                      .stall_timeout_s = STALL_TIMEOUT_S};

    return bsi_http_new(&options, out);
}

/* `header` is one line, or NULL. A 2xx comes back as BS_OK, and `answer` is to be wiped. */
static bs_status ask(bsi_http *http, const bs_call *call, const char *method, const char *url,
                     const char *header, bsi_http_answer *answer)
{
    const char *const headers[] = {header, NULL};
    const bsi_http_request request = {
        .method = method, .url = url, .headers = headers, .body = "", .answer_max = ANSWER_MAX};
    bs_status status = BS_OK;

    BSI_TRY(bsi_http_send(http, call, &request, answer));
    if (answer->status < 200 || answer->status > 299) {
        status = bsi_http_fail(answer, (bsi_slice){NULL, 0});
        bsi_http_answer_dispose(answer);
    }
    return status;
}

/* What came holds secrets. */
static void wipe(bsi_http_answer *answer)
{
    if (answer->text.data) {
        bsi_wipe(answer->text.data, answer->text.capacity);
    }
    bsi_http_answer_dispose(answer);
}

/* --- The document --- */

typedef struct document {
    bsi_buf scratch[4]; /* Behind texts with escapes. */
    bsi_s3_texts texts;
    bsi_slice expiration;
} document;

static bs_status read_member(bsi_json_reader *reader, bsi_slice key, document *out)
{
    const struct {
        const char *key;
        bsi_slice *text;
    } known[] = {
        {"AccessKeyId", &out->texts.access_key},
        {"SecretAccessKey", &out->texts.secret},
        {"Token", &out->texts.token},
        {"Expiration", &out->expiration},
    };

    for (size_t i = 0; i < BSI_ARRAY_SIZE(known); i++) {
        if (bsi_slice_is(key, known[i].key)) {
            return bsi_json_read_string(reader, &out->scratch[i], known[i].text);
        }
    }
    return bsi_json_skip(reader);
}

static bs_status read_document(const bsi_http_answer *answer, document *out)
{
    bsi_json_reader reader;
    bsi_slice key = {NULL, 0};
    bs_status status = BS_OK;

    bsi_json_init(&reader, answer->text.data, answer->text.size, BS_LAYER_STORAGE, BS_E_CORRUPT);
    BSI_TRY(bsi_json_enter_object(&reader));
    for (status = bsi_json_next_key(&reader, &key); status == BS_OK;
         status = bsi_json_next_key(&reader, &key)) {
        BSI_TRY(read_member(&reader, key, out));
    }
    return status < 0 ? status : bsi_json_end(&reader);
}

static bs_status take_document(const document *from, const char *where, bsi_s3_credentials **out)
{
    bsi_s3_credentials *made = NULL;
    int64_t sec = 0;

    if (bsi_rfc3339_parse(from->expiration.data, from->expiration.size, &sec, NULL) < 0 ||
        sec <= 0) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                        "the answer of %s does not say when its credentials end", where);
    }
    BSI_TRY(bsi_s3_credentials_new(&from->texts, where, &made));
    made->expires_sec = sec;
    *out = made;
    return BS_OK;
}

static bs_status take_answer(const bsi_http_answer *answer, const char *where,
                             bsi_s3_credentials **out)
{
    document from = {.texts = {.access_key = {NULL, 0}}};
    bs_status status = BS_OK;

    for (size_t i = 0; i < BSI_ARRAY_SIZE(from.scratch); i++) {
        bsi_buf_init(&from.scratch[i], ANSWER_MAX);
    }
    status = read_document(answer, &from);
    if (status == BS_OK) {
        status = take_document(&from, where, out);
    } else {
        status = bsi_fail_context(BS_LAYER_STORAGE, status, "the answer of %s", where);
    }
    for (size_t i = 0; i < BSI_ARRAY_SIZE(from.scratch); i++) {
        if (from.scratch[i].data) {
            bsi_wipe(from.scratch[i].data, from.scratch[i].capacity);
        }
        bsi_buf_dispose(&from.scratch[i]);
    }
    return status;
}

/* --- The container --- */

/* Only next door may be asked without encryption. */
static bool may_be_asked(const char *url)
{
    return bsi_uri_keeps_secrets(url) || bsi_uri_is_plain_at(url, "169.254.170.2") ||
           bsi_uri_is_plain_at(url, "169.254.170.23") || bsi_uri_is_plain_at(url, "[fd00:ec2::23]");
}

static bs_status container_url(char out[URL_SIZE])
{
    const char *relative = bsi_environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = bsi_environment("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    int size = 0;

    if (relative && relative[0]) {
        size = snprintf(out, URL_SIZE, "%s%s%s", container_host, relative[0] == '/' ? "" : "/",
                        relative);
    } else if (full && full[0]) {
        size = snprintf(out, URL_SIZE, "%s", full);
    } else {
        return bsi_fail(BS_LAYER_CALLER, BS_E_NOT_FOUND,
                        "neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor "
                        "AWS_CONTAINER_CREDENTIALS_FULL_URI is set");
    }
    if (size >= URL_SIZE || !may_be_asked(out)) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https: nor of this machine");
    }
    return BS_OK;
}

/* Read each time, as it is replaced while we run. */
static bs_status read_token_file(const char *path, bsi_secret **out)
{
    bsi_secret *room = NULL;
    size_t size = 0;
    int fd = -1;
    bs_status status = bsi_secret_new(TOKEN_FILE_MAX, &room);

    if (status == BS_OK) {
        status = bsi_open(BSI_CWD, path, BSI_OPEN_READ | BSI_OPEN_NONBLOCK, 0, &fd);
    }
    if (status == BS_OK) {
        status = bsi_read(fd, bsi_secret_bytes(room), TOKEN_FILE_MAX - 1, &size);
    }
    bsi_close_quietly(fd);
    if (status < 0) {
        bsi_secret_free(room);
        return bsi_fail_context(BS_LAYER_CALLER, status, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    }
    while (size > 0 && strchr("\r\n", (char)bsi_secret_bytes(room)[size - 1])) {
        size--;
    }
    bsi_secret_bytes(room)[size] = '\0';
    *out = room;
    return BS_OK;
}

static bs_status format_line(const char *name, const char *value, bsi_secret **out)
{
    bs_status status = bsi_secret_new(LINE_SIZE, out);

    if (status < 0) {
        return status;
    }
    if (snprintf((char *)bsi_secret_bytes(*out), LINE_SIZE, "%s: %s", name, value) >= LINE_SIZE) {
        bsi_secret_free(*out);
        *out = NULL;
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "a token for metadata is too long");
    }
    return BS_OK;
}

/* NULL when none is set. */
static bs_status container_header(bsi_secret **out)
{
    const char *path = bsi_environment("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *value = bsi_environment("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    bsi_secret *read = NULL;
    bs_status status = BS_OK;

    if (path && path[0]) {
        BSI_TRY(read_token_file(path, &read));
        value = (const char *)bsi_secret_view(read);
    }
    if (value && value[0]) {
        status = format_line("Authorization", value, out);
    }
    bsi_secret_free(read);
    return status;
}

static const char *text_of(const bsi_secret *secret)
{
    return secret ? (const char *)bsi_secret_view(secret) : NULL;
}

bs_status bsi_s3_credentials_of_container(bsi_http *http, const bs_call *call,
                                          bsi_s3_credentials **out)
{
    char url[URL_SIZE];
    bsi_secret *header = NULL;
    bsi_http_answer answer;
    bs_status status = BS_OK;

    BSI_TRY(container_url(url));
    BSI_TRY(container_header(&header));
    status = ask(http, call, "GET", url, text_of(header), &answer);
    bsi_secret_free(header);
    if (status < 0) {
        return bsi_fail_context(BS_LAYER_STORAGE, status, "the container's credentials");
    }
    status = take_answer(&answer, "the container", out);
    wipe(&answer);
    return status;
}

/* --- The machine --- */

static bs_status machine_url(const char *path, const char *end, char out[URL_SIZE])
{
    const char *set = bsi_environment("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    const char *host = set && set[0] ? set : machine_host;
    const size_t size = strlen(host);
    const int slash = size > 0 && host[size - 1] == '/' ? 1 : 0;

    return snprintf(out, URL_SIZE, "%.*s%s%s", (int)size - slash, host, path, end) < URL_SIZE
               ? BS_OK
               : bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                          "AWS_EC2_METADATA_SERVICE_ENDPOINT is too long");
}

static bool is_switched_off(void)
{
    const char *set = bsi_environment("AWS_EC2_METADATA_DISABLED");

    return set && strlen(set) == 4 && bsi_equal_but_for_case(set, "true", 4);
}

/* The header that the second version of the service wants to see. */
static bs_status machine_header(bsi_http *http, const bs_call *call, bsi_secret **out)
{
    char url[URL_SIZE];
    bsi_http_answer answer;
    bs_status status = BS_OK;

    BSI_TRY(machine_url("/latest/api/token", "", url));
    BSI_TRY(ask(http, call, "PUT", url, "X-aws-ec2-metadata-token-ttl-seconds: 300", &answer));
    status = bsi_buf_append_byte(&answer.text, '\0');
    if (status == BS_OK) {
        status = format_line("X-aws-ec2-metadata-token", (const char *)answer.text.data, out);
    }
    wipe(&answer);
    return status;
}

/* One line, which becomes a part of the next path. */
static bs_status take_role(const bsi_http_answer *answer, char out[ROLE_MAX])
{
    bsi_slice text = {(const char *)answer->text.data, answer->text.size};

    while (text.size > 0 && strchr("\r\n", text.data[text.size - 1])) {
        text.size--;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (!strchr("+=,.@-_", text.data[i]) && !bsi_is_digit(text.data[i]) &&
            !(bsi_lower(text.data[i]) >= 'a' && bsi_lower(text.data[i]) <= 'z')) {
            text.size = 0;
        }
    }
    if (text.size == 0 || text.size >= ROLE_MAX) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_NOT_FOUND, "the machine has no role");
    }
    memcpy(out, text.data, text.size);
    out[text.size] = '\0';
    return BS_OK;
}

static bs_status ask_machine(bsi_http *http, const bs_call *call, const char *header,
                             bsi_s3_credentials **out)
{
    static const char path[] = "/latest/meta-data/iam/security-credentials/";
    char role[ROLE_MAX] = "";
    char url[URL_SIZE];
    bsi_http_answer answer;
    bs_status status = BS_OK;

    BSI_TRY(machine_url(path, "", url));
    BSI_TRY(ask(http, call, "GET", url, header, &answer));
    status = take_role(&answer, role);
    bsi_http_answer_dispose(&answer);
    BSI_TRY(status);
    BSI_TRY(machine_url(path, role, url));
    BSI_TRY(ask(http, call, "GET", url, header, &answer));
    status = take_answer(&answer, "the machine", out);
    wipe(&answer);
    return status;
}

bs_status bsi_s3_credentials_of_machine(bsi_http *http, const bs_call *call,
                                        bsi_s3_credentials **out)
{
    bsi_secret *header = NULL;
    bs_status status = BS_OK;

    if (is_switched_off()) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_NOT_FOUND, "AWS_EC2_METADATA_DISABLED is true");
    }
    status = machine_header(http, call, &header);
    if (status == BS_OK) {
        status = ask_machine(http, call, text_of(header), out);
    }
    bsi_secret_free(header);
    return status < 0 ? bsi_fail_context(BS_LAYER_STORAGE, status, "the machine's credentials")
                      : BS_OK;
}
