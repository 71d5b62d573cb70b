/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include "base/alloc.h"
#include "repo/digest_table.h"

enum { COUNT = 5000 };

static bsi_digest digest_of(uint32_t number)
{
    bsi_digest digest;

    bsi_sha256_of(&number, sizeof(number), &digest);
    return digest;
}

static void numbers_are_kept_for_each_digest(void **state)
{
    bsi_digest_table table = {0};

    (void)state;
    for (uint32_t i = 0; i < COUNT; i++) {
        const bsi_digest digest = digest_of(i);
        assert_null(bsi_digest_table_find(&table, &digest));
        assert_ok(bsi_digest_table_put(&table, &digest, i));
    }
    assert_int_equal(table.count, COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        const bsi_digest digest = digest_of(i);
        assert_int_equal(*bsi_digest_table_find(&table, &digest), i);
        assert_ok(bsi_digest_table_put(&table, &digest, 7));
        assert_int_equal(*bsi_digest_table_find(&table, &digest), 7);
    }
    assert_int_equal(table.count, COUNT);
    bsi_digest_table_dispose(&table);
    assert_int_equal(table.count, 0);
}

/* Digests that begin alike fall on one place. */
static void digests_that_begin_alike_are_told_apart(void **state)
{
    bsi_digest_table table = {0};
    bsi_digest digest = {0};

    (void)state;
    for (uint8_t i = 0; i < 200; i++) {
        digest.bytes[BSI_SHA256_SIZE - 1] = i;
        assert_null(bsi_digest_table_find(&table, &digest));
        assert_ok(bsi_digest_table_put(&table, &digest, i));
    }
    for (uint8_t i = 0; i < 200; i++) {
        digest.bytes[BSI_SHA256_SIZE - 1] = i;
        assert_int_equal(*bsi_digest_table_find(&table, &digest), i);
    }
    bsi_digest_table_dispose(&table);
}

static void lack_of_memory_loses_nothing(void **state)
{
    bsi_digest_table table = {0};
    bs_status status = BS_OK;
    uint32_t count = 0;

    (void)state;
    bsi_alloc_fail_after(2);
    for (count = 0; status == BS_OK; count++) {
        const bsi_digest digest = digest_of(count);
        status = bsi_digest_table_put(&table, &digest, 1);
    }
    bsi_alloc_fail_after(-1);
    assert_int_equal(status, BS_E_NOMEM);
    assert_int_equal(table.count, count - 1);
    for (uint32_t i = 0; i < count - 1; i++) {
        const bsi_digest digest = digest_of(i);
        assert_non_null(bsi_digest_table_find(&table, &digest));
    }
    bsi_digest_table_dispose(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_kept_for_each_digest),
        cmocka_unit_test(digests_that_begin_alike_are_told_apart),
        cmocka_unit_test(lack_of_memory_loses_nothing),
    };

    return cmocka_run_group_tests_name("repo/digest_table", tests, NULL, NULL);
}
