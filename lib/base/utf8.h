/* SPDX-License-Identifier: MIT */
#ifndef BSI_BASE_UTF8_H
#define BSI_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Length of the well-formed UTF-8 sequence (RFC 3629) that `bytes` begins with; 0 if there is none.
 */
size_t bsi_utf8_sequence(const char *bytes, size_t size);

/* True when all of `bytes` is well-formed UTF-8. */
bool bsi_utf8_valid(const char *bytes, size_t size);

#endif
