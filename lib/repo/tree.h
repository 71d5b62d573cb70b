/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_TREE_H
#define BSI_REPO_TREE_H

#include "base/buffer.h"
#include "base/slice.h"
#include "hash/sha256.h"
#include "repo/go_text.h"
#include "text/json_read.h"

/*
 * A tree: the list of what is in one directory, as JSON text. It is known by
 * the digest of that text, so the same directory must give the same bytes,
 * whether restic writes it or we do:
 *
 *     {"nodes":[node,node,...]}<line feed>
 */

typedef enum bsi_node_type {
    BSI_NODE_FILE,
    BSI_NODE_DIR,
    BSI_NODE_SYMLINK,
    BSI_NODE_BLOCK_DEVICE,
    BSI_NODE_CHAR_DEVICE,
    BSI_NODE_FIFO,
    BSI_NODE_SOCKET,
} bsi_node_type;

typedef struct bsi_node_xattr {
    bsi_slice name;
    bsi_slice value;
} bsi_node_xattr;

/* One entry. What is 0 or empty is not written, but for times, owners and `content`. */
typedef struct bsi_node {
    bsi_slice name; /* Any bytes; one component of a path. */
    bsi_node_type type;
    uint32_t mode; /* Go's bits; see bsi_go_mode_from_stat(). */
    bsi_go_time mtime;
    bsi_go_time atime;
    bsi_go_time ctime;
    uint32_t uid;
    uint32_t gid;
    bsi_slice user;
    bsi_slice group;
    uint64_t inode;
    uint64_t device_id; /* The file system it is on. */
    uint64_t size;      /* What a file's blobs come to; not to be relied on. */
    uint64_t links;
    bsi_slice link_target; /* Any bytes. */
    const bsi_node_xattr *xattrs;
    size_t xattr_count;
    bsi_slice generic_attributes; /* JSON as it is; of other systems. */
    uint64_t device;              /* Which one a device is. */
    const bsi_digest *content;    /* A file's data blobs. */
    size_t content_count;
    bsi_digest subtree; /* A directory's tree. */
    bool has_content;   /* There is a list, if an empty one. Not looked at when writing. */
    bool has_subtree;
    bsi_slice error; /* Of old versions of restic. */
} bsi_node;

/* Whether a name may be one of a tree: not empty, not "." or "..", without '/' and NUL. */
bool bsi_node_name_is_valid(bsi_slice name);

/* Appends one tree to a buffer. */
typedef struct bsi_tree_writer {
    bsi_buf *out;
    bsi_buf last; /* The name before. */
    bool any;
} bsi_tree_writer;

/* `out` is kept until bsi_tree_writer_finish(). */
BS_NODISCARD bs_status bsi_tree_writer_begin(bsi_tree_writer *writer, bsi_buf *out);

/* Nodes come in ascending order of their names' bytes, none twice: else BS_E_INTERNAL. */
BS_NODISCARD bs_status bsi_tree_writer_add(bsi_tree_writer *writer, const bsi_node *node);

/*
 * A node's text in two parts, for what is known of a file's content, or of what is in a
 * directory, only later: append all that comes before that, and then the rest.
 */
BS_NODISCARD bs_status bsi_node_begin(bsi_buf *out, const bsi_node *node);
BS_NODISCARD bs_status bsi_node_end(bsi_buf *out, const bsi_node *node);

/* As bsi_tree_writer_add(), of a node whose text is written. */
BS_NODISCARD bs_status bsi_tree_writer_put(bsi_tree_writer *writer, bsi_slice name, bsi_slice text);

/* The end of the text. The writer needs to be disposed of all the same. */
BS_NODISCARD bs_status bsi_tree_writer_finish(bsi_tree_writer *writer);
void bsi_tree_writer_dispose(bsi_tree_writer *writer);

/*
 * Reads a tree node by node, from text that stays where it is. Failures are
 * BS_E_CORRUPT of layer STORAGE. Members that are not known are passed over;
 * the order of the nodes is not checked, as restic does not.
 */
typedef struct bsi_tree_reader {
    bsi_json_reader json;
    bsi_buf scratch[9]; /* Strings with escapes, and names. */
    bsi_buf content;
    bsi_buf xattrs;      /* bsi_node_xattr */
    bsi_buf xattr_bytes; /* What they point to. */
    bool in_nodes;
    bool over;
} bsi_tree_reader;

void bsi_tree_reader_init(bsi_tree_reader *reader, const void *text, size_t size);
void bsi_tree_reader_dispose(bsi_tree_reader *reader);

/* BS_END behind the last. What the node points to is valid until the next call. */
BS_NODISCARD bs_status bsi_tree_reader_next(bsi_tree_reader *reader, bsi_node *out);

/* A node of which only these are looked at, and its whole text, which lies in the tree's. */
typedef struct bsi_node_text {
    bsi_slice name;
    bsi_node_type type;
    bsi_slice text;
} bsi_node_text;

/* As bsi_tree_reader_next(). The two can take turns. */
BS_NODISCARD bs_status bsi_tree_reader_next_text(bsi_tree_reader *reader, bsi_node_text *out);

/* Read such a text, with a reader that reads nothing else. */
BS_NODISCARD bs_status bsi_tree_reader_parse(bsi_tree_reader *reader, bsi_slice text,
                                             bsi_node *out);

/* The name of a type in a tree, such as "dir". */
const char *bsi_node_type_name(bsi_node_type type);
BS_NODISCARD bs_status bsi_node_type_parse(bsi_slice name, bsi_node_type *out);

#endif
