/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "storage/decorators/retry.h"

static int wrap(void)
{
    static const bsi_backoff_policy quick = {.base_ms = 1, .cap_ms = 1, .total_ms = 60000};

    return bsi_storage_faulty_new(fix.mem, &fix.faulty) == BS_OK &&
                   bsi_storage_retry_new(fix.faulty, &quick, &fix.storage) == BS_OK
               ? 0
               : -1;
}

static int setup(void **state)
{
    (void)state;
    return bsi_storage_open("mem", NULL, 0, NULL, &fix.mem) == BS_OK &&
                   bsi_storage_put(fix.mem, NULL, "a/b", "bytes", 5) == BS_OK &&
                   bsi_storage_put(fix.mem, NULL, "a/c", "more", 4) == BS_OK && wrap() == 0
               ? 0
               : -1;
}

enum { PAGES = 4 };

/* Tells of one object a page. */
static bs_status list_one(void *self, const bs_call *call, const char *prefix,
                          bs_storage_cursor *cursor, bs_storage_list_cb callback, void *user)
{
    const bs_storage_object object = {.size = 1};
    const int number = cursor->token[0] ? cursor->token[0] - '0' : 0;
    char key[8];

    (void)self;
    (void)call;
    (void)snprintf(key, sizeof(key), "%s/%d", prefix, number % 10);
    cursor->token[0] = number + 1 < PAGES ? (char)('0' + number + 1) : '\0';
    return callback(user, key, &object);
}

static int setup_pages(void **state)
{
    if (bsi_storage_open("mem", NULL, 0, NULL, &fix.mem) < 0) {
        return -1;
    }
    (void)state;
    fix.mem->ops.list_page = list_one;
    return wrap();
}

static void fail_at(uint32_t op, uint64_t at, bs_retry retry)
{
    const bsi_faulty_plan plan = {.op_mask = op, .at = at, .code = BS_E_IO, .retry = retry};

    bsi_storage_faulty_set(fix.faulty, &plan);
}

static bs_status count(void *user, const char *key, const bs_storage_object *object)
{
    int *objects = user;

    (void)key;
    (void)object;
    *objects += 1;
    return BS_OK;
}

static bs_status stat_it(void)
{
    bs_storage_object object;

    return bsi_storage_stat(fix.storage, NULL, "a/b", &object);
}

static bs_status read_it(void)
{
    char bytes[5];

    BSI_TRY(bsi_storage_read(fix.storage, NULL, "a/b", 0, bytes, sizeof(bytes)));
    assert_memory_equal(bytes, "bytes", sizeof(bytes));
    return BS_OK;
}

static bs_status list_it(void)
{
    int objects = 0;

    BSI_TRY(bsi_storage_list(fix.storage, NULL, "a", count, &objects));
    assert_int_equal(objects, 2);
    return BS_OK;
}

static bs_status remove_it(void)
{
    return bsi_storage_remove(fix.storage, NULL, "a/none");
}

static bs_status put_it(void)
{
    return bsi_storage_put(fix.storage, NULL, "a/new", "new", 3);
}

static bs_status set_its_time(void)
{
    return bsi_storage_set_mtime(fix.storage, NULL, "a/b", 0);
}

static const struct {
    const char *name;
    uint32_t op;
    bs_status (*run)(void);
} repeated[] = {
    {"stat", BSI_FAULTY_STAT, stat_it},  {"read", BSI_FAULTY_READ, read_it},
    {"list", BSI_FAULTY_LIST, list_it},  {"remove", BSI_FAULTY_REMOVE, remove_it},
    {"begin", BSI_FAULTY_BEGIN, put_it}, {"set_mtime", BSI_FAULTY_OTHER, set_its_time},
    {"write", BSI_FAULTY_WRITE, put_it}, {"commit", BSI_FAULTY_COMMIT, put_it},
};

static void assert_content(const char *key, const char *text)
{
    bsi_buf content;

    bsi_buf_init(&content, 1000);
    assert_ok(bsi_storage_load(fix.mem, NULL, key, 1000, &content));
    assert_int_equal(content.size, strlen(text));
    assert_memory_equal(content.data, text, content.size);
    bsi_buf_dispose(&content);
}

static void what_may_pass_is_tried_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(repeated); i++) {
        print_message("# %s\n", repeated[i].name);
        fail_at(repeated[i].op, 1, BS_RETRY_SAFE);
        assert_ok(repeated[i].run());
        assert_int_equal(bsi_storage_faulty_count(fix.faulty), 2);
    }
}

static void what_does_not_pass_is_not_tried_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(repeated); i++) {
        print_message("# %s\n", repeated[i].name);
        fail_at(repeated[i].op, 1, BS_RETRY_NEVER);
        assert_status(repeated[i].run(), BS_E_IO);
        assert_int_equal(bsi_storage_faulty_count(fix.faulty), 1);
    }
}

static void an_upload_goes_on_where_it_failed(void **state)
{
    bsi_upload *upload = NULL;

    (void)state;
    assert_ok(bsi_upload_begin(fix.storage, NULL, "a/new", NULL, &upload));
    for (uint64_t at = 1; at <= 3; at++) {
        fail_at(BSI_FAULTY_WRITE, at, BS_RETRY_SAFE);
        assert_ok(bsi_upload_write(upload, NULL, "one ", 4));
        assert_ok(bsi_upload_write(upload, NULL, "two ", 4));
    }
    fail_at(BSI_FAULTY_COMMIT, 1, BS_RETRY_SAFE);
    assert_ok(bsi_upload_commit(upload, NULL));
    assert_content("a/new", "one two one two one two ");
}

static void a_commit_whose_answer_got_lost_is_asked_for_again(void **state)
{
    const bsi_faulty_plan lost = {.op_mask = BSI_FAULTY_COMMIT,
                                  .at = 1,
                                  .code = BS_E_IO,
                                  .retry = BS_RETRY_SAFE,
                                  .after = true};

    (void)state;
    bsi_storage_faulty_set(fix.faulty, &lost);
    assert_ok(put_it());
    assert_int_equal(bsi_storage_faulty_count(fix.faulty), 2);
    assert_content("a/new", "new");
}

static void a_commit_that_fails_for_good_leaves_nothing(void **state)
{
    bs_storage_object object;

    (void)state;
    fail_at(BSI_FAULTY_COMMIT, 1, BS_RETRY_NEVER);
    assert_status(put_it(), BS_E_IO);
    assert_status(bsi_storage_stat(fix.mem, NULL, "a/new", &object), BS_E_NOT_FOUND);
}

static void what_cannot_be_repeated_goes_through(void **state)
{
    (void)state;
    fix.mem->caps &= ~(uint32_t)BS_STORAGE_CAP_RESUME;
    fix.faulty->caps &= ~(uint32_t)BS_STORAGE_CAP_RESUME;
    fail_at(BSI_FAULTY_WRITE, 1, BS_RETRY_SAFE);
    assert_status(put_it(), BS_E_IO);
    assert_int_equal(bsi_storage_faulty_count(fix.faulty), 1);
    fail_at(BSI_FAULTY_COMMIT, 1, BS_RETRY_SAFE);
    assert_status(put_it(), BS_E_IO);
    assert_int_equal(bsi_storage_faulty_count(fix.faulty), 1);
    fail_at(BSI_FAULTY_RENAME, 1, BS_RETRY_SAFE);
    assert_status(bsi_storage_rename(fix.storage, NULL, "a/b", "a/d"), BS_E_IO);
    assert_int_equal(bsi_storage_faulty_count(fix.faulty), 1);
}

static void a_listing_goes_on_with_the_page_that_failed(void **state)
{
    (void)state;
    for (uint64_t at = 1; at <= PAGES; at++) {
        int objects = 0;

        fail_at(BSI_FAULTY_LIST, at, BS_RETRY_SAFE);
        assert_ok(bsi_storage_list(fix.storage, NULL, "a", count, &objects));
        assert_int_equal(objects, PAGES);
        assert_int_equal(bsi_storage_faulty_count(fix.faulty), PAGES + 1);
    }
}

/* Told one object, then fails. */
static bs_status tell_and_fail(void *user, const char *key, const bs_storage_object *object)
{
    (void)count(user, key, object);
    return bsi_fail(BS_LAYER_STORAGE, BS_E_IO, "stopped"); /* Of a class that may pass. */
}

static void a_listing_that_has_told_something_is_not_begun_anew(void **state)
{
    int objects = 0;

    (void)state;
    assert_status(bsi_storage_list(fix.storage, NULL, "a", tell_and_fail, &objects), BS_E_IO);
    assert_int_equal(objects, 1);
}

static bs_status end_it(void *user, const char *key, const bs_storage_object *object)
{
    (void)count(user, key, object);
    return BS_END;
}

static void who_is_told_ends_a_listing_in_pages(void **state)
{
    int objects = 0;

    (void)state;
    assert_status(bsi_storage_list(fix.storage, NULL, "a", tell_and_fail, &objects), BS_E_IO);
    assert_status(bsi_storage_list(fix.storage, NULL, "a", end_it, &objects), BS_END);
    assert_int_equal(objects, 2);
}

static void a_cancelled_call_is_not_repeated(void **state)
{
    bsi_cancel cancel = {0};
    const bs_call call = {.cancel = &cancel};
    bs_storage_object object;

    (void)state;
    bsi_cancel_request(&cancel);
    fail_at(BSI_FAULTY_STAT, 1, BS_RETRY_SAFE);
    assert_status(bsi_storage_stat(fix.storage, &call, "a/b", &object), BS_E_CANCELLED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_may_pass_is_tried_again),
        TEST(what_does_not_pass_is_not_tried_again),
        TEST(an_upload_goes_on_where_it_failed),
        TEST(a_commit_whose_answer_got_lost_is_asked_for_again),
        TEST(a_commit_that_fails_for_good_leaves_nothing),
        TEST(what_cannot_be_repeated_goes_through),
        TEST(a_listing_that_has_told_something_is_not_begun_anew),
        cmocka_unit_test_setup_teardown(a_listing_goes_on_with_the_page_that_failed, setup_pages,
                                        teardown),
        cmocka_unit_test_setup_teardown(who_is_told_ends_a_listing_in_pages, setup_pages, teardown),
        TEST(a_cancelled_call_is_not_repeated),
    };

    return cmocka_run_group_tests_name("storage/retry", tests, NULL, NULL);
}
