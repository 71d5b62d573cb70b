/* SPDX-License-Identifier: MIT */
/*
 * Trees that are described by lines of text, and what is told of two of them: by the diff,
 * and by the search for paths.
 */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "repo/diff.h"
#include "repo/find.h"
#include "repo/index_load.h"
#include "repo/snapshot_load.h"
#include "storage/decorators/faulty.h"
#include "support/repo_model.h"

enum { ROOM = 64 * 1024, NODES_MAX = 16, TOLD_MAX = 4096 };

typedef struct fixture {
    repo_model model;
    bsi_repo_index *index;
    bsi_repo_writer *writer;
} fixture;

static int setup(void **state)
{
    fixture *self = bsi_calloc(1, sizeof(*self));

    assert_non_null(self);
    model_start(&self->model, 2);
    assert_ok(bsi_repo_index_new(&self->index));
    assert_ok(bsi_repo_writer_new(self->model.repo, self->index, self->model.pool, NULL, NULL,
                                  &self->writer));
    *state = self;
    return 0;
}

static int teardown(void **state)
{
    fixture *self = *state;

    bsi_repo_writer_free(self->writer);
    bsi_repo_index_free(self->index);
    model_end(&self->model);
    bsi_free(self);
    return 0;
}

/* --- Making trees --- */

/* A node in few words. */
typedef struct entry {
    const char *name;
    bsi_node_type type;
    uint32_t mode;
    uint8_t content; /* Of a file. */
    const bsi_digest *subtree;
} entry;

static bsi_digest make_tree(fixture *self, const entry *entries, size_t count)
{
    bsi_tree_writer writer;
    bsi_digest id;
    bsi_buf text;

    bsi_buf_init(&text, ROOM);
    assert_ok(bsi_tree_writer_begin(&writer, &text));
    for (size_t i = 0; i < count; i++) {
        const bsi_digest content = {{entries[i].content}};
        bsi_node node = {
            .name = bsi_slice_of(entries[i].name),
            .type = entries[i].type,
            .mode = entries[i].mode,
            .content = &content,
            .content_count = entries[i].content > 0,
            .has_subtree = entries[i].subtree != NULL,
        };
        if (entries[i].subtree) {
            node.subtree = *entries[i].subtree;
        }
        assert_ok(bsi_tree_writer_add(&writer, &node));
    }
    assert_ok(bsi_tree_writer_finish(&writer));
    assert_ok(bsi_repo_writer_save(self->writer, BSI_BLOB_TREE, text.data, text.size, &id, NULL));
    bsi_tree_writer_dispose(&writer);
    bsi_buf_dispose(&text);
    assert_ok(bsi_repo_writer_finish(self->writer));
    return id;
}

#define TREE(self, ...)                             \
    make_tree((self), (const entry[]){__VA_ARGS__}, \
              sizeof((const entry[]){__VA_ARGS__}) / sizeof(entry))
#define DIR BSI_NODE_DIR, 0755, 0

/* --- What is told --- */

typedef struct told {
    char text[TOLD_MAX];
    size_t count;
    size_t end_after; /* 0: never. */
} told;

static bs_status add_difference(void *user, const bsi_diff_item *item)
{
    static const char signs[] = "+-MUT";
    told *self = user;
    const size_t size = strlen(self->text);

    (void)snprintf(self->text + size, sizeof(self->text) - size, "%c%.*s ", signs[item->kind],
                   (int)item->path.size, item->path.data);
    assert_true((item->before == NULL) == (item->kind == BSI_DIFF_ADDED));
    assert_true((item->after == NULL) == (item->kind == BSI_DIFF_REMOVED));
    return ++self->count == self->end_after ? BS_E_CALLBACK : BS_OK;
}

static void assert_diff(fixture *self, const bsi_digest *before, const bsi_digest *after,
                        const char *expected)
{
    told seen = {0};

    assert_ok(
        bsi_repo_diff(self->model.repo, NULL, self->index, before, after, add_difference, &seen));
    assert_string_equal(seen.text, expected);
}

/* --- Tests of the diff --- */

static void what_was_added_removed_and_changed_is_told_in_order(void **state)
{
    fixture *self = *state;
    const bsi_digest inner =
        TREE(self, {"x", BSI_NODE_FILE, 0644, 1, NULL}, {"y", BSI_NODE_FILE, 0644, 2, NULL});
    const bsi_digest changed =
        TREE(self, {"x", BSI_NODE_FILE, 0600, 1, NULL}, {"z", BSI_NODE_FILE, 0644, 2, NULL});
    const bsi_digest before =
        TREE(self, {"a", DIR, &inner}, {"b", BSI_NODE_FILE, 0644, 1, NULL}, {"c", DIR, &inner},
             {"d", BSI_NODE_FILE, 0644, 1, NULL}, {"e", DIR, &inner});
    const bsi_digest after =
        TREE(self, {"a", DIR, &changed}, {"b", BSI_NODE_FILE, 0644, 3, NULL}, {"c", DIR, &inner},
             {"d", DIR, &inner}, {"f", BSI_NODE_SYMLINK, 0777, 0, NULL});

    assert_diff(self, &before, &after,
                "U/a/x -/a/y +/a/z M/b T/d +/d/x +/d/y -/e -/e/x -/e/y +/f ");
    assert_diff(self, &after, &before,
                "U/a/x +/a/y -/a/z M/b T/d -/d/x -/d/y +/e +/e/x +/e/y -/f ");
    assert_diff(self, &before, &before, "");
}

static void folders_that_are_the_same_are_not_read(void **state)
{
    fixture *self = *state;
    const bsi_digest nowhere = {{9}};
    const bsi_digest before = TREE(self, {"a", DIR, &nowhere}, {"b", BSI_NODE_FILE, 1, 1, NULL});
    const bsi_digest after = TREE(self, {"a", DIR, &nowhere}, {"b", BSI_NODE_FILE, 1, 2, NULL});
    const bsi_digest without = TREE(self, {"b", BSI_NODE_FILE, 1, 2, NULL});
    told seen = {0};

    assert_diff(self, &before, &after, "M/b ");
    assert_status(bsi_repo_diff(self->model.repo, NULL, self->index, &before, &without,
                                add_difference, &seen),
                  BS_E_MISSING);
}

static void a_callback_ends_the_diff(void **state)
{
    fixture *self = *state;
    const bsi_digest before = TREE(self, {"a", BSI_NODE_FILE, 1, 1, NULL});
    const bsi_digest after =
        TREE(self, {"b", BSI_NODE_FILE, 1, 2, NULL}, {"c", BSI_NODE_FILE, 1, 2, NULL});
    told seen = {.end_after = 2};

    assert_int_equal(
        bsi_repo_diff(self->model.repo, NULL, self->index, &before, &after, add_difference, &seen),
        BS_E_CALLBACK);
    assert_string_equal(seen.text, "-/a +/b ");
}

static void names_that_are_not_in_order_are_refused(void **state)
{
    static const char text[] = "{\"nodes\":[{\"name\":\"b\",\"type\":\"file\",\"content\":[]},"
                               "{\"name\":\"a\",\"type\":\"file\",\"content\":[]}]}\n";
    fixture *self = *state;
    const bsi_digest good = TREE(self, {"a", BSI_NODE_FILE, 1, 1, NULL});
    bsi_digest bad;
    told seen = {0};

    assert_ok(bsi_repo_writer_save(self->writer, BSI_BLOB_TREE, text, strlen(text), &bad, NULL));
    assert_ok(bsi_repo_writer_finish(self->writer));
    assert_status(
        bsi_repo_diff(self->model.repo, NULL, self->index, &good, &bad, add_difference, &seen),
        BS_E_CORRUPT);
}

static bs_status count_match(void *user, const bsi_find_match *match)
{
    (void)match;
    ++*(size_t *)user;
    return BS_OK;
}

static bs_status try_find(fixture *self, const bsi_digest *snapshot, size_t *count)
{
    const char *pattern = "x";
    bsi_pattern_list *patterns = NULL;
    bsi_finder *finder = NULL;
    bs_status status = bsi_pattern_list_new(&pattern, 1, &patterns, NULL);

    if (status == BS_OK) {
        status = bsi_finder_new(self->model.repo, self->index, patterns, &finder);
    }
    *count = 0;
    if (status == BS_OK) {
        status = bsi_finder_run(finder, NULL, snapshot, count_match, count);
    }
    bsi_finder_free(finder);
    bsi_pattern_list_free(patterns);
    return status;
}

static bsi_digest make_snapshot(fixture *self, const bsi_digest *tree)
{
    const bsi_snapshot snapshot = {.time = bsi_go_time_now(), .tree = {true, *tree}};
    bsi_digest id;

    assert_ok(bsi_snapshot_save(self->model.repo, NULL, &snapshot, &id));
    return id;
}

static void lack_of_memory_is_told(void **state)
{
    fixture *self = *state;
    const bsi_digest inner = TREE(self, {"x", BSI_NODE_FILE, 0644, 1, NULL});
    const bsi_digest before = TREE(self, {"a", DIR, &inner});
    const bsi_digest after = TREE(self, {"b", DIR, &inner});
    const bsi_digest snapshot = make_snapshot(self, &before);
    bs_status status = BS_E_NOMEM;
    size_t count = 0;

    for (long n = 0; status != BS_OK; n++) {
        told seen = {0};
        bsi_alloc_fail_after(n);
        status = bsi_repo_diff(self->model.repo, NULL, self->index, &before, &after, add_difference,
                               &seen);
        bsi_alloc_fail_after(-1);
        assert_true(status == BS_OK || status == BS_E_NOMEM);
    }
    status = BS_E_NOMEM;
    for (long n = 0; status != BS_OK; n++) {
        bsi_alloc_fail_after(n);
        status = try_find(self, &snapshot, &count);
        bsi_alloc_fail_after(-1);
        assert_true(status == BS_OK || status == BS_E_NOMEM);
    }
    assert_int_equal(count, 1);
}

/* --- Tests of the search --- */

static bs_status add_match(void *user, const bsi_find_match *match)
{
    told *self = user;
    const size_t size = strlen(self->text);

    (void)snprintf(self->text + size, sizeof(self->text) - size, "%.*s ", (int)match->path.size,
                   match->path.data);
    return ++self->count == self->end_after ? BS_E_CALLBACK : BS_OK;
}

static void assert_found(fixture *self, const char *pattern, const bsi_digest *snapshots,
                         size_t count, const char *expected)
{
    bsi_pattern_list *patterns = NULL;
    bsi_finder *finder = NULL;
    told seen = {0};

    assert_ok(bsi_pattern_list_new(&pattern, 1, &patterns, NULL));
    assert_ok(bsi_finder_new(self->model.repo, self->index, patterns, &finder));
    for (size_t i = 0; i < count; i++) {
        assert_ok(bsi_finder_run(finder, NULL, &snapshots[i], add_match, &seen));
    }
    assert_string_equal(seen.text, expected);
    bsi_finder_free(finder);
    bsi_pattern_list_free(patterns);
}

static void paths_are_found_in_each_snapshot_that_has_them(void **state)
{
    fixture *self = *state;
    const bsi_digest inner =
        TREE(self, {"x.txt", BSI_NODE_FILE, 1, 1, NULL}, {"y", BSI_NODE_FILE, 1, 2, NULL});
    const bsi_digest outer = TREE(self, {"in", DIR, &inner}, {"x.txt", BSI_NODE_FILE, 1, 1, NULL});
    const bsi_digest roots[] = {
        TREE(self, {"a", DIR, &outer}, {"in", DIR, &inner}),
        TREE(self, {"b", DIR, &outer}),
        TREE(self, {"y", BSI_NODE_FILE, 1, 2, NULL}),
    };
    bsi_digest snapshots[3];

    for (size_t i = 0; i < 3; i++) {
        snapshots[i] = make_snapshot(self, &roots[i]);
    }
    assert_found(self, "*.txt", snapshots, 3,
                 "/a/in/x.txt /a/x.txt /in/x.txt /b/in/x.txt /b/x.txt ");
    assert_found(self, "/a/in/y", snapshots, 3, "/a/in/y ");
    assert_found(self, "y", snapshots, 3, "/a/in/y /in/y /b/in/y /y ");
    assert_found(self, "in/", snapshots, 3, "/a/in /in /b/in ");
    assert_found(self, "nothing", snapshots, 3, "");
    assert_found(self, "b/**/y", snapshots, 3, "/b/in/y ");
}

/* What has nothing in it is read once, however many snapshots have it. */
static void what_does_not_match_is_read_once(void **state)
{
    fixture *self = *state;
    const bsi_faulty_plan counts = {.op_mask = BSI_FAULTY_READ, .at = 0};
    const char *pattern = "new";
    const bsi_digest inner = TREE(self, {"x", BSI_NODE_FILE, 1, 1, NULL});
    const bsi_digest old = TREE(self, {"a", DIR, &inner});
    const bsi_digest new = TREE(self, {"a", DIR, &inner}, {"new", BSI_NODE_FILE, 1, 1, NULL});
    const bsi_digest snapshots[] = {make_snapshot(self, &old), make_snapshot(self, &new)};
    bsi_pattern_list *patterns = NULL;
    bsi_finder *finder = NULL;
    told seen = {0};
    uint64_t reads = 0;

    assert_ok(bsi_pattern_list_new(&pattern, 1, &patterns, NULL));
    assert_ok(bsi_finder_new(self->model.repo, self->index, patterns, &finder));
    assert_ok(bsi_finder_run(finder, NULL, &snapshots[0], add_match, &seen));
    bsi_storage_faulty_set(self->model.faulty, &counts);
    assert_ok(bsi_finder_run(finder, NULL, &snapshots[0], add_match, &seen));
    reads = bsi_storage_faulty_count(self->model.faulty);
    assert_true(reads > 0);
    assert_ok(bsi_finder_run(finder, NULL, &snapshots[1], add_match, &seen));
    assert_string_equal(seen.text, "/new ");
    /* The snapshot's file again, and its root. */
    assert_int_equal(bsi_storage_faulty_count(self->model.faulty), 2 * reads + 1);
    bsi_storage_faulty_set(self->model.faulty, NULL);
    bsi_finder_free(finder);
    bsi_pattern_list_free(patterns);
}

static void a_search_that_was_ended_can_go_on_with_the_next_snapshot(void **state)
{
    fixture *self = *state;
    const char *pattern = "*";
    const bsi_digest tree =
        TREE(self, {"a", BSI_NODE_FILE, 1, 1, NULL}, {"b", BSI_NODE_FILE, 1, 1, NULL});
    const bsi_digest snapshot = make_snapshot(self, &tree);
    bsi_pattern_list *patterns = NULL;
    bsi_finder *finder = NULL;
    told seen = {.end_after = 1};

    assert_ok(bsi_pattern_list_new(&pattern, 1, &patterns, NULL));
    assert_ok(bsi_finder_new(self->model.repo, self->index, patterns, &finder));
    assert_int_equal(bsi_finder_run(finder, NULL, &snapshot, add_match, &seen), BS_E_CALLBACK);
    assert_ok(bsi_finder_run(finder, NULL, &snapshot, add_match, &seen));
    assert_string_equal(seen.text, "/a /a /b ");
    bsi_finder_free(finder);
    bsi_pattern_list_free(patterns);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_added_removed_and_changed_is_told_in_order),
        TEST(folders_that_are_the_same_are_not_read),
        TEST(a_callback_ends_the_diff),
        TEST(names_that_are_not_in_order_are_refused),
        TEST(lack_of_memory_is_told),
        TEST(paths_are_found_in_each_snapshot_that_has_them),
        TEST(what_does_not_match_is_read_once),
        TEST(a_search_that_was_ended_can_go_on_with_the_next_snapshot),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
