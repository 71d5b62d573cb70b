/* SPDX-License-Identifier: MIT */
/*
 * The list: a file that is written in large pieces, and a tail in memory.
 * Reading goes through a window over the file, so that short records cost no
 * call each.
 */
#include "archive/spool.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/checked.h"
#include "os/file.h"

enum { TAIL_MAX = 1024 * 1024, WINDOW_SIZE = 64 * 1024 };

struct bsi_spool {
    int dir;
    int fd;        /* -1: all is in memory. */
    uint64_t kept; /* Bytes in the file; the tail comes behind them. */
    bsi_buf tail;
    uint8_t *window; /* A copy of the file from window_at on. */
    uint64_t window_at;
    size_t window_size;
};

bs_status bsi_spool_new(int dir, bsi_spool **out)
{
    bsi_spool *spool = bsi_calloc(1, sizeof(*spool));

    if (!spool) {
        return BS_E_NOMEM;
    }
    spool->dir = dir;
    spool->fd = -1;
    bsi_buf_init(&spool->tail, TAIL_MAX);
    *out = spool;
    return BS_OK;
}

void bsi_spool_free(bsi_spool *spool)
{
    if (spool) {
        bsi_close_quietly(spool->fd);
        bsi_buf_dispose(&spool->tail);
        bsi_free(spool->window);
        bsi_free(spool);
    }
}

uint64_t bsi_spool_size(const bsi_spool *spool)
{
    return spool->kept + spool->tail.size;
}

static bs_status flush_tail(bsi_spool *spool)
{
    bs_status status = BS_OK;

    if (spool->fd < 0) {
        status = bsi_temp_file(spool->dir, &spool->fd);
    }
    if (status == BS_OK) {
        status = bsi_pwrite(spool->fd, spool->tail.data, spool->tail.size, spool->kept);
    }
    if (status < 0) {
        return bsi_fail_context(BS_LAYER_STORAGE, status, "temporary list of a container");
    }
    spool->kept += spool->tail.size;
    bsi_buf_clear(&spool->tail);
    return BS_OK;
}

bs_status bsi_spool_append(bsi_spool *spool, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    bs_status status = BS_OK;

    while (size > 0 && status == BS_OK) {
        const size_t part = bsi_min_size(size, TAIL_MAX - spool->tail.size);
        status = bsi_buf_append(&spool->tail, bytes, part);
        bytes += part;
        size -= part;
        if (status == BS_OK && spool->tail.size == TAIL_MAX) {
            status = flush_tail(spool);
        }
    }
    return status;
}

/* Make the window begin at `offset`, which lies in the file, unless it holds that already. */
static bs_status move_window(bsi_spool *spool, uint64_t offset)
{
    const size_t want = (size_t)bsi_min_u64(WINDOW_SIZE, spool->kept - offset);
    size_t got = 0;
    bs_status status = BS_OK;

    if (offset >= spool->window_at && offset - spool->window_at < spool->window_size) {
        return BS_OK;
    }
    if (!spool->window) {
        spool->window = bsi_alloc(WINDOW_SIZE);
        if (!spool->window) {
            return BS_E_NOMEM;
        }
    }
    spool->window_size = 0;
    status = bsi_pread(spool->fd, spool->window, want, offset, &got);
    if (status == BS_OK && got != want) {
        status = bsi_fail(BS_LAYER_SYSTEM, BS_E_IO, "cut short by somebody else");
    }
    if (status < 0) {
        return bsi_fail_context(BS_LAYER_STORAGE, status, "temporary list of a container");
    }
    spool->window_at = offset;
    spool->window_size = want;
    return BS_OK;
}

static bs_status read_file_part(bsi_spool *spool, uint64_t offset, uint8_t *out, size_t size)
{
    bs_status status = BS_OK;

    while (size > 0) {
        status = move_window(spool, offset);
        if (status < 0) {
            return status;
        }
        const size_t at = (size_t)(offset - spool->window_at);
        const size_t part = bsi_min_size(size, spool->window_size - at);
        memcpy(out, spool->window + at, part);
        out += part;
        offset += part;
        size -= part;
    }
    return BS_OK;
}

bs_status bsi_spool_read(bsi_spool *spool, uint64_t offset, void *buf, size_t size)
{
    const uint64_t end = bsi_spool_size(spool);
    uint8_t *out = buf;
    bs_status status = BS_OK;

    BSI_CHECK(offset <= end && size <= end - offset);
    if (offset < spool->kept) {
        const size_t part = (size_t)bsi_min_u64(size, spool->kept - offset);
        status = read_file_part(spool, offset, out, part);
        if (status < 0) {
            return status;
        }
        out += part;
        offset += part;
        size -= part;
    }
    if (size > 0) {
        memcpy(out, spool->tail.data + (offset - spool->kept), size);
    }
    return BS_OK;
}

bs_status bsi_spool_cut(bsi_spool *spool, uint64_t size)
{
    BSI_CHECK(size <= bsi_spool_size(spool));
    if (size >= spool->kept) {
        spool->tail.size = (size_t)(size - spool->kept);
        return BS_OK;
    }
    /* The rest of the file is written over by the next flush. */
    bsi_buf_clear(&spool->tail);
    spool->kept = size;
    spool->window_size = 0;
    return BS_OK;
}
