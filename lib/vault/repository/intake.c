/* SPDX-License-Identifier: MIT */
/*
 * Entries become pieces, in a ring: those of small files are with the pool until their content
 * is stored, and all leave the ring in order, into the trees. Large files pass it by, when it is
 * empty.
 */
#include "vault/repository/intake.h"

#include <string.h>

#include "archive/spool.h"
#include "base/alloc.h"
#include "os/time.h"
#include "repo/digest_table.h"
#include "vault/repository/chunks.h"
#include "vault/repository/nodes.h"
#include "vault/repository/trees.h"

enum {
    PIECES = 128,
    UNDER_WAY_MAX = 32 * 1024 * 1024, /* Bytes of small files, and of nodes. */
    BUFFER_KEPT = 64 * 1024,          /* What a piece that is done with keeps room for. */
    SMALL_MAX = BSI_CHUNK_MIN,        /* What has no more bytes is one chunk. */
    WAIT_MS = 1000,
    NS_PER_MS = 1000000,
    MODE_OF_PARENTS = 0755, /* As a restore makes them. */
};

#define TEXT_MAX ((size_t)BSI_BLOB_TREE_MAX) /* No tree takes in more; */
#define IDS_MAX (TEXT_MAX / 2)               /* in text they are twice as long. */

typedef struct run run;

/* The first name of a file that has others, for these. */
typedef struct head {
    bsi_digest sha256;
    uint64_t dev;
    uint64_t ino;
    uint64_t ids_at; /* In the spool. */
    uint64_t ids_count;
} head;

/* An entry on its way into the trees. */
typedef struct piece {
    bsi_task task; /* First: the one is found by the other. */
    run *run;
    bsi_buf path;
    bsi_buf text; /* Of its node: whole, but for a directory's, when it is done. */
    bsi_buf content;
    bool is_dir;
    bool is_head;
    head head;             /* Of a file; complete with its ids. */
    const char *container; /* What the content lies in; NULL: it is told otherwise. */
    bsi_digest id;         /* Of the one chunk, */
    size_t id_count;       /* if there is one. */
    uint64_t new_bytes;
    size_t weight; /* What it counts among the bytes under way. */
    bs_status status;
    bs_error error;
    bool is_done; /* Guarded by the lock. */
} piece;

struct run {
    bsi_intake *intake;
    const bs_call *call;
    bsi_timezone *zone;
    bsi_trees *trees;

    piece *pieces; /* PIECES; those from `first` on, round the end, are under way, in order. */
    size_t first;
    size_t count;
    uint64_t under_way; /* Bytes of them. */
    bsi_mutex lock;
    bsi_cond change;

    bsi_digest_table numbers; /* Heads by the digests of their paths. */
    bsi_buf heads;
    bsi_spool *ids; /* Of their chunks. */

    bsi_buf last; /* The path of the entry before. */
    bsi_buf xattrs;
    bsi_buf scratch;

    /* For large files; NULL until there is one. */
    bsi_chunker chunker;
    bsi_chunks *chunks;
    bsi_chunk_result result;
    bsi_sha256 *hash;
};

static bs_status say_where(bsi_slice path, bs_status status)
{
    char shown[512];

    return status < 0 ? bsi_fail_context(BS_LAYER_STORAGE, status, "'%s'",
                                         bsi_printable(path.data, path.size, shown, sizeof(shown)))
                      : BS_OK;
}

/* --- Nodes --- */

static bs_status list_xattrs(run *self, const bsi_entry *entry, bsi_node *node)
{
    bsi_buf_clear(&self->xattrs);
    for (size_t i = 0; i < entry->xattr_count; i++) {
        const bsi_node_xattr xattr = {entry->xattrs[i].name, entry->xattrs[i].value};
        BSI_TRY(bsi_buf_append(&self->xattrs, &xattr, sizeof(xattr)));
    }
    node->xattrs = (const bsi_node_xattr *)(const void *)self->xattrs.data;
    node->xattr_count = entry->xattr_count;
    return BS_OK;
}

/* All but a file's content. `of`: whose further name it is; NULL: nobody's. */
static bs_status fill_node(run *self, const bsi_entry *entry, const head *of, bsi_node *out)
{
    bsi_node_from_stat(out, entry->path, &entry->stat, self->zone);
    out->user = entry->user;
    out->group = entry->group;
    out->link_target = entry->link;
    if (of) {
        out->inode = of->ino;
        out->device_id = of->dev;
        out->links = out->links > 1 ? out->links : 2;
    }
    return list_xattrs(self, entry, out);
}

static bs_status end_file(bsi_buf *out, const bsi_digest *ids, size_t count)
{
    const bsi_node node = {.type = BSI_NODE_FILE, .content = ids, .content_count = count};

    return bsi_node_end(out, &node);
}

/* --- First names, and what is in them --- */

static bool is_head(const bsi_entry *entry)
{
    return entry->stat.type == BSI_TYPE_FILE && entry->stat.nlink > 1;
}

static head head_of(const bsi_manifest_entry *from)
{
    const bsi_stat *stat = &from->listed.entry.stat;

    return (head){.sha256 = from->listed.sha256, .dev = stat->dev, .ino = stat->ino};
}

static bs_status note_head(run *self, bsi_slice path, head first, const bsi_digest *ids,
                           size_t count)
{
    const size_t number = self->heads.size / sizeof(first);
    bsi_digest key;

    if (number > UINT32_MAX) {
        return BS_OK; /* It is stored under each of its names. */
    }
    first.ids_at = bsi_spool_size(self->ids);
    first.ids_count = count;
    BSI_TRY(bsi_spool_append(self->ids, ids, count * sizeof(*ids)));
    BSI_TRY(bsi_buf_append(&self->heads, &first, sizeof(first)));
    bsi_sha256_of(path.data, path.size, &key);
    return bsi_digest_table_put(&self->numbers, &key, (uint32_t)number);
}

/* False: there is none, or none with that content. */
static bool find_head(const run *self, const bsi_manifest_entry *from, head *out)
{
    const bsi_slice path = from->listed.entry.linked;
    const uint32_t *number = NULL;
    bsi_digest key;

    bsi_sha256_of(path.data, path.size, &key);
    number = bsi_digest_table_find(&self->numbers, &key);
    if (!number) {
        return false;
    }
    *out = ((const head *)(const void *)self->heads.data)[*number];
    return bsi_digest_equal(&out->sha256, &from->listed.sha256);
}

/* --- Pieces that leave the ring --- */

static bs_status enter_tree(run *self, const piece *oldest)
{
    const bsi_slice path = bsi_buf_slice(&oldest->path);
    const bsi_slice text = bsi_buf_slice(&oldest->text);

    self->intake->new_bytes += oldest->new_bytes;
    if (oldest->is_head) {
        BSI_TRY(note_head(self, path, oldest->head, &oldest->id, oldest->id_count));
    }
    return oldest->is_dir ? bsi_trees_enter(self->trees, path, text, NULL, false)
                          : bsi_trees_add(self->trees, path, text);
}

static bool is_done(run *self, const piece *one)
{
    const int64_t until = bsi_monotonic_ns() + (int64_t)WAIT_MS * NS_PER_MS;
    bool in_time = true;
    bool done = false;

    bsi_mutex_lock(&self->lock);
    while (in_time && !one->is_done) {
        in_time = bsi_cond_wait_until(&self->change, &self->lock, until);
    }
    done = one->is_done;
    bsi_mutex_unlock(&self->lock);
    return done;
}

static void trim(bsi_buf *buf)
{
    if (buf->capacity > BUFFER_KEPT) {
        bsi_buf_dispose(buf);
    }
}

/* The oldest one. */
static bs_status retire(run *self)
{
    piece *oldest = &self->pieces[self->first];
    bs_status status = BS_OK;

    while (!is_done(self, oldest)) {
        BSI_TRY(bsi_repo_session_keep(self->intake->session));
    }
    self->first = (self->first + 1) % PIECES;
    self->count--;
    self->under_way -= oldest->weight;
    status = oldest->status;
    if (status < 0) {
        bsi_error_restore(&oldest->error);
    } else {
        status = enter_tree(self, oldest);
    }
    status = say_where(bsi_buf_slice(&oldest->path), status);
    trim(&oldest->path);
    trim(&oldest->text);
    trim(&oldest->content);
    return status;
}

static bs_status retire_all(run *self)
{
    while (self->count > 0) {
        BSI_TRY(retire(self));
    }
    return BS_OK;
}

/* Whatever became of the run: no task works on a piece any more. */
static void await_all(run *self)
{
    for (size_t i = 0; i < self->count; i++) {
        while (!is_done(self, &self->pieces[(self->first + i) % PIECES])) {
        }
    }
}

/* --- Pieces that enter it --- */

/* The next one, with its path, for `size` bytes of content. */
static bs_status next_piece(run *self, bsi_slice path, size_t size, piece **out)
{
    piece *next = NULL;

    while (self->count == PIECES || (self->count > 0 && self->under_way + size > UNDER_WAY_MAX)) {
        BSI_TRY(retire(self));
    }
    next = &self->pieces[(self->first + self->count) % PIECES];
    next->is_dir = false;
    next->is_head = false;
    next->container = NULL;
    next->id_count = 0;
    next->new_bytes = 0;
    next->status = BS_OK;
    bsi_buf_clear(&next->path);
    bsi_buf_clear(&next->text);
    bsi_buf_clear(&next->content);
    BSI_TRY(bsi_buf_append(&next->path, path.data, path.size));
    *out = next;
    return BS_OK;
}

/* It counts from now on. */
static void put_in(run *self, piece *next, bool done)
{
    next->is_done = done;
    next->weight = next->content.size + next->text.size;
    self->under_way += next->weight;
    self->count++;
}

static bs_status add_dir(run *self, const bsi_entry *entry)
{
    piece *next = NULL;
    bsi_node node;

    BSI_TRY(next_piece(self, entry->path, 0, &next));
    BSI_TRY(fill_node(self, entry, NULL, &node));
    BSI_TRY(bsi_node_begin(&next->text, &node));
    next->is_dir = true;
    put_in(self, next, true);
    return BS_OK;
}

static bs_status add_special(run *self, const bsi_entry *entry)
{
    piece *next = NULL;
    bsi_node node;

    BSI_TRY(next_piece(self, entry->path, 0, &next));
    BSI_TRY(fill_node(self, entry, NULL, &node));
    BSI_TRY(bsi_node_begin(&next->text, &node));
    BSI_TRY(bsi_node_end(&next->text, &node));
    put_in(self, next, true);
    return BS_OK;
}

/* A further name of a file that is stored. */
static bs_status add_name(run *self, const bsi_entry *entry, const head *of)
{
    const size_t size = (size_t)of->ids_count * sizeof(bsi_digest);
    piece *next = NULL;
    bsi_node node;

    BSI_TRY(next_piece(self, entry->path, 0, &next));
    BSI_TRY(fill_node(self, entry, of, &node));
    BSI_TRY(bsi_node_begin(&next->text, &node));
    bsi_buf_clear(&self->scratch);
    BSI_TRY(bsi_buf_reserve(&self->scratch, size));
    BSI_TRY(size > 0 ? bsi_spool_read(self->ids, of->ids_at, self->scratch.data, size) : BS_OK);
    BSI_TRY(end_file(&next->text, (const bsi_digest *)(const void *)self->scratch.data,
                     (size_t)of->ids_count));
    put_in(self, next, true);
    bsi_progress_add(self->intake->progress, 1, entry->stat.size);
    return BS_OK;
}

/* --- Content --- */

/* What the bytes of a file lie in; NULL: each in an object of its own, which tells its name. */
static const char *container_of(const run *self, const bsi_manifest_entry *from)
{
    const bsi_manifest_info *info = bsi_manifest_reader_info(self->intake->manifest);

    if (!from->has_locator) {
        return NULL;
    }
    for (size_t i = 0; i < info->needs_count; i++) {
        if (strcmp(info->needs[i].id, from->listed.stored_in) == 0) {
            return info->needs[i].key;
        }
    }
    return info->container_key;
}

static bs_status check_content(const bsi_digest *expected, const bsi_digest *found,
                               const char *container)
{
    if (bsi_digest_equal(expected, found)) {
        return BS_OK;
    }
    if (!container) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "its content is not what was backed up");
    }
    return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                    "container '%s': its content is not what was backed up", container);
}

static bs_status store_small(piece *self)
{
    bsi_save_item item = {
        .type = BSI_BLOB_DATA, .plain = self->content.data, .size = self->content.size};
    bsi_digest found;

    bsi_sha256_of(self->content.data, self->content.size, &found);
    BSI_TRY(check_content(&self->head.sha256, &found, self->container));
    if (self->content.size > 0) {
        BSI_TRY(bsi_repo_writer_put(self->run->intake->writer, &item));
        self->id = item.id;
        self->id_count = 1;
        self->new_bytes = item.is_new ? self->content.size : 0;
    }
    BSI_TRY(end_file(&self->text, &self->id, self->id_count));
    bsi_progress_add(self->run->intake->progress, 1, self->content.size);
    return BS_OK;
}

static void run_small(bsi_task *task)
{
    piece *self = (piece *)(void *)task;
    run *all = self->run;

    self->status = store_small(self);
    if (self->status < 0) {
        bsi_error_save(&self->error);
    }
    bsi_mutex_lock(&all->lock);
    self->is_done = true;
    bsi_cond_signal(&all->change);
    bsi_mutex_unlock(&all->lock);
}

static bs_status read_small(run *self, const bsi_manifest_entry *from, piece *into)
{
    const bsi_content *content = self->intake->content;
    const size_t size = (size_t)from->listed.entry.stat.size;

    BSI_TRY(bsi_buf_reserve(&into->content, size));
    BSI_TRY(content->begin(content->self, from));
    BSI_TRY(size > 0 ? content->next(content->self, into->content.data, size) : BS_OK);
    into->content.size = size;
    return BS_OK;
}

static bs_status add_small(run *self, const bsi_manifest_entry *from)
{
    const bsi_entry *entry = &from->listed.entry;
    piece *next = NULL;
    bsi_node node;

    BSI_TRY(bsi_chunks_wait(self->intake->session, self->intake->writer));
    BSI_TRY(next_piece(self, entry->path, (size_t)entry->stat.size, &next));
    BSI_TRY(fill_node(self, entry, NULL, &node));
    BSI_TRY(bsi_node_begin(&next->text, &node));
    BSI_TRY(say_where(entry->path, read_small(self, from, next)));
    next->is_head = is_head(entry);
    next->head = head_of(from);
    next->container = container_of(self, from);
    put_in(self, next, false);
    next->task = (bsi_task){.run = run_small};
    bsi_pool_submit(self->intake->session->env->pool, &next->task);
    return BS_OK;
}

/* A large or sparse file as chunks are made of it. */
typedef struct flat_source {
    run *run;
    bsi_flat_reader reader;
    uint64_t counted; /* How much of it progress has heard of. */
} flat_source;

static bs_status read_data(void *user, const bs_call *call, void *buf, size_t size, size_t *got_out)
{
    run *self = user;
    const bsi_content *content = self->intake->content;

    *got_out = 0;
    BSI_TRY(bsi_call_check(call));
    BSI_TRY(content->next(content->self, buf, size));
    bsi_sha256_update(self->hash, buf, size);
    *got_out = size;
    return BS_OK;
}

static void count_to(flat_source *self)
{
    bsi_progress_add(self->run->intake->progress, 0, self->reader.at - self->counted);
    self->counted = self->reader.at;
}

static bs_status read_flat(void *user, const bs_call *call, void *buf, size_t size, size_t *got_out)
{
    flat_source *self = user;
    const bs_status status = bsi_flat_read(&self->reader, call, buf, size, got_out);

    count_to(self);
    return status;
}

static uint64_t hole_of(void *user)
{
    return bsi_flat_hole(&((flat_source *)user)->reader);
}

static void skip_hole(void *user, uint64_t size)
{
    flat_source *self = user;

    bsi_flat_skip(&self->reader, size);
    count_to(self);
}

/* What large files need, made for the first one. */
static bs_status prepare_chunks(run *self)
{
    const bsi_intake *intake = self->intake;

    if (!self->chunks) {
        BSI_TRY(bsi_sha256_new(&self->hash));
        BSI_TRY(bsi_chunks_new(intake->session, &self->chunker, intake->writer, &self->chunks));
    }
    return BS_OK;
}

static bs_status store_large(run *self, const bsi_manifest_entry *from)
{
    const bsi_content *content = self->intake->content;
    const bsi_entry *entry = &from->listed.entry;
    flat_source source = {.run = self, .reader = {.entry = entry, .read = read_data, .user = self}};
    const bsi_chunk_source reading = {&source, read_flat, hole_of, skip_hole};
    bsi_digest found;

    bsi_sha256_reset(self->hash);
    BSI_TRY(content->begin(content->self, from));
    BSI_TRY(bsi_chunks_store(self->chunks, &reading, &self->result));
    BSI_TRY(self->result.source);
    bsi_sha256_finish(self->hash, &found);
    return check_content(&from->listed.sha256, &found, container_of(self, from));
}

static bs_status add_large(run *self, const bsi_manifest_entry *from)
{
    const bsi_entry *entry = &from->listed.entry;
    const bsi_digest *ids = NULL;
    size_t count = 0;
    bsi_node node;

    BSI_TRY(retire_all(self));
    BSI_TRY(prepare_chunks(self));
    BSI_TRY(say_where(entry->path, store_large(self, from)));
    ids = (const bsi_digest *)(const void *)self->result.ids.data;
    count = self->result.ids.size / sizeof(*ids);
    BSI_TRY(fill_node(self, entry, NULL, &node));
    bsi_buf_clear(&self->scratch);
    BSI_TRY(bsi_node_begin(&self->scratch, &node));
    BSI_TRY(end_file(&self->scratch, ids, count));
    if (is_head(entry)) {
        BSI_TRY(note_head(self, entry->path, head_of(from), ids, count));
    }
    self->intake->new_bytes += self->result.new_bytes;
    bsi_progress_add(self->intake->progress, 1, 0);
    return bsi_trees_add(self->trees, entry->path, bsi_buf_slice(&self->scratch));
}

/* --- Entries --- */

static bs_status add_file(run *self, const bsi_manifest_entry *from)
{
    const bsi_entry *entry = &from->listed.entry;
    bool linked = entry->linked.size > 0;
    head of;

    if (linked && !find_head(self, from, &of)) {
        BSI_TRY(retire_all(self)); /* It may be on its way. */
        linked = find_head(self, from, &of);
    }
    if (linked) {
        return add_name(self, entry, &of);
    }
    return entry->sparse || entry->stat.size > SMALL_MAX ? add_large(self, from)
                                                         : add_small(self, from);
}

static bs_status add_entry(run *self, const bsi_manifest_entry *from)
{
    const bsi_entry *entry = &from->listed.entry;

    switch (entry->stat.type) {
    case BSI_TYPE_DIR:
        return add_dir(self, entry);
    case BSI_TYPE_FILE:
        return add_file(self, from);
    default:
        return add_special(self, entry);
    }
}

/* Whether the entry before is this directory, or lies in it. */
static bool was_entered(const run *self, bsi_slice dir)
{
    const bsi_slice last = bsi_buf_slice(&self->last);

    return bsi_slice_equal(last, dir) || bsi_path_is_below(last, dir);
}

/* Directories on the way to a source, of which the backup knows no more than that. */
static bs_status enter_parents(run *self, bsi_slice path)
{
    const bsi_manifest_info *info = bsi_manifest_reader_info(self->intake->manifest);

    for (size_t i = 0; i < path.size; i++) {
        const bsi_entry parent = {.path = {path.data, i},
                                  .stat = {.type = BSI_TYPE_DIR,
                                           .mode = MODE_OF_PARENTS,
                                           .uid = bsi_process_uid(),
                                           .gid = bsi_process_gid(),
                                           .mtime = info->started_at,
                                           .ctime = info->started_at}};
        if (path.data[i] != '/' || was_entered(self, parent.path)) {
            continue;
        }
        BSI_TRY(add_dir(self, &parent));
    }
    return BS_OK;
}

static bs_status take_entry(run *self, const bsi_manifest_entry *from)
{
    const bsi_slice path = from->listed.entry.path;

    BSI_TRY(bsi_call_check(self->call));
    BSI_TRY(bsi_repo_session_keep(self->intake->session));
    if (from->listed.entry.stat.type == BSI_TYPE_SOCKET) {
        return BS_OK; /* They are in no backup of restic's, and nobody restores them. */
    }
    if (!self->intake->first) {
        self->intake->first = bsi_strndup(path.data, path.size);
        BSI_TRY(self->intake->first ? BS_OK : BS_E_NOMEM);
    }
    BSI_TRY(enter_parents(self, path));
    bsi_buf_clear(&self->last);
    BSI_TRY(bsi_buf_append(&self->last, path.data, path.size));
    return add_entry(self, from);
}

static bs_status take_all(run *self)
{
    const bsi_manifest_entry *from = NULL;
    bs_status status = BS_OK;

    while ((status = bsi_manifest_next(self->intake->manifest, &from)) == BS_OK) {
        BSI_TRY(take_entry(self, from));
    }
    BSI_TRY(status);
    BSI_TRY(retire_all(self));
    BSI_TRY(bsi_trees_finish(self->trees, &self->intake->root));
    self->intake->dirs = bsi_trees_counts(self->trees)->added;
    return BS_OK;
}

/* --- Life --- */

static void init(run *self, bsi_intake *intake)
{
    self->intake = intake;
    self->call = intake->session->env->call;
    bsi_mutex_init(&self->lock);
    bsi_cond_init(&self->change);
    bsi_buf_init(&self->heads, SIZE_MAX / 2);
    bsi_buf_init(&self->last, BSI_PATH_MAX);
    bsi_buf_init(&self->xattrs, TEXT_MAX);
    bsi_buf_init(&self->scratch, TEXT_MAX);
    bsi_buf_init(&self->result.ids, IDS_MAX);
}

static bs_status prepare(run *self)
{
    const bsi_intake *intake = self->intake;
    const bsi_repo_session *session = intake->session;

    self->pieces = bsi_calloc(PIECES, sizeof(*self->pieces));
    if (!self->pieces) {
        return BS_E_NOMEM;
    }
    for (size_t i = 0; i < PIECES; i++) {
        piece *one = &self->pieces[i];
        one->run = self;
        bsi_buf_init(&one->path, BSI_PATH_MAX);
        bsi_buf_init(&one->text, TEXT_MAX);
        bsi_buf_init(&one->content, SMALL_MAX);
    }
    BSI_TRY(bsi_chunker_init(&self->chunker, bsi_repo_config_of(session->repo)->polynomial));
    BSI_TRY(bsi_local_zone_load(&self->zone));
    BSI_TRY(bsi_spool_new(session->env->temp_dir, &self->ids));
    return bsi_trees_new(intake->index, intake->writer, &self->trees);
}

static void dispose(run *self)
{
    await_all(self);
    for (size_t i = 0; self->pieces && i < PIECES; i++) {
        bsi_buf_dispose(&self->pieces[i].path);
        bsi_buf_dispose(&self->pieces[i].text);
        bsi_buf_dispose(&self->pieces[i].content);
    }
    bsi_free(self->pieces);
    bsi_trees_free(self->trees);
    bsi_chunks_free(self->chunks);
    bsi_sha256_free(self->hash);
    bsi_spool_free(self->ids);
    bsi_digest_table_dispose(&self->numbers);
    bsi_buf_dispose(&self->heads);
    bsi_buf_dispose(&self->last);
    bsi_buf_dispose(&self->xattrs);
    bsi_buf_dispose(&self->scratch);
    bsi_buf_dispose(&self->result.ids);
    bsi_timezone_free(self->zone);
    bsi_cond_dispose(&self->change);
    bsi_mutex_dispose(&self->lock);
}

bs_status bsi_intake_run(bsi_intake *intake)
{
    run *self = bsi_calloc(1, sizeof(*self));
    bs_error failure;
    bs_status status = BS_OK;

    if (!self) {
        return BS_E_NOMEM;
    }
    init(self, intake);
    status = prepare(self);
    if (status == BS_OK) {
        status = take_all(self);
    }
    bsi_error_save(&failure);
    dispose(self);
    bsi_free(self);
    bsi_error_restore(&failure);
    return status;
}
