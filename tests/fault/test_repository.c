/* SPDX-License-Identifier: MIT */
/*
 * The process dies while it works on a repository, at each of its calls that change
 * something. What could be restored before can be restored then, and what is amiss has not
 * become more; the same work, done again, comes to its end, in spite of the lock that the
 * dead one had; and after a prune nothing is left of it. Where nothing was amiss before,
 * restic finds nothing either.
 *
 * BSI_TESTS_FULL: all calls, each looked at by restic; otherwise some of them.
 */
#include "repository_place.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/fault.h"
#include "repo/check.h"
#include "support/compare.h"
#include "support/tree.h"

enum {
    LOCKS = 3,
    STAYS_SIZE = 300000,
    CHANGED_SIZE = 200000,
    RESTIC_EVERY = 16, /* In short runs, of the deaths that were. */
    LEFT_OUT = COMPARE_NO_SOCKETS | COMPARE_NO_TOP,
};

/* Which calls count: the others leave the storage as it is. */
static const uint64_t changes = UINT64_C(1) << BSI_OS_WRITE | UINT64_C(1) << BSI_OS_SYNC |
                                UINT64_C(1) << BSI_OS_MKDIR | UINT64_C(1) << BSI_OS_UNLINK |
                                UINT64_C(1) << BSI_OS_RENAME | UINT64_C(1) << BSI_OS_LINK |
                                UINT64_C(1) << BSI_OS_META;

/* As it was when the scenario began. */
static void reset(place *self)
{
    place_close_storage(self);
    tree_remove(self->storage);
    tree_link(self->pristine, self->storage);
    place_open_storage(self->storage, &self->env.storage);
    self->opening = self->key;
    self->made[0] = '\0';
}

/* --- What it is done to --- */

static bsi_repo *opened(const place *self)
{
    const bsi_repo_place where = {.storage = self->env.storage, .folder = ""};
    bsi_repo *repo = NULL;

    assert_ok(bsi_repo_open(&where, NULL, bsi_key_phrase(self->opening), &repo));
    return repo;
}

static void list(const place *self, bsi_repo_kind kind, bsi_repo_files *out)
{
    bsi_repo *repo = opened(self);

    *out = (bsi_repo_files){0};
    assert_ok(bsi_repo_list(repo, NULL, kind, out));
    bsi_repo_close(repo);
}

/* The largest file that was not there before. */
static bsi_digest largest_new(const place *self, bsi_repo_kind kind, const bsi_repo_files *before)
{
    bsi_repo_files files;
    bsi_digest id = {0};
    uint64_t size = 0;
    bool found = false;

    list(self, kind, &files);
    for (size_t i = 0; i < files.count; i++) {
        const bsi_repo_file *file = &files.items[i];
        if (!bsi_repo_files_find(before, &file->id) && (!found || file->size > size)) {
            id = file->id;
            size = file->size;
            found = true;
        }
    }
    assert_true(found);
    bsi_repo_files_dispose(&files);
    return id;
}

static void path_of(const place *self, bsi_repo_kind kind, const bsi_digest *id,
                    char out[PATH_SIZE])
{
    char key[BSI_REPO_KEY_SIZE];
    bsi_repo *repo = opened(self);

    bsi_repo_object_key(repo, kind, id, key);
    bsi_repo_close(repo);
    assert_true(snprintf(out, PATH_SIZE, "%s/%s", self->storage, key) < PATH_SIZE);
}

static void copy_tree(const char *from, const char *to)
{
    char *command = NULL;

    assert_true(asprintf(&command, "cp -a '%s' '%s'", from, to) > 0);
    assert_int_equal(system(command), 0);
    free(command);
}

/* What all backups have; the oddities of trees are no matter of deaths. */
static void build_source(const place *self)
{
    char path[2 * PATH_SIZE];

    assert_int_equal(mkdir(self->source, 0755), 0);
    (void)snprintf(path, sizeof(path), "%s/large", self->source);
    tree_write(path, STAYS_SIZE, 1);
    (void)snprintf(path, sizeof(path), "%s/folder", self->source);
    assert_int_equal(mkdir(path, 0750), 0);
    (void)snprintf(path, sizeof(path), "%s/folder/small", self->source);
    tree_write(path, 100, 2);
    (void)snprintf(path, sizeof(path), "%s/way", self->source);
    assert_int_equal(symlink("folder/small", path), 0);
}

/* A backup, and how the source is then. */
static void add_backup(place *self, size_t number)
{
    bsi_manifest_info info = {0};
    char path[2 * PATH_SIZE];

    (void)snprintf(path, sizeof(path), "%s/changes", self->source);
    tree_write(path, CHANGED_SIZE, 10 + number);
    copy_tree(self->source, self->trees[number]);
    assert_ok(act_back_up(self));
    (void)snprintf(self->base, sizeof(self->base), "%s", self->made);
    if (number == 0) {
        (void)snprintf(self->first, sizeof(self->first), "%s", self->made);
    }
    assert_ok(bsi_vault_info(&self->env, self->base, &info));
    self->times[number] = info.created_at;
    bsi_manifest_info_dispose(&info);
}

static void lose_index(place *self)
{
    const char *const garbage = "/index/0000000000000000000000000000000000000000000000000000000000";
    char path[2 * PATH_SIZE];

    path_of(self, BSI_REPO_INDEX, &self->index, path);
    assert_int_equal(unlink(path), 0);
    (void)snprintf(path, sizeof(path), "%s%s000000", self->storage, garbage);
    tree_write(path, 1000, 1);
}

static void damage_pack(place *self)
{
    char path[PATH_SIZE];
    struct stat info;
    int file = -1;

    path_of(self, BSI_REPO_PACKS, &self->pack, path);
    file = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(file >= 0);
    assert_int_equal(fstat(file, &info), 0);
    assert_int_equal(pwrite(file, "damaged", 7, info.st_size / 3), 7);
    assert_int_equal(close(file), 0);
}

static void lose_blobs(place *self)
{
    damage_pack(self);
    assert_ok(act_repair_packs(self));
}

static void forget_first(place *self)
{
    bsi_repo_files files;

    assert_ok(act_forget(self));
    list(self, BSI_REPO_SNAPSHOTS, &files);
    assert_int_equal(files.count, BACKUPS - 1);
    bsi_repo_files_dispose(&files);
}

static void have_both_keys(place *self)
{
    assert_ok(act_add_key(self));
}

/* All that is there is elsewhere. */
static void have_nothing(place *self)
{
    place_close_storage(self);
    assert_int_equal(rename(self->storage, self->from_path), 0);
    assert_int_equal(mkdir(self->storage, 0700), 0);
    place_open_storage(self->storage, &self->env.storage);
    self->base[0] = '\0';
}

static void have_an_empty_one(place *self)
{
    have_nothing(self);
    assert_ok(act_make(self));
    place_open_storage(self->from_path, &self->from.storage);
}

/* Of processes that have died with them. */
static void have_locks(place *self)
{
    for (unsigned i = 0; i < LOCKS; i++) {
        const pid_t child = fork();
        int how = 0;
        assert_true(child >= 0);
        if (child == 0) {
            bsi_repo_lock *lock = NULL;
            place_take_keys(self);
            _exit(bsi_repo_lock_take(opened(self), NULL, false, NULL, &lock) == BS_OK ? 0 : 1);
        }
        assert_int_equal(waitpid(child, &how, 0), child);
        assert_int_equal(how, 0);
    }
}

enum { FIRST = 1, SECOND = 2, THIRD = 4, ALL = 7 };

static const scenario scenarios[] = {
    {"a repository is made", act_make, have_nothing, 0, 0, OLD_KEY, 2, BS_E_EXISTS},
    {"a first backup", act_back_up, have_nothing, 0, 0, OLD_KEY, 9, BS_OK},
    {"a backup", act_back_up, NULL, ALL, ALL, OLD_KEY, 5, BS_OK},
    {"a snapshot is forgotten", act_forget, NULL, ALL, SECOND | THIRD, OLD_KEY, 1, BS_OK},
    {"a prune", act_prune, forget_first, SECOND | THIRD, SECOND | THIRD, OLD_KEY, 11, BS_OK},
    {"a prune beside others", act_prune_beside, forget_first, SECOND | THIRD, SECOND | THIRD,
     OLD_KEY, 13, BS_OK},
    {"the index is repaired", act_repair_index, lose_index, FIRST | THIRD, ALL, OLD_KEY, 5, BS_OK},
    {"packs are repaired", act_repair_packs, damage_pack, FIRST | THIRD, FIRST | THIRD, OLD_KEY, 5,
     BS_OK},
    {"snapshots are repaired", act_repair_snapshots, lose_blobs, FIRST | THIRD, FIRST | THIRD,
     OLD_KEY, 5, BS_OK},
    {"a key is added", act_add_key, NULL, ALL, ALL, OLD_KEY | NEW_KEY, 3, BS_OK},
    {"a key is changed", act_change_key, NULL, ALL, ALL, NEW_KEY, 3, BS_OK},
    {"a key is removed", act_remove_key, have_both_keys, ALL, ALL, OLD_KEY, 3, BS_OK},
    {"locks are removed", act_unlock, have_locks, ALL, ALL, OLD_KEY, 1, BS_OK},
    {"snapshots are copied", act_copy, have_an_empty_one, 0, ALL, OLD_KEY, 19, BS_OK},
};

/* --- The place --- */

static void note_warning(void *user, bsi_slice path, const bs_error *error)
{
    (void)user;
    (void)path;
    (void)error;
}

static void name_place(const place *self, const char *name, char out[PATH_SIZE])
{
    assert_true(snprintf(out, PATH_SIZE, "%s/%s", self->dir->path, name) < PATH_SIZE);
}

static int setup(void **state)
{
    place *self = calloc(1, sizeof(*self));
    char name[] = "tree 0";
    void *dir = NULL;

    test_dir_in_memory();
    assert_non_null(self);
    assert_int_equal(test_dir_setup(&dir), 0);
    self->dir = dir;
    name_place(self, "source", self->source);
    name_place(self, "storage", self->storage);
    name_place(self, "pristine", self->pristine);
    name_place(self, "from", self->from_path);
    name_place(self, "look", self->look);
    for (size_t i = 0; i < BACKUPS; i++) {
        name[5] = (char)('0' + i);
        name_place(self, name, self->trees[i]);
    }
    place_take_keys(self);
    assert_ok(bsi_pool_new(0, &self->env.pool));
    self->warn = (bsi_warn){note_warning, self};
    self->env.temp_dir = self->dir->fd;
    self->env.warn = &self->warn;
    self->env.progress = &self->progress;
    self->env.keys = &self->opening;
    self->env.key_count = 1;
    self->from = self->env;
    *state = self;
    return 0;
}

/* Three backups, of which each has a file that no other has, and what is done to them. */
static void begin(place *self, const scenario *played)
{
    bsi_repo_files packs;
    bsi_repo_files indexes;

    self->scenario = played;
    self->opening = self->key;
    self->base[0] = '\0';
    assert_int_equal(mkdir(self->storage, 0700), 0);
    place_open_storage(self->storage, &self->env.storage);
    assert_ok(act_make(self));
    build_source(self);
    add_backup(self, 0);
    list(self, BSI_REPO_PACKS, &packs);
    list(self, BSI_REPO_INDEX, &indexes);
    add_backup(self, 1);
    self->pack = largest_new(self, BSI_REPO_PACKS, &packs);
    self->index = largest_new(self, BSI_REPO_INDEX, &indexes);
    bsi_repo_files_dispose(&packs);
    bsi_repo_files_dispose(&indexes);
    add_backup(self, 2);
    if (played->prepare) {
        played->prepare(self);
    }
    place_close_storage(self);
    tree_link(self->storage, self->pristine);
}

static void end(place *self)
{
    place_close_storage(self);
    bsi_storage_unref(self->from.storage);
    self->from.storage = NULL;
    tree_remove(self->storage);
    tree_remove(self->pristine);
    tree_remove(self->from_path);
    tree_remove(self->look);
    tree_remove(self->source);
    for (size_t i = 0; i < BACKUPS; i++) {
        tree_remove(self->trees[i]);
    }
    self->scenario = NULL;
}

static int teardown(void **state)
{
    place *self = *state;
    void *dir = self->dir;

    bsi_fault_set(NULL);
    if (self->scenario) {
        print_error("it was in: %s, at %llu\n", self->scenario->name, (unsigned long long)self->at);
    }
    end(self);
    place_drop_keys(self);
    bsi_pool_free(self->env.pool);
    (void)test_dir_teardown(&dir);
    free(self);
    return 0;
}

/* --- What must be true --- */

static bool opens(const place *self, const bsi_key *key)
{
    const bsi_repo_place where = {.storage = self->env.storage, .folder = ""};
    bsi_repo *repo = NULL;
    const bs_status status = bsi_repo_open(&where, NULL, bsi_key_phrase(key), &repo);

    bsi_repo_close(repo);
    assert_true(status == BS_OK || status == BS_E_KEY);
    return status == BS_OK;
}

/* From now on with a key that opens it. */
static void find_key(place *self)
{
    self->opening = opens(self, self->key) ? self->key : self->new_key;
    assert_true(opens(self, self->opening));
}

/* Looks for the snapshot of a time. */
typedef struct search {
    bsi_time time;
    char key[KEY_SIZE];
} search;

static bs_status look_at(void *user, const char *manifest_key, const bsi_manifest_info *info)
{
    search *self = user;

    if (info->created_at.sec == self->time.sec && info->created_at.nsec == self->time.nsec) {
        (void)snprintf(self->key, sizeof(self->key), "%s", manifest_key);
    }
    return BS_OK;
}

static void assert_restores(place *self, const char *manifest_key, const char *tree)
{
    const bool superuser = geteuid() == 0;
    const bsi_restore_plan plan = {
        .manifest_key = manifest_key,
        .restore_path = self->look,
        .target = {.permissions = true,
                   .ownership = superuser,
                   .privileged = superuser,
                   .overwrite = true,
                   .short_id = "0000abcd"},
        .verify = true,
        .strip_source = true,
    };
    bsi_restore_result result = {0};

    tree_remove(self->look);
    assert_ok(bsi_vault_find("repository")->restore(&self->env, &plan, &result));
    assert_trees_equal(tree, self->look, LEFT_OUT);
}

static void assert_all_restore(place *self, unsigned which)
{
    for (size_t i = 0; i < BACKUPS; i++) {
        search found = {.time = self->times[i]};
        if ((which & 1U << i) == 0) {
            continue;
        }
        assert_ok(bsi_vault_scan(&self->env, look_at, &found));
        assert_string_not_equal(found.key, "");
        assert_restores(self, found.key, self->trees[i]);
    }
}

static bsi_check_report check(const place *self)
{
    const bsi_check_options options = {.read_data = true, .pool = self->env.pool};
    bsi_check_report report = {0};
    bsi_repo *repo = opened(self);

    assert_ok(bsi_repo_check(repo, NULL, &options, &report));
    bsi_repo_close(repo);
    return report;
}

static const char *restic(void)
{
    const char *which = getenv("BSI_RESTIC");

    return which && strcmp(which, "newest") == 0 ? getenv("RESTIC_NEWEST") : "restic";
}

static void assert_restic_finds_nothing(const place *self)
{
    char *command = NULL;

    assert_true(asprintf(&command,
                         "RESTIC_PASSWORD='%s' '%s' --no-cache --no-lock -r '%s' check "
                         ">'%s/restic.log' 2>&1 || { cat '%s/restic.log'; exit 1; }",
                         self->opening == self->key ? old_phrase : new_phrase, restic(),
                         self->storage, self->dir->path, self->dir->path) > 0);
    assert_int_equal(system(command), 0);
    free(command);
}

/* What restored before, unless it is what goes, is there; nothing is worse than it was. */
static void check_survives(place *self, bool by_restic)
{
    const scenario *played = self->scenario;

    find_key(self);
    assert_all_restore(self, played->before & played->after);
    assert_true(check(self).errors <= self->errors);
    if (by_restic && self->errors == 0) {
        assert_restic_finds_nothing(self);
    }
}

static void check_done(place *self)
{
    const unsigned open_by =
        (opens(self, self->key) ? OLD_KEY : 0) | (opens(self, self->new_key) ? NEW_KEY : 0);

    find_key(self);
    assert_int_equal(open_by, self->scenario->opens);
    assert_all_restore(self, self->scenario->after);
    if (self->made[0]) {
        assert_restores(self, self->made, self->source);
    }
}

static void assert_no_rubbish(const place *self)
{
    bsi_repo_files locks;
    char *command = NULL;

    list(self, BSI_REPO_LOCKS, &locks);
    assert_int_equal(locks.count, 0);
    bsi_repo_files_dispose(&locks);
    assert_true(asprintf(&command, "test -z \"$(find '%s' -name '.bst-*')\"", self->storage) > 0);
    assert_int_equal(system(command), 0);
    free(command);
}

/* What was damaged is repaired and what is not needed goes: then nothing is left to be said. */
static void check_cleans_up(place *self, bool by_restic)
{
    bsi_check_report report;

    if (self->errors > 0) {
        assert_ok(act_repair_index(self));
        assert_ok(act_repair_packs(self));
        assert_ok(act_repair_snapshots(self));
    }
    assert_ok(act_prune(self));
    report = check(self);
    assert_int_equal(report.errors, 0);
    assert_int_equal(report.notes, 0);
    assert_all_restore(self, self->scenario->after);
    assert_no_rubbish(self);
    if (by_restic) {
        assert_restic_finds_nothing(self);
    }
}

/* --- Deaths --- */

/* True when it was killed; otherwise it was done. */
static bool dies_at(place *self, uint64_t at)
{
    const bsi_fault_plan plan = {.op_mask = changes, .at = at};
    const pid_t child = fork();
    int how = 0;

    assert_true(child >= 0);
    if (child == 0) {
        place_take_keys(self); /* A child finds its copies of secrets wiped. */
        bsi_fault_set(&plan);
        _exit(self->scenario->act(self) == BS_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &how, 0), child);
    if (WIFSIGNALED(how)) {
        assert_int_equal(WTERMSIG(how), SIGKILL);
        return true;
    }
    assert_int_equal(WEXITSTATUS(how), 0);
    return false;
}

/* The storage as somebody finds it who comes after the death. */
static void come_back(place *self)
{
    place_close_storage(self);
    place_open_storage(self->storage, &self->env.storage);
}

static void do_again(place *self)
{
    const bs_status status = self->scenario->act(self);

    if (status != self->scenario->again) {
        assert_ok(status);
    }
}

static bool is_full(void)
{
    const char *full = getenv("BSI_TESTS_FULL");

    return full && strcmp(full, "1") == 0;
}

static void play(place *self, const scenario *played)
{
    const bool is_made = played->prepare != have_nothing;
    unsigned deaths = 0;
    bool died = true;

    begin(self, played);
    reset(self);
    self->errors = is_made ? check(self).errors : 0;
    assert_true((self->errors > 0) ==
                (played->before != ALL && played->prepare != forget_first && played->before != 0));
    for (self->at = 1; died; self->at += is_full() ? 1 : played->stride) {
        const bool by_restic = is_full() || deaths % RESTIC_EVERY == 0;
        reset(self);
        died = dies_at(self, self->at);
        deaths += died;
        if (is_made) {
            check_survives(self, by_restic);
        }
        come_back(self);
        if (died) {
            do_again(self);
        }
        check_done(self);
        check_cleans_up(self, by_restic);
    }
    print_message("# %s: %u deaths\n", played->name, deaths);
    assert_true(deaths > 1);
    end(self);
}

static const char *chosen = "";

static void who_dies_loses_nothing_and_the_next_one_cleans_up(void **state)
{
    for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
        if (strstr(scenarios[i].name, chosen)) {
            play(*state, &scenarios[i]);
        }
    }
}

/* With an argument: only scenarios whose name has it in it. */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_dies_loses_nothing_and_the_next_one_cleans_up, setup,
                                        teardown),
    };

    chosen = argc > 1 ? argv[1] : "";
    bsi_clock_leap(true); /* Nobody waits for locks to settle. */
    return cmocka_run_group_tests_name("fault/repository", tests, NULL, NULL);
}
