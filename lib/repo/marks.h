/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_MARKS_H
#define BSI_REPO_MARKS_H

#include "repo/repository.h"

/*
 * Packs of a repository that could go, and since when: files below `marks`, which are
 * encrypted as the others are and which restic passes over.
 *
 *     {"packs":[{"id":"<hex>","since":"<time>"},...]}<line feed>
 *
 * Nothing depends on them but how soon a pack is removed. So a file that cannot be read
 * counts for nothing.
 */
typedef struct bsi_mark {
    bsi_digest pack;
    int64_t since_sec; /* Since 1970. */
} bsi_mark;

enum { BSI_MARKS_FILE_MAX = 256 * 1024 * 1024 };

/* Zeroed, there are none. One thread at a time. */
typedef struct bsi_marks {
    bsi_mark *items; /* In ascending order of the packs, each once. */
    size_t count;
    size_t capacity;
} bsi_marks;

void bsi_marks_dispose(bsi_marks *marks);

/* NULL: there is none of that pack. */
const bsi_mark *bsi_marks_find(const bsi_marks *marks, const bsi_digest *pack);

/* Some more, in any order. Of two marks of one pack the earlier counts. */
BS_NODISCARD bs_status bsi_marks_add(bsi_marks *marks, const bsi_digest *pack, int64_t since_sec);
void bsi_marks_sort(bsi_marks *marks);

/* Read all files; `marks` is empty before. */
BS_NODISCARD bs_status bsi_marks_load(const bsi_repo *repo, const bs_call *call, bsi_marks *marks);

/* Store them in one file, none when there are no marks; then the other files go. */
BS_NODISCARD bs_status bsi_marks_save(const bsi_repo *repo, const bs_call *call,
                                      const bsi_marks *marks);

/* For bsi_marks_load() and bsi_marks_save(): text to marks and back. BS_E_CORRUPT. */
BS_NODISCARD bs_status bsi_marks_parse(bsi_slice text, bsi_marks *marks);
BS_NODISCARD bs_status bsi_marks_write(const bsi_marks *marks, bsi_buf *out);

#endif
