/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_CATALOG_NUMBER_MODEL_H
#define TESTS_UNIT_CATALOG_NUMBER_MODEL_H

#include "fixture.h"

#include "catalog/numbers.h"

/*
 * What the sums of a catalogue must be, found the slow way: a list of all rows
 * that there are and a list of all that ever ended, gone through for each number.
 */
enum { MODEL_MAX = 4000 };

/* A backup as the test has written it. Texts are static or in `id`. */
typedef struct model_backup {
    char id[BS_ID_SIZE];
    bsi_row_backup row;
    bool there;
} model_backup;

/* Something that has ended; `removed` are backups that went, at the hour `at`. */
typedef struct model_run {
    const char *kind;
    bsi_row_backup row; /* Of other jobs, what they have alike with one. */
    bool counted;       /* Not taken back by a later end of the same run. */
    bool forgotten;     /* Its name was gone since. */
} model_run;

typedef struct model_removal {
    int64_t at;
    int64_t size;
} model_removal;

typedef struct model {
    model_backup backups[MODEL_MAX];
    size_t backups_count;
    model_run runs[MODEL_MAX];
    size_t runs_count;
    model_removal removals[MODEL_MAX];
    size_t removals_count;
} model;

int64_t model_size(const bsi_row_backup *row);

/* A run has ended, or has ended in another way than was thought. */
void model_ended(model *self, const char *kind, const bsi_row_backup *row);

/* A backup that is there goes. */
void model_removed(model *self, model_backup *backup, int64_t now);

/* Compare everything with what the catalogue says. */
void model_compare(const model *self, bsi_catalog *catalog);

#endif
