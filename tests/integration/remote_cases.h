/* SPDX-License-Identifier: MIT */
#ifndef TESTS_INTEGRATION_REMOTE_CASES_H
#define TESTS_INTEGRATION_REMOTE_CASES_H

#include "engine_fixture.h"

/* Backups of every form on a storage of a service, through the public functions. */

typedef struct remote_storage {
    const char *driver;
    /* Of a storage below a prefix; parts have 5 MiB at most. Borrowed until the next call. */
    const char *const *(*settings)(const char *prefix);
} remote_storage;

#define REMOTE_NAME "remote"

/* Register it with the fixture's service, by that name. */
void remote_add(engine_fixture *engine, const char *prefix);

/* The number of failed cases. */
int remote_run(const remote_storage *storage);

#endif
