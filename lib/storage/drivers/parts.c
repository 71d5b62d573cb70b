/* SPDX-License-Identifier: MIT */
/*
 * Uploads in parts: filling, sending, waiting.
 */
#include "storage/drivers/parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/checked.h"
#include "os/random.h"
#include "os/thread.h"
#include "os/time.h"

enum {
    SLOTS_MAX = BSI_PARTS_PARALLEL_MAX + 2,
    GROW_EVERY = 2000,  /* Parts of one size; the next ones are twice as large. */
    SPARE_PERCENT = 90, /* Of the parts, as many as an expected size is cut into, at most. */
    MIB = 1024 * 1024,
    LOOK_NS = 50000000, /* How often a wait looks whether it is still wanted. */
};

typedef enum part_state {
    PART_FREE,
    PART_KEPT, /* Filled, or being filled; of a first part also until the end. */
    PART_SENDING,
    PART_FAILED,
    PART_TOLD, /* Failed, and the caller knows. */
} part_state;

typedef struct part {
    bsi_parts *parts;
    bsi_buf content;
    uint32_t number;
    part_state state;
    bool started; /* There is a thread to join. */
    bsi_thread thread;
    bs_error error; /* Of PART_FAILED. */
} part;

struct bsi_parts {
    const bsi_parts_methods *methods;
    void *user;
    bsi_parts_plan plan;
    uint64_t size;  /* Bytes taken so far. */
    size_t taken;   /* Of the present call, in case that it comes again. */
    bool begun;     /* begin() was done. */
    part *filling;  /* NULL: the next free one is to be taken. */
    uint32_t count; /* Numbers given so far. */
    part slots[SLOTS_MAX];
    size_t slot_count;
    bsi_cancel cancel; /* For the threads, when it is given up. */
    bs_call own_call;  /* Theirs: that of the caller may be gone before they are. */
    bsi_mutex lock;    /* Guards the states of slots that are sent, and what follows. */
    bsi_cond change;
    uint8_t *results;
    size_t result_room; /* Of parts. */
};

/* --- Sending --- */

static uint64_t size_of_part(const bsi_parts *parts, uint32_t number)
{
    const uint32_t doublings = (number - 1) / GROW_EVERY;
    uint64_t size = parts->plan.part_size;

    for (uint32_t i = 0; i < doublings && size < parts->plan.part_size_max; i++) {
        size *= 2;
    }
    return bsi_min_u64(size, parts->plan.part_size_max);
}

static bs_status send_part(bsi_parts *parts, const part *one)
{
    const bsi_part content = {one->number, one->content.data, one->content.size};
    const size_t size = parts->plan.result_size;
    uint8_t result[BSI_PARTS_RESULT_MAX] = {0};

    BSI_TRY(parts->methods->send(parts->user, &parts->own_call, &content, result));
    if (size > 0) {
        bsi_mutex_lock(&parts->lock);
        memcpy(parts->results + (one->number - 1) * size, result, size);
        bsi_mutex_unlock(&parts->lock);
    }
    return BS_OK;
}

static void work(void *user)
{
    part *one = user;
    bsi_parts *parts = one->parts;
    const bs_status status = send_part(parts, one);

    bsi_mutex_lock(&parts->lock);
    if (status < 0) {
        bsi_error_save(&one->error);
    }
    one->state = status < 0 ? PART_FAILED : PART_FREE;
    bsi_cond_signal(&parts->change);
    bsi_mutex_unlock(&parts->lock);
}

static void join(part *one)
{
    if (one->started) {
        bsi_thread_join(one->thread);
        one->started = false;
    }
}

/* Where the system gives no thread, this one does the same work. */
static void start(part *one)
{
    bs_status status = BS_OK;

    join(one);
    one->state = PART_SENDING;
    status = bsi_thread_start(&one->thread, "part", work, one);
    one->started = status == BS_OK;
    if (!one->started) {
        work(one);
    }
}

static part *find_locked(bsi_parts *parts, part_state state)
{
    for (size_t i = 0; i < parts->slot_count; i++) {
        if (parts->slots[i].state == state) {
            return &parts->slots[i];
        }
    }
    return NULL;
}

static part *find(bsi_parts *parts, part_state state)
{
    part *found = NULL;

    bsi_mutex_lock(&parts->lock);
    found = find_locked(parts, state);
    bsi_mutex_unlock(&parts->lock);
    return found;
}

static void start_all(bsi_parts *parts, part_state state)
{
    for (part *one = find(parts, state); one; one = find(parts, state)) {
        start(one);
    }
}

/* Until a part is free, or all are sent. A failure of one comes out of here once. */
static bs_status wait_for_parts(bsi_parts *parts, const bs_call *call, bool all)
{
    bs_status status = bsi_call_check(call);

    bsi_mutex_lock(&parts->lock);
    while (status == BS_OK) {
        part *failed = find_locked(parts, PART_FAILED);

        if (failed) {
            failed->state = PART_TOLD;
            bsi_error_restore(&failed->error);
            status = failed->error.code;
        } else if (!find_locked(parts, PART_SENDING) || (!all && find_locked(parts, PART_FREE))) {
            break;
        } else {
            (void)bsi_cond_wait_until(&parts->change, &parts->lock, bsi_monotonic_ns() + LOOK_NS);
            status = bsi_call_check(call);
        }
    }
    bsi_mutex_unlock(&parts->lock);
    return status;
}

/* --- Filling --- */

static bs_status make_room_locked(bsi_parts *parts)
{
    const size_t room = parts->result_room > 0 ? 2 * parts->result_room : 16;
    uint8_t *grown = NULL;

    if (parts->plan.result_size == 0 || parts->count < parts->result_room) {
        return BS_OK;
    }
    grown = bsi_realloc_array(parts->results, room, parts->plan.result_size);
    if (!grown) {
        return BS_E_NOMEM;
    }
    parts->results = grown;
    parts->result_room = room;
    return BS_OK;
}

static bs_status next_part(bsi_parts *parts, const bs_call *call)
{
    part *next = NULL;
    bs_status status = BS_OK;

    if (parts->count == parts->plan.parts_max) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_LIMIT,
                        "the service takes at most %" PRIu32 " parts; %s", parts->plan.parts_max,
                        parts->plan.advice);
    }
    start_all(parts, PART_TOLD);
    BSI_TRY(wait_for_parts(parts, call, false));
    bsi_mutex_lock(&parts->lock);
    next = find_locked(parts, PART_FREE);
    status = make_room_locked(parts);
    bsi_mutex_unlock(&parts->lock);
    BSI_TRY(status);
    BSI_CHECK(next);
    parts->count++;
    next->number = parts->count;
    next->state = PART_KEPT;
    next->content.max = (size_t)size_of_part(parts, next->number);
    bsi_buf_clear(&next->content);
    parts->filling = next;
    return BS_OK;
}

static bs_status begin(bsi_parts *parts, const bs_call *call)
{
    if (!parts->begun && parts->methods->begin) {
        BSI_TRY(parts->methods->begin(parts->user, call));
    }
    parts->begun = true;
    return BS_OK;
}

/* The first part stays where it may still be changed. */
static bool must_stay(const bsi_parts *parts, const part *one)
{
    return parts->plan.patchable && one->number == 1;
}

/* A part with room for at least one more byte. */
static bs_status need_room(bsi_parts *parts, const bs_call *call)
{
    part *full = parts->filling;

    if (full && full->content.size < full->content.max) {
        return BS_OK;
    }
    if (full) {
        BSI_TRY(begin(parts, call));
        parts->filling = NULL;
        if (!must_stay(parts, full)) {
            start(full);
        }
    }
    return next_part(parts, call);
}

/* As many of the bytes that are left as fit into the present part. */
static bs_status take_some(bsi_parts *parts, const bs_call *call, const uint8_t *bytes, size_t size)
{
    part *one = NULL;
    size_t fits = 0;

    BSI_TRY(need_room(parts, call));
    one = parts->filling;
    BSI_CHECK(one);
    fits = bsi_min_size(one->content.max - one->content.size, size - parts->taken);
    BSI_TRY(bsi_buf_append(&one->content, bytes + parts->taken, fits));
    parts->taken += fits;
    parts->size += fits;
    return BS_OK;
}

bs_status bsi_parts_write(bsi_parts *parts, const bs_call *call, const void *data, size_t size)
{
    bs_status status = BS_OK;

    while (status == BS_OK && parts->taken < size) {
        status = take_some(parts, call, data, size);
    }
    if (status == BS_OK) {
        parts->taken = 0;
    }
    return status;
}

void bsi_parts_patch(bsi_parts *parts, uint64_t offset, const void *data, size_t size)
{
    part *first = &parts->slots[0];

    BSI_ASSERT(first->number == 1 && offset + size <= first->content.size);
    memcpy(first->content.data + offset, data, size);
}

/* --- The end --- */

bool bsi_parts_have_begun(const bsi_parts *parts)
{
    return parts->begun;
}

bsi_slice bsi_parts_whole(const bsi_parts *parts)
{
    return parts->filling ? bsi_buf_slice(&parts->filling->content) : (bsi_slice){NULL, 0};
}

bs_status bsi_parts_finish(bsi_parts *parts, const bs_call *call)
{
    BSI_TRY(begin(parts, call));
    parts->filling = NULL;
    start_all(parts, PART_TOLD);
    start_all(parts, PART_KEPT);
    return wait_for_parts(parts, call, true);
}

uint64_t bsi_parts_size(const bsi_parts *parts)
{
    return parts->size;
}

uint32_t bsi_parts_count(const bsi_parts *parts)
{
    return parts->count;
}

const void *bsi_parts_result(const bsi_parts *parts, uint32_t number)
{
    return parts->results + (number - 1) * parts->plan.result_size;
}

/* As few parts as needed where the size is known before. */
static uint64_t first_size(const bsi_parts_plan *plan)
{
    const uint64_t parts = (uint64_t)plan->parts_max * SPARE_PERCENT / 100;
    uint64_t size = plan->part_size;

    if (plan->expected_size != BS_STORAGE_NO_SIZE && plan->expected_size / parts >= size) {
        size = (plan->expected_size / parts / MIB + 1) * MIB;
    }
    return bsi_min_u64(size, plan->part_size_max);
}

bs_status bsi_parts_new(const bsi_parts_plan *plan, const bsi_parts_methods *methods, void *user,
                        bsi_parts **out)
{
    bsi_parts *parts = bsi_calloc(1, sizeof(*parts));

    if (!parts) {
        return BS_E_NOMEM;
    }
    BSI_ASSERT(plan->result_size <= BSI_PARTS_RESULT_MAX);
    parts->methods = methods;
    parts->user = user;
    parts->plan = *plan;
    parts->plan.part_size = first_size(plan);
    parts->slot_count = plan->parallel + 1 + (plan->patchable ? 1 : 0);
    parts->own_call.cancel = &parts->cancel;
    bsi_mutex_init(&parts->lock);
    bsi_cond_init(&parts->change);
    for (size_t i = 0; i < parts->slot_count; i++) {
        parts->slots[i].parts = parts;
        bsi_buf_init(&parts->slots[i].content, 0);
    }
    *out = parts;
    return BS_OK;
}

void bsi_parts_stop(bsi_parts *parts)
{
    if (!parts) {
        return;
    }
    bsi_cancel_request(&parts->cancel);
    for (size_t i = 0; i < parts->slot_count; i++) {
        join(&parts->slots[i]);
    }
}

void bsi_parts_free(bsi_parts *parts)
{
    if (!parts) {
        return;
    }
    for (size_t i = 0; i < parts->slot_count; i++) {
        join(&parts->slots[i]);
        bsi_buf_dispose(&parts->slots[i].content);
    }
    bsi_cond_dispose(&parts->change);
    bsi_mutex_dispose(&parts->lock);
    bsi_free(parts->results);
    bsi_free(parts);
}

/* --- Whose an object is --- */

bs_status bsi_mark_make(char out[BSI_MARK_SIZE])
{
    uint8_t chance[BSI_MARK_SIZE / 2];

    BSI_TRY(bsi_random(chance, sizeof(chance)));
    for (size_t i = 0; i < sizeof(chance); i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", chance[i]);
    }
    return BS_OK;
}

bs_status bsi_mark_find_out(bsi_mark_look look, void *user, const bs_call *call, bs_status refusal)
{
    bs_error first;
    bool ours = false;
    bs_status status = BS_OK;

    bsi_error_save(&first);
    status = look(user, call, &ours);
    if (status < 0 && bs_error_last()->retry != BS_RETRY_NEVER) {
        return status;
    }
    bsi_error_restore(&first);
    return status == BS_OK && ours ? BS_OK : refusal;
}
