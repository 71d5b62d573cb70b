/* SPDX-License-Identifier: MIT */
/*
 * The block-parallel writer: a ring of slots, each a block of input that one
 * task of the pool encodes. Slots are filled, submitted and handed to the sink
 * in ring order by the producer; a worker only ever touches the slot it was
 * given, between its submission and its `done`.
 */
#include "compress/block_writer.h"

#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"

enum {
    MAX_SEGMENTS = 256,          /* In one slot. */
    SEGMENT_OVERHEAD = 64 << 10, /* For what the bounds of many segments add up to. */
    BLOCKS_BESIDES = 2,          /* One being filled, one being handed on. */
    LARGE_BLOCK = 4 << 20,       /* From here on memory counts for more than a full queue. */
    MAX_THREADS = 256,
};

typedef struct segment {
    size_t raw_size;
    size_t stored_size;
    bool last; /* Of its stream. */
} segment;

typedef struct slot {
    bsi_task task; /* First: the pool hands it back as the slot. */
    bsi_block_writer *writer;
    uint8_t *in; /* Block size bytes; NULL until first used. */
    size_t in_size;
    uint8_t *out; /* Out capacity bytes; NULL for a codec that changes nothing. */
    size_t bound; /* What the closed segments may take of `out`. */
    segment segments[MAX_SEGMENTS];
    size_t segment_count;
    uint64_t mark; /* The sink's, from when it was last given these bytes. */
    bool done;     /* Guarded by the writer's lock. */
    bs_status status;
    bs_error error; /* With a failed status. */
} slot;

struct bsi_block_writer {
    const bsi_codec *codec;
    int level;
    bool verify;
    bsi_pool *pool;
    const bs_call *call;
    bsi_block_sink sink;
    size_t block_size;
    size_t out_capacity;

    slot *slots;
    size_t slot_count;
    size_t oldest;    /* The first one under way. */
    size_t under_way; /* Submitted, not yet handed on; the slot behind these is being filled. */

    uint64_t segment;     /* Number of the present one. */
    size_t segment_start; /* Where it begins in the slot being filled. */
    uint64_t handed;      /* Segments given to the sink. */
    bool in_stream;       /* Since the last end of a stream a segment was closed. */
    bool ended_one;       /* A stream has been ended. */

    bs_status status; /* The first failure; it stays. */
    bs_error error;
    atomic_bool stopped; /* What is still queued need not be encoded. */

    bsi_mutex lock; /* Guards `done` of the slots, `idle` and `idle_count`. */
    bsi_cond change;
    bsi_encoder **idle; /* Encoders that no task uses; room for one per slot. */
    size_t idle_count;
};

/* Workers' side. */

static bs_status take_encoder(bsi_block_writer *writer, bsi_encoder **out)
{
    bsi_encoder *encoder = NULL;

    bsi_mutex_lock(&writer->lock);
    if (writer->idle_count > 0) {
        encoder = writer->idle[--writer->idle_count];
    }
    bsi_mutex_unlock(&writer->lock);
    if (encoder) {
        *out = encoder;
        return BS_OK;
    }
    return writer->codec->encoder_new(writer->level, out);
}

static void return_encoder(bsi_block_writer *writer, bsi_encoder *encoder)
{
    bsi_mutex_lock(&writer->lock);
    writer->idle[writer->idle_count++] = encoder;
    bsi_mutex_unlock(&writer->lock);
}

static bs_status encode_segments(bsi_block_writer *writer, slot *block, bsi_encoder *encoder)
{
    const uint8_t *in = block->in;
    uint8_t *out = block->out;
    bs_status status = BS_OK;

    for (size_t i = 0; i < block->segment_count && status == BS_OK; i++) {
        segment *part = &block->segments[i];

        status = writer->codec->encode(encoder, in, part->raw_size, part->last, writer->verify, out,
                                       &part->stored_size);
        in += part->raw_size;
        out += part->stored_size;
    }
    return status;
}

static bs_status encode_slot(bsi_block_writer *writer, slot *block)
{
    bsi_encoder *encoder = NULL;
    bs_status status = BS_OK;

    if (atomic_load(&writer->stopped)) {
        return BS_OK;
    }
    BSI_TRY(bsi_call_check(writer->call));
    BSI_TRY(take_encoder(writer, &encoder));
    status = encode_segments(writer, block, encoder);
    return_encoder(writer, encoder);
    return status;
}

static void run_slot(bsi_task *task)
{
    slot *block = (slot *)task;
    bsi_block_writer *writer = block->writer;

    block->status = encode_slot(writer, block);
    if (block->status < 0) {
        bsi_error_save(&block->error);
    }
    bsi_mutex_lock(&writer->lock);
    block->done = true;
    bsi_cond_signal(&writer->change);
    bsi_mutex_unlock(&writer->lock);
}

/* Producer's side. */

static bool changes_nothing(const bsi_block_writer *writer)
{
    return writer->codec == &bsi_codec_store;
}

static slot *present_slot(bsi_block_writer *writer)
{
    return &writer->slots[(writer->oldest + writer->under_way) % writer->slot_count];
}

static void wait_for(bsi_block_writer *writer, const slot *block)
{
    bsi_mutex_lock(&writer->lock);
    while (!block->done) {
        bsi_cond_wait(&writer->change, &writer->lock);
    }
    bsi_mutex_unlock(&writer->lock);
}

static bool is_done(bsi_block_writer *writer, const slot *block)
{
    bool done = false;

    bsi_mutex_lock(&writer->lock);
    done = block->done;
    bsi_mutex_unlock(&writer->lock);
    return done;
}

static bs_status hand_on_segment(bsi_block_writer *writer, const segment *part, const uint8_t *data)
{
    const bsi_block_sink *sink = &writer->sink;
    bs_status status = BS_OK;

    if (sink->segment) {
        status = sink->segment(sink->user, writer->handed, part->raw_size, part->stored_size);
    }
    writer->handed++;
    if (status == BS_OK && part->stored_size > 0) {
        status = sink->data(sink->user, data, part->stored_size);
    }
    if (status == BS_OK && part->last && writer->codec->trailer_size > 0) {
        status = sink->data(sink->user, writer->codec->trailer, writer->codec->trailer_size);
    }
    return status;
}

/* Wait for the oldest slot, give its bytes to the sink and make it free. */
static bs_status hand_on_oldest(bsi_block_writer *writer)
{
    slot *block = &writer->slots[writer->oldest];
    const uint8_t *data = block->out ? block->out : block->in;
    bs_status status = BS_OK;

    wait_for(writer, block);
    if (block->status < 0) {
        bsi_error_restore(&block->error);
        return block->status;
    }
    for (size_t i = 0; i < block->segment_count && status == BS_OK; i++) {
        status = hand_on_segment(writer, &block->segments[i], data);
        data += block->segments[i].stored_size;
    }
    if (status < 0) {
        return status;
    }
    block->mark = writer->sink.mark ? writer->sink.mark(writer->sink.user) : 0;
    block->in_size = 0;
    block->bound = 0;
    block->segment_count = 0;
    writer->oldest = (writer->oldest + 1) % writer->slot_count;
    writer->under_way--;
    return BS_OK;
}

static bs_status submit_slot(bsi_block_writer *writer)
{
    slot *block = present_slot(writer);
    bs_status status = BS_OK;

    BSI_TRY(bsi_call_check(writer->call));
    block->done = false;
    block->status = BS_OK;
    writer->segment_start = 0;
    writer->under_way++;
    if (changes_nothing(writer)) {
        block->done = true;
    } else {
        bsi_pool_submit(writer->pool, &block->task);
    }
    while (status == BS_OK && writer->under_way > 0 &&
           is_done(writer, &writer->slots[writer->oldest])) {
        status = hand_on_oldest(writer);
    }
    return status;
}

/* The slot being filled, with its buffers; waits for one when all are under way. */
static bs_status open_slot(bsi_block_writer *writer, slot **out)
{
    const bool plain = changes_nothing(writer);
    bs_status status = BS_OK;
    slot *block = NULL;

    if (writer->under_way == writer->slot_count) {
        status = hand_on_oldest(writer);
    }
    if (status < 0) {
        return status;
    }
    block = present_slot(writer);
    if (block->mark != 0) {
        status = writer->sink.settle(writer->sink.user, block->mark);
        block->mark = 0;
    }
    if (status < 0) {
        return status;
    }
    if (!block->in) {
        block->in = bsi_alloc(writer->block_size);
    }
    if (!block->out && !plain) {
        block->out = bsi_alloc(writer->out_capacity);
    }
    if (!block->in || (!block->out && !plain)) {
        return BS_E_NOMEM;
    }
    *out = block;
    return BS_OK;
}

static bool segment_is_full(const bsi_block_writer *writer, const slot *block)
{
    return block->in_size == writer->block_size;
}

static void close_segment(bsi_block_writer *writer, slot *block, bool last)
{
    const size_t size = block->in_size - writer->segment_start;

    block->segments[block->segment_count++] =
        (segment){.raw_size = size, .stored_size = size, .last = last};
    block->bound += writer->codec->bound(size);
    writer->segment_start = block->in_size;
    writer->segment++;
    writer->in_stream = !last;
    writer->ended_one = writer->ended_one || last;
}

/*
 * Whether the next segment had better begin in a new slot: it would be cut short
 * here, or its output might not fit any more.
 */
static bool is_crowded(const bsi_block_writer *writer, const slot *block)
{
    const size_t rest = writer->block_size - block->in_size;

    return block->segment_count == MAX_SEGMENTS || rest < writer->block_size / 2 ||
           writer->out_capacity - block->bound < writer->codec->bound(rest);
}

/* Submit the slot being filled, and open the next one. */
static bs_status turn_over(bsi_block_writer *writer, slot **block)
{
    close_segment(writer, *block, false);
    BSI_TRY(submit_slot(writer));
    return open_slot(writer, block);
}

static bs_status space(bsi_block_writer *writer, void **space_out, size_t *size_out)
{
    slot *block = NULL;
    bs_status status = BS_OK;

    BSI_TRY(open_slot(writer, &block));
    if (segment_is_full(writer, block)) {
        status = turn_over(writer, &block);
    }
    if (status < 0) {
        return status;
    }
    *space_out = block->in + block->in_size;
    *size_out = writer->block_size - block->in_size;
    return BS_OK;
}

static bs_status write_all(bsi_block_writer *writer, const uint8_t *data, size_t size)
{
    while (size > 0) {
        void *room = NULL;
        size_t part = 0;
        const bs_status status = space(writer, &room, &part);

        if (status < 0) {
            return status;
        }
        part = bsi_min_size(part, size);
        memcpy(room, data, part);
        present_slot(writer)->in_size += part;
        data += part;
        size -= part;
    }
    return BS_OK;
}

static bs_status cut(bsi_block_writer *writer, bool last)
{
    slot *block = NULL;

    BSI_TRY(open_slot(writer, &block));
    if (block->in_size == writer->segment_start && !last) {
        return BS_OK;
    }
    close_segment(writer, block, last);
    return is_crowded(writer, block) ? submit_slot(writer) : BS_OK;
}

/* Submit what segments the slot being filled holds, and wait for everything. */
static bs_status hand_on_all(bsi_block_writer *writer, const slot *block)
{
    bs_status status = block->segment_count > 0 ? submit_slot(writer) : BS_OK;

    while (status == BS_OK && writer->under_way > 0) {
        status = hand_on_oldest(writer);
    }
    return status;
}

static bs_status finish(bsi_block_writer *writer)
{
    slot *block = NULL;

    BSI_TRY(open_slot(writer, &block));
    if (block->in_size > writer->segment_start || writer->in_stream || !writer->ended_one) {
        close_segment(writer, block, true);
    }
    return hand_on_all(writer, block);
}

static bs_status flush(bsi_block_writer *writer)
{
    slot *block = NULL;

    BSI_TRY(open_slot(writer, &block));
    BSI_CHECK(block->in_size == writer->segment_start);
    return hand_on_all(writer, block);
}

/* Keep the first failure and let the queue run dry. */
static bs_status settle(bsi_block_writer *writer, bs_status status)
{
    if (status < 0) {
        writer->status = status;
        bsi_error_save(&writer->error);
        atomic_store(&writer->stopped, true);
    }
    return status;
}

static bs_status check(const bsi_block_writer *writer)
{
    if (writer->status < 0) {
        bsi_error_restore(&writer->error);
    }
    return writer->status;
}

static bs_status make_slots(bsi_block_writer *writer)
{
    const size_t threads = bsi_min_size(bsi_pool_threads(writer->pool), MAX_THREADS);
    const size_t waiting = writer->block_size < LARGE_BLOCK ? threads : 1;
    const size_t count = threads + waiting + BLOCKS_BESIDES;

    writer->idle = bsi_calloc(count, sizeof(bsi_encoder *));
    if (!writer->idle) {
        return BS_E_NOMEM;
    }
    writer->slots = bsi_calloc(count, sizeof(slot));
    if (!writer->slots) {
        return BS_E_NOMEM;
    }
    writer->slot_count = count;
    for (size_t i = 0; i < count; i++) {
        writer->slots[i].task.run = run_slot;
        writer->slots[i].writer = writer;
    }
    return BS_OK;
}

bs_status bsi_block_writer_new(const bsi_block_options *options, const bsi_block_sink *sink,
                               bsi_block_writer **out)
{
    const bsi_codec *codec = options->codec;
    bsi_block_writer *writer = NULL;
    bs_status status = BS_OK;

    BSI_CHECK(options->level >= codec->level_min && options->level <= codec->level_max);
    writer = bsi_calloc(1, sizeof(*writer));
    if (!writer) {
        return BS_E_NOMEM;
    }
    writer->codec = codec;
    writer->level = options->level;
    writer->verify = options->verify;
    writer->pool = options->pool;
    writer->call = options->call;
    writer->sink = *sink;
    writer->block_size = codec->block_size(options->level);
    writer->out_capacity = codec->bound(writer->block_size) + SEGMENT_OVERHEAD;
    bsi_mutex_init(&writer->lock);
    bsi_cond_init(&writer->change);
    status = make_slots(writer);
    if (status < 0) {
        bsi_block_writer_free(writer);
        return status;
    }
    *out = writer;
    return BS_OK;
}

void bsi_block_writer_free(bsi_block_writer *writer)
{
    if (!writer) {
        return;
    }
    atomic_store(&writer->stopped, true);
    for (size_t i = 0; i < writer->under_way; i++) {
        wait_for(writer, &writer->slots[(writer->oldest + i) % writer->slot_count]);
    }
    for (size_t i = 0; i < writer->slot_count; i++) {
        bsi_free(writer->slots[i].in);
        bsi_free(writer->slots[i].out);
    }
    while (writer->idle_count > 0) {
        writer->codec->encoder_free(writer->idle[--writer->idle_count]);
    }
    bsi_cond_dispose(&writer->change);
    bsi_mutex_dispose(&writer->lock);
    bsi_free(writer->slots);
    bsi_free(writer->idle);
    bsi_free(writer);
}

bs_status bsi_block_writer_write(bsi_block_writer *writer, const void *data, size_t size)
{
    BSI_TRY(check(writer));
    return settle(writer, write_all(writer, data, size));
}

bs_status bsi_block_writer_space(bsi_block_writer *writer, void **space_out, size_t *size_out)
{
    BSI_TRY(check(writer));
    return settle(writer, space(writer, space_out, size_out));
}

bs_status bsi_block_writer_commit(bsi_block_writer *writer, size_t used)
{
    slot *block = NULL;

    BSI_TRY(check(writer));
    block = present_slot(writer);
    BSI_CHECK(used == 0 || (writer->under_way < writer->slot_count &&
                            used <= writer->block_size - block->in_size));
    block->in_size += used;
    return BS_OK;
}

bs_status bsi_block_writer_cut(bsi_block_writer *writer, bool last)
{
    BSI_TRY(check(writer));
    return settle(writer, cut(writer, last));
}

bs_status bsi_block_writer_flush(bsi_block_writer *writer)
{
    BSI_TRY(check(writer));
    return settle(writer, flush(writer));
}

void bsi_block_writer_tell(const bsi_block_writer *writer, uint64_t *segment_out,
                           uint64_t *skip_out)
{
    const size_t present = (writer->oldest + writer->under_way) % writer->slot_count;
    const slot *block = &writer->slots[present];
    const bool between = writer->under_way == writer->slot_count;
    const bool full = !between && segment_is_full(writer, block);

    *segment_out = writer->segment + (full ? 1 : 0);
    *skip_out = between || full ? 0 : block->in_size - writer->segment_start;
}

bs_status bsi_block_writer_finish(bsi_block_writer *writer)
{
    BSI_TRY(check(writer));
    return settle(writer, finish(writer));
}
