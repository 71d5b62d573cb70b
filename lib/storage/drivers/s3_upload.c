/* SPDX-License-Identifier: MIT */
/*
 * Uploads to a bucket, whole or in parts.
 *
 * Bytes are gathered in the part that is being filled. A full one goes to a
 * thread of its own, and the next free one is filled; that is where writing
 * waits, and where failures of parts come out. A failed part keeps its bytes
 * and is sent again when the call that told of it comes again.
 */
#include "storage/drivers/s3_upload.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "os/random.h"
#include "os/time.h"

/* Whose an object is, where an answer got lost: a number that nobody else has. */
#define MARK_HEADER "x-amz-meta-bst-upload"

enum {
    SLOTS_MAX = BSI_S3_PARALLEL_MAX + 2,
    GROW_EVERY = 2000, /* Parts of one size; the next ones are twice as large. */
    HINT_PARTS = 9000, /* As many parts as an expected size is cut into, at most. */
    MIB = 1024 * 1024,
    ETAG_SIZE = 128,
    MARK_BYTES = 16,
    HEADERS_MAX = 12,
    ANSWER_MAX = 64 * 1024,
    COMPLETE_MAX = BSI_S3_PARTS_MAX * (ETAG_SIZE + BSI_S3_SUM_SIZE + 200),
    LOOK_NS = 50000000, /* How often a wait looks whether it is still wanted. */
    ABORT_S = 10,       /* What an abort may take. */
};

typedef enum part_state {
    PART_FREE,
    PART_KEPT, /* Filled, or being filled; of a first part also until the commit. */
    PART_SENDING,
    PART_FAILED,
    PART_TOLD, /* Failed, and the caller knows. */
} part_state;

typedef struct part {
    bsi_s3_upload *upload;
    bsi_buf content;
    uint32_t number;
    part_state state;
    bool started; /* There is a thread to join. */
    bsi_thread thread;
    bs_error error; /* Of PART_FAILED. */
} part;

/* What the service said of a part, for the list at the end. */
typedef struct sent {
    char etag[ETAG_SIZE];
    char sum[BSI_S3_SUM_SIZE];
} sent;

struct bsi_s3_upload {
    bsi_s3_conn *conn;
    const bsi_s3_upload_plan *plan;
    char *key;
    char mark[2 * MARK_BYTES + 1];
    char until[BSI_RFC3339_SIZE]; /* Of the lock; "": none. */
    bool exclusive;
    bool patchable;
    uint64_t part_size; /* Of the first parts. */
    uint64_t size;      /* Bytes taken so far. */
    size_t taken;       /* Of the present call, in case that it comes again. */
    char *id;           /* Of an upload in parts; NULL: none is begun. */
    bool complete;      /* It is an object; only the look at it is left. */
    part *filling;      /* NULL: the next free one is to be taken. */
    uint32_t parts;     /* Numbers given so far. */
    part slots[SLOTS_MAX];
    size_t slot_count;
    bsi_cancel cancel; /* For the threads, when it is given up. */
    bs_call own_call;  /* Theirs: that of the caller may be gone before they are. */
    bsi_mutex lock;    /* Guards the states of slots that are sent, and what follows. */
    bsi_cond change;
    sent *sent;
    size_t sent_room;
};

/* --- Headers that every object begins with --- */

typedef struct headers {
    bsi_header items[HEADERS_MAX];
    size_t count;
} headers;

static void add(headers *list, const char *name, const char *value)
{
    if (value && value[0]) {
        list->items[list->count] = (bsi_header){name, value};
        list->count++;
    }
}

static void add_object_headers(const bsi_s3_upload *upload, headers *list)
{
    const bsi_s3_upload_plan *plan = upload->plan;

    add(list, MARK_HEADER, upload->mark);
    add(list, "x-amz-storage-class", plan->storage_class);
    add(list, "x-amz-server-side-encryption", plan->encryption);
    add(list, "x-amz-server-side-encryption-aws-kms-key-id", plan->encryption_key);
    add(list, "x-amz-tagging", plan->tags);
    add(list, BSI_S3_LOCK_MODE, plan->lock.mode);
    add(list, BSI_S3_LOCK_UNTIL, upload->until);
    add(list, BSI_S3_LEGAL_HOLD, plan->lock.legal_hold ? "ON" : NULL);
}

/* It goes into the document at the end: what would break out of that is none. */
static bool take_etag(const bsi_http_answer *answer, char out[ETAG_SIZE])
{
    bsi_slice value = {NULL, 0};

    if (!bsi_http_header(answer, "etag", &value) || value.size == 0 || value.size >= ETAG_SIZE) {
        return false;
    }
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] <= ' ' || value.data[i] >= 0x7f || strchr("<>&'", value.data[i])) {
            return false;
        }
    }
    memcpy(out, value.data, value.size);
    out[value.size] = '\0';
    return true;
}

/* What the service has counted must be what was sent, where it tells. */
static bs_status check_sum(const bsi_s3_conn *conn, const bsi_http_answer *answer, const char *sum)
{
    bsi_slice value = {NULL, 0};

    if (sum[0] && bsi_http_header(answer, "x-amz-checksum-sha256", &value) &&
        !bsi_slice_is(value, sum)) {
        return bsi_s3_not_s3(conn, "tells another checksum than that of what was sent");
    }
    return BS_OK;
}

/* PUT the bytes of a part: the whole object, or one of many. */
static bs_status put(bsi_s3_upload *upload, const bs_call *call, const part *one,
                     const bsi_s3_request *request, headers *list, sent *out)
{
    bsi_digest digest;
    bsi_http_answer answer;
    bsi_s3_request wire = *request;
    bs_status status = BS_OK;

    *out = (sent){.etag = ""};
    bsi_sha256_of(one->content.data, one->content.size, &digest);
    if (upload->plan->checksums) {
        BSI_TRY(bsi_s3_encode_sum(&digest, out->sum));
        add(list, "x-amz-checksum-sha256", out->sum);
    }
    wire.method = "PUT";
    wire.key = upload->key;
    wire.headers = list->items;
    wire.header_count = list->count;
    wire.body = one->content.data;
    wire.body_size = one->content.size;
    wire.digest = &digest;
    wire.answer_max = ANSWER_MAX;
    BSI_TRY(bsi_s3_send(upload->conn, call, &wire, &answer));
    if (!take_etag(&answer, out->etag)) {
        status = bsi_s3_not_s3(upload->conn, "takes an upload without naming it");
    }
    if (status == BS_OK) {
        status = check_sum(upload->conn, &answer, out->sum);
    }
    bsi_http_answer_dispose(&answer);
    return status;
}

/* --- Parts --- */

static uint64_t size_of_part(const bsi_s3_upload *upload, uint32_t number)
{
    const uint32_t doublings = (number - 1) / GROW_EVERY;

    return bsi_min_u64(upload->part_size << doublings, BSI_S3_PART_MAX);
}

static bs_status send_part(bsi_s3_upload *upload, const part *one)
{
    char number[16];
    const bsi_uri_pair query[] = {{"partNumber", number}, {"uploadId", upload->id}};
    const bsi_s3_request request = {.query = query, .query_count = BSI_ARRAY_SIZE(query)};
    headers list = {.count = 0};
    sent done;

    (void)snprintf(number, sizeof(number), "%" PRIu32, one->number);
    BSI_TRY(put(upload, &upload->own_call, one, &request, &list, &done));
    bsi_mutex_lock(&upload->lock);
    upload->sent[one->number - 1] = done;
    bsi_mutex_unlock(&upload->lock);
    return BS_OK;
}

static void work(void *user)
{
    part *one = user;
    bsi_s3_upload *upload = one->upload;
    const bs_status status = send_part(upload, one);

    bsi_mutex_lock(&upload->lock);
    if (status < 0) {
        bsi_error_save(&one->error);
    }
    one->state = status < 0 ? PART_FAILED : PART_FREE;
    bsi_cond_signal(&upload->change);
    bsi_mutex_unlock(&upload->lock);
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
    status = bsi_thread_start(&one->thread, "s3-part", work, one);
    one->started = status == BS_OK;
    if (!one->started) {
        work(one);
    }
}

static part *find_locked(bsi_s3_upload *upload, part_state state)
{
    for (size_t i = 0; i < upload->slot_count; i++) {
        if (upload->slots[i].state == state) {
            return &upload->slots[i];
        }
    }
    return NULL;
}

static part *find(bsi_s3_upload *upload, part_state state)
{
    part *found = NULL;

    bsi_mutex_lock(&upload->lock);
    found = find_locked(upload, state);
    bsi_mutex_unlock(&upload->lock);
    return found;
}

static void start_all(bsi_s3_upload *upload, part_state state)
{
    for (part *one = find(upload, state); one; one = find(upload, state)) {
        start(one);
    }
}

/* Until a part is free, or all are sent. A failure of one comes out of here once. */
static bs_status wait_for_parts(bsi_s3_upload *upload, const bs_call *call, bool all)
{
    bs_status status = bsi_call_check(call);

    bsi_mutex_lock(&upload->lock);
    while (status == BS_OK) {
        part *failed = find_locked(upload, PART_FAILED);

        if (failed) {
            failed->state = PART_TOLD;
            bsi_error_restore(&failed->error);
            status = failed->error.code;
        } else if (!find_locked(upload, PART_SENDING) || (!all && find_locked(upload, PART_FREE))) {
            break;
        } else {
            (void)bsi_cond_wait_until(&upload->change, &upload->lock, bsi_monotonic_ns() + LOOK_NS);
            status = bsi_call_check(call);
        }
    }
    bsi_mutex_unlock(&upload->lock);
    return status;
}

static bs_status make_room_locked(bsi_s3_upload *upload)
{
    const size_t room = upload->sent_room > 0 ? 2 * upload->sent_room : 16;
    sent *grown = NULL;

    if (upload->parts < upload->sent_room) {
        return BS_OK;
    }
    grown = bsi_realloc_array(upload->sent, room, sizeof(*grown));
    if (!grown) {
        return BS_E_NOMEM;
    }
    upload->sent = grown;
    upload->sent_room = room;
    return BS_OK;
}

static bs_status next_part(bsi_s3_upload *upload, const bs_call *call)
{
    part *next = NULL;
    bs_status status = BS_OK;

    if (upload->parts == BSI_S3_PARTS_MAX) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_LIMIT,
                        "S3 takes at most %d parts; a larger part_size_mib makes fewer",
                        BSI_S3_PARTS_MAX);
    }
    start_all(upload, PART_TOLD);
    BSI_TRY(wait_for_parts(upload, call, false));
    bsi_mutex_lock(&upload->lock);
    next = find_locked(upload, PART_FREE);
    status = make_room_locked(upload);
    bsi_mutex_unlock(&upload->lock);
    BSI_TRY(status);
    BSI_CHECK(next);
    upload->parts++;
    next->number = upload->parts;
    next->state = PART_KEPT;
    next->content.max = (size_t)size_of_part(upload, next->number);
    bsi_buf_clear(&next->content);
    upload->filling = next;
    return BS_OK;
}

static bs_status begin_parts(bsi_s3_upload *upload, const bs_call *call)
{
    static const bsi_uri_pair query[] = {{"uploads", NULL}};
    headers list = {.count = 0};
    bsi_s3_request request = {.method = "POST",
                              .key = upload->key,
                              .query = query,
                              .query_count = BSI_ARRAY_SIZE(query),
                              .answer_max = ANSWER_MAX};
    bsi_http_answer answer;
    bsi_buf id;
    bs_status status = BS_OK;

    if (upload->id) {
        return BS_OK;
    }
    add_object_headers(upload, &list);
    add(&list, "x-amz-checksum-algorithm", upload->plan->checksums ? "SHA256" : NULL);
    request.headers = list.items;
    request.header_count = list.count;
    BSI_TRY(bsi_s3_send(upload->conn, call, &request, &answer));
    bsi_buf_init(&id, ANSWER_MAX);
    status =
        bsi_s3_upload_id_parse((bsi_slice){(const char *)answer.text.data, answer.text.size}, &id);
    bsi_http_answer_dispose(&answer);
    if (status == BS_OK) {
        upload->id = bsi_buf_take_text(&id);
        status = upload->id ? BS_OK : BS_E_NOMEM;
    }
    bsi_buf_dispose(&id);
    return status;
}

/* The first part stays where it may still be changed. */
static bool must_stay(const bsi_s3_upload *upload, const part *one)
{
    return upload->patchable && one->number == 1;
}

/* A part with room for at least one more byte. */
static bs_status need_room(bsi_s3_upload *upload, const bs_call *call)
{
    part *full = upload->filling;

    if (full && full->content.size < full->content.max) {
        return BS_OK;
    }
    if (full) {
        BSI_TRY(begin_parts(upload, call));
        upload->filling = NULL;
        if (!must_stay(upload, full)) {
            start(full);
        }
    }
    return next_part(upload, call);
}

/* --- The end --- */

static bool has_mark(const bsi_s3_upload *upload, const bsi_http_answer *answer)
{
    bsi_slice mark = {NULL, 0};

    return bsi_http_header(answer, MARK_HEADER, &mark) && bsi_slice_is(mark, upload->mark);
}

/*
 * The service says that there is an object already, or no upload any more: BS_OK when that is
 * because this one was done before, and its answer got lost.
 */
static bs_status find_out(bsi_s3_upload *upload, const bs_call *call, bs_status refusal)
{
    bs_error first;
    bsi_http_answer answer;
    uint64_t size = 0;
    bool ours = false;
    bs_status status = BS_OK;

    bsi_error_save(&first);
    status = bsi_s3_head(upload->conn, call, upload->key, &answer, &size);
    if (status < 0 && bs_error_last()->retry != BS_RETRY_NEVER) {
        return status;
    }
    if (status == BS_OK) {
        ours = has_mark(upload, &answer) && size == upload->size;
        bsi_http_answer_dispose(&answer);
    }
    bsi_error_restore(&first);
    return ours ? BS_OK : refusal;
}

static void add_condition(const bsi_s3_upload *upload, headers *list)
{
    add(list, "if-none-match", upload->exclusive ? "*" : NULL);
}

static bs_status put_whole(bsi_s3_upload *upload, const bs_call *call)
{
    static const part nothing = {.number = 1};
    const part *content = upload->filling ? upload->filling : &nothing;
    const bsi_s3_request request = {.query_count = 0};
    headers list = {.count = 0};
    sent unused;
    bs_status status = BS_OK;

    add_object_headers(upload, &list);
    add_condition(upload, &list);
    status = put(upload, call, content, &request, &list, &unused);
    return status == BS_E_EXISTS ? find_out(upload, call, status) : status;
}

static bs_status append_part(const bsi_s3_upload *upload, uint32_t number, bsi_buf *out)
{
    const sent *one = &upload->sent[number - 1];

    BSI_TRY(bsi_buf_append_format(out, "<Part><PartNumber>%" PRIu32 "</PartNumber><ETag>%s</ETag>",
                                  number, one->etag));
    if (one->sum[0]) {
        BSI_TRY(bsi_buf_append_format(out, "<ChecksumSHA256>%s</ChecksumSHA256>", one->sum));
    }
    return bsi_buf_append_text(out, "</Part>");
}

static bs_status write_list(const bsi_s3_upload *upload, bsi_buf *out)
{
    BSI_TRY(bsi_buf_append_text(out, "<CompleteMultipartUpload "
                                     "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"));
    for (uint32_t number = 1; number <= upload->parts; number++) {
        BSI_TRY(append_part(upload, number, out));
    }
    return bsi_buf_append_text(out, "</CompleteMultipartUpload>");
}

/* An error may come with status 200, as the service begins to answer before it has done it. */
static bs_status read_completion(const bsi_s3_upload *upload, const bsi_http_answer *answer,
                                 bsi_service_error *error)
{
    const bsi_slice text = {(const char *)answer->text.data, answer->text.size};

    if (bsi_service_error_parse(text, error)) {
        return bsi_s3_refused(upload->conn, answer, error);
    }
    return bsi_s3_complete_parse(text);
}

static bs_status complete(bsi_s3_upload *upload, const bs_call *call, const bsi_buf *list,
                          bsi_service_error *error)
{
    const bsi_uri_pair query[] = {{"uploadId", upload->id}};
    headers extra = {.count = 0};
    bsi_s3_request request = {.method = "POST",
                              .key = upload->key,
                              .query = query,
                              .query_count = BSI_ARRAY_SIZE(query),
                              .body = list->data,
                              .body_size = list->size,
                              .answer_max = ANSWER_MAX,
                              .error = error};
    bsi_http_answer answer;
    bs_status status = BS_OK;

    add_condition(upload, &extra);
    request.headers = extra.items;
    request.header_count = extra.count;
    BSI_TRY(bsi_s3_send(upload->conn, call, &request, &answer));
    status = read_completion(upload, &answer, error);
    bsi_http_answer_dispose(&answer);
    return status;
}

/* Parts in a wrong order or twice would be found here at the latest, and locks that are none. */
static bs_status check_stored(const bsi_s3_upload *upload, const bs_call *call)
{
    bsi_http_answer answer;
    uint64_t size = 0;
    bs_status status = BS_OK;

    BSI_TRY(bsi_s3_head(upload->conn, call, upload->key, &answer, &size));
    if (has_mark(upload, &answer) && size != upload->size) {
        status = bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                          "the server has %" PRIu64 " bytes of %" PRIu64 " that were sent", size,
                          upload->size);
    } else {
        status = bsi_s3_lock_check_object(&upload->plan->lock, upload->until, &answer);
    }
    bsi_http_answer_dispose(&answer);
    return status;
}

static bs_status send_rest(bsi_s3_upload *upload, const bs_call *call)
{
    upload->filling = NULL;
    start_all(upload, PART_TOLD);
    start_all(upload, PART_KEPT);
    return wait_for_parts(upload, call, true);
}

static bs_status make_object(bsi_s3_upload *upload, const bs_call *call)
{
    bsi_service_error error = {.code = ""};
    bsi_buf list;
    bs_status status = BS_OK;

    bsi_buf_init(&list, COMPLETE_MAX);
    status = write_list(upload, &list);
    if (status == BS_OK) {
        status = complete(upload, call, &list, &error);
    }
    bsi_buf_dispose(&list);
    if (status == BS_E_EXISTS || strcmp(error.code, "NoSuchUpload") == 0) {
        status = find_out(upload, call, status);
    }
    return status;
}

static bs_status commit_parts(bsi_s3_upload *upload, const bs_call *call)
{
    if (!upload->complete) {
        BSI_TRY(send_rest(upload, call));
        BSI_TRY(make_object(upload, call));
        upload->complete = true;
    }
    return check_stored(upload, call);
}

static bs_status commit_whole(bsi_s3_upload *upload, const bs_call *call)
{
    if (!upload->complete) {
        BSI_TRY(put_whole(upload, call));
        upload->complete = true;
    }
    return bsi_s3_lock_is_set(&upload->plan->lock) ? check_stored(upload, call) : BS_OK;
}

/* --- The methods --- */

static bs_status make_mark(char out[2 * MARK_BYTES + 1])
{
    uint8_t chance[MARK_BYTES];

    BSI_TRY(bsi_random(chance, sizeof(chance)));
    for (size_t i = 0; i < sizeof(chance); i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", chance[i]);
    }
    return BS_OK;
}

/* As few parts as needed where the size is known before. */
static uint64_t first_size(const bsi_s3_upload_plan *plan, uint64_t expected)
{
    uint64_t size = plan->part_size;

    if (expected != BS_STORAGE_NO_SIZE && expected / HINT_PARTS >= size) {
        size = (expected / HINT_PARTS / MIB + 1) * MIB;
    }
    return bsi_min_u64(size, BSI_S3_PART_MAX);
}

bs_status bsi_s3_upload_begin(bsi_s3_conn *conn, const bsi_s3_upload_plan *plan, const char *key,
                              const bs_storage_put_options *options, bsi_s3_upload **out)
{
    bsi_s3_upload *upload = NULL;
    bs_status status = bsi_s3_check_key(conn, key);

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
    upload->part_size = first_size(plan, options->expected_size);
    upload->slot_count = plan->parallel + 1 + (upload->patchable ? 1 : 0);
    upload->own_call.cancel = &upload->cancel;
    bsi_mutex_init(&upload->lock);
    bsi_cond_init(&upload->change);
    for (size_t i = 0; i < upload->slot_count; i++) {
        upload->slots[i].upload = upload;
        bsi_buf_init(&upload->slots[i].content, 0);
    }
    status = make_mark(upload->mark);
    if (status == BS_OK) {
        status = bsi_s3_lock_until(&plan->lock, upload->until);
    }
    if (status == BS_OK) {
        upload->key = bsi_strdup(key);
        status = upload->key ? BS_OK : BS_E_NOMEM;
    }
    if (status < 0) {
        bsi_s3_upload_abort(upload);
        return status;
    }
    *out = upload;
    return BS_OK;
}

/* As many of the bytes that are left as fit into the present part. */
static bs_status take_some(bsi_s3_upload *upload, const bs_call *call, const uint8_t *bytes,
                           size_t size)
{
    part *one = NULL;
    size_t fits = 0;

    BSI_TRY(need_room(upload, call));
    one = upload->filling;
    BSI_CHECK(one);
    fits = bsi_min_size(one->content.max - one->content.size, size - upload->taken);
    BSI_TRY(bsi_buf_append(&one->content, bytes + upload->taken, fits));
    upload->taken += fits;
    upload->size += fits;
    return BS_OK;
}

bs_status bsi_s3_upload_write(bsi_s3_upload *upload, const bs_call *call, const void *data,
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

void bsi_s3_upload_patch(bsi_s3_upload *upload, uint64_t offset, const void *data, size_t size)
{
    part *first = &upload->slots[0];

    BSI_ASSERT(first->number == 1 && offset + size <= first->content.size);
    memcpy(first->content.data + offset, data, size);
}

/* After the threads. */
static void upload_free(bsi_s3_upload *upload)
{
    for (size_t i = 0; i < upload->slot_count; i++) {
        join(&upload->slots[i]);
        bsi_buf_dispose(&upload->slots[i].content);
    }
    bsi_cond_dispose(&upload->change);
    bsi_mutex_dispose(&upload->lock);
    bsi_free(upload->sent);
    bsi_free(upload->id);
    bsi_free(upload->key);
    bsi_free(upload);
}

bs_status bsi_s3_upload_commit(bsi_s3_upload *upload, const bs_call *call)
{
    const bs_status status = upload->id ? commit_parts(upload, call) : commit_whole(upload, call);

    if (status == BS_OK) {
        upload_free(upload);
    }
    return status;
}

void bsi_s3_upload_abort(bsi_s3_upload *upload)
{
    bs_error before;

    bsi_error_save(&before);
    bsi_cancel_request(&upload->cancel);
    for (size_t i = 0; i < upload->slot_count; i++) {
        join(&upload->slots[i]);
    }
    if (upload->id && !upload->complete) {
        const bs_call call = {.deadline_ns = bsi_monotonic_ns() + ABORT_S * INT64_C(1000000000)};
        const bs_status status = bsi_s3_upload_end(upload->conn, &call, upload->key, upload->id);
        (void)status; /* A sweep finds it later. */
    }
    upload_free(upload);
    bsi_error_restore(&before);
}

bs_status bsi_s3_upload_end(bsi_s3_conn *conn, const bs_call *call, const char *key, const char *id)
{
    const bsi_uri_pair query[] = {{"uploadId", id}};
    bsi_service_error error = {.code = ""};
    const bsi_s3_request request = {.method = "DELETE",
                                    .key = key,
                                    .query = query,
                                    .query_count = BSI_ARRAY_SIZE(query),
                                    .answer_max = ANSWER_MAX,
                                    .error = &error};
    bsi_http_answer answer;
    const bs_status status = bsi_s3_send(conn, call, &request, &answer);

    if (status == BS_OK) {
        bsi_http_answer_dispose(&answer);
    }
    return strcmp(error.code, "NoSuchUpload") == 0 ? BS_OK : status;
}
