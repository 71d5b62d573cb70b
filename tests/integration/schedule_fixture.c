/* SPDX-License-Identifier: MIT */
#include "schedule_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/scheduler.h"
#include "os/time.h"
#include "support/test.h"
#include "text/rfc3339.h"

static int64_t shifted; /* What the clock was moved by. */

void schedule_clock(int64_t sec)
{
    const int64_t real = bsi_now().sec - shifted;

    shifted = sec - real;
    bsi_clock_shift(shifted);
}

static void gate_path(const engine_fixture *engine, char out[400])
{
    (void)snprintf(out, 400, "%s/gate", engine->dir->path);
}

int schedule_setup(void **state)
{
    engine_fixture *engine = NULL;
    char path[400];
    int fd = -1;

    schedule_clock(SCHEDULE_DAY0);
    if (engine_setup(state) != 0) {
        return -1;
    }
    engine = *state;
    gate_path(engine, path);
    if (mkfifo(path, 0600) != 0 || mkdir(engine->source, 0700) != 0) {
        return -1;
    }
    (void)snprintf(path, sizeof(path), "%s/file", engine->source);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, "hello", 5) != 5 || close(fd) != 0) {
        return -1;
    }
    return bs_service_run_schedules(engine->service) == BS_OK ? 0 : -1;
}

int schedule_teardown(void **state)
{
    const int result = engine_teardown(state);

    shifted = 0;
    bsi_clock_shift(0);
    return result;
}

void schedule_look(engine_fixture *engine)
{
    (void)bsi_scheduler_sync(engine->service);
}

static void wait_for_job(engine_fixture *engine, const bs_schedule_info *info)
{
    if (info->action == BS_ACTION_DRILL) {
        (void)!bs_drill_wait(engine->service, info->last_job_id, BS_FOREVER);
    } else if (info->action == BS_ACTION_VERIFY) {
        (void)!bs_verify_wait(engine->service, info->last_job_id, BS_FOREVER);
    } else {
        (void)!bs_backup_wait(engine->service, info->last_job_id, BS_FOREVER);
    }
}

/* Whether there was something to wait for. */
static bool wait_for_jobs(engine_fixture *engine)
{
    const bs_schedule_filter all = {.struct_size = sizeof(all), .limit = 1000};
    bs_schedule_page *page = NULL;
    bool waited = false;

    assert_ok(bs_schedule_list(engine->service, &all, &page));
    for (size_t i = 0; i < page->count; i++) {
        if (page->items[i]->running) {
            wait_for_job(engine, page->items[i]);
            waited = true;
        }
    }
    bs_schedule_page_free(page);
    return waited;
}

void schedule_settle(engine_fixture *engine)
{
    do {
        schedule_look(engine);
    } while (wait_for_jobs(engine));
}

void schedule_at(engine_fixture *engine, int64_t sec)
{
    schedule_clock(sec);
    schedule_settle(engine);
}

void schedule_reopen(engine_fixture *engine, bool run)
{
    engine_close(engine);
    engine_open(engine);
    if (run) {
        assert_ok(bs_service_run_schedules(engine->service));
    }
}

static void add(engine_fixture *engine, const char *cron, bs_missed missed,
                const bs_backup_options *request)
{
    bs_schedule_options options = BS_SCHEDULE_OPTIONS_INIT;
    char id[BS_ID_SIZE];

    options.name = request->name;
    options.cron_expression = cron;
    options.missed = missed;
    options.backup_request = request;
    assert_ok(bs_schedule_add(engine->service, &options, id));
}

void schedule_add(engine_fixture *engine, const char *name, const char *cron, bs_missed missed)
{
    const bs_backup_options request = engine_options(engine, name);

    add(engine, cron, missed, &request);
}

void schedule_add_slow(engine_fixture *engine, const char *name, const char *cron, bs_missed missed)
{
    bs_backup_options request = BS_BACKUP_OPTIONS_INIT;
    char path[400];

    gate_path(engine, path);
    request.name = name;
    request.source_command = (const char *const[]){"cat", path, NULL};
    add(engine, cron, missed, &request);
}

bs_schedule_info *schedule_get(engine_fixture *engine, const char *name)
{
    bs_schedule_info *info = NULL;

    assert_ok(bs_schedule_get(engine->service, name, &info));
    return info;
}

void schedule_end(engine_fixture *engine, const char *name)
{
    bs_schedule_info *info = schedule_get(engine, name);
    char path[400];
    int fd = -1;

    gate_path(engine, path);
    fd = open(path, O_WRONLY | O_CLOEXEC); /* Waits for the one who reads. */
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    assert_true(info->running);
    assert_ok(bs_backup_wait(engine->service, info->last_job_id, BS_FOREVER));
    bs_schedule_info_free(info);
}

const char *schedule_story(engine_fixture *engine, const char *name, char out[512])
{
    static const char letters[] = {'?', 's', 'b', 'm', 'f'};
    bs_schedule_runs *runs = NULL;
    size_t used = 0;

    out[0] = '\0';
    assert_ok(bs_schedule_list_runs(engine->service, name, 1000, 0, &runs));
    for (size_t i = runs->count; i > 0; i--) {
        const bs_schedule_run_info *run = runs->items[i - 1];
        char when[24] = "h";
        int64_t sec = 0;
        int32_t nsec = 0;

        if (run->due_at[0]) {
            assert_ok(bsi_rfc3339_parse(run->due_at, strlen(run->due_at), &sec, &nsec));
            assert_int_equal(sec % HOUR, 0);
            (void)snprintf(when, sizeof(when), "%d", (int)((sec - SCHEDULE_DAY0) / HOUR));
        }
        used += (size_t)snprintf(out + used, 512 - used, "%s%s%c", used > 0 ? " " : "", when,
                                 letters[run->outcome]);
        assert_true(used < 512);
    }
    bs_schedule_runs_free(runs);
    return out;
}

uint64_t schedule_backups(engine_fixture *engine, const char *name)
{
    bs_backup_filter filter = BS_BACKUP_FILTER_INIT;
    bs_backup_page *page = NULL;
    uint64_t total = 0;

    filter.name = name;
    assert_ok(bs_backup_list(engine->service, &filter, &page));
    total = page->total;
    bs_backup_page_free(page);
    return total;
}
