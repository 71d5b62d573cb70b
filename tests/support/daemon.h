/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_DAEMON_H
#define TESTS_SUPPORT_DAEMON_H

#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Programs that run beside a test: servers on free ports of 127.0.0.1, run by somebody without
 * rights: "games" when we are root ("nobody" is taken for locked where systemd tells of it), else
 * ourselves.
 */

/* Who runs them. NULL: there is nobody. */
const struct passwd *test_runner(void);

/* Start a command that dies with this program, as ourselves or as who runs servers. */
pid_t test_start(const char *const *argv, bool as_runner);

/* Run a command with its output thrown away; true when it ends with 0. */
bool test_run(const char *const *argv);

/* As test_start() by who runs servers, and wait until it listens; 0: it does not. */
pid_t test_start_server(const char *const *argv, uint16_t port);

/* Kill it and all that it has started. */
void test_kill(pid_t pid);

/*
 * Of those that the system gives to nobody who does not ask for them: else a connection of
 * another test may get it before its server listens. 0: there is none.
 */
uint16_t test_free_port(void);

/* A file in a directory, owned by who runs servers; and what makes another one theirs. */
bool test_write_file(const char *dir, const char *name, const char *text);
bool test_give_away(const char *dir, const char *name);

#endif
