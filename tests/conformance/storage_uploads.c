/* SPDX-License-Identifier: MIT */
/* Uploads, renames, times, cancelling. */
#include "conformance/storage_checks.h"

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
    static const char block[BS_STORAGE_PATCH_MAX + 10];

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

const behaviour storage_upload_behaviours[] = {
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
    {NULL, NULL},
};
