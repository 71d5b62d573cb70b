/* SPDX-License-Identifier: MIT */
/*
 * The behaviour that upper layers rely on, whatever the driver.
 */
#include "support/test.h"

#include "conformance/storage_suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "os/thread.h"
#include "storage/decorators/faulty.h"

typedef struct fixture {
    const storage_subject *subject;
    void *place;
    bsi_storage *inner;
    bsi_storage *storage; /* The one under test. */
} fixture;

static const storage_subject *present_subject;

static int setup(void **state)
{
    fixture *fix = calloc(1, sizeof(*fix));

    if (!fix) {
        return -1;
    }
    fix->subject = present_subject;
    if (fix->subject->open(&fix->place, &fix->inner) < 0) {
        return -1;
    }
    fix->storage = bsi_storage_ref(fix->inner);
    *state = fix;
    return 0;
}

static int setup_decorated(void **state)
{
    fixture *fix = NULL;

    if (setup(state) != 0) {
        return -1;
    }
    fix = *state;
    bsi_storage_unref(fix->storage);
    return bsi_storage_faulty_new(fix->inner, &fix->storage) == BS_OK ? 0 : -1;
}

static int teardown(void **state)
{
    fixture *fix = *state;

    bsi_alloc_fail_after(-1);
    bsi_storage_unref(fix->storage);
    bsi_storage_unref(fix->inner);
    fix->subject->close(fix->place);
    free(fix);
    return 0;
}

static bsi_storage *storage_of(void **state)
{
    return ((fixture *)*state)->storage;
}

static bool has_cap(void **state, uint32_t cap)
{
    return (bsi_storage_caps(storage_of(state)) & cap) != 0;
}

static void put_text(bsi_storage *storage, const char *key, const char *text)
{
    assert_ok(bsi_storage_put(storage, NULL, key, text, strlen(text)));
}

static void assert_content(bsi_storage *storage, const char *key, const char *text)
{
    bsi_buf buf;

    bsi_buf_init(&buf, 1024 * 1024);
    assert_ok(bsi_storage_load(storage, NULL, key, 1024 * 1024, &buf));
    assert_int_equal(buf.size, strlen(text));
    if (buf.size > 0) {
        assert_memory_equal(buf.data, text, buf.size);
    }
    bsi_buf_dispose(&buf);
}

static void assert_missing(bsi_storage *storage, const char *key)
{
    bs_storage_object object;

    assert_status(bsi_storage_stat(storage, NULL, key, &object), BS_E_NOT_FOUND);
}

/* What a listing told: keys in order of their bytes, each followed by a line feed. */
typedef struct listed {
    char *keys[64];
    size_t count;
    uint64_t bytes;
} listed;

static bs_status collect(void *user, const char *key, const bs_storage_object *object)
{
    listed *list = user;

    assert_true(list->count < BSI_ARRAY_SIZE(list->keys));
    list->keys[list->count] = strdup(key);
    list->count++;
    list->bytes += object->size;
    return BS_OK;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list_sorted(bsi_storage *storage, const char *prefix, listed *list)
{
    *list = (listed){.count = 0};
    assert_ok(bsi_storage_list(storage, NULL, prefix, collect, list));
    qsort(list->keys, list->count, sizeof(list->keys[0]), compare_keys);
}

static void listed_free(listed *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->keys[i]);
    }
}

static void assert_listing(bsi_storage *storage, const char *prefix, const char *const *expected)
{
    listed list;
    size_t count = 0;

    list_sorted(storage, prefix, &list);
    for (; expected[count]; count++) {
        assert_true(count < list.count);
        assert_string_equal(list.keys[count], expected[count]);
    }
    assert_int_equal(list.count, count);
    listed_free(&list);
}

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

static void nothing_lies_below_an_object(void **state)
{
    put_text(storage_of(state), "k", "x");
    assert_missing(storage_of(state), "k/deeper");
    assert_ok(bsi_storage_remove(storage_of(state), NULL, "k/deeper"));
    assert_listing(storage_of(state), "k", (const char *const[]){NULL});
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
    assert_listing(storage_of(state), "a", (const char *const[]){NULL});
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
    static const char *const keys[] = {
        " ", "\"q\"", "a\nb", "a\\b", "back\\", "caf\xc3\xa9", "x*?[]", "~", NULL,
    };

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
    char key[BS_STORAGE_KEY_MAX + 1];

    for (size_t i = 0; i < sizeof(key) - 1; i++) {
        key[i] = i % 200 == 199 ? '/' : 'k';
    }
    key[sizeof(key) - 1] = '\0';
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

static bsi_upload *begin(void **state, const char *key, uint32_t flags)
{
    bs_storage_put_options options = BSI_PUT_DEFAULTS;
    bsi_upload *upload = NULL;

    options.flags = flags;
    assert_ok(bsi_upload_begin(storage_of(state), NULL, key, &options, &upload));
    return upload;
}

static void an_upload_comes_in_pieces(void **state)
{
    bsi_upload *upload = begin(state, "a/k", 0);

    assert_ok(bsi_upload_write(upload, NULL, "one ", 4));
    assert_ok(bsi_upload_write(upload, NULL, "", 0));
    assert_ok(bsi_upload_write(upload, NULL, "two", 3));
    assert_int_equal(bsi_upload_size(upload), 7);
    assert_ok(bsi_upload_commit(upload, NULL));
    assert_content(storage_of(state), "a/k", "one two");
}

static void nothing_is_seen_before_the_commit(void **state)
{
    bsi_upload *upload = begin(state, "a/k", 0);

    assert_ok(bsi_upload_write(upload, NULL, "text", 4));
    assert_missing(storage_of(state), "a/k");
    assert_listing(storage_of(state), "", (const char *const[]){NULL});
    assert_ok(bsi_upload_commit(upload, NULL));
    assert_listing(storage_of(state), "", (const char *const[]){"a/k", NULL});
}

static void an_aborted_upload_leaves_what_was_there(void **state)
{
    bsi_upload *upload = NULL;

    put_text(storage_of(state), "a/k", "old");
    upload = begin(state, "a/k", 0);
    assert_ok(bsi_upload_write(upload, NULL, "new", 3));
    bsi_upload_abort(upload);
    upload = begin(state, "b/k", 0);
    bsi_upload_abort(upload);
    bsi_upload_abort(NULL);
    assert_content(storage_of(state), "a/k", "old");
    assert_listing(storage_of(state), "", (const char *const[]){"a/k", NULL});
}

static void the_old_object_stays_until_the_commit(void **state)
{
    bsi_upload *upload = NULL;

    put_text(storage_of(state), "k", "old");
    upload = begin(state, "k", 0);
    assert_ok(bsi_upload_write(upload, NULL, "new!", 4));
    assert_content(storage_of(state), "k", "old");
    assert_ok(bsi_upload_commit(upload, NULL));
    assert_content(storage_of(state), "k", "new!");
}

static void of_two_uploads_of_one_key_the_last_commit_wins(void **state)
{
    bsi_upload *first = begin(state, "k", 0);
    bsi_upload *second = begin(state, "k", 0);

    assert_ok(bsi_upload_write(first, NULL, "first", 5));
    assert_ok(bsi_upload_write(second, NULL, "second", 6));
    assert_ok(bsi_upload_commit(second, NULL));
    assert_ok(bsi_upload_commit(first, NULL));
    assert_content(storage_of(state), "k", "first");
}

static void the_beginning_can_be_changed_before_the_commit(void **state)
{
    bsi_upload *upload = begin(state, "k", BS_STORAGE_PUT_PATCHABLE);
    static char block[2 * BS_STORAGE_PATCH_MAX];
    static char back[sizeof(block)];

    memset(block, 'b', sizeof(block));
    assert_ok(bsi_upload_write(upload, NULL, block, sizeof(block)));
    assert_ok(bsi_upload_patch(upload, NULL, 0, "HEAD", 4));
    assert_ok(bsi_upload_patch(upload, NULL, BS_STORAGE_PATCH_MAX - 3, "END", 3));
    assert_ok(bsi_upload_write(upload, NULL, "tail", 4));
    assert_int_equal(bsi_upload_size(upload), sizeof(block) + 4);
    assert_ok(bsi_upload_commit(upload, NULL));
    memcpy(block, "HEAD", 4);
    memcpy(block + BS_STORAGE_PATCH_MAX - 3, "END", 3);
    assert_ok(bsi_storage_read(storage_of(state), NULL, "k", 0, back, sizeof(back)));
    assert_memory_equal(back, block, sizeof(block));
    assert_ok(bsi_storage_read(storage_of(state), NULL, "k", sizeof(block), back, 4));
    assert_memory_equal(back, "tail", 4);
}

static void a_patch_outside_of_what_was_written_is_refused(void **state)
{
    bsi_upload *upload = begin(state, "k", BS_STORAGE_PUT_PATCHABLE);
    char block[BS_STORAGE_PATCH_MAX + 10] = "";

    assert_ok(bsi_upload_write(upload, NULL, "12345", 5));
    assert_status(bsi_upload_patch(upload, NULL, 3, "abc", 3), BS_E_INTERNAL);
    assert_ok(bsi_upload_write(upload, NULL, block, sizeof(block)));
    assert_status(bsi_upload_patch(upload, NULL, BS_STORAGE_PATCH_MAX, "a", 1), BS_E_INTERNAL);
    bsi_upload_abort(upload);
}

static void an_exclusive_put_never_replaces(void **state)
{
    bsi_upload *first = NULL;
    bsi_upload *second = NULL;

    if (!has_cap(state, BS_STORAGE_CAP_CONDITIONAL_PUT)) {
        skip();
    }
    first = begin(state, "d/k", BS_STORAGE_PUT_EXCLUSIVE);
    second = begin(state, "d/k", BS_STORAGE_PUT_EXCLUSIVE);
    assert_ok(bsi_upload_write(first, NULL, "first", 5));
    assert_ok(bsi_upload_write(second, NULL, "second", 6));
    assert_ok(bsi_upload_commit(first, NULL));
    assert_status(bsi_upload_commit(second, NULL), BS_E_EXISTS);
    assert_content(storage_of(state), "d/k", "first");
    assert_listing(storage_of(state), "", (const char *const[]){"d/k", NULL});
}

static void a_renamed_object_has_only_its_new_key(void **state)
{
    char byte;

    if (!has_cap(state, BS_STORAGE_CAP_RENAME)) {
        skip();
    }
    put_text(storage_of(state), "a/k", "text");
    put_text(storage_of(state), "b/old", "replaced");
    assert_ok(bsi_storage_read(storage_of(state), NULL, "b/old", 0, &byte, 1));
    assert_ok(bsi_storage_rename(storage_of(state), NULL, "a/k", "b/c/new"));
    assert_missing(storage_of(state), "a/k");
    assert_ok(bsi_storage_rename(storage_of(state), NULL, "b/c/new", "b/old"));
    assert_content(storage_of(state), "b/old", "text");
    assert_listing(storage_of(state), "", (const char *const[]){"b/old", NULL});
    assert_ok(bsi_storage_rename(storage_of(state), NULL, "b/old", "b/old"));
    assert_content(storage_of(state), "b/old", "text");
}

static void renaming_nothing_is_not_found(void **state)
{
    if (!has_cap(state, BS_STORAGE_CAP_RENAME)) {
        skip();
    }
    put_text(storage_of(state), "d/k", "text");
    assert_status(bsi_storage_rename(storage_of(state), NULL, "no", "new"), BS_E_NOT_FOUND);
    assert_status(bsi_storage_rename(storage_of(state), NULL, "no/no", "new"), BS_E_NOT_FOUND);
    assert_status(bsi_storage_rename(storage_of(state), NULL, "d/no", "e/new"), BS_E_NOT_FOUND);
    assert_status(bsi_storage_rename(storage_of(state), NULL, "d", "e"), BS_E_NOT_FOUND);
    assert_listing(storage_of(state), "", (const char *const[]){"d/k", NULL});
}

static void times_are_kept(void **state)
{
    const int64_t second = 1000000000;
    bs_storage_put_options options = BSI_PUT_DEFAULTS;
    bs_storage_object object;
    bsi_upload *upload = NULL;

    if (!has_cap(state, BS_STORAGE_CAP_MTIME)) {
        skip();
    }
    options.mtime_ns = 1234567890 * second;
    assert_ok(bsi_upload_begin(storage_of(state), NULL, "k", &options, &upload));
    assert_ok(bsi_upload_commit(upload, NULL));
    assert_ok(bsi_storage_stat(storage_of(state), NULL, "k", &object));
    assert_int_equal(object.mtime_ns / second, 1234567890);
    assert_ok(bsi_storage_set_mtime(storage_of(state), NULL, "k", -5 * second));
    assert_ok(bsi_storage_stat(storage_of(state), NULL, "k", &object));
    assert_int_equal(object.mtime_ns / second, -5);
    assert_status(bsi_storage_set_mtime(storage_of(state), NULL, "no", 0), BS_E_NOT_FOUND);
}

static void free_space_is_told_or_refused(void **state)
{
    uint64_t bytes = 0;

    if (has_cap(state, BS_STORAGE_CAP_FREE_SPACE)) {
        assert_ok(bsi_storage_free_space(storage_of(state), NULL, &bytes));
        assert_true(bytes > 0);
    } else {
        assert_status(bsi_storage_free_space(storage_of(state), NULL, &bytes), BS_E_UNSUPPORTED);
    }
}

static void a_cancelled_call_changes_nothing(void **state)
{
    bsi_cancel cancel = {false};
    const bs_call call = {.cancel = &cancel};
    bs_storage_object object;
    bsi_upload *upload = begin(state, "new", 0);
    bsi_storage *storage = storage_of(state);
    char byte;

    put_text(storage, "k", "x");
    bsi_cancel_request(&cancel);
    assert_status(bsi_storage_stat(storage, &call, "k", &object), BS_E_CANCELLED);
    assert_status(bsi_storage_read(storage, &call, "k", 0, &byte, 1), BS_E_CANCELLED);
    assert_status(bsi_storage_remove(storage, &call, "k"), BS_E_CANCELLED);
    assert_status(bsi_storage_put(storage, &call, "k", "y", 1), BS_E_CANCELLED);
    assert_status(bsi_storage_list(storage, &call, "", collect, NULL), BS_E_CANCELLED);
    assert_status(bsi_upload_commit(upload, &call), BS_E_CANCELLED);
    assert_content(storage, "k", "x");
    assert_listing(storage, "", (const char *const[]){"k", NULL});
}

static void an_upload_cancelled_half_way_leaves_nothing(void **state)
{
    bsi_cancel cancel = {false};
    const bs_call call = {.cancel = &cancel};
    bsi_upload *upload = begin(state, "k", 0);

    assert_ok(bsi_upload_write(upload, &call, "text", 4));
    bsi_cancel_request(&cancel);
    assert_status(bsi_upload_write(upload, &call, "more", 4), BS_E_CANCELLED);
    bsi_upload_abort(upload);
    assert_listing(storage_of(state), "", (const char *const[]){NULL});
}

static void loading_more_than_the_limit_is_refused(void **state)
{
    bsi_buf buf;

    bsi_buf_init(&buf, 100);
    put_text(storage_of(state), "k", "12345");
    assert_status(bsi_storage_load(storage_of(state), NULL, "k", 4, &buf), BS_E_LIMIT);
    assert_ok(bsi_storage_load(storage_of(state), NULL, "k", 5, &buf));
    assert_ok(bsi_storage_load(storage_of(state), NULL, "k", 5, &buf));
    assert_int_equal(buf.size, 10);
    assert_memory_equal(buf.data, "1234512345", 10);
    bsi_buf_dispose(&buf);
}

static void large_objects_come_back_whole(void **state)
{
    const size_t size = 5 * 1024 * 1024 + 123;
    uint8_t *data = malloc(size);
    uint8_t *back = malloc(size);

    assert_non_null(data);
    assert_non_null(back);
    for (size_t i = 0; i < size; i++) {
        data[i] = (uint8_t)(i * 2654435761u >> 13);
    }
    assert_ok(bsi_storage_put(storage_of(state), NULL, "big", data, size));
    assert_ok(bsi_storage_read(storage_of(state), NULL, "big", 0, back, size));
    assert_memory_equal(back, data, size);
    assert_ok(bsi_storage_read(storage_of(state), NULL, "big", size - 77, back, 77));
    assert_memory_equal(back, data + size - 77, 77);
    free(data);
    free(back);
}

static void an_error_names_the_object_and_the_layer(void **state)
{
    char byte;

    assert_status(bsi_storage_read(storage_of(state), NULL, "some/key\n", 0, &byte, 1),
                  BS_E_NOT_FOUND);
    assert_int_equal(bs_error_last()->layer, BS_LAYER_STORAGE);
    assert_non_null(strstr(bs_error_last()->message, "reading object 'some/key\\x0a': "));
}

static void an_upload_keeps_its_storage_open(void **state)
{
    fixture *fix = *state;
    bsi_upload *upload = begin(state, "k", 0);
    bsi_storage *again = bsi_storage_ref(fix->storage);

    bsi_storage_unref(fix->storage);
    fix->storage = again;
    assert_ok(bsi_upload_write(upload, NULL, "x", 1));
    assert_ok(bsi_upload_commit(upload, NULL));
    assert_content(fix->storage, "k", "x");
}

/* Fail the 1st allocation, then the 2nd, ... until the whole of it needs no more. */
static void running_out_of_memory_changes_nothing(void **state)
{
    bsi_storage *storage = storage_of(state);
    bs_status status = BS_E_NOMEM;
    listed list;

    put_text(storage, "a/k", "old");
    for (long n = 0; status != BS_OK; n++) {
        bsi_alloc_fail_after(n);
        status = bsi_storage_put(storage, NULL, "a/k", "new", 3);
        bsi_alloc_fail_after(-1);
        if (status != BS_OK) {
            assert_int_equal(status, BS_E_NOMEM);
            assert_content(storage, "a/k", "old");
        }
    }
    assert_content(storage, "a/k", "new");
    status = BS_E_NOMEM;
    for (long n = 0; status != BS_OK; n++) {
        list = (listed){.count = 0};
        bsi_alloc_fail_after(n);
        status = bsi_storage_list(storage, NULL, "", collect, &list);
        bsi_alloc_fail_after(-1);
        listed_free(&list);
        assert_true(status == BS_OK || status == BS_E_NOMEM);
    }
}

/* Threads that put, read, list and remove; each checks what it may rely on. */
enum { WORKERS = 4, ROUNDS = 60 };

typedef struct worker {
    bsi_storage *storage;
    int number;
    bool failed;
    bsi_thread thread;
} worker;

static bs_status count_objects(void *user, const char *key, const bs_storage_object *object)
{
    int *count = user;

    (void)key;
    (void)object;
    (*count)++;
    return BS_OK;
}

/* The shared key holds one byte value sixteen times over, whoever wrote it last. */
static bool shared_is_whole(bsi_storage *storage)
{
    uint8_t back[16];
    const bs_status status = bsi_storage_read(storage, NULL, "shared/k", 0, back, sizeof(back));

    if (status == BS_E_NOT_FOUND) {
        return true;
    }
    for (size_t i = 1; i < sizeof(back) && status == BS_OK; i++) {
        if (back[i] != back[0]) {
            return false;
        }
    }
    return status == BS_OK;
}

static bool work_once(const worker *work, int round)
{
    char own[64];
    uint8_t shared[16];
    uint8_t back[64];
    bool good = true;
    int count = 0;

    (void)snprintf(own, sizeof(own), "d%d/x/k%d", round % 3, work->number);
    memset(shared, work->number * 16 + round % 16, sizeof(shared));
    good = bsi_storage_put(work->storage, NULL, own, own, sizeof(own)) == BS_OK && good;
    good =
        bsi_storage_put(work->storage, NULL, "shared/k", shared, sizeof(shared)) == BS_OK && good;
    good = bsi_storage_read(work->storage, NULL, own, 0, back, sizeof(own)) == BS_OK && good;
    good = good && memcmp(back, own, sizeof(own)) == 0;
    good = shared_is_whole(work->storage) && good;
    if (round % 8 == 0) {
        good = bsi_storage_list(work->storage, NULL, "", count_objects, &count) == BS_OK && good;
        good = good && count > 0;
    }
    good = bsi_storage_remove(work->storage, NULL, own) == BS_OK && good;
    good = bsi_storage_read(work->storage, NULL, own, 0, back, 1) == BS_E_NOT_FOUND && good;
    if (round % 5 == 0) {
        good = bsi_storage_remove(work->storage, NULL, "shared/k") == BS_OK && good;
    }
    return good;
}

static void work(void *user)
{
    worker *self = user;

    for (int round = 0; round < ROUNDS && !self->failed; round++) {
        self->failed = !work_once(self, round);
    }
}

static void threads_do_not_get_in_each_others_way(void **state)
{
    worker workers[WORKERS];

    for (int i = 0; i < WORKERS; i++) {
        workers[i] = (worker){.storage = storage_of(state), .number = i};
        assert_ok(bsi_thread_start(&workers[i].thread, "worker", work, &workers[i]));
    }
    for (int i = 0; i < WORKERS; i++) {
        bsi_thread_join(workers[i].thread);
    }
    for (int i = 0; i < WORKERS; i++) {
        assert_false(workers[i].failed);
    }
}

static void objects_that_stay_are_listed_while_others_come_and_go(void **state)
{
    worker other = {.storage = storage_of(state), .number = 1};
    char key[32];

    for (int i = 0; i < 20; i++) {
        (void)snprintf(key, sizeof(key), "stay/%d/k", i);
        put_text(storage_of(state), key, "x");
    }
    assert_ok(bsi_thread_start(&other.thread, "worker", work, &other));
    for (int i = 0; i < 20; i++) {
        int count = 0;
        assert_ok(bsi_storage_list(storage_of(state), NULL, "stay", count_objects, &count));
        assert_int_equal(count, 20);
    }
    bsi_thread_join(other.thread);
    assert_false(other.failed);
}

typedef struct behaviour {
    const char *name;
    void (*check)(void **state);
} behaviour;

#define BEHAVIOUR(name) \
    {                   \
#name, name     \
    }

static const behaviour behaviours[] = {
    BEHAVIOUR(a_new_storage_is_empty),
    BEHAVIOUR(what_was_put_is_read_back),
    BEHAVIOUR(an_object_may_be_empty),
    BEHAVIOUR(putting_again_replaces),
    BEHAVIOUR(stat_tells_the_size),
    BEHAVIOUR(what_is_not_there_is_not_found),
    BEHAVIOUR(a_directory_is_no_object),
    BEHAVIOUR(nothing_lies_below_an_object),
    BEHAVIOUR(ranges_are_exact),
    BEHAVIOUR(a_range_past_the_end_is_an_error),
    BEHAVIOUR(an_empty_range_only_asks_whether_it_lies_inside),
    BEHAVIOUR(removing_is_final_and_may_be_repeated),
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
    BEHAVIOUR(an_upload_comes_in_pieces),
    BEHAVIOUR(nothing_is_seen_before_the_commit),
    BEHAVIOUR(an_aborted_upload_leaves_what_was_there),
    BEHAVIOUR(the_old_object_stays_until_the_commit),
    BEHAVIOUR(of_two_uploads_of_one_key_the_last_commit_wins),
    BEHAVIOUR(the_beginning_can_be_changed_before_the_commit),
    BEHAVIOUR(a_patch_outside_of_what_was_written_is_refused),
    BEHAVIOUR(an_exclusive_put_never_replaces),
    BEHAVIOUR(a_renamed_object_has_only_its_new_key),
    BEHAVIOUR(renaming_nothing_is_not_found),
    BEHAVIOUR(times_are_kept),
    BEHAVIOUR(free_space_is_told_or_refused),
    BEHAVIOUR(a_cancelled_call_changes_nothing),
    BEHAVIOUR(an_upload_cancelled_half_way_leaves_nothing),
    BEHAVIOUR(loading_more_than_the_limit_is_refused),
    BEHAVIOUR(large_objects_come_back_whole),
    BEHAVIOUR(an_error_names_the_object_and_the_layer),
    BEHAVIOUR(an_upload_keeps_its_storage_open),
    BEHAVIOUR(running_out_of_memory_changes_nothing),
    BEHAVIOUR(threads_do_not_get_in_each_others_way),
    BEHAVIOUR(objects_that_stay_are_listed_while_others_come_and_go),
};

static int run_group(const char *name, const char *how, int (*prepare)(void **))
{
    struct CMUnitTest tests[BSI_ARRAY_SIZE(behaviours)];
    char title[128];

    for (size_t i = 0; i < BSI_ARRAY_SIZE(tests); i++) {
        tests[i] =
            (struct CMUnitTest){behaviours[i].name, behaviours[i].check, prepare, teardown, NULL};
    }
    (void)snprintf(title, sizeof(title), "storage/%s%s", name, how);
    return cmocka_run_group_tests_name(title, tests, NULL, NULL);
}

int storage_suite_run(const storage_subject *subject)
{
    int failed = 0;

    present_subject = subject;
    failed = run_group(subject->name, "", setup);
    return failed + run_group(subject->name, " decorated", setup_decorated);
}
