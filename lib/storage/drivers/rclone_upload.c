/* SPDX-License-Identifier: MIT */
/*
 * Uploads through rclone: one form with one file in it, to a name of its own, which is then
 * changed for that of the object.
 *
 * A thread sends what is too much to be kept. It takes the bytes out of a ring that writing fills,
 * and ends with the upload.
 */
#include "storage/drivers/rclone_upload.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "os/time.h"
#include "storage/drivers/parts.h"
#include "storage/storage_int.h"

enum {
    KEPT_MAX = 24 * 1024 * 1024, /* A full pack of a repository is less. */
    RING = 1024 * 1024,
    LOOK_NS = 50000000, /* How often a wait looks whether it is still wanted. */
    ABORT_S = 10,       /* What removing may take in an abort. */
    FRAME_MAX = 8 * 1024,
    ANSWER_MAX = 64 * 1024,
};

struct bsi_rclone_upload {
    bsi_rclone *rclone;
    char *key;
    char *target; /* Where the bytes go: the key itself, or a name of the upload's own. */
    char *next;   /* Where it waits until the object in its place is gone; NULL: nowhere. */
    char boundary[BSI_MARK_SIZE];
    bsi_buf head; /* What stands before the file's bytes... */
    bsi_buf tail; /* ...and behind them. */
    bsi_buf kept; /* The first bytes, or all. */
    uint64_t size;
    bool sent;   /* Something may be at the target. */
    bool stored; /* All of it is there... */
    bool waits;  /* ...or at `next` by now. */
    bool started;
    bsi_thread thread;
    bsi_cancel cancel;
    bs_call own_call; /* The thread's: that of the caller may be gone before it is. */
    uint64_t given;   /* Bytes of `head` and `kept` that it has got; it alone sees this... */
    bool drained;     /* ...and that it has got all that was written... */
    size_t ended;     /* ...and of `tail` so much. */
    uint8_t *ring;    /* NULL as long as all is kept. */
    bsi_mutex lock;   /* Guards what follows. */
    bsi_cond change;
    size_t ring_begin;
    size_t ring_size;
    bool complete;  /* No more will come. */
    bool over;      /* The thread has done what it can. */
    bs_error error; /* Of that; its code is BS_OK when all went well. */
};

/* --- The form --- */

/* A name as RFC 8187 has it. */
static bs_status write_head(bsi_rclone_upload *upload)
{
    const char *slash = strrchr(upload->target, '/');

    BSI_TRY(bsi_buf_append_format(&upload->head,
                                  "--%s\r\nContent-Disposition: form-data; name=\"file\"; "
                                  "filename*=UTF-8''",
                                  upload->boundary));
    BSI_TRY(bsi_uri_append_component(&upload->head, slash ? slash + 1 : upload->target));
    BSI_TRY(bsi_buf_append_text(&upload->head, "\r\n\r\n"));
    return bsi_buf_append_format(&upload->tail, "\r\n--%s--\r\n", upload->boundary);
}

static bs_status post(bsi_rclone_upload *upload, const bs_call *call, bsi_http_source source,
                      bsi_http_feed feed)
{
    const char *slash = strrchr(upload->target, '/');
    char *dir = bsi_strndup(upload->target, slash ? (size_t)(slash - upload->target) : 0);
    char type[BSI_MARK_SIZE + 64];
    const bsi_uri_pair query[] = {{"fs", BSI_RCLONE_FS}, {"remote", dir}};
    const bsi_rclone_request request = {
        .action = "operations/uploadfile",
        .query = query,
        .query_count = BSI_ARRAY_SIZE(query),
        .header = type,
        .body_size =
            source ? (uint64_t)upload->head.size + upload->kept.size + upload->tail.size : 0,
        .source = source,
        .source_user = upload,
        .feed = feed,
        .feed_user = upload,
        .answer_max = ANSWER_MAX,
    };
    bsi_http_answer answer;
    bs_status status = dir ? BS_OK : BS_E_NOMEM;

    (void)snprintf(type, sizeof(type), "Content-Type: multipart/form-data; boundary=%s",
                   upload->boundary);
    if (status == BS_OK) {
        status = bsi_rclone_send(upload->rclone, call, &request, &answer);
    }
    if (status == BS_OK) {
        bsi_http_answer_dispose(&answer);
    }
    bsi_free(dir);
    return status;
}

/* As many bytes of the form as lie in memory from an offset on, up to `size`. */
static size_t copy_kept(const bsi_rclone_upload *upload, uint64_t offset, void *out, size_t size)
{
    const bsi_buf *const parts[] = {&upload->head, &upload->kept};
    size_t copied = 0;

    for (size_t i = 0; i < BSI_ARRAY_SIZE(parts); i++) {
        if (offset < parts[i]->size && copied < size) {
            const size_t part = bsi_min_size(parts[i]->size - (size_t)offset, size - copied);
            memcpy((uint8_t *)out + copied, parts[i]->data + offset, part);
            copied += part;
            offset += part;
        }
        offset -= bsi_min_u64(offset, parts[i]->size);
    }
    return copied;
}

static bs_status give_kept(void *user, uint64_t offset, void *out, size_t size)
{
    const bsi_rclone_upload *upload = user;
    const uint64_t before = (uint64_t)upload->head.size + upload->kept.size;
    const size_t copied = copy_kept(upload, offset, out, size);

    if (copied < size) {
        memcpy((uint8_t *)out + copied, upload->tail.data + (offset + copied - before),
               size - copied);
    }
    return BS_OK;
}

/* --- The thread --- */

/* Up to `size` bytes that were written; none: no more come. */
static bs_status take_written(bsi_rclone_upload *upload, void *out, size_t size, size_t *got_out)
{
    bs_status status = BS_OK;

    bsi_mutex_lock(&upload->lock);
    while (status == BS_OK && upload->ring_size == 0 && !upload->complete) {
        (void)bsi_cond_wait_until(&upload->change, &upload->lock, bsi_monotonic_ns() + LOOK_NS);
        status = bsi_call_check(&upload->own_call);
    }
    *got_out = bsi_min_size(bsi_min_size(size, upload->ring_size), RING - upload->ring_begin);
    memcpy(out, upload->ring + upload->ring_begin, *got_out);
    upload->ring_begin = (upload->ring_begin + *got_out) % RING;
    upload->ring_size -= *got_out;
    bsi_cond_broadcast(&upload->change);
    bsi_mutex_unlock(&upload->lock);
    return status;
}

static bs_status give_next(void *user, void *out, size_t size, size_t *got_out)
{
    bsi_rclone_upload *upload = user;

    *got_out = copy_kept(upload, upload->given, out, size);
    upload->given += *got_out;
    if (*got_out == 0 && !upload->drained) {
        BSI_TRY(take_written(upload, out, size, got_out));
        upload->drained = *got_out == 0;
    }
    if (*got_out == 0) {
        *got_out = bsi_min_size(size, upload->tail.size - upload->ended);
        memcpy(out, upload->tail.data + upload->ended, *got_out);
        upload->ended += *got_out;
    }
    return BS_OK;
}

static void work(void *user)
{
    bsi_rclone_upload *upload = user;
    const bs_status status = post(upload, &upload->own_call, NULL, give_next);

    bsi_mutex_lock(&upload->lock);
    if (status < 0) {
        bsi_error_save(&upload->error);
    }
    upload->over = true;
    bsi_cond_broadcast(&upload->change);
    bsi_mutex_unlock(&upload->lock);
}

/* What is kept goes first, and what is written from now on follows. */
static bs_status start(bsi_rclone_upload *upload)
{
    uint8_t *ring = bsi_alloc(RING);
    bs_status status = ring ? BS_OK : BS_E_NOMEM;

    upload->ring = ring;
    if (status == BS_OK) {
        status = bsi_thread_start(&upload->thread, "rclone-upload", work, upload);
    }
    if (status < 0) {
        upload->ring = NULL;
        bsi_free(ring);
        return status;
    }
    upload->started = true;
    upload->sent = true;
    return BS_OK;
}

static void join(bsi_rclone_upload *upload)
{
    if (upload->started) {
        bsi_thread_join(upload->thread);
        upload->started = false;
    }
}

/* What is gone cannot be sent again. */
static bs_status fail_for_good(const bs_error *error)
{
    if (error->code >= 0) {
        (void)bsi_fail(BS_LAYER_STORAGE, BS_E_IO, "rclone has taken an upload that had not ended");
    } else {
        bsi_error_restore(error);
    }
    bsi_error_set_retry(BS_RETRY_NEVER, 0);
    return bs_error_last()->code;
}

/* As many bytes as there is room for, at least one. */
static bs_status put_in_ring(bsi_rclone_upload *upload, const bs_call *call, const uint8_t *bytes,
                             size_t size, size_t *put_out)
{
    bs_status status = bsi_call_check(call);
    size_t end = 0;

    bsi_mutex_lock(&upload->lock);
    while (status == BS_OK && upload->ring_size == RING && !upload->over) {
        (void)bsi_cond_wait_until(&upload->change, &upload->lock, bsi_monotonic_ns() + LOOK_NS);
        status = bsi_call_check(call);
    }
    if (status == BS_OK && upload->over) {
        status = fail_for_good(&upload->error);
    }
    if (status == BS_OK) {
        end = (upload->ring_begin + upload->ring_size) % RING;
        *put_out = bsi_min_size(bsi_min_size(size, RING - upload->ring_size), RING - end);
        memcpy(upload->ring + end, bytes, *put_out);
        upload->ring_size += *put_out;
        bsi_cond_broadcast(&upload->change);
    }
    bsi_mutex_unlock(&upload->lock);
    return status;
}

bs_status bsi_rclone_upload_write(bsi_rclone_upload *upload, const bs_call *call, const void *data,
                                  size_t size)
{
    size_t put = 0;

    if (!upload->ring && size <= KEPT_MAX - upload->kept.size) {
        BSI_TRY(bsi_buf_append(&upload->kept, data, size));
        upload->size += size;
        return BS_OK;
    }
    BSI_TRY(upload->ring ? BS_OK : start(upload));
    for (size_t done = 0; done < size; done += put) {
        const bs_status status =
            put_in_ring(upload, call, (const uint8_t *)data + done, size - done, &put);
        if (status < 0) {
            bsi_error_set_retry(BS_RETRY_NEVER, 0);
            return status;
        }
    }
    upload->size += size;
    return BS_OK;
}

/* --- The end --- */

static bs_status end_thread(bsi_rclone_upload *upload, const bs_call *call)
{
    bs_status status = bsi_call_check(call);

    bsi_mutex_lock(&upload->lock);
    upload->complete = true;
    bsi_cond_broadcast(&upload->change);
    while (status == BS_OK && !upload->over) {
        (void)bsi_cond_wait_until(&upload->change, &upload->lock, bsi_monotonic_ns() + LOOK_NS);
        status = bsi_call_check(call);
    }
    if (status == BS_OK && upload->error.code < 0) {
        status = fail_for_good(&upload->error);
    }
    bsi_mutex_unlock(&upload->lock);
    return status;
}

/* A service that keeps something else than it was sent has not kept it. */
static bs_status check_stored(bsi_rclone_upload *upload, const bs_call *call)
{
    bsi_rclone_item item;
    const bs_status status = bsi_rclone_stat(upload->rclone, call, upload->target, &item);

    if (status < 0 && status != BS_E_NOT_FOUND) {
        return status;
    }
    if (status == BS_E_NOT_FOUND || item.size != upload->size) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_IO, "the remote has not kept what it was sent");
    }
    return BS_OK;
}

static bs_status store(bsi_rclone_upload *upload, const bs_call *call)
{
    bs_status status = BS_OK;

    upload->sent = true;
    status = upload->ring ? end_thread(upload, call) : post(upload, call, give_kept, NULL);
    if (status == BS_OK) {
        status = check_stored(upload, call);
    }
    if (status == BS_OK) {
        upload->stored = true;
    } else if (upload->ring) {
        bsi_error_set_retry(BS_RETRY_NEVER, 0);
    }
    return status;
}

/*
 * Give what was stored a name. When nothing is under the old one, this was done before and only
 * the answer was lost.
 */
static bs_status rename_stored(const bsi_rclone_upload *upload, const bs_call *call,
                               const char *from, const char *to)
{
    bsi_rclone_item item;
    bs_status status = bsi_rclone_move(upload->rclone, call, from, to);

    if (status != BS_E_NOT_FOUND) {
        return status;
    }
    status = bsi_rclone_stat(upload->rclone, call, from, &item);
    if (status == BS_OK) { /* What it was to replace went away meanwhile. */
        return bsi_fail(BS_LAYER_STORAGE, BS_E_IO, "two at once change an object");
    }
    if (status == BS_E_NOT_FOUND) {
        status = bsi_rclone_stat(upload->rclone, call, to, &item);
    }
    if (status == BS_E_NOT_FOUND || (status == BS_OK && item.size != upload->size)) {
        (void)bsi_fail(BS_LAYER_STORAGE, BS_E_IO, "what was stored is gone");
        bsi_error_set_retry(BS_RETRY_NEVER, 0);
        return BS_E_IO;
    }
    return status;
}

/* Where there is an object already, the new one waits beside it until that is gone. */
static bs_status wait_beside(bsi_rclone_upload *upload, const bs_call *call)
{
    bsi_rclone_item item;
    const bs_status status = bsi_rclone_stat(upload->rclone, call, upload->key, &item);

    if (status == BS_E_NOT_FOUND) {
        return BS_OK;
    }
    BSI_TRY(status);
    BSI_TRY(rename_stored(upload, call, upload->target, upload->next));
    upload->waits = true;
    return BS_OK;
}

static bs_status take_place_locked(bsi_rclone_upload *upload, const bs_call *call)
{
    if (upload->next && !upload->waits) {
        BSI_TRY(wait_beside(upload, call));
    }
    return rename_stored(upload, call, upload->waits ? upload->next : upload->target, upload->key);
}

static bs_status take_place(bsi_rclone_upload *upload, const bs_call *call)
{
    bsi_mutex *place = bsi_rclone_lock_place(upload->rclone, upload->key);
    const bs_status status = take_place_locked(upload, call);

    bsi_rclone_unlock_place(place);
    return status;
}

/* What it has been before a failure that says that nothing is there is not known. */
static bs_status not_missing(bs_status status)
{
    char words[BS_ERROR_MESSAGE_SIZE];

    if (status != BS_E_NOT_FOUND) {
        return status;
    }
    memcpy(words, bs_error_last()->message, sizeof(words));
    words[sizeof(words) - 1] = '\0';
    (void)bsi_fail(BS_LAYER_STORAGE, BS_E_IO, "%s", words);
    bsi_error_set_retry(BS_RETRY_NEVER, 0);
    return BS_E_IO;
}

static bs_status make_texts(bsi_rclone_upload *upload, const char *key)
{
    char prefix[sizeof(BSI_STORAGE_TEMP_PREFIX) + BSI_MARK_SIZE];
    char mark[BSI_MARK_SIZE];

    BSI_TRY(bsi_mark_make(mark));
    BSI_TRY(bsi_mark_make(upload->boundary));
    upload->key = bsi_strdup(key);
    if (!upload->key) {
        return BS_E_NOMEM;
    }
    if (bsi_rclone_stages(upload->rclone)) {
        const char *slash = strrchr(key, '/');
        (void)snprintf(prefix, sizeof(prefix), "%s%s", BSI_STORAGE_TEMP_PREFIX, mark);
        upload->target = bsi_calloc(1, strlen(key) + sizeof(prefix) + 1);
        if (upload->target) {
            const size_t size = slash ? (size_t)(slash - key) + 1 : 0;
            memcpy(upload->target, key, size);
            memcpy(upload->target + size, prefix, strlen(prefix));
        }
    } else {
        upload->target = bsi_strdup(key);
    }
    if (!upload->target) {
        return BS_E_NOMEM;
    }
    BSI_TRY(bsi_rclone_next_path(upload->rclone, key, &upload->next));
    return write_head(upload);
}

bs_status bsi_rclone_upload_begin(bsi_rclone *rclone, const char *key, bsi_rclone_upload **out)
{
    bsi_rclone_upload *upload = bsi_calloc(1, sizeof(*upload));
    bs_status status = BS_OK;

    if (!upload) {
        return BS_E_NOMEM;
    }
    upload->rclone = rclone;
    upload->own_call.cancel = &upload->cancel;
    bsi_buf_init(&upload->head, FRAME_MAX);
    bsi_buf_init(&upload->tail, FRAME_MAX);
    bsi_buf_init(&upload->kept, KEPT_MAX);
    bsi_mutex_init(&upload->lock);
    bsi_cond_init(&upload->change);
    status = make_texts(upload, key);
    if (status < 0) {
        bsi_rclone_upload_abort(upload);
        return status;
    }
    *out = upload;
    return BS_OK;
}

static void upload_free(bsi_rclone_upload *upload)
{
    join(upload);
    bsi_cond_dispose(&upload->change);
    bsi_mutex_dispose(&upload->lock);
    bsi_buf_dispose(&upload->head);
    bsi_buf_dispose(&upload->tail);
    bsi_buf_dispose(&upload->kept);
    bsi_free(upload->ring);
    bsi_free(upload->key);
    bsi_free(upload->target);
    bsi_free(upload->next);
    bsi_free(upload);
}

bs_status bsi_rclone_upload_commit(bsi_rclone_upload *upload, const bs_call *call)
{
    bs_status status = upload->stored ? BS_OK : store(upload, call);

    if (status == BS_OK && bsi_rclone_stages(upload->rclone)) {
        status = take_place(upload, call);
    }
    if (status < 0) {
        return not_missing(status);
    }
    upload_free(upload);
    return BS_OK;
}

/* What is waiting in an object's place stays: that one may be gone already. */
void bsi_rclone_upload_abort(bsi_rclone_upload *upload)
{
    const bs_call call = {.deadline_ns = bsi_monotonic_ns() + ABORT_S * INT64_C(1000000000)};

    bsi_cancel_request(&upload->cancel);
    join(upload);
    if (upload->sent && !upload->waits && bsi_rclone_stages(upload->rclone)) {
        bsi_rclone_remove_quietly(upload->rclone, &call, upload->target);
    }
    upload_free(upload);
}
