/* SPDX-License-Identifier: MIT */
/*
 * Blobs are opened on this thread and sealed with the other repository's key on the
 * pool's. Each tree is read once, however many folders and snapshots have it.
 */
#include "repo/copy.h"

#include <string.h>

#include "base/alloc.h"
#include "repo/digest_table.h"
#include "repo/index_load.h"
#include "repo/reader.h"
#include "repo/save.h"
#include "repo/snapshot_load.h"
#include "repo/tree.h"

/* A blob on its way, with its bytes. */
typedef struct cargo {
    bsi_save_item item; /* The first member. */
    uint8_t bytes[];
} cargo;

/* A snapshot that is there. */
typedef struct present {
    bsi_digest id;
    bsi_digest original;
    bsi_digest tree;
    bsi_go_time time;
} present;

struct bsi_copier {
    const bsi_repo *from;
    const bsi_repo *to;
    const bs_call *call;
    bsi_copy_options options;
    bsi_repo_index *from_index;
    bsi_repo_index *to_index;
    bsi_blob_reader *reader;
    bsi_repo_writer *writer;
    bsi_digest_table seen; /* Trees. */
    bsi_buf trees;         /* bsi_digest: seen, and still to be read. */
    bsi_buf text;          /* Of the tree that is read. */
    bsi_buf present;       /* All that are there. */
    bsi_copy_stats stats;
};

static bs_status go_on(const bsi_copier *self)
{
    BSI_TRY(bsi_call_check(self->call));
    BSI_TRY(self->options.from_lock ? bsi_repo_lock_keep(self->options.from_lock, self->call)
                                    : BS_OK);
    return self->options.to_lock ? bsi_repo_lock_keep(self->options.to_lock, self->call) : BS_OK;
}

/* --- Blobs --- */

static void unload(bsi_save_item *item)
{
    bsi_free(item);
}

static bs_status is_there(const bsi_copier *self, bsi_blob_type type, const bsi_digest *id,
                          bool *out)
{
    const bs_status status = bsi_repo_index_has(self->to_index, type, id);

    *out = status == BS_OK;
    return status < 0 ? status : BS_OK;
}

/* To the pool, with a copy of its bytes. A failure is the writer's, and comes at the end. */
static bs_status send_blob(bsi_copier *self, bsi_blob_type type, bsi_slice plain)
{
    cargo *one = bsi_alloc(sizeof(*one) + plain.size);

    if (!one) {
        return BS_E_NOMEM;
    }
    memcpy(one->bytes, plain.data, plain.size);
    one->item =
        (bsi_save_item){.type = type, .plain = one->bytes, .size = plain.size, .done = unload};
    bsi_repo_writer_submit(self->writer, &one->item);
    self->stats.blobs++;
    self->stats.bytes += plain.size;
    return BS_OK;
}

static bs_status copy_data(bsi_copier *self, const bsi_digest *id)
{
    bsi_slice plain = {0};
    bool there = false;

    BSI_TRY(is_there(self, BSI_BLOB_DATA, id, &there));
    if (there) {
        return BS_OK;
    }
    BSI_TRY(go_on(self));
    BSI_TRY(bsi_blob_reader_read(self->reader, self->call, BSI_BLOB_DATA, id, &plain));
    return send_blob(self, BSI_BLOB_DATA, plain);
}

/* --- Trees --- */

static bs_status see_tree(bsi_copier *self, const bsi_digest *id)
{
    if (bsi_digest_table_find(&self->seen, id)) {
        return BS_OK;
    }
    BSI_TRY(bsi_digest_table_put(&self->seen, id, 0));
    return bsi_buf_append(&self->trees, id, sizeof(*id));
}

static bs_status copy_node(bsi_copier *self, const bsi_node *node)
{
    for (size_t i = 0; i < node->content_count; i++) {
        BSI_TRY(copy_data(self, &node->content[i]));
    }
    return node->has_subtree ? see_tree(self, &node->subtree) : BS_OK;
}

static bs_status copy_nodes(bsi_copier *self)
{
    bsi_tree_reader reader;
    bsi_node node;
    bs_status status = BS_OK;

    bsi_tree_reader_init(&reader, self->text.data, self->text.size);
    while (status == BS_OK) {
        status = bsi_tree_reader_next(&reader, &node);
        if (status == BS_OK) {
            status = copy_node(self, &node);
        }
    }
    bsi_tree_reader_dispose(&reader);
    return status < 0 ? status : BS_OK;
}

/* The bytes of a tree are kept as they are, whoever wrote it. */
static bs_status copy_tree(bsi_copier *self, const bsi_digest *id)
{
    bsi_slice plain = {0};
    bool there = false;

    BSI_TRY(go_on(self));
    BSI_TRY(bsi_blob_reader_read(self->reader, self->call, BSI_BLOB_TREE, id, &plain));
    self->stats.trees++;
    bsi_buf_clear(&self->text);
    BSI_TRY(bsi_buf_append(&self->text, plain.data, plain.size));
    BSI_TRY(copy_nodes(self));
    BSI_TRY(is_there(self, BSI_BLOB_TREE, id, &there));
    return there ? BS_OK : send_blob(self, BSI_BLOB_TREE, bsi_buf_slice(&self->text));
}

/* After a failure all trees are seen anew: what was below this one may not be there. */
static bs_status copy_trees(bsi_copier *self, const bsi_digest *root)
{
    bsi_digest id;
    bs_status status = see_tree(self, root);

    while (status == BS_OK && self->trees.size > 0) {
        self->trees.size -= sizeof(id);
        memcpy(&id, self->trees.data + self->trees.size, sizeof(id));
        status = copy_tree(self, &id);
    }
    if (status == BS_OK) {
        status = bsi_repo_writer_finish(self->writer);
    }
    if (status < 0) {
        bsi_digest_table_dispose(&self->seen);
        bsi_buf_clear(&self->trees);
    }
    return status;
}

/* --- Snapshots --- */

static bs_status note_present(bsi_copier *self, const bsi_digest *id, const bsi_snapshot *snapshot)
{
    const present one = {
        .id = *id,
        .original = snapshot->original.given ? snapshot->original.digest : *id,
        .tree = snapshot->tree.digest,
        .time = snapshot->time,
    };

    return bsi_buf_append(&self->present, &one, sizeof(one));
}

static bs_status list_present(bsi_copier *self, const bsi_repo_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        const bsi_digest *id = &files->items[i].id;
        bsi_snapshot snapshot;
        bs_status status = bsi_snapshot_load(self->to, self->call, id, &snapshot);
        if (status == BS_E_NOT_FOUND || status == BS_E_CORRUPT) {
            continue; /* None that could be the same. */
        }
        if (status == BS_OK) {
            status = note_present(self, id, &snapshot);
            bsi_snapshot_dispose(&snapshot);
        }
        if (status < 0) {
            return status;
        }
    }
    return BS_OK;
}

static const present *find_present(const bsi_copier *self, const bsi_snapshot *snapshot,
                                   const bsi_digest *original)
{
    const present *all = (const present *)(const void *)self->present.data;

    for (size_t i = 0; i < self->present.size / sizeof(*all); i++) {
        if (bsi_digest_equal(&all[i].original, original) &&
            bsi_digest_equal(&all[i].tree, &snapshot->tree.digest) &&
            all[i].time.sec == snapshot->time.sec && all[i].time.nsec == snapshot->time.nsec) {
            return &all[i];
        }
    }
    return NULL;
}

static bs_status copy_loaded(bsi_copier *self, const bsi_digest *id, bsi_snapshot *snapshot,
                             bsi_digest *id_out, bool *is_new_out)
{
    const bsi_digest original = snapshot->original.given ? snapshot->original.digest : *id;
    const present *known = find_present(self, snapshot, &original);

    *is_new_out = !known;
    if (known) {
        *id_out = known->id;
        return BS_OK;
    }
    BSI_TRY(copy_trees(self, &snapshot->tree.digest));
    snapshot->parent.given = false;
    snapshot->original = (bsi_snapshot_id){true, original};
    BSI_TRY(bsi_snapshot_save(self->to, self->call, snapshot, id_out));
    self->stats.snapshots++;
    return note_present(self, id_out, snapshot);
}

bs_status bsi_copier_add(bsi_copier *copier, const bsi_digest *snapshot, bsi_digest *id_out,
                         bool *is_new_out)
{
    char hex[2 * BSI_SHA256_SIZE + 1];
    bsi_snapshot loaded;
    bs_status status = BS_OK;

    BSI_TRY(bsi_snapshot_load(copier->from, copier->call, snapshot, &loaded));
    status = copy_loaded(copier, snapshot, &loaded, id_out, is_new_out);
    bsi_snapshot_dispose(&loaded);
    if (status < 0) {
        bsi_digest_format(snapshot, hex);
        return bsi_fail_context(BS_LAYER_STORAGE, status, "copying snapshot %.8s", hex);
    }
    return BS_OK;
}

void bsi_copier_get_stats(bsi_copier *copier, bsi_copy_stats *out)
{
    *out = copier->stats;
}

/* --- Life --- */

static bs_status load(bsi_copier *self)
{
    const bsi_save_options saving = {.pack_target = self->options.pack_target};
    const bsi_index_load_options loading = {.pool = self->options.pool};
    bsi_repo_files files = {0};
    bs_status status = BS_OK;

    BSI_TRY(bsi_repo_index_new(&self->from_index));
    BSI_TRY(bsi_repo_index_new(&self->to_index));
    BSI_TRY(bsi_repo_index_load(self->from, self->call, &loading, self->from_index));
    BSI_TRY(bsi_repo_index_load(self->to, self->call, &loading, self->to_index));
    BSI_TRY(bsi_blob_reader_new(self->from, self->from_index, &self->reader));
    BSI_TRY(bsi_repo_writer_new(self->to, self->to_index, self->options.pool, self->call, &saving,
                                &self->writer));
    BSI_TRY(bsi_repo_list(self->to, self->call, BSI_REPO_SNAPSHOTS, &files));
    status = list_present(self, &files);
    bsi_repo_files_dispose(&files);
    return status;
}

bs_status bsi_copier_new(const bsi_repo *from, const bsi_repo *to, const bs_call *call,
                         const bsi_copy_options *options, bsi_copier **out)
{
    bsi_copier *self = NULL;
    bs_status status = BS_OK;

    BSI_CHECK(options && options->pool);
    self = bsi_calloc(1, sizeof(*self));
    if (!self) {
        return BS_E_NOMEM;
    }
    self->from = from;
    self->to = to;
    self->call = call;
    self->options = *options;
    bsi_buf_init(&self->trees, SIZE_MAX / 2);
    bsi_buf_init(&self->text, BSI_BLOB_TREE_MAX);
    bsi_buf_init(&self->present, SIZE_MAX / 2);
    status = load(self);
    if (status < 0) {
        bsi_copier_free(self);
        return status;
    }
    *out = self;
    return BS_OK;
}

void bsi_copier_free(bsi_copier *copier)
{
    if (copier) {
        bsi_repo_writer_free(copier->writer);
        bsi_blob_reader_free(copier->reader);
        bsi_repo_index_free(copier->from_index);
        bsi_repo_index_free(copier->to_index);
        bsi_digest_table_dispose(&copier->seen);
        bsi_buf_dispose(&copier->trees);
        bsi_buf_dispose(&copier->text);
        bsi_buf_dispose(&copier->present);
        bsi_free(copier);
    }
}
