/* SPDX-License-Identifier: MIT */
#include "retention_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "os/time.h"
#include "support/test.h"
#include "support/tree.h"

static int64_t shifted;

void pass(int64_t seconds)
{
    shifted += seconds;
    bsi_clock_shift(shifted);
}

int retention_teardown(void **state)
{
    shifted = 0;
    bsi_clock_shift(0);
    bsi_alloc_fail_after(-1);
    return engine_teardown(state);
}

void set(engine_fixture *engine, const char *name, const char *value)
{
    if (!engine->config) {
        assert_ok(bs_config_new(&engine->config));
    }
    assert_ok(bs_config_set(engine->config, name, value));
    engine_close(engine);
    engine_open(engine);
}

engine_fixture *quiet_engine(void **state)
{
    engine_fixture *engine = *state;

    tree_write(engine->source, 3000, 1);
    set(engine, "STORAGE_CLEANUP_ENABLED", "false");
    return engine;
}

void back_up_by(engine_fixture *engine, bs_backup_options *options, char id_out[BS_ID_SIZE])
{
    static uint64_t seed = 10;

    tree_write(engine->source, 3000, seed++);
    engine_backup(engine, options, BS_OK, id_out);
}

void back_up(engine_fixture *engine, int32_t keep_last, char id_out[BS_ID_SIZE])
{
    bs_backup_options options = engine_options(engine, "home");

    options.keep_last = keep_last;
    back_up_by(engine, &options, id_out);
}

bs_retention_report *plan(engine_fixture *engine)
{
    bs_retention_report *report = NULL;

    assert_ok(bs_retention_plan(engine->service, NULL, &report));
    return report;
}

bs_retention_report *apply(engine_fixture *engine)
{
    bs_retention_report *report = NULL;

    assert_ok(bs_retention_apply(engine->service, NULL, &report));
    return report;
}

const bs_retention_item *item_of(const bs_retention_report *report, const char *id)
{
    for (size_t i = 0; i < report->count; i++) {
        if (strcmp(report->items[i]->id, id) == 0) {
            return report->items[i];
        }
    }
    print_error("%s is not in the report\n", id);
    fail();
    return NULL;
}

const char *actions_of(const bs_retention_report *report)
{
    static char text[MOST + 1];

    for (size_t i = 0; i < report->count && i < MOST; i++) {
        text[i] = "kmwr"[report->items[i]->action];
    }
    text[report->count] = '\0';
    return text;
}

void assert_plan(engine_fixture *engine, const char *actions)
{
    bs_retention_report *report = plan(engine);

    assert_string_equal(actions_of(report), actions);
    bs_retention_report_free(report);
}

void assert_applied(engine_fixture *engine, const char *actions)
{
    bs_retention_report *report = apply(engine);

    assert_string_equal(actions_of(report), actions);
    bs_retention_report_free(report);
}

uint64_t count_listed(engine_fixture *engine)
{
    bs_backup_page *page = NULL;
    uint64_t total = 0;

    assert_ok(bs_backup_list(engine->service, NULL, &page));
    total = page->total;
    bs_backup_page_free(page);
    return total;
}

void object_path(const engine_fixture *engine, const char *key, char out[PATH_SIZE])
{
    (void)snprintf(out, PATH_SIZE, "%s/storage/%s", engine->state, key);
}

bool object_exists(const engine_fixture *engine, const char *key)
{
    char path[PATH_SIZE];

    object_path(engine, key, path);
    return access(path, F_OK) == 0;
}

void write_object(const engine_fixture *engine, const char *key, const char *text)
{
    char path[PATH_SIZE];
    int fd = -1;

    object_path(engine, key, path);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(close(fd), 0);
}
