/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "repo/snapshot.h"

enum { ROOM = 64 * 1024 };

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ID_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

/* Every member that restic 0.19 knows, in its order. */
static const char full[] =
    "{\"time\":\"2026-02-03T04:05:06.7+01:00\",\"parent\":\"" ID_A "\",\"tree\":\"" ID_B "\","
    "\"paths\":[\"/a \\u003cb\\u003e\",\"/c\"],\"hostname\":\"here\",\"username\":\"me\","
    "\"uid\":1000,\"gid\":1001,\"excludes\":[\"*.o\"],\"tags\":[\"one\",\"two\"],"
    "\"original\":\"" ID_C "\",\"program_version\":\"restic 0.19.1\",\"summary\":{"
    "\"backup_start\":\"2026-02-03T03:05:06Z\",\"backup_end\":\"2026-02-03T03:06:06Z\","
    "\"files_new\":1,\"files_changed\":2,\"files_unmodified\":3,\"dirs_new\":4,"
    "\"dirs_changed\":5,\"dirs_unmodified\":6,\"data_blobs\":7,\"tree_blobs\":8,"
    "\"data_added\":9,\"data_added_packed\":10,\"total_files_processed\":11,"
    "\"total_bytes_processed\":18446744073709551615}}";

static void assert_slice(bsi_slice slice, const char *expected)
{
    assert_int_equal(slice.size, strlen(expected));
    assert_memory_equal(slice.data, expected, slice.size);
}

static void assert_copies(const char *json, const char *expected)
{
    bsi_snapshot snapshot;
    bsi_buf out;

    bsi_buf_init(&out, ROOM);
    assert_ok(bsi_snapshot_parse(bsi_slice_of(json), &snapshot));
    assert_ok(bsi_snapshot_write(&snapshot, &out));
    assert_slice(bsi_buf_slice(&out), expected);
    bsi_buf_dispose(&out);
    bsi_snapshot_dispose(&snapshot);
}

static void every_member_is_read_and_written_again(void **state)
{
    bsi_snapshot snapshot;

    (void)state;
    assert_ok(bsi_snapshot_parse(bsi_slice_of(full), &snapshot));
    assert_int_equal(snapshot.time.offset_sec, 3600);
    assert_int_equal(snapshot.time.nsec, 700000000);
    assert_true(snapshot.parent.given && snapshot.tree.given && snapshot.original.given);
    assert_int_equal(snapshot.tree.digest.bytes[0], 0xbb);
    assert_int_equal(snapshot.paths.count, 2);
    assert_slice(snapshot.paths.items[0], "/a <b>");
    assert_slice(snapshot.hostname, "here");
    assert_slice(snapshot.username, "me");
    assert_int_equal(snapshot.uid, 1000);
    assert_int_equal(snapshot.gid, 1001);
    assert_slice(snapshot.excludes.items[0], "*.o");
    assert_slice(snapshot.tags.items[1], "two");
    assert_slice(snapshot.program_version, "restic 0.19.1");
    assert_true(snapshot.has_summary);
    assert_int_equal(snapshot.summary.dirs_new, 4);
    assert_true(snapshot.summary.total_bytes_processed == UINT64_MAX);
    bsi_snapshot_dispose(&snapshot);
    assert_copies(full, full);
}

static void a_time_and_a_tree_are_enough(void **state)
{
    static const char least[] = "{\"time\":\"2026-02-03T04:05:06Z\",\"tree\":\"" ID_B "\"}";

    (void)state;
    assert_copies(least,
                  "{\"time\":\"2026-02-03T04:05:06Z\",\"tree\":\"" ID_B "\",\"paths\":null}");
    assert_copies("{\"tags\":null,\"tree\":\"" ID_B "\",\"parent\":null,\"summary\":null,"
                  "\"time\":\"2026-02-03T04:05:06Z\",\"tags\":[],\"uid\":0}",
                  "{\"time\":\"2026-02-03T04:05:06Z\",\"tree\":\"" ID_B "\",\"paths\":null}");
}

static void members_that_are_not_known_are_kept(void **state)
{
    (void)state;
    assert_copies("{\"a<\": {\"b\": [1, null]},\"time\":\"2026-02-03T04:05:06Z\",\"z\":\"\\u00e9\","
                  "\"tree\":\"" ID_B "\"}",
                  "{\"time\":\"2026-02-03T04:05:06Z\",\"tree\":\"" ID_B "\",\"paths\":null,"
                  "\"a<\":{\"b\": [1, null]},\"z\":\"\\u00e9\"}");
}

/* Neither the longest key with escapes nor a longer one without may become one that is refused. */
static void kept_members_can_be_read_again(void **state)
{
    const char escaped[] =
        "\\u0001&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&";
    char plain[400];
    char text[1024];

    (void)state;
    memset(plain, '&', sizeof(plain) - 1);
    plain[sizeof(plain) - 1] = '\0';
    assert_true(snprintf(text, sizeof(text),
                         "{\"time\":\"2026-02-03T04:05:06Z\",\"tree\":\"" ID_B
                         "\",\"paths\":null,\"%s\":1,\"%s\":2}",
                         escaped, plain) < (int)sizeof(text));
    assert_copies(text, text);
}

static void the_last_of_two_counts(void **state)
{
    (void)state;
    assert_copies("{\"time\":\"2026-02-03T04:05:06Z\",\"tree\":\"" ID_A "\",\"paths\":[\"/a\"],"
                  "\"paths\":[\"/b\"],\"tree\":\"" ID_B "\"}",
                  "{\"time\":\"2026-02-03T04:05:06Z\",\"tree\":\"" ID_B "\",\"paths\":[\"/b\"]}");
}

#define WITH(members) "{\"time\":\"2026-02-03T04:05:06Z\",\"tree\":\"" ID_B "\"," members "}"

static void what_is_no_snapshot_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "null",
        "{}",
        "{\"time\":\"2026-02-03T04:05:06Z\"}",
        "{\"time\":\"2026-02-03T04:05:06Z\",\"tree\":null}",
        "{\"tree\":\"" ID_B "\"}",
        "{\"time\":\"yesterday\",\"tree\":\"" ID_B "\"}",
        "{\"time\":\"2026-02-03T04:05:06Z\",\"tree\":\"abc\"}",
        WITH("\"paths\":\"/a\""),
        WITH("\"paths\":[null]"),
        WITH("\"paths\":[1]"),
        WITH("\"hostname\":[]"),
        WITH("\"uid\":-1"),
        WITH("\"gid\":4294967296"),
        WITH("\"summary\":[]"),
        WITH("\"summary\":{\"files_new\":-1}"),
        WITH("\"summary\":{\"files_new\":1.5}"),
        WITH("\"summary\":{\"backup_end\":0}"),
        WITH("\"other\":}"),
        "{\"time\":\"2026-02-03T04:05:06Z\",\"tree\":\"" ID_B "\"} x",
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(bad); i++) {
        bsi_snapshot snapshot;
        print_message("# %s\n", bad[i]);
        assert_status(bsi_snapshot_parse(bsi_slice_of(bad[i]), &snapshot), BS_E_CORRUPT);
        assert_int_equal(bs_error_last()->layer, BS_LAYER_STORAGE);
    }
}

/* Cut anywhere, a snapshot is not taken for a whole one. */
static void a_cut_snapshot_is_found(void **state)
{
    (void)state;
    for (size_t size = 0; size + 1 < sizeof(full); size++) {
        bsi_snapshot snapshot;
        assert_status(bsi_snapshot_parse((bsi_slice){full, size}, &snapshot), BS_E_CORRUPT);
    }
}

static void lack_of_memory_leaves_nothing_behind(void **state)
{
    bsi_snapshot snapshot;
    bs_status status = BS_E_NOMEM;

    (void)state;
    for (long n = 0; status != BS_OK; n++) {
        bsi_alloc_fail_after(n);
        status = bsi_snapshot_parse(bsi_slice_of(full), &snapshot);
        assert_true(status == BS_OK || status == BS_E_NOMEM);
    }
    bsi_alloc_fail_after(-1);
    bsi_snapshot_dispose(&snapshot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_member_is_read_and_written_again),
        cmocka_unit_test(a_time_and_a_tree_are_enough),
        cmocka_unit_test(members_that_are_not_known_are_kept),
        cmocka_unit_test(kept_members_can_be_read_again),
        cmocka_unit_test(the_last_of_two_counts),
        cmocka_unit_test(what_is_no_snapshot_is_refused),
        cmocka_unit_test(a_cut_snapshot_is_found),
        cmocka_unit_test(lack_of_memory_leaves_nothing_behind),
    };

    return cmocka_run_group_tests_name("repo/snapshot", tests, NULL, NULL);
}
