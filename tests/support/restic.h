/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_RESTIC_H
#define TESTS_SUPPORT_RESTIC_H

#include "base/slice.h"
#include "crypto/secret.h"
#include "storage/storage.h"

/*
 * The repositories in tests/data/restic. Their README tells how they were made.
 */
enum { RESTIC_REPOSITORIES = 3 };
extern const char *const restic_repositories[RESTIC_REPOSITORIES];

/* What they are opened with. */
bsi_secret *restic_password(void);

/* Put all files below `path` into a new storage in memory, under their relative paths. */
bsi_storage *restic_load(const char *data_folder, const char *name);

/* Takes one text of a section: its id, or "" where the section is the text itself. */
typedef void (*restic_text_cb)(void *user, const char *id, bsi_slice text);

/*
 * What must come out of a repository: each text of a section ("config", "masterkey",
 * "snapshots", "trees") of its expected objects, or each item as JSON ("indexes",
 * "packs"). Returns how many.
 */
size_t restic_expected(const char *data_folder, const char *name, const char *section,
                       restic_text_cb callback, void *user);

#endif
