/* SPDX-License-Identifier: MIT */
/*
 * The text of a schedule, field by field.
 */
#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/slice.h"
#include "policy/cron.h"

enum {
    FIELD_MINUTE,
    FIELD_HOUR,
    FIELD_DAY,
    FIELD_MONTH,
    FIELD_WEEKDAY,
    FIELDS,
    NUMBER_DIGITS = 4, /* More than any field's, so that what is too big is told as such. */
    NAME_SIZE = 3,
    SHOWN_SIZE = 80,
};

typedef struct field {
    const char *title;
    const char *allowed;
    const char *names; /* Of three letters each, for `low` and on. */
    int low;
    int high;
} field;

static const field fields[FIELDS] = {
    [FIELD_MINUTE] = {"minute", "0 to 59", "", 0, 59},
    [FIELD_HOUR] = {"hour", "0 to 23", "", 0, 23},
    [FIELD_DAY] = {"day of month", "1 to 31", "", 1, 31},
    [FIELD_MONTH] = {"month", "1 to 12 or jan to dec", "janfebmaraprmayjunjulaugsepoctnovdec", 1,
                     12},
    [FIELD_WEEKDAY] = {"day of week", "0 to 7 or sun to sat, 0 and 7 being Sunday",
                       "sunmontuewedthufrisat", 0, 7},
};

static const struct {
    const char *name;
    const char *text;
} shorthands[] = {
    {"@hourly", "0 * * * *"},   {"@daily", "0 0 * * *"},   {"@midnight", "0 0 * * *"},
    {"@weekly", "0 0 * * 0"},   {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"},
    {"@annually", "0 0 1 1 *"},
};

/* Part of a list: values from `first` to `last`. */
typedef struct range {
    int first;
    int last;
    bool single; /* Written as one number or name. */
} range;

/* One field that is being taken apart. */
typedef struct field_text {
    const field *field;
    bsi_slice whole;
    const char *at;
    const char *end;
} field_text;

static bs_status refused(const field_text *in, const char *why)
{
    char shown[SHOWN_SIZE];

    return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                    "the schedule's field for the %s is '%s': %s; it takes %s, as a, a-b or a,b, "
                    "or *, with /n for each n-th",
                    in->field->title,
                    bsi_printable(in->whole.data, in->whole.size, shown, sizeof(shown)), why,
                    in->field->allowed);
}

static bool take_if(field_text *in, char byte)
{
    const bool there = in->at < in->end && *in->at == byte;

    if (there) {
        in->at++;
    }
    return there;
}

/* A number as it stands, or -1. */
static int take_number(field_text *in)
{
    int value = 0;
    int digits = 0;

    while (in->at < in->end && bsi_is_digit(*in->at) && digits < NUMBER_DIGITS) {
        value = value * 10 + (*in->at++ - '0');
        digits++;
    }
    return digits > 0 ? value : -1;
}

/* A name's value, or -1. */
static int take_name(field_text *in)
{
    const char *names = in->field->names;

    for (size_t i = 0; in->end - in->at >= NAME_SIZE && names[i] != '\0'; i += NAME_SIZE) {
        if (bsi_equal_but_for_case(in->at, names + i, NAME_SIZE)) {
            in->at += NAME_SIZE;
            return in->field->low + (int)(i / NAME_SIZE);
        }
    }
    return -1;
}

static bs_status take_value(field_text *in, int *out)
{
    int value = take_number(in);

    if (value < 0) {
        value = take_name(in);
    }
    if (value < 0) {
        return refused(in, "a value is missing or is none");
    }
    if (value < in->field->low || value > in->field->high) {
        return refused(in, "a value is out of range");
    }
    *out = value;
    return BS_OK;
}

static bs_status take_step(field_text *in, int *out)
{
    const int step = take_number(in);

    if (step < 1 || step > in->field->high) {
        char why[SHOWN_SIZE];
        (void)snprintf(why, sizeof(why), "a step is 1 to %d", in->field->high);
        return refused(in, why);
    }
    *out = step;
    return BS_OK;
}

/* "*", "a" or "a-b". */
static bs_status take_range(field_text *in, range *out)
{
    *out = (range){in->field->low, in->field->high, false};
    if (take_if(in, '*')) {
        return BS_OK;
    }
    BSI_TRY(take_value(in, &out->first));
    out->last = out->first;
    out->single = !take_if(in, '-');
    if (out->single) {
        return BS_OK;
    }
    BSI_TRY(take_value(in, &out->last));
    /* Sunday ends the week as well as it begins it. */
    if (in->field == &fields[FIELD_WEEKDAY] && out->last == 0 && out->first > 0) {
        out->last = in->field->high;
    }
    return out->last < out->first ? refused(in, "a range goes downwards") : BS_OK;
}

/* One part of a list, with its step. */
static bs_status take_part(field_text *in, uint64_t *bits)
{
    range values = {0};
    int step = 1;

    BSI_TRY(take_range(in, &values));
    if (take_if(in, '/')) {
        BSI_TRY(take_step(in, &step));
        values.last = values.single ? in->field->high : values.last;
    }
    for (int value = values.first; value <= values.last; value += step) {
        *bits |= UINT64_C(1) << value;
    }
    return BS_OK;
}

static bs_status parse_field(const field *which, bsi_slice text, uint64_t *bits_out)
{
    field_text in = {which, text, text.data, text.data + text.size};
    uint64_t bits = 0;

    do {
        BSI_TRY(take_part(&in, &bits));
    } while (take_if(&in, ','));
    if (in.at != in.end) {
        return refused(&in, "it goes on with something else");
    }
    *bits_out = bits;
    return BS_OK;
}

/* --- The whole --- */

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t';
}

/* The words of a text; as many as there are are counted, the first FIELDS are kept. */
static size_t split(bsi_slice text, bsi_slice words[FIELDS])
{
    size_t count = 0;
    size_t at = 0;

    while (at < text.size) {
        const size_t begin = at;
        while (at < text.size && !is_space(text.data[at])) {
            at++;
        }
        if (at > begin && count++ < FIELDS) {
            words[count - 1] = (bsi_slice){text.data + begin, at - begin};
        }
        at++;
    }
    return count;
}

static bs_status not_five_fields(bsi_slice text, size_t count)
{
    char shown[SHOWN_SIZE];

    return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                    "the schedule '%s' has %zu field%s: it needs the five for minute, hour, day of "
                    "month, month and day of week, or one of @hourly @daily @midnight @weekly "
                    "@monthly @yearly @annually",
                    bsi_printable(text.data, text.size, shown, sizeof(shown)), count,
                    count == 1 ? "" : "s");
}

/* A shorthand's five fields; the word itself when it is none. */
static bsi_slice expand(bsi_slice word)
{
    for (size_t i = 0; i < BSI_ARRAY_SIZE(shorthands); i++) {
        const bsi_slice name = bsi_slice_of(shorthands[i].name);
        if (word.size == name.size && bsi_equal_but_for_case(word.data, name.data, name.size)) {
            return bsi_slice_of(shorthands[i].text);
        }
    }
    return word;
}

/* Whether some month has one of the days. 29 February counts. */
static bool days_exist(const bsi_cron *cron)
{
    for (int32_t month = 1; month <= 12; month++) {
        const uint32_t all = (UINT32_C(2) << bsi_days_in_month(2000, month)) - 1;
        if ((cron->months >> month & 1) != 0 && (cron->days & all) != 0) {
            return true;
        }
    }
    return false;
}

static bs_status check_days(const bsi_cron *cron, const bsi_slice words[FIELDS])
{
    char day[SHOWN_SIZE];
    char month[SHOWN_SIZE];

    if (cron->either_day || days_exist(cron)) {
        return BS_OK;
    }
    return bsi_fail(
        BS_LAYER_CALLER, BS_E_INVALID,
        "the schedule is never due: no month of '%s' has a day of month '%s'",
        bsi_printable(words[FIELD_MONTH].data, words[FIELD_MONTH].size, month, sizeof(month)),
        bsi_printable(words[FIELD_DAY].data, words[FIELD_DAY].size, day, sizeof(day)));
}

static bool begins_with_star(bsi_slice word)
{
    return word.data[0] == '*';
}

bs_status bsi_cron_parse(const char *text, size_t size, bsi_cron *out)
{
    bsi_slice words[FIELDS] = {0};
    uint64_t bits[FIELDS] = {0};
    bsi_cron cron = {0};
    size_t count = 0;

    if (size > BSI_CRON_TEXT_MAX) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "the schedule has %zu bytes; it may have %d",
                        size, BSI_CRON_TEXT_MAX);
    }
    count = split((bsi_slice){text, size}, words);
    if (count == 1) {
        count = split(expand(words[0]), words);
    }
    if (count != FIELDS) {
        return not_five_fields((bsi_slice){text, size}, count);
    }
    for (size_t i = 0; i < FIELDS; i++) {
        BSI_TRY(parse_field(&fields[i], words[i], &bits[i]));
    }
    cron.minutes = bits[FIELD_MINUTE];
    cron.hours = (uint32_t)bits[FIELD_HOUR];
    cron.days = (uint32_t)bits[FIELD_DAY];
    cron.months = (uint32_t)bits[FIELD_MONTH];
    cron.weekdays = (uint32_t)((bits[FIELD_WEEKDAY] | bits[FIELD_WEEKDAY] >> 7) & 0x7f);
    cron.either_day =
        !begins_with_star(words[FIELD_DAY]) && !begins_with_star(words[FIELD_WEEKDAY]);
    cron.every_hour = begins_with_star(words[FIELD_HOUR]);
    BSI_TRY(check_days(&cron, words));
    *out = cron;
    return BS_OK;
}
