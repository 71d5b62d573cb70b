/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include "base/error.h"
#include "chunk/polynomial.h"

static void a_degree_is_that_of_the_highest_power(void **state)
{
    (void)state;
    assert_int_equal(bsi_polynomial_degree(0), -1);
    assert_int_equal(bsi_polynomial_degree(1), 0);
    assert_int_equal(bsi_polynomial_degree(0x3da3358b4dc173), 53);
    assert_int_equal(bsi_polynomial_degree(UINT64_MAX), 63);
}

static void products_are_reduced(void **state)
{
    /* In GF(256) of AES (FIPS 197, 4.2): {57} times {83} is {c1}. */
    (void)state;
    assert_int_equal(bsi_polynomial_multiply(0x57, 0x83, 0x11b), 0xc1);
    assert_int_equal(bsi_polynomial_multiply(0x57, 0, 0x11b), 0);
    assert_int_equal(bsi_polynomial_multiply(1, 0x57, 0x11b), 0x57);
}

/* How many of a degree there are is known: 1/n times the sum of mu(n/d) 2^d over the divisors d. */
static void as_many_are_irreducible_as_there_must_be(void **state)
{
    static const int counts[] = {0, 2, 1, 2, 3, 6, 9, 18, 30, 56, 99, 186, 335};

    (void)state;
    for (int degree = 1; degree < (int)BSI_ARRAY_SIZE(counts); degree++) {
        int count = 0;
        for (uint64_t p = (uint64_t)1 << degree; p < (uint64_t)2 << degree; p++) {
            count += bsi_polynomial_is_irreducible(p);
        }
        assert_int_equal(count, counts[degree]);
    }
}

static void the_known_ones_are_told_apart(void **state)
{
    static const uint64_t good[] = {0x3da3358b4dc173, 0x25b468838dcb75, 0x385b75efa910d1,
                                    0x33aca5baadd15d, 0x2c1e094c6b8c31};
    static const uint64_t bad[] = {0x3da3358b4dc175, 0x20000000000001, 0x3fffffffffffff, 0, 1,
                                   UINT64_MAX};

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(good); i++) {
        assert_true(bsi_polynomial_is_irreducible(good[i]));
    }
    for (size_t i = 0; i < BSI_ARRAY_SIZE(bad); i++) {
        assert_false(bsi_polynomial_is_irreducible(bad[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_degree_is_that_of_the_highest_power),
        cmocka_unit_test(products_are_reduced),
        cmocka_unit_test(as_many_are_irreducible_as_there_must_be),
        cmocka_unit_test(the_known_ones_are_told_apart),
    };

    return cmocka_run_group_tests_name("chunk/polynomial", tests, NULL, NULL);
}
