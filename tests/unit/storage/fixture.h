/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_STORAGE_FIXTURE_H
#define TESTS_UNIT_STORAGE_FIXTURE_H

#include "support/test.h"

#include "storage/decorators/faulty.h"
#include "storage/storage_int.h"

/* mem below faulty below what is tested. */
typedef struct fixture {
    bsi_storage *mem;
    bsi_storage *faulty;
    bsi_storage *storage;
} fixture;

static fixture fix;

static inline int teardown(void **state)
{
    (void)state;
    bsi_storage_unref(fix.storage);
    bsi_storage_unref(fix.faulty);
    bsi_storage_unref(fix.mem);
    fix = (fixture){0};
    return 0;
}

#endif
