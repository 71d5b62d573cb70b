/* SPDX-License-Identifier: MIT */
/*
 * All trees of a snapshot, but for those of which it is known that nothing at or below
 * this path matches.
 */
#include "repo/find.h"

#include "base/alloc.h"
#include "repo/digest_table.h"
#include "repo/snapshot_load.h"
#include "repo/tree_cursor.h"

enum { DEPTH_MAX = 4096 };

/* A folder on the way. */
typedef struct frame {
    struct frame *above;
    bsi_tree_cursor cursor;
    bsi_digest key;   /* Of the tree at this path. */
    size_t path_size; /* Of what is above. */
    bool matched;     /* Something in it or below. */
} frame;

struct bsi_finder {
    const bsi_repo *repo;
    bsi_blob_reader *reader;
    const bsi_pattern_list *patterns;
    bsi_pattern_scratch *scratch;
    bsi_sha256 *hash;
    bsi_digest_table barren; /* Keys of folders in which there is nothing. */
    frame *top;
    size_t depth;
    bsi_buf path;
};

/* One search. */
typedef struct search {
    bsi_finder *finder;
    const bs_call *call;
    const bsi_digest *snapshot;
    bsi_find_cb callback;
    void *user;
} search;

bs_status bsi_finder_new(const bsi_repo *repo, bsi_repo_index *index,
                         const bsi_pattern_list *patterns, bsi_finder **out)
{
    bsi_finder *self = bsi_calloc(1, sizeof(*self));
    bs_status status = self ? bsi_blob_reader_new(repo, index, &self->reader) : BS_E_NOMEM;

    if (status == BS_OK) {
        status = bsi_pattern_scratch_new(&self->scratch);
    }
    if (status == BS_OK) {
        status = bsi_sha256_new(&self->hash);
    }
    if (status < 0) {
        bsi_finder_free(self);
        return status;
    }
    self->repo = repo;
    self->patterns = patterns;
    bsi_buf_init(&self->path, SIZE_MAX / 2);
    *out = self;
    return BS_OK;
}

static void pop(bsi_finder *self)
{
    frame *now = self->top;

    self->top = now->above;
    self->depth--;
    self->path.size = now->path_size;
    bsi_tree_cursor_dispose(&now->cursor);
    bsi_free(now);
}

void bsi_finder_free(bsi_finder *finder)
{
    if (finder) {
        while (finder->top) {
            pop(finder);
        }
        bsi_blob_reader_free(finder->reader);
        bsi_pattern_scratch_free(finder->scratch);
        bsi_sha256_free(finder->hash);
        bsi_digest_table_dispose(&finder->barren);
        bsi_buf_dispose(&finder->path);
        bsi_free(finder);
    }
}

/* --- Folders --- */

static bsi_digest key_of(bsi_finder *self, const bsi_digest *tree)
{
    bsi_digest key;

    bsi_sha256_reset(self->hash);
    bsi_sha256_update(self->hash, tree->bytes, sizeof(tree->bytes));
    bsi_sha256_update(self->hash, self->path.data, self->path.size);
    bsi_sha256_finish(self->hash, &key);
    return key;
}

/* Into a folder, unless nothing is in it. */
static bs_status enter(const search *self, const bsi_digest *tree, size_t path_size)
{
    bsi_finder *finder = self->finder;
    const bsi_digest key = key_of(finder, tree);
    frame *now = NULL;

    BSI_TRY(bsi_call_check(self->call));
    if (bsi_digest_table_find(&finder->barren, &key)) {
        finder->path.size = path_size;
        return BS_OK;
    }
    if (finder->depth >= DEPTH_MAX) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_LIMIT, "more than %d folders in one another",
                        DEPTH_MAX);
    }
    now = bsi_calloc(1, sizeof(*now));
    if (!now) {
        return BS_E_NOMEM;
    }
    *now = (frame){.above = finder->top, .key = key, .path_size = path_size};
    finder->top = now;
    finder->depth++;
    return bsi_tree_cursor_open(&now->cursor, finder->reader, self->call, tree);
}

static bs_status leave(bsi_finder *self, const frame *now)
{
    const bs_status status =
        now->matched ? BS_OK : bsi_digest_table_put(&self->barren, &now->key, 0);

    if (now->matched && now->above) {
        now->above->matched = true;
    }
    pop(self);
    return status;
}

/* --- Nodes --- */

static bs_status tell(const search *self, frame *now)
{
    now->matched = true;
    return self->callback(self->user, &(bsi_find_match){
                                          .snapshot = self->snapshot,
                                          .path = bsi_buf_slice(&self->finder->path),
                                          .node = &now->cursor.node,
                                      });
}

static bs_status visit(const search *self, frame *now)
{
    bsi_finder *finder = self->finder;
    const bsi_node *node = &now->cursor.node;
    const size_t path_size = finder->path.size;
    bsi_pattern_result result = BSI_PATTERN_NONE;

    BSI_TRY(bsi_buf_append_byte(&finder->path, '/'));
    BSI_TRY(bsi_buf_append(&finder->path, node->name.data, node->name.size));
    BSI_TRY(bsi_pattern_match(finder->patterns, finder->scratch,
                              (const char *)finder->path.data + 1, finder->path.size - 1,
                              node->type == BSI_NODE_DIR, &result));
    BSI_TRY(result == BSI_PATTERN_MATCH ? tell(self, now) : BS_OK);
    if (node->has_subtree) {
        return enter(self, &node->subtree, path_size);
    }
    finder->path.size = path_size;
    return BS_OK;
}

static bs_status step(const search *self, frame *now)
{
    const bs_status status = bsi_tree_cursor_next(&now->cursor);

    if (status == BS_OK) {
        return visit(self, now);
    }
    return status == BS_END ? leave(self->finder, now) : status;
}

bs_status bsi_finder_run(bsi_finder *finder, const bs_call *call, const bsi_digest *snapshot,
                         bsi_find_cb callback, void *user)
{
    const search self = {finder, call, snapshot, callback, user};
    bsi_digest tree;
    bs_status status = bsi_snapshot_load_tree(finder->repo, call, snapshot, &tree);

    if (status < 0) {
        return status;
    }
    finder->path.size = 0;
    status = enter(&self, &tree, 0);
    while (status == BS_OK && finder->top) {
        status = step(&self, finder->top);
    }
    while (finder->top) {
        pop(finder);
    }
    return status;
}
