/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <string.h>

#include "hash/crc32c.h"

/* The examples of RFC 3720, B.4, and the usual check value. */
static void the_sums_of_the_standard_come_out(void **state)
{
    uint8_t bytes[32];

    (void)state;
    assert_int_equal(bsi_crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(bsi_crc32c(0, NULL, 0), 0);
    memset(bytes, 0, sizeof(bytes));
    assert_int_equal(bsi_crc32c(0, bytes, sizeof(bytes)), 0x8a9136aa);
    memset(bytes, 0xff, sizeof(bytes));
    assert_int_equal(bsi_crc32c(0, bytes, sizeof(bytes)), 0x62a8ab43);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)i;
    }
    assert_int_equal(bsi_crc32c(0, bytes, sizeof(bytes)), 0x46dd794e);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(31 - i);
    }
    assert_int_equal(bsi_crc32c(0, bytes, sizeof(bytes)), 0x113fdb5c);
}

static void pieces_give_the_sum_of_the_whole_by_both_ways(void **state)
{
    uint8_t bytes[300];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * 2654435761u >> 9);
    }
    for (size_t begin = 0; begin < 9; begin++) {
        const size_t size = sizeof(bytes) - begin;
        const uint32_t whole = bsi_crc32c_by_table(0, bytes + begin, size);

        assert_int_equal(bsi_crc32c(0, bytes + begin, size), whole);
        for (size_t cut = 0; cut <= size; cut++) {
            const uint32_t first = bsi_crc32c(0, bytes + begin, cut);
            assert_int_equal(bsi_crc32c_by_table(0, bytes + begin, cut), first);
            assert_int_equal(bsi_crc32c(first, bytes + begin + cut, size - cut), whole);
        }
    }
}

static void sums_are_joined(void **state)
{
    static uint8_t bytes[70000];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * 2654435761u >> 11);
    }
    for (size_t cut = 0; cut <= sizeof(bytes); cut += 3500) {
        const uint32_t first = bsi_crc32c(0, bytes, cut);
        const uint32_t second = bsi_crc32c(0, bytes + cut, sizeof(bytes) - cut);

        assert_int_equal(bsi_crc32c_join(first, second, sizeof(bytes) - cut),
                         bsi_crc32c(0, bytes, sizeof(bytes)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sums_of_the_standard_come_out),
        cmocka_unit_test(sums_are_joined),
        cmocka_unit_test(pieces_give_the_sum_of_the_whole_by_both_ways),
    };

    return cmocka_run_group_tests_name("hash/crc32c", tests, NULL, NULL);
}
