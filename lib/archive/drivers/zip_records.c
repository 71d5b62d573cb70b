/* SPDX-License-Identifier: MIT */
/*
 * The records of zip files, after PKWARE's APPNOTE 6.3 (sections 4.3 and 4.5)
 * and Info-ZIP's extra fields UT (times) and ux (owner). Encrypted members are
 * those of WinZip's "Encryption Specification AE-1 and AE-2". Only formats.
 */
#include "archive/drivers/zip_records.h"

#include <string.h>

#include "base/endian.h"

enum {
    LOCAL_SIZE = 30,
    CENTRAL_SIZE = 46,
    END64_SIZE = 56,
    LOCATOR64_SIZE = 20,
    END_SIZE = 22,

    FLAG_ENCRYPTED = 1 << 0,
    FLAG_LATER = 1 << 3,
    FLAG_UTF8 = 1 << 11,
    MADE_BY_UNIX = 3 << 8,
    VERSION_PLAIN = 20,
    VERSION_ZIP64 = 45,
    VERSION_AES = 51,
    METHOD_DEFLATED = 8,
    METHOD_AES = 99,
    DOS_DIRECTORY = 0x10,

    EXTRA_ZIP64 = 0x0001,
    EXTRA_TIME = 0x5455,
    EXTRA_OWNER = 0x7875,
    EXTRA_TIME_SIZE = 9, /* With the four bytes of id and size. */
    EXTRA_OWNER_SIZE = 15,
    EXTRA_AES = 0x9901,
    EXTRA_AES_SIZE = 11,
    AES_VERSION = 2, /* AE-2: the CRC, which tells of the content, is not there. */
    AES_VENDOR = 'A' | 'E' << 8,
    AES_256 = 3,

    TYPE_BITS = 0170000,
    TYPE_DIRECTORY = 0040000,
};

#define NO_FIT_16 UINT64_C(0xffff)
#define NO_FIT_32 UINT64_C(0xffffffff)

/* First and last second that a DOS time can name: 1980-01-01 and 2107-12-31T23:59:58. */
#define DOS_FIRST INT64_C(315532800)
#define DOS_LAST INT64_C(4354819198)

static void put_bytes16(uint8_t **at, uint64_t value)
{
    bsi_put_le16(*at, (uint16_t)value);
    *at += 2;
}

static void put_bytes32(uint8_t **at, uint64_t value)
{
    bsi_put_le32(*at, (uint32_t)value);
    *at += 4;
}

static void put_bytes64(uint8_t **at, uint64_t value)
{
    bsi_put_le64(*at, value);
    *at += 8;
}

bool bsi_zip_time_fits(int64_t mtime)
{
    return mtime >= INT32_MIN && mtime <= INT32_MAX;
}

/*
 * Date and time in the two words of DOS, taken as UTC. The calendar is counted
 * from March, so that the leap day is the last of a year; eras have 400 years.
 */
static uint32_t dos_time(int64_t mtime)
{
    const int64_t time = mtime < DOS_FIRST ? DOS_FIRST : mtime > DOS_LAST ? DOS_LAST : mtime;
    const uint32_t seconds = (uint32_t)(time % 86400);
    const uint32_t days = (uint32_t)(time / 86400) + 719468;
    const uint32_t day_of_era = days % 146097;
    const uint32_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const uint32_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const uint32_t shifted = (5 * day_of_year + 2) / 153;
    const uint32_t day = day_of_year - (153 * shifted + 2) / 5 + 1;
    const uint32_t month = shifted < 10 ? shifted + 3 : shifted - 9;
    const uint32_t year = year_of_era + days / 146097 * 400 + (month <= 2 ? 1 : 0);

    return (year - 1980) << 25 | month << 21 | day << 16 | seconds / 3600 << 11 |
           seconds / 60 % 60 << 5 | seconds % 60 / 2;
}

static uint16_t flags(const bsi_zip_member *member)
{
    return (uint16_t)((member->encrypted ? FLAG_ENCRYPTED : 0) | (member->later ? FLAG_LATER : 0) |
                      (member->utf8 ? FLAG_UTF8 : 0));
}

static uint32_t crc(const bsi_zip_member *member)
{
    return member->encrypted ? 0 : member->crc;
}

static uint16_t method(const bsi_zip_member *member)
{
    return member->deflated ? METHOD_DEFLATED : 0;
}

/* Of the fields that both headers have. */
static size_t extra_size(const bsi_zip_member *member)
{
    size_t size = EXTRA_OWNER_SIZE;

    size += bsi_zip_time_fits(member->mtime) ? EXTRA_TIME_SIZE : 0;
    size += member->encrypted ? EXTRA_AES_SIZE : 0;
    return size;
}

static void put_aes_extra(uint8_t **at, const bsi_zip_member *member)
{
    put_bytes16(at, EXTRA_AES);
    put_bytes16(at, EXTRA_AES_SIZE - 4);
    put_bytes16(at, AES_VERSION);
    put_bytes16(at, AES_VENDOR);
    *(*at)++ = AES_256;
    put_bytes16(at, method(member));
}

static void put_extra(uint8_t **at, const bsi_zip_member *member)
{
    if (member->encrypted) {
        put_aes_extra(at, member);
    }
    if (bsi_zip_time_fits(member->mtime)) {
        put_bytes16(at, EXTRA_TIME);
        put_bytes16(at, EXTRA_TIME_SIZE - 4);
        *(*at)++ = 1; /* Only the time of modification. */
        put_bytes32(at, (uint64_t)member->mtime);
    }
    put_bytes16(at, EXTRA_OWNER);
    put_bytes16(at, EXTRA_OWNER_SIZE - 4);
    *(*at)++ = 1; /* Version. */
    *(*at)++ = 4;
    put_bytes32(at, member->uid);
    *(*at)++ = 4;
    put_bytes32(at, member->gid);
}

/* Version, flags, method and time: alike in both headers. */
static void put_common(uint8_t **at, const bsi_zip_member *member, bool zip64)
{
    const uint32_t time = dos_time(member->mtime);

    put_bytes16(at, member->encrypted ? VERSION_AES : zip64 ? VERSION_ZIP64 : VERSION_PLAIN);
    put_bytes16(at, flags(member));
    put_bytes16(at, member->encrypted ? METHOD_AES : method(member));
    put_bytes16(at, time & NO_FIT_16);
    put_bytes16(at, time >> 16);
}

bs_status bsi_zip_local(bsi_buf *out, const bsi_zip_member *member, bsi_slice name)
{
    const size_t extra = extra_size(member) + (member->wide ? 20 : 0);
    const size_t total = LOCAL_SIZE + name.size + extra;
    uint8_t *at = NULL;

    BSI_TRY(bsi_buf_reserve(out, total));
    at = out->data + out->size;
    put_bytes32(&at, 0x04034b50);
    put_common(&at, member, member->wide);
    put_bytes32(&at, member->later ? 0 : crc(member));
    if (member->wide) {
        put_bytes32(&at, NO_FIT_32);
        put_bytes32(&at, NO_FIT_32);
    } else {
        put_bytes32(&at, member->later ? 0 : member->stored);
        put_bytes32(&at, member->later ? 0 : member->size);
    }
    put_bytes16(&at, name.size);
    put_bytes16(&at, extra);
    memcpy(at, name.data, name.size);
    at += name.size;
    if (member->wide) {
        put_bytes16(&at, EXTRA_ZIP64);
        put_bytes16(&at, 16);
        put_bytes64(&at, 0);
        put_bytes64(&at, 0);
    }
    put_extra(&at, member);
    BSI_ASSERT(at == out->data + out->size + total);
    out->size += total;
    return BS_OK;
}

bs_status bsi_zip_descriptor(bsi_buf *out, const bsi_zip_member *member)
{
    uint8_t bytes[24];
    uint8_t *at = bytes;

    put_bytes32(&at, 0x08074b50);
    put_bytes32(&at, crc(member));
    if (member->wide) {
        put_bytes64(&at, member->stored);
        put_bytes64(&at, member->size);
    } else {
        put_bytes32(&at, member->stored);
        put_bytes32(&at, member->size);
    }
    return bsi_buf_append(out, bytes, (size_t)(at - bytes));
}

/* The wide field of a directory record holds only what does not fit into the narrow ones. */
static size_t wide_count(const bsi_zip_member *member)
{
    return (size_t)(member->size >= NO_FIT_32) + (size_t)(member->stored >= NO_FIT_32) +
           (size_t)(member->offset >= NO_FIT_32);
}

static void put_wide(uint8_t **at, const bsi_zip_member *member)
{
    const uint64_t values[] = {member->size, member->stored, member->offset};

    put_bytes16(at, EXTRA_ZIP64);
    put_bytes16(at, 8 * wide_count(member));
    for (size_t i = 0; i < BSI_ARRAY_SIZE(values); i++) {
        if (values[i] >= NO_FIT_32) {
            put_bytes64(at, values[i]);
        }
    }
}

static uint64_t narrow(uint64_t value)
{
    return value < NO_FIT_32 ? value : NO_FIT_32;
}

bs_status bsi_zip_central(bsi_buf *out, const bsi_zip_member *member, bsi_slice name)
{
    const size_t wide = wide_count(member);
    const size_t extra = extra_size(member) + (wide > 0 ? 4 + 8 * wide : 0);
    const size_t total = CENTRAL_SIZE + name.size + extra;
    const bool zip64 = wide > 0 || member->wide;
    const bool directory = (member->mode & TYPE_BITS) == TYPE_DIRECTORY;
    uint8_t *at = NULL;

    BSI_TRY(bsi_buf_reserve(out, total));
    at = out->data + out->size;
    put_bytes32(&at, 0x02014b50);
    put_bytes16(&at, MADE_BY_UNIX | (member->encrypted ? VERSION_AES : VERSION_ZIP64));
    put_common(&at, member, zip64);
    put_bytes32(&at, crc(member));
    put_bytes32(&at, narrow(member->stored));
    put_bytes32(&at, narrow(member->size));
    put_bytes16(&at, name.size);
    put_bytes16(&at, extra);
    put_bytes16(&at, 0); /* Comment. */
    put_bytes16(&at, 0); /* Disk. */
    put_bytes16(&at, 0); /* Internal attributes. */
    put_bytes32(&at, (uint64_t)member->mode << 16 | (directory ? DOS_DIRECTORY : 0));
    put_bytes32(&at, narrow(member->offset));
    memcpy(at, name.data, name.size);
    at += name.size;
    if (wide > 0) {
        put_wide(&at, member);
    }
    put_extra(&at, member);
    BSI_ASSERT(at == out->data + out->size + total);
    out->size += total;
    return BS_OK;
}

static void put_end64(uint8_t **at, uint64_t entries, uint64_t offset, uint64_t size)
{
    put_bytes32(at, 0x06064b50);
    put_bytes64(at, END64_SIZE - 12);
    put_bytes16(at, MADE_BY_UNIX | VERSION_ZIP64);
    put_bytes16(at, VERSION_ZIP64);
    put_bytes32(at, 0); /* Disks. */
    put_bytes32(at, 0);
    put_bytes64(at, entries);
    put_bytes64(at, entries);
    put_bytes64(at, size);
    put_bytes64(at, offset);

    put_bytes32(at, 0x07064b50);
    put_bytes32(at, 0);
    put_bytes64(at, offset + size);
    put_bytes32(at, 1);
}

bs_status bsi_zip_end(bsi_buf *out, uint64_t entries, uint64_t offset, uint64_t size)
{
    const bool zip64 = entries >= NO_FIT_16 || offset >= NO_FIT_32 || size >= NO_FIT_32;
    const uint64_t shown = entries < NO_FIT_16 ? entries : NO_FIT_16;
    uint8_t bytes[END64_SIZE + LOCATOR64_SIZE + END_SIZE];
    uint8_t *at = bytes;

    if (zip64) {
        put_end64(&at, entries, offset, size);
    }
    put_bytes32(&at, 0x06054b50);
    put_bytes32(&at, 0); /* Disks. */
    put_bytes16(&at, shown);
    put_bytes16(&at, shown);
    put_bytes32(&at, narrow(size));
    put_bytes32(&at, narrow(offset));
    put_bytes16(&at, 0); /* Comment. */
    return bsi_buf_append(out, bytes, (size_t)(at - bytes));
}
