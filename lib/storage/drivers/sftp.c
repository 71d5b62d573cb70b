/* SPDX-License-Identifier: MIT */
/*
 * sftp: objects are files below one directory of a server, under their own
 * names, as local keeps them.
 *
 * An object is written to a temporary name in its directory, synced and
 * renamed over what was there. Directories without objects are removed with the
 * last one. What OpenSSH has added to SFTP is used where the server has it.
 */
#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "os/dir_cache.h"
#include "os/time.h"
#include "storage/drivers/drivers.h"
#include "storage/drivers/held.h"
#include "storage/drivers/sftp_upload.h"
#include "storage/drivers/sftp_walk.h"

enum {
    RACES_MAX = 100,       /* How often a directory may vanish before its use. */
    SPACE_ASKED = 1 << 20, /* For smaller objects than this nobody asks whether there is room. */
};

#define NS_PER_S INT64_C(1000000000)
/* How long a connection for cleaning up may take. */
#define CLEANUP_NS (5 * NS_PER_S)
#define POSIX_RENAME "posix-rename@openssh.com"

typedef struct sftp_storage {
    bsi_sftp_config config;
    bsi_sftp_pool pool;
    unsigned can; /* As the first connection's server said. */
    /* Grows when somebody changes or looks up an object: files open for reading are too old then.
     */
    atomic_uint_fast64_t epoch;
} sftp_storage;

/* What an operation on one file needs: a link, and the file's path. */
typedef struct sftp_work {
    sftp_storage *self;
    bsi_sftp_link *link;
    bsi_slice dir;
    char *path;
} sftp_work;

static bs_status begin_work(void *self, const bs_call *call, const char *key, sftp_work *out)
{
    sftp_storage *sftp = self;
    bsi_slice name;
    bs_status status = BS_OK;

    *out = (sftp_work){.self = sftp};
    bsi_path_split(bsi_slice_of(key), &out->dir, &name);
    out->path = bsi_sftp_path(&sftp->config, out->dir, name.data);
    if (!out->path) {
        return BS_E_NOMEM;
    }
    status = bsi_sftp_acquire(&sftp->pool, call, BSI_SFTP_BRIEFLY, &out->link);
    if (status < 0) {
        bsi_free(out->path);
    }
    return status;
}

/* The error record is left alone. */
static void release(sftp_storage *self, bsi_sftp_link *link)
{
    bs_error record;

    bsi_error_save(&record);
    bsi_sftp_release(&self->pool, link);
    bsi_error_restore(&record);
}

static bs_status end_work(sftp_work *work, const bs_call *call, bs_status status)
{
    if (status == BS_E_NOT_FOUND) {
        status = bsi_sftp_judge_missing(work->link, call, work->dir);
    }
    release(work->self, work->link);
    bsi_free(work->path);
    return status;
}

static void age(sftp_storage *self)
{
    atomic_fetch_add(&self->epoch, 1);
}

/* --- Open --- */

static bs_status check_root(sftp_storage *self, bsi_sftp_link *link, const bs_call *call)
{
    const char *root = self->config.root;
    bsi_sftp_answer answer = {.body = NULL};

    self->can = link->can;
    BSI_TRY(bsi_sftp_do(link, call, BSI_SFTP_STAT, root, &answer));
    if (bsi_sftp_said(&answer, BSI_SFTP_NO_SUCH_FILE) && self->config.create) {
        BSI_TRY(bsi_sftp_make_path(link, call, root));
        BSI_TRY(bsi_sftp_do(link, call, BSI_SFTP_STAT, root, &answer));
    }
    if (answer.type != BSI_SFTP_ANSWER_ATTRS) {
        return bsi_sftp_fail(link, &answer, "opening the directory", root);
    }
    if (answer.attrs.has_type && !answer.attrs.is_dir) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_INVALID, "host '%s': '%s' is no directory",
                        self->config.ssh.host, root);
    }
    return BS_OK;
}

static bs_status open_pool(sftp_storage *self, const bs_call *call)
{
    bsi_sftp_link *link = NULL;
    bs_status status = bsi_sftp_pool_open(&self->config, call, &self->pool);

    if (status == BS_OK) {
        status = bsi_sftp_acquire(&self->pool, call, BSI_SFTP_BRIEFLY, &link);
    }
    if (status == BS_OK) {
        status = check_root(self, link, call);
        bsi_sftp_release(&self->pool, link);
    }
    if (status < 0) {
        bsi_sftp_pool_dispose(&self->pool);
    }
    return status;
}

static bs_status sftp_open(void *self, const bs_call *call, const bs_storage_settings *settings)
{
    sftp_storage *sftp = self;
    bs_status status = bsi_sftp_config_read(settings, &sftp->config);

    atomic_init(&sftp->epoch, 1);
    if (status == BS_OK) {
        status = open_pool(sftp, call);
    }
    if (status < 0) {
        bsi_sftp_config_dispose(&sftp->config);
    }
    return status;
}

static void sftp_close(void *self)
{
    sftp_storage *sftp = self;

    bsi_sftp_pool_dispose(&sftp->pool);
    bsi_sftp_config_dispose(&sftp->config);
}

static uint32_t sftp_caps(void *self)
{
    const sftp_storage *sftp = self;
    uint32_t caps = BS_STORAGE_CAP_RANGE_READ | BS_STORAGE_CAP_MTIME | BS_STORAGE_CAP_PATCH |
                    BS_STORAGE_CAP_STRONG_LIST | BS_STORAGE_CAP_MULTIPART |
                    BS_STORAGE_CAP_ANY_BYTES | BS_STORAGE_CAP_CASE | BS_STORAGE_CAP_NETWORK |
                    BS_STORAGE_CAP_RESUME;

    if ((sftp->can & BSI_SFTP_CAN_POSIX_RENAME) != 0) {
        caps |= BS_STORAGE_CAP_RENAME | BS_STORAGE_CAP_SERVER_COPY;
    }
    if ((sftp->can & BSI_SFTP_CAN_HARDLINK) != 0) {
        caps |= BS_STORAGE_CAP_CONDITIONAL_PUT;
    }
    if ((sftp->can & BSI_SFTP_CAN_STATVFS) != 0) {
        caps |= BS_STORAGE_CAP_FREE_SPACE;
    }
    return caps;
}

/* --- Objects --- */

static bs_status sftp_stat(void *self, const bs_call *call, const char *key, bs_storage_object *out)
{
    sftp_work work;
    bsi_sftp_attrs attrs = {.has_size = false};
    bs_status status = begin_work(self, call, key, &work);

    if (status < 0) {
        return status;
    }
    age(self);
    status = bsi_sftp_stat_file(work.link, call, work.path, &attrs);
    if (status == BS_OK) {
        *out = (bs_storage_object){attrs.size,
                                   attrs.has_times ? attrs.mtime * NS_PER_S : BS_STORAGE_NO_TIME};
    }
    return end_work(&work, call, status);
}

static bs_status sftp_read(void *self, const bs_call *call, const char *key, uint64_t offset,
                           void *buf, size_t size)
{
    sftp_work work;
    bs_status status = begin_work(self, call, key, &work);

    if (status < 0) {
        return status;
    }
    status = bsi_sftp_read_range(work.link, call, work.path, atomic_load(&work.self->epoch), offset,
                                 buf, size);
    return end_work(&work, call, status);
}

static bool is_temp(const char *name)
{
    return strncmp(name, BSI_SFTP_TEMP_PREFIX, strlen(BSI_SFTP_TEMP_PREFIX)) == 0;
}

static bs_status visit_object(void *user, const char *key, const char *name,
                              const bs_storage_object *object)
{
    return is_temp(name) ? BS_OK : bsi_held_add(user, key, object);
}

static bs_status sftp_list(void *self, const bs_call *call, const char *prefix,
                           bs_storage_list_cb callback, void *user)
{
    bsi_held held;
    const bsi_sftp_visit visit = {.visit = visit_object, .user = &held};

    bsi_held_begin(&held, callback, user);
    return bsi_held_end(&held, bsi_sftp_walk(&((sftp_storage *)self)->pool, call, prefix, &visit));
}

static bs_status no_object(void)
{
    return bsi_fail(BS_LAYER_STORAGE, BS_E_NOT_FOUND, "there is none");
}

/* The file is gone; BS_E_NOT_FOUND when there was none. */
static bs_status unlink_file(const sftp_work *work, const bs_call *call)
{
    bsi_sftp_answer answer = {.body = NULL};
    bsi_sftp_attrs attrs;
    bs_error first;
    bs_status status = BS_OK;

    BSI_TRY(bsi_sftp_do(work->link, call, BSI_SFTP_REMOVE, work->path, &answer));
    if (bsi_sftp_said(&answer, BSI_SFTP_OK)) {
        return BS_OK;
    }
    status = bsi_sftp_fail(work->link, &answer, "removing", work->path);
    if (status == BS_E_NOT_FOUND) {
        return status;
    }
    bsi_error_save(&first);
    if (bsi_sftp_stat_file(work->link, call, work->path, &attrs) == BS_E_NOT_FOUND) {
        return no_object(); /* A directory. */
    }
    bsi_error_restore(&first);
    return status;
}

/* Remove directories that are empty now, and make durable what is left. */
static bs_status prune(bsi_sftp_link *link, const bs_call *call, bsi_slice dir)
{
    bsi_slice left;

    BSI_TRY(bsi_sftp_remove_empty(link, call, dir, &left));
    return bsi_sftp_sync_dir(link, call, left);
}

static bs_status sftp_remove(void *self, const bs_call *call, const char *key)
{
    sftp_work work;
    bs_status status = begin_work(self, call, key, &work);

    if (status < 0) {
        return status;
    }
    status = unlink_file(&work, call);
    age(self);
    if (status == BS_OK) {
        status = prune(work.link, call, work.dir);
    }
    status = end_work(&work, call, status);
    return status == BS_E_NOT_FOUND ? BS_OK : status;
}

/* --- Puts --- */

static bs_status check_space(const sftp_storage *self, bsi_sftp_link *link, const bs_call *call,
                             uint64_t expected_size)
{
    uint64_t bytes = 0;

    if (expected_size == BS_STORAGE_NO_SIZE || expected_size < SPACE_ASKED ||
        (link->can & BSI_SFTP_CAN_STATVFS) == 0) {
        return BS_OK;
    }
    BSI_TRY(bsi_sftp_free_bytes(link, call, &bytes));
    return bytes >= expected_size
               ? BS_OK
               : bsi_fail(BS_LAYER_STORAGE, BS_E_NO_SPACE,
                          "host '%s': %" PRIu64 " bytes are free below '%s', %" PRIu64
                          " are needed",
                          self->config.ssh.host, bytes, self->config.root, expected_size);
}

static bs_status new_upload(const char *key, const bs_storage_put_options *options,
                            bsi_sftp_upload **out)
{
    bsi_sftp_upload *upload = bsi_calloc(1, sizeof(*upload));

    if (!upload) {
        return BS_E_NOMEM;
    }
    upload->key = bsi_strdup(key);
    if (!upload->key) {
        bsi_free(upload);
        return BS_E_NOMEM;
    }
    upload->exclusive = (options->flags & BS_STORAGE_PUT_EXCLUSIVE) != 0;
    upload->patchable = (options->flags & BS_STORAGE_PUT_PATCHABLE) != 0;
    upload->mtime_ns = options->mtime_ns;
    *out = upload;
    return BS_OK;
}

static void free_upload(bsi_sftp_upload *upload)
{
    bsi_sftp_upload_dispose(upload);
    bsi_free(upload);
}

/* With the link acquired; lets it go. */
static bs_status enter(sftp_storage *self, bsi_sftp_link *link, const bs_call *call,
                       uint64_t expected_size, bsi_sftp_upload *upload)
{
    bs_status status = check_space(self, link, call, expected_size);

    if (status == BS_OK) {
        status = bsi_sftp_upload_begin(link, call, upload);
    }
    if (status == BS_OK) {
        bsi_sftp_stay(&self->pool, link);
    } else if (upload->made_dirs || upload->temp) {
        bsi_sftp_upload_remove(upload, link);
    }
    return status;
}

static bs_status sftp_put_begin(void *self, const bs_call *call, const char *key,
                                const bs_storage_put_options *options, void **upload_out)
{
    sftp_storage *sftp = self;
    bsi_sftp_upload *upload = NULL;
    bsi_sftp_link *link = NULL;
    bs_status status = new_upload(key, options, &upload);

    if (status < 0) {
        return status;
    }
    status = bsi_sftp_acquire(&sftp->pool, call, BSI_SFTP_FOR_LONG, &link);
    if (status == BS_OK) {
        status = enter(sftp, link, call, options->expected_size, upload);
        if (status < 0) {
            bsi_sftp_upload_unlink(upload);
        }
        release(sftp, link);
    }
    if (status < 0) {
        free_upload(upload);
        return status;
    }
    *upload_out = upload;
    return BS_OK;
}

/* The upload lies on its link no more, which is let go. */
static void leave(sftp_storage *self, bsi_sftp_upload *upload)
{
    bsi_sftp_link *link = upload->link;

    bsi_sftp_upload_unlink(upload);
    bsi_sftp_leave(&self->pool, link);
    bsi_sftp_release(&self->pool, link);
}

/* The upload's link, acquired; another one instead of one that broke. */
static bs_status find_link(sftp_storage *self, const bs_call *call, bsi_sftp_upload *upload)
{
    if (upload->link) {
        BSI_TRY(bsi_sftp_acquire_again(&self->pool, call, upload->link));
        if (!upload->link->broken) {
            return BS_OK;
        }
        leave(self, upload);
    }
    BSI_TRY(bsi_sftp_acquire(&self->pool, call, BSI_SFTP_FOR_LONG, &upload->link));
    bsi_sftp_stay(&self->pool, upload->link);
    return BS_OK;
}

static bs_status go_on(sftp_storage *self, const bs_call *call, bsi_sftp_upload *upload)
{
    bs_status status = find_link(self, call, upload);

    if (status == BS_OK) {
        status = bsi_sftp_upload_resume(upload, call);
        if (status < 0) {
            release(self, upload->link);
        }
    }
    return status;
}

static bs_status sftp_put_write(void *self, const bs_call *call, void *upload, const void *data,
                                size_t size)
{
    bsi_sftp_upload *one = upload;
    bs_status status = go_on(self, call, one);

    if (status == BS_OK) {
        status = bsi_sftp_upload_write(one, call, data, size);
        release(self, one->link);
    }
    return status;
}

static bs_status sftp_put_patch(void *self, const bs_call *call, void *upload, uint64_t offset,
                                const void *data, size_t size)
{
    (void)self;
    (void)call;
    bsi_sftp_upload_patch(upload, offset, data, size);
    return BS_OK;
}

/* Over another link when the upload's own is broken. */
static void remove_temp(sftp_storage *self, bsi_sftp_upload *upload)
{
    const bs_call brief = {.deadline_ns = bsi_monotonic_ns() + CLEANUP_NS};
    bsi_sftp_link *link = NULL;

    if (upload->link && bsi_sftp_acquire_again(&self->pool, NULL, upload->link) == BS_OK) {
        if (!upload->link->broken) {
            bsi_sftp_upload_remove(upload, upload->link);
            leave(self, upload);
            return;
        }
        leave(self, upload);
    }
    if (bsi_sftp_acquire(&self->pool, &brief, BSI_SFTP_BRIEFLY, &link) == BS_OK) {
        bsi_sftp_upload_remove(upload, link);
        bsi_sftp_release(&self->pool, link);
    }
}

static void sftp_put_abort(void *self, void *upload)
{
    bs_error before;

    bsi_error_save(&before);
    remove_temp(self, upload);
    bsi_error_restore(&before);
    free_upload(upload);
}

static bs_status sftp_put_commit(void *self, const bs_call *call, void *upload)
{
    bsi_sftp_upload *done = upload;
    bs_status status = go_on(self, call, done);

    if (status < 0) {
        return status;
    }
    status = bsi_sftp_upload_commit(done, call);
    age(self);
    if (status < 0) {
        release(self, done->link);
        return status;
    }
    leave(self, done);
    free_upload(done);
    return BS_OK;
}

/* --- The rest --- */

/* Move a file into a directory that may be missing, and may vanish again. */
static bs_status move(const sftp_work *work, const bs_call *call, const char *to_path,
                      bsi_slice to_dir)
{
    bsi_sftp_answer answer = {.body = NULL};
    bsi_sftp_answer made = {.body = NULL};
    bsi_sftp_attrs attrs;

    for (int i = 0; i < RACES_MAX; i++) {
        BSI_TRY(bsi_sftp_stat_file(work->link, call, work->path, &attrs));
        BSI_TRY(bsi_sftp_move(work->link, call, POSIX_RENAME, work->path, to_path, &answer));
        if (!bsi_sftp_said(&answer, BSI_SFTP_NO_SUCH_FILE) ||
            bsi_sftp_said(&made, BSI_SFTP_PERMISSION_DENIED)) {
            break;
        }
        BSI_TRY(bsi_sftp_make_dirs(work->link, call, to_dir, &made));
    }
    if (bsi_sftp_said(&answer, BSI_SFTP_OK)) {
        return BS_OK;
    }
    return bsi_sftp_said(&answer, BSI_SFTP_NO_SUCH_FILE)
               ? bsi_sftp_fail(work->link, &made, "making the directory of", to_path)
               : bsi_sftp_fail(work->link, &answer, "renaming to", to_path);
}

static bs_status move_durably(const sftp_work *work, const bs_call *call, const char *to_path,
                              bsi_slice to_dir)
{
    bsi_slice dir = to_dir;
    bsi_slice name;

    BSI_TRY(move(work, call, to_path, to_dir));
    BSI_TRY(bsi_sftp_sync_dir(work->link, call, dir));
    while (dir.size > 0) {
        bsi_path_split(dir, &dir, &name);
        BSI_TRY(bsi_sftp_sync_dir(work->link, call, dir));
    }
    return prune(work->link, call, work->dir);
}

static bs_status sftp_rename(void *self, const bs_call *call, const char *from, const char *to)
{
    sftp_work work;
    bsi_slice to_dir;
    bsi_slice left;
    bsi_slice name;
    char *to_path = NULL;
    bs_status status = begin_work(self, call, from, &work);

    if (status < 0) {
        return status;
    }
    bsi_path_split(bsi_slice_of(to), &to_dir, &name);
    to_path = bsi_sftp_path(&work.self->config, to_dir, name.data);
    status = to_path ? move_durably(&work, call, to_path, to_dir) : BS_E_NOMEM;
    age(self);
    if (status < 0) {
        bs_error record;
        bsi_error_save(&record);
        const bs_status pruned = bsi_sftp_remove_empty(work.link, NULL, to_dir, &left);
        (void)pruned;
        bsi_error_restore(&record);
    }
    bsi_free(to_path);
    return end_work(&work, call, status);
}

static bs_status sftp_free_space(void *self, const bs_call *call, uint64_t *bytes_out)
{
    sftp_storage *sftp = self;
    bsi_sftp_link *link = NULL;
    bs_status status = BS_OK;

    BSI_TRY(bsi_sftp_acquire(&sftp->pool, call, BSI_SFTP_BRIEFLY, &link));
    status = bsi_sftp_free_bytes(link, call, bytes_out);
    release(sftp, link);
    return status;
}

static bs_status set_time(const sftp_work *work, const bs_call *call, int64_t sec)
{
    const bsi_slice path = bsi_slice_of(work->path);
    bsi_sftp_answer answer = {.body = NULL};
    bsi_sftp_attrs attrs;
    bsi_sftp_writer body;

    BSI_TRY(bsi_sftp_stat_file(work->link, call, work->path, &attrs));
    const bsi_sftp_request request = bsi_sftp_ask(&answer, BSI_SFTP_SETSTAT, path.size + 16);
    BSI_TRY(bsi_sftp_begin(work->link, call, &request, &body));
    bsi_sftp_put_string(&body, path);
    bsi_sftp_put_mtime(&body, sec);
    bsi_sftp_end(work->link, &body);
    BSI_TRY(bsi_sftp_wait(work->link, call, &answer));
    return bsi_sftp_said(&answer, BSI_SFTP_OK)
               ? BS_OK
               : bsi_sftp_fail(work->link, &answer, "setting the time of", work->path);
}

static bs_status sftp_set_mtime(void *self, const bs_call *call, const char *key, int64_t mtime_ns)
{
    const int64_t sec = bsi_sftp_seconds(mtime_ns);
    sftp_work work;
    bs_status status = BS_OK;

    if (!bsi_sftp_time_fits(sec)) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_UNSUPPORTED,
                        "SFTP has times from 1938 to 2074 only, not %" PRId64 " s since 1970", sec);
    }
    status = begin_work(self, call, key, &work);
    return status < 0 ? status : end_work(&work, call, set_time(&work, call, sec));
}

/* What a sweep looks for, and finds. */
typedef struct sftp_sweep {
    sftp_storage *self;
    const bs_call *call;
    int64_t before_ns;
    bool removed; /* The file that was visited last. */
    uint64_t objects;
    uint64_t bytes;
} sftp_sweep;

static bs_status visit_leftover(void *user, const char *key, const char *name,
                                const bs_storage_object *object)
{
    sftp_sweep *sweep = user;
    sftp_work work;
    bs_status status = BS_OK;

    sweep->removed = false;
    if (!is_temp(name) || object->mtime_ns >= sweep->before_ns) {
        return BS_OK;
    }
    BSI_TRY(begin_work(sweep->self, sweep->call, key, &work));
    status = end_work(&work, sweep->call, unlink_file(&work, sweep->call));
    sweep->removed = status == BS_OK;
    sweep->objects += sweep->removed ? 1 : 0;
    sweep->bytes += sweep->removed ? object->size : 0;
    return status == BS_E_NOT_FOUND ? BS_OK : status;
}

static bs_status sftp_sweep_up(void *self, const bs_call *call, int64_t before_ns,
                               uint64_t *objects, uint64_t *bytes)
{
    sftp_sweep sweep = {.self = self, .call = call, .before_ns = before_ns};
    const bsi_sftp_visit visit = {
        .visit = visit_leftover, .user = &sweep, .removed = &sweep.removed};
    const bs_status status = bsi_sftp_walk(&sweep.self->pool, call, "", &visit);

    *objects += sweep.objects;
    *bytes += sweep.bytes;
    return status;
}

static const bs_storage_ops sftp_ops = {
    .struct_size = sizeof(bs_storage_ops),
    .self_size = sizeof(sftp_storage),
    .open = sftp_open,
    .close = sftp_close,
    .caps = sftp_caps,
    .stat = sftp_stat,
    .read = sftp_read,
    .list = sftp_list,
    .remove = sftp_remove,
    .put_begin = sftp_put_begin,
    .put_write = sftp_put_write,
    .put_patch = sftp_put_patch,
    .put_commit = sftp_put_commit,
    .put_abort = sftp_put_abort,
    .rename = sftp_rename,
    .free_space = sftp_free_space,
    .set_mtime = sftp_set_mtime,
    .sweep = sftp_sweep_up,
};

/* The only symbol this file gives away. */
const bs_storage_driver bsi_storage_driver_sftp = {
    .struct_size = sizeof(bs_storage_driver),
    .scheme = "sftp",
    .help = "Files below one directory of a server, over SSH.",
    .ops = &sftp_ops,
    .options = bsi_sftp_options,
};
