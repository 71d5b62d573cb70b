/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/metrics.h"

static int setup(void **state)
{
    bsi_metrics *metrics = bsi_calloc(1, sizeof(*metrics));

    bsi_metrics_init(metrics);
    *state = metrics;
    return 0;
}

static int teardown(void **state)
{
    bsi_alloc_fail_after(-1);
    bsi_metrics_dispose(*state);
    bsi_free(*state);
    return 0;
}

/* The value of a series; UINT64_MAX: there is none. */
static uint64_t value_of(bsi_metrics *metrics, bsi_metric metric, const char *first,
                         const char *second)
{
    bsi_arena arena = {0};
    bsi_metric_value *values = NULL;
    uint64_t found = UINT64_MAX;
    size_t count = 0;

    assert_ok(bsi_metrics_copy(metrics, metric, &arena, &values, &count));
    for (size_t i = 0; i < count; i++) {
        if (strcmp(values[i].first, first) == 0 && strcmp(values[i].second, second) == 0) {
            found = values[i].value;
        }
    }
    bsi_arena_dispose(&arena);
    return found;
}

static size_t count_of(bsi_metrics *metrics, bsi_metric metric)
{
    bsi_arena arena = {0};
    bsi_metric_value *values = NULL;
    size_t count = 0;

    assert_ok(bsi_metrics_copy(metrics, metric, &arena, &values, &count));
    bsi_arena_dispose(&arena);
    return count;
}

static void known_words_begin_at_0(void **state)
{
    bsi_metrics *metrics = *state;

    assert_ok(bsi_metrics_begin(metrics, 500));
    assert_int_equal(value_of(metrics, BSI_METRIC_JOB_WARNINGS, "restore", "too_large"), 0);
    assert_int_equal(count_of(metrics, BSI_METRIC_JOB_WARNINGS), 45);
    assert_int_equal(value_of(metrics, BSI_METRIC_VERIFY_ERRORS, "tampered", ""), 0);
    assert_int_equal(value_of(metrics, BSI_METRIC_RETENTION_RECLAIMED, "", ""), 0);
    assert_int_equal(count_of(metrics, BSI_METRIC_AUDIT_EVENTS), 0);
}

static void counts_add_up_by_series(void **state)
{
    bsi_metrics *metrics = *state;

    assert_ok(bsi_metrics_begin(metrics, 500));
    bsi_metrics_count(metrics, BSI_METRIC_JOB_WARNINGS, "nightly", "started", 1);
    bsi_metrics_count(metrics, BSI_METRIC_JOB_WARNINGS, "nightly", "missed", 3);
    bsi_metrics_count(metrics, BSI_METRIC_JOB_WARNINGS, "nightly", "started", 1);
    bsi_metrics_count(metrics, BSI_METRIC_RETENTION_RECLAIMED, NULL, NULL, 4096);
    assert_int_equal(value_of(metrics, BSI_METRIC_JOB_WARNINGS, "nightly", "started"), 2);
    assert_int_equal(value_of(metrics, BSI_METRIC_JOB_WARNINGS, "nightly", "missed"), 3);
    assert_int_equal(value_of(metrics, BSI_METRIC_RETENTION_RECLAIMED, "", ""), 4096);
}

static void series_come_sorted(void **state)
{
    static const char *const words[] = {"m", "z", "a", "m", "q", "b"};
    bsi_metrics *metrics = *state;
    bsi_arena arena = {0};
    bsi_metric_value *values = NULL;
    size_t count = 0;

    for (size_t i = 0; i < BSI_ARRAY_SIZE(words); i++) {
        bsi_metrics_count(metrics, BSI_METRIC_AUDIT_EVENTS, words[i], NULL, 1);
    }
    assert_ok(bsi_metrics_copy(metrics, BSI_METRIC_AUDIT_EVENTS, &arena, &values, &count));
    assert_int_equal(count, 5);
    for (size_t i = 1; i < count; i++) {
        assert_true(strcmp(values[i - 1].first, values[i].first) < 0);
    }
    bsi_arena_dispose(&arena);
}

static void names_beyond_the_limit_count_together(void **state)
{
    bsi_metrics *metrics = *state;
    char name[16];

    assert_ok(bsi_metrics_begin(metrics, 3));
    for (unsigned i = 0; i < 10; i++) {
        (void)snprintf(name, sizeof(name), "s%u", i);
        bsi_metrics_count(metrics, BSI_METRIC_AUDIT_EVENTS, name, "started", 1);
        bsi_metrics_count(metrics, BSI_METRIC_AUDIT_EVENTS, name, "missed", 2);
    }
    assert_int_equal(value_of(metrics, BSI_METRIC_AUDIT_EVENTS, "s2", "missed"), 2);
    assert_int_equal(value_of(metrics, BSI_METRIC_AUDIT_EVENTS, "s3", "started"), UINT64_MAX);
    assert_int_equal(value_of(metrics, BSI_METRIC_AUDIT_EVENTS, BSI_METRIC_OTHER, "started"), 7);
    assert_int_equal(value_of(metrics, BSI_METRIC_AUDIT_EVENTS, BSI_METRIC_OTHER, "missed"), 14);
    assert_int_equal(count_of(metrics, BSI_METRIC_AUDIT_EVENTS), 8);
}

static void without_memory_a_count_is_lost_and_the_error_record_stays(void **state)
{
    bsi_metrics *metrics = *state;

    (void)bsi_fail(BS_LAYER_SOURCE, BS_E_ACCESS, "what was before");
    bsi_alloc_fail_after(0);
    bsi_metrics_count(metrics, BSI_METRIC_AUDIT_EVENTS, "a", NULL, 1);
    bsi_alloc_fail_after(-1);
    assert_string_equal(bs_error_last()->message, "what was before");
    assert_int_equal(count_of(metrics, BSI_METRIC_AUDIT_EVENTS), 0);
    bsi_alloc_fail_after(0);
    assert_status(bsi_metrics_begin(metrics, 500), BS_E_NOMEM);
}

enum { THREADS = 4, ROUNDS = 2000 };

static void count_much(void *user)
{
    static const char *const words[] = {"one", "two", "three"};

    for (unsigned i = 0; i < ROUNDS; i++) {
        bsi_metrics_count(user, BSI_METRIC_AUDIT_EVENTS, words[i % 3], NULL, 1);
        (void)count_of(user, BSI_METRIC_AUDIT_EVENTS);
    }
}

static void nothing_is_lost_between_threads(void **state)
{
    bsi_metrics *metrics = *state;
    bsi_thread threads[THREADS];

    for (size_t i = 0; i < THREADS; i++) {
        assert_ok(bsi_thread_start(&threads[i], "count", count_much, metrics));
    }
    for (size_t i = 0; i < THREADS; i++) {
        bsi_thread_join(threads[i]);
    }
    assert_int_equal(value_of(metrics, BSI_METRIC_AUDIT_EVENTS, "one", "") +
                         value_of(metrics, BSI_METRIC_AUDIT_EVENTS, "two", "") +
                         value_of(metrics, BSI_METRIC_AUDIT_EVENTS, "three", ""),
                     THREADS * ROUNDS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(known_words_begin_at_0),
        TEST(counts_add_up_by_series),
        TEST(series_come_sorted),
        TEST(names_beyond_the_limit_count_together),
        TEST(without_memory_a_count_is_lost_and_the_error_record_stays),
        TEST(nothing_is_lost_between_threads),
    };

    return cmocka_run_group_tests_name("engine/metrics", tests, NULL, NULL);
}
