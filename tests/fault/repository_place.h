/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FAULT_REPOSITORY_PLACE_H
#define TESTS_FAULT_REPOSITORY_PLACE_H

#include "support/test.h"

#include "support/tempdir.h"
#include "vault/repository/session.h"

/*
 * A repository in a directory, all that it is worked on with, and what can be done to it
 * while the process dies. Everything runs on one thread.
 */
enum {
    PATH_SIZE = 300,
    KEY_SIZE = 128,
    BACKUPS = 3,
    PACK_TARGET = 100000,
};

/* Keys by bits, and what they are made of. */
enum { OLD_KEY = 1, NEW_KEY = 2 };
extern const char old_phrase[];
extern const char new_phrase[];

typedef struct place place;

typedef struct scenario {
    const char *name;
    bs_status (*act)(place *self); /* Asserts nothing. */
    void (*prepare)(place *self);  /* After three backups; NULL: they are all. */
    unsigned before;               /* Which of these restore before it, by bits, */
    unsigned after;                /* and once it is done. */
    unsigned opens;                /* Which keys open the repository once it is done. */
    unsigned stride;               /* In short runs every so-manieth call is tried. */
    bs_status again;               /* What it may answer when all had been done already. */
} scenario;

struct place {
    test_dir *dir;
    bsi_vault_env env;
    bsi_vault_env from; /* Of copies. */
    const bsi_repo_session *from_session;
    bsi_progress progress;
    bsi_warn warn;
    bsi_key *key;
    bsi_key *new_key;
    bsi_key *opening; /* Whichever of both opens the repository now. */
    char source[PATH_SIZE];
    char trees[BACKUPS][PATH_SIZE]; /* The source as it was at each backup. */
    char storage[PATH_SIZE];
    char pristine[PATH_SIZE];
    char from_path[PATH_SIZE];
    char look[PATH_SIZE]; /* Where restores land. */
    bsi_time times[BACKUPS];
    bsi_digest pack; /* The largest one of the second backup, and its index. */
    bsi_digest index;
    char first[KEY_SIZE];
    char base[KEY_SIZE]; /* The last backup; "": none. */
    char made[KEY_SIZE]; /* What back_up() has made; "": nothing. */
    const scenario *scenario;
    uint64_t errors; /* That a check found before. */
    uint64_t at;
};

/* Both keys; a child that was forked finds its copies of them wiped, and takes them anew. */
void place_take_keys(place *self);
void place_drop_keys(place *self);

/* As a service does that starts: what was left incomplete is swept up. */
void place_open_storage(const char *path, bsi_storage **out);
void place_close_storage(place *self);

/* What is done; these assert nothing. The first snapshot is what is forgotten. */
bs_status act_make(place *self);
bs_status act_back_up(place *self);
bs_status act_forget(place *self);
bs_status act_prune(place *self);
bs_status act_prune_beside(place *self);
bs_status act_repair_index(place *self);
bs_status act_repair_packs(place *self);
bs_status act_repair_snapshots(place *self);
bs_status act_add_key(place *self);
bs_status act_change_key(place *self);
bs_status act_remove_key(place *self);
bs_status act_unlock(place *self);
bs_status act_copy(place *self);

#endif
