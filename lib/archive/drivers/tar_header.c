/* SPDX-License-Identifier: MIT */
/*
 * The 512 bytes in front of each tar entry, and what does not fit into them.
 *
 *     0 name 100     100 mode 8    108 uid 8      116 gid 8     124 size 12
 *   136 mtime 12     148 sum 8     156 type 1     157 link 100  257 magic 8
 *   265 user 32      297 group 32  329 major 8    337 minor 8   345 prefix 155
 *
 * A field that is too narrow is left at zero, or shortened, and a record of the
 * pax header in front says what is true. Nothing depends on the machine or on
 * the time of writing.
 */
#include "archive/drivers/tar_header.h"

#include <string.h>

#include "archive/drivers/tar_pax.h"
#include "base/checked.h"
#include "base/utf8.h"

enum {
    NAME_SIZE = 100,
    PREFIX_SIZE = 155,
    OWNER_SIZE = 32,
    OCTAL_7 = 07777777,
};
#define OCTAL_11 UINT64_C(077777777777)

static bool is_ascii(bsi_slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if ((uint8_t)text.data[i] >= 0x80) {
            return false;
        }
    }
    return true;
}

/* `width` digits and a NUL. */
static void put_octal(uint8_t *out, int width, uint64_t value)
{
    for (int i = width - 1; i >= 0; i--) {
        out[i] = (uint8_t)('0' + (value & 7));
        value >>= 3;
    }
    out[width] = '\0';
}

/* The value when it fits into `max`; otherwise zero, and a record says it. */
static bs_status put_number(uint8_t *out, int width, uint64_t value, const char *key,
                            bsi_buf *records)
{
    const uint64_t max = width == 7 ? OCTAL_7 : OCTAL_11;

    if (value <= max) {
        put_octal(out, width, value);
        return BS_OK;
    }
    put_octal(out, width, 0);
    return bsi_pax_number(records, key, value);
}

bool bsi_tar_is_sparse(const bsi_entry *entry)
{
    return entry->stat.type == BSI_TYPE_FILE && entry->sparse && entry->linked.size == 0;
}

static uint8_t type_flag(const bsi_entry *entry)
{
    static const char flags[] = {
        [BSI_TYPE_FILE] = '0', [BSI_TYPE_DIR] = '5',         [BSI_TYPE_SYMLINK] = '2',
        [BSI_TYPE_FIFO] = '6', [BSI_TYPE_CHAR_DEVICE] = '3', [BSI_TYPE_BLOCK_DEVICE] = '4',
    };

    if (entry->stat.type == BSI_TYPE_FILE && entry->linked.size > 0) {
        return '1';
    }
    return (uint8_t)flags[entry->stat.type];
}

static bsi_slice last_component(bsi_slice path)
{
    size_t at = path.size;

    while (at > 0 && path.data[at - 1] != '/') {
        at--;
    }
    return (bsi_slice){path.data + at, path.size - at};
}

/* A name for programs that do not read what stands in front: `dir` and the path's last part. */
static void put_stand_in(uint8_t *header, const char *dir, bsi_slice path)
{
    const bsi_slice name = last_component(path);
    size_t at = 0;

    for (; dir[at] != '\0'; at++) {
        header[at] = (uint8_t)dir[at];
    }
    for (size_t i = 0; i < name.size && at < NAME_SIZE; i++) {
        const uint8_t c = (uint8_t)name.data[i];
        header[at++] = c >= 0x80 || c < 0x20 ? '_' : c;
    }
}

/* Put the path into name and prefix; false when there is no slash at which to part it. */
static bool put_path(uint8_t *header, bsi_slice path, bool dir)
{
    const size_t total = path.size + (dir ? 1 : 0);
    size_t begin = 0;

    if (!is_ascii(path)) {
        return false;
    }
    if (total > NAME_SIZE) {
        size_t at = bsi_min_size(PREFIX_SIZE, path.size - 1);
        while (at > 0 && path.data[at] != '/') {
            at--;
        }
        if (at == 0 || total - at - 1 > NAME_SIZE) {
            return false;
        }
        memcpy(header + 345, path.data, at);
        begin = at + 1;
    }
    memcpy(header, path.data + begin, path.size - begin);
    if (dir) {
        header[path.size - begin] = '/';
    }
    return true;
}

/* The path with its slash, as a record. */
static bs_status put_path_record(const bsi_entry *entry, bsi_buf *records, bsi_buf *scratch)
{
    bsi_slice path = entry->path;
    bs_status status = BS_OK;

    if (entry->stat.type == BSI_TYPE_DIR) {
        bsi_buf_clear(scratch);
        status = bsi_buf_append(scratch, path.data, path.size);
        if (status < 0) {
            return status;
        }
        status = bsi_buf_append_byte(scratch, '/');
        if (status < 0) {
            return status;
        }
        path = (bsi_slice){(const char *)scratch->data, scratch->size};
    }
    return bsi_pax_record(records, "path", path);
}

static bs_status put_names(const bsi_entry *entry, uint8_t *header, bsi_buf *records,
                           bsi_buf *scratch)
{
    const bsi_slice link = entry->linked.size > 0 ? entry->linked : entry->link;
    const bool has_link = entry->stat.type == BSI_TYPE_SYMLINK || type_flag(entry) == '1';
    bs_status status = BS_OK;

    if (bsi_tar_is_sparse(entry)) {
        put_stand_in(header, "GNUSparseFile/", entry->path);
    } else if (!put_path(header, entry->path, entry->stat.type == BSI_TYPE_DIR)) {
        put_stand_in(header, "", entry->path);
        status = put_path_record(entry, records, scratch);
        if (status < 0) {
            return status;
        }
    }
    if (has_link && link.size <= NAME_SIZE && is_ascii(link)) {
        memcpy(header + 157, link.data, link.size);
    } else if (has_link) {
        put_stand_in(header + 157, "", link);
        status = bsi_pax_record(records, "linkpath", link);
        if (status < 0) {
            return status;
        }
    }
    return BS_OK;
}

static bs_status put_owner(uint8_t *out, bsi_slice name, const char *key, bsi_buf *records)
{
    if (name.size < OWNER_SIZE && is_ascii(name)) {
        if (name.size > 0) {
            memcpy(out, name.data, name.size);
        }
        return BS_OK;
    }
    return bsi_pax_record(records, key, name);
}

static bs_status put_owners(const bsi_entry *entry, uint8_t *header, bsi_buf *records)
{
    BSI_TRY(put_number(header + 108, 7, entry->stat.uid, "uid", records));
    BSI_TRY(put_number(header + 116, 7, entry->stat.gid, "gid", records));
    BSI_TRY(put_owner(header + 265, entry->user, "uname", records));
    return put_owner(header + 297, entry->group, "gname", records);
}

static bs_status put_time(const bsi_entry *entry, uint8_t *header, bsi_buf *records)
{
    const bsi_time *mtime = &entry->stat.mtime;
    const bool fits = mtime->sec >= 0 && (uint64_t)mtime->sec <= OCTAL_11;

    put_octal(header + 136, 11, fits ? (uint64_t)mtime->sec : 0);
    if (fits && mtime->nsec == 0) {
        return BS_OK;
    }
    return bsi_pax_time(records, "mtime", mtime);
}

/* Format 1.0 of GNU tar's sparse files: the map stands in front of the data. */
static bs_status put_sparse(const bsi_entry *entry, bsi_buf *records)
{
    BSI_TRY(bsi_pax_number(records, "GNU.sparse.major", 1));
    BSI_TRY(bsi_pax_number(records, "GNU.sparse.minor", 0));
    BSI_TRY(bsi_pax_record(records, "GNU.sparse.name", entry->path));
    return bsi_pax_number(records, "GNU.sparse.realsize", entry->stat.size);
}

static void put_sum(uint8_t *header)
{
    uint64_t sum = 0;

    memset(header + 148, ' ', 8);
    for (size_t i = 0; i < BSI_TAR_BLOCK; i++) {
        sum += header[i];
    }
    put_octal(header + 148, 6, sum);
}

static bool has_device(const bsi_entry *entry)
{
    return entry->stat.type == BSI_TYPE_CHAR_DEVICE || entry->stat.type == BSI_TYPE_BLOCK_DEVICE;
}

static bs_status put_numbers(const bsi_entry *entry, uint64_t stored, uint8_t *header,
                             bsi_buf *records)
{
    put_octal(header + 100, 7, entry->stat.mode & 07777);
    BSI_TRY(put_number(header + 124, 11, stored, "size", records));
    BSI_TRY(put_number(header + 329, 7, has_device(entry) ? entry->stat.rdev_major : 0,
                       "SCHILY.devmajor", records));
    return put_number(header + 337, 7, has_device(entry) ? entry->stat.rdev_minor : 0,
                      "SCHILY.devminor", records);
}

/* Names that are not text must be announced, or readers would convert them. */
static bool has_binary_name(const bsi_entry *entry)
{
    const bsi_slice names[] = {entry->path, entry->link, entry->linked, entry->user, entry->group};

    for (size_t i = 0; i < BSI_ARRAY_SIZE(names); i++) {
        if (!bsi_utf8_valid(names[i].data, names[i].size)) {
            return true;
        }
    }
    return false;
}

static void put_constants(uint8_t *header, uint8_t flag)
{
    static const uint8_t magic[] = {'u', 's', 't', 'a', 'r', '\0', '0', '0'};

    header[156] = flag;
    memcpy(header + 257, magic, sizeof(magic));
}

/* The extended header: a small entry of its own, whose content is the records. */
static bs_status put_pax(const bsi_entry *entry, const bsi_buf *records, bsi_buf *out)
{
    const size_t padding = (BSI_TAR_BLOCK - records->size % BSI_TAR_BLOCK) % BSI_TAR_BLOCK;
    uint8_t header[BSI_TAR_BLOCK] = {0};

    put_stand_in(header, "PaxHeaders/", entry->path);
    put_octal(header + 100, 7, 0644);
    put_octal(header + 108, 7, 0);
    put_octal(header + 116, 7, 0);
    put_octal(header + 124, 11, records->size);
    put_octal(header + 136, 11, 0);
    put_octal(header + 329, 7, 0);
    put_octal(header + 337, 7, 0);
    put_constants(header, 'x');
    put_sum(header);
    BSI_TRY(bsi_buf_append(out, header, sizeof(header)));
    BSI_TRY(bsi_buf_append(out, records->data, records->size));
    BSI_TRY(bsi_buf_reserve(out, padding));
    memset(out->data + out->size, 0, padding);
    out->size += padding;
    return BS_OK;
}

/* Everything that depends on the entry: in the header, or in records. */
static bs_status put_fields(const bsi_entry *entry, uint64_t stored, uint8_t *header,
                            bsi_buf *records, bsi_buf *scratch)
{
    BSI_TRY(put_names(entry, header, records, scratch));
    BSI_TRY(put_owners(entry, header, records));
    BSI_TRY(put_time(entry, header, records));
    BSI_TRY(put_numbers(entry, stored, header, records));
    BSI_TRY(bsi_tar_is_sparse(entry) ? put_sparse(entry, records) : BS_OK);
    return type_flag(entry) != '1' ? bsi_pax_xattrs(records, entry) : BS_OK;
}

bs_status bsi_tar_header(const bsi_entry *entry, uint64_t stored, bsi_buf *records, bsi_buf *out)
{
    uint8_t header[BSI_TAR_BLOCK] = {0};
    bs_status status = BS_OK;

    bsi_buf_clear(records);
    if (has_binary_name(entry)) {
        status = bsi_pax_record(records, "hdrcharset", bsi_slice_of("BINARY"));
    }
    if (status == BS_OK) {
        status = put_fields(entry, stored, header, records, out);
    }
    put_constants(header, type_flag(entry));
    put_sum(header);

    bsi_buf_clear(out);
    if (status == BS_OK && records->size > 0) {
        status = put_pax(entry, records, out);
    }
    return status < 0 ? status : bsi_buf_append(out, header, sizeof(header));
}
