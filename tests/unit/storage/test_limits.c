/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "os/fault.h"
#include "os/thread.h"
#include "os/time.h"
#include "storage/decorators/limits.h"
#include "storage/decorators/retry.h"

#define SECOND INT64_C(1000000000)
#define HOUR (3600 * SECOND)
/* 2026-11-22T00:00:00Z, a Sunday. */
#define SUNDAY INT64_C(1795305600)

enum { MIB = 1024 * 1024, LARGE = 16 * MIB };

static uint8_t large[LARGE];
static bsi_limits_plan plan;

static int setup(void **state)
{
    (void)state;
    memset(&plan, 0, sizeof(plan));
    return bsi_storage_open("mem", NULL, 0, NULL, &fix.mem) == BS_OK &&
                   bsi_storage_put(fix.mem, NULL, "large", large, LARGE) == BS_OK &&
                   bsi_storage_faulty_new(fix.mem, &fix.faulty) == BS_OK &&
                   bsi_storage_limits_new(fix.faulty, NULL, bsi_timezone_utc(), &fix.storage) ==
                       BS_OK
               ? 0
               : -1;
}

static int end(void **state)
{
    bsi_clock_leap(false);
    bsi_clock_shift(0);
    return teardown(state);
}

static void limit(const char *upload, const char *download, uint32_t requests)
{
    assert_ok(bsi_timetable_parse(upload, &plan.upload));
    assert_ok(bsi_timetable_parse(download, &plan.download));
    plan.requests = requests;
    bsi_storage_limits_set(fix.storage, &plan);
}

/* How long something seems to take when nobody really waits. */
#define LEAPT(out, what)                          \
    do {                                          \
        const int64_t began = bsi_monotonic_ns(); \
        bsi_clock_leap(true);                     \
        assert_ok(what);                          \
        bsi_clock_leap(false);                    \
        *(out) = bsi_monotonic_ns() - began;      \
    } while (0)

/* --- Rates --- */

static void uploads_keep_to_their_rate(void **state)
{
    int64_t took = 0;

    (void)state;
    limit("512k", "off", 0);
    LEAPT(&took, bsi_storage_put(fix.storage, NULL, "a", large, LARGE));
    /* 32 s, less the last piece, which nobody waits behind. */
    assert_true(took > 31 * SECOND && took < 60 * SECOND);
}

static void downloads_keep_to_theirs(void **state)
{
    int64_t took = 0;

    (void)state;
    limit("1k", "2M", 0);
    LEAPT(&took, bsi_storage_read(fix.storage, NULL, "large", 0, large, LARGE));
    assert_true(took > 6 * SECOND && took < 20 * SECOND);
}

static void small_objects_add_up(void **state)
{
    int64_t took = 0;
    int64_t all = 0;
    char key[16];

    (void)state;
    limit("100k", "off", 0);
    for (int i = 0; i < 100; i++) {
        (void)snprintf(key, sizeof(key), "k%d", i);
        LEAPT(&took, bsi_storage_put(fix.storage, NULL, key, large, 10240));
        all += took;
    }
    assert_true(all > 9 * SECOND && all < 30 * SECOND);
}

static void without_limits_all_goes_at_once(void **state)
{
    (void)state;
    limit("off", "off", 0);
    bsi_storage_faulty_set(fix.faulty, NULL);
    assert_ok(bsi_storage_put(fix.storage, NULL, "a", large, LARGE));
    assert_ok(bsi_storage_read(fix.storage, NULL, "a", 0, large, LARGE));
    /* begin, one write, commit, one read. */
    assert_int_equal(bsi_storage_faulty_count(fix.faulty), 4);
}

static void what_comes_in_pieces_is_the_same(void **state)
{
    static uint8_t made[3 * MIB + 77];
    static uint8_t got[3 * MIB + 77];
    int64_t took = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(made); i++) {
        made[i] = (uint8_t)(i * 7 + i / 251);
    }
    limit("300k", "700k", 0);
    LEAPT(&took, bsi_storage_put(fix.storage, NULL, "a", made, sizeof(made)));
    LEAPT(&took, bsi_storage_read(fix.storage, NULL, "a", 0, got, sizeof(got)));
    assert_memory_equal(made, got, sizeof(made));
    assert_ok(bsi_storage_read(fix.mem, NULL, "a", 0, got, sizeof(got)));
    assert_memory_equal(made, got, sizeof(made));
}

static void a_timetable_goes_by_the_clock(void **state)
{
    int64_t took = 0;

    (void)state;
    limit("08:00,1M 20:00,off", "off", 0);
    bsi_clock_stop(SUNDAY + 9 * 3600);
    LEAPT(&took, bsi_storage_put(fix.storage, NULL, "a", large, LARGE));
    assert_true(took > 14 * SECOND);
    bsi_clock_stop(SUNDAY + 20 * 3600);
    LEAPT(&took, bsi_storage_put(fix.storage, NULL, "a", large, LARGE));
    assert_true(took < 14 * SECOND);
}

static void what_is_sent_again_counts_again(void **state)
{
    static const bsi_backoff_policy quick = {.base_ms = 1, .cap_ms = 1, .total_ms = 3600000};
    const bsi_faulty_plan once = {
        .op_mask = BSI_FAULTY_WRITE, .at = 3, .code = BS_E_IO, .retry = BS_RETRY_SAFE};
    static uint8_t got[LARGE];
    bsi_storage *retry = NULL;
    bsi_storage *limits = NULL;
    int64_t took = 0;

    (void)state;
    large[LARGE - 1] = 1;
    fix.faulty->caps |= BS_STORAGE_CAP_RESUME;
    assert_ok(bsi_timetable_parse("1M", &plan.upload));
    assert_ok(bsi_storage_limits_new(fix.faulty, &plan, bsi_timezone_utc(), &limits));
    assert_ok(bsi_storage_retry_new(limits, &quick, &retry));
    bsi_storage_faulty_set(fix.faulty, &once);
    LEAPT(&took, bsi_storage_put(retry, NULL, "a", large, LARGE));
    /* 64 pieces, of which one comes twice. */
    assert_int_equal(bsi_storage_faulty_count(fix.faulty), 65);
    assert_ok(bsi_storage_read(fix.mem, NULL, "a", 0, got, LARGE));
    assert_memory_equal(large, got, LARGE);
    bsi_storage_unref(retry);
    bsi_storage_unref(limits);
    large[LARGE - 1] = 0;
}

/* --- Ends of waits --- */

typedef struct worker {
    const bs_call *call;
    bs_status status;
    const char *key;
} worker;

static void put_large(void *user)
{
    worker *self = user;

    self->status = bsi_storage_put(fix.storage, self->call, self->key, large, LARGE);
}

/* At this rate it would take four hours; the test's own time limit is minutes. */
static void a_cancelled_job_waits_no_longer(void **state)
{
    bsi_cancel cancel = {0};
    const bs_call call = {.cancel = &cancel};
    worker one = {.call = &call, .key = "a"};
    bs_storage_object object;
    bsi_thread thread;

    (void)state;
    limit("1k", "off", 0);
    assert_ok(bsi_thread_start(&thread, "worker", put_large, &one));
    bsi_cancel_request(&cancel);
    bsi_thread_join(thread);
    assert_int_equal(one.status, BS_E_CANCELLED);
    assert_status(bsi_storage_stat(fix.mem, NULL, "a", &object), BS_E_NOT_FOUND);
}

static void a_rate_can_be_changed_while_somebody_waits(void **state)
{
    worker one = {.key = "a"};
    bsi_thread thread;

    (void)state;
    limit("1k", "off", 0);
    assert_ok(bsi_thread_start(&thread, "worker", put_large, &one));
    limit("off", "off", 0);
    bsi_thread_join(thread);
    assert_ok(one.status);
}

/* --- Places --- */

/* Counts who is inside of the driver at the same time. */
static atomic_int inside;
static atomic_int most;
static bs_status (*true_stat)(void *self, const bs_call *call, const char *key,
                              bs_storage_object *out);

static bs_status counting_stat(void *self, const bs_call *call, const char *key,
                               bs_storage_object *out)
{
    const int now = atomic_fetch_add(&inside, 1) + 1;
    bs_status status = BS_OK;
    int before = atomic_load(&most);

    while (now > before && !atomic_compare_exchange_weak(&most, &before, now)) {
    }
    status = true_stat(self, call, key, out);
    atomic_fetch_sub(&inside, 1);
    return status;
}

enum { WORKERS = 8, CALLS = 300 };

static void stat_often(void *user)
{
    worker *self = user;
    bs_storage_object object;

    for (int i = 0; i < CALLS && self->status == BS_OK; i++) {
        self->status = bsi_storage_stat(fix.storage, NULL, "large", &object);
    }
}

static void no_more_than_so_many_are_inside(void **state)
{
    worker workers[WORKERS] = {{.call = NULL}};
    bsi_thread threads[WORKERS];

    (void)state;
    true_stat = fix.faulty->ops.stat;
    fix.faulty->ops.stat = counting_stat;
    atomic_store(&most, 0);
    limit("off", "off", 3);
    for (size_t i = 0; i < WORKERS; i++) {
        assert_ok(bsi_thread_start(&threads[i], "worker", stat_often, &workers[i]));
    }
    for (size_t i = 0; i < WORKERS; i++) {
        bsi_thread_join(threads[i]);
        assert_ok(workers[i].status);
    }
    assert_true(atomic_load(&most) >= 1 && atomic_load(&most) <= 3);
}

static bs_status stat_again(void *user, const char *key, const bs_storage_object *object)
{
    bs_storage_object again;

    (void)user;
    BSI_TRY(bsi_storage_stat(fix.storage, NULL, key, &again));
    assert_int_equal(object->size, again.size);
    return BS_OK;
}

static void an_open_upload_and_a_listing_keep_no_place(void **state)
{
    bsi_upload *upload = NULL;

    (void)state;
    limit("off", "off", 1);
    assert_ok(bsi_upload_begin(fix.storage, NULL, "b", NULL, &upload));
    assert_ok(bsi_storage_list(fix.storage, NULL, "", stat_again, NULL));
    assert_ok(bsi_upload_commit(upload, NULL));
}

static bs_status stop(void *user, const char *key, const bs_storage_object *object)
{
    (void)user;
    (void)key;
    (void)object;
    return BS_E_CALLBACK;
}

/* Failures of every kind give their places back. */
static void no_place_is_lost(void **state)
{
    bs_storage_object object;
    bsi_cancel cancel = {0};
    const bs_call call = {.cancel = &cancel};
    const bsi_faulty_plan always = {.at = 1, .forever = true, .code = BS_E_IO};
    bsi_upload *upload = NULL;

    (void)state;
    limit("off", "off", 1);
    assert_status(bsi_storage_list(fix.storage, NULL, "", stop, NULL), BS_E_CALLBACK);
    assert_ok(bsi_upload_begin(fix.storage, &call, "b", NULL, &upload));
    bsi_cancel_request(&cancel);
    assert_status(bsi_upload_commit(upload, &call), BS_E_CANCELLED);
    bsi_storage_faulty_set(fix.faulty, &always);
    assert_status(bsi_storage_stat(fix.storage, NULL, "large", &object), BS_E_IO);
    assert_status(bsi_storage_list(fix.storage, NULL, "", stop, NULL), BS_E_IO);
    assert_status(bsi_storage_remove(fix.storage, NULL, "large"), BS_E_IO);
    assert_status(bsi_storage_put(fix.storage, NULL, "b", "x", 1), BS_E_IO);
    bsi_storage_faulty_set(fix.faulty, NULL);
    assert_ok(bsi_storage_stat(fix.storage, NULL, "large", &object));
}

/* The only place is taken for as long as the callback of a listing page does not come. */
static atomic_bool held;
static bsi_cancel release_it;

static bs_status holding_stat(void *self, const bs_call *call, const char *key,
                              bs_storage_object *out)
{
    const bs_call until = {.cancel = &release_it};

    (void)self;
    (void)call;
    (void)key;
    (void)out;
    atomic_store(&held, true);
    assert_status(bsi_call_wait(&until, 600000), BS_E_CANCELLED);
    return BS_E_NOT_FOUND;
}

static void hold(void *user)
{
    bs_storage_object object;

    ((worker *)user)->status = bsi_storage_stat(fix.storage, NULL, "x", &object);
}

static void who_waits_for_a_place_can_be_cancelled(void **state)
{
    bsi_cancel cancel = {0};
    const bs_call call = {.cancel = &cancel};
    worker holder = {.status = BS_OK};
    worker waiter = {.call = &call, .key = "b"};
    bsi_thread threads[2];

    (void)state;
    atomic_store(&held, false);
    release_it = (bsi_cancel){0};
    fix.faulty->ops.stat = holding_stat;
    limit("off", "off", 1);
    assert_ok(bsi_thread_start(&threads[0], "holder", hold, &holder));
    while (!atomic_load(&held)) {
        assert_ok(bsi_call_wait(NULL, 1));
    }
    assert_ok(bsi_thread_start(&threads[1], "waiter", put_large, &waiter));
    bsi_cancel_request(&cancel);
    bsi_thread_join(threads[1]);
    assert_int_equal(waiter.status, BS_E_CANCELLED);
    bsi_cancel_request(&release_it);
    bsi_thread_join(threads[0]);
    assert_int_equal(holder.status, BS_E_NOT_FOUND);
}

static void what_is_set_can_be_read(void **state)
{
    static bsi_limits_plan got;

    (void)state;
    limit("1M", "08:00,2M 20:00,off", 7);
    bsi_storage_limits_get(fix.storage, &got);
    assert_memory_equal(&got, &plan, sizeof(got));
}

static void it_can_do_what_the_driver_can(void **state)
{
    (void)state;
    assert_int_equal(bsi_storage_caps(fix.storage), bsi_storage_caps(fix.faulty));
    assert_string_equal(bsi_storage_scheme(fix.storage), bsi_storage_scheme(fix.faulty));
    assert_null(fix.storage->ops.list_page);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(uploads_keep_to_their_rate),
        TEST(downloads_keep_to_theirs),
        TEST(small_objects_add_up),
        TEST(without_limits_all_goes_at_once),
        TEST(what_comes_in_pieces_is_the_same),
        TEST(a_timetable_goes_by_the_clock),
        TEST(what_is_sent_again_counts_again),
        TEST(a_cancelled_job_waits_no_longer),
        TEST(a_rate_can_be_changed_while_somebody_waits),
        TEST(no_more_than_so_many_are_inside),
        TEST(an_open_upload_and_a_listing_keep_no_place),
        TEST(no_place_is_lost),
        TEST(who_waits_for_a_place_can_be_cancelled),
        TEST(what_is_set_can_be_read),
        TEST(it_can_do_what_the_driver_can),
    };

    return cmocka_run_group_tests_name("storage/limits", tests, NULL, NULL);
}
