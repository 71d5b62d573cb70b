/* SPDX-License-Identifier: MIT */
/*
 * A storage driver from outside of the library: objects in a list in memory.
 *
 *     custom_storage STATE SOURCE TARGET
 *
 * One lock guards the list; bytes are copied in and out while it is held. An
 * object that is being put is known to nobody until it is committed.
 */
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <backupsvc.h>
#include <backupsvc/sys/error.h>
#include <backupsvc/sys/storage_driver.h>

typedef struct object {
    struct object *next;
    char *key;
    unsigned char *data;
    size_t size;
    size_t room;
    int64_t mtime_ns;
    uint32_t flags;
} object;

typedef struct shelf_state {
    pthread_mutex_t lock;
    object *first;
} shelf_state;

static void object_free(object *one)
{
    if (one) {
        free(one->key);
        free(one->data);
        free(one);
    }
}

/* The link that points at the object, or the NULL link at the end. Lock held. */
static object **find_link(shelf_state *shelf, const char *key)
{
    object **link = &shelf->first;

    while (*link && strcmp((*link)->key, key) != 0) {
        link = &(*link)->next;
    }
    return link;
}

static bs_status shelf_open(void *self, const bs_call *call, const bs_storage_settings *settings)
{
    shelf_state *shelf = self;

    (void)call;
    (void)settings;
    return pthread_mutex_init(&shelf->lock, NULL) == 0 ? BS_OK
                                                       : bs_error_set(BS_E_NOMEM, "no lock");
}

static void shelf_close(void *self)
{
    shelf_state *shelf = self;

    while (shelf->first) {
        object *one = shelf->first;

        shelf->first = one->next;
        object_free(one);
    }
    (void)pthread_mutex_destroy(&shelf->lock);
}

static uint32_t shelf_caps(void *self)
{
    (void)self;
    return BS_STORAGE_CAP_RANGE_READ | BS_STORAGE_CAP_CONDITIONAL_PUT | BS_STORAGE_CAP_STRONG_LIST |
           BS_STORAGE_CAP_PATCH | BS_STORAGE_CAP_MTIME | BS_STORAGE_CAP_ANY_BYTES |
           BS_STORAGE_CAP_CASE | BS_STORAGE_CAP_RENAME | BS_STORAGE_CAP_SERVER_COPY;
}

static bs_status shelf_stat(void *self, const bs_call *call, const char *key,
                            bs_storage_object *out)
{
    shelf_state *shelf = self;
    const object *one = NULL;

    (void)call;
    (void)pthread_mutex_lock(&shelf->lock);
    one = *find_link(shelf, key);
    if (one) {
        out->size = one->size;
        out->mtime_ns = one->mtime_ns;
    }
    (void)pthread_mutex_unlock(&shelf->lock);
    return one ? BS_OK : bs_error_set(BS_E_NOT_FOUND, "no such object");
}

static bs_status shelf_read(void *self, const bs_call *call, const char *key, uint64_t offset,
                            void *buf, size_t size)
{
    shelf_state *shelf = self;
    const object *one = NULL;
    bs_status status = BS_OK;

    (void)call;
    (void)pthread_mutex_lock(&shelf->lock);
    one = *find_link(shelf, key);
    if (!one) {
        status = bs_error_set(BS_E_NOT_FOUND, "no such object");
    } else if (offset > one->size || size > one->size - offset) {
        status = bs_error_set(BS_E_RANGE, "the object ends earlier");
    } else {
        memcpy(buf, one->data + offset, size);
    }
    (void)pthread_mutex_unlock(&shelf->lock);
    return status;
}

static bool lies_below(const char *key, const char *prefix)
{
    size_t length = strlen(prefix);

    return length == 0 || (strncmp(key, prefix, length) == 0 && key[length] == '/');
}

/* The keys below a prefix, copied: the callback may use the storage, so no lock is held then. */
static char **copy_keys(shelf_state *shelf, const char *prefix, size_t *count_out)
{
    size_t count = 0;
    char **keys = NULL;

    for (const object *one = shelf->first; one; one = one->next) {
        count += lies_below(one->key, prefix);
    }
    keys = calloc(count + 1, sizeof(*keys));
    count = 0;
    for (const object *one = shelf->first; keys && one; one = one->next) {
        if (lies_below(one->key, prefix)) {
            keys[count] = strdup(one->key);
            count += keys[count] != NULL;
        }
    }
    *count_out = count;
    return keys;
}

static bs_status shelf_list(void *self, const bs_call *call, const char *prefix,
                            bs_storage_list_cb callback, void *user)
{
    shelf_state *shelf = self;
    char **keys = NULL;
    size_t count = 0;
    bs_status status = BS_OK;

    (void)pthread_mutex_lock(&shelf->lock);
    keys = copy_keys(shelf, prefix, &count);
    (void)pthread_mutex_unlock(&shelf->lock);
    if (!keys) {
        return bs_error_set(BS_E_NOMEM, NULL);
    }
    for (size_t i = 0; i < count; i++) {
        bs_storage_object found = {0};

        /* What has gone meanwhile is left out. */
        if (status == BS_OK && shelf_stat(self, call, keys[i], &found) == BS_OK) {
            status = callback(user, keys[i], &found);
        }
        free(keys[i]);
    }
    free(keys);
    return status;
}

static bs_status shelf_remove(void *self, const bs_call *call, const char *key)
{
    shelf_state *shelf = self;
    object **link = NULL;
    object *one = NULL;

    (void)call;
    (void)pthread_mutex_lock(&shelf->lock);
    link = find_link(shelf, key);
    one = *link;
    if (one) {
        *link = one->next;
    }
    (void)pthread_mutex_unlock(&shelf->lock);
    object_free(one);
    return BS_OK;
}

static bs_status shelf_put_begin(void *self, const bs_call *call, const char *key,
                                 const bs_storage_put_options *options, void **upload_out)
{
    object *one = calloc(1, sizeof(*one));

    (void)self;
    (void)call;
    if (one) {
        one->key = strdup(key);
        one->flags = options->flags;
        one->mtime_ns = options->mtime_ns;
    }
    if (!one || !one->key) {
        object_free(one);
        return bs_error_set(BS_E_NOMEM, NULL);
    }
    if (one->mtime_ns == BS_STORAGE_NO_TIME) {
        one->mtime_ns = (int64_t)time(NULL) * 1000000000;
    }
    *upload_out = one;
    return BS_OK;
}

static bs_status shelf_put_write(void *self, const bs_call *call, void *upload, const void *data,
                                 size_t size)
{
    object *one = upload;

    (void)self;
    (void)call;
    if (size > one->room - one->size) {
        size_t room = (one->size + size) * 2;
        unsigned char *grown = realloc(one->data, room);

        if (!grown) {
            return bs_error_set(BS_E_NOMEM, NULL);
        }
        one->data = grown;
        one->room = room;
    }
    memcpy(one->data + one->size, data, size);
    one->size += size;
    return BS_OK;
}

static bs_status shelf_put_patch(void *self, const bs_call *call, void *upload, uint64_t offset,
                                 const void *data, size_t size)
{
    object *one = upload;

    (void)self;
    (void)call;
    memcpy(one->data + offset, data, size);
    return BS_OK;
}

static bs_status shelf_put_commit(void *self, const bs_call *call, void *upload)
{
    shelf_state *shelf = self;
    object *one = upload;
    object *old = NULL;
    object **link = NULL;
    bool taken = false;

    (void)call;
    (void)pthread_mutex_lock(&shelf->lock);
    link = find_link(shelf, one->key);
    old = *link;
    taken = old && (one->flags & BS_STORAGE_PUT_EXCLUSIVE);
    if (!taken) {
        one->next = old ? old->next : NULL;
        *link = one;
    }
    (void)pthread_mutex_unlock(&shelf->lock);
    object_free(taken ? one : old);
    return taken ? bs_error_set(BS_E_EXISTS, "there is such an object") : BS_OK;
}

static void shelf_put_abort(void *self, void *upload)
{
    (void)self;
    object_free(upload);
}

static bs_status shelf_rename(void *self, const bs_call *call, const char *from, const char *to)
{
    shelf_state *shelf = self;
    char *key = strdup(to);
    object *one = NULL;
    object *old = NULL;
    object **link = NULL;

    (void)call;
    if (!key) {
        return bs_error_set(BS_E_NOMEM, NULL);
    }
    (void)pthread_mutex_lock(&shelf->lock);
    one = *find_link(shelf, from);
    if (one && strcmp(from, to) != 0) {
        link = find_link(shelf, to);
        old = *link;
        if (old) {
            *link = old->next;
        }
        free(one->key);
        one->key = key;
        key = NULL;
    }
    (void)pthread_mutex_unlock(&shelf->lock);
    object_free(old);
    free(key);
    return one ? BS_OK : bs_error_set(BS_E_NOT_FOUND, "no such object");
}

static const bs_storage_ops shelf_ops = {
    .struct_size = sizeof(bs_storage_ops),
    .self_size = sizeof(shelf_state),
    .open = shelf_open,
    .close = shelf_close,
    .caps = shelf_caps,
    .stat = shelf_stat,
    .read = shelf_read,
    .list = shelf_list,
    .remove = shelf_remove,
    .put_begin = shelf_put_begin,
    .put_write = shelf_put_write,
    .put_patch = shelf_put_patch,
    .put_commit = shelf_put_commit,
    .put_abort = shelf_put_abort,
    .rename = shelf_rename,
};

static const bs_storage_driver shelf_driver = {
    .struct_size = sizeof(bs_storage_driver),
    .scheme = "shelf",
    .help = "Objects in memory; gone when the storage is closed.",
    .ops = &shelf_ops,
};

static bs_status back_up_and_restore(bs_service *service, const char *source, const char *target)
{
    bs_backup_options backup = BS_BACKUP_OPTIONS_INIT;
    bs_restore_options restore = BS_RESTORE_OPTIONS_INIT;
    char id[BS_ID_SIZE];
    bs_status status = BS_OK;

    backup.name = "custom";
    backup.source_paths = (const char *const[]){source, NULL};
    backup.storage = "memory";
    restore.backup_id = "latest:custom";
    restore.restore_path = target;

    status = bs_service_add_storage(service, "memory", "shelf", NULL);
    if (status >= 0) {
        status = bs_backup_start(service, &backup, id);
    }
    if (status >= 0) {
        status = bs_backup_wait(service, id, BS_FOREVER);
    }
    if (status >= 0) {
        status = bs_restore_start(service, &restore, id);
    }
    if (status >= 0) {
        status = bs_restore_wait(service, id, BS_FOREVER);
    }
    return status;
}

int main(int argc, char **argv)
{
    bs_service_options options = BS_SERVICE_OPTIONS_INIT;
    bs_service *service = NULL;
    int code = 0;

    if (argc != 4) {
        return 2;
    }
    options.state_path = argv[1];
    /* Drivers are registered before the first storage is opened. */
    if (bs_storage_driver_register(&shelf_driver) < 0 || bs_service_open(&options, &service) < 0 ||
        back_up_and_restore(service, argv[2], argv[3]) < 0) {
        (void)fprintf(stderr, "%s\n", bs_error_last()->message);
        code = 1;
    }
    bs_service_close(service);
    return code;
}
