/* SPDX-License-Identifier: MIT */
#ifndef BSI_OS_PROCESS_H
#define BSI_OS_PROCESS_H

#include "base/error.h"
#include "base/slice.h"

/*
 * A variable of this process's environment; NULL: unset. Borrowed until somebody changes the
 * environment, which no other thread may do meanwhile.
 */
const char *bsi_environment(const char *name);

/* A running command whose standard output we read. One thread at a time. */
typedef struct bsi_process bsi_process;

/*
 * Start argv[0], looked up in PATH, without a shell: standard input empty,
 * standard error kept (its last 512 bytes) for the error text, signals at their
 * defaults, no other descriptors. argv ends in NULL. It inherits the environment but for the
 * variables whose names are in `hidden`, ended by NULL; NULL hides none.
 */
BS_NODISCARD bs_status bsi_process_start(const char *const *argv, const char *const *hidden,
                                         bsi_process **out);

/*
 * Start a program that serves us until bsi_process_free(), as above but: what it says on standard
 * output and standard error alike is its output; `added` are variables more, "NAME=value", ended
 * by NULL, which should be hidden where they are inherited too; and it gets SIGTERM when we are no
 * more, however we ended. It must leave standard input alone, and may not catch that signal and
 * go on.
 */
BS_NODISCARD bs_status bsi_process_start_helper(const char *const *argv, const char *const *hidden,
                                                const char *const *added, bsi_process **out);

/* Up to `size` bytes of its output; 0 at the end. Wakes after at most `wait_ms` with BS_E_TIMEOUT.
 */
BS_NODISCARD bs_status bsi_process_read(bsi_process *process, void *buf, size_t size,
                                        uint32_t wait_ms, size_t *got_out);

/*
 * Wait for its end. BS_E_COMMAND for anything but exit code 0, with the code or
 * signal and the end of its standard error in the text.
 */
BS_NODISCARD bs_status bsi_process_finish(bsi_process *process);

/* Wait for its end, throwing away what it says: BS_E_TIMEOUT when it still runs after `wait_ms`. */
BS_NODISCARD bs_status bsi_process_wait(bsi_process *process, uint32_t wait_ms);

/* The last `room` bytes of all that a process said: `more` goes behind the *size that are there. */
void bsi_last_words_keep(char *words, size_t room, size_t *size, bsi_slice more);

/* Kill it if it still runs, collect it, free. NULL is ignored. */
void bsi_process_free(bsi_process *process);

#endif
