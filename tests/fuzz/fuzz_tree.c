/* SPDX-License-Identifier: MIT */
/*
 * Trees of a repository. An input is the text of one. Each node that is read is
 * written, read and written again: it is the same, and so is its text.
 */
#include "fuzz.h"

#include "repo/tree.h"

enum { TREE_MAX = 1024 * 1024 };

static bool is_same_time(const bsi_go_time *a, const bsi_go_time *b)
{
    return a->sec == b->sec && a->nsec == b->nsec && a->offset_sec == b->offset_sec;
}

static void compare_lists(const bsi_node *a, const bsi_node *b)
{
    fuzz_check(a->xattr_count == b->xattr_count);
    for (size_t i = 0; i < a->xattr_count; i++) {
        fuzz_check(bsi_slice_equal(a->xattrs[i].name, b->xattrs[i].name));
        fuzz_check(bsi_slice_equal(a->xattrs[i].value, b->xattrs[i].value));
    }
    if (a->type == BSI_NODE_FILE) {
        fuzz_check(a->content_count == b->content_count);
        fuzz_check(a->content_count == 0 ||
                   memcmp(a->content, b->content, a->content_count * sizeof(*a->content)) == 0);
    }
    fuzz_check(a->has_subtree == b->has_subtree);
    fuzz_check(!a->has_subtree || bsi_digest_equal(&a->subtree, &b->subtree));
}

static void compare(const bsi_node *a, const bsi_node *b)
{
    fuzz_check(bsi_slice_equal(a->name, b->name) && a->type == b->type && a->mode == b->mode);
    fuzz_check(is_same_time(&a->mtime, &b->mtime) && is_same_time(&a->atime, &b->atime));
    fuzz_check(is_same_time(&a->ctime, &b->ctime) && a->uid == b->uid && a->gid == b->gid);
    fuzz_check(bsi_slice_equal(a->user, b->user) && bsi_slice_equal(a->group, b->group));
    fuzz_check(a->inode == b->inode && a->device_id == b->device_id && a->size == b->size);
    fuzz_check(a->links == b->links && a->device == b->device);
    fuzz_check(bsi_slice_equal(a->link_target, b->link_target));
    fuzz_check(bsi_slice_equal(a->generic_attributes, b->generic_attributes));
    fuzz_check(bsi_slice_equal(a->error, b->error));
    compare_lists(a, b);
}

/* A tree of this node alone. */
static void write_alone(const bsi_node *node, bsi_buf *out)
{
    bsi_tree_writer writer;

    bsi_buf_init(out, TREE_MAX);
    fuzz_ok(bsi_tree_writer_begin(&writer, out));
    fuzz_ok(bsi_tree_writer_add(&writer, node));
    fuzz_ok(bsi_tree_writer_finish(&writer));
    bsi_tree_writer_dispose(&writer);
}

static void check_node(const bsi_node *node)
{
    bsi_tree_reader reader;
    bsi_node again;
    bsi_buf first;
    bsi_buf second;

    fuzz_check(bsi_node_name_is_valid(node->name));
    if ((node->type == BSI_NODE_DIR) != node->has_subtree) {
        return; /* Not one that would be written. */
    }
    write_alone(node, &first);
    bsi_tree_reader_init(&reader, first.data, first.size);
    fuzz_ok(bsi_tree_reader_next(&reader, &again));
    compare(node, &again);
    write_alone(&again, &second);
    fuzz_check(first.size == second.size && memcmp(first.data, second.data, first.size) == 0);
    fuzz_check(bsi_tree_reader_next(&reader, &again) == BS_END);
    bsi_tree_reader_dispose(&reader);
    bsi_buf_dispose(&first);
    bsi_buf_dispose(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bsi_tree_reader reader;
    bsi_node node;
    bs_status status = BS_OK;

    bsi_tree_reader_init(&reader, data, size);
    while ((status = bsi_tree_reader_next(&reader, &node)) == BS_OK) {
        check_node(&node);
    }
    fuzz_check(status == BS_END || status == BS_E_CORRUPT);
    bsi_tree_reader_dispose(&reader);
    return 0;
}
