/* SPDX-License-Identifier: MIT */
#ifndef RULES_H
#define RULES_H

#include "options.h"

/* The options --keep-last to --keep-yearly, alike for every verb that takes them. */
typedef struct rule_options {
    option_number last;
    option_number hourly;
    option_number daily;
    option_number weekly;
    option_number monthly;
    option_number yearly;
} rule_options;

/* clang-format off */
#define RULE_NUMBER {.lowest = 0, .highest = 1000000}
#define RULE_OPTIONS_INIT                                                                         \
    {RULE_NUMBER, RULE_NUMBER, RULE_NUMBER, RULE_NUMBER, RULE_NUMBER, RULE_NUMBER}

/* Their rows in a verb's table. */
#define RULE_ROWS(rules)                                                                          \
    {"keep-last", OPTION_NUMBER, &(rules)->last, NULL, 0, 0},                                     \
    {"keep-hourly", OPTION_NUMBER, &(rules)->hourly, NULL, 0, 0},                                 \
    {"keep-daily", OPTION_NUMBER, &(rules)->daily, NULL, 0, 0},                                   \
    {"keep-weekly", OPTION_NUMBER, &(rules)->weekly, NULL, 0, 0},                                 \
    {"keep-monthly", OPTION_NUMBER, &(rules)->monthly, NULL, 0, 0},                               \
    {"keep-yearly", OPTION_NUMBER, &(rules)->yearly, NULL, 0, 0}
/* clang-format on */

/* Whether one was given, and whether one keeps anything. */
bool rules_are_given(const rule_options *rules);
bool rules_keep_something(const rule_options *rules);

#endif
