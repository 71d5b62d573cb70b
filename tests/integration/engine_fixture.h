/* SPDX-License-Identifier: MIT */
#ifndef TESTS_INTEGRATION_ENGINE_FIXTURE_H
#define TESTS_INTEGRATION_ENGINE_FIXTURE_H

#include <backupsvc.h>

#include "support/tempdir.h"

/* A service in a directory of the test's own, with a source to back up. */
typedef struct engine_fixture {
    test_dir *dir;
    char state[300];
    char source[300];
    char target[300];
    const char *paths[2]; /* The source, for requests. */
    bs_config *config;    /* For engine_open(); NULL: the defaults. Freed at the end. */
    bs_service *service;
    unsigned log_lines;
} engine_fixture;

/* For cmocka: `*state` is an engine_fixture *. */
int engine_setup(void **state);
int engine_teardown(void **state);

void engine_open(engine_fixture *engine);
void engine_close(engine_fixture *engine);

/* Options for the source, as zip, that may be changed. */
bs_backup_options engine_options(const engine_fixture *engine, const char *name);

/* Start and wait; `expected` is what waiting answers. */
void engine_backup(engine_fixture *engine, const bs_backup_options *options, bs_status expected,
                   char id_out[BS_ID_SIZE]);

/* The info of a backup, freed by the caller. */
bs_backup_info *engine_get(engine_fixture *engine, const char *id);

/* Restore all of a backup of the one source into the emptied target, stripped. */
void engine_restore(engine_fixture *engine, const char *id);

/* A callback source that goes on until it is told to end; `user` is a gate. */
typedef struct engine_gate {
    volatile int entered;
    volatile int open;
} engine_gate;
int engine_slow_source(void *user, void *buf, size_t size, size_t *got_out);

#endif
