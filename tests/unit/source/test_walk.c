/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "os/fault.h"
#include "source/walk.h"
#include "support/tempdir.h"
#include "support/tree.h"

typedef struct hearing {
    bs_status code;
    unsigned count;
    char path[512];
} hearing;

static void hear(void *user, bsi_slice path, const bs_error *error)
{
    hearing *heard = user;

    heard->code = error->code;
    heard->count++;
    (void)snprintf(heard->path, sizeof(heard->path), "%.*s", (int)path.size, path.data);
    assert_int_equal(error->layer, BS_LAYER_SOURCE);
}

/* All that a walk gives: its paths below `top`, each with a line break behind it. */
typedef struct walked {
    char *text;
    size_t size;
    size_t count;
    hearing heard;
} walked;

static void append(walked *result, bsi_slice path)
{
    result->text = realloc(result->text, result->size + path.size + 2);
    assert_non_null(result->text);
    memcpy(result->text + result->size, path.data, path.size);
    result->size += path.size;
    result->text[result->size++] = '\n';
    result->text[result->size] = '\0';
    result->count++;
}

static bs_status walk_all(const bsi_walk_options *options, const char *top, walked *out)
{
    bsi_walk_options own = *options;
    const bsi_warn warn = {hear, &out->heard};
    const size_t skip = strlen(top) - 1; /* Items have no slash in front. */
    bsi_slice last = {0};
    bsi_walk *walk = NULL;
    bsi_walk_item item;
    bs_status status = BS_OK;

    *out = (walked){0};
    own.warn = &warn;
    status = bsi_walk_new(&own, &walk);
    while (status == BS_OK) {
        status = bsi_walk_next(walk, NULL, &item);
        if (status == BS_OK) {
            assert_true(last.data == NULL || bsi_path_compare(last, item.path) < 0);
            free((void *)(uintptr_t)last.data);
            last = (bsi_slice){malloc(item.path.size + 1), item.path.size};
            assert_non_null(last.data);
            memcpy((void *)(uintptr_t)last.data, item.path.data, item.path.size);
            append(out, item.path.size > skip
                            ? (bsi_slice){item.path.data + skip, item.path.size - skip}
                            : (bsi_slice){".", 1});
        }
    }
    free((void *)(uintptr_t)last.data);
    bsi_walk_free(walk);
    return status;
}

static bs_status walk_one(const char *root, bsi_walk_options options, walked *out)
{
    const char *const roots[] = {root};

    options.roots = roots;
    options.root_count = 1;
    return walk_all(&options, root, out);
}

static void expect(const char *root, bsi_walk_options options, const char *paths)
{
    walked result;

    assert_status(walk_one(root, options, &result), BS_END);
    assert_string_equal(result.text ? result.text : "", paths);
    free(result.text);
}

static size_t count_by_find(const char *path)
{
    char command[700];
    char line[64] = {0};
    FILE *pipe = NULL;

    (void)snprintf(command, sizeof(command), "find '%s' -printf x | wc -c", path);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_non_null(fgets(line, sizeof(line), pipe));
    (void)pclose(pipe);
    return strtoul(line, NULL, 10);
}

static const char *below(void **state, const char *name)
{
    static char path[512];
    const test_dir *dir = *state;

    (void)snprintf(path, sizeof(path), "%s/%s", dir->path, name);
    return path;
}

static void build_small(void **state)
{
    assert_int_equal(mkdir(below(state, "t"), 0755), 0);
    assert_int_equal(mkdir(below(state, "t/a"), 0755), 0);
    assert_int_equal(mkdir(below(state, "t/a/empty"), 0755), 0);
    tree_write(below(state, "t/a/x.c"), 1, 1);
    tree_write(below(state, "t/a/x.o"), 1, 1);
    tree_write(below(state, "t/a b"), 1, 1);
    tree_write(below(state, "t/a.c"), 1, 1);
    assert_int_equal(mkdir(below(state, "t/z"), 0755), 0);
    tree_write(below(state, "t/z/y.o"), 1, 1);
    assert_int_equal(symlink("a", below(state, "t/link")), 0);
}

static void everything_comes_in_order(void **state)
{
    build_small(state);
    expect(below(state, "t"), (bsi_walk_options){0},
           ".\n/a\n/a/empty\n/a/x.c\n/a/x.o\n/a b\n/a.c\n/link\n/z\n/z/y.o\n");
}

static void every_odd_tree_is_seen_whole_with_and_without_threads(void **state)
{
    static const unsigned threads[] = {0, 1, 3};
    walked first = {0};
    const char *top = below(state, "t");

    tree_build(top, TREE_EVERYTHING);
    for (size_t i = 0; i < sizeof(threads) / sizeof(threads[0]); i++) {
        bsi_pool *pool = NULL;
        walked result;

        assert_ok(bsi_pool_new(threads[i], &pool));
        assert_status(walk_one(top, (bsi_walk_options){.pool = pool}, &result), BS_END);
        bsi_pool_free(pool);
        assert_int_equal(result.heard.count, 0);
        assert_int_equal(result.count, count_by_find(top));
        if (first.text) {
            assert_string_equal(result.text, first.text);
            free(result.text);
        } else {
            first = result;
        }
    }
    free(first.text);
    tree_remove(top);
}

static void excluded_directories_are_not_entered(void **state)
{
    static const char *const patterns[] = {"*.o", "/a/", "!x.c"};
    bsi_pattern_list *list = NULL;

    build_small(state);
    assert_ok(bsi_pattern_list_new(patterns, 3, &list, NULL));
    expect(below(state, "t"), (bsi_walk_options){.exclude = list}, ".\n/a b\n/a.c\n/link\n/z\n");
    bsi_pattern_list_free(list);
}

static void an_include_list_keeps_what_matches_and_the_way_there(void **state)
{
    static const char *const by_name[] = {"*.o"};
    static const char *const by_dir[] = {"/a", "!*.o"};
    bsi_pattern_list *list = NULL;

    build_small(state);
    assert_ok(bsi_pattern_list_new(by_name, 1, &list, NULL));
    expect(below(state, "t"), (bsi_walk_options){.include = list}, ".\n/a\n/a/x.o\n/z\n/z/y.o\n");
    bsi_pattern_list_free(list);
    assert_ok(bsi_pattern_list_new(by_dir, 2, &list, NULL));
    expect(below(state, "t"), (bsi_walk_options){.include = list}, ".\n/a\n/a/empty\n/a/x.c\n");
    bsi_pattern_list_free(list);
}

static void exclude_wins_over_include(void **state)
{
    static const char *const include[] = {"*.o"};
    static const char *const exclude[] = {"y.o"};
    bsi_pattern_list *in = NULL;
    bsi_pattern_list *out = NULL;

    build_small(state);
    assert_ok(bsi_pattern_list_new(include, 1, &in, NULL));
    assert_ok(bsi_pattern_list_new(exclude, 1, &out, NULL));
    expect(below(state, "t"), (bsi_walk_options){.include = in, .exclude = out}, ".\n/a\n/a/x.o\n");
    bsi_pattern_list_free(in);
    bsi_pattern_list_free(out);
}

static void a_file_or_a_link_can_be_a_root(void **state)
{
    walked result;

    build_small(state);
    expect(below(state, "t/a.c"), (bsi_walk_options){0}, ".\n");
    assert_status(walk_one(below(state, "t/link"), (bsi_walk_options){0}, &result), BS_END);
    assert_int_equal(result.count, 1);
    assert_int_equal(result.heard.count, 1);
    free(result.text);
}

static void several_roots_follow_each_other(void **state)
{
    char a[600];
    char z[600];
    const char *const roots[] = {a, z};
    const bsi_walk_options options = {.roots = roots, .root_count = 2};
    const test_dir *dir = *state;
    walked result;

    build_small(state);
    (void)snprintf(a, sizeof(a), "%s", below(state, "t/a"));
    (void)snprintf(z, sizeof(z), "%s", below(state, "t/z"));
    assert_status(walk_all(&options, dir->path, &result), BS_END);
    assert_string_equal(result.text, "/t/a\n/t/a/empty\n/t/a/x.c\n/t/a/x.o\n/t/z\n/t/z/y.o\n");
    free(result.text);
}

static void bad_roots_are_refused(void **state)
{
    static const struct {
        const char *roots[2];
        bs_status status;
        bs_layer layer;
    } cases[] = {
        {{"relative", "/x"}, BS_E_INVALID, BS_LAYER_CALLER},
        {{"/tmp/", "/x"}, BS_E_INVALID, BS_LAYER_CALLER},
        {{"/tmp/../etc", "/x"}, BS_E_INVALID, BS_LAYER_CALLER},
        {{"/usr", "/etc"}, BS_E_INVALID, BS_LAYER_CALLER},
        {{"/usr", "/usr/bin"}, BS_E_INVALID, BS_LAYER_CALLER},
        {{"/", "/usr"}, BS_E_INVALID, BS_LAYER_CALLER},
        {{"/etc", "/no such root"}, BS_E_NOT_FOUND, BS_LAYER_SOURCE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const bsi_walk_options options = {.roots = cases[i].roots, .root_count = 2};
        bsi_walk *walk = NULL;

        assert_status(bsi_walk_new(&options, &walk), cases[i].status);
        assert_int_equal(bs_error_last()->layer, cases[i].layer);
        assert_null(walk);
    }
    assert_non_null(strstr(bs_error_last()->message, "/no such root"));
}

static void the_directory_of_the_backups_is_left_out_and_reported(void **state)
{
    struct stat info;
    bsi_dir_id skip;
    walked result;

    build_small(state);
    assert_int_equal(stat(below(state, "t/a"), &info), 0);
    skip = (bsi_dir_id){info.st_dev, info.st_ino};
    assert_status(
        walk_one(below(state, "t"), (bsi_walk_options){.skip = &skip, .skip_count = 1}, &result),
        BS_END);
    assert_string_equal(result.text, ".\n/a b\n/a.c\n/link\n/z\n/z/y.o\n");
    assert_int_equal(result.heard.count, 1);
    free(result.text);
}

static void loops_of_mounts_are_reported_and_not_entered(void **state)
{
    char inner[600];
    walked result;

    build_small(state);
    (void)snprintf(inner, sizeof(inner), "%s", below(state, "t/a/empty"));
    if (mount(below(state, "t"), inner, NULL, MS_BIND, NULL) != 0) {
        skip();
    }
    const bs_status status = walk_one(below(state, "t"), (bsi_walk_options){0}, &result);
    assert_int_equal(umount(inner), 0);
    assert_int_equal(status, BS_END);
    assert_int_equal(result.heard.count, 1);
    assert_string_equal(result.text,
                        ".\n/a\n/a/empty\n/a/x.c\n/a/x.o\n/a b\n/a.c\n/link\n/z\n/z/y.o\n");
    free(result.text);
}

static void other_file_systems_are_given_but_not_entered(void **state)
{
    static const bool alone[] = {false, true};
    char inner[600];

    build_small(state);
    (void)snprintf(inner, sizeof(inner), "%s", below(state, "t/z"));
    if (mount("none", inner, "tmpfs", 0, NULL) != 0) {
        skip();
    }
    tree_write(below(state, "t/z/inside"), 1, 1);
    for (size_t i = 0; i < 2; i++) {
        bsi_pool *pool = NULL;
        walked result;

        assert_ok(bsi_pool_new(2, &pool));
        assert_status(walk_one(below(state, "t"),
                               (bsi_walk_options){.one_file_system = alone[i], .pool = pool},
                               &result),
                      BS_END);
        bsi_pool_free(pool);
        assert_int_equal(strstr(result.text, "/z/inside") == NULL, alone[i]);
        assert_non_null(strstr(result.text, "/z\n"));
        assert_int_equal(result.heard.count, 0);
        free(result.text);
    }
    assert_int_equal(umount(inner), 0);
}

/* A failed look or listing is reported for that path; all others are still given. */
static void failures_below_a_root_are_reported_one_by_one(void **state)
{
    static const bsi_os_op ops[] = {BSI_OS_STAT, BSI_OS_LIST};
    const char *top = NULL;

    build_small(state);
    top = below(state, "t");
    for (size_t i = 0; i < 2; i++) {
        const uint64_t first = ops[i] == BSI_OS_STAT ? 4 : 3; /* Behind those of the root. */
        for (uint64_t at = first; at < first + 4; at++) {
            const bsi_fault_plan plan = {.op_mask = 1U << ops[i], .at = at, .os_code = 5};
            walked result;

            bsi_fault_set(&plan);
            const bs_status status = walk_one(top, (bsi_walk_options){0}, &result);
            bsi_fault_set(NULL);
            assert_int_equal(status, BS_END);
            assert_true(result.count >= 6);
            free(result.text);
        }
    }
}

static void a_cancelled_walk_ends(void **state)
{
    const char *const roots[] = {below(state, "t")};
    const bsi_walk_options options = {.roots = roots, .root_count = 1};
    bsi_cancel cancel = {0};
    const bs_call call = {.cancel = &cancel};
    bsi_walk *walk = NULL;
    bsi_walk_item item;

    build_small(state);
    below(state, "t");
    assert_ok(bsi_walk_new(&options, &walk));
    assert_ok(bsi_walk_next(walk, &call, &item));
    bsi_cancel_request(&cancel);
    assert_status(bsi_walk_next(walk, &call, &item), BS_E_CANCELLED);
    bsi_walk_free(walk);
}

static void a_walk_given_up_half_way_releases_everything(void **state)
{
    const char *top = below(state, "t");
    const char *const roots[] = {top};
    bsi_pool *pool = NULL;

    tree_build(top, TREE_NAMES | TREE_DEEP);
    assert_ok(bsi_pool_new(2, &pool));
    for (size_t stop = 0; stop < 120; stop += 7) {
        const bsi_walk_options options = {.roots = roots, .root_count = 1, .pool = pool};
        bsi_walk *walk = NULL;
        bsi_walk_item item;

        assert_ok(bsi_walk_new(&options, &walk));
        for (size_t i = 0; i < stop; i++) {
            assert_ok(bsi_walk_next(walk, NULL, &item));
        }
        bsi_walk_free(walk);
    }
    bsi_pool_free(pool);
    tree_remove(top);
}

static void a_large_directory_is_read_ahead_in_batches(void **state)
{
    const char *top = below(state, "t");
    char name[600];
    bsi_pool *pool = NULL;
    walked result;

    assert_int_equal(mkdir(top, 0755), 0);
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(name, sizeof(name), "%s/%d", top, i);
        assert_int_equal(symlink("x", name), 0);
    }
    assert_ok(bsi_pool_new(2, &pool));
    assert_status(walk_one(top, (bsi_walk_options){.pool = pool}, &result), BS_END);
    bsi_pool_free(pool);
    assert_int_equal(result.count, 1001);
    assert_int_equal(result.heard.count, 0);
    free(result.text);
}

/* Deeper than the descriptors the walk allows itself. */
static void very_deep_trees_need_few_descriptors(void **state)
{
    enum { LEVELS = 300, NAME = 200 };
    const char *top = below(state, "t");
    char name[NAME + 1];
    walked result;
    int here = -1;

    assert_int_equal(mkdir(top, 0755), 0);
    here = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    memset(name, 'd', NAME);
    name[NAME] = '\0';
    for (int i = 0; i < LEVELS; i++) {
        assert_int_equal(mkdirat(here, name, 0755), 0);
        assert_int_equal(symlinkat("x", here, "z"), 0);
        const int next = openat(here, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(next >= 0);
        (void)close(here);
        here = next;
    }
    (void)close(here);
    assert_status(walk_one(top, (bsi_walk_options){0}, &result), BS_END);
    assert_int_equal(result.count, 2 * LEVELS + 1);
    assert_int_equal(result.heard.count, 0);
    free(result.text);
    tree_remove(top);
}

static void survives_running_out_of_memory(void **state)
{
    const char *const roots[] = {below(state, "t")};
    static const char *const patterns[] = {"*.o"};
    bsi_pattern_list *list = NULL;
    bs_status status = BS_E_NOMEM;

    build_small(state);
    below(state, "t");
    assert_ok(bsi_pattern_list_new(patterns, 1, &list, NULL));
    for (long n = 0; status == BS_E_NOMEM; n++) {
        const bsi_walk_options options = {.roots = roots, .root_count = 1, .exclude = list};
        bsi_walk *walk = NULL;
        bsi_walk_item item;
        unsigned count = 0;

        bsi_alloc_fail_after(n);
        status = bsi_walk_new(&options, &walk);
        while (status == BS_OK) {
            status = bsi_walk_next(walk, NULL, &item);
            count++;
        }
        bsi_alloc_fail_after(-1);
        assert_true(status == BS_E_NOMEM || (status == BS_END && count == 9));
        bsi_walk_free(walk);
    }
    bsi_pattern_list_free(list);
}

#define walk_test(name) cmocka_unit_test_setup_teardown(name, test_dir_setup, test_dir_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        walk_test(everything_comes_in_order),
        walk_test(every_odd_tree_is_seen_whole_with_and_without_threads),
        walk_test(excluded_directories_are_not_entered),
        walk_test(an_include_list_keeps_what_matches_and_the_way_there),
        walk_test(exclude_wins_over_include),
        walk_test(a_file_or_a_link_can_be_a_root),
        walk_test(several_roots_follow_each_other),
        walk_test(bad_roots_are_refused),
        walk_test(the_directory_of_the_backups_is_left_out_and_reported),
        walk_test(loops_of_mounts_are_reported_and_not_entered),
        walk_test(other_file_systems_are_given_but_not_entered),
        walk_test(failures_below_a_root_are_reported_one_by_one),
        walk_test(a_cancelled_walk_ends),
        walk_test(a_walk_given_up_half_way_releases_everything),
        walk_test(a_large_directory_is_read_ahead_in_batches),
        walk_test(very_deep_trees_need_few_descriptors),
        walk_test(survives_running_out_of_memory),
    };

    return cmocka_run_group_tests_name("source/walk", tests, NULL, NULL);
}
