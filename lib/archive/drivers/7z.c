/* SPDX-License-Identifier: MIT */
/*
 * 7z: content as LZMA2 streams ("folders") of many blocks and many files each,
 * then one header about everything. A folder is closed at the first file border
 * behind 64 MiB, so that other programs need not decode all for one file.
 */
#include <libdeflate.h>
#include <string.h>

#include "archive/driver.h"
#include "archive/drivers/7z_header.h"
#include "base/endian.h"
#include "base/utf8.h"

#define FOLDER_MIN UINT64_C(0x4000000)

/* Seconds from 1601 to 1970, and the ticks of a FILETIME: 100 ns. */
#define EPOCH_1601 INT64_C(11644473600)
#define TICKS_PER_SECOND INT64_C(10000000)
#define TICK_NS 100
#define LAST_SECOND (INT64_MAX / TICKS_PER_SECOND - 1)

enum {
    ATTRIBUTE_DIRECTORY = 0x10,
    ATTRIBUTE_ARCHIVE = 0x20,
    ATTRIBUTE_UNIX = 0x8000,
    NAME_PIECE = 256,
    ESCAPE_PLANE = 0xef00, /* Bytes that are no text, as 7-Zip itself writes and restores them. */
};

typedef struct sevenz_writer {
    bsi_7z_lists lists;
    bsi_7z_folder folder; /* The present one; without files: none. */
    uint64_t last_size;   /* Of its last file. */
    uint32_t sum;
} sevenz_writer;

static bool time_fits(const bsi_time *time)
{
    return time->nsec % TICK_NS == 0 && time->sec >= -EPOCH_1601 &&
           time->sec <= LAST_SECOND - EPOCH_1601;
}

/* A name is kept when it is UTF-8 and holds nothing of the escape plane. */
static bool name_fits(bsi_slice name)
{
    for (size_t at = 0; at < name.size;) {
        const size_t length = bsi_utf8_sequence(name.data + at, name.size - at);
        if (length == 0 || name.data[at] == '\\' ||
            (length == 3 && memcmp(name.data + at, "\xee\xbe", 2) == 0) ||
            (length == 3 && memcmp(name.data + at, "\xee\xbf", 2) == 0)) {
            return false;
        }
        at += length;
    }
    return true;
}

static unsigned sevenz_losses(const bsi_entry *entry)
{
    const bsi_stat *stat = &entry->stat;
    unsigned losses = BSI_LOSS_OWNER;

    if (stat->type != BSI_TYPE_FILE && stat->type != BSI_TYPE_DIR &&
        stat->type != BSI_TYPE_SYMLINK) {
        return BSI_LOSS_SPECIAL;
    }
    losses |= entry->xattr_count > 0 ? BSI_LOSS_XATTRS : 0;
    losses |= entry->linked.size > 0 ? BSI_LOSS_HARDLINK : 0;
    losses |= entry->sparse ? BSI_LOSS_SPARSE : 0;
    losses |= time_fits(&stat->mtime) ? 0 : BSI_LOSS_TIME;
    losses |= name_fits(entry->path) ? 0 : BSI_LOSS_NAME;
    return losses;
}

/*
 * The property byte for a dictionary that holds a whole block: 2 or 3 times a
 * power of two, from 4 KiB (0) on. Blocks are encoded apart, so no match
 * reaches further back, whatever the encoder's own dictionary is.
 */
static uint8_t dictionary_byte(uint64_t block_size)
{
    uint8_t byte = 0;

    while (byte < 39 && (UINT64_C(2) | (byte & 1)) << (byte / 2 + 11) < block_size) {
        byte++;
    }
    return byte;
}

static bs_status sevenz_open(bsi_archive_writer *writer)
{
    static const uint8_t zeros[BSI_7Z_SIGNATURE_SIZE];
    sevenz_writer *sevenz = writer->self;

    sevenz->lists.dictionary =
        dictionary_byte(writer->driver->codec->block_size(writer->options.level));
    BSI_TRY(bsi_7z_lists_open(&sevenz->lists, writer->options.temp_dir));
    return bsi_archive_emit(writer, zeros, sizeof(zeros));
}

static void sevenz_close(bsi_archive_writer *writer)
{
    sevenz_writer *sevenz = writer->self;

    bsi_7z_lists_close(&sevenz->lists);
}

/* One character, or one byte that belongs to none, in UTF-16; returns bytes of UTF-8 used. */
static size_t convert(const char *name, size_t size, uint8_t *out, size_t *used_out)
{
    const uint8_t *bytes = (const uint8_t *)name;
    const size_t length = bsi_utf8_sequence(name, size);
    uint32_t code = bytes[0];

    if (length == 0 || (length == 3 && bytes[0] == 0xee && (bytes[1] & 0xfe) == 0xbe)) {
        bsi_put_le16(out, (uint16_t)(ESCAPE_PLANE + bytes[0]));
        *used_out = 2;
        return 1;
    }
    if (length > 1) {
        code &= 0x7fu >> length;
        for (size_t i = 1; i < length; i++) {
            code = code << 6 | (bytes[i] & 0x3fu);
        }
    }
    if (code < 0x10000) {
        bsi_put_le16(out, (uint16_t)code);
        *used_out = 2;
        return length;
    }
    bsi_put_le16(out, (uint16_t)(0xd800 + ((code - 0x10000) >> 10)));
    bsi_put_le16(out + 2, (uint16_t)(0xdc00 + (code & 0x3ff)));
    *used_out = 4;
    return length;
}

static bs_status put_name(bsi_spool *names, bsi_slice path)
{
    static const uint8_t nul[2];
    uint8_t piece[NAME_PIECE];
    size_t fill = 0;
    bs_status status = BS_OK;

    for (size_t at = 0; at < path.size && status == BS_OK;) {
        size_t used = 0;
        at += convert(path.data + at, path.size - at, piece + fill, &used);
        fill += used;
        if (fill > sizeof(piece) - 4 || at == path.size) {
            status = bsi_spool_append(names, piece, fill);
            fill = 0;
        }
    }
    return status < 0 ? status : bsi_spool_append(names, nul, sizeof(nul));
}

static uint64_t file_time(const bsi_time *time)
{
    if (time->sec < -EPOCH_1601) {
        return 0;
    }
    if (time->sec > LAST_SECOND - EPOCH_1601) {
        return INT64_MAX;
    }
    return (uint64_t)((time->sec + EPOCH_1601) * TICKS_PER_SECOND) +
           (uint64_t)(time->nsec / TICK_NS);
}

static bs_status put_entry(bsi_7z_lists *lists, const bsi_entry *entry)
{
    const bool directory = entry->stat.type == BSI_TYPE_DIR;
    uint8_t bytes[8];

    BSI_TRY(put_name(lists->names, entry->path));
    bsi_put_le64(bytes, file_time(&entry->stat.mtime));
    BSI_TRY(bsi_spool_append(lists->times, bytes, 8));
    bsi_put_le32(bytes, bsi_archive_unix_mode(entry) << 16 | ATTRIBUTE_UNIX |
                            (directory ? ATTRIBUTE_DIRECTORY : ATTRIBUTE_ARCHIVE));
    lists->entry_count++;
    return bsi_spool_append(lists->modes, bytes, 4);
}

static bs_status put_kind(bsi_7z_lists *lists, bsi_7z_content content)
{
    const uint8_t kind = (uint8_t)content;

    lists->empty_count += content != BSI_7Z_CONTENT ? 1 : 0;
    return bsi_spool_append(lists->contents, &kind, 1);
}

/* Where the next file's content comes to lie: in the present folder, or in a new one. */
static bs_status begin_content(bsi_archive_writer *writer)
{
    sevenz_writer *sevenz = writer->self;
    bsi_7z_folder *folder = &sevenz->folder;
    bs_status status = BS_OK;

    writer->blocks_used = true;
    if (folder->files > 0 && folder->size >= FOLDER_MIN) {
        status = bsi_block_writer_cut(writer->blocks, true);
        if (status < 0) {
            return status;
        }
        status = bsi_7z_put_folder(&sevenz->lists, folder);
        if (status < 0) {
            return status;
        }
        *folder = (bsi_7z_folder){0};
    }
    bsi_block_writer_tell(writer->blocks, &writer->mark.segment, &writer->mark.skip);
    if (folder->files == 0) {
        folder->first = writer->mark.segment;
    }
    sevenz->sum = 0;
    return BS_OK;
}

/* Sizes are told of all but a folder's last file: that one has the rest. */
static bs_status end_content(sevenz_writer *sevenz, uint64_t size)
{
    bsi_7z_folder *folder = &sevenz->folder;
    uint8_t bytes[4];
    bs_status status = BS_OK;

    if (folder->files > 0) {
        status = bsi_7z_put_number(sevenz->lists.sizes, sevenz->last_size);
        if (status < 0) {
            return status;
        }
    }
    sevenz->last_size = size;
    folder->files++;
    folder->size += size;
    sevenz->lists.file_count++;
    bsi_put_le32(bytes, sevenz->sum);
    return bsi_spool_append(sevenz->lists.sums, bytes, sizeof(bytes));
}

/* A symbolic link is a file that holds where it points. */
static bs_status put_link(bsi_archive_writer *writer, const bsi_entry *entry)
{
    sevenz_writer *sevenz = writer->self;

    BSI_TRY(begin_content(writer));
    BSI_TRY(bsi_block_writer_write(writer->blocks, entry->link.data, entry->link.size));
    sevenz->sum = libdeflate_crc32(0, entry->link.data, entry->link.size);
    BSI_TRY(end_content(sevenz, entry->link.size));
    return put_kind(&sevenz->lists, BSI_7Z_CONTENT);
}

static bs_status sevenz_begin(bsi_archive_writer *writer, const bsi_entry *entry)
{
    sevenz_writer *sevenz = writer->self;

    BSI_TRY(put_entry(&sevenz->lists, entry));
    if (entry->stat.type == BSI_TYPE_SYMLINK) {
        return put_link(writer, entry);
    }
    if (entry->stat.type == BSI_TYPE_DIR) {
        return put_kind(&sevenz->lists, BSI_7Z_DIRECTORY);
    }
    return writer->size > 0 ? begin_content(writer) : BS_OK;
}

static void sevenz_content(bsi_archive_writer *writer, const void *data, size_t size)
{
    sevenz_writer *sevenz = writer->self;

    sevenz->sum = libdeflate_crc32(sevenz->sum, data, size);
}

static bs_status sevenz_end(bsi_archive_writer *writer)
{
    sevenz_writer *sevenz = writer->self;

    if (writer->state != BSI_ARCHIVE_FILE) {
        return BS_OK;
    }
    if (writer->written == 0) {
        return put_kind(&sevenz->lists, BSI_7Z_EMPTY_FILE);
    }
    BSI_TRY(end_content(sevenz, writer->written));
    return put_kind(&sevenz->lists, BSI_7Z_CONTENT);
}

static bs_status sevenz_finish(bsi_archive_writer *writer)
{
    sevenz_writer *sevenz = writer->self;
    bs_status status = BS_OK;

    if (sevenz->folder.files > 0) {
        status = bsi_7z_put_folder(&sevenz->lists, &sevenz->folder);
        if (status < 0) {
            return status;
        }
    }
    return bsi_7z_write_header(writer, &sevenz->lists);
}

const bsi_archive_ops bsi_archive_ops_7z = {
    .self_size = sizeof(sevenz_writer),
    .caps = BSI_ARCHIVE_SIZE_LATER,
    .needs_patch = true,
    .losses = sevenz_losses,
    .open = sevenz_open,
    .close = sevenz_close,
    .begin = sevenz_begin,
    .content = sevenz_content,
    .end = sevenz_end,
    .finish = sevenz_finish,
};
