/* SPDX-License-Identifier: MIT */
#ifndef TESTS_INTEGRATION_REMOTE_FIXTURE_H
#define TESTS_INTEGRATION_REMOTE_FIXTURE_H

#include <sys/types.h>

#include "storage/storage.h"

/* Storages on servers that run beside a test. */

enum { REMOTE_SETTINGS_MAX = 12 };

/* The settings that work; tests change some. */
typedef struct remote_settings {
    const char *driver;
    const char *secret; /* What no error's text may have. */
    bsi_setting items[REMOTE_SETTINGS_MAX];
    size_t count;
    char path[400]; /* A directory of the server. */
} remote_settings;

/* Values are borrowed. */
void remote_set(remote_settings *all, const char *key, const char *value);
void remote_drop(remote_settings *all, const char *key);

bs_status remote_open(const remote_settings *all, bsi_storage **out);
/* Opens, and tries again what may pass. */
bsi_storage *remote_open_patient(const remote_settings *all);
/* Opens, and keeps an object. */
void remote_assert_opens(const remote_settings *all);
/* Opening fails like this, without the secret in its text. */
void remote_assert_refused(const remote_settings *all, bs_status expected);
/* The last error's text has this part. */
void remote_assert_text(const char *part);
/* An object has these bytes. */
void remote_assert_stored(bsi_storage *storage, const char *key, const void *data, size_t size);

/* A callback of listings whose `user` is a size_t. */
bs_status remote_count(void *user, const char *key, const bs_storage_object *object);
size_t remote_count_objects(bsi_storage *storage);
/* What lies below a directory of the server itself, temporary files too. */
size_t remote_count_files(const char *path);

/* Bytes by chance, the same each time. */
void remote_fill(uint8_t *data, size_t size);

/* The processes that a server has started, and theirs, stand still, or go on. */
void remote_signal_sessions(pid_t server, int number);

#endif
