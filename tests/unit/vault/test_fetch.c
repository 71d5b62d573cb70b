/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "support/tempdir.h"
#include "support/tree.h"
#include "vault/archive/fetch.h"

/* More than are read ahead at a time; among them a large one, one that is not there, a kept line.
 */
enum { FILES = 300, LARGE_AT = 100, MISSING_AT = 150, KEPT_AT = 200, LARGE = BSI_FETCH_SMALL };

typedef struct fixture {
    void *dir;
    char root[300];
    const char *roots[1];
    bsi_pool *pool;
    bsi_vault_env env;
    bsi_backup_plan plan;
    bsi_draft *draft;
    bsi_fetch *fetch;
} fixture;

static const char *path_of(const fixture *f, int number)
{
    static char path[600];

    (void)snprintf(path, sizeof(path), "%s/%03d", f->root, number);
    return path;
}

static size_t size_of(int number)
{
    return number == LARGE_AT ? LARGE : (size_t)number * 100;
}

static void add_record(fixture *f, uint32_t kind, const char *bytes)
{
    const bsi_record record = {.kind = kind, .bytes = bsi_slice_of(bytes)};

    assert_ok(bsi_draft_put(f->draft, &record));
}

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    assert_int_equal(test_dir_setup(&f->dir), 0);
    (void)snprintf(f->root, sizeof(f->root), "%s/t", ((test_dir *)f->dir)->path);
    f->roots[0] = f->root;
    f->plan.walk.roots = f->roots;
    f->plan.walk.root_count = 1;
    assert_int_equal(mkdir(f->root, 0755), 0);
    assert_ok(bsi_draft_new(((test_dir *)f->dir)->fd, &f->draft));
    for (int i = 0; i < FILES; i++) {
        if (i != MISSING_AT && i != KEPT_AT) {
            tree_write(path_of(f, i), size_of(i), (uint64_t)i);
        }
        add_record(f, i == KEPT_AT ? BSI_SCAN_KEEP : BSI_SCAN_STORE, path_of(f, i) + 1);
    }
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    int result = 0;

    bsi_alloc_fail_after(-1);
    bsi_fetch_free(f->fetch);
    bsi_pool_free(f->pool);
    bsi_draft_free(f->draft);
    tree_remove(f->root);
    result = test_dir_teardown(&f->dir);
    free(f);
    return result;
}

static bs_status begin(fixture *f, unsigned threads)
{
    if (!f->pool) {
        assert_ok(bsi_pool_new(threads, &f->pool));
    }
    f->env.pool = f->pool;
    bsi_draft_rewind(f->draft);
    return bsi_fetch_new(&f->env, &f->plan, f->draft, &f->fetch);
}

static void end(fixture *f)
{
    bsi_fetch_free(f->fetch);
    f->fetch = NULL;
}

static void check_content(const fixture *f, const bsi_fetched *next, int number)
{
    static uint8_t wanted[LARGE];
    FILE *file = fopen(path_of(f, number), "rb");
    bsi_digest sha256;

    assert_non_null(file);
    assert_int_equal(next->size, size_of(number));
    assert_int_equal(fread(wanted, 1, sizeof(wanted), file), next->size);
    assert_int_equal(fclose(file), 0);
    assert_memory_equal(next->content, wanted, next->size);
    bsi_sha256_of(wanted, next->size, &sha256);
    assert_true(bsi_digest_equal(&next->sha256, &sha256));
}

static void check_item(const fixture *f, const bsi_fetched *next, int number)
{
    assert_true(bsi_slice_equal(next->found.bytes, bsi_slice_of(path_of(f, number) + 1)));
    assert_int_equal(next->tried, number != KEPT_AT);
    assert_status(next->status, number == MISSING_AT ? BS_E_NOT_FOUND : BS_OK);
    if (number == MISSING_AT || number == KEPT_AT) {
        assert_null(next->file);
        return;
    }
    assert_int_equal(bsi_source_entry(next->file)->stat.size, size_of(number));
    if (number == LARGE_AT) {
        assert_null(next->content);
    } else {
        check_content(f, next, number);
    }
}

static void everything_found_with(fixture *f, unsigned threads)
{
    const bsi_fetched *next = NULL;

    assert_ok(begin(f, threads));
    for (int i = 0; i < FILES; i++) {
        assert_ok(bsi_fetch_next(f->fetch, &next));
        check_item(f, next, i);
    }
    assert_status(bsi_fetch_next(f->fetch, &next), BS_END);
    assert_status(bsi_fetch_next(f->fetch, &next), BS_END);
}

static void everything_found_comes_in_its_order_and_read(void **state)
{
    everything_found_with(*state, 1);
}

static void without_a_thread_it_is_the_same(void **state)
{
    everything_found_with(*state, 0);
}

static void what_is_not_there_keeps_its_error(void **state)
{
    fixture *f = *state;
    const bsi_fetched *next = NULL;

    assert_ok(begin(f, 1));
    for (int i = 0; i <= MISSING_AT; i++) {
        assert_ok(bsi_fetch_next(f->fetch, &next));
    }
    assert_int_equal(next->error.layer, BS_LAYER_SOURCE);
    assert_non_null(strstr(next->error.message, "/150'"));
}

/* A large file is read by whoever stores it. */
static void a_large_file_is_open(void **state)
{
    static uint8_t buffer[LARGE + 1];
    fixture *f = *state;
    const bsi_fetched *next = NULL;
    size_t got = 0;

    assert_ok(begin(f, 1));
    for (int i = 0; i <= LARGE_AT; i++) {
        assert_ok(bsi_fetch_next(f->fetch, &next));
    }
    assert_ok(bsi_source_read(next->file, NULL, buffer, sizeof(buffer), &got));
    assert_int_equal(got, LARGE);
}

static void it_may_be_freed_at_any_time(void **state)
{
    fixture *f = *state;
    const bsi_fetched *next = NULL;

    for (int count = 0; count < FILES; count += 37) {
        assert_ok(begin(f, 1));
        for (int i = 0; i < count; i++) {
            assert_ok(bsi_fetch_next(f->fetch, &next));
        }
        end(f);
    }
    bsi_fetch_free(NULL);
}

static void a_cancelled_call_ends_it(void **state)
{
    fixture *f = *state;
    const bsi_fetched *next = NULL;
    bsi_cancel cancel = {0};
    const bs_call call = {.cancel = &cancel};
    bs_status status = BS_OK;

    f->env.call = &call;
    assert_ok(begin(f, 1));
    bsi_cancel_request(&cancel);
    for (int i = 0; i < FILES && status == BS_OK; i++) {
        status = bsi_fetch_next(f->fetch, &next);
    }
    assert_status(status, BS_E_CANCELLED);
}

static void without_memory_there_is_none(void **state)
{
    fixture *f = *state;
    bool failed = true;

    assert_ok(bsi_pool_new(0, &f->pool));
    for (long n = 0; failed; n++) {
        bsi_alloc_fail_after(n);
        const bs_status status = begin(f, 0);
        failed = bsi_alloc_has_failed();
        bsi_alloc_fail_after(-1);
        assert_status(status, failed ? BS_E_NOMEM : BS_OK);
        end(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(everything_found_comes_in_its_order_and_read, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(without_a_thread_it_is_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_there_keeps_its_error, setup, teardown),
        cmocka_unit_test_setup_teardown(a_large_file_is_open, setup, teardown),
        cmocka_unit_test_setup_teardown(it_may_be_freed_at_any_time, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cancelled_call_ends_it, setup, teardown),
        cmocka_unit_test_setup_teardown(without_memory_there_is_none, setup, teardown),
    };

    return cmocka_run_group_tests_name("vault/fetch", tests, NULL, NULL);
}
