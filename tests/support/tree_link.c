/* SPDX-License-Identifier: MIT */
/*
 * Copies of directories that share their files.
 */
#include <fts.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/test.h"
#include "support/tree.h"

enum { PATH_SIZE = 2048 };

void tree_link(const char *from, const char *to)
{
    char start[PATH_SIZE];
    char path[PATH_SIZE];
    char *const paths[] = {start, NULL};
    FTS *walk = NULL;

    assert_true(snprintf(start, sizeof(start), "%s", from) < PATH_SIZE);
    walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    assert_non_null(walk);
    for (const FTSENT *item = fts_read(walk); item; item = fts_read(walk)) {
        assert_true(snprintf(path, sizeof(path), "%s%s", to, item->fts_path + strlen(from)) <
                    PATH_SIZE);
        if (item->fts_info == FTS_D) {
            assert_int_equal(mkdir(path, 0700), 0);
        } else if (item->fts_info == FTS_F) {
            assert_int_equal(link(item->fts_path, path), 0);
        }
    }
    (void)fts_close(walk);
}
