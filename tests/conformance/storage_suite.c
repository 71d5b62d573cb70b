/* SPDX-License-Identifier: MIT */
/*
 * The behaviour that upper layers rely on, whatever the driver.
 */
#include "conformance/storage_checks.h"
#include "storage/decorators/cache.h"
#include "storage/decorators/faulty.h"
#include "storage/decorators/guard.h"
#include "storage/decorators/limits.h"
#include "storage/decorators/metrics.h"
#include "storage/decorators/retry.h"
#include "storage/decorators/trace.h"

static const storage_subject *present_subject;
static bool present_one_line;

static int setup(void **state)
{
    fixture *fix = calloc(1, sizeof(*fix));

    if (!fix) {
        return -1;
    }
    fix->subject = present_subject;
    fix->one_line = present_one_line;
    if (fix->subject->open(&fix->place, &fix->inner) < 0) {
        print_error("%s\n", bs_error_last()->message);
        return -1;
    }
    fix->storage = bsi_storage_ref(fix->inner);
    *state = fix;
    return 0;
}

static int setup_decorated(void **state, bs_status (*decorate)(bsi_storage *, bsi_storage **))
{
    fixture *fix = NULL;

    if (setup(state) != 0) {
        return -1;
    }
    fix = *state;
    bsi_storage_unref(fix->storage);
    return decorate(fix->inner, &fix->storage) == BS_OK ? 0 : -1;
}

static int setup_faulty(void **state)
{
    return setup_decorated(state, bsi_storage_faulty_new);
}

static int setup_metrics(void **state)
{
    return setup_decorated(state, bsi_storage_metrics_new);
}

static bs_status pass_new(bsi_storage *inner, bsi_storage **out)
{
    return bsi_storage_guard_new(inner, "guarded", BSI_GUARD_NOTHING, out);
}

static int setup_guard(void **state)
{
    return setup_decorated(state, pass_new);
}

static bs_status append_only_new(bsi_storage *inner, bsi_storage **out)
{
    return bsi_storage_guard_new(inner, "guarded", BSI_GUARD_APPEND_ONLY, out);
}

static int setup_append_only(void **state)
{
    return setup_decorated(state, append_only_new);
}

/* So fast that nobody waits for long, and in a single place. */
static bs_status limits_new(bsi_storage *inner, bsi_storage **out)
{
    static bsi_limits_plan plan;
    bs_status status = bsi_timetable_parse("4G", &plan.upload);

    if (status == BS_OK) {
        status = bsi_timetable_parse("00:00,4G 12:00,4G", &plan.download);
    }
    plan.requests = 1;
    return status < 0 ? status : bsi_storage_limits_new(inner, &plan, bsi_timezone_utc(), out);
}

static int setup_limits(void **state)
{
    return setup_decorated(state, limits_new);
}

/* Copies of all, in so little room that they come and go. */
static bs_status cache_new(bsi_storage *inner, bsi_storage **out)
{
    static const bsi_cache_options options = {.bytes_max = 100000};
    bsi_storage *store = NULL;
    bs_status status = bsi_storage_open("mem", NULL, 0, NULL, &store);

    if (status == BS_OK) {
        status = bsi_storage_cache_new(inner, store, &options, out);
    }
    bsi_storage_unref(store);
    return status;
}

static int setup_cache(void **state)
{
    return setup_decorated(state, cache_new);
}

static void hear(bs_log_level level, const char *module, const char *message, void *user)
{
    (void)level;
    (void)user;
    assert_true(module && message);
}

static bs_status trace_new(bsi_storage *inner, bsi_storage **out)
{
    static const bsi_log log = {.sink = hear, .level = BS_LOG_DEBUG};

    return bsi_storage_trace_new(inner, "traced", &log, out);
}

static int setup_trace(void **state)
{
    return setup_decorated(state, trace_new);
}

static bs_status retry_new(bsi_storage *inner, bsi_storage **out)
{
    static const bsi_backoff_policy quick = {.base_ms = 1, .cap_ms = 1, .total_ms = 600000};

    return bsi_storage_retry_new(inner, &quick, out);
}

static int setup_repeating(void **state, bs_status (*decorate)(bsi_storage *, bsi_storage **))
{
    const int failed = setup_decorated(state, decorate);

    if (failed == 0) {
        ((fixture *)*state)->repeats = true;
    }
    return failed;
}

static int setup_retry(void **state)
{
    return setup_repeating(state, retry_new);
}

/*
 * Each third call fails in a way that may pass, of those that retry repeats over this driver;
 * what changes something is done all the same, and its answer gets lost.
 */
static bs_status rough_new(bsi_storage *inner, bsi_storage **out)
{
    bsi_faulty_plan plan = {.op_mask = ~(uint32_t)BSI_FAULTY_RENAME,
                            .at = 3,
                            .every = true,
                            .after = true,
                            .code = BS_E_IO,
                            .retry = BS_RETRY_SAFE};
    bsi_storage *faulty = NULL;
    bs_status status = bsi_storage_faulty_new(inner, &faulty);

    if ((bsi_storage_caps(inner) & BS_STORAGE_CAP_RESUME) == 0) {
        plan.op_mask &= ~(uint32_t)(BSI_FAULTY_WRITE | BSI_FAULTY_COMMIT);
    }
    if (status == BS_OK) {
        bsi_storage_faulty_set(faulty, &plan);
        status = retry_new(faulty, out);
    }
    bsi_storage_unref(faulty);
    return status;
}

static int setup_rough(void **state)
{
    return setup_repeating(state, rough_new);
}

static int teardown(void **state)
{
    fixture *fix = *state;

    bsi_alloc_fail_after(-1);
    bsi_storage_unref(fix->storage);
    bsi_storage_unref(fix->inner);
    fix->subject->close(fix->place);
    free(fix);
    return 0;
}

enum { TESTS_MAX = 64 };

static bool is_among(const char *name, const char *const *names)
{
    while (names && *names && strcmp(*names, name) != 0) {
        names++;
    }
    return names && *names;
}

/* All behaviours but those with these names; NULL: all. */
static int run_group_without(const char *name, const char *how, int (*prepare)(void **),
                             const char *const *left_out)
{
    static const behaviour *const lists[] = {storage_object_behaviours, storage_upload_behaviours,
                                             storage_load_behaviours};
    struct CMUnitTest tests[TESTS_MAX];
    char title[128];
    size_t count = 0;

    for (size_t i = 0; i < BSI_ARRAY_SIZE(lists); i++) {
        for (const behaviour *b = lists[i]; b->name && count < TESTS_MAX; b++) {
            if (!is_among(b->name, left_out)) {
                tests[count] = (struct CMUnitTest){b->name, b->check, prepare, teardown, NULL};
                count++;
            }
        }
    }
    (void)snprintf(title, sizeof(title), "storage/%s%s", name, how);
    return _cmocka_run_group_tests(title, tests, count, NULL, NULL);
}

static int run_group(const char *name, const char *how, int (*prepare)(void **))
{
    return run_group_without(name, how, prepare, NULL);
}

/* What removes or replaces objects. */
static const char *const changing[] = {
    "putting_again_replaces",
    "a_directory_is_no_object",
    "nothing_is_found_below_an_object",
    "removing_is_final_and_may_be_repeated",
    "many_are_removed_and_the_others_stay",
    "removing_leaves_the_neighbours",
    "a_key_can_become_a_directory_once_it_is_removed",
    "a_callback_may_use_the_storage",
    "keys_may_be_as_long_as_the_limit",
    "an_aborted_upload_leaves_what_was_there",
    "the_old_object_stays_until_the_commit",
    "of_two_uploads_of_one_key_the_last_commit_wins",
    "a_renamed_object_has_only_its_new_key",
    "renaming_nothing_is_not_found",
    "times_are_kept",
    "a_cancelled_call_changes_nothing",
    "running_out_of_memory_changes_nothing",
    "threads_do_not_get_in_each_others_way",
    "objects_that_stay_are_listed_while_others_come_and_go",
    NULL,
};

int storage_suite_run(const storage_subject *subject)
{
    int failed = 0;

    present_subject = subject;
    failed = run_group(subject->name, "", setup);
    failed += run_group(subject->name, " failing below retry", setup_rough);
    if (subject->brief && !getenv("BSI_TESTS_FULL")) {
        return failed;
    }
    failed += run_group(subject->name, " below faulty", setup_faulty);
    failed += run_group(subject->name, " below metrics", setup_metrics);
    failed += run_group(subject->name, " below a guard", setup_guard);
    failed += run_group(subject->name, " below limits", setup_limits);
    failed += run_group(subject->name, " below a cache", setup_cache);
    failed += run_group(subject->name, " below a trace", setup_trace);
    failed += run_group_without(subject->name, " append-only", setup_append_only, changing);
    return failed + run_group(subject->name, " below retry", setup_retry);
}

int storage_suite_run_one_line(const storage_subject *subject)
{
    present_one_line = true;
    return storage_suite_run(subject);
}
