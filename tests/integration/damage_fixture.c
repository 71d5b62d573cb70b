/* SPDX-License-Identifier: MIT */
/*
 * Small backups with damage done to them.
 */
#include "damage_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/test.h"
#include "support/tree.h"
#include "vault/names.h"

const char *const damage_names[DAMAGE_NAMES] = {"alpha.txt", "beta", "dir/gamma", "sparse"};

bool damage_all(void)
{
    return getenv("BSI_TESTS_FULL") != NULL;
}

void damage_build(test_vault *vault)
{
    char path[DAMAGE_PATH_SIZE];
    int fd = -1;

    tree_remove(vault->source);
    assert_int_equal(mkdir(vault->source, 0755), 0);
    (void)snprintf(path, sizeof(path), "%s/dir", vault->source);
    assert_int_equal(mkdir(path, 0750), 0);
    (void)snprintf(path, sizeof(path), "%s/link", vault->source);
    assert_int_equal(symlink("alpha.txt", path), 0);
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", vault->source, damage_names[i]);
        tree_write(path, 40 * (i + 1), i);
    }
    (void)snprintf(path, sizeof(path), "%s/%s", vault->source, damage_names[3]);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 8192), 0);
    assert_int_equal(pwrite(fd, "far in", 6, 4096), 6);
    (void)close(fd);
}

/* --- The storage's files --- */

void damage_path(const test_vault *vault, const char *key, char out[DAMAGE_PATH_SIZE])
{
    const int size = snprintf(out, DAMAGE_PATH_SIZE, "%s/%s", vault->storage_path, key);

    assert_true(size > 0 && size < DAMAGE_PATH_SIZE);
}

size_t damage_load(const char *path, uint8_t *out, size_t room)
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

void damage_save(const char *path, const uint8_t *data, size_t size)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, size), size);
    (void)close(fd);
}

void damage_put_byte(const char *path, size_t at, uint8_t byte)
{
    const int fd = open(path, O_WRONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
    (void)close(fd);
}

void damage_swap(const test_vault *vault, const char *one, const char *two)
{
    char from[DAMAGE_PATH_SIZE];
    char to[DAMAGE_PATH_SIZE];
    char aside[DAMAGE_PATH_SIZE];

    damage_path(vault, one, from);
    damage_path(vault, two, to);
    (void)snprintf(aside, sizeof(aside), "%s/aside", vault->dir->path);
    assert_int_equal(rename(from, aside), 0);
    assert_int_equal(rename(to, from), 0);
    assert_int_equal(rename(aside, to), 0);
}

/* --- Whether it is found --- */

static bs_status count_damage(void *user, const char *key, const char *message)
{
    (void)key;
    assert_true(message[0] != '\0');
    (*(unsigned *)user)++;
    return BS_OK;
}

static bs_status ignore_lost(void *user, bsi_slice path)
{
    (void)user;
    (void)path;
    return BS_OK;
}

bool damage_is_noticed(test_vault *vault, const char *form, const test_backup *backup)
{
    unsigned objects = 0;
    const bsi_damage_sink sink = {count_damage, ignore_lost, &objects};
    bsi_verify_result result;
    const bs_status status =
        bsi_vault_find(form)->verify(&vault->env, backup->result.manifest_key, &sink, &result);

    assert_true(status >= 0);
    return objects > 0 || result.is_locked;
}

bool damage_leaves_files(test_vault *vault, const char *form, const test_backup *backup)
{
    static uint8_t is[512 * 1024];
    static uint8_t was[512 * 1024];
    char path[DAMAGE_PATH_SIZE];
    const bs_status status = test_vault_restore(vault, form, backup);
    bool any = false;
    bool all = true;

    for (size_t i = 0; i < DAMAGE_NAMES; i++) {
        size_t size = 0;
        size_t wanted = 0;
        (void)snprintf(path, sizeof(path), "%s/%s", vault->source, damage_names[i]);
        wanted = damage_load(path, was, sizeof(was));
        (void)snprintf(path, sizeof(path), "%s/%s", vault->out, damage_names[i]);
        size = damage_load(path, is, sizeof(is));
        if (size == SIZE_MAX) {
            all = all && wanted == SIZE_MAX;
            continue;
        }
        any = true;
        assert_int_equal(size, wanted);
        assert_memory_equal(is, was, size);
    }
    assert_true(all || status != BS_OK);
    return any;
}

/* --- One damaged object --- */

typedef struct object {
    test_vault *vault;
    const char *form;
    const test_backup *backup;
    bool is_sealed; /* As a whole. */
    size_t stride;  /* In bytes; */
    size_t rest;    /* every so-manieth of these is restored from too. */
    char path[DAMAGE_PATH_SIZE];
    uint8_t bytes[64 * 1024];
    size_t size;
    unsigned long damages;
    unsigned long silent;
    unsigned long restores;
    unsigned long placed; /* Restores that left a file. */
} object;

static void look(object *self, const char *what, size_t at)
{
    self->damages++;
    if (test_vault_verify(self->vault, self->form, self->backup, NULL) == 0) {
        print_error("not found: %s: %s at %zu\n", self->path, what, at);
        self->silent++;
    }
}

static void try_restore(object *self)
{
    self->restores++;
    self->placed += damage_leaves_files(self->vault, self->form, self->backup);
}

static void flip(object *self, size_t at, unsigned bit)
{
    damage_put_byte(self->path, at, self->bytes[at] ^ (uint8_t)(1U << bit));
    look(self, "a flipped bit", at * 8 + bit);
    if (damage_all() || at / self->stride % self->rest == 0) {
        try_restore(self);
    }
}

static void flip_all(object *self)
{
    for (size_t at = 0; at < self->size; at += self->stride) {
        const unsigned only = (unsigned)(at * 5 % 8);
        for (unsigned bit = 0; bit < 8; bit++) {
            if (damage_all() || bit == only) {
                flip(self, at, bit);
            }
        }
        damage_put_byte(self->path, at, self->bytes[at]);
    }
}

static void cut_all(object *self)
{
    for (size_t cut = 1; cut <= self->size; cut += self->stride) {
        const size_t size = self->size - cut;
        assert_int_equal(truncate(self->path, (off_t)size), 0);
        look(self, "cut", size);
        if (damage_all() || cut / self->stride % (4 * self->rest) == 0) {
            try_restore(self);
        }
    }
    assert_int_equal(unlink(self->path), 0);
    look(self, "missing", 0);
    try_restore(self);
    damage_save(self->path, self->bytes, self->size);
}

static void lengthen(object *self)
{
    /* A byte; an empty skippable frame of zstd, which says nothing. */
    static const uint8_t more[] = {0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0};
    static uint8_t longer[sizeof(self->bytes) + sizeof(more)];

    memcpy(longer, self->bytes, self->size);
    memcpy(longer + self->size, more, sizeof(more));
    damage_save(self->path, longer, self->size + 1);
    look(self, "one byte more", self->size);
    damage_save(self->path, longer, self->size + sizeof(more));
    look(self, "a frame more", self->size);
    memcpy(longer, more, sizeof(more));
    memcpy(longer + sizeof(more), self->bytes, self->size);
    damage_save(self->path, longer, self->size + sizeof(more));
    look(self, "a frame in front", 0);
    damage_save(self->path, self->bytes, self->size);
}

/* The beginning of this one and the rest of the other, joined at each place. */
static void splice_all(object *self, const char *other_path)
{
    static uint8_t other[sizeof(self->bytes)];
    static uint8_t spliced[sizeof(self->bytes)];
    const size_t size = damage_load(other_path, other, sizeof(other));

    assert_true(size > 0 && size != SIZE_MAX);
    memcpy(spliced, other, size);
    for (size_t at = 0; at < self->size && at < size; at++) {
        const bool same = size == self->size && memcmp(spliced, self->bytes, size) == 0;
        if (!same && at % self->stride == 0) {
            damage_save(self->path, spliced, size);
            look(self, "spliced", at);
            try_restore(self);
        }
        spliced[at] = self->bytes[at];
    }
    damage_save(self->path, self->bytes, self->size);
}

static object *begin(test_vault *vault, const char *form, const test_backup *backup,
                     const char *key, size_t points)
{
    object *self = calloc(1, sizeof(*self));

    assert_non_null(self);
    self->vault = vault;
    self->form = form;
    self->backup = backup;
    self->is_sealed = vault->seal.encryption != BSI_ENCRYPTION_NONE && !bsi_is_winzip_key(key);
    damage_path(vault, key, self->path);
    self->size = damage_load(self->path, self->bytes, sizeof(self->bytes));
    assert_true(self->size > 0 && self->size != SIZE_MAX);
    self->stride = damage_all() || points == 0 ? 1 : self->size / points + 1;
    self->rest = self->stride == 1 ? 16 : 4;
    return self;
}

static void end(object *self, const char *key)
{
    test_vault *vault = self->vault;

    print_message("# %s: %zu bytes, %lu damages, %lu silent; %lu restores, %lu left a file\n", key,
                  self->size, self->damages, self->silent, self->restores, self->placed);
    assert_int_equal(self->silent, 0);
    assert_true(self->placed == 0 || !self->is_sealed);
    vault->print_warnings = true;
    assert_int_equal(test_vault_verify(vault, self->form, self->backup, NULL), 0); /* Put back. */
    vault->print_warnings = false;
    free(self);
}

void damage_object(test_vault *vault, const char *form, const test_backup *backup, const char *key,
                   size_t points)
{
    object *self = begin(vault, form, backup, key, points);

    flip_all(self);
    cut_all(self);
    lengthen(self);
    end(self, key);
}

void damage_splice(test_vault *vault, const char *form, const test_backup *backup, const char *key,
                   const char *other, size_t points)
{
    object *self = begin(vault, form, backup, key, points);
    char path[DAMAGE_PATH_SIZE];

    damage_path(vault, other, path);
    splice_all(self, path);
    end(self, key);
}
