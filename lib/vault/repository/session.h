/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_REPOSITORY_SESSION_H
#define BSI_VAULT_REPOSITORY_SESSION_H

#include "repo/index.h"
#include "repo/locks.h"
#include "repo/repository.h"
#include "vault/repository/wrap.h"
#include "vault/vault.h"

/*
 * The repository at the root of a storage, opened for one operation: with its
 * master key, its index, and a lock. The lock belongs to one thread; repository
 * and index are for any.
 */
typedef struct bsi_repo_session {
    const bsi_vault_env *env; /* Borrowed. */
    bsi_repo *repo;
    bsi_repo_index *index; /* NULL: not asked for. */
    bsi_repo_lock *lock;   /* NULL: none. */
    bool phraseless;       /* The empty pass phrase has opened it. */
    bool wrapped;          /* The data key of its key set has. */
} bsi_repo_session;

typedef enum bsi_session_lock {
    BSI_SESSION_UNLOCKED,
    BSI_SESSION_SHARED,
    BSI_SESSION_EXCLUSIVE,
} bsi_session_lock;

/* How to open it. All is borrowed. */
typedef struct bsi_session_options {
    /*
     * What env->keeper has is tried, the private RSA keys among these on the key set beside the
     * repository, then the pass phrases among them; other keys open no repository. Without any
     * pass phrase it is the empty one.
     */
    bsi_key *const *keys;
    size_t key_count;
    bsi_session_lock lock;
    /*
     * Nothing is going to be stored. Then the empty pass phrase is tried as well, and a storage
     * that does not let a shared lock be written is read without one.
     */
    bool reads_only;
    /*
     * Which of the keys opens it matters: they are tried in their order. Otherwise what has opened
     * it before is tried first.
     */
    bool in_order;
    /*
     * What it is opened with to be written is wrapped for these: pass phrases are not tried. NULL:
     * for writing only pass phrases are.
     */
    const bsi_repo_wrap *wrap;
    bool with_index;              /* Index files that are damaged are reported to env->warn. */
    const bsi_repo_options *make; /* How to make one where there is none; NULL: it must be there. */
} bsi_session_options;

/*
 * The lock is taken before the index is read. BS_E_NOT_FOUND: there is no repository; BS_E_KEY: no
 * key opens it; BS_E_BUSY: somebody else's lock; and what the parts answer.
 */
BS_NODISCARD bs_status bsi_repo_session_open(const bsi_vault_env *env,
                                             const bsi_session_options *options,
                                             bsi_repo_session *out);

/* One that is made, and must not be there: BS_E_EXISTS. */
BS_NODISCARD bs_status bsi_repo_session_make(const bsi_vault_env *env,
                                             const bsi_session_options *options,
                                             bsi_repo_session *out);

/* To be called again and again while work goes on: see bsi_repo_lock_keep(). */
BS_NODISCARD bs_status bsi_repo_session_keep(const bsi_repo_session *session);

/*
 * Give back the lock and all else. A lock that stays behind is reported to env->warn; the error
 * record is left alone. A zeroed one is ignored.
 */
void bsi_repo_session_close(bsi_repo_session *session);

#endif
