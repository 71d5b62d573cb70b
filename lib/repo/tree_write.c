/* SPDX-License-Identifier: MIT */
/*
 * Trees, byte for byte as restic's encoder writes them: its order of members,
 * no white space, and what is empty left out where it leaves it out.
 */
#include <inttypes.h>
#include <string.h>

#include "base/utf8.h"
#include "os/entry.h"
#include "repo/json_parts.h"
#include "repo/tree.h"
#include "text/base64.h"

enum { NAME_MAX_BYTES = 1024 * 1024 };

static const char *const type_names[] = {
    [BSI_NODE_FILE] = "file",           [BSI_NODE_DIR] = "dir",
    [BSI_NODE_SYMLINK] = "symlink",     [BSI_NODE_BLOCK_DEVICE] = "dev",
    [BSI_NODE_CHAR_DEVICE] = "chardev", [BSI_NODE_FIFO] = "fifo",
    [BSI_NODE_SOCKET] = "socket",
};

const char *bsi_node_type_name(bsi_node_type type)
{
    return type_names[type];
}

bs_status bsi_node_type_parse(bsi_slice name, bsi_node_type *out)
{
    char shown[64];

    for (size_t i = 0; i < BSI_ARRAY_SIZE(type_names); i++) {
        if (bsi_slice_is(name, type_names[i])) {
            *out = (bsi_node_type)i;
            return BS_OK;
        }
    }
    return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "'%s' is no type of a node",
                    bsi_printable(name.data, name.size, shown, sizeof(shown)));
}

bool bsi_node_name_is_valid(bsi_slice name)
{
    return name.size > 0 && !bsi_slice_is(name, ".") && !bsi_slice_is(name, "..") &&
           !memchr(name.data, '/', name.size) && !memchr(name.data, '\0', name.size);
}

static bs_status put_string(bsi_buf *out, const char *key, bsi_slice text)
{
    if (text.size == 0) {
        return BS_OK;
    }
    BSI_TRY(bsi_buf_append_text(out, key));
    return bsi_go_json_string(out, text);
}

static bs_status put_number(bsi_buf *out, const char *key, uint64_t value)
{
    return value == 0 ? BS_OK : bsi_buf_append_format(out, "%s%" PRIu64, key, value);
}

static bs_status put_time(bsi_buf *out, const char *key, const bsi_go_time *time)
{
    BSI_TRY(bsi_buf_append_text(out, key));
    return bsi_go_json_time(out, time);
}

static bs_status put_base64(bsi_buf *out, const char *key, bsi_slice bytes)
{
    BSI_TRY(bsi_buf_append_text(out, key));
    BSI_TRY(bsi_base64_encode(bytes.data, bytes.size, out));
    return bsi_buf_append_byte(out, '"');
}

/* Versions of restic before 0.16 know only the first, which may be damaged. */
static bs_status put_link_target(bsi_buf *out, bsi_slice target)
{
    BSI_TRY(put_string(out, ",\"linktarget\":", target));
    if (bsi_utf8_valid(target.data, target.size)) {
        return BS_OK;
    }
    return put_base64(out, ",\"linktarget_raw\":\"", target);
}

static bs_status put_xattr(bsi_buf *out, const bsi_node_xattr *xattr)
{
    BSI_TRY(bsi_buf_append_text(out, "{\"name\":"));
    BSI_TRY(bsi_go_json_string(out, xattr->name));
    BSI_TRY(put_base64(out, ",\"value\":\"", xattr->value));
    return bsi_buf_append_byte(out, '}');
}

static bs_status put_xattrs(bsi_buf *out, const bsi_node *node)
{
    if (node->xattr_count == 0) {
        return BS_OK;
    }
    BSI_TRY(bsi_buf_append_text(out, ",\"extended_attributes\":"));
    for (size_t i = 0; i < node->xattr_count; i++) {
        BSI_TRY(bsi_buf_append_byte(out, i == 0 ? '[' : ','));
        BSI_TRY(put_xattr(out, &node->xattrs[i]));
    }
    return bsi_buf_append_byte(out, ']');
}

/* Of a file: a list; of anything else: null. */
static bs_status put_content(bsi_buf *out, const bsi_node *node)
{
    if (node->type != BSI_NODE_FILE) {
        return bsi_buf_append_text(out, ",\"content\":null");
    }
    BSI_TRY(bsi_buf_append_text(out, ",\"content\":["));
    for (size_t i = 0; i < node->content_count; i++) {
        BSI_TRY(bsi_json_put_digest(out, i == 0 ? "\"" : ",\"", &node->content[i]));
    }
    return bsi_buf_append_byte(out, ']');
}

static bs_status put_times(bsi_buf *out, const bsi_node *node)
{
    BSI_TRY(put_time(out, ",\"mtime\":", &node->mtime));
    BSI_TRY(put_time(out, ",\"atime\":", &node->atime));
    return put_time(out, ",\"ctime\":", &node->ctime);
}

static bs_status put_identity(bsi_buf *out, const bsi_node *node)
{
    BSI_TRY(bsi_buf_append_text(out, "{\"name\":"));
    BSI_TRY(bsi_go_json_name(out, node->name));
    BSI_TRY(bsi_buf_append_format(out, ",\"type\":\"%s\"", type_names[node->type]));
    BSI_TRY(put_number(out, ",\"mode\":", node->mode));
    BSI_TRY(put_times(out, node));
    BSI_TRY(
        bsi_buf_append_format(out, ",\"uid\":%" PRIu32 ",\"gid\":%" PRIu32, node->uid, node->gid));
    BSI_TRY(put_string(out, ",\"user\":", node->user));
    return put_string(out, ",\"group\":", node->group);
}

static bs_status put_numbers(bsi_buf *out, const bsi_node *node)
{
    BSI_TRY(put_number(out, ",\"inode\":", node->inode));
    BSI_TRY(put_number(out, ",\"device_id\":", node->device_id));
    BSI_TRY(put_number(out, ",\"size\":", node->size));
    return put_number(out, ",\"links\":", node->links);
}

static bs_status put_attributes(bsi_buf *out, const bsi_node *node)
{
    BSI_TRY(put_link_target(out, node->link_target));
    BSI_TRY(put_xattrs(out, node));
    if (node->generic_attributes.size > 0) {
        BSI_TRY(bsi_buf_append_text(out, ",\"generic_attributes\":"));
        BSI_TRY(bsi_buf_append(out, node->generic_attributes.data, node->generic_attributes.size));
    }
    return put_number(out, ",\"device\":", node->device);
}

bs_status bsi_node_begin(bsi_buf *out, const bsi_node *node)
{
    BSI_TRY(put_identity(out, node));
    BSI_TRY(put_numbers(out, node));
    return put_attributes(out, node);
}

bs_status bsi_node_end(bsi_buf *out, const bsi_node *node)
{
    BSI_CHECK((node->type == BSI_NODE_DIR) == node->has_subtree);
    BSI_TRY(put_content(out, node));
    if (node->has_subtree) {
        BSI_TRY(bsi_json_put_digest(out, ",\"subtree\":\"", &node->subtree));
    }
    BSI_TRY(put_string(out, ",\"error\":", node->error));
    return bsi_buf_append_byte(out, '}');
}

bs_status bsi_tree_writer_begin(bsi_tree_writer *writer, bsi_buf *out)
{
    *writer = (bsi_tree_writer){.out = out};
    bsi_buf_init(&writer->last, NAME_MAX_BYTES);
    return bsi_buf_append_text(out, "{\"nodes\":[");
}

/* What stands between a node and the one before it. */
static bs_status begin_next(bsi_tree_writer *writer, bsi_slice name)
{
    BSI_CHECK(bsi_node_name_is_valid(name));
    BSI_CHECK(bsi_path_compare(bsi_buf_slice(&writer->last), name) < 0);
    if (writer->any) {
        BSI_TRY(bsi_buf_append_byte(writer->out, ','));
    }
    writer->any = true;
    bsi_buf_clear(&writer->last);
    return bsi_buf_append(&writer->last, name.data, name.size);
}

bs_status bsi_tree_writer_add(bsi_tree_writer *writer, const bsi_node *node)
{
    BSI_TRY(begin_next(writer, node->name));
    BSI_TRY(bsi_node_begin(writer->out, node));
    return bsi_node_end(writer->out, node);
}

bs_status bsi_tree_writer_put(bsi_tree_writer *writer, bsi_slice name, bsi_slice text)
{
    BSI_TRY(begin_next(writer, name));
    return bsi_buf_append(writer->out, text.data, text.size);
}

bs_status bsi_tree_writer_finish(bsi_tree_writer *writer)
{
    return bsi_buf_append_text(writer->out, "]}\n");
}

void bsi_tree_writer_dispose(bsi_tree_writer *writer)
{
    bsi_buf_dispose(&writer->last);
}
