/* SPDX-License-Identifier: MIT */
/*
 * tar: one stream of headers and content through the blocks. Any codec whose
 * blocks can stand one after the other makes a file that tar programs open.
 */
#include <inttypes.h>
#include <string.h>

#include "archive/driver.h"
#include "archive/drivers/tar_header.h"
#include "base/buffer.h"

enum { HEADER_MAX = 64 * 1024 * 1024, MAP_PIECE = 32 * 1024 };

typedef struct tar_writer {
    bsi_buf out;
    bsi_buf records;
    uint64_t stored; /* Bytes behind the header of the present entry. */
} tar_writer;

static const uint8_t zeros[2 * BSI_TAR_BLOCK];

static unsigned tar_losses(const bsi_entry *entry)
{
    return entry->stat.type == BSI_TYPE_SOCKET ? BSI_LOSS_SPECIAL : 0;
}

static bs_status tar_open(bsi_archive_writer *writer)
{
    tar_writer *tar = writer->self;

    writer->blocks_used = true;
    bsi_buf_init(&tar->out, HEADER_MAX);
    bsi_buf_init(&tar->records, HEADER_MAX);
    return BS_OK;
}

static void tar_close(bsi_archive_writer *writer)
{
    tar_writer *tar = writer->self;

    bsi_buf_dispose(&tar->out);
    bsi_buf_dispose(&tar->records);
}

static bs_status put_zeros(bsi_archive_writer *writer, uint64_t behind)
{
    const size_t size = (size_t)((BSI_TAR_BLOCK - behind % BSI_TAR_BLOCK) % BSI_TAR_BLOCK);

    return size > 0 ? bsi_block_writer_write(writer->blocks, zeros, size) : BS_OK;
}

/*
 * The n-th line of a sparse map, counted from 0: how many extents, then offset
 * and size of each. A hole at the end is told by an empty extent behind it.
 */
static uint64_t map_line(const bsi_entry *entry, uint64_t extents, uint64_t n)
{
    const uint64_t index = (n - 1) / 2;

    if (n == 0) {
        return extents;
    }
    if (index == entry->extent_count) {
        return n % 2 == 1 ? entry->stat.size : 0;
    }
    return n % 2 == 1 ? entry->extents[index].offset : entry->extents[index].size;
}

/* GNU tar pads each extent to whole blocks, others do not; these come out the same for all. */
static bs_status check_extents(const bsi_entry *entry)
{
    uint64_t at = 0;

    for (size_t i = 0; i < entry->extent_count; i++) {
        const bsi_extent *extent = &entry->extents[i];
        const uint64_t end = extent->offset + extent->size;
        const bool whole = end % BSI_TAR_BLOCK == 0 || end == entry->stat.size;
        if (!whole || extent->offset % BSI_TAR_BLOCK != 0 || extent->offset < at || end < at ||
            end > entry->stat.size) {
            return bsi_fail(BS_LAYER_STORAGE, BS_E_INVALID,
                            "an extent of a sparse file is not made of whole blocks");
        }
        at = end;
    }
    return BS_OK;
}

static uint64_t map_extents(const bsi_entry *entry)
{
    const size_t count = entry->extent_count;

    if (count > 0 &&
        entry->extents[count - 1].offset + entry->extents[count - 1].size == entry->stat.size) {
        return count;
    }
    return (uint64_t)count + 1;
}

static uint64_t map_size(const bsi_entry *entry)
{
    const uint64_t extents = map_extents(entry);
    uint64_t size = 0;

    for (uint64_t n = 0; n <= 2 * extents; n++) {
        uint64_t value = map_line(entry, extents, n);
        size += 2;
        for (; value >= 10; value /= 10) {
            size++;
        }
    }
    return (size + BSI_TAR_BLOCK - 1) / BSI_TAR_BLOCK * BSI_TAR_BLOCK;
}

static bs_status put_map(bsi_archive_writer *writer, const bsi_entry *entry)
{
    tar_writer *tar = writer->self;
    const uint64_t extents = map_extents(entry);
    uint64_t size = 0;
    bs_status status = BS_OK;

    bsi_buf_clear(&tar->out);
    for (uint64_t n = 0; n <= 2 * extents && status == BS_OK; n++) {
        status = bsi_buf_append_format(&tar->out, "%" PRIu64 "\n", map_line(entry, extents, n));
        if (status == BS_OK && (tar->out.size > MAP_PIECE || n == 2 * extents)) {
            status = bsi_block_writer_write(writer->blocks, tar->out.data, tar->out.size);
            size += tar->out.size;
            bsi_buf_clear(&tar->out);
        }
    }
    return status < 0 ? status : put_zeros(writer, size);
}

static bs_status tar_begin(bsi_archive_writer *writer, const bsi_entry *entry)
{
    tar_writer *tar = writer->self;
    const bool sparse = bsi_tar_is_sparse(entry);
    bs_status status = BS_OK;

    BSI_TRY(sparse ? check_extents(entry) : BS_OK);
    tar->stored = writer->size + (sparse ? map_size(entry) : 0);
    BSI_TRY(bsi_tar_header(entry, tar->stored, &tar->records, &tar->out));
    BSI_TRY(bsi_block_writer_write(writer->blocks, tar->out.data, tar->out.size));
    if (sparse) {
        status = put_map(writer, entry);
        if (status < 0) {
            return status;
        }
    }
    bsi_block_writer_tell(writer->blocks, &writer->mark.segment, &writer->mark.skip);
    return BS_OK;
}

static bs_status tar_end(bsi_archive_writer *writer)
{
    const tar_writer *tar = writer->self;

    return put_zeros(writer, tar->stored);
}

/* Two blocks of zeros; what programs pad with beyond them is for tapes. */
static bs_status tar_finish_blocks(bsi_archive_writer *writer)
{
    return bsi_block_writer_write(writer->blocks, zeros, sizeof(zeros));
}

const bsi_archive_ops bsi_archive_ops_tar = {
    .self_size = sizeof(tar_writer),
    .caps = BSI_ARCHIVE_SPARSE | BSI_ARCHIVE_HARDLINKS | BSI_ARCHIVE_REPLACE,
    .losses = tar_losses,
    .open = tar_open,
    .close = tar_close,
    .begin = tar_begin,
    .end = tar_end,
    .finish_blocks = tar_finish_blocks,
};
