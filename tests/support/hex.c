/* SPDX-License-Identifier: MIT */
/*
 * Bytes as hex digits.
 */
#include "support/hex.h"

#include <stdlib.h>
#include <string.h>

#include "support/test.h"

size_t hex_bytes(const char *hex, uint8_t *out, size_t room)
{
    const size_t size = strlen(hex) / 2;

    assert_true(strlen(hex) % 2 == 0 && size <= room);
    for (size_t i = 0; i < size; i++) {
        const char pair[] = {hex[2 * i], hex[2 * i + 1], '\0'};
        char *end = NULL;

        out[i] = (uint8_t)strtoul(pair, &end, 16);
        assert_ptr_equal(end, pair + 2);
    }
    return size;
}

void assert_hex(const void *bytes, size_t size, const char *hex)
{
    uint8_t expected[1024];

    assert_int_equal(hex_bytes(hex, expected, sizeof(expected)), size);
    assert_memory_equal(bytes, expected, size);
}
