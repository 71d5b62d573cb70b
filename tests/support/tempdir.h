/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_TEMPDIR_H
#define TESTS_SUPPORT_TEMPDIR_H

/* A directory of one test's own under $TMPDIR or /tmp. */
typedef struct test_dir {
    char path[256];
    int fd;
} test_dir;

/* For cmocka: `*state` is a test_dir *. The directory is removed with all that is in it. */
int test_dir_setup(void **state);
int test_dir_teardown(void **state);

/*
 * From now on these are in memory, where there is room for it and $TMPDIR does not say another
 * place: for tests that sync very often. A process that dies loses nothing there either.
 */
void test_dir_in_memory(void);

#endif
