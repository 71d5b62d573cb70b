/* SPDX-License-Identifier: MIT */
/*
 * Jobs while they run: waiting, cancelling, queueing, following, closing.
 */
#include "support/test.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "engine_fixture.h"
#include "os/time.h"
#include "support/tree.h"

static void start_slow(engine_fixture *engine, engine_gate *gate, const char *name,
                       char id_out[BS_ID_SIZE])
{
    bs_backup_options options = BS_BACKUP_OPTIONS_INIT;

    options.name = name;
    options.source_callback = engine_slow_source;
    options.source_user = gate;
    assert_ok(bs_backup_start(engine->service, &options, id_out));
}

static void until_entered(engine_gate *gate)
{
    while (!__atomic_load_n(&gate->entered, __ATOMIC_SEQ_CST)) {
        sched_yield();
    }
}

static void open_gate(engine_gate *gate)
{
    __atomic_store_n(&gate->open, 1, __ATOMIC_SEQ_CST);
}

static void a_running_backup_can_be_cancelled_within_two_seconds(void **state)
{
    engine_fixture *engine = *state;
    engine_gate gate = {0, 0};
    bs_backup_info *info = NULL;
    int64_t began = 0;
    char id[BS_ID_SIZE];

    start_slow(engine, &gate, "slow", id);
    until_entered(&gate);
    assert_status(bs_backup_wait(engine->service, id, 0), BS_E_TIMEOUT);
    info = engine_get(engine, id);
    assert_int_equal(info->status, BS_STATE_RUNNING);
    assert_true(info->progress < 100);
    bs_backup_info_free(info);
    assert_status(bs_backup_delete(engine->service, id, false, NULL), BS_E_BUSY);
    assert_status(bs_catalog_rebuild(engine->service, NULL), BS_E_BUSY);

    began = bsi_monotonic_ns();
    assert_ok(bs_backup_cancel(engine->service, id));
    assert_status(bs_backup_wait(engine->service, id, BS_FOREVER), BS_E_CANCELLED);
    assert_true(bsi_monotonic_ns() - began < INT64_C(2000000000));
    info = engine_get(engine, id);
    assert_int_equal(info->status, BS_STATE_CANCELLED);
    assert_int_equal(info->error.code, BS_OK);
    bs_backup_info_free(info);
    assert_ok(bs_backup_cancel(engine->service, id));
}

static void more_jobs_than_runners_wait_their_turn(void **state)
{
    engine_fixture *engine = *state;
    bs_service_options options = BS_SERVICE_OPTIONS_INIT;
    bs_config *config = NULL;
    engine_gate gates[3] = {{0, 0}, {0, 0}, {0, 0}};
    bs_backup_info *info = NULL;
    char ids[3][BS_ID_SIZE];

    engine_close(engine);
    assert_ok(bs_config_new(&config));
    assert_ok(bs_config_set(config, "MAX_CONCURRENT_BACKUPS", "1"));
    options.state_path = engine->state;
    options.config = config;
    assert_ok(bs_service_open(&options, &engine->service));
    bs_config_free(config);
    for (int i = 0; i < 3; i++) {
        start_slow(engine, &gates[i], "slow", ids[i]);
    }
    until_entered(&gates[0]);
    info = engine_get(engine, ids[1]);
    assert_int_equal(info->status, BS_STATE_PENDING);
    assert_string_equal(info->started_at, "");
    bs_backup_info_free(info);
    assert_ok(bs_backup_cancel(engine->service, ids[1])); /* Ends without ever having begun. */
    assert_status(bs_backup_wait(engine->service, ids[1], 0), BS_E_CANCELLED);
    open_gate(&gates[0]);
    open_gate(&gates[2]);
    assert_ok(bs_backup_wait(engine->service, ids[0], BS_FOREVER));
    assert_ok(bs_backup_wait(engine->service, ids[2], BS_FOREVER));
    assert_int_equal(gates[1].entered, 0);
}

static void closing_cancels_what_runs_and_what_waits(void **state)
{
    engine_fixture *engine = *state;
    engine_gate gates[8];
    bs_backup_info *info = NULL;
    char ids[8][BS_ID_SIZE];

    memset(gates, 0, sizeof(gates));
    for (int i = 0; i < 8; i++) {
        start_slow(engine, &gates[i], "slow", ids[i]);
    }
    until_entered(&gates[0]);
    engine_close(engine);
    engine_open(engine);
    for (int i = 0; i < 8; i++) {
        info = engine_get(engine, ids[i]);
        assert_int_equal(info->status, BS_STATE_CANCELLED);
        bs_backup_info_free(info);
    }
}

/* --- Events --- */

static void events_tell_a_job_from_start_to_end(void **state)
{
    engine_fixture *engine = *state;
    engine_gate gate = {0, 0};
    bs_subscription *subscription = NULL;
    bs_event *event = NULL;
    bs_job_state last = BS_STATE_PENDING;
    double progress = 0;
    size_t states = 0;
    char id[BS_ID_SIZE];
    bs_status status = BS_OK;

    start_slow(engine, &gate, "slow", id);
    assert_ok(bs_subscribe(engine->service, id, &subscription));
    until_entered(&gate);
    open_gate(&gate);
    for (;;) {
        status = bs_subscription_next(subscription, BS_FOREVER, &event);
        if (status != BS_OK) {
            break;
        }
        assert_string_equal(event->job_id, id);
        assert_int_equal(event->job_kind, BS_JOB_BACKUP);
        assert_true(event->progress >= progress);
        progress = event->progress;
        states += event->type == BS_EVENT_STATE ? 1 : 0;
        last = event->status;
        bs_event_free(event);
    }
    assert_int_equal(status, BS_END);
    assert_int_equal(last, BS_STATE_COMPLETED);
    assert_true(states >= 1);
    assert_true(progress == 100);
    bs_unsubscribe(subscription);
}

static void following_what_is_over_ends_at_once(void **state)
{
    engine_fixture *engine = *state;
    engine_gate gate = {0, 1};
    bs_subscription *subscription = NULL;
    bs_event *event = NULL;
    char id[BS_ID_SIZE];

    start_slow(engine, &gate, "quick", id);
    assert_ok(bs_backup_wait(engine->service, id, BS_FOREVER));
    assert_ok(bs_subscribe(engine->service, id, &subscription));
    assert_status(bs_subscription_next(subscription, BS_FOREVER, &event), BS_END);
    bs_unsubscribe(subscription);
    assert_status(
        bs_subscribe(engine->service, "00000000-0000-7000-8000-000000000000", &subscription),
        BS_E_NOT_FOUND);
}

static void the_descriptor_is_readable_while_events_wait(void **state)
{
    engine_fixture *engine = *state;
    engine_gate gate = {0, 1};
    bs_subscription *subscription = NULL;
    struct pollfd one = {.events = POLLIN};
    bs_event *event = NULL;
    char id[BS_ID_SIZE];

    assert_ok(bs_subscribe(engine->service, NULL, &subscription));
    one.fd = bs_subscription_fd(subscription);
    assert_int_equal(poll(&one, 1, 0), 0);
    start_slow(engine, &gate, "quick", id);
    assert_ok(bs_backup_wait(engine->service, id, BS_FOREVER));
    assert_int_equal(poll(&one, 1, 0), 1);
    while (bs_subscription_next(subscription, 0, &event) == BS_OK) {
        bs_event_free(event);
    }
    assert_int_equal(poll(&one, 1, 0), 0);
    bs_unsubscribe(subscription);
}

/* --- Threads --- */

typedef struct worker {
    engine_fixture *engine;
    pthread_t thread;
    int number;
    int failures;
} worker;

static void work_once(worker *self, const bs_backup_options *options)
{
    bs_backup_info *info = NULL;
    bs_backup_page *page = NULL;
    bs_stats_info *stats = NULL;
    char id[BS_ID_SIZE];
    bs_service *service = self->engine->service;

    if (bs_backup_start(service, options, id) < 0) {
        self->failures++;
        return;
    }
    self->failures += bs_backup_get(service, id, &info) == BS_OK ? 0 : 1;
    bs_backup_info_free(info);
    self->failures += bs_backup_list(service, NULL, &page) == BS_OK ? 0 : 1;
    bs_backup_page_free(page);
    self->failures += bs_stats(service, &stats) == BS_OK ? 0 : 1;
    bs_stats_info_free(stats);
    self->failures += bs_backup_wait(service, id, BS_FOREVER) >= 0 ? 0 : 1;
}

static void *work(void *user)
{
    worker *self = user;
    bs_backup_options options = engine_options(self->engine, "shared");
    char name[16];

    (void)snprintf(name, sizeof(name), "own%d", self->number);
    for (int i = 0; i < 3; i++) {
        options.backup_type = i == 0 ? BS_BACKUP_FULL : BS_BACKUP_INCREMENTAL;
        options.name = i == 1 ? name : "shared";
        work_once(self, &options);
    }
    return NULL;
}

static void many_threads_share_a_service(void **state)
{
    engine_fixture *engine = *state;
    worker workers[4];
    bs_backup_page *page = NULL;

    tree_build(engine->source, 0);
    for (int i = 0; i < 4; i++) {
        workers[i] = (worker){.engine = engine, .number = i};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        assert_int_equal(workers[i].failures, 0);
    }
    assert_ok(bs_backup_list(engine->service, NULL, &page));
    assert_int_equal(page->total, 12);
    bs_backup_page_free(page);
}

/* --- Memory --- */

/* Whatever allocation fails: the call or the job says so, and the service goes on. */
static void running_out_of_memory_leaves_the_service_usable(void **state)
{
    engine_fixture *engine = *state;
    engine_gate gate = {0, 1};
    bs_backup_options options = BS_BACKUP_OPTIONS_INIT;
    bs_status status = BS_E_NOMEM;
    char id[BS_ID_SIZE];

    options.name = "small";
    options.source_callback = engine_slow_source;
    options.source_user = &gate;
    for (long n = 0; status != BS_OK && n < 2000; n++) {
        bsi_alloc_fail_after(n);
        status = bs_backup_start(engine->service, &options, id);
        if (status == BS_OK) {
            status = bs_backup_wait(engine->service, id, BS_FOREVER);
        }
        if (!bsi_alloc_has_failed()) {
            assert_int_equal(status, BS_OK);
        } else {
            status = BS_E_NOMEM;
        }
        bsi_alloc_fail_after(-1);
    }
    assert_int_equal(status, BS_OK);
    assert_ok(bs_catalog_rebuild(engine->service, NULL));
    assert_ok(bs_backup_wait(engine->service, id, 0));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_setup, engine_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_running_backup_can_be_cancelled_within_two_seconds),
        TEST(more_jobs_than_runners_wait_their_turn),
        TEST(closing_cancels_what_runs_and_what_waits),
        TEST(events_tell_a_job_from_start_to_end),
        TEST(following_what_is_over_ends_at_once),
        TEST(the_descriptor_is_readable_while_events_wait),
        TEST(many_threads_share_a_service),
        TEST(running_out_of_memory_leaves_the_service_usable),
    };

    return cmocka_run_group_tests_name("engine/jobs", tests, NULL, NULL);
}
