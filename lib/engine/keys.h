/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_KEYS_H
#define BSI_ENGINE_KEYS_H

#include <backupsvc/service.h>

#include "crypto/key.h"
#include "engine/arena.h"
#include "engine/keyring.h"
#include "os/thread.h"

/*
 * The keys of a service: the usual one of the settings, those that were
 * unlocked, and the entries of the keyring, which is opened when it is first
 * needed. Keys are handed out as references and never as text.
 *
 * `lock` guards what stands below it and is not held during I/O. Who changes the
 * keyring's file owns BSI_USES_KEYRING.
 */
#define BSI_USES_KEYRING "the keyring"

typedef struct bsi_named_key {
    char name[BSI_KEYRING_NAME_MAX + 1];
    bsi_key *key;
} bsi_named_key;

typedef struct bsi_key_list {
    bsi_key **items; /* Each with its reference. */
    size_t count;
} bsi_key_list;

typedef struct bsi_keys {
    bs_master_key_cb master_cb; /* Does not change; NULL: `usual` is the master key. */
    void *master_user;
    bsi_key *usual; /* Does not change. NULL: the settings name none. */

    bsi_mutex lock;
    bsi_key *master; /* NULL: not asked for yet, or there is none. */
    bsi_key_list unlocked;
    bsi_named_key *named; /* The keyring's, once it was opened. */
    size_t named_count;
    bool ring_is_open;
    bool ring_complained; /* The log says that it does not open. */
    char **variables;     /* Of the environment, in which secrets were found. */
    size_t variable_count;
} bsi_keys;

/* Reads the settings' key; fails when that cannot be found. `keys` is zeroed. */
BS_NODISCARD bs_status bsi_keys_init(bsi_keys *keys, const bs_config *config,
                                     const bs_service_options *options);
void bsi_keys_dispose(bsi_keys *keys);

/*
 * The key that a reference leads to; `passphrase` is one to that of an encrypted
 * PEM, or NULL. See engine/key_ref.h for failures.
 */
BS_NODISCARD bs_status bsi_keys_resolve(bs_service *service, const char *reference,
                                        const char *passphrase, bsi_key **out);
/* The same for a recipient: a public key, by its rules for references. */
BS_NODISCARD bs_status bsi_keys_resolve_public(bs_service *service, const char *reference,
                                               bsi_key **out);

/* The bytes that a reference leads to, whatever they are; of an entry of the keyring, its content.
 */
BS_NODISCARD bs_status bsi_keys_read(bs_service *service, const char *reference, bsi_secret **out);

/* The key of the settings: BS_E_KEY when they name none. */
BS_NODISCARD bs_status bsi_keys_usual(bs_service *service, bsi_key **out);

/* What the reference leads to is known for the service's life. */
BS_NODISCARD bs_status bsi_keys_unlock(bs_service *service, const char *reference,
                                       const char *passphrase);

/*
 * Every key that is known and can open backups, `first` in front (NULL: none).
 * A keyring that does not open is a line of the log, and its keys are missing.
 */
BS_NODISCARD bs_status bsi_keys_collect(bs_service *service, bsi_key *first, bsi_key_list *out);

/* Whether there is a keyring that could not be opened when its keys were wanted. */
bool bsi_keys_ring_is_closed(bs_service *service);

/* With a reference of its own. */
BS_NODISCARD bs_status bsi_key_list_add(bsi_key_list *list, bsi_key *key);
/* A zeroed one is empty. */
void bsi_key_list_dispose(bsi_key_list *list);

/* A secret was found by this reference: commands do not inherit its variable. */
BS_NODISCARD bs_status bsi_keys_note(bsi_keys *keys, const char *reference);
/* The names of variables that commands must not inherit, ended by NULL, in `arena`; NULL: NOMEM. */
const char *const *bsi_keys_hidden(bs_service *service, bsi_arena *arena);

/* --- The keyring --- */

/* Replaces what is remembered of the keyring by what it holds now. */
BS_NODISCARD bs_status bsi_keys_ring_load(bs_service *service, bsi_keyring *out);
BS_NODISCARD bs_status bsi_keys_ring_add(bs_service *service, const char *name,
                                         const char *reference, const char *passphrase);
BS_NODISCARD bs_status bsi_keys_ring_remove(bs_service *service, const char *name);
/* Seal it under another master key, which is the service's from then on. */
BS_NODISCARD bs_status bsi_keys_ring_rotate(bs_service *service, const char *reference);

#endif
