/* SPDX-License-Identifier: MIT */
#ifndef KEY_OPTIONS_H
#define KEY_OPTIONS_H

#include "options.h"

/*
 * The options --key and --key-passphrase, alike for every verb that takes them.
 * A command line is seen by everybody on the machine: so they take env:NAME,
 * file:PATH and keyring:NAME, or "-" to be asked for the secret itself.
 */
typedef struct key_option {
    const char *given;
    char *typed; /* What "-" gave, as a reference. */
} key_option;

typedef struct key_options {
    key_option key;
    key_option passphrase;
} key_options;

/* clang-format off */
/* Their rows in a verb's table. */
#define KEY_ROWS(keys)                                                                            \
    {"key", OPTION_TEXT, &(keys)->key.given, NULL, 0, 0},                                         \
    {"key-passphrase", OPTION_TEXT, &(keys)->passphrase.given, NULL, 0, 0}
/* clang-format on */

/*
 * Check one, and ask for what is to be typed, twice when `is_new`. False: the run
 * ends with `*code_out`. `option`: its name for complaints and questions.
 */
bool key_option_take(tool_run *tool, key_option *one, const char *option, bool is_new,
                     int *code_out);
bool key_options_take(tool_run *tool, key_options *keys, bool is_new, int *code_out);

/* Whether a text is env:NAME, file:PATH or keyring:NAME. */
bool key_is_reference(const char *text);

/*
 * Recipients as they were given, with paths made absolute: ended by NULL; NULL: none were, or no
 * memory.
 */
char **key_recipients_take(const option_list *given);
/* NULL is ignored. */
void key_recipients_free(char **recipients);

/* The reference for the library; NULL: none was given. */
const char *key_option_reference(const key_option *one);

/* Check them, open the service, and let it know the key if there is one. */
bool key_options_open(tool_run *tool, key_options *keys, tool_access access, int *code_out);

/* Overwrite what was typed, and the variables that were named. Nobody needs them any more. */
void key_option_wipe(key_option *one);
void key_options_wipe(key_options *keys);

/* Overwrite a variable's value where it lies; it is empty then. Other threads may be running. */
void key_wipe_variable(const char *name);

#endif
