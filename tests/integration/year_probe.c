/* SPDX-License-Identifier: MIT */
/*
 * Runs a service by a clock that stands until it is told to go on, for a model in
 * another language to compare with.
 *
 * The one argument is the state directory. Standard input, one command a line:
 *
 *     setting NAME VALUE of the service that is opened next
 *     clock SECONDS      set the clock; the service does not notice by itself
 *     open, close        the service, which does not run schedules yet
 *     add JSON           a schedule
 *     run                begin to run schedules
 *     settle             until all that is due has been looked after, and all jobs have
 *                        ended but those of names that begin with "slow": "wake SECONDS",
 *                        when the scheduler looks again by itself
 *     rush               look at what is due and close at once
 *     end NAME FIFO      let the running job of a schedule come to its end: it reads a FIFO
 *     runs NAME COUNT    the last runs: "due recorded outcome status completed job",
 *                        the oldest first
 *     backups            all of them: "id name status created completed marked remove_after"
 *     apply [accept]     retention of all names: "status NUMBER"
 *     known              "known SECONDS DOUBTED": when retention of all names was last done,
 *                        and since when the clock is doubted
 *     fail NUMBER        from now on nothing can be written; 0: it can
 *     kill NUMBER        die at that call to the system from now on; 0: live
 *
 * Standard output: what is said above, then a line with a dot. Times are seconds
 * since 1970, and 0 where there is none.
 */
#include <backupsvc.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "engine/runner.h"
#include "engine/scheduler.h"
#include "engine/service.h"
#include "os/fault.h"
#include "text/rfc3339.h"

enum { LINE_SIZE = 4096, PAGE = 1000, NAME_SIZE = 128, PATH_SIZE = 512 };

static const char *state_path;
static bs_service *service;
static bs_config *config;

/* BS_PARTIAL, too, is not what it should be. */
static void must(bs_status status, const char *what)
{
    if (status != BS_OK) {
        (void)fprintf(stderr, "%s: %s\n", what, bs_error_last()->message);
        exit(1);
    }
}

static int64_t seconds(const char *text)
{
    int64_t sec = 0;
    int32_t nsec = 0;

    if (text[0]) {
        must(bsi_rfc3339_parse(text, strlen(text), &sec, &nsec), text);
    }
    return sec;
}

/* --- The service --- */

static void open_service(const char *arguments)
{
    bs_service_options options = BS_SERVICE_OPTIONS_INIT;

    (void)arguments;
    options.state_path = state_path;
    options.config = config;
    must(bs_service_open(&options, &service), "open");
}

static void close_service(const char *arguments)
{
    (void)arguments;
    bs_service_close(service);
    service = NULL;
}

static void change_setting(const char *arguments)
{
    char name[NAME_SIZE] = "";
    char value[NAME_SIZE] = "";

    (void)sscanf(arguments, "%127s %127s", name, value);
    must(bs_config_set(config, name, value), arguments);
}

static void set_clock(const char *arguments)
{
    bsi_clock_stop(strtoll(arguments, NULL, 10));
}

static void add(const char *json)
{
    bs_schedule_options *options = NULL;
    char id[BS_ID_SIZE];

    must(bs_schedule_options_from_json(json, strlen(json), &options), json);
    must(bs_schedule_add(service, options, id), "add");
    bs_schedule_options_free(options);
}

static void run(const char *arguments)
{
    (void)arguments;
    must(bs_service_run_schedules(service), "run");
}

/* --- Waiting --- */

typedef struct census {
    uint64_t started;
    unsigned slow; /* Jobs that go on until somebody ends them. */
} census;

static census count_jobs(void)
{
    const bs_schedule_filter all = {.struct_size = sizeof(all), .limit = PAGE};
    bs_schedule_page *page = NULL;
    census found = {0};

    must(bs_schedule_list(service, &all, &page), "list");
    for (size_t i = 0; i < page->count; i++) {
        found.started += page->items[i]->runs_started;
        found.slow += page->items[i]->running && strncmp(page->items[i]->name, "slow", 4) == 0;
    }
    bs_schedule_page_free(page);
    return found;
}

/* A look that begins when nothing fast runs, and starts nothing, is the last one. */
static void settle(const char *arguments)
{
    census before = {.started = UINT64_MAX};
    int64_t until = 0;
    bool done = false;

    (void)arguments;
    while (!done) {
        census after;
        until = bsi_scheduler_sync(service);
        after = count_jobs();
        bsi_jobs_sync(service, after.slow);
        done = after.started == before.started;
        before = after;
    }
    (void)printf("wake %" PRId64 "\n", until);
}

static void rush(const char *arguments)
{
    (void)bsi_scheduler_sync(service);
    close_service(arguments);
}

/* A process that died may have left another reader of the FIFO, who takes the first end for his. */
static void end(const char *arguments)
{
    enum { WAIT_MS = 20 };
    bs_schedule_info *info = NULL;
    bs_status status = BS_E_TIMEOUT;
    char name[NAME_SIZE] = "";
    char path[PATH_SIZE] = "";

    (void)sscanf(arguments, "%127s %511s", name, path);
    must(bs_schedule_get(service, name, &info), "end");
    while (status == BS_E_TIMEOUT) {
        const int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC); /* -1: nobody reads yet. */
        if (fd >= 0) {
            (void)close(fd);
        }
        status = bs_backup_wait(service, info->last_job_id, WAIT_MS);
    }
    bs_schedule_info_free(info);
}

/* --- What came of it --- */

static void put_run(const bs_schedule_run_info *info)
{
    (void)printf("%" PRId64 " %" PRId64 " %s %s %" PRId64 " %s\n", seconds(info->due_at),
                 seconds(info->recorded_at), bs_run_outcome_name(info->outcome),
                 info->status[0] ? info->status : "-", seconds(info->completed_at),
                 info->job_id[0] ? info->job_id : "-");
}

static void list_runs(const char *arguments)
{
    char name[NAME_SIZE] = "";
    unsigned count = 0;
    bs_schedule_runs *runs = NULL;

    if (sscanf(arguments, "%127s %u", name, &count) == 2) {
        must(bs_schedule_list_runs(service, name, count, 0, &runs), "runs");
        for (size_t i = runs->count; i > 0; i--) {
            put_run(runs->items[i - 1]);
        }
    }
    bs_schedule_runs_free(runs);
}

static void put_backup(const bs_backup_info *info)
{
    (void)printf("%s %s %s %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n", info->id, info->name,
                 bs_job_state_name(info->status), seconds(info->created_at),
                 seconds(info->completed_at), seconds(info->marked_at),
                 seconds(info->remove_after));
}

static void list_backups(const char *arguments)
{
    bs_backup_filter filter = BS_BACKUP_FILTER_INIT;
    uint64_t total = 1;

    (void)arguments;
    filter.limit = PAGE;
    for (; filter.offset < total; filter.offset += PAGE) {
        bs_backup_page *page = NULL;
        must(bs_backup_list(service, &filter, &page), "backups");
        for (size_t i = 0; i < page->count; i++) {
            put_backup(page->items[i]);
        }
        total = page->total;
        bs_backup_page_free(page);
    }
}

static void apply(const char *arguments)
{
    bs_retention_options options = BS_RETENTION_OPTIONS_INIT;

    options.accept_clock = strcmp(arguments, "accept") == 0;
    (void)printf("status %d\n", (int)bs_retention_apply(service, &options, NULL));
}

/* A number behind a word in what the catalogue remembers, in seconds. */
static int64_t remembered(const char *key, const char *word)
{
    char *text = NULL;
    const char *at = NULL;
    int64_t ns = 0;
    const bs_status status = bsi_catalog_get_meta(service->catalog, key, &text);

    if (status != BS_E_NOT_FOUND) {
        must(status, key);
        at = strstr(text, word);
        ns = at ? strtoll(at + strlen(word), NULL, 10) : 0;
    }
    bsi_free(text);
    return ns / 1000000000;
}

static void tell_known(const char *arguments)
{
    (void)arguments;
    (void)printf("known %" PRId64 " %" PRId64 "\n", remembered("retention_of_all", ""),
                 remembered("clock", "\"doubted\":"));
}

/* --- Trouble --- */

static void fail(const char *arguments)
{
    const bsi_fault_plan plan = {
        .op_mask = UINT64_C(1) << BSI_OS_WRITE, .at = 1, .os_code = EIO, .forever = true};

    bsi_fault_set(strcmp(arguments, "0") == 0 ? NULL : &plan);
}

static void die(const char *arguments)
{
    const bsi_fault_plan plan = {.at = strtoull(arguments, NULL, 10)};

    bsi_fault_set(plan.at > 0 ? &plan : NULL);
}

/* --- Commands --- */

static const struct {
    const char *word;
    void (*obey)(const char *arguments);
} commands[] = {
    {"clock", set_clock},
    {"open", open_service},
    {"close", close_service},
    {"add", add},
    {"run", run},
    {"settle", settle},
    {"rush", rush},
    {"end", end},
    {"runs", list_runs},
    {"apply", apply},
    {"backups", list_backups},
    {"known", tell_known},
    {"fail", fail},
    {"kill", die},
    {"setting", change_setting},
};

static void obey(char *line)
{
    size_t word = 0;
    const char *arguments = NULL;

    line[strcspn(line, "\n")] = '\0';
    word = strcspn(line, " ");
    arguments = line + word + (line[word] == ' ');
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strlen(commands[i].word) == word && strncmp(commands[i].word, line, word) == 0) {
            commands[i].obey(arguments);
            (void)printf(".\n");
            (void)fflush(stdout);
            return;
        }
    }
    (void)fprintf(stderr, "no command '%s'\n", line);
    exit(1);
}

int main(int argc, char **argv)
{
    char line[LINE_SIZE];

    if (argc != 2) {
        return 2;
    }
    state_path = argv[1];
    must(bs_config_new(&config), "config");
    while (fgets(line, sizeof(line), stdin)) {
        obey(line);
    }
    bs_service_close(service);
    bs_config_free(config);
    return 0;
}
