/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_SSHD_H
#define TESTS_SUPPORT_SSHD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "support/daemon.h"
#include "support/tempdir.h"

/*
 * OpenSSH's sshd on a free port of 127.0.0.1, with keys of its own. Everything it needs and
 * keeps lies in one directory.
 */
typedef struct test_sshd {
    void *place;
    pid_t pid;
    uint16_t port;
    char port_text[8];
    const char *dir;       /* Of the server's own files; owned by who runs it. */
    char user[64];         /* Who may log in. */
    char data[300];        /* An empty directory that this user may write. */
    char known_hosts[300]; /* With the server's Ed25519 key. */
    char key[300];         /* A private key that lets the user in, without pass phrase; */
    char locked_key[300];  /* and one with, which is "open sesame". */
    char other_key[300];   /* One that does not. */
    char fingerprint[64];  /* Of the server's Ed25519 key. */
    char other_fingerprint[64];
} test_sshd;

/* Whether there is an sshd here: $SSHD, or the system's. */
bool test_sshd_is_there(void);

/* Make keys and start. More lines of its configuration may be given; NULL: none. False: failed. */
bool test_sshd_setup(test_sshd *server, const char *more);
void test_sshd_teardown(test_sshd *server);

/* Kill it, and all that it started; start it again on the same port. */
void test_sshd_stop(test_sshd *server);
bool test_sshd_start(test_sshd *server);

/* A file of the server's directory, owned by who runs it. */
bool test_sshd_write(const test_sshd *server, const char *name, const char *text);

#endif
