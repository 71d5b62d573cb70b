/* SPDX-License-Identifier: MIT */
/*
 * Verification of a snapshot: its trees are walked, then every blob that they
 * name is read, pack by pack, and compared with its id; and what packs say of
 * themselves is compared with the index. Only when some are damaged the trees
 * are walked again, to tell which files that costs.
 *
 * Of a snapshot that was just written, what its parent has is left out.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "repo/pack.h"
#include "repo/reader.h"
#include "vault/repository/damage.h"
#include "vault/repository/form.h"
#include "vault/repository/pack_ranges.h"
#include "vault/repository/places.h"
#include "vault/repository/snapshots.h"

enum {
    BATCH_BLOBS = 1024,
    BAD_MAX = 256 * 1024 * 1024, /* Bytes of the list of damaged blobs. */
};
#define INDEX_KEY "index"

/* A damaged blob. */
typedef struct bad_blob {
    uint64_t place;
    bsi_blob_type type;
    bsi_digest id;
    uint32_t object; /* Where it lies, as damage. */
    bool lost;       /* No other pack has it either. */
} bad_blob;

typedef struct verifier {
    const bsi_vault_env *env;
    bsi_opened_snapshot opened;
    bsi_places places;
    uint64_t files;
    uint64_t bytes;                   /* Of all files, */
    atomic_uint_least64_t bytes_read; /* and of all blobs. */
    bsi_pack_ranges *ranges;
    size_t count; /* Of the batch. */
    bsi_wanted_blob batch[BATCH_BLOBS];
    bool has_warned; /* Of who has signed what opens it. */

    bsi_mutex lock; /* Guards what follows, while blobs are read. */
    bsi_damage *damage;
    bsi_buf bad; /* bad_blob */
    bool failed;
    bs_error failure; /* What ends the verification. */
} verifier;

/* Whether a failure tells of stored data; others end the verification. */
static bool is_damage(bs_status status)
{
    return status < 0 && bs_error_last()->layer == BS_LAYER_STORAGE && status != BS_E_CANCELLED &&
           status != BS_E_TIMEOUT && status != BS_E_NOMEM;
}

/* --- What is wrong --- */

static void pack_key(const verifier *self, const bsi_digest *pack, char out[BSI_REPO_KEY_SIZE])
{
    bsi_repo_object_key(self->opened.session.repo, BSI_REPO_PACKS, pack, out);
}

/* The present failure is of this object. */
static bs_status note_object(verifier *self, const char *key, uint32_t *number_out)
{
    return bsi_damage_object(self->damage, key, bs_error_last()->message, number_out);
}

static bs_status note_pack(verifier *self, const bsi_digest *pack, uint32_t *number_out)
{
    char key[BSI_REPO_KEY_SIZE];

    pack_key(self, pack, key);
    return note_object(self, key, number_out);
}

/* An index file that cannot be used; of the key set, who has signed it, which is no damage. */
static void note_index(void *user, bsi_slice path, const bs_error *error)
{
    verifier *self = user;
    char key[BSI_REPO_KEY_SIZE];
    uint32_t number = 0;

    if (bsi_slice_is(path, BSI_REPOSITORY_KEYS_KEY)) {
        bsi_warn_new(self->env->warn, path, error->layer, error->code, "%s", error->message);
        self->has_warned = true;
    } else if (path.size < sizeof(key)) {
        memcpy(key, path.data, path.size);
        key[path.size] = '\0';
        if (bsi_damage_object(self->damage, key, error->message, &number) < 0) {
            self->failed = true;
            bsi_error_save(&self->failure);
        }
    }
}

/* --- Trees --- */

static bs_status note_unread(void *user, bsi_slice path, const bsi_digest *tree, bs_status status)
{
    verifier *self = user;
    const bsi_slice shown = path.size > 0 ? path : bsi_slice_of("/");
    bsi_blob_place place;
    bs_error failure;
    uint32_t number = 0;

    bsi_error_save(&failure);
    status = bsi_repo_index_find(self->opened.session.index, BSI_BLOB_TREE, tree, 0, &place);
    BSI_TRY(status);
    bsi_error_restore(&failure);
    BSI_TRY(status == BS_OK ? note_pack(self, &place.pack, &number)
                            : note_object(self, INDEX_KEY, &number));
    return bsi_damage_lost(self->damage, number, shown);
}

static bs_status note_missing(verifier *self, const bsi_tree_item *item)
{
    uint32_t number = 0;

    (void)bsi_fail(BS_LAYER_STORAGE, BS_E_MISSING,
                   "blobs of files are in no pack of the index: packs or index files are missing");
    BSI_TRY(note_object(self, INDEX_KEY, &number));
    return bsi_damage_lost(self->damage, number, item->entry.listed.entry.path);
}

static bs_status collect_blob(const verifier *self, bsi_blob_type type, const bsi_digest *id,
                              bsi_places *places)
{
    bsi_blob_place place;
    const bs_status status = bsi_repo_index_find(self->opened.session.index, type, id, 0, &place);

    if (status != BS_OK) {
        return status < 0 ? status : BS_OK;
    }
    return bsi_places_add(places, bsi_place_key(place.pack_number, place.blob.offset));
}

static bs_status collect_blobs(const verifier *self, const bsi_tree_item *item, bsi_places *places)
{
    for (size_t i = 0; i < item->content_count; i++) {
        BSI_TRY(collect_blob(self, BSI_BLOB_DATA, &item->content[i], places));
    }
    return item->subtree ? collect_blob(self, BSI_BLOB_TREE, item->subtree, places) : BS_OK;
}

static bs_status collect_item(verifier *self, const bsi_tree_item *item)
{
    if (item->entry.listed.entry.stat.type == BSI_TYPE_FILE) {
        self->files++;
        self->bytes += item->entry.listed.entry.stat.size;
    }
    BSI_TRY(item->incomplete ? note_missing(self, item) : BS_OK);
    return collect_blobs(self, item, &self->places);
}

static bs_status collect(verifier *self)
{
    const bsi_tree_watch watch = {.unread = note_unread, .user = self};
    const bsi_tree_item *item = NULL;
    bsi_tree_walk *walk = NULL;
    bs_status status = bsi_snapshot_walk(&self->opened, &watch, &walk);

    if (status == BS_OK) {
        status =
            collect_blob(self, BSI_BLOB_TREE, &self->opened.snapshot.tree.digest, &self->places);
    }
    while (status == BS_OK) {
        status = bsi_repo_session_keep(&self->opened.session);
        if (status == BS_OK) {
            status = bsi_tree_walk_next(walk, &item);
        }
        if (status == BS_OK) {
            status = collect_item(self, item);
        }
    }
    bsi_tree_walk_free(walk);
    bsi_places_settle(&self->places);
    return status < 0 ? status : BS_OK;
}

/* --- What a parent has was verified with it --- */

static bs_status pass_over(void *user, bsi_slice path, const bsi_digest *tree, bs_status status)
{
    (void)user;
    (void)path;
    (void)tree;
    (void)status;
    return BS_OK;
}

static bs_status collect_parent(const verifier *self, const bsi_digest *root, bsi_places *places)
{
    const bsi_tree_watch watch = {.unread = pass_over};
    const bsi_tree_item *item = NULL;
    bsi_tree_walk *walk = NULL;
    bs_status status = bsi_tree_walk_new(&self->opened.session, root, &watch, &walk);

    while (status == BS_OK) {
        status = bsi_tree_walk_next(walk, &item);
        if (status == BS_OK) {
            status = collect_blobs(self, item, places);
        }
    }
    bsi_tree_walk_free(walk);
    bsi_places_settle(places);
    return status < 0 ? status : BS_OK;
}

static bs_status leave_out_parent(verifier *self, const bsi_manifest_info *info)
{
    const bsi_snapshot_id *parent = &self->opened.snapshot.parent;
    bsi_places places = {0};
    bsi_snapshot snapshot;
    bs_status status = BS_OK;

    if (!self->env->fresh_id || strcmp(self->env->fresh_id, info->id) != 0 || !parent->given) {
        return BS_OK;
    }
    status = bsi_snapshot_load(self->opened.session.repo, self->opened.session.env->call,
                               &parent->digest, &snapshot);
    if (status < 0) {
        return is_damage(status) ? BS_OK : status; /* Then all of it is looked at. */
    }
    status = collect_parent(self, &snapshot.tree.digest, &places);
    if (status >= 0) {
        bsi_places_subtract(&self->places, &places);
    }
    bsi_places_dispose(&places);
    bsi_snapshot_dispose(&snapshot);
    return status;
}

/* --- Packs --- */

static bs_status note_bad(verifier *self, const bsi_blob_place *place)
{
    bad_blob bad = {.place = bsi_place_key(place->pack_number, place->blob.offset),
                    .type = place->blob.type,
                    .id = place->blob.id};

    BSI_TRY(note_pack(self, &place->pack, &bad.object));
    return bsi_buf_append(&self->bad, &bad, sizeof(bad));
}

static void take_blob(void *user, const bsi_wanted_blob *wanted, bs_status status, bsi_slice plain)
{
    verifier *self = user;

    if (status >= 0) {
        atomic_fetch_add(&self->bytes_read, plain.size);
        bsi_progress_add(self->env->progress, 0, plain.size);
        return;
    }
    bsi_mutex_lock(&self->lock);
    if (is_damage(status)) {
        status = note_bad(self, &wanted->place);
    }
    if (status < 0 && !self->failed) {
        self->failed = true;
        bsi_error_save(&self->failure);
    }
    bsi_mutex_unlock(&self->lock);
}

static void send_batch(verifier *self)
{
    bsi_pack_ranges_read(self->ranges, self->batch, self->count);
    self->count = 0;
}

static bool is_like(const bsi_blob *a, const bsi_blob *b)
{
    return a->offset == b->offset && a->size == b->size && a->plain_size == b->plain_size &&
           a->type == b->type && bsi_digest_equal(&a->id, &b->id);
}

/* Both in the order of the pack. Several index files may each tell of a part of it. */
static bs_status compare_lists(const bsi_blob_list *index, const bsi_blob_list *header)
{
    size_t at = 0;

    for (size_t i = 0; i < index->count; i++) {
        while (at < header->count && header->items[at].offset < index->items[i].offset) {
            at++;
        }
        if (at == header->count || !is_like(&header->items[at], &index->items[i])) {
            return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                            "its header does not list what the index says is in it");
        }
    }
    return BS_OK;
}

/* What a pack says of itself: an index that is lost is made of that. */
static bs_status check_header(const verifier *self, const bsi_digest *id,
                              const bsi_blob_list *blobs)
{
    const bsi_repo *repo = self->opened.session.repo;
    char key[BSI_REPO_KEY_SIZE];
    const bsi_pack_object pack = {bsi_repo_storage(repo), key, *id};
    bsi_blob_list header = {0};
    bs_status status = BS_OK;

    pack_key(self, id, key);
    status = bsi_pack_load_header(&pack, self->env->call, bsi_repo_master_key(repo),
                                  bsi_repo_config_of(repo)->version, &header);
    if (status >= 0) {
        status = compare_lists(blobs, &header);
    }
    bsi_blob_list_dispose(&header);
    return status;
}

/* The blobs of one pack that are in the set, from `at` on; the next pack begins at `*next_out`. */
static void ask_for_blobs(verifier *self, const bsi_digest *id, const bsi_blob_list *blobs,
                          size_t at, size_t *next_out)
{
    const uint32_t number = (uint32_t)(self->places.items[at] >> 32);

    for (size_t i = 0; i < blobs->count; i++) {
        const uint64_t place = bsi_place_key(number, blobs->items[i].offset);
        if (at == self->places.count || self->places.items[at] != place) {
            continue;
        }
        if (self->count == BATCH_BLOBS) {
            send_batch(self);
        }
        self->batch[self->count++] = (bsi_wanted_blob){
            .place = {.pack = *id, .pack_number = number, .blob = blobs->items[i]}};
        at++;
    }
    *next_out = at;
}

static bs_status check_pack(verifier *self, bsi_blob_list *blobs, size_t *at)
{
    const uint32_t number = (uint32_t)(self->places.items[*at] >> 32);
    bsi_digest id;
    uint32_t object = 0;
    size_t next = *at;
    bs_status status = bsi_repo_index_pack(self->opened.session.index, number, &id, blobs);

    BSI_TRY(status);
    BSI_CHECK(status == BS_OK);
    status = check_header(self, &id, blobs);
    if (is_damage(status)) {
        bsi_mutex_lock(&self->lock);
        status = note_pack(self, &id, &object);
        bsi_mutex_unlock(&self->lock);
    }
    BSI_TRY(status);
    ask_for_blobs(self, &id, blobs, *at, &next);
    BSI_CHECK(next > *at);
    *at = next;
    return BS_OK;
}

static bs_status check_packs(verifier *self)
{
    const bsi_wanted_sink sink = {.take = take_blob, .user = self};
    bsi_blob_list blobs = {0};
    bs_status status = bsi_pack_ranges_new(&self->opened.session, &sink, &self->ranges);
    size_t at = 0;

    while (status >= 0 && at < self->places.count) {
        status = bsi_repo_session_keep(&self->opened.session);
        if (status >= 0) {
            status = bsi_call_check(self->env->call);
        }
        if (status >= 0) {
            status = check_pack(self, &blobs, &at);
        }
    }
    if (self->ranges) {
        send_batch(self);
    }
    bsi_pack_ranges_free(self->ranges);
    bsi_blob_list_dispose(&blobs);
    if (status >= 0 && self->failed) {
        bsi_error_restore(&self->failure);
        return self->failure.code;
    }
    return status;
}

/* --- Files that damaged blobs cost --- */

static int compare_bad(const void *a, const void *b)
{
    const uint64_t one = ((const bad_blob *)a)->place;
    const uint64_t other = ((const bad_blob *)b)->place;

    return (one > other) - (one < other);
}

/* Whether another pack has the blob. */
static bs_status look_elsewhere(const verifier *self, bsi_blob_reader *reader, bad_blob *bad)
{
    bsi_slice plain = {0};
    const bs_status status =
        bsi_blob_reader_read(reader, self->env->call, bad->type, &bad->id, &plain);

    bad->lost = status < 0;
    return status < 0 && !is_damage(status) ? status : BS_OK;
}

static bs_status find_copies(const verifier *self, bad_blob *bad, size_t count)
{
    bsi_blob_reader *reader = NULL;
    bs_status status =
        bsi_blob_reader_new(self->opened.session.repo, self->opened.session.index, &reader);

    for (size_t i = 0; status >= 0 && i < count; i++) {
        status = look_elsewhere(self, reader, &bad[i]);
    }
    bsi_blob_reader_free(reader);
    return status;
}

static const bad_blob *find_bad(const verifier *self, const bsi_digest *id)
{
    bad_blob wanted = {.place = 0};
    bsi_blob_place place;

    if (bsi_repo_index_find(self->opened.session.index, BSI_BLOB_DATA, id, 0, &place) != BS_OK) {
        return NULL;
    }
    wanted.place = bsi_place_key(place.pack_number, place.blob.offset);
    return bsearch(&wanted, self->bad.data, self->bad.size / sizeof(wanted), sizeof(wanted),
                   compare_bad);
}

/* A file is told of once for each object that it loses something in, one after the other. */
static bs_status note_lost(verifier *self, const bsi_tree_item *item)
{
    const bad_blob *last = NULL;

    for (size_t i = 0; i < item->content_count; i++) {
        const bad_blob *bad = find_bad(self, &item->content[i]);
        if (!bad || !bad->lost || (last && last->object == bad->object)) {
            continue;
        }
        BSI_TRY(bsi_damage_lost(self->damage, bad->object, item->entry.listed.entry.path));
        last = bad;
    }
    return BS_OK;
}

static bs_status find_lost(verifier *self)
{
    const bsi_tree_watch watch = {.unread = pass_over};
    const bsi_tree_item *item = NULL;
    bsi_tree_walk *walk = NULL;
    bs_status status = BS_OK;

    if (self->bad.size == 0) {
        return BS_OK;
    }
    qsort(self->bad.data, self->bad.size / sizeof(bad_blob), sizeof(bad_blob), compare_bad);
    BSI_TRY(
        find_copies(self, (bad_blob *)(void *)self->bad.data, self->bad.size / sizeof(bad_blob)));
    status = bsi_snapshot_walk(&self->opened, &watch, &walk);
    while (status == BS_OK) {
        status = bsi_tree_walk_next(walk, &item);
        if (status == BS_OK) {
            status = note_lost(self, item);
        }
    }
    bsi_tree_walk_free(walk);
    return status < 0 ? status : BS_OK;
}

/* --- All of it --- */

static bs_status check_all(verifier *self)
{
    bsi_manifest_info info = {0};
    bs_status status =
        bsi_snapshot_info(&self->opened.session, &self->opened.snapshot, &self->opened.file, &info);

    BSI_TRY(status);
    status = collect(self);
    if (status >= 0) {
        status = leave_out_parent(self, &info);
    }
    bsi_manifest_info_dispose(&info);
    BSI_TRY(status);
    bsi_progress_set_total(self->env->progress, self->files, self->bytes);
    BSI_TRY(check_packs(self));
    BSI_TRY(find_lost(self));
    bsi_progress_add(self->env->progress, self->files,
                     self->bytes - bsi_min_u64(atomic_load(&self->bytes_read), self->bytes));
    return BS_OK;
}

/* A repository that cannot be opened at all is damage, too, and so is a snapshot. */
static bs_status open_snapshot(verifier *self, const char *manifest_key, bool *is_open)
{
    const bsi_warn warn = {note_index, self};
    bsi_vault_env env = *self->env;
    uint32_t number = 0;
    bs_status status = BS_OK;

    env.warn = &warn;
    status = bsi_snapshot_open(&env, manifest_key, true, &self->opened);
    if (is_damage(status)) {
        return note_object(self, manifest_key, &number);
    }
    BSI_TRY(status);
    self->opened.session.env = self->env;
    *is_open = true;
    if (self->failed) {
        bsi_error_restore(&self->failure);
        return self->failure.code;
    }
    return BS_OK;
}

static bs_status verify(verifier *self, const char *manifest_key, const bsi_damage_sink *sink)
{
    bool is_open = false;
    bs_status status = open_snapshot(self, manifest_key, &is_open);

    if (status >= 0 && is_open) {
        status = check_all(self);
    }
    if (is_open) {
        bsi_snapshot_close(&self->opened);
    }
    if (status >= 0) {
        status = bsi_damage_tell(self->damage, sink);
    }
    return status >= 0 && self->has_warned ? BS_PARTIAL : status;
}

bs_status bsi_repository_form_verify(const bsi_vault_env *env, const char *manifest_key,
                                     const bsi_damage_sink *sink, bsi_verify_result *out)
{
    verifier *self = bsi_calloc(1, sizeof(*self));
    bs_status status = BS_E_NOMEM;

    *out = (bsi_verify_result){0};
    if (!self) {
        return BS_E_NOMEM;
    }
    self->env = env;
    bsi_mutex_init(&self->lock);
    bsi_buf_init(&self->bad, BAD_MAX);
    status = bsi_damage_new(env->temp_dir, &self->damage);
    if (status >= 0) {
        status = verify(self, manifest_key, sink);
    }
    bsi_damage_free(self->damage);
    bsi_buf_dispose(&self->bad);
    bsi_places_dispose(&self->places);
    bsi_mutex_dispose(&self->lock);
    bsi_free(self);
    return status;
}
