/* SPDX-License-Identifier: MIT */
#ifndef REPO_OPTIONS_H
#define REPO_OPTIONS_H

#include "key_options.h"
#include "options.h"

/* What the verbs for repositories have in common. */

enum { SHORT_ID = 8 }; /* Digits of an id that are shown. */

/* The options of all that open a repository. */
typedef struct repo_arguments {
    const char *storage;
    key_options keys;
    key_option added;
} repo_arguments;

#define REPO_ARGUMENTS_INIT                 \
    {                                       \
        NULL, {{NULL, NULL}, {NULL, NULL}}, \
        {                                   \
            NULL, NULL                      \
        }                                   \
    }

/* clang-format off */
#define REPO_ROWS(given)                                                                          \
    {"storage", OPTION_TEXT, &(given)->storage, NULL, 0, 0},                                      \
    KEY_ROWS(&(given)->keys)
/* clang-format on */

/*
 * Read the options and open the service; the first argument's index, or -1 with
 * the exit code.
 */
int repo_options_begin(tool_run *tool, int argc, char **argv, repo_arguments *given, int arguments,
                       int *code_out);

/* What a check or a repair has found, for a person; `count`: also those that were not kept. */
void repo_show_findings(const bs_check_finding *findings, size_t kept, uint64_t count,
                        bool with_notes);

#endif
