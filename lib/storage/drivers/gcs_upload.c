/* SPDX-License-Identifier: MIT */
/*
 * Uploads to a bucket, whole or in chunks.
 *
 * Bytes are gathered in the chunk that is being filled. A full one goes to a thread of its own,
 * and the other one is filled; that is where writing waits, and where failures come out. A
 * failed chunk keeps its bytes and is sent again when the call that told of it comes again.
 *
 * The service may take less of a chunk than it was sent. What is left of it then, always fewer
 * bytes than a quantum, goes in front of the next one, where there is room for that.
 */
#include "storage/drivers/gcs_upload.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "hash/crc32c.h"
#include "os/time.h"
#include "storage/drivers/gcs_object.h"
#include "storage/drivers/parts.h"
#include "storage/storage_int.h"

enum {
    PART_KEY_SIZE = BSI_MARK_SIZE + 16,
    LOOK_NS = 50000000, /* How often a wait looks whether it is still wanted. */
    ABORT_S = 10,       /* What an abort may take. */
};

/* A chunk, behind room for what was left of the one before. */
typedef struct chunk {
    uint8_t *room;   /* BSI_GCS_QUANTUM and the plan's size; NULL until it is needed. */
    size_t begin;    /* Where its bytes begin in that... */
    size_t end;      /* ...and end. */
    uint64_t offset; /* Of the first of them in the session's object. */
} chunk;

typedef enum sending_state {
    SENDING_NOTHING,
    SENDING,
    SENDING_FAILED,
    SENDING_TOLD, /* Failed, and the caller knows. */
} sending_state;

struct bsi_gcs_upload {
    bsi_gcs_conn *conn;
    const bsi_gcs_upload_plan *plan;
    char *key;
    char mark[BSI_MARK_SIZE];
    char head_key[PART_KEY_SIZE]; /* Of the two objects that are put together. */
    char rest_key[PART_KEY_SIZE];
    bool exclusive;
    bool patchable;
    uint64_t size;        /* Bytes taken so far. */
    size_t taken;         /* Of the present call, in case that it comes again. */
    uint32_t rest_crc32c; /* Of what is in the session, and in the chunk for it. */
    chunk head;           /* The first, where it may still be changed. */
    chunk chunks[2];
    unsigned filling; /* Of these two. */
    bool in_chunks;   /* The session has got something. */
    bsi_gcs_session session;
    bool rest_stored; /* How far the end has come. */
    bool head_stored;
    bool started; /* There is a thread to join. */
    bsi_thread thread;
    chunk *sent;       /* What it sends. */
    bsi_cancel cancel; /* For the thread, when it is given up. */
    bs_call own_call;  /* Its: that of the caller may be gone before it is. */
    bsi_mutex lock;    /* Guards what follows. */
    bsi_cond change;
    sending_state state;
    bs_error error; /* Of SENDING_FAILED. */
};

static size_t size_of(const chunk *one)
{
    return one->end - one->begin;
}

static bool is_full(const bsi_gcs_upload *upload, const chunk *one)
{
    return one->end == BSI_GCS_QUANTUM + upload->plan->chunk_size;
}

static bs_status need_chunk(const bsi_gcs_upload *upload, chunk *one)
{
    if (!one->room) {
        one->room = bsi_alloc(BSI_GCS_QUANTUM + upload->plan->chunk_size);
        one->begin = BSI_GCS_QUANTUM;
        one->end = BSI_GCS_QUANTUM;
    }
    return one->room ? BS_OK : BS_E_NOMEM;
}

static bsi_gcs_target target_of(bsi_gcs_upload *upload, const char *key, bool exclusive)
{
    return (bsi_gcs_target){.conn = upload->conn,
                            .key = key,
                            .mark = upload->mark,
                            .storage_class = upload->plan->storage_class,
                            .exclusive = exclusive};
}

/* --- The thread --- */

static bs_status send_chunk(bsi_gcs_upload *upload, const chunk *one)
{
    const bsi_gcs_piece piece = {
        .bytes = one->room + one->begin, .offset = one->offset, .size = size_of(one)};

    return bsi_gcs_session_send(&upload->session, &upload->own_call, &piece);
}

static void work(void *user)
{
    bsi_gcs_upload *upload = user;
    const bs_status status = send_chunk(upload, upload->sent);

    bsi_mutex_lock(&upload->lock);
    if (status < 0) {
        bsi_error_save(&upload->error);
    }
    upload->state = status < 0 ? SENDING_FAILED : SENDING_NOTHING;
    bsi_cond_signal(&upload->change);
    bsi_mutex_unlock(&upload->lock);
}

static void join(bsi_gcs_upload *upload)
{
    if (upload->started) {
        bsi_thread_join(upload->thread);
        upload->started = false;
    }
}

/* Where the system gives no thread, this one does the same work. */
static void start(bsi_gcs_upload *upload)
{
    join(upload);
    upload->state = SENDING;
    upload->started = bsi_thread_start(&upload->thread, "gcs-chunk", work, upload) == BS_OK;
    if (!upload->started) {
        work(upload);
    }
}

/* Until nothing is on its way. A failure comes out of here once. */
static bs_status wait_for_chunk(bsi_gcs_upload *upload, const bs_call *call)
{
    bs_status status = bsi_call_check(call);

    bsi_mutex_lock(&upload->lock);
    while (status == BS_OK && upload->state != SENDING_NOTHING) {
        if (upload->state == SENDING_FAILED) {
            upload->state = SENDING_TOLD;
            bsi_error_restore(&upload->error);
            status = upload->error.code;
        } else {
            (void)bsi_cond_wait_until(&upload->change, &upload->lock, bsi_monotonic_ns() + LOOK_NS);
            status = bsi_call_check(call);
        }
    }
    bsi_mutex_unlock(&upload->lock);
    return status;
}

static bool was_told(bsi_gcs_upload *upload)
{
    bool told = false;

    bsi_mutex_lock(&upload->lock);
    told = upload->state == SENDING_TOLD;
    bsi_mutex_unlock(&upload->lock);
    return told;
}

/* Also sends once more what has failed. */
static bs_status settle(bsi_gcs_upload *upload, const bs_call *call)
{
    if (was_told(upload)) {
        start(upload);
    }
    return wait_for_chunk(upload, call);
}

/* --- Chunks --- */

/* What the service has not taken of the chunk before goes in front of this one. */
static void carry(bsi_gcs_upload *upload, chunk *to)
{
    const chunk *from = upload->sent;

    if (from) {
        const size_t left = (size_t)(from->offset + size_of(from) - upload->session.stored);

        BSI_ASSERT(left < BSI_GCS_QUANTUM);
        to->offset = upload->session.stored;
        to->begin = BSI_GCS_QUANTUM - left;
        memcpy(to->room + to->begin, from->room + from->end - left, left);
        upload->sent = NULL;
    }
}

/* A full chunk goes on its way, and the other one is filled. */
static bs_status send_full(bsi_gcs_upload *upload, const bs_call *call)
{
    chunk *full = &upload->chunks[upload->filling];
    chunk *next = &upload->chunks[1 - upload->filling];

    BSI_TRY(settle(upload, call));
    BSI_TRY(need_chunk(upload, next));
    carry(upload, full);
    upload->sent = full;
    upload->in_chunks = true;
    upload->filling = 1 - upload->filling;
    next->begin = BSI_GCS_QUANTUM;
    next->end = BSI_GCS_QUANTUM;
    next->offset = full->offset + size_of(full);
    start(upload);
    return BS_OK;
}

/* A chunk with room for at least one more byte. */
static bs_status need_room(bsi_gcs_upload *upload, const bs_call *call, chunk **out)
{
    const bool in_head =
        upload->patchable && !(upload->head.room && is_full(upload, &upload->head));
    chunk *one = in_head ? &upload->head : &upload->chunks[upload->filling];

    BSI_TRY(need_chunk(upload, one));
    if (is_full(upload, one)) {
        BSI_TRY(send_full(upload, call));
        one = &upload->chunks[upload->filling];
    }
    *out = one;
    return BS_OK;
}

/* As many of the bytes that are left as fit into the present chunk. */
static bs_status take_some(bsi_gcs_upload *upload, const bs_call *call, const uint8_t *bytes,
                           size_t size)
{
    chunk *one = NULL;
    size_t fits = 0;

    BSI_TRY(need_room(upload, call, &one));
    BSI_CHECK(one);
    fits =
        bsi_min_size(BSI_GCS_QUANTUM + upload->plan->chunk_size - one->end, size - upload->taken);
    memcpy(one->room + one->end, bytes + upload->taken, fits);
    if (one != &upload->head) {
        upload->rest_crc32c = bsi_crc32c(upload->rest_crc32c, bytes + upload->taken, fits);
    }
    one->end += fits;
    upload->taken += fits;
    upload->size += fits;
    return BS_OK;
}

bs_status bsi_gcs_upload_write(bsi_gcs_upload *upload, const bs_call *call, const void *data,
                               size_t size)
{
    bs_status status = BS_OK;

    while (status == BS_OK && upload->taken < size) {
        status = take_some(upload, call, data, size);
    }
    if (status == BS_OK) {
        upload->taken = 0;
    }
    return status;
}

void bsi_gcs_upload_patch(bsi_gcs_upload *upload, uint64_t offset, const void *data, size_t size)
{
    BSI_ASSERT(upload->head.room && offset + size <= size_of(&upload->head));
    memcpy(upload->head.room + upload->head.begin + offset, data, size);
}

/* --- The end --- */

static bs_status put_chunk(bsi_gcs_upload *upload, const bs_call *call, const chunk *one,
                           const char *key, bool exclusive)
{
    const bsi_gcs_target target = target_of(upload, key, exclusive);
    const uint8_t *bytes = one->room ? one->room + one->begin : NULL;

    return bsi_gcs_put(&target, call, bytes, size_of(one), bsi_crc32c(0, bytes, size_of(one)));
}

/* The last chunk, and with it the session's object. */
static bs_status end_session(bsi_gcs_upload *upload, const bs_call *call, uint64_t size)
{
    chunk *last = &upload->chunks[upload->filling];
    bsi_gcs_piece piece = {.last = true, .crc32c = upload->rest_crc32c};
    bs_status status = settle(upload, call);

    if (status < 0) {
        return status;
    }
    carry(upload, last);
    piece.bytes = last->room + last->begin;
    piece.offset = last->offset;
    piece.size = size_of(last);
    status = bsi_gcs_session_send(&upload->session, call, &piece);
    if (status == BS_E_EXISTS) {
        return bsi_gcs_find_out(&upload->session.target, call, size, status);
    }
    if (status < 0) {
        return status;
    }
    status = bsi_gcs_check_stored(&upload->session.target, call, &upload->session.object, size,
                                  upload->rest_crc32c);
    if (status < 0) {
        bsi_error_set_retry(BS_RETRY_NEVER, 0); /* Most of the bytes are gone. */
    }
    return status;
}

/* Of one object, without the failure of it. */
static void remove_part(bsi_gcs_upload *upload, const bs_call *call, const char *key)
{
    bs_error before;
    bs_status status = BS_OK;

    bsi_error_save(&before);
    status = bsi_gcs_remove(upload->conn, call, key, 0);
    (void)status; /* A sweep finds it later. */
    bsi_error_restore(&before);
}

static void remove_parts(bsi_gcs_upload *upload, const bs_call *call)
{
    if (upload->head_stored) {
        remove_part(upload, call, upload->head_key);
    }
    if (upload->rest_stored) {
        remove_part(upload, call, upload->rest_key);
    }
}

static bs_status store_rest(bsi_gcs_upload *upload, const bs_call *call)
{
    const uint64_t size = upload->size - size_of(&upload->head);

    if (upload->in_chunks) {
        return end_session(upload, call, size);
    }
    return put_chunk(upload, call, &upload->chunks[upload->filling], upload->rest_key, false);
}

/* The beginning as it is now, and the rest, put together by the service. */
static bs_status commit_joined(bsi_gcs_upload *upload, const bs_call *call)
{
    const bsi_gcs_target target = target_of(upload, upload->key, upload->exclusive);
    const char *const keys[2] = {upload->head_key, upload->rest_key};
    const chunk *head = &upload->head;
    const uint64_t rest = upload->size - size_of(head);
    uint32_t crc32c = bsi_crc32c(0, head->room + head->begin, size_of(head));

    if (!upload->rest_stored) {
        BSI_TRY(store_rest(upload, call));
        upload->rest_stored = true;
    }
    if (!upload->head_stored) {
        BSI_TRY(put_chunk(upload, call, head, upload->head_key, false));
        upload->head_stored = true;
    }
    crc32c = bsi_crc32c_join(crc32c, upload->rest_crc32c, rest);
    return bsi_gcs_compose(&target, call, keys, upload->size, crc32c);
}

static bs_status make_object(bsi_gcs_upload *upload, const bs_call *call)
{
    const chunk *present = &upload->chunks[upload->filling];

    if (upload->patchable) {
        return upload->size > size_of(&upload->head)
                   ? commit_joined(upload, call)
                   : put_chunk(upload, call, &upload->head, upload->key, upload->exclusive);
    }
    return upload->in_chunks ? end_session(upload, call, upload->size)
                             : put_chunk(upload, call, present, upload->key, upload->exclusive);
}

/* --- The methods --- */

static bs_status make_names(bsi_gcs_upload *upload, const char *key)
{
    BSI_TRY(bsi_mark_make(upload->mark));
    (void)snprintf(upload->head_key, PART_KEY_SIZE, "%s%s-1", BSI_STORAGE_TEMP_PREFIX,
                   upload->mark);
    (void)snprintf(upload->rest_key, PART_KEY_SIZE, "%s%s-2", BSI_STORAGE_TEMP_PREFIX,
                   upload->mark);
    upload->key = bsi_strdup(key);
    return upload->key ? BS_OK : BS_E_NOMEM;
}

bs_status bsi_gcs_upload_begin(bsi_gcs_conn *conn, const bsi_gcs_upload_plan *plan, const char *key,
                               const bs_storage_put_options *options, bsi_gcs_upload **out)
{
    bsi_gcs_upload *upload = NULL;
    bs_status status = bsi_gcs_check_key(conn, key);

    if (status < 0) {
        return status;
    }
    upload = bsi_calloc(1, sizeof(*upload));
    if (!upload) {
        return BS_E_NOMEM;
    }
    upload->conn = conn;
    upload->plan = plan;
    upload->exclusive = (options->flags & BS_STORAGE_PUT_EXCLUSIVE) != 0;
    upload->patchable = (options->flags & BS_STORAGE_PUT_PATCHABLE) != 0;
    upload->own_call.cancel = &upload->cancel;
    bsi_mutex_init(&upload->lock);
    bsi_cond_init(&upload->change);
    status = make_names(upload, key);
    if (status < 0) {
        bsi_gcs_upload_abort(upload);
        return status;
    }
    upload->session.target = upload->patchable ? target_of(upload, upload->rest_key, false)
                                               : target_of(upload, upload->key, upload->exclusive);
    *out = upload;
    return BS_OK;
}

/* After the thread. */
static void upload_free(bsi_gcs_upload *upload)
{
    join(upload);
    bsi_gcs_session_dispose(&upload->session);
    bsi_cond_dispose(&upload->change);
    bsi_mutex_dispose(&upload->lock);
    bsi_free(upload->head.room);
    bsi_free(upload->chunks[0].room);
    bsi_free(upload->chunks[1].room);
    bsi_free(upload->key);
    bsi_free(upload);
}

bs_status bsi_gcs_upload_commit(bsi_gcs_upload *upload, const bs_call *call)
{
    const bs_status status = make_object(upload, call);

    if (status == BS_OK) {
        remove_parts(upload, call);
        upload_free(upload);
    }
    return status;
}

void bsi_gcs_upload_abort(bsi_gcs_upload *upload)
{
    const bs_call call = {.deadline_ns = bsi_monotonic_ns() + ABORT_S * INT64_C(1000000000)};
    bs_error before;

    bsi_error_save(&before);
    bsi_cancel_request(&upload->cancel);
    join(upload);
    bsi_gcs_session_end(&upload->session, &call);
    remove_parts(upload, &call);
    upload_free(upload);
    bsi_error_restore(&before);
}
