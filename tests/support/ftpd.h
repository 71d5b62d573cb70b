/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_FTPD_H
#define TESTS_SUPPORT_FTPD_H

#include "support/daemon.h"
#include "support/tempdir.h"

/*
 * An FTP server on a free port of 127.0.0.1, with TLS for whoever asks: vsftpd, which has neither
 * facts of files nor a way to set times; or ftp_server.py over pyftpdlib, which has both, and
 * hashes. Everything it needs and keeps lies in one directory.
 */
typedef struct test_ftpd {
    void *place;
    pid_t pid;
    uint16_t port;
    char port_text[8];
    const char *script; /* ftp_server.py; NULL: vsftpd. */
    const char *dir;    /* Of the server's own files; owned by who runs it. */
    char data[300];     /* An empty directory that the user may write. */
    char ca[300];       /* The server's certificate, for 127.0.0.1, which nobody else has signed. */
    char other_ca[300]; /* One that is not the server's. */
} test_ftpd;

#define TEST_FTPD_USER "ftp"
#define TEST_FTPD_PASSWORD "a secret/of+the=tests"

/* Whether it is there: $VSFTPD or the system's, or the module of Python. */
bool test_ftpd_is_there(const char *script);

/* Start it. More lines of vsftpd's configuration may be given; NULL: none. False: failed. */
bool test_ftpd_setup(test_ftpd *server, const char *script, const char *more);
void test_ftpd_teardown(test_ftpd *server);

/* Kill it, and all that it started; start it again on the same port. */
void test_ftpd_stop(test_ftpd *server);
bool test_ftpd_start(test_ftpd *server);

#endif
