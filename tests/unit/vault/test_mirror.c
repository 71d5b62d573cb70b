/* SPDX-License-Identifier: MIT */
/* Mirrors on what looks like a service of objects, where many are on their way at a time. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "storage/decorators/faulty.h"
#include "storage/storage_int.h"
#include "support/compare.h"
#include "support/tree.h"
#include "support/vault.h"
#include "vault/mirror/hands.h"

enum { SMALL_FILES = 200, LARGE_SIZE = 3 * BSI_HANDS_BYTES_MAX };

typedef struct fixture {
    test_vault *vault;
    bsi_storage *local;
    bsi_storage *service;
} fixture;

static void write_source(const fixture *self, const char *name, size_t size, uint64_t seed)
{
    char path[600];

    (void)snprintf(path, sizeof(path), "%s/%s", self->vault->source, name);
    tree_write(path, size, seed);
}

static void write_files(const fixture *self, uint64_t seed)
{
    char name[32];

    for (unsigned i = 0; i < SMALL_FILES; i++) {
        (void)snprintf(name, sizeof(name), "file-%03u", i);
        write_source(self, name, i * 40, seed + i);
    }
    write_source(self, "large", LARGE_SIZE, seed);
    write_source(self, "limit", BSI_HANDS_BYTES_MAX, seed + 1);
    write_source(self, "beyond", BSI_HANDS_BYTES_MAX + 1, seed + 2);
}

static int setup(void **state)
{
    fixture *self = calloc(1, sizeof(*self));
    bsi_storage *inner = NULL;
    void *vault = NULL;

    assert_non_null(self);
    assert_int_equal(test_vault_setup(&vault), 0);
    self->vault = vault;
    self->local = self->vault->env.storage;
    assert_ok(bsi_storage_open("mem", NULL, 0, NULL, &inner));
    assert_ok(bsi_storage_faulty_new(inner, &self->service));
    bsi_storage_unref(inner);
    self->service->caps |= BS_STORAGE_CAP_NETWORK;
    self->service->caps &= ~(uint32_t)BS_STORAGE_CAP_RENAME;
    self->vault->env.storage = self->service;
    assert_int_equal(mkdir(self->vault->source, 0755), 0);
    write_files(self, 1000);
    *state = self;
    return 0;
}

static int teardown(void **state)
{
    fixture *self = *state;
    void *vault = self->vault;

    self->vault->env.storage = self->local;
    bsi_storage_unref(self->service);
    assert_int_equal(test_vault_teardown(&vault), 0);
    free(self);
    return 0;
}

static void mirror(const fixture *self, const test_backup *base, test_backup *out)
{
    test_vault_backup(self->vault, "mirror", BSI_KIND_MIRROR, "none", base, out);
}

static void assert_mirrored(const fixture *self, const test_backup *backup)
{
    assert_ok(backup->status);
    assert_ok(test_vault_restore(self->vault, "mirror", backup));
    assert_trees_equal(self->vault->source, self->vault->out, 0);
}

static bs_status count_one(void *user, const char *key, const bs_storage_object *object)
{
    (void)key;
    (void)object;
    (*(size_t *)user)++;
    return BS_OK;
}

static size_t count_objects(const fixture *self)
{
    size_t count = 0;

    assert_ok(bsi_storage_list(self->service, NULL, "", count_one, &count));
    return count;
}

/* The files, and one manifest: nothing of how they got there. */
static void every_file_is_in_its_place_and_nothing_else(void **state)
{
    const fixture *self = *state;
    test_backup first;
    test_backup second;

    mirror(self, NULL, &first);
    assert_mirrored(self, &first);
    assert_int_equal(count_objects(self), SMALL_FILES + 3 + 1);
    write_files(self, 5000);
    mirror(self, &first, &second);
    assert_mirrored(self, &second);
    assert_int_equal(count_objects(self), SMALL_FILES + 3 + 1);
    test_backup_dispose(&first);
    test_backup_dispose(&second);
}

/* Whichever call fails, before the manifest or behind it: the next run finishes the work. */
static void run_that_fails_at(const fixture *self, uint32_t op_mask, uint64_t at, test_backup *base,
                              bool *hit)
{
    const bsi_faulty_plan plan = {
        .op_mask = op_mask, .at = at, .code = BS_E_NO_SPACE, .forever = true};
    const size_t before = count_objects(self);
    test_backup broken;
    test_backup next;

    write_files(self, 10000 * (at + 1));
    bsi_storage_faulty_set(self->service, &plan);
    mirror(self, base, &broken);
    *hit = bsi_storage_faulty_count(self->service) >= at;
    bsi_storage_faulty_set(self->service, NULL);
    assert_true(broken.status == BS_E_NO_SPACE || broken.status == BS_PARTIAL || !*hit);
    if (broken.status < 0) {
        assert_int_equal(count_objects(self), before);
        mirror(self, base, &next);
    } else {
        mirror(self, &broken, &next);
    }
    assert_mirrored(self, &next);
    assert_int_equal(count_objects(self), before);
    test_backup_dispose(&broken);
    test_backup_dispose(base);
    *base = next;
}

static void a_failure_of_any_of_them_ends_the_run_and_leaves_nothing(void **state)
{
    static const uint32_t ops[] = {BSI_FAULTY_BEGIN, BSI_FAULTY_WRITE, BSI_FAULTY_COMMIT};
    const fixture *self = *state;
    test_backup base;
    bool hit = true;

    mirror(self, NULL, &base);
    assert_mirrored(self, &base);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(ops); i++) {
        hit = true;
        for (uint64_t at = 1; hit; at = at * 3 + 1) {
            run_that_fails_at(self, ops[i], at, &base, &hit);
        }
    }
    test_backup_dispose(&base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_file_is_in_its_place_and_nothing_else, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_failure_of_any_of_them_ends_the_run_and_leaves_nothing,
                                        setup, teardown),
    };

    return cmocka_run_group_tests_name("vault/mirror", tests, NULL, NULL);
}
