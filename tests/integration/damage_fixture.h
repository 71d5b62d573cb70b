/* SPDX-License-Identifier: MIT */
#ifndef TESTS_INTEGRATION_DAMAGE_FIXTURE_H
#define TESTS_INTEGRATION_DAMAGE_FIXTURE_H

#include "support/vault.h"

/*
 * Small backups, and what is done to their objects. Everything that goes wrong
 * in here, damage that is not found above all, fails the running test.
 */
enum { DAMAGE_NAMES = 4, DAMAGE_PATH_SIZE = 1200 };

/* Of the source's files. */
extern const char *const damage_names[DAMAGE_NAMES];

/* Make the source anew. */
void damage_build(test_vault *vault);

/* BSI_TESTS_FULL in the environment: every bit, every length, a restore each time. */
bool damage_all(void);

/*
 * Flip the bits of an object, cut it, take it away, make it longer: each is
 * noticed, and no restore puts another content in place; where the object is sealed
 * as a whole it puts no file in place at all. Short runs take about `points` bits and
 * lengths, 0: one of each byte.
 */
void damage_object(test_vault *vault, const char *form, const test_backup *backup, const char *key,
                   size_t points);

/* Likewise: put the object together of its own beginning and the rest of another object. */
void damage_splice(test_vault *vault, const char *form, const test_backup *backup, const char *key,
                   const char *other, size_t points);

/* Whether verification finds damage, or says that it cannot read the backup. */
bool damage_is_noticed(test_vault *vault, const char *form, const test_backup *backup);

/*
 * Try to restore: a file that is in place then has its content, and unless the restore fails
 * or warns all are there. True: there are some.
 */
bool damage_leaves_files(test_vault *vault, const char *form, const test_backup *backup);

/* Let two objects of the storage change places. */
void damage_swap(const test_vault *vault, const char *one, const char *two);

/* --- Objects as files; `path` is an absolute one --- */

void damage_path(const test_vault *vault, const char *key, char out[DAMAGE_PATH_SIZE]);

/* How many bytes it has, fewer than `room`; SIZE_MAX: it is not there. */
size_t damage_load(const char *path, uint8_t *out, size_t room);
void damage_save(const char *path, const uint8_t *data, size_t size);
void damage_put_byte(const char *path, size_t at, uint8_t byte);

#endif
