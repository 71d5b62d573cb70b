/* SPDX-License-Identifier: MIT */
/*
 * Every bit of a small backup flipped in turn, every length that it may be cut
 * to, every object gone or in another's place: verification finds each of them,
 * and a restore never puts anything in place but what was backed up.
 */
#include "support/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/archive.h"
#include "support/tree.h"
#include "support/vault.h"

enum { NAMES = 4, PATH_ROOM = 1200 };

/* Of the source. */
static const char *const names[NAMES] = {"alpha.txt", "beta", "dir/gamma", "sparse"};

/* Bits of each byte; places restored from, in bytes. The full form takes all. */
static bool full;

static void build(test_vault *vault)
{
    char path[PATH_ROOM];
    int fd = -1;

    tree_remove(vault->source);
    assert_int_equal(mkdir(vault->source, 0755), 0);
    (void)snprintf(path, sizeof(path), "%s/dir", vault->source);
    assert_int_equal(mkdir(path, 0750), 0);
    (void)snprintf(path, sizeof(path), "%s/link", vault->source);
    assert_int_equal(symlink("alpha.txt", path), 0);
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", vault->source, names[i]);
        tree_write(path, 40 * (i + 1), i);
    }
    (void)snprintf(path, sizeof(path), "%s/%s", vault->source, names[3]);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 8192), 0);
    assert_int_equal(pwrite(fd, "far in", 6, 4096), 6);
    (void)close(fd);
}

/* --- The storage's files --- */

static size_t load(const char *path, uint8_t *out, size_t room)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = -1;

    if (fd < 0) {
        return SIZE_MAX;
    }
    got = read(fd, out, room);
    assert_true(got >= 0 && (size_t)got < room);
    (void)close(fd);
    return (size_t)got;
}

static void save(const char *path, const uint8_t *data, size_t size)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, size), size);
    (void)close(fd);
}

static void put_byte(const char *path, size_t at, uint8_t byte)
{
    const int fd = open(path, O_WRONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
    (void)close(fd);
}

/* --- One damaged object --- */

typedef struct object {
    test_vault *vault;
    const char *form;
    const test_backup *backup;
    char path[PATH_ROOM];
    uint8_t bytes[64 * 1024];
    size_t size;
    unsigned silent;
    unsigned long found;
    unsigned long restores;
} object;

static void look(object *self, const char *what, size_t at)
{
    if (test_vault_verify(self->vault, self->form, self->backup, NULL) == 0) {
        print_error("not found: %s: %s at %zu\n", self->path, what, at);
        self->silent++;
    } else {
        self->found++;
    }
}

/* What has a file's name has a file's content. */
static void restore_nothing_wrong(object *self)
{
    static uint8_t is[16 * 1024];
    static uint8_t was[16 * 1024];
    char path[PATH_ROOM];

    (void)test_vault_restore(self->vault, self->form, self->backup);
    for (size_t i = 0; i < NAMES; i++) {
        size_t size = 0;
        (void)snprintf(path, sizeof(path), "%s/%s", self->vault->out, names[i]);
        size = load(path, is, sizeof(is));
        if (size == SIZE_MAX) {
            continue;
        }
        (void)snprintf(path, sizeof(path), "%s/%s", self->vault->source, names[i]);
        assert_int_equal(load(path, was, sizeof(was)), size);
        assert_memory_equal(is, was, size);
    }
    self->restores++;
}

static void flip_all(object *self)
{
    for (size_t at = 0; at < self->size; at++) {
        const unsigned only = (unsigned)(at * 5 % 8);
        for (unsigned bit = 0; bit < 8; bit++) {
            if (full || bit == only) {
                put_byte(self->path, at, self->bytes[at] ^ (uint8_t)(1U << bit));
                look(self, "a flipped bit", at * 8 + bit);
            }
        }
        if (full || at % 16 == 0) {
            restore_nothing_wrong(self);
        }
        put_byte(self->path, at, self->bytes[at]);
    }
}

static void cut_all(object *self)
{
    for (size_t size = self->size; size > 0; size--) {
        assert_int_equal(truncate(self->path, (off_t)size - 1), 0);
        look(self, "cut", size - 1);
        if (full || size % 64 == 1) {
            restore_nothing_wrong(self);
        }
    }
    assert_int_equal(unlink(self->path), 0);
    look(self, "missing", 0);
    restore_nothing_wrong(self);
    save(self->path, self->bytes, self->size);
}

static void lengthen(object *self)
{
    /* A byte; an empty skippable frame of zstd, which says nothing. */
    static const uint8_t more[] = {0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0};
    static uint8_t longer[sizeof(self->bytes) + sizeof(more)];

    memcpy(longer, self->bytes, self->size);
    memcpy(longer + self->size, more, sizeof(more));
    save(self->path, longer, self->size + 1);
    look(self, "one byte more", self->size);
    save(self->path, longer, self->size + sizeof(more));
    look(self, "a frame more", self->size);
    memcpy(longer, more, sizeof(more));
    memcpy(longer + sizeof(more), self->bytes, self->size);
    save(self->path, longer, self->size + sizeof(more));
    look(self, "a frame in front", 0);
    save(self->path, self->bytes, self->size);
}

static void damage_object(test_vault *vault, const char *form, const test_backup *backup,
                          const char *key)
{
    object *self = calloc(1, sizeof(*self));

    assert_non_null(self);
    self->vault = vault;
    self->form = form;
    self->backup = backup;
    (void)snprintf(self->path, sizeof(self->path), "%s/%s", vault->storage_path, key);
    self->size = load(self->path, self->bytes, sizeof(self->bytes));
    assert_true(self->size > 0 && self->size != SIZE_MAX);
    flip_all(self);
    cut_all(self);
    lengthen(self);
    print_message("# %s: %zu bytes, %lu damages found, %u silent; %lu restores\n", key, self->size,
                  self->found, self->silent, self->restores);
    assert_int_equal(self->silent, 0);
    vault->print_warnings = true;
    assert_int_equal(test_vault_verify(vault, form, backup, NULL), 0); /* All is put back. */
    vault->print_warnings = false;
    free(self);
}

/* --- The tests --- */

static void every_flipped_bit_and_every_cut_is_found_in_each_container(void **state)
{
    test_vault *vault = *state;
    test_backup backup;

    vault->print_warnings = false;
    build(vault);
    for (size_t i = 0; bsi_archive_at(i); i++) {
        const char *compression = bsi_archive_name(bsi_archive_at(i));
        test_vault_backup(vault, "archive", BSI_KIND_FULL, compression, NULL, &backup);
        assert_int_equal(backup.status, BS_OK);
        damage_object(vault, "archive", &backup, backup.result.container_key);
        damage_object(vault, "archive", &backup, backup.result.manifest_key);
        test_backup_dispose(&backup);
    }
}

static void every_flipped_bit_and_every_cut_is_found_in_a_mirror(void **state)
{
    test_vault *vault = *state;
    test_backup backup;
    char key[PATH_ROOM];

    vault->print_warnings = false;
    build(vault);
    test_vault_backup(vault, "mirror", BSI_KIND_MIRROR, "none", NULL, &backup);
    assert_int_equal(backup.status, BS_OK);
    for (size_t i = 0; i < NAMES; i++) {
        (void)snprintf(key, sizeof(key), "%s%s/%s", backup.result.container_key, vault->source,
                       names[i]);
        damage_object(vault, "mirror", &backup, key);
    }
    damage_object(vault, "mirror", &backup, backup.result.manifest_key);
    test_backup_dispose(&backup);
}

static void swap_objects(test_vault *vault, const char *one, const char *two)
{
    char from[PATH_ROOM];
    char to[PATH_ROOM];
    char aside[PATH_ROOM];

    (void)snprintf(from, sizeof(from), "%s/%s", vault->storage_path, one);
    (void)snprintf(to, sizeof(to), "%s/%s", vault->storage_path, two);
    (void)snprintf(aside, sizeof(aside), "%s/aside", vault->dir->path);
    assert_int_equal(rename(from, aside), 0);
    assert_int_equal(rename(to, from), 0);
    assert_int_equal(rename(aside, to), 0);
}

/* Alike in every size, so that only what they say tells them apart. */
static void an_object_in_the_place_of_another_is_found(void **state)
{
    test_vault *vault = *state;
    test_backup one;
    test_backup two;

    vault->print_warnings = false;
    for (size_t i = 0; bsi_archive_at(i); i++) {
        const char *compression = bsi_archive_name(bsi_archive_at(i));
        build(vault);
        test_vault_backup(vault, "archive", BSI_KIND_FULL, compression, NULL, &one);
        tree_mutate(vault->source, i, 3);
        test_vault_backup(vault, "archive", BSI_KIND_FULL, compression, NULL, &two);
        swap_objects(vault, one.result.container_key, two.result.container_key);
        assert_true(test_vault_verify(vault, "archive", &one, NULL) > 0);
        assert_true(test_vault_verify(vault, "archive", &two, NULL) > 0);
        swap_objects(vault, one.result.container_key, two.result.container_key);
        swap_objects(vault, one.result.manifest_key, two.result.manifest_key);
        assert_true(test_vault_verify(vault, "archive", &one, NULL) > 0);
        assert_true(test_vault_verify(vault, "archive", &two, NULL) > 0);
        assert_status(test_vault_restore(vault, "archive", &one), BS_E_CORRUPT);
        swap_objects(vault, one.result.manifest_key, two.result.manifest_key);
        swap_objects(vault, one.result.manifest_key, one.result.container_key);
        assert_true(test_vault_verify(vault, "archive", &one, NULL) > 0);
        swap_objects(vault, one.result.manifest_key, one.result.container_key);
        assert_int_equal(test_vault_verify(vault, "archive", &one, NULL), 0);
        test_backup_dispose(&one);
        test_backup_dispose(&two);
    }
}

/* --- Chains --- */

typedef struct told {
    unsigned objects;
    unsigned lost;
    char key[PATH_ROOM];
    char paths[512];
} told;

static bs_status tell_object(void *user, const char *key, const char *message)
{
    told *out = user;

    assert_true(message[0] != '\0');
    out->objects++;
    (void)snprintf(out->key, sizeof(out->key), "%s", key);
    return BS_OK;
}

static bs_status tell_lost(void *user, bsi_slice path)
{
    told *out = user;
    const size_t used = strlen(out->paths);

    out->lost++;
    (void)snprintf(out->paths + used, sizeof(out->paths) - used, "%.*s\n", (int)path.size,
                   path.data);
    return BS_OK;
}

static void verify_with(test_vault *vault, const test_backup *backup, const bsi_damage_sink *sink)
{
    bsi_verify_result result;

    assert_ok(
        bsi_vault_find("archive")->verify(&vault->env, backup->result.manifest_key, sink, &result));
}

/* Flip a bit in every byte of the base; together they cost just the files that are still in it. */
static void check_chain(test_vault *vault, const test_backup *base, const test_backup *next)
{
    char path[PATH_ROOM];
    static uint8_t bytes[64 * 1024];
    size_t size = 0;
    unsigned long costly = 0;

    (void)snprintf(path, sizeof(path), "%s/%s", vault->storage_path, base->result.container_key);
    size = load(path, bytes, sizeof(bytes));
    for (size_t at = 0; at < size; at += full ? 1 : 7) {
        told seen = {0};
        const bsi_damage_sink sink = {tell_object, tell_lost, &seen};
        put_byte(path, at, bytes[at] ^ 0x10);
        verify_with(vault, next, &sink);
        put_byte(path, at, bytes[at]);
        assert_int_equal(seen.objects, 1);
        assert_string_equal(seen.key, base->result.container_key);
        assert_null(strstr(seen.paths, "/beta\n")); /* Stored anew by the incremental. */
        assert_true(seen.lost < NAMES);
        costly += seen.lost > 0 ? 1 : 0;
    }
    assert_true(costly > 0);
    assert_int_equal(unlink(path), 0);
    {
        told seen = {0};
        const bsi_damage_sink sink = {tell_object, tell_lost, &seen};
        verify_with(vault, next, &sink);
        assert_int_equal(seen.lost, NAMES - 1);
        assert_non_null(strstr(seen.paths, "/alpha.txt\n"));
        assert_non_null(strstr(seen.paths, "/dir/gamma\n"));
        assert_non_null(strstr(seen.paths, "/sparse\n"));
    }
    save(path, bytes, size);
}

static void damage_in_a_base_is_named_with_the_files_that_it_costs(void **state)
{
    test_vault *vault = *state;
    char path[PATH_ROOM];
    static test_backup base;
    static test_backup next;

    vault->print_warnings = false;
    for (size_t i = 0; bsi_archive_at(i); i++) {
        const char *compression = bsi_archive_name(bsi_archive_at(i));
        build(vault);
        test_vault_backup(vault, "archive", BSI_KIND_FULL, compression, NULL, &base);
        (void)snprintf(path, sizeof(path), "%s/beta", vault->source);
        tree_write(path, 77, 99);
        test_vault_backup(vault, "archive", BSI_KIND_INCREMENTAL, compression, &base, &next);
        assert_int_equal(next.result.needs_count, 1);
        check_chain(vault, &base, &next);
        test_backup_dispose(&base);
        test_backup_dispose(&next);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_flipped_bit_and_every_cut_is_found_in_each_container,
                                        test_vault_setup, test_vault_teardown),
        cmocka_unit_test_setup_teardown(every_flipped_bit_and_every_cut_is_found_in_a_mirror,
                                        test_vault_setup, test_vault_teardown),
        cmocka_unit_test_setup_teardown(an_object_in_the_place_of_another_is_found,
                                        test_vault_setup, test_vault_teardown),
        cmocka_unit_test_setup_teardown(damage_in_a_base_is_named_with_the_files_that_it_costs,
                                        test_vault_setup, test_vault_teardown),
    };

    if (access("/dev/shm", W_OK) == 0) {
        (void)setenv("TMPDIR", "/dev/shm", 0);
    }
    full = getenv("BSI_TESTS_FULL") != NULL;
    return cmocka_run_group_tests_name("integration/damage", tests, NULL, NULL);
}
