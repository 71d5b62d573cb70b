/* SPDX-License-Identifier: MIT */
#include "repo_options.h"

int repo_options_begin(tool_run *tool, int argc, char **argv, repo_arguments *given, int arguments,
                       int *code_out)
{
    const option_row rows[] = {
        REPO_ROWS(given),
        {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
    };
    const int first = options_read(tool, argc, argv, rows, arguments, arguments, code_out);

    return first >= 0 && key_options_open(tool, &given->keys, TOOL_EXISTING, code_out) ? first : -1;
}
