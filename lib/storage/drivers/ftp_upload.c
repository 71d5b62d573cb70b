/* SPDX-License-Identifier: MIT */
/*
 * How a file gets to a server: written under a temporary name, measured, renamed.
 *
 * Servers end an upload whose connection broke as if it were whole. So the size counts, which is
 * asked for, and the hash where the server has one. To go on, the file is measured and written on
 * from there, at its place: what an earlier transfer still writes are the same bytes.
 */
#include "storage/drivers/ftp_upload.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/checked.h"
#include "os/dir_cache.h"
#include "os/random.h"
#include "os/time.h"

enum {
    CHANCE_SIZE = 8,
    TEMP_NAME_SIZE = sizeof(BSI_FTP_TEMP_PREFIX) + 2 * CHANCE_SIZE,
    RACES_MAX = 100,  /* How often a directory may vanish before its use, ... */
    REFUSALS_MAX = 8, /* ... or a file be refused although its directory was there. */
    SHORT_MAX = 8,    /* How often a transfer that looked whole is gone on with. */
    STALLS_MAX = 2,   /* How often in a row nothing more arrives until the server is asked why. */
    LITTLE = 8192,    /* So much then: more than the rest of a page, and taken in at once. */
    COPY_SIZE = 256 * 1024,
    HASH_DIGITS = 2 * BSI_SHA256_SIZE,
    HASH_WORD = 2, /* Of the answer to HASH: name of the hash, range, digits, name of the file. */
};

#define NS_PER_S INT64_C(1000000000)
/* How long cleaning up may take that nobody waits for. */
#define CLEANUP_NS (5 * NS_PER_S)

static const char *host_of(const bsi_ftp_upload *upload)
{
    return upload->pool->config->target.host;
}

/* A failure that no repetition helps. */
static bs_status never_again(bs_status status)
{
    bsi_error_set_retry(BS_RETRY_NEVER, 0);
    return status;
}

/* --- Begin --- */

static bs_status name_temp(bsi_ftp_upload *upload)
{
    uint8_t chance[CHANCE_SIZE];
    char name[TEMP_NAME_SIZE] = BSI_FTP_TEMP_PREFIX;
    char *at = name + strlen(BSI_FTP_TEMP_PREFIX);

    BSI_TRY(bsi_random(chance, sizeof(chance)));
    for (size_t i = 0; i < sizeof(chance); i++) {
        (void)snprintf(at + 2 * i, 3, "%02x", chance[i]);
    }
    bsi_free(upload->temp);
    upload->temp = bsi_ftp_path(upload->pool->config, upload->dir, name);
    return upload->temp ? BS_OK : bs_error_last()->code;
}

bs_status bsi_ftp_upload_begin(bsi_ftp_pool *pool, bsi_ftp_upload *upload)
{
    const unsigned hashes = BSI_FTP_CAN_HASH | BSI_FTP_CAN_XSHA256;
    bsi_slice name;

    upload->pool = pool;
    bsi_buf_init(&upload->head, BS_STORAGE_PATCH_MAX);
    bsi_path_split(bsi_slice_of(upload->key), &upload->dir, &name);
    upload->path = bsi_ftp_path(pool->config, upload->dir, name.data);
    if (!upload->path) {
        return bs_error_last()->code;
    }
    BSI_TRY((pool->config->can & hashes) != 0 ? bsi_sha256_new(&upload->hash) : BS_OK);
    return name_temp(upload);
}

/* --- What is kept --- */

static size_t slot_of(uint64_t offset)
{
    return (size_t)(offset / BSI_FTP_BLOCK % BSI_FTP_BLOCKS);
}

/* The first byte that is kept. */
static uint64_t kept_from(const bsi_ftp_upload *upload)
{
    const uint64_t last = upload->size > 0 ? (upload->size - 1) / BSI_FTP_BLOCK : 0;

    return last < BSI_FTP_BLOCKS ? 0 : (last - BSI_FTP_BLOCKS + 1) * BSI_FTP_BLOCK;
}

static bs_status keep(bsi_ftp_upload *upload, const uint8_t *data, size_t size)
{
    const size_t slot = slot_of(upload->size);

    if (!upload->blocks[slot]) {
        upload->blocks[slot] = bsi_alloc(BSI_FTP_BLOCK);
        if (!upload->blocks[slot]) {
            return BS_E_NOMEM;
        }
    }
    memcpy(upload->blocks[slot] + upload->size % BSI_FTP_BLOCK, data, size);
    return BS_OK;
}

/* The next piece of a call's bytes, of one block. */
static bs_status take_piece(bsi_ftp_upload *upload, const uint8_t *data, size_t size)
{
    const size_t room = BSI_FTP_BLOCK - (size_t)(upload->size % BSI_FTP_BLOCK);
    const size_t piece = bsi_min_size(size, room);
    const size_t head =
        upload->patchable ? bsi_min_size(piece, BS_STORAGE_PATCH_MAX - upload->head.size) : 0;

    BSI_TRY(bsi_buf_reserve(&upload->head, head));
    BSI_TRY(keep(upload, data, piece));
    if (head > 0) {
        memcpy(upload->head.data + upload->head.size, data, head);
        upload->head.size += head;
    }
    if (upload->hash) {
        bsi_sha256_update(upload->hash, data, piece);
    }
    upload->size += piece;
    upload->taken += piece;
    return BS_OK;
}

/* --- Transfer --- */

static bs_status take_link(bsi_ftp_upload *upload, const bs_call *call)
{
    return upload->link ? BS_OK
                        : bsi_ftp_take(upload->pool, call, BSI_FTP_FOR_UPLOAD, &upload->link);
}

static void give_link(bsi_ftp_upload *upload)
{
    if (upload->link) {
        bsi_ftp_give(upload->pool, BSI_FTP_FOR_UPLOAD, upload->link);
        upload->link = NULL;
    }
}

/* How much of it is there, after a transfer that broke. */
static bs_status measure(bsi_ftp_upload *upload, const bs_call *call)
{
    uint64_t size = 0;
    bs_status status = bsi_ftp_measure(upload->link, call, upload->temp, &size);

    if (status == BS_E_NOT_FOUND) {
        status = bsi_ftp_judge_missing(upload->link, call, upload->dir, upload->temp);
        size = 0;
    }
    if (status < 0 && status != BS_E_NOT_FOUND) {
        return status;
    }
    if (size < kept_from(upload) || size > upload->size) {
        (void)bsi_fail(BS_LAYER_STORAGE, BS_E_IO,
                       "host '%s' has %" PRIu64 " bytes of '%s', of which %" PRIu64
                       " were written: it cannot be gone on with",
                       host_of(upload), size, upload->temp, upload->sent);
        return never_again(BS_E_IO);
    }
    upload->stalls = size == upload->measured ? upload->stalls + 1 : 0;
    upload->measured = size;
    upload->sent = size;
    return BS_OK;
}

/* The directory was made and the file is refused all the same. */
static bs_status refused(bsi_ftp_upload *upload)
{
    char words[BS_ERROR_MESSAGE_SIZE];

    (void)snprintf(words, sizeof(words), "%s", bs_error_last()->message);
    return bsi_fail(BS_LAYER_STORAGE, BS_E_ACCESS, "%s", words[0] ? words : upload->temp);
}

/* Whether something keeps a file out of its directory for good; the record is kept. */
static bs_status look_for_reason(bsi_ftp_upload *upload, const bs_call *call, bool *there_out)
{
    char *dir = bsi_ftp_path(upload->pool->config, upload->dir, "");
    bs_error first;
    bs_status status = dir ? BS_OK : bs_error_last()->code;

    bsi_error_save(&first);
    if (status == BS_OK) {
        status = bsi_ftp_do(upload->link, call, "CWD", dir, "entering");
    }
    bsi_free(dir);
    *there_out = status == BS_OK;
    if (status == BS_E_NOT_FOUND) {
        status = bsi_ftp_judge_missing(upload->link, call, upload->dir, upload->temp);
    }
    if (status == BS_OK || status == BS_E_NOT_FOUND || status == BS_E_ACCESS) {
        bsi_error_restore(&first);
        return BS_OK;
    }
    return status;
}

/* After a refusal: the directory is made, unless it is there. */
static bs_status have_dir(bsi_ftp_upload *upload, const bs_call *call, bool first, int *refusals)
{
    bool there = false;

    BSI_TRY(first ? BS_OK : look_for_reason(upload, call, &there));
    if (there) {
        (*refusals)++;
        return BS_OK;
    }
    upload->made_dirs = true;
    return bsi_ftp_make_dirs(upload->link, call, upload->dir);
}

/* Whoever removes the last object of a directory may remove it before we are in it. */
static bs_status begin_transfer(bsi_ftp_upload *upload, const bs_call *call)
{
    bsi_ftp *ftp = upload->link->ftp;
    bs_status status = bsi_ftp_send_begin(ftp, call, upload->temp, upload->sent);
    int refusals = 0;

    for (int left = RACES_MAX; left > 0 && status == BS_E_NOT_FOUND && refusals < REFUSALS_MAX;
         left--) {
        BSI_TRY(have_dir(upload, call, left == RACES_MAX, &refusals));
        status = bsi_ftp_send_begin(ftp, call, upload->temp, upload->sent);
    }
    return status == BS_E_NOT_FOUND ? refused(upload) : status;
}

static const uint8_t *unsent(const bsi_ftp_upload *upload, size_t *size_out)
{
    const size_t at = (size_t)(upload->sent % BSI_FTP_BLOCK);

    *size_out = (size_t)bsi_min_u64(BSI_FTP_BLOCK - at, upload->size - upload->sent);
    return upload->blocks[slot_of(upload->sent)] + at;
}

/*
 * A server that cannot write, for its disk is full, cuts the transfer off before it says so, and
 * what it says is lost with that. A little is on its way before: then there is an answer.
 */
static bs_status send_a_little(bsi_ftp_upload *upload, const bs_call *call)
{
    size_t size = 0;
    const uint8_t *bytes = unsent(upload, &size);

    if (upload->stalls < STALLS_MAX || size == 0) {
        return BS_OK;
    }
    size = bsi_min_size(size, LITTLE);
    BSI_TRY(begin_transfer(upload, call));
    BSI_TRY(bsi_ftp_send(upload->link->ftp, call, bytes, size));
    BSI_TRY(bsi_ftp_send_end(upload->link->ftp, call));
    return measure(upload, call);
}

/* A transfer is under way that goes on at `sent`. */
static bs_status go_on(bsi_ftp_upload *upload, const bs_call *call)
{
    if (upload->link && !bsi_ftp_is_idle(upload->link->ftp)) {
        return BS_OK;
    }
    BSI_TRY(take_link(upload, call));
    if (upload->unsure) {
        BSI_TRY(measure(upload, call));
        BSI_TRY(send_a_little(upload, call));
    }
    upload->unsure = true;
    return begin_transfer(upload, call);
}

static bs_status send_kept(bsi_ftp_upload *upload, const bs_call *call)
{
    BSI_TRY(go_on(upload, call));
    while (upload->sent < upload->size) {
        size_t size = 0;
        const uint8_t *bytes = unsent(upload, &size);
        BSI_TRY(bsi_ftp_send(upload->link->ftp, call, bytes, size));
        upload->sent += size;
    }
    return BS_OK;
}

bs_status bsi_ftp_upload_write(bsi_ftp_upload *upload, const bs_call *call, const void *data,
                               size_t size)
{
    bs_status status = BS_OK;

    while (status == BS_OK) {
        if (upload->size - upload->sent >= BSI_FTP_BLOCK) {
            status = send_kept(upload, call);
        } else if (upload->taken < size) {
            status =
                take_piece(upload, (const uint8_t *)data + upload->taken, size - upload->taken);
        } else {
            upload->taken = 0;
            return BS_OK;
        }
    }
    give_link(upload);
    return status;
}

/* --- Changed beginnings --- */

void bsi_ftp_upload_patch(bsi_ftp_upload *upload, uint64_t offset, const void *data, size_t size)
{
    const bool kept = kept_from(upload) == 0;

    BSI_ASSERT(offset <= upload->head.size && size <= upload->head.size - offset);
    memcpy(upload->head.data + offset, data, size);
    if (kept) { /* What can be patched is less than a block. */
        memcpy(upload->blocks[0] + offset, data, size);
    }
    upload->patched = upload->patched || !kept || upload->sent > offset;
}

static bs_status copy_rest(bsi_ftp_upload *upload, const bs_call *call, bsi_ftp_link *from,
                           uint8_t *block)
{
    uint64_t left = upload->size - upload->head.size;
    size_t got = 0;

    while (left > 0) {
        const size_t part = (size_t)bsi_min_u64(left, COPY_SIZE);
        BSI_TRY(bsi_ftp_receive(from->ftp, call, block, part, &got));
        if (got < part) {
            return bsi_fail(BS_LAYER_STORAGE, BS_E_IO, "host '%s': '%s' ends too early",
                            host_of(upload), upload->temp);
        }
        BSI_TRY(bsi_ftp_send(upload->link->ftp, call, block, part));
        left -= part;
    }
    return BS_OK;
}

static bs_status copy_behind_head(bsi_ftp_upload *upload, const bs_call *call, bsi_ftp_link *from,
                                  const char *to)
{
    uint8_t *block = bsi_alloc(COPY_SIZE);
    bs_status status = block ? BS_OK : BS_E_NOMEM;

    if (status == BS_OK) {
        status = bsi_ftp_receive_begin(from->ftp, call, upload->temp, upload->head.size);
    }
    if (status == BS_OK) {
        status = bsi_ftp_send_begin(upload->link->ftp, call, to, 0);
    }
    if (status == BS_OK) {
        status = bsi_ftp_send(upload->link->ftp, call, upload->head.data, upload->head.size);
    }
    if (status == BS_OK) {
        status = copy_rest(upload, call, from, block);
    }
    if (status == BS_OK) {
        status = bsi_ftp_send_end(upload->link->ftp, call);
    }
    bsi_free(block);
    return status;
}

/* The first byte of a file that is there cannot be written over: so the file is written anew. */
static bs_status rewrite(bsi_ftp_upload *upload, const bs_call *call)
{
    char *old = upload->temp;
    bsi_ftp_link *from = NULL;
    bs_status status = BS_OK;

    upload->temp = NULL;
    status = name_temp(upload);
    if (status < 0) {
        upload->temp = old;
        return status;
    }
    char *const anew = upload->temp;
    upload->temp = old;
    status = bsi_ftp_take(upload->pool, call, BSI_FTP_FOR_UPLOAD, &from);
    if (status == BS_OK) {
        status = copy_behind_head(upload, call, from, anew);
        bsi_ftp_give(upload->pool, BSI_FTP_FOR_UPLOAD, from);
    }
    if (status == BS_OK) {
        upload->temp = anew;
        status = bsi_ftp_do(upload->link, call, "DELE", old, "removing");
        bsi_free(old);
        upload->patched = false;
        return status;
    }
    bs_error record;
    bsi_error_save(&record);
    const bs_status removed = bsi_ftp_do(upload->link, NULL, "DELE", anew, "removing");
    (void)removed;
    bsi_error_restore(&record);
    bsi_free(anew);
    return status;
}

/* --- Commit --- */

/*
 * What was sent has changed, and all of it is still here: it is sent once more, under another
 * name, for something of the first transfer may still be written.
 */
static bs_status send_anew(bsi_ftp_upload *upload, const bs_call *call)
{
    bs_status status = BS_OK;

    BSI_TRY(take_link(upload, call));
    if (!bsi_ftp_is_idle(upload->link->ftp)) {
        BSI_TRY(bsi_ftp_send_end(upload->link->ftp, call));
    }
    status = bsi_ftp_do(upload->link, call, "DELE", upload->temp, "removing");
    if (status < 0 && status != BS_E_NOT_FOUND) {
        return status;
    }
    BSI_TRY(name_temp(upload));
    upload->sent = 0;
    upload->unsure = false;
    upload->patched = false;
    return BS_OK;
}

/* All of it is sent, and the server has taken it. */
static bs_status finish_transfer(bsi_ftp_upload *upload, const bs_call *call)
{
    if (upload->patched && kept_from(upload) == 0) {
        BSI_TRY(send_anew(upload, call));
    }
    BSI_TRY(send_kept(upload, call));
    BSI_TRY(bsi_ftp_send_end(upload->link->ftp, call));
    upload->stage = BSI_FTP_WRITTEN;
    return BS_OK;
}

static bs_status set_time(bsi_ftp_upload *upload, const bs_call *call)
{
    char verb[BSI_FTP_TIME_SIZE + 8];
    char time[BSI_FTP_TIME_SIZE];

    if (upload->mtime_ns == BS_STORAGE_NO_TIME ||
        (upload->pool->config->can & BSI_FTP_CAN_MFMT) == 0 ||
        !bsi_ftp_format_time(upload->mtime_ns, time)) {
        return BS_OK;
    }
    (void)snprintf(verb, sizeof(verb), "MFMT %s", time);
    return bsi_ftp_do(upload->link, call, verb, upload->temp, "setting the time of");
}

static bs_status check_size(bsi_ftp_upload *upload, const bs_call *call)
{
    uint64_t size = 0;
    bs_status status = bsi_ftp_measure(upload->link, call, upload->temp, &size);

    if (status == BS_E_NOT_FOUND) {
        (void)bsi_fail(BS_LAYER_STORAGE, BS_E_IO, "host '%s' has lost '%s', which was written",
                       host_of(upload), upload->temp);
        return never_again(BS_E_IO);
    }
    if (status < 0 || size == upload->size) {
        return status;
    }
    status = bsi_fail(BS_LAYER_STORAGE, BS_E_IO,
                      "host '%s' has stored %" PRIu64 " bytes of '%s', not %" PRIu64,
                      host_of(upload), size, upload->temp, upload->size);
    if (size > upload->size || size < kept_from(upload) || upload->shorts == SHORT_MAX) {
        return never_again(status);
    }
    upload->shorts++;
    upload->stage = BSI_FTP_WRITING; /* The line broke, and was taken for the end. */
    return status;
}

/* The digits stand in front of the name, which may have such digits, too. */
static bool has_digest(const bsi_ftp_reply *reply, bool of_hash, const bsi_digest *digest)
{
    char digits[HASH_DIGITS + 1];
    bsi_slice text = reply->text;
    bsi_slice word = bsi_ftp_word_next(&text);

    for (int i = 0; of_hash && i < HASH_WORD; i++) {
        word = bsi_ftp_word_next(&text);
    }
    bsi_digest_format(digest, digits);
    return word.size == HASH_DIGITS && bsi_equal_but_for_case(word.data, digits, HASH_DIGITS);
}

static bs_status ask_digest(bsi_ftp_upload *upload, const bs_call *call, bool by_hash,
                            bsi_ftp_reply *out)
{
    const char *verb = by_hash ? "HASH" : "XSHA256";
    const size_t size = strlen(verb) + strlen(upload->temp) + 2;
    char *line = bsi_alloc(size);
    const char *const lines[] = {"OPTS HASH SHA-256", line};
    bsi_ftp_reply replies[2];
    bs_status status = BS_OK;

    if (!line) {
        return BS_E_NOMEM;
    }
    (void)snprintf(line, size, "%s %s", verb, upload->temp);
    status =
        bsi_ftp_ask(upload->link->ftp, call, by_hash ? lines : lines + 1, by_hash ? 2 : 1, replies);
    *out = replies[by_hash ? 1 : 0];
    bsi_free(line);
    return status;
}

/* A server may refuse that for one file, such as a large one. */
static bs_status check_hash(bsi_ftp_upload *upload, const bs_call *call)
{
    const bool by_hash = (upload->pool->config->can & BSI_FTP_CAN_HASH) != 0;
    bsi_ftp_reply reply;
    bsi_digest digest;

    if (!upload->hash || upload->patchable) {
        return BS_OK;
    }
    BSI_TRY(ask_digest(upload, call, by_hash, &reply));
    bsi_sha256_peek(upload->hash, &digest);
    if (reply.code >= 400 || has_digest(&reply, by_hash, &digest)) {
        return BS_OK;
    }
    (void)bsi_fail(BS_LAYER_STORAGE, BS_E_IO,
                   "host '%s' has stored other bytes of '%s' than were sent", host_of(upload),
                   upload->temp);
    return never_again(BS_E_IO);
}

static bs_status check(bsi_ftp_upload *upload, const bs_call *call)
{
    BSI_TRY(take_link(upload, call));
    if (upload->patched) {
        BSI_TRY(rewrite(upload, call));
    }
    BSI_TRY(set_time(upload, call));
    BSI_TRY(check_size(upload, call));
    BSI_TRY(check_hash(upload, call));
    upload->stage = BSI_FTP_CHECKED;
    return BS_OK;
}

/* Once more: the first answer was lost. With the temporary file its new name has come. */
static bool was_renamed(bsi_ftp_upload *upload, const bs_call *call)
{
    bs_storage_object object = {.size = 0};
    bs_error first;
    bool done = false;

    bsi_error_save(&first);
    done = bsi_ftp_judge_missing(upload->link, call, upload->dir, upload->temp) == BS_E_NOT_FOUND &&
           bsi_ftp_stat_file(upload->link, call, upload->path, &object) == BS_OK &&
           object.size == upload->size;
    bsi_error_restore(&first);
    return done;
}

static bs_status give_name(bsi_ftp_upload *upload, const bs_call *call)
{
    const bool again = upload->stage == BSI_FTP_RENAMING;
    bs_status status = BS_OK;

    BSI_TRY(take_link(upload, call));
    upload->stage = BSI_FTP_RENAMING;
    status = bsi_ftp_move(upload->link, call, upload->temp, upload->path);
    if (status != BS_E_NOT_FOUND) {
        return status;
    }
    return again && was_renamed(upload, call) ? BS_OK : refused(upload);
}

static bs_status commit(bsi_ftp_upload *upload, const bs_call *call)
{
    BSI_TRY(upload->stage == BSI_FTP_WRITING ? finish_transfer(upload, call) : BS_OK);
    BSI_TRY(upload->stage == BSI_FTP_WRITTEN ? check(upload, call) : BS_OK);
    return give_name(upload, call);
}

bs_status bsi_ftp_upload_commit(bsi_ftp_upload *upload, const bs_call *call)
{
    const bs_status status = commit(upload, call);

    give_link(upload);
    return status;
}

/* --- End --- */

static bs_status remove_temp(bsi_ftp_upload *upload, const bs_call *call)
{
    BSI_TRY(take_link(upload, call));
    if (!bsi_ftp_is_idle(upload->link->ftp)) {
        const bs_status ended = bsi_ftp_send_end(upload->link->ftp, call);
        (void)ended;
    }
    if (upload->unsure) {
        const bs_status removed = bsi_ftp_do(upload->link, call, "DELE", upload->temp, "removing");
        (void)removed;
    }
    return upload->made_dirs ? bsi_ftp_remove_empty(upload->link, call, upload->dir) : BS_OK;
}

void bsi_ftp_upload_remove(bsi_ftp_upload *upload)
{
    const bs_call brief = {.deadline_ns = bsi_monotonic_ns() + CLEANUP_NS};
    bs_error before;

    if (!upload->unsure && !upload->made_dirs) {
        return;
    }
    bsi_error_save(&before);
    const bs_status status = remove_temp(upload, &brief);
    (void)status;
    give_link(upload);
    bsi_error_restore(&before);
}

void bsi_ftp_upload_dispose(bsi_ftp_upload *upload)
{
    give_link(upload);
    for (size_t i = 0; i < BSI_FTP_BLOCKS; i++) {
        bsi_free(upload->blocks[i]);
    }
    bsi_sha256_free(upload->hash);
    bsi_buf_dispose(&upload->head);
    bsi_free(upload->temp);
    bsi_free(upload->path);
    bsi_free(upload->key);
}
