/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_MIRROR_HANDS_H
#define BSI_VAULT_MIRROR_HANDS_H

#include "task/pool.h"
#include "vault/vault.h"

/*
 * Small objects on their way, several at a time, where each is a request to a service and
 * takes longer to be answered than to be made. Threads of their own wait for the answers.
 * One thread gives the work out.
 */
typedef struct bsi_hands bsi_hands;

/* Larger objects are not for hands: storages send them in parts, which are several already. */
enum { BSI_HANDS_BYTES_MAX = 512 * 1024 };

/* What one of them works on. Filled by who gives it out; kept for the next one. */
typedef struct bsi_hand {
    bsi_task task; /* This and the next two are the hands' own. */
    bsi_hands *hands;
    bool busy;
    char *key;       /* Freed with the hand, or when it is taken again. */
    bsi_buf content; /* At most BSI_HANDS_BYTES_MAX. */
    uint64_t size;   /* For the work alone, like the time. */
    int64_t mtime_ns;
} bsi_hand;

/* `user` as given to bsi_hands_new(). Runs on several threads at once. */
typedef bs_status (*bsi_hands_work)(void *user, bsi_hand *hand);

/*
 * `env` and `user` are borrowed. On storages that are no service of objects there is one hand,
 * and it is the calling thread: they have few connections, or none to wait for.
 */
BS_NODISCARD bs_status bsi_hands_new(const bsi_vault_env *env, bsi_hands_work work, void *user,
                                     bsi_hands **out);
/* Waits for what is under way. NULL is ignored; the error record is left alone. */
void bsi_hands_free(bsi_hands *hands);

/* A free one, to be filled and then started: waits for it. The first failure of any comes out. */
BS_NODISCARD bs_status bsi_hands_take(bsi_hands *hands, bsi_hand **out);
void bsi_hands_start(bsi_hands *hands, bsi_hand *hand);

/* Until all have done their work; as bsi_hands_take(). */
BS_NODISCARD bs_status bsi_hands_wait(bsi_hands *hands);

/* Put the content of one under a key, with its time. */
BS_NODISCARD bs_status bsi_hand_put(const bsi_vault_env *env, const bsi_hand *hand,
                                    const char *key);

#endif
