/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <string.h>

#include "base/calendar.h"
#include "net/ftp_text.h"

static void assert_slice(bsi_slice slice, const char *text)
{
    assert_int_equal(slice.size, strlen(text));
    assert_memory_equal(slice.data, text, slice.size);
}

/* --- Replies --- */

static void replies_come_one_after_the_other(void **state)
{
    bsi_slice in = bsi_slice_of("220 hello\r\n331\r\n230-first\r\n221 inside\r\n 230 too\r\n"
                                "230-230 mine\r\n230 last\r\n257 \"/a\" is it\n");
    bsi_ftp_reply reply;

    (void)state;
    assert_true(bsi_ftp_reply_next(&in, &reply));
    assert_int_equal(reply.code, 220);
    assert_slice(reply.text, "hello");
    assert_true(bsi_ftp_reply_next(&in, &reply));
    assert_int_equal(reply.code, 331);
    assert_slice(reply.text, "");
    assert_true(bsi_ftp_reply_next(&in, &reply));
    assert_int_equal(reply.code, 230);
    assert_slice(reply.text, "last");
    assert_slice(reply.lines, "230-first\r\n221 inside\r\n 230 too\r\n230-230 mine\r\n230 last");
    assert_true(bsi_ftp_reply_next(&in, &reply));
    assert_int_equal(reply.code, 257);
    assert_slice(reply.text, "\"/a\" is it");
    assert_false(bsi_ftp_reply_next(&in, &reply));
}

static void what_is_no_whole_reply_is_none(void **state)
{
    static const char *const texts[] = {"",          "2",       "22 x\r\n", "nonsense\r\n",
                                        "220-a\r\n", "620 x",   "020 x",    "220-a\r\n221 b\r\n",
                                        "220x y",    "\r\n\r\n"};
    bsi_ftp_reply reply;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        bsi_slice in = bsi_slice_of(texts[i]);
        print_message("# %s\n", texts[i]);
        assert_false(bsi_ftp_reply_next(&in, &reply));
    }
}

static void features_are_found_whatever_their_case(void **state)
{
    (void)state;
    assert_int_equal(bsi_ftp_features(bsi_slice_of(
                         "211-Features\r\n mlst type*;size*;\r\n MFMT\r\n REST STREAM\r\n UTF8\r\n"
                         " HASH SHA-1;SHA-256*;MD5\r\n XSHA256\r\n211 End")),
                     BSI_FTP_CAN_MLST | BSI_FTP_CAN_MFMT | BSI_FTP_CAN_REST | BSI_FTP_CAN_UTF8 |
                         BSI_FTP_CAN_HASH | BSI_FTP_CAN_XSHA256);
    assert_int_equal(bsi_ftp_features(bsi_slice_of("211-Features\r\n HASH MD5;SHA-2567\r\n REST\r\n"
                                                   " MLSTX\r\nMLST\r\n211 MLST")),
                     0);
    assert_int_equal(bsi_ftp_features(bsi_slice_of("500 Unknown command.")), 0);
}

/* --- Times --- */

static void times_are_read_and_written(void **state)
{
    char text[BSI_FTP_TIME_SIZE];
    int64_t sec = 0;

    (void)state;
    assert_true(bsi_ftp_time(bsi_slice_of("20090213233130"), &sec));
    assert_int_equal(sec, 1234567890);
    assert_true(bsi_ftp_time(bsi_slice_of("19691231235955.123"), &sec));
    assert_int_equal(sec, -5);
    assert_true(bsi_ftp_time_format(1234567890, text));
    assert_string_equal(text, "20090213233130");
    assert_true(bsi_ftp_time_format(BSI_CIVIL_TIME_MAX, text));
    assert_false(bsi_ftp_time_format(BSI_CIVIL_TIME_MAX + 1, text));
    assert_false(bsi_ftp_time_format(BSI_CIVIL_TIME_MIN - 1, text));
}

static void other_texts_are_no_times(void **state)
{
    static const char *const texts[] = {"",
                                        "2009021323313",
                                        "200902132331300",
                                        "20090230000000",
                                        "20091301000000",
                                        "20090100000000",
                                        "20090101240000",
                                        "2009010100000x",
                                        "20090101000000 "};
    int64_t sec = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        print_message("# %s\n", texts[i]);
        assert_false(bsi_ftp_time(bsi_slice_of(texts[i]), &sec));
    }
}

static void numbers_have_digits_only(void **state)
{
    uint64_t number = 0;

    (void)state;
    assert_true(bsi_ftp_number(bsi_slice_of("9223372036854775807"), &number));
    assert_true(number == INT64_MAX);
    assert_false(bsi_ftp_number(bsi_slice_of("9223372036854775808"), &number));
    assert_false(bsi_ftp_number(bsi_slice_of("99999999999999999999999"), &number));
    assert_false(bsi_ftp_number(bsi_slice_of(""), &number));
    assert_false(bsi_ftp_number(bsi_slice_of("-1"), &number));
    assert_false(bsi_ftp_number(bsi_slice_of("1 "), &number));
}

/* --- Facts --- */

static void facts_tell_type_size_and_time(void **state)
{
    bsi_ftp_entry entry;

    (void)state;
    assert_true(bsi_ftp_entry_of_facts(
        bsi_slice_of("Modify=20090213233130;perm=r;SIZE=12;type=File;unique=x;  a; b=c "), &entry));
    assert_true(entry.is_file && !entry.is_dir && entry.has_size && entry.has_time);
    assert_int_equal(entry.size, 12);
    assert_int_equal(entry.sec, 1234567890);
    assert_slice(entry.name, " a; b=c ");
    assert_true(bsi_ftp_entry_of_facts(bsi_slice_of("type=dir; d"), &entry));
    assert_true(entry.is_dir && !entry.is_file && !entry.has_size && !entry.has_time);
    assert_true(bsi_ftp_entry_of_facts(bsi_slice_of(" no facts"), &entry));
    assert_slice(entry.name, "no facts");
    assert_false(entry.is_dir || entry.is_file);
    assert_true(bsi_ftp_entry_of_facts(bsi_slice_of("type=OS.unix=slink:/x; l"), &entry));
    assert_false(entry.is_dir || entry.is_file);
    assert_true(bsi_ftp_entry_of_facts(bsi_slice_of("type=cdir; ."), &entry));
    assert_false(entry.is_dir || entry.is_file);
    assert_true(bsi_ftp_entry_of_facts(bsi_slice_of("type=file;size=x;modify=y; n"), &entry));
    assert_true(entry.is_file && !entry.has_size && !entry.has_time);
}

static void lines_without_a_name_are_no_facts(void **state)
{
    static const char *const texts[] = {"", "type=file;size=12;", "type=file;size=12; ",
                                        "type=file;size=12;name", "n"};
    bsi_ftp_entry entry;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        print_message("# %s\n", texts[i]);
        assert_false(bsi_ftp_entry_of_facts(bsi_slice_of(texts[i]), &entry));
    }
}

/* --- Listings --- */

static void lines_of_unix_are_read(void **state)
{
    bsi_ftp_entry entry;

    (void)state;
    assert_true(bsi_ftp_entry_of_list(
        bsi_slice_of("-rw-------    1 ftp      ftp            12 Nov 23 23:10 x y "), &entry));
    assert_true(entry.is_file && !entry.is_dir && entry.has_size && !entry.has_time);
    assert_int_equal(entry.size, 12);
    assert_slice(entry.name, "x y ");
    assert_true(
        bsi_ftp_entry_of_list(bsi_slice_of("drwxr-xr-x+ 2 a b c 4096 Jan  1  2020  lead"), &entry));
    assert_true(entry.is_dir && !entry.is_file);
    assert_slice(entry.name, " lead");
    assert_true(
        bsi_ftp_entry_of_list(bsi_slice_of("-rw-r--r-- 1 owner 7 May 5 1999 no group"), &entry));
    assert_true(entry.is_file);
    assert_int_equal(entry.size, 7);
    assert_true(bsi_ftp_entry_of_list(
        bsi_slice_of("lrwxrwxrwx 1 a b 3 Jan 01 2020 here -> there -> no"), &entry));
    assert_false(entry.is_file || entry.is_dir);
    assert_slice(entry.name, "here");
    assert_true(bsi_ftp_entry_of_list(bsi_slice_of("-rw-r--r-- 1 a b 3 Jan 01 2020 here -> there"),
                                      &entry));
    assert_slice(entry.name, "here -> there");
    assert_true(
        bsi_ftp_entry_of_list(bsi_slice_of("crw-r--r-- 1 a b 3, 4 Jan 01 2020 dev"), &entry));
    assert_false(entry.is_file || entry.is_dir);
}

static void lines_of_windows_are_read(void **state)
{
    bsi_ftp_entry entry;

    (void)state;
    assert_true(bsi_ftp_entry_of_list(
        bsi_slice_of("11-23-26  11:10PM       <DIR>          some dir"), &entry));
    assert_true(entry.is_dir && !entry.is_file);
    assert_slice(entry.name, "some dir");
    assert_true(bsi_ftp_entry_of_list(
        bsi_slice_of("11-23-2026  11:10PM                 1234 a file"), &entry));
    assert_true(entry.is_file && entry.size == 1234);
    assert_slice(entry.name, "a file");
}

static void other_lines_tell_of_no_file(void **state)
{
    static const char *const texts[] = {"",
                                        "total 5",
                                        "-rw-r--r--",
                                        "-rw-r--r-- 1 a b 12 Nov 23 23:10",
                                        "-rw-r--r-- 1 a b 12 Nov 23 23:10 ",
                                        "-rw-r--r-- 1 a b 12 Nvo 23 23:10 x",
                                        "-rw-r--rz- 1 a b 12 Nov 23 23:10 x",
                                        "/dir: Permission denied",
                                        "11-23-26  11:10PM  <DIR>",
                                        "11-23-26  11:10PM  12",
                                        "11-23-26  11:10PM  12x name"};
    bsi_ftp_entry entry;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        print_message("# %s\n", texts[i]);
        assert_false(bsi_ftp_entry_of_list(bsi_slice_of(texts[i]), &entry));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_come_one_after_the_other),
        cmocka_unit_test(what_is_no_whole_reply_is_none),
        cmocka_unit_test(features_are_found_whatever_their_case),
        cmocka_unit_test(times_are_read_and_written),
        cmocka_unit_test(other_texts_are_no_times),
        cmocka_unit_test(numbers_have_digits_only),
        cmocka_unit_test(facts_tell_type_size_and_time),
        cmocka_unit_test(lines_without_a_name_are_no_facts),
        cmocka_unit_test(lines_of_unix_are_read),
        cmocka_unit_test(lines_of_windows_are_read),
        cmocka_unit_test(other_lines_tell_of_no_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
