/* SPDX-License-Identifier: MIT */
/*
 * The header of 7z files, after 7zFormat.txt of the LZMA SDK: properties, each
 * a byte that names it, nested and closed by a zero. It stands behind the
 * content, uncompressed; 32 bytes at the front tell where and with which sum.
 */
#include "archive/drivers/7z_header.h"

#include <libdeflate.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "base/endian.h"

enum {
    ID_END = 0x00,
    ID_HEADER = 0x01,
    ID_MAIN_STREAMS = 0x04,
    ID_FILES = 0x05,
    ID_PACK_INFO = 0x06,
    ID_UNPACK_INFO = 0x07,
    ID_SUB_STREAMS = 0x08,
    ID_SIZE = 0x09,
    ID_CRC = 0x0a,
    ID_FOLDER = 0x0b,
    ID_UNPACK_SIZE = 0x0c,
    ID_STREAM_COUNT = 0x0d,
    ID_EMPTY_STREAM = 0x0e,
    ID_EMPTY_FILE = 0x0f,
    ID_NAMES = 0x11,
    ID_TIME = 0x14,
    ID_ATTRIBUTES = 0x15,

    CODER_LZMA2 = 0x21,
    CODER_FLAGS = 0x21, /* An id of one byte, and properties. */

    FOLDER_RECORD = 24,
    NUMBER_MAX = 9,
    PIECE = 16 * 1024,
};

bs_status bsi_7z_lists_open(bsi_7z_lists *lists, int dir)
{
    bsi_spool **const spools[] = {&lists->folders, &lists->sizes, &lists->sums,    &lists->names,
                                  &lists->times,   &lists->modes, &lists->contents};
    bs_status status = BS_OK;

    for (size_t i = 0; i < BSI_ARRAY_SIZE(spools); i++) {
        status = bsi_spool_new(dir, spools[i]);
        if (status < 0) {
            return status;
        }
    }
    return BS_OK;
}

void bsi_7z_lists_close(bsi_7z_lists *lists)
{
    bsi_spool_free(lists->folders);
    bsi_spool_free(lists->sizes);
    bsi_spool_free(lists->sums);
    bsi_spool_free(lists->names);
    bsi_spool_free(lists->times);
    bsi_spool_free(lists->modes);
    bsi_spool_free(lists->contents);
}

bs_status bsi_7z_put_folder(bsi_7z_lists *lists, const bsi_7z_folder *folder)
{
    uint8_t record[FOLDER_RECORD];

    bsi_put_le64(record, folder->first);
    bsi_put_le64(record + 8, folder->size);
    bsi_put_le64(record + 16, folder->files);
    lists->folder_count++;
    return bsi_spool_append(lists->folders, record, sizeof(record));
}

/*
 * Leading ones of the first byte count the bytes that follow, lowest first; what
 * is left of the first byte holds the highest bits.
 */
static size_t format_number(uint8_t out[NUMBER_MAX], uint64_t value)
{
    size_t extra = 0;
    uint8_t first = 0;

    while (extra < 8 && value >> (7 * (extra + 1)) != 0) {
        first |= (uint8_t)(0x80 >> extra);
        extra++;
    }
    if (extra < 8) {
        first |= (uint8_t)(value >> (8 * extra));
    }
    out[0] = first;
    for (size_t i = 0; i < extra; i++) {
        out[1 + i] = (uint8_t)(value >> (8 * i));
    }
    return 1 + extra;
}

bs_status bsi_7z_put_number(bsi_spool *list, uint64_t value)
{
    uint8_t bytes[NUMBER_MAX];

    return bsi_spool_append(list, bytes, format_number(bytes, value));
}

/*
 * The header as it goes out: gathered into pieces, summed and counted. After a
 * failure, which `status` keeps, nothing more is done.
 */
typedef struct output {
    bsi_archive_writer *writer;
    const bsi_7z_lists *lists;
    uint64_t content_end;
    bs_status status;
    uint64_t size;
    uint32_t sum;
    size_t fill;
    uint8_t piece[PIECE];
} output;

static void note(output *out, bs_status status)
{
    if (out->status == BS_OK) {
        out->status = status;
    }
}

static void out_flush(output *out)
{
    if (out->status == BS_OK && out->fill > 0) {
        out->size += out->fill;
        out->sum = libdeflate_crc32(out->sum, out->piece, out->fill);
        note(out, bsi_archive_emit(out->writer, out->piece, out->fill));
    }
    out->fill = 0;
}

static void out_bytes(output *out, const void *data, size_t size)
{
    const uint8_t *bytes = data;

    while (size > 0) {
        const size_t part = bsi_min_size(size, PIECE - out->fill);
        memcpy(out->piece + out->fill, bytes, part);
        out->fill += part;
        bytes += part;
        size -= part;
        if (out->fill == PIECE) {
            out_flush(out);
        }
    }
}

static void out_byte(output *out, uint8_t byte)
{
    out_bytes(out, &byte, 1);
}

static void out_number(output *out, uint64_t value)
{
    uint8_t bytes[NUMBER_MAX];

    out_bytes(out, bytes, format_number(bytes, value));
}

static void out_spool(output *out, bsi_spool *list)
{
    const uint64_t size = bsi_spool_size(list);
    uint8_t part[1024] = {0};

    for (uint64_t at = 0; at < size && out->status == BS_OK;) {
        const size_t count = (size_t)bsi_min_u64(sizeof(part), size - at);
        note(out, bsi_spool_read(list, at, part, count));
        out_bytes(out, part, count);
        at += count;
    }
}

static bsi_7z_folder get_folder(output *out, uint64_t index)
{
    uint8_t record[FOLDER_RECORD] = {0};

    note(out, bsi_spool_read(out->lists->folders, index * FOLDER_RECORD, record, sizeof(record)));
    return (bsi_7z_folder){bsi_le64(record), bsi_le64(record + 8), bsi_le64(record + 16)};
}

/* Where the encoded bytes of a folder begin; those of the one behind the last: their end. */
static uint64_t folder_offset(output *out, uint64_t index)
{
    uint64_t offset = out->content_end;
    uint64_t stored = 0;

    if (index < out->lists->folder_count) {
        const bsi_7z_folder folder = get_folder(out, index);
        note(out, bsi_archive_segment_at(out->writer, folder.first, &offset, &stored));
    }
    return offset;
}

static void out_pack_info(output *out)
{
    const uint64_t count = out->lists->folder_count;
    uint64_t begin = folder_offset(out, 0);

    out_byte(out, ID_PACK_INFO);
    out_number(out, 0); /* The first lies right behind the signature. */
    out_number(out, count);
    out_byte(out, ID_SIZE);
    for (uint64_t i = 0; i < count && out->status == BS_OK; i++) {
        const uint64_t end = folder_offset(out, i + 1);
        out_number(out, end - begin);
        begin = end;
    }
    out_byte(out, ID_END);
}

static void out_unpack_info(output *out)
{
    const uint8_t coder[] = {1, CODER_FLAGS, CODER_LZMA2, 1, out->lists->dictionary};
    const uint64_t count = out->lists->folder_count;

    out_byte(out, ID_UNPACK_INFO);
    out_byte(out, ID_FOLDER);
    out_number(out, count);
    out_byte(out, 0); /* Not external. */
    for (uint64_t i = 0; i < count; i++) {
        out_bytes(out, coder, sizeof(coder));
    }
    out_byte(out, ID_UNPACK_SIZE);
    for (uint64_t i = 0; i < count && out->status == BS_OK; i++) {
        out_number(out, get_folder(out, i).size);
    }
    out_byte(out, ID_END);
}

static void out_sub_streams(output *out)
{
    out_byte(out, ID_SUB_STREAMS);
    out_byte(out, ID_STREAM_COUNT);
    for (uint64_t i = 0; i < out->lists->folder_count && out->status == BS_OK; i++) {
        out_number(out, get_folder(out, i).files);
    }
    out_byte(out, ID_SIZE);
    out_spool(out, out->lists->sizes);
    out_byte(out, ID_CRC);
    out_byte(out, 1); /* All are there. */
    out_spool(out, out->lists->sums);
    out_byte(out, ID_END);
}

/* A bit for each entry: without content? Or for each of those only: a file? Highest bit first. */
static void out_bits(output *out, bool all)
{
    uint8_t byte = 0;
    unsigned used = 0;

    for (uint64_t i = 0; i < out->lists->entry_count && out->status == BS_OK; i++) {
        uint8_t content = 0;
        note(out, bsi_spool_read(out->lists->contents, i, &content, 1));
        if (!all && content == BSI_7Z_CONTENT) {
            continue;
        }
        const bool set = all ? content != BSI_7Z_CONTENT : content == BSI_7Z_EMPTY_FILE;
        byte |= (uint8_t)(set ? 0x80 >> used : 0);
        if (++used == 8) {
            out_byte(out, byte);
            byte = 0;
            used = 0;
        }
    }
    if (used > 0) {
        out_byte(out, byte);
    }
}

static void out_empties(output *out)
{
    if (out->lists->empty_count > 0) {
        out_byte(out, ID_EMPTY_STREAM);
        out_number(out, (out->lists->entry_count + 7) / 8);
        out_bits(out, true);
        out_byte(out, ID_EMPTY_FILE);
        out_number(out, (out->lists->empty_count + 7) / 8);
        out_bits(out, false);
    }
}

/* A property that says something of every entry; `known` precedes lists that might have gaps. */
static void out_property(output *out, uint8_t id, bool known, bsi_spool *list)
{
    out_byte(out, id);
    out_number(out, bsi_spool_size(list) + (known ? 2 : 1));
    if (known) {
        out_byte(out, 1);
    }
    out_byte(out, 0); /* Not external. */
    out_spool(out, list);
}

static void out_files(output *out)
{
    out_byte(out, ID_FILES);
    out_number(out, out->lists->entry_count);
    out_empties(out);
    out_property(out, ID_NAMES, false, out->lists->names);
    out_property(out, ID_TIME, true, out->lists->times);
    out_property(out, ID_ATTRIBUTES, true, out->lists->modes);
    out_byte(out, ID_END);
}

static void out_header(output *out)
{
    out_byte(out, ID_HEADER);
    if (out->lists->folder_count > 0) {
        out_byte(out, ID_MAIN_STREAMS);
        out_pack_info(out);
        out_unpack_info(out);
        out_sub_streams(out);
        out_byte(out, ID_END);
    }
    out_files(out);
    out_byte(out, ID_END);
    out_flush(out);
}

/*
 * 0 "7z" BC AF 27 1C, 6 version 0.4, 8 CRC of the following, 12 offset of the
 * header behind these 32 bytes, 20 its size, 28 its CRC.
 */
static bs_status patch_signature(const output *out)
{
    uint8_t bytes[BSI_7Z_SIGNATURE_SIZE] = {'7', 'z', 0xbc, 0xaf, 0x27, 0x1c, 0, 4};

    if (out->size > 0) {
        bsi_put_le64(bytes + 12, out->content_end - sizeof(bytes));
    }
    bsi_put_le64(bytes + 20, out->size);
    bsi_put_le32(bytes + 28, out->sum);
    bsi_put_le32(bytes + 8, libdeflate_crc32(0, bytes + 12, 20));
    return bsi_archive_patch(out->writer, 0, bytes, sizeof(bytes));
}

bs_status bsi_7z_write_header(bsi_archive_writer *writer, const bsi_7z_lists *lists)
{
    output *out = bsi_calloc(1, sizeof(*out));
    bs_status status = BS_OK;

    if (!out) {
        return BS_E_NOMEM;
    }
    out->writer = writer;
    out->lists = lists;
    out->content_end = writer->offset;
    if (lists->entry_count > 0) {
        out_header(out);
    }
    status = out->status < 0 ? out->status : patch_signature(out);
    bsi_free(out);
    return status;
}
