/* SPDX-License-Identifier: MIT */
#ifndef BSI_TEXT_BASE64_H
#define BSI_TEXT_BASE64_H

#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"

/* Base 64 of RFC 4648 section 4: the alphabet with '+' and '/', padded, on one line. */

/* Append the encoded text. */
BS_NODISCARD bs_status bsi_base64_encode(const void *data, size_t size, bsi_buf *out);

/* The same with '-' and '_' and without padding, as in URLs (section 5). */
BS_NODISCARD bs_status bsi_base64_encode_url(const void *data, size_t size, bsi_buf *out);

/*
 * Append the decoded bytes; `out` is unchanged on failure. Only what
 * bsi_base64_encode() writes is accepted: no white space, no missing padding,
 * no stray bits in the last character. Else BS_E_INVALID of layer CALLER.
 */
BS_NODISCARD bs_status bsi_base64_decode(const char *text, size_t size, bsi_buf *out);

#endif
