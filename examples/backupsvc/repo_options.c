/* SPDX-License-Identifier: MIT */
#include "repo_options.h"

#include <inttypes.h>
#include <stdio.h>

#include "output.h"

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

static void show_finding(const bs_check_finding *finding)
{
    (void)printf("%s: %s %.*s", finding->is_note ? "note" : "damaged",
                 bs_check_subject_name(finding->subject), SHORT_ID, finding->id);
    if (*finding->path) {
        (void)printf(", ");
        output_text(stdout, finding->path);
    }
    (void)printf(": ");
    output_text(stdout, finding->message);
    (void)printf("\n");
}

void repo_show_findings(const bs_check_finding *findings, size_t kept, uint64_t count,
                        bool with_notes)
{
    for (size_t i = 0; i < kept; i++) {
        if (!findings[i].is_note || with_notes) {
            show_finding(&findings[i]);
        }
    }
    if (count > kept) {
        (void)printf("and %" PRIu64 " more\n", count - kept);
    }
}
