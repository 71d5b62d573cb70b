/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <string.h>

#include "repo/lock.h"

enum { ROOM = 4096 };

static void assert_written(const bsi_lock_info *info, const char *expected)
{
    bsi_buf out;

    bsi_buf_init(&out, ROOM);
    assert_ok(bsi_lock_info_write(info, &out));
    assert_int_equal(out.size, strlen(expected));
    assert_memory_equal(out.data, expected, out.size);
    bsi_buf_dispose(&out);
}

static void a_lock_is_read_and_written_as_restic_does(void **state)
{
    static const char *const texts[] = {
        "{\"time\":\"2026-11-23T10:11:12.000000001+01:00\",\"exclusive\":false,"
        "\"hostname\":\"here\",\"username\":\"root\",\"pid\":123}",
        "{\"time\":\"2026-11-23T10:11:12Z\",\"exclusive\":true,\"hostname\":\"\\u003c\","
        "\"username\":\"\",\"pid\":4294967295,\"uid\":1,\"gid\":2}",
        "{\"time\":\"2026-11-23T10:11:12Z\",\"exclusive\":false,\"hostname\":\"here\","
        "\"username\":\"root\",\"pid\":1,\"table\":\"0-1 pid:[2]\"}",
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(texts); i++) {
        bsi_lock_info info;
        assert_ok(bsi_lock_info_parse(bsi_slice_of(texts[i]), &info));
        assert_int_equal(info.exclusive, i == 1);
        assert_written(&info, texts[i]);
        bsi_lock_info_dispose(&info);
    }
}

static void what_is_missing_is_empty(void **state)
{
    bsi_lock_info info;

    (void)state;
    assert_ok(bsi_lock_info_parse(
        bsi_slice_of(" {\"new\":{},\"pid\":null,\"time\":\"2026-11-23T10:11:12Z\"}\n"), &info));
    assert_false(info.exclusive);
    assert_int_equal(info.hostname.size, 0);
    assert_int_equal(info.pid, 0);
    bsi_lock_info_dispose(&info);
}

static void what_is_no_lock_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "{}",
        "[]",
        "\x02",
        "{\"time\":1}",
        "{\"time\":\"2026-11-23T10:11:12Z\",\"exclusive\":1}",
        "{\"time\":\"2026-11-23T10:11:12Z\",\"pid\":\"1\"}",
        "{\"time\":\"2026-11-23T10:11:12Z\",\"pid\":-1}",
        "{\"time\":\"2026-11-23T10:11:12Z\",\"hostname\":1}",
        "{\"time\":\"2026-11-23T10:11:12Z\"} {}",
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(bad); i++) {
        bsi_lock_info info;
        print_message("# %s\n", bad[i]);
        assert_status(bsi_lock_info_parse(bsi_slice_of(bad[i]), &info), BS_E_CORRUPT);
        assert_int_equal(bs_error_last()->layer, BS_LAYER_STORAGE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lock_is_read_and_written_as_restic_does),
        cmocka_unit_test(what_is_missing_is_empty),
        cmocka_unit_test(what_is_no_lock_is_refused),
    };

    return cmocka_run_group_tests_name("repo/lock", tests, NULL, NULL);
}
