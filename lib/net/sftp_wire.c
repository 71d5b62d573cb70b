/* SPDX-License-Identifier: MIT */
/*
 * Writes and reads the parts of SFTP's packets.
 */
#include "net/sftp_wire.h"

#include <string.h>

enum {
    ATTR_SIZE = 1,
    ATTR_OWNER = 2,
    ATTR_MODE = 4,
    ATTR_TIMES = 8,

    TYPE_MASK = 0170000,
    MODE_MASK = 07777,
    TYPE_DIR = 0040000,
    TYPE_FILE = 0100000,
};

#define ATTR_EXTENDED 0x80000000u

/* What is above stands for a time before 1970: 1938-04-24T22:13:20Z and later. */
#define TIME_END INT64_C(0xc4653600)
#define TIME_SPAN (INT64_C(1) << 32)

bool bsi_sftp_time_fits(int64_t sec)
{
    return sec >= TIME_END - TIME_SPAN && sec < TIME_END;
}

int64_t bsi_sftp_fitting_time(int64_t sec)
{
    if (bsi_sftp_time_fits(sec)) {
        return sec;
    }
    return sec < 0 ? TIME_END - TIME_SPAN : TIME_END - 1;
}

void bsi_sftp_put_u32(bsi_sftp_writer *out, uint32_t value)
{
    out->at[0] = (uint8_t)(value >> 24);
    out->at[1] = (uint8_t)(value >> 16);
    out->at[2] = (uint8_t)(value >> 8);
    out->at[3] = (uint8_t)value;
    out->at += 4;
}

void bsi_sftp_put_u64(bsi_sftp_writer *out, uint64_t value)
{
    bsi_sftp_put_u32(out, (uint32_t)(value >> 32));
    bsi_sftp_put_u32(out, (uint32_t)value);
}

void bsi_sftp_put_string(bsi_sftp_writer *out, bsi_slice bytes)
{
    bsi_sftp_put_u32(out, (uint32_t)bytes.size);
    if (bytes.size > 0) {
        memcpy(out->at, bytes.data, bytes.size);
    }
    out->at += bytes.size;
}

void bsi_sftp_put_mode(bsi_sftp_writer *out, uint32_t mode)
{
    bsi_sftp_put_u32(out, ATTR_MODE);
    bsi_sftp_put_u32(out, mode);
}

void bsi_sftp_put_mtime(bsi_sftp_writer *out, int64_t sec)
{
    const uint32_t wrapped = (uint32_t)(uint64_t)sec;

    bsi_sftp_put_u32(out, ATTR_TIMES);
    bsi_sftp_put_u32(out, wrapped); /* Of the last access: there is no way to leave it. */
    bsi_sftp_put_u32(out, wrapped);
}

void bsi_sftp_put_no_attrs(bsi_sftp_writer *out)
{
    bsi_sftp_put_u32(out, 0);
}

/* The next `size` bytes; NULL behind the end. */
static const uint8_t *take(bsi_sftp_reader *in, size_t size)
{
    const uint8_t *at = in->at;

    if (in->broken || size > in->size) {
        in->broken = true;
        return NULL;
    }
    in->at += size;
    in->size -= size;
    return at;
}

uint8_t bsi_sftp_get_u8(bsi_sftp_reader *in)
{
    const uint8_t *at = take(in, 1);

    return at ? *at : 0;
}

uint32_t bsi_sftp_get_u32(bsi_sftp_reader *in)
{
    const uint8_t *at = take(in, 4);

    return at ? (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3] : 0;
}

uint64_t bsi_sftp_get_u64(bsi_sftp_reader *in)
{
    const uint64_t high = bsi_sftp_get_u32(in);

    return high << 32 | bsi_sftp_get_u32(in);
}

bsi_slice bsi_sftp_get_string(bsi_sftp_reader *in)
{
    const uint32_t size = bsi_sftp_get_u32(in);
    const uint8_t *at = take(in, size);

    return at ? (bsi_slice){(const char *)at, size} : (bsi_slice){"", 0};
}

static int64_t unwrapped(uint32_t time)
{
    return time < TIME_END ? (int64_t)time : (int64_t)time - TIME_SPAN;
}

void bsi_sftp_get_attrs(bsi_sftp_reader *in, bsi_sftp_attrs *out)
{
    const uint32_t flags = bsi_sftp_get_u32(in);

    *out = (bsi_sftp_attrs){.has_size = (flags & ATTR_SIZE) != 0,
                            .has_type = (flags & ATTR_MODE) != 0,
                            .has_times = (flags & ATTR_TIMES) != 0};
    out->size = out->has_size ? bsi_sftp_get_u64(in) : 0;
    if ((flags & ATTR_OWNER) != 0) {
        (void)bsi_sftp_get_u64(in);
    }
    if (out->has_type) {
        const uint32_t mode = bsi_sftp_get_u32(in);
        const uint32_t type = mode & TYPE_MASK;
        out->mode = mode & MODE_MASK;
        out->is_file = type == TYPE_FILE;
        out->is_dir = type == TYPE_DIR;
        out->has_type = type != 0;
    }
    if (out->has_times) {
        (void)bsi_sftp_get_u32(in);
        out->mtime = unwrapped(bsi_sftp_get_u32(in));
    }
    if ((flags & ATTR_EXTENDED) == 0) {
        return;
    }
    for (uint32_t left = bsi_sftp_get_u32(in); left > 0 && !in->broken; left--) {
        (void)bsi_sftp_get_string(in);
        (void)bsi_sftp_get_string(in);
    }
}
