/* SPDX-License-Identifier: MIT */
/*
 * The behaviour that upper layers rely on, whatever the driver.
 */
#include "conformance/storage_checks.h"
#include "storage/decorators/faulty.h"
#include "storage/decorators/metrics.h"
#include "storage/decorators/retry.h"

static const storage_subject *present_subject;

static int setup(void **state)
{
    fixture *fix = calloc(1, sizeof(*fix));

    if (!fix) {
        return -1;
    }
    fix->subject = present_subject;
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

static int run_group(const char *name, const char *how, int (*prepare)(void **))
{
    static const behaviour *const lists[] = {storage_object_behaviours, storage_upload_behaviours,
                                             storage_load_behaviours};
    struct CMUnitTest tests[TESTS_MAX];
    char title[128];
    size_t count = 0;

    for (size_t i = 0; i < BSI_ARRAY_SIZE(lists); i++) {
        for (const behaviour *b = lists[i]; b->name && count < TESTS_MAX; b++) {
            tests[count] = (struct CMUnitTest){b->name, b->check, prepare, teardown, NULL};
            count++;
        }
    }
    (void)snprintf(title, sizeof(title), "storage/%s%s", name, how);
    return _cmocka_run_group_tests(title, tests, count, NULL, NULL);
}

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
    return failed + run_group(subject->name, " below retry", setup_retry);
}
