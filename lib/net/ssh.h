/* SPDX-License-Identifier: MIT */
#ifndef BSI_NET_SSH_H
#define BSI_NET_SSH_H

#include "base/buffer.h"
#include "task/call.h"

/* Bytes that nobody else may see, in memory of the caller. No bytes: not given. */
typedef struct bsi_ssh_secret {
    char *bytes; /* With a NUL behind them. */
    size_t size;
} bsi_ssh_secret;

/* A server, and what proves who is who. Does not change while a connection is open. */
typedef struct bsi_ssh_target {
    char *host;
    char *user;
    char *known_hosts; /* Path; NULL: not used. */
    char *fingerprint; /* "SHA256:" and 43 digits of base 64; NULL: not used. */
    char *agent;       /* The socket's path; NULL: not used. */
    char *key_file;    /* Path; NULL: not used. */
    bsi_ssh_secret passphrase;
    bsi_ssh_secret password;
    uint16_t port;
    uint32_t connect_ms; /* For all of it until bytes can be moved. */
    uint32_t idle_ms;    /* How long the server may be silent that owes an answer. */
} bsi_ssh_target;

/*
 * One connection to a server over libssh2: who it is was checked, we are logged
 * in, and bytes go to and from its SFTP program. Nothing blocks but
 * bsi_ssh_wait(). After any failure but BS_E_CANCELLED and the call's own
 * BS_E_TIMEOUT the connection is of no use. One thread at a time.
 */
typedef struct bsi_ssh bsi_ssh;

/* Failures are told with the host's name, and are never BS_E_NOT_FOUND. */
BS_NODISCARD bs_status bsi_ssh_open(const bsi_ssh_target *target, const bs_call *call,
                                    bsi_ssh **out);
/* Waits for nothing. NULL is ignored; the error record is left alone. */
void bsi_ssh_close(bsi_ssh *ssh);

/* As much as goes now, which may be nothing; then bsi_ssh_wait(). The next send takes up there. */
BS_NODISCARD bs_status bsi_ssh_send(bsi_ssh *ssh, const void *data, size_t size, size_t *sent_out);
BS_NODISCARD bs_status bsi_ssh_receive(bsi_ssh *ssh, void *buf, size_t size, size_t *got_out);

/* Whether part of what was sent still lies here, so that nothing may be received before. */
bool bsi_ssh_is_stuffed(const bsi_ssh *ssh);

/* Wait until more can be sent or received. */
BS_NODISCARD bs_status bsi_ssh_wait(bsi_ssh *ssh, const bs_call *call);

/* Whether the server has hung up while nobody asked it for anything. */
bool bsi_ssh_is_dead(bsi_ssh *ssh);

#endif
