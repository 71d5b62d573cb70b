/* SPDX-License-Identifier: MIT */
#ifndef TESTS_INTEGRATION_SFTP_FIXTURE_H
#define TESTS_INTEGRATION_SFTP_FIXTURE_H

#include "storage/storage.h"
#include "support/sshd.h"

/* Storages on an sshd that all tests of a program share. */

#define SFTP_PASSPHRASE "open sesame"

enum { SFTP_SETTINGS_MAX = 12 };

extern test_sshd sftp_server;

/* The settings that work; tests change some. */
typedef struct sftp_settings {
    bsi_setting items[SFTP_SETTINGS_MAX];
    size_t count;
    char path[400];
} sftp_settings;

/* Of a new, empty directory each time. */
void sftp_usual(sftp_settings *all);
void sftp_set(sftp_settings *all, const char *key, const char *value);
void sftp_drop(sftp_settings *all, const char *key);

bs_status sftp_open(const sftp_settings *all, bsi_storage **out);
/* With the usual settings, which come back; the second tries again what may pass. */
bsi_storage *sftp_open_usual(sftp_settings *all);
bsi_storage *sftp_open_patient(sftp_settings *all);
/* The same over another port of this machine, such as a proxy's. */
bsi_storage *sftp_open_patient_at(sftp_settings *all, uint16_t port);

/* Opening fails like this, without the pass phrase in its text. */
void sftp_assert_refused(const sftp_settings *all, bs_status expected);
/* The last error's text has this part. */
void sftp_assert_text(const char *part);

/* A callback of listings whose `user` is a size_t. */
bs_status sftp_count(void *user, const char *key, const bs_storage_object *object);
size_t sftp_count_objects(bsi_storage *storage);
/* What lies below a directory of the server itself, temporary files too. */
size_t sftp_count_files(const char *path);

/* Bytes by chance, the same each time. */
void sftp_fill(uint8_t *data, size_t size);

/* With a server, or skipped without: what main() returns. */
int sftp_run(const char *name, const struct CMUnitTest *tests, size_t count);

#endif
