/* SPDX-License-Identifier: MIT */
/*
 * The way of a blob: hashed, claimed in the index, sealed and put into the open pack
 * of its type, all on one thread of the pool; a full pack goes to the lane, where it
 * gets its header and is stored, and comes into the index.
 *
 * The first failure stays: what comes after it fails with it, and nothing more is
 * stored. Tasks of the pool never wait: bsi_repo_writer_submit() does, before.
 *
 * Locks: `lane_lock` before `lock`, and neither with the index's, which is its own.
 */
#include "repo/save.h"

#include <stddef.h>

#include "base/alloc.h"
#include "compress/zstd_frame.h"
#include "os/thread.h"
#include "os/time.h"
#include "repo/index_file.h"
#include "repo/pack.h"
#include "task/lane.h"

enum {
    TYPES = 2,
    ITEMS_EXTRA = 2, /* Under way, besides two for each thread. */
    NS_PER_MS = 1000000,
    LOOK_MS = 50, /* How often a wait looks whether it was cancelled. */
};

#define INDEX_AGE_NS ((int64_t)BSI_INDEX_FILE_AGE_SEC * 1000 * NS_PER_MS)

/* A pack, open, or on its way. */
typedef struct pack_place {
    struct pack_place *next; /* In the list of spare ones. */
    bsi_repo_writer *writer;
    bsi_pack_writer *pack;
} pack_place;

/* What a thread seals with. */
typedef struct seal_place {
    struct seal_place *next; /* In the list of spare ones. */
    bsi_blob_sealer *sealer;
    bsi_buf sealed;
} seal_place;

struct bsi_repo_writer {
    const bsi_repo *repo;
    bsi_repo_index *index;
    bsi_pool *pool;
    const bs_call *call;
    size_t pack_target;
    bsi_blob_options sealing;
    bool no_index;

    bsi_mutex lane_lock; /* One thread at a time adds to the lane. */
    bsi_lane *lane;
    bsi_index_writer file; /* The next index file. The lane's alone. */
    int64_t file_since_ns; /* When its first pack came. */

    bsi_mutex lock;   /* Guards what follows. */
    bsi_cond change;  /* Of `items`, `uploads` or `status`. */
    size_t items;     /* Under way. */
    size_t uploads;   /* Packs that are full and not stored. */
    bs_status status; /* The first failure. */
    bs_error error;
    pack_place *open[TYPES]; /* NULL: none was begun. */
    pack_place *spare_packs;
    seal_place *spare_sealers;
    bsi_save_stats stats;
};

/* --- Failures --- */

static void fail(bsi_repo_writer *self, bs_status status)
{
    bsi_mutex_lock(&self->lock);
    if (self->status == BS_OK) {
        self->status = status;
        bsi_error_save(&self->error);
    }
    bsi_cond_broadcast(&self->change);
    bsi_mutex_unlock(&self->lock);
}

/* BS_OK, or the first failure on this thread too. */
static bs_status check(bsi_repo_writer *self)
{
    bs_status status = BS_OK;

    bsi_mutex_lock(&self->lock);
    status = self->status;
    if (status < 0) {
        bsi_error_restore(&self->error);
    }
    bsi_mutex_unlock(&self->lock);
    return status < 0 ? status : bsi_call_check(self->call);
}

/* --- The lane: packs and index files are stored --- */

static bs_status put_file(bsi_repo_writer *self, const bs_call *call)
{
    bsi_slice text;
    bsi_digest id;

    BSI_TRY(bsi_index_writer_finish(&self->file));
    text = bsi_buf_slice(&self->file.text);
    return bsi_repo_save(self->repo, call, BSI_REPO_INDEX, text, &id);
}

static bs_status save_file(bsi_repo_writer *self, const bs_call *call)
{
    const size_t before = self->file.text.size;
    const bs_status status = put_file(self, call);

    if (status < 0) {
        self->file.text.size = before; /* It is not finished: there may be another try. */
        return status;
    }
    bsi_index_writer_clear(&self->file);
    bsi_mutex_lock(&self->lock);
    self->stats.index_files++;
    bsi_mutex_unlock(&self->lock);
    return BS_OK;
}

static bool file_is_due(const bsi_repo_writer *self)
{
    return self->file.blobs >= BSI_INDEX_FILE_BLOBS ||
           bsi_monotonic_ns() - self->file_since_ns >= INDEX_AGE_NS;
}

static bs_status put_pack(bsi_repo_writer *self, bsi_pack_writer *pack)
{
    const bsi_digest *id = bsi_pack_writer_id(pack);
    const bsi_slice bytes = bsi_pack_writer_bytes(pack);
    char key[BSI_REPO_KEY_SIZE];

    bsi_repo_object_key(self->repo, BSI_REPO_PACKS, id, key);
    return bsi_storage_put(bsi_repo_storage(self->repo), self->call, key, bytes.data, bytes.size);
}

/* A pack that is durable comes into the next index file, and into the index. */
static bs_status index_pack(bsi_repo_writer *self, const bsi_digest *id, const bsi_blob_list *blobs)
{
    if (self->no_index) {
        return bsi_repo_index_add(self->index, id, blobs);
    }
    if (self->file.packs == 0) {
        self->file_since_ns = bsi_monotonic_ns();
    }
    BSI_TRY(bsi_index_writer_add(&self->file, id, blobs));
    BSI_TRY(bsi_repo_index_add(self->index, id, blobs));
    return file_is_due(self) ? save_file(self, self->call) : BS_OK;
}

static bs_status store_pack(bsi_repo_writer *self, bsi_pack_writer *pack)
{
    BSI_TRY(check(self));
    BSI_TRY(bsi_pack_writer_finish(pack, bsi_repo_master_key(self->repo)));
    BSI_TRY(put_pack(self, pack));
    bsi_mutex_lock(&self->lock);
    self->stats.packs++;
    bsi_mutex_unlock(&self->lock);
    return index_pack(self, bsi_pack_writer_id(pack), bsi_pack_writer_blobs(pack));
}

/* Its blobs are not stored after all. Those that are in the index are not pending any more. */
static void release_blobs(bsi_repo_writer *self, const bsi_blob_list *blobs)
{
    for (size_t i = 0; i < blobs->count; i++) {
        bsi_repo_index_release(self->index, blobs->items[i].type, &blobs->items[i].id);
    }
}

/* The lane's thread. A failure is the writer's, so that each pack is done with here. */
static bs_status run_pack(void *user, const void *data, size_t size)
{
    pack_place *place = user;
    bsi_repo_writer *self = place->writer;
    const bs_status status = store_pack(self, place->pack);

    (void)data;
    (void)size;
    if (status < 0) {
        release_blobs(self, bsi_pack_writer_blobs(place->pack));
        fail(self, status);
    }
    bsi_pack_writer_clear(place->pack);
    bsi_mutex_lock(&self->lock);
    place->next = self->spare_packs;
    self->spare_packs = place;
    self->uploads--;
    bsi_cond_broadcast(&self->change);
    bsi_mutex_unlock(&self->lock);
    return BS_OK;
}

static bs_status run_file(void *user, const void *data, size_t size)
{
    bsi_repo_writer *self = user;
    bs_status status = check(self);

    (void)data;
    (void)size;
    if (status == BS_OK && self->file.packs > 0) {
        status = save_file(self, self->call);
    }
    if (status < 0) {
        fail(self, status);
    }
    return BS_OK;
}

/* BS_OK as well for what is no whole pack: `adopted` tells. */
static bs_status adopt_pack(bsi_repo_writer *self, const bsi_digest *id, bool *adopted)
{
    char key[BSI_REPO_KEY_SIZE];
    const bsi_pack_object pack = {bsi_repo_storage(self->repo), key, *id};
    bsi_blob_list blobs = {0};
    bs_status status = check(self);

    *adopted = false;
    if (status < 0) {
        return status;
    }
    bsi_repo_object_key(self->repo, BSI_REPO_PACKS, id, key);
    status =
        bsi_pack_load_header(&pack, self->call, self->sealing.key, self->sealing.version, &blobs);
    if (status == BS_OK) {
        *adopted = true;
        status = index_pack(self, id, &blobs);
    } else if (status == BS_E_CORRUPT || status == BS_E_LIMIT || status == BS_E_MISSING) {
        status = BS_OK;
    }
    bsi_blob_list_dispose(&blobs);
    return status;
}

static bs_status adopt_all(bsi_repo_writer *self, uint64_t *count)
{
    bsi_repo_files files = {0};
    bs_status status = bsi_repo_list(self->repo, self->call, BSI_REPO_PACKS, &files);

    for (size_t i = 0; status == BS_OK && i < files.count; i++) {
        const bsi_digest *id = &files.items[i].id;
        bool adopted = false;
        if (!bsi_repo_index_has_pack(self->index, id)) {
            status = adopt_pack(self, id, &adopted);
            *count += adopted;
        }
    }
    bsi_repo_files_dispose(&files);
    return status;
}

/* An adoption: who, and how many so far. */
typedef struct adoption {
    bsi_repo_writer *writer;
    uint64_t count;
} adoption;

static bs_status run_adoption(void *user, const void *data, size_t size)
{
    adoption *self = user;
    const bs_status status = adopt_all(self->writer, &self->count);

    (void)data;
    (void)size;
    if (status < 0) {
        fail(self->writer, status);
    }
    return BS_OK;
}

static uint64_t add_to_lane(bsi_repo_writer *self, bsi_lane_cb run, void *user)
{
    uint64_t ticket = 0;

    bsi_mutex_lock(&self->lane_lock);
    ticket = bsi_lane_add(self->lane, run, user, NULL, 0);
    bsi_mutex_unlock(&self->lane_lock);
    return ticket;
}

/* --- Packs that fill --- */

static bs_status take_pack_locked(bsi_repo_writer *self, pack_place **out)
{
    pack_place *place = self->spare_packs;
    bs_status status = BS_OK;

    if (place) {
        self->spare_packs = place->next;
        *out = place;
        return BS_OK;
    }
    place = bsi_calloc(1, sizeof(*place));
    if (!place) {
        return BS_E_NOMEM;
    }
    place->writer = self;
    status = bsi_pack_writer_new(self->pack_target, &place->pack);
    if (status < 0) {
        bsi_free(place);
        return status;
    }
    *out = place;
    return BS_OK;
}

/* The open pack of a type is closed, and on its way from now on. */
static pack_place *close_pack_locked(bsi_repo_writer *self, bsi_blob_type type)
{
    pack_place *place = self->open[type];

    self->open[type] = NULL;
    self->uploads++;
    return place;
}

/* `full_out`: the pack that is full now, or NULL. */
static bs_status add_locked(bsi_repo_writer *self, const bsi_blob *blob, const void *sealed,
                            pack_place **full_out)
{
    pack_place **open = &self->open[blob->type];

    if (!*open) {
        BSI_TRY(take_pack_locked(self, open));
    }
    BSI_TRY(bsi_pack_writer_add((*open)->pack, blob, sealed));
    if (bsi_pack_writer_is_full((*open)->pack)) {
        *full_out = close_pack_locked(self, blob->type);
    }
    self->stats.data_blobs += blob->type == BSI_BLOB_DATA;
    self->stats.tree_blobs += blob->type == BSI_BLOB_TREE;
    self->stats.plain_bytes += bsi_blob_plain_size(blob);
    self->stats.sealed_bytes += blob->size;
    return BS_OK;
}

static bs_status add_to_pack(bsi_repo_writer *self, const bsi_blob *blob, const void *sealed)
{
    pack_place *full = NULL;
    bs_status status = BS_OK;

    bsi_mutex_lock(&self->lock);
    status = add_locked(self, blob, sealed, &full);
    bsi_mutex_unlock(&self->lock);
    if (full) {
        (void)add_to_lane(self, run_pack, full);
    }
    return status;
}

/* Until fewer than `items` are under way, 0 for any number, and no more packs than may wait. */
static void wait_for_room_locked(bsi_repo_writer *self, size_t items)
{
    while (self->status == BS_OK && bsi_call_check(self->call) == BS_OK &&
           ((items > 0 && self->items >= items) || self->uploads > BSI_SAVE_UPLOADS)) {
        (void)bsi_cond_wait_until(&self->change, &self->lock,
                                  bsi_monotonic_ns() + (int64_t)LOOK_MS * NS_PER_MS);
    }
}

/* --- Blobs --- */

static void seal_place_free(seal_place *place)
{
    if (place) {
        bsi_blob_sealer_free(place->sealer);
        bsi_buf_dispose(&place->sealed);
        bsi_free(place);
    }
}

static bs_status take_sealer(bsi_repo_writer *self, seal_place **out)
{
    seal_place *place = NULL;
    bs_status status = BS_OK;

    bsi_mutex_lock(&self->lock);
    place = self->spare_sealers;
    if (place) {
        self->spare_sealers = place->next;
    }
    bsi_mutex_unlock(&self->lock);
    if (!place) {
        place = bsi_calloc(1, sizeof(*place));
        if (!place) {
            return BS_E_NOMEM;
        }
        bsi_buf_init(&place->sealed, SIZE_MAX);
        status = bsi_blob_sealer_new(&self->sealing, &place->sealer);
    }
    if (status < 0) {
        seal_place_free(place);
        return status;
    }
    *out = place;
    return BS_OK;
}

static void give_sealer(bsi_repo_writer *self, seal_place *place)
{
    if (place->sealed.capacity > 4 * self->pack_target) {
        bsi_buf_dispose(&place->sealed); /* Of a tree such as seldom comes. */
    }
    bsi_buf_clear(&place->sealed);
    bsi_mutex_lock(&self->lock);
    place->next = self->spare_sealers;
    self->spare_sealers = place;
    bsi_mutex_unlock(&self->lock);
}

static bs_status seal_and_add(bsi_repo_writer *self, bsi_blob *blob, const void *plain, size_t size)
{
    seal_place *place = NULL;
    bs_status status = take_sealer(self, &place);

    if (status < 0) {
        return status;
    }
    status = bsi_blob_seal(place->sealer, blob, plain, size, &place->sealed);
    if (status == BS_OK) {
        status = add_to_pack(self, blob, place->sealed.data);
    }
    give_sealer(self, place);
    return status;
}

/* `blob` has the type; it gets the id, and when it is new its sizes. */
static bs_status save_blob(bsi_repo_writer *self, bsi_blob *blob, const void *plain, size_t size,
                           bool *is_new)
{
    bsi_claim claim = BSI_CLAIM_KNOWN;
    bs_status status = BS_OK;

    BSI_TRY(check(self));
    bsi_sha256_of(plain, size, &blob->id);
    BSI_TRY(bsi_repo_index_claim(self->index, blob->type, &blob->id, &claim));
    *is_new = claim == BSI_CLAIM_MINE;
    if (!*is_new) {
        return BS_OK;
    }
    status = seal_and_add(self, blob, plain, size);
    if (status < 0) {
        bsi_repo_index_release(self->index, blob->type, &blob->id);
    }
    return status;
}

static void wait_for_uploads(bsi_repo_writer *self)
{
    bsi_mutex_lock(&self->lock);
    wait_for_room_locked(self, 0);
    bsi_mutex_unlock(&self->lock);
}

bs_status bsi_repo_writer_save(bsi_repo_writer *writer, bsi_blob_type type, const void *plain,
                               size_t size, bsi_digest *id_out, bool *is_new_out)
{
    bsi_blob blob = {.type = type};
    bool is_new = false;
    bs_status status = BS_OK;

    wait_for_uploads(writer);
    status = save_blob(writer, &blob, plain, size, &is_new);
    if (status < 0) {
        fail(writer, status);
        return status;
    }
    *id_out = blob.id;
    if (is_new_out) {
        *is_new_out = is_new;
    }
    return BS_OK;
}

bs_status bsi_repo_writer_copy(bsi_repo_writer *writer, const bsi_blob *blob, const void *sealed)
{
    bs_status status = BS_OK;

    wait_for_uploads(writer);
    status = check(writer);
    if (status == BS_OK) {
        status = add_to_pack(writer, blob, sealed);
        if (status < 0) {
            fail(writer, status);
        }
    }
    return status;
}

/* --- Items --- */

static void put_item(bsi_repo_writer *self, bsi_save_item *item)
{
    bsi_blob blob = {.type = item->type};

    item->is_new = false;
    item->status = save_blob(self, &blob, item->plain, item->size, &item->is_new);
    item->id = blob.id;
    item->stored_size = item->is_new ? blob.size : 0;
    if (item->status < 0) {
        fail(self, item->status);
    }
}

bs_status bsi_repo_writer_put(bsi_repo_writer *writer, bsi_save_item *result)
{
    put_item(writer, result);
    return result->status;
}

static void run_item(bsi_task *task)
{
    bsi_save_item *item = (bsi_save_item *)(void *)((char *)task - offsetof(bsi_save_item, task));
    bsi_repo_writer *self = item->writer;

    put_item(self, item);
    item->done(item);
    bsi_mutex_lock(&self->lock);
    self->items--;
    bsi_cond_broadcast(&self->change);
    bsi_mutex_unlock(&self->lock);
}

void bsi_repo_writer_submit(bsi_repo_writer *writer, bsi_save_item *item)
{
    const size_t most = 2 * (size_t)bsi_pool_threads(writer->pool) + ITEMS_EXTRA;

    item->writer = writer;
    item->task = (bsi_task){.run = run_item};
    bsi_mutex_lock(&writer->lock);
    wait_for_room_locked(writer, most);
    writer->items++;
    bsi_mutex_unlock(&writer->lock);
    bsi_pool_submit(writer->pool, &item->task);
}

bs_status bsi_repo_writer_wait(bsi_repo_writer *writer, uint32_t wait_ms, bool *is_room_out)
{
    const int64_t until = bsi_monotonic_ns() + (int64_t)wait_ms * NS_PER_MS;
    bool in_time = true;
    bs_status status = check(writer);

    *is_room_out = false;
    while (status == BS_OK && in_time && !*is_room_out) {
        bsi_mutex_lock(&writer->lock);
        *is_room_out = writer->uploads <= BSI_SAVE_UPLOADS;
        in_time = *is_room_out || bsi_cond_wait_until(&writer->change, &writer->lock, until);
        bsi_mutex_unlock(&writer->lock);
        status = check(writer);
    }
    return status;
}

static void wait_for_items(bsi_repo_writer *self)
{
    bsi_mutex_lock(&self->lock);
    while (self->items > 0) {
        bsi_cond_wait(&self->change, &self->lock);
    }
    bsi_mutex_unlock(&self->lock);
}

bs_status bsi_repo_writer_finish(bsi_repo_writer *writer)
{
    uint64_t ticket = 0;

    wait_for_items(writer);
    for (int type = 0; type < TYPES; type++) {
        pack_place *last = NULL;
        bsi_mutex_lock(&writer->lock);
        if (writer->open[type]) {
            last = close_pack_locked(writer, (bsi_blob_type)type);
        }
        bsi_mutex_unlock(&writer->lock);
        if (last) {
            (void)add_to_lane(writer, run_pack, last);
        }
    }
    ticket = add_to_lane(writer, run_file, writer);
    BSI_TRY(bsi_lane_wait(writer->lane, ticket));
    return check(writer);
}

bs_status bsi_repo_writer_adopt(bsi_repo_writer *writer, uint64_t *packs_out)
{
    adoption self = {.writer = writer};

    BSI_TRY(bsi_lane_wait(writer->lane, add_to_lane(writer, run_adoption, &self)));
    *packs_out = self.count;
    return check(writer);
}

void bsi_repo_writer_stats(bsi_repo_writer *writer, bsi_save_stats *out)
{
    bsi_mutex_lock(&writer->lock);
    *out = writer->stats;
    bsi_mutex_unlock(&writer->lock);
}

/* --- Life --- */

bs_status bsi_repo_writer_new(const bsi_repo *repo, bsi_repo_index *index, bsi_pool *pool,
                              const bs_call *call, const bsi_save_options *options,
                              bsi_repo_writer **out)
{
    static const bsi_save_options usual = {0};
    bsi_repo_writer *self = bsi_calloc(1, sizeof(*self));
    bs_status status = BS_OK;

    if (!self) {
        return BS_E_NOMEM;
    }
    options = options ? options : &usual;
    self->repo = repo;
    self->index = index;
    self->pool = pool;
    self->call = call;
    self->pack_target = options->pack_target > 0 ? options->pack_target : BSI_PACK_TARGET;
    self->sealing = (bsi_blob_options){
        .key = bsi_repo_master_key(repo),
        .version = bsi_repo_config_of(repo)->version,
        .level = options->level > 0 ? options->level : BSI_ZSTD_FRAME_LEVEL_DEFAULT,
        .store_data = options->store_data,
    };
    self->no_index = options->no_index;
    status = bsi_lane_new(pool, "bs-packs", &self->lane);
    if (status < 0) {
        bsi_free(self);
        return status;
    }
    bsi_index_writer_init(&self->file);
    bsi_mutex_init(&self->lane_lock);
    bsi_mutex_init(&self->lock);
    bsi_cond_init(&self->change);
    *out = self;
    return BS_OK;
}

static void pack_place_free(pack_place *place)
{
    if (place) {
        bsi_pack_writer_free(place->pack);
        bsi_free(place);
    }
}

/* Packs that wait in the lane are given up, those that are open too. */
static void abandon(bsi_repo_writer *self)
{
    (void)bsi_fail(BS_LAYER_SYSTEM, BS_E_CANCELLED, "given up");
    fail(self, BS_E_CANCELLED);
    bsi_lane_free(self->lane);
    for (int type = 0; type < TYPES; type++) {
        if (self->open[type]) {
            release_blobs(self, bsi_pack_writer_blobs(self->open[type]->pack));
            pack_place_free(self->open[type]);
        }
    }
}

/*
 * What was stored is told to the next run, even by one that was cancelled. No call ends that:
 * it is one small file.
 */
static void leave_index(bsi_repo_writer *self)
{
    if (self->file.packs > 0) {
        (void)save_file(self, NULL);
    }
}

void bsi_repo_writer_free(bsi_repo_writer *writer)
{
    bs_error before;

    if (!writer) {
        return;
    }
    bsi_error_save(&before);
    wait_for_items(writer);
    abandon(writer);
    leave_index(writer);
    while (writer->spare_packs) {
        pack_place *place = writer->spare_packs;
        writer->spare_packs = place->next;
        pack_place_free(place);
    }
    while (writer->spare_sealers) {
        seal_place *place = writer->spare_sealers;
        writer->spare_sealers = place->next;
        seal_place_free(place);
    }
    bsi_index_writer_dispose(&writer->file);
    bsi_cond_dispose(&writer->change);
    bsi_mutex_dispose(&writer->lock);
    bsi_mutex_dispose(&writer->lane_lock);
    bsi_free(writer);
    bsi_error_restore(&before);
}
