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

    for (size_t i = 0; i < BSI_ARRAY_SIZE(spools); i++) {
        BSI_TRY(bsi_spool_new(dir, spools[i]));
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

static bs_status get_folder(const bsi_7z_lists *lists, uint64_t index, bsi_7z_folder *out)
{
    uint8_t record[FOLDER_RECORD];

    BSI_TRY(bsi_spool_read(lists->folders, index * FOLDER_RECORD, record, sizeof(record)));
    *out = (bsi_7z_folder){bsi_le64(record), bsi_le64(record + 8), bsi_le64(record + 16)};
    return BS_OK;
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

/* The header as it goes out: gathered into pieces, summed and counted. */
typedef struct output {
    bsi_archive_writer *writer;
    uint64_t size;
    uint32_t sum;
    size_t fill;
    uint8_t piece[PIECE];
} output;

static bs_status out_flush(output *out)
{
    const size_t fill = out->fill;

    out->fill = 0;
    out->size += fill;
    out->sum = libdeflate_crc32(out->sum, out->piece, fill);
    return fill > 0 ? bsi_archive_emit(out->writer, out->piece, fill) : BS_OK;
}

static bs_status out_bytes(output *out, const void *data, size_t size)
{
    const uint8_t *bytes = data;

    while (size > 0) {
        const size_t part = bsi_min_size(size, PIECE - out->fill);
        memcpy(out->piece + out->fill, bytes, part);
        out->fill += part;
        bytes += part;
        size -= part;
        if (out->fill == PIECE) {
            BSI_TRY(out_flush(out));
        }
    }
    return BS_OK;
}

static bs_status out_byte(output *out, uint8_t byte)
{
    return out_bytes(out, &byte, 1);
}

static bs_status out_number(output *out, uint64_t value)
{
    uint8_t bytes[NUMBER_MAX];

    return out_bytes(out, bytes, format_number(bytes, value));
}

static bs_status out_spool(output *out, bsi_spool *list)
{
    const uint64_t size = bsi_spool_size(list);
    uint8_t part[1024];

    for (uint64_t at = 0; at < size;) {
        const size_t count = (size_t)bsi_min_u64(sizeof(part), size - at);
        BSI_TRY(bsi_spool_read(list, at, part, count));
        BSI_TRY(out_bytes(out, part, count));
        at += count;
    }
    return BS_OK;
}

/* Where the encoded bytes of a folder begin; those of the one behind the last: their end. */
static bs_status folder_offset(const output *out, const bsi_7z_lists *lists, uint64_t index,
                               uint64_t content_end, uint64_t *offset_out)
{
    bsi_7z_folder folder = {0};
    uint64_t stored = 0;

    if (index == lists->folder_count) {
        *offset_out = content_end;
        return BS_OK;
    }
    BSI_TRY(get_folder(lists, index, &folder));
    return bsi_archive_segment_at(out->writer, folder.first, offset_out, &stored);
}

static bs_status out_pack_info(output *out, const bsi_7z_lists *lists, uint64_t content_end)
{
    uint64_t begin = 0;
    uint64_t end = 0;

    BSI_TRY(out_byte(out, ID_PACK_INFO));
    BSI_TRY(out_number(out, 0)); /* The first lies right behind the signature. */
    BSI_TRY(out_number(out, lists->folder_count));
    BSI_TRY(out_byte(out, ID_SIZE));
    BSI_TRY(folder_offset(out, lists, 0, content_end, &begin));
    for (uint64_t i = 0; i < lists->folder_count; i++) {
        BSI_TRY(folder_offset(out, lists, i + 1, content_end, &end));
        BSI_TRY(out_number(out, end - begin));
        begin = end;
    }
    return out_byte(out, ID_END);
}

static bs_status out_unpack_info(output *out, const bsi_7z_lists *lists)
{
    const uint8_t coder[] = {1, CODER_FLAGS, CODER_LZMA2, 1, lists->dictionary};
    bsi_7z_folder folder = {0};

    BSI_TRY(out_byte(out, ID_UNPACK_INFO));
    BSI_TRY(out_byte(out, ID_FOLDER));
    BSI_TRY(out_number(out, lists->folder_count));
    BSI_TRY(out_byte(out, 0)); /* Not external. */
    for (uint64_t i = 0; i < lists->folder_count; i++) {
        BSI_TRY(out_bytes(out, coder, sizeof(coder)));
    }
    BSI_TRY(out_byte(out, ID_UNPACK_SIZE));
    for (uint64_t i = 0; i < lists->folder_count; i++) {
        BSI_TRY(get_folder(lists, i, &folder));
        BSI_TRY(out_number(out, folder.size));
    }
    return out_byte(out, ID_END);
}

static bs_status out_sub_streams(output *out, const bsi_7z_lists *lists)
{
    bsi_7z_folder folder = {0};

    BSI_TRY(out_byte(out, ID_SUB_STREAMS));
    BSI_TRY(out_byte(out, ID_STREAM_COUNT));
    for (uint64_t i = 0; i < lists->folder_count; i++) {
        BSI_TRY(get_folder(lists, i, &folder));
        BSI_TRY(out_number(out, folder.files));
    }
    BSI_TRY(out_byte(out, ID_SIZE));
    BSI_TRY(out_spool(out, lists->sizes));
    BSI_TRY(out_byte(out, ID_CRC));
    BSI_TRY(out_byte(out, 1)); /* All are there. */
    BSI_TRY(out_spool(out, lists->sums));
    return out_byte(out, ID_END);
}

/* A bit for each entry: without content? Or for each of those only: a file? Highest bit first. */
static bs_status out_bits(output *out, const bsi_7z_lists *lists, bool all)
{
    uint8_t byte = 0;
    unsigned used = 0;

    for (uint64_t i = 0; i < lists->entry_count; i++) {
        uint8_t content = 0;
        BSI_TRY(bsi_spool_read(lists->contents, i, &content, 1));
        if (!all && content == BSI_7Z_CONTENT) {
            continue;
        }
        const bool set = all ? content != BSI_7Z_CONTENT : content == BSI_7Z_EMPTY_FILE;
        byte |= (uint8_t)(set ? 0x80 >> used : 0);
        if (++used == 8) {
            BSI_TRY(out_byte(out, byte));
            byte = 0;
            used = 0;
        }
    }
    return used > 0 ? out_byte(out, byte) : BS_OK;
}

static bs_status out_empties(output *out, const bsi_7z_lists *lists)
{
    if (lists->empty_count == 0) {
        return BS_OK;
    }
    BSI_TRY(out_byte(out, ID_EMPTY_STREAM));
    BSI_TRY(out_number(out, (lists->entry_count + 7) / 8));
    BSI_TRY(out_bits(out, lists, true));
    BSI_TRY(out_byte(out, ID_EMPTY_FILE));
    BSI_TRY(out_number(out, (lists->empty_count + 7) / 8));
    return out_bits(out, lists, false);
}

/* A property that says something of every entry; `known` precedes lists that might have gaps. */
static bs_status out_property(output *out, uint8_t id, bool known, bsi_spool *list)
{
    BSI_TRY(out_byte(out, id));
    BSI_TRY(out_number(out, bsi_spool_size(list) + (known ? 2 : 1)));
    if (known) {
        BSI_TRY(out_byte(out, 1));
    }
    BSI_TRY(out_byte(out, 0)); /* Not external. */
    return out_spool(out, list);
}

static bs_status out_files(output *out, const bsi_7z_lists *lists)
{
    BSI_TRY(out_byte(out, ID_FILES));
    BSI_TRY(out_number(out, lists->entry_count));
    BSI_TRY(out_empties(out, lists));
    BSI_TRY(out_property(out, ID_NAMES, false, lists->names));
    BSI_TRY(out_property(out, ID_TIME, true, lists->times));
    BSI_TRY(out_property(out, ID_ATTRIBUTES, true, lists->modes));
    return out_byte(out, ID_END);
}

static bs_status out_header(output *out, const bsi_7z_lists *lists, uint64_t content_end)
{
    BSI_TRY(out_byte(out, ID_HEADER));
    if (lists->folder_count > 0) {
        BSI_TRY(out_byte(out, ID_MAIN_STREAMS));
        BSI_TRY(out_pack_info(out, lists, content_end));
        BSI_TRY(out_unpack_info(out, lists));
        BSI_TRY(out_sub_streams(out, lists));
        BSI_TRY(out_byte(out, ID_END));
    }
    BSI_TRY(out_files(out, lists));
    BSI_TRY(out_byte(out, ID_END));
    return out_flush(out);
}

/*
 * 0 "7z" BC AF 27 1C, 6 version 0.4, 8 CRC of the following, 12 offset of the
 * header behind these 32 bytes, 20 its size, 28 its CRC.
 */
static bs_status patch_signature(const output *out, uint64_t content_end)
{
    const bsi_archive_options *options = &out->writer->options;
    uint8_t bytes[BSI_7Z_SIGNATURE_SIZE] = {'7', 'z', 0xbc, 0xaf, 0x27, 0x1c, 0, 4};

    if (out->size > 0) {
        bsi_put_le64(bytes + 12, content_end - sizeof(bytes));
    }
    bsi_put_le64(bytes + 20, out->size);
    bsi_put_le32(bytes + 28, out->sum);
    bsi_put_le32(bytes + 8, libdeflate_crc32(0, bytes + 12, 20));
    return options->patch(options->sink_user, 0, bytes, sizeof(bytes));
}

bs_status bsi_7z_write_header(bsi_archive_writer *writer, const bsi_7z_lists *lists)
{
    const uint64_t content_end = writer->offset;
    output *out = bsi_alloc(sizeof(*out));
    bs_status status = BS_OK;

    if (!out) {
        return BS_E_NOMEM;
    }
    out->writer = writer;
    out->size = 0;
    out->sum = 0;
    out->fill = 0;
    if (lists->entry_count > 0) {
        status = out_header(out, lists, content_end);
    }
    if (status == BS_OK) {
        status = patch_signature(out, content_end);
    }
    bsi_free(out);
    return status;
}
