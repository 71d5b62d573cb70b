/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/events.h"

#define ID_A "019ab000-0000-7000-8000-00000000000a"
#define ID_B "019ab000-0000-7000-8000-00000000000b"

static int setup(void **state)
{
    bsi_events *events = bsi_calloc(1, sizeof(*events));

    bsi_events_init(events);
    *state = events;
    return 0;
}

static int teardown(void **state)
{
    bsi_events_dispose(*state);
    bsi_free(*state);
    return 0;
}

static void send(bsi_events *events, bs_event_type type, const char *id, bs_job_state job_state,
                 uint64_t number)
{
    bs_event event = {.type = type, .status = job_state, .files_processed = number};

    memcpy(event.job_id, id, BS_ID_SIZE);
    event.warning = (bs_warning){BS_E_ACCESS, BS_LAYER_SOURCE, "a/b", "permission denied"};
    bsi_events_send(events, &event);
}

static bool readable(bs_subscription *subscription)
{
    struct pollfd one = {.fd = bsi_subscription_fd(subscription), .events = POLLIN};

    return poll(&one, 1, 0) == 1;
}

static void a_subscription_hears_only_of_its_job(void **state)
{
    bs_subscription *subscription = NULL;
    bs_event *event = NULL;

    assert_ok(bsi_subscription_new(*state, ID_A, &subscription));
    send(*state, BS_EVENT_STATE, ID_B, BS_STATE_RUNNING, 0);
    assert_status(bsi_subscription_next(subscription, 0, &event), BS_E_TIMEOUT);
    assert_false(readable(subscription));
    send(*state, BS_EVENT_WARNING, ID_A, BS_STATE_RUNNING, 0);
    assert_true(readable(subscription));
    assert_ok(bsi_subscription_next(subscription, 0, &event));
    assert_string_equal(event->warning.path, "a/b");
    assert_string_equal(event->warning.message, "permission denied");
    assert_false(readable(subscription));
    bsi_event_free(event);
    bsi_subscription_free(subscription);
}

static void a_final_state_ends_the_subscription_after_all_was_taken(void **state)
{
    bs_subscription *subscription = NULL;
    bs_event *event = NULL;

    assert_ok(bsi_subscription_new(*state, ID_A, &subscription));
    send(*state, BS_EVENT_STATE, ID_A, BS_STATE_COMPLETED, 0);
    assert_ok(bsi_subscription_next(subscription, BS_FOREVER, &event));
    assert_int_equal(event->status, BS_STATE_COMPLETED);
    bsi_event_free(event);
    assert_true(readable(subscription));
    assert_status(bsi_subscription_next(subscription, BS_FOREVER, &event), BS_END);
    assert_status(bsi_subscription_next(subscription, 0, &event), BS_END);
    bsi_subscription_free(subscription);
}

static void progress_is_dropped_first_and_states_never(void **state)
{
    bs_subscription *subscription = NULL;
    bs_event *event = NULL;
    size_t states = 0;
    size_t count = 0;

    assert_ok(bsi_subscription_new(*state, NULL, &subscription));
    for (uint64_t i = 0; i < 600; i++) {
        send(*state, BS_EVENT_PROGRESS, ID_A, BS_STATE_RUNNING, i);
    }
    for (uint64_t i = 0; i < 600; i++) {
        send(*state, BS_EVENT_WARNING, ID_A, BS_STATE_RUNNING, i);
    }
    assert_ok(bsi_subscription_next(subscription, 0, &event));
    assert_int_equal(event->type, BS_EVENT_PROGRESS);
    assert_int_equal(event->files_processed, 600 + 600 - 1024);
    bsi_event_free(event);
    for (uint64_t i = 0; i < 2000; i++) {
        send(*state, BS_EVENT_STATE, ID_A, BS_STATE_RUNNING, i);
    }
    while (bsi_subscription_next(subscription, 0, &event) == BS_OK) {
        states += event->type == BS_EVENT_STATE ? 1 : 0;
        assert_int_not_equal(event->type, BS_EVENT_PROGRESS);
        count++;
        bsi_event_free(event);
    }
    assert_int_equal(states, 2000);
    assert_int_equal(count, 2000);
    bsi_subscription_free(subscription);
}

static void what_nobody_took_is_freed(void **state)
{
    bs_subscription *subscription = NULL;

    assert_ok(bsi_subscription_new(*state, NULL, &subscription));
    assert_true(bsi_events_wanted(*state));
    send(*state, BS_EVENT_PROGRESS, ID_A, BS_STATE_RUNNING, 1);
    bsi_subscription_free(subscription);
    bsi_subscription_free(NULL);
    assert_false(bsi_events_wanted(*state));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_subscription_hears_only_of_its_job, setup, teardown),
        cmocka_unit_test_setup_teardown(a_final_state_ends_the_subscription_after_all_was_taken,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(progress_is_dropped_first_and_states_never, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_nobody_took_is_freed, setup, teardown),
    };

    return cmocka_run_group_tests_name("engine/events", tests, NULL, NULL);
}
