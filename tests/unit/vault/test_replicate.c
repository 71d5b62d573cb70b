/* SPDX-License-Identifier: MIT */
/* Archives copied to another storage: cut short anywhere, damaged, encrypted, and by two at once.
 */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "os/thread.h"
#include "storage/decorators/faulty.h"
#include "support/compare.h"
#include "support/tree.h"
#include "support/vault.h"
#include "vault/names.h"
#include "vault/pins.h"

enum { OBJECT_MAX = 8 * 1024 * 1024 };

typedef struct fixture {
    test_vault *vault;
    bsi_storage *local;  /* The source as it is, */
    bsi_storage *source; /* and as it fails. */
    bsi_storage *target;
    test_backup full;
    test_backup next; /* Needs the first. */
} fixture;

static void write_source(const fixture *self, const char *name, size_t size, uint64_t seed)
{
    char path[600];

    (void)snprintf(path, sizeof(path), "%s/%s", self->vault->source, name);
    tree_write(path, size, seed);
}

static void new_target(fixture *self)
{
    bsi_storage *inner = NULL;

    bsi_storage_unref(self->target);
    assert_ok(bsi_storage_open("mem", NULL, 0, NULL, &inner));
    assert_ok(bsi_storage_faulty_new(inner, &self->target));
    bsi_storage_unref(inner);
}

static int setup(void **state)
{
    fixture *self = calloc(1, sizeof(*self));
    void *vault = NULL;

    assert_non_null(self);
    assert_int_equal(test_vault_setup(&vault), 0);
    self->vault = vault;
    self->local = self->vault->env.storage;
    assert_ok(bsi_storage_faulty_new(self->local, &self->source));
    self->vault->env.storage = self->source;
    new_target(self);
    assert_int_equal(mkdir(self->vault->source, 0755), 0);
    write_source(self, "large", 2500 * 1000, 1);
    write_source(self, "small", 300, 2);
    *state = self;
    return 0;
}

static int teardown(void **state)
{
    fixture *self = *state;
    void *vault = self->vault;

    self->vault->env.storage = self->local;
    bsi_storage_unref(self->source);
    bsi_storage_unref(self->target);
    test_backup_dispose(&self->full);
    test_backup_dispose(&self->next);
    assert_int_equal(test_vault_teardown(&vault), 0);
    free(self);
    return 0;
}

/* --- What the tests do --- */

static void back_up(fixture *self)
{
    test_vault_backup(self->vault, "archive", BSI_KIND_FULL, "tar.zst", NULL, &self->full);
    assert_ok(self->full.status);
}

static void back_up_more(fixture *self)
{
    write_source(self, "new", 5000, 3);
    test_vault_backup(self->vault, "archive", BSI_KIND_INCREMENTAL, "tar.zst", &self->full,
                      &self->next);
    assert_ok(self->next.status);
}

static bs_status replicate(fixture *self, const test_backup *backup, bsi_replicated *out)
{
    return bsi_vault_find("archive")->replicate(&self->vault->env, backup->result.manifest_key,
                                                self->target, out);
}

static bool is_there(fixture *self, const char *key)
{
    bs_storage_object object;
    const bs_status status = bsi_storage_stat(self->target, NULL, key, &object);

    assert_true(status == BS_OK || status == BS_E_NOT_FOUND);
    return status == BS_OK;
}

/* Both storages have the same bytes under a key. */
static void check_same(fixture *self, const char *key)
{
    bsi_buf here;
    bsi_buf there;

    bsi_buf_init(&here, OBJECT_MAX);
    bsi_buf_init(&there, OBJECT_MAX);
    assert_ok(bsi_storage_load(self->local, NULL, key, OBJECT_MAX, &here));
    assert_ok(bsi_storage_load(self->target, NULL, key, OBJECT_MAX, &there));
    assert_int_equal(here.size, there.size);
    assert_memory_equal(here.data, there.data, here.size);
    bsi_buf_dispose(&here);
    bsi_buf_dispose(&there);
}

/* The copy is a backup without the storage that it came from. */
static void check_copy(fixture *self, const test_backup *backup)
{
    self->vault->env.storage = self->target;
    assert_int_equal(test_vault_verify(self->vault, "archive", backup, NULL), 0);
    self->vault->env.storage = self->source;
}

/* It also restores to what the source is. */
static void check_restored(fixture *self, const test_backup *backup)
{
    check_copy(self, backup);
    self->vault->env.storage = self->target;
    assert_ok(test_vault_restore(self->vault, "archive", backup));
    self->vault->env.storage = self->source;
    assert_trees_equal(self->vault->source, self->vault->out, COMPARE_NO_TOP);
}

static void flip_byte(const fixture *self, const char *key, long at)
{
    char path[1200];
    FILE *file = NULL;
    int byte = 0;

    (void)snprintf(path, sizeof(path), "%s/%s", self->vault->storage_path, key);
    file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    byte = fgetc(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_equal(fputc(byte ^ 1, file), byte ^ 1);
    assert_int_equal(fclose(file), 0);
}

static uint64_t count_uploads(fixture *self, const test_backup *backup, bsi_replicated *out)
{
    const bsi_faulty_plan plan = {.op_mask = BSI_FAULTY_BEGIN};
    uint64_t count = 0;

    bsi_storage_faulty_set(self->target, &plan);
    assert_ok(replicate(self, backup, out));
    count = bsi_storage_faulty_count(self->target);
    bsi_storage_faulty_set(self->target, NULL);
    return count;
}

/* --- The tests --- */

static void what_a_backup_needs_must_be_there_first(void **state)
{
    fixture *self = *state;
    bsi_replicated out;

    back_up(self);
    back_up_more(self);
    assert_status(replicate(self, &self->next, &out), BS_E_MISSING);
    assert_non_null(strstr(bs_error_last()->message, self->full.id));
    assert_false(is_there(self, self->next.result.container_key));
    assert_ok(replicate(self, &self->full, &out));
    assert_int_equal(out.objects, 2);
    assert_int_equal(out.bytes, self->full.result.container_size + self->full.result.manifest_size);
    assert_ok(replicate(self, &self->next, &out));
    check_same(self, self->full.result.container_key);
    check_same(self, self->full.result.manifest_key);
    check_restored(self, &self->next);
}

static void what_is_there_whole_is_not_sent_again(void **state)
{
    fixture *self = *state;
    bsi_replicated out;

    back_up(self);
    assert_int_equal(count_uploads(self, &self->full, &out), 2);
    assert_int_equal(count_uploads(self, &self->full, &out), 0);
    assert_int_equal(out.objects, 0);
    assert_int_equal(out.bytes, 0);
    assert_int_equal(out.objects_present, 2);
    assert_ok(bsi_storage_remove(self->target, NULL, self->full.result.manifest_key));
    assert_int_equal(count_uploads(self, &self->full, &out), 1);
    assert_int_equal(out.bytes, self->full.result.manifest_size);
    check_restored(self, &self->full);
}

static void what_is_there_damaged_is_sent_again(void **state)
{
    fixture *self = *state;
    bsi_buf bytes;
    bsi_replicated out;

    back_up(self);
    assert_ok(replicate(self, &self->full, &out));
    bsi_buf_init(&bytes, OBJECT_MAX);
    assert_ok(
        bsi_storage_load(self->target, NULL, self->full.result.container_key, OBJECT_MAX, &bytes));
    bytes.data[bytes.size / 2] ^= 1;
    assert_ok(bsi_storage_put(self->target, NULL, self->full.result.container_key, bytes.data,
                              bytes.size));
    assert_ok(bsi_storage_remove(self->target, NULL, self->full.result.manifest_key));
    assert_int_equal(count_uploads(self, &self->full, &out), 2);
    check_restored(self, &self->full);
    assert_ok(bsi_storage_put(self->target, NULL, self->full.result.container_key, bytes.data,
                              bytes.size / 2));
    bsi_buf_dispose(&bytes);
    assert_int_equal(count_uploads(self, &self->full, &out), 1);
    check_restored(self, &self->full);
}

static void check_refused(fixture *self, const char *key, bs_status expected)
{
    bsi_replicated out;

    assert_status(replicate(self, &self->full, &out), expected);
    if (!strstr(bs_error_last()->message, key)) {
        print_error("'%s' is not in: %s\n", key, bs_error_last()->message);
        fail();
    }
    assert_false(is_there(self, self->full.result.manifest_key));
    assert_false(is_there(self, key));
}

static void damage_is_refused_by_the_name_of_its_object(void **state)
{
    fixture *self = *state;
    char *keys = NULL;

    test_vault_encrypt_raw(self->vault);
    back_up(self);
    keys = bsi_keys_key(self->full.result.manifest_key);
    flip_byte(self, self->full.result.container_key, 1000 * 1000);
    check_refused(self, self->full.result.container_key, BS_E_CORRUPT);
    flip_byte(self, self->full.result.container_key, 1000 * 1000);
    flip_byte(self, keys, 0);
    check_refused(self, keys, BS_E_CORRUPT);
    flip_byte(self, keys, 0);
    flip_byte(self, self->full.result.manifest_key, 40);
    check_refused(self, self->full.result.manifest_key, BS_E_CORRUPT);
    flip_byte(self, self->full.result.manifest_key, 40);
    new_target(self);
    assert_ok(bsi_storage_remove(self->local, NULL, self->full.result.container_key));
    check_refused(self, self->full.result.container_key, BS_E_MISSING);
    bsi_free(keys);
}

static void a_damaged_manifest_without_a_key_set_is_refused(void **state)
{
    fixture *self = *state;

    back_up(self);
    flip_byte(self, self->full.result.manifest_key, 40);
    check_refused(self, self->full.result.manifest_key, BS_E_CORRUPT);
}

static void what_changes_on_its_way_is_found_where_it_arrived(void **state)
{
    const bsi_faulty_plan garble = {.op_mask = BSI_FAULTY_READ, .at = 1, .garble = true};
    fixture *self = *state;
    bsi_replicated out;

    back_up(self);
    bsi_storage_faulty_set(self->target, &garble);
    assert_status(replicate(self, &self->full, &out), BS_E_CORRUPT);
    assert_non_null(strstr(bs_error_last()->message, "where it was copied to"));
    bsi_storage_faulty_set(self->target, NULL);
    assert_false(is_there(self, self->full.result.manifest_key));
    assert_ok(replicate(self, &self->full, &out));
    check_restored(self, &self->full);
}

/* The backup is not there or is whole, and the next run completes it. */
static void check_next_run(fixture *self, uint64_t objects)
{
    bsi_replicated out;

    if (is_there(self, self->full.result.manifest_key)) {
        check_copy(self, &self->full);
    }
    assert_ok(replicate(self, &self->full, &out));
    assert_int_equal(out.objects + out.objects_present, objects);
    check_copy(self, &self->full);
}

static void play_faults(fixture *self, bool at_source, bool after, uint64_t objects)
{
    bsi_faulty_plan plan = {.code = BS_E_IO, .after = after};
    bs_status status = BS_E_IO;

    plan.op_mask = after ? BSI_FAULTY_COMMIT : 0;
    while (status < 0) {
        bsi_replicated out;
        plan.at++;
        new_target(self);
        bsi_storage_faulty_set(at_source ? self->source : self->target, &plan);
        status = replicate(self, &self->full, &out);
        bsi_storage_faulty_set(at_source ? self->source : self->target, NULL);
        assert_true(status == BS_OK || status == BS_E_IO);
        check_next_run(self, objects);
    }
    assert_true(plan.at > objects);
}

static void a_failure_at_any_call_is_made_good_by_the_next_run(void **state)
{
    fixture *self = *state;

    test_vault_encrypt_raw(self->vault);
    back_up(self);
    assert_ok(bsi_vault_put_pins(&self->vault->env, self->full.result.manifest_key,
                                 bsi_slice_of("{\"pins\":[]}")));
    play_faults(self, true, false, 4);
    play_faults(self, false, false, 4);
    play_faults(self, false, true, 4);
}

static void pins_go_along_and_before_the_manifest(void **state)
{
    const bsi_faulty_plan last = {.op_mask = BSI_FAULTY_BEGIN, .at = 3, .code = BS_E_IO};
    fixture *self = *state;
    char *pins = NULL;
    bsi_replicated out;

    back_up(self);
    pins = bsi_pins_key(self->full.result.manifest_key);
    assert_ok(bsi_vault_put_pins(&self->vault->env, self->full.result.manifest_key,
                                 bsi_slice_of("{\"pins\":[]}")));
    bsi_storage_faulty_set(self->target, &last);
    assert_status(replicate(self, &self->full, &out), BS_E_IO);
    bsi_storage_faulty_set(self->target, NULL);
    check_same(self, pins);
    assert_false(is_there(self, self->full.result.manifest_key));
    assert_ok(replicate(self, &self->full, &out));
    assert_int_equal(out.objects, 1);
    assert_ok(bsi_vault_put_pins(&self->vault->env, self->full.result.manifest_key,
                                 bsi_slice_of("{\"pins\":[1]}")));
    assert_ok(replicate(self, &self->full, &out));
    assert_int_equal(out.objects, 1);
    check_same(self, pins);
    bsi_free(pins);
}

/* --- Encrypted ones --- */

static void check_encrypted(fixture *self)
{
    bsi_replicated out;

    back_up(self);
    back_up_more(self);
    test_vault_lend_key(self->vault, false);
    assert_status(replicate(self, &self->next, &out), BS_E_MISSING);
    assert_ok(replicate(self, &self->full, &out));
    assert_int_equal(out.objects, 3);
    assert_ok(replicate(self, &self->next, &out));
    assert_int_equal(out.objects, 3);
    test_vault_lend_key(self->vault, true);
    check_restored(self, &self->next);
}

static void encrypted_backups_need_no_key(void **state)
{
    fixture *self = *state;

    test_vault_encrypt_raw(self->vault);
    check_encrypted(self);
}

static void backups_for_rsa_keys_need_no_key(void **state)
{
    fixture *self = *state;

    test_vault_encrypt(self->vault, BSI_ENCRYPTION_RSA);
    check_encrypted(self);
}

/* A need is only there with what opens it. */
static void a_need_without_its_key_set_is_missing(void **state)
{
    fixture *self = *state;
    bsi_replicated out;
    char *keys = NULL;

    test_vault_encrypt_raw(self->vault);
    back_up(self);
    back_up_more(self);
    assert_ok(replicate(self, &self->full, &out));
    keys = bsi_keys_key(self->full.result.manifest_key);
    assert_ok(bsi_storage_remove(self->target, NULL, keys));
    assert_status(replicate(self, &self->next, &out), BS_E_MISSING);
    assert_ok(replicate(self, &self->full, &out));
    assert_int_equal(out.objects, 1);
    assert_ok(replicate(self, &self->next, &out));
    bsi_free(keys);
}

/* Only what opens may take the place of another key set: a damaged one would be the end. */
static void key_sets_are_replaced_by_those_that_open(void **state)
{
    fixture *self = *state;
    bsi_keyset *set = NULL;
    bsi_replicated out;
    char *keys = NULL;

    test_vault_encrypt_raw(self->vault);
    back_up(self);
    assert_ok(replicate(self, &self->full, &out));
    assert_ok(bsi_vault_load_keys(&self->vault->env, self->full.result.manifest_key, &set));
    assert_ok(bsi_keyset_open(set, self->vault->env.keys, self->vault->env.key_count));
    assert_ok(bsi_keyset_add(set, self->vault->seal.wrap_key, "second", NULL, NULL));
    assert_ok(bsi_vault_store_keys(&self->vault->env, self->full.result.manifest_key, set, NULL));
    bsi_keyset_free(set);
    keys = bsi_keys_key(self->full.result.manifest_key);
    test_vault_lend_key(self->vault, false);
    atomic_store(&self->vault->warnings, 0);
    assert_ok(replicate(self, &self->full, &out));
    assert_int_equal(out.objects, 0);
    assert_int_equal(atomic_load(&self->vault->warnings), 1);
    test_vault_lend_key(self->vault, true);
    assert_ok(replicate(self, &self->full, &out));
    assert_int_equal(out.objects, 1);
    check_same(self, keys);
    bsi_free(keys);
}

/* --- Two at once --- */

typedef struct writer {
    fixture *self;
    bs_status status;
} writer;

static void write_copy(void *user)
{
    writer *one = user;
    bsi_replicated out;

    one->status = replicate(one->self, &one->self->full, &out);
}

static void copy_by_two(fixture *self)
{
    writer writers[2] = {{self, BS_E_INTERNAL}, {self, BS_E_INTERNAL}};
    bsi_thread threads[2];

    new_target(self);
    assert_ok(bsi_thread_start(&threads[0], "copy", write_copy, &writers[0]));
    assert_ok(bsi_thread_start(&threads[1], "copy", write_copy, &writers[1]));
    bsi_thread_join(threads[0]);
    bsi_thread_join(threads[1]);
    assert_int_equal(writers[0].status, BS_OK);
    assert_int_equal(writers[1].status, BS_OK);
    check_copy(self, &self->full);
}

static void two_at_once_make_one_copy(void **state)
{
    back_up(*state);
    for (int i = 0; i < 20; i++) {
        copy_by_two(*state);
    }
}

static void other_forms_have_no_such_copies(void **state)
{
    (void)state;
    assert_null(bsi_vault_find("mirror")->replicate);
    assert_null(bsi_vault_find("repository")->replicate);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_a_backup_needs_must_be_there_first),
        TEST(what_is_there_whole_is_not_sent_again),
        TEST(what_is_there_damaged_is_sent_again),
        TEST(damage_is_refused_by_the_name_of_its_object),
        TEST(a_damaged_manifest_without_a_key_set_is_refused),
        TEST(what_changes_on_its_way_is_found_where_it_arrived),
        TEST(a_failure_at_any_call_is_made_good_by_the_next_run),
        TEST(pins_go_along_and_before_the_manifest),
        TEST(encrypted_backups_need_no_key),
        TEST(backups_for_rsa_keys_need_no_key),
        TEST(a_need_without_its_key_set_is_missing),
        TEST(key_sets_are_replaced_by_those_that_open),
        TEST(two_at_once_make_one_copy),
        cmocka_unit_test(other_forms_have_no_such_copies),
    };

    return cmocka_run_group_tests_name("vault/replicate", tests, NULL, NULL);
}
