/* SPDX-License-Identifier: MIT */
/*
 * Random sequences of changes and backups of every kind, held against a model
 * that is as simple as can be: a plain copy of the tree at each backup. Whatever
 * came before and after it, each backup restores to exactly its copy.
 *
 * A sequence follows from its number alone: BSI_TEST_SEED=n runs only that one.
 */
#include "support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "archive/archive.h"
#include "support/compare.h"
#include "support/tree.h"
#include "support/vault.h"

enum {
    LEFT_OUT = COMPARE_NO_SOCKETS | COMPARE_NO_TOP,
    SEQUENCES_SHORT = 40,
    SEQUENCES_FULL = 1000,
    STEPS_MAX = 9,
    PATH_ROOM = 700,
};

extern char **environ;

/* A backup, and what it must bring back. */
typedef struct kept {
    test_backup backup;
    bsi_backup_kind kind;
    bool gone;
    char copy[PATH_ROOM];
} kept;

typedef struct model {
    test_vault *vault;
    uint64_t state;
    kept list[STEPS_MAX];
    size_t count;
} model;

/* What all sequences did. */
static struct {
    unsigned long sequences;
    unsigned long backups[5]; /* By kind. */
    unsigned long content_only;
    unsigned long removed;
    unsigned long verified;
    unsigned long restored;
    uint64_t last;
} done;

static uint64_t chance(model *self, uint64_t below)
{
    self->state ^= self->state << 13;
    self->state ^= self->state >> 7;
    self->state ^= self->state << 17;
    return self->state % below;
}

/* --- Changes that tree_mutate() does not make --- */

static void name_of(model *self, const char *what, uint64_t names, char out[PATH_ROOM])
{
    (void)snprintf(out, PATH_ROOM, "%s/%s %u", self->vault->source, what,
                   (unsigned)chance(self, names));
}

/* Bytes somewhere in a sparse file, a hole punched into it, or another size. */
static void change_sparse(model *self)
{
    char path[PATH_ROOM];
    const off_t at = (off_t)chance(self, 256) * 4096 + (off_t)chance(self, 2) * 100;
    int fd = -1;

    name_of(self, "sparse", 3, path);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
    if (fd < 0) {
        return; /* It has become a directory. */
    }
    switch (chance(self, 3)) {
    case 0:
        (void)fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, 16384);
        break;
    case 1:
        (void)!ftruncate(fd, at * 3);
        break;
    default:
        (void)!pwrite(fd, "data in a hole", 14, at);
    }
    (void)close(fd);
}

/* A further name for one of a few inodes, or one name less: heads of groups come and go. */
static void change_group(model *self)
{
    char from[PATH_ROOM];
    char to[PATH_ROOM];

    name_of(self, "name", 6, from);
    name_of(self, "name", 6, to);
    if (chance(self, 3) == 0) {
        (void)unlink(to);
    }
    if (link(from, to) != 0 && errno == ENOENT) {
        tree_write(from, chance(self, 3000), chance(self, 4));
    }
}

/* Files that are too large to be read at once: a new one, or a byte under the old time. */
static void change_large(model *self)
{
    char path[PATH_ROOM];
    struct stat info;

    name_of(self, "large", 2, path);
    if (chance(self, 2) == 0) {
        if (lstat(path, &info) != 0 || S_ISREG(info.st_mode)) {
            tree_write(path, 1000000 + chance(self, 2000000), chance(self, 3));
        }
        return;
    }
    if (lstat(path, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0) {
        const struct timespec times[2] = {info.st_atim, info.st_mtim};
        const int fd = open(path, O_RDWR | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(pwrite(fd, "!", 1, (off_t)chance(self, (uint64_t)info.st_size)), 1);
        (void)futimens(fd, times);
        (void)close(fd);
    }
}

static void change_metadata(model *self)
{
    char path[PATH_ROOM];
    struct timespec times[2] = {{0, UTIME_OMIT}, {0, 0}};

    name_of(self, "name", 6, path);
    times[1].tv_sec = (time_t)chance(self, UINT64_C(1) << 32);
    times[1].tv_nsec = (long)chance(self, 1000000000);
    switch (chance(self, 4)) {
    case 0:
        (void)utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW);
        break;
    case 1:
        (void)!lchown(path, (uid_t)chance(self, 3), (gid_t)chance(self, 3));
        break;
    case 2:
        (void)lsetxattr(path, "trusted.test", &times, chance(self, sizeof(times)), 0);
        break;
    default:
        (void)lremovexattr(path, "trusted.test");
    }
}

static void change(model *self)
{
    const uint64_t own = chance(self, 4);

    tree_mutate(self->vault->source, chance(self, UINT64_MAX), 1 + chance(self, 12));
    for (uint64_t i = 0; i < own; i++) {
        change_sparse(self);
        change_group(self);
        change_metadata(self);
    }
    if (chance(self, 4) == 0) {
        change_large(self);
    }
}

/* --- The model --- */

static void copy_source(model *self, kept *out)
{
    char *const argv[] = {(char[]){"cp"}, (char[]){"-a"}, self->vault->source, out->copy, NULL};
    pid_t child = 0;
    int status = -1;

    (void)snprintf(out->copy, sizeof(out->copy), "%s/copy %zu", self->vault->dir->path,
                   self->count);
    assert_int_equal(posix_spawnp(&child, "cp", NULL, NULL, argv, environ), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static const char *form_of(const kept *backup)
{
    return backup->kind == BSI_KIND_MIRROR ? "mirror" : "archive";
}

/* The last backup that a new one of `kind` builds on, by the rules of the engine. */
static const kept *base_for(const model *self, bsi_backup_kind kind)
{
    for (size_t i = self->count; i > 0; i--) {
        const kept *backup = &self->list[i - 1];
        const bool mirror = backup->kind == BSI_KIND_MIRROR;
        if (!backup->gone && mirror == (kind == BSI_KIND_MIRROR) &&
            (kind != BSI_KIND_DIFFERENTIAL || backup->kind == BSI_KIND_FULL)) {
            return backup;
        }
    }
    return NULL;
}

static bsi_backup_kind some_kind(model *self)
{
    static const bsi_backup_kind kinds[] = {
        BSI_KIND_FULL,         BSI_KIND_INCREMENTAL,  BSI_KIND_INCREMENTAL, BSI_KIND_INCREMENTAL,
        BSI_KIND_DIFFERENTIAL, BSI_KIND_DIFFERENTIAL, BSI_KIND_MIRROR,
    };

    return kinds[chance(self, BSI_ARRAY_SIZE(kinds))];
}

static const char *some_container(model *self)
{
    size_t count = 0;

    while (bsi_archive_at(count)) {
        count++;
    }
    return bsi_archive_name(bsi_archive_at(chance(self, count)));
}

static void take(model *self)
{
    kept *out = &self->list[self->count];
    const kept *base = NULL;

    out->kind = some_kind(self);
    base = base_for(self, out->kind);
    if (!base && out->kind != BSI_KIND_MIRROR) {
        out->kind = BSI_KIND_FULL;
    }
    self->vault->content_only = chance(self, 6) == 0;
    copy_source(self, out);
    test_vault_backup(self->vault, form_of(out), out->kind,
                      out->kind == BSI_KIND_MIRROR ? "none" : some_container(self),
                      out->kind != BSI_KIND_FULL && base ? &base->backup : NULL, &out->backup);
    if (out->backup.status < 0) {
        print_error("backup: %s\n", bs_error_last()->message);
    }
    assert_true(out->backup.status >= 0);
    if (out->kind == BSI_KIND_MIRROR && base) {
        self->list[base - self->list].gone = true; /* There is one mirror of a name. */
    }
    self->count++;
    done.backups[out->kind]++;
    done.content_only += self->vault->content_only ? 1 : 0;
}

static void check(model *self, const kept *backup)
{
    unsigned lost = 0;
    bs_status status = BS_OK;

    assert_int_equal(test_vault_verify(self->vault, form_of(backup), &backup->backup, &lost), 0);
    assert_int_equal(lost, 0);
    done.verified++;
    status = test_vault_restore(self->vault, form_of(backup), &backup->backup);
    if (status < 0) {
        print_error("restore: %s\n", bs_error_last()->message);
    }
    assert_true(status >= 0);
    assert_trees_equal(backup->copy, self->vault->out, LEFT_OUT);
    done.restored++;
}

static void check_all(model *self)
{
    for (size_t i = 0; i < self->count; i++) {
        if (!self->list[i].gone) {
            check(self, &self->list[i]);
        }
    }
}

/* --- Removing --- */

static bool is_needed(const model *self, const kept *backup)
{
    for (size_t i = 0; i < self->count; i++) {
        const bsi_backup_result *other = &self->list[i].backup.result;
        for (size_t j = 0; !self->list[i].gone && j < other->needs_count; j++) {
            if (strcmp(other->needs[j], backup->backup.id) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void remove_backup(model *self, kept *backup)
{
    const bsi_backup_result *result = &backup->backup.result;

    assert_ok(bsi_vault_find(form_of(backup))
                  ->remove(&self->vault->env, result->manifest_key, result->container_key));
    backup->gone = true;
    done.removed++;
}

static void remove_some(model *self)
{
    kept *backup = &self->list[chance(self, self->count)];

    if (!backup->gone && !is_needed(self, backup)) {
        remove_backup(self, backup);
    }
}

static bs_status count_object(void *user, const char *key, const bs_storage_object *object)
{
    unsigned *count = user;

    (void)object;
    print_error("left behind: %s\n", key);
    (*count)++;
    return BS_OK;
}

/* Last first: nothing needs a later one. Nothing stays behind on the storage. */
static void remove_all(model *self)
{
    unsigned left = 0;

    for (size_t i = self->count; i > 0; i--) {
        kept *backup = &self->list[i - 1];
        if (!backup->gone) {
            assert_false(is_needed(self, backup));
            remove_backup(self, backup);
        }
        tree_remove(backup->copy);
        test_backup_dispose(&backup->backup);
    }
    assert_ok(bsi_storage_list(self->vault->env.storage, NULL, "", count_object, &left));
    assert_int_equal(left, 0);
}

/* --- Sequences --- */

static void run_steps(model *self, uint64_t steps)
{
    for (uint64_t i = 0; i < steps; i++) {
        change(self);
        take(self);
        if (chance(self, 4) == 0) {
            check_all(self);
        }
        if (chance(self, 4) == 0) {
            remove_some(self);
        }
    }
    check_all(self);
    remove_all(self);
}

static void run_sequence(test_vault *vault, uint64_t seed)
{
    model *self = calloc(1, sizeof(*self));

    assert_non_null(self);
    self->vault = vault;
    self->state = (seed + 1) * 0x9e3779b97f4a7c15U;
    done.last = seed;
    tree_remove(vault->source);
    assert_int_equal(mkdir(vault->source, 0755), 0);
    tree_mutate(vault->source, chance(self, UINT64_MAX), 30);
    run_steps(self, 2 + chance(self, STEPS_MAX - 1));
    free(self);
    done.sequences++;
}

static void every_backup_restores_to_the_tree_that_was_there(void **state)
{
    test_vault *vault = *state;
    const char *only = getenv("BSI_TEST_SEED");
    const uint64_t first = only ? strtoull(only, NULL, 10) : 0;
    const uint64_t count = only ? 1 : getenv("BSI_TESTS_FULL") ? SEQUENCES_FULL : SEQUENCES_SHORT;

    for (uint64_t seed = first; seed < first + count; seed++) {
        run_sequence(vault, seed);
    }
}

/* Also after a failure: the number of the sequence is what repeats it. */
static int tell(void **state)
{
    print_message("# %lu sequences, the last of them number %llu\n", done.sequences,
                  (unsigned long long)done.last);
    print_message(
        "# %lu full, %lu incremental, %lu differential, %lu mirror, %lu by content only\n",
        done.backups[BSI_KIND_FULL], done.backups[BSI_KIND_INCREMENTAL],
        done.backups[BSI_KIND_DIFFERENTIAL], done.backups[BSI_KIND_MIRROR], done.content_only);
    print_message("# %lu verified, %lu restored, %lu removed\n", done.verified, done.restored,
                  done.removed);
    return test_vault_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_backup_restores_to_the_tree_that_was_there,
                                        test_vault_setup, tell),
    };

    test_dir_in_memory();
    if (geteuid() != 0) {
        print_message("# not the superuser: owners and trusted attributes stay as they are\n");
    }
    return cmocka_run_group_tests_name("integration/model", tests, NULL, NULL);
}
