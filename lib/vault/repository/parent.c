/* SPDX-License-Identifier: MIT */
/*
 * Follows the trees of a snapshot along with a walk.
 */
#include "vault/repository/parent.h"

#include "base/alloc.h"
#include "repo/reader.h"
#include "repo/who.h"
#include "vault/repository/nodes.h"
#include "vault/repository/record.h"
#include "vault/repository/snapshot_info.h"

enum {
    TREE_KEPT = 1024 * 1024, /* What a frame that is not used keeps room for. */
    /* Nodes that are passed over to be counted. One tree may stand in a thousand places. */
    PASSED_MAX = 100 * 1000 * 1000,
};

/* A directory of the parent, on the way to the present place. */
typedef struct frame {
    bsi_buf text;
    bsi_tree_reader reader;
    size_t path_size; /* Of the parent's `path`, this directory's own. */
    bool has_next;
    bsi_node_text next;
} frame;

struct bsi_parent {
    const bsi_repo_session *session;
    bsi_blob_reader *blobs;
    bsi_parent_info info;
    bsi_tree_reader nodes; /* For nodes by themselves. */
    bsi_buf path;          /* Of the innermost frame. */
    frame **frames;        /* Those behind `depth` were used, and can be again. */
    size_t depth;
    size_t count;
    uint64_t removed;
    uint64_t passed;
};

/* --- Trees --- */

/* What ends the run, not only this tree. */
static bool is_final(bs_status status)
{
    return status == BS_E_NOMEM || status == BS_E_CANCELLED || status == BS_E_TIMEOUT;
}

/* A failure to read a tree: reported once, and no more of it is known. */
static bs_status give_up(bsi_parent *self, frame *top, bs_status status)
{
    if (is_final(status)) {
        return status;
    }
    (void)bsi_fail_context(BS_LAYER_STORAGE, status, "what the backup before had here");
    bsi_warn_last(self->session->env->warn, bsi_buf_slice(&self->path));
    top->has_next = false;
    return BS_OK;
}

static bs_status advance(bsi_parent *self, frame *top)
{
    const bs_status status = bsi_tree_reader_next_text(&top->reader, &top->next);

    top->has_next = status == BS_OK;
    return status < 0 ? give_up(self, top, status) : BS_OK;
}

static frame *take_frame(bsi_parent *self)
{
    frame *fresh = NULL;
    frame **grown = NULL;

    if (self->depth < self->count) {
        return self->frames[self->depth];
    }
    grown = bsi_realloc_array(self->frames, self->count + 1, sizeof(frame *));
    if (!grown) {
        return NULL;
    }
    self->frames = grown;
    fresh = bsi_calloc(1, sizeof(*fresh));
    if (fresh) {
        bsi_buf_init(&fresh->text, BSI_BLOB_TREE_MAX);
        bsi_tree_reader_init(&fresh->reader, NULL, 0);
        self->frames[self->count++] = fresh;
    }
    return fresh;
}

static bs_status load_tree(bsi_parent *self, const bsi_digest *tree, frame *into)
{
    bsi_slice text = {0};

    bsi_buf_clear(&into->text);
    BSI_TRY(
        bsi_blob_reader_read(self->blobs, self->session->env->call, BSI_BLOB_TREE, tree, &text));
    return bsi_buf_append(&into->text, text.data, text.size);
}

/* A directory whose path the parent's is now comes on top. */
static bs_status push(bsi_parent *self, const bsi_digest *tree)
{
    frame *top = take_frame(self);
    bs_status status = BS_OK;

    if (!top) {
        return BS_E_NOMEM;
    }
    self->depth++;
    top->path_size = self->path.size;
    bsi_tree_reader_dispose(&top->reader);
    status = load_tree(self, tree, top);
    bsi_tree_reader_init(&top->reader, top->text.data, top->text.size);
    return status < 0 ? give_up(self, top, status) : advance(self, top);
}

static void pop(bsi_parent *self)
{
    frame *top = self->frames[--self->depth];

    if (top->text.capacity > TREE_KEPT) {
        bsi_buf_dispose(&top->text);
    }
}

/* --- What is only in the parent --- */

static bs_status push_node(bsi_parent *self, bsi_slice text)
{
    bsi_node node;
    const bs_status status = bsi_tree_reader_parse(&self->nodes, text, &node);

    if (status < 0) {
        return give_up(self, self->frames[self->depth - 1], status);
    }
    return node.has_subtree ? push(self, &node.subtree) : BS_OK;
}

/* Pass over the next node of the innermost directory; what is in it comes on top. */
static bs_status pass(bsi_parent *self)
{
    frame *top = self->frames[self->depth - 1];
    const bool is_dir = top->next.type == BSI_NODE_DIR;
    const bsi_slice text = top->next.text; /* Stays; what else `next` points to does not. */

    self->removed += top->next.type == BSI_NODE_FILE;
    self->passed++;
    BSI_TRY(advance(self, top));
    return is_dir && self->passed < PASSED_MAX ? push_node(self, text) : BS_OK;
}

/* Pass over the next node, or leave the innermost directory when there is none. */
static bs_status pass_or_leave(bsi_parent *self)
{
    if (self->frames[self->depth - 1]->has_next && self->passed < PASSED_MAX) {
        return pass(self);
    }
    pop(self);
    return BS_OK;
}

/* Until so many directories are left, and nothing is in the innermost that was not passed. */
static bs_status leave_to(bsi_parent *self, size_t depth)
{
    while (self->depth > depth) {
        BSI_TRY(pass_or_leave(self));
    }
    return BS_OK;
}

/* --- Both beside each other --- */

/* Whether `path` lies in the directory of a frame. */
static bool leads_to(const bsi_parent *self, const frame *dir, bsi_slice path)
{
    return dir->path_size == 0 || (path.size > dir->path_size && path.data[dir->path_size] == '/' &&
                                   memcmp(path.data, self->path.data, dir->path_size) == 0);
}

static bs_status leave_beside(bsi_parent *self, bsi_slice path)
{
    while (self->depth > 0 && !leads_to(self, self->frames[self->depth - 1], path)) {
        BSI_TRY(leave_to(self, self->depth - 1));
        self->path.size = self->depth > 0 ? self->frames[self->depth - 1]->path_size : 0;
    }
    return BS_OK;
}

/* Both have something of that name. */
static bs_status meet(bsi_parent *self, bsi_slice path, bsi_file_type type, bsi_slice *text_out)
{
    const size_t depth = self->depth;
    frame *top = self->frames[depth - 1];
    const bsi_node_text found = top->next;

    if (found.type != BSI_NODE_DIR) {
        self->removed += found.type == BSI_NODE_FILE && type != BSI_TYPE_FILE;
        *text_out = found.text;
        return advance(self, top);
    }
    if (type != BSI_TYPE_DIR) {
        BSI_TRY(pass(self));
        BSI_TRY(leave_to(self, depth));
        return BS_END;
    }
    *text_out = found.text;
    BSI_TRY(advance(self, top));
    bsi_buf_clear(&self->path);
    BSI_TRY(bsi_buf_append(&self->path, path.data, path.size));
    return push_node(self, found.text);
}

bs_status bsi_parent_find(bsi_parent *parent, bsi_slice path, bsi_file_type type,
                          bsi_slice *text_out)
{
    frame *top = NULL;
    size_t depth = 0;
    bsi_slice name;

    BSI_TRY(leave_beside(parent, path));
    if (parent->depth == 0) {
        return BS_END;
    }
    depth = parent->depth;
    top = parent->frames[depth - 1];
    name = (bsi_slice){path.data + top->path_size, path.size - top->path_size};
    if (top->path_size > 0) {
        name = (bsi_slice){name.data + 1, name.size - 1};
    }
    if (memchr(name.data, '/', name.size)) {
        return BS_END; /* In a directory that the parent does not have. */
    }
    while (top->has_next && bsi_path_compare(top->next.name, name) < 0) {
        BSI_TRY(pass(parent));
        BSI_TRY(leave_to(parent, depth));
    }
    return top->has_next && bsi_slice_equal(top->next.name, name)
               ? meet(parent, path, type, text_out)
               : BS_END;
}

bs_status bsi_parent_finish(bsi_parent *parent)
{
    return leave_to(parent, 0);
}

uint64_t bsi_parent_removed(const bsi_parent *parent)
{
    return parent->removed;
}

/* --- Opening --- */

/* Whether the same user of this library made it. */
static bs_status is_same_user(const bsi_snapshot *snapshot, bool *out)
{
    bsi_repo_who who;

    BSI_TRY(bsi_repo_who_get(&who));
    *out = snapshot->uid == who.identity.uid && snapshot->gid == who.identity.gid;
    return BS_OK;
}

static bs_status take_info(bsi_parent *self, const bsi_snapshot *snapshot)
{
    bsi_manifest_info record;
    const bs_status status = bsi_record_parse(snapshot->others, &record);

    if (is_final(status)) {
        return status;
    }
    /* restic takes the time of a snapshot before it begins to read. */
    self->info.scan_began = (bsi_time){snapshot->time.sec, snapshot->time.nsec};
    if (status != BS_OK) {
        return BS_OK;
    }
    self->info.scan_began = record.scan_began;
    memcpy(self->info.backup, record.id, BS_ID_SIZE);
    bsi_manifest_info_dispose(&record);
    return is_same_user(snapshot, &self->info.is_ours);
}

static bs_status load(bsi_parent *self, const char *manifest_key)
{
    bsi_snapshot snapshot;
    bs_status status = bsi_snapshot_id_of_key(manifest_key, &self->info.id);

    BSI_TRY(status);
    BSI_TRY(bsi_blob_reader_new(self->session->repo, self->session->index, &self->blobs));
    BSI_TRY(bsi_snapshot_load(self->session->repo, self->session->env->call, &self->info.id,
                              &snapshot));
    status = take_info(self, &snapshot);
    if (status == BS_OK) {
        status = push(self, &snapshot.tree.digest);
    }
    bsi_snapshot_dispose(&snapshot);
    return status;
}

bs_status bsi_parent_open(const bsi_repo_session *session, const char *manifest_key,
                          bsi_parent **out)
{
    bsi_parent *self = bsi_calloc(1, sizeof(*self));
    bs_status status = BS_OK;

    if (!self) {
        return BS_E_NOMEM;
    }
    self->session = session;
    bsi_buf_init(&self->path, BSI_PATH_MAX);
    bsi_tree_reader_init(&self->nodes, NULL, 0);
    status = load(self, manifest_key);
    if (status < 0) {
        bsi_parent_free(self);
        return status;
    }
    *out = self;
    return BS_OK;
}

void bsi_parent_free(bsi_parent *parent)
{
    if (!parent) {
        return;
    }
    for (size_t i = 0; i < parent->count; i++) {
        bsi_buf_dispose(&parent->frames[i]->text);
        bsi_tree_reader_dispose(&parent->frames[i]->reader);
        bsi_free(parent->frames[i]);
    }
    bsi_free(parent->frames);
    bsi_buf_dispose(&parent->path);
    bsi_tree_reader_dispose(&parent->nodes);
    bsi_blob_reader_free(parent->blobs);
    bsi_free(parent);
}

const bsi_parent_info *bsi_parent_info_of(const bsi_parent *parent)
{
    return &parent->info;
}
