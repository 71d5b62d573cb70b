/* SPDX-License-Identifier: MIT */
/*
 * ftp: objects are files below one directory of a server, under their own names
 * as far as servers keep names.
 *
 * An object is written to a temporary name in its directory, measured and
 * renamed over what was there. Directories without objects are removed with the
 * last one. FTP has no way to refuse to replace, none to make anything durable,
 * and none to tell how much room there is.
 */
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "os/dir_cache.h"
#include "storage/drivers/drivers.h"
#include "storage/drivers/ftp_upload.h"
#include "storage/drivers/ftp_walk.h"
#include "storage/drivers/held.h"

enum {
    RACES_MAX = 100, /* How often a directory may vanish before its use. */
    SKIP_SIZE = 64 * 1024,
};

typedef struct ftp_storage {
    bsi_ftp_config config;
    bsi_ftp_pool pool;
    /* Grows when somebody changes or looks up an object: files that are being read are too old
     * then. */
    atomic_uint_fast64_t epoch;
} ftp_storage;

/* What an operation on one file needs: a connection, and the file's path. */
typedef struct ftp_work {
    ftp_storage *self;
    bsi_ftp_link *link;
    bsi_slice dir;
    char *path;
    int tries;
} ftp_work;

static bs_status name_work(ftp_storage *self, const char *key, ftp_work *out)
{
    bsi_slice name;

    *out = (ftp_work){.self = self};
    bsi_path_split(bsi_slice_of(key), &out->dir, &name);
    out->path = bsi_ftp_path(&self->config, out->dir, name.data);
    return out->path ? BS_OK : bs_error_last()->code;
}

static bs_status begin_work(void *self, const bs_call *call, const char *key, ftp_work *out)
{
    bs_status status = name_work(self, key, out);

    if (status == BS_OK) {
        status = bsi_ftp_take(&out->self->pool, call, BSI_FTP_BRIEFLY, &out->link);
        if (status < 0) {
            bsi_free(out->path);
        }
    }
    return status;
}

/* Whether to do it again: what seemed to be missing is there by now. */
static bool once_more(ftp_work *work, const bs_call *call, bs_status *status)
{
    if (*status != BS_E_NOT_FOUND) {
        return false;
    }
    *status = bsi_ftp_judge_missing(work->link, call, work->dir, work->path);
    if (*status != BS_OK) {
        return false;
    }
    work->tries++;
    if (work->tries == RACES_MAX) {
        *status = bsi_fail(BS_LAYER_STORAGE, BS_E_IO, "host '%s': a file comes and goes",
                           work->self->config.target.host);
    }
    return work->tries < RACES_MAX;
}

static bs_status end_work(ftp_work *work, bs_status status)
{
    bsi_ftp_give(&work->self->pool, BSI_FTP_BRIEFLY, work->link);
    bsi_free(work->path);
    return status;
}

static void age(ftp_storage *self)
{
    atomic_fetch_add(&self->epoch, 1);
}

/* --- Open --- */

/* A path that is not absolute lies below the directory where we are after logging in. */
static bs_status make_absolute(bsi_ftp_config *config, bsi_ftp_link *link)
{
    const char *home = bsi_ftp_home(link->ftp);
    bsi_buf path;
    bs_status status = BS_OK;

    if (config->root[0] == '/') {
        return BS_OK;
    }
    if (!home || home[0] != '/' || strlen(home) > BSI_FTP_ROOT_MAX) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_INVALID,
                        "host '%s' does not tell where '%s' lies: setting 'path' takes a path "
                        "that begins with '/'",
                        config->target.host, config->root);
    }
    bsi_buf_init(&path, (size_t)2 * BSI_FTP_ROOT_MAX + 2);
    status = bsi_buf_append_format(&path, "%s%s%s", home, home[strlen(home) - 1] == '/' ? "" : "/",
                                   config->root);
    if (status == BS_OK) {
        char *text = bsi_buf_take_text(&path);
        bsi_free(text ? config->root : NULL);
        config->root = text ? text : config->root;
        status = text ? BS_OK : BS_E_NOMEM;
    }
    bsi_buf_dispose(&path);
    return status;
}

static bs_status ask_abilities(bsi_ftp_config *config, bsi_ftp_link *link, const bs_call *call)
{
    static const char *const commands[] = {"FEAT", "SYST"};
    bsi_ftp_reply replies[2];

    BSI_TRY(bsi_ftp_ask(link->ftp, call, commands, 2, replies));
    config->can = replies[0].code == 211 ? bsi_ftp_features(replies[0].lines) : 0;
    config->is_unix =
        replies[1].code == 215 && bsi_slice_is(bsi_ftp_word_next(&replies[1].text), "UNIX");
    return make_absolute(config, link);
}

static bs_status enter_root(ftp_storage *self, bsi_ftp_link *link, const bs_call *call)
{
    const bsi_ftp_config *config = &self->config;
    bs_status status = bsi_ftp_do(link, call, "CWD", config->root, "entering");

    if (status == BS_E_NOT_FOUND && config->create) {
        BSI_TRY(bsi_ftp_make_root(link, call));
        status = bsi_ftp_do(link, call, "CWD", config->root, "entering");
    }
    return status;
}

static bs_status look_at_server(ftp_storage *self, const bs_call *call)
{
    bsi_ftp_link *link = NULL;
    bs_status status = bsi_ftp_take(&self->pool, call, BSI_FTP_BRIEFLY, &link);

    if (status < 0) {
        return status;
    }
    status = ask_abilities(&self->config, link, call);
    if (status == BS_OK) {
        status = enter_root(self, link, call);
    }
    bsi_ftp_give(&self->pool, BSI_FTP_BRIEFLY, link);
    return status;
}

static bs_status ftp_open(void *self, const bs_call *call, const bs_storage_settings *settings)
{
    ftp_storage *ftp = self;
    bs_status status = bsi_ftp_config_read(settings, &ftp->config);

    atomic_init(&ftp->epoch, 1);
    if (status == BS_OK) {
        bsi_ftp_pool_init(&ftp->pool, &ftp->config);
        status = look_at_server(ftp, call);
        if (status < 0) {
            bsi_ftp_pool_dispose(&ftp->pool);
        }
    }
    if (status < 0) {
        bsi_ftp_config_dispose(&ftp->config);
    }
    return status;
}

static void ftp_close(void *self)
{
    ftp_storage *ftp = self;

    bsi_ftp_pool_dispose(&ftp->pool);
    bsi_ftp_config_dispose(&ftp->config);
}

/* On Unix a rename is that of the system, and case counts. */
static uint32_t ftp_caps(void *self)
{
    const ftp_storage *ftp = self;
    uint32_t caps = BS_STORAGE_CAP_PATCH | BS_STORAGE_CAP_STRONG_LIST | BS_STORAGE_CAP_MULTIPART |
                    BS_STORAGE_CAP_ANY_BYTES | BS_STORAGE_CAP_NETWORK | BS_STORAGE_CAP_RESUME;

    if ((ftp->config.can & BSI_FTP_CAN_REST) != 0) {
        caps |= BS_STORAGE_CAP_RANGE_READ;
    }
    if ((ftp->config.can & BSI_FTP_CAN_MFMT) != 0) {
        caps |= BS_STORAGE_CAP_MTIME;
    }
    if (ftp->config.target.tls == BSI_FTP_TLS_NONE) {
        caps |= BS_STORAGE_CAP_CLEARTEXT;
    }
    if (ftp->config.is_unix) {
        caps |= BS_STORAGE_CAP_CASE | BS_STORAGE_CAP_RENAME | BS_STORAGE_CAP_SERVER_COPY;
    }
    return caps;
}

/* --- Objects --- */

static bs_status ftp_stat(void *self, const bs_call *call, const char *key, bs_storage_object *out)
{
    ftp_work work;
    bs_status status = begin_work(self, call, key, &work);

    if (status < 0) {
        return status;
    }
    age(self);
    do {
        status = bsi_ftp_stat_file(work.link, call, work.path, out);
    } while (once_more(&work, call, &status));
    return end_work(&work, status);
}

static bs_status too_far(void)
{
    return bsi_fail(BS_LAYER_STORAGE, BS_E_RANGE, "it ends before the range does");
}

/* Where the server cannot begin in the middle, what comes before is thrown away. */
static bs_status skip(bsi_ftp_link *link, const bs_call *call, uint64_t size)
{
    char *block = bsi_alloc(SKIP_SIZE);
    bs_status status = block ? BS_OK : BS_E_NOMEM;

    while (status == BS_OK && size > 0) {
        const size_t part = size < SKIP_SIZE ? (size_t)size : SKIP_SIZE;
        size_t got = 0;
        status = bsi_ftp_receive(link->ftp, call, block, part, &got);
        if (status == BS_OK && got < part) {
            status = too_far();
        }
        size -= part;
    }
    bsi_free(block);
    return status;
}

static bs_status begin_reading(ftp_work *work, const bs_call *call, uint64_t offset, uint64_t epoch)
{
    const bool jumps = (work->self->config.can & BSI_FTP_CAN_REST) != 0;
    bsi_ftp_link *link = work->link;

    BSI_TRY(bsi_ftp_receive_begin(link->ftp, call, work->path, jumps ? offset : 0));
    BSI_TRY(jumps ? BS_OK : skip(link, call, offset));
    link->reading = bsi_strdup(work->path);
    if (!link->reading) {
        return BS_E_NOMEM;
    }
    link->at = offset;
    link->epoch = epoch;
    return BS_OK;
}

static bs_status receive(bsi_ftp_link *link, const bs_call *call, void *buf, size_t size)
{
    size_t got = 0;

    BSI_TRY(bsi_ftp_receive(link->ftp, call, buf, size, &got));
    link->at += got;
    return got == size ? BS_OK : too_far();
}

/* A file that was begun earlier may have waited too long: then it is begun anew, once. */
static bs_status read_over(ftp_work *work, const bs_call *call, uint64_t offset, void *buf,
                           size_t size, uint64_t epoch)
{
    bsi_ftp_link *link = work->link;
    bs_status status = BS_OK;

    if (link->reading) {
        status = receive(link, call, buf, size);
        if (status == BS_OK || status == BS_E_RANGE || bsi_call_check(call) < 0) {
            return status;
        }
        bsi_ftp_link_rest(link);
    }
    BSI_TRY(begin_reading(work, call, offset, epoch));
    return receive(link, call, buf, size);
}

/* Of a range that no file has. */
static bs_status read_nothing(const ftp_work *work, const bs_call *call)
{
    bs_storage_object object;

    BSI_TRY(bsi_ftp_stat_file(work->link, call, work->path, &object));
    return too_far();
}

static bs_status ftp_read(void *self, const bs_call *call, const char *key, uint64_t offset,
                          void *buf, size_t size)
{
    ftp_storage *ftp = self;
    const uint64_t epoch = atomic_load(&ftp->epoch);
    ftp_work work;
    bs_status status = name_work(ftp, key, &work);

    if (status == BS_OK) {
        status = bsi_ftp_take_reading(&ftp->pool, call, work.path, offset, epoch, &work.link);
        if (status < 0) {
            bsi_free(work.path);
        }
    }
    if (status < 0) {
        return status;
    }
    do {
        status = offset > INT64_MAX - size ? read_nothing(&work, call)
                                           : read_over(&work, call, offset, buf, size, epoch);
    } while (once_more(&work, call, &status));
    if (status < 0 || bsi_ftp_is_idle(work.link->ftp)) {
        bsi_ftp_link_rest(work.link);
    }
    return end_work(&work, status);
}

static bool is_temp(const char *name)
{
    return strncmp(name, BSI_FTP_TEMP_PREFIX, strlen(BSI_FTP_TEMP_PREFIX)) == 0;
}

static bs_status visit_object(void *user, const char *key, const char *name,
                              const bs_storage_object *object)
{
    return is_temp(name) ? BS_OK : bsi_held_add(user, key, object);
}

static bs_status ftp_list(void *self, const bs_call *call, const char *prefix,
                          bs_storage_list_cb callback, void *user)
{
    bsi_held held;
    const bsi_ftp_visit visit = {.visit = visit_object, .user = &held};

    bsi_held_begin(&held, callback, user);
    return bsi_held_end(&held, bsi_ftp_walk(&((ftp_storage *)self)->pool, call, prefix, &visit));
}

static bs_status remove_file(const ftp_work *work, const bs_call *call)
{
    BSI_TRY(bsi_ftp_do(work->link, call, "DELE", work->path, "removing"));
    return bsi_ftp_remove_empty(work->link, call, work->dir);
}

static bs_status ftp_remove(void *self, const bs_call *call, const char *key)
{
    ftp_work work;
    bs_status status = begin_work(self, call, key, &work);

    if (status < 0) {
        return status;
    }
    do {
        status = remove_file(&work, call);
    } while (once_more(&work, call, &status));
    age(self);
    status = end_work(&work, status);
    return status == BS_E_NOT_FOUND ? BS_OK : status;
}

/* --- Puts --- */

static bs_status ftp_put_begin(void *self, const bs_call *call, const char *key,
                               const bs_storage_put_options *options, void **upload_out)
{
    bsi_ftp_upload *upload = bsi_calloc(1, sizeof(*upload));
    bs_status status = BS_E_NOMEM;

    (void)call;
    if (!upload) {
        return status;
    }
    upload->patchable = (options->flags & BS_STORAGE_PUT_PATCHABLE) != 0;
    upload->mtime_ns = options->mtime_ns;
    upload->key = bsi_strdup(key);
    if (upload->key) {
        status = bsi_ftp_upload_begin(&((ftp_storage *)self)->pool, upload);
    }
    if (status < 0) {
        bsi_ftp_upload_dispose(upload);
        bsi_free(upload);
        return status;
    }
    *upload_out = upload;
    return BS_OK;
}

static bs_status ftp_put_write(void *self, const bs_call *call, void *upload, const void *data,
                               size_t size)
{
    (void)self;
    return bsi_ftp_upload_write(upload, call, data, size);
}

static bs_status ftp_put_patch(void *self, const bs_call *call, void *upload, uint64_t offset,
                               const void *data, size_t size)
{
    (void)self;
    (void)call;
    bsi_ftp_upload_patch(upload, offset, data, size);
    return BS_OK;
}

static void ftp_put_abort(void *self, void *upload)
{
    (void)self;
    bsi_ftp_upload_remove(upload);
    bsi_ftp_upload_dispose(upload);
    bsi_free(upload);
}

static bs_status ftp_put_commit(void *self, const bs_call *call, void *upload)
{
    const bs_status status = bsi_ftp_upload_commit(upload, call);

    age(self);
    if (status == BS_OK) {
        bsi_ftp_upload_dispose(upload);
        bsi_free(upload);
    }
    return status;
}

/* --- The rest --- */

static bs_status not_renamed(void)
{
    char words[BS_ERROR_MESSAGE_SIZE];

    memcpy(words, bs_error_last()->message, sizeof(words));
    words[sizeof(words) - 1] = '\0';
    return bsi_fail(BS_LAYER_STORAGE, BS_E_ACCESS, "%s", words);
}

/* Move a file into a directory that may be missing, and may vanish again. */
static bs_status move(const ftp_work *work, const bs_call *call, const char *to_path,
                      bsi_slice to_dir)
{
    bs_storage_object object;
    bs_status status = BS_E_NOT_FOUND;

    for (int i = 0; i < RACES_MAX && status == BS_E_NOT_FOUND; i++) {
        BSI_TRY(bsi_ftp_stat_file(work->link, call, work->path, &object));
        BSI_TRY(i > 0 ? bsi_ftp_make_dirs(work->link, call, to_dir) : BS_OK);
        status = bsi_ftp_move(work->link, call, work->path, to_path);
    }
    return status == BS_E_NOT_FOUND ? not_renamed() : status;
}

static bs_status ftp_rename(void *self, const bs_call *call, const char *from, const char *to)
{
    ftp_work work;
    bsi_slice to_dir;
    bsi_slice name;
    char *to_path = NULL;
    bs_status status = begin_work(self, call, from, &work);

    if (status < 0) {
        return status;
    }
    bsi_path_split(bsi_slice_of(to), &to_dir, &name);
    to_path = bsi_ftp_path(&work.self->config, to_dir, name.data);
    do {
        status = to_path ? move(&work, call, to_path, to_dir) : bs_error_last()->code;
    } while (once_more(&work, call, &status));
    age(self);
    if (status == BS_OK) {
        status = bsi_ftp_remove_empty(work.link, call, work.dir);
    } else {
        bs_error record;
        bsi_error_save(&record);
        const bs_status pruned = bsi_ftp_remove_empty(work.link, NULL, to_dir);
        (void)pruned;
        bsi_error_restore(&record);
    }
    bsi_free(to_path);
    return end_work(&work, status);
}

static bs_status set_time(const ftp_work *work, const bs_call *call, int64_t mtime_ns)
{
    char verb[BSI_FTP_TIME_SIZE + 8] = "MFMT ";
    bs_storage_object object;

    BSI_TRY(bsi_ftp_stat_file(work->link, call, work->path, &object));
    if (!bsi_ftp_format_time(mtime_ns, verb + strlen(verb))) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_UNSUPPORTED, "FTP has times of years 0 to 9999");
    }
    return bsi_ftp_do(work->link, call, verb, work->path, "setting the time of");
}

static bs_status ftp_set_mtime(void *self, const bs_call *call, const char *key, int64_t mtime_ns)
{
    ftp_work work;
    bs_status status = begin_work(self, call, key, &work);

    if (status < 0) {
        return status;
    }
    do {
        status = set_time(&work, call, mtime_ns);
    } while (once_more(&work, call, &status));
    return end_work(&work, status);
}

/* What a sweep looks for, and finds. */
typedef struct ftp_sweep {
    ftp_storage *self;
    const bs_call *call;
    int64_t before_ns;
    uint64_t objects;
    uint64_t bytes;
} ftp_sweep;

/* Lists of some servers tell no times that could be used. */
static bs_status sweep_file(const ftp_sweep *sweep, const ftp_work *work,
                            const bs_storage_object *listed, bool *removed_out)
{
    bs_storage_object object = *listed;

    if (object.mtime_ns == BS_STORAGE_NO_TIME) {
        BSI_TRY(bsi_ftp_stat_file(work->link, sweep->call, work->path, &object));
    }
    if (object.mtime_ns == BS_STORAGE_NO_TIME || object.mtime_ns >= sweep->before_ns) {
        return BS_OK;
    }
    BSI_TRY(remove_file(work, sweep->call));
    *removed_out = true;
    return BS_OK;
}

static bs_status visit_leftover(void *user, const char *key, const char *name,
                                const bs_storage_object *object)
{
    ftp_sweep *sweep = user;
    ftp_work work;
    bool removed = false;
    bs_status status = BS_OK;

    if (!is_temp(name)) {
        return BS_OK;
    }
    BSI_TRY(begin_work(sweep->self, sweep->call, key, &work));
    do {
        status = sweep_file(sweep, &work, object, &removed);
    } while (once_more(&work, sweep->call, &status));
    status = end_work(&work, status);
    sweep->objects += removed ? 1 : 0;
    sweep->bytes += removed ? object->size : 0;
    return status == BS_E_NOT_FOUND ? BS_OK : status;
}

static bs_status ftp_sweep_up(void *self, const bs_call *call, int64_t before_ns, uint64_t *objects,
                              uint64_t *bytes)
{
    ftp_sweep sweep = {.self = self, .call = call, .before_ns = before_ns};
    const bsi_ftp_visit visit = {.visit = visit_leftover, .user = &sweep};
    const bs_status status = bsi_ftp_walk(&sweep.self->pool, call, "", &visit);

    *objects += sweep.objects;
    *bytes += sweep.bytes;
    return status;
}

static const bs_storage_ops ftp_ops = {
    .struct_size = sizeof(bs_storage_ops),
    .self_size = sizeof(ftp_storage),
    .open = ftp_open,
    .close = ftp_close,
    .caps = ftp_caps,
    .stat = ftp_stat,
    .read = ftp_read,
    .list = ftp_list,
    .remove = ftp_remove,
    .put_begin = ftp_put_begin,
    .put_write = ftp_put_write,
    .put_patch = ftp_put_patch,
    .put_commit = ftp_put_commit,
    .put_abort = ftp_put_abort,
    .rename = ftp_rename,
    .set_mtime = ftp_set_mtime,
    .sweep = ftp_sweep_up,
};

/* The only symbol this file gives away. */
const bs_storage_driver bsi_storage_driver_ftp = {
    .struct_size = sizeof(bs_storage_driver),
    .scheme = "ftp",
    .help = "Files on a server over FTP, encrypted by TLS unless told otherwise.",
    .ops = &ftp_ops,
    .options = bsi_ftp_options,
};
