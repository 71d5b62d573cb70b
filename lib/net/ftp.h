/* SPDX-License-Identifier: MIT */
#ifndef BSI_NET_FTP_H
#define BSI_NET_FTP_H

#include "base/buffer.h"
#include "net/ftp_text.h"
#include "task/call.h"

/*
 * FTP (RFC 959, 2428, 3659, 4217) over libcurl: one control connection, made by the first
 * request and made again when it broke, and one thing at a time on it. Data is binary.
 * Certificates are checked; nothing of the environment is looked at. Nothing is tried again.
 * One thread at a time.
 *
 * Paths are absolute. They go out as they are: bytes below 0x20 are BS_E_INVALID. Failures name
 * host, path and the server's words. BS_E_NOT_FOUND says only that a server has answered with 550,
 * 553 or 501, which is what it says whatever it is that keeps it from a file.
 */
typedef struct bsi_ftp bsi_ftp;

typedef enum bsi_ftp_tls {
    BSI_FTP_TLS_EXPLICIT, /* By AUTH TLS, before anybody logs in. */
    BSI_FTP_TLS_IMPLICIT, /* From the first byte on. */
    BSI_FTP_TLS_NONE,     /* Whoever listens reads all, the password too. */
} bsi_ftp_tls;

/* A server, and who we are there. Does not change while connections are open. */
typedef struct bsi_ftp_target {
    char *host;
    char *user;
    char *password;       /* NULL: an empty one. */
    size_t password_size; /* Without its NUL. */
    char *ca_file;        /* Who may sign certificates, PEM; NULL: the system's. */
    bsi_ftp_tls tls;
    uint16_t port;
    bool active;         /* The server connects to us for data. */
    uint32_t connect_ms; /* For each connection, and what makes it safe. */
    uint32_t idle_ms;    /* How long the server may be silent that owes an answer. */
} bsi_ftp_target;

/* BS_E_UNSUPPORTED: this libcurl cannot do what is asked for. `target` is borrowed. */
BS_NODISCARD bs_status bsi_ftp_new(const bsi_ftp_target *target, bsi_ftp **out);
/* Waits for nothing. NULL is ignored; the error record is left alone. */
void bsi_ftp_free(bsi_ftp *ftp);

/* More bytes of replies to one request are BS_E_LIMIT. */
enum { BSI_FTP_REPLIES_MAX = 256 * 1024 };

/*
 * Send commands, one after the other, whatever the server says to each; `replies` has room for as
 * many. What they point to stays until the next request.
 */
BS_NODISCARD bs_status bsi_ftp_ask(bsi_ftp *ftp, const bs_call *call, const char *const *commands,
                                   size_t count, bsi_ftp_reply *replies);

/* The failure that a reply stands for. */
bs_status bsi_ftp_refused(const char *host, const bsi_ftp_reply *reply, const char *doing,
                          const char *path);

/* Append what a directory holds, as `command` ("MLSD", "LIST -a") says it. */
BS_NODISCARD bs_status bsi_ftp_list(bsi_ftp *ftp, const bs_call *call, const char *command,
                                    const char *path, bsi_buf *out);

/* What the server has said last. */
bool bsi_ftp_last_reply(const bsi_ftp *ftp, bsi_ftp_reply *out);

/* The directory where we are after logging in; NULL before that. Until the next request. */
const char *bsi_ftp_home(const bsi_ftp *ftp);

/*
 * A file's bytes from `offset` on. Receiving fills all of `buf` unless the file ends; it is read to
 * its end when bsi_ftp_is_idle() says so, which is found out at once. An offset behind the end
 * is BS_E_RANGE.
 */
BS_NODISCARD bs_status bsi_ftp_receive_begin(bsi_ftp *ftp, const bs_call *call, const char *path,
                                             uint64_t offset);
BS_NODISCARD bs_status bsi_ftp_receive(bsi_ftp *ftp, const bs_call *call, void *buf, size_t size,
                                       size_t *got_out);

/*
 * Write a file: a new one, instead of an old one; or from `offset` on, one that has at least so
 * many bytes. It is whole when bsi_ftp_send_end() succeeds, as far as the server has noticed.
 */
BS_NODISCARD bs_status bsi_ftp_send_begin(bsi_ftp *ftp, const bs_call *call, const char *path,
                                          uint64_t offset);
BS_NODISCARD bs_status bsi_ftp_send(bsi_ftp *ftp, const bs_call *call, const void *data,
                                    size_t size);
BS_NODISCARD bs_status bsi_ftp_send_end(bsi_ftp *ftp, const bs_call *call);

/* Whether no transfer is under way. After a failure there is none. */
bool bsi_ftp_is_idle(const bsi_ftp *ftp);

/* Give up the transfer that is under way, if there is one, and its connection. */
void bsi_ftp_stop(bsi_ftp *ftp);

#endif
