/* SPDX-License-Identifier: MIT */
#ifndef BACKUP_OPTIONS_H
#define BACKUP_OPTIONS_H

#include "key_options.h"
#include "options.h"
#include "rules.h"

/*
 * What says what is backed up and how, alike for `backup` and for the schedules
 * that do so. Zeroed by BACKUP_ARGUMENTS_INIT, freed by backup_arguments_free().
 */
typedef struct backup_arguments {
    bs_backup_options options;
    option_list includes;
    option_list excludes;
    option_list recipients;
    option_list copies;
    char **recipient_paths; /* The same, paths made absolute; ends with NULL. */
    key_option key;
    option_number level;
    option_number retention;
    rule_options rules;
    int type;
    int form;
    int compression;
    int encryption;
    int zip_encryption;
    bool command;
    char **sources; /* Absolute; ends with NULL. */
} backup_arguments;

/* clang-format off */
#define BACKUP_ARGUMENTS_INIT                                                                     \
    {.options = BS_BACKUP_OPTIONS_INIT, .level = {.lowest = 1, .highest = 1000},                  \
     .retention = {.lowest = 0, .highest = 36500}, .rules = RULE_OPTIONS_INIT}
/* clang-format on */

/*
 * Read the options into `given`, and those of `more` (may be NULL; ends with a
 * NULL name) as they say. As options_read(), with any number of arguments.
 */
int backup_arguments_read(tool_run *tool, int argc, char **argv, const option_row *more, int fewest,
                          backup_arguments *given, int *code_out);

/*
 * Make the options of a backup of what was read, of the name and of the sources
 * (or, with --command, the argv). False when the run ends here, with its exit code.
 */
bool backup_arguments_take(tool_run *tool, backup_arguments *given, const char *name,
                           char **sources, int count, int *code_out);

void backup_arguments_free(backup_arguments *given);

#endif
