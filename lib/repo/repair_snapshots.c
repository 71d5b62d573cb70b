/* SPDX-License-Identifier: MIT */
/*
 * Snapshots without what is lost. Trees are gone through from below, each once: what
 * became of one is kept. A tree is written anew only when something in it or below is
 * lost. One that can be opened but not understood stays as it is.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "os/entry.h"
#include "repo/digest_table.h"
#include "repo/index_load.h"
#include "repo/reader.h"
#include "repo/repair_int.h"
#include "repo/save.h"
#include "repo/snapshot_load.h"
#include "repo/tree_cursor.h"

enum {
    DEPTH_MAX = 4096, /* Folders in one another; what lies deeper stays as it is. */
    TEXT_SIZE = 128,
};

/* What became of a tree: one of these, or behind them the number of the tree that took its place.
 */
enum { TREE_SAME, TREE_LOST, TREE_CHANGED };

/* A tree on the way, with those above it. */
typedef struct frame {
    struct frame *above;
    bsi_digest tree;
    size_t path_size; /* Without its own name. */
    bsi_tree_cursor cursor;
    bsi_buf out; /* What it becomes. */
    bsi_tree_writer writer;
    bool in_node; /* It waits for the folder that it is. */
    bool changed;
    bool as_it_is; /* Not understood. */
} frame;

typedef struct rewriter {
    bsi_repair base;
    bsi_blob_reader *reader;
    bsi_repo_writer *writer; /* NULL in a dry run. */
    bsi_digest_table trees;  /* What became of each. */
    bsi_buf changed;         /* bsi_digest: those that took others' places. */
    bsi_buf stand_ins;       /* stand_in: of earlier runs. */
    const bsi_digest *snapshot;
    bsi_buf path;
    bsi_buf content; /* What is left of a file. */
    frame *top;
    size_t depth;
    bsi_digest empty; /* A tree of nothing. */
    bool has_empty;
} rewriter;

static void tell(rewriter *self, bsi_check_subject subject, const char *text)
{
    bsi_repair_tell(&self->base, &(bsi_check_finding){
                                     .subject = subject,
                                     .id = self->snapshot,
                                     .path = bsi_buf_slice(&self->path),
                                     .text = text,
                                 });
}

static bs_status enter_path(rewriter *self, bsi_slice name)
{
    BSI_TRY(bsi_buf_append_byte(&self->path, '/'));
    return bsi_buf_append(&self->path, name.data, name.size);
}

/* --- Storing --- */

static bs_status store_tree(rewriter *self, const bsi_buf *text, bsi_digest *out)
{
    bsi_sha256_of(text->data, text->size, out);
    return self->writer ? bsi_repo_writer_save(self->writer, BSI_BLOB_TREE, text->data, text->size,
                                               out, NULL)
                        : BS_OK;
}

static bs_status store_empty(rewriter *self, bsi_digest *out)
{
    bsi_tree_writer writer;
    bsi_buf text;
    bs_status status = BS_OK;

    bsi_buf_init(&text, TEXT_SIZE);
    status = bsi_tree_writer_begin(&writer, &text);
    if (status == BS_OK) {
        status = bsi_tree_writer_finish(&writer);
    }
    if (status == BS_OK) {
        status = store_tree(self, &text, out);
    }
    bsi_tree_writer_dispose(&writer);
    bsi_buf_dispose(&text);
    return status;
}

/* --- Nodes --- */

/* A blob of a file goes into what is left of it, if there is one. */
static bs_status keep_blob(rewriter *self, const bsi_digest *id, uint64_t *size)
{
    bsi_blob_place place;
    const bs_status status = bsi_repo_index_find(self->base.index, BSI_BLOB_DATA, id, 0, &place);

    if (status != BS_OK) {
        return status < 0 ? status : BS_OK;
    }
    *size += bsi_blob_plain_size(&place.blob);
    return bsi_buf_append(&self->content, id, sizeof(*id));
}

static bs_status tell_shortened(rewriter *self, const bsi_node *node, size_t left)
{
    const size_t path_size = self->path.size;
    char text[TEXT_SIZE];

    (void)snprintf(text, sizeof(text), "%zu of the %zu blobs it was made of are left out",
                   node->content_count - left, node->content_count);
    BSI_TRY(enter_path(self, node->name));
    tell(self, BSI_CHECK_FILE, text);
    self->path.size = path_size;
    self->base.report->files_shortened++;
    return BS_OK;
}

/* Leave out what is in no index. */
static bs_status fix_file(rewriter *self, frame *now)
{
    bsi_node *node = &now->cursor.node;
    uint64_t size = 0;
    size_t left = 0;

    bsi_buf_clear(&self->content);
    for (size_t i = 0; i < node->content_count; i++) {
        BSI_TRY(keep_blob(self, &node->content[i], &size));
    }
    left = self->content.size / sizeof(bsi_digest);
    if (left == node->content_count) {
        return BS_OK;
    }
    BSI_TRY(tell_shortened(self, node, left));
    now->changed = true;
    node->content = (const bsi_digest *)(const void *)self->content.data;
    node->content_count = left;
    node->size = size;
    return BS_OK;
}

/* What a folder's list has become. */
static bs_status fix_folder(rewriter *self, frame *now, uint32_t outcome)
{
    const size_t path_size = self->path.size;

    if (outcome == TREE_SAME) {
        return BS_OK;
    }
    now->changed = true;
    if (outcome >= TREE_CHANGED) {
        memcpy(&now->cursor.node.subtree,
               self->changed.data + (outcome - TREE_CHANGED) * sizeof(bsi_digest),
               sizeof(bsi_digest));
        return BS_OK;
    }
    BSI_TRY(enter_path(self, now->cursor.node.name));
    tell(self, BSI_CHECK_TREE, "its list is lost: it is empty now");
    self->path.size = path_size;
    self->base.report->folders_emptied++;
    if (!self->has_empty) {
        BSI_TRY(store_empty(self, &self->empty));
        self->has_empty = true;
    }
    now->cursor.node.subtree = self->empty;
    return BS_OK;
}

/* Whether the writer can take a node: its order, and what it must have. */
static bool is_regular(const frame *now)
{
    return bsi_path_compare(bsi_buf_slice(&now->writer.last), now->cursor.node.name) < 0 &&
           (now->cursor.node.type == BSI_NODE_DIR) == now->cursor.node.has_subtree;
}

static bs_status add_node(frame *now)
{
    now->in_node = false;
    now->as_it_is |= !is_regular(now);
    return now->as_it_is ? BS_OK : bsi_tree_writer_add(&now->writer, &now->cursor.node);
}

/* --- Trees --- */

static void pop(rewriter *self)
{
    frame *now = self->top;

    self->top = now->above;
    self->depth--;
    self->path.size = now->path_size;
    bsi_tree_cursor_dispose(&now->cursor);
    bsi_tree_writer_dispose(&now->writer);
    bsi_buf_dispose(&now->out);
    bsi_free(now);
}

/* What cannot be read is read once more before it counts as lost. */
static bs_status open_tree(const rewriter *self, const bsi_digest *tree, bsi_tree_cursor *out)
{
    const bs_status status = bsi_tree_cursor_open(out, self->reader, self->base.call, tree);

    return bsi_repair_is_damage(status)
               ? bsi_tree_cursor_open(out, self->reader, self->base.call, tree)
               : status;
}

static bs_status push(rewriter *self, const bsi_digest *tree, size_t path_size)
{
    frame *now = bsi_calloc(1, sizeof(*now));
    bs_status status = now ? open_tree(self, tree, &now->cursor) : BS_E_NOMEM;

    if (status < 0) {
        bsi_free(now);
        return status;
    }
    now->tree = *tree;
    now->path_size = path_size;
    now->above = self->top;
    self->top = now;
    self->depth++;
    bsi_buf_init(&now->out, BSI_BLOB_TREE_MAX);
    return bsi_tree_writer_begin(&now->writer, &now->out);
}

/* Begin with a tree; one that is lost is done with at once. */
static bs_status enter(rewriter *self, const bsi_digest *tree, size_t path_size)
{
    bs_status status = BS_OK;

    BSI_TRY(bsi_repair_go_on(&self->base));
    if (self->depth >= DEPTH_MAX) {
        tell(self, BSI_CHECK_TREE, "too deep to look at: it stays as it is");
        self->path.size = path_size;
        return bsi_digest_table_put(&self->trees, tree, TREE_SAME);
    }
    status = push(self, tree, path_size);
    if (bsi_repair_is_damage(status)) {
        self->path.size = path_size;
        return bsi_digest_table_put(&self->trees, tree, TREE_LOST);
    }
    return status;
}

/* The end of a tree. */
static bs_status leave(rewriter *self, frame *now)
{
    uint32_t outcome = TREE_SAME;
    bsi_digest fresh;

    if (now->as_it_is) {
        tell(self, BSI_CHECK_TREE, "not as restic writes it: it stays as it is");
    } else if (now->changed) {
        outcome = TREE_CHANGED + (uint32_t)(self->changed.size / sizeof(fresh));
        BSI_TRY(bsi_tree_writer_finish(&now->writer));
        BSI_TRY(store_tree(self, &now->out, &fresh));
        BSI_TRY(bsi_buf_append(&self->changed, &fresh, sizeof(fresh)));
    }
    BSI_TRY(bsi_digest_table_put(&self->trees, &now->tree, outcome));
    pop(self);
    return BS_OK;
}

/* The folder that a node is: known by now, or to be gone through first. */
static bs_status visit_folder(rewriter *self, frame *now)
{
    const uint32_t *known = bsi_digest_table_find(&self->trees, &now->cursor.node.subtree);
    const size_t path_size = self->path.size;

    if (!known) {
        now->in_node = true;
        BSI_TRY(enter_path(self, now->cursor.node.name));
        return enter(self, &now->cursor.node.subtree, path_size);
    }
    BSI_TRY(fix_folder(self, now, *known));
    return add_node(now);
}

static bs_status visit_node(rewriter *self, frame *now)
{
    if (now->cursor.node.type == BSI_NODE_DIR && now->cursor.node.has_subtree) {
        return visit_folder(self, now);
    }
    BSI_TRY(now->cursor.node.type == BSI_NODE_FILE ? fix_file(self, now) : BS_OK);
    return add_node(now);
}

static bs_status step(rewriter *self, frame *now)
{
    const bs_status status = now->in_node ? BS_OK : bsi_tree_cursor_next(&now->cursor);

    if (status == BS_OK) {
        return visit_node(self, now);
    }
    now->as_it_is |= status == BS_E_CORRUPT;
    return status == BS_END || now->as_it_is ? leave(self, now) : status;
}

/* What became of a snapshot's tree. */
static bs_status rewrite_tree(rewriter *self, const bsi_digest *tree, uint32_t *out)
{
    bs_status status = BS_OK;

    if (!bsi_digest_table_find(&self->trees, tree)) {
        status = enter(self, tree, 0);
    }
    while (status == BS_OK && self->top) {
        status = step(self, self->top);
    }
    if (status == BS_OK) {
        *out = *bsi_digest_table_find(&self->trees, tree);
    }
    return status;
}

/* --- Snapshots --- */

/* A snapshot that stands for another one. */
typedef struct stand_in {
    bsi_digest original;
    bsi_digest tree;
} stand_in;

static bs_status note_stand_in(rewriter *self, const bsi_digest *id)
{
    bsi_snapshot snapshot;
    bs_status status = bsi_snapshot_load(self->base.repo, self->base.call, id, &snapshot);

    if (bsi_repair_is_damage(status) || status == BS_E_NOT_FOUND) {
        return BS_OK; /* Told of when it is its turn. */
    }
    BSI_TRY(status);
    if (snapshot.original.given) {
        const stand_in one = {snapshot.original.digest, snapshot.tree.digest};
        status = bsi_buf_append(&self->stand_ins, &one, sizeof(one));
    }
    bsi_snapshot_dispose(&snapshot);
    return status;
}

/* Whether an earlier run has done it. */
static bool is_repaired(const rewriter *self, const bsi_digest *original, const bsi_digest *tree)
{
    const stand_in *all = (const stand_in *)(const void *)self->stand_ins.data;

    for (size_t i = 0; i < self->stand_ins.size / sizeof(*all); i++) {
        if (bsi_digest_equal(&all[i].original, original) && bsi_digest_equal(&all[i].tree, tree)) {
            return true;
        }
    }
    return false;
}

static bs_status replace(rewriter *self, const bsi_digest *id, bsi_snapshot *snapshot,
                         const bsi_digest *tree)
{
    const bool repaired = is_repaired(self, id, tree);
    bsi_digest fresh;

    self->base.report->snapshots_repaired += !repaired;
    if (!self->writer) {
        return BS_OK;
    }
    BSI_TRY(bsi_repo_writer_finish(self->writer));
    snapshot->original = (bsi_snapshot_id){true, *id};
    snapshot->tree.digest = *tree;
    BSI_TRY(repaired ? BS_OK
                     : bsi_snapshot_save(self->base.repo, self->base.call, snapshot, &fresh));
    return self->base.options.forget
               ? bsi_repo_remove(self->base.repo, self->base.call, BSI_REPO_SNAPSHOTS, id)
               : BS_OK;
}

static bs_status repair_loaded(rewriter *self, const bsi_digest *id, bsi_snapshot *snapshot)
{
    uint32_t outcome = TREE_SAME;
    bsi_digest tree;

    BSI_TRY(rewrite_tree(self, &snapshot->tree.digest, &outcome));
    if (outcome == TREE_LOST) {
        self->base.report->snapshots_lost++;
        tell(self, BSI_CHECK_SNAPSHOT, "nothing is left of it but its name");
    }
    if (outcome < TREE_CHANGED) {
        return BS_OK;
    }
    memcpy(&tree, self->changed.data + (outcome - TREE_CHANGED) * sizeof(tree), sizeof(tree));
    return replace(self, id, snapshot, &tree);
}

static bs_status repair_snapshot(rewriter *self, const bsi_digest *id)
{
    bsi_snapshot snapshot;
    bs_error error;
    bs_status status = bsi_snapshot_load(self->base.repo, self->base.call, id, &snapshot);

    self->snapshot = id;
    self->base.report->snapshots++;
    if (bsi_repair_is_damage(status)) {
        bsi_error_save(&error);
        self->base.report->snapshots_lost++;
        tell(self, BSI_CHECK_SNAPSHOT, error.message);
        return BS_OK;
    }
    BSI_TRY(status);
    status = repair_loaded(self, id, &snapshot);
    bsi_snapshot_dispose(&snapshot);
    return status;
}

static bs_status prepare(rewriter *self)
{
    const bsi_save_options saving = {.pack_target = self->base.options.pack_target};
    const bsi_repair *base = &self->base;
    const bsi_index_load_options loading = {.pool = base->options.pool};

    BSI_TRY(bsi_repo_index_new(&self->base.index));
    BSI_TRY(bsi_repo_index_load(base->repo, base->call, &loading, base->index));
    BSI_TRY(bsi_blob_reader_new(base->repo, base->index, &self->reader));
    return base->options.dry_run ? BS_OK
                                 : bsi_repo_writer_new(base->repo, base->index, base->options.pool,
                                                       base->call, &saving, &self->writer);
}

static bs_status repair_all(rewriter *self, const bsi_repo_files *files)
{
    BSI_TRY(prepare(self));
    for (size_t i = 0; i < files->count; i++) {
        BSI_TRY(note_stand_in(self, &files->items[i].id));
    }
    for (size_t i = 0; i < files->count; i++) {
        BSI_TRY(repair_snapshot(self, &files->items[i].id));
    }
    return BS_OK;
}

bs_status bsi_repo_repair_snapshots(const bsi_repo *repo, const bs_call *call, bsi_repo_lock *lock,
                                    const bsi_repair_options *options, bsi_repair_report *report)
{
    rewriter self = {.base = {.repo = repo, .call = call, .lock = lock, .report = report}};
    bsi_repo_files files = {0};
    bs_status status = BS_OK;

    *report = (bsi_repair_report){0};
    if (options) {
        self.base.options = *options;
    }
    BSI_CHECK(self.base.options.pool || self.base.options.dry_run);
    bsi_buf_init(&self.changed, SIZE_MAX / 2);
    bsi_buf_init(&self.stand_ins, SIZE_MAX / 2);
    bsi_buf_init(&self.path, SIZE_MAX / 2);
    bsi_buf_init(&self.content, BSI_BLOB_TREE_MAX);
    status = bsi_repo_list(repo, call, BSI_REPO_SNAPSHOTS, &files);
    if (status == BS_OK) {
        status = repair_all(&self, &files);
    }
    while (self.top) {
        pop(&self);
    }
    bsi_repo_writer_free(self.writer);
    bsi_blob_reader_free(self.reader);
    bsi_repo_index_free(self.base.index);
    bsi_digest_table_dispose(&self.trees);
    bsi_repo_files_dispose(&files);
    bsi_buf_dispose(&self.changed);
    bsi_buf_dispose(&self.stand_ins);
    bsi_buf_dispose(&self.path);
    bsi_buf_dispose(&self.content);
    return status < 0 ? bsi_fail_context(BS_LAYER_STORAGE, status, "repairing snapshots") : BS_OK;
}
