/* SPDX-License-Identifier: MIT */
/*
 * Time zones: which offset holds when, and both ways between UTC and what the
 * clocks show.
 */
#include "policy/timezone.h"

#include "base/alloc.h"
#include "policy/timezone_int.h"

static const bsi_timezone utc = {.has_rule = false};

const bsi_timezone *bsi_timezone_utc(void)
{
    return &utc;
}

bs_status bsi_timezone_from_rule(const char *text, size_t size, bsi_timezone **out)
{
    bsi_timezone *zone = NULL;
    bsi_rule rule = {0};
    char shown[80];

    if (!bsi_rule_parse(text, size, &rule)) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "'%s' is not a time zone rule such as CET-1CEST,M3.5.0,M10.5.0/3",
                        bsi_printable(text, size, shown, sizeof(shown)));
    }
    zone = bsi_calloc(1, sizeof(*zone));
    if (!zone) {
        return BS_E_NOMEM;
    }
    zone->has_rule = true;
    zone->rule = rule;
    *out = zone;
    return BS_OK;
}

void bsi_timezone_free(bsi_timezone *zone)
{
    if (zone) {
        bsi_free(zone->transitions);
        bsi_free(zone);
    }
}

/* How many transitions lie at or before `sec`. */
static size_t transitions_until(const bsi_timezone *zone, int64_t sec)
{
    size_t low = 0;
    size_t high = zone->count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (zone->transitions[middle].sec <= sec) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bsi_timezone_span bsi_timezone_span_at(const bsi_timezone *zone, int64_t sec)
{
    const size_t passed = transitions_until(zone, sec);
    const int64_t begin = passed > 0 ? zone->transitions[passed - 1].sec : INT64_MIN;
    bsi_timezone_span span = {begin, INT64_MAX, zone->before};

    if (passed == zone->count && zone->has_rule) {
        span = bsi_rule_span_at(&zone->rule, sec);
        span.begin = span.begin > begin ? span.begin : begin;
        return span;
    }
    if (passed < zone->count) {
        span.end = zone->transitions[passed].sec;
    }
    if (passed > 0) {
        span.offset = zone->transitions[passed - 1].offset;
    }
    return span;
}

bs_status bsi_timezone_to_local(const bsi_timezone *zone, int64_t sec, bsi_civil *civil_out,
                                int32_t *offset_out)
{
    const int32_t offset = bsi_timezone_span_at(zone, sec).offset;

    if (sec < BSI_CIVIL_TIME_MIN || sec > BSI_CIVIL_TIME_MAX) {
        return bsi_civil_from_time(sec, civil_out);
    }
    BSI_TRY(bsi_civil_from_time(sec + offset, civil_out));
    if (offset_out) {
        *offset_out = offset;
    }
    return BS_OK;
}

bsi_timezone_instants bsi_timezone_from_local(const bsi_timezone *zone, const bsi_civil *civil)
{
    const int64_t local = bsi_time_from_civil(civil);
    const int64_t latest = local - BSI_TIMEZONE_OFFSET_MIN;
    int64_t at = local - BSI_TIMEZONE_OFFSET_MAX;
    int64_t behind = INT64_MAX; /* The first instant at which the clocks show a later time. */
    bsi_timezone_instants found = {0};

    /* Every instant that might show the time lies between `at` and `latest`. */
    while (at <= latest) {
        const bsi_timezone_span span = bsi_timezone_span_at(zone, at);
        const int64_t instant = local - span.offset;
        if (instant >= at && instant < span.end) {
            found.first = found.count == 0 ? instant : found.first;
            found.last = instant;
            found.count = found.count == 0 ? 1 : 2;
        } else if (instant < at && at < behind) {
            behind = at;
        }
        if (span.end > latest) {
            break;
        }
        at = span.end;
    }
    if (found.count == 0) {
        found.first = behind;
        found.last = behind;
    }
    return found;
}
