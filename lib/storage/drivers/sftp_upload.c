/* SPDX-License-Identifier: MIT */
/*
 * How a file gets to a server: many writes on their way at once, then time,
 * fsync, size and close in one go, then its name.
 */
#include "storage/drivers/sftp_upload.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "os/dir_cache.h"
#include "os/random.h"
#include "os/time.h"

enum {
    LENGTH_SIZE = 4,
    CHANCE_SIZE = 8,
    TEMP_NAME_SIZE = sizeof(BSI_SFTP_TEMP_PREFIX) + 2 * CHANCE_SIZE,
    RACES_MAX = 100,    /* How often a directory may vanish before its use. */
    FULL = 1024 * 1024, /* Fewer free bytes than this: the server is full. */
    MODE_OPEN = 0600,
    MODE_TRIED = 0400, /* What a file gets whose second name is looked for. */
};

#define NS_PER_S INT64_C(1000000000)
/* How long cleaning up may take that nobody waits for. */
#define CLEANUP_NS (5 * NS_PER_S)
#define POSIX_RENAME "posix-rename@openssh.com"
#define HARDLINK "hardlink@openssh.com"

int64_t bsi_sftp_seconds(int64_t ns)
{
    return ns / NS_PER_S - (ns % NS_PER_S < 0 ? 1 : 0);
}

/* --- Begin --- */

static bs_status name_temp(bsi_sftp_upload *upload)
{
    uint8_t chance[CHANCE_SIZE];
    char name[TEMP_NAME_SIZE] = BSI_SFTP_TEMP_PREFIX;
    char *at = name + strlen(BSI_SFTP_TEMP_PREFIX);

    BSI_TRY(bsi_random(chance, sizeof(chance)));
    for (size_t i = 0; i < sizeof(chance); i++) {
        (void)snprintf(at + 2 * i, 3, "%02x", chance[i]);
    }
    bsi_free(upload->temp);
    upload->temp = bsi_sftp_path(upload->link->config, upload->dir, name);
    return upload->temp ? BS_OK : BS_E_NOMEM;
}

static bs_status open_temp(bsi_sftp_upload *upload, const bs_call *call)
{
    BSI_TRY(name_temp(upload));
    return bsi_sftp_open_file(upload->link, call, upload->temp,
                              BSI_SFTP_OPEN_WRITE | BSI_SFTP_OPEN_CREATE | BSI_SFTP_OPEN_EXCLUSIVE,
                              &upload->opened);
}

/* After the directories were made the temporary file could not be: whether another try may help. */
static bs_status judge_entry(bsi_sftp_upload *upload, const bs_call *call,
                             const bsi_sftp_answer *made, bool last)
{
    const bs_status status = bsi_sftp_judge_missing(upload->link, call, upload->dir);

    if (status != BS_E_NOT_FOUND || (!last && !bsi_sftp_said(made, BSI_SFTP_PERMISSION_DENIED))) {
        return status;
    }
    return bsi_sftp_fail(upload->link, made, "making the directory of", upload->path);
}

/* Whoever removes the last object of a directory may remove it before we are in it. */
static bs_status enter_dir(bsi_sftp_upload *upload, const bs_call *call)
{
    bsi_sftp_answer made = {.body = NULL};
    bs_status status = open_temp(upload, call);

    for (int left = RACES_MAX; left > 0 && status == BS_E_NOT_FOUND; left--) {
        upload->made_dirs = true;
        BSI_TRY(bsi_sftp_make_dirs(upload->link, call, upload->dir, &made));
        status = open_temp(upload, call);
        if (status == BS_E_NOT_FOUND) {
            status = judge_entry(upload, call, &made, left == 1);
        }
    }
    return status;
}

bs_status bsi_sftp_upload_begin(bsi_sftp_link *link, const bs_call *call, bsi_sftp_upload *out)
{
    bsi_slice name;

    out->link = link;
    bsi_buf_init(&out->head, BS_STORAGE_PATCH_MAX);
    for (size_t i = 0; i < BSI_SFTP_WRITES_MAX; i++) {
        bsi_buf_init(&out->kept[i].bytes, SIZE_MAX);
    }
    bsi_path_split(bsi_slice_of(out->key), &out->dir, &name);
    out->path = bsi_sftp_path(link->config, out->dir, name.data);
    if (!out->path) {
        return BS_E_NOMEM;
    }
    return enter_dir(out, call);
}

/* --- Write --- */

static void take_written(void *owner, uint64_t at, uint32_t size, uint8_t type,
                         bsi_sftp_reader *body)
{
    bsi_sftp_upload *upload = owner;
    bsi_sftp_answer answer = {.body = NULL};

    (void)size;
    upload->left--;
    bsi_sftp_take_single(&answer, 0, 0, type, body);
    if (bsi_sftp_said(&answer, BSI_SFTP_OK)) {
        upload->kept[at].used = false;
    } else if (!upload->failed) {
        upload->failed = true;
        upload->failure = answer;
    }
}

/* A full file system is a mere "failure" in version 3. */
static bs_status write_failure(bsi_sftp_upload *upload, const bs_call *call)
{
    bs_status status = BS_OK;
    uint64_t bytes = UINT64_MAX;
    bs_error first;

    status = bsi_sftp_fail(upload->link, &upload->failure, "writing", upload->temp);
    if (status != BS_E_IO) {
        return status;
    }
    bsi_error_save(&first);
    if (bsi_sftp_free_bytes(upload->link, call, &bytes) == BS_OK && bytes < FULL) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_NO_SPACE,
                        "host '%s' has no space left below '%s': %" PRIu64 " bytes are free",
                        upload->link->config->ssh.host, upload->link->config->root, bytes);
    }
    bsi_error_restore(&first);
    return status;
}

static bs_status send_kept(bsi_sftp_upload *upload, const bs_call *call, size_t index)
{
    const bsi_sftp_kept *kept = &upload->kept[index];
    const bsi_slice handle = bsi_sftp_handle_of(&upload->opened);
    const bsi_sftp_request request = {
        .type = BSI_SFTP_WRITE,
        .size = 2 * (size_t)LENGTH_SIZE + 8 + handle.size + kept->bytes.size,
        .take = take_written,
        .owner = upload,
        .at = index,
    };
    bsi_sftp_writer body;

    BSI_TRY(bsi_sftp_begin(upload->link, call, &request, &body));
    bsi_sftp_put_string(&body, handle);
    bsi_sftp_put_u64(&body, kept->offset);
    bsi_sftp_put_string(&body, (bsi_slice){(const char *)kept->bytes.data, kept->bytes.size});
    bsi_sftp_end(upload->link, &body);
    upload->left++;
    return BS_OK;
}

static size_t find_room(const bsi_sftp_upload *upload)
{
    size_t index = 0;

    while (index < BSI_SFTP_WRITES_MAX && upload->kept[index].used) {
        index++;
    }
    return index;
}

/* Once a refusal has come there is no more room than that of the others. */
static bs_status keep(bsi_sftp_upload *upload, const bs_call *call, uint64_t offset, bsi_slice data,
                      size_t *index_out)
{
    size_t index = 0;

    BSI_TRY(bsi_sftp_drain(upload->link, call, &upload->left, BSI_SFTP_WRITES_MAX - 1));
    index = find_room(upload);
    if (index == BSI_SFTP_WRITES_MAX) {
        return write_failure(upload, call);
    }
    bsi_buf_clear(&upload->kept[index].bytes);
    if (bsi_buf_append(&upload->kept[index].bytes, data.data, data.size) < 0) {
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_NOMEM, "out of memory");
    }
    upload->kept[index].offset = offset;
    upload->kept[index].used = true;
    *index_out = index;
    return BS_OK;
}

/* The beginning of one that is patchable stays here. */
static bs_status take_head(bsi_sftp_upload *upload, bsi_slice data, size_t *done_out)
{
    const size_t room = upload->patchable ? BS_STORAGE_PATCH_MAX - upload->head.size : 0;

    *done_out = bsi_min_size(room, data.size);
    if (*done_out > 0 && bsi_buf_append(&upload->head, data.data, *done_out) < 0) {
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_NOMEM, "out of memory");
    }
    return BS_OK;
}

/* The next piece of a call's bytes. What was taken is not taken again when the call comes again. */
static bs_status take_piece(bsi_sftp_upload *upload, const bs_call *call, bsi_slice rest)
{
    size_t size = 0;
    size_t index = 0;

    BSI_TRY(take_head(upload, rest, &size));
    if (size > 0) {
        upload->size += size;
        upload->taken += size;
        return BS_OK;
    }
    size = bsi_min_size(rest.size, upload->link->write_max);
    BSI_TRY(keep(upload, call, upload->size, (bsi_slice){rest.data, size}, &index));
    upload->size += size;
    upload->taken += size;
    return send_kept(upload, call, index);
}

bs_status bsi_sftp_upload_write(bsi_sftp_upload *upload, const bs_call *call, const void *data,
                                size_t size)
{
    while (upload->taken < size && !upload->failed) {
        const bsi_slice rest = {(const char *)data + upload->taken, size - upload->taken};
        BSI_TRY(take_piece(upload, call, rest));
    }
    BSI_TRY(bsi_sftp_pump(upload->link));
    if (upload->failed) {
        return write_failure(upload, call);
    }
    upload->taken = 0;
    return BS_OK;
}

void bsi_sftp_upload_patch(bsi_sftp_upload *upload, uint64_t offset, const void *data, size_t size)
{
    BSI_ASSERT(offset <= upload->head.size && size <= upload->head.size - offset);
    memcpy(upload->head.data + offset, data, size);
}

/* --- Go on --- */

/* The temporary file is gone: not to be taken for an object that is not there. */
static bs_status lost(const bsi_sftp_upload *upload, const bs_call *call)
{
    const bs_status status = bsi_sftp_judge_missing(upload->link, call, upload->dir);

    if (status != BS_E_NOT_FOUND) {
        return status;
    }
    (void)bsi_fail(BS_LAYER_STORAGE, BS_E_IO, "host '%s' has lost '%s', which was not complete",
                   upload->link->config->ssh.host, upload->temp);
    bsi_error_set_retry(BS_RETRY_NEVER, 0);
    return BS_E_IO;
}

static bs_status reopen(bsi_sftp_upload *upload, const bs_call *call)
{
    const bs_status status =
        bsi_sftp_open_file(upload->link, call, upload->temp, BSI_SFTP_OPEN_WRITE, &upload->opened);

    return status == BS_E_NOT_FOUND ? lost(upload, call) : status;
}

/* Where an earlier answer was lost the same bytes go to the same place once more. */
static bs_status send_all_kept(bsi_sftp_upload *upload, const bs_call *call)
{
    bs_status status = BS_OK;

    for (size_t i = 0; i < BSI_SFTP_WRITES_MAX && status == BS_OK; i++) {
        if (upload->kept[i].used) {
            status = send_kept(upload, call, i);
        }
    }
    return status;
}

bs_status bsi_sftp_upload_resume(bsi_sftp_upload *upload, const bs_call *call)
{
    if (upload->stage != BSI_SFTP_WRITING || (upload->opened.handle_size > 0 && !upload->failed)) {
        return BS_OK;
    }
    BSI_TRY(bsi_sftp_drain(upload->link, call, &upload->left, 0));
    if (upload->opened.handle_size == 0) {
        BSI_TRY(reopen(upload, call));
    }
    upload->failed = false;
    return send_all_kept(upload, call);
}

void bsi_sftp_upload_unlink(bsi_sftp_upload *upload)
{
    if (upload->link) {
        bsi_sftp_forget(upload->link, upload);
    }
    upload->link = NULL;
    upload->left = 0;
    upload->opened.handle_size = 0;
}

/* --- Finish --- */

/* What ends a file, asked for in one go and answered in this order. */
typedef struct ending {
    bsi_sftp_answer timed;
    bsi_sftp_answer synced;
    bsi_sftp_answer measured;
    bsi_sftp_answer closed;
    bool with_time;
    bool with_sync;
} ending;

static bs_status ask_time(bsi_sftp_upload *upload, const bs_call *call, ending *end)
{
    const bsi_slice handle = bsi_sftp_handle_of(&upload->opened);
    bsi_sftp_writer body;

    if (upload->mtime_ns == BS_STORAGE_NO_TIME) {
        return BS_OK;
    }
    const bsi_sftp_request request =
        bsi_sftp_ask(&end->timed, BSI_SFTP_FSETSTAT, handle.size + 4 * (size_t)LENGTH_SIZE);
    BSI_TRY(bsi_sftp_begin(upload->link, call, &request, &body));
    bsi_sftp_put_string(&body, handle);
    bsi_sftp_put_mtime(&body, bsi_sftp_fitting_time(bsi_sftp_seconds(upload->mtime_ns)));
    bsi_sftp_end(upload->link, &body);
    end->with_time = true;
    return BS_OK;
}

static bs_status ask_sync(bsi_sftp_upload *upload, const bs_call *call, ending *end)
{
    if ((upload->link->can & BSI_SFTP_CAN_FSYNC) == 0) {
        return BS_OK;
    }
    BSI_TRY(
        bsi_sftp_ask_fsync(upload->link, call, bsi_sftp_handle_of(&upload->opened), &end->synced));
    end->with_sync = true;
    return BS_OK;
}

/* What was kept back of one that is patchable. */
static bs_status send_head(bsi_sftp_upload *upload, const bs_call *call)
{
    uint64_t at = 0;
    size_t index = 0;

    while (at < upload->head.size) {
        const size_t left = upload->head.size - (size_t)at;
        const bsi_slice part = {(const char *)upload->head.data + at,
                                bsi_min_size(left, upload->link->write_max)};
        BSI_TRY(keep(upload, call, at, part, &index));
        BSI_TRY(send_kept(upload, call, index));
        at += part.size;
    }
    return BS_OK;
}

static bs_status ask_ending(bsi_sftp_upload *upload, const bs_call *call, ending *end)
{
    const bsi_slice handle = bsi_sftp_handle_of(&upload->opened);

    BSI_TRY(send_head(upload, call));
    BSI_TRY(ask_time(upload, call, end));
    BSI_TRY(ask_sync(upload, call, end));
    BSI_TRY(bsi_sftp_ask_string(upload->link, call, BSI_SFTP_FSTAT, handle, &end->measured));
    BSI_TRY(bsi_sftp_ask_string(upload->link, call, BSI_SFTP_CLOSE, handle, &end->closed));
    upload->opened.handle_size = 0;
    return BS_OK;
}

static bs_status wait_ending(bsi_sftp_upload *upload, const bs_call *call, ending *end)
{
    BSI_TRY(end->with_time ? bsi_sftp_wait(upload->link, call, &end->timed) : BS_OK);
    BSI_TRY(end->with_sync ? bsi_sftp_wait(upload->link, call, &end->synced) : BS_OK);
    BSI_TRY(bsi_sftp_wait(upload->link, call, &end->measured));
    BSI_TRY(bsi_sftp_wait(upload->link, call, &end->closed));
    return bsi_sftp_drain(upload->link, call, &upload->left, 0);
}

/* What the server says of the file now that all of it is there. */
static bs_status judge_ending(const bsi_sftp_upload *upload, const ending *end)
{
    const bsi_sftp_link *link = upload->link;
    const bsi_sftp_attrs *attrs = &end->measured.attrs;

    if (end->with_time && !bsi_sftp_said(&end->timed, BSI_SFTP_OK)) {
        return bsi_sftp_fail(link, &end->timed, "setting the time of", upload->temp);
    }
    if (end->with_sync && !bsi_sftp_said(&end->synced, BSI_SFTP_OK)) {
        return bsi_sftp_fail(link, &end->synced, "syncing", upload->temp);
    }
    if (!bsi_sftp_said(&end->closed, BSI_SFTP_OK)) {
        return bsi_sftp_fail(link, &end->closed, "closing", upload->temp);
    }
    if (end->measured.type != BSI_SFTP_ANSWER_ATTRS) {
        return bsi_sftp_fail(link, &end->measured, "measuring", upload->temp);
    }
    if (attrs->has_size && attrs->size != upload->size) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_IO,
                        "host '%s' has stored %" PRIu64 " bytes of '%s', not %" PRIu64,
                        link->config->ssh.host, attrs->size, upload->temp, upload->size);
    }
    return BS_OK;
}

/* What was not synced once is not to be believed the next time. */
static bs_status judge(bsi_sftp_upload *upload, const bs_call *call, const ending *end)
{
    bs_status status = BS_OK;

    if (upload->failed) {
        return write_failure(upload, call);
    }
    status = judge_ending(upload, end);
    if (status < 0) {
        bsi_error_set_retry(BS_RETRY_NEVER, 0);
    }
    return status;
}

static void forget_ending(bsi_sftp_link *link, const ending *end)
{
    bsi_sftp_forget(link, &end->timed);
    bsi_sftp_forget(link, &end->synced);
    bsi_sftp_forget(link, &end->measured);
    bsi_sftp_forget(link, &end->closed);
}

static bs_status finish(bsi_sftp_upload *upload, const bs_call *call)
{
    ending end = {.with_time = false};
    bs_status status = ask_ending(upload, call, &end);

    if (status == BS_OK) {
        status = wait_ending(upload, call, &end);
    }
    if (status < 0) {
        forget_ending(upload->link, &end);
        return status;
    }
    return judge(upload, call, &end);
}

/* --- Publish --- */

static bs_status look_up(const bsi_sftp_upload *upload, const bs_call *call, const char *path,
                         bool *there_out, bsi_sftp_attrs *out)
{
    bsi_sftp_answer answer = {.body = NULL};

    BSI_TRY(bsi_sftp_do(upload->link, call, BSI_SFTP_LSTAT, path, &answer));
    *there_out = answer.type == BSI_SFTP_ANSWER_ATTRS;
    *out = answer.attrs;
    return *there_out || bsi_sftp_said(&answer, BSI_SFTP_NO_SUCH_FILE)
               ? BS_OK
               : bsi_sftp_fail(upload->link, &answer, "looking up", path);
}

/* What a refused rename means: version 3 has no word for "there is one already". */
static bs_status rename_failure(const bsi_sftp_upload *upload, const bs_call *call,
                                const bsi_sftp_answer *answer)
{
    bsi_sftp_attrs attrs;
    bool there = false;

    BSI_TRY(look_up(upload, call, upload->path, &there, &attrs));
    if (there && upload->exclusive) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_EXISTS, "host '%s' has one already",
                        upload->link->config->ssh.host);
    }
    return bsi_sftp_fail(upload->link, answer, "renaming to", upload->path);
}

/* A hard link never replaces; then the temporary name is one too many. */
static bs_status publish_exclusively(const bsi_sftp_upload *upload, const bs_call *call)
{
    bsi_sftp_link *link = upload->link;
    bsi_sftp_answer answer = {.body = NULL};

    if ((link->can & BSI_SFTP_CAN_HARDLINK) != 0) {
        BSI_TRY(bsi_sftp_move(link, call, HARDLINK, upload->temp, upload->path, &answer));
        if (bsi_sftp_said(&answer, BSI_SFTP_OK)) {
            return bsi_sftp_do(link, call, BSI_SFTP_REMOVE, upload->temp, &answer);
        }
    }
    BSI_TRY(bsi_sftp_move(link, call, NULL, upload->temp, upload->path, &answer));
    return bsi_sftp_said(&answer, BSI_SFTP_OK) ? BS_OK : rename_failure(upload, call, &answer);
}

static bs_status replace_in_two_steps(const bsi_sftp_upload *upload, const bs_call *call,
                                      const bsi_sftp_answer *refused)
{
    bsi_sftp_link *link = upload->link;
    bsi_sftp_answer answer = {.body = NULL};
    bsi_sftp_attrs attrs;
    bool there = false;

    BSI_TRY(look_up(upload, call, upload->path, &there, &attrs));
    if (!there) {
        return bsi_sftp_fail(link, refused, "renaming to", upload->path);
    }
    if (!link->config->unsafe_replace) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_UNSUPPORTED,
                        "host '%s' cannot replace a file all at once (it has no " POSIX_RENAME
                        "); with setting 'unsafe_replace' the old one is removed first",
                        link->config->ssh.host);
    }
    BSI_TRY(bsi_sftp_do(link, call, BSI_SFTP_REMOVE, upload->path, &answer));
    BSI_TRY(bsi_sftp_move(link, call, NULL, upload->temp, upload->path, &answer));
    return bsi_sftp_said(&answer, BSI_SFTP_OK) ? BS_OK : rename_failure(upload, call, &answer);
}

static bs_status publish_once(const bsi_sftp_upload *upload, const bs_call *call)
{
    bsi_sftp_link *link = upload->link;
    const bool at_once = (link->can & BSI_SFTP_CAN_POSIX_RENAME) != 0;
    bsi_sftp_answer answer = {.body = NULL};

    if (upload->exclusive) {
        return publish_exclusively(upload, call);
    }
    BSI_TRY(bsi_sftp_move(link, call, at_once ? POSIX_RENAME : NULL, upload->temp, upload->path,
                          &answer));
    if (bsi_sftp_said(&answer, BSI_SFTP_OK)) {
        return BS_OK;
    }
    return at_once ? rename_failure(upload, call, &answer)
                   : replace_in_two_steps(upload, call, &answer);
}

/* Whether permission bits that the temporary name gets are those of the object, too. */
static bs_status shares_mode(const bsi_sftp_upload *upload, const bs_call *call, uint32_t mode,
                             bool *out)
{
    bsi_sftp_answer answer = {.body = NULL};
    bsi_sftp_attrs attrs;
    bool there = false;

    BSI_TRY(bsi_sftp_set_mode(upload->link, call, upload->temp, mode, &answer));
    BSI_TRY(look_up(upload, call, upload->path, &there, &attrs));
    *out = bsi_sftp_said(&answer, BSI_SFTP_OK) && there && attrs.has_type && attrs.mode == mode;
    return BS_OK;
}

/* Both names may be of one file: SFTP has no number of a file to tell by. */
static bs_status is_same_file(const bsi_sftp_upload *upload, const bs_call *call, bool *out)
{
    bool first = false;
    bool second = false;

    BSI_TRY(shares_mode(upload, call, MODE_TRIED, &first));
    BSI_TRY(shares_mode(upload, call, MODE_OPEN, &second));
    *out = first && second;
    return BS_OK;
}

/* Whether it was given its name before, by a request whose answer got lost. */
static bs_status was_published(const bsi_sftp_upload *upload, const bs_call *call, bool *out)
{
    bsi_sftp_answer answer = {.body = NULL};
    bsi_sftp_attrs temp;
    bsi_sftp_attrs object;
    bool waits = false;
    bool there = false;

    BSI_TRY(look_up(upload, call, upload->temp, &waits, &temp));
    BSI_TRY(look_up(upload, call, upload->path, &there, &object));
    if (!waits) {
        *out = there && object.size == upload->size;
        return BS_OK;
    }
    if (!there || !upload->exclusive) {
        return BS_OK;
    }
    BSI_TRY(is_same_file(upload, call, out));
    return *out ? bsi_sftp_do(upload->link, call, BSI_SFTP_REMOVE, upload->temp, &answer) : BS_OK;
}

static bs_status publish(bsi_sftp_upload *upload, const bs_call *call)
{
    const bool again = upload->asked;
    bool done = false;
    bs_status status = BS_OK;
    bs_error record;

    upload->asked = true;
    status = publish_once(upload, call);
    if (status < 0 && again && !upload->link->broken) {
        bsi_error_save(&record);
        BSI_TRY(was_published(upload, call, &done));
        bsi_error_restore(&record);
    }
    if (done) {
        return BS_OK;
    }
    return status == BS_E_NOT_FOUND ? lost(upload, call) : status;
}

/* --- Commit --- */

/* The name, and all directories on the way to it that were made for it. */
static bs_status make_durable(const bsi_sftp_upload *upload, const bs_call *call)
{
    bsi_slice dir = upload->dir;
    bsi_slice name;

    BSI_TRY(bsi_sftp_sync_dir(upload->link, call, dir));
    while (upload->made_dirs && dir.size > 0) {
        bsi_path_split(dir, &dir, &name);
        BSI_TRY(bsi_sftp_sync_dir(upload->link, call, dir));
    }
    return BS_OK;
}

bs_status bsi_sftp_upload_commit(bsi_sftp_upload *upload, const bs_call *call)
{
    if (upload->stage == BSI_SFTP_WRITING) {
        BSI_TRY(finish(upload, call));
        upload->stage = BSI_SFTP_STORED;
    }
    if (upload->stage == BSI_SFTP_STORED) {
        BSI_TRY(publish(upload, call));
        upload->stage = BSI_SFTP_PUBLISHED;
    }
    return make_durable(upload, call);
}

/* --- End --- */

void bsi_sftp_upload_remove(bsi_sftp_upload *upload, bsi_sftp_link *link)
{
    const bs_call brief = {.deadline_ns = bsi_monotonic_ns() + CLEANUP_NS};
    bsi_sftp_answer answer = {.body = NULL};
    bsi_slice left;
    bs_error before;

    bsi_error_save(&before);
    if (link == upload->link && upload->opened.handle_size > 0) {
        bsi_sftp_close_soon(link, bsi_sftp_handle_of(&upload->opened));
    }
    if (upload->temp &&
        bsi_sftp_do(link, &brief, BSI_SFTP_REMOVE, upload->temp, &answer) == BS_OK) {
        const bs_status pruned = bsi_sftp_remove_empty(link, &brief, upload->dir, &left);
        (void)pruned; /* A sweep finds what stays. */
    }
    bsi_error_restore(&before);
}

void bsi_sftp_upload_dispose(bsi_sftp_upload *upload)
{
    bsi_sftp_upload_unlink(upload);
    for (size_t i = 0; i < BSI_SFTP_WRITES_MAX; i++) {
        bsi_buf_dispose(&upload->kept[i].bytes);
    }
    bsi_buf_dispose(&upload->head);
    bsi_free(upload->key);
    bsi_free(upload->path);
    bsi_free(upload->temp);
}
