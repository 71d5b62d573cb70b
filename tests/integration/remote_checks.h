/* SPDX-License-Identifier: MIT */
#ifndef TESTS_INTEGRATION_REMOTE_CHECKS_H
#define TESTS_INTEGRATION_REMOTE_CHECKS_H

#include "remote_fixture.h"
#include "support/proxy.h"

/* What holds of a storage on each kind of server. `all` are the settings of an empty directory. */

/* Nothing succeeds while the directory is away. */
void remote_check_vanished_directory(const remote_settings *all);
/* Keys with each byte are kept, told apart and listed. */
void remote_check_keys(const remote_settings *all);
/* With one connection everything still works, also from within a listing. */
void remote_check_one_connection(remote_settings *all);

/* A server that goes away, and comes back on the same port. */
typedef struct remote_power {
    void (*stop)(void);
    void (*start)(void);
} remote_power;

/* Killed in the middle of an upload it leaves nothing that is seen. */
void remote_check_killed_server(const remote_settings *all, const remote_power *power);
/* Uploads go on when it comes back. */
void remote_check_restarts(const remote_settings *all, const remote_power *power);

/* A line that breaks. */
typedef struct remote_line {
    bsi_storage *(*open)(remote_settings *all,
                         void *user); /* One that tries again what may pass. */
    void *user;
    test_proxy *proxy; /* Where it breaks. */
} remote_line;

/*
 * Uploads, reads, replaces and removes, all of which succeeds whatever happens to a connection.
 * Whether the line was cut.
 */
bool remote_work_with_cut(const remote_line *line, test_proxy_way way, uint64_t after);
/* Bytes are counted once; then the line breaks in between. */
void remote_work_with_each_cut(const remote_line *line, test_proxy_way way);
/* Of an upload only answers are lost: it is found out whether it has its name. */
void remote_check_lost_answers(const remote_line *line);
/* A listing is whole all the same. */
void remote_check_listing(const remote_line *line);

#endif
