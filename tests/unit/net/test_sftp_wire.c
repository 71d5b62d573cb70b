/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <string.h>

#include "base/error.h"
#include "net/sftp_wire.h"

static void what_was_written_is_read(void **state)
{
    uint8_t bytes[64];
    bsi_sftp_writer out = {bytes};
    bsi_sftp_reader in = {bytes, 0, false};
    bsi_slice text;

    (void)state;
    bsi_sftp_put_u32(&out, 0x01020304);
    bsi_sftp_put_u64(&out, UINT64_C(0xfedcba9876543210));
    bsi_sftp_put_string(&out, (bsi_slice){"a\0b", 3});
    bsi_sftp_put_string(&out, (bsi_slice){NULL, 0});
    in.size = (size_t)(out.at - bytes);
    assert_int_equal(in.size, 4 + 8 + 7 + 4);
    assert_memory_equal(bytes, "\1\2\3\4\xfe\xdc", 6);
    assert_int_equal(bsi_sftp_get_u32(&in), 0x01020304);
    assert_true(bsi_sftp_get_u64(&in) == UINT64_C(0xfedcba9876543210));
    text = bsi_sftp_get_string(&in);
    assert_int_equal(text.size, 3);
    assert_memory_equal(text.data, "a\0b", 3);
    assert_int_equal(bsi_sftp_get_string(&in).size, 0);
    assert_int_equal(in.size, 0);
    assert_false(in.broken);
}

static void nothing_is_read_behind_the_end(void **state)
{
    const uint8_t bytes[] = {0, 0, 0, 9, 'a', 'b'};
    bsi_sftp_reader in = {bytes, sizeof(bytes), false};

    (void)state;
    assert_int_equal(bsi_sftp_get_string(&in).size, 0);
    assert_true(in.broken);
    assert_int_equal(bsi_sftp_get_u8(&in), 0);
    in = (bsi_sftp_reader){bytes, 3, false};
    assert_int_equal(bsi_sftp_get_u32(&in), 0);
    assert_true(in.broken);
}

/* Size, owner, type, times and additions; each prefix of it is noticed. */
static void attributes_are_read_whole_or_not_at_all(void **state)
{
    static const uint8_t bytes[] = {
        0x80, 0, 0,    0x0f,                              /* All that there is. */
        0,    0, 0,    1,    0, 0, 0, 2,                  /* Size. */
        0,    0, 0,    3,    0, 0, 0, 4,                  /* Owner. */
        0,    0, 0x81, 0xa4,                              /* A file, 0644. */
        0,    0, 0,    5,    0, 0, 0, 6,                  /* Times. */
        0,    0, 0,    1,    0, 0, 0, 1, 'n', 0, 0, 0, 0, /* One addition. */
    };
    bsi_sftp_reader in = {bytes, sizeof(bytes), false};
    bsi_sftp_attrs attrs;

    (void)state;
    bsi_sftp_get_attrs(&in, &attrs);
    assert_false(in.broken);
    assert_int_equal(in.size, 0);
    assert_true(attrs.has_size && attrs.has_type && attrs.has_times);
    assert_true(attrs.is_file && !attrs.is_dir);
    assert_true(attrs.size == UINT64_C(0x100000002));
    assert_int_equal(attrs.mtime, 6);
    for (size_t size = 0; size < sizeof(bytes); size++) {
        in = (bsi_sftp_reader){bytes, size, false};
        bsi_sftp_get_attrs(&in, &attrs);
        assert_true(in.broken);
    }
}

static int64_t through_the_wire(int64_t sec)
{
    uint8_t bytes[12];
    bsi_sftp_writer out = {bytes};
    bsi_sftp_reader in = {bytes, sizeof(bytes), false};
    bsi_sftp_attrs attrs;

    bsi_sftp_put_mtime(&out, sec);
    bsi_sftp_get_attrs(&in, &attrs);
    assert_true(attrs.has_times);
    return attrs.mtime;
}

static void times_that_fit_come_back(void **state)
{
    static const int64_t fit[] = {0,
                                  -1,
                                  -5,
                                  1,
                                  1234567890,
                                  INT32_MAX,
                                  INT64_C(1) + INT32_MAX,
                                  -1000000000,
                                  3294967295,
                                  -1000000000 + 1};

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(fit); i++) {
        assert_true(bsi_sftp_time_fits(fit[i]));
        assert_true(through_the_wire(fit[i]) == fit[i]);
    }
    assert_false(bsi_sftp_time_fits(-1000000001));
    assert_false(bsi_sftp_time_fits(3294967296));
    assert_false(bsi_sftp_time_fits(INT64_MIN));
    assert_false(bsi_sftp_time_fits(INT64_MAX));
    assert_true(bsi_sftp_fitting_time(7) == 7);
    assert_true(bsi_sftp_fitting_time(INT64_MIN) == -1000000000);
    assert_true(bsi_sftp_fitting_time(INT64_MAX) == 3294967295);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(nothing_is_read_behind_the_end),
        cmocka_unit_test(attributes_are_read_whole_or_not_at_all),
        cmocka_unit_test(times_that_fit_come_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
