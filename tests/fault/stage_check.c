/* SPDX-License-Identifier: MIT */
/*
 * What has to be true on the stage after a disturbance.
 */
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/random.h"
#include "stage_int.h"
#include "support/tree.h"

/* What lies on the storage, and what its manifests say should. */
typedef struct contents {
    uint64_t objects;
    uint64_t expected;
    size_t count;
    stage_backup found[STAGE_BACKUPS_MAX + 1];
} contents;

static bs_status count_object(void *user, const char *key, const bs_storage_object *object)
{
    contents *inventory = user;

    (void)key;
    (void)object;
    inventory->objects++;
    return BS_OK;
}

static bs_status note_manifest(void *user, const char *key, const bsi_manifest_info *info)
{
    contents *inventory = user;
    stage_backup *found = &inventory->found[inventory->count];

    assert_true(inventory->count < STAGE_BACKUPS_MAX + 1);
    assert_true(strlen(key) < sizeof(found->manifest_key));
    memcpy(found->id, info->id, BS_ID_SIZE);
    memcpy(found->manifest_key, key, strlen(key) + 1);
    inventory->count++;
    inventory->expected += info->kind == BSI_KIND_MIRROR ? 1 + info->files : 2;
    inventory->expected += info->encryption != BSI_ENCRYPTION_NONE ? 1 : 0; /* The key set. */
    return BS_OK;
}

static void take_inventory(test_stage *stage, contents *out)
{
    *out = (contents){0};
    stage->warnings = 0;
    assert_ok(bsi_vault_scan(&stage->env, note_manifest, out));
    if (stage->warnings > 0) {
        print_error("a manifest: %s\n", stage->last_warning.message);
    }
    assert_int_equal(stage->warnings, 0);
    assert_ok(bsi_storage_list(stage->env.storage, NULL, "", count_object, out));
}

static const stage_backup *find(const stage_backup *list, size_t count, const char *id)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i].id, id) == 0) {
            return &list[i];
        }
    }
    return NULL;
}

/* --- One backup --- */

static bs_status tell_damage(void *user, const char *key, const char *message)
{
    (*(unsigned *)user)++;
    print_error("'%s': %s\n", key, message);
    return BS_OK;
}

static bs_status tell_lost(void *user, bsi_slice path)
{
    (void)user;
    print_error("  lost: %.*s\n", (int)path.size, path.data);
    return BS_OK;
}

static void check_backup(test_stage *stage, const char *manifest_key, const char *tree, bool deep)
{
    unsigned damages = 0;
    const bsi_damage_sink sink = {tell_damage, tell_lost, &damages};
    bsi_verify_result result;

    assert_ok(
        bsi_vault_find(stage->scenario->form)->verify(&stage->env, manifest_key, &sink, &result));
    assert_int_equal(damages, 0);
    if (deep) {
        tree_remove(stage->look);
        assert_ok(stage_restore(stage, manifest_key, stage->look));
        assert_trees_equal(tree, stage->look, STAGE_LEFT_OUT);
    }
}

/* --- The whole storage --- */

/* Neither temporary files nor, after a sweep, empty directories but for those of names. */
static void check_no_rubbish(test_stage *stage)
{
    char *const paths[] = {stage->storage, stage->bases, NULL};
    FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);

    assert_non_null(walk);
    for (const FTSENT *item = fts_read(walk); item; item = fts_read(walk)) {
        if (strncmp(item->fts_name, ".bst-", 5) == 0) {
            print_error("left behind: %s\n", item->fts_path);
            fail();
        }
        if (item->fts_info == FTS_D && item->fts_level > 1 && stage->swept) {
            assert_non_null(fts_children(walk, FTS_NAMEONLY));
        }
    }
    (void)fts_close(walk);
}

/* The one that a removal is to remove may be gone, or be whole still. */
static bool may_be_gone(const test_stage *stage, size_t index)
{
    const test_scenario *scenario = stage->scenario;

    if (scenario->kind == BSI_KIND_MIRROR) {
        return scenario->deed != DEED_RESTORE;
    }
    return scenario->deed == DEED_REMOVE && index + 1 == stage->backup_count;
}

static void check_found(test_stage *stage, const stage_backup *found, bool may_have_run, bool deep)
{
    const stage_backup *known = find(stage->backups, stage->backup_count, found->id);

    if (!known) {
        assert_true(may_have_run);
        assert_string_equal(found->id, stage->run_id);
    }
    check_backup(stage, found->manifest_key, known ? known->tree : stage->source, deep);
}

void stage_check(test_stage *stage, bool may_have_run, bool deep)
{
    contents inventory;

    take_inventory(stage, &inventory);
    for (size_t i = 0; i < stage->backup_count; i++) {
        if (!may_be_gone(stage, i)) {
            assert_non_null(find(inventory.found, inventory.count, stage->backups[i].id));
        }
    }
    for (size_t i = 0; i < inventory.count; i++) {
        check_found(stage, &inventory.found[i], may_have_run, deep);
    }
    if (stage->scenario->deed != DEED_REMOVE) {
        assert_int_equal(inventory.objects, inventory.expected);
    }
    check_no_rubbish(stage);
}

void stage_check_untouched(test_stage *stage)
{
    contents inventory;

    take_inventory(stage, &inventory);
    assert_int_equal(inventory.count, stage->backup_count);
    for (size_t i = 0; i < stage->backup_count; i++) {
        assert_non_null(find(inventory.found, inventory.count, stage->backups[i].id));
    }
    assert_int_equal(inventory.objects, inventory.expected);
    check_no_rubbish(stage);
}

void stage_recover(test_stage *stage)
{
    const bsi_vault *vault = bsi_vault_find(stage->scenario->form);

    stage_sweep(stage);
    if (stage->scenario->deed == DEED_BACKUP) {
        assert_ok(vault->recover(&stage->env, "home", stage->run_id));
    }
}

/* --- After a success --- */

static void check_run_backup(test_stage *stage, bool deep)
{
    contents inventory;
    const stage_backup *run = NULL;

    take_inventory(stage, &inventory);
    run = find(inventory.found, inventory.count, stage->run_id);
    assert_non_null(run);
    check_backup(stage, run->manifest_key, stage->source, deep);
    assert_int_equal(inventory.objects, inventory.expected);
    check_no_rubbish(stage);
}

static void check_removed(test_stage *stage, bool deep)
{
    contents inventory;

    take_inventory(stage, &inventory);
    assert_int_equal(inventory.count, stage->backup_count - 1);
    assert_int_equal(inventory.objects, inventory.expected);
    check_no_rubbish(stage);
    for (size_t i = 0; i + 1 < stage->backup_count; i++) {
        check_backup(stage, stage->backups[i].manifest_key, stage->backups[i].tree, deep);
    }
}

void stage_check_run(test_stage *stage, bool deep)
{
    contents inventory;
    const stage_backup *run = NULL;

    take_inventory(stage, &inventory);
    run = find(inventory.found, inventory.count, stage->run_id);
    assert_non_null(run);
    check_backup(stage, run->manifest_key, stage->source, deep);
}

void stage_check_done(test_stage *stage, bool deep)
{
    switch (stage->scenario->deed) {
    case DEED_BACKUP:
        check_run_backup(stage, deep);
        break;
    case DEED_REMOVE:
        check_removed(stage, deep);
        break;
    default:
        assert_trees_equal(stage->backups[stage->backup_count - 1].tree, stage->out,
                           STAGE_LEFT_OUT);
    }
}

/* A mirror builds on the last run, when that one has not failed. */
static void choose_base(test_stage *stage, stage_backup *saved)
{
    contents inventory;
    const stage_backup *run = NULL;
    stage_backup *base = &stage->backups[stage->backup_count - 1];

    *saved = *base;
    if (stage->scenario->deed == DEED_BACKUP && stage->scenario->kind == BSI_KIND_MIRROR) {
        take_inventory(stage, &inventory);
        run = find(inventory.found, inventory.count, stage->run_id);
        if (run) {
            memcpy(base->manifest_key, run->manifest_key, STAGE_KEY_SIZE);
        }
    }
}

void stage_check_repeats(test_stage *stage, bool deep)
{
    stage_backup saved;
    bs_status status = BS_OK;

    choose_base(stage, &saved);
    assert_ok(bsi_new_id(stage->run_id));
    stage->warnings = 0;
    status = stage_act(stage);
    if (status == BS_PARTIAL) {
        print_error("warned of: %s\n", stage->last_warning.message);
    }
    assert_ok(status);
    stage_check_done(stage, deep);
    stage->backups[stage->backup_count - 1] = saved;
}

/* --- Restores --- */

static void check_same_bytes(const char *path, const char *original)
{
    static uint8_t left[65536];
    static uint8_t right[sizeof(left)];
    const int one = open(path, O_RDONLY | O_CLOEXEC);
    const int two = open(original, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    ssize_t got = 1;

    if (one < 0 || two < 0) {
        print_error("'%s' cannot be compared\n", path);
        fail();
    }
    while (got > 0) {
        got = read(one, left, sizeof(left));
        assert_int_equal(read(two, right, sizeof(right)), got);
        if (got < 0 || memcmp(left, right, (size_t)got) != 0) {
            print_error("'%s' is not complete\n", path);
            fail();
        }
    }
    (void)close(one);
    (void)close(two);
}

void stage_check_partial_restore(test_stage *stage)
{
    const char *tree = stage->backups[stage->backup_count - 1].tree;
    char *const paths[] = {stage->out, NULL};
    char original[3 * STAGE_PATH_SIZE];
    FTS *walk = NULL;

    if (access(stage->out, F_OK) != 0) {
        return;
    }
    walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    assert_non_null(walk);
    for (const FTSENT *item = fts_read(walk); item; item = fts_read(walk)) {
        if (item->fts_info == FTS_F && strncmp(item->fts_name, ".bsr-", 5) != 0) {
            (void)snprintf(original, sizeof(original), "%s%s", tree,
                           item->fts_path + strlen(stage->out));
            check_same_bytes(item->fts_path, original);
        }
    }
    (void)fts_close(walk);
}
