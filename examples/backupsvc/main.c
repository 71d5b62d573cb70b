/* SPDX-License-Identifier: MIT */
/*
 * backupsvc: backups from the command line. Finds the verb, opens the service
 * for it, and turns signals into a wish that running jobs are told of.
 */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "help.h"
#include "key_options.h"
#include "options.h"
#include "output.h"
#include "progress.h"
#include "tool.h"
#include "verbs.h"

static volatile sig_atomic_t interrupted;

/* The first signal asks, the second one ends the process the usual way. */
static void on_signal(int number)
{
    interrupted = 1;
    (void)signal(number, SIG_DFL);
}

bool tool_interrupted(void)
{
    return interrupted != 0;
}

/*
 * `restic unlock` sends SIGHUP to whoever holds a lock, only to find out whether it is there: what
 * a process sends is let be. What the system sends is a terminal that has gone.
 */
static void on_hangup(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (info->si_code == SI_KERNEL) {
        on_signal(number);
    }
}

/* Unless whoever started this wants it to outlive the terminal. */
static void catch_hangup(void)
{
    struct sigaction action;

    if (sigaction(SIGHUP, NULL, &action) == 0 && action.sa_handler == SIG_IGN) {
        return;
    }
    memset(&action, 0, sizeof(action));
    action.sa_sigaction = on_hangup;
    action.sa_flags = SA_RESTART | SA_SIGINFO;
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGHUP, &action, NULL);
}

static void catch_signals(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    catch_hangup();
}

static bool has_parent_steps(const char *path)
{
    const char *at = path;

    while (at) {
        at += *at == '/';
        if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || at[2] == '\0')) {
            return true;
        }
        at = strchr(at, '/');
    }
    return false;
}

/* Take "." steps and doubled slashes out of an absolute path, in place. */
static void tidy_path(char *path)
{
    char *to = path;
    const char *from = path;

    while (*from) {
        const char *end = NULL;

        while (*from == '/') {
            from++;
        }
        end = strchr(from, '/');
        end = end ? end : from + strlen(from);
        if (end == from || (end - from == 1 && *from == '.')) {
            from = end;
            continue;
        }
        *to++ = '/';
        memmove(to, from, (size_t)(end - from));
        to += end - from;
        from = end;
    }
    if (to == path) {
        *to++ = '/';
    }
    *to = '\0';
}

/* As realpath(), of as much of the path as exists; the rest is put behind it as it is. */
static char *real_beginning(const char *path)
{
    char *before = strdup(path);
    char *real = NULL;
    char *out = NULL;
    size_t kept = strlen(path);
    size_t size = 0;

    while (before && kept > 0 && !real) {
        before[kept] = '\0';
        real = realpath(before, NULL);
        while (!real && kept > 0 && before[--kept] != '/') {
        }
    }
    if (real) {
        size = strlen(real) + strlen(path + kept) + 2;
        out = malloc(size);
    }
    if (out) {
        (void)snprintf(out, size, "%s/%s", real, path + kept);
        tidy_path(out);
    }
    free(real);
    free(before);
    return out;
}

char *tool_absolute_path(const char *path)
{
    char *cwd = NULL;
    char *out = NULL;
    size_t size = 0;

    if (*path == '\0') {
        return strdup(path);
    }
    cwd = *path == '/' ? strdup("") : getcwd(NULL, 0);
    if (!cwd) {
        return NULL;
    }
    size = strlen(cwd) + strlen(path) + 2;
    out = malloc(size);
    if (out) {
        (void)snprintf(out, size, "%s/%s", cwd, path);
        tidy_path(out);
    }
    free(cwd);
    /* What ".." means depends on links: ask the system. */
    if (out && has_parent_steps(out)) {
        char *real = real_beginning(out);

        free(out);
        out = real;
    }
    return out;
}

/* What stays in the foreground tells when something was: "2026-11-23T02:30:00Z ", else "". */
static const char *log_time(const tool_run *tool, char out[32])
{
    const time_t now = time(NULL);
    struct tm parts;

    out[0] = '\0';
    if (tool->run_schedules && gmtime_r(&now, &parts)) {
        (void)strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ ", &parts);
    }
    return out;
}

static void log_line(bs_log_level level, const char *module, const char *message, void *user)
{
    const tool_run *tool = user;
    static const char *const names[] = {"error", "warning", "info", "debug"};
    char time[32];

    bs_log_file_write(level, module, message, tool->log);
    if (tool->quiet || (level > tool->log_level && !tool->verbose)) {
        return;
    }
    (void)fprintf(stderr, "%s%s%s: %s: %s\n", progress_line_end(), log_time(tool, time),
                  names[level], module, message);
}

static bs_status load_settings(tool_run *tool)
{
    bs_status status = bs_config_new(&tool->config);

    if (status >= 0 && tool->env_file) {
        status = bs_config_load_file(tool->config, tool->env_file);
    }
    /* The real environment is nearer than a file. */
    if (status >= 0) {
        status = bs_config_load_env(tool->config);
        key_wipe_variable("ENCRYPTION_KEY"); /* No command that is run later inherits it. */
    }
    return status;
}

/* On standard error; the file itself is what has failed. */
static void log_trouble(bs_log_level level, const char *module, const char *message, void *user)
{
    (void)level;
    (void)module;
    (void)user;
    output_complaint("", message);
}

/* A tool that is called in any directory makes no log there unless it was asked to. */
static bs_status open_log(tool_run *tool)
{
    if (!bs_config_is_set(tool->config, "LOG_FILE") ||
        strcmp(bs_config_get(tool->config, "LOG_FILE"), "-") == 0) {
        return BS_OK;
    }
    return bs_log_file_open(tool->config, log_trouble, tool, &tool->log);
}

bs_status tool_open(tool_run *tool, tool_access access)
{
    bs_service_options options = BS_SERVICE_OPTIONS_INIT;
    struct stat info;
    char *path = NULL;
    bs_status status = load_settings(tool);

    if (status >= 0) {
        status = open_log(tool);
    }
    if (status < 0) {
        output_fail_last(tool);
        return status;
    }
    path = tool_absolute_path(
        tool->state_path ? tool->state_path : bs_config_get(tool->config, "BACKUP_STORAGE_PATH"));
    if (!path) {
        output_fail(tool, BS_E_NOMEM, "out of memory");
        return BS_E_NOMEM;
    }
    if (access == TOOL_EXISTING && *path && stat(path, &info) != 0) {
        output_fail(tool, BS_E_NOT_FOUND, "there are no backups at '%s'; --state says where", path);
        free(path);
        return BS_E_NOT_FOUND;
    }
    options.state_path = path;
    options.config = tool->config;
    options.log = log_line;
    options.log_user = tool;
    options.replace_damaged = access == TOOL_REPLACE;
    options.run_schedules = tool->run_schedules;
    status = bs_service_open(&options, &tool->service);
    if (status < 0) {
        output_fail_last(tool);
    }
    free(path);
    return status;
}

static int run_verb(tool_run *tool, int argc, char **argv)
{
    const tool_verb *verb = verb_find(argv[0]);

    tool->verb = argv[0];
    if (!verb) {
        return output_usage(tool, "there is no verb '%s'; 'backupsvc help' lists them", argv[0]);
    }
    return verb->run(tool, argc, argv);
}

int main(int argc, char **argv)
{
    tool_run tool = {0};
    int first = 0;
    int code = TOOL_DONE;

    tool.json = options_want_json(argc, argv);
    first = options_read_global(&tool, argc, argv, &code);
    if (first < 0) {
        return output_flush(code);
    }
    if (first >= argc) {
        help_overview(stderr);
        return tool.json ? output_usage(&tool, "a verb is missing") : TOOL_USAGE;
    }
    catch_signals();
    code = run_verb(&tool, argc - first, argv + first);
    bs_service_close(tool.service);
    bs_log_file_close(tool.log);
    bs_config_free(tool.config);
    return output_flush(code);
}
