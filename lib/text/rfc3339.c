/* SPDX-License-Identifier: MIT */
/*
 * Times of RFC 3339: what JSON, manifests and people are shown.
 */
#include "text/rfc3339.h"

#include <stdio.h>

enum {
    FRACTION_DIGITS = 9,
    SHOWN_SIZE = 48,
};

bs_status bsi_rfc3339_format(int64_t sec, int32_t nsec, bool fraction, char out[BSI_RFC3339_SIZE])
{
    bsi_civil civil = {0};
    int length = 0;

    BSI_ASSERT(nsec >= 0 && nsec < 1000000000);
    out[0] = '\0';
    BSI_TRY(bsi_civil_from_time(sec, &civil));
    length = snprintf(out, BSI_RFC3339_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d", civil.year,
                      civil.month, civil.day, civil.hour, civil.minute, civil.second);
    if (fraction) {
        length += snprintf(out + length, (size_t)(BSI_RFC3339_SIZE - length), ".%09d", nsec);
    }
    out[length] = 'Z';
    out[length + 1] = '\0';
    return BS_OK;
}

/* A text that is being taken apart; `failed` once something else stood there. */
typedef struct cursor {
    const char *at;
    const char *end;
    bool failed;
} cursor;

static bool next_is(const cursor *in, char c)
{
    return in->at < in->end && *in->at == c;
}

static void take(cursor *in, char c)
{
    if (next_is(in, c)) {
        in->at++;
    } else {
        in->failed = true;
    }
}

/* A number of exactly so many digits. */
static int32_t take_digits(cursor *in, int count)
{
    int32_t value = 0;

    for (int i = 0; i < count; i++) {
        if (in->at == in->end || *in->at < '0' || *in->at > '9') {
            in->failed = true;
            return 0;
        }
        value = value * 10 + (*in->at++ - '0');
    }
    return value;
}

/* Up to nine digits, as nanoseconds. */
static int32_t take_fraction(cursor *in)
{
    int32_t value = take_digits(in, 1);

    for (int i = 1; i < FRACTION_DIGITS; i++) {
        const bool more = in->at < in->end && *in->at >= '0' && *in->at <= '9';
        value = value * 10 + (more ? *in->at++ - '0' : 0);
    }
    return value;
}

/* "Z" or "+hh:mm", as seconds east of UTC. */
static int32_t take_offset(cursor *in)
{
    const bool west = next_is(in, '-');
    int32_t hours = 0;
    int32_t minutes = 0;

    if (next_is(in, 'Z')) {
        in->at++;
        return 0;
    }
    take(in, west ? '-' : '+');
    hours = take_digits(in, 2);
    take(in, ':');
    minutes = take_digits(in, 2);
    if (hours > 23 || minutes > 59) {
        in->failed = true;
    }
    return (west ? -1 : 1) * (hours * 3600 + minutes * 60);
}

static bsi_civil take_date_and_time(cursor *in)
{
    bsi_civil civil = {0};

    civil.year = take_digits(in, 4);
    take(in, '-');
    civil.month = take_digits(in, 2);
    take(in, '-');
    civil.day = take_digits(in, 2);
    take(in, 'T');
    civil.hour = take_digits(in, 2);
    take(in, ':');
    civil.minute = take_digits(in, 2);
    take(in, ':');
    civil.second = take_digits(in, 2);
    return civil;
}

static bool civil_exists(const bsi_civil *civil)
{
    return civil->month >= 1 && civil->month <= 12 && civil->day >= 1 &&
           civil->day <= bsi_days_in_month(civil->year, civil->month) && civil->hour <= 23 &&
           civil->minute <= 59 && civil->second <= 59;
}

/* `nsec_out` may be NULL: no fraction then. */
static bs_status parse(const char *text, size_t size, int64_t *sec_out, int32_t *nsec_out,
                       int32_t *offset_out)
{
    cursor in = {text, text + size, false};
    const bsi_civil civil = take_date_and_time(&in);
    int32_t nsec = 0;
    int32_t offset = 0;
    char shown[SHOWN_SIZE];

    if (nsec_out && next_is(&in, '.')) {
        in.at++;
        nsec = take_fraction(&in);
    }
    offset = take_offset(&in);
    if (in.failed || in.at != in.end || !civil_exists(&civil)) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "'%s' is not a time of RFC 3339",
                        bsi_printable(text, size, shown, sizeof(shown)));
    }
    *sec_out = bsi_time_from_civil(&civil) - offset;
    *offset_out = offset;
    if (nsec_out) {
        *nsec_out = nsec;
    }
    return BS_OK;
}

bs_status bsi_rfc3339_parse(const char *text, size_t size, int64_t *sec_out, int32_t *nsec_out)
{
    int32_t offset = 0;

    return parse(text, size, sec_out, nsec_out, &offset);
}

bs_status bsi_rfc3339_parse_local(const char *text, size_t size, int64_t *sec_out,
                                  int32_t *nsec_out, int32_t *offset_out)
{
    return parse(text, size, sec_out, nsec_out, offset_out);
}
