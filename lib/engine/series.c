/* SPDX-License-Identifier: MIT */
/*
 * From rows of the catalogue to what policy looks at, and back.
 */
#include "engine/series.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/rules.h"
#include "engine/service.h"

enum { FAILURES_LISTED_DAYS = 90 };

/* An item by its id, for looking it up. */
typedef struct by_id {
    const char *id;
    size_t index;
} by_id;

typedef struct deciding {
    bs_service *service;
    const char *name;
    const bsi_retention_rules *rules; /* NULL: the name's own. */
    int64_t now;
    bsi_fates *fates;
    by_id *ids; /* All items of the series, sorted. */
    bsi_retention_item *items;
    bsi_retention_need *needs;
    size_t need_count;
} deciding;

static int compare_ids(const void *a, const void *b)
{
    return strcmp(((const by_id *)a)->id, ((const by_id *)b)->id);
}

/* NULL: it is not of this series. */
static const by_id *find(const deciding *self, const char *id)
{
    const by_id key = {id, 0};

    return bsearch(&key, self->ids, self->fates->series.count, sizeof(key), compare_ids);
}

static bsi_retention_state state_of(bsi_row_status status)
{
    switch (status) {
    case BSI_ROW_COMPLETED:
    case BSI_ROW_COMPLETED_WITH_WARNINGS:
        return BSI_RETENTION_GOOD;
    case BSI_ROW_FAILED:
    case BSI_ROW_CANCELLED:
        return BSI_RETENTION_FAILED;
    default:
        return BSI_RETENTION_RUNNING;
    }
}

static void take_pins(deciding *self)
{
    const bsi_series *series = &self->fates->series;

    for (size_t i = 0; i < series->pin_count; i++) {
        const bsi_row_pin *pin = &series->pins[i];
        const by_id *found = find(self, pin->backup_id);
        bsi_retention_item *item = found ? &self->items[found->index] : NULL;
        if (item && strcmp(pin->kind, BSI_PIN_HOLD) == 0) {
            item->held = true;
            item->held_until = pin->until;
        } else if (item) {
            item->pinned = true;
            item->pinned_until = pin->until;
        }
    }
}

static void take_marks(deciding *self)
{
    const bsi_series *series = &self->fates->series;

    for (size_t i = 0; i < series->mark_count; i++) {
        const by_id *found = find(self, series->marks[i].backup_id);
        if (found) {
            self->fates->fates[found->index].mark = &series->marks[i];
        }
    }
}

/* What another storage or name needs is needed, whatever becomes of that. */
static void take_need(deciding *self, const char *from_id, const char *to_id)
{
    const bsi_series_item *all = self->fates->series.items;
    const by_id *from = find(self, from_id);
    const by_id *to = find(self, to_id);

    if (!to) {
        return;
    }
    if (!from || all[from->index].storage != all[to->index].storage) {
        self->items[to->index].needed = true;
        return;
    }
    self->needs[self->need_count++] = (bsi_retention_need){from->index, to->index};
}

/* What stands in the catalogue, and the base of what runs, which is not there yet. */
static void take_needs(deciding *self)
{
    const bsi_series *series = &self->fates->series;

    for (size_t i = 0; i < series->need_count; i++) {
        take_need(self, series->needs[i].backup_id, series->needs[i].needs_id);
    }
    for (size_t i = 0; i < series->count; i++) {
        if (self->items[i].state == BSI_RETENTION_RUNNING) {
            take_need(self, series->items[i].id.text, series->items[i].base_id.text);
        }
    }
}

static bs_status take_all(deciding *self)
{
    const bsi_series *series = &self->fates->series;

    self->ids = bsi_calloc(series->count, sizeof(*self->ids));
    self->items = bsi_calloc(series->count, sizeof(*self->items));
    self->needs = bsi_calloc(series->need_count + series->count, sizeof(*self->needs));
    self->fates->fates = bsi_calloc(series->count, sizeof(*self->fates->fates));
    if (!self->ids || !self->items || !self->needs || !self->fates->fates) {
        return BS_E_NOMEM;
    }
    for (size_t i = 0; i < series->count; i++) {
        const bsi_series_item *row = &series->items[i];
        self->ids[i] = (by_id){row->id.text, i};
        self->items[i] = (bsi_retention_item){.seq = row->seq,
                                              .created_at = row->created_at,
                                              .expires_at = row->expires_at,
                                              .state = state_of(row->status)};
    }
    qsort(self->ids, series->count, sizeof(*self->ids), compare_ids);
    take_pins(self);
    take_marks(self);
    take_needs(self);
    return BS_OK;
}

/* --- Rules --- */

/* Of the newest good backup that brought some. */
static bs_status own_rules(const deciding *self, size_t storage, bsi_retention_rules *out)
{
    const bsi_series_storage *from = &self->fates->series.storages[storage];
    bs_status status = BS_OK;

    *out = (bsi_retention_rules){0};
    if (from->options) {
        status = bsi_rules_read(from->options, out);
    }
    if (status == BS_E_CORRUPT) {
        bsi_log_write(&self->service->log, BS_LOG_WARNING, "engine",
                      "retention keeps all of '%s' on storage '%s': %s", self->name, from->name,
                      bs_error_last()->message);
        *out = (bsi_retention_rules){.keep_last = BSI_RETENTION_KEEP_MAX};
        status = BS_OK;
    }
    out->own_days = true;
    return status;
}

/* --- One storage --- */

static int32_t zone_offset(void *user, int64_t sec)
{
    const bs_service *service = user;

    return bsi_timezone_span_at(service->zone, sec).offset;
}

static bs_status decide(deciding *self, size_t begin, size_t end)
{
    bsi_retention_decision *out = bsi_calloc(end - begin, sizeof(*out));
    bsi_retention_need *needs = bsi_calloc(self->need_count, sizeof(*needs));
    bsi_retention_input input = {.items = self->items + begin,
                                 .count = end - begin,
                                 .needs = needs,
                                 .now = self->now,
                                 .failed_days = FAILURES_LISTED_DAYS,
                                 .zone_offset = zone_offset,
                                 .zone_user = self->service};
    bs_status status = out && needs ? BS_OK : BS_E_NOMEM;

    for (size_t i = 0; status >= 0 && i < self->need_count; i++) {
        const bsi_retention_need *need = &self->needs[i];
        if (need->from >= begin && need->from < end) {
            needs[input.need_count++] = (bsi_retention_need){need->from - begin, need->to - begin};
        }
    }
    if (status >= 0 && self->rules) {
        input.rules = *self->rules;
    } else if (status >= 0) {
        status = own_rules(self, self->fates->series.items[begin].storage, &input.rules);
    }
    if (status >= 0) {
        status = bsi_retention_decide(&input, out);
    }
    for (size_t i = begin; status >= 0 && i < end; i++) {
        bsi_retention_decision *decision = &self->fates->fates[i].decision;
        *decision = out[i - begin];
        if (decision->needed_by != BSI_RETENTION_NOBODY) {
            decision->needed_by += (int64_t)begin;
        }
    }
    bsi_free(needs);
    bsi_free(out);
    return status;
}

static bs_status decide_all(deciding *self)
{
    const bsi_series *series = &self->fates->series;
    size_t begin = 0;
    bs_status status = take_all(self);

    while (status >= 0 && begin < series->count) {
        size_t end = begin + 1;
        while (end < series->count && series->items[end].storage == series->items[begin].storage) {
            end++;
        }
        status = decide(self, begin, end);
        begin = end;
    }
    return status;
}

bs_status bsi_fates_load(bs_service *service, const char *name, const bsi_retention_rules *rules,
                         int64_t now, bsi_fates *out)
{
    bsi_fates fates = {.fates = NULL};
    deciding self = {.service = service, .name = name, .rules = rules, .now = now, .fates = &fates};
    bs_status status = bsi_catalog_load_series(service->catalog, name, &fates.series);

    if (status >= 0) {
        status = decide_all(&self);
    }
    bsi_free(self.ids);
    bsi_free(self.items);
    bsi_free(self.needs);
    if (status < 0) {
        bsi_fates_dispose(&fates);
        return status;
    }
    *out = fates;
    return BS_OK;
}

void bsi_fates_dispose(bsi_fates *fates)
{
    bsi_free(fates->fates);
    bsi_series_dispose(&fates->series);
    fates->fates = NULL;
}
