/* SPDX-License-Identifier: MIT */
/*
 * Drives a backup: the job's thread, which waits for the pool and is never waited for.
 */
#include "vault/repository/deposit.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "vault/scan.h"

enum {
    BATCHES_EXTRA = 2, /* Besides two for each thread. */
    BATCHES_MAX = 32,
    WAIT_MS = 1000,
    KEEP_EVERY = 4096, /* Entries of the walk between two looks at the lock. */
    ATTEMPTS = 2,
};

#define IDS_MAX ((size_t)1 << 31)

/* Batches in a ring: those from `first` on are with the pool, in order, then one fills. */
typedef struct ring {
    bsi_batch *batches[BATCHES_MAX];
    size_t size;
    size_t first;
    size_t started;
} ring;

typedef struct run {
    bsi_deposit *deposit;
    bsi_batch_context context;
    bsi_chunker chunker;
    bsi_timezone *zone;
    bsi_users *users;
    bsi_draft *found; /* By the walk. */
    bsi_trees *trees;
    ring ring;
    size_t root;     /* Of the entry before; SIZE_MAX: there was none. */
    bsi_buf scratch; /* A record, or a node. */

    /* For large files; NULL until there is one. */
    bsi_chunks *chunks;
    bsi_source_tree *tree;
    bsi_chunk_result content;
    bsi_buf xattrs;
} run;

static bs_status keep_lock(const run *self)
{
    return bsi_repo_session_keep(self->deposit->session);
}

/* --- The walk --- */

static bs_status note(run *self, const bsi_walk_item *item)
{
    bsi_deposit *deposit = self->deposit;
    bsi_record record = {.kind = 1, .a = item->root};

    if (item->stat.type == BSI_TYPE_SOCKET || item->path.size == 0 ||
        !bsi_scan_is_wanted(deposit->env, deposit->plan, item)) {
        return BS_OK; /* Sockets are in no backup of restic's; the root "/" has no node. */
    }
    bsi_buf_clear(&self->scratch);
    BSI_TRY(bsi_buf_append(&self->scratch, &item->stat, sizeof(item->stat)));
    BSI_TRY(bsi_buf_append(&self->scratch, item->path.data, item->path.size));
    record.bytes = bsi_buf_slice(&self->scratch);
    deposit->entries++;
    if (item->stat.type == BSI_TYPE_FILE) {
        deposit->files++;
        deposit->bytes += item->stat.size;
    }
    return bsi_draft_put(self->found, &record);
}

static bs_status walk_on(run *self, bsi_walk *walk)
{
    bsi_walk_item item;
    bs_status status = BS_OK;

    for (uint64_t i = 0; status == BS_OK; i++) {
        status = i % KEEP_EVERY == 0 ? keep_lock(self) : BS_OK;
        if (status == BS_OK) {
            status = bsi_walk_next(walk, self->deposit->env->call, &item);
        }
        if (status == BS_OK) {
            status = note(self, &item);
        }
    }
    return status < 0 ? status : BS_OK;
}

static bs_status look_around(run *self)
{
    bsi_deposit *deposit = self->deposit;
    bsi_walk_options options = deposit->plan->walk;
    bsi_walk *walk = NULL;
    bs_status status = BS_OK;

    options.pool = deposit->env->pool;
    options.warn = deposit->env->warn;
    BSI_TRY(bsi_draft_new(deposit->env->temp_dir, &self->found));
    status = bsi_walk_new(&options, &walk);
    if (status == BS_OK) {
        status = walk_on(self, walk);
    }
    bsi_walk_free(walk);
    BSI_TRY(status);
    bsi_progress_set_total(deposit->env->progress, deposit->files, deposit->bytes);
    deposit->files = 0; /* From now on those that are stored. */
    deposit->bytes = 0;
    deposit->entries = 0;
    return BS_OK;
}

/* --- Large content --- */

/* A file, and how much of it progress has heard of. */
typedef struct file_source {
    bsi_flat_reader reader;
    bsi_progress *progress;
    uint64_t counted;
} file_source;

static void count_to(file_source *self)
{
    if (self->reader.at > self->counted) {
        bsi_progress_add(self->progress, 0, self->reader.at - self->counted);
        self->counted = self->reader.at;
    }
}

static bs_status read_file(void *user, const bs_call *call, void *buf, size_t size, size_t *got_out)
{
    file_source *self = user;
    const bs_status status = bsi_flat_read(&self->reader, call, buf, size, got_out);

    count_to(self);
    return status;
}

static uint64_t hole_of_file(void *user)
{
    return bsi_flat_hole(&((file_source *)user)->reader);
}

static void skip_in_file(void *user, uint64_t size)
{
    file_source *self = user;

    bsi_flat_skip(&self->reader, size);
    count_to(self);
}

/* What large files need, made for the first one. */
static bs_status prepare_chunks(run *self)
{
    bsi_deposit *deposit = self->deposit;
    const bsi_walk_options *walk = &deposit->plan->walk;

    if (!self->chunks) {
        BSI_TRY(bsi_chunks_new(deposit->session, &self->chunker, deposit->writer, &self->chunks));
    }
    if (!self->tree && !deposit->plan->stream) {
        BSI_TRY(
            bsi_source_tree_new(walk->roots, walk->root_count, deposit->env->warn, &self->tree));
    }
    return BS_OK;
}

static bs_status add_file(run *self, bsi_node *node, bsi_slice path)
{
    bsi_deposit *deposit = self->deposit;

    node->size = self->content.size;
    node->content = (const bsi_digest *)(const void *)self->content.ids.data;
    node->content_count = self->content.ids.size / sizeof(bsi_digest);
    bsi_buf_clear(&self->scratch);
    BSI_TRY(bsi_node_begin(&self->scratch, node));
    BSI_TRY(bsi_node_end(&self->scratch, node));
    deposit->entries++;
    deposit->files++;
    deposit->bytes += node->size;
    deposit->new_bytes += self->content.new_bytes;
    bsi_progress_add(deposit->env->progress, 1, 0);
    return bsi_trees_add(self->trees, path, bsi_buf_slice(&self->scratch));
}

/* An opened file; `counted` bytes of it were told before. What changes again is taken as it is. */
static bs_status store_opened(run *self, const bsi_unit *unit, bsi_source_file *file, bool is_last,
                              uint64_t *counted)
{
    const bsi_entry *entry = bsi_source_entry(file);
    file_source source = {.reader = bsi_flat_of_file(file),
                          .progress = self->deposit->env->progress,
                          .counted = *counted};
    const bsi_chunk_source reading = {&source, read_file, hole_of_file, skip_in_file};
    bsi_node node;
    bs_status status = BS_OK;

    if (entry->stat.type != BSI_TYPE_FILE) {
        return bsi_fail(BS_LAYER_SOURCE, BS_E_CHANGED, "replaced by a %s during the backup",
                        bsi_file_type_name(entry->stat.type));
    }
    BSI_TRY(bsi_chunks_store(self->chunks, &reading, &self->content));
    *counted = source.counted;
    status = self->content.source < 0 ? self->content.source : bsi_source_check(file);
    if (status == BS_E_CHANGED && is_last) {
        bsi_unit_warn_changed(&self->context, unit);
        status = BS_OK;
    }
    BSI_TRY(status);
    bsi_node_from_stat(&node, unit->path, &entry->stat, self->zone);
    BSI_TRY(bsi_node_take_file(&node, file, &self->xattrs));
    return add_file(self, &node, unit->path);
}

static bs_status store_large(run *self, const bsi_unit *unit)
{
    uint64_t counted = 0;
    bs_status status = BS_E_CHANGED;

    BSI_TRY(prepare_chunks(self));
    for (int attempt = 1; attempt <= ATTEMPTS && status == BS_E_CHANGED; attempt++) {
        bsi_source_file *file = NULL;
        status = bsi_unit_open(self->tree, unit, &file);
        if (status == BS_OK) {
            status = store_opened(self, unit, file, attempt == ATTEMPTS, &counted);
            bsi_source_close(file);
        }
    }
    return bsi_unit_left_out(&self->context, unit, status);
}

/* --- Batches that come back --- */

static void count_unit(bsi_deposit *deposit, const bsi_unit *unit)
{
    if (unit->stat.type != BSI_TYPE_FILE) {
        return;
    }
    deposit->changes.added += unit->change == BSI_UNIT_ADDED;
    deposit->changes.changed += unit->change == BSI_UNIT_CHANGED;
    deposit->changes.unmodified += unit->change == BSI_UNIT_UNMODIFIED;
}

static void count_stored(bsi_deposit *deposit, const bsi_unit *unit)
{
    deposit->entries++;
    if (unit->stat.type == BSI_TYPE_FILE) {
        deposit->files++;
        deposit->bytes += unit->size;
        deposit->new_bytes += unit->new_bytes;
    }
}

static bs_status take_unit(run *self, const bsi_unit *unit)
{
    bsi_deposit *deposit = self->deposit;

    count_unit(deposit, unit);
    switch (unit->state) {
    case BSI_UNIT_LEFT_OUT:
        return BS_OK;
    case BSI_UNIT_NODE:
        count_stored(deposit, unit);
        return bsi_trees_add(self->trees, unit->path, unit->text);
    case BSI_UNIT_DIR:
        count_stored(deposit, unit);
        return bsi_trees_enter(self->trees, unit->path, unit->text,
                               unit->has_subtree ? &unit->subtree : NULL, unit->is_same);
    case BSI_UNIT_LARGE:
        return store_large(self, unit);
    }
    return BS_E_INTERNAL;
}

/* The oldest batch with the pool. */
static bs_status take_batch(run *self)
{
    ring *all = &self->ring;
    bsi_batch *oldest = all->batches[all->first];
    const bsi_unit *unit = NULL;

    while (!bsi_batch_wait(oldest, WAIT_MS)) {
        BSI_TRY(keep_lock(self));
    }
    BSI_TRY(bsi_batch_status(oldest));
    for (size_t i = 0; (unit = bsi_batch_unit(oldest, i)) != NULL; i++) {
        BSI_TRY(take_unit(self, unit));
    }
    bsi_batch_clear(oldest);
    all->first = (all->first + 1) % all->size;
    all->started--;
    return BS_OK;
}

static bs_status take_all_batches(run *self)
{
    while (self->ring.started > 0) {
        BSI_TRY(take_batch(self));
    }
    return BS_OK;
}

/* Whatever became of the run: no task works on a batch any more. */
static void await_batches(const run *self)
{
    const ring *all = &self->ring;

    for (size_t i = 0; i < all->started; i++) {
        while (!bsi_batch_wait(all->batches[(all->first + i) % all->size], WAIT_MS)) {
        }
    }
}

/* --- Batches that go out --- */

static bsi_batch *filling(const run *self)
{
    const ring *all = &self->ring;

    return all->batches[(all->first + all->started) % all->size];
}

static bs_status start_batch(run *self)
{
    BSI_TRY(bsi_call_check(self->deposit->env->call));
    BSI_TRY(bsi_chunks_wait(self->deposit->session, self->deposit->writer));
    bsi_batch_start(filling(self));
    self->ring.started++;
    return self->ring.started == self->ring.size ? take_batch(self) : BS_OK;
}

static bs_status add_unit(run *self, bsi_unit *unit)
{
    bsi_parent *parent = self->deposit->parent;

    if (parent) {
        const bs_status status =
            bsi_parent_find(parent, unit->path, unit->stat.type, &unit->before);
        BSI_TRY(status);
        unit->before.size = status == BS_OK ? unit->before.size : 0;
    }
    BSI_TRY(bsi_batch_add(filling(self), unit));
    return bsi_batch_is_full(filling(self)) ? start_batch(self) : BS_OK;
}

/* --- Directories above the roots --- */

static bs_status stat_above(const char *path, size_t size, bsi_stat *out)
{
    char *name = bsi_strndup(path, size);
    int fd = -1;
    bs_status status = BS_E_NOMEM;

    if (name) {
        status = bsi_open(BSI_CWD, name, BSI_OPEN_DIR | BSI_OPEN_PATH, 0, &fd);
    }
    if (status == BS_OK) {
        status = bsi_fstat(fd, out);
    }
    bsi_close_quietly(fd);
    bsi_free(name);
    return status < 0 ? bsi_fail_context(BS_LAYER_SOURCE, status, "above a source") : status;
}

/* Whether the root before lies in the first `size` bytes of `root` too. */
static bool was_entered(const char *before, const char *root, size_t size)
{
    return before && strncmp(before, root, size) == 0 && before[size] == '/';
}

/* Nodes for the directories on the way to a root that the one before does not share with it. */
static bs_status enter_root(run *self, size_t number)
{
    const char *const *roots = self->deposit->plan->walk.roots;
    const char *root = roots[number];
    const char *before = self->root < SIZE_MAX ? roots[self->root] : NULL;

    for (const char *slash = strchr(root + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        const size_t size = (size_t)(slash - root);
        bsi_unit unit = {.path = {root + 1, size - 1}, .is_above = true};
        if (was_entered(before, root, size)) {
            continue;
        }
        BSI_TRY(stat_above(root, size, &unit.stat));
        BSI_TRY(add_unit(self, &unit));
    }
    self->root = number;
    return BS_OK;
}

static bs_status add_found(run *self, const bsi_record *record)
{
    bsi_unit unit = {
        .path = {record->bytes.data + sizeof(bsi_stat), record->bytes.size - sizeof(bsi_stat)}};

    memcpy(&unit.stat, record->bytes.data, sizeof(unit.stat));
    if (record->a != self->root) {
        BSI_TRY(enter_root(self, (size_t)record->a));
    }
    return add_unit(self, &unit);
}

static bs_status finish_parent(bsi_deposit *deposit)
{
    if (deposit->parent) {
        BSI_TRY(bsi_parent_finish(deposit->parent));
        deposit->changes.removed = bsi_parent_removed(deposit->parent);
    }
    return BS_OK;
}

static bs_status store_tree(run *self)
{
    bsi_record record;
    bs_status status = BS_OK;

    BSI_TRY(look_around(self));
    while ((status = bsi_draft_next(self->found, &record)) == BS_OK) {
        BSI_TRY(add_found(self, &record));
    }
    BSI_TRY(status);
    BSI_TRY(bsi_batch_is_empty(filling(self)) ? BS_OK : start_batch(self));
    BSI_TRY(take_all_batches(self));
    return finish_parent(self->deposit);
}

/* --- A stream --- */

static bs_status read_stream(void *user, const bs_call *call, void *buf, size_t size,
                             size_t *got_out)
{
    run *self = user;

    *got_out = 0;
    BSI_TRY(bsi_stream_read(self->deposit->plan->stream, call, buf, size, got_out));
    bsi_progress_add(self->deposit->env->progress, 0, *got_out);
    return BS_OK;
}

static bs_status store_stream(run *self)
{
    bsi_deposit *deposit = self->deposit;
    const bsi_chunk_source reading = {.user = self, .read = read_stream};
    const bsi_stat stat = {.type = BSI_TYPE_FILE,
                           .mode = 0600,
                           .uid = bsi_process_uid(),
                           .gid = bsi_process_gid(),
                           .mtime = deposit->began,
                           .ctime = deposit->began};
    const bsi_slice path = bsi_slice_of(deposit->plan->stream_name);
    bsi_node node;

    BSI_TRY(prepare_chunks(self));
    BSI_TRY(bsi_chunks_store(self->chunks, &reading, &self->content));
    BSI_TRY(self->content.source);
    BSI_TRY(bsi_stream_finish(deposit->plan->stream));
    bsi_progress_set_total(deposit->env->progress, 1, self->content.size);
    bsi_node_from_stat(&node, path, &stat, self->zone);
    node.user = bsi_slice_of(bsi_user_name(self->users, node.uid));
    node.group = bsi_slice_of(bsi_group_name(self->users, node.gid));
    deposit->changes.added = 1;
    return add_file(self, &node, path);
}

/* --- The run --- */

static bs_status make_ring(run *self)
{
    const size_t threads = bsi_pool_threads(self->deposit->env->pool);

    self->ring.size = bsi_min_size(2 * threads + BATCHES_EXTRA, BATCHES_MAX);
    for (size_t i = 0; i < self->ring.size; i++) {
        BSI_TRY(bsi_batch_new(&self->context, &self->ring.batches[i]));
    }
    return BS_OK;
}

static bs_status prepare(run *self)
{
    bsi_deposit *deposit = self->deposit;
    const bsi_repo_session *session = deposit->session;

    BSI_TRY(bsi_chunker_init(&self->chunker, bsi_repo_config_of(session->repo)->polynomial));
    BSI_TRY(bsi_local_zone_load(&self->zone));
    BSI_TRY(bsi_users_new(&self->users));
    BSI_TRY(bsi_trees_new(session->index, deposit->writer, &self->trees));
    self->context = (bsi_batch_context){
        .env = deposit->env,
        .plan = deposit->plan,
        .index = session->index,
        .writer = deposit->writer,
        .chunker = &self->chunker,
        .zone = self->zone,
        .users = self->users,
    };
    if (deposit->parent) {
        self->context.scan_began = bsi_parent_info_of(deposit->parent)->scan_began;
        self->context.is_ours = bsi_parent_info_of(deposit->parent)->is_ours;
    }
    BSI_TRY(bsi_batch_workers_new(&self->context));
    return make_ring(self);
}

static void dispose(run *self)
{
    await_batches(self);
    for (size_t i = 0; i < self->ring.size; i++) {
        bsi_batch_free(self->ring.batches[i]);
    }
    bsi_batch_workers_free(&self->context);
    bsi_trees_free(self->trees);
    bsi_chunks_free(self->chunks);
    bsi_source_tree_free(self->tree);
    bsi_draft_free(self->found);
    bsi_users_free(self->users);
    bsi_timezone_free(self->zone);
    bsi_buf_dispose(&self->content.ids);
    bsi_buf_dispose(&self->scratch);
    bsi_buf_dispose(&self->xattrs);
}

bs_status bsi_deposit_run(bsi_deposit *deposit)
{
    run self = {.deposit = deposit, .root = SIZE_MAX};
    bs_error failure;
    bs_status status = BS_OK;

    deposit->began = bsi_now();
    bsi_buf_init(&self.content.ids, IDS_MAX);
    bsi_buf_init(&self.scratch, IDS_MAX);
    bsi_buf_init(&self.xattrs, IDS_MAX);
    status = prepare(&self);
    if (status == BS_OK) {
        status = deposit->plan->stream ? store_stream(&self) : store_tree(&self);
    }
    if (status == BS_OK) {
        status = bsi_trees_finish(self.trees, &deposit->root);
    }
    if (status == BS_OK) {
        deposit->dirs = *bsi_trees_counts(self.trees);
    }
    bsi_error_save(&failure);
    dispose(&self);
    bsi_error_restore(&failure);
    return status;
}
