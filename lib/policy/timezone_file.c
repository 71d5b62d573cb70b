/* SPDX-License-Identifier: MIT */
/*
 * TZif files (RFC 8536): a header and a block with times of 32 bits; from
 * version 2 on, a second header and block with times of 64 bits and a line
 * with the rule for what comes after. Numbers are big endian.
 */
#include <string.h>

#include "base/alloc.h"
#include "policy/timezone_int.h"

enum {
    HEADER_SIZE = 44,
    TYPE_SIZE = 6, /* Offset, whether daylight saving time, place of the name. */
    TYPES_MAX = 256,
    TRANSITIONS_MAX = 2000, /* The database has less than 300 in a zone. */
    NAMES_MAX = 512,
};

/* RFC 8536, 3.2: no transition should lie before this one; 2^59 is 18 billion years. */
#define TRANSITION_LIMIT (INT64_C(1) << 59)

/* What a header says of the block behind it. */
typedef struct block {
    const uint8_t *data;
    uint64_t size;
    size_t time_size; /* 4 or 8. */
    uint8_t version;
    uint32_t ut_count;
    uint32_t standard_count;
    uint32_t leap_count;
    uint32_t transition_count;
    uint32_t type_count;
    uint32_t name_size;
} block;

static bs_status damaged(const char *what)
{
    return bsi_fail(BS_LAYER_SYSTEM, BS_E_CORRUPT, "not a usable time zone file: %s", what);
}

static uint32_t be32(const uint8_t *in)
{
    return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
}

static int64_t be64_signed(const uint8_t *in)
{
    return (int64_t)((uint64_t)be32(in) << 32 | be32(in + 4));
}

static bs_status check_counts(const block *in)
{
    if (in->transition_count > TRANSITIONS_MAX) {
        return damaged("it has more than 2000 transitions");
    }
    if (in->type_count == 0 || in->type_count > TYPES_MAX) {
        return damaged("it has no types of local time, or more than 256");
    }
    if (in->name_size == 0 || in->name_size > NAMES_MAX) {
        return damaged("it has no names of local time, or too many");
    }
    if ((in->ut_count != 0 && in->ut_count != in->type_count) ||
        (in->standard_count != 0 && in->standard_count != in->type_count)) {
        return damaged("its indicators are not one for each type");
    }
    if (in->leap_count != 0) {
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_UNSUPPORTED,
                        "the time zone file counts leap seconds, as those of 'right/' do");
    }
    return BS_OK;
}

/*
 * Understand the header at `in->data`, move on to the block behind it and check
 * that this is all there.
 */
static bs_status read_header(block *in, size_t size)
{
    const uint8_t *header = in->data;

    if (size < HEADER_SIZE || memcmp(header, "TZif", 4) != 0) {
        return damaged("it does not begin with 'TZif'");
    }
    in->version = header[4] == 0 ? 1 : (uint8_t)(header[4] - '0');
    if (in->version < 1 || in->version > 4 || header[4] == '1') {
        return damaged("its version is not 1 to 4");
    }
    in->ut_count = be32(header + 20);
    in->standard_count = be32(header + 24);
    in->leap_count = be32(header + 28);
    in->transition_count = be32(header + 32);
    in->type_count = be32(header + 36);
    in->name_size = be32(header + 40);
    in->data = header + HEADER_SIZE;
    in->size = (uint64_t)in->transition_count * (in->time_size + 1) +
               (uint64_t)in->type_count * TYPE_SIZE + in->name_size +
               (uint64_t)in->leap_count * (in->time_size + 4) + in->standard_count + in->ut_count;
    return in->size > size - HEADER_SIZE ? damaged("it is cut short") : BS_OK;
}

/* The offset of a type; the rest of the type is checked only. */
static bs_status read_type(const block *in, size_t index, int32_t *offset_out)
{
    const uint8_t *type = in->data + in->transition_count * (in->time_size + 1) + index * TYPE_SIZE;
    const int32_t offset = (int32_t)be32(type);

    if (offset < BSI_TIMEZONE_OFFSET_MIN || offset > BSI_TIMEZONE_OFFSET_MAX) {
        return damaged("an offset is more than a day");
    }
    if (type[4] > 1 || type[5] >= in->name_size) {
        return damaged("a type of local time is not as it should be");
    }
    *offset_out = offset;
    return BS_OK;
}

static bs_status read_transition(const block *in, size_t index, bsi_transition *out)
{
    const uint8_t *at = in->data + index * in->time_size;
    const uint8_t type = in->data[in->transition_count * in->time_size + index];

    out->sec = in->time_size == 4 ? (int32_t)be32(at) : be64_signed(at);
    if (out->sec < -TRANSITION_LIMIT || out->sec > TRANSITION_LIMIT) {
        return damaged("a transition lies beyond all time");
    }
    if (type >= in->type_count) {
        return damaged("a transition leads to a type that is not there");
    }
    return read_type(in, type, &out->offset);
}

static bs_status read_block(const block *in, bsi_timezone *zone)
{
    int32_t unused = 0;

    BSI_TRY(check_counts(in));
    for (size_t i = 0; i < in->type_count; i++) {
        BSI_TRY(read_type(in, i, &unused));
    }
    BSI_TRY(read_type(in, 0, &zone->before));
    zone->transitions = bsi_calloc(in->transition_count, sizeof(*zone->transitions));
    if (!zone->transitions) {
        return BS_E_NOMEM;
    }
    for (size_t i = 0; i < in->transition_count; i++) {
        BSI_TRY(read_transition(in, i, &zone->transitions[i]));
        if (i > 0 && zone->transitions[i].sec <= zone->transitions[i - 1].sec) {
            return damaged("its transitions are not in order");
        }
    }
    zone->count = in->transition_count;
    return BS_OK;
}

/* The line at the end, between two newlines. Empty: nothing is known of later times. */
static bs_status read_footer(const uint8_t *data, size_t size, bsi_timezone *zone)
{
    const char *text = (const char *)data + 1;
    const char *end = NULL;

    if (size < 2 || data[0] != '\n') {
        return damaged("its last line is missing");
    }
    end = memchr(text, '\n', size - 1);
    if (!end) {
        return damaged("its last line has no end");
    }
    if (end == text) {
        return BS_OK;
    }
    zone->has_rule = bsi_rule_parse(text, (size_t)(end - text), &zone->rule);
    return zone->has_rule ? BS_OK : damaged("its last line is no rule");
}

static bs_status read_file(const uint8_t *data, size_t size, bsi_timezone *zone)
{
    block first = {.data = data, .time_size = 4};
    block second = {.time_size = 8};

    BSI_TRY(read_header(&first, size));
    if (first.version == 1) {
        return read_block(&first, zone);
    }
    size -= HEADER_SIZE + (size_t)first.size; /* What it says is said again, in 64 bits. */
    second.data = first.data + first.size;
    BSI_TRY(read_header(&second, size));
    BSI_TRY(read_block(&second, zone));
    size -= HEADER_SIZE + (size_t)second.size;
    return read_footer(second.data + second.size, size, zone);
}

bs_status bsi_timezone_parse(const void *data, size_t size, bsi_timezone **out)
{
    bsi_timezone *zone = NULL;
    bs_status status = BS_OK;

    if (size > BSI_TIMEZONE_FILE_MAX) {
        return damaged("it is larger than 64 KiB");
    }
    zone = bsi_calloc(1, sizeof(*zone));
    if (!zone) {
        return BS_E_NOMEM;
    }
    status = read_file(data, size, zone);
    if (status < 0) {
        bsi_timezone_free(zone);
        return status;
    }
    *out = zone;
    return BS_OK;
}
