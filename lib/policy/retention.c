/* SPDX-License-Identifier: MIT */
/*
 * Rules of retention over one series of backups.
 *
 * The items are put in order once, the newest first. A rule of periods then
 * finds the newest item of each period and keeps the first so many of them. In
 * the end everything that is kept hands its protection on to what it needs.
 */
#include "policy/retention.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/calendar.h"

#define NS_PER_SEC INT64_C(1000000000)
#define NS_PER_DAY (BSI_SECONDS_PER_DAY * NS_PER_SEC)

/* --- Rules --- */

static bs_status check_number(const char *name, int64_t value, int64_t most)
{
    if (value >= 0 && value <= most) {
        return BS_OK;
    }
    return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "%s: takes 0 to %lld, not %lld", name,
                    (long long)most, (long long)value);
}

bs_status bsi_retention_check(const bsi_retention_rules *rules)
{
    const struct {
        const char *name;
        int32_t value;
    } counts[] = {
        {"keep_last", rules->keep_last},       {"keep_hourly", rules->keep_hourly},
        {"keep_daily", rules->keep_daily},     {"keep_weekly", rules->keep_weekly},
        {"keep_monthly", rules->keep_monthly}, {"keep_yearly", rules->keep_yearly},
    };
    bool keeps = rules->own_days || rules->retention_days > 0;

    BSI_TRY(check_number("retention_days", rules->retention_days, BSI_RETENTION_DAYS_MAX));
    for (size_t i = 0; i < BSI_ARRAY_SIZE(counts); i++) {
        BSI_TRY(check_number(counts[i].name, counts[i].value, BSI_RETENTION_KEEP_MAX));
        keeps = keeps || counts[i].value > 0;
    }
    if (!keeps) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "retention: these rules keep nothing; set retention_days, keep_last, "
                        "keep_hourly, keep_daily, keep_weekly, keep_monthly or keep_yearly");
    }
    return BS_OK;
}

/* --- Periods --- */

typedef enum period { PERIOD_HOUR, PERIOD_DAY, PERIOD_WEEK, PERIOD_MONTH, PERIOD_YEAR } period;

static int64_t floor_div(int64_t value, int64_t by)
{
    return value / by - (value % by < 0);
}

static int64_t month_of(int64_t local_sec)
{
    bsi_civil civil = {0};

    /* All that 64 bits of nanoseconds hold lies within the calendar. */
    return bsi_civil_from_time(local_sec, &civil) < 0 ? 0 : civil.year * 12 + civil.month - 1;
}

/* A number that instants of the same period of local time share. */
static int64_t period_of(const bsi_retention_input *input, int64_t at, period kind)
{
    const int64_t sec = floor_div(at, NS_PER_SEC);
    const int64_t offset = input->zone_offset ? input->zone_offset(input->zone_user, sec) : 0;
    const int64_t local = sec + offset;
    const int64_t day = floor_div(local, BSI_SECONDS_PER_DAY);

    switch (kind) {
    case PERIOD_HOUR:
        /* By its beginning: an hour that the clocks go through twice counts as two. */
        return floor_div(local, 3600) * 3600 - offset;
    case PERIOD_DAY:
        return day;
    case PERIOD_WEEK:
        return floor_div(day + 3, 7); /* 1970-01-01 was a Thursday. */
    case PERIOD_MONTH:
        return month_of(local);
    case PERIOD_YEAR:
        return floor_div(month_of(local), 12);
    }
    return 0;
}

/* --- The work --- */

/* An item by its place among the good ones, the newest first. */
typedef struct place {
    size_t index;
    int64_t seq;
    int64_t period;
    size_t rank;
} place;

typedef struct work {
    const bsi_retention_input *input;
    bsi_retention_decision *out;
    place *good; /* By rank. */
    size_t good_count;
    place *sorted;             /* The same by period. */
    bsi_retention_need *needs; /* By `from`. */
    size_t *waiting;           /* Kept items whose needs have not been looked at. */
    size_t waiting_count;
} work;

static int compare_seq(const void *a, const void *b)
{
    const place *left = a;
    const place *right = b;

    return (left->seq < right->seq) - (left->seq > right->seq);
}

static int compare_period(const void *a, const void *b)
{
    const place *left = a;
    const place *right = b;

    if (left->period != right->period) {
        return left->period < right->period ? -1 : 1;
    }
    return (left->rank > right->rank) - (left->rank < right->rank);
}

static int compare_from(const void *a, const void *b)
{
    const bsi_retention_need *left = a;
    const bsi_retention_need *right = b;

    return (left->from > right->from) - (left->from < right->from);
}

static void rank_good(work *self)
{
    const bsi_retention_input *input = self->input;

    for (size_t i = 0; i < input->count; i++) {
        if (input->items[i].state == BSI_RETENTION_GOOD) {
            self->good[self->good_count++] = (place){.index = i, .seq = input->items[i].seq};
        }
    }
    qsort(self->good, self->good_count, sizeof(*self->good), compare_seq);
    for (size_t rank = 0; rank < self->good_count; rank++) {
        self->good[rank].rank = rank;
    }
}

static void keep(work *self, size_t rank, uint32_t by)
{
    self->out[self->good[rank].index].kept_by |= by;
}

static void keep_last(work *self)
{
    for (size_t rank = 0; rank < self->good_count && rank < (size_t)self->input->rules.keep_last;
         rank++) {
        keep(self, rank, BSI_KEPT_BY_LAST);
    }
    if (self->good_count > 0) {
        keep(self, 0, BSI_KEPT_AS_LAST_GOOD);
    }
}

/* A place is the newest of its period when it stands first among those of that period. */
static void keep_periods(work *self, period kind, int32_t count, uint32_t by)
{
    int32_t left = count;

    if (count <= 0) {
        return;
    }
    for (size_t rank = 0; rank < self->good_count; rank++) {
        place *one = &self->good[rank];
        one->period = period_of(self->input, self->input->items[one->index].created_at, kind);
        self->sorted[rank] = *one;
    }
    qsort(self->sorted, self->good_count, sizeof(*self->sorted), compare_period);
    for (size_t i = 0; i < self->good_count; i++) {
        const bool newest = i == 0 || self->sorted[i].period != self->sorted[i - 1].period;
        self->good[self->sorted[i].rank].period = newest;
    }
    for (size_t rank = 0; rank < self->good_count && left > 0; rank++) {
        if (self->good[rank].period) {
            keep(self, rank, by);
            left--;
        }
    }
}

static bool is_over(int64_t from, int64_t days, int64_t now)
{
    return from <= INT64_MAX - days * NS_PER_DAY && now >= from + days * NS_PER_DAY;
}

/* What keeps an item whatever the others are. */
static uint32_t kept_alone(const bsi_retention_input *input, const bsi_retention_item *item)
{
    const bsi_retention_rules *rules = &input->rules;
    uint32_t by = 0;

    if (item->pinned && (item->pinned_until == 0 || input->now < item->pinned_until)) {
        by |= BSI_KEPT_BY_PIN;
    }
    if (item->held && (item->held_until == 0 || input->now < item->held_until)) {
        by |= BSI_KEPT_BY_HOLD;
    }
    if (item->needed) {
        by |= BSI_KEPT_AS_NEEDED;
    }
    switch (item->state) {
    case BSI_RETENTION_RUNNING:
        by |= BSI_KEPT_AS_RUNNING;
        break;
    case BSI_RETENTION_FAILED:
        by |= is_over(item->created_at, input->failed_days, input->now)
                  ? 0
                  : BSI_KEPT_AS_RECENT_FAILURE;
        break;
    case BSI_RETENTION_GOOD:
        if ((rules->own_days && (item->expires_at == 0 || input->now < item->expires_at)) ||
            (rules->retention_days > 0 &&
             !is_over(item->created_at, rules->retention_days, input->now))) {
            by |= BSI_KEPT_BY_DAYS;
        }
        break;
    }
    return by;
}

static void keep_by_rules(work *self)
{
    const bsi_retention_input *input = self->input;
    const bsi_retention_rules *rules = &input->rules;

    for (size_t i = 0; i < input->count; i++) {
        self->out[i] =
            (bsi_retention_decision){kept_alone(input, &input->items[i]), BSI_RETENTION_NOBODY};
    }
    rank_good(self);
    keep_last(self);
    keep_periods(self, PERIOD_HOUR, rules->keep_hourly, BSI_KEPT_BY_HOURLY);
    keep_periods(self, PERIOD_DAY, rules->keep_daily, BSI_KEPT_BY_DAILY);
    keep_periods(self, PERIOD_WEEK, rules->keep_weekly, BSI_KEPT_BY_WEEKLY);
    keep_periods(self, PERIOD_MONTH, rules->keep_monthly, BSI_KEPT_BY_MONTHLY);
    keep_periods(self, PERIOD_YEAR, rules->keep_yearly, BSI_KEPT_BY_YEARLY);
}

/* --- Needs --- */

static size_t first_need(const work *self, size_t from)
{
    size_t low = 0;
    size_t high = self->input->need_count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (self->needs[middle].from < from) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Remember the newest that needs it. True when it was not kept before. */
static bool protect(work *self, const bsi_retention_need *need)
{
    const bsi_retention_item *items = self->input->items;
    bsi_retention_decision *to = &self->out[need->to];
    const bool known = to->kept_by != 0;

    to->kept_by |= BSI_KEPT_AS_NEEDED;
    if (to->needed_by == BSI_RETENTION_NOBODY || items[to->needed_by].seq < items[need->from].seq) {
        to->needed_by = (int64_t)need->from;
    }
    return !known;
}

static void keep_needs_of(work *self, size_t from)
{
    const bsi_retention_need *need = self->needs + first_need(self, from);
    const bsi_retention_need *end = self->needs + self->input->need_count;

    for (; need < end && need->from == from; need++) {
        if (need->to != from && protect(self, need)) {
            self->waiting[self->waiting_count++] = need->to;
        }
    }
}

static void keep_needed(work *self)
{
    for (size_t i = 0; i < self->input->count; i++) {
        if (self->out[i].kept_by != 0) {
            self->waiting[self->waiting_count++] = i;
        }
    }
    while (self->waiting_count > 0) {
        keep_needs_of(self, self->waiting[--self->waiting_count]);
    }
}

bs_status bsi_retention_decide(const bsi_retention_input *input, bsi_retention_decision *out)
{
    work self = {.input = input, .out = out};
    bs_status status = BS_E_NOMEM;

    self.good = bsi_calloc(input->count, sizeof(*self.good));
    self.sorted = bsi_calloc(input->count, sizeof(*self.sorted));
    self.waiting = bsi_calloc(input->count, sizeof(*self.waiting));
    self.needs = bsi_calloc(input->need_count, sizeof(*self.needs));
    if (self.good && self.sorted && self.waiting && self.needs) {
        if (input->need_count > 0) {
            memcpy(self.needs, input->needs, input->need_count * sizeof(*self.needs));
            qsort(self.needs, input->need_count, sizeof(*self.needs), compare_from);
        }
        keep_by_rules(&self);
        keep_needed(&self);
        status = BS_OK;
    }
    bsi_free(self.good);
    bsi_free(self.sorted);
    bsi_free(self.waiting);
    bsi_free(self.needs);
    return status;
}

/* --- The clock --- */

/* Doubts are over when time went on from where they began, long enough and without another jump. */
static bool has_settled(const bsi_retention_clock *clock, int64_t now,
                        const bsi_retention_limits *limits)
{
    return clock->doubted != 0 && now - clock->doubted >= limits->settle &&
           now - clock->doubted <= limits->jump;
}

bsi_retention_verdict bsi_retention_look(bsi_retention_clock *clock, int64_t now, int64_t newest,
                                         const bsi_retention_limits *limits)
{
    if (now < clock->doubted) {
        clock->doubted = 0; /* The jump was undone. */
    }
    if (now < newest || now < clock->believed) {
        return BSI_RETENTION_CLOCK_BEHIND;
    }
    if (clock->believed != 0 && now - clock->believed > limits->jump &&
        !has_settled(clock, now, limits)) {
        if (clock->doubted == 0 || now - clock->doubted > limits->jump) {
            clock->doubted = now;
        }
        return BSI_RETENTION_CLOCK_AHEAD;
    }
    clock->believed = now;
    clock->doubted = 0;
    return BSI_RETENTION_CLOCK_GOOD;
}
