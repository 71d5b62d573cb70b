/* SPDX-License-Identifier: MIT */
/*
 * The growing buffer: doubles, up to its limit.
 */
#include "base/buffer.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"

enum { SMALLEST = 64 };

void bsi_buf_init(bsi_buf *buf, size_t max)
{
    *buf = (bsi_buf){.max = max};
}

void bsi_buf_dispose(bsi_buf *buf)
{
    bsi_free(buf->data);
    *buf = (bsi_buf){.max = buf->max};
}

bs_status bsi_buf_reserve(bsi_buf *buf, size_t extra)
{
    size_t need = 0;
    size_t capacity = buf->capacity ? buf->capacity : SMALLEST;
    uint8_t *data = NULL;

    if (!bsi_add_size(buf->size, extra, &need) || need > buf->max) {
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_LIMIT, "more than %zu bytes", buf->max);
    }
    if (need <= buf->capacity) {
        return BS_OK;
    }
    while (capacity < need) {
        capacity = capacity > buf->max / 2 ? buf->max : capacity * 2;
    }
    data = bsi_realloc_array(buf->data, capacity, 1);
    if (!data) {
        return BS_E_NOMEM;
    }
    buf->data = data;
    buf->capacity = capacity;
    return BS_OK;
}

bs_status bsi_buf_append(bsi_buf *buf, const void *data, size_t size)
{
    BSI_TRY(bsi_buf_reserve(buf, size));
    if (size > 0) {
        memcpy(buf->data + buf->size, data, size);
        buf->size += size;
    }
    return BS_OK;
}

bs_status bsi_buf_append_text(bsi_buf *buf, const char *text)
{
    return bsi_buf_append(buf, text, strlen(text));
}

bs_status bsi_buf_append_byte(bsi_buf *buf, uint8_t byte)
{
    return bsi_buf_append(buf, &byte, 1);
}

bs_status bsi_buf_append_format(bsi_buf *buf, const char *format, ...)
{
    va_list args;
    int length = 0;

    va_start(args, format);
    length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0) {
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_INTERNAL, "a text can not be formatted");
    }
    BSI_TRY(bsi_buf_reserve(buf, (size_t)length + 1));
    va_start(args, format);
    (void)vsnprintf((char *)buf->data + buf->size, (size_t)length + 1, format, args);
    va_end(args);
    buf->size += (size_t)length;
    return BS_OK;
}

void bsi_buf_clear(bsi_buf *buf)
{
    buf->size = 0;
}

char *bsi_buf_take_text(bsi_buf *buf)
{
    char *text = NULL;

    if (bsi_buf_append_byte(buf, 0) < 0) {
        return NULL;
    }
    text = (char *)buf->data;
    *buf = (bsi_buf){.max = buf->max};
    return text;
}
