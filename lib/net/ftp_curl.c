/* SPDX-License-Identifier: MIT */
/*
 * FTP over libcurl's multi interface, so that files come and go in pieces of the caller's.
 *
 * A transfer pauses while there is nothing to send, or nowhere to put what came; it moves on
 * within the calls alone. Callbacks run on the caller's thread.
 */
#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "net/curl_int.h"
#include "net/ftp_int.h"

enum {
    COMMANDS_MAX = 16,
    ACTIVE_TLS_SINCE = 0x080000, /* Before this libcurl it hangs. */
};

/* The first that fails stands for all. */
#define SET(option, value) \
    code = code == CURLE_OK ? curl_easy_setopt(ftp->curl, option, value) : code

static bool can_do(const bsi_ftp_target *target)
{
    return !target->active || target->tls == BSI_FTP_TLS_NONE ||
           curl_version_info(CURLVERSION_NOW)->version_num >= ACTIVE_TLS_SINCE;
}

bs_status bsi_ftp_new(const bsi_ftp_target *target, bsi_ftp **out)
{
    bsi_ftp *ftp = NULL;

    if (!can_do(target)) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_UNSUPPORTED,
                        "libcurl %s cannot do active FTP with TLS; 8.0 and later can",
                        curl_version_info(CURLVERSION_NOW)->version);
    }
    ftp = bsi_calloc(1, sizeof(*ftp));
    if (!ftp) {
        return BS_E_NOMEM;
    }
    ftp->target = target;
    ftp->control = -1;
    bsi_buf_init(&ftp->replies, BSI_FTP_REPLIES_MAX);
    ftp->curl = bsi_curl_new();
    ftp->multi = ftp->curl ? curl_multi_init() : NULL;
    if (!ftp->multi || curl_multi_setopt(ftp->multi, CURLMOPT_MAXCONNECTS, 1L) != CURLM_OK) {
        bsi_ftp_free(ftp);
        return bsi_ftp_no_memory();
    }
    *out = ftp;
    return BS_OK;
}

void bsi_ftp_free(bsi_ftp *ftp)
{
    bs_error before;

    if (!ftp) {
        return;
    }
    bsi_error_save(&before);
    bsi_ftp_stop(ftp);
    if (ftp->multi && ftp->greeted) {
        bsi_ftp_hang_up(ftp);
    }
    bsi_ftp_forget(ftp);
    if (ftp->curl) {
        curl_easy_cleanup(ftp->curl);
    }
    if (ftp->multi) {
        (void)curl_multi_cleanup(ftp->multi);
    }
    bsi_buf_dispose(&ftp->replies);
    bsi_free(ftp);
    bsi_error_restore(&before);
}

/* --- Commands and listings --- */

/* A star tells libcurl to go on whatever the answer. */
static bs_status add_command(bsi_ftp *ftp, const char *star, const char *command)
{
    char line[BSI_FTP_PATH_MAX + 2];
    const char *const lines[] = {line, NULL};

    BSI_TRY(bsi_ftp_check_line(command));
    (void)snprintf(line, sizeof(line), "%s%s", star, command);
    return bsi_curl_add(&ftp->commands, lines);
}

/* The last replies are those to the commands: others come before, for connecting. */
static bs_status pick_replies(const bsi_ftp *ftp, size_t count, bsi_ftp_reply *replies)
{
    bsi_slice in = bsi_buf_slice(&ftp->replies);
    bsi_ftp_reply reply;
    size_t found = 0;

    while (bsi_ftp_reply_next(&in, &reply)) {
        memmove(replies, replies + 1, (count - 1) * sizeof(*replies));
        replies[count - 1] = reply;
        found++;
    }
    return found >= count
               ? BS_OK
               : bsi_fail(BS_LAYER_STORAGE, BS_E_IO,
                          "host '%s' did not answer to all that it was asked", ftp->target->host);
}

static bs_status ask(bsi_ftp *ftp, const bs_call *call, const char *const *commands, size_t count)
{
    CURLcode code = CURLE_OK;

    BSI_TRY(bsi_ftp_prepare(ftp, call, "/"));
    for (size_t i = 0; i < count; i++) {
        BSI_TRY(add_command(ftp, "*", commands[i]));
    }
    SET(CURLOPT_NOBODY, 1L);
    SET(CURLOPT_QUOTE, ftp->commands);
    BSI_TRY(bsi_ftp_begin(ftp, code));
    return bsi_ftp_drive(ftp, call, bsi_ftp_never, "asking for", "/");
}

bs_status bsi_ftp_ask(bsi_ftp *ftp, const bs_call *call, const char *const *commands, size_t count,
                      bsi_ftp_reply *replies)
{
    bs_status status = BS_OK;

    BSI_CHECK(count > 0 && count <= COMMANDS_MAX);
    status = ask(ftp, call, commands, count);
    bsi_ftp_forget(ftp);
    return status == BS_OK ? pick_replies(ftp, count, replies) : status;
}

const char *bsi_ftp_home(const bsi_ftp *ftp)
{
    char *path = NULL;

    return curl_easy_getinfo(ftp->curl, CURLINFO_FTP_ENTRY_PATH, &path) == CURLE_OK ? path : NULL;
}

/*
 * Lists the directory itself: some servers take an argument of LIST for options or a pattern.
 * libcurl does not change to one where it thinks it is; so each second time it has another name.
 */
static bs_status list(bsi_ftp *ftp, const bs_call *call, const char *command, const char *path,
                      bsi_buf *out)
{
    char dir[BSI_FTP_PATH_MAX];
    const char *slash = path[strlen(path) - 1] == '/' ? "" : "/";
    CURLcode code = CURLE_OK;

    ftp->turn = !ftp->turn;
    if (snprintf(dir, sizeof(dir), "%s%s%s", path, slash, ftp->turn ? "" : "./") >=
        (int)sizeof(dir)) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_LIMIT, "a path of more than %d bytes",
                        BSI_FTP_PATH_MAX);
    }
    BSI_TRY(bsi_ftp_prepare(ftp, call, dir));
    ftp->listing = out;
    SET(CURLOPT_FTP_FILEMETHOD, (long)CURLFTPMETHOD_SINGLECWD);
    SET(CURLOPT_CUSTOMREQUEST, command);
    BSI_TRY(bsi_ftp_begin(ftp, code));
    return bsi_ftp_drive(ftp, call, bsi_ftp_never, "listing", path);
}

bs_status bsi_ftp_list(bsi_ftp *ftp, const bs_call *call, const char *command, const char *path,
                       bsi_buf *out)
{
    const bs_status status = list(ftp, call, command, path, out);

    bsi_ftp_forget(ftp);
    return status;
}

/* --- Files --- */

static bool has_come(const bsi_ftp *ftp)
{
    return ftp->stash_size > 0;
}

bs_status bsi_ftp_receive_begin(bsi_ftp *ftp, const bs_call *call, const char *path,
                                uint64_t offset)
{
    CURLcode code = CURLE_OK;
    bs_status status = BS_OK;

    BSI_CHECK(offset <= INT64_MAX);
    status = bsi_ftp_prepare(ftp, call, path);
    if (status == BS_OK) {
        SET(CURLOPT_RESUME_FROM_LARGE, (curl_off_t)offset);
        status = bsi_ftp_begin(ftp, code);
    }
    if (status == BS_OK) {
        status = bsi_ftp_drive(ftp, call, has_come, "reading", path);
    }
    if (status < 0) {
        bsi_ftp_stop(ftp);
    }
    return status;
}

static size_t take_stash(bsi_ftp *ftp, void *buf, size_t size)
{
    const size_t part = bsi_min_size(size, ftp->stash_size - ftp->stash_at);

    memcpy(buf, ftp->stash + ftp->stash_at, part);
    ftp->stash_at += part;
    if (ftp->stash_at == ftp->stash_size) {
        ftp->stash_at = ftp->stash_size = 0;
    }
    return part;
}

/* All of it, and it is known whether more follows. */
bs_status bsi_ftp_receive(bsi_ftp *ftp, const bs_call *call, void *buf, size_t size,
                          size_t *got_out)
{
    const size_t first = take_stash(ftp, buf, size);
    bs_status status = BS_OK;

    *got_out = first;
    if (ftp->stash_size > 0 || !ftp->running) {
        return BS_OK;
    }
    ftp->in = (uint8_t *)buf + first;
    ftp->in_left = size - first;
    bsi_ftp_unpause(ftp);
    status = bsi_ftp_drive(ftp, call, has_come, "reading", "");
    *got_out = size - ftp->in_left;
    ftp->in_left = 0;
    if (status < 0) {
        bsi_ftp_stop(ftp);
    }
    return status;
}

static bool is_asked(const bsi_ftp *ftp)
{
    return ftp->asked;
}

static bool is_sent(const bsi_ftp *ftp)
{
    return ftp->out_left == 0;
}

bs_status bsi_ftp_send_begin(bsi_ftp *ftp, const bs_call *call, const char *path, uint64_t offset)
{
    char restart[32];
    CURLcode code = CURLE_OK;
    bs_status status = bsi_ftp_prepare(ftp, call, path);

    (void)snprintf(restart, sizeof(restart), "REST %" PRIu64, offset);
    if (status == BS_OK && offset > 0) {
        status = add_command(ftp, "", restart);
    }
    if (status == BS_OK) {
        SET(CURLOPT_UPLOAD, 1L);
        SET(CURLOPT_PREQUOTE, ftp->commands);
        status = bsi_ftp_begin(ftp, code);
    }
    if (status == BS_OK) {
        status = bsi_ftp_drive(ftp, call, is_asked, "writing", path);
    }
    if (status < 0) {
        bsi_ftp_stop(ftp);
    }
    return status;
}

static bs_status ended_early(const bsi_ftp *ftp)
{
    return bsi_fail(BS_LAYER_STORAGE, BS_E_IO, "host '%s' ends an upload before it had all",
                    ftp->target->host);
}

bs_status bsi_ftp_send(bsi_ftp *ftp, const bs_call *call, const void *data, size_t size)
{
    bs_status status = BS_OK;

    BSI_CHECK(ftp->running);
    ftp->out = data;
    ftp->out_left = size;
    bsi_ftp_unpause(ftp);
    status = bsi_ftp_drive(ftp, call, is_sent, "writing", "");
    if (status == BS_OK && !ftp->running) {
        status = ended_early(ftp);
    }
    if (status < 0) {
        bsi_ftp_stop(ftp);
    }
    return status;
}

bs_status bsi_ftp_send_end(bsi_ftp *ftp, const bs_call *call)
{
    bs_status status = BS_OK;

    BSI_CHECK(ftp->running);
    ftp->ended = true;
    bsi_ftp_unpause(ftp);
    status = bsi_ftp_drive(ftp, call, bsi_ftp_never, "writing", "");
    bsi_ftp_forget(ftp);
    return status;
}
