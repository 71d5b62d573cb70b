/* SPDX-License-Identifier: MIT */
/*
 * Trees that the restic program wrote, 0.14 and 0.19.1, are read and written
 * again without a difference; and what is no tree.
 */
#include "support/test.h"

#include <string.h>

#include "repo/tree.h"
#include "support/restic.h"

enum { TREE_MAX = 1024 * 1024 };

static const char *data_folder;

/* Read a tree and write it again. */
static bs_status copy_tree(const void *text, size_t size, bsi_buf *out)
{
    bsi_tree_reader reader;
    bsi_tree_writer writer;
    bsi_node node;
    bs_status status = BS_OK;

    bsi_tree_reader_init(&reader, text, size);
    assert_ok(bsi_tree_writer_begin(&writer, out));
    while (status == BS_OK) {
        status = bsi_tree_reader_next(&reader, &node);
        if (status == BS_OK) {
            assert_ok(bsi_tree_writer_add(&writer, &node));
        }
    }
    assert_ok(bsi_tree_writer_finish(&writer));
    bsi_tree_writer_dispose(&writer);
    bsi_tree_reader_dispose(&reader);
    return status;
}

/* The same, each node's text by itself, and the text in two parts. */
static bs_status copy_texts(const void *text, size_t size, bsi_buf *out)
{
    bsi_tree_reader reader;
    bsi_tree_reader node_reader;
    bsi_tree_writer writer;
    bsi_node_text found = {.name = {0}};
    bsi_node node;
    bsi_buf parts;
    bs_status status = BS_OK;

    bsi_buf_init(&parts, TREE_MAX);
    bsi_tree_reader_init(&reader, text, size);
    bsi_tree_reader_init(&node_reader, NULL, 0);
    assert_ok(bsi_tree_writer_begin(&writer, out));
    while ((status = bsi_tree_reader_next_text(&reader, &found)) == BS_OK) {
        assert_ok(bsi_tree_reader_parse(&node_reader, found.text, &node));
        assert_true(bsi_slice_equal(found.name, node.name));
        assert_int_equal(found.type, node.type);
        bsi_buf_clear(&parts);
        assert_ok(bsi_node_begin(&parts, &node));
        assert_ok(bsi_node_end(&parts, &node));
        assert_ok(bsi_tree_writer_put(&writer, found.name, bsi_buf_slice(&parts)));
    }
    assert_ok(bsi_tree_writer_finish(&writer));
    bsi_tree_writer_dispose(&writer);
    bsi_tree_reader_dispose(&reader);
    bsi_tree_reader_dispose(&node_reader);
    bsi_buf_dispose(&parts);
    return status;
}

static void check_copy(void *user, const char *id, bsi_slice text)
{
    char digits[2 * BSI_SHA256_SIZE + 1];
    bsi_digest digest;
    bsi_buf out;

    (void)user;
    bsi_buf_init(&out, TREE_MAX);
    assert_status(copy_tree(text.data, text.size, &out), BS_END);
    assert_int_equal(out.size, text.size);
    assert_memory_equal(out.data, text.data, out.size);
    bsi_sha256_of(out.data, out.size, &digest);
    bsi_digest_format(&digest, digits);
    assert_string_equal(digits, id);
    bsi_buf_clear(&out);
    assert_status(copy_texts(text.data, text.size, &out), BS_END);
    assert_int_equal(out.size, text.size);
    assert_memory_equal(out.data, text.data, out.size);
    bsi_buf_dispose(&out);
}

static void what_restic_wrote_is_written_again_byte_for_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < RESTIC_REPOSITORIES; i++) {
        assert_true(
            restic_expected(data_folder, restic_repositories[i], "trees", check_copy, NULL) > 25);
    }
}

/* The first node of a tree; the reader must be disposed of. */
static bs_status first_node(bsi_tree_reader *reader, const char *text, bsi_node *node)
{
    bsi_tree_reader_init(reader, text, strlen(text));
    return bsi_tree_reader_next(reader, node);
}

static void assert_slice(bsi_slice slice, const char *expected)
{
    assert_int_equal(slice.size, strlen(expected));
    assert_memory_equal(slice.data, expected, slice.size);
}

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"

static void members_come_in_any_order_and_unknown_ones_are_passed_over(void **state)
{
    bsi_tree_reader reader;
    bsi_node node;

    (void)state;
    assert_ok(
        first_node(&reader,
                   "{\"later\":[1],\"nodes\":[{\"linktarget_raw\":\"YP9i\",\"new\":{\"x\":[]},"
                   "\"linktarget\":\"`\xef\xbf\xbd"
                   "b\",\"content\":[\"" ID_A "\",\"" ID_B "\"],"
                   "\"extended_attributes\":[{\"value\":\"AAEC\",\"name\":\"user.a\"},"
                   "{\"name\":\"user.\\u003c\",\"value\":null}],"
                   "\"inode\":18446744073709551615,\"type\":\"file\",\"user\":null,"
                   "\"mode\":384,\"name\":\"\\\\xff\"}],\"after\":1} ",
                   &node));
    assert_slice(node.name, "\xff");
    assert_slice(node.link_target, "`\xff"
                                   "b");
    assert_int_equal(node.type, BSI_NODE_FILE);
    assert_true(node.inode == UINT64_MAX);
    assert_int_equal(node.mtime.sec, BSI_GO_TIME_NONE.sec);
    assert_true(node.has_content);
    assert_int_equal(node.content_count, 2);
    assert_int_equal(node.content[1].bytes[31], 0xbb);
    assert_int_equal(node.xattr_count, 2);
    assert_slice(node.xattrs[0].name, "user.a");
    assert_int_equal(node.xattrs[0].value.size, 3);
    assert_memory_equal(node.xattrs[0].value.data, "\0\1\2", 3);
    assert_slice(node.xattrs[1].name, "user.<");
    assert_int_equal(node.xattrs[1].value.size, 0);
    assert_status(bsi_tree_reader_next(&reader, &node), BS_END);
    assert_status(bsi_tree_reader_next(&reader, &node), BS_END);
    bsi_tree_reader_dispose(&reader);
}

static void an_empty_directory_is_thirteen_bytes(void **state)
{
    bsi_buf out;

    (void)state;
    bsi_buf_init(&out, TREE_MAX);
    assert_status(copy_tree("{\"nodes\":[]}\n", 13, &out), BS_END);
    assert_int_equal(out.size, 13);
    assert_memory_equal(out.data, "{\"nodes\":[]}\n", 13);
    bsi_buf_dispose(&out);
}

#define NODE(members) "{\"nodes\":[{" members "}]}"

static void what_is_no_tree_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "{}",
        "[]",
        "{\"nodes\":null}",
        "{\"nodes\":[null]}",
        "{\"nodes\":[{}]}",
        NODE("\"name\":\"a\""),
        NODE("\"type\":\"file\""),
        NODE("\"type\":\"file\",\"name\":\"\""),
        NODE("\"type\":\"file\",\"name\":\".\""),
        NODE("\"type\":\"file\",\"name\":\"..\""),
        NODE("\"type\":\"file\",\"name\":\"a/b\""),
        NODE("\"type\":\"file\",\"name\":\"\\\\x2f\""),
        NODE("\"type\":\"file\",\"name\":\"a\\\\x00\""),
        NODE("\"type\":\"file\",\"name\":\"\\\\q\""),
        NODE("\"type\":\"irregular\",\"name\":\"a\""),
        NODE("\"type\":\"file\",\"name\":\"a\",\"size\":-1"),
        NODE("\"type\":\"file\",\"name\":\"a\",\"size\":1.5"),
        NODE("\"type\":\"file\",\"name\":\"a\",\"uid\":4294967296"),
        NODE("\"type\":\"file\",\"name\":\"a\",\"mtime\":\"yesterday\""),
        NODE("\"type\":\"file\",\"name\":\"a\",\"content\":[\"aa\"]"),
        NODE("\"type\":\"file\",\"name\":\"a\",\"content\":[null]"),
        NODE("\"type\":\"dir\",\"name\":\"a\",\"subtree\":\"" ID_A "x\""),
        NODE("\"type\":\"file\",\"name\":\"a\",\"linktarget_raw\":\"!\""),
        "{\"nodes\":[],\"nodes\":[]}",
        "{\"nodes\":[]} x",
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(bad); i++) {
        bsi_tree_reader reader;
        bsi_node node;
        bs_status status = first_node(&reader, bad[i], &node);
        print_message("# %s\n", bad[i]);
        assert_status(status, BS_E_CORRUPT);
        assert_int_equal(bs_error_last()->layer, BS_LAYER_STORAGE);
        bsi_tree_reader_dispose(&reader);
    }
}

/* A tree that is cut anywhere is not taken for a whole one. */
static void what_a_node_is_may_stand_anywhere_in_it(void **state)
{
    static const char *const wrong[] = {
        "{\"nodes\":[{\"type\":\"file\"}]}", "{\"nodes\":[{\"name\":1}]}",
        "{\"nodes\":[{\"name\":\"a\"}]}",    "{\"nodes\":[{\"name\":\"a\",\"type\":\"other\"}]}",
        "{\"nodes\":[[\"name\",\"a\"]]}",    "{\"nodes\":[{\"name\":\"\\\\q\"}]}",
    };
    static const char right[] = "{\"nodes\":[{\"type\":\"dir\",\"x\":{},\"name\":\"a\\\\x00\"}]}";
    bsi_tree_reader reader;
    bsi_node_text found = {.name = {0}};

    (void)state;
    bsi_tree_reader_init(&reader, right, sizeof(right) - 1);
    assert_ok(bsi_tree_reader_next_text(&reader, &found));
    assert_int_equal(found.name.size, 2);
    assert_memory_equal(found.name.data, "a", 2);
    assert_int_equal(found.type, BSI_NODE_DIR);
    assert_int_equal(found.text.size, sizeof(right) - sizeof("{\"nodes\":[]}"));
    assert_status(bsi_tree_reader_next_text(&reader, &found), BS_END);
    bsi_tree_reader_dispose(&reader);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(wrong); i++) {
        print_message("# %s\n", wrong[i]);
        bsi_tree_reader_init(&reader, wrong[i], strlen(wrong[i]));
        assert_status(bsi_tree_reader_next_text(&reader, &found), BS_E_CORRUPT);
        bsi_tree_reader_dispose(&reader);
    }
}

static void a_cut_tree_is_found(void **state)
{
    static const char whole[] = NODE("\"type\":\"fifo\",\"name\":\"a\",\"content\":null");

    (void)state;
    for (size_t size = 0; size + 1 < sizeof(whole); size++) {
        bsi_buf out;
        bsi_buf_init(&out, TREE_MAX);
        assert_status(copy_tree(whole, size, &out), BS_E_CORRUPT);
        bsi_buf_dispose(&out);
    }
}

static void nodes_out_of_order_are_not_written(void **state)
{
    static const char *const names[][2] = {{"b", "a"}, {"a", "a"}, {"ab", "a"}, {"\xff", "a"}};

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(names); i++) {
        bsi_tree_writer writer;
        bsi_node node = {.type = BSI_NODE_FILE, .name = bsi_slice_of(names[i][0])};
        bsi_buf out;

        bsi_buf_init(&out, TREE_MAX);
        assert_ok(bsi_tree_writer_begin(&writer, &out));
        assert_ok(bsi_tree_writer_add(&writer, &node));
        node.name = bsi_slice_of(names[i][1]);
        assert_status(bsi_tree_writer_add(&writer, &node), BS_E_INTERNAL);
        bsi_tree_writer_dispose(&writer);
        bsi_buf_dispose(&out);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_restic_wrote_is_written_again_byte_for_byte),
        cmocka_unit_test(members_come_in_any_order_and_unknown_ones_are_passed_over),
        cmocka_unit_test(an_empty_directory_is_thirteen_bytes),
        cmocka_unit_test(what_is_no_tree_is_refused),
        cmocka_unit_test(what_a_node_is_may_stand_anywhere_in_it),
        cmocka_unit_test(a_cut_tree_is_found),
        cmocka_unit_test(nodes_out_of_order_are_not_written),
    };

    data_folder = argc > 1 ? argv[1] : "tests/data/restic";
    return cmocka_run_group_tests_name("repo/tree", tests, NULL, NULL);
}
