/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/identity.h"
#include "os/time.h"
#include "repo/locks.h"
#include "storage/decorators/faulty.h"

enum { ROOM = 64 * 1024, MINUTE = 60 };

static const bsi_repo_options cheap = {.cost = {.log_n = 1, .r = 1, .p = 1}};
static const bsi_lock_waits no_waits;

/* --- A storage that tells when a lock has been written --- */

static bsi_storage *inner;
static void (*when_locked)(void);

static bs_status watched_open(void *self, const bs_call *call, const bs_storage_settings *settings)
{
    (void)self;
    (void)settings;
    return bsi_storage_open("mem", NULL, 0, call, &inner);
}

static void watched_close(void *self)
{
    (void)self;
    bsi_storage_unref(inner);
}

static uint32_t watched_caps(void *self)
{
    (void)self;
    return bsi_storage_caps(inner);
}

static bs_status watched_stat(void *self, const bs_call *call, const char *key,
                              bs_storage_object *out)
{
    (void)self;
    return bsi_storage_stat(inner, call, key, out);
}

static bs_status watched_read(void *self, const bs_call *call, const char *key, uint64_t offset,
                              void *buf, size_t size)
{
    (void)self;
    return bsi_storage_read(inner, call, key, offset, buf, size);
}

static bs_status watched_list(void *self, const bs_call *call, const char *prefix,
                              bs_storage_list_cb callback, void *user)
{
    (void)self;
    return bsi_storage_list(inner, call, prefix, callback, user);
}

static bs_status watched_remove(void *self, const bs_call *call, const char *key)
{
    (void)self;
    return bsi_storage_remove(inner, call, key);
}

static bs_status watched_begin(void *self, const bs_call *call, const char *key,
                               const bs_storage_put_options *options, void **upload_out)
{
    (void)self;
    return bsi_upload_begin(inner, call, key, options, (bsi_upload **)upload_out);
}

static bs_status watched_write(void *self, const bs_call *call, void *upload, const void *data,
                               size_t size)
{
    (void)self;
    return bsi_upload_write(upload, call, data, size);
}

static bs_status watched_commit(void *self, const bs_call *call, void *upload)
{
    void (*then)(void) = when_locked;
    bs_status status = BS_OK;

    (void)self;
    when_locked = NULL;
    status = bsi_upload_commit(upload, call);
    if (then) {
        then();
    }
    return status;
}

static void watched_abort(void *self, void *upload)
{
    (void)self;
    bsi_upload_abort(upload);
}

static const bs_storage_ops watched_ops = {
    .struct_size = sizeof(bs_storage_ops),
    .self_size = 1,
    .open = watched_open,
    .close = watched_close,
    .caps = watched_caps,
    .stat = watched_stat,
    .read = watched_read,
    .list = watched_list,
    .remove = watched_remove,
    .put_begin = watched_begin,
    .put_write = watched_write,
    .put_commit = watched_commit,
    .put_abort = watched_abort,
};

static const bs_storage_driver watched = {
    .struct_size = sizeof(bs_storage_driver),
    .scheme = "watched",
    .help = "A storage in memory that tells when something was put.",
    .ops = &watched_ops,
};

/* --- Repositories --- */

static bsi_repo *repo;
static bsi_storage *faulty;

static int setup(void **state)
{
    bsi_storage *storage = NULL;

    (void)state;
    assert_ok(bsi_storage_open("watched", NULL, 0, NULL, &storage));
    assert_ok(bsi_storage_faulty_new(storage, &faulty));
    const bsi_repo_place place = {.storage = faulty, .folder = "r"};
    assert_ok(bsi_repo_init(&place, NULL, &cheap, NULL, &repo));
    bsi_storage_unref(storage);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bsi_clock_shift(0);
    when_locked = NULL;
    bsi_repo_close(repo);
    bsi_storage_unref(faulty);
    return 0;
}

static bs_status take(bool exclusive, bsi_repo_lock **out)
{
    return bsi_repo_lock_take(repo, NULL, exclusive, &no_waits, out);
}

static bsi_repo_lock *taken(bool exclusive)
{
    bsi_repo_lock *lock = NULL;

    assert_ok(take(exclusive, &lock));
    return lock;
}

static size_t count_locks(void)
{
    bsi_repo_files files;
    size_t count = 0;

    assert_ok(bsi_repo_list(repo, NULL, BSI_REPO_LOCKS, &files));
    count = files.count;
    bsi_repo_files_dispose(&files);
    return count;
}

/* A lock of somebody, so many seconds old. */
static bsi_digest put_lock_of(const char *table, const char *host, uint32_t pid, bool exclusive,
                              int64_t age_sec)
{
    bsi_lock_info info = {
        .time = bsi_go_time_now(),
        .exclusive = exclusive,
        .hostname = bsi_slice_of(host),
        .username = bsi_slice_of("somebody"),
        .pid = pid,
        .table = bsi_slice_of(table),
    };
    bsi_digest id;
    bsi_buf json;

    info.time.sec -= age_sec;
    bsi_buf_init(&json, ROOM);
    assert_ok(bsi_lock_info_write(&info, &json));
    assert_ok(bsi_repo_save(repo, NULL, BSI_REPO_LOCKS, bsi_buf_slice(&json), &id));
    bsi_buf_dispose(&json);
    return id;
}

static bsi_digest put_lock(const char *host, uint32_t pid, bool exclusive, int64_t age_sec)
{
    return put_lock_of("", host, pid, exclusive, age_sec);
}

static void put_raw(const char *id, const char *text)
{
    char key[128];

    (void)snprintf(key, sizeof(key), "r/locks/%s", id);
    assert_ok(bsi_storage_put(faulty, NULL, key, text, strlen(text)));
}

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

/* --- Taking and leaving --- */

static void shared_locks_go_together_and_an_exclusive_one_alone(void **state)
{
    bsi_repo_lock *one = taken(false);
    bsi_repo_lock *two = taken(false);
    bsi_repo_lock *lock = NULL;

    (void)state;
    assert_int_equal(count_locks(), 2);
    assert_status(take(true, &lock), BS_E_BUSY);
    assert_ok(bsi_repo_lock_release(one));
    assert_status(take(true, &lock), BS_E_BUSY);
    assert_ok(bsi_repo_lock_release(two));
    one = taken(true);
    assert_status(take(true, &lock), BS_E_BUSY);
    assert_status(take(false, &lock), BS_E_BUSY);
    assert_int_equal(count_locks(), 1);
    assert_ok(bsi_repo_lock_release(one));
    assert_int_equal(count_locks(), 0);
    assert_null(lock);
    assert_ok(bsi_repo_lock_release(NULL));
}

static bs_status check_own(void *user, const bsi_digest *id, const bsi_lock_info *info)
{
    const bsi_repo_lock *lock = user;
    bsi_identity here;
    bool stale = true;

    assert_ok(bsi_identity_get(&here));
    assert_non_null(info);
    assert_true(bsi_digest_equal(id, bsi_repo_lock_id(lock)));
    assert_true(bsi_slice_is(info->hostname, here.host));
    assert_int_equal(info->pid, getpid());
    assert_int_equal(info->uid, getuid());
    assert_true(info->exclusive);
    assert_ok(bsi_repo_lock_is_stale(info, &stale));
    assert_false(stale);
    return BS_OK;
}

static void a_lock_says_who_holds_it(void **state)
{
    bsi_repo_lock *lock = taken(true);

    (void)state;
    assert_ok(bsi_repo_lock_list(repo, NULL, check_own, lock));
    assert_ok(bsi_repo_lock_release(lock));
}

static void somebody_else_comes(void)
{
    (void)put_lock("far", 1, false, 0);
}

static void somebody_else_comes_exclusively(void)
{
    (void)put_lock("far", 1, true, 0);
}

/* Both had looked before either had written: the second look finds it out. */
static void of_two_who_come_at_once_one_goes_away(void **state)
{
    bsi_repo_lock *lock = NULL;
    size_t removed = 0;

    (void)state;
    when_locked = somebody_else_comes;
    assert_status(take(true, &lock), BS_E_BUSY);
    assert_int_equal(count_locks(), 1);
    assert_ok(bsi_repo_unlock(repo, NULL, true, &removed));
    when_locked = somebody_else_comes_exclusively;
    assert_status(take(false, &lock), BS_E_BUSY);
    assert_int_equal(count_locks(), 1);
    assert_ok(bsi_repo_unlock(repo, NULL, true, &removed));
    when_locked = somebody_else_comes;
    assert_ok(take(false, &lock));
    assert_int_equal(count_locks(), 2);
    assert_ok(bsi_repo_lock_release(lock));
}

static bsi_cancel cancel;

static void give_up(void)
{
    bsi_cancel_request(&cancel);
}

static void who_gives_up_leaves_no_lock(void **state)
{
    const bs_call call = {.cancel = &cancel};
    bsi_repo_lock *lock = NULL;

    (void)state;
    when_locked = give_up;
    assert_status(bsi_repo_lock_take(repo, &call, false, &no_waits, &lock), BS_E_CANCELLED);
    assert_int_equal(count_locks(), 0);
}

static void whatever_fails_no_lock_is_left(void **state)
{
    bs_status status = BS_E_IO;

    (void)state;
    for (uint64_t at = 1; status != BS_OK; at++) {
        const bsi_faulty_plan plan = {.at = (at + 1) / 2, .code = BS_E_IO, .after = at % 2 == 1};
        bsi_repo_lock *lock = NULL;

        bsi_storage_faulty_set(faulty, &plan);
        status = take(true, &lock);
        bsi_storage_faulty_set(faulty, NULL);
        assert_int_equal(count_locks(), status == BS_OK);
        assert_ok(bsi_repo_lock_release(lock));
    }
}

/* --- Files that are no locks --- */

static void an_empty_file_is_no_lock(void **state)
{
    (void)state;
    put_raw(ID_A, "");
    assert_ok(bsi_repo_lock_release(taken(true)));
    assert_int_equal(count_locks(), 1);
}

static void a_file_that_cannot_be_read_is_in_everybodys_way(void **state)
{
    bsi_repo_lock *lock = NULL;
    size_t removed = 0;

    (void)state;
    put_raw(ID_A, "garbage");
    assert_status(take(false, &lock), BS_E_CORRUPT);
    assert_non_null(strstr(bs_error_last()->message, "a lock of the repository cannot be read"));
    assert_int_equal(count_locks(), 1);
    assert_ok(bsi_repo_unlock(repo, NULL, false, &removed));
    assert_int_equal(removed, 0);
    put_raw(ID_B, "");
    assert_ok(bsi_repo_unlock(repo, NULL, true, &removed));
    assert_int_equal(removed, 2);
    assert_ok(bsi_repo_lock_release(taken(true)));
}

/* --- Stale locks --- */

/* The number of a process that has ended. */
static uint32_t dead_process(void)
{
    const pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        _exit(0);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    return (uint32_t)child;
}

static void stale_locks_are_removed_and_no_others(void **state)
{
    bsi_identity here;
    size_t removed = 0;

    (void)state;
    assert_ok(bsi_identity_get(&here));
    (void)put_lock("far", 1, true, 29 * MINUTE);
    (void)put_lock(here.host, here.pid, true, 29 * MINUTE);
    (void)put_lock("far", 1, true, -60 * MINUTE);
    assert_ok(bsi_repo_unlock(repo, NULL, false, &removed));
    assert_int_equal(removed, 0);
    (void)put_lock("far", 1, true, 31 * MINUTE);
    (void)put_lock(here.host, here.pid, true, 31 * MINUTE);
    (void)put_lock(here.host, dead_process(), true, 0);
    assert_ok(bsi_repo_unlock(repo, NULL, false, &removed));
    assert_int_equal(removed, 3);
    assert_int_equal(count_locks(), 3);
}

/* As with restic: only unlocking removes what is stale by its age. */
static void a_stale_lock_is_in_the_way_and_named(void **state)
{
    bsi_repo_lock *lock = NULL;
    size_t removed = 0;

    (void)state;
    (void)put_lock("far", 17, true, 3600);
    assert_status(take(false, &lock), BS_E_BUSY);
    assert_string_equal(bs_error_last()->message,
                        "the repository is locked exclusively by process 17 of somebody on far, "
                        "since 3600 seconds; that lock is stale and can be removed");
    assert_ok(bsi_repo_unlock(repo, NULL, false, &removed));
    assert_int_equal(removed, 1);
    assert_ok(bsi_repo_lock_release(taken(false)));
}

/* Only what is in the way goes, and only when nobody has it any more. */
static void the_lock_of_who_was_killed_here_is_not_waited_for(void **state)
{
    const uint32_t dead = dead_process();
    bsi_repo_lock *lock = NULL;
    bsi_identity here;

    (void)state;
    assert_ok(bsi_identity_get(&here));
    assert_true(here.table[0] != '\0');
    (void)put_lock_of(here.table, here.host, dead, false, 0);
    assert_ok(bsi_repo_lock_release(taken(false)));
    assert_int_equal(count_locks(), 1);
    assert_ok(bsi_repo_lock_release(taken(true)));
    assert_int_equal(count_locks(), 0);
    (void)put_lock_of(here.table, here.host, dead, true, 0);
    assert_ok(bsi_repo_lock_release(taken(false)));
    assert_int_equal(count_locks(), 0);
    (void)put_lock_of(here.table, "far", dead, false, 0);
    (void)put_lock_of(here.table, here.host, here.pid, false, 0);
    assert_status(take(true, &lock), BS_E_BUSY);
    assert_int_equal(count_locks(), 2);
}

/* Machines may have the same name, and the containers of one have their own processes. */
static void who_may_run_elsewhere_is_waited_for(void **state)
{
    static const char *const tables[] = {"", "0-1 pid:[2]"};
    bsi_repo_lock *lock = NULL;
    bsi_identity here;

    (void)state;
    assert_ok(bsi_identity_get(&here));
    for (size_t i = 0; i < BSI_ARRAY_SIZE(tables); i++) {
        (void)put_lock_of(tables[i], here.host, dead_process(), true, 0);
        assert_status(take(false, &lock), BS_E_BUSY);
        assert_int_equal(count_locks(), i + 1);
    }
}

/* Where it cannot be removed it is named, as any other. */
static void a_lock_that_cannot_be_removed_stays_in_the_way(void **state)
{
    const bsi_faulty_plan plan = {
        .op_mask = BSI_FAULTY_REMOVE, .at = 1, .code = BS_E_READ_ONLY, .forever = true};
    bsi_repo_lock *lock = NULL;
    bsi_identity here;

    (void)state;
    assert_ok(bsi_identity_get(&here));
    (void)put_lock_of(here.table, here.host, dead_process(), true, 0);
    bsi_storage_faulty_set(faulty, &plan);
    assert_status(take(false, &lock), BS_E_BUSY);
    bsi_storage_faulty_set(faulty, NULL);
    assert_non_null(strstr(bs_error_last()->message, "that lock is stale and can be removed"));
    assert_int_equal(count_locks(), 1);
}

/* --- Keeping --- */

static void a_lock_is_written_anew_when_it_is_due(void **state)
{
    bsi_repo_lock *lock = taken(true);
    const bsi_digest first = *bsi_repo_lock_id(lock);

    (void)state;
    bsi_clock_shift(4 * MINUTE);
    assert_ok(bsi_repo_lock_keep(lock, NULL));
    assert_true(bsi_digest_equal(&first, bsi_repo_lock_id(lock)));
    bsi_clock_shift(5 * MINUTE + 1);
    assert_ok(bsi_repo_lock_keep(lock, NULL));
    assert_false(bsi_digest_equal(&first, bsi_repo_lock_id(lock)));
    assert_int_equal(count_locks(), 1);
    assert_ok(bsi_repo_lock_list(repo, NULL, check_own, lock));
    assert_ok(bsi_repo_lock_release(lock));
    assert_int_equal(count_locks(), 0);
}

static void who_has_lost_the_lock_is_told(void **state)
{
    bsi_repo_lock *lock = taken(false);
    size_t removed = 0;

    (void)state;
    assert_ok(bsi_repo_unlock(repo, NULL, true, &removed));
    assert_int_equal(removed, 1);
    bsi_clock_shift(6 * MINUTE);
    assert_status(bsi_repo_lock_keep(lock, NULL), BS_E_BUSY);
    assert_status(bsi_repo_lock_keep(lock, NULL), BS_E_BUSY);
    assert_status(bsi_repo_lock_refresh(lock, NULL), BS_E_BUSY);
    assert_int_equal(count_locks(), 0);
    assert_ok(bsi_repo_lock_release(lock));
}

static void a_refresh_may_fail_for_a_while(void **state)
{
    const bsi_faulty_plan plan = {.at = 1, .code = BS_E_IO, .forever = true};
    bsi_repo_lock *lock = taken(true);

    (void)state;
    bsi_storage_faulty_set(faulty, &plan);
    bsi_clock_shift(22 * MINUTE);
    assert_ok(bsi_repo_lock_keep(lock, NULL));
    bsi_clock_shift(23 * MINUTE);
    assert_status(bsi_repo_lock_keep(lock, NULL), BS_E_BUSY);
    bsi_storage_faulty_set(faulty, NULL);
    assert_ok(bsi_repo_lock_keep(lock, NULL));
    assert_int_equal(count_locks(), 1);
    assert_ok(bsi_repo_lock_release(lock));
}

/* Too late, and somebody else has gone to work: as if the lock were taken now. */
static void a_late_refresh_looks_for_others(void **state)
{
    bsi_repo_lock *lock = taken(true);

    (void)state;
    bsi_clock_shift(23 * MINUTE);
    (void)put_lock("far", 1, false, 0);
    assert_status(bsi_repo_lock_keep(lock, NULL), BS_E_BUSY);
    assert_status(bsi_repo_lock_keep(lock, NULL), BS_E_BUSY);
    assert_ok(bsi_repo_lock_release(lock));
    assert_int_equal(count_locks(), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(shared_locks_go_together_and_an_exclusive_one_alone),
        TEST(a_lock_says_who_holds_it),
        TEST(of_two_who_come_at_once_one_goes_away),
        TEST(who_gives_up_leaves_no_lock),
        TEST(whatever_fails_no_lock_is_left),
        TEST(an_empty_file_is_no_lock),
        TEST(a_file_that_cannot_be_read_is_in_everybodys_way),
        TEST(stale_locks_are_removed_and_no_others),
        TEST(a_stale_lock_is_in_the_way_and_named),
        TEST(the_lock_of_who_was_killed_here_is_not_waited_for),
        TEST(who_may_run_elsewhere_is_waited_for),
        TEST(a_lock_that_cannot_be_removed_stays_in_the_way),
        TEST(a_lock_is_written_anew_when_it_is_due),
        TEST(who_has_lost_the_lock_is_told),
        TEST(a_refresh_may_fail_for_a_while),
        TEST(a_late_refresh_looks_for_others),
    };

    if (bs_storage_driver_register(&watched) != BS_OK) {
        return 1;
    }
    return cmocka_run_group_tests_name("repo/locks", tests, NULL, NULL);
}
