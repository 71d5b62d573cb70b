/* SPDX-License-Identifier: MIT */
#ifndef TESTS_INTEGRATION_FTP_FIXTURE_H
#define TESTS_INTEGRATION_FTP_FIXTURE_H

#include "remote_fixture.h"
#include "support/ftpd.h"

/* Storages on an FTP server that all tests of a program share: vsftpd, or one of Python's. */
extern test_ftpd ftp_server;

/* Settings of a new, empty directory each time, over plain FTP. */
void ftp_usual(remote_settings *all);

/* With the usual settings, which come back. */
bsi_storage *ftp_open_usual(remote_settings *all);
/* The same over another port of this machine, such as a proxy's; tries again what may pass. */
bsi_storage *ftp_open_patient_at(remote_settings *all, uint16_t port);

/* What ftp_server.py is to do differently from now on; "": nothing. */
void ftp_order(const char *text);

/* With a server, by the script or vsftpd without; skipped without: what main() returns. */
int ftp_run(const char *name, const char *script, const struct CMUnitTest *tests, size_t count);

#endif
