/* SPDX-License-Identifier: MIT */
#include "policy/due.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* So many due times are counted one by one; of more, only the end is looked at. */
enum { COUNTED_MAX = 100000 };

/* --- Stretches --- */

void bsi_dealt_format(const bsi_dealt *dealt, char out[BSI_DEALT_TEXT_SIZE])
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < dealt->count; i++) {
        const int more =
            snprintf(out + used, BSI_DEALT_TEXT_SIZE - used, "%s%" PRId64 "-%" PRId64,
                     i > 0 ? " " : "", dealt->stretches[i].first, dealt->stretches[i].last);
        used += more > 0 ? (size_t)more : 0;
    }
}

/* Digits up to `end`, which is passed over. */
static bool parse_number(const char **at, char end, int64_t *out)
{
    const char *text = *at;
    int64_t value = 0;

    for (; *text >= '0' && *text <= '9' && value < BSI_CIVIL_TIME_MAX; text++) {
        value = value * 10 + (*text - '0');
    }
    if (text == *at || *text != end) {
        return false;
    }
    *at = text + (end != '\0');
    *out = value;
    return true;
}

static bool parse_stretch(const char **at, bsi_dealt *out)
{
    const int64_t before = out->count > 0 ? out->stretches[out->count - 1].last : -1;
    bsi_stretch one = {0};
    const char *space = strchr(*at, ' ');

    if (out->count == BSI_DEALT_MAX || !parse_number(at, '-', &one.first) ||
        !parse_number(at, space ? ' ' : '\0', &one.last) || (space && !**at) ||
        one.first <= before || one.last < one.first) {
        return false;
    }
    out->stretches[out->count++] = one;
    return true;
}

bs_status bsi_dealt_parse(const char *text, bsi_dealt *out)
{
    const char *at = text;

    out->count = 0;
    while (*at) {
        if (!parse_stretch(&at, out)) {
            return bsi_fail(BS_LAYER_CATALOG, BS_E_CORRUPT,
                            "what a schedule has dealt with cannot be read");
        }
    }
    return BS_OK;
}

/* The first stretch that does not end before an instant, or the count. */
static size_t find(const bsi_dealt *dealt, int64_t due)
{
    size_t i = 0;

    while (i < dealt->count && dealt->stretches[i].last < due) {
        i++;
    }
    return i;
}

bool bsi_dealt_has(const bsi_dealt *dealt, int64_t due)
{
    const size_t i = find(dealt, due);

    return i < dealt->count && dealt->stretches[i].first <= due;
}

/* Make one of the stretches i and i + 1. */
static void join(bsi_dealt *dealt, size_t i)
{
    dealt->stretches[i].last = dealt->stretches[i + 1].last;
    dealt->count--;
    memmove(&dealt->stretches[i + 1], &dealt->stretches[i + 2],
            (dealt->count - i - 1) * sizeof(dealt->stretches[0]));
}

/*
 * Forget a gap: the oldest, for hardly a clock is ever set back so far. While all of
 * them lie ahead, by some wrong clock, the narrowest: it costs the fewest runs.
 */
static void forget_gap(bsi_dealt *dealt, int64_t now)
{
    size_t nearest = 0;

    if (dealt->stretches[1].first <= now) {
        join(dealt, 0);
        return;
    }
    for (size_t i = 1; i + 1 < dealt->count; i++) {
        if (dealt->stretches[i + 1].first - dealt->stretches[i].last <
            dealt->stretches[nearest + 1].first - dealt->stretches[nearest].last) {
            nearest = i;
        }
    }
    join(dealt, nearest);
}

/* Whether `due` is the first due time after `before`. */
static bool follows(const bsi_due_rule *rule, int64_t before, int64_t due)
{
    int64_t next = 0;

    return bsi_cron_next(rule->cron, rule->zone, before, &next) >= 0 && next >= due;
}

void bsi_due_deal(const bsi_due_rule *rule, bsi_dealt *dealt, int64_t due)
{
    const size_t i = find(dealt, due);

    if (due < 0 || bsi_dealt_has(dealt, due)) {
        return;
    }
    if (dealt->count == BSI_DEALT_MAX) {
        forget_gap(dealt, due);
        bsi_due_deal(rule, dealt, due);
        return;
    }
    memmove(&dealt->stretches[i + 1], &dealt->stretches[i],
            (dealt->count - i) * sizeof(dealt->stretches[0]));
    dealt->stretches[i] = (bsi_stretch){due, due};
    dealt->count++;
    if (i + 1 < dealt->count && follows(rule, due, dealt->stretches[i + 1].first)) {
        join(dealt, i);
    }
    if (i > 0 && follows(rule, dealt->stretches[i - 1].last, due)) {
        join(dealt, i - 1);
    }
}

/* --- Due times --- */

bs_status bsi_due_next(const bsi_due_rule *rule, const bsi_dealt *dealt, int64_t after,
                       int64_t *out)
{
    int64_t due = 0;

    BSI_TRY(bsi_cron_next(rule->cron, rule->zone, after, &due));
    while (bsi_dealt_has(dealt, due)) {
        const int64_t last = dealt->stretches[find(dealt, due)].last;
        BSI_TRY(bsi_cron_next(rule->cron, rule->zone, last, &due));
    }
    *out = due;
    return BS_OK;
}

/* The due times up to an instant: how many there are, and the latest ones in a ring. */
typedef struct backlog {
    uint64_t count;
    int64_t ring[BSI_DUE_LISTED_MAX];
} backlog;

static int64_t backlog_at(const backlog *self, uint64_t index)
{
    return self->ring[index % BSI_DUE_LISTED_MAX];
}

/* The end of the list when it is too long to be gone through. */
static bs_status skip_ahead(const bsi_due_rule *rule, int64_t now, int64_t *due)
{
    int64_t last = now + 1;
    bs_status status = BS_OK;

    for (int i = 0; i < BSI_DUE_LISTED_MAX && status >= 0; i++) {
        status = bsi_cron_previous(rule->cron, rule->zone, last, &last);
    }
    if (status >= 0 && last > *due) {
        *due = last;
    }
    return status;
}

static bs_status collect(const bsi_due_rule *rule, const bsi_dealt *dealt, int64_t next,
                         int64_t now, backlog *out)
{
    int64_t due = next;
    bs_status status = BS_OK;

    out->count = 0;
    while (status >= 0 && due <= now) {
        out->ring[out->count++ % BSI_DUE_LISTED_MAX] = due;
        if (out->count == COUNTED_MAX) {
            status = skip_ahead(rule, now, &due);
        }
        if (status >= 0) {
            status = bsi_due_next(rule, dealt, due, &due);
        }
    }
    return status == BS_E_NOT_FOUND ? BS_OK : status;
}

/* The index of the one to be run, or the count. */
static uint64_t choose(const bsi_due_rule *rule, const backlog *late, int64_t now)
{
    const uint64_t last = late->count - 1;

    switch (rule->missed) {
    case BSI_MISSED_ALL:
        return late->count > BSI_DUE_BACKLOG_MAX ? late->count - BSI_DUE_BACKLOG_MAX : 0;
    case BSI_MISSED_SKIP:
        return now - backlog_at(late, last) <= BSI_DUE_GRACE_SEC ? last : late->count;
    case BSI_MISSED_RUN_ONCE:
        break;
    }
    return last;
}

/* What becomes of those before the chosen one. */
static void list_missed(const backlog *late, uint64_t count, bsi_due_plan *out)
{
    uint64_t first = late->count > BSI_DUE_LISTED_MAX ? late->count - BSI_DUE_LISTED_MAX : 0;

    out->missed = count;
    for (; first < count; first++) {
        out->list[out->listed++] = backlog_at(late, first);
    }
}

bs_status bsi_due_decide(const bsi_due_rule *rule, const bsi_dealt *dealt, int64_t next,
                         int64_t now, bsi_due_plan *out)
{
    backlog late;
    int64_t after = now;
    bs_status status = collect(rule, dealt, next, now, &late);

    if (status < 0) {
        return status;
    }
    out->run = false;
    out->missed = 0;
    out->listed = 0;
    if (late.count > 0) {
        const uint64_t chosen = choose(rule, &late, now);
        list_missed(&late, chosen, out);
        out->run = chosen < late.count;
        out->due = out->run ? backlog_at(&late, chosen) : 0;
        after = out->run ? out->due : now;
    }
    status = bsi_due_next(rule, dealt, after, &out->next);
    out->has_next = status >= 0;
    return status == BS_E_NOT_FOUND ? BS_OK : status;
}
