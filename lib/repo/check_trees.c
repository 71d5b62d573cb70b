/* SPDX-License-Identifier: MIT */
/*
 * Snapshots and their trees. Each tree is read once, however many directories
 * and snapshots have it; what was found about it, and all below it, is kept. The
 * walk has its stack in memory of its own: trees may be of any depth.
 */
#include <stdio.h>
#include <string.h>

#include "os/entry.h"
#include "repo/check_int.h"
#include "repo/snapshot_load.h"
#include "repo/tree.h"

enum {
    TREE_WHOLE = 0,
    TREE_DAMAGED = 1,
    DEPTH_MAX = 65536,
    TEXT_SIZE = 128,
};

#define STACK_BYTES_MAX ((size_t)1 << 31)

/* A directory below one that is being walked. */
typedef struct child {
    bsi_digest tree;
    size_t name_at; /* In the stack of names. */
    size_t name_size;
} child;

/* A directory whose children are being walked. */
typedef struct frame {
    bsi_digest tree;
    size_t names_begin; /* Where its own parts of the stacks begin. */
    size_t children_begin;
    size_t children_next;
    size_t path_size; /* Of its parent. */
    bool damaged;
} frame;

typedef struct walk {
    bsi_check *check;
    const bsi_digest *snapshot;
    bsi_digest_table trees; /* TREE_... of those that are done. */
    bsi_buf frames;
    bsi_buf children;
    bsi_buf names;
    bsi_buf path;
    bsi_buf last_name; /* Of the tree that is being read. */
} walk;

static frame *top(walk *self)
{
    const size_t size = self->frames.size;

    return size > 0 ? (frame *)(void *)(self->frames.data + size - sizeof(frame)) : NULL;
}

/* What is wrong below is wrong with the directory that has it. */
static void damage_top(walk *self)
{
    frame *now = top(self);

    if (now) {
        now->damaged = true;
    }
}

static void tell(walk *self, bsi_check_subject subject, bool is_note, const char *text)
{
    bsi_check_tell(self->check, &(bsi_check_finding){
                                    .subject = subject,
                                    .is_note = is_note,
                                    .id = self->snapshot,
                                    .path = {(const char *)self->path.data, self->path.size},
                                    .text = text,
                                });
}

static void tell_error(walk *self)
{
    bs_error error;

    bsi_error_save(&error);
    tell(self, BSI_CHECK_TREE, false, error.message);
}

static bs_status enter_path(walk *self, bsi_slice name)
{
    BSI_TRY(bsi_buf_append_byte(&self->path, '/'));
    return bsi_buf_append(&self->path, name.data, name.size);
}

/* --- Nodes --- */

/* Of a file: whether all that it is made of is there. */
static bs_status check_content(walk *self, const bsi_node *node, frame *parent)
{
    const size_t path_size = self->path.size;
    char text[TEXT_SIZE];
    size_t lost = 0;

    for (size_t i = 0; i < node->content_count; i++) {
        const bs_status status = bsi_check_blob(self->check, BSI_BLOB_DATA, &node->content[i]);
        if (status == BS_E_MISSING || status == BS_E_CORRUPT) {
            lost++;
        } else if (status < 0) {
            return status;
        }
    }
    if (lost == 0 && node->has_content) {
        return BS_OK;
    }
    parent->damaged = true;
    BSI_TRY(enter_path(self, node->name));
    (void)snprintf(text, sizeof(text), "%zu of the %zu blobs it is made of are lost", lost,
                   node->content_count);
    tell(self, BSI_CHECK_FILE, false, node->has_content ? text : "has no list of its content");
    self->path.size = path_size;
    return BS_OK;
}

/* Of a directory: keep its tree for later. */
static bs_status keep_child(walk *self, const bsi_node *node, frame *parent)
{
    const child one = {node->subtree, self->names.size, node->name.size};
    const size_t path_size = self->path.size;

    if (!node->has_subtree) {
        parent->damaged = true;
        BSI_TRY(enter_path(self, node->name));
        tell(self, BSI_CHECK_TREE, false, "a directory without a tree");
        self->path.size = path_size;
        return BS_OK;
    }
    BSI_TRY(bsi_buf_append(&self->names, node->name.data, node->name.size));
    return bsi_buf_append(&self->children, &one, sizeof(one));
}

static bs_status check_order(walk *self, const bsi_node *node, bool *told)
{
    const bsi_slice last = bsi_buf_slice(&self->last_name);

    if (!*told && bsi_path_compare(last, node->name) >= 0) {
        *told = true;
        tell(self, BSI_CHECK_TREE, true, "names are not in order, or there twice");
    }
    bsi_buf_clear(&self->last_name);
    return bsi_buf_append(&self->last_name, node->name.data, node->name.size);
}

static bs_status check_node(walk *self, const bsi_node *node, frame *parent)
{
    if (node->type == BSI_NODE_FILE) {
        return check_content(self, node, parent);
    }
    return node->type == BSI_NODE_DIR ? keep_child(self, node, parent) : BS_OK;
}

/* All nodes of a tree, up to where it is damaged. */
static bs_status check_nodes(walk *self, bsi_slice text, frame *parent)
{
    bsi_tree_reader reader;
    bsi_node node;
    bool told = false;
    bs_status status = BS_OK;

    bsi_buf_clear(&self->last_name);
    bsi_tree_reader_init(&reader, text.data, text.size);
    while ((status = bsi_tree_reader_next(&reader, &node)) == BS_OK) {
        status = check_order(self, &node, &told);
        if (status == BS_OK) {
            status = check_node(self, &node, parent);
        }
        if (status < 0) {
            bsi_tree_reader_dispose(&reader);
            return status;
        }
    }
    if (bsi_check_is_finding(status)) {
        tell_error(self);
        parent->damaged = true;
        status = BS_OK;
    }
    bsi_tree_reader_dispose(&reader);
    return status < 0 ? status : BS_OK;
}

/* --- Trees --- */

static bs_status push(walk *self, const bsi_digest *tree, size_t path_size)
{
    frame entered = {
        .tree = *tree,
        .names_begin = self->names.size,
        .children_begin = self->children.size,
        .children_next = self->children.size,
        .path_size = path_size,
    };
    bsi_slice text = {0};

    BSI_TRY(bsi_call_check(self->check->call));
    BSI_TRY(
        bsi_blob_reader_read(self->check->reader, self->check->call, BSI_BLOB_TREE, tree, &text));
    self->check->report.trees++;
    BSI_TRY(check_nodes(self, text, &entered));
    return bsi_buf_append(&self->frames, &entered, sizeof(entered));
}

/* A tree that cannot be read is done with at once. */
static bs_status enter(walk *self, const bsi_digest *tree, size_t path_size)
{
    const size_t names_size = self->names.size;
    const size_t children_size = self->children.size;
    const bool deep = self->frames.size / sizeof(frame) >= DEPTH_MAX;
    const bs_status status = deep ? bsi_fail(BS_LAYER_STORAGE, BS_E_LIMIT,
                                             "more than %d directories in one another", DEPTH_MAX)
                                  : push(self, tree, path_size);

    if (!bsi_check_is_finding(status)) {
        return status;
    }
    tell_error(self);
    self->names.size = names_size;
    self->children.size = children_size;
    self->path.size = path_size;
    damage_top(self);
    return bsi_digest_table_put(&self->trees, tree, TREE_DAMAGED);
}

static bs_status leave(walk *self, const frame *now)
{
    const frame left = *now;

    self->frames.size -= sizeof(left);
    self->names.size = left.names_begin;
    self->children.size = left.children_begin;
    self->path.size = left.path_size;
    if (left.damaged) {
        damage_top(self);
    }
    return bsi_digest_table_put(&self->trees, &left.tree, left.damaged ? TREE_DAMAGED : TREE_WHOLE);
}

static bs_status visit(walk *self, const child *one)
{
    const uint32_t *known = bsi_digest_table_find(&self->trees, &one->tree);
    const size_t path_size = self->path.size;
    const bsi_slice name = {(const char *)self->names.data + one->name_at, one->name_size};

    if (known) {
        if (*known == TREE_DAMAGED) {
            damage_top(self);
        }
        return BS_OK;
    }
    BSI_TRY(enter_path(self, name));
    return enter(self, &one->tree, path_size);
}

/* Into the next directory below, or back out when there is none. */
static bs_status step(walk *self, frame *now)
{
    child one;

    if (now->children_next >= self->children.size) {
        return leave(self, now);
    }
    memcpy(&one, self->children.data + now->children_next, sizeof(one));
    now->children_next += sizeof(one);
    return visit(self, &one);
}

static bs_status walk_all(walk *self)
{
    frame *now = NULL;
    bs_status status = BS_OK;

    while (status == BS_OK && (now = top(self))) {
        status = step(self, now);
    }
    return status;
}

/* --- Snapshots --- */

static void tell_snapshot(walk *self, const char *text)
{
    self->check->report.snapshots_damaged++;
    tell(self, BSI_CHECK_SNAPSHOT, false, text);
}

static bs_status check_tree_of(walk *self, const bsi_digest *tree)
{
    const uint32_t *known = bsi_digest_table_find(&self->trees, tree);

    if (!known) {
        BSI_TRY(enter(self, tree, 0));
        BSI_TRY(walk_all(self));
        known = bsi_digest_table_find(&self->trees, tree);
    }
    BSI_CHECK(known);
    if (*known == TREE_DAMAGED) {
        tell_snapshot(self, "cannot be restored as a whole");
    }
    return BS_OK;
}

static bs_status check_snapshot(walk *self, const bsi_digest *id)
{
    bsi_digest tree;
    bs_error error;
    bs_status status = BS_OK;

    self->snapshot = id;
    status = bsi_snapshot_load_tree(self->check->repo, self->check->call, id, &tree);
    if (status == BS_E_NOT_FOUND) { /* Removed meanwhile. */
        return BS_OK;
    }
    self->check->report.snapshots++;
    if (bsi_check_is_finding(status)) {
        bsi_error_save(&error);
        tell_snapshot(self, error.message);
        return BS_OK;
    }
    BSI_TRY(status);
    return check_tree_of(self, &tree);
}

bs_status bsi_check_snapshots(bsi_check *check)
{
    walk self = {.check = check};
    bs_status status = BS_OK;

    bsi_buf_init(&self.frames, STACK_BYTES_MAX);
    bsi_buf_init(&self.children, STACK_BYTES_MAX);
    bsi_buf_init(&self.names, STACK_BYTES_MAX);
    bsi_buf_init(&self.path, STACK_BYTES_MAX);
    bsi_buf_init(&self.last_name, STACK_BYTES_MAX);
    for (size_t i = 0; status == BS_OK && i < check->snapshots.count; i++) {
        status = check_snapshot(&self, &check->snapshots.items[i].id);
    }
    bsi_digest_table_dispose(&self.trees);
    bsi_buf_dispose(&self.frames);
    bsi_buf_dispose(&self.children);
    bsi_buf_dispose(&self.names);
    bsi_buf_dispose(&self.path);
    bsi_buf_dispose(&self.last_name);
    return status;
}
