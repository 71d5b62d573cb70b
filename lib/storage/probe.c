/* SPDX-License-Identifier: MIT */
/*
 * One step after the other, each by itself: what one finds wrong does not keep the
 * next from looking.
 */
#include "storage/probe.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "os/random.h"
#include "os/thread.h"
#include "os/time.h"

enum {
    OBJECT_SIZE = 64 * 1024,
    RANGE_OFFSET = 12345,
    RANGE_SIZE = 4321,
    WORKERS = 4,
    KEY_SIZE = 96,
    LEFT_MAX = 16,
    NS_PER_S = 1000000000,
};

/* Older than this is what a probe left that came to no end. */
#define LEFT_AGE ((int64_t)3600 * NS_PER_S)

typedef struct run {
    bsi_storage *storage;
    const bs_call *call;
    bsi_probe *out;
    char folder[KEY_SIZE / 2];
    uint8_t content[OBJECT_SIZE];
    uint8_t read[OBJECT_SIZE];
    int64_t put_at;
} run;

typedef struct worker {
    run *run;
    bsi_thread thread;
    bool started;
    unsigned number;
    bs_error error;
} worker;

static void key_of(const run *self, const char *name, char out[KEY_SIZE])
{
    (void)snprintf(out, KEY_SIZE, "%s/%s", self->folder, name);
}

static bs_status wrong(const char *what)
{
    return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "%s", what);
}

static bs_status put(run *self, const char *name, uint32_t flags)
{
    bs_storage_put_options options = BSI_PUT_DEFAULTS;
    bsi_upload *upload = NULL;
    char key[KEY_SIZE];
    bs_status status = BS_OK;

    key_of(self, name, key);
    options.flags = flags;
    options.expected_size = sizeof(self->content);
    BSI_TRY(bsi_upload_begin(self->storage, self->call, key, &options, &upload));
    status = bsi_upload_write(upload, self->call, self->content, sizeof(self->content));
    if (status < 0) {
        bsi_upload_abort(upload);
        return status;
    }
    return bsi_upload_commit(upload, self->call);
}

/* --- Steps --- */

static bs_status try_put(run *self)
{
    const bsi_time now = bsi_now();

    self->put_at = now.sec * NS_PER_S + now.nsec;
    return put(self, "object", 0);
}

static bs_status try_replace(run *self)
{
    self->content[0] ^= 0xff;
    return put(self, "object", 0);
}

/* Nothing was put, and nothing can be. */
static bool is_read_only(const run *self)
{
    return (bsi_storage_caps(self->storage) & BS_STORAGE_CAP_READ_ONLY) != 0;
}

static bs_status stat_object(run *self)
{
    bs_storage_object object;
    char key[KEY_SIZE];

    key_of(self, "object", key);
    BSI_TRY(bsi_storage_stat(self->storage, self->call, key, &object));
    if (object.mtime_ns != BS_STORAGE_NO_TIME) {
        self->out->clock_is_known = true;
        self->out->clock_ahead_ns = object.mtime_ns - self->put_at;
    }
    return object.size == sizeof(self->content)
               ? BS_OK
               : wrong("an object has another size than was stored");
}

static bs_status try_stat(run *self)
{
    bs_storage_object object;
    char key[KEY_SIZE];

    if (!is_read_only(self)) {
        BSI_TRY(stat_object(self));
    }
    key_of(self, "nothing", key);
    if (bsi_storage_stat(self->storage, self->call, key, &object) != BS_E_NOT_FOUND) {
        return wrong("an object that is not there cannot be told from one that is");
    }
    return BS_OK;
}

static bs_status read_back(run *self, uint64_t offset, size_t size)
{
    char key[KEY_SIZE];

    key_of(self, "object", key);
    BSI_TRY(bsi_storage_read(self->storage, self->call, key, offset, self->read, size));
    return memcmp(self->read, self->content + offset, size) == 0
               ? BS_OK
               : wrong("other bytes come back than were stored");
}

static bs_status try_read(run *self)
{
    return read_back(self, 0, sizeof(self->content));
}

static bs_status try_read_range(run *self)
{
    return read_back(self, RANGE_OFFSET, RANGE_SIZE);
}

typedef struct listing {
    const run *run;
    unsigned own;
    size_t left;
    char keys[LEFT_MAX][KEY_SIZE];
} listing;

static bs_status take_key(void *user, const char *key, const bs_storage_object *object)
{
    listing *self = user;
    char own[KEY_SIZE];

    key_of(self->run, "object", own);
    if (strcmp(key, own) == 0) {
        self->own += object->size == OBJECT_SIZE ? 1 : 0;
    } else if (object->mtime_ns != BS_STORAGE_NO_TIME &&
               object->mtime_ns < self->run->put_at - LEFT_AGE && self->left < LEFT_MAX &&
               strlen(key) < KEY_SIZE) {
        (void)snprintf(self->keys[self->left++], KEY_SIZE, "%s", key);
    }
    return BS_OK;
}

static bs_status try_list(run *self)
{
    listing found = {.run = self};

    BSI_TRY(bsi_storage_list(self->storage, self->call, BSI_PROBE_FOLDER, take_key, &found));
    if (is_read_only(self)) {
        return BS_OK;
    }
    for (size_t i = 0; i < found.left; i++) {
        BSI_TRY(bsi_storage_remove(self->storage, self->call, found.keys[i]));
    }
    return found.own == 1 ? BS_OK : wrong("a listing does not show what was stored");
}

static bs_status try_put_exclusive(run *self)
{
    const bs_status status = put(self, "object", BS_STORAGE_PUT_EXCLUSIVE);

    if (status == BS_OK) {
        return wrong("an object was replaced that was not to be");
    }
    return status == BS_E_EXISTS ? put(self, "exclusive", BS_STORAGE_PUT_EXCLUSIVE) : status;
}

static bs_status try_rename(run *self)
{
    bs_storage_object object;
    char from[KEY_SIZE];
    char to[KEY_SIZE];

    key_of(self, "from", from);
    key_of(self, "to", to);
    BSI_TRY(put(self, "from", 0));
    BSI_TRY(bsi_storage_rename(self->storage, self->call, from, to));
    BSI_TRY(bsi_storage_stat(self->storage, self->call, to, &object));
    return bsi_storage_stat(self->storage, self->call, from, &object) == BS_E_NOT_FOUND
               ? BS_OK
               : wrong("a renamed object is still there");
}

static bs_status work(run *self, unsigned number)
{
    char name[KEY_SIZE / 4];
    char key[KEY_SIZE];
    bs_storage_object object;

    (void)snprintf(name, sizeof(name), "worker-%u", number);
    key_of(self, name, key);
    BSI_TRY(put(self, name, 0));
    BSI_TRY(bsi_storage_stat(self->storage, self->call, key, &object));
    return bsi_storage_remove(self->storage, self->call, key);
}

static void run_worker(void *user)
{
    worker *self = user;

    if (work(self->run, self->number) < 0) {
        bsi_error_save(&self->error);
    }
}

static bs_status try_parallel(run *self)
{
    worker workers[WORKERS];
    bs_status status = BS_OK;

    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i] = (worker){.run = self, .number = i};
        if (status == BS_OK) {
            status = bsi_thread_start(&workers[i].thread, "bs-check", run_worker, &workers[i]);
            workers[i].started = status == BS_OK;
        }
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        if (workers[i].started) {
            bsi_thread_join(workers[i].thread);
        }
        if (status == BS_OK && workers[i].error.code < 0) {
            bsi_error_restore(&workers[i].error);
            status = workers[i].error.code;
        }
    }
    return status;
}

static bs_status try_free_space(run *self)
{
    return bsi_storage_free_space(self->storage, self->call, &self->out->free_bytes);
}

static bs_status try_remove(run *self)
{
    bs_storage_object object;
    char key[KEY_SIZE];

    key_of(self, "object", key);
    BSI_TRY(bsi_storage_remove(self->storage, self->call, key));
    BSI_TRY(bsi_storage_remove(self->storage, self->call, key));
    return bsi_storage_stat(self->storage, self->call, key, &object) == BS_E_NOT_FOUND
               ? BS_OK
               : wrong("a removed object is still there");
}

/* --- All of them --- */

static const struct {
    const char *name;
    uint32_t cap; /* 0: every storage does it. */
    bool puts;    /* It needs an object that was put before, or puts one. */
    bs_status (*run)(run *self);
} steps[] = {
    {"put", 0, true, try_put},
    {"replace", 0, true, try_replace},
    {"stat", 0, false, try_stat},
    {"read", 0, true, try_read},
    {"read_range", BS_STORAGE_CAP_RANGE_READ, true, try_read_range},
    {"list", 0, false, try_list},
    {"put_exclusive", BS_STORAGE_CAP_CONDITIONAL_PUT, true, try_put_exclusive},
    {"rename", BS_STORAGE_CAP_RENAME, true, try_rename},
    {"parallel", 0, true, try_parallel},
    {"free_space", BS_STORAGE_CAP_FREE_SPACE, false, try_free_space},
    {"remove", 0, true, try_remove},
};
_Static_assert(BSI_ARRAY_SIZE(steps) <= BSI_PROBE_STEPS_MAX, "there is room for all of them");

static void clean_up(run *self)
{
    static const char *const names[] = {"object", "exclusive", "from", "to"};
    char key[KEY_SIZE];

    for (size_t i = 0; i < BSI_ARRAY_SIZE(names); i++) {
        key_of(self, names[i], key);
        bsi_storage_remove_quietly(self->storage, key);
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        (void)snprintf(key, sizeof(key), "%s/worker-%u", self->folder, i);
        bsi_storage_remove_quietly(self->storage, key);
    }
}

static bool is_lacking(const run *self, size_t number)
{
    const uint32_t cap = steps[number].cap;

    return (cap != 0 && (bsi_storage_caps(self->storage) & cap) == 0) ||
           (steps[number].puts && is_read_only(self));
}

/* A failure is the storage's, unless it means that nothing more can be tried. */
static bs_status try_step(run *self, size_t number)
{
    bsi_probe_step *step = &self->out->steps[self->out->count++];
    const int64_t began = bsi_monotonic_ns();
    bs_status status = BS_OK;

    *step = (bsi_probe_step){.name = steps[number].name, .result = BSI_PROBE_LACKS};
    if (is_lacking(self, number)) {
        return BS_OK;
    }
    BSI_TRY(bsi_call_check(self->call));
    status = steps[number].run(self);
    step->time_ns = bsi_monotonic_ns() - began;
    step->result = status < 0 ? BSI_PROBE_FAILED : BSI_PROBE_OK;
    if (status < 0) {
        bsi_error_save(&step->error);
    }
    return status == BS_E_NOMEM || status == BS_E_CANCELLED ? status : BS_OK;
}

static bs_status run_steps(run *self)
{
    uint8_t id[BSI_ID_BYTES];
    char text[BS_ID_SIZE];

    BSI_TRY(bsi_random(id, sizeof(id)));
    BSI_TRY(bsi_random(self->content, sizeof(self->content)));
    bsi_id_format(id, text);
    (void)snprintf(self->folder, sizeof(self->folder), "%s/%.16s", BSI_PROBE_FOLDER, text);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(steps); i++) {
        BSI_TRY(try_step(self, i));
        if (i == 0 && self->out->steps[0].result == BSI_PROBE_FAILED) {
            break;
        }
    }
    return BS_OK;
}

bs_status bsi_storage_probe(bsi_storage *storage, const bs_call *call, bsi_probe *out)
{
    run *self = bsi_calloc(1, sizeof(*self));
    bs_status status = BS_OK;

    if (!self) {
        return BS_E_NOMEM;
    }
    memset(out, 0, sizeof(*out));
    out->free_bytes = BS_STORAGE_NO_SIZE;
    self->storage = storage;
    self->call = call;
    self->out = out;
    status = run_steps(self);
    if (self->folder[0] && !is_read_only(self)) {
        clean_up(self);
    }
    bsi_free(self);
    return status;
}
