/* SPDX-License-Identifier: MIT */
#ifndef BSI_BASE_BUFFER_H
#define BSI_BASE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

/*
 * A growing byte buffer with a limit of its own. Never shrinks; `data` may be
 * NULL while `size` is 0. One owner, no lock.
 */
typedef struct bsi_buf {
    uint8_t *data;
    size_t size;
    size_t capacity;
    size_t max; /* An append beyond it fails with BS_E_LIMIT. */
} bsi_buf;

void bsi_buf_init(bsi_buf *buf, size_t max);
void bsi_buf_dispose(bsi_buf *buf);

/* Make room for `extra` more bytes behind `size`, so that they can be written in place. */
BS_NODISCARD bs_status bsi_buf_reserve(bsi_buf *buf, size_t extra);

BS_NODISCARD bs_status bsi_buf_append(bsi_buf *buf, const void *data, size_t size);
BS_NODISCARD bs_status bsi_buf_append_text(bsi_buf *buf, const char *text);
BS_NODISCARD bs_status bsi_buf_append_byte(bsi_buf *buf, uint8_t byte);
BS_NODISCARD bs_status bsi_buf_append_format(bsi_buf *buf, const char *format, ...)
    BSI_PRINTF(2, 3);

/* What is in it. Valid until the buffer changes. */
static inline bsi_slice bsi_buf_slice(const bsi_buf *buf)
{
    return (bsi_slice){(const char *)buf->data, buf->size};
}

/* Forget the content, keep the memory. */
void bsi_buf_clear(bsi_buf *buf);

/* Hand the content over as a NUL-terminated string, leaving the buffer empty. NULL: no memory. */
char *bsi_buf_take_text(bsi_buf *buf);

#endif
