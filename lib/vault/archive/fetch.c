/* SPDX-License-Identifier: MIT */
/*
 * Batches of records go round between two queues: the reader's thread fills
 * those that the job's thread has used up.
 */
#include "vault/archive/fetch.h"

#include "base/alloc.h"
#include "task/queue.h"
#include "task/usage.h"

enum {
    BATCHES = 3,
    BATCH_RECORDS = 64,
    BATCH_BYTES = 256 * 1024,       /* Of records; a batch with more takes no further ones. */
    BATCH_ATTRIBUTES = 1024 * 1024, /* Likewise of extended attributes. */
    ROOM = BSI_FETCH_SMALL * 2,
};

/* One record's bytes and what came of it. */
typedef struct batch {
    bsi_fetched items[BATCH_RECORDS];
    size_t count;
    size_t next;       /* The one that the job takes next. */
    bsi_buf bytes;     /* Of all records, one behind the other. */
    uint8_t *room;     /* For content; ROOM bytes. */
    size_t used;       /* Of `room`. */
    size_t attributes; /* Bytes of extended attributes. */
    bool full;         /* Takes no further record. */
    bs_status after;   /* What comes behind the last item: BS_OK is another batch. */
    bs_error error;
} batch;

struct bsi_fetch {
    const bsi_vault_env *env;
    bsi_draft *draft;
    bsi_source_tree *tree;
    batch batches[BATCHES];
    batch *present; /* What the job's thread takes from; NULL: none. */
    bsi_queue *used_up;
    bsi_queue *filled;
    bsi_usage *usage; /* Whose time it is. */
    bsi_thread thread;
    bool running; /* There is a thread. */
};

/* --- The reader's side --- */

static void clear(batch *self)
{
    for (size_t i = 0; i < self->count; i++) {
        bsi_source_close(self->items[i].file);
    }
    if (self->bytes.size > BATCH_BYTES) {
        bsi_buf_dispose(&self->bytes); /* A line may be of any length; few are. */
    }
    bsi_buf_clear(&self->bytes);
    self->count = 0;
    self->next = 0;
    self->used = 0;
    self->attributes = 0;
    self->full = false;
    self->after = BS_OK;
}

static bs_status read_whole(const bsi_fetch *fetch, batch *self, bsi_fetched *item)
{
    uint8_t *content = self->room + self->used;

    BSI_TRY(bsi_source_read(item->file, fetch->env->call, content, BSI_FETCH_SMALL, &item->size));
    BSI_TRY(bsi_source_check(item->file));
    bsi_sha256_of(content, item->size, &item->sha256);
    item->content = content;
    self->used += item->size;
    return BS_OK;
}

static size_t attributes_of(const bsi_entry *entry)
{
    size_t size = 0;

    for (size_t i = 0; i < entry->xattr_count; i++) {
        size += entry->xattrs[i].value.size;
    }
    return size;
}

static bool is_full(const batch *self)
{
    return self->count == BATCH_RECORDS || self->bytes.size > BATCH_BYTES ||
           self->used > BSI_FETCH_SMALL || self->attributes > BATCH_ATTRIBUTES;
}

static bs_status open_and_read(const bsi_fetch *fetch, batch *self, bsi_fetched *item,
                               bsi_slice path)
{
    const bsi_entry *entry = NULL;
    bs_status status = bsi_source_open(fetch->tree, path, &item->file);

    BSI_TRY(status);
    entry = bsi_source_entry(item->file);
    self->attributes += attributes_of(entry);
    if (entry->stat.type == BSI_TYPE_FILE && bsi_entry_data_size(entry) >= BSI_FETCH_SMALL) {
        self->full = true; /* It keeps its descriptor until it was stored. */
        return BS_OK;
    }
    if (entry->stat.type == BSI_TYPE_FILE) {
        status = read_whole(fetch, self, item);
    }
    bsi_source_end_reading(item->file);
    return status;
}

/* The path is the record's bytes, behind what the base knew of it. */
static bool find_path(const bsi_record *found, bsi_slice *out)
{
    const size_t before = found->kind == BSI_SCAN_COMPARE ? sizeof(bsi_scan_known) : 0;

    *out = (bsi_slice){found->bytes.data + before, found->bytes.size - before};
    return found->kind == BSI_SCAN_STORE || found->kind == BSI_SCAN_COMPARE;
}

static bs_status add_record(const bsi_fetch *fetch, batch *self, const bsi_record *found)
{
    bsi_fetched *item = &self->items[self->count];
    bsi_slice path;

    BSI_TRY(bsi_buf_append(&self->bytes, found->bytes.data, found->bytes.size));
    item->found = *found;
    item->tried = find_path(found, &path);
    item->status = BS_OK;
    item->file = NULL;
    item->content = NULL;
    self->count++;
    if (item->tried) {
        item->status = open_and_read(fetch, self, item, path);
    }
    if (item->status < 0) {
        bsi_error_save(&item->error);
    }
    self->full = self->full || is_full(self);
    return BS_OK;
}

/* The bytes have moved while there came more. */
static void point_to_bytes(batch *self)
{
    const char *at = (const char *)self->bytes.data;

    for (size_t i = 0; i < self->count; i++) {
        self->items[i].found.bytes.data = at;
        at += self->items[i].found.bytes.size;
    }
}

static void fill(const bsi_fetch *fetch, batch *self)
{
    bsi_record found;
    bs_status status = BS_OK;

    clear(self);
    while (status == BS_OK && !self->full) {
        status = bsi_draft_next(fetch->draft, &found);
        if (status == BS_OK) {
            status = add_record(fetch, self, &found);
        }
    }
    point_to_bytes(self);
    self->after = status;
    if (status < 0) {
        bsi_error_save(&self->error);
    }
}

static void run(void *user)
{
    bsi_fetch *fetch = user;
    void *item = NULL;
    bs_status status = BS_OK;

    bsi_usage_enter(fetch->usage);
    while (status == BS_OK) {
        status = bsi_queue_pop(fetch->used_up, fetch->env->call, &item);
        if (status == BS_OK) {
            batch *next = item;
            fill(fetch, next);
            status = bsi_queue_push(fetch->filled, fetch->env->call, next);
            status = status == BS_OK ? next->after : status;
        }
    }
    bsi_usage_enter(NULL);
}

/* --- The job's side --- */

static bs_status make_batches(bsi_fetch *fetch)
{
    for (size_t i = 0; i < BATCHES; i++) {
        batch *self = &fetch->batches[i];
        bsi_buf_init(&self->bytes, BATCH_BYTES + BSI_MANIFEST_LINE_MAX + sizeof(bsi_scan_known));
        self->room = bsi_alloc(ROOM);
        if (!self->room) {
            return BS_E_NOMEM;
        }
    }
    return BS_OK;
}

/* Cannot wait: there is room for all of them. */
static bs_status start(bsi_fetch *fetch)
{
    bs_error before;

    BSI_TRY(bsi_queue_new(BATCHES, &fetch->used_up));
    BSI_TRY(bsi_queue_new(BATCHES, &fetch->filled));
    for (size_t i = 0; i < BATCHES; i++) {
        BSI_TRY(bsi_queue_push(fetch->used_up, NULL, &fetch->batches[i]));
    }
    bsi_error_save(&before);
    fetch->running = bsi_thread_start(&fetch->thread, "bs-reader", run, fetch) >= 0;
    bsi_error_restore(&before); /* No thread is no failure. */
    return BS_OK;
}

bs_status bsi_fetch_new(const bsi_vault_env *env, const bsi_backup_plan *plan, bsi_draft *draft,
                        bsi_fetch **out)
{
    bsi_fetch *fetch = bsi_calloc(1, sizeof(*fetch));
    bs_status status = BS_OK;

    if (!fetch) {
        return BS_E_NOMEM;
    }
    fetch->env = env;
    fetch->draft = draft;
    fetch->usage = bsi_usage_current();
    status = make_batches(fetch);
    if (status == BS_OK) {
        status =
            bsi_source_tree_new(plan->walk.roots, plan->walk.root_count, env->warn, &fetch->tree);
    }
    if (status == BS_OK && bsi_pool_threads(env->pool) > 0) {
        status = start(fetch);
    }
    if (status < 0) {
        bsi_fetch_free(fetch);
        return status;
    }
    *out = fetch;
    return BS_OK;
}

static void stop(bsi_fetch *fetch)
{
    if (fetch->running) {
        bsi_queue_close(fetch->used_up);
        bsi_queue_close(fetch->filled);
        bsi_thread_join(fetch->thread);
    }
    bsi_queue_free(fetch->used_up);
    bsi_queue_free(fetch->filled);
}

void bsi_fetch_free(bsi_fetch *fetch)
{
    if (!fetch) {
        return;
    }
    stop(fetch);
    for (size_t i = 0; i < BATCHES; i++) {
        clear(&fetch->batches[i]);
        bsi_buf_dispose(&fetch->batches[i].bytes);
        bsi_free(fetch->batches[i].room);
    }
    bsi_source_tree_free(fetch->tree);
    bsi_free(fetch);
}

/* Change the batch that was taken from for the next one. */
static bs_status next_batch(bsi_fetch *fetch)
{
    void *item = fetch->present ? fetch->present : &fetch->batches[0];

    if (!fetch->running) {
        fill(fetch, item);
    } else {
        BSI_TRY(fetch->present ? bsi_queue_push(fetch->used_up, fetch->env->call, item) : BS_OK);
        fetch->present = NULL;
        BSI_TRY(bsi_queue_pop(fetch->filled, fetch->env->call, &item));
    }
    fetch->present = item;
    return BS_OK;
}

bs_status bsi_fetch_next(bsi_fetch *fetch, const bsi_fetched **out)
{
    while (!fetch->present || fetch->present->next == fetch->present->count) {
        if (fetch->present && fetch->present->after < 0) {
            bsi_error_restore(&fetch->present->error);
        }
        if (fetch->present && fetch->present->after != BS_OK) {
            return fetch->present->after;
        }
        BSI_TRY(next_batch(fetch));
    }
    *out = &fetch->present->items[fetch->present->next++];
    return BS_OK;
}
