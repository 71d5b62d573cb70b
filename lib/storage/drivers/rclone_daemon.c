/* SPDX-License-Identifier: MIT */
/*
 * rclone as a server of our own, and requests to it.
 */
#include "storage/drivers/rclone_daemon.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "os/random.h"
#include "os/time.h"
#include "storage/drivers/settings.h"
#include "text/base64.h"

/* Whose name is in BSI_RCLONE_FS, in the variables that make it a remote. */
#define ALIAS_TYPE "RCLONE_CONFIG_BSTSTORAGE_TYPE"
#define ALIAS_REMOTE "RCLONE_CONFIG_BSTSTORAGE_REMOTE"

enum {
    SECONDS_MAX = 24 * 60 * 60,
    START_S = 60,   /* What rclone may take until it serves. */
    DEATH_MS = 200, /* How long its death may take after its last connection. */
    LOOK_MS = 50,   /* How often waiting for that looks whether it is still wanted. */
    NS_PER_S = 1000000000,
    REMOTE_MAX = 16 * 1024,
    PASSWORD_BYTES = 24,
    URL_MAX = 64 * 1024, /* Two keys, all encoded. */
    SHOWN_LEAST = 4,     /* Bytes of a parameter's value that are looked for in texts. */
    SHOWN = 512,
    ARGUMENTS_MAX = 32,
};

/* --- Settings --- */

static bs_status refuse(const char *key, const char *what)
{
    return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "%s: %s", key, what);
}

static bool has_control(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f) {
            return true;
        }
    }
    return false;
}

/* The bytes of a remote before the ':' that ends its name; 0 for a path of this machine. */
static size_t name_size(const char *remote)
{
    return remote[0] == '/' ? 0 : strcspn(remote + 1, ":") + 1;
}

static bs_status check_remote(const char *remote)
{
    const size_t size = name_size(remote);

    if (has_control(remote) || strlen(remote) > REMOTE_MAX / 2 || (size > 0 && !remote[size])) {
        return refuse("remote", "takes NAME:PATH, :BACKEND:PATH or an absolute path");
    }
    if (memchr(remote, ',', size)) {
        return refuse("remote", "takes no parameters: these go into 'parameters', which is secret");
    }
    return BS_OK;
}

/* What would end them, and begin a path, stands between quotes. */
static bs_status check_parameters(const char *remote, const char *parameters)
{
    char quote = '\0';

    if (name_size(remote) == 0) {
        return refuse("parameters", "are those of a remote, not of a path of this machine");
    }
    for (const char *at = parameters; *at; at++) {
        if (quote == '\0' && *at == ':') {
            return refuse("parameters", "take values with ':' between quotes only");
        }
        if (quote == '\0' && (*at == '"' || *at == '\'')) {
            quote = *at;
        } else if (*at == quote) {
            quote = '\0';
        }
    }
    if (quote != '\0' || has_control(parameters) || strlen(parameters) > REMOTE_MAX / 2) {
        return refuse("parameters", "take key=value,key=value");
    }
    return BS_OK;
}

/* Parts of "NAME=value", in memory of their own. */
static bs_status make_variable(const bsi_slice *parts, size_t count, bsi_secret **out)
{
    size_t size = 1;
    unsigned char *at = NULL;

    for (size_t i = 0; i < count; i++) {
        size += parts[i].size;
    }
    BSI_TRY(bsi_secret_new(size, out));
    at = bsi_secret_bytes(*out);
    for (size_t i = 0; i < count; i++) {
        memcpy(at, parts[i].data, parts[i].size);
        at += parts[i].size;
    }
    return BS_OK;
}

static bs_status take_remote(const bs_storage_settings *settings, bsi_rclone *rclone)
{
    const char *remote = bs_storage_settings_text(settings, "remote");
    const char *parameters = bs_storage_settings_text(settings, "parameters");
    const size_t size = name_size(remote);
    bsi_slice parts[] = {bsi_slice_of(ALIAS_REMOTE "="),
                         {remote, size},
                         {"", 0},
                         {"", 0},
                         bsi_slice_of(remote + size)};

    BSI_TRY(check_remote(remote));
    if (parameters && parameters[0]) {
        BSI_TRY(check_parameters(remote, parameters));
        BSI_TRY(bsi_secret_copy(parameters, strlen(parameters) + 1, &rclone->parameters));
        parts[2] = bsi_slice_of(",");
        parts[3] = bsi_slice_of(parameters);
    }
    return make_variable(parts, BSI_ARRAY_SIZE(parts), &rclone->remote);
}

static bs_status take_texts(const bs_storage_settings *settings, bsi_rclone *rclone)
{
    const char *config_file = bs_storage_settings_text(settings, "config_file");
    const char *config_pass = bs_storage_settings_text(settings, "config_pass");

    rclone->program = bsi_strdup(bs_storage_settings_text(settings, "program"));
    if (!rclone->program) {
        return BS_E_NOMEM;
    }
    if (config_file && config_file[0]) {
        rclone->config_file = bsi_strdup(config_file);
        BSI_TRY(rclone->config_file ? BS_OK : BS_E_NOMEM);
    }
    if (config_pass && config_pass[0]) {
        const bsi_slice parts[] = {bsi_slice_of("RCLONE_CONFIG_PASS="), bsi_slice_of(config_pass)};
        BSI_TRY(make_variable(parts, BSI_ARRAY_SIZE(parts), &rclone->config_pass));
    }
    return take_remote(settings, rclone);
}

static bs_status take_http(const bs_storage_settings *settings, bsi_rclone *rclone)
{
    bsi_http_options options = {.ca_file = NULL};
    uint64_t seconds = 0;

    BSI_TRY(bsi_settings_take_number(settings, "stall_timeout_s", 1, SECONDS_MAX, &seconds));
    options.stall_timeout_s = (uint32_t)seconds;
    return bsi_http_new(&options, &rclone->http);
}

bs_status bsi_rclone_init(bsi_rclone *rclone, const bs_storage_settings *settings)
{
    bs_status status = BS_OK;

    bsi_mutex_init(&rclone->lock);
    for (size_t i = 0; i < BSI_RCLONE_PLACES; i++) {
        bsi_mutex_init(&rclone->places[i]);
    }
    status = take_texts(settings, rclone);
    if (status == BS_OK) {
        status = take_http(settings, rclone);
    }
    if (status < 0) {
        bsi_rclone_close(rclone);
    }
    return status;
}

void bsi_rclone_close(bsi_rclone *rclone)
{
    bsi_process_free(rclone->process);
    bsi_http_free(rclone->http);
    bsi_secret_free(rclone->remote);
    bsi_secret_free(rclone->config_pass);
    bsi_secret_free(rclone->parameters);
    bsi_free(rclone->program);
    bsi_free(rclone->config_file);
    bsi_wipe(rclone->login, sizeof(rclone->login));
    for (size_t i = 0; i < BSI_RCLONE_PLACES; i++) {
        bsi_mutex_dispose(&rclone->places[i]);
    }
    bsi_mutex_dispose(&rclone->lock);
}

/* --- What it says --- */

/* No text has a value of the parameters in it. */
static void hide_value(char *text, const char *value, size_t size)
{
    const size_t all = strlen(text);

    if (size < SHOWN_LEAST) {
        return;
    }
    for (char *at = text; (at = memmem(at, all - (size_t)(at - text), value, size)); at += size) {
        memset(at, '*', size);
    }
}

static void hide_parameters(const bsi_rclone *rclone, char *text)
{
    const char *at = rclone->parameters ? (const char *)bsi_secret_view(rclone->parameters) : "";

    while (*at) {
        const size_t size = strcspn(at, ",=\"'");

        hide_value(text, at, size);
        at += size + (at[size] ? 1 : 0);
    }
}

static void keep_said(bsi_rclone *rclone, const char *bytes, size_t size)
{
    bsi_last_words_keep(rclone->said, sizeof(rclone->said), &rclone->said_size,
                        (bsi_slice){bytes, size});
}

/* What it has said meanwhile: a full pipe would stop it. Leaves the error record alone. */
static void listen_locked(bsi_rclone *rclone)
{
    char bytes[4096];
    bs_error before;
    size_t got = 1;

    bsi_error_save(&before);
    while (got > 0 && bsi_process_read(rclone->process, bytes, sizeof(bytes), 0, &got) == BS_OK) {
        keep_said(rclone, bytes, got);
    }
    bsi_error_restore(&before);
}

/* Its last line. */
static const char *last_line(const bsi_rclone *rclone, char out[SHOWN])
{
    size_t end = rclone->said_size;
    size_t begin = 0;

    while (end > 0 && (rclone->said[end - 1] == '\n' || rclone->said[end - 1] == ' ')) {
        end--;
    }
    begin = end;
    while (begin > 0 && rclone->said[begin - 1] != '\n') {
        begin--;
    }
    bsi_printable(rclone->said + begin, end - begin, out, SHOWN);
    hide_parameters(rclone, out);
    return out;
}

/* --- Its life --- */

/* By these it would ask, hide what it says, do less than it was told, or pass over objects. */
static const char *const hidden_variables[] = {
    ALIAS_TYPE,
    ALIAS_REMOTE,
    "RCLONE_RC",
    "RCLONE_RC_ADDR",
    "RCLONE_RC_ALLOW_ORIGIN",
    "RCLONE_RC_BASEURL",
    "RCLONE_RC_CERT",
    "RCLONE_RC_CLIENT_CA",
    "RCLONE_RC_FILES",
    "RCLONE_RC_HTPASSWD",
    "RCLONE_RC_KEY",
    "RCLONE_RC_NO_AUTH",
    "RCLONE_RC_PASS",
    "RCLONE_RC_REALM",
    "RCLONE_RC_SALT",
    "RCLONE_RC_TEMPLATE",
    "RCLONE_RC_USER",
    "RCLONE_RC_USER_FROM_HEADER",
    "RCLONE_RC_WEB_GUI",
    "RCLONE_LOG_FILE",
    "RCLONE_LOG_FORMAT",
    "RCLONE_LOG_SYSTEMD",
    "RCLONE_QUIET",
    "RCLONE_SYSLOG",
    "RCLONE_VERBOSE",
    "RCLONE_BACKUP_DIR",
    "RCLONE_COMPARE_DEST",
    "RCLONE_COPY_DEST",
    "RCLONE_DRY_RUN",
    "RCLONE_IGNORE_CHECKSUM",
    "RCLONE_IGNORE_EXISTING",
    "RCLONE_IGNORE_SIZE",
    "RCLONE_IMMUTABLE",
    "RCLONE_INTERACTIVE",
    "RCLONE_NO_CHECK_DEST",
    "RCLONE_SIZE_ONLY",
    "RCLONE_SUFFIX",
    "RCLONE_UPDATE",
    "RCLONE_EXCLUDE",
    "RCLONE_EXCLUDE_FROM",
    "RCLONE_EXCLUDE_IF_PRESENT",
    "RCLONE_FILES_FROM",
    "RCLONE_FILES_FROM_RAW",
    "RCLONE_FILTER",
    "RCLONE_FILTER_FROM",
    "RCLONE_INCLUDE",
    "RCLONE_INCLUDE_FROM",
    "RCLONE_MAX_AGE",
    "RCLONE_MAX_DEPTH",
    "RCLONE_MAX_SIZE",
    "RCLONE_MIN_AGE",
    "RCLONE_MIN_SIZE",
    NULL,
};

/* Nothing that was given by a setting stands here but the file: others can see arguments. */
static void fill_arguments(const bsi_rclone *rclone, const char *out[ARGUMENTS_MAX])
{
    static const char *const usual[] = {
        "rcd",
        "--rc-addr=127.0.0.1:0",
        "--rc-serve",
        "--rc-max-header-bytes=131072",   /* Two keys in an address. */
        "--rc-server-read-timeout=8760h", /* Uploads take as long as they take. */
        "--rc-server-write-timeout=8760h",
        "--log-level=NOTICE",
        "--ask-password=false",
        "--ignore-times",              /* A new file of the same size and time is a new file. */
        "--streaming-upload-cutoff=0", /* Else the beginning of an upload that broke is kept. */
        "--use-server-modtime",        /* Services of buckets would be asked for each time. */
    };
    size_t count = 0;

    out[count++] = rclone->program;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(usual); i++) {
        out[count++] = usual[i];
    }
    if (rclone->config_file) {
        out[count++] = "--config";
        out[count++] = rclone->config_file;
    }
    out[count] = NULL;
}

/* A new name and password; the header that tells both. */
static bs_status make_login(bsi_rclone *rclone, char user[64], char pass[96])
{
    static const char begin[] = "Authorization: Basic ";
    uint8_t chance[PASSWORD_BYTES];
    char both[64] = "bst:";
    bsi_buf text;
    bs_status status = bsi_random(chance, sizeof(chance));

    bsi_buf_init(&text, sizeof(rclone->login) - 1);
    for (size_t i = 0; i < sizeof(chance); i++) {
        (void)snprintf(both + 4 + 2 * i, 3, "%02x", chance[i]);
    }
    if (status == BS_OK) {
        status = bsi_buf_append_text(&text, begin);
    }
    if (status == BS_OK) {
        status = bsi_base64_encode(both, strlen(both), &text);
    }
    if (status == BS_OK) {
        (void)snprintf(rclone->login, sizeof(rclone->login), "%.*s", (int)text.size,
                       (const char *)text.data);
        (void)snprintf(user, 64, "RCLONE_RC_USER=bst");
        (void)snprintf(pass, 96, "RCLONE_RC_PASS=%s", both + 4);
    }
    bsi_buf_dispose(&text);
    return status;
}

static bs_status spawn_locked(bsi_rclone *rclone)
{
    const char *arguments[ARGUMENTS_MAX];
    const char *hidden[BSI_ARRAY_SIZE(hidden_variables) + 1];
    const char *added[6] = {ALIAS_TYPE "=alias", (const char *)bsi_secret_view(rclone->remote)};
    const size_t count = BSI_ARRAY_SIZE(hidden_variables);
    char user[64];
    char pass[96];
    bs_status status = make_login(rclone, user, pass);

    if (status < 0) {
        return status;
    }
    memcpy(hidden, hidden_variables, sizeof(hidden_variables));
    added[2] = user;
    added[3] = pass;
    if (rclone->config_pass) {
        added[4] = (const char *)bsi_secret_view(rclone->config_pass);
        hidden[count - 1] = "RCLONE_CONFIG_PASS";
        hidden[count] = NULL;
    }
    fill_arguments(rclone, arguments);
    rclone->said_size = 0;
    rclone->port = 0;
    status = bsi_process_start_helper(arguments, hidden, added, &rclone->process);
    bsi_wipe(pass, sizeof(pass));
    if (status == BS_E_NOT_FOUND) {
        char shown[SHOWN];
        status = bsi_fail(BS_LAYER_STORAGE, BS_E_UNSUPPORTED,
                          "there is no program '%s': install rclone, of Debian's package of that "
                          "name, or say by setting 'program' where it is",
                          bsi_printable(rclone->program, strlen(rclone->program), shown, SHOWN));
    }
    return status;
}

/* It is no more. */
static bs_status fail_ended(bsi_rclone *rclone, bs_retry retry)
{
    char shown[SHOWN];
    const char *said = last_line(rclone, shown);
    const bool locked = strstr(said, "ecrypt") || strstr(said, "RCLONE_CONFIG_PASS");

    if (locked) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_ACCESS,
                        "rclone cannot open its configuration: setting 'config_pass' takes its "
                        "password (%s)",
                        said);
    }
    (void)bsi_fail(BS_LAYER_STORAGE, BS_E_IO, "rclone has ended%s%s", said[0] ? ": " : "", said);
    bsi_error_set_retry(retry, 0);
    return BS_E_IO;
}

/* Collects it when it has ended. */
static bool has_ended_locked(bsi_rclone *rclone)
{
    bs_error before;
    bool ended = false;

    bsi_error_save(&before);
    listen_locked(rclone);
    ended = bsi_process_wait(rclone->process, 0) == BS_OK;
    bsi_error_restore(&before);
    return ended;
}

/* What dies closes its connections a moment before it can be collected, and its output with them.
 */
static bool dies_locked(bsi_rclone *rclone)
{
    char bytes[4096];
    bs_error before;
    bs_status status = BS_OK;
    bool ended = false;
    size_t got = 1;

    bsi_error_save(&before);
    while (got > 0 && status == BS_OK) {
        status = bsi_process_read(rclone->process, bytes, sizeof(bytes), DEATH_MS, &got);
        keep_said(rclone, bytes, status == BS_OK ? got : 0);
    }
    ended = status == BS_OK && bsi_process_wait(rclone->process, DEATH_MS) == BS_OK;
    bsi_error_restore(&before);
    return ended;
}

static void drop_locked(bsi_rclone *rclone)
{
    bsi_process_free(rclone->process);
    rclone->process = NULL;
}

/* Until it says on which port it serves. */
static bs_status await_port_locked(bsi_rclone *rclone, const bs_call *call)
{
    const int64_t until = bsi_monotonic_ns() + START_S * (int64_t)NS_PER_S;
    char bytes[4096];
    size_t got = 0;

    while (rclone->port == 0) {
        bs_status status = bsi_call_check(call);

        BSI_TRY(status);
        status = bsi_process_read(rclone->process, bytes, sizeof(bytes), LOOK_MS, &got);
        if (status == BS_OK && got == 0) {
            return fail_ended(rclone, BS_RETRY_NEVER);
        }
        if (status == BS_OK) {
            keep_said(rclone, bytes, got);
            rclone->port = bsi_rclone_port_parse((bsi_slice){rclone->said, rclone->said_size});
        } else if (status != BS_E_TIMEOUT || bsi_monotonic_ns() > until) {
            return bsi_fail(BS_LAYER_STORAGE, BS_E_TIMEOUT, "rclone does not begin to serve");
        }
    }
    return BS_OK;
}

static bs_status start_locked(bsi_rclone *rclone, const bs_call *call)
{
    bs_status status = spawn_locked(rclone);

    if (status == BS_OK) {
        status = await_port_locked(rclone, call);
    }
    if (status < 0) {
        drop_locked(rclone);
    }
    return status;
}

/* Its port, and the header that lets us in; one that has ended is started again. */
static bs_status reach(bsi_rclone *rclone, const bs_call *call, uint16_t *port_out, char login[128])
{
    bs_status status = BS_OK;

    bsi_mutex_lock(&rclone->lock);
    if (rclone->process && has_ended_locked(rclone)) {
        drop_locked(rclone);
    }
    if (!rclone->process) {
        status = start_locked(rclone, call);
    }
    *port_out = rclone->port;
    memcpy(login, rclone->login, sizeof(rclone->login));
    bsi_mutex_unlock(&rclone->lock);
    return status;
}

/* After a request that got no answer. */
static bs_status explain(bsi_rclone *rclone, const bs_call *call, uint16_t port, bs_status status)
{
    if (status != BS_E_IO || bsi_call_check(call) < 0) {
        return status;
    }
    bsi_mutex_lock(&rclone->lock);
    if (rclone->process && rclone->port == port && dies_locked(rclone)) {
        status = fail_ended(rclone, BS_RETRY_SAFE);
        drop_locked(rclone);
    }
    bsi_mutex_unlock(&rclone->lock);
    return status;
}

/* --- Requests --- */

static bs_status write_url(const bsi_rclone_request *request, uint16_t port, bsi_buf *url)
{
    BSI_TRY(bsi_buf_append_format(url, "http://127.0.0.1:%u/", (unsigned)port));
    if (request->action) {
        BSI_TRY(bsi_buf_append_format(url, "%s?", request->action));
        BSI_TRY(bsi_uri_append_query(url, request->query, request->query_count));
    } else {
        BSI_TRY(bsi_buf_append_text(url, "%5B"
                                         "bststorage%3A"
                                         "%5D/"));
        BSI_TRY(bsi_uri_append_path(url, request->key));
    }
    return bsi_buf_append_byte(url, '\0');
}

/* Failures that rclone tells by its words alone. */
typedef struct rclone_words {
    const char *words;
    bs_status status;
    bs_retry retry;
} rclone_words;

static const rclone_words known_words[] = {
    {"not a directory", BS_E_IO, BS_RETRY_NEVER},
    {"is a directory", BS_E_IO, BS_RETRY_NEVER},
    {"no space left", BS_E_NO_SPACE, BS_RETRY_NEVER},
    {"quota exceeded", BS_E_NO_SPACE, BS_RETRY_NEVER},
    {"quotaExceeded", BS_E_NO_SPACE, BS_RETRY_NEVER},
    {"storageQuotaExceeded", BS_E_NO_SPACE, BS_RETRY_NEVER},
    {"insufficient_space", BS_E_NO_SPACE, BS_RETRY_NEVER},
    {"read-only file system", BS_E_READ_ONLY, BS_RETRY_NEVER},
    {"file name too long", BS_E_LIMIT, BS_RETRY_NEVER},
    {"permission denied", BS_E_ACCESS, BS_RETRY_NEVER},
    {"AccessDenied", BS_E_ACCESS, BS_RETRY_NEVER},
    {"InvalidAccessKeyId", BS_E_ACCESS, BS_RETRY_NEVER},
    {"SignatureDoesNotMatch", BS_E_ACCESS, BS_RETRY_NEVER},
    {"invalid_grant", BS_E_ACCESS, BS_RETRY_NEVER},
    {"Unauthorized", BS_E_ACCESS, BS_RETRY_NEVER},
    {"unable to authenticate", BS_E_ACCESS, BS_RETRY_NEVER},
    {"didn't find section in config file", BS_E_INVALID, BS_RETRY_NEVER},
    {"didn't find backend called", BS_E_INVALID, BS_RETRY_NEVER},
};

static bs_status fail_said(bsi_rclone *rclone, const bsi_http_answer *answer)
{
    char said[BSI_RCLONE_ERROR_SIZE];
    bs_status status = answer->status == 404 ? BS_E_NOT_FOUND : BS_E_IO;
    bs_retry retry = status == BS_E_IO ? BS_RETRY_SAFE : BS_RETRY_NEVER;

    if (!bsi_rclone_error_parse(bsi_buf_slice(&answer->text), said)) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_IO, "rclone answers %d without a word",
                        answer->status);
    }
    hide_parameters(rclone, said);
    if (strstr(said, "couldn't find method")) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_UNSUPPORTED, "this rclone is too old: %s", said);
    }
    for (size_t i = 0; i < BSI_ARRAY_SIZE(known_words) && status == BS_E_IO; i++) {
        if (strstr(said, known_words[i].words)) {
            status = known_words[i].status;
            retry = known_words[i].retry;
            break;
        }
    }
    (void)bsi_fail(BS_LAYER_STORAGE, status, "rclone says: %s", said);
    bsi_error_set_retry(retry, 0);
    return status;
}

static bs_status send_to(bsi_rclone *rclone, const bs_call *call, const bsi_rclone_request *request,
                         const char *url, const char *login, bsi_http_answer *answer)
{
    const char *const headers[] = {login, request->header, NULL};
    const bsi_http_request sent = {
        .method = request->action ? "POST" : "GET",
        .url = url,
        .headers = headers,
        .body_size = request->body_size,
        .source = request->source,
        .source_user = request->source_user,
        .feed = request->feed,
        .feed_user = request->feed_user,
        .sink = request->sink,
        .sink_user = request->sink_user,
        .answer_max = request->answer_max,
    };

    return bsi_http_send(rclone->http, call, &sent, answer);
}

bs_status bsi_rclone_send(bsi_rclone *rclone, const bs_call *call,
                          const bsi_rclone_request *request, bsi_http_answer *answer)
{
    char login[sizeof(rclone->login)];
    uint16_t port = 0;
    bsi_buf url;
    bs_status status = reach(rclone, call, &port, login);

    if (status < 0) {
        return status;
    }
    bsi_buf_init(&url, URL_MAX);
    status = write_url(request, port, &url);
    if (status == BS_OK) {
        status = send_to(rclone, call, request, (const char *)url.data, login, answer);
        status = status < 0 ? explain(rclone, call, port, status) : BS_OK;
    }
    bsi_buf_dispose(&url);
    if (status == BS_OK && answer->status != 200 && answer->status != 206) {
        status = fail_said(rclone, answer);
        bsi_http_answer_dispose(answer);
    }
    return status;
}
