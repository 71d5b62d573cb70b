/* SPDX-License-Identifier: MIT */
/*
 * Times and modes as Go has them.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "os/time.h"
#include "repo/go_text.h"
#include "text/rfc3339.h"

enum {
    FRACTION_DIGITS = 9,
    TIME_ROOM = 64,
};

bs_status bsi_go_json_time(bsi_buf *out, const bsi_go_time *time)
{
    char text[BSI_RFC3339_SIZE];
    char fraction[FRACTION_DIGITS + 1];
    size_t digits = time->nsec != 0 ? FRACTION_DIGITS : 0;
    const int32_t minutes = time->offset_sec / 60;
    const int32_t distance = minutes < 0 ? -minutes : minutes;

    BSI_TRY(bsi_rfc3339_format(time->sec + (int64_t)minutes * 60, 0, false, text));
    text[strlen(text) - 1] = '\0'; /* Its 'Z'. */
    (void)snprintf(fraction, sizeof(fraction), "%09u", (unsigned)time->nsec % 1000000000u);
    while (digits > 0 && fraction[digits - 1] == '0') {
        digits--;
    }
    BSI_TRY(bsi_buf_append_format(out, "\"%s%s%.*s", text, digits > 0 ? "." : "", (int)digits,
                                  fraction));
    if (minutes == 0) {
        return bsi_buf_append_text(out, "Z\"");
    }
    return bsi_buf_append_format(out, "%c%02d:%02d\"", minutes < 0 ? '-' : '+', distance / 60,
                                 distance % 60);
}

static bs_status not_a_time(bsi_slice text)
{
    char shown[TIME_ROOM];

    return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "'%s' is not a time",
                    bsi_printable(text.data, text.size, shown, sizeof(shown)));
}

/* The text without the digits of its fraction behind the ninth. */
static bool shorten(bsi_slice text, char out[TIME_ROOM], size_t *size_out)
{
    size_t size = 0;
    size_t digits = 0;
    bool fraction = false;

    for (size_t i = 0; i < text.size; i++) {
        const char c = text.data[i];
        const bool digit = c >= '0' && c <= '9';
        fraction = c == '.' || (fraction && digit);
        digits = fraction && digit ? digits + 1 : 0;
        if (digits > FRACTION_DIGITS) {
            continue;
        }
        if (size == TIME_ROOM) {
            return false;
        }
        out[size++] = c;
    }
    *size_out = size;
    return true;
}

bs_status bsi_go_time_parse(bsi_slice text, bsi_go_time *out)
{
    char room[TIME_ROOM];
    size_t size = 0;
    bsi_go_time time = {0};

    if (!shorten(text, room, &size) ||
        bsi_rfc3339_parse_local(room, size, &time.sec, &time.nsec, &time.offset_sec) < 0) {
        return not_a_time(text);
    }
    *out = time;
    return BS_OK;
}

bsi_go_time bsi_go_time_now(void)
{
    const bsi_time now = bsi_now();

    return (bsi_go_time){.sec = now.sec, .nsec = now.nsec};
}

/* os.FileMode of Go: constants of its package io/fs. */
static const struct {
    uint32_t mask; /* In st_mode. */
    uint32_t stat;
    uint32_t go;
} mode_bits[] = {
    {S_IFMT, S_IFDIR, 1u << 31},  {S_IFMT, S_IFLNK, 1u << 27},
    {S_IFMT, S_IFBLK, 1u << 26},  {S_IFMT, S_IFCHR, 1u << 26 | 1u << 21},
    {S_IFMT, S_IFIFO, 1u << 25},  {S_IFMT, S_IFSOCK, 1u << 24},
    {S_ISUID, S_ISUID, 1u << 23}, {S_ISGID, S_ISGID, 1u << 22},
    {S_ISVTX, S_ISVTX, 1u << 20},
};

enum { PERMISSIONS = 0777 };
#define GO_TYPE (1u << 31 | 1u << 27 | 1u << 26 | 1u << 25 | 1u << 24 | 1u << 21)

uint32_t bsi_go_mode_from_stat(uint32_t st_mode)
{
    uint32_t mode = st_mode & PERMISSIONS;

    for (size_t i = 0; i < BSI_ARRAY_SIZE(mode_bits); i++) {
        if ((st_mode & mode_bits[i].mask) == mode_bits[i].stat) {
            mode |= mode_bits[i].go;
        }
    }
    return mode;
}

uint32_t bsi_go_mode_to_stat(uint32_t go_mode)
{
    uint32_t mode = go_mode & PERMISSIONS;

    for (size_t i = 0; i < BSI_ARRAY_SIZE(mode_bits); i++) {
        const bool type = mode_bits[i].mask == S_IFMT;
        if ((go_mode & (type ? GO_TYPE : mode_bits[i].go)) == mode_bits[i].go) {
            mode |= mode_bits[i].stat;
        }
    }
    return (mode & S_IFMT) != 0 ? mode : mode | S_IFREG;
}
