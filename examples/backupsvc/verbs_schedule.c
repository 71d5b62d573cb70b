/* SPDX-License-Identifier: MIT */
/*
 * schedule: what is done again and again; run: doing it.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup_options.h"
#include "job.h"
#include "output.h"
#include "schedule_output.h"
#include "verbs.h"

static const char *missed_name(int value)
{
    return bs_missed_name((bs_missed)value);
}

/* What was given on the command line. */
typedef struct schedule_arguments {
    bs_schedule_options options;
    backup_arguments backup;
    const char *backup_name;
    const char *verify;
    const char *drill;
    const char *sample; /* Of a drill. */
    char action_request[512];
    int missed;
    bool active;
    bool inactive;
} schedule_arguments;

/* clang-format off */
/* Options that adding and changing have in common. */
#define SCHEDULE_ROWS(given)                                                                      \
    {"timezone", OPTION_TEXT, &(given)->options.timezone, NULL, 0, 0},                            \
    {"missed", OPTION_WORD, &(given)->missed, missed_name, BS_MISSED_RUN_ONCE, BS_MISSED_ALL},    \
    {"inactive", OPTION_FLAG, &(given)->inactive, NULL, 0, 0},                                    \
    {"backup-name", OPTION_TEXT, &(given)->backup_name, NULL, 0, 0},                              \
    {"verify", OPTION_TEXT, &(given)->verify, NULL, 0, 0},                                        \
    {"drill", OPTION_TEXT, &(given)->drill, NULL, 0, 0},                                          \
    {"sample", OPTION_TEXT, &(given)->sample, NULL, 0, 0}
#define SCHEDULE_ARGUMENTS_INIT                                                                   \
    {.options = BS_SCHEDULE_OPTIONS_INIT, .backup = BACKUP_ARGUMENTS_INIT}
/* clang-format on */

/* Whether something is done to a backup that there is, instead of taking one. */
static bool takes_no_sources(const schedule_arguments *given)
{
    return given->verify || given->drill;
}

/* Of how many files a drill is, as what follows the backup in its request. */
static bool take_sample(tool_run *tool, const schedule_arguments *given, char *out, size_t size,
                        int *code)
{
    bs_drill_options drill = BS_DRILL_OPTIONS_INIT;

    *out = '\0';
    if (!given->sample) {
        return true;
    }
    if (!drill_take_sample(given->sample, &drill)) {
        *code = output_usage(tool, "--sample takes a number of files, or a share such as 5%%");
        return false;
    }
    (void)snprintf(out, size, ",\"%s\":%" PRId32,
                   drill.sample_percent > 0 ? "sample_percent" : "sample_files",
                   drill.sample_percent > 0 ? drill.sample_percent : drill.sample_files);
    return true;
}

/* --verify and --drill take the place of sources. */
static bool take_action(tool_run *tool, schedule_arguments *given, int *code)
{
    const size_t room = sizeof(given->action_request);
    const char *id = given->verify ? given->verify : given->drill;
    char sample[64];

    if (!take_sample(tool, given, sample, sizeof(sample), code)) {
        return false;
    }
    if (strpbrk(id, "\"\\") || snprintf(given->action_request, room, "{\"backup_id\":\"%s\"%s}", id,
                                        sample) >= (int)room) {
        *code = output_usage(tool, "--%s takes an id, or latest:NAME",
                             given->verify ? "verify" : "drill");
        return false;
    }
    given->options.action = given->verify ? BS_ACTION_VERIFY : BS_ACTION_DRILL;
    given->options.action_request = given->action_request;
    return true;
}

/* What is to be done; `usual` is the name of the backups when none is given. */
static bool take_work(tool_run *tool, schedule_arguments *given, const char *usual, char **sources,
                      int count, int *code)
{
    given->options.missed = (bs_missed)given->missed;
    if (given->sample && !given->drill) {
        *code = output_usage(tool, "--sample goes with --drill");
        return false;
    }
    if (takes_no_sources(given) && (count > 0 || (given->verify && given->drill))) {
        *code = output_usage(tool, "a schedule verifies, drills or backs up: with --verify or "
                                   "--drill it takes no sources");
        return false;
    }
    if (takes_no_sources(given)) {
        return take_action(tool, given, code);
    }
    if (!backup_arguments_take(tool, &given->backup,
                               given->backup_name ? given->backup_name : usual, sources, count,
                               code)) {
        return false;
    }
    given->options.backup_request = &given->backup.options;
    return true;
}

static int show_one(const tool_run *tool, const char *name, uint32_t runs_shown)
{
    bs_schedule_info *info = NULL;
    bs_schedule_runs *runs = NULL;
    int code = TOOL_DONE;

    if (bs_schedule_get(tool->service, name, &info) < 0 ||
        bs_schedule_list_runs(tool->service, name, runs_shown, 0, &runs) < 0) {
        code = output_fail_last(tool);
    } else {
        schedule_show(tool, info, runs);
    }
    bs_schedule_runs_free(runs);
    bs_schedule_info_free(info);
    return code;
}

/* What a change says when it is done: the schedule as it is now. */
static int show_changed(const tool_run *tool, const char *name, const char *what)
{
    bs_schedule_info *info = NULL;

    if (tool->json) {
        return show_one(tool, name, 1);
    }
    if (bs_schedule_get(tool->service, name, &info) < 0) {
        return output_fail_last(tool);
    }
    if (!tool->quiet) {
        (void)printf("schedule ");
        output_text(stdout, info->name);
        if (*info->next_run_at) {
            (void)printf(" %s; due next at %.19sZ\n", what, info->next_run_at);
        } else {
            (void)printf(" %s; it is not active\n", what);
        }
    }
    bs_schedule_info_free(info);
    return TOOL_DONE;
}

static int do_add(tool_run *tool, int argc, char **argv)
{
    schedule_arguments given = SCHEDULE_ARGUMENTS_INIT;
    const option_row rows[] = {
        SCHEDULE_ROWS(&given),
        {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
    };
    char id[BS_ID_SIZE];
    int code = TOOL_DONE;
    int first = backup_arguments_read(tool, argc, argv, rows, 2, &given.backup, &code);

    if (first >= 0 && !takes_no_sources(&given) && argc - first < 3) {
        code = output_usage(tool, "schedule add: what to back up is missing; 'backupsvc help "
                                  "schedule' shows the form");
        first = -1;
    }
    if (first >= 0 &&
        take_work(tool, &given, argv[first], argv + first + 2, argc - first - 2, &code)) {
        given.options.name = argv[first];
        given.options.cron_expression = argv[first + 1];
        given.options.is_active = given.inactive ? BS_CHOICE_NO : BS_CHOICE_YES;
        if (tool_open(tool, TOOL_CREATE) < 0) {
            code = TOOL_FAILED;
        } else if (bs_schedule_add(tool->service, &given.options, id) < 0) {
            code = output_fail_last(tool);
        } else {
            code = show_changed(tool, id, "added");
        }
    }
    backup_arguments_free(&given.backup);
    return code;
}

/* The name of the backups that a schedule takes, as long as nobody gives another; freed. */
static char *name_of_backups(const tool_run *tool, const char *schedule)
{
    bs_backup_options *request = NULL;
    bs_schedule_info *info = NULL;
    char *name = NULL;

    if (bs_schedule_get(tool->service, schedule, &info) >= 0 && info->backup_request &&
        bs_backup_options_from_json(info->backup_request, strlen(info->backup_request), &request) >=
            0) {
        name = strdup(request->name);
    }
    bs_backup_options_free(request);
    bs_schedule_info_free(info);
    return name;
}

static int update(tool_run *tool, schedule_arguments *given, const char *name, char **sources,
                  int count)
{
    char *usual = NULL;
    int code = TOOL_DONE;
    bool good = true;

    if (tool_open(tool, TOOL_EXISTING) < 0) {
        return TOOL_FAILED;
    }
    given->options.missed = (bs_missed)given->missed;
    if (count > 0 || takes_no_sources(given) || given->sample) {
        usual = name_of_backups(tool, name);
        good = take_work(tool, given, usual ? usual : name, sources, count, &code);
    }
    if (good && bs_schedule_update(tool->service, name, &given->options) < 0) {
        code = output_fail_last(tool);
    } else if (good) {
        code = show_changed(tool, given->options.name ? given->options.name : name, "changed");
    }
    free(usual);
    return code;
}

/* `before` is a copy with its padding: any option that was read has changed a byte. */
static bool same_arguments(const backup_arguments *before, const backup_arguments *now)
{
    return memcmp((const void *)before, (const void *)now, /* NOLINT: said above. */
                  sizeof(*now)) == 0;
}

static int do_update(tool_run *tool, int argc, char **argv)
{
    schedule_arguments given = SCHEDULE_ARGUMENTS_INIT;
    backup_arguments untouched;
    const option_row rows[] = {
        SCHEDULE_ROWS(&given),
        {"active", OPTION_FLAG, &given.active, NULL, 0, 0},
        {"cron", OPTION_TEXT, &given.options.cron_expression, NULL, 0, 0},
        {"rename", OPTION_TEXT, &given.options.name, NULL, 0, 0},
        {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
    };
    int code = TOOL_DONE;
    int first = 0;

    memcpy(&untouched, &given.backup, sizeof(untouched));
    first = backup_arguments_read(tool, argc, argv, rows, 1, &given.backup, &code);
    if (first >= 0 && given.active && given.inactive) {
        code = output_usage(tool, "--active and --inactive do not go together");
    } else if (first >= 0 && argc - first == 1 && !takes_no_sources(&given) &&
               (given.backup_name || !same_arguments(&untouched, &given.backup))) {
        code = output_usage(tool, "options of a backup make a new request: give its sources, too");
    } else if (first >= 0) {
        given.options.is_active = given.active     ? BS_CHOICE_YES
                                  : given.inactive ? BS_CHOICE_NO
                                                   : BS_CHOICE_DEFAULT;
        code = update(tool, &given, argv[first], argv + first + 1, argc - first - 1);
    }
    backup_arguments_free(&given.backup);
    return code;
}

static int do_list(tool_run *tool, int argc, char **argv)
{
    bs_schedule_filter filter = BS_SCHEDULE_FILTER_INIT;
    option_number limit = {.value = 50, .lowest = 1, .highest = 1000};
    option_number offset = {.lowest = 0, .highest = UINT32_MAX};
    bool active = false;
    bool inactive = false;
    const option_row rows[] = {
        {"active", OPTION_FLAG, &active, NULL, 0, 0},
        {"inactive", OPTION_FLAG, &inactive, NULL, 0, 0},
        {"limit", OPTION_NUMBER, &limit, NULL, 0, 0},
        {"offset", OPTION_NUMBER, &offset, NULL, 0, 0},
        {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
    };
    bs_schedule_page *page = NULL;
    int code = TOOL_DONE;

    if (options_read(tool, argc, argv, rows, 0, 0, &code) < 0) {
        return code;
    }
    if (tool_open(tool, TOOL_EXISTING) < 0) {
        return TOOL_FAILED;
    }
    if (active != inactive) {
        filter.is_active = active ? BS_CHOICE_YES : BS_CHOICE_NO;
    }
    filter.limit = (uint32_t)limit.value;
    filter.offset = (uint32_t)offset.value;
    if (bs_schedule_list(tool->service, &filter, &page) < 0) {
        return output_fail_last(tool);
    }
    schedule_show_list(tool, page, &filter);
    bs_schedule_page_free(page);
    return TOOL_DONE;
}

static int do_show(tool_run *tool, int argc, char **argv)
{
    option_number runs = {.value = 10, .lowest = 1, .highest = 1000};
    const option_row rows[] = {
        {"runs", OPTION_NUMBER, &runs, NULL, 0, 0},
        {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
    };
    int code = TOOL_DONE;
    int first = options_read(tool, argc, argv, rows, 1, 1, &code);

    if (first < 0) {
        return code;
    }
    if (tool_open(tool, TOOL_EXISTING) < 0) {
        return TOOL_FAILED;
    }
    return show_one(tool, argv[first], (uint32_t)runs.value);
}

static int do_remove(tool_run *tool, int argc, char **argv)
{
    int code = TOOL_DONE;
    int first = options_read(tool, argc, argv, NULL, 1, 1, &code);

    if (first < 0) {
        return code;
    }
    if (tool_open(tool, TOOL_EXISTING) < 0) {
        return TOOL_FAILED;
    }
    return output_done(tool, bs_schedule_remove(tool->service, argv[first]), "removed");
}

static int follow(tool_run *tool, bs_subscription *events, const char *name, const char *id)
{
    bs_schedule_info *info = NULL;
    int code = TOOL_FAILED;

    if (bs_schedule_get(tool->service, name, &info) < 0) {
        return output_fail_last(tool);
    }
    switch (info->action) {
    case BS_ACTION_VERIFY:
        code = verify_follow(tool, events, id);
        break;
    case BS_ACTION_DRILL:
        code = drill_follow(tool, events, id);
        break;
    default:
        code = backup_follow(tool, events, id);
        break;
    }
    bs_schedule_info_free(info);
    return code;
}

static int do_run(tool_run *tool, int argc, char **argv)
{
    bs_subscription *events = NULL;
    char id[BS_ID_SIZE];
    int code = TOOL_DONE;
    int first = options_read(tool, argc, argv, NULL, 1, 1, &code);

    if (first < 0) {
        return code;
    }
    if (tool_open(tool, TOOL_EXISTING) < 0) {
        return TOOL_FAILED;
    }
    if (bs_subscribe(tool->service, NULL, &events) < 0 ||
        bs_schedule_run(tool->service, argv[first], id) < 0) {
        code = output_fail_last(tool);
    } else {
        code = follow(tool, events, argv[first], id);
    }
    bs_unsubscribe(events);
    return code;
}

static int do_preview(tool_run *tool, int argc, char **argv)
{
    option_number count = {.value = 5, .lowest = 1, .highest = 1000};
    const char *timezone = NULL;
    const option_row rows[] = {
        {"timezone", OPTION_TEXT, &timezone, NULL, 0, 0},
        {"count", OPTION_NUMBER, &count, NULL, 0, 0},
        {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
    };
    bs_schedule_times *times = NULL;
    int code = TOOL_DONE;
    int first = options_read(tool, argc, argv, rows, 1, 1, &code);

    if (first < 0) {
        return code;
    }
    if (bs_schedule_preview(argv[first], timezone, (uint32_t)count.value, &times) < 0) {
        return output_fail_last(tool);
    }
    schedule_show_times(tool, times);
    bs_schedule_times_free(times);
    return TOOL_DONE;
}

int verb_schedule(tool_run *tool, int argc, char **argv)
{
    static const verb_action actions[] = {
        {"add", do_add},       {"list", do_list}, {"show", do_show},       {"update", do_update},
        {"remove", do_remove}, {"run", do_run},   {"preview", do_preview}, {NULL, NULL},
    };

    return options_act(tool, argc, argv, actions);
}

/* --- run --- */

static void show_schedules(const tool_run *tool)
{
    bs_schedule_filter active = BS_SCHEDULE_FILTER_INIT;
    bs_schedule_page *page = NULL;

    active.is_active = BS_CHOICE_YES;
    active.limit = 1;
    if (bs_schedule_list(tool->service, &active, &page) < 0) {
        return;
    }
    if (page->total == 0) {
        (void)fprintf(stderr, "backupsvc: there are no active schedules; 'backupsvc schedule add' "
                              "makes one, when this has ended\n");
    } else if (!tool->quiet) {
        (void)fprintf(stderr,
                      "backupsvc: running %" PRIu64 " schedules; SIGTERM or SIGINT ends it\n",
                      page->total);
    }
    bs_schedule_page_free(page);
}

/* Signals are let in only while nothing else is done, so that none comes between. */
static void wait_for_signal(void)
{
    sigset_t stops;
    sigset_t before;

    (void)sigemptyset(&stops);
    (void)sigaddset(&stops, SIGINT);
    (void)sigaddset(&stops, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &stops, &before);
    while (!tool_interrupted()) {
        (void)sigsuspend(&before);
    }
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
}

int verb_run_schedules(tool_run *tool, int argc, char **argv)
{
    int code = TOOL_DONE;

    if (options_read(tool, argc, argv, NULL, 0, 0, &code) < 0) {
        return code;
    }
    tool->log_level = BS_LOG_INFO;
    tool->run_schedules = true;
    if (tool_open(tool, TOOL_EXISTING) < 0) {
        return TOOL_FAILED;
    }
    show_schedules(tool);
    wait_for_signal();
    if (!tool->quiet) {
        (void)fprintf(stderr, "backupsvc: stopping\n");
    }
    return output_done(tool, BS_OK, "stopped");
}
