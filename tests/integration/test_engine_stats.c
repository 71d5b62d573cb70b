/* SPDX-License-Identifier: MIT */
/*
 * Numbers: what jobs take of the machine, and what they add up to.
 */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "engine_fixture.h"
#include "retention_fixture.h"
#include "support/tree.h"

/* --- One job --- */

static void assert_used(const bs_usage *usage)
{
    assert_true(usage->cpu_seconds > 0);
    assert_true(usage->peak_memory_bytes > 0);
    assert_int_equal(usage->bytes_sent, 0); /* A local storage. */
    assert_int_equal(usage->bytes_received, 0);
}

static void what_a_job_took_is_kept_with_it(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = engine_options(engine, "daily");
    bs_restore_options restore = BS_RESTORE_OPTIONS_INIT;
    bs_backup_info *infos[2] = {NULL, NULL};
    bs_restore_info *restored = NULL;
    bs_verify_info *verified = NULL;
    char id[BS_ID_SIZE];
    char restore_id[BS_ID_SIZE];
    char verify_id[BS_ID_SIZE];

    tree_build(engine->source, 0);
    engine_backup(engine, &options, BS_OK, id);
    restore.backup_id = id;
    restore.restore_path = engine->target;
    assert_ok(bs_restore_start(engine->service, &restore, restore_id));
    assert_true(bs_restore_wait(engine->service, restore_id, BS_FOREVER) >= 0);
    assert_ok(bs_verify_start(engine->service, id, verify_id));
    assert_ok(bs_verify_wait(engine->service, verify_id, BS_FOREVER));

    infos[0] = engine_get(engine, id);
    engine_close(engine);
    engine_open(engine);
    infos[1] = engine_get(engine, id);
    assert_ok(bs_restore_get(engine->service, restore_id, &restored));
    assert_ok(bs_verify_get(engine->service, verify_id, &verified));
    assert_used(&infos[0]->usage);
    assert_used(&infos[1]->usage);
    assert_true(infos[0]->usage.cpu_seconds == infos[1]->usage.cpu_seconds);
    assert_int_equal(infos[0]->usage.peak_memory_bytes, infos[1]->usage.peak_memory_bytes);
    assert_used(&restored->usage);
    assert_used(&verified->usage);
    bs_verify_info_free(verified);
    bs_restore_info_free(restored);
    bs_backup_info_free(infos[0]);
    bs_backup_info_free(infos[1]);
}

/* --- All of them --- */

static void back_up_four(engine_fixture *engine)
{
    static const char *const failing[] = {"/bin/sh", "-c", "echo x; exit 3", NULL};
    bs_backup_options options = engine_options(engine, "a");
    char id[BS_ID_SIZE];

    tree_build(engine->source, 0);
    for (int i = 0; i < 3; i++) {
        options.name = i < 2 ? "a" : "b";
        engine_backup(engine, &options, BS_OK, id);
    }
    options = (bs_backup_options)BS_BACKUP_OPTIONS_INIT;
    options.name = "c";
    options.source_command = failing;
    assert_ok(bs_backup_start(engine->service, &options, id));
    assert_true(bs_backup_wait(engine->service, id, BS_FOREVER) < 0);
    assert_ok(bs_backup_delete(engine->service, "latest:b", false, NULL));
}

static bs_stats_info *get_stats(engine_fixture *engine)
{
    bs_stats_info *stats = NULL;

    assert_ok(bs_stats(engine->service, &stats));
    return stats;
}

static void assert_sums(const bs_stats_info *stats)
{
    assert_int_equal(stats->total_backups, 3);
    assert_int_equal(stats->completed_backups, 2);
    assert_int_equal(stats->failed_backups, 1);
    assert_int_equal(stats->names, 2);
    assert_true(stats->compression_ratio > 0);
    assert_true(stats->dedup_ratio == 1);
    assert_int_equal(stats->storage_used_bytes, stats->stored_bytes);
    assert_int_equal(stats->storage_limit_bytes, 0);
    assert_int_equal(stats->groups_count, 1);
    assert_int_equal(stats->groups[0].backup_type, BS_BACKUP_FULL);
    assert_int_equal(stats->groups[0].compression, BS_COMPRESSION_ZIP);
    assert_int_equal(stats->groups[0].backups, 2);
    assert_int_equal(stats->groups[0].stored_bytes, stats->stored_bytes);
}

static void assert_span(const bs_stats_span *span, uint64_t hours, const bs_stats_info *stats)
{
    assert_int_equal(span->hours, hours);
    assert_int_equal(span->runs, 4);
    assert_int_equal(span->completed, 3);
    assert_int_equal(span->failed, 1);
    assert_true(span->success_rate == 0.75);
    assert_true(span->duration_average_seconds > 0);
    assert_true(span->throughput > 0);
    assert_true(span->cpu_seconds > 0);
    assert_int_equal(span->removed, 1);
    assert_int_equal(span->added_bytes, stats->stored_bytes + span->removed_bytes);
    assert_int_equal(span->held_bytes, stats->stored_bytes);
}

static void assert_jobs(const bs_stats_info *stats)
{
    assert_true(stats->jobs_count >= 3);
    assert_int_equal(stats->jobs[0].kind, BS_JOB_BACKUP);
    assert_int_equal(stats->jobs[0].runs, 4);
    assert_int_equal(stats->jobs[0].failed, 1);
    assert_true(stats->jobs[0].duration_median_seconds > 0);
    assert_true(stats->jobs[0].duration_p95_seconds >= stats->jobs[0].duration_median_seconds);
    assert_int_equal(stats->jobs[1].runs, 0);
    assert_true(stats->jobs[1].duration_median_seconds == 0);
    assert_int_equal(stats->failures_count, 1);
    assert_int_equal(stats->failures[0].kind, BS_JOB_BACKUP);
    assert_int_equal(stats->failures[0].layer, BS_LAYER_SOURCE);
    assert_int_equal(stats->failures[0].runs, 1);
}

static void assert_names(const bs_stats_info *stats)
{
    const bs_stats_name *a = &stats->by_name[0];
    const bs_stats_name *c = &stats->by_name[1];

    assert_int_equal(stats->by_name_count, 2); /* With its last backup a name goes. */
    assert_string_equal(a->name, "a");
    assert_int_equal(a->completed, 2);
    assert_int_equal(a->stored_bytes, stats->stored_bytes);
    assert_int_equal(a->last_run_status, BS_STATE_COMPLETED);
    assert_true(a->last_success_age_seconds >= 0);
    assert_int_equal(a->runs_completed, 2);
    assert_true(a->duration_median_seconds > 0);
    assert_int_equal(a->source_bytes_median * 2, stats->source_bytes);
    assert_string_equal(a->newest_backup_at, stats->newest_backup_at);
    assert_string_equal(c->name, "c");
    assert_int_equal(c->backups, 1);
    assert_int_equal(c->last_run_status, BS_STATE_FAILED);
    assert_string_equal(c->last_success_at, "");
    assert_true(c->last_success_age_seconds == -1);
}

static void numbers_are_right_after_failures_removals_and_a_restart(void **state)
{
    engine_fixture *engine = *state;

    back_up_four(engine);
    for (int i = 0; i < 2; i++) {
        bs_stats_info *stats = get_stats(engine);
        assert_sums(stats);
        assert_span(&stats->day, 24, stats);
        assert_span(&stats->week, 168, stats);
        assert_span(&stats->month, 720, stats);
        assert_jobs(stats);
        assert_names(stats);
        bs_stats_info_free(stats);
        engine_close(engine);
        engine_open(engine);
    }
}

static void an_empty_catalogue_has_numbers_too(void **state)
{
    engine_fixture *engine = *state;
    bs_stats_info *stats = get_stats(engine);
    char *json = NULL;

    assert_int_equal(stats->total_backups, 0);
    assert_true(stats->day.success_rate == 0);
    assert_true(stats->compression_ratio == 0);
    assert_string_equal(stats->oldest_backup_at, "");
    assert_ok(bs_stats_info_to_json(stats, &json));
    assert_non_null(strstr(json, "\"by_name\":[]"));
    bs_free(json);
    bs_stats_info_free(stats);
}

/* --- History --- */

static void a_history_has_no_gaps_and_ends_with_what_is_held(void **state)
{
    engine_fixture *engine = *state;
    bs_stats_history_options options = BS_STATS_HISTORY_OPTIONS_INIT;
    bs_stats_history_info *history = NULL;
    bs_stats_info *stats = NULL;
    uint64_t runs = 0;

    back_up_four(engine);
    stats = get_stats(engine);
    assert_ok(bs_stats_history(engine->service, NULL, &history));
    assert_int_equal(history->count, 30);
    for (size_t i = 0; i < history->count; i++) {
        assert_int_equal(history->spans[i].hours, 24);
        assert_string_equal(history->spans[i].from + 10, "T00:00:00.000000000Z");
        runs += history->spans[i].runs;
    }
    assert_int_equal(runs, 4);
    assert_int_equal(history->spans[0].held_bytes, 0);
    assert_int_equal(history->spans[29].held_bytes, stats->stored_bytes);
    bs_stats_history_info_free(history);

    options.days = 7;
    options.span_hours = 5;
    assert_ok(bs_stats_history(engine->service, &options, &history));
    assert_int_equal(history->count, 34);
    assert_int_equal(history->spans[33].held_bytes, stats->stored_bytes);
    bs_stats_history_info_free(history);
    bs_stats_info_free(stats);
}

static uint64_t size_of(engine_fixture *engine, const char *id)
{
    bs_backup_info *info = engine_get(engine, id);
    const uint64_t size = info->bytes_stored;

    bs_backup_info_free(info);
    return size;
}

/* Nobody but a rebuild notices that they are gone. */
static void lose_objects(engine_fixture *engine, const char *id)
{
    bs_backup_info *info = engine_get(engine, id);
    char path[PATH_SIZE];

    object_path(engine, info->manifest_path, path);
    assert_int_equal(unlink(path), 0);
    object_path(engine, info->backup_file_path, path);
    assert_int_equal(unlink(path), 0);
    bs_backup_info_free(info);
}

/* Of the last days; each ends with what was held then. */
static void assert_held(engine_fixture *engine, const uint64_t *held, size_t count)
{
    bs_stats_history_options options = BS_STATS_HISTORY_OPTIONS_INIT;
    bs_stats_history_info *history = NULL;

    options.days = (uint32_t)count;
    assert_ok(bs_stats_history(engine->service, &options, &history));
    assert_int_equal(history->count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(history->spans[i].held_bytes, held[i]);
    }
    bs_stats_history_info_free(history);
}

static void what_a_rebuild_does_not_find_was_held_until_then(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = engine_options(engine, "home");
    char ids[3][BS_ID_SIZE];
    uint64_t sizes[3];
    bs_stats_info *stats = NULL;

    for (int i = 0; i < 3; i++) {
        back_up_by(engine, &options, ids[i]);
        sizes[i] = size_of(engine, ids[i]);
        pass(DAY);
    }
    lose_objects(engine, ids[0]);
    assert_ok(bs_catalog_rebuild(engine->service, NULL));
    pass(DAY);
    assert_held(engine,
                (const uint64_t[]){0, sizes[0], sizes[0] + sizes[1], sizes[0] + sizes[1] + sizes[2],
                                   sizes[1] + sizes[2], sizes[1] + sizes[2]},
                6);
    stats = get_stats(engine);
    assert_int_equal(stats->stored_bytes, sizes[1] + sizes[2]);
    assert_int_equal(stats->month.runs, 3);
    assert_int_equal(stats->month.removed, 1);
    assert_int_equal(stats->month.removed_bytes, sizes[0]);
    assert_int_equal(stats->by_name[0].runs_completed, 3);
    bs_stats_info_free(stats);
}

static void a_history_too_long_is_refused(void **state)
{
    static const struct {
        uint32_t days;
        uint32_t hours;
        const char *text;
    } cases[] = {{3651, 24, "days"}, {1, 8785, "span_hours"}, {417, 1, "too few"}};
    engine_fixture *engine = *state;
    bs_stats_history_info *history = NULL;

    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        bs_stats_history_options options = BS_STATS_HISTORY_OPTIONS_INIT;
        options.days = cases[i].days;
        options.span_hours = cases[i].hours;
        assert_status(bs_stats_history(engine->service, &options, &history), BS_E_INVALID);
        assert_non_null(strstr(bs_error_last()->message, cases[i].text));
    }
    assert_null(history);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_setup, engine_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_a_job_took_is_kept_with_it),
        TEST(numbers_are_right_after_failures_removals_and_a_restart),
        TEST(an_empty_catalogue_has_numbers_too),
        TEST(a_history_has_no_gaps_and_ends_with_what_is_held),
        cmocka_unit_test_setup_teardown(what_a_rebuild_does_not_find_was_held_until_then,
                                        engine_setup, retention_teardown),
        TEST(a_history_too_long_is_refused),
    };

    return cmocka_run_group_tests_name("engine_stats", tests, NULL, NULL);
}
