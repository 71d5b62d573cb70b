/* SPDX-License-Identifier: MIT */
/*
 * What is asked of files and directories.
 */
#include "storage/drivers/sftp_files.h"

#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "os/dir_cache.h"

enum {
    LENGTH_SIZE = 4,
    FILE_MODE = 0600,
    DIR_MODE = 0700,
    DIR_BYTES_MAX = 256 * 1024 * 1024, /* Of one directory's listing. */
    DIR_REQUESTS = 4,                  /* That are on their way together. */
    STATVFS_SIZE = 11 * 8,
};

#define STATVFS "statvfs@openssh.com"
#define FSYNC "fsync@openssh.com"

char *bsi_sftp_path(const bsi_sftp_config *config, bsi_slice dir, const char *name)
{
    const size_t root = strlen(config->root);
    char *path = bsi_alloc(root + dir.size + strlen(name) + 3);
    char *at = path;

    if (!path) {
        return NULL;
    }
    memcpy(at, config->root, root);
    at += root;
    if (dir.size > 0) {
        *at = '/';
        at += root > 0 && config->root[root - 1] != '/' ? 1 : 0;
        memcpy(at, dir.data, dir.size);
        at += dir.size;
    }
    if (name[0] != '\0') {
        *at = '/';
        at += at[-1] != '/' ? 1 : 0;
        memcpy(at, name, strlen(name));
        at += strlen(name);
    }
    *at = '\0';
    return path;
}

bs_status bsi_sftp_do(bsi_sftp_link *link, const bs_call *call, uint8_t type, const char *path,
                      bsi_sftp_answer *answer)
{
    BSI_TRY(bsi_sftp_ask_string(link, call, type, bsi_slice_of(path), answer));
    return bsi_sftp_wait(link, call, answer);
}

bs_status bsi_sftp_stat_file(bsi_sftp_link *link, const bs_call *call, const char *path,
                             bsi_sftp_attrs *out)
{
    bsi_sftp_answer answer = {.body = NULL};

    BSI_TRY(bsi_sftp_do(link, call, BSI_SFTP_LSTAT, path, &answer));
    if (answer.type != BSI_SFTP_ANSWER_ATTRS) {
        return bsi_sftp_fail(link, &answer, "looking up", path);
    }
    if (answer.attrs.has_type && !answer.attrs.is_file) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_NOT_FOUND, "there is none");
    }
    if (!answer.attrs.has_size) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_UNSUPPORTED,
                        "host '%s' does not tell sizes of files", link->config->ssh.host);
    }
    *out = answer.attrs;
    return BS_OK;
}

bs_status bsi_sftp_open_file(bsi_sftp_link *link, const bs_call *call, const char *path,
                             uint32_t flags, bsi_sftp_answer *answer)
{
    const bsi_slice name = bsi_slice_of(path);
    const bsi_sftp_request request =
        bsi_sftp_ask(answer, BSI_SFTP_OPEN, name.size + 4 * (size_t)LENGTH_SIZE);
    bsi_sftp_writer body;

    BSI_TRY(bsi_sftp_begin(link, call, &request, &body));
    bsi_sftp_put_string(&body, name);
    bsi_sftp_put_u32(&body, flags);
    if ((flags & BSI_SFTP_OPEN_CREATE) != 0) {
        bsi_sftp_put_mode(&body, FILE_MODE);
    } else {
        bsi_sftp_put_no_attrs(&body);
    }
    bsi_sftp_end(link, &body);
    BSI_TRY(bsi_sftp_wait(link, call, answer));
    return answer->type == BSI_SFTP_ANSWER_HANDLE ? BS_OK
                                                  : bsi_sftp_fail(link, answer, "opening", path);
}

void bsi_sftp_close_soon(bsi_sftp_link *link, bsi_slice handle)
{
    const bsi_sftp_request request = {.type = BSI_SFTP_CLOSE, .size = LENGTH_SIZE + handle.size};
    static const bsi_cancel cancelled = {true};
    const bs_call no_wait = {.cancel = &cancelled};
    bsi_sftp_writer body;
    bs_error before;

    bsi_error_save(&before);
    if (bsi_sftp_begin(link, &no_wait, &request, &body) == BS_OK) {
        bsi_sftp_put_string(&body, handle);
        bsi_sftp_end(link, &body);
    }
    bsi_error_restore(&before);
}

/* --- Reading --- */

typedef struct gap {
    uint64_t at; /* From the beginning of the range. */
    uint32_t size;
} gap;

/* A range on its way. */
typedef struct reading {
    bsi_sftp_link *link;
    uint8_t *buf;
    uint64_t offset;
    uint64_t size;
    uint64_t next;            /* What was not asked for yet begins here. */
    unsigned left;            /* Answers that are to come. */
    gap gaps[BSI_SFTP_SLOTS]; /* What a server gave less of than it was asked for. */
    size_t gap_count;
    bool ended; /* The file has not so many bytes. */
    bool failed;
    bsi_sftp_answer failure;
} reading;

static void take_data(reading *self, uint64_t at, uint32_t size, bsi_sftp_reader *body)
{
    const bsi_slice data = bsi_sftp_get_string(body);

    if (body->broken || data.size > size || data.size == 0) {
        self->failed = true;
        self->failure = (bsi_sftp_answer){.code = BSI_SFTP_BAD_MESSAGE};
        return;
    }
    memcpy(self->buf + at, data.data, data.size);
    if (data.size < size) {
        self->gaps[self->gap_count++] = (gap){at + data.size, size - (uint32_t)data.size};
    }
}

static void take_read(void *owner, uint64_t at, uint32_t size, uint8_t type, bsi_sftp_reader *body)
{
    reading *self = owner;

    self->left--;
    if (type == BSI_SFTP_ANSWER_DATA) {
        take_data(self, at, size, body);
        return;
    }
    bsi_sftp_take_single(&self->failure, 0, 0, type, body);
    self->ended = self->ended || bsi_sftp_said(&self->failure, BSI_SFTP_EOF);
    self->failed = self->failed || !bsi_sftp_said(&self->failure, BSI_SFTP_EOF);
}

/* What is to be asked for next; false: nothing. */
static bool next_gap(reading *self, gap *out)
{
    if (self->ended || self->failed) {
        return false;
    }
    if (self->gap_count > 0) {
        *out = self->gaps[--self->gap_count];
        return true;
    }
    *out = (gap){self->next, (uint32_t)bsi_min_u64(self->size - self->next, self->link->read_max)};
    self->next += out->size;
    return out->size > 0;
}

static bs_status ask_read(reading *self, const bs_call *call, const gap *part)
{
    const bsi_slice handle = {(const char *)self->link->file_handle, self->link->file_handle_size};
    const bsi_sftp_request request = {
        .type = BSI_SFTP_READ,
        .size = LENGTH_SIZE + handle.size + 12,
        .take = take_read,
        .owner = self,
        .at = part->at,
        .part = part->size,
    };
    bsi_sftp_writer body;

    BSI_TRY(bsi_sftp_begin(self->link, call, &request, &body));
    bsi_sftp_put_string(&body, handle);
    bsi_sftp_put_u64(&body, self->offset + part->at);
    bsi_sftp_put_u32(&body, part->size);
    bsi_sftp_end(self->link, &body);
    self->left++;
    return BS_OK;
}

/* Never more on its way than there are slots for gaps. */
static bs_status ask_gaps(reading *self, const bs_call *call)
{
    gap part;

    while (self->left + self->gap_count < BSI_SFTP_SLOTS - 1 && next_gap(self, &part)) {
        BSI_TRY(ask_read(self, call, &part));
    }
    return BS_OK;
}

static bs_status move_range(reading *self, const bs_call *call)
{
    BSI_TRY(ask_gaps(self, call));
    while (self->left > 0) {
        BSI_TRY(bsi_sftp_drain(self->link, call, &self->left, self->left - 1));
        BSI_TRY(ask_gaps(self, call));
    }
    return BS_OK;
}

static bs_status stat_handle(bsi_sftp_link *link, const bs_call *call, bsi_sftp_attrs *out)
{
    const bsi_slice handle = {(const char *)link->file_handle, link->file_handle_size};
    bsi_sftp_answer answer = {.body = NULL};

    BSI_TRY(bsi_sftp_ask_string(link, call, BSI_SFTP_FSTAT, handle, &answer));
    BSI_TRY(bsi_sftp_wait(link, call, &answer));
    if (answer.type != BSI_SFTP_ANSWER_ATTRS) {
        return bsi_sftp_fail(link, &answer, "looking up", link->file_path);
    }
    *out = answer.attrs;
    return BS_OK;
}

static void drop_file(bsi_sftp_link *link)
{
    if (link->file_handle_size > 0) {
        bsi_sftp_close_soon(link,
                            (bsi_slice){(const char *)link->file_handle, link->file_handle_size});
        link->file_handle_size = 0;
    }
}

static bs_status keep_file(bsi_sftp_link *link, const bs_call *call, const char *path,
                           uint64_t epoch)
{
    bsi_sftp_answer answer = {.body = NULL};
    bsi_sftp_attrs attrs = {.has_size = false};

    if (link->file_handle_size > 0 && link->file_epoch == epoch &&
        strcmp(link->file_path, path) == 0) {
        return BS_OK;
    }
    drop_file(link);
    BSI_TRY(bsi_sftp_open_file(link, call, path, BSI_SFTP_OPEN_READ, &answer));
    memcpy(link->file_handle, answer.handle, answer.handle_size);
    link->file_handle_size = answer.handle_size;
    link->file_epoch = epoch;
    memcpy(link->file_path, path, strlen(path) + 1);
    BSI_TRY(stat_handle(link, call, &attrs));
    if (attrs.has_type && !attrs.is_file) {
        drop_file(link);
        return bsi_fail(BS_LAYER_STORAGE, BS_E_NOT_FOUND, "there is none");
    }
    return BS_OK;
}

/* Some servers say anything but EOF behind the end: the file's size tells. */
static bs_status judge(reading *self, const bs_call *call)
{
    bsi_sftp_attrs attrs = {.has_size = false};

    if (!self->ended && !self->failed) {
        return BS_OK;
    }
    BSI_TRY(stat_handle(self->link, call, &attrs));
    if (self->ended ||
        (attrs.has_size && (self->offset > attrs.size || self->size > attrs.size - self->offset))) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_RANGE, "has only %llu bytes",
                        (unsigned long long)attrs.size);
    }
    return bsi_sftp_fail(self->link, &self->failure, "reading", self->link->file_path);
}

bs_status bsi_sftp_read_range(bsi_sftp_link *link, const bs_call *call, const char *path,
                              uint64_t epoch, uint64_t offset, void *buf, size_t size)
{
    reading self = {.link = link, .buf = buf, .offset = offset, .size = size};
    bs_status status = keep_file(link, call, path, epoch);

    if (status < 0) {
        return status;
    }
    if (offset > UINT64_MAX - size) {
        self.ended = true;
    }
    status = move_range(&self, call);
    if (status < 0) {
        bsi_sftp_forget(link, &self);
        return status;
    }
    status = judge(&self, call);
    if (status < 0) {
        drop_file(link);
    }
    return status;
}

/* --- Directories --- */

static bs_status make_dir(bsi_sftp_link *link, const bs_call *call, bsi_slice path,
                          bsi_sftp_answer *answer)
{
    const bsi_sftp_request request =
        bsi_sftp_ask(answer, BSI_SFTP_MKDIR, path.size + 3 * (size_t)LENGTH_SIZE);
    bsi_sftp_writer body;

    BSI_TRY(bsi_sftp_begin(link, call, &request, &body));
    bsi_sftp_put_string(&body, path);
    bsi_sftp_put_mode(&body, DIR_MODE);
    bsi_sftp_end(link, &body);
    return bsi_sftp_wait(link, call, answer);
}

/* Each component of a path from the `from`-th byte on. That they exist already is all the same. */
static bs_status make_components(bsi_sftp_link *link, const bs_call *call, const char *path,
                                 size_t from, bsi_sftp_answer *last_out)
{
    const size_t size = strlen(path);

    for (size_t end = from; end <= size; end++) {
        if (end == 0 || (end < size && path[end] != '/')) {
            continue;
        }
        BSI_TRY(make_dir(link, call, (bsi_slice){path, end}, last_out));
    }
    return BS_OK;
}

bs_status bsi_sftp_make_path(bsi_sftp_link *link, const bs_call *call, const char *path)
{
    bsi_sftp_answer last = {.body = NULL};

    return make_components(link, call, path, 1, &last);
}

bs_status bsi_sftp_make_dirs(bsi_sftp_link *link, const bs_call *call, bsi_slice dir,
                             bsi_sftp_answer *last_out)
{
    char *path = NULL;
    bs_status status = BS_OK;

    if (dir.size == 0) {
        return BS_OK;
    }
    path = bsi_sftp_path(link->config, dir, "");
    if (!path) {
        return BS_E_NOMEM;
    }
    status = make_components(link, call, path, strlen(path) - dir.size + 1, last_out);
    bsi_free(path);
    return status;
}

/* What lies under a path, links followed. */
typedef enum path_kind { PATH_NOTHING, PATH_DIR, PATH_OTHER } path_kind;

static bs_status find_kind(bsi_sftp_link *link, const bs_call *call, const char *path,
                           path_kind *out)
{
    bsi_sftp_answer answer = {.body = NULL};

    BSI_TRY(bsi_sftp_do(link, call, BSI_SFTP_LSTAT, path, &answer));
    if (bsi_sftp_said(&answer, BSI_SFTP_NO_SUCH_FILE)) {
        *out = PATH_NOTHING;
        return BS_OK;
    }
    if (answer.type == BSI_SFTP_ANSWER_ATTRS && !answer.attrs.is_dir && !answer.attrs.is_file) {
        BSI_TRY(bsi_sftp_do(link, call, BSI_SFTP_STAT, path, &answer));
    }
    if (answer.type == BSI_SFTP_ANSWER_ATTRS || bsi_sftp_said(&answer, BSI_SFTP_NO_SUCH_FILE)) {
        *out =
            answer.attrs.is_dir || (answer.type == BSI_SFTP_ANSWER_ATTRS && !answer.attrs.has_type)
                ? PATH_DIR
                : PATH_OTHER;
        return BS_OK;
    }
    return bsi_sftp_fail(link, &answer, "looking up", path);
}

static bs_status lost(const bsi_sftp_link *link, const char *path, const char *what)
{
    char shown[512];

    (void)bsi_fail(BS_LAYER_STORAGE, BS_E_IO, "host '%s': %s '%s'", link->config->ssh.host, what,
                   bsi_printable(path, strlen(path), shown, sizeof(shown)));
    bsi_error_set_retry(BS_RETRY_NEVER, 0); /* Somebody has to bring it back first. */
    return BS_E_IO;
}

/* Whether a key's directory can be looked into: BS_OK, or BS_E_NOT_FOUND without it. */
static bs_status judge_dir(bsi_sftp_link *link, const bs_call *call, bsi_slice dir)
{
    path_kind kind = PATH_OTHER;
    char *path = bsi_sftp_path(link->config, dir, "");
    bs_status status = BS_OK;

    if (!path) {
        return BS_E_NOMEM;
    }
    status = find_kind(link, call, path, &kind);
    if (status == BS_OK && kind == PATH_OTHER) {
        status = lost(link, path, "something else is where a directory was:");
    } else if (status == BS_OK && kind == PATH_NOTHING) {
        status = dir.size > 0 ? BS_E_NOT_FOUND
                              : lost(link, path, "the directory of the storage is gone:");
    }
    bsi_free(path);
    return status;
}

bs_status bsi_sftp_judge_missing(bsi_sftp_link *link, const bs_call *call, bsi_slice dir)
{
    bs_status status = judge_dir(link, call, dir);

    while (status == BS_E_NOT_FOUND) {
        bsi_slice name;
        bsi_path_split(dir, &dir, &name);
        status = judge_dir(link, call, dir);
    }
    return status < 0 ? status : bsi_fail(BS_LAYER_STORAGE, BS_E_NOT_FOUND, "there is none");
}

bs_status bsi_sftp_set_mode(bsi_sftp_link *link, const bs_call *call, const char *path,
                            uint32_t mode, bsi_sftp_answer *answer)
{
    const bsi_slice name = bsi_slice_of(path);
    const bsi_sftp_request request =
        bsi_sftp_ask(answer, BSI_SFTP_SETSTAT, name.size + 3 * (size_t)LENGTH_SIZE);
    bsi_sftp_writer body;

    BSI_TRY(bsi_sftp_begin(link, call, &request, &body));
    bsi_sftp_put_string(&body, name);
    bsi_sftp_put_mode(&body, mode);
    bsi_sftp_end(link, &body);
    return bsi_sftp_wait(link, call, answer);
}

bs_status bsi_sftp_remove_empty(bsi_sftp_link *link, const bs_call *call, bsi_slice dir,
                                bsi_slice *left_out)
{
    bsi_sftp_answer answer = {.body = NULL};
    bs_status status = BS_OK;
    bool more = true;

    while (status == BS_OK && more && dir.size > 0) {
        bsi_slice name;
        char *path = bsi_sftp_path(link->config, dir, "");
        if (!path) {
            return BS_E_NOMEM;
        }
        status = bsi_sftp_do(link, call, BSI_SFTP_RMDIR, path, &answer);
        bsi_free(path);
        more = bsi_sftp_said(&answer, BSI_SFTP_OK) || bsi_sftp_said(&answer, BSI_SFTP_NO_SUCH_FILE);
        if (more) {
            bsi_path_split(dir, &dir, &name);
        }
    }
    *left_out = dir;
    return status;
}

bs_status bsi_sftp_ask_fsync(bsi_sftp_link *link, const bs_call *call, bsi_slice handle,
                             bsi_sftp_answer *answer)
{
    const bsi_slice name = bsi_slice_of(FSYNC);
    const bsi_sftp_request request =
        bsi_sftp_ask(answer, BSI_SFTP_EXTENDED, name.size + handle.size + 2 * (size_t)LENGTH_SIZE);
    bsi_sftp_writer body;

    BSI_TRY(bsi_sftp_begin(link, call, &request, &body));
    bsi_sftp_put_string(&body, name);
    bsi_sftp_put_string(&body, handle);
    bsi_sftp_end(link, &body);
    return BS_OK;
}

static bs_status sync_path(bsi_sftp_link *link, const bs_call *call, const char *path)
{
    bsi_sftp_answer opened = {.body = NULL};
    bsi_sftp_answer synced = {.body = NULL};
    bs_status status = bsi_sftp_open_file(link, call, path, BSI_SFTP_OPEN_READ, &opened);

    if (status < 0) {
        return opened.type != 0 ? BS_OK : status;
    }
    status = bsi_sftp_ask_fsync(link, call, bsi_sftp_handle_of(&opened), &synced);
    bsi_sftp_close_soon(link, bsi_sftp_handle_of(&opened));
    return status == BS_OK ? bsi_sftp_wait(link, call, &synced) : status;
}

bs_status bsi_sftp_sync_dir(bsi_sftp_link *link, const bs_call *call, bsi_slice dir)
{
    char *path = NULL;
    bs_status status = BS_OK;

    if ((link->can & BSI_SFTP_CAN_FSYNC) == 0) {
        return BS_OK;
    }
    path = bsi_sftp_path(link->config, dir, "");
    if (!path) {
        return BS_E_NOMEM;
    }
    status = sync_path(link, call, path);
    bsi_free(path);
    return status;
}

/* --- The rest --- */

static bs_status ask_statvfs(bsi_sftp_link *link, const bs_call *call, bsi_sftp_answer *answer)
{
    const bsi_slice name = bsi_slice_of(STATVFS);
    const bsi_slice root = bsi_slice_of(link->config->root);
    const bsi_sftp_request request =
        bsi_sftp_ask(answer, BSI_SFTP_EXTENDED, name.size + root.size + 2 * (size_t)LENGTH_SIZE);
    bsi_sftp_writer body;

    BSI_TRY(bsi_sftp_begin(link, call, &request, &body));
    bsi_sftp_put_string(&body, name);
    bsi_sftp_put_string(&body, root);
    bsi_sftp_end(link, &body);
    return bsi_sftp_wait(link, call, answer);
}

/* Block size, fragment size, fragments in all, free ones, those free for us, ... */
static uint64_t free_of_statvfs(const bsi_buf *body)
{
    bsi_sftp_reader in = {body->data, body->size, false};
    uint64_t numbers[5];

    for (size_t i = 0; i < BSI_ARRAY_SIZE(numbers); i++) {
        numbers[i] = bsi_sftp_get_u64(&in);
    }
    return numbers[1] != 0 && numbers[4] > UINT64_MAX / numbers[1] ? UINT64_MAX
                                                                   : numbers[1] * numbers[4];
}

bs_status bsi_sftp_free_bytes(bsi_sftp_link *link, const bs_call *call, uint64_t *bytes_out)
{
    bsi_sftp_answer answer = {.body = NULL};
    bsi_buf body;
    bs_status status = BS_OK;

    if ((link->can & BSI_SFTP_CAN_STATVFS) == 0) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_UNSUPPORTED, "host '%s' does not tell free space",
                        link->config->ssh.host);
    }
    bsi_buf_init(&body, DIR_BYTES_MAX);
    answer.body = &body;
    status = ask_statvfs(link, call, &answer);
    if (status == BS_OK && bsi_sftp_said(&answer, BSI_SFTP_NO_SUCH_FILE)) {
        status = lost(link, link->config->root, "the directory of the storage is gone:");
    } else if (status == BS_OK &&
               (answer.type != BSI_SFTP_ANSWER_EXTENDED || body.size < STATVFS_SIZE)) {
        status = bsi_sftp_fail(link, &answer, "asking for the free space of", link->config->root);
    }
    if (status == BS_OK) {
        *bytes_out = free_of_statvfs(&body);
    }
    bsi_buf_dispose(&body);
    return status;
}

bs_status bsi_sftp_move(bsi_sftp_link *link, const bs_call *call, const char *way, const char *from,
                        const char *to, bsi_sftp_answer *answer)
{
    const bsi_slice name = bsi_slice_of(way ? way : "");
    const bsi_sftp_request request =
        bsi_sftp_ask(answer, way ? BSI_SFTP_EXTENDED : BSI_SFTP_RENAME,
                     name.size + strlen(from) + strlen(to) + 3 * (size_t)LENGTH_SIZE);
    bsi_sftp_writer body;

    BSI_TRY(bsi_sftp_begin(link, call, &request, &body));
    if (way) {
        bsi_sftp_put_string(&body, name);
    }
    bsi_sftp_put_string(&body, bsi_slice_of(from));
    bsi_sftp_put_string(&body, bsi_slice_of(to));
    bsi_sftp_end(link, &body);
    return bsi_sftp_wait(link, call, answer);
}

/* A directory that is being read. */
typedef struct dir_reading {
    bsi_buf *entries;
    unsigned left;
    bool ended;
    bs_status status;
    bsi_sftp_answer answer;
} dir_reading;

static void take_names(void *owner, uint64_t at, uint32_t size, uint8_t type, bsi_sftp_reader *body)
{
    dir_reading *self = owner;

    (void)at;
    (void)size;
    self->left--;
    if (type == BSI_SFTP_ANSWER_NAME) {
        const bs_status status = bsi_buf_append(self->entries, body->at, body->size);
        self->status = self->status < 0 ? self->status : status;
        return;
    }
    bsi_sftp_take_single(&self->answer, 0, 0, type, body);
    self->ended = true;
}

static bs_status ask_names(bsi_sftp_link *link, const bs_call *call, bsi_slice handle,
                           dir_reading *self)
{
    const bsi_sftp_request request = {.type = BSI_SFTP_READDIR,
                                      .size = LENGTH_SIZE + handle.size,
                                      .take = take_names,
                                      .owner = self};
    bsi_sftp_writer body;

    BSI_TRY(bsi_sftp_begin(link, call, &request, &body));
    bsi_sftp_put_string(&body, handle);
    bsi_sftp_end(link, &body);
    self->left++;
    return BS_OK;
}

static bs_status read_names(bsi_sftp_link *link, const bs_call *call, bsi_slice handle,
                            dir_reading *self)
{
    while (!self->ended && self->status == BS_OK) {
        BSI_TRY(ask_names(link, call, handle, self));
        BSI_TRY(bsi_sftp_drain(link, call, &self->left, DIR_REQUESTS - 1));
    }
    return bsi_sftp_drain(link, call, &self->left, 0);
}

bs_status bsi_sftp_read_dir(bsi_sftp_link *link, const bs_call *call, const char *path,
                            bsi_buf *entries)
{
    dir_reading self = {.entries = entries, .status = BS_OK};
    bsi_sftp_answer opened = {.body = NULL};
    bs_status status = bsi_sftp_do(link, call, BSI_SFTP_OPENDIR, path, &opened);

    if (status < 0) {
        return status;
    }
    if (opened.type != BSI_SFTP_ANSWER_HANDLE) {
        return bsi_sftp_fail(link, &opened, "listing", path);
    }
    status = read_names(link, call, bsi_sftp_handle_of(&opened), &self);
    bsi_sftp_forget(link, &self);
    bsi_sftp_close_soon(link, bsi_sftp_handle_of(&opened));
    if (status == BS_OK && self.status < 0) {
        status = self.status == BS_E_NOMEM
                     ? bsi_fail(BS_LAYER_SYSTEM, BS_E_NOMEM, "out of memory")
                     : bsi_fail(BS_LAYER_STORAGE, BS_E_LIMIT,
                                "host '%s': the list of one directory has more than 256 MiB",
                                link->config->ssh.host);
    }
    if (status == BS_OK && !bsi_sftp_said(&self.answer, BSI_SFTP_EOF)) {
        status = bsi_sftp_fail(link, &self.answer, "listing", path);
    }
    return status;
}
