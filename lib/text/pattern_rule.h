/* SPDX-License-Identifier: MIT */
#ifndef BSI_TEXT_PATTERN_RULE_H
#define BSI_TEXT_PATTERN_RULE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"

/* One pattern, taken apart. How it is tested, cheapest first. */
typedef enum bsi_pattern_kind {
    BSI_PATTERN_NAME,       /* The last component is `text`. */
    BSI_PATTERN_SUFFIX,     /* The last component ends with `text`. */
    BSI_PATTERN_PATH,       /* The path is `text`. */
    BSI_PATTERN_NAME_REGEX, /* The last component matches the expression `text`. */
    BSI_PATTERN_PATH_REGEX, /* The path matches the expression `text`. */
} bsi_pattern_kind;

typedef struct bsi_pattern_rule {
    bsi_pattern_kind kind;
    bool negated;
    bool dirs_only;
    bsi_buf text;  /* Literal bytes, or a regular expression of PCRE2. */
    bsi_buf plain; /* The expression without atomic groups, when `text` has any. */
    bsi_buf head;  /* With an expression: what every match begins with. */
} bsi_pattern_rule;

/* How long the pattern is without the spaces at its end that do not count. */
size_t bsi_pattern_trim(const char *pattern, size_t size);

/*
 * Take a trimmed pattern apart. BS_E_INVALID of layer CALLER says what is
 * wrong with it. `out` is set only on success; disposed of by the caller.
 */
BS_NODISCARD bs_status bsi_pattern_rule_parse(const char *pattern, size_t size,
                                              bsi_pattern_rule *out);

void bsi_pattern_rule_dispose(bsi_pattern_rule *rule);

#endif
