/* SPDX-License-Identifier: MIT */
#ifndef BSI_HASH_CRC32C_H
#define BSI_HASH_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/*
 * CRC-32C (Castagnoli; RFC 3720, appendix B.4), by which object storages check what they get.
 * Finds what changed by accident, not on purpose.
 */

/* The sum of all bytes so far: `crc` is that of those before, 0 for none. */
uint32_t bsi_crc32c(uint32_t crc, const void *data, size_t size);

/* The sum of two stretches, one behind the other, of which the second has `size` bytes. */
uint32_t bsi_crc32c_join(uint32_t first, uint32_t second, uint64_t size);

/* The same as bsi_crc32c() without the processor's own instruction; for tests to compare. */
uint32_t bsi_crc32c_by_table(uint32_t crc, const void *data, size_t size);

#endif
