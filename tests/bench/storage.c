/* SPDX-License-Identifier: MIT */
/*
 * bench-storage ACTION AT_ONCE PREFIX WHAT DRIVER [SETTING=VALUE...]
 *
 * One operation on a storage as backups open it, without a service around it:
 *     put     the files of the folder WHAT, under their names below PREFIX
 *     get     all objects below PREFIX, into the folder WHAT
 *     list    what is below PREFIX, which must be WHAT objects
 *     fill    WHAT objects of some bytes below PREFIX, a thousand in a directory
 *     remove  all objects below PREFIX; WHAT is not looked at
 * AT_ONCE threads share the objects.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/thread.h"
#include "storage/decorators/retry.h"
#include "storage/storage.h"

enum { BLOCK = 8 * 1024 * 1024, AT_ONCE_MAX = 64, SETTINGS_MAX = 32, PER_DIRECTORY = 1000 };

typedef struct object {
    char *name; /* Of a file; of an object it is the whole key. */
    uint64_t size;
} object;

typedef struct work {
    const char *prefix;
    const char *folder; /* Open as `dir`, where one is named. */
    int dir;
    bsi_storage *storage;
    object *objects;
    size_t count;
    size_t room;
    atomic_size_t next;
    void (*one)(const struct work *work, const object *one, uint8_t *block);
} work;

static void give_up(const char *what)
{
    (void)fprintf(stderr, "%s: %s\n", what, bs_error_last()->message);
    exit(1);
}

static void need(bool good, const char *what)
{
    if (!good) {
        perror(what);
        exit(1);
    }
}

static void add(work *self, const char *name, uint64_t size)
{
    if (self->count == self->room) {
        self->room = self->room > 0 ? 2 * self->room : 1024;
        self->objects = realloc(self->objects, self->room * sizeof(object));
        need(self->objects, "memory");
    }
    self->objects[self->count] = (object){strdup(name), size};
    need(self->objects[self->count].name, "memory");
    self->count++;
}

/* --- What is done with one object --- */

static void put(const work *self, const object *one, uint8_t *block)
{
    bs_storage_put_options options = BSI_PUT_DEFAULTS;
    bsi_upload *upload = NULL;
    char key[BS_STORAGE_KEY_MAX + 1];
    const int fd = openat(self->dir, one->name, O_RDONLY | O_CLOEXEC);
    ssize_t got = 0;

    need(fd >= 0, one->name);
    (void)snprintf(key, sizeof(key), "%s/%s", self->prefix, one->name);
    options.expected_size = one->size;
    if (bsi_upload_begin(self->storage, NULL, key, &options, &upload) < 0) {
        give_up(key);
    }
    while ((got = read(fd, block, BLOCK)) > 0) {
        if (bsi_upload_write(upload, NULL, block, (size_t)got) < 0) {
            give_up(key);
        }
    }
    need(got == 0, one->name);
    if (bsi_upload_commit(upload, NULL) < 0) {
        give_up(key);
    }
    (void)close(fd);
}

static void get(const work *self, const object *one, uint8_t *block)
{
    const char *name = one->name + strlen(self->prefix) + 1;
    const int fd = openat(self->dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    need(fd >= 0, name);
    for (uint64_t at = 0; at < one->size;) {
        const size_t size = one->size - at < BLOCK ? (size_t)(one->size - at) : BLOCK;
        if (bsi_storage_read(self->storage, NULL, one->name, at, block, size) < 0) {
            give_up(one->name);
        }
        need(write(fd, block, size) == (ssize_t)size, name);
        at += size;
    }
    need(close(fd) == 0, name);
}

static void fill(const work *self, const object *one, uint8_t *block)
{
    (void)block;
    if (bsi_storage_put(self->storage, NULL, one->name, one->name, 16) < 0) {
        give_up(one->name);
    }
}

static void remove_one(const work *self, const object *one, uint8_t *block)
{
    (void)block;
    if (bsi_storage_remove(self->storage, NULL, one->name) < 0) {
        give_up(one->name);
    }
}

/* --- All of them --- */

static void go_through(void *user)
{
    work *self = user;
    uint8_t *block = malloc(BLOCK);

    need(block, "memory");
    for (;;) {
        const size_t i = atomic_fetch_add(&self->next, 1);
        if (i >= self->count) {
            break;
        }
        self->one(self, &self->objects[i], block);
    }
    free(block);
}

static void do_all(work *self, size_t at_once)
{
    bsi_thread threads[AT_ONCE_MAX];

    for (size_t i = 0; i < at_once; i++) {
        if (bsi_thread_start(&threads[i], "bench", go_through, self) < 0) {
            give_up("thread");
        }
    }
    for (size_t i = 0; i < at_once; i++) {
        bsi_thread_join(threads[i]);
    }
}

static bs_status take_object(void *user, const char *key, const bs_storage_object *about)
{
    add(user, key, about->size);
    return BS_OK;
}

static void list(work *self)
{
    if (bsi_storage_list(self->storage, NULL, self->prefix, take_object, self) < 0) {
        give_up(self->prefix);
    }
}

static void open_folder(work *self)
{
    self->dir = open(self->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    need(self->dir >= 0, self->folder);
}

static void take_files(work *self)
{
    DIR *dir = fdopendir(dup(self->dir));
    const struct dirent *entry = NULL;

    need(dir, self->folder);
    while ((entry = readdir(dir))) {
        struct stat about;
        need(fstatat(dirfd(dir), entry->d_name, &about, 0) == 0, entry->d_name);
        if (S_ISREG(about.st_mode)) {
            add(self, entry->d_name, (uint64_t)about.st_size);
        }
    }
    (void)closedir(dir);
}

static void make_names(work *self, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char key[BS_STORAGE_KEY_MAX + 1];
        (void)snprintf(key, sizeof(key), "%s/%04zu/%06zu", self->prefix, i / PER_DIRECTORY, i);
        add(self, key, 0);
    }
}

static void run(work *self, const char *action, size_t at_once, const char *what)
{
    if (strcmp(action, "put") == 0) {
        open_folder(self);
        take_files(self);
        self->one = put;
    } else if (strcmp(action, "get") == 0) {
        open_folder(self);
        list(self);
        self->one = get;
    } else if (strcmp(action, "fill") == 0) {
        make_names(self, strtoul(what, NULL, 10));
        self->one = fill;
    } else if (strcmp(action, "remove") == 0) {
        list(self);
        self->one = remove_one;
    } else {
        list(self);
        if (self->count != strtoul(what, NULL, 10)) {
            (void)fprintf(stderr, "%zu objects instead of %s\n", self->count, what);
            exit(1);
        }
        return;
    }
    do_all(self, at_once);
}

static bsi_storage *open_storage(const char *driver, char **words, size_t count)
{
    bsi_setting settings[SETTINGS_MAX];
    bsi_storage *inner = NULL;
    bsi_storage *out = NULL;

    for (size_t i = 0; i < count; i++) {
        char *equals = strchr(words[i], '=');
        if (!equals || i == SETTINGS_MAX) {
            (void)fprintf(stderr, "settings are NAME=VALUE, at most %d\n", SETTINGS_MAX);
            exit(1);
        }
        *equals = '\0';
        settings[i] = (bsi_setting){words[i], equals + 1};
    }
    if (bsi_storage_open(driver, settings, count, NULL, &inner) < 0 ||
        bsi_storage_retry_new(inner, NULL, &out) < 0) {
        give_up("opening");
    }
    bsi_storage_unref(inner);
    return out;
}

int main(int argc, char **argv)
{
    size_t at_once = 0;
    work self = {.count = 0};

    if (argc < 6) {
        (void)fprintf(stderr, "usage: see the head of the source\n");
        return 2;
    }
    at_once = strtoul(argv[2], NULL, 10);
    if (at_once < 1 || at_once > AT_ONCE_MAX) {
        (void)fprintf(stderr, "1 to %d at once\n", AT_ONCE_MAX);
        return 2;
    }
    self.prefix = argv[3];
    self.folder = argv[4];
    self.storage = open_storage(argv[5], argv + 6, (size_t)(argc - 6));
    run(&self, argv[1], at_once, argv[4]);
    for (size_t i = 0; i < self.count; i++) {
        free(self.objects[i].name);
    }
    free(self.objects);
    bsi_storage_unref(self.storage);
    return 0;
}
