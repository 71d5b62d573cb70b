/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/alloc.h"
#include "source/file.h"
#include "support/tempdir.h"
#include "support/tree.h"

typedef struct fixture {
    void *dir;
    char root[300];
    const char *roots[1];
    unsigned warnings;
    bsi_warn warn;
    bsi_source_tree *tree;
} fixture;

static void count_warning(void *user, bsi_slice path, const bs_error *error)
{
    (void)path;
    (void)error;
    ((fixture *)user)->warnings++;
}

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    assert_int_equal(test_dir_setup(&f->dir), 0);
    (void)snprintf(f->root, sizeof(f->root), "%s/t", ((test_dir *)f->dir)->path);
    f->roots[0] = f->root;
    f->warn = (bsi_warn){count_warning, f};
    assert_int_equal(mkdir(f->root, 0755), 0);
    assert_ok(bsi_source_tree_new(f->roots, 1, &f->warn, &f->tree));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    int result = 0;

    bsi_alloc_fail_after(-1);
    bsi_source_tree_free(f->tree);
    tree_remove(f->root);
    result = test_dir_teardown(&f->dir);
    free(f);
    return result;
}

static const char *at(const fixture *f, const char *name)
{
    static char path[600];

    (void)snprintf(path, sizeof(path), "%s/%s", f->root, name);
    return path;
}

static bs_status open_file(fixture *f, const char *name, bsi_source_file **out)
{
    return bsi_source_open(f->tree, bsi_slice_of(at(f, name) + 1), out);
}

static void a_file_is_read_twice_alike(void **state)
{
    static char first[200001];
    static char second[200001];
    fixture *f = *state;
    bsi_source_file *file = NULL;
    size_t got = 0;

    tree_write(at(f, "x"), 200000, 5);
    assert_ok(open_file(f, "x", &file));
    assert_int_equal(bsi_source_entry(file)->stat.size, 200000);
    assert_ok(bsi_source_read(file, NULL, first, sizeof(first), &got));
    assert_int_equal(got, 200000);
    assert_ok(bsi_source_read(file, NULL, second, sizeof(second), &got));
    assert_int_equal(got, 0);
    bsi_source_rewind(file);
    assert_ok(bsi_source_read(file, NULL, second, sizeof(second), &got));
    assert_int_equal(got, 200000);
    assert_memory_equal(first, second, 200000);
    assert_ok(bsi_source_check(file));
    bsi_source_close(file);
}

static void everything_of_a_built_tree_opens(void **state)
{
    static const char *const names[] = {
        "links/odd bytes", "special/fifo", "empty directory", "sizes/0 bytes", "sparse/large",
        "attributes/user", "modes/4755",   "times/1970",      "socket",        "links/long",
    };
    fixture *f = *state;

    tree_build(f->root, TREE_EVERYTHING & ~(unsigned)TREE_DEEP);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        bsi_source_file *file = NULL;
        assert_ok(open_file(f, names[i], &file));
        bsi_source_close(file);
    }
    assert_int_equal(f->warnings, 0);
}

/* The names come as the system lists them. */
static void assert_same_names(const bsi_source_file *file, const char *path)
{
    const bsi_slice names = bsi_source_attribute_names(file);
    char expected[1024];
    const ssize_t size = listxattr(path, expected, sizeof(expected));

    assert_true(size > 0);
    assert_int_equal(names.size, size);
    assert_memory_equal(names.data, expected, names.size);
}

static void links_attributes_and_owners_are_told(void **state)
{
    fixture *f = *state;
    bsi_source_file *file = NULL;
    const bsi_entry *entry = NULL;

    assert_int_equal(symlink("\xff\n", at(f, "link")), 0);
    tree_write(at(f, "x"), 1, 5);
    assert_ok(open_file(f, "link", &file));
    assert_true(bsi_slice_is(bsi_source_entry(file)->link, "\xff\n"));
    bsi_source_close(file);
    if (setxattr(at(f, "x"), "user.b", "2", 1, 0) != 0) {
        skip();
    }
    assert_int_equal(setxattr(at(f, "x"), "user.a", "a\0b", 3, 0), 0);
    assert_ok(open_file(f, "x", &file));
    entry = bsi_source_entry(file);
    assert_int_equal(entry->xattr_count, 2);
    assert_true(bsi_slice_is(entry->xattrs[0].name, "user.a"));
    assert_true(bsi_slice_equal(entry->xattrs[0].value, (bsi_slice){"a\0b", 3}));
    assert_same_names(file, at(f, "x"));
    assert_true(geteuid() != 0 || bsi_slice_is(entry->user, "root"));
    bsi_source_close(file);
}

static void holes_are_not_read(void **state)
{
    static char buf[300000];
    fixture *f = *state;
    bsi_source_file *file = NULL;
    const bsi_entry *entry = NULL;
    size_t got = 0;

    tree_build(f->root, TREE_SPARSE);
    assert_ok(open_file(f, "sparse/large", &file));
    entry = bsi_source_entry(file);
    assert_true(entry->sparse);
    assert_int_equal(entry->extent_count, 3);
    assert_int_equal(entry->extents[1].offset, 1 << 20);
    assert_ok(bsi_source_read(file, NULL, buf, sizeof(buf), &got));
    assert_int_equal(got, bsi_entry_data_size(entry));
    assert_int_equal(got, 3 * 65536);
    bsi_source_close(file);
    assert_ok(open_file(f, "sparse/no data", &file));
    assert_true(bsi_source_entry(file)->sparse);
    assert_int_equal(bsi_source_entry(file)->extent_count, 0);
    assert_ok(bsi_source_read(file, NULL, buf, sizeof(buf), &got));
    assert_int_equal(got, 0);
    bsi_source_close(file);
}

static void a_file_that_shrinks_or_grows_is_told(void **state)
{
    char buf[100];
    fixture *f = *state;
    bsi_source_file *file = NULL;
    size_t got = 0;

    tree_write(at(f, "x"), 100, 5);
    assert_ok(open_file(f, "x", &file));
    assert_int_equal(truncate(at(f, "x"), 50), 0);
    assert_status(bsi_source_read(file, NULL, buf, sizeof(buf), &got), BS_E_CHANGED);
    assert_int_equal(bs_error_last()->layer, BS_LAYER_SOURCE);
    assert_status(bsi_source_check(file), BS_E_CHANGED);
    bsi_source_close(file);
    assert_ok(open_file(f, "x", &file));
    assert_int_equal(truncate(at(f, "x"), 90), 0);
    assert_ok(bsi_source_read(file, NULL, buf, sizeof(buf), &got));
    assert_int_equal(got, 50);
    assert_status(bsi_source_check(file), BS_E_CHANGED);
    bsi_source_close(file);
}

static void what_is_gone_or_outside_is_not_found(void **state)
{
    fixture *f = *state;
    bsi_source_file *file = NULL;

    assert_status(open_file(f, "gone", &file), BS_E_NOT_FOUND);
    assert_int_equal(bs_error_last()->layer, BS_LAYER_SOURCE);
    assert_non_null(strstr(bs_error_last()->message, "/t/gone'"));
    assert_status(bsi_source_open(f->tree, bsi_slice_of("etc/passwd"), &file), BS_E_NOT_FOUND);
    assert_status(open_file(f, "../t/x", &file), BS_E_INVALID);
    assert_int_equal(mkdir(at(f, "d"), 0755), 0);
    tree_write(at(f, "d/x"), 1, 1);
    assert_int_equal(symlink("d", at(f, "link")), 0);
    assert_true(open_file(f, "link/x", &file) < 0);
    assert_null(file);
}

static void directories_above_a_root_are_opened_through_links(void **state)
{
    fixture *f = *state;
    bsi_source_file *file = NULL;
    struct stat expected;
    char above[300];

    (void)snprintf(above, sizeof(above), "%s", ((test_dir *)f->dir)->path);
    assert_ok(bsi_source_open_above(f->tree, bsi_slice_of(above + 1), &file));
    assert_int_equal(stat(above, &expected), 0);
    assert_int_equal(bsi_source_entry(file)->stat.type, BSI_TYPE_DIR);
    assert_int_equal(bsi_source_entry(file)->stat.ino, expected.st_ino);
    assert_true(bsi_slice_is(bsi_source_entry(file)->path, above + 1));
    bsi_source_close(file);
    assert_int_equal(symlink(".", at(f, "link")), 0);
    assert_ok(bsi_source_open_above(f->tree, bsi_slice_of(at(f, "link") + 1), &file));
    assert_int_equal(stat(f->root, &expected), 0);
    assert_int_equal(bsi_source_entry(file)->stat.ino, expected.st_ino);
    bsi_source_close(file);
    assert_status(bsi_source_open_above(f->tree, bsi_slice_of(at(f, "none") + 1), &file),
                  BS_E_NOT_FOUND);
    assert_int_equal(bs_error_last()->layer, BS_LAYER_SOURCE);
}

static void several_files_are_open_at_once_and_the_root_itself(void **state)
{
    fixture *f = *state;
    bsi_source_file *file[3] = {0};

    tree_write(at(f, "x"), 10, 1);
    tree_write(at(f, "y"), 20, 1);
    assert_ok(open_file(f, "x", &file[0]));
    assert_ok(open_file(f, "y", &file[1]));
    assert_ok(bsi_source_open(f->tree, bsi_slice_of(f->root + 1), &file[2]));
    assert_int_equal(bsi_source_entry(file[0])->stat.size, 10);
    assert_int_equal(bsi_source_entry(file[1])->stat.size, 20);
    assert_int_equal(bsi_source_entry(file[2])->stat.type, BSI_TYPE_DIR);
    for (size_t i = 0; i < 3; i++) {
        bsi_source_close(file[i]);
    }
}

static void pseudo_files_come_out_as_long_as_they_claim(void **state)
{
    static const char *const roots[] = {"/proc/self"};
    bsi_source_tree *tree = NULL;
    bsi_source_file *file = NULL;
    char buf[100];
    size_t got = 99;

    (void)state;
    assert_ok(bsi_source_tree_new(roots, 1, NULL, &tree));
    assert_ok(bsi_source_open(tree, bsi_slice_of("proc/self"), &file));
    assert_int_equal(bsi_source_entry(file)->stat.type, BSI_TYPE_SYMLINK);
    bsi_source_close(file);
    bsi_source_tree_free(tree);
    static const char *const whole[] = {"/proc"};
    assert_ok(bsi_source_tree_new(whole, 1, NULL, &tree));
    assert_ok(bsi_source_open(tree, bsi_slice_of("proc/version"), &file));
    assert_ok(bsi_source_read(file, NULL, buf, sizeof(buf), &got));
    assert_int_equal(got, 0);
    bsi_source_close(file);
    bsi_source_tree_free(tree);
}

static void survives_running_out_of_memory(void **state)
{
    fixture *f = *state;
    bs_status status = BS_E_NOMEM;

    tree_build(f->root, TREE_SPARSE | TREE_XATTRS);
    for (long n = 0; status != BS_OK; n++) {
        bsi_source_tree *tree = NULL;
        bsi_source_file *file = NULL;

        bsi_alloc_fail_after(n);
        status = bsi_source_tree_new(f->roots, 1, &f->warn, &tree);
        if (status == BS_OK) {
            status = bsi_source_open(tree, bsi_slice_of(at(f, "attributes/user") + 1), &file);
            bsi_source_close(file);
        }
        if (status == BS_OK) {
            file = NULL;
            status = bsi_source_open(tree, bsi_slice_of(at(f, "sparse/some data") + 1), &file);
            bsi_source_close(file);
        }
        bsi_alloc_fail_after(-1);
        assert_true(status == BS_OK || status == BS_E_NOMEM);
        bsi_source_tree_free(tree);
    }
}

#define file_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        file_test(a_file_is_read_twice_alike),
        file_test(everything_of_a_built_tree_opens),
        file_test(links_attributes_and_owners_are_told),
        file_test(holes_are_not_read),
        file_test(a_file_that_shrinks_or_grows_is_told),
        file_test(what_is_gone_or_outside_is_not_found),
        file_test(directories_above_a_root_are_opened_through_links),
        file_test(several_files_are_open_at_once_and_the_root_itself),
        file_test(pseudo_files_come_out_as_long_as_they_claim),
        file_test(survives_running_out_of_memory),
    };

    return cmocka_run_group_tests_name("source/file", tests, NULL, NULL);
}
