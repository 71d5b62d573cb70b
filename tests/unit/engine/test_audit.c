/* SPDX-License-Identifier: MIT */
/*
 * The audit log of a service: what stands in it, what becomes of what crashes and
 * strangers leave, new files, and threads.
 */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/audit.h"
#include "engine/audit_files.h"
#include "engine/service.h"
#include "os/file.h"
#include "os/thread.h"
#include "support/tempdir.h"

enum { PATH_SIZE = 300, THREADS = 4, EACH = 25 };

#define FIRST_FILE "state/audit/audit-00000000000000000001.jsonl"

/* In memory where that is possible: every record is synced. */
static int setup(void **state)
{
    test_dir_in_memory();
    return test_dir_setup(state);
}

static bs_service *open_with(const test_dir *dir, const char *name, const char *value)
{
    bs_service_options options = BS_SERVICE_OPTIONS_INIT;
    bs_service *service = NULL;
    char path[PATH_SIZE];

    (void)snprintf(path, sizeof(path), "%s/state", dir->path);
    options.state_path = path;
    assert_ok(bs_config_new(&options.config));
    if (name) {
        assert_ok(bs_config_set(options.config, name, value));
    }
    assert_ok(bs_service_open(&options, &service));
    bs_config_free(options.config);
    return service;
}

static bs_service *open_at(const test_dir *dir)
{
    return open_with(dir, NULL, NULL);
}

static void do_deed(bs_service *service, const char *object)
{
    const bsi_deed deed = {.action = "test.deed", .object = object};

    assert_ok(bsi_audit_begin(service, &deed));
    assert_ok(bsi_audit_end(service, &deed, BS_OK));
}

/* The fault that verification finds; BS_AUDIT_SOUND with so many records. */
static bs_audit_fault verify(bs_service *service, uint64_t *records_out)
{
    bs_audit_report *report = NULL;
    bs_audit_fault fault = BS_AUDIT_SOUND;

    assert_ok(bs_audit_verify(service, NULL, &report));
    fault = report->fault;
    *records_out = fault == BS_AUDIT_SOUND ? report->records : report->seq;
    bs_audit_report_free(report);
    return fault;
}

static void assert_sound(bs_service *service, uint64_t records)
{
    uint64_t got = 0;

    assert_int_equal(verify(service, &got), BS_AUDIT_SOUND);
    assert_int_equal(got, records);
}

static size_t read_file(const test_dir *dir, const char *name, char *out, size_t size)
{
    size_t got = 0;
    int fd = -1;

    assert_ok(bsi_open(dir->fd, name, BSI_OPEN_READ, 0, &fd));
    assert_ok(bsi_read(fd, out, size, &got));
    bsi_close_quietly(fd);
    return got;
}

static void write_file(const test_dir *dir, const char *name, const char *bytes, size_t size)
{
    int fd = -1;

    assert_ok(bsi_open(dir->fd, name, BSI_OPEN_WRITE | BSI_OPEN_CREATE, 0600, &fd));
    assert_ok(bsi_truncate(fd, 0));
    assert_ok(bsi_write(fd, bytes, size));
    assert_ok(bsi_close(fd));
}

static const bs_audit_page *list(bs_service *service, const bs_audit_filter *filter)
{
    bs_audit_page *page = NULL;

    assert_ok(bs_audit_list(service, filter, &page));
    return page;
}

static void free_page(const bs_audit_page *page)
{
    bs_audit_page_free((bs_audit_page *)(uintptr_t)page);
}

static void a_record_tells_who_did_what_and_what_came_of_it(void **state)
{
    const test_dir *dir = *state;
    bs_service *service = open_with(dir, "COMPRESSION_LEVEL", "3");
    const bsi_deed deed = {
        .action = "test.deed", .object = "x\n", .name = "home", .detail = "why\x01"};
    const bs_audit_page *page = NULL;

    assert_ok(bs_audit_set_actor("alice"));
    assert_ok(bsi_audit_begin(service, &deed));
    assert_status(bsi_fail(BS_LAYER_CALLER, BS_E_BUSY, "it is busy"), BS_E_BUSY);
    assert_status(bsi_audit_end(service, &deed, BS_E_BUSY), BS_E_BUSY);
    assert_string_equal(bs_error_last()->message, "it is busy");
    assert_ok(bs_audit_set_actor(NULL));
    page = list(service, NULL);
    assert_int_equal(page->count, 3);
    assert_int_equal(page->items[0]->seq, 3);
    assert_int_equal(page->items[0]->result, BS_AUDIT_FAILED);
    assert_string_equal(page->items[0]->error, "it is busy");
    assert_string_equal(page->items[0]->actor, "alice");
    assert_string_equal(page->items[0]->object, "x\\x0a");
    assert_string_equal(page->items[0]->name, "home");
    assert_string_equal(page->items[0]->detail, "why\\x01");
    assert_int_equal(page->items[1]->result, BS_AUDIT_BEGUN);
    assert_string_equal(page->items[2]->action, "service.open");
    assert_non_null(strstr(page->items[2]->detail, "COMPRESSION_LEVEL=3"));
    assert_string_equal(page->items[2]->actor, "");
    free_page(page);
    assert_sound(service, 3);
    bs_service_close(service);
}

static void settings_that_are_secret_are_not_told(void **state)
{
    const test_dir *dir = *state;
    bs_service *service = open_with(dir, "FTP_PASSWORD", "canary-5a5a-secret");
    static char text[8192];
    size_t size = 0;

    do_deed(service, "x");
    bs_service_close(service);
    size = read_file(dir, FIRST_FILE, text, sizeof(text));
    assert_null(memmem(text, size, "canary", 6));
    assert_non_null(memmem(text, size, "FTP_PASSWORD=(secret)", 21));
}

static void nothing_is_written_when_it_is_switched_off(void **state)
{
    const test_dir *dir = *state;
    bs_service *service = open_with(dir, "AUDIT_LOG_ENABLED", "false");
    bsi_stat stat;

    do_deed(service, "x");
    assert_sound(service, 0);
    assert_status(bsi_stat_at(dir->fd, "state/audit", &stat), BS_E_NOT_FOUND);
    assert_status(bsi_stat_at(dir->fd, "state/signing.key", &stat), BS_E_NOT_FOUND);
    bs_service_close(service);
}

static void who_only_looks_leaves_no_record(void **state)
{
    const test_dir *dir = *state;
    bs_service *service = open_at(dir);
    bsi_stat stat;

    free_page(list(service, NULL));
    assert_sound(service, 0);
    bs_service_close(service);
    assert_status(bsi_stat_at(dir->fd, "state/audit", &stat), BS_E_NOT_FOUND);
}

static void actors_are_one_line_of_text(void **state)
{
    char longest[BSI_AUDIT_ACTOR_MAX + 2];

    (void)state;
    memset(longest, 'a', sizeof(longest));
    longest[BSI_AUDIT_ACTOR_MAX + 1] = '\0';
    assert_status(bs_audit_set_actor(longest), BS_E_INVALID);
    longest[BSI_AUDIT_ACTOR_MAX] = '\0';
    assert_ok(bs_audit_set_actor(longest));
    assert_status(bs_audit_set_actor(""), BS_E_INVALID);
    assert_status(bs_audit_set_actor("a\nb"), BS_E_INVALID);
    assert_status(bs_audit_set_actor("\xff"), BS_E_INVALID);
    assert_string_equal(bsi_audit_actor(), longest);
    assert_ok(bs_audit_set_actor(NULL));
}

static void pages_and_filters_choose_records(void **state)
{
    const test_dir *dir = *state;
    bs_service *service = open_at(dir);
    bs_audit_filter filter = BS_AUDIT_FILTER_INIT;
    const bs_audit_page *page = NULL;

    do_deed(service, "a");
    do_deed(service, "b");
    do_deed(service, "c"); /* Records 2 to 7. */
    filter.limit = 2;
    page = list(service, &filter);
    assert_int_equal(page->count, 2);
    assert_int_equal(page->items[1]->seq, 6);
    assert_int_equal(page->next_before, 6);
    filter.before = page->next_before;
    free_page(page);
    page = list(service, &filter);
    assert_int_equal(page->items[0]->seq, 5);
    free_page(page);
    filter = (bs_audit_filter)BS_AUDIT_FILTER_INIT;
    filter.action = "test.";
    filter.object = "b";
    filter.result = BS_AUDIT_BEGUN;
    page = list(service, &filter);
    assert_int_equal(page->count, 1);
    assert_int_equal(page->items[0]->seq, 4);
    assert_int_equal(page->next_before, 0);
    free_page(page);
    filter = (bs_audit_filter)BS_AUDIT_FILTER_INIT;
    filter.since = "2200-01-01T00:00:00Z";
    page = list(service, &filter);
    assert_int_equal(page->count, 0);
    free_page(page);
    bs_service_close(service);
}

static void wrong_filters_are_refused(void **state)
{
    const test_dir *dir = *state;
    bs_service *service = open_at(dir);
    bs_audit_filter filter = BS_AUDIT_FILTER_INIT;
    bs_audit_page *page = NULL;
    bs_audit_report *report = NULL;
    const char *const keys[] = {"no key", NULL};

    filter.limit = 1001;
    assert_status(bs_audit_list(service, &filter, &page), BS_E_INVALID);
    filter = (bs_audit_filter)BS_AUDIT_FILTER_INIT;
    filter.since = "yesterday";
    assert_status(bs_audit_list(service, &filter, &page), BS_E_INVALID);
    filter = (bs_audit_filter)BS_AUDIT_FILTER_INIT;
    filter.result = (bs_audit_result)99;
    assert_status(bs_audit_list(service, &filter, &page), BS_E_INVALID);
    assert_status(bs_audit_verify(service, keys, &report), BS_E_INVALID);
    assert_null(page);
    assert_null(report);
    bs_service_close(service);
}

static void a_record_that_a_crash_cut_is_written_over_and_told(void **state)
{
    const test_dir *dir = *state;
    bs_service *service = open_at(dir);
    bs_audit_report *report = NULL;
    const bs_audit_page *page = NULL;
    static char text[16384];
    size_t size = 0;

    do_deed(service, "x");
    bs_service_close(service);
    size = read_file(dir, FIRST_FILE, text, sizeof(text) / 2);
    memcpy(text + size, text, 300);
    write_file(dir, FIRST_FILE, text, size + 300);
    service = open_at(dir);
    assert_ok(bs_audit_verify(service, NULL, &report));
    assert_int_equal(report->fault, BS_AUDIT_SOUND);
    assert_int_equal(report->records, 3);
    assert_int_equal(report->unfinished_bytes, 300);
    bs_audit_report_free(report);
    do_deed(service, "y");
    assert_sound(service, 7);
    page = list(service, NULL);
    assert_string_equal(page->items[3]->action, "audit.recover");
    assert_non_null(strstr(page->items[3]->detail, "300 bytes of an unfinished record"));
    free_page(page);
    bs_service_close(service);
}

/* Cut after so many lines; the catalogue knows better. */
static void an_end_that_was_cut_off_is_never_written_again(void **state)
{
    const test_dir *dir = *state;
    bs_service *service = open_at(dir);
    static char text[8192];
    char *second = NULL;
    uint64_t seq = 0;

    do_deed(service, "x");
    do_deed(service, "y");
    bs_service_close(service);
    text[read_file(dir, FIRST_FILE, text, sizeof(text) - 1)] = '\0';
    second = strchr(strchr(text, '\n') + 1, '\n') + 1;
    write_file(dir, FIRST_FILE, text, (size_t)(second - text));
    service = open_at(dir);
    assert_int_equal(verify(service, &seq), BS_AUDIT_CUT_OFF);
    assert_int_equal(seq, 3);
    do_deed(service, "z");
    assert_int_equal(verify(service, &seq), BS_AUDIT_REMOVED);
    assert_int_equal(seq, 3);
    bs_service_close(service);
    service = open_at(dir);
    do_deed(service, "z"); /* It goes on all the same. */
    assert_int_equal(verify(service, &seq), BS_AUDIT_REMOVED);
    assert_int_equal(seq, 3);
    bs_service_close(service);
}

static void an_altered_last_record_stays_to_be_seen(void **state)
{
    const test_dir *dir = *state;
    bs_service *service = open_at(dir);
    static char text[8192];
    size_t size = 0;
    uint64_t seq = 0;

    do_deed(service, "x");
    bs_service_close(service);
    size = read_file(dir, FIRST_FILE, text, sizeof(text));
    text[size - 300] ^= 1;
    write_file(dir, FIRST_FILE, text, size);
    service = open_at(dir);
    assert_int_equal(verify(service, &seq), BS_AUDIT_ALTERED);
    assert_int_equal(seq, 3);
    do_deed(service, "y");
    assert_int_equal(verify(service, &seq), BS_AUDIT_ALTERED);
    assert_int_equal(seq, 3);
    bs_service_close(service);
}

static void every_flipped_byte_of_the_file_is_found(void **state)
{
    const test_dir *dir = *state;
    bs_service *service = open_at(dir);
    const size_t step = getenv("BSI_TESTS_FULL") ? 1 : 13;
    static char text[8192];
    size_t size = 0;
    uint64_t seq = 0;

    do_deed(service, "x");
    size = read_file(dir, FIRST_FILE, text, sizeof(text));
    for (size_t at = 0; at < size; at += step) {
        text[at] ^= 0x10;
        write_file(dir, FIRST_FILE, text, size);
        assert_int_not_equal(verify(service, &seq), BS_AUDIT_SOUND);
        text[at] ^= 0x10;
    }
    text[size - 1] = ' '; /* The last line feed. */
    write_file(dir, FIRST_FILE, text, size);
    bs_service_close(service);
    service = open_at(dir);
    assert_int_equal(verify(service, &seq), BS_AUDIT_ALTERED);
    bs_service_close(service);
}

static void a_catalogue_that_was_lost_is_told(void **state)
{
    const test_dir *dir = *state;
    bs_service *service = open_at(dir);
    bs_audit_report *report = NULL;

    do_deed(service, "x");
    bs_service_close(service);
    assert_ok(bsi_unlink(dir->fd, "state/catalog.sqlite"));
    service = open_at(dir);
    assert_ok(bs_audit_verify(service, NULL, &report));
    assert_int_equal(report->fault, BS_AUDIT_SOUND);
    assert_false(report->end_is_known);
    bs_audit_report_free(report);
    do_deed(service, "y");
    assert_sound(service, 7); /* One of them says so. */
    bs_service_close(service);
}

static void a_head_of_somebody_else_is_found(void **state)
{
    const test_dir *dir = *state;
    bs_service *service = open_at(dir);
    char *head = NULL;
    uint64_t seq = 0;

    do_deed(service, "x");
    assert_ok(bsi_catalog_get_meta(service->catalog, "audit_head", &head));
    head[strlen(head) - 1] ^= 1;
    assert_ok(bsi_catalog_set_meta(service->catalog, "audit_head", head));
    bs_free(head);
    assert_int_equal(verify(service, &seq), BS_AUDIT_FORGED);
    bs_service_close(service);
}

static void records_of_an_earlier_key_need_that_key(void **state)
{
    const test_dir *dir = *state;
    bs_service *service = open_at(dir);
    char key[2 * BSI_SIGN_KEY_SIZE + 1];
    const char *const keys[] = {key, NULL};
    bs_audit_report *report = NULL;
    bsi_public_key public_key;
    uint64_t seq = 0;

    do_deed(service, "x");
    assert_ok(bsi_service_signing_key(service, &public_key));
    bsi_public_key_format(&public_key, key);
    bs_service_close(service);
    assert_ok(bsi_unlink(dir->fd, "state/signing.key"));
    assert_ok(bsi_unlink(dir->fd, "state/signers"));
    service = open_at(dir);
    do_deed(service, "y");
    assert_int_equal(verify(service, &seq), BS_AUDIT_FORGED);
    assert_int_equal(seq, 1);
    assert_ok(bs_audit_verify(service, keys, &report));
    assert_int_equal(report->fault, BS_AUDIT_SOUND);
    assert_int_equal(report->records, 6);
    bs_audit_report_free(report);
    bs_service_close(service);
}

static void what_is_no_log_is_not_written_over(void **state)
{
    const test_dir *dir = *state;
    bs_service *service = open_at(dir);
    const bsi_deed deed = {.action = "test.deed"};
    char *rubbish = calloc(1, BSI_AUDIT_LINE_MAX + 1);

    assert_non_null(rubbish);
    assert_ok(bsi_mkdir(dir->fd, "state/audit", 0700));
    write_file(dir, FIRST_FILE, rubbish, BSI_AUDIT_LINE_MAX + 1);
    assert_status(bsi_audit_begin(service, &deed), BS_E_CORRUPT);
    assert_non_null(strstr(bs_error_last()->message, "move it away"));
    free(rubbish);
    bs_service_close(service);
}

/* A first file that is nearly full, signed as the service does. */
static uint64_t fill_first_file(const test_dir *dir, bs_service *service)
{
    const bsi_signer *signer = NULL;
    bsi_audit_record record = {.sec = 1795412345, .action = "test.fill", .result = "done"};
    bsi_audit_head head = {0};
    bsi_buf out;

    assert_ok(bsi_service_signer(service, &signer));
    memset(record.detail, 'x', sizeof(record.detail) - 1);
    bsi_buf_init(&out, 2 * BSI_AUDIT_FILE_MAX);
    while (out.size < BSI_AUDIT_FILE_MAX) {
        assert_ok(bsi_audit_format(&record, &head, signer, &out, &head));
    }
    assert_ok(bsi_mkdir(dir->fd, "state/audit", 0700));
    write_file(dir, FIRST_FILE, (const char *)out.data, out.size);
    bsi_buf_dispose(&out);
    return head.seq;
}

static void the_chain_goes_on_in_a_new_file(void **state)
{
    const test_dir *dir = *state;
    bs_service *service = open_at(dir);
    bs_audit_filter filter = BS_AUDIT_FILTER_INIT;
    const bs_audit_page *page = NULL;
    char name[BSI_AUDIT_NAME_SIZE];
    char path[PATH_SIZE];
    bsi_stat stat;
    const uint64_t filled = fill_first_file(dir, service);
    uint64_t seq = 0;

    do_deed(service, "x"); /* With what was recovered and opened: four records. */
    bsi_audit_file_name(filled + 1, name);
    (void)snprintf(path, sizeof(path), "state/audit/%s", name);
    assert_ok(bsi_stat_at(dir->fd, path, &stat));
    assert_int_equal(stat.mode, 0600);
    assert_sound(service, filled + 4);
    bs_service_close(service);
    service = open_at(dir);
    do_deed(service, "y");
    assert_sound(service, filled + 7);
    filter.limit = 10; /* From both files. */
    page = list(service, &filter);
    assert_int_equal(page->items[9]->seq, filled - 2);
    free_page(page);
    assert_ok(bsi_unlink(dir->fd, FIRST_FILE));
    assert_int_equal(verify(service, &seq), BS_AUDIT_REMOVED);
    assert_int_equal(seq, 1);
    bs_service_close(service);
}

static void append_some(void *user)
{
    bs_service *service = user;

    for (int i = 0; i < EACH; i++) {
        const bsi_deed deed = {.action = "test.deed"};
        (void)bsi_audit_end(service, &deed, BS_OK);
    }
}

static void threads_append_one_after_the_other(void **state)
{
    const test_dir *dir = *state;
    bs_service *service = open_at(dir);
    bsi_thread threads[THREADS];
    uint64_t seq = 0;

    for (int i = 0; i < THREADS; i++) {
        assert_ok(bsi_thread_start(&threads[i], "test", append_some, service));
    }
    for (int i = 0; i < 5; i++) {
        free_page(list(service, NULL));
        assert_int_equal(verify(service, &seq), BS_AUDIT_SOUND);
    }
    for (int i = 0; i < THREADS; i++) {
        bsi_thread_join(threads[i]);
    }
    assert_sound(service, THREADS * EACH + 1);
    bs_service_close(service);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, test_dir_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_record_tells_who_did_what_and_what_came_of_it),
        TEST(settings_that_are_secret_are_not_told),
        TEST(nothing_is_written_when_it_is_switched_off),
        TEST(who_only_looks_leaves_no_record),
        TEST(actors_are_one_line_of_text),
        TEST(pages_and_filters_choose_records),
        TEST(wrong_filters_are_refused),
        TEST(a_record_that_a_crash_cut_is_written_over_and_told),
        TEST(an_end_that_was_cut_off_is_never_written_again),
        TEST(an_altered_last_record_stays_to_be_seen),
        TEST(every_flipped_byte_of_the_file_is_found),
        TEST(a_catalogue_that_was_lost_is_told),
        TEST(a_head_of_somebody_else_is_found),
        TEST(records_of_an_earlier_key_need_that_key),
        TEST(what_is_no_log_is_not_written_over),
        TEST(the_chain_goes_on_in_a_new_file),
        TEST(threads_append_one_after_the_other),
    };

    return cmocka_run_group_tests_name("engine/audit", tests, NULL, NULL);
}
