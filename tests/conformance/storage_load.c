/* SPDX-License-Identifier: MIT */
/* Lack of memory, and many threads at once. */
#include "conformance/storage_checks.h"

/* Over a network it may have been done all the same. */
static void assert_old_or_done(void **state, const char *key)
{
    bs_storage_object object;
    char content[3];

    if (!has_cap(state, BS_STORAGE_CAP_NETWORK)) {
        assert_content(storage_of(state), key, "old");
        return;
    }
    assert_ok(bsi_storage_stat(storage_of(state), NULL, key, &object));
    assert_int_equal(object.size, sizeof(content));
    assert_ok(bsi_storage_read(storage_of(state), NULL, key, 0, content, sizeof(content)));
    assert_true(memcmp(content, "old", 3) == 0 || memcmp(content, "new", 3) == 0);
}

/* Fail the 1st allocation, then the 2nd, ... until the whole of it needs no more. */
static void running_out_of_memory_changes_nothing(void **state)
{
    bsi_storage *storage = storage_of(state);
    bs_status status = BS_E_NOMEM;
    listed list;

    put_text(storage, "a/k", "old");
    for (long n = 0; status != BS_OK; n++) {
        bsi_alloc_fail_after(n);
        status = bsi_storage_put(storage, NULL, "a/k", "new", 3);
        bsi_alloc_fail_after(-1);
        if (status != BS_OK) {
            assert_int_equal(status, BS_E_NOMEM);
            assert_old_or_done(state, "a/k");
        }
    }
    assert_content(storage, "a/k", "new");
    status = BS_E_NOMEM;
    for (long n = 0; status != BS_OK; n++) {
        list = (listed){.count = 0};
        bsi_alloc_fail_after(n);
        status = bsi_storage_list(storage, NULL, "", collect, &list);
        bsi_alloc_fail_after(-1);
        listed_free(&list);
        assert_true(status == BS_OK || status == BS_E_NOMEM);
    }
}

/* Threads that put, read, list and remove; each checks what it may rely on. */
enum { WORKERS = 4, ROUNDS = 60 };

typedef struct worker {
    bsi_storage *storage;
    char slash; /* Between the components of keys. */
    int number;
    bool failed;
    bs_error error; /* The last one, when it has failed. */
    bsi_thread thread;
} worker;

static bs_status count_objects(void *user, const char *key, const bs_storage_object *object)
{
    int *count = user;

    (void)key;
    (void)object;
    (*count)++;
    return BS_OK;
}

/* The shared key holds one byte value sixteen times over, whoever wrote it last. */
static bool shared_is_whole(bsi_storage *storage, const char *key)
{
    uint8_t back[16];
    const bs_status status = bsi_storage_read(storage, NULL, key, 0, back, sizeof(back));

    if (status == BS_E_NOT_FOUND) {
        return true;
    }
    for (size_t i = 1; i < sizeof(back) && status == BS_OK; i++) {
        if (back[i] != back[0]) {
            return false;
        }
    }
    return status == BS_OK;
}

static bool work_once(const worker *work, int round)
{
    const char slash = work->slash;
    char own[64];
    char common[16];
    uint8_t shared[16];
    uint8_t back[64];
    bool good = true;
    int count = 0;

    (void)snprintf(own, sizeof(own), "d%d%cx%ck%d", round % 3, slash, slash, work->number);
    (void)snprintf(common, sizeof(common), "shared%ck", slash);
    memset(shared, work->number * 16 + round % 16, sizeof(shared));
    good = bsi_storage_put(work->storage, NULL, own, own, sizeof(own)) == BS_OK && good;
    good = bsi_storage_put(work->storage, NULL, common, shared, sizeof(shared)) == BS_OK && good;
    good = bsi_storage_read(work->storage, NULL, own, 0, back, sizeof(own)) == BS_OK && good;
    good = good && memcmp(back, own, sizeof(own)) == 0;
    good = shared_is_whole(work->storage, common) && good;
    if (round % 8 == 0) {
        good = bsi_storage_list(work->storage, NULL, "", count_objects, &count) == BS_OK && good;
        good = good && count > 0;
    }
    good = bsi_storage_remove(work->storage, NULL, own) == BS_OK && good;
    good = bsi_storage_read(work->storage, NULL, own, 0, back, 1) == BS_E_NOT_FOUND && good;
    if (round % 5 == 0) {
        good = bsi_storage_remove(work->storage, NULL, common) == BS_OK && good;
    }
    return good;
}

static void work(void *user)
{
    worker *self = user;

    for (int round = 0; round < ROUNDS && !self->failed; round++) {
        self->failed = !work_once(self, round);
    }
    if (self->failed) {
        self->error = *bs_error_last();
    }
}

static worker new_worker(void **state, int number)
{
    const fixture *fix = *state;

    return (worker){
        .storage = fix->storage, .slash = fix->subject->unsteady ? '.' : '/', .number = number};
}

static void skip_where_unsteady(void **state)
{
    const fixture *fix = *state;

    if (fix->subject->unsteady && !fix->repeats) {
        skip();
    }
}

static void assert_succeeded(const worker *one)
{
    if (one->failed) {
        print_error("%s\n", one->error.message);
    }
    assert_false(one->failed);
}

static void threads_do_not_get_in_each_others_way(void **state)
{
    worker workers[WORKERS];

    skip_where_unsteady(state);
    put_text(storage_of(state), "stays", "");
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = new_worker(state, i);
        assert_ok(bsi_thread_start(&workers[i].thread, "worker", work, &workers[i]));
    }
    for (int i = 0; i < WORKERS; i++) {
        bsi_thread_join(workers[i].thread);
    }
    for (int i = 0; i < WORKERS; i++) {
        assert_succeeded(&workers[i]);
    }
}

static void objects_that_stay_are_listed_while_others_come_and_go(void **state)
{
    worker other = new_worker(state, 1);
    char key[32];

    skip_where_unsteady(state);
    for (int i = 0; i < 20; i++) {
        (void)snprintf(key, sizeof(key), "stay/%d/k", i);
        put_text(storage_of(state), key, "x");
    }
    assert_ok(bsi_thread_start(&other.thread, "worker", work, &other));
    for (int i = 0; i < 20; i++) {
        int count = 0;
        assert_ok(bsi_storage_list(storage_of(state), NULL, "stay", count_objects, &count));
        assert_int_equal(count, 20);
    }
    bsi_thread_join(other.thread);
    assert_succeeded(&other);
}

const behaviour storage_load_behaviours[] = {
    BEHAVIOUR(running_out_of_memory_changes_nothing),
    BEHAVIOUR(threads_do_not_get_in_each_others_way),
    BEHAVIOUR(objects_that_stay_are_listed_while_others_come_and_go),
    {NULL, NULL},
};
