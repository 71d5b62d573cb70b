/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "engine/zones.h"
#include "os/file.h"
#include "support/tempdir.h"

static int32_t offset_of(const bsi_timezone *zone)
{
    return bsi_timezone_span_at(zone, INT64_C(1767225600)).offset;
}

static void write_file(const test_dir *dir, const char *name, const void *data, size_t size)
{
    int fd = -1;

    assert_ok(bsi_open(dir->fd, name, BSI_OPEN_WRITE | BSI_OPEN_CREATE, 0600, &fd));
    assert_ok(bsi_write(fd, data, size));
    assert_ok(bsi_close(fd));
}

static void assert_refused(const char *folder, const char *name, const char *says)
{
    bsi_timezone *zone = NULL;

    print_message("# %s\n", name);
    assert_status(bsi_zone_load(folder, name, &zone), BS_E_INVALID);
    print_message("# %s\n", bs_error_last()->message);
    assert_int_equal(bs_error_last()->layer, BS_LAYER_CALLER);
    assert_non_null(strstr(bs_error_last()->message, says));
    assert_null(zone);
}

static void zones_of_the_system_are_loaded_by_name(void **state)
{
    static const struct {
        const char *name;
        int32_t offset; /* In the winter of the north. */
    } cases[] = {
        {"UTC", 0},
        {"Europe/Berlin", 3600},
        {"America/Argentina/Buenos_Aires", -10800},
        {"Asia/Kathmandu", 20700},
        {"Australia/Lord_Howe", 39600},
        {"Etc/GMT+12", -43200},
        {"EST5EDT", -18000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bsi_timezone *zone = NULL;
        print_message("# %s\n", cases[i].name);
        assert_ok(bsi_zone_load(BSI_ZONES_FOLDER, cases[i].name, &zone));
        assert_int_equal(offset_of(zone), cases[i].offset);
        bsi_timezone_free(zone);
    }
}

static void what_is_no_name_is_refused(void **state)
{
    static const char *const names[] = {
        "",
        "/etc/localtime",
        "../zoneinfo/UTC",
        "Europe/../UTC",
        "Europe/",
        "Europe//Berlin",
        ".",
        "..",
        "Europe/./Berlin",
        "tzdata.zi",
        "UTC\n",
        "Europe\\Berlin",
        "Eur ope",
        "\x1b[31m",
        "Z\xc3\xbcrich",
    };
    char huge[200];

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_refused(BSI_ZONES_FOLDER, names[i], "is not the name of a time zone");
        assert_null(strpbrk(bs_error_last()->message, "\n\x1b"));
    }
    memset(huge, 'A', sizeof(huge));
    huge[sizeof(huge) - 1] = '\0';
    assert_refused(BSI_ZONES_FOLDER, huge, "is not the name of a time zone");
}

static void an_unknown_zone_is_named_with_the_nearest(void **state)
{
    (void)state;
    assert_refused(BSI_ZONES_FOLDER, "Europe/Berln", "'Europe/Berln'; is 'Europe/Berlin' meant?");
    assert_refused(BSI_ZONES_FOLDER, "europe/berlin", "is 'Europe/Berlin' meant?");
    assert_refused(BSI_ZONES_FOLDER, "NEW_YORK", "is 'America/New_York' meant?");
    assert_refused(BSI_ZONES_FOLDER, "Mars/Olympus_Mons", "called as Europe/Berlin or UTC");
    assert_refused(BSI_ZONES_FOLDER, "Europe", "there is no time zone 'Europe'");
    assert_refused(BSI_ZONES_FOLDER, "UTC/Berlin", "there is no time zone 'UTC/Berlin'");
}

static void without_a_database_there_is_utc_and_the_caller_is_told(void **state)
{
    const test_dir *dir = *state;
    bsi_timezone *zone = NULL;
    char missing[300];

    (void)snprintf(missing, sizeof(missing), "%s/none", dir->path);
    assert_status(bsi_zone_load(missing, "Europe/Berlin", &zone), BS_PARTIAL);
    assert_int_equal(offset_of(zone), 0);
    bsi_timezone_free(zone);
    assert_status(bsi_zone_load(dir->path, "Europe/Berlin", &zone), BS_PARTIAL);
    assert_int_equal(offset_of(zone), 0);
    bsi_timezone_free(zone);
    assert_ok(bsi_zone_load(missing, "UTC", &zone));
    bsi_timezone_free(zone);
    zone = NULL;
    assert_refused(missing, "../x", "is not the name of a time zone");
}

static void a_file_that_is_no_zone_is_damaged_and_named(void **state)
{
    static char large[BSI_TIMEZONE_FILE_MAX + 1];
    const test_dir *dir = *state;
    bsi_timezone *zone = NULL;

    write_file(dir, "Empty", "", 0);
    write_file(dir, "Text", "This is no zone.", 16);
    write_file(dir, "Large", large, sizeof(large));
    assert_status(bsi_zone_load(dir->path, "Empty", &zone), BS_E_CORRUPT);
    assert_status(bsi_zone_load(dir->path, "Text", &zone), BS_E_CORRUPT);
    assert_non_null(strstr(bs_error_last()->message, "time zone 'Text': not a usable"));
    assert_status(bsi_zone_load(dir->path, "Large", &zone), BS_E_LIMIT);
    assert_int_equal(mkfifoat(dir->fd, "Fifo", 0600), 0); /* Does not hang. */
    write_file(dir, "zone.tab", "no table\n\t\nDE\t+1\tA/Fifi\tx\n\t\t", 29);
    assert_int_equal(mkdirat(dir->fd, "Etc", 0700), 0);
    write_file(dir, "Etc/UTC", "", 0);
    assert_refused(dir->path, "Fifo", "there is no time zone 'Fifo'");
    assert_refused(dir->path, "Fifi", "is 'A/Fifi' meant?");
    assert_null(zone);
}

static void survives_running_out_of_memory(void **state)
{
    static const char *const names[] = {"Europe/Berlin", "Europe/Berln", "UTC"};
    static const bs_status ends[] = {BS_OK, BS_E_INVALID, BS_OK};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        bsi_timezone *zone = NULL;
        bool failed = true;
        for (long n = 0; failed; n++) {
            bs_status status = BS_OK;
            bsi_alloc_fail_after(n);
            status = bsi_zone_load(BSI_ZONES_FOLDER, names[i], &zone);
            failed = bsi_alloc_has_failed();
            assert_true(status == ends[i] || (failed && status == BS_E_NOMEM));
        }
        bsi_alloc_fail_after(-1);
        bsi_timezone_free(zone);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zones_of_the_system_are_loaded_by_name),
        cmocka_unit_test(what_is_no_name_is_refused),
        cmocka_unit_test(an_unknown_zone_is_named_with_the_nearest),
        cmocka_unit_test_setup_teardown(without_a_database_there_is_utc_and_the_caller_is_told,
                                        test_dir_setup, test_dir_teardown),
        cmocka_unit_test_setup_teardown(a_file_that_is_no_zone_is_damaged_and_named, test_dir_setup,
                                        test_dir_teardown),
        cmocka_unit_test(survives_running_out_of_memory),
    };

    return cmocka_run_group_tests_name("engine/zones", tests, NULL, NULL);
}
