/* SPDX-License-Identifier: MIT */
/*
 * Which packs stay, go, or are repacked. Packs of which nothing is needed go. Of the
 * others, these are looked at: those that hold something that is not needed, or not
 * needed there; those that are mixed; and those that are small, if there are some of
 * them. Trees first, for they are read again and again; then small packs; then those
 * with the greatest part that is not needed, until what is left of it is little enough.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "repo/pack.h"
#include "repo/prune_int.h"

enum {
    PERCENT_ALL = 100,
    SMALL_PERCENT = 80,   /* Of what a pack has at least when it is full. */
    SMALL_PACKS_MIN = 10, /* Fewer small ones are left alone. */
};

/* A pack that may be repacked. */
typedef struct candidate {
    uint32_t number;
    bool must;  /* Whatever the limit of what may stay unneeded. */
    bool small; /* And there are enough of them. */
    uint64_t waste;
    uint64_t sealed;
} candidate;

typedef struct decision {
    bsi_repo_prune *prune;
    candidate *items;
    size_t count;
    uint64_t waste_left; /* In packs that are not repacked. */
    uint64_t small[2];   /* Packs of data, of trees. */
} decision;

static uint64_t waste_of(const bsi_prune_pack *pack)
{
    return pack->sealed - pack->kept;
}

static bool is_small(const bsi_repo_prune *self, const bsi_prune_pack *pack)
{
    const size_t target = self->options.pack_target;
    const size_t full = target < BSI_PACK_TARGET_MIN ? target : BSI_PACK_TARGET_MIN;

    return pack->file_size < full / PERCENT_ALL * SMALL_PERCENT;
}

/* Bytes that are not needed and may stay. */
static uint64_t limit_of(const bsi_repo_prune *self)
{
    const bsi_prune_options *options = &self->options;
    uint64_t percent = BSI_PRUNE_PERCENT_USUAL;

    if (options->unused == BSI_PRUNE_UNUSED_ANY) {
        return UINT64_MAX;
    }
    if (options->unused == BSI_PRUNE_UNUSED_BYTES) {
        return options->unused_max;
    }
    if (options->unused == BSI_PRUNE_UNUSED_PERCENT) {
        percent = options->unused_max;
    }
    return self->report.bytes_needed / (PERCENT_ALL - percent) * percent;
}

static bool is_candidate(const decision *self, const bsi_prune_pack *pack, bool small)
{
    if (self->prune->options.unused == BSI_PRUNE_UNUSED_ANY) {
        return false;
    }
    return waste_of(pack) > 0 || pack->is_mixed || pack->has_plain || small;
}

/* What nobody needs goes; the rest is counted. */
static void sort_out(decision *self)
{
    bsi_repo_prune *prune = self->prune;

    for (uint32_t i = 0; i < prune->pack_count; i++) {
        bsi_prune_pack *pack = &prune->packs[i];
        if (!pack->is_known) {
            continue;
        }
        if (pack->kept == 0) {
            pack->fate = BSI_FATE_GO;
        } else {
            self->waste_left += waste_of(pack);
            self->small[pack->is_tree] += is_small(prune, pack);
        }
    }
}

static void list_candidates(decision *self)
{
    for (uint32_t i = 0; i < self->prune->pack_count; i++) {
        const bsi_prune_pack *pack = &self->prune->packs[i];
        const bool small =
            is_small(self->prune, pack) && self->small[pack->is_tree] >= SMALL_PACKS_MIN;
        if (pack->is_known && pack->fate == BSI_FATE_STAY && is_candidate(self, pack, small)) {
            self->items[self->count++] = (candidate){
                .number = i,
                .must = pack->is_tree || pack->is_mixed || pack->has_plain,
                .small = small,
                .waste = waste_of(pack),
                .sealed = pack->sealed,
            };
        }
    }
}

static int compare_candidates(const void *a, const void *b)
{
    const candidate *one = a;
    const candidate *other = b;
    uint64_t left = 0;
    uint64_t right = 0;

    if (one->must != other->must) {
        return one->must ? -1 : 1;
    }
    if (one->small != other->small) {
        return one->small ? -1 : 1;
    }
    left = one->waste * other->sealed; /* Each is less than 2^32. */
    right = other->waste * one->sealed;
    if (left != right) {
        return left > right ? -1 : 1;
    }
    return (one->number > other->number) - (one->number < other->number);
}

static void pick(decision *self)
{
    const bsi_prune_options *options = &self->prune->options;
    const uint64_t limit = limit_of(self->prune);
    uint64_t repacked = 0;

    for (size_t i = 0; i < self->count; i++) {
        const candidate *one = &self->items[i];
        bsi_prune_pack *pack = &self->prune->packs[one->number];
        if (options->repack_max > 0 && repacked + pack->kept > options->repack_max) {
            continue;
        }
        if (one->must || one->small || self->waste_left > limit) {
            pack->fate = BSI_FATE_REPACK;
            repacked += pack->kept;
            self->waste_left -= one->waste;
        }
    }
}

static void tell(bsi_repo_prune *self, uint64_t waste_left)
{
    bsi_prune_report *report = &self->report;

    report->bytes_left = waste_left;
    for (uint32_t i = 0; i < self->pack_count; i++) {
        const bsi_prune_pack *pack = &self->packs[i];
        if (!pack->is_known) {
            continue;
        }
        report->packs_to_remove += pack->fate == BSI_FATE_GO;
        report->packs_to_repack += pack->fate == BSI_FATE_REPACK;
        report->packs_lost += pack->is_lost;
        report->bytes_to_remove += pack->fate != BSI_FATE_STAY ? pack->file_size : 0;
        report->bytes_to_repack += pack->fate == BSI_FATE_REPACK ? pack->kept : 0;
    }
}

bs_status bsi_prune_decide(bsi_repo_prune *prune)
{
    decision self = {.prune = prune};

    self.items = bsi_calloc((size_t)prune->pack_count + 1, sizeof(*self.items));
    if (!self.items) {
        return BS_E_NOMEM;
    }
    sort_out(&self);
    list_candidates(&self);
    if (self.count > 0) {
        qsort(self.items, self.count, sizeof(*self.items), compare_candidates);
    }
    pick(&self);
    tell(prune, self.waste_left);
    bsi_free(self.items);
    return BS_OK;
}
