/* SPDX-License-Identifier: MIT */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <getopt.h>

#include "tool.h"
#include "verbs.h"

/*
 * Reading arguments. A verb names its own options; those of the tool may stand
 * behind the verb as well. Complaints have been shown when a function here
 * says that it failed.
 */

/* What an option of a verb is. */
typedef enum option_kind {
    OPTION_FLAG,   /* bool */
    OPTION_TEXT,   /* const char * */
    OPTION_LIST,   /* option_list */
    OPTION_NUMBER, /* option_number */
    OPTION_WORD,   /* int, one of the words that `name_of` has for 1, 2, ... */
} option_kind;

/* Every value of an option that may be given more than once; `items` ends with NULL. */
typedef struct option_list {
    const char **items;
    size_t count;
} option_list;

/* A whole number and its bounds. */
typedef struct option_number {
    long long value;
    long long lowest;
    long long highest;
    bool given;
} option_number;

typedef const char *(*option_name_of)(int value);

/* One option of a verb; the table ends with a NULL name. */
typedef struct option_row {
    const char *name;
    option_kind kind;
    void *value;
    option_name_of name_of;
    int lowest; /* Of a word. */
    int highest;
} option_row;

/* How many rows a table may have, beside its last. */
enum { OPTION_ROWS_MAX = 40 };

/* Whether --json is among the arguments, before anything is read. */
bool options_want_json(int argc, char **argv);

/* Read what stands before the verb. The verb's index, or -1 with the exit code. */
int options_read_global(tool_run *tool, int argc, char **argv, int *code_out);

/*
 * Read a verb's options into the rows' values and check how many arguments
 * are left; `most` below 0 is any number. The index of the first of them, or -1
 * when the run ends here, with its exit code.
 */
int options_read(tool_run *tool, int argc, char **argv, const option_row *rows, int fewest,
                 int most, int *code_out);

/* Do what the word behind the verb says, with what stands behind it; the exit code. */
int options_act(tool_run *tool, int argc, char **argv, const verb_action *actions);

void option_list_free(option_list *list);

#endif
