/* SPDX-License-Identifier: MIT */
/* Vectors of "NVM Command Set Specification", 5.2.1.3.4, figure "64b CRC Test Cases". */
#include "support/test.h"

#include <string.h>

#include "hash/crc64.h"

enum { BLOCK = 4096 };

static bsi_crc64 tables;

static int make_tables(void **state)
{
    (void)state;
    bsi_crc64_init(&tables);
    return 0;
}

static void assert_crc(const void *data, size_t size, uint64_t expected)
{
    assert_true(bsi_crc64_of(&tables, data, size) == expected);
}

static void the_checksums_of_the_standard_come_out(void **state)
{
    uint8_t block[BLOCK];

    (void)state;
    assert_crc("123456789", 9, UINT64_C(0xae8b14860a799888));
    memset(block, 0, sizeof(block));
    assert_crc(block, sizeof(block), UINT64_C(0x6482d367eb22b64e));
    memset(block, 0xff, sizeof(block));
    assert_crc(block, sizeof(block), UINT64_C(0xc0ddba7302eca3ac));
    for (size_t i = 0; i < sizeof(block); i++) {
        block[i] = (uint8_t)i;
    }
    assert_crc(block, sizeof(block), UINT64_C(0x3e729f5f6750449c));
    for (size_t i = 0; i < sizeof(block); i++) {
        block[i] = (uint8_t)(0xff - i);
    }
    assert_crc(block, sizeof(block), UINT64_C(0x9a2df64b8e9e517e));
}

static void nothing_has_a_checksum(void **state)
{
    (void)state;
    assert_crc(NULL, 0, 0);
}

/* A bit at a time, as the polynomial says. */
static uint64_t plain_crc(const uint8_t *data, size_t size)
{
    uint64_t crc = UINT64_MAX;

    for (size_t i = 0; i < size * 8; i++) {
        const uint64_t bit = (crc ^ (uint64_t)(data[i / 8] >> (i % 8))) & 1;
        crc = (crc >> 1) ^ (bit != 0 ? UINT64_C(0x9a6c9329ac4bc9b5) : 0);
    }
    return crc ^ UINT64_MAX;
}

static void every_length_and_place_gives_the_same(void **state)
{
    uint8_t data[64];

    (void)state;
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i * 73 + 11);
    }
    for (size_t at = 0; at < 8; at++) {
        for (size_t size = 0; size <= sizeof(data) - 8; size++) {
            assert_crc(data + at, size, plain_crc(data + at, size));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_checksums_of_the_standard_come_out),
        cmocka_unit_test(nothing_has_a_checksum),
        cmocka_unit_test(every_length_and_place_gives_the_same),
    };

    return cmocka_run_group_tests_name("hash/crc64", tests, make_tables, NULL);
}
