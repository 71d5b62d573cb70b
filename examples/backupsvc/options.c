/* SPDX-License-Identifier: MIT */
/*
 * Arguments over getopt_long(). Each verb's table is joined with the options
 * of the tool itself, so that `list --json` means what `--json list` does.
 */
#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "help.h"
#include "output.h"

enum {
    GLOBAL_STATE = 1,
    GLOBAL_ENV,
    GLOBAL_JSON,
    GLOBAL_VERSION,
    GLOBAL_COUNT = 6,
    FIRST_ROW = 1000,
    ACTION_NAMES_SIZE = 200,
};

static const struct option global_options[GLOBAL_COUNT] = {
    {"state", required_argument, NULL, GLOBAL_STATE},
    {"env", required_argument, NULL, GLOBAL_ENV},
    {"json", no_argument, NULL, GLOBAL_JSON},
    {"quiet", no_argument, NULL, 'q'},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
};

bool options_want_json(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            return true;
        }
    }
    return false;
}

static bool take_global(tool_run *tool, int option)
{
    switch (option) {
    case GLOBAL_STATE:
        tool->state_path = optarg;
        return true;
    case GLOBAL_ENV:
        tool->env_file = optarg;
        return true;
    case GLOBAL_JSON:
        tool->json = true;
        return true;
    case 'q':
        tool->quiet = true;
        return true;
    case 'v':
        tool->verbose = true;
        return true;
    default:
        return false;
    }
}

/* getopt's '?' and ':' in words. */
static int complain(tool_run *tool, int option, char **argv)
{
    if (option == ':') {
        return output_usage(tool, "'%s' needs a value", argv[optind - 1]);
    }
    if (optopt >= ' ' && optopt < 127) {
        return output_usage(tool, "there is no option '-%c' here, or it takes no value", optopt);
    }
    return output_usage(tool, "there is no option '%s' here, or it takes no value",
                        argv[optind - 1]);
}

int options_read_global(tool_run *tool, int argc, char **argv, int *code_out)
{
    struct option table[GLOBAL_COUNT + 2];
    int option = 0;

    memcpy(table, global_options, sizeof(global_options));
    table[GLOBAL_COUNT] = (struct option){"version", no_argument, NULL, GLOBAL_VERSION};
    table[GLOBAL_COUNT + 1] = (struct option){NULL, 0, NULL, 0};
    opterr = 0;
    for (;;) {
        option = getopt_long(argc, argv, "+:qvhV", table, NULL);
        if (option < 0) {
            return optind;
        }
        if (option == 'h') {
            help_overview(stdout);
            *code_out = TOOL_DONE;
            return -1;
        }
        if (option == GLOBAL_VERSION || option == 'V') {
            (void)printf("backupsvc %s (%s)\n", bs_version(), bs_features());
            *code_out = TOOL_DONE;
            return -1;
        }
        if (!take_global(tool, option)) {
            *code_out = complain(tool, option, argv);
            return -1;
        }
    }
}

void option_list_free(option_list *list)
{
    free(list->items);
    *list = (option_list){0};
}

static bool list_add(option_list *list, const char *text)
{
    const char **grown = realloc(list->items, (list->count + 2) * sizeof(*grown));

    if (!grown) {
        return false;
    }
    grown[list->count++] = text;
    grown[list->count] = NULL;
    list->items = grown;
    return true;
}

static bool read_number(tool_run *tool, const option_row *row, const char *text)
{
    option_number *number = row->value;
    char *end = NULL;

    errno = 0;
    number->value = strtoll(text, &end, 10);
    number->given = true;
    if (end == text || *end || errno == ERANGE || number->value < number->lowest ||
        number->value > number->highest) {
        (void)output_usage(tool, "--%s takes a number from %lld to %lld, not '%s'", row->name,
                           number->lowest, number->highest, text);
        return false;
    }
    return true;
}

static bool read_word(tool_run *tool, const option_row *row, const char *text)
{
    char words[256] = "";
    size_t used = 0;

    for (int value = row->lowest; value <= row->highest; value++) {
        if (strcmp(row->name_of(value), text) == 0) {
            *(int *)row->value = value;
            return true;
        }
        used += (size_t)snprintf(words + used, sizeof(words) - used, "%s%s", used > 0 ? ", " : "",
                                 row->name_of(value));
    }
    (void)output_usage(tool, "--%s is one of %s, not '%s'", row->name, words, text);
    return false;
}

static bool take_row(tool_run *tool, const option_row *row)
{
    switch (row->kind) {
    case OPTION_FLAG:
        *(bool *)row->value = true;
        return true;
    case OPTION_TEXT:
        *(const char **)row->value = optarg;
        return true;
    case OPTION_LIST:
        return list_add(row->value, optarg);
    case OPTION_NUMBER:
        return read_number(tool, row, optarg);
    case OPTION_WORD:
        return read_word(tool, row, optarg);
    }
    return false;
}

static void make_table(const option_row *rows, struct option *table)
{
    int count = 0;

    memcpy(table, global_options, sizeof(global_options));
    for (; rows && rows[count].name && count < OPTION_ROWS_MAX; count++) {
        table[GLOBAL_COUNT + count] = (struct option){
            rows[count].name, rows[count].kind == OPTION_FLAG ? no_argument : required_argument,
            NULL, FIRST_ROW + count};
    }
    table[GLOBAL_COUNT + count] = (struct option){NULL, 0, NULL, 0};
}

static bool take_all(tool_run *tool, int argc, char **argv, const option_row *rows, int *code_out)
{
    struct option table[GLOBAL_COUNT + OPTION_ROWS_MAX + 1];
    int option = 0;

    make_table(rows, table);
    optind = 0; /* Begin anew: the global options have been read. */
    for (;;) {
        option = getopt_long(argc, argv, ":qvh", table, NULL);
        if (option < 0) {
            return true;
        }
        if (option == 'h') {
            (void)help_verb(stdout, tool->verb);
            *code_out = TOOL_DONE;
            return false;
        }
        if (option < FIRST_ROW && !take_global(tool, option)) {
            *code_out = complain(tool, option, argv);
            return false;
        }
        if (option >= FIRST_ROW && !take_row(tool, &rows[option - FIRST_ROW])) {
            *code_out = TOOL_USAGE;
            return false;
        }
    }
}

int options_read(tool_run *tool, int argc, char **argv, const option_row *rows, int fewest,
                 int most, int *code_out)
{
    int left = 0;

    if (!take_all(tool, argc, argv, rows, code_out)) {
        return -1;
    }
    left = argc - optind;
    if (left < fewest || (most >= 0 && left > most)) {
        *code_out = output_usage(tool, "%s: too %s arguments; 'backupsvc help %s' shows the form",
                                 tool->verb, left < fewest ? "few" : "many", tool->verb);
        return -1;
    }
    return optind;
}

/* "add, list or remove". */
static void name_actions(const verb_action *actions, char *out, size_t room)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; actions[i].name && used < room; i++) {
        const char *before = actions[i + 1].name ? ", " : " or ";
        const int size =
            snprintf(out + used, room - used, "%s%s", i > 0 ? before : "", actions[i].name);
        used += size > 0 ? (size_t)size : 0;
    }
}

int options_act(tool_run *tool, int argc, char **argv, const verb_action *actions)
{
    static const option_row none[] = {{NULL, OPTION_FLAG, NULL, NULL, 0, 0}};
    char names[ACTION_NAMES_SIZE];
    int code = TOOL_DONE;

    for (size_t i = 0; argc > 1 && actions[i].name; i++) {
        if (strcmp(argv[1], actions[i].name) == 0) {
            return actions[i].run(tool, argc - 1, argv + 1);
        }
    }
    if (options_read(tool, argc, argv, none, 0, -1, &code) < 0) {
        return code; /* Such as --help. */
    }
    name_actions(actions, names, sizeof(names));
    return output_usage(tool, "%s takes %s; 'backupsvc help %s' shows the form", tool->verb, names,
                        tool->verb);
}
