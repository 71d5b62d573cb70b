/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "hash/sha256.h"
#include "os/thread.h"
#include "os/time.h"
#include "storage/decorators/cache.h"
#include "storage/decorators/cache_index.h"

enum { HEADER = 56, OBJECT = 1000, COPY = HEADER + OBJECT };

static bsi_storage *store_mem;
static bsi_storage *store; /* store_mem below faulty. */
static uint8_t content[OBJECT];

static bool is_manifest(const char *key)
{
    return strncmp(key, "m/", 2) == 0;
}

static void open_cache(uint64_t bytes_max)
{
    const bsi_cache_options options = {.bytes_max = bytes_max, .is_wanted = is_manifest};

    bsi_storage_unref(fix.storage);
    fix.storage = NULL;
    assert_ok(bsi_storage_cache_new(fix.faulty, store, &options, &fix.storage));
}

static int setup(void **state)
{
    (void)state;
    memset(content, 'c', sizeof(content));
    if (bsi_storage_open("mem", NULL, 0, NULL, &fix.mem) < 0 ||
        bsi_storage_open("mem", NULL, 0, NULL, &store_mem) < 0 ||
        bsi_storage_put(fix.mem, NULL, "m/a", content, OBJECT) < 0 ||
        bsi_storage_put(fix.mem, NULL, "other", content, OBJECT) < 0 ||
        bsi_storage_faulty_new(fix.mem, &fix.faulty) < 0 ||
        bsi_storage_faulty_new(store_mem, &store) < 0) {
        return -1;
    }
    open_cache(100 * COPY);
    return 0;
}

static int end(void **state)
{
    const int failed = teardown(state);

    bsi_clock_shift(0);
    bsi_alloc_fail_after(-1);
    bsi_storage_unref(store);
    bsi_storage_unref(store_mem);
    store = NULL;
    store_mem = NULL;
    return failed;
}

/* How often the storage itself is read from here on. */
static void count_reads(void)
{
    bsi_storage_faulty_set(fix.faulty, &(bsi_faulty_plan){.op_mask = BSI_FAULTY_READ});
}

static void assert_reads(uint64_t expected)
{
    assert_int_equal(bsi_storage_faulty_count(fix.faulty), expected);
}

static bsi_cache_numbers numbers(void)
{
    bsi_cache_numbers out;

    bsi_storage_cache_read_numbers(fix.storage, &out);
    return out;
}

static void load_with(const bs_call *call, const char *key, const void *expected)
{
    bsi_buf got;

    bsi_buf_init(&got, OBJECT);
    assert_ok(bsi_storage_load(fix.storage, call, key, OBJECT, &got));
    assert_int_equal(got.size, OBJECT);
    assert_memory_equal(got.data, expected, OBJECT);
    bsi_buf_dispose(&got);
}

static void load(const char *key)
{
    load_with(NULL, key, content);
}

/* Objects m/0, m/1 ... */
static void put_some(int count)
{
    char key[16];

    for (int i = 0; i < count; i++) {
        (void)snprintf(key, sizeof(key), "m/%d", i);
        assert_ok(bsi_storage_put(fix.mem, NULL, key, content, OBJECT));
    }
}

static void load_number(int number)
{
    char key[16];

    (void)snprintf(key, sizeof(key), "m/%d", number);
    load(key);
}

static void what_is_read_again_is_read_once(void **state)
{
    (void)state;
    count_reads();
    for (int i = 0; i < 5; i++) {
        load("m/a");
    }
    assert_reads(1);
    assert_int_equal(numbers().hits, 4);
    assert_int_equal(numbers().misses, 1);
    assert_int_equal(numbers().objects, 1);
    assert_int_equal(numbers().bytes, COPY);
}

static void only_what_is_wanted_is_kept(void **state)
{
    (void)state;
    count_reads();
    load("other");
    load("other");
    assert_reads(2);
    assert_int_equal(numbers().objects, 0);
}

static void ranges_come_out_of_the_copy(void **state)
{
    uint8_t bytes[10];

    (void)state;
    content[500] = 'x';
    assert_ok(bsi_storage_put(fix.mem, NULL, "m/a", content, OBJECT));
    count_reads();
    assert_ok(bsi_storage_read(fix.storage, NULL, "m/a", 495, bytes, sizeof(bytes)));
    assert_memory_equal(bytes, content + 495, sizeof(bytes));
    assert_ok(bsi_storage_read(fix.storage, NULL, "m/a", OBJECT - 10, bytes, sizeof(bytes)));
    assert_status(bsi_storage_read(fix.storage, NULL, "m/a", OBJECT - 9, bytes, sizeof(bytes)),
                  BS_E_RANGE);
    assert_reads(2); /* The last one asks the storage. */
}

static void a_copy_outlives_its_storage(void **state)
{
    (void)state;
    load("m/a");
    open_cache(100 * COPY);
    assert_int_equal(numbers().objects, 1);
    assert_int_equal(numbers().bytes, COPY);
    count_reads();
    load("m/a");
    assert_reads(0);
}

/* By who has another way to the storage; the memo of what was asked is two seconds old by then. */
static void what_has_changed_is_read_anew(void **state)
{
    uint8_t other[OBJECT];
    bs_storage_object object;

    (void)state;
    load("m/a");
    memset(other, 'o', sizeof(other));
    assert_ok(bsi_storage_put(fix.mem, NULL, "m/a", other, OBJECT));
    assert_ok(bsi_storage_set_mtime(fix.mem, NULL, "m/a", 1000000000));
    load_with(NULL, "m/a", other);
    load_with(NULL, "m/a", other);
    assert_int_equal(numbers().objects, 1);
    assert_ok(bsi_storage_put(fix.mem, NULL, "m/a", other, OBJECT / 2));
    assert_ok(bsi_storage_stat(fix.storage, NULL, "m/a", &object));
    assert_ok(bsi_storage_read(fix.storage, NULL, "m/a", 0, other, OBJECT / 2));
    assert_status(bsi_storage_read(fix.storage, NULL, "m/a", 0, other, OBJECT), BS_E_RANGE);
}

static void what_goes_takes_its_copy_along(void **state)
{
    static const char *const keys[] = {"m/a", "m/b"};
    bs_storage_object object;
    uint8_t byte = 0;

    (void)state;
    load("m/a");
    assert_ok(bsi_storage_remove(fix.storage, NULL, "m/a"));
    assert_status(bsi_storage_read(fix.storage, NULL, "m/a", 0, &byte, 1), BS_E_NOT_FOUND);
    assert_int_equal(numbers().objects, 0);
    assert_ok(bsi_storage_put(fix.storage, NULL, "m/a", content, OBJECT));
    load("m/a");
    assert_ok(bsi_storage_put(fix.storage, NULL, "m/a", "new", 3));
    assert_ok(bsi_storage_read(fix.storage, NULL, "m/a", 0, &byte, 1));
    assert_int_equal(byte, 'n');
    assert_ok(bsi_storage_rename(fix.storage, NULL, "m/a", "m/b"));
    assert_status(bsi_storage_stat(fix.storage, NULL, "m/a", &object), BS_E_NOT_FOUND);
    assert_ok(bsi_storage_read(fix.storage, NULL, "m/b", 0, &byte, 1));
    assert_ok(bsi_storage_remove_many(fix.storage, NULL, keys, 2));
    assert_int_equal(numbers().objects, 0);
    assert_int_equal(numbers().bytes, 0);
}

/* Each byte of a copy, and each length. */
static void a_damaged_copy_is_not_used(void **state)
{
    bsi_digest digest;
    char name[2 * BSI_SHA256_SIZE + 1];
    bsi_buf copy;

    (void)state;
    load("m/a");
    bsi_sha256_of("m/a", 3, &digest);
    bsi_digest_format(&digest, name);
    bsi_buf_init(&copy, COPY);
    assert_ok(bsi_storage_load(store_mem, NULL, name, COPY, &copy));
    for (size_t at = 0; at < COPY; at += at < HEADER ? 1 : 97) {
        copy.data[at] ^= 0x10;
        assert_ok(bsi_storage_put(store_mem, NULL, name, copy.data, COPY));
        count_reads();
        load("m/a");
        assert_reads(1);
        copy.data[at] ^= 0x10;
    }
    for (size_t size = 0; size < COPY; size += 33) {
        assert_ok(bsi_storage_put(store_mem, NULL, name, copy.data, size));
        count_reads();
        load("m/a");
        assert_reads(1);
    }
    assert_ok(bsi_storage_remove(store_mem, NULL, name));
    load("m/a");
    count_reads();
    load("m/a");
    assert_reads(0);
    bsi_buf_dispose(&copy);
}

static void copies_that_are_used_least_go(void **state)
{
    (void)state;
    put_some(4);
    open_cache(3 * COPY);
    load_number(0);
    load_number(1);
    load_number(2);
    load_number(0);
    load_number(3); /* 1 goes. */
    assert_int_equal(numbers().objects, 3);
    assert_true(numbers().bytes <= 3 * COPY);
    count_reads();
    load_number(0);
    load_number(2);
    load_number(3);
    assert_reads(0);
    load_number(1);
    assert_reads(1);
}

static void the_order_of_use_outlives_the_process(void **state)
{
    (void)state;
    put_some(3);
    for (int i = 0; i < 3; i++) {
        bsi_clock_shift((i + 1) * 10000L);
        load_number(i);
    }
    bsi_clock_shift(50000);
    load_number(0); /* Long enough ago that it is noted. */
    open_cache(2 * COPY);
    assert_int_equal(numbers().objects, 2);
    count_reads();
    load_number(0);
    load_number(2);
    assert_reads(0);
}

static void what_is_too_large_is_not_kept(void **state)
{
    (void)state;
    open_cache(COPY - 1);
    count_reads();
    load("m/a");
    load("m/a");
    assert_reads(2);
    assert_int_equal(numbers().objects, 0);
}

static void a_store_that_fails_is_done_without(void **state)
{
    static const uint32_t ops[] = {
        BSI_FAULTY_READ,   BSI_FAULTY_STAT,   BSI_FAULTY_BEGIN, BSI_FAULTY_WRITE,
        BSI_FAULTY_COMMIT, BSI_FAULTY_REMOVE, BSI_FAULTY_OTHER, 0};

    (void)state;
    put_some(8);
    open_cache(3 * COPY);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(ops); i++) {
        const bsi_faulty_plan plan = {
            .op_mask = ops[i], .at = 1, .forever = true, .code = BS_E_NO_SPACE};
        bsi_storage_faulty_set(store, &plan);
        (void)bsi_fail(BS_LAYER_CALLER, BS_E_CALLBACK, "a text from before");
        load("m/a");
        load("m/a");
        for (int number = 0; number < 8; number++) {
            load_number(number);
        }
        assert_string_equal(bs_error_last()->message, "a text from before");
        bsi_storage_faulty_set(store, NULL);
    }
}

static void a_store_that_cannot_be_listed_is_told(void **state)
{
    const bsi_cache_options options = {.bytes_max = COPY};
    bsi_storage *storage = NULL;
    const bsi_faulty_plan plan = {.op_mask = BSI_FAULTY_LIST, .at = 1, .code = BS_E_ACCESS};

    (void)state;
    bsi_storage_faulty_set(store, &plan);
    assert_status(bsi_storage_cache_new(fix.faulty, store, &options, &storage), BS_E_ACCESS);
}

static void a_storage_that_fails_is_told(void **state)
{
    const bsi_faulty_plan plan = {.op_mask = BSI_FAULTY_READ, .at = 1, .code = BS_E_IO};
    uint8_t bytes[OBJECT];

    (void)state;
    bsi_storage_faulty_set(fix.faulty, &plan);
    assert_status(bsi_storage_read(fix.storage, NULL, "m/a", 0, bytes, OBJECT), BS_E_IO);
    assert_int_equal(numbers().objects, 0);
    assert_ok(bsi_storage_read(fix.storage, NULL, "m/a", 0, bytes, OBJECT));
}

/* Who verifies does not look at copies. */
static void a_fresh_call_reads_the_storage(void **state)
{
    const bs_call fresh = {.fresh = true};

    (void)state;
    load("m/a");
    count_reads();
    load_with(&fresh, "m/a", content);
    assert_reads(1);
    load("m/a");
    assert_reads(1);
}

/* stat() and read() of a load are two requests: one of them saved when there is no copy yet. */
static void asking_counts_for_the_read_behind_it(void **state)
{
    (void)state;
    bsi_storage_faulty_set(fix.faulty, NULL);
    load("m/a");
    assert_int_equal(bsi_storage_faulty_count(fix.faulty), 2);
    load("m/a");
    assert_int_equal(bsi_storage_faulty_count(fix.faulty), 3);
}

static void objects_without_a_time_are_not_kept(void **state)
{
    bs_storage_put_options options = BSI_PUT_DEFAULTS;
    bsi_upload *upload = NULL;
    bs_storage_object object;

    (void)state;
    assert_ok(bsi_upload_begin(fix.mem, NULL, "m/t", &options, &upload));
    assert_ok(bsi_upload_write(upload, NULL, content, OBJECT));
    assert_ok(bsi_upload_commit(upload, NULL));
    assert_ok(bsi_storage_stat(fix.mem, NULL, "m/t", &object));
    load("m/t");
    assert_int_equal(numbers().objects, object.mtime_ns == BS_STORAGE_NO_TIME ? 0 : 1);
}

enum { THREADS = 4, ROUNDS = 200 };

static void load_often(void *user)
{
    uint32_t seed = *(const uint32_t *)user;
    uint8_t bytes[OBJECT];
    char key[16];

    for (int i = 0; i < ROUNDS; i++) {
        seed = seed * 1664525 + 1013904223;
        (void)snprintf(key, sizeof(key), "m/%u", (seed >> 16) % 8);
        assert_ok(bsi_storage_read(fix.storage, NULL, key, 0, bytes, OBJECT));
        assert_memory_equal(bytes, content, OBJECT);
    }
}

static void threads_share_copies(void **state)
{
    bsi_thread threads[THREADS];
    uint32_t seeds[THREADS] = {1, 2, 3, 4};

    (void)state;
    put_some(8);
    open_cache(3 * COPY);
    for (size_t i = 0; i < THREADS; i++) {
        assert_ok(bsi_thread_start(&threads[i], "reader", load_often, &seeds[i]));
    }
    for (size_t i = 0; i < THREADS; i++) {
        bsi_thread_join(threads[i]);
    }
    assert_true(numbers().bytes <= 3 * COPY);
    assert_int_equal(numbers().bytes, numbers().objects * COPY);
}

/* Beside a list of the names there are. */
static void the_index_knows_what_is_there(void **state)
{
    enum { NAMES = 200, STEPS = 5000 };
    static bool there[NAMES];
    bsi_cache_index index = {.copies = NULL};
    uint32_t seed = 7;
    size_t count = 0;
    bool touch = false;

    (void)state;
    memset(there, 0, sizeof(there));
    for (int i = 0; i < STEPS; i++) {
        bsi_digest name;
        uint32_t number = 0;
        seed = seed * 1664525 + 1013904223;
        number = (seed >> 16) % NAMES;
        bsi_sha256_of(&number, sizeof(number), &name);
        assert_int_equal(bsi_cache_index_use(&index, &name, i, 10, &touch), there[number]);
        if (seed % 3 == 0) {
            assert_int_equal(bsi_cache_index_drop(&index, &name), there[number]);
            count -= there[number];
            there[number] = false;
        } else {
            assert_ok(bsi_cache_index_add(&index, &name, 5, i, false));
            count += !there[number];
            there[number] = true;
        }
        assert_int_equal(index.count, count);
        assert_int_equal(index.bytes, 5 * count);
    }
    bsi_cache_index_dispose(&index);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_read_again_is_read_once),
        TEST(only_what_is_wanted_is_kept),
        TEST(ranges_come_out_of_the_copy),
        TEST(a_copy_outlives_its_storage),
        TEST(what_has_changed_is_read_anew),
        TEST(what_goes_takes_its_copy_along),
        TEST(a_damaged_copy_is_not_used),
        TEST(copies_that_are_used_least_go),
        TEST(the_order_of_use_outlives_the_process),
        TEST(what_is_too_large_is_not_kept),
        TEST(a_store_that_fails_is_done_without),
        TEST(a_store_that_cannot_be_listed_is_told),
        TEST(a_storage_that_fails_is_told),
        TEST(a_fresh_call_reads_the_storage),
        TEST(asking_counts_for_the_read_behind_it),
        TEST(objects_without_a_time_are_not_kept),
        TEST(threads_share_copies),
        cmocka_unit_test(the_index_knows_what_is_there),
    };

    return cmocka_run_group_tests_name("storage/cache", tests, NULL, NULL);
}
