/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_CATALOG_FIXTURE_H
#define TESTS_UNIT_CATALOG_FIXTURE_H

#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "catalog/catalog.h"
#include "os/fault.h"
#include "support/tempdir.h"

/* A state directory with an open catalogue. */
typedef struct fixture {
    void *dir;
    const char *path;
    bsi_catalog *catalog;
} fixture;

static inline int setup(void **state)
{
    fixture *fix = calloc(1, sizeof(*fix));

    test_dir_in_memory();
    if (!fix || test_dir_setup(&fix->dir) != 0) {
        return -1;
    }
    fix->path = ((test_dir *)fix->dir)->path;
    *state = fix;
    return bsi_catalog_open(fix->path, &fix->catalog) == BS_OK ? 0 : -1;
}

static inline int teardown(void **state)
{
    fixture *fix = *state;

    bsi_alloc_fail_after(-1);
    bsi_fault_set(NULL);
    bsi_catalog_close(fix->catalog);
    (void)test_dir_teardown(&fix->dir);
    free(fix);
    return 0;
}

static inline bsi_catalog *catalog_of(void **state)
{
    return ((fixture *)*state)->catalog;
}

static inline void reopen(void **state)
{
    fixture *fix = *state;

    bsi_catalog_close(fix->catalog);
    fix->catalog = NULL;
    assert_ok(bsi_catalog_open(fix->path, &fix->catalog));
}

/* Ids that differ in their first digits: "0000000n-..." */
static inline const char *id_of(unsigned number, char out[BS_ID_SIZE])
{
    (void)snprintf(out, BS_ID_SIZE, "%08x-0000-7000-8000-000000000000", number);
    return out;
}

static inline bsi_row_backup backup_row(const char *id)
{
    return (bsi_row_backup){
        .id = id,
        .name = "docs",
        .backup_type = "full",
        .requested_type = "full",
        .form = "archive",
        .storage = "local",
        .compression = "zip",
        .encryption = "none",
        .status = BSI_ROW_COMPLETED,
        .created_at = 1000,
        .source_paths = "[\"/a\"]",
        .options = "{}",
        .metadata = "{}",
    };
}

static inline void add(void **state, unsigned number)
{
    char id[BS_ID_SIZE];
    const bsi_row_backup row = backup_row(id_of(number, id));

    assert_ok(bsi_catalog_add_backup(catalog_of(state), &row, NULL));
}

#endif
