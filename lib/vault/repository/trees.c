/* SPDX-License-Identifier: MIT */
/*
 * Trees from the bottom up. A tree's id is needed at once, by the node that stands
 * for it: it is hashed here. All else is done on the pool, and only for new ones.
 */
#include "vault/repository/trees.h"

#include <string.h>

#include "base/alloc.h"

enum {
    FRAME_KEPT = 256 * 1024,       /* What a frame that is not used keeps room for. */
    NODES_MAX = 256 * 1024 * 1024, /* Bytes of the nodes of all that are not finished. */
};

/* A directory that is not finished. */
typedef struct frame {
    size_t path_size; /* Of `path`. */
    size_t name_at;   /* In `path`. */
    bsi_buf node;     /* The beginning of its own node. */
    bsi_buf text;
    bsi_tree_writer nodes;
    bool has_before;
    bsi_digest before;
    bool is_same;
} frame;

struct bsi_trees {
    bsi_repo_index *index;
    bsi_repo_writer *writer;
    bsi_buf path;   /* Of the innermost frame. */
    frame **frames; /* Those behind `depth` were used, and can be again. */
    size_t depth;
    size_t count;
    uint64_t node_bytes; /* Of all frames. */
    uint64_t text_bytes; /* Of all but the innermost. */
    bsi_tree_counts counts;
};

/* --- Storing --- */

/* A tree on its way. */
typedef struct tree_item {
    bsi_save_item item; /* First: the one is found by the other. */
    bsi_buf text;
} tree_item;

/* A failure is the writer's, which tells it to whoever comes next. */
static void note_stored(bsi_save_item *item)
{
    tree_item *self = (tree_item *)(void *)item;

    bsi_buf_dispose(&self->text);
    bsi_free(self);
}

/* The frame's text goes away with the item. */
static bs_status store(bsi_trees *self, frame *top, bsi_digest *id_out)
{
    tree_item *item = NULL;
    bs_status status = BS_OK;

    bsi_sha256_of(top->text.data, top->text.size, id_out);
    status = bsi_repo_index_has(self->index, BSI_BLOB_TREE, id_out);
    if (status != BS_END) {
        return status;
    }
    item = bsi_calloc(1, sizeof(*item));
    if (!item) {
        return BS_E_NOMEM;
    }
    item->text = top->text;
    bsi_buf_init(&top->text, BSI_BLOB_TREE_MAX);
    item->item = (bsi_save_item){.type = BSI_BLOB_TREE,
                                 .plain = item->text.data,
                                 .size = item->text.size,
                                 .done = note_stored};
    bsi_repo_writer_submit(self->writer, &item->item);
    return BS_OK;
}

/* --- Frames --- */

static bs_status take_frame(bsi_trees *self, frame **out)
{
    frame *fresh = NULL;
    frame **grown = NULL;

    if (self->depth < self->count) {
        *out = self->frames[self->depth];
        return BS_OK;
    }
    grown = bsi_realloc_array(self->frames, self->count + 1, sizeof(frame *));
    if (!grown) {
        return BS_E_NOMEM;
    }
    self->frames = grown;
    fresh = bsi_calloc(1, sizeof(*fresh));
    if (!fresh) {
        return BS_E_NOMEM;
    }
    bsi_buf_init(&fresh->node, NODES_MAX);
    bsi_buf_init(&fresh->text, BSI_BLOB_TREE_MAX);
    self->frames[self->count++] = fresh;
    *out = fresh;
    return BS_OK;
}

/* Whoever reads them again would have no more room either. */
static bs_status make_room(bsi_trees *self, bsi_slice node)
{
    self->node_bytes += node.size;
    self->text_bytes += self->depth > 0 ? self->frames[self->depth - 1]->text.size : 0;
    if (self->node_bytes > NODES_MAX || self->text_bytes > BSI_BLOB_TREE_MAX) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_LIMIT,
                        "the directories on the way to it have too much in them for a snapshot");
    }
    return BS_OK;
}

/* A directory whose path is the present one comes on top. */
static bs_status push(bsi_trees *self, bsi_slice node)
{
    frame *top = NULL;

    BSI_TRY(make_room(self, node));
    BSI_TRY(take_frame(self, &top));
    top->path_size = self->path.size;
    top->has_before = false;
    top->is_same = false;
    bsi_buf_clear(&top->node);
    BSI_TRY(bsi_buf_append(&top->node, node.data, node.size));
    bsi_buf_clear(&top->text);
    bsi_tree_writer_dispose(&top->nodes);
    BSI_TRY(bsi_tree_writer_begin(&top->nodes, &top->text));
    self->depth++;
    return BS_OK;
}

static void count(bsi_trees *self, const frame *top, const bsi_digest *id)
{
    if (!top->has_before) {
        self->counts.added++;
    } else if (top->is_same && bsi_digest_equal(&top->before, id)) {
        self->counts.unmodified++;
    } else {
        self->counts.changed++;
    }
}

static void trim(frame *unused)
{
    if (unused->text.capacity > FRAME_KEPT) {
        bsi_buf_dispose(&unused->text);
    }
    if (unused->node.capacity > FRAME_KEPT) {
        bsi_buf_dispose(&unused->node);
    }
}

/* The innermost directory is complete: its tree is stored, and its node goes into the one around.
 */
static bs_status close_top(bsi_trees *self)
{
    frame *top = self->frames[self->depth - 1];
    frame *around = self->frames[self->depth - 2];
    bsi_node node = {.type = BSI_NODE_DIR, .has_subtree = true};
    const bsi_slice name = {(const char *)self->path.data + top->name_at,
                            top->path_size - top->name_at};

    BSI_TRY(bsi_tree_writer_finish(&top->nodes));
    self->node_bytes -= top->node.size;
    self->text_bytes -= around->text.size;
    BSI_TRY(store(self, top, &node.subtree));
    count(self, top, &node.subtree);
    BSI_TRY(bsi_node_end(&top->node, &node));
    BSI_TRY(bsi_tree_writer_put(&around->nodes, name, bsi_buf_slice(&top->node)));
    trim(top);
    self->depth--;
    self->path.size = around->path_size;
    return BS_OK;
}

static bool leads_to(const bsi_trees *self, const frame *dir, bsi_slice path)
{
    return dir->path_size == 0 || (path.size > dir->path_size && path.data[dir->path_size] == '/' &&
                                   memcmp(path.data, self->path.data, dir->path_size) == 0);
}

/* Close what does not lead to `path`; `*name_out` is its name in what is left. */
static bs_status close_beside(bsi_trees *self, bsi_slice path, bsi_slice *name_out)
{
    size_t before = 0;

    while (!leads_to(self, self->frames[self->depth - 1], path)) {
        BSI_TRY(close_top(self));
    }
    before = self->path.size + (self->path.size > 0 ? 1 : 0);
    *name_out = (bsi_slice){path.data + before, path.size - before};
    return BS_OK;
}

/* --- Nodes --- */

bs_status bsi_trees_add(bsi_trees *trees, bsi_slice path, bsi_slice text)
{
    bsi_slice name = {0};

    BSI_TRY(close_beside(trees, path, &name));
    return bsi_tree_writer_put(&trees->frames[trees->depth - 1]->nodes, name, text);
}

bs_status bsi_trees_enter(bsi_trees *trees, bsi_slice path, bsi_slice text,
                          const bsi_digest *before, bool is_same)
{
    bsi_slice name = {0};
    frame *top = NULL;

    BSI_TRY(close_beside(trees, path, &name));
    bsi_buf_clear(&trees->path);
    BSI_TRY(bsi_buf_append(&trees->path, path.data, path.size));
    BSI_TRY(push(trees, text));
    top = trees->frames[trees->depth - 1];
    top->name_at = path.size - name.size;
    top->is_same = is_same;
    top->has_before = before != NULL;
    if (before) {
        top->before = *before;
    }
    return BS_OK;
}

bs_status bsi_trees_finish(bsi_trees *trees, bsi_digest *root_out)
{
    while (trees->depth > 1) {
        BSI_TRY(close_top(trees));
    }
    BSI_TRY(bsi_tree_writer_finish(&trees->frames[0]->nodes));
    return store(trees, trees->frames[0], root_out);
}

const bsi_tree_counts *bsi_trees_counts(const bsi_trees *trees)
{
    return &trees->counts;
}

/* --- Life --- */

bs_status bsi_trees_new(bsi_repo_index *index, bsi_repo_writer *writer, bsi_trees **out)
{
    bsi_trees *self = bsi_calloc(1, sizeof(*self));
    bs_status status = BS_OK;

    if (!self) {
        return BS_E_NOMEM;
    }
    self->index = index;
    self->writer = writer;
    bsi_buf_init(&self->path, SIZE_MAX / 2);
    status = push(self, (bsi_slice){0});
    if (status < 0) {
        bsi_trees_free(self);
        return status;
    }
    *out = self;
    return BS_OK;
}

void bsi_trees_free(bsi_trees *trees)
{
    if (!trees) {
        return;
    }
    for (size_t i = 0; i < trees->count; i++) {
        bsi_tree_writer_dispose(&trees->frames[i]->nodes);
        bsi_buf_dispose(&trees->frames[i]->node);
        bsi_buf_dispose(&trees->frames[i]->text);
        bsi_free(trees->frames[i]);
    }
    bsi_free(trees->frames);
    bsi_buf_dispose(&trees->path);
    bsi_free(trees);
}
