/* SPDX-License-Identifier: MIT */
#ifndef BSI_TEXT_PATTERN_H
#define BSI_TEXT_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/*
 * Lists of gitignore patterns. A path is relative to the top of its source,
 * without a slash at either end; names are bytes, case matters.
 *
 *     name      at any depth           dir/name, /name   from the top only
 *     name/     directories only       !name             takes a match back
 *     * ? [..]  anything but a slash   ** as a whole component: any depth
 *     \x        x itself               spaces at the end do not count
 *
 * The last pattern that matches decides. Patterns that git holds to match
 * nothing (an unclosed bracket, a backslash at the end) are refused.
 *
 * A compiled list never changes and may be used by any thread; a scratch
 * belongs to one thread at a time.
 */

/* The most patterns in a list and the most bytes in one pattern. */
enum {
    BSI_PATTERN_MAX_COUNT = 10000,
    BSI_PATTERN_MAX_SIZE = 4096,
};

typedef struct bsi_pattern_list bsi_pattern_list;
typedef struct bsi_pattern_scratch bsi_pattern_scratch;

typedef enum bsi_pattern_result {
    BSI_PATTERN_NONE,    /* No pattern speaks of the path. */
    BSI_PATTERN_MATCH,   /* The last one that does is a plain one. */
    BSI_PATTERN_NEGATED, /* The last one that does begins with '!'. */
} bsi_pattern_result;

/*
 * Compile the patterns of a request: one that begins with '#' is no comment,
 * an empty one is refused. BS_E_INVALID of layer CALLER says why a pattern is
 * refused and puts its number, from 0, in `bad_index_out`, which may be NULL.
 */
BS_NODISCARD bs_status bsi_pattern_list_new(const char *const *patterns, size_t count,
                                            bsi_pattern_list **out, size_t *bad_index_out);

/*
 * Compile the text of an exclude file: a pattern on each line, comments and
 * blank lines left out. `bad_line_out`, which may be NULL, counts from 1.
 */
BS_NODISCARD bs_status bsi_pattern_list_parse(const char *text, size_t size, bsi_pattern_list **out,
                                              size_t *bad_line_out);

/* NULL is ignored. */
void bsi_pattern_list_free(bsi_pattern_list *list);

/* A list without patterns says NONE to everything. */
bool bsi_pattern_list_is_empty(const bsi_pattern_list *list);

/* What matching needs to write to. Serves any number of lists. */
BS_NODISCARD bs_status bsi_pattern_scratch_new(bsi_pattern_scratch **out);

/* NULL is ignored. */
void bsi_pattern_scratch_free(bsi_pattern_scratch *scratch);

/*
 * What the list says of this one path; its parents are not looked at. A walker
 * that does not go into directories that match gets all of git's behaviour.
 * Fails only for want of memory; however wild the pattern, the time is bounded.
 */
BS_NODISCARD bs_status bsi_pattern_match(const bsi_pattern_list *list, bsi_pattern_scratch *scratch,
                                         const char *path, size_t size, bool is_dir,
                                         bsi_pattern_result *out);

/*
 * For include lists: what the list says of the path or, if nothing, of the
 * nearest parent directory that it speaks of.
 */
BS_NODISCARD bs_status bsi_pattern_match_or_parent(const bsi_pattern_list *list,
                                                   bsi_pattern_scratch *scratch, const char *path,
                                                   size_t size, bool is_dir,
                                                   bsi_pattern_result *out);

#endif
