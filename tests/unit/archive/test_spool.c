/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <string.h>

#include "archive/spool.h"
#include "base/alloc.h"
#include "support/tempdir.h"

enum { RECORD = 24, RECORDS = 100000 }; /* Beyond two MiB: part of it lies in the file. */

static void make_record(uint8_t *out, uint32_t number)
{
    for (size_t i = 0; i < RECORD; i++) {
        out[i] = (uint8_t)(number * 31 + i * (number >> 8));
    }
}

static bsi_spool *filled(const test_dir *dir, uint32_t records)
{
    bsi_spool *spool = NULL;
    uint8_t record[RECORD];

    assert_ok(bsi_spool_new(dir->fd, &spool));
    for (uint32_t i = 0; i < records; i++) {
        make_record(record, i);
        assert_ok(bsi_spool_append(spool, record, RECORD));
    }
    return spool;
}

static void check_record(bsi_spool *spool, uint32_t number)
{
    uint8_t want[RECORD];
    uint8_t got[RECORD];

    make_record(want, number);
    assert_ok(bsi_spool_read(spool, (uint64_t)number * RECORD, got, RECORD));
    assert_memory_equal(got, want, RECORD);
}

static void gives_back_what_went_in(void **state)
{
    bsi_spool *spool = filled(*state, RECORDS);

    assert_int_equal(bsi_spool_size(spool), (uint64_t)RECORDS * RECORD);
    for (uint32_t i = 0; i < RECORDS; i++) {
        check_record(spool, i);
    }
    for (uint32_t i = 0; i < RECORDS; i += 13) {
        check_record(spool, (uint32_t)((uint64_t)i * 7919 % RECORDS));
    }
    bsi_spool_free(spool);
}

static void refuses_to_read_beyond_its_end(void **state)
{
    bsi_spool *spool = filled(*state, 10);
    uint8_t bytes[RECORD];

    assert_status(bsi_spool_read(spool, 10 * RECORD - 1, bytes, 2), BS_E_INTERNAL);
    assert_status(bsi_spool_read(spool, UINT64_MAX, bytes, 1), BS_E_INTERNAL);
    bsi_spool_free(spool);
}

static void goes_on_behind_a_cut(void **state)
{
    bsi_spool *spool = filled(*state, RECORDS);
    uint8_t record[RECORD];

    assert_ok(bsi_spool_cut(spool, (uint64_t)(RECORDS - 1) * RECORD));
    assert_ok(bsi_spool_cut(spool, (uint64_t)1000 * RECORD));
    assert_int_equal(bsi_spool_size(spool), (uint64_t)1000 * RECORD);
    for (uint32_t i = 1000; i < RECORDS; i++) {
        make_record(record, i);
        assert_ok(bsi_spool_append(spool, record, RECORD));
    }
    for (uint32_t i = 0; i < RECORDS; i += 11) {
        check_record(spool, i);
    }
    assert_status(bsi_spool_cut(spool, UINT64_MAX), BS_E_INTERNAL);
    bsi_spool_free(spool);
}

static void says_so_when_there_is_no_directory(void **state)
{
    static const uint8_t bytes[1024 * 1024];
    bsi_spool *spool = NULL;

    (void)state;
    assert_ok(bsi_spool_new(-1, &spool));
    assert_true(bsi_spool_append(spool, bytes, sizeof(bytes)) < 0);
    assert_int_equal(bs_error_last()->layer, BS_LAYER_STORAGE);
    bsi_spool_free(spool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gives_back_what_went_in, test_dir_setup, test_dir_teardown),
        cmocka_unit_test_setup_teardown(refuses_to_read_beyond_its_end, test_dir_setup,
                                        test_dir_teardown),
        cmocka_unit_test_setup_teardown(goes_on_behind_a_cut, test_dir_setup, test_dir_teardown),
        cmocka_unit_test(says_so_when_there_is_no_directory),
    };

    return cmocka_run_group_tests_name("archive/spool", tests, NULL, NULL);
}
