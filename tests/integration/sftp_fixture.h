/* SPDX-License-Identifier: MIT */
#ifndef TESTS_INTEGRATION_SFTP_FIXTURE_H
#define TESTS_INTEGRATION_SFTP_FIXTURE_H

#include "remote_fixture.h"
#include "support/sshd.h"

/* Storages on an sshd that all tests of a program share. */

#define SFTP_PASSPHRASE "open sesame"

extern test_sshd sftp_server;

/* Settings of a new, empty directory each time. */
void sftp_usual(remote_settings *all);

/* With the usual settings, which come back; the second tries again what may pass. */
bsi_storage *sftp_open_usual(remote_settings *all);
bsi_storage *sftp_open_patient(remote_settings *all);
/* The same over another port of this machine, such as a proxy's. */
bsi_storage *sftp_open_patient_at(remote_settings *all, uint16_t port);

/* With a server, or skipped without: what main() returns. */
int sftp_run(const char *name, const struct CMUnitTest *tests, size_t count);

#endif
