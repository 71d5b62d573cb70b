/* SPDX-License-Identifier: MIT */
#ifndef BSI_HASH_CRC64_H
#define BSI_HASH_CRC64_H

#include <stddef.h>
#include <stdint.h>

/*
 * CRC-64/NVME: the polynomial 0xad93d23594c93659, reflected, with all ones before and
 * after. Source: "NVM Command Set Specification", 5.2.1.3.4; storage services have it too.
 * 16 KiB of tables, made by whoever computes; then any thread.
 */
typedef struct bsi_crc64 {
    uint64_t table[8][256];
} bsi_crc64;

void bsi_crc64_init(bsi_crc64 *tables);

uint64_t bsi_crc64_of(const bsi_crc64 *tables, const void *data, size_t size);

#endif
