/* SPDX-License-Identifier: MIT */
/*
 * A few large buffers go round: one is filled and cut while chunks of those before it
 * are stored. The beginning of a chunk that does not end in a buffer moves on to the
 * next one.
 */
#include "vault/repository/chunks.h"

#include <string.h>

#include "base/alloc.h"
#include "os/thread.h"

enum {
    SLOTS = 64, /* Chunks under way; a buffer has at most 18. */
    WAIT_MS = 1000,
};

typedef struct buffer {
    uint8_t *data; /* NULL: not needed so far. */
    size_t used;
    size_t pending; /* Chunks in it that are not done with. */
} buffer;

/* A chunk on its way, or a number of chunks of zeros. */
typedef struct slot {
    bsi_save_item item; /* First: the one is found by the other. */
    bsi_chunks *chunks;
    buffer *buffer; /* NULL: zeros. */
    uint64_t repeat;
    bool is_done; /* Guarded by the lock. */
} slot;

struct bsi_chunks {
    const bsi_repo_session *session;
    const bsi_chunker *chunker;
    bsi_repo_writer *writer;
    buffer buffers[BSI_CHUNK_BUFFERS];
    slot slots[SLOTS]; /* Those from `first` on, round the end, are under way, in order. */
    size_t first;
    size_t count;
    bool has_zero;
    bsi_digest zero; /* The chunk of zeros. */
    bsi_mutex lock;
    bsi_cond change;
};

/* One content on its way. */
typedef struct content {
    bsi_chunks *chunks;
    const bsi_chunk_source *source;
    bsi_chunk_result *result;
    buffer *present;
    size_t from;    /* See bsi_chunk_length(), for the first chunk in `present`. */
    bool is_over;   /* Nothing more is read. */
    bs_error error; /* Of result->source. */
} content;

/* --- Chunks under way --- */

bs_status bsi_chunks_wait(const bsi_repo_session *session, bsi_repo_writer *writer)
{
    bool is_room = false;

    while (!is_room) {
        BSI_TRY(bsi_repo_session_keep(session));
        BSI_TRY(bsi_repo_writer_wait(writer, WAIT_MS, &is_room));
    }
    return BS_OK;
}

static void note_done(bsi_save_item *item)
{
    slot *self = (slot *)(void *)item;
    bsi_chunks *chunks = self->chunks;

    bsi_mutex_lock(&chunks->lock);
    self->is_done = true;
    bsi_cond_signal(&chunks->change);
    bsi_mutex_unlock(&chunks->lock);
}

/* What the writer has failed with, on this thread too. */
static bs_status writer_failure(const bsi_chunks *self, bs_status status)
{
    bool is_room = false;
    const bs_status told = bsi_repo_writer_wait(self->writer, 0, &is_room);

    return told < 0 ? told : status;
}

/* The oldest one is done with. */
static bs_status retire(bsi_chunks *self, bsi_chunk_result *result)
{
    slot *oldest = &self->slots[self->first];

    bsi_mutex_lock(&self->lock);
    while (!oldest->is_done) {
        bsi_cond_wait(&self->change, &self->lock);
    }
    bsi_mutex_unlock(&self->lock);
    self->first = (self->first + 1) % SLOTS;
    self->count--;
    if (oldest->buffer) {
        oldest->buffer->pending--;
    }
    if (oldest->item.status < 0) {
        return writer_failure(self, oldest->item.status);
    }
    result->new_bytes += oldest->item.is_new ? oldest->item.size : 0;
    for (uint64_t i = 0; i < oldest->repeat; i++) {
        BSI_TRY(bsi_buf_append(&result->ids, &oldest->item.id, sizeof(oldest->item.id)));
    }
    return BS_OK;
}

/* All of them, whatever became of them. */
static bs_status retire_all(bsi_chunks *self, bsi_chunk_result *result, bs_status status)
{
    bs_error failure;

    bsi_error_save(&failure);
    while (self->count > 0) {
        const bs_status retired = retire(self, result);
        if (retired < 0 && status == BS_OK) {
            status = retired;
            bsi_error_save(&failure);
        }
    }
    bsi_error_restore(&failure);
    return status;
}

static bs_status next_slot(bsi_chunks *self, bsi_chunk_result *result, slot **out)
{
    slot *next = NULL;

    if (self->count == SLOTS) {
        BSI_TRY(retire(self, result));
    }
    next = &self->slots[(self->first + self->count) % SLOTS];
    *next = (slot){.chunks = self, .repeat = 1};
    self->count++;
    *out = next;
    return BS_OK;
}

static bs_status submit(content *self, size_t at, size_t size)
{
    slot *next = NULL;

    BSI_TRY(bsi_chunks_wait(self->chunks->session, self->chunks->writer));
    BSI_TRY(next_slot(self->chunks, self->result, &next));
    next->buffer = self->present;
    next->buffer->pending++;
    next->item = (bsi_save_item){
        .type = BSI_BLOB_DATA, .plain = self->present->data + at, .size = size, .done = note_done};
    bsi_repo_writer_submit(self->chunks->writer, &next->item);
    return BS_OK;
}

/* --- Zeros --- */

static bs_status store_zero(bsi_chunks *self, bsi_chunk_result *result)
{
    uint8_t *zeros = NULL;
    bool is_new = false;
    bs_status status = BS_OK;

    if (self->has_zero) {
        return BS_OK;
    }
    zeros = bsi_calloc(1, BSI_CHUNK_MIN);
    if (!zeros) {
        return BS_E_NOMEM;
    }
    status = bsi_repo_writer_save(self->writer, BSI_BLOB_DATA, zeros, BSI_CHUNK_MIN, &self->zero,
                                  &is_new);
    bsi_free(zeros);
    self->has_zero = status == BS_OK;
    result->new_bytes += is_new ? BSI_CHUNK_MIN : 0;
    return status;
}

/*
 * Where a chunk begins, a hole is cut as soon as it may be: a window of zeros has the
 * fingerprint 0.
 */
static bs_status pass_hole(content *self)
{
    const bsi_chunk_source *source = self->source;
    const uint64_t number = source->hole ? source->hole(source->user) / BSI_CHUNK_MIN : 0;
    slot *next = NULL;

    if (number == 0) {
        return BS_OK;
    }
    BSI_TRY(store_zero(self->chunks, self->result));
    BSI_TRY(next_slot(self->chunks, self->result, &next));
    next->item.id = self->chunks->zero;
    next->repeat = number;
    next->is_done = true;
    source->skip(source->user, number * BSI_CHUNK_MIN);
    self->result->size += number * BSI_CHUNK_MIN;
    return BS_OK;
}

/* --- Filling and cutting --- */

/* A buffer of which nothing is under way, and that is not the present one; or NULL. */
static buffer *find_free(const content *self)
{
    for (size_t i = 0; i < BSI_CHUNK_BUFFERS; i++) {
        buffer *one = &self->chunks->buffers[i];
        if (one != self->present && one->pending == 0) {
            return one;
        }
    }
    return NULL;
}

static bs_status free_buffer(content *self, buffer **out)
{
    while ((*out = find_free(self)) == NULL) {
        BSI_TRY(retire(self->chunks, self->result));
    }
    return BS_OK;
}

/* The next buffer, with what is left of the one before, whose first `cut` bytes are chunks. */
static bs_status change_buffer(content *self, size_t cut)
{
    buffer *before = self->present;
    buffer *next = NULL;

    BSI_TRY(free_buffer(self, &next));
    if (!next->data) {
        next->data = bsi_alloc(BSI_CHUNK_BUFFER);
        if (!next->data) {
            return BS_E_NOMEM;
        }
    }
    next->used = before ? before->used - cut : 0;
    if (next->used > 0) {
        memcpy(next->data, before->data + cut, next->used);
    }
    self->from = next->used + 1;
    self->present = next;
    return BS_OK;
}

static void fill(content *self)
{
    buffer *into = self->present;
    const size_t room = BSI_CHUNK_BUFFER - into->used;
    size_t got = 0;

    self->result->source = self->source->read(self->source->user, self->chunks->session->env->call,
                                              into->data + into->used, room, &got);
    if (self->result->source < 0) {
        bsi_error_save(&self->error);
    }
    into->used += got;
    self->result->size += got;
    self->is_over = got < room;
}

/* Submit the chunks of the present buffer; `*cut_out`: how many of its bytes they are. */
static bs_status cut(content *self, size_t *cut_out)
{
    const buffer *from = self->present;
    size_t at = 0;

    while (at < from->used) {
        size_t size = bsi_chunk_length(self->chunks->chunker, from->data + at, from->used - at,
                                       at == 0 ? self->from : 0);
        if (size == 0 && !self->is_over) {
            break;
        }
        size = size > 0 ? size : from->used - at;
        BSI_TRY(submit(self, at, size));
        at += size;
    }
    *cut_out = at;
    return BS_OK;
}

static bs_status store(content *self)
{
    size_t done = 0;

    while (!self->is_over) {
        BSI_TRY(bsi_call_check(self->chunks->session->env->call));
        BSI_TRY(change_buffer(self, done));
        BSI_TRY(self->present->used == 0 ? pass_hole(self) : BS_OK);
        fill(self);
        BSI_TRY(cut(self, &done));
    }
    return BS_OK;
}

bs_status bsi_chunks_store(bsi_chunks *chunks, const bsi_chunk_source *source,
                           bsi_chunk_result *result)
{
    content self = {.chunks = chunks, .source = source, .result = result};
    bs_status status = BS_OK;

    bsi_buf_clear(&result->ids);
    result->size = 0;
    result->new_bytes = 0;
    result->source = BS_OK;
    status = retire_all(chunks, result, store(&self));
    if (status == BS_OK && result->source < 0) {
        bsi_error_restore(&self.error);
    }
    return status;
}

/* --- Life --- */

bs_status bsi_chunks_new(const bsi_repo_session *session, const bsi_chunker *chunker,
                         bsi_repo_writer *writer, bsi_chunks **out)
{
    bsi_chunks *self = bsi_calloc(1, sizeof(*self));

    if (!self) {
        return BS_E_NOMEM;
    }
    self->session = session;
    self->chunker = chunker;
    self->writer = writer;
    bsi_mutex_init(&self->lock);
    bsi_cond_init(&self->change);
    *out = self;
    return BS_OK;
}

void bsi_chunks_free(bsi_chunks *chunks)
{
    if (!chunks) {
        return;
    }
    for (size_t i = 0; i < BSI_CHUNK_BUFFERS; i++) {
        bsi_free(chunks->buffers[i].data);
    }
    bsi_cond_dispose(&chunks->change);
    bsi_mutex_dispose(&chunks->lock);
    bsi_free(chunks);
}
