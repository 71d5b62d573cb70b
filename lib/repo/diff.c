/* SPDX-License-Identifier: MIT */
/*
 * Two trees side by side: names are in order, so what is in both meets.
 */
#include "repo/diff.h"

#include <string.h>

#include "base/alloc.h"
#include "os/entry.h"
#include "repo/tree_cursor.h"

enum { DEPTH_MAX = 4096, SIDES = 2, BEFORE = 0, AFTER = 1 };

/* A folder on the way: on both sides, or on one. */
typedef struct frame {
    struct frame *above;
    bsi_tree_cursor sides[SIDES];
    bsi_buf last[SIDES]; /* The names before, to see that they are in order. */
    size_t path_size;    /* Of what is above. */
} frame;

typedef struct differ {
    const bs_call *call;
    bsi_blob_reader *reader;
    bsi_diff_cb callback;
    void *user;
    frame *top;
    size_t depth;
    bsi_buf path;
} differ;

/* --- Folders --- */

static void pop(differ *self)
{
    frame *now = self->top;

    self->top = now->above;
    self->depth--;
    self->path.size = now->path_size;
    for (int side = 0; side < SIDES; side++) {
        bsi_tree_cursor_dispose(&now->sides[side]);
        bsi_buf_dispose(&now->last[side]);
    }
    bsi_free(now);
}

/* Forward on one side. */
static bs_status forward(frame *now, int side)
{
    bsi_tree_cursor *cursor = &now->sides[side];
    bsi_buf *last = &now->last[side];
    const bs_status status = bsi_tree_cursor_next(cursor);

    if (status != BS_OK) {
        return status < 0 ? status : BS_OK;
    }
    if (bsi_path_compare(bsi_buf_slice(last), cursor->node.name) >= 0) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                        "the names of a tree are not in order, or there twice");
    }
    bsi_buf_clear(last);
    return bsi_buf_append(last, cursor->node.name.data, cursor->node.name.size);
}

static bs_status open_side(differ *self, int side, const bsi_digest *tree)
{
    frame *now = self->top;

    bsi_buf_init(&now->last[side], BSI_BLOB_TREE_MAX);
    if (!tree) {
        return BS_OK;
    }
    BSI_TRY(bsi_tree_cursor_open(&now->sides[side], self->reader, self->call, tree));
    return forward(now, side);
}

/* Into a folder; NULL on the side where there is none. */
static bs_status push(differ *self, const bsi_digest *before, const bsi_digest *after,
                      size_t path_size)
{
    frame *now = NULL;

    BSI_TRY(bsi_call_check(self->call));
    if (self->depth >= DEPTH_MAX) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_LIMIT, "more than %d folders in one another",
                        DEPTH_MAX);
    }
    now = bsi_calloc(1, sizeof(*now));
    if (!now) {
        return BS_E_NOMEM;
    }
    now->path_size = path_size;
    now->above = self->top;
    self->top = now;
    self->depth++;
    BSI_TRY(open_side(self, BEFORE, before));
    return open_side(self, AFTER, after);
}

/* --- Nodes --- */

static bool same_content(const bsi_node *a, const bsi_node *b)
{
    return a->content_count == b->content_count &&
           (a->content_count == 0 ||
            memcmp(a->content, b->content, a->content_count * sizeof(*a->content)) == 0);
}

static bool same_xattrs(const bsi_node *a, const bsi_node *b)
{
    bool same = a->xattr_count == b->xattr_count;

    for (size_t i = 0; same && i < a->xattr_count; i++) {
        same = bsi_slice_equal(a->xattrs[i].name, b->xattrs[i].name) &&
               bsi_slice_equal(a->xattrs[i].value, b->xattrs[i].value);
    }
    return same;
}

/* Without what changes by itself: times of access and change, and where it lies on the disk. */
static bool same_metadata(const bsi_node *a, const bsi_node *b)
{
    return a->mode == b->mode && a->uid == b->uid && a->gid == b->gid &&
           bsi_slice_equal(a->user, b->user) && bsi_slice_equal(a->group, b->group) &&
           a->mtime.sec == b->mtime.sec && a->mtime.nsec == b->mtime.nsec &&
           bsi_slice_equal(a->link_target, b->link_target) && a->device == b->device &&
           bsi_slice_equal(a->generic_attributes, b->generic_attributes) && same_xattrs(a, b);
}

static bs_status tell(const differ *self, bsi_diff_kind kind, const bsi_node *before,
                      const bsi_node *after)
{
    return self->callback(self->user, &(bsi_diff_item){
                                          .kind = kind,
                                          .path = bsi_buf_slice(&self->path),
                                          .before = before,
                                          .after = after,
                                      });
}

/* One of both may be NULL. */
static bs_status compare(const differ *self, const bsi_node *before, const bsi_node *after)
{
    if (!before || !after) {
        return tell(self, before ? BSI_DIFF_REMOVED : BSI_DIFF_ADDED, before, after);
    }
    if (before->type != after->type) {
        return tell(self, BSI_DIFF_TYPE, before, after);
    }
    if (before->type == BSI_NODE_FILE && !same_content(before, after)) {
        return tell(self, BSI_DIFF_CHANGED, before, after);
    }
    return same_metadata(before, after) ? BS_OK : tell(self, BSI_DIFF_METADATA, before, after);
}

static const bsi_digest *subtree_of(const bsi_node *node)
{
    return node && node->has_subtree ? &node->subtree : NULL;
}

/* One name, on one side or on both; then into the folder that it is. */
static bs_status visit(differ *self, const bsi_node *before, const bsi_node *after)
{
    const size_t path_size = self->path.size;
    const bsi_slice name = before ? before->name : after->name;
    const bsi_digest *old = subtree_of(before);
    const bsi_digest *new = subtree_of(after);

    BSI_TRY(bsi_buf_append_byte(&self->path, '/'));
    BSI_TRY(bsi_buf_append(&self->path, name.data, name.size));
    BSI_TRY(compare(self, before, after));
    if ((!old && !new) || (old && new &&bsi_digest_equal(old, new))) {
        self->path.size = path_size;
        return BS_OK;
    }
    return push(self, old, new, path_size);
}

static bs_status step(differ *self, frame *now)
{
    const bsi_tree_cursor *before = &now->sides[BEFORE];
    const bsi_tree_cursor *after = &now->sides[AFTER];
    int order = 0;

    if (!before->at_node && !after->at_node) {
        pop(self);
        return BS_OK;
    }
    if (!before->at_node || !after->at_node) {
        order = before->at_node ? -1 : 1;
    } else {
        order = bsi_path_compare(before->node.name, after->node.name);
    }
    BSI_TRY(visit(self, order <= 0 ? &before->node : NULL, order >= 0 ? &after->node : NULL));
    BSI_TRY(order <= 0 ? forward(now, BEFORE) : BS_OK);
    return order >= 0 ? forward(now, AFTER) : BS_OK;
}

bs_status bsi_repo_diff(const bsi_repo *repo, const bs_call *call, bsi_repo_index *index,
                        const bsi_digest *before, const bsi_digest *after, bsi_diff_cb callback,
                        void *user)
{
    differ self = {.call = call, .callback = callback, .user = user};
    bs_status status = BS_OK;

    if (bsi_digest_equal(before, after)) {
        return BS_OK;
    }
    BSI_TRY(bsi_blob_reader_new(repo, index, &self.reader));
    bsi_buf_init(&self.path, SIZE_MAX / 2);
    status = push(&self, before, after, 0);
    while (status == BS_OK && self.top) {
        status = step(&self, self.top);
    }
    while (self.top) {
        pop(&self);
    }
    bsi_buf_dispose(&self.path);
    bsi_blob_reader_free(self.reader);
    return status;
}
