/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include "storage/decorators/metrics.h"
#include "task/usage.h"

static int setup(void **state)
{
    (void)state;
    return bsi_storage_open("mem", NULL, 0, NULL, &fix.mem) == BS_OK &&
                   bsi_storage_faulty_new(fix.mem, &fix.faulty) == BS_OK &&
                   bsi_storage_metrics_new(fix.faulty, &fix.storage) == BS_OK
               ? 0
               : -1;
}

static bsi_storage_numbers numbers(void)
{
    bsi_storage_numbers out;

    bsi_storage_metrics_read(fix.storage, &out);
    return out;
}

static uint64_t in_buckets(const bsi_storage_op_numbers *op)
{
    uint64_t sum = 0;

    for (size_t i = 0; i <= BSI_STORAGE_BOUNDS; i++) {
        sum += op->buckets[i];
    }
    return sum;
}

static void what_is_asked_is_counted_once(void **state)
{
    bs_storage_object object;
    bsi_storage_numbers got;
    char buf[4];

    (void)state;
    assert_ok(bsi_storage_put(fix.storage, NULL, "a", "0123456789", 10));
    assert_ok(bsi_storage_read(fix.storage, NULL, "a", 2, buf, 4));
    assert_ok(bsi_storage_read(fix.storage, NULL, "a", 0, buf, 1));
    assert_ok(bsi_storage_stat(fix.storage, NULL, "a", &object));
    assert_ok(bsi_storage_rename(fix.storage, NULL, "a", "b"));
    assert_ok(bsi_storage_remove(fix.storage, NULL, "b"));
    got = numbers();
    assert_int_equal(got.ops[BSI_STORAGE_OP_PUT].ok, 1);
    assert_int_equal(got.ops[BSI_STORAGE_OP_READ].ok, 2);
    assert_int_equal(got.ops[BSI_STORAGE_OP_STAT].ok, 1);
    assert_int_equal(got.ops[BSI_STORAGE_OP_RENAME].ok, 1);
    assert_int_equal(got.ops[BSI_STORAGE_OP_REMOVE].ok, 1);
    assert_int_equal(got.bytes_sent, 10);
    assert_int_equal(got.bytes_received, 5);
    for (size_t i = 0; i < BSI_STORAGE_OP_COUNT; i++) {
        assert_int_equal(in_buckets(&got.ops[i]), got.ops[i].ok);
        assert_int_equal(got.ops[i].failed, 0);
    }
}

static void no_such_object_is_an_answer(void **state)
{
    bs_storage_object object;
    char byte = 0;

    (void)state;
    assert_status(bsi_storage_stat(fix.storage, NULL, "none", &object), BS_E_NOT_FOUND);
    assert_status(bsi_storage_read(fix.storage, NULL, "none", 0, &byte, 1), BS_E_NOT_FOUND);
    assert_int_equal(numbers().ops[BSI_STORAGE_OP_STAT].ok, 1);
    assert_int_equal(numbers().ops[BSI_STORAGE_OP_READ].ok, 1);
    assert_int_equal(numbers().bytes_received, 0);
}

static void failures_are_counted_by_their_codes(void **state)
{
    const bsi_faulty_plan io = {.at = 1, .code = BS_E_IO, .forever = true};
    const bsi_faulty_plan full = {.op_mask = BSI_FAULTY_WRITE, .at = 1, .code = BS_E_NO_SPACE};
    bs_storage_object object;
    bsi_storage_numbers got;

    (void)state;
    bsi_storage_faulty_set(fix.faulty, &io);
    assert_status(bsi_storage_stat(fix.storage, NULL, "a", &object), BS_E_IO);
    assert_status(bsi_storage_remove(fix.storage, NULL, "a"), BS_E_IO);
    bsi_storage_faulty_set(fix.faulty, &full);
    assert_status(bsi_storage_put(fix.storage, NULL, "a", "x", 1), BS_E_NO_SPACE);
    got = numbers();
    assert_int_equal(got.errors[-BS_E_IO], 2);
    assert_int_equal(got.errors[-BS_E_NO_SPACE], 1);
    assert_int_equal(got.ops[BSI_STORAGE_OP_PUT].failed, 1);
    assert_int_equal(got.ops[BSI_STORAGE_OP_PUT].ok, 0);
    assert_int_equal(got.ops[BSI_STORAGE_OP_PUT].cancelled, 0);
    assert_int_equal(got.bytes_sent, 0);
}

static void an_upload_that_is_given_up_is_no_failure(void **state)
{
    bsi_upload *upload = NULL;

    (void)state;
    assert_ok(bsi_upload_begin(fix.storage, NULL, "a", NULL, &upload));
    assert_ok(bsi_upload_write(upload, NULL, "abc", 3));
    bsi_upload_abort(upload);
    assert_int_equal(numbers().ops[BSI_STORAGE_OP_PUT].cancelled, 1);
    assert_int_equal(numbers().ops[BSI_STORAGE_OP_PUT].failed, 0);
    assert_int_equal(numbers().bytes_sent, 3);
}

static bs_status stop(void *user, const char *key, const bs_storage_object *object)
{
    (void)user;
    (void)key;
    (void)object;
    return bsi_fail(BS_LAYER_SYSTEM, BS_E_NOMEM, "the callback has had enough");
}

static void who_stops_a_listing_is_not_the_storage(void **state)
{
    (void)state;
    assert_ok(bsi_storage_put(fix.storage, NULL, "a", "x", 1));
    assert_status(bsi_storage_list(fix.storage, NULL, "", stop, NULL), BS_E_NOMEM);
    assert_int_equal(numbers().ops[BSI_STORAGE_OP_LIST].ok, 1);
    assert_int_equal(numbers().ops[BSI_STORAGE_OP_LIST].failed, 0);
}

static void bytes_over_a_network_count_for_the_job_at_work(void **state)
{
    bsi_storage *remote = NULL;
    bsi_usage usage;
    char byte = 0;

    (void)state;
    fix.faulty->caps |= BS_STORAGE_CAP_NETWORK;
    assert_ok(bsi_storage_metrics_new(fix.faulty, &remote));
    bsi_usage_init(&usage);
    bsi_usage_enter(&usage);
    assert_ok(bsi_storage_put(fix.storage, NULL, "near", "0123", 4));
    assert_ok(bsi_storage_put(remote, NULL, "far", "01234567", 8));
    assert_ok(bsi_storage_read(remote, NULL, "far", 7, &byte, 1));
    bsi_usage_leave(&usage);
    assert_int_equal(usage.bytes_sent, 8);
    assert_int_equal(usage.bytes_received, 1);
    bsi_usage_dispose(&usage);
    bsi_storage_unref(remote);
}

static void it_can_do_what_the_driver_can(void **state)
{
    (void)state;
    assert_int_equal(bsi_storage_caps(fix.storage),
                     bsi_storage_caps(fix.faulty) & ~(uint32_t)BS_STORAGE_CAP_RESUME);
    assert_string_equal(bsi_storage_scheme(fix.storage), bsi_storage_scheme(fix.faulty));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_asked_is_counted_once),
        TEST(no_such_object_is_an_answer),
        TEST(failures_are_counted_by_their_codes),
        TEST(an_upload_that_is_given_up_is_no_failure),
        TEST(who_stops_a_listing_is_not_the_storage),
        TEST(bytes_over_a_network_count_for_the_job_at_work),
        TEST(it_can_do_what_the_driver_can),
    };

    return cmocka_run_group_tests_name("storage/metrics", tests, NULL, NULL);
}
