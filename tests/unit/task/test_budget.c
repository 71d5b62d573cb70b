/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <string.h>

#include "os/thread.h"
#include "storage/storage.h"
#include "task/budget.h"

static void what_is_spent_is_shared(void **state)
{
    bsi_budget budget = {.limit = 100};
    bsi_spending one = {.budget = &budget};
    bsi_spending other = {.budget = &budget};

    (void)state;
    atomic_store(&budget.stored, 40);
    assert_ok(bsi_spend(&one, 30));
    assert_ok(bsi_spend(&other, 30));
    assert_int_equal(bsi_budget_used(&budget), 100);
    assert_status(bsi_spend(&other, 1), BS_E_NO_SPACE);
    assert_int_equal(bs_error_last()->layer, BS_LAYER_STORAGE);
    assert_non_null(strstr(bs_error_last()->message, "100 bytes that MAX_STORAGE_SIZE allows"));
    bsi_spend_back(&one, 10);
    assert_ok(bsi_spend(&other, 10));
    bsi_spending_end(&one);
    assert_int_equal(bsi_budget_used(&budget), 80);
    bsi_spending_end(&one);
    bsi_spending_end(&other);
    assert_int_equal(bsi_budget_used(&budget), 40);
}

static void without_a_limit_everything_fits(void **state)
{
    bsi_budget budget = {.limit = 0};
    bsi_spending counted = {.budget = &budget};
    bsi_spending none = {.budget = NULL};

    (void)state;
    assert_ok(bsi_spend(&counted, UINT64_MAX / 2));
    assert_ok(bsi_spend(&none, UINT64_MAX));
    assert_ok(bsi_spend(NULL, UINT64_MAX));
    bsi_spend_back(NULL, 1);
    bsi_spending_end(&none);
    bsi_spending_end(NULL);
}

enum { THREADS = 4, ROUNDS = 2000 };

static void spend_and_return(void *user)
{
    bsi_spending spending = {.budget = user};

    for (int i = 0; i < ROUNDS; i++) {
        if (bsi_spend(&spending, 7) >= 0 && i % 3 == 0) {
            bsi_spend_back(&spending, 7);
        }
    }
    bsi_spending_end(&spending);
}

static void threads_leave_it_as_they_found_it(void **state)
{
    bsi_budget budget = {.limit = 5000};
    bsi_thread threads[THREADS];

    (void)state;
    for (size_t i = 0; i < THREADS; i++) {
        assert_ok(bsi_thread_start(&threads[i], "spender", spend_and_return, &budget));
    }
    for (size_t i = 0; i < THREADS; i++) {
        bsi_thread_join(threads[i]);
    }
    assert_int_equal(bsi_budget_used(&budget), 0);
}

static void uploads_spend_and_give_back(void **state)
{
    bsi_budget budget = {.limit = 10};
    bsi_spending spending = {.budget = &budget};
    const bs_call call = {.spending = &spending};
    bsi_storage *storage = NULL;
    bsi_upload *upload = NULL;

    (void)state;
    assert_ok(bsi_storage_open("mem", NULL, 0, NULL, &storage));
    assert_ok(bsi_storage_put(storage, &call, "a", "123", 3));
    assert_int_equal(bsi_budget_used(&budget), 3);
    assert_ok(bsi_upload_begin(storage, &call, "b", NULL, &upload));
    assert_ok(bsi_upload_write(upload, &call, "12345", 5));
    assert_int_equal(bsi_budget_used(&budget), 8);
    assert_status(bsi_upload_write(upload, &call, "123", 3), BS_E_NO_SPACE);
    bsi_upload_abort(upload);
    assert_int_equal(bsi_budget_used(&budget), 3);
    assert_status(bsi_storage_put(storage, &call, "c", "12345678", 8), BS_E_NO_SPACE);
    assert_int_equal(bsi_budget_used(&budget), 3);
    assert_ok(bsi_storage_put(storage, NULL, "c", "12345678", 8));
    bsi_storage_unref(storage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_spent_is_shared),
        cmocka_unit_test(without_a_limit_everything_fits),
        cmocka_unit_test(threads_leave_it_as_they_found_it),
        cmocka_unit_test(uploads_spend_and_give_back),
    };

    return cmocka_run_group_tests_name("task/budget", tests, NULL, NULL);
}
