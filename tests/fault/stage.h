/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FAULT_STAGE_H
#define TESTS_FAULT_STAGE_H

#include "support/test.h"

#include "os/fault.h"
#include "support/seal.h"
#include "support/tempdir.h"

/*
 * Where scenarios are played again and again: a source, a storage that can be
 * set back to how it was when the scenario began, and what has to be true after
 * any disturbance. Everything runs on one thread, so that the n-th call of two
 * runs is the same call. What is wrong fails the running cmocka test.
 */
enum { STAGE_PATH_SIZE = 256, STAGE_KEY_SIZE = 128, STAGE_BACKUPS_MAX = 4 };

/* A backup that must be there whatever happens. */
typedef struct stage_backup {
    char id[BS_ID_SIZE];
    char manifest_key[STAGE_KEY_SIZE];
    char container_key[STAGE_KEY_SIZE];
    char tree[STAGE_PATH_SIZE]; /* What it restores to. */
} stage_backup;

typedef struct test_stage {
    test_dir *dir;
    bsi_vault_env env; /* Its storage and bases are NULL while none are open. */
    test_seal seal;
    bsi_progress progress;
    bsi_warn warn;
    unsigned warnings;
    bs_error last_warning;
    bool source_blamed; /* Some warning was of layer SOURCE. */
    char source[STAGE_PATH_SIZE];
    char old_source[STAGE_PATH_SIZE]; /* As the source was before it changed. */
    char storage[STAGE_PATH_SIZE];
    char pristine[STAGE_PATH_SIZE]; /* The storage as the scenario finds it. */
    char bases[STAGE_PATH_SIZE];    /* Likewise the service's own copies of manifests. */
    char pristine_bases[STAGE_PATH_SIZE];
    char out[STAGE_PATH_SIZE];
    char look[STAGE_PATH_SIZE]; /* Where restores land that only check. */
    char run_id[BS_ID_SIZE];    /* Of the backup that is disturbed, or of its repetition. */
    const struct test_scenario *scenario;
    stage_backup backups[STAGE_BACKUPS_MAX];
    size_t backup_count;
    bool swept;      /* The storage was, since the last disturbance. */
    char place[128]; /* Shown when the test fails. */
} test_stage;

typedef enum deed { DEED_BACKUP, DEED_REMOVE, DEED_RESTORE } deed;

/* What is done, and disturbed while it is done. */
typedef struct test_scenario {
    const char *name;
    deed deed;
    const char *form;
    const char *container;
    bsi_backup_kind kind; /* Of the backup; for the other deeds of the last one that is there. */
    unsigned stride;      /* In short runs every so-manieth point is tried. */
    bsi_encryption encryption;
} test_scenario;

extern const test_scenario scenarios[];
extern const size_t scenario_count;

/* For cmocka: `*state` is a stage *. In memory where that is possible. */
int stage_setup(void **state);
int stage_teardown(void **state);

/* All points in full runs (BSI_TESTS_FULL=1 in the environment), else the scenario's. */
uint64_t stage_stride(const test_scenario *scenario);

/* Play only scenarios with this in their name; "" is in all. */
void stage_choose(const char *part);
bool stage_wants(const test_scenario *scenario);

/* The trees, and the backups that the scenario finds. */
void stage_begin(test_stage *stage, const test_scenario *scenario);
void stage_end(test_stage *stage);

/* Everything as stage_begin() left it; the storage is open. A new id for what is run. */
void stage_reset(test_stage *stage);
void stage_close(test_stage *stage);

/* The scenario's keys anew: a child that was forked finds its copies of them wiped. */
void stage_take_keys(test_stage *stage);

/* Do it, once. May be called in a child, and with faults: it asserts nothing. */
bs_status stage_act(test_stage *stage);

/* Open the storage as a service does that starts after a crash, and recover what was run. */
void stage_recover(test_stage *stage);

/*
 * Every backup is there, whole, and nothing else is. `may_have_run`: so may be
 * the one that was run. `deep`: they also restore to what they were made of.
 */
void stage_check(test_stage *stage, bool may_have_run, bool deep);

/* Objects are as stage_reset() left them: no recovery has been needed. */
void stage_check_untouched(test_stage *stage);

/* The undisturbed run succeeds, and its result is right. */
void stage_check_repeats(test_stage *stage, bool deep);

/* No file under a final name has other bytes than the original. */
void stage_check_partial_restore(test_stage *stage);

/* The run claimed to have succeeded: then it has. */
void stage_check_done(test_stage *stage, bool deep);

/* The backup that was run is there and whole, whatever else is. */
void stage_check_run(test_stage *stage, bool deep);

/* The storage forgets what it keeps open for later reads. */
void stage_drop_cached(test_stage *stage);

/* Open the storage anew and let it remove what was left incomplete. */
void stage_sweep(test_stage *stage);

/* Say where we are, should the test fail there. */
void stage_note(test_stage *stage, const char *trouble, uint64_t at);

/* Descriptors of this process. */
unsigned stage_open_files(void);

#endif
