/* SPDX-License-Identifier: MIT */
#ifndef TESTS_INTEGRATION_REMOTE_CASES_H
#define TESTS_INTEGRATION_REMOTE_CASES_H

#include "engine_fixture.h"

/* Backups of every form on a storage of a service, through the public functions. */

typedef struct remote_storage {
    const char *driver;
    /* Of a storage below a prefix; parts have 5 MiB at most. Borrowed until the next call. */
    const char *const *(*settings)(const char *prefix);
    const char *address;   /* The variable of the environment that has the server's port. */
    const char *forbidden; /* What the service answers to credentials that it knows no more. */
    const char *told;      /* What of that an error's text has. */
} remote_storage;

#define REMOTE_NAME "remote"

/* An answer, up to the end of the connection. */
#define REMOTE_FORBIDDEN(text) "HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n" text

/* Register it with the fixture's service, by that name. */
void remote_add(engine_fixture *engine, const char *prefix);

/* The number of failed cases. */
int remote_run(const remote_storage *storage);

#endif
