/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include "base/alloc.h"
#include "os/users.h"

static int setup(void **state)
{
    return bsi_users_new((bsi_users **)state) == BS_OK ? 0 : -1;
}

static int teardown(void **state)
{
    bsi_alloc_fail_after(-1);
    bsi_users_free(*state);
    return 0;
}

static void names_and_ids_are_found_and_kept(void **state)
{
    const char *user = bsi_user_name(*state, 0);
    const char *group = bsi_group_name(*state, 0);
    uint32_t id = 1;

    assert_string_equal(user, "root");
    assert_string_equal(group, "root");
    for (uint32_t i = 1; i < 3000; i++) {
        assert_non_null(bsi_user_name(*state, i));
    }
    assert_ptr_equal(bsi_user_name(*state, 0), user);
    assert_ok(bsi_user_id(*state, "root", &id));
    assert_int_equal(id, 0);
    id = 1;
    assert_ok(bsi_group_id(*state, "root", &id));
    assert_ok(bsi_group_id(*state, "root", &id));
    assert_int_equal(id, 0);
}

static void what_is_not_there_is_not_found_again_and_again(void **state)
{
    uint32_t id = 77;

    for (int i = 0; i < 2; i++) {
        assert_string_equal(bsi_user_name(*state, 3999999999U), "");
        assert_string_equal(bsi_group_name(*state, 3999999999U), "");
        assert_status(bsi_user_id(*state, "no such user\n", &id), BS_E_NOT_FOUND);
        assert_string_equal(bs_error_last()->message, "no user 'no such user\\x0a'");
        assert_status(bsi_group_id(*state, "no such group", &id), BS_E_NOT_FOUND);
    }
    assert_int_equal(id, 77);
}

static void lack_of_memory_is_no_wrong_answer(void **state)
{
    bsi_users *users = NULL;
    uint32_t id = 77;

    bsi_alloc_fail_after(0);
    assert_string_equal(bsi_user_name(*state, 0), "");
    assert_string_equal(bsi_user_name(*state, 0), "root");
    bsi_alloc_fail_after(0);
    assert_status(bsi_user_id(*state, "root", &id), BS_E_NOMEM);
    assert_int_equal(id, 77);
    bsi_alloc_fail_after(0);
    assert_status(bsi_user_id(*state, "no such user", &id), BS_E_NOT_FOUND);
    for (long n = 0; n < 2; n++) {
        bsi_alloc_fail_after(n);
        assert_status(bsi_users_new(&users), BS_E_NOMEM);
        assert_null(users);
    }
    bsi_users_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_and_ids_are_found_and_kept),
        TEST(what_is_not_there_is_not_found_again_and_again),
        TEST(lack_of_memory_is_no_wrong_answer),
    };

    return cmocka_run_group_tests_name("os/users", tests, NULL, NULL);
}
