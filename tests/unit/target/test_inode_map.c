/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <stdio.h>

#include "base/alloc.h"
#include "target/inode_map.h"

enum { PATHS = 10000 };

static uint64_t key_of(const bsi_inode_map *map, unsigned number)
{
    char path[32];

    (void)snprintf(path, sizeof(path), "some/path/%u", number);
    return bsi_inode_map_key(map, bsi_slice_of(path));
}

static void what_is_put_is_found_again_however_many(void **state)
{
    bsi_inode_map map;

    (void)state;
    assert_ok(bsi_inode_map_init(&map));
    assert_null(bsi_inode_map_get(&map, key_of(&map, 0)));
    for (unsigned i = 0; i < PATHS; i++) {
        assert_ok(bsi_inode_map_put(&map, key_of(&map, i), (bsi_inode){.ino = i + 1}));
    }
    for (unsigned i = 0; i < PATHS; i++) {
        const bsi_inode *inode = bsi_inode_map_get(&map, key_of(&map, i));
        assert_non_null(inode);
        assert_int_equal(inode->ino, i + 1);
    }
    assert_null(bsi_inode_map_get(&map, key_of(&map, PATHS)));
    assert_int_equal(map.count, PATHS);
    bsi_inode_map_dispose(&map);
}

static void a_later_inode_replaces_an_earlier_one(void **state)
{
    bsi_inode_map map;

    (void)state;
    assert_ok(bsi_inode_map_init(&map));
    assert_ok(bsi_inode_map_put(&map, key_of(&map, 1), (bsi_inode){.ino = 5}));
    assert_ok(bsi_inode_map_put(&map, key_of(&map, 1), (bsi_inode){.ino = 6}));
    assert_int_equal(bsi_inode_map_get(&map, key_of(&map, 1))->ino, 6);
    bsi_inode_map_set(&map, key_of(&map, 1), (bsi_inode){.ino = 7});
    assert_int_equal(bsi_inode_map_get(&map, key_of(&map, 1))->ino, 7);
    assert_int_equal(map.count, 1);
    bsi_inode_map_dispose(&map);
}

static void paths_that_differ_in_length_or_zeros_have_keys_of_their_own(void **state)
{
    static const bsi_slice paths[] = {{"", 0},         {"a", 1},          {"a\0", 2},
                                      {"aaaaaaaa", 8}, {"aaaaaaaa\0", 9}, {"a\0\0\0\0\0\0\0", 8}};
    bsi_inode_map map;

    (void)state;
    assert_ok(bsi_inode_map_init(&map));
    for (size_t i = 0; i < BSI_ARRAY_SIZE(paths); i++) {
        for (size_t j = 0; j < i; j++) {
            assert_true(bsi_inode_map_key(&map, paths[i]) != bsi_inode_map_key(&map, paths[j]));
        }
    }
    bsi_inode_map_dispose(&map);
}

static void a_lack_of_memory_keeps_what_was_there(void **state)
{
    bsi_inode_map map;
    bs_status status = BS_OK;
    unsigned count = 0;

    (void)state;
    assert_ok(bsi_inode_map_init(&map));
    assert_ok(bsi_inode_map_put(&map, key_of(&map, count++), (bsi_inode){.ino = 1}));
    bsi_alloc_fail_after(0);
    while (status == BS_OK) {
        status = bsi_inode_map_put(&map, key_of(&map, count++), (bsi_inode){.ino = 1});
    }
    bsi_alloc_fail_after(-1);
    assert_int_equal(status, BS_E_NOMEM);
    for (unsigned i = 0; i + 1 < count; i++) {
        assert_non_null(bsi_inode_map_get(&map, key_of(&map, i)));
    }
    bsi_inode_map_dispose(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_is_found_again_however_many),
        cmocka_unit_test(a_later_inode_replaces_an_earlier_one),
        cmocka_unit_test(paths_that_differ_in_length_or_zeros_have_keys_of_their_own),
        cmocka_unit_test(a_lack_of_memory_keeps_what_was_there),
    };

    return cmocka_run_group_tests_name("target/inode_map", tests, NULL, NULL);
}
