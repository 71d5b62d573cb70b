/* SPDX-License-Identifier: MIT */
/*
 * CRC-64/NVME, eight bytes at a time: table[n] holds what a byte does to the
 * checksum when n more bytes follow it.
 */
#include "hash/crc64.h"

#include "base/endian.h"

#define POLYNOMIAL UINT64_C(0x9a6c9329ac4bc9b5) /* Reflected. */

enum { STEP = 8, BYTE_BITS = 8 };

static uint64_t step_bits(uint64_t crc)
{
    for (int bit = 0; bit < BYTE_BITS; bit++) {
        crc = (crc >> 1) ^ ((crc & 1) != 0 ? POLYNOMIAL : 0);
    }
    return crc;
}

void bsi_crc64_init(bsi_crc64 *tables)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        tables->table[0][byte] = step_bits(byte);
    }
    for (unsigned byte = 0; byte < 256; byte++) {
        for (unsigned more = 1; more < STEP; more++) {
            const uint64_t before = tables->table[more - 1][byte];
            tables->table[more][byte] = (before >> BYTE_BITS) ^ tables->table[0][before & 0xff];
        }
    }
}

static uint64_t step_eight(const bsi_crc64 *tables, uint64_t mixed)
{
    uint64_t crc = 0;

    for (unsigned at = 0; at < STEP; at++) {
        crc ^= tables->table[STEP - 1 - at][(mixed >> (BYTE_BITS * at)) & 0xff];
    }
    return crc;
}

uint64_t bsi_crc64_of(const bsi_crc64 *tables, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    uint64_t crc = UINT64_MAX;

    for (; size >= STEP; size -= STEP) {
        crc = step_eight(tables, crc ^ bsi_le64(bytes));
        bytes += STEP;
    }
    for (; size > 0; size--) {
        crc = (crc >> BYTE_BITS) ^ tables->table[0][(crc ^ *bytes) & 0xff];
        bytes++;
    }
    return crc ^ UINT64_MAX;
}
