/* SPDX-License-Identifier: MIT */
/*
 * The pool's part of a backup. What is unchanged is taken from the parent without being
 * opened, if we made that one: attributes and targets of links cannot change without the
 * time of the last change.
 */
#include "vault/repository/batch.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "os/time.h"

enum {
    ATTEMPTS = 2,
    TEXT_KEPT = 4 * 1024 * 1024, /* A batch that needed more gives it back. */
    NS_PER_MS = 1000000,
};

#define TEXT_MAX ((size_t)1 << 31)

/* What a task needs that is worth keeping. */
typedef struct worker {
    struct worker *next;
    bsi_source_tree *tree;
    bsi_tree_reader nodes;
    bsi_buf xattrs;
    bsi_buf ids;
    bsi_buf content;
} worker;

typedef struct bsi_batch_workers {
    bsi_mutex lock;
    worker *spare; /* Guarded by the lock. */
} bsi_batch_workers;

/* A unit with the places of its texts in buffers that grow. */
typedef struct unit_place {
    bsi_unit unit;
    size_t path_at;
    size_t before_at;
    size_t text_at;
} unit_place;

struct bsi_batch {
    const bsi_batch_context *context;
    unit_place places[BSI_BATCH_UNITS];
    size_t count;
    uint64_t bytes; /* Of files. */
    bsi_buf given;  /* Paths, and nodes of the parent. */
    bsi_buf texts;
    bsi_task task;
    bs_status status;
    bs_error error;
    bool is_started;
    bsi_mutex lock;
    bsi_cond change;
    bool is_done; /* Guarded by the lock. */
};

/* One unit, while a task works on it. */
typedef struct work {
    const bsi_batch_context *context;
    worker *worker;
    bsi_unit *unit;
    bsi_buf *texts;
    bool has_before;
    bsi_node before;
    bool keeps;   /* A file whose content is that of `before`, as far as the walk saw. */
    bool is_last; /* Attempt. */
} work;

/* --- Workers --- */

static void worker_free(worker *self)
{
    bsi_source_tree_free(self->tree);
    bsi_tree_reader_dispose(&self->nodes);
    bsi_buf_dispose(&self->xattrs);
    bsi_buf_dispose(&self->ids);
    bsi_buf_dispose(&self->content);
    bsi_free(self);
}

static bs_status worker_new(const bsi_batch_context *context, worker **out)
{
    const bsi_walk_options *walk = &context->plan->walk;
    worker *self = bsi_calloc(1, sizeof(*self));
    bs_status status = BS_OK;

    if (!self) {
        return BS_E_NOMEM;
    }
    bsi_tree_reader_init(&self->nodes, NULL, 0);
    bsi_buf_init(&self->xattrs, TEXT_MAX);
    bsi_buf_init(&self->ids, TEXT_MAX);
    bsi_buf_init(&self->content, BSI_BATCH_FILE_MAX);
    status = bsi_source_tree_new(walk->roots, walk->root_count, context->env->warn, &self->tree);
    if (status < 0) {
        worker_free(self);
        return status;
    }
    *out = self;
    return BS_OK;
}

static bs_status take_worker(const bsi_batch_context *context, worker **out)
{
    bsi_batch_workers *all = context->workers;
    worker *found = NULL;

    bsi_mutex_lock(&all->lock);
    found = all->spare;
    if (found) {
        all->spare = found->next;
    }
    bsi_mutex_unlock(&all->lock);
    if (!found) {
        return worker_new(context, out);
    }
    *out = found;
    return BS_OK;
}

static void give_worker(const bsi_batch_context *context, worker *self)
{
    bsi_mutex_lock(&context->workers->lock);
    self->next = context->workers->spare;
    context->workers->spare = self;
    bsi_mutex_unlock(&context->workers->lock);
}

bs_status bsi_batch_workers_new(bsi_batch_context *context)
{
    context->workers = bsi_calloc(1, sizeof(*context->workers));
    if (!context->workers) {
        return BS_E_NOMEM;
    }
    bsi_mutex_init(&context->workers->lock);
    return BS_OK;
}

void bsi_batch_workers_free(bsi_batch_context *context)
{
    bsi_batch_workers *all = context->workers;

    if (!all) {
        return;
    }
    while (all->spare) {
        worker *next = all->spare;
        all->spare = next->next;
        worker_free(next);
    }
    bsi_mutex_dispose(&all->lock);
    bsi_free(all);
    context->workers = NULL;
}

/* --- Parts --- */

bs_status bsi_unit_open(bsi_source_tree *tree, const bsi_unit *unit, bsi_source_file **out)
{
    return unit->is_above ? bsi_source_open_above(tree, unit->path, out)
                          : bsi_source_open(tree, unit->path, out);
}

bs_status bsi_unit_left_out(const bsi_batch_context *context, const bsi_unit *unit,
                            bs_status status)
{
    if (status < 0 && bs_error_last()->layer == BS_LAYER_SOURCE) {
        bsi_warn_last(context->env->warn, unit->path);
        return BS_OK;
    }
    return status;
}

void bsi_unit_warn_changed(const bsi_batch_context *context, const bsi_unit *unit)
{
    bsi_warn_new(context->env->warn, unit->path, BS_LAYER_SOURCE, BS_E_CHANGED,
                 "it changed while it was read, twice; one mixed state was stored");
}

/* --- Nodes --- */

/* `node` with a file's content is complete; a directory's is not. */
static bs_status write_node(work *self, const bsi_node *node)
{
    bsi_unit *unit = self->unit;

    BSI_TRY(bsi_node_begin(self->texts, node));
    unit->state = BSI_UNIT_DIR;
    if (node->type != BSI_NODE_DIR) {
        BSI_TRY(bsi_node_end(self->texts, node));
        unit->state = BSI_UNIT_NODE;
    }
    if (unit->stat.type == BSI_TYPE_FILE) {
        unit->size = node->size;
        bsi_progress_add(self->context->env->progress, 1, node->size);
    }
    return BS_OK;
}

static void set_owner(const work *self, bsi_node *node)
{
    node->user = bsi_slice_of(bsi_user_name(self->context->users, node->uid));
    node->group = bsi_slice_of(bsi_group_name(self->context->users, node->gid));
}

/* Nothing is opened: what the walk saw, and the parent knows. */
static bs_status write_unchanged(work *self)
{
    bsi_node node;

    bsi_node_from_stat(&node, self->unit->path, &self->unit->stat, self->context->zone);
    set_owner(self, &node);
    node.link_target = self->before.link_target;
    node.xattrs = self->before.xattrs;
    node.xattr_count = self->before.xattr_count;
    node.content = self->before.content;
    node.content_count = self->before.content_count;
    return write_node(self, &node);
}

/* A directory that cannot be opened: what is in it needs a place all the same. */
static bs_status write_bare_dir(work *self)
{
    bsi_node node;

    bsi_node_from_stat(&node, self->unit->path, &self->unit->stat, self->context->zone);
    set_owner(self, &node);
    return write_node(self, &node);
}

/* --- Content --- */

/* All of a file that is not large. What changes for a second time is taken as it is. */
static bs_status read_content(work *self, bsi_source_file *file)
{
    bsi_flat_reader reader = bsi_flat_of_file(file);
    bsi_buf *content = &self->worker->content;
    const size_t size = (size_t)bsi_source_entry(file)->stat.size;
    bs_status status = BS_OK;

    bsi_buf_clear(content);
    BSI_TRY(bsi_buf_reserve(content, size));
    status = bsi_flat_read(&reader, self->context->env->call, content->data, size, &content->size);
    if (status == BS_OK) {
        status = bsi_source_check(file);
    }
    if (status == BS_E_CHANGED && self->is_last) {
        bsi_unit_warn_changed(self->context, self->unit);
        return BS_OK;
    }
    return status;
}

static bs_status store_chunk(work *self, const uint8_t *bytes, size_t size)
{
    bsi_save_item item = {.type = BSI_BLOB_DATA, .plain = bytes, .size = size};

    BSI_TRY(bsi_repo_writer_put(self->context->writer, &item));
    self->unit->new_bytes += item.is_new ? size : 0;
    return bsi_buf_append(&self->worker->ids, &item.id, sizeof(item.id));
}

static bs_status store_content(work *self)
{
    const bsi_buf *content = &self->worker->content;
    size_t at = 0;

    bsi_buf_clear(&self->worker->ids);
    while (at < content->size) {
        const size_t left = content->size - at;
        size_t size = bsi_chunk_length(self->context->chunker, content->data + at, left, 0);
        size = size > 0 ? size : left;
        BSI_TRY(store_chunk(self, content->data + at, size));
        at += size;
    }
    return BS_OK;
}

static bool is_as_walked(const bsi_unit *unit, const bsi_stat *now)
{
    return now->size == unit->stat.size && now->ino == unit->stat.ino &&
           bsi_time_compare(&now->mtime, &unit->stat.mtime) == 0 &&
           bsi_time_compare(&now->ctime, &unit->stat.ctime) == 0;
}

static bs_status set_content(work *self, bsi_source_file *file, bsi_node *node)
{
    if (self->keeps && is_as_walked(self->unit, &bsi_source_entry(file)->stat)) {
        node->content = self->before.content;
        node->content_count = self->before.content_count;
        return BS_OK;
    }
    BSI_TRY(read_content(self, file));
    BSI_TRY(store_content(self));
    node->content = (const bsi_digest *)(const void *)self->worker->ids.data;
    node->content_count = self->worker->ids.size / sizeof(bsi_digest);
    node->size = self->worker->content.size;
    return BS_OK;
}

/* --- Entries --- */

/* What the walk saw may have given way to something else, that has another place, or none. */
static bs_status check_type(const bsi_unit *unit, bsi_file_type now)
{
    if (now != unit->stat.type &&
        (now == BSI_TYPE_DIR || unit->stat.type == BSI_TYPE_DIR || now == BSI_TYPE_SOCKET)) {
        return bsi_fail(BS_LAYER_SOURCE, BS_E_CHANGED, "replaced by a %s during the backup",
                        bsi_file_type_name(now));
    }
    return BS_OK;
}

static bs_status write_opened(work *self, bsi_source_file *file)
{
    const bsi_entry *entry = bsi_source_entry(file);
    bsi_node node;

    BSI_TRY(check_type(self->unit, entry->stat.type));
    if (entry->stat.type == BSI_TYPE_FILE && entry->stat.size > BSI_BATCH_FILE_MAX) {
        self->unit->state = BSI_UNIT_LARGE;
        return BS_OK;
    }
    bsi_node_from_stat(&node, self->unit->path, &entry->stat, self->context->zone);
    BSI_TRY(bsi_node_take_file(&node, file, &self->worker->xattrs));
    BSI_TRY(node.type == BSI_NODE_FILE ? set_content(self, file, &node) : BS_OK);
    return write_node(self, &node);
}

static bs_status try_to_open(work *self)
{
    bsi_source_file *file = NULL;
    bs_status status = bsi_unit_open(self->worker->tree, self->unit, &file);

    BSI_TRY(status);
    status = write_opened(self, file);
    bsi_source_close(file);
    return status;
}

static bs_status write_anew(work *self)
{
    bs_status status = BS_E_CHANGED;

    for (int attempt = 1; attempt <= ATTEMPTS && status == BS_E_CHANGED; attempt++) {
        self->is_last = attempt == ATTEMPTS;
        status = try_to_open(self);
    }
    if (status == BS_OK) {
        return BS_OK;
    }
    BSI_TRY(bsi_unit_left_out(self->context, self->unit, status));
    return self->unit->stat.type == BSI_TYPE_DIR ? write_bare_dir(self) : BS_OK;
}

/* --- What the parent tells --- */

static bs_status read_before(work *self)
{
    const bsi_unit *unit = self->unit;
    bs_status status = BS_OK;

    if (unit->before.size == 0) {
        return BS_OK;
    }
    status = bsi_tree_reader_parse(&self->worker->nodes, unit->before, &self->before);
    self->has_before = status == BS_OK;
    if (status == BS_E_CORRUPT) {
        bsi_warn_last(self->context->env->warn, unit->path);
        return BS_OK;
    }
    return status;
}

static bs_status has_all_blobs(const work *self, bool *out)
{
    *out = self->before.has_content;
    for (size_t i = 0; i < self->before.content_count && *out; i++) {
        const bs_status status =
            bsi_repo_index_has(self->context->index, BSI_BLOB_DATA, &self->before.content[i]);
        BSI_TRY(status);
        *out = status == BS_OK;
    }
    return BS_OK;
}

static void note_change(bsi_unit *unit, const work *self, bool is_unchanged)
{
    unit->is_same = is_unchanged;
    if (!self->has_before || bsi_node_file_type(self->before.type) != unit->stat.type) {
        unit->change = BSI_UNIT_ADDED;
    } else {
        unit->change = is_unchanged ? BSI_UNIT_UNMODIFIED : BSI_UNIT_CHANGED;
    }
    unit->has_subtree = self->has_before && self->before.has_subtree;
    if (unit->has_subtree) {
        unit->subtree = self->before.subtree;
    }
}

static bs_status process(work *self)
{
    bsi_unit *unit = self->unit;
    const bool is_file = unit->stat.type == BSI_TYPE_FILE;
    bool is_unchanged = false;

    BSI_TRY(read_before(self));
    is_unchanged = self->has_before &&
                   bsi_node_unchanged(&self->before, &unit->stat, &self->context->scan_began);
    note_change(unit, self, is_unchanged);
    if (is_file && is_unchanged && !self->context->plan->content_only) {
        BSI_TRY(has_all_blobs(self, &self->keeps));
    }
    if (is_file && !self->keeps && unit->stat.size > BSI_BATCH_FILE_MAX) {
        unit->state = BSI_UNIT_LARGE;
        return BS_OK;
    }
    return is_unchanged && self->context->is_ours && (!is_file || self->keeps)
               ? write_unchanged(self)
               : write_anew(self);
}

/* --- The task --- */

static bs_status process_all(bsi_batch *self, worker *by)
{
    for (size_t i = 0; i < self->count; i++) {
        unit_place *place = &self->places[i];
        work one = {
            .context = self->context, .worker = by, .unit = &place->unit, .texts = &self->texts};
        BSI_TRY(bsi_call_check(self->context->env->call));
        place->text_at = self->texts.size;
        BSI_TRY(process(&one));
        place->unit.text.size = self->texts.size - place->text_at;
    }
    return BS_OK;
}

/* Now that nothing moves any more. */
static void place_texts(bsi_batch *self)
{
    for (size_t i = 0; i < self->count; i++) {
        unit_place *place = &self->places[i];
        place->unit.text.data = (const char *)self->texts.data + place->text_at;
    }
}

static void run(bsi_task *task)
{
    bsi_batch *self = (bsi_batch *)(void *)((char *)task - offsetof(bsi_batch, task));
    worker *by = NULL;

    self->status = take_worker(self->context, &by);
    if (self->status == BS_OK) {
        self->status = process_all(self, by);
        place_texts(self);
        give_worker(self->context, by);
    }
    if (self->status < 0) {
        bsi_error_save(&self->error);
    }
    bsi_mutex_lock(&self->lock);
    self->is_done = true;
    bsi_cond_signal(&self->change);
    bsi_mutex_unlock(&self->lock);
}

void bsi_batch_start(bsi_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        unit_place *place = &batch->places[i];
        place->unit.path.data = (const char *)batch->given.data + place->path_at;
        place->unit.before.data = (const char *)batch->given.data + place->before_at;
    }
    batch->is_started = true;
    batch->task = (bsi_task){.run = run};
    bsi_pool_submit(batch->context->env->pool, &batch->task);
}

bool bsi_batch_wait(bsi_batch *batch, uint32_t wait_ms)
{
    const int64_t until = bsi_monotonic_ns() + (int64_t)wait_ms * NS_PER_MS;
    bool in_time = true;
    bool is_done = false;

    bsi_mutex_lock(&batch->lock);
    while (in_time && !batch->is_done) {
        in_time = bsi_cond_wait_until(&batch->change, &batch->lock, until);
    }
    is_done = batch->is_done;
    bsi_mutex_unlock(&batch->lock);
    return is_done;
}

bs_status bsi_batch_status(const bsi_batch *batch)
{
    if (batch->status < 0) {
        bsi_error_restore(&batch->error);
    }
    return batch->status;
}

/* --- Batches --- */

bs_status bsi_batch_new(const bsi_batch_context *context, bsi_batch **out)
{
    bsi_batch *self = bsi_calloc(1, sizeof(*self));

    if (!self) {
        return BS_E_NOMEM;
    }
    self->context = context;
    bsi_buf_init(&self->given, TEXT_MAX);
    bsi_buf_init(&self->texts, TEXT_MAX);
    bsi_mutex_init(&self->lock);
    bsi_cond_init(&self->change);
    *out = self;
    return BS_OK;
}

void bsi_batch_free(bsi_batch *batch)
{
    if (batch) {
        bsi_buf_dispose(&batch->given);
        bsi_buf_dispose(&batch->texts);
        bsi_cond_dispose(&batch->change);
        bsi_mutex_dispose(&batch->lock);
        bsi_free(batch);
    }
}

bool bsi_batch_is_full(const bsi_batch *batch)
{
    return batch->count == BSI_BATCH_UNITS || batch->given.size >= BSI_BATCH_TEXT ||
           batch->bytes >= BSI_BATCH_BYTES;
}

bool bsi_batch_is_empty(const bsi_batch *batch)
{
    return batch->count == 0;
}

bs_status bsi_batch_add(bsi_batch *batch, const bsi_unit *unit)
{
    unit_place *place = &batch->places[batch->count];

    BSI_CHECK(batch->count < BSI_BATCH_UNITS && !batch->is_started);
    *place = (unit_place){.unit = *unit, .path_at = batch->given.size};
    BSI_TRY(bsi_buf_append(&batch->given, unit->path.data, unit->path.size));
    place->before_at = batch->given.size;
    BSI_TRY(bsi_buf_append(&batch->given, unit->before.data, unit->before.size));
    batch->bytes += unit->stat.type == BSI_TYPE_FILE ? unit->stat.size : 0;
    batch->count++;
    return BS_OK;
}

const bsi_unit *bsi_batch_unit(const bsi_batch *batch, size_t index)
{
    return index < batch->count ? &batch->places[index].unit : NULL;
}

static void clear_text(bsi_buf *text)
{
    if (text->capacity > TEXT_KEPT) {
        bsi_buf_dispose(text);
    }
    bsi_buf_clear(text);
}

void bsi_batch_clear(bsi_batch *batch)
{
    clear_text(&batch->given);
    clear_text(&batch->texts);
    batch->count = 0;
    batch->bytes = 0;
    batch->status = BS_OK;
    batch->is_started = false;
    batch->is_done = false;
}
