/* SPDX-License-Identifier: MIT */
/*
 * Blobs that lie near each other in a pack are one range, one read and one task.
 */
#include "vault/repository/pack_ranges.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "compress/zstd_frame.h"
#include "repo/pack.h"
#include "repo/reader.h"

enum {
    RANGE_MAX = 4 * 1024 * 1024, /* Bytes of a pack in one read, unless one blob has more. */
    GAP_MAX = 128 * 1024,        /* Bytes that are read though nobody wants them. */
    UNDER_WAY_RANGES = 16,
    UNDER_WAY_BYTES = 32 * 1024 * 1024,
    KEPT_MAX = 2 * RANGE_MAX, /* A buffer that grew beyond is given back. */
};

/* What one task works with; kept for the next one. */
typedef struct work_desk {
    struct work_desk *next;
    bsi_blob_sealer *sealer;
    bsi_blob_reader *reader; /* Made when a range has failed. */
    bsi_buf sealed;
} work_desk;

struct bsi_pack_ranges {
    const bsi_repo_session *session;
    bsi_wanted_sink sink;
    bsi_latch under_way;
    atomic_uint_least64_t bytes_under_way;
    bsi_mutex lock; /* Guards what follows. */
    work_desk *desks;
};

typedef struct range {
    bsi_task task;
    bsi_pack_ranges *ranges;
    uint64_t begin; /* In the pack, */
    uint64_t end;   /* likewise. */
    size_t count;
    bsi_wanted_blob wanted[];
} range;

/* --- Desks --- */

static void desk_free(work_desk *self)
{
    bsi_blob_sealer_free(self->sealer);
    bsi_blob_reader_free(self->reader);
    bsi_buf_dispose(&self->sealed);
    bsi_free(self);
}

static bs_status desk_new(const bsi_repo_session *session, work_desk **out)
{
    const bsi_blob_options options = {
        .key = bsi_repo_master_key(session->repo),
        .version = bsi_repo_config_of(session->repo)->version,
        .level = BSI_ZSTD_FRAME_LEVEL_DEFAULT,
    };
    work_desk *self = bsi_calloc(1, sizeof(*self));
    bs_status status = BS_OK;

    if (!self) {
        return BS_E_NOMEM;
    }
    bsi_buf_init(&self->sealed, SIZE_MAX);
    status = bsi_blob_sealer_new(&options, &self->sealer);
    if (status < 0) {
        desk_free(self);
        return status;
    }
    *out = self;
    return BS_OK;
}

static bs_status take_desk(bsi_pack_ranges *ranges, work_desk **out)
{
    bsi_mutex_lock(&ranges->lock);
    *out = ranges->desks;
    if (*out) {
        ranges->desks = (*out)->next;
    }
    bsi_mutex_unlock(&ranges->lock);
    return *out ? BS_OK : desk_new(ranges->session, out);
}

static void give_back(bsi_pack_ranges *ranges, work_desk *self)
{
    if (self->sealed.capacity > KEPT_MAX) {
        bsi_buf_dispose(&self->sealed);
        bsi_buf_init(&self->sealed, SIZE_MAX);
    }
    bsi_mutex_lock(&ranges->lock);
    self->next = ranges->desks;
    ranges->desks = self;
    bsi_mutex_unlock(&ranges->lock);
}

/* --- One range --- */

static bs_status read_range(const range *self, work_desk *desk)
{
    const bsi_repo_session *session = self->ranges->session;
    const size_t size = (size_t)(self->end - self->begin);
    char key[BSI_REPO_KEY_SIZE];

    BSI_TRY(bsi_call_check(session->env->call));
    bsi_buf_clear(&desk->sealed);
    BSI_TRY(bsi_buf_reserve(&desk->sealed, size));
    bsi_repo_object_key(session->repo, BSI_REPO_PACKS, &self->wanted[0].place.pack, key);
    return bsi_storage_read(bsi_repo_storage(session->repo), session->env->call, key, self->begin,
                            desk->sealed.data, size);
}

/* A blob for itself: its range could not be read, or it is damaged there. */
static bs_status read_alone(const range *self, work_desk *desk, const bsi_blob_place *place,
                            bsi_slice *out)
{
    const bsi_repo_session *session = self->ranges->session;

    if (!desk->reader) {
        BSI_TRY(bsi_blob_reader_new(session->repo, session->index, &desk->reader));
    }
    if (!self->ranges->sink.any_copy) {
        return bsi_blob_reader_read_at(desk->reader, session->env->call, place, out);
    }
    return bsi_blob_reader_read(desk->reader, session->env->call, place->blob.type, &place->blob.id,
                                out);
}

static bs_status open_blob(const range *self, work_desk *desk, bool is_read,
                           const bsi_blob_place *place, bsi_slice *out)
{
    bs_status status = BS_E_CORRUPT;

    if (is_read) {
        status = bsi_blob_open(desk->sealer, &place->blob,
                               desk->sealed.data + (place->blob.offset - self->begin), out);
    }
    return status == BS_E_CORRUPT || status == BS_E_LIMIT ? read_alone(self, desk, place, out)
                                                          : status;
}

static bool is_same(const bsi_wanted_blob *a, const bsi_wanted_blob *b)
{
    return a->place.blob.offset == b->place.blob.offset;
}

/* What came of reading a blob. */
typedef struct outcome {
    bs_status status;
    bsi_slice plain;
    bs_error failure;
} outcome;

/* One that is wanted once more has the outcome of before. */
static void find_outcome(const range *self, work_desk *desk, bool is_read, size_t i, outcome *out)
{
    if (i > 0 && is_same(&self->wanted[i], &self->wanted[i - 1])) {
        bsi_error_restore(&out->failure);
        return;
    }
    out->plain = (bsi_slice){0};
    out->status = open_blob(self, desk, is_read, &self->wanted[i].place, &out->plain);
    out->plain = out->status < 0 ? (bsi_slice){0} : out->plain;
    bsi_error_save(&out->failure);
}

static void hand_over(const range *self, work_desk *desk, bool is_read)
{
    const bsi_wanted_sink *sink = &self->ranges->sink;
    outcome blob = {.status = BS_OK};

    for (size_t i = 0; i < self->count; i++) {
        find_outcome(self, desk, is_read, i, &blob);
        sink->take(sink->user, &self->wanted[i], blob.status, blob.plain);
    }
}

static void fail_all(const bsi_pack_ranges *ranges, const bsi_wanted_blob *wanted, size_t count,
                     bs_status status)
{
    bs_error failure;

    bsi_error_save(&failure);
    for (size_t i = 0; i < count; i++) {
        bsi_error_restore(&failure);
        ranges->sink.take(ranges->sink.user, &wanted[i], status, (bsi_slice){0});
    }
}

static bs_status check_blobs(const range *self)
{
    const uint32_t version = bsi_repo_config_of(self->ranges->session->repo)->version;

    for (size_t i = 0; i < self->count; i++) {
        BSI_TRY(bsi_blob_check(&self->wanted[i].place.blob, version));
    }
    return BS_OK;
}

/* Failures of what is stored are each blob's own; others concern all of them. */
static bool concerns_all(bs_status status)
{
    return status < 0 && (bs_error_last()->layer != BS_LAYER_STORAGE || status == BS_E_NOMEM ||
                          status == BS_E_CANCELLED || status == BS_E_TIMEOUT);
}

static void run_range(bsi_task *task)
{
    range *self = (range *)(void *)task; /* The task is its first member. */
    bsi_pack_ranges *ranges = self->ranges;
    work_desk *desk = NULL;
    bs_status status = take_desk(ranges, &desk);

    if (status >= 0) {
        status = check_blobs(self);
    }
    if (status >= 0) {
        status = read_range(self, desk);
    }
    if (concerns_all(status)) {
        fail_all(ranges, self->wanted, self->count, status);
    } else {
        hand_over(self, desk, status >= 0);
    }
    if (desk) {
        give_back(ranges, desk);
    }
    atomic_fetch_sub(&ranges->bytes_under_way, self->end - self->begin);
    bsi_free(self);
    bsi_latch_done(&ranges->under_way);
}

/* --- Making ranges --- */

static int compare_wanted(const void *a, const void *b)
{
    const bsi_blob_place *one = &((const bsi_wanted_blob *)a)->place;
    const bsi_blob_place *other = &((const bsi_wanted_blob *)b)->place;

    if (one->pack_number != other->pack_number) {
        return one->pack_number < other->pack_number ? -1 : 1;
    }
    return (one->blob.offset > other->blob.offset) - (one->blob.offset < other->blob.offset);
}

static uint64_t end_of(const bsi_wanted_blob *wanted)
{
    return (uint64_t)wanted->place.blob.offset + wanted->place.blob.size;
}

/* How many of them one read fetches. */
static size_t range_length(const bsi_wanted_blob *wanted, size_t count, uint64_t *end_out)
{
    const bsi_blob_place *first = &wanted->place;
    size_t length = 1;

    *end_out = end_of(wanted);
    while (length < count && wanted[length].place.pack_number == first->pack_number &&
           wanted[length].place.blob.offset <= *end_out + GAP_MAX &&
           (end_of(&wanted[length]) <= *end_out ||
            end_of(&wanted[length]) - first->blob.offset <= RANGE_MAX)) {
        if (end_of(&wanted[length]) > *end_out) {
            *end_out = end_of(&wanted[length]);
        }
        length++;
    }
    return length;
}

static void make_room(bsi_pack_ranges *ranges)
{
    bsi_latch_wait(&ranges->under_way, UNDER_WAY_RANGES - 1);
    if (atomic_load(&ranges->bytes_under_way) > UNDER_WAY_BYTES) {
        bsi_latch_wait(&ranges->under_way, 1);
    }
}

static void submit(bsi_pack_ranges *ranges, const bsi_wanted_blob *wanted, size_t count,
                   uint64_t end)
{
    range *self = bsi_alloc(sizeof(*self) + count * sizeof(*wanted));

    if (!self) {
        fail_all(ranges, wanted, count, BS_E_NOMEM);
        return;
    }
    *self = (range){.task.run = run_range,
                    .ranges = ranges,
                    .begin = wanted->place.blob.offset,
                    .end = end,
                    .count = count};
    memcpy(self->wanted, wanted, count * sizeof(*wanted));
    make_room(ranges);
    atomic_fetch_add(&ranges->bytes_under_way, self->end - self->begin);
    bsi_latch_add(&ranges->under_way);
    bsi_pool_submit(ranges->session->env->pool, &self->task);
}

void bsi_pack_ranges_read(bsi_pack_ranges *ranges, bsi_wanted_blob *wanted, size_t count)
{
    size_t at = 0;
    uint64_t end = 0;

    if (count > 1) {
        qsort(wanted, count, sizeof(*wanted), compare_wanted);
    }
    while (at < count) {
        const size_t length = range_length(wanted + at, count - at, &end);
        submit(ranges, wanted + at, length, end);
        at += length;
    }
}

/* --- All of them --- */

bs_status bsi_pack_ranges_new(const bsi_repo_session *session, const bsi_wanted_sink *sink,
                              bsi_pack_ranges **out)
{
    bsi_pack_ranges *ranges = bsi_calloc(1, sizeof(*ranges));

    if (!ranges) {
        return BS_E_NOMEM;
    }
    ranges->session = session;
    ranges->sink = *sink;
    bsi_latch_init(&ranges->under_way);
    bsi_mutex_init(&ranges->lock);
    *out = ranges;
    return BS_OK;
}

void bsi_pack_ranges_drain(bsi_pack_ranges *ranges)
{
    bsi_latch_wait(&ranges->under_way, 0);
}

void bsi_pack_ranges_free(bsi_pack_ranges *ranges)
{
    if (!ranges) {
        return;
    }
    bsi_pack_ranges_drain(ranges);
    while (ranges->desks) {
        work_desk *next = ranges->desks->next;
        desk_free(ranges->desks);
        ranges->desks = next;
    }
    bsi_latch_dispose(&ranges->under_way);
    bsi_mutex_dispose(&ranges->lock);
    bsi_free(ranges);
}
