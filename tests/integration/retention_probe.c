/* SPDX-License-Identifier: MIT */
/*
 * Decides on histories of backups, for a model in another language to compare with.
 *
 * Standard input, all whole numbers: for each history the counts of items, needs
 * and changes of the zone, `now`, failed_days, the eight rules; then each item, each
 * need, and each change as its second and the offset from there on. Standard
 * output: one line for each history, "kept_by:needed_by" for each item.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "policy/retention.h"

typedef struct zone {
    size_t count;
    int64_t (*changes)[2];
} zone;

static int64_t next_number(void)
{
    int64_t value = 0;

    if (scanf("%" SCNd64, &value) != 1) {
        (void)fprintf(stderr, "a number is missing\n");
        exit(1);
    }
    return value;
}

static void *array_of(size_t count, size_t size)
{
    void *array = bsi_calloc(count, size);

    if (!array) {
        exit(1);
    }
    return array;
}

static int32_t zone_offset(void *user, int64_t sec)
{
    const zone *self = user;
    int32_t offset = 0;

    for (size_t i = 0; i < self->count && self->changes[i][0] <= sec; i++) {
        offset = (int32_t)self->changes[i][1];
    }
    return offset;
}

static bsi_retention_rules next_rules(void)
{
    bsi_retention_rules rules = {.own_days = next_number() != 0};

    rules.retention_days = (int32_t)next_number();
    rules.keep_last = (int32_t)next_number();
    rules.keep_hourly = (int32_t)next_number();
    rules.keep_daily = (int32_t)next_number();
    rules.keep_weekly = (int32_t)next_number();
    rules.keep_monthly = (int32_t)next_number();
    rules.keep_yearly = (int32_t)next_number();
    return rules;
}

static bsi_retention_item next_item(void)
{
    bsi_retention_item item = {.seq = next_number()};

    item.created_at = next_number();
    item.expires_at = next_number();
    item.state = (bsi_retention_state)next_number();
    item.pinned = next_number() != 0;
    item.pinned_until = next_number();
    item.held = next_number() != 0;
    item.held_until = next_number();
    item.needed = next_number() != 0;
    return item;
}

static void show(const bsi_retention_input *input)
{
    bsi_retention_decision *out = array_of(input->count, sizeof(*out));

    if (bsi_retention_decide(input, out) < 0) {
        exit(1);
    }
    for (size_t i = 0; i < input->count; i++) {
        (void)printf("%s%" PRIu32 ":%" PRId64, i > 0 ? " " : "", out[i].kept_by, out[i].needed_by);
    }
    (void)putchar('\n');
    bsi_free(out);
}

static void probe_history(size_t count)
{
    const size_t need_count = (size_t)next_number();
    zone local = {.count = (size_t)next_number()};
    bsi_retention_item *items = array_of(count, sizeof(*items));
    bsi_retention_need *needs = array_of(need_count, sizeof(*needs));
    bsi_retention_input input = {
        .items = items, .count = count, .needs = needs, .need_count = need_count};

    local.changes = array_of(local.count, sizeof(*local.changes));
    input.now = next_number();
    input.failed_days = (int32_t)next_number();
    input.rules = next_rules();
    input.zone_offset = local.count > 0 ? zone_offset : NULL;
    input.zone_user = &local;
    for (size_t i = 0; i < count; i++) {
        items[i] = next_item();
    }
    for (size_t i = 0; i < need_count; i++) {
        needs[i].from = (size_t)next_number();
        needs[i].to = (size_t)next_number();
    }
    for (size_t i = 0; i < local.count; i++) {
        local.changes[i][0] = next_number();
        local.changes[i][1] = next_number();
    }
    show(&input);
    bsi_free(items);
    bsi_free(needs);
    bsi_free(local.changes);
}

int main(void)
{
    int64_t count = 0;

    while (scanf("%" SCNd64, &count) == 1) {
        probe_history((size_t)count);
    }
    return 0;
}
