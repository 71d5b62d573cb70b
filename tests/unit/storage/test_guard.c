/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <string.h>

#include "storage/decorators/guard.h"
#include "storage/probe.h"

#define DIGITS "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define LOCK "locks/" DIGITS

static int setup(void **state)
{
    (void)state;
    return bsi_storage_open("mem", NULL, 0, NULL, &fix.mem) == BS_OK &&
                   bsi_storage_put(fix.mem, NULL, "a/b", "bytes", 5) == BS_OK &&
                   bsi_storage_put(fix.mem, NULL, LOCK, "lock", 4) == BS_OK &&
                   bsi_storage_faulty_new(fix.mem, &fix.faulty) == BS_OK
               ? 0
               : -1;
}

static void guard(bsi_guard_mode mode)
{
    assert_ok(bsi_storage_guard_new(fix.faulty, "offsite", mode, &fix.storage));
}

static void assert_refused(bs_status status, const char *setting)
{
    assert_status(status, BS_E_READ_ONLY);
    assert_non_null(strstr(bs_error_last()->message, "'offsite'"));
    assert_non_null(strstr(bs_error_last()->message, setting));
    assert_int_equal(bs_error_last()->layer, BS_LAYER_STORAGE);
    assert_int_equal(bs_error_last()->retry, BS_RETRY_NEVER);
}

static void assert_kept(const char *key, const char *text)
{
    bsi_buf content;

    bsi_buf_init(&content, 100);
    assert_ok(bsi_storage_load(fix.mem, NULL, key, 100, &content));
    assert_int_equal(content.size, strlen(text));
    assert_memory_equal(content.data, text, content.size);
    bsi_buf_dispose(&content);
}

static void assert_gone(const char *key)
{
    bs_storage_object object;

    assert_status(bsi_storage_stat(fix.mem, NULL, key, &object), BS_E_NOT_FOUND);
}

static bs_status put(const char *key, uint32_t flags)
{
    bs_storage_put_options options = BSI_PUT_DEFAULTS;
    bsi_upload *upload = NULL;

    options.flags = flags;
    BSI_TRY(bsi_upload_begin(fix.storage, NULL, key, &options, &upload));
    assert_ok(bsi_upload_write(upload, NULL, "new", 3));
    return bsi_upload_commit(upload, NULL);
}

/* Each method that changes what lies there, on an object and its name. */
static void assert_all_refused(const char *key, const char *setting)
{
    const char *const keys[] = {"c", key};

    assert_refused(put(key, 0), setting);
    assert_refused(bsi_storage_remove(fix.storage, NULL, key), setting);
    assert_refused(bsi_storage_remove_many(fix.storage, NULL, keys, 2), setting);
    assert_refused(bsi_storage_set_mtime(fix.storage, NULL, key, 1), setting);
    assert_status(bsi_storage_rename(fix.storage, NULL, key, "other"), BS_E_UNSUPPORTED);
}

static void read_only_refuses_whatever_changes_something(void **state)
{
    uint64_t objects = 0;
    uint64_t bytes = 0;

    (void)state;
    guard(BSI_GUARD_READ_ONLY);
    assert_all_refused("a/b", "read_only");
    assert_all_refused(LOCK, "read_only");
    assert_refused(put("new", 0), "read_only");
    assert_refused(put("new", BS_STORAGE_PUT_EXCLUSIVE), "read_only");
    assert_refused(fix.storage->ops.rename(fix.storage->self, NULL, "a/b", "b"), "read_only");
    assert_refused(bsi_storage_sweep(fix.storage, NULL, 1, &objects, &bytes), "read_only");
    assert_int_equal(bsi_storage_faulty_count(fix.faulty), 0);
    assert_kept("a/b", "bytes");
    assert_kept(LOCK, "lock");
    assert_gone("new");
}

static void read_only_reads(void **state)
{
    bs_storage_object object;
    char bytes[5];

    (void)state;
    guard(BSI_GUARD_READ_ONLY);
    assert_ok(bsi_storage_stat(fix.storage, NULL, "a/b", &object));
    assert_int_equal(object.size, 5);
    assert_ok(bsi_storage_read(fix.storage, NULL, "a/b", 0, bytes, sizeof(bytes)));
    assert_memory_equal(bytes, "bytes", sizeof(bytes));
}

static void append_only_keeps_what_is_there(void **state)
{
    (void)state;
    guard(BSI_GUARD_APPEND_ONLY);
    assert_all_refused("a/b", "append_only");
    assert_refused(fix.storage->ops.rename(fix.storage->self, NULL, "a/b", LOCK), "append_only");
    assert_refused(fix.storage->ops.rename(fix.storage->self, NULL, LOCK, "a/b"), "append_only");
    assert_kept("a/b", "bytes");
    assert_kept(LOCK, "lock");
}

static void append_only_takes_what_is_new(void **state)
{
    (void)state;
    guard(BSI_GUARD_APPEND_ONLY);
    assert_ok(put("a/new", 0));
    assert_kept("a/new", "new");
    assert_refused(put("a/new", 0), "append_only");
}

static void who_asks_for_a_new_object_hears_that_it_exists(void **state)
{
    (void)state;
    guard(BSI_GUARD_APPEND_ONLY);
    assert_ok(put("a/new", BS_STORAGE_PUT_EXCLUSIVE));
    assert_status(put("a/new", BS_STORAGE_PUT_EXCLUSIVE), BS_E_EXISTS);
}

/* Of two uploads the first that is committed counts. */
static void an_object_that_came_meanwhile_is_not_replaced(void **state)
{
    const uint32_t caps[] = {0, BS_STORAGE_CAP_CONDITIONAL_PUT};

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(caps); i++) {
        bsi_upload *upload = NULL;
        const char *key = i == 0 ? "x" : "y";
        bsi_storage_unref(fix.storage);
        fix.storage = NULL;
        fix.faulty->caps &= ~(uint32_t)BS_STORAGE_CAP_CONDITIONAL_PUT;
        fix.faulty->caps |= caps[i];
        guard(BSI_GUARD_APPEND_ONLY);
        assert_ok(bsi_upload_begin(fix.storage, NULL, key, NULL, &upload));
        assert_ok(bsi_upload_write(upload, NULL, "late", 4));
        assert_ok(put(key, 0));
        assert_refused(bsi_upload_commit(upload, NULL), "append_only");
        assert_kept(key, "new");
    }
}

/* Nothing is uploaded before the look. */
static void without_conditional_puts_it_looks_before(void **state)
{
    (void)state;
    fix.faulty->caps &= ~(uint32_t)BS_STORAGE_CAP_CONDITIONAL_PUT;
    guard(BSI_GUARD_APPEND_ONLY);
    assert_refused(put("a/b", 0), "append_only");
    assert_int_equal(bsi_storage_faulty_count(fix.faulty), 1);
    assert_ok(put("a/c", 0));
    assert_kept("a/b", "bytes");
    assert_kept("a/c", "new");
}

static void where_it_cannot_look_nothing_is_put(void **state)
{
    const bsi_faulty_plan plan = {.op_mask = BSI_FAULTY_STAT, .at = 1, .code = BS_E_IO};

    (void)state;
    fix.faulty->caps &= ~(uint32_t)BS_STORAGE_CAP_CONDITIONAL_PUT;
    guard(BSI_GUARD_APPEND_ONLY);
    bsi_storage_faulty_set(fix.faulty, &plan);
    assert_status(put("a/c", 0), BS_E_IO);
    assert_gone("a/c");
    bsi_storage_faulty_set(
        fix.faulty, &(bsi_faulty_plan){.op_mask = BSI_FAULTY_STAT, .at = 2, .code = BS_E_IO});
    assert_status(put("a/c", 0), BS_E_IO);
    assert_gone("a/c");
}

static void locks_come_and_go(void **state)
{
    (void)state;
    guard(BSI_GUARD_APPEND_ONLY);
    assert_ok(put(LOCK, 0));
    assert_kept(LOCK, "new");
    assert_ok(bsi_storage_remove(fix.storage, NULL, LOCK));
    assert_gone(LOCK);
}

/* Only names that restic gives to locks, at the root of the storage. */
static void what_only_looks_like_a_lock_stays(void **state)
{
    static const char *const keys[] = {
        "locks/short",       "locks/" DIGITS "0", "locks/" DIGITS "/x",   "x/" LOCK,
        "locks/g" DIGITS,    ".backupsvc-check",  ".backupsvc-checked/x", "keys/" DIGITS,
        "snapshots/" DIGITS,
    };

    (void)state;
    guard(BSI_GUARD_APPEND_ONLY);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(keys); i++) {
        assert_refused(bsi_storage_remove(fix.storage, NULL, keys[i]), "append_only");
    }
}

static const bsi_probe_step *step_of(const bsi_probe *probe, const char *name)
{
    size_t i = 0;

    while (i < probe->count && strcmp(probe->steps[i].name, name) != 0) {
        i++;
    }
    assert_true(i < probe->count);
    return &probe->steps[i];
}

static bs_status find_probe(void *user, const char *key, const bs_storage_object *object)
{
    (void)user;
    (void)object;
    assert_null(strstr(key, BSI_PROBE_FOLDER));
    return BS_OK;
}

static void a_check_works_on_append_only_storages(void **state)
{
    static bsi_probe probe;

    (void)state;
    guard(BSI_GUARD_APPEND_ONLY);
    assert_ok(bsi_storage_probe(fix.storage, NULL, &probe));
    for (size_t i = 0; i < probe.count; i++) {
        print_message("# %s: %s\n", probe.steps[i].name, probe.steps[i].error.message);
        assert_int_not_equal(probe.steps[i].result, BSI_PROBE_FAILED);
    }
    assert_int_equal(step_of(&probe, "put")->result, BSI_PROBE_OK);
    assert_int_equal(step_of(&probe, "rename")->result, BSI_PROBE_LACKS);
    assert_ok(bsi_storage_list(fix.mem, NULL, "", find_probe, NULL));
}

static void a_check_of_a_read_only_storage_puts_nothing(void **state)
{
    static const char *const lacking[] = {"put", "replace", "read", "rename", "remove"};
    static bsi_probe probe;

    (void)state;
    guard(BSI_GUARD_READ_ONLY);
    assert_ok(bsi_storage_probe(fix.storage, NULL, &probe));
    for (size_t i = 0; i < BSI_ARRAY_SIZE(lacking); i++) {
        assert_int_equal(step_of(&probe, lacking[i])->result, BSI_PROBE_LACKS);
    }
    assert_int_equal(step_of(&probe, "stat")->result, BSI_PROBE_OK);
    assert_int_equal(step_of(&probe, "list")->result, BSI_PROBE_OK);
    assert_false(probe.clock_is_known);
}

static void what_can_be_done_is_told_before_it_is_tried(void **state)
{
    (void)state;
    guard(BSI_GUARD_READ_ONLY);
    assert_refused(bsi_storage_check_writable(fix.storage, "offsite"), "read_only");
    assert_refused(bsi_storage_check_removable(fix.storage, "offsite"), "read_only");
    bsi_storage_unref(fix.storage);
    guard(BSI_GUARD_APPEND_ONLY);
    assert_ok(bsi_storage_check_writable(fix.storage, "offsite"));
    assert_refused(bsi_storage_check_removable(fix.storage, "offsite"), "append_only");
    assert_ok(bsi_storage_check_removable(fix.faulty, "offsite"));
}

static void a_failed_commit_leaves_nothing_behind(void **state)
{
    const bsi_faulty_plan plan = {.op_mask = BSI_FAULTY_COMMIT, .at = 1, .code = BS_E_IO};

    (void)state;
    fix.faulty->caps |= BS_STORAGE_CAP_RESUME;
    guard(BSI_GUARD_APPEND_ONLY);
    bsi_storage_faulty_set(fix.faulty, &plan);
    assert_status(put("a/c", 0), BS_E_IO);
    assert_gone("a/c");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(read_only_refuses_whatever_changes_something),
        TEST(read_only_reads),
        TEST(append_only_keeps_what_is_there),
        TEST(append_only_takes_what_is_new),
        TEST(who_asks_for_a_new_object_hears_that_it_exists),
        TEST(an_object_that_came_meanwhile_is_not_replaced),
        TEST(without_conditional_puts_it_looks_before),
        TEST(where_it_cannot_look_nothing_is_put),
        TEST(locks_come_and_go),
        TEST(what_only_looks_like_a_lock_stays),
        TEST(a_check_works_on_append_only_storages),
        TEST(a_check_of_a_read_only_storage_puts_nothing),
        TEST(what_can_be_done_is_told_before_it_is_tried),
        TEST(a_failed_commit_leaves_nothing_behind),
    };

    return cmocka_run_group_tests_name("storage/guard", tests, NULL, NULL);
}
