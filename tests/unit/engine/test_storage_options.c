/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <string.h>

#include "base/alloc.h"
#include "engine/storage_options.h"
#include "storage/drivers/drivers.h"

#define KI UINT64_C(1024)

static bsi_common_options got;

static bs_status read_as(const char *driver, const char *const *settings)
{
    return bsi_common_options_read(driver, settings, &got);
}

#define READ(...) read_as("local", (const char *const[]){__VA_ARGS__, NULL})

static uint64_t rate(const bsi_timetable *table)
{
    return bsi_timetable_rate(table, bsi_timezone_utc(), 0);
}

static void assert_said(const char *text)
{
    print_message("# %s\n", bs_error_last()->message);
    assert_non_null(strstr(bs_error_last()->message, text));
    assert_int_equal(bs_error_last()->layer, BS_LAYER_CALLER);
}

static void without_any_nothing_is_limited(void **state)
{
    (void)state;
    assert_ok(read_as("local", NULL));
    assert_ok(READ("path", "/x", "read_only", "false", "append_only", "false"));
    assert_int_equal(got.guard, BSI_GUARD_NOTHING);
    assert_int_equal(got.limits.upload.count, 0);
    assert_int_equal(got.limits.requests, 0);
}

static void each_is_read(void **state)
{
    (void)state;
    assert_ok(READ("limit_upload", "512k", "path", "/x", "limit_download", "2M", "limit_requests",
                   "7", "append_only", "true"));
    assert_int_equal(got.guard, BSI_GUARD_APPEND_ONLY);
    assert_true(rate(&got.limits.upload) == 512 * KI);
    assert_true(rate(&got.limits.download) == 2 * KI * KI);
    assert_int_equal(got.limits.requests, 7);
    assert_ok(READ("read_only", "true", "limit_requests", "off"));
    assert_int_equal(got.guard, BSI_GUARD_READ_ONLY);
    assert_int_equal(got.limits.requests, 0);
}

static void all_that_is_wrong_is_told_by_name(void **state)
{
    (void)state;
    got.limits.requests = 77;
    assert_status(READ("read_only", "yes", "limit_upload", "fast", "limit_download", "08:00",
                       "limit_requests", "0", "append_only", ""),
                  BS_E_INVALID);
    assert_said("setting 'read_only'");
    assert_said("setting 'append_only'");
    assert_said("setting 'limit_upload': 'fast'");
    assert_said("setting 'limit_download': '08:00'");
    assert_said("setting 'limit_requests': takes 1 to 1000, or off");
    assert_int_equal(got.limits.requests, 77);
}

static void numbers_of_requests_are_checked(void **state)
{
    static const char *const wrong[] = {"",   "0",  "1001", "4294967297", "99999999999999999999",
                                        "1x", " 1", "-1",   "+1",         "1.0",
                                        "OFF"};

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(wrong); i++) {
        print_message("# %s\n", wrong[i]);
        assert_status(READ("limit_requests", wrong[i]), BS_E_INVALID);
    }
    assert_ok(READ("limit_requests", "1000"));
    assert_int_equal(got.limits.requests, 1000);
    assert_ok(READ("limit_requests", "0001"));
}

static void the_size_of_a_cache_is_checked(void **state)
{
    static const char *const wrong[] = {"", "0", "1023KiB", "2TiB", "much", "-1", "1MiB "};

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(wrong); i++) {
        print_message("# %s\n", wrong[i]);
        assert_status(READ("cache_size", wrong[i]), BS_E_INVALID);
        assert_said("setting 'cache_size': takes a size");
    }
    assert_ok(READ("cache_size", "256MiB"));
    assert_true(got.cache_size == 256 * KI * KI);
    assert_ok(READ("cache_size", "off"));
    assert_true(got.cache_size == 0);
}

static void of_two_guards_one_at_most(void **state)
{
    (void)state;
    assert_status(READ("read_only", "true", "append_only", "true"), BS_E_INVALID);
    assert_said("'read_only' and 'append_only'");
    assert_ok(READ("read_only", "true", "append_only", "false"));
}

static void a_setting_comes_once(void **state)
{
    (void)state;
    assert_status(READ("limit_upload", "1M", "path", "/x", "limit_upload", "2M"), BS_E_INVALID);
    assert_said("'limit_upload' comes twice");
    assert_status(READ("read_only", "true", "read_only", "true"), BS_E_INVALID);
    assert_said("'read_only' comes twice");
}

/* What a driver from elsewhere calls like this is its own. */
static void a_driver_s_own_setting_comes_first(void **state)
{
    (void)state;
    assert_true(bsi_common_option_has("local", "limit_upload"));
    assert_true(bsi_common_option_has("none-such", "limit_upload"));
    assert_false(bsi_common_option_has("local", "path"));
    assert_false(bsi_common_option_has("custom", "read_only"));
    assert_true(bsi_common_option_has("custom", "append_only"));
    assert_ok(read_as("custom", (const char *const[]){"read_only", "anything", NULL}));
    assert_int_equal(got.guard, BSI_GUARD_NOTHING);
}

static void limits_are_changed_one_by_one(void **state)
{
    static bsi_limits_plan plan;

    (void)state;
    assert_ok(bsi_limits_read("local", (const char *const[]){"limit_upload", "1M", NULL}, &plan));
    assert_ok(bsi_limits_read("local", (const char *const[]){"limit_requests", "3", NULL}, &plan));
    assert_true(rate(&plan.upload) == KI * KI);
    assert_int_equal(plan.requests, 3);
    assert_ok(bsi_limits_read("local", (const char *const[]){"limit_upload", "off", NULL}, &plan));
    assert_true(rate(&plan.upload) == 0);
    assert_int_equal(plan.requests, 3);
}

static void what_is_no_limit_changes_nothing(void **state)
{
    static bsi_limits_plan plan;

    (void)state;
    plan.requests = 5;
    assert_status(bsi_limits_read("local",
                                  (const char *const[]){"limit_requests", "3", "read_only", "true",
                                                        "speed", "1", "limit_upload", NULL},
                                  &plan),
                  BS_E_INVALID);
    assert_said("'read_only' is no limit");
    assert_said("'speed' is no limit");
    assert_said("'limit_upload' is no limit");
    assert_int_equal(plan.requests, 5);
}

static void a_lack_of_memory_is_told(void **state)
{
    (void)state;
    got.limits.requests = 77;
    for (long allowed = 0; allowed < 3; allowed++) {
        bsi_alloc_fail_after(allowed);
        assert_status(READ("limit_upload", "1M", "limit_download", "2M"), BS_E_NOMEM);
        bsi_alloc_fail_after(-1);
    }
    assert_int_equal(got.limits.requests, 77);
}

/* --- A driver that has a setting of one of these names --- */

static const bs_storage_option custom_options[] = {
    {.key = "read_only", .type = BS_STORAGE_OPTION_TEXT, .help = "Whatever it wants."},
    {.key = NULL},
};

static int register_driver(void **state)
{
    static bs_storage_driver custom;

    (void)state;
    custom = bsi_storage_driver_mem;
    custom.scheme = "custom";
    custom.options = custom_options;
    return bs_storage_driver_register(&custom) == BS_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_any_nothing_is_limited),
        cmocka_unit_test(each_is_read),
        cmocka_unit_test(all_that_is_wrong_is_told_by_name),
        cmocka_unit_test(numbers_of_requests_are_checked),
        cmocka_unit_test(the_size_of_a_cache_is_checked),
        cmocka_unit_test(of_two_guards_one_at_most),
        cmocka_unit_test(a_setting_comes_once),
        cmocka_unit_test(a_driver_s_own_setting_comes_first),
        cmocka_unit_test(limits_are_changed_one_by_one),
        cmocka_unit_test(what_is_no_limit_changes_nothing),
        cmocka_unit_test(a_lack_of_memory_is_told),
    };

    return cmocka_run_group_tests_name("engine/storage_options", tests, register_driver, NULL);
}
