/* SPDX-License-Identifier: MIT */
/*
 * Directories read whole. A name costs its bytes, a type byte in front, its NUL
 * and an offset of four bytes; states are read in batches of BATCH, a few of
 * them ahead, and never kept for the whole directory.
 *
 * A task of the pool holds a reference to its listing. It begins only when its
 * state is still QUEUED; whoever wants the result first sets it to TAKEN and
 * works by itself. All states change under the lock of the bsi_read_ahead.
 */
#include "source/listing.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"

enum {
    BATCH = 128,
    SLOTS = 4,         /* Batches kept: the present one and three ahead. */
    TASKS_MAX = 256,   /* In the pool's queue at once. */
    AHEAD_NAMES = 4096 /* What is longer is listed to its end by the walk itself. */
};

/* Of all the names in one directory: a bound for file systems that never come to an end. */
#define NAMES_MAX ((size_t)1 << 30)
#define LEFT_OUT 0x80U /* In the type byte. */

typedef enum work_state {
    IDLE,
    QUEUED,
    RUNNING,
    DONE,
    TAKEN, /* Its task is still in the pool's queue and will do nothing. */
} work_state;

typedef struct stat_batch {
    bsi_task task;
    bsi_listing *listing;
    work_state state;
    size_t number;
    bsi_stat *stats; /* Room for BATCH, or for all entries when they are fewer. Type 0: failed. */
} stat_batch;

struct bsi_listing {
    bsi_read_ahead *ahead;
    unsigned refs;

    bsi_task task;
    work_state state;
    bs_status status; /* Of reading ahead. */
    bsi_listing *parent;
    size_t index;

    int fd;
    bsi_stat self;
    bsi_dir *dir; /* While the end is not reached. */
    bsi_buf names;
    uint32_t *offsets;
    size_t count;
    size_t capacity;

    size_t present;       /* The batch that is asked for; SIZE_MAX before the first one. */
    bool present_is_read; /* By the pool. */
    size_t scheduled;     /* Batches below this number were submitted, or their time is over. */
    stat_batch batches[SLOTS];
};

void bsi_read_ahead_init(bsi_read_ahead *ahead, bsi_pool *pool, bool one_file_system)
{
    *ahead = (bsi_read_ahead){.one_file_system = one_file_system};
    ahead->pool = pool && bsi_pool_threads(pool) > 0 ? pool : NULL;
    bsi_mutex_init(&ahead->lock);
    bsi_cond_init(&ahead->change);
}

void bsi_read_ahead_stop(bsi_read_ahead *ahead)
{
    bsi_mutex_lock(&ahead->lock);
    ahead->stopped = true;
    while (ahead->tasks > 0) {
        bsi_cond_wait(&ahead->change, &ahead->lock);
    }
    bsi_mutex_unlock(&ahead->lock);
}

void bsi_read_ahead_dispose(bsi_read_ahead *ahead)
{
    bsi_cond_dispose(&ahead->change);
    bsi_mutex_dispose(&ahead->lock);
}

static bsi_listing *new_listing(bsi_read_ahead *ahead)
{
    bsi_listing *listing = bsi_calloc(1, sizeof(*listing));

    if (!listing) {
        return NULL;
    }
    listing->ahead = ahead;
    listing->refs = 1;
    listing->fd = -1;
    listing->present = SIZE_MAX;
    bsi_buf_init(&listing->names, NAMES_MAX);
    for (size_t i = 0; i < SLOTS; i++) {
        listing->batches[i].listing = listing;
        listing->batches[i].number = SIZE_MAX;
    }
    return listing;
}

static void destroy(bsi_listing *listing)
{
    for (size_t i = 0; i < SLOTS; i++) {
        bsi_free(listing->batches[i].stats);
    }
    bsi_dir_close(listing->dir);
    bsi_close_quietly(listing->fd);
    bsi_free(listing->offsets);
    bsi_buf_dispose(&listing->names);
    bsi_free(listing);
}

/* Wait for what runs and keep what is queued from running: DONE, TAKEN or IDLE. */
static work_state claim(bsi_read_ahead *ahead, work_state *state)
{
    work_state now = IDLE;

    bsi_mutex_lock(&ahead->lock);
    while (*state == RUNNING) {
        bsi_cond_wait(&ahead->change, &ahead->lock);
    }
    if (*state == QUEUED) {
        *state = TAKEN;
    }
    now = *state;
    bsi_mutex_unlock(&ahead->lock);
    return now;
}

void bsi_listing_free(bsi_listing *listing)
{
    bsi_read_ahead *ahead = NULL;
    bool is_last = false;

    if (!listing) {
        return;
    }
    ahead = listing->ahead;
    (void)claim(ahead, &listing->state); /* From here on its task does not look at the parent. */
    bsi_mutex_lock(&ahead->lock);
    is_last = --listing->refs == 0;
    bsi_mutex_unlock(&ahead->lock);
    if (is_last) {
        destroy(listing);
    }
}

static bs_status add_name(bsi_listing *listing, const bsi_dir_entry *entry)
{
    const size_t at = listing->names.size;

    if (listing->count == listing->capacity) {
        const size_t capacity = listing->capacity > 0 ? 2 * listing->capacity : 64;
        uint32_t *grown = bsi_realloc_array(listing->offsets, capacity, sizeof(*grown));
        if (!grown) {
            return BS_E_NOMEM;
        }
        listing->offsets = grown;
        listing->capacity = capacity;
    }
    BSI_TRY(bsi_buf_append_byte(&listing->names, (uint8_t)entry->type));
    BSI_TRY(bsi_buf_append(&listing->names, entry->name, strlen(entry->name) + 1));
    listing->offsets[listing->count++] = (uint32_t)(at + 1);
    return BS_OK;
}

static int compare_names(const void *a, const void *b, void *names)
{
    return strcmp((const char *)names + *(const uint32_t *)a,
                  (const char *)names + *(const uint32_t *)b);
}

static void sort_names(bsi_listing *listing)
{
    if (listing->count > 1) {
        qsort_r(listing->offsets, listing->count, sizeof(listing->offsets[0]), compare_names,
                listing->names.data);
    }
}

/* Read up to `limit` names; sort them if these are all. */
static bs_status read_names(bsi_listing *listing, size_t limit)
{
    bs_status status = BS_OK;

    while (listing->dir && status == BS_OK && listing->count < limit) {
        bsi_dir_entry entry;

        status = bsi_dir_next(listing->dir, &entry);
        if (status == BS_OK) {
            status = add_name(listing, &entry);
        }
    }
    if (status == BS_END) {
        bsi_dir_close(listing->dir);
        listing->dir = NULL;
        sort_names(listing);
    }
    return status < 0 ? status : BS_OK;
}

static bs_status open_dir(bsi_listing *listing, int dir, const char *name)
{
    BSI_TRY(bsi_open(dir, name, BSI_OPEN_READ | BSI_OPEN_DIR | BSI_OPEN_NOFOLLOW | BSI_OPEN_NOATIME,
                     0, &listing->fd));
    BSI_TRY(bsi_fstat(listing->fd, &listing->self));
    return bsi_dir_open(listing->fd, &listing->dir);
}

bs_status bsi_listing_open(bsi_read_ahead *ahead, int dir, const char *name, bsi_listing **out)
{
    bsi_listing *listing = new_listing(ahead);
    bs_status status = BS_E_NOMEM;

    if (!listing) {
        return BS_E_NOMEM;
    }
    status = open_dir(listing, dir, name);
    if (status == BS_OK) {
        status = read_names(listing, SIZE_MAX);
    }
    if (status < 0) {
        bsi_listing_free(listing);
        return status;
    }
    *out = listing;
    return BS_OK;
}

static size_t batch_count(const bsi_listing *listing)
{
    return (listing->count + BATCH - 1) / BATCH;
}

/* The states of one batch. A failure is found again, and told, by whoever wants the entry. */
static void read_batch(bsi_listing *listing, stat_batch *batch)
{
    const size_t first = batch->number * BATCH;
    const size_t end = bsi_min_size(first + BATCH, listing->count);

    for (size_t i = first; i < end; i++) {
        bsi_stat *stat = &batch->stats[i - first];
        if (bsi_listing_is_left_out(listing, i) ||
            bsi_stat_at(listing->fd, bsi_listing_name(listing, i), stat) < 0) {
            stat->type = (bsi_file_type)0;
        }
    }
}

static bool allocate_batch(const bsi_listing *listing, stat_batch *batch)
{
    if (!batch->stats) {
        batch->stats = bsi_calloc(bsi_min_size(BATCH, listing->count), sizeof(*batch->stats));
    }
    return batch->stats != NULL;
}

/* The lock is held; whether the task's work is to be done. */
static bool begin_locked(const bsi_read_ahead *ahead, work_state *state)
{
    if (*state != QUEUED || ahead->stopped) {
        *state = IDLE;
        return false;
    }
    *state = RUNNING;
    return true;
}

/* A listing that dies with its task dies before the last task is counted off. */
static void end_task(bsi_listing *listing, work_state *state, bool did_work)
{
    bsi_read_ahead *ahead = listing->ahead;
    bool is_last = false;

    bsi_mutex_lock(&ahead->lock);
    if (did_work) {
        *state = DONE;
    }
    is_last = --listing->refs == 0;
    if (is_last) {
        bsi_mutex_unlock(&ahead->lock);
        destroy(listing);
        bsi_mutex_lock(&ahead->lock);
    }
    ahead->tasks--;
    bsi_cond_broadcast(&ahead->change);
    bsi_mutex_unlock(&ahead->lock);
}

static void run_batch(bsi_task *task)
{
    stat_batch *batch = (void *)((char *)task - offsetof(struct stat_batch, task));
    bsi_listing *listing = batch->listing;
    bool begun = false;

    bsi_mutex_lock(&listing->ahead->lock);
    begun = begin_locked(listing->ahead, &batch->state);
    bsi_mutex_unlock(&listing->ahead->lock);
    if (begun) {
        read_batch(listing, batch);
    }
    end_task(listing, &batch->state, begun);
}

/* The first names of a directory, and the states of a few of them. */
static void read_start(bsi_listing *listing)
{
    const bsi_listing *parent = listing->parent;

    listing->status = open_dir(listing, parent->fd, bsi_listing_name(parent, listing->index));
    if (listing->status < 0) {
        return;
    }
    if (listing->ahead->one_file_system && listing->self.dev != parent->self.dev) {
        return;
    }
    listing->status = read_names(listing, AHEAD_NAMES);
    if (listing->status == BS_OK && !listing->dir && listing->count > 0 &&
        allocate_batch(listing, &listing->batches[0])) {
        listing->batches[0].number = 0;
        read_batch(listing, &listing->batches[0]);
        listing->batches[0].state = DONE;
    }
}

static void run_listing(bsi_task *task)
{
    bsi_listing *listing = (void *)((char *)task - offsetof(struct bsi_listing, task));
    bool begun = false;

    bsi_mutex_lock(&listing->ahead->lock);
    begun = begin_locked(listing->ahead, &listing->state);
    bsi_mutex_unlock(&listing->ahead->lock);
    if (begun) {
        read_start(listing);
    }
    end_task(listing, &listing->state, begun);
}

/* Put a task into the pool's queue. False when there are too many already. */
static bool submit(bsi_listing *listing, bsi_task *task, work_state *state)
{
    bsi_read_ahead *ahead = listing->ahead;
    bool has_room = false;

    bsi_mutex_lock(&ahead->lock);
    has_room = ahead->tasks < TASKS_MAX && *state != TAKEN;
    if (has_room) {
        *state = QUEUED;
        ahead->tasks++;
        listing->refs++;
    }
    bsi_mutex_unlock(&ahead->lock);
    if (has_room) {
        bsi_pool_submit(ahead->pool, task);
    }
    return has_room;
}

bsi_listing *bsi_listing_read_ahead(bsi_listing *parent, size_t index)
{
    bsi_listing *listing = NULL;

    if (!parent->ahead->pool || parent->fd < 0) {
        return NULL;
    }
    listing = new_listing(parent->ahead);
    if (!listing) {
        return NULL;
    }
    listing->parent = parent;
    listing->index = index;
    listing->task.run = run_listing;
    if (!submit(listing, &listing->task, &listing->state)) {
        bsi_listing_free(listing);
        return NULL;
    }
    return listing;
}

/* Forget what a failed attempt has left, to find its error again on this thread. */
static void reset(bsi_listing *listing)
{
    bsi_dir_close(listing->dir);
    bsi_close_quietly(listing->fd);
    listing->dir = NULL;
    listing->fd = -1;
    listing->count = 0;
    bsi_buf_clear(&listing->names);
}

bs_status bsi_listing_complete(bsi_listing *listing)
{
    const bsi_listing *parent = listing->parent;
    bs_status status = BS_OK;

    if (claim(listing->ahead, &listing->state) != DONE || listing->status < 0) {
        reset(listing);
        status = open_dir(listing, parent->fd, bsi_listing_name(parent, listing->index));
    }
    return status < 0 ? status : read_names(listing, SIZE_MAX);
}

void bsi_listing_give_up_fd(bsi_listing *listing)
{
    bsi_close_quietly(listing->fd);
    listing->fd = -1;
}

int bsi_listing_fd(const bsi_listing *listing)
{
    return listing->fd;
}

const bsi_stat *bsi_listing_self(const bsi_listing *listing)
{
    return &listing->self;
}

size_t bsi_listing_index(const bsi_listing *listing)
{
    return listing->index;
}

size_t bsi_listing_count(const bsi_listing *listing)
{
    return listing->count;
}

const char *bsi_listing_name(const bsi_listing *listing, size_t index)
{
    return (const char *)listing->names.data + listing->offsets[index];
}

static uint8_t *type_byte(const bsi_listing *listing, size_t index)
{
    return listing->names.data + listing->offsets[index] - 1;
}

bsi_file_type bsi_listing_type(const bsi_listing *listing, size_t index)
{
    return (bsi_file_type)(*type_byte(listing, index) & ~LEFT_OUT);
}

void bsi_listing_leave_out(bsi_listing *listing, size_t index)
{
    *type_byte(listing, index) |= LEFT_OUT;
}

bool bsi_listing_is_left_out(const bsi_listing *listing, size_t index)
{
    return (*type_byte(listing, index) & LEFT_OUT) != 0;
}

/* Have a batch read by the pool, unless its slot belongs to a task that is still queued. */
static void schedule(bsi_listing *listing, size_t number)
{
    stat_batch *batch = &listing->batches[number % SLOTS];

    if (claim(listing->ahead, &batch->state) == TAKEN || !allocate_batch(listing, batch)) {
        return;
    }
    batch->number = number;
    batch->task.run = run_batch;
    if (!submit(listing, &batch->task, &batch->state)) {
        batch->number = SIZE_MAX;
    }
}

/* Turn to the next batch, with the ones after it read meanwhile as far as there are slots. */
static void start_batch(bsi_listing *listing, size_t number)
{
    const size_t end = bsi_min_size(number + SLOTS, batch_count(listing));
    stat_batch *batch = &listing->batches[number % SLOTS];

    listing->present = number;
    listing->present_is_read = false;
    if (listing->ahead->pool && listing->fd >= 0) {
        if (listing->scheduled <= number) {
            listing->scheduled = number + 1;
        }
        while (listing->scheduled < end) {
            schedule(listing, listing->scheduled++);
        }
        listing->present_is_read =
            batch->number == number && claim(listing->ahead, &batch->state) == DONE;
    }
}

bs_status bsi_listing_stat(bsi_listing *listing, int fd, size_t index, bsi_stat *out)
{
    const size_t number = index / BATCH;
    const bsi_stat *stats = listing->batches[number % SLOTS].stats;

    if (number != listing->present) {
        start_batch(listing, number);
    }
    if (listing->present_is_read && stats[index % BATCH].type != 0) {
        *out = stats[index % BATCH];
        return BS_OK;
    }
    return bsi_stat_at(fd, bsi_listing_name(listing, index), out);
}
