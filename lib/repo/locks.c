/* SPDX-License-Identifier: MIT */
/*
 * The protocol of locks, step by step.
 */
#include "repo/locks.h"

#include <inttypes.h>

#include "base/alloc.h"
#include "os/time.h"
#include "repo/who.h"

struct bsi_repo_lock {
    const bsi_repo *repo;
    bsi_lock_waits waits;
    bsi_repo_who who;
    bool exclusive;
    bool lost;
    int64_t
        written_sec; /* When the present file was written, by the wall clock as others see it. */
    bsi_digest id;   /* Of that file. */
};

static const bsi_lock_waits usual_waits = {200, {5000, 10000, 20000}};

/* --- All locks --- */

/* A lock's text; BS_E_NOT_FOUND when it is gone. */
static bs_status load_lock(const bsi_repo *repo, const bs_call *call, const bsi_digest *id,
                           bsi_lock_info *out)
{
    bsi_buf json;
    bs_status status = BS_OK;

    bsi_buf_init(&json, BSI_LOCK_MAX);
    status = bsi_repo_load(repo, call, BSI_REPO_LOCKS, id, &json);
    if (status == BS_OK) {
        status = bsi_lock_info_parse(bsi_buf_slice(&json), out);
    }
    bsi_buf_dispose(&json);
    return status;
}

static bool is_unreadable(bs_status status)
{
    return status == BS_E_CORRUPT || status == BS_E_LIMIT;
}

static bs_status tell_of(const bsi_repo *repo, const bs_call *call, const bsi_digest *id,
                         bsi_repo_lock_cb callback, void *user)
{
    bsi_lock_info info = {0};
    bs_status status = load_lock(repo, call, id, &info);

    if (status == BS_E_NOT_FOUND) { /* Removed meanwhile. */
        return BS_OK;
    }
    if (status < 0 && !is_unreadable(status)) {
        return status;
    }
    status = callback(user, id, status == BS_OK ? &info : NULL);
    bsi_lock_info_dispose(&info);
    return status;
}

bs_status bsi_repo_lock_list(const bsi_repo *repo, const bs_call *call, bsi_repo_lock_cb callback,
                             void *user)
{
    bsi_repo_files files = {0};
    bs_status status = bsi_repo_list(repo, call, BSI_REPO_LOCKS, &files);

    for (size_t i = 0; status == BS_OK && i < files.count; i++) {
        if (files.items[i].size > 0) {
            status = tell_of(repo, call, &files.items[i].id, callback, user);
        }
    }
    bsi_repo_files_dispose(&files);
    return status;
}

/* --- Stale ones --- */

/* Whether its owner ran on this machine, and runs no more. */
static bool is_left(const bsi_lock_info *info, const bsi_identity *here)
{
    return bsi_slice_is(info->hostname, here->host) && !bsi_process_exists(info->pid);
}

/* The same, and it cannot be another machine of this name, nor a container. */
static bool is_surely_left(const bsi_lock_info *info, const bsi_identity *here)
{
    return info->table.size > 0 && bsi_slice_is(info->table, here->table) && is_left(info, here);
}

static bool is_stale(const bsi_lock_info *info, const bsi_identity *here, int64_t now_sec)
{
    return now_sec - info->time.sec > BSI_LOCK_STALE_SEC || is_left(info, here);
}

bs_status bsi_repo_lock_is_stale(const bsi_lock_info *info, bool *out)
{
    bsi_identity here;

    BSI_TRY(bsi_identity_get(&here));
    *out = is_stale(info, &here, bsi_now().sec);
    return BS_OK;
}

/* What removing stale locks needs to know. */
typedef struct sweep {
    const bsi_repo *repo;
    const bs_call *call;
    bsi_identity here;
    size_t removed;
} sweep;

static bs_status remove_stale(void *user, const bsi_digest *id, const bsi_lock_info *info)
{
    sweep *self = user;

    if (!info || !is_stale(info, &self->here, bsi_now().sec)) {
        return BS_OK;
    }
    BSI_TRY(bsi_repo_remove(self->repo, self->call, BSI_REPO_LOCKS, id));
    self->removed++;
    return BS_OK;
}

static bs_status remove_all(sweep *self)
{
    bsi_repo_files files = {0};
    bs_status status = bsi_repo_list(self->repo, self->call, BSI_REPO_LOCKS, &files);

    for (size_t i = 0; status == BS_OK && i < files.count; i++) {
        status = bsi_repo_remove(self->repo, self->call, BSI_REPO_LOCKS, &files.items[i].id);
        self->removed += status == BS_OK;
    }
    bsi_repo_files_dispose(&files);
    return status;
}

bs_status bsi_repo_unlock(const bsi_repo *repo, const bs_call *call, bool all, size_t *removed)
{
    sweep self = {.repo = repo, .call = call};
    bs_status status = BS_OK;

    BSI_TRY(bsi_identity_get(&self.here));
    status = all ? remove_all(&self) : bsi_repo_lock_list(repo, call, remove_stale, &self);
    *removed += self.removed;
    return status;
}

/* --- Taking one --- */

/* Looking for locks that are in the way of an own one. */
typedef struct look {
    const bsi_repo_lock *lock;
    const bs_call *call;
    bool written; /* The own one is there already, and its id known. */
} look;

static bs_status fail_locked(const bsi_repo_lock *lock, const bsi_lock_info *info)
{
    char user[64];
    char host[128];
    const int64_t age = bsi_now().sec - info->time.sec;
    const bool stale = is_stale(info, &lock->who.identity, bsi_now().sec);

    return bsi_fail(BS_LAYER_STORAGE, BS_E_BUSY,
                    "the repository is locked%s by process %" PRIu32 " of %s on %s, since %" PRId64
                    " seconds%s",
                    info->exclusive ? " exclusively" : "", info->pid,
                    bsi_printable(info->username.data, info->username.size, user, sizeof(user)),
                    bsi_printable(info->hostname.data, info->hostname.size, host, sizeof(host)),
                    age, stale ? "; that lock is stale and can be removed" : "");
}

static bs_status meet_other(void *user, const bsi_digest *id, const bsi_lock_info *info)
{
    const look *self = user;
    const bsi_repo_lock *lock = self->lock;

    if (self->written && bsi_digest_equal(id, &lock->id)) {
        return BS_OK;
    }
    if (!info) {
        return bsi_fail_context(BS_LAYER_STORAGE, BS_E_CORRUPT,
                                "a lock of the repository cannot be read");
    }
    if (!lock->exclusive && !info->exclusive) {
        return BS_OK;
    }
    /* Somebody who was killed here is not waited for. By age nothing goes: clocks differ. */
    if (is_surely_left(info, &lock->who.identity) &&
        bsi_repo_remove(lock->repo, self->call, BSI_REPO_LOCKS, id) == BS_OK) {
        return BS_OK;
    }
    return fail_locked(lock, info);
}

/* BS_OK: no other lock is in the way. */
static bs_status look_for_others(const bsi_repo_lock *lock, const bs_call *call, bool written)
{
    look self = {lock, call, written};
    bs_status status = bsi_repo_lock_list(lock->repo, call, meet_other, &self);

    for (size_t i = 0; status == BS_E_CORRUPT && i < BSI_LOCK_RETRIES; i++) {
        BSI_TRY(bsi_call_wait(call, lock->waits.retry_ms[i]));
        status = bsi_repo_lock_list(lock->repo, call, meet_other, &self);
    }
    return status;
}

static void remove_quietly(const bsi_repo_lock *lock, const bsi_digest *id)
{
    char key[BSI_REPO_KEY_SIZE];

    bsi_repo_object_key(lock->repo, BSI_REPO_LOCKS, id, key);
    bsi_storage_remove_quietly(bsi_repo_storage(lock->repo), key);
}

/* Store a file with the present time; its id and time become the lock's. */
static bs_status write_file(bsi_repo_lock *lock, const bs_call *call)
{
    const bsi_lock_info info = {
        .time = bsi_go_time_now(),
        .exclusive = lock->exclusive,
        .hostname = bsi_slice_of(lock->who.identity.host),
        .username = bsi_slice_of(lock->who.user),
        .pid = lock->who.identity.pid,
        .uid = lock->who.identity.uid,
        .gid = lock->who.identity.gid,
        .table = bsi_slice_of(lock->who.identity.table),
    };
    bsi_digest id = {0};
    bsi_buf json;
    bs_status status = BS_OK;

    bsi_buf_init(&json, BSI_LOCK_MAX);
    status = bsi_lock_info_write(&info, &json);
    if (status == BS_OK) {
        status = bsi_repo_save(lock->repo, call, BSI_REPO_LOCKS, bsi_buf_slice(&json), &id);
    }
    bsi_buf_dispose(&json);
    if (status < 0) {
        remove_quietly(lock, &id); /* It may have been stored all the same. */
        return status;
    }
    lock->id = id;
    lock->written_sec = info.time.sec;
    return BS_OK;
}

static bs_status settle(const bsi_repo_lock *lock, const bs_call *call)
{
    BSI_TRY(bsi_call_wait(call, lock->waits.settle_ms));
    return look_for_others(lock, call, true);
}

static bs_status take(bsi_repo_lock *lock, const bs_call *call)
{
    bs_status status = BS_OK;

    BSI_TRY(bsi_repo_who_get(&lock->who));
    BSI_TRY(look_for_others(lock, call, false));
    BSI_TRY(write_file(lock, call));
    status = settle(lock, call);
    if (status < 0) {
        remove_quietly(lock, &lock->id);
    }
    return status;
}

bs_status bsi_repo_lock_take(const bsi_repo *repo, const bs_call *call, bool exclusive,
                             const bsi_lock_waits *waits, bsi_repo_lock **out)
{
    bsi_repo_lock *lock = bsi_calloc(1, sizeof(*lock));
    bs_status status = BS_OK;

    if (!lock) {
        return BS_E_NOMEM;
    }
    lock->repo = repo;
    lock->waits = waits ? *waits : usual_waits;
    lock->exclusive = exclusive;
    status = take(lock, call);
    if (status < 0) {
        bsi_free(lock);
        return status;
    }
    *out = lock;
    return BS_OK;
}

const bsi_digest *bsi_repo_lock_id(const bsi_repo_lock *lock)
{
    return &lock->id;
}

/* --- Keeping it --- */

static int64_t age_of(const bsi_repo_lock *lock)
{
    return bsi_now().sec - lock->written_sec;
}

static bs_status fail_lost(bsi_repo_lock *lock, const char *why)
{
    lock->lost = true;
    return bsi_fail(BS_LAYER_STORAGE, BS_E_BUSY, "the repository's lock is lost: %s", why);
}

static bs_status check_there(bsi_repo_lock *lock, const bs_call *call)
{
    char key[BSI_REPO_KEY_SIZE];
    bs_storage_object object;
    bs_status status = BS_OK;

    bsi_repo_object_key(lock->repo, BSI_REPO_LOCKS, &lock->id, key);
    status = bsi_storage_stat(bsi_repo_storage(lock->repo), call, key, &object);
    return status == BS_E_NOT_FOUND ? fail_lost(lock, "somebody has removed it") : status;
}

/* Others may have taken the old one for stale and gone to work: look as when a lock is taken. */
static bs_status settle_late(bsi_repo_lock *lock, const bs_call *call)
{
    const bs_status status = settle(lock, call);

    if (status == BS_E_BUSY) {
        lock->lost = true;
    }
    BSI_TRY(status);
    return check_there(lock, call);
}

bs_status bsi_repo_lock_refresh(bsi_repo_lock *lock, const bs_call *call)
{
    const bsi_digest old = lock->id;
    const bool late = age_of(lock) >= BSI_LOCK_LOST_SEC;

    if (lock->lost) {
        return fail_lost(lock, "that was found before");
    }
    BSI_TRY(check_there(lock, call));
    BSI_TRY(write_file(lock, call));
    remove_quietly(lock, &old);
    return late ? settle_late(lock, call) : BS_OK;
}

bs_status bsi_repo_lock_keep(bsi_repo_lock *lock, const bs_call *call)
{
    const int64_t age = age_of(lock);
    bs_status status = BS_OK;

    if (!lock->lost && age >= 0 && age < BSI_LOCK_REFRESH_SEC) {
        return BS_OK;
    }
    status = bsi_repo_lock_refresh(lock, call);
    if (status >= 0 || lock->lost || status == BS_E_CANCELLED) {
        return status;
    }
    if (age_of(lock) < BSI_LOCK_LOST_SEC) {
        return BS_OK;
    }
    return bsi_fail_context(BS_LAYER_STORAGE, BS_E_BUSY,
                            "the repository's lock is too old and cannot be renewed");
}

bs_status bsi_repo_lock_release(bsi_repo_lock *lock)
{
    bs_status status = BS_OK;

    if (lock) {
        status = bsi_repo_remove(lock->repo, NULL, BSI_REPO_LOCKS, &lock->id);
        bsi_free(lock);
    }
    return status;
}
