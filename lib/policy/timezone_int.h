/* SPDX-License-Identifier: MIT */
#ifndef BSI_POLICY_TIMEZONE_INT_H
#define BSI_POLICY_TIMEZONE_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/timezone.h"

/* How a rule names a day. */
typedef enum bsi_rule_form {
    BSI_RULE_JULIAN,  /* Jn: 1 to 365, 29 February is never counted. */
    BSI_RULE_ORDINAL, /* n: 0 to 365, 29 February is counted. */
    BSI_RULE_WEEKDAY, /* Mm.w.d: weekday d of week w of month m; week 5 is the last. */
} bsi_rule_form;

/* An instant that comes each year, by the clocks as they are before it. */
typedef struct bsi_rule_date {
    bsi_rule_form form;
    int32_t day; /* n, or the weekday, 0 for Sunday. */
    int32_t week;
    int32_t month;
    int32_t time; /* Seconds from the beginning of the day; may lie outside of it. */
} bsi_rule_date;

/* A rule of POSIX's TZ. */
typedef struct bsi_rule {
    int32_t standard; /* Offsets, in seconds east of UTC. */
    int32_t daylight;
    bool has_daylight;
    bsi_rule_date start; /* Of daylight saving time. */
    bsi_rule_date end;
} bsi_rule;

/* From `sec` on the offset holds. */
typedef struct bsi_transition {
    int64_t sec;
    int32_t offset;
} bsi_transition;

struct bsi_timezone {
    bsi_transition *transitions; /* Strictly ascending. */
    size_t count;
    int32_t before; /* The offset before the first transition. */
    bool has_rule;  /* What holds behind the last transition. */
    bsi_rule rule;
};

/* False when the text is no rule. */
bool bsi_rule_parse(const char *text, size_t size, bsi_rule *out);

/* The span that `sec` lies in if the rule always held. */
bsi_timezone_span bsi_rule_span_at(const bsi_rule *rule, int64_t sec);

#endif
