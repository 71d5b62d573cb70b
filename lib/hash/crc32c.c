/* SPDX-License-Identifier: MIT */
/*
 * By the processor's instruction where there is one, else by a table.
 */
#include "hash/crc32c.h"

#include <string.h>

static const uint32_t polynomial = 0x82f63b78; /* Reflected. */

/* What four bits in front of a sum make of it. Small enough to be written out by its rule. */
static uint32_t step(uint32_t crc)
{
    for (int bit = 0; bit < 4; bit++) {
        crc = crc >> 1 ^ ((crc & 1) != 0 ? polynomial : 0);
    }
    return crc;
}

/*
 * The product of two polynomials modulo that of the sum, all reflected: the highest bit is x^0.
 */
static uint32_t multiply(uint32_t a, uint32_t b)
{
    uint32_t product = 0;

    for (uint32_t bit = UINT32_C(1) << 31; bit != 0; bit >>= 1) {
        product ^= (a & bit) != 0 ? b : 0;
        b = b >> 1 ^ ((b & 1) != 0 ? polynomial : 0);
    }
    return product;
}

/* `size` zero bytes behind the first stretch multiply its sum by x^(8 * size). */
uint32_t bsi_crc32c_join(uint32_t first, uint32_t second, uint64_t size)
{
    uint32_t power = UINT32_C(1) << (31 - 8); /* x^8, and its squares. */

    for (; size != 0; size >>= 1) {
        first = (size & 1) != 0 ? multiply(first, power) : first;
        power = multiply(power, power);
    }
    return first ^ second;
}

uint32_t bsi_crc32c_by_table(uint32_t crc, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    uint32_t table[16];

    for (uint32_t i = 0; i < 16; i++) {
        table[i] = step(i);
    }
    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

#if defined(__x86_64__) && defined(__GNUC__)

__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const uint8_t *bytes,
                                                                 size_t size)
{
    uint64_t sum = ~crc;

    for (; size >= sizeof(uint64_t); size -= sizeof(uint64_t), bytes += sizeof(uint64_t)) {
        uint64_t word = 0;

        memcpy(&word, bytes, sizeof(word));
        sum = __builtin_ia32_crc32di(sum, word);
    }
    crc = (uint32_t)sum;
    for (; size > 0; size--, bytes++) {
        crc = __builtin_ia32_crc32qi(crc, *bytes);
    }
    return ~crc;
}

uint32_t bsi_crc32c(uint32_t crc, const void *data, size_t size)
{
    return __builtin_cpu_supports("sse4.2") ? by_instruction(crc, data, size)
                                            : bsi_crc32c_by_table(crc, data, size);
}

#else

uint32_t bsi_crc32c(uint32_t crc, const void *data, size_t size)
{
    return bsi_crc32c_by_table(crc, data, size);
}

#endif
