/* SPDX-License-Identifier: MIT */
/*
 * Nodes of trees, checked and turned into entries.
 */
#include "vault/repository/tree_entry.h"

#include <stdlib.h>
#include <string.h>

#include "vault/names.h"

/* What systems hold at most; longer ones were never read from anywhere. */
enum { XATTR_NAME_MAX = 255 };

static bs_status bad_node(const char *what)
{
    return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "its node in the tree cannot be right: %s",
                    what);
}

static bsi_file_type type_of(bsi_node_type type)
{
    static const bsi_file_type types[] = {
        [BSI_NODE_FILE] = BSI_TYPE_FILE,
        [BSI_NODE_DIR] = BSI_TYPE_DIR,
        [BSI_NODE_SYMLINK] = BSI_TYPE_SYMLINK,
        [BSI_NODE_BLOCK_DEVICE] = BSI_TYPE_BLOCK_DEVICE,
        [BSI_NODE_CHAR_DEVICE] = BSI_TYPE_CHAR_DEVICE,
        [BSI_NODE_FIFO] = BSI_TYPE_FIFO,
        [BSI_NODE_SOCKET] = BSI_TYPE_SOCKET,
    };

    return types[type];
}

static bs_status check_node(const bsi_node *node)
{
    if (node->type == BSI_NODE_FILE && !node->has_content) {
        return bad_node("a file without a list of its content");
    }
    if (node->type == BSI_NODE_DIR && !node->has_subtree) {
        return bad_node("a directory without a tree");
    }
    if (node->type == BSI_NODE_SYMLINK && node->link_target.size == 0) {
        return bad_node("a symbolic link without content");
    }
    if (node->type == BSI_NODE_SYMLINK &&
        memchr(node->link_target.data, '\0', node->link_target.size)) {
        return bad_node("a symbolic link with a zero byte");
    }
    return BS_OK;
}

static int compare_xattrs(const void *a, const void *b)
{
    const bsi_slice one = ((const bsi_xattr *)a)->name;
    const bsi_slice other = ((const bsi_xattr *)b)->name;
    const int order = memcmp(one.data, other.data, one.size < other.size ? one.size : other.size);

    return order != 0 ? order : (one.size > other.size) - (one.size < other.size);
}

static bool xattr_is_possible(const bsi_node_xattr *xattr)
{
    return xattr->name.size > 0 && xattr->name.size <= XATTR_NAME_MAX &&
           !memchr(xattr->name.data, '\0', xattr->name.size);
}

static bs_status take_xattrs(const bsi_node *node, bsi_buf *memory, bsi_entry *out)
{
    bsi_xattr *list = NULL;

    bsi_buf_clear(memory);
    for (size_t i = 0; i < node->xattr_count; i++) {
        const bsi_xattr xattr = {node->xattrs[i].name, node->xattrs[i].value};
        if (!xattr_is_possible(&node->xattrs[i])) {
            return bad_node("this can be no extended attribute");
        }
        BSI_TRY(bsi_buf_append(memory, &xattr, sizeof(xattr)));
    }
    list = (bsi_xattr *)(void *)memory->data;
    if (node->xattr_count > 1) {
        qsort(list, node->xattr_count, sizeof(*list), compare_xattrs);
    }
    out->xattrs = node->xattr_count > 0 ? list : NULL;
    out->xattr_count = node->xattr_count;
    return BS_OK;
}

/* A name that nobody can have is none. */
static bsi_slice owner_name(bsi_slice name)
{
    return bsi_utf8_is_text(name) ? name : (bsi_slice){0};
}

/* st_rdev as Linux packs it: 12 and 20 bits of the major, 8 and 24 of the minor number. */
static uint32_t major_of(uint64_t device)
{
    return (uint32_t)((device >> 8 & 0xfff) | (device >> 32 & 0xfffff000));
}

static uint32_t minor_of(uint64_t device)
{
    return (uint32_t)((device & 0xff) | (device >> 12 & 0xffffff00));
}

bs_status bsi_tree_entry(const bsi_node *node, bsi_slice path, bsi_buf *xattrs, bsi_entry *out)
{
    BSI_TRY(check_node(node));
    if (!bsi_path_is_safe(path)) {
        return bad_node("its path is too long");
    }
    *out = (bsi_entry){
        .path = path,
        .stat = {.type = type_of(node->type),
                 .mode = bsi_go_mode_to_stat(node->mode) & 07777,
                 .uid = node->uid,
                 .gid = node->gid,
                 .size = node->type == BSI_NODE_FILE ? node->size : 0,
                 .dev = node->device_id,
                 .ino = node->inode,
                 .nlink = node->links,
                 .mtime = {node->mtime.sec, node->mtime.nsec},
                 .ctime = {node->ctime.sec, node->ctime.nsec}},
        .user = owner_name(node->user),
        .group = owner_name(node->group),
    };
    if (node->type == BSI_NODE_SYMLINK) {
        out->link = node->link_target;
    }
    if (node->type == BSI_NODE_BLOCK_DEVICE || node->type == BSI_NODE_CHAR_DEVICE) {
        out->stat.rdev_major = major_of(node->device);
        out->stat.rdev_minor = minor_of(node->device);
    }
    return take_xattrs(node, xattrs, out);
}
