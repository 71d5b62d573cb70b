/* SPDX-License-Identifier: MIT */
#ifndef TESTS_CONFORMANCE_STORAGE_SUITE_H
#define TESTS_CONFORMANCE_STORAGE_SUITE_H

#include "storage/storage.h"

/* What every storage driver must do, run bare and through a decorator. */
typedef struct storage_subject {
    const char *name;
    /* A new, empty storage. `place` is for what must outlive it and comes back at the end. */
    bs_status (*open)(void **place, bsi_storage **out);
    void (*close)(void *place);
    /* Its server fails now and then where several work on one object or empty directory: such
     * checks are made where failures are repeated, and with keys of one component. */
    bool unsteady;
    bool brief;     /* Bare and failing below retry only, but with BSI_TESTS_FULL. */
    size_t key_max; /* Bytes of its longest key; 0: BS_STORAGE_KEY_MAX. */
} storage_subject;

/* The number of failed checks: what main() returns. */
int storage_suite_run(const storage_subject *subject);

/* The same for services whose keys have no line ends. */
int storage_suite_run_one_line(const storage_subject *subject);

#endif
