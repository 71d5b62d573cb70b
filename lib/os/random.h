/* SPDX-License-Identifier: MIT */
#ifndef BSI_OS_RANDOM_H
#define BSI_OS_RANDOM_H

#include "base/error.h"

/* Fill `out` from the kernel's generator. Any thread. */
BS_NODISCARD bs_status bsi_random(void *out, size_t size);

/* A new UUID version 7 (RFC 9562, 5.7) as text: sorts by the time it was made. */
BS_NODISCARD bs_status bsi_new_id(char out[BS_ID_SIZE]);

/*
 * The bytes of an id and its text. Only what bsi_id_format() writes is parsed: lower case, five
 * groups; BS_E_INVALID otherwise. Versions are not looked at.
 */
enum { BSI_ID_BYTES = 16 };
void bsi_id_format(const uint8_t id[BSI_ID_BYTES], char out[BS_ID_SIZE]);
BS_NODISCARD bs_status bsi_id_parse(const char *text, uint8_t out[BSI_ID_BYTES]);

#endif
