/* SPDX-License-Identifier: MIT */
/*
 * One request over libcurl: made, moved on, judged.
 */
#include <curl/curl.h>
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "net/ftp_int.h"
#include "net/uri.h"
#include "os/file.h"
#include "os/thread.h"
#include "os/time.h"

enum {
    LOOK_MS = 100, /* Between two looks at the call. */
    NS_PER_MS = 1000000,
    MS_PER_S = 1000,
    TRANSFER_BUFFER = 256 * 1024,
};

_Static_assert((int)BSI_FTP_STASH_SIZE >= (int)CURL_MAX_WRITE_SIZE, "a piece may be stashed");
_Static_assert((int)BSI_FTP_REASON_SIZE >= (int)CURL_ERROR_SIZE, "libcurl writes as much");

bs_status bsi_ftp_no_memory(void)
{
    return bsi_fail(BS_LAYER_SYSTEM, BS_E_NOMEM, "out of memory");
}

/* --- Callbacks --- */

/* Another number than that of the bytes it got ends the request. */
static size_t end_with(bsi_ftp *ftp, bs_status status, size_t size)
{
    ftp->status = status;
    return status < 0 ? 0 : size;
}

static size_t take_reply(char *bytes, size_t unit, size_t count, void *user)
{
    bsi_ftp *ftp = user;
    const size_t size = unit * count;

    ftp->moved += size;
    ftp->greeted = true;
    if (size > BSI_FTP_REPLIES_MAX - ftp->replies.size) {
        return end_with(ftp,
                        bsi_fail(BS_LAYER_STORAGE, BS_E_LIMIT,
                                 "host '%s' answers with more than %d bytes", ftp->target->host,
                                 BSI_FTP_REPLIES_MAX),
                        size);
    }
    return end_with(ftp, bsi_buf_append(&ftp->replies, bytes, size), size);
}

static size_t take_data(char *bytes, size_t unit, size_t count, void *user)
{
    bsi_ftp *ftp = user;
    const size_t size = unit * count;
    const size_t part = bsi_min_size(size, ftp->in_left);

    ftp->has_data = true;
    if (ftp->listing) {
        ftp->moved += size;
        return end_with(ftp, bsi_buf_append(ftp->listing, bytes, size), size);
    }
    if (ftp->stash_size > 0) {
        ftp->paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    if (part > 0) {
        memcpy(ftp->in, bytes, part);
        ftp->in += part;
        ftp->in_left -= part;
    }
    memcpy(ftp->stash, bytes + part, size - part);
    ftp->stash_size = size - part;
    ftp->stash_at = 0;
    ftp->moved += size;
    return size;
}

static size_t give_data(char *out, size_t unit, size_t count, void *user)
{
    bsi_ftp *ftp = user;
    const size_t size = bsi_min_size(unit * count, ftp->out_left);

    ftp->asked = true;
    if (size == 0 && !ftp->ended) {
        ftp->paused = true;
        return CURL_READFUNC_PAUSE;
    }
    if (size > 0) {
        memcpy(out, ftp->out, size);
        ftp->out += size;
        ftp->out_left -= size;
        ftp->moved += size;
    }
    return size;
}

/* Any other value than 0 gives the request up. */
static int look(void *user, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                curl_off_t up)
{
    bsi_ftp *ftp = user;

    (void)down_total;
    (void)down;
    (void)up_total;
    (void)up;
    if (ftp->status == BS_OK) {
        ftp->status = bsi_call_check(ftp->call);
    }
    return ftp->status < 0 ? 1 : 0;
}

/* The first of a connection's sockets; others are for data. */
static int note_socket(void *user, curl_socket_t fd, curlsocktype purpose)
{
    bsi_ftp *ftp = user;

    (void)purpose;
    if (ftp->control < 0) {
        ftp->control = fd;
    }
    return CURL_SOCKOPT_OK;
}

static int close_socket(void *user, curl_socket_t fd)
{
    bsi_ftp *ftp = user;

    if (ftp->control == fd) {
        ftp->control = -1;
    }
    bsi_close_quietly(fd);
    return 0;
}

/* --- Failures --- */

bool bsi_ftp_last_reply(const bsi_ftp *ftp, bsi_ftp_reply *out)
{
    bsi_slice in = bsi_buf_slice(&ftp->replies);
    bool found = false;

    while (bsi_ftp_reply_next(&in, out)) {
        found = true;
    }
    return found;
}

static bs_status code_of(CURLcode code)
{
    switch (code) {
    case CURLE_OUT_OF_MEMORY:
        return BS_E_NOMEM;
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_FTP_ACCEPT_TIMEOUT:
        return BS_E_TIMEOUT;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_LOGIN_DENIED:
    case CURLE_USE_SSL_FAILED:
        return BS_E_ACCESS;
    case CURLE_BAD_DOWNLOAD_RESUME:
        return BS_E_RANGE;
    case CURLE_URL_MALFORMAT:
        return BS_E_INVALID;
    default:
        return BS_E_IO;
    }
}

/* The server has said no to what it was asked for, and waits for the next command. */
static bool is_refusal(CURLcode code)
{
    return code == CURLE_REMOTE_FILE_NOT_FOUND || code == CURLE_REMOTE_ACCESS_DENIED ||
           code == CURLE_UPLOAD_FAILED || code == CURLE_FTP_COULDNT_RETR_FILE ||
           code == CURLE_QUOTE_ERROR || code == CURLE_BAD_DOWNLOAD_RESUME;
}

/* The server's refusal, if that ended the request; or what libcurl knows. */
static bs_status fail(bsi_ftp *ftp, const char *doing, const char *path)
{
    const CURLcode code = (CURLcode)ftp->code;
    const char *reason = ftp->reason[0] ? ftp->reason : curl_easy_strerror(code);
    char shown[CURL_ERROR_SIZE];
    bsi_ftp_reply reply;

    ftp->greeted = is_refusal(code);
    ftp->doubtful = !is_refusal(code);
    BSI_TRY(ftp->status); /* A callback's own failure, whose record is still there. */
    BSI_TRY(bsi_call_check(ftp->call));
    if (code == CURLE_OUT_OF_MEMORY) {
        return bsi_ftp_no_memory();
    }
    if (code == CURLE_USE_SSL_FAILED) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_ACCESS,
                        "host '%s' offers no TLS; setting 'tls' says how it is encrypted",
                        ftp->target->host);
    }
    if (bsi_ftp_last_reply(ftp, &reply) && reply.code >= 400) {
        return bsi_ftp_refused(ftp->target->host, &reply, doing, path);
    }
    return bsi_fail(BS_LAYER_STORAGE, code_of(code), "host '%s', port %u: %s", ftp->target->host,
                    ftp->target->port, bsi_printable(reason, strlen(reason), shown, sizeof(shown)));
}

/* --- Requests --- */

/* The first that fails stands for all. */
#define SET(option, value) \
    code = code == CURLE_OK ? curl_easy_setopt(ftp->curl, option, value) : code

static CURLcode set_tls(bsi_ftp *ftp)
{
    const bsi_ftp_target *target = ftp->target;
    CURLcode code = CURLE_OK;

    /* Over 1.3 libcurl 7.88 loses the end of uploads. */
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2 | (long)CURL_SSLVERSION_MAX_TLSv1_2);
    if (target->tls == BSI_FTP_TLS_EXPLICIT) {
        SET(CURLOPT_FTPSSLAUTH, (long)CURLFTPAUTH_TLS);
    }
    if (target->tls != BSI_FTP_TLS_NONE) {
        SET(CURLOPT_USE_SSL, (long)CURLUSESSL_ALL);
    }
    if (target->ca_file) {
        SET(CURLOPT_CAINFO, target->ca_file);
        SET(CURLOPT_CAPATH, NULL);
    }
    return code;
}

static CURLcode set_connection(bsi_ftp *ftp)
{
    const bsi_ftp_target *target = ftp->target;
    CURLcode code = set_tls(ftp);

    SET(CURLOPT_PROTOCOLS_STR, "ftp,ftps");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_USERNAME, target->user);
    SET(CURLOPT_PASSWORD, target->password ? target->password : "");
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)target->connect_ms);
    SET(CURLOPT_ACCEPTTIMEOUT_MS, (long)target->connect_ms);
    SET(CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)(target->idle_ms + MS_PER_S - 1) / MS_PER_S);
    SET(CURLOPT_FTPPORT, target->active ? "-" : NULL);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_BUFFERSIZE, (long)TRANSFER_BUFFER);
    SET(CURLOPT_UPLOAD_BUFFERSIZE, (long)TRANSFER_BUFFER);
    return code;
}

static CURLcode set_callbacks(bsi_ftp *ftp)
{
    CURLcode code = CURLE_OK;

    SET(CURLOPT_ERRORBUFFER, ftp->reason);
    SET(CURLOPT_HEADERFUNCTION, take_reply);
    SET(CURLOPT_HEADERDATA, ftp);
    SET(CURLOPT_WRITEFUNCTION, take_data);
    SET(CURLOPT_WRITEDATA, ftp);
    SET(CURLOPT_READFUNCTION, give_data);
    SET(CURLOPT_READDATA, ftp);
    SET(CURLOPT_SOCKOPTFUNCTION, note_socket);
    SET(CURLOPT_SOCKOPTDATA, ftp);
    SET(CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    SET(CURLOPT_CLOSESOCKETDATA, ftp);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, look);
    SET(CURLOPT_XFERINFODATA, ftp);
    return code;
}

bs_status bsi_ftp_check_line(const char *text)
{
    for (const char *at = text; *at; at++) {
        if ((uint8_t)*at < 0x20) {
            return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "a control byte in an FTP command");
        }
    }
    return strlen(text) <= BSI_FTP_PATH_MAX
               ? BS_OK
               : bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "an FTP command of more than %d bytes",
                          BSI_FTP_PATH_MAX);
}

/* An absolute path: its first '/' would be taken for the one behind the host. */
static bs_status append_url(const bsi_ftp *ftp, const char *path, bsi_buf *url)
{
    const bsi_ftp_target *target = ftp->target;
    const bool brackets = strchr(target->host, ':') != NULL;

    BSI_CHECK(path[0] == '/');
    BSI_TRY(bsi_ftp_check_line(path));
    BSI_TRY(bsi_buf_append_format(
        url, "%s://%s%s%s:%u/%%2F", target->tls == BSI_FTP_TLS_IMPLICIT ? "ftps" : "ftp",
        brackets ? "[" : "", target->host, brackets ? "]" : "", target->port));
    return bsi_uri_append_path(url, path + 1);
}

static bs_status make_url(bsi_ftp *ftp, const char *path)
{
    bsi_buf url;
    bs_status status = BS_OK;

    bsi_buf_init(&url, (size_t)4 * BSI_FTP_PATH_MAX);
    status = append_url(ftp, path, &url);
    if (status == BS_OK) {
        ftp->url = bsi_buf_take_text(&url);
        status = ftp->url ? BS_OK : bsi_ftp_no_memory();
    }
    bsi_buf_dispose(&url);
    return status;
}

void bsi_ftp_forget(bsi_ftp *ftp)
{
    if (ftp->running) {
        (void)curl_multi_remove_handle(ftp->multi, ftp->curl);
        ftp->running = false;
    }
    curl_slist_free_all(ftp->commands);
    ftp->commands = NULL;
    bsi_free(ftp->url);
    ftp->url = NULL;
    ftp->listing = NULL;
}

/* What each request begins with; more options follow. */
static bs_status prepare_alone(bsi_ftp *ftp, const bs_call *call, const char *path)
{
    CURLcode code = CURLE_OK;

    bsi_ftp_stop(ftp);
    BSI_TRY(bsi_call_check(call));
    BSI_TRY(make_url(ftp, path));
    ftp->call = call;
    ftp->status = BS_OK;
    ftp->code = CURLE_OK;
    ftp->reason[0] = '\0';
    ftp->asked = ftp->has_data = ftp->ended = ftp->paused = false;
    ftp->in_left = ftp->out_left = 0;
    ftp->stash_at = ftp->stash_size = 0;
    bsi_buf_clear(&ftp->replies);
    curl_easy_reset(ftp->curl);
    code = set_connection(ftp);
    code = code == CURLE_OK ? set_callbacks(ftp) : code;
    SET(CURLOPT_URL, ftp->url);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_FTP_FILEMETHOD, (long)CURLFTPMETHOD_NOCWD);
    return code == CURLE_OK ? BS_OK : bsi_ftp_no_memory();
}

bs_status bsi_ftp_begin(bsi_ftp *ftp, unsigned code)
{
    if (code != CURLE_OK || curl_multi_add_handle(ftp->multi, ftp->curl) != CURLM_OK) {
        return bsi_ftp_no_memory();
    }
    ftp->running = true;
    return BS_OK;
}

/*
 * Close the connection. libcurl would wait for the answer to its QUIT, but not where a request is
 * given up.
 */
void bsi_ftp_hang_up(bsi_ftp *ftp)
{
    bsi_pipe_guard guard;
    int count = 0;

    if (prepare_alone(ftp, NULL, "/") == BS_OK &&
        bsi_ftp_begin(ftp, curl_easy_setopt(ftp->curl, CURLOPT_NOBODY, 1L)) == BS_OK) {
        bsi_pipe_guard_begin(&guard);
        (void)curl_multi_perform(ftp->multi, &count);
        bsi_ftp_stop(ftp);
        bsi_pipe_guard_end(&guard);
    }
}

/*
 * After most failures it is not known which answer comes next, and one that is taken for another
 * would be believed: so the connection is not used again.
 */
bs_status bsi_ftp_prepare(bsi_ftp *ftp, const bs_call *call, const char *path)
{
    bsi_ftp_stop(ftp);
    if (ftp->doubtful) {
        ftp->doubtful = false;
        bsi_ftp_hang_up(ftp);
    }
    return prepare_alone(ftp, call, path);
}

static void take_outcome(bsi_ftp *ftp)
{
    int left = 0;
    const CURLMsg *message = curl_multi_info_read(ftp->multi, &left);

    if (message && message->msg == CURLMSG_DONE) {
        ftp->code = message->data.result;
        (void)curl_multi_remove_handle(ftp->multi, ftp->curl);
        ftp->running = false;
    }
}

static bs_status check_silence(const bsi_ftp *ftp, uint64_t moved, int64_t *since_ns)
{
    const int64_t now = bsi_monotonic_ns();
    const int64_t allowed =
        (int64_t)ftp->target->idle_ms + (ftp->greeted ? 0 : (int64_t)ftp->target->connect_ms);

    if (moved != ftp->moved) {
        *since_ns = now;
    }
    if (now - *since_ns <= allowed * NS_PER_MS) {
        return BS_OK;
    }
    return bsi_fail(BS_LAYER_STORAGE, BS_E_TIMEOUT, "host '%s', port %u: silent for %" PRId64 " s",
                    ftp->target->host, ftp->target->port, allowed / MS_PER_S);
}

/*
 * Wait until something can be done. Before data moves libcurl (7.88) waits for the data connection
 * alone, although the next word comes over the other one; and between a word and the data
 * connection that it leads to, for nothing at all.
 */
static void wait_for_more(bsi_ftp *ftp, uint64_t moved)
{
    struct curl_waitfd control = {.fd = ftp->control, .events = CURL_WAIT_POLLIN};
    const bool begun = ftp->asked || ftp->has_data;

    if (begun || moved == ftp->moved) {
        (void)curl_multi_poll(ftp->multi, &control, !begun && ftp->control >= 0 ? 1 : 0, LOOK_MS,
                              NULL);
    }
}

/* Let bytes move until it is enough, or the request is over. */
static bs_status wait_until(bsi_ftp *ftp, const bs_call *call, bool (*enough)(const bsi_ftp *ftp))
{
    int64_t since = bsi_monotonic_ns();
    bs_status status = BS_OK;
    bsi_pipe_guard guard;
    int count = 0;

    ftp->call = call;
    bsi_pipe_guard_begin(&guard);
    while (status == BS_OK && ftp->running) {
        const uint64_t moved = ftp->moved;
        const CURLMcode code = curl_multi_perform(ftp->multi, &count);
        take_outcome(ftp);
        if (code != CURLM_OK) {
            status = bsi_ftp_no_memory();
        } else if (!ftp->running || enough(ftp)) {
            break;
        } else {
            status = bsi_call_check(call);
            status = status == BS_OK ? check_silence(ftp, moved, &since) : status;
        }
        if (status == BS_OK) {
            wait_for_more(ftp, moved);
        }
    }
    bsi_pipe_guard_end(&guard);
    if (status < 0) {
        ftp->greeted = false;
        bsi_ftp_forget(ftp);
    }
    return status;
}

bool bsi_ftp_never(const bsi_ftp *ftp)
{
    (void)ftp;
    return false;
}

bs_status bsi_ftp_drive(bsi_ftp *ftp, const bs_call *call, bool (*enough)(const bsi_ftp *ftp),
                        const char *doing, const char *path)
{
    bs_status status = wait_until(ftp, call, enough);

    if (status == BS_OK && !ftp->running && (ftp->code != CURLE_OK || ftp->status < 0)) {
        status = fail(ftp, doing, path);
    }
    ftp->call = NULL; /* A transfer that waits for more outlives it, and libcurl still looks. */
    return status;
}

void bsi_ftp_unpause(bsi_ftp *ftp)
{
    if (ftp->running && ftp->paused) {
        ftp->paused = false;
        (void)curl_easy_pause(ftp->curl, CURLPAUSE_CONT);
    }
}

bool bsi_ftp_is_idle(const bsi_ftp *ftp)
{
    return !ftp->running && ftp->stash_at == ftp->stash_size;
}

void bsi_ftp_stop(bsi_ftp *ftp)
{
    bsi_ftp_forget(ftp);
    ftp->stash_at = ftp->stash_size = 0;
}
