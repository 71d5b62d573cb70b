/* SPDX-License-Identifier: MIT */
#ifndef TOOL_H
#define TOOL_H

#include <backupsvc.h>

/* What the program says when it ends. */
enum {
    TOOL_DONE = 0,
    TOOL_FAILED = 1,
    TOOL_USAGE = 2,
    TOOL_WARNINGS = 3,
};

/* What holds for one run of the tool: the options before the verb, and the opened service. */
typedef struct tool_run {
    const char *verb;
    const char *state_path; /* As given; NULL: the setting BACKUP_STORAGE_PATH. */
    const char *env_file;
    bool json;
    bool quiet;
    bool verbose;
    bool run_schedules;
    bs_log_level log_level; /* What is shown of the log; with `verbose` all of it. */
    bs_config *config;
    bs_log_file *log; /* NULL: the settings name none. */
    bs_service *service;
} tool_run;

/* How a verb needs the service. */
typedef enum tool_access {
    TOOL_EXISTING, /* There must be a state directory already. */
    TOOL_CREATE,   /* One is made when it is missing. */
    TOOL_REPLACE,  /* As CREATE; a damaged catalogue is set aside. */
} tool_access;

/* Read the settings and open the service; on failure tool_fail() has been called. */
bs_status tool_open(tool_run *tool, tool_access access);

/* Set by SIGINT and SIGTERM. */
bool tool_interrupted(void);

/*
 * An absolute path for what was given on the command line; freed with free().
 * NULL without memory. "" stays as it is, for the library to refuse.
 */
char *tool_absolute_path(const char *path);

#endif
