/* SPDX-License-Identifier: MIT */
/* Objects, ranges, listings and keys. */
#include "conformance/storage_checks.h"

static void a_new_storage_is_empty(void **state)
{
    assert_listing(storage_of(state), "", (const char *const[]){NULL});
}

static void what_was_put_is_read_back(void **state)
{
    put_text(storage_of(state), "a/b/c", "hello");
    assert_content(storage_of(state), "a/b/c", "hello");
}

static void an_object_may_be_empty(void **state)
{
    bs_storage_object object = {.size = 1};

    put_text(storage_of(state), "empty", "");
    assert_ok(bsi_storage_stat(storage_of(state), NULL, "empty", &object));
    assert_int_equal(object.size, 0);
    assert_content(storage_of(state), "empty", "");
    assert_listing(storage_of(state), "", (const char *const[]){"empty", NULL});
}

static void putting_again_replaces(void **state)
{
    put_text(storage_of(state), "k", "a longer first text");
    assert_content(storage_of(state), "k", "a longer first text");
    put_text(storage_of(state), "k", "second");
    assert_content(storage_of(state), "k", "second");
    assert_listing(storage_of(state), "", (const char *const[]){"k", NULL});
}

static void stat_tells_the_size(void **state)
{
    bs_storage_object object;

    put_text(storage_of(state), "k", "12345");
    assert_ok(bsi_storage_stat(storage_of(state), NULL, "k", &object));
    assert_int_equal(object.size, 5);
}

static void what_is_not_there_is_not_found(void **state)
{
    char byte;

    put_text(storage_of(state), "dir/k", "x");
    assert_missing(storage_of(state), "nothing");
    assert_missing(storage_of(state), "dir/nothing");
    assert_missing(storage_of(state), "nodir/nothing");
    assert_status(bsi_storage_read(storage_of(state), NULL, "nothing", 0, &byte, 1),
                  BS_E_NOT_FOUND);
    assert_status(bsi_storage_read(storage_of(state), NULL, "nothing", 0, &byte, 0),
                  BS_E_NOT_FOUND);
    assert_int_equal(bs_error_last()->layer, BS_LAYER_STORAGE);
}

static void a_directory_is_no_object(void **state)
{
    char byte;

    put_text(storage_of(state), "dir/k", "x");
    assert_missing(storage_of(state), "dir");
    assert_status(bsi_storage_read(storage_of(state), NULL, "dir", 0, &byte, 1), BS_E_NOT_FOUND);
    assert_ok(bsi_storage_remove(storage_of(state), NULL, "dir"));
    assert_content(storage_of(state), "dir/k", "x");
}

/* Where keys are paths, an object may have taken a directory's place: that is no answer. */
static void nothing_is_found_below_an_object(void **state)
{
    bsi_storage *storage = storage_of(state);
    bs_storage_object object;
    listed list = {.count = 0};
    char byte;

    put_text(storage, "k", "x");
    const bs_status status = bsi_storage_stat(storage, NULL, "k/deeper", &object);
    const bool looked = status == BS_E_NOT_FOUND;

    assert_true(looked || (status == BS_E_IO && bs_error_last()->retry == BS_RETRY_NEVER));
    assert_status(bsi_storage_read(storage, NULL, "k/deeper", 0, &byte, 1), status);
    assert_status(bsi_storage_remove(storage, NULL, "k/deeper"), looked ? BS_OK : status);
    assert_status(bsi_storage_list(storage, NULL, "k", collect, &list), looked ? BS_OK : status);
    assert_int_equal(list.count, 0);
    assert_content(storage, "k", "x");
}

static void ranges_are_exact(void **state)
{
    char buf[8] = "";

    put_text(storage_of(state), "k", "0123456789");
    assert_ok(bsi_storage_read(storage_of(state), NULL, "k", 0, buf, 3));
    assert_memory_equal(buf, "012", 3);
    assert_ok(bsi_storage_read(storage_of(state), NULL, "k", 7, buf, 3));
    assert_memory_equal(buf, "789", 3);
    assert_ok(bsi_storage_read(storage_of(state), NULL, "k", 4, buf, 1));
    assert_memory_equal(buf, "4", 1);
}

static void a_range_past_the_end_is_an_error(void **state)
{
    char buf[16];
    bsi_storage *storage = storage_of(state);

    put_text(storage, "k", "0123456789");
    assert_status(bsi_storage_read(storage, NULL, "k", 8, buf, 3), BS_E_RANGE);
    assert_status(bsi_storage_read(storage, NULL, "k", 10, buf, 1), BS_E_RANGE);
    assert_status(bsi_storage_read(storage, NULL, "k", 11, buf, 1), BS_E_RANGE);
    assert_status(bsi_storage_read(storage, NULL, "k", UINT64_MAX, buf, 1), BS_E_RANGE);
    assert_status(bsi_storage_read(storage, NULL, "k", UINT64_MAX - 3, buf, 8), BS_E_RANGE);
}

static void an_empty_range_only_asks_whether_it_lies_inside(void **state)
{
    char byte;

    put_text(storage_of(state), "k", "0123456789");
    assert_ok(bsi_storage_read(storage_of(state), NULL, "k", 10, &byte, 0));
    assert_status(bsi_storage_read(storage_of(state), NULL, "k", 11, &byte, 0), BS_E_RANGE);
}

static void removing_is_final_and_may_be_repeated(void **state)
{
    char byte;

    put_text(storage_of(state), "a/k", "x");
    assert_ok(bsi_storage_read(storage_of(state), NULL, "a/k", 0, &byte, 1));
    assert_ok(bsi_storage_remove(storage_of(state), NULL, "a/k"));
    assert_missing(storage_of(state), "a/k");
    assert_status(bsi_storage_read(storage_of(state), NULL, "a/k", 0, &byte, 1), BS_E_NOT_FOUND);
    assert_ok(bsi_storage_remove(storage_of(state), NULL, "a/k"));
    assert_ok(bsi_storage_remove(storage_of(state), NULL, "never/was"));
    assert_listing(storage_of(state), "", (const char *const[]){NULL});
}

static bool may_be_key(void **state, const char *key)
{
    return !((fixture *)*state)->one_line || !strchr(key, '\n');
}

static void many_are_removed_and_the_others_stay(void **state)
{
    static const char *const gone[] = {"a<&>\"'b", "tab\there", "line\nend", "never/was", "d/1"};

    for (size_t i = 0; i < BSI_ARRAY_SIZE(gone); i++) {
        if (strcmp(gone[i], "never/was") != 0 && may_be_key(state, gone[i])) {
            put_text(storage_of(state), gone[i], "x");
        }
    }
    put_text(storage_of(state), "a<&>\"'c", "stays");
    put_text(storage_of(state), "d/10", "stays");
    assert_ok(bsi_storage_remove_many(storage_of(state), NULL, gone, BSI_ARRAY_SIZE(gone)));
    assert_listing(storage_of(state), "", (const char *const[]){"a<&>\"'c", "d/10", NULL});
    assert_ok(bsi_storage_remove_many(storage_of(state), NULL, gone, BSI_ARRAY_SIZE(gone)));
    assert_ok(bsi_storage_remove_many(storage_of(state), NULL, gone, 0));
}

static void many_with_an_improper_key_all_stay(void **state)
{
    static const char *const keys[] = {"good", "a//b"};

    put_text(storage_of(state), "good", "x");
    assert_status(bsi_storage_remove_many(storage_of(state), NULL, keys, BSI_ARRAY_SIZE(keys)),
                  BS_E_INVALID);
    assert_content(storage_of(state), "good", "x");
}

static void removing_leaves_the_neighbours(void **state)
{
    put_text(storage_of(state), "a/b/1", "x");
    put_text(storage_of(state), "a/b/2", "y");
    put_text(storage_of(state), "a/3", "z");
    assert_ok(bsi_storage_remove(storage_of(state), NULL, "a/b/1"));
    assert_listing(storage_of(state), "", (const char *const[]){"a/3", "a/b/2", NULL});
    assert_ok(bsi_storage_remove(storage_of(state), NULL, "a/b/2"));
    assert_listing(storage_of(state), "", (const char *const[]){"a/3", NULL});
}

static void a_key_can_become_a_directory_once_it_is_removed(void **state)
{
    put_text(storage_of(state), "a", "x");
    assert_ok(bsi_storage_remove(storage_of(state), NULL, "a"));
    put_text(storage_of(state), "a/b", "y");
    assert_ok(bsi_storage_remove(storage_of(state), NULL, "a/b"));
    put_text(storage_of(state), "a", "z");
    assert_content(storage_of(state), "a", "z");
}

static void a_listing_reaches_every_depth(void **state)
{
    put_text(storage_of(state), "1", "a");
    put_text(storage_of(state), "d/2", "bb");
    put_text(storage_of(state), "d/e/f/3", "ccc");
    assert_listing(storage_of(state), "", (const char *const[]){"1", "d/2", "d/e/f/3", NULL});
}

static void a_listing_tells_sizes(void **state)
{
    listed list;

    put_text(storage_of(state), "1", "a");
    put_text(storage_of(state), "d/2", "bb");
    list_sorted(storage_of(state), "", &list);
    assert_int_equal(list.bytes, 3);
    listed_free(&list);
}

static void a_prefix_is_whole_components(void **state)
{
    put_text(storage_of(state), "a/1", "x");
    put_text(storage_of(state), "a/b/2", "x");
    put_text(storage_of(state), "ab/3", "x");
    put_text(storage_of(state), "a.x", "x");
    assert_listing(storage_of(state), "a", (const char *const[]){"a/1", "a/b/2", NULL});
    assert_listing(storage_of(state), "a/b", (const char *const[]){"a/b/2", NULL});
}

static void a_prefix_that_is_not_there_lists_nothing(void **state)
{
    put_text(storage_of(state), "a", "x");
    assert_listing(storage_of(state), "b", (const char *const[]){NULL});
    assert_listing(storage_of(state), "b/c/d", (const char *const[]){NULL});
}

static bs_status stop_at_first(void *user, const char *key, const bs_storage_object *object)
{
    int *calls = user;

    (void)key;
    (void)object;
    (*calls)++;
    return bsi_fail(BS_LAYER_CALLER, BS_E_CALLBACK, "enough");
}

static bs_status end_at_first(void *user, const char *key, const bs_storage_object *object)
{
    int *calls = user;

    (void)key;
    (void)object;
    (*calls)++;
    return BS_END;
}

static void a_callback_ends_the_listing(void **state)
{
    int calls = 0;

    put_text(storage_of(state), "a", "x");
    put_text(storage_of(state), "b/c", "x");
    assert_status(bsi_storage_list(storage_of(state), NULL, "", stop_at_first, &calls),
                  BS_E_CALLBACK);
    assert_int_equal(calls, 1);
    assert_string_equal(bs_error_last()->message, "enough");
    assert_int_equal(bs_error_last()->layer, BS_LAYER_CALLER);
    assert_status(bsi_storage_list(storage_of(state), NULL, "", end_at_first, &calls), BS_END);
    assert_int_equal(calls, 2);
}

static bs_status remove_listed(void *user, const char *key, const bs_storage_object *object)
{
    (void)object;
    return bsi_storage_remove(user, NULL, key);
}

static void a_callback_may_use_the_storage(void **state)
{
    char key[32];

    for (int i = 0; i < 20; i++) {
        (void)snprintf(key, sizeof(key), "d%d/k%d", i % 3, i);
        put_text(storage_of(state), key, "x");
    }
    assert_ok(bsi_storage_list(storage_of(state), NULL, "", remove_listed, storage_of(state)));
    assert_listing(storage_of(state), "", (const char *const[]){NULL});
}

static void keys_may_hold_any_byte_but_nul(void **state)
{
    static const char *const all[] = {
        " ", "\"q\"", "a\nb", "a\\b", "back\\", "caf\xc3\xa9", "x*?[]", "~",
    };
    const char *keys[BSI_ARRAY_SIZE(all) + 1] = {NULL};

    for (size_t i = 0, used = 0; i < BSI_ARRAY_SIZE(all); i++) {
        if (may_be_key(state, all[i])) {
            keys[used] = all[i];
            used++;
        }
    }
    for (size_t i = 0; keys[i]; i++) {
        put_text(storage_of(state), keys[i], keys[i]);
    }
    for (size_t i = 0; keys[i]; i++) {
        assert_content(storage_of(state), keys[i], keys[i]);
    }
    assert_listing(storage_of(state), "", keys);
    if (has_cap(state, BS_STORAGE_CAP_ANY_BYTES)) {
        put_text(storage_of(state), "\x01\xff\xfe/\x80", "x");
        assert_content(storage_of(state), "\x01\xff\xfe/\x80", "x");
    }
}

static void keys_that_differ_in_case_are_different(void **state)
{
    if (!has_cap(state, BS_STORAGE_CAP_CASE)) {
        skip();
    }
    put_text(storage_of(state), "Key", "upper");
    put_text(storage_of(state), "key", "lower");
    assert_content(storage_of(state), "Key", "upper");
}

static void keys_may_be_as_long_as_the_limit(void **state)
{
    const size_t most = ((fixture *)*state)->subject->key_max;
    const size_t size = most > 0 ? most : BS_STORAGE_KEY_MAX;
    char key[BS_STORAGE_KEY_MAX + 1];

    for (size_t i = 0; i < size; i++) {
        key[i] = i % 200 == 199 ? '/' : 'k';
    }
    key[size] = '\0';
    put_text(storage_of(state), key, "deep");
    assert_content(storage_of(state), key, "deep");
    assert_listing(storage_of(state), "", (const char *const[]){key, NULL});
    assert_ok(bsi_storage_remove(storage_of(state), NULL, key));
    assert_listing(storage_of(state), "", (const char *const[]){NULL});
}

static void improper_keys_are_refused(void **state)
{
    static const char *const keys[] = {"",   "/",   "/a",     "a/",        "a//b",    ".",
                                       "..", "a/.", "a/../b", ".bst-0000", "a/.bst-x"};
    char longer[BS_STORAGE_KEY_MAX + 2];
    char component[258];
    bs_storage_object object;

    memset(longer, 'a', sizeof(longer) - 1);
    for (size_t i = 100; i < sizeof(longer); i += 100) {
        longer[i] = '/';
    }
    longer[sizeof(longer) - 1] = '\0';
    memset(component, 'a', sizeof(component) - 1);
    component[sizeof(component) - 1] = '\0';
    for (size_t i = 0; i < BSI_ARRAY_SIZE(keys); i++) {
        print_message("# key: %s\n", keys[i]);
        assert_status(bsi_storage_put(storage_of(state), NULL, keys[i], "x", 1), BS_E_INVALID);
        assert_status(bsi_storage_stat(storage_of(state), NULL, keys[i], &object), BS_E_INVALID);
        assert_status(bsi_storage_remove(storage_of(state), NULL, keys[i]), BS_E_INVALID);
    }
    assert_status(bsi_storage_put(storage_of(state), NULL, longer, "x", 1), BS_E_INVALID);
    assert_status(bsi_storage_put(storage_of(state), NULL, component, "x", 1), BS_E_INVALID);
    assert_status(bsi_storage_list(storage_of(state), NULL, "..", collect, NULL), BS_E_INVALID);
}

const behaviour storage_object_behaviours[] = {
    BEHAVIOUR(a_new_storage_is_empty),
    BEHAVIOUR(what_was_put_is_read_back),
    BEHAVIOUR(an_object_may_be_empty),
    BEHAVIOUR(putting_again_replaces),
    BEHAVIOUR(stat_tells_the_size),
    BEHAVIOUR(what_is_not_there_is_not_found),
    BEHAVIOUR(a_directory_is_no_object),
    BEHAVIOUR(nothing_is_found_below_an_object),
    BEHAVIOUR(ranges_are_exact),
    BEHAVIOUR(a_range_past_the_end_is_an_error),
    BEHAVIOUR(an_empty_range_only_asks_whether_it_lies_inside),
    BEHAVIOUR(removing_is_final_and_may_be_repeated),
    BEHAVIOUR(many_are_removed_and_the_others_stay),
    BEHAVIOUR(many_with_an_improper_key_all_stay),
    BEHAVIOUR(removing_leaves_the_neighbours),
    BEHAVIOUR(a_key_can_become_a_directory_once_it_is_removed),
    BEHAVIOUR(a_listing_reaches_every_depth),
    BEHAVIOUR(a_listing_tells_sizes),
    BEHAVIOUR(a_prefix_is_whole_components),
    BEHAVIOUR(a_prefix_that_is_not_there_lists_nothing),
    BEHAVIOUR(a_callback_ends_the_listing),
    BEHAVIOUR(a_callback_may_use_the_storage),
    BEHAVIOUR(keys_may_hold_any_byte_but_nul),
    BEHAVIOUR(keys_that_differ_in_case_are_different),
    BEHAVIOUR(keys_may_be_as_long_as_the_limit),
    BEHAVIOUR(improper_keys_are_refused),
    {NULL, NULL},
};
