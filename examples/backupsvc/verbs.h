/* SPDX-License-Identifier: MIT */
#ifndef VERBS_H
#define VERBS_H

#include "tool.h"

/* What a verb does with its own arguments, its name first; the exit code. */
typedef int (*verb_run)(tool_run *tool, int argc, char **argv);

/* The same for the word behind a verb. A table of them ends with a NULL name. */
typedef struct verb_action {
    const char *name;
    verb_run run;
} verb_action;

typedef struct tool_verb {
    const char *name;
    const char *form;    /* Arguments and options, as the help shows them. */
    const char *summary; /* One line. */
    const char *text;    /* What else is to know. */
    verb_run run;
} tool_verb;

/* NULL when there is none of that name. */
const tool_verb *verb_find(const char *name);

/* In the order of the help; ends with a NULL name. */
extern const tool_verb verbs[];

int verb_backup(tool_run *tool, int argc, char **argv);
int verb_restore(tool_run *tool, int argc, char **argv);
int verb_list(tool_run *tool, int argc, char **argv);
int verb_show(tool_run *tool, int argc, char **argv);
int verb_files(tool_run *tool, int argc, char **argv);
int verb_cat(tool_run *tool, int argc, char **argv);
int verb_export(tool_run *tool, int argc, char **argv);
int verb_verify(tool_run *tool, int argc, char **argv);
int verb_drill(tool_run *tool, int argc, char **argv);
int verb_delete(tool_run *tool, int argc, char **argv);
int verb_retention(tool_run *tool, int argc, char **argv);
int verb_repo(tool_run *tool, int argc, char **argv);
int verb_snapshots(tool_run *tool, int argc, char **argv);
int verb_diff(tool_run *tool, int argc, char **argv);
int verb_find_paths(tool_run *tool, int argc, char **argv);
int verb_prune(tool_run *tool, int argc, char **argv);
int verb_unlock(tool_run *tool, int argc, char **argv);
int verb_copy(tool_run *tool, int argc, char **argv);
int verb_replicate(tool_run *tool, int argc, char **argv);
int verb_repair(tool_run *tool, int argc, char **argv);
int verb_check(tool_run *tool, int argc, char **argv);
int verb_audit(tool_run *tool, int argc, char **argv);
int verb_key(tool_run *tool, int argc, char **argv);
int verb_schedule(tool_run *tool, int argc, char **argv);
int verb_run_schedules(tool_run *tool, int argc, char **argv);
int verb_stats(tool_run *tool, int argc, char **argv);
int verb_metrics(tool_run *tool, int argc, char **argv);
int verb_storage(tool_run *tool, int argc, char **argv);
int verb_rebuild(tool_run *tool, int argc, char **argv);
int verb_help(tool_run *tool, int argc, char **argv);

#endif
