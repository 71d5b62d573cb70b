/* SPDX-License-Identifier: MIT */
/*
 * What there is, what is needed, and which copy of it counts.
 */
#include <string.h>

#include "base/alloc.h"
#include "repo/index_read.h"
#include "repo/pack.h"
#include "repo/prune_int.h"

/* --- What it is read from --- */

static bs_status pruned_meanwhile(void)
{
    return bsi_fail(BS_LAYER_STORAGE, BS_E_BUSY,
                    "index files went while they were read: somebody else prunes");
}

bs_status bsi_prune_go_on(const bsi_repo_prune *self, bsi_repo_lock *lock)
{
    BSI_TRY(bsi_call_check(self->call));
    return lock ? bsi_repo_lock_keep(lock, self->call) : BS_OK;
}

static bs_status take_file(void *user, const bsi_digest *id, bs_status status)
{
    bsi_repo_prune *self = user;

    if (status == BS_E_NOT_FOUND) {
        return pruned_meanwhile();
    }
    BSI_TRY(status);
    return bsi_digest_table_put(&self->index_files, id, 0);
}

/* Those that were not read yet; the list is without the others then. */
static bs_status load_files(bsi_repo_prune *self, bsi_repo_files *files)
{
    const bsi_index_source source = {self->repo, self->options.pool, take_file, self};
    size_t left = 0;

    for (size_t i = 0; i < files->count; i++) {
        if (!bsi_digest_table_find(&self->index_files, &files->items[i].id)) {
            files->items[left++] = files->items[i];
        }
    }
    if (files->count - left < self->index_files.count) {
        return pruned_meanwhile();
    }
    files->count = left;
    return bsi_index_read(&source, self->call, files, self->index);
}

bs_status bsi_prune_load_index(bsi_repo_prune *self)
{
    bsi_repo_files files = {0};
    bs_status status = bsi_repo_list(self->repo, self->call, BSI_REPO_INDEX, &files);

    if (status == BS_OK) {
        status = load_files(self, &files);
    }
    bsi_repo_files_dispose(&files);
    return status;
}

static bs_status load_snapshot(bsi_repo_prune *self, bsi_repo_lock *lock, const bsi_digest *id)
{
    bs_status status = BS_OK;

    if (bsi_digest_table_find(&self->snapshots, id)) {
        return BS_OK;
    }
    status = bsi_used_add(self->used, self->call, lock, id);
    if (status == BS_E_NOT_FOUND) { /* Removed meanwhile. */
        return BS_OK;
    }
    BSI_TRY(status);
    return bsi_digest_table_put(&self->snapshots, id, 0);
}

/* The list of them was made before the index was read: what they need is in it. */
static bs_status load_listed(bsi_repo_prune *self, bsi_repo_lock *lock, const bsi_repo_files *files)
{
    BSI_TRY(bsi_prune_load_index(self));
    for (size_t i = 0; i < files->count; i++) {
        BSI_TRY(load_snapshot(self, lock, &files->items[i].id));
    }
    return BS_OK;
}

bs_status bsi_prune_load_snapshots(bsi_repo_prune *self, bsi_repo_lock *lock)
{
    bsi_repo_files files = {0};
    bsi_used_stats stats;
    bs_status status = bsi_repo_list(self->repo, self->call, BSI_REPO_SNAPSHOTS, &files);

    if (status == BS_OK) {
        status = load_listed(self, lock, &files);
    }
    bsi_repo_files_dispose(&files);
    bsi_used_get_stats(self->used, &stats);
    self->report.snapshots = stats.snapshots;
    self->report.trees = stats.trees;
    self->report.blobs_needed = stats.blobs;
    return status;
}

/* --- Packs --- */

bs_status bsi_prune_needs(bsi_repo_prune *self, const bsi_blob *blob, bsi_blob_place *first,
                          bool *out)
{
    const bs_status status = bsi_repo_index_find(self->index, blob->type, &blob->id, 0, first);

    BSI_CHECK(status != BS_END);
    BSI_TRY(status);
    *out = bsi_used_has(self->used, first->row);
    return BS_OK;
}

static bs_status survey_blob(bsi_repo_prune *self, bsi_prune_pack *pack, const bsi_blob *blob)
{
    const bool compresses = bsi_repo_config_of(self->repo)->version > 1;
    bsi_blob_place first;
    bool needed = false;

    BSI_TRY(bsi_prune_needs(self, blob, &first, &needed));
    pack->sealed += blob->size;
    pack->is_mixed |= pack->is_tree != (blob->type == BSI_BLOB_TREE);
    pack->has_plain |= compresses && blob->type == BSI_BLOB_TREE && blob->plain_size == 0;
    if (!needed) {
        pack->unneeded += blob->size;
        self->report.blobs_unneeded++;
        self->report.bytes_unneeded += blob->size;
    }
    return BS_OK;
}

static bs_status survey_pack(bsi_repo_prune *self, uint32_t number, const bsi_repo_files *files,
                             bsi_blob_list *blobs)
{
    bsi_prune_pack *pack = &self->packs[number];
    const bsi_repo_file *file = NULL;
    bsi_digest id;
    const bs_status status = bsi_repo_index_pack(self->index, number, &id, blobs);

    if (status != BS_OK) {
        return status < 0 ? status : BS_OK;
    }
    file = bsi_repo_files_find(files, &id);
    self->report.packs++;
    pack->is_known = true;
    pack->is_lost = !file;
    pack->file_size = file ? file->size : 0;
    pack->is_there = file && file->size == bsi_pack_size(blobs);
    pack->is_marked = bsi_marks_find(&self->marks, &id) != NULL;
    pack->is_tree = blobs->count > 0 && blobs->items[0].type == BSI_BLOB_TREE;
    for (size_t i = 0; i < blobs->count; i++) {
        BSI_TRY(survey_blob(self, pack, &blobs->items[i]));
    }
    return BS_OK;
}

static void survey_unknown(bsi_repo_prune *self, const bsi_repo_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        if (!bsi_repo_index_has_pack(self->index, &files->items[i].id)) {
            self->report.packs_unknown++;
            self->report.bytes_unknown += files->items[i].size;
        }
    }
}

/* --- Which copy counts --- */

/* Whether a place in `a` is to be kept rather than one in `b`. */
static bool is_better(const bsi_prune_pack *a, const bsi_prune_pack *b)
{
    if (a->is_there != b->is_there) {
        return a->is_there;
    }
    if (a->is_marked != b->is_marked) {
        return b->is_marked;
    }
    /* Packs are of less than 4 GiB. */
    return a->unneeded * b->sealed < b->unneeded * a->sealed;
}

/*
 * The best of all places; of equals the first. So the pack that an earlier run wrote wins
 * against those that it came from.
 */
static bs_status find_best(bsi_repo_prune *self, const bsi_blob_place *first, bsi_blob_place *best)
{
    bs_status status = BS_OK;

    *best = *first;
    for (unsigned copy = 1; status == BS_OK; copy++) {
        bsi_blob_place other;
        status = bsi_repo_index_find(self->index, first->blob.type, &first->blob.id, copy, &other);
        if (status == BS_OK) {
            self->report.blobs_twice++;
            self->report.bytes_twice += other.blob.size;
        }
        if (status == BS_OK &&
            is_better(&self->packs[other.pack_number], &self->packs[best->pack_number])) {
            *best = other;
        }
    }
    return status < 0 ? status : BS_OK;
}

static bs_status not_there(const bsi_prune_pack *pack, const bsi_blob_place *place)
{
    char hex[2 * BSI_SHA256_SIZE + 1];
    bs_status status = BS_OK;

    bsi_digest_format(&place->blob.id, hex);
    status = bsi_pack_failed(pack->is_lost ? BS_E_NOT_FOUND : BS_E_RANGE, &place->pack);
    return bsi_fail_context(BS_LAYER_STORAGE, status, "%s blob %.8s, which is needed",
                            bsi_blob_type_name(place->blob.type), hex);
}

static bs_status choose(bsi_repo_prune *self, const bsi_blob *blob, uint32_t number)
{
    bsi_prune_pack *pack = NULL;
    bsi_blob_place first;
    bsi_blob_place best;
    bool needed = false;

    BSI_TRY(bsi_prune_needs(self, blob, &first, &needed));
    if (!needed || first.pack_number != number || first.blob.offset != blob->offset) {
        return BS_OK; /* Where it lies first, it is decided. */
    }
    BSI_TRY(find_best(self, &first, &best));
    pack = &self->packs[best.pack_number];
    if (!pack->is_there) {
        return not_there(pack, &best);
    }
    BSI_TRY(bsi_bits_reserve(&self->kept, best.row + 1));
    bsi_bits_add(&self->kept, best.row);
    pack->kept += best.blob.size;
    self->report.bytes_needed += best.blob.size;
    return BS_OK;
}

bs_status bsi_prune_keeps(bsi_repo_prune *self, uint32_t pack, const bsi_blob *blob, bool *out)
{
    bsi_blob_place place;
    bs_status status = BS_OK;

    *out = false;
    for (unsigned copy = 0; status == BS_OK; copy++) {
        status = bsi_repo_index_find(self->index, blob->type, &blob->id, copy, &place);
        if (status == BS_OK && place.pack_number == pack && place.blob.offset == blob->offset) {
            *out = bsi_bits_has(&self->kept, place.row);
            return BS_OK;
        }
    }
    return status < 0 ? status : BS_OK; /* One of very many copies: another one counts. */
}

static bs_status choose_in(bsi_repo_prune *self, uint32_t number, bsi_blob_list *blobs)
{
    bsi_digest id;
    const bs_status status = bsi_repo_index_pack(self->index, number, &id, blobs);

    BSI_TRY(status);
    BSI_TRY(bsi_call_check(self->call));
    for (size_t i = 0; status == BS_OK && i < blobs->count; i++) {
        BSI_TRY(choose(self, &blobs->items[i], number));
    }
    return BS_OK;
}

static bs_status survey_all(bsi_repo_prune *self, const bsi_repo_files *files, bsi_blob_list *blobs)
{
    for (uint32_t number = 0; number < self->pack_count; number++) {
        BSI_TRY(bsi_call_check(self->call));
        BSI_TRY(survey_pack(self, number, files, blobs));
    }
    survey_unknown(self, files);
    for (uint32_t number = 0; number < self->pack_count; number++) {
        BSI_TRY(choose_in(self, number, blobs));
    }
    return BS_OK;
}

bs_status bsi_prune_survey(bsi_repo_prune *self)
{
    bsi_repo_files files = {0};
    bsi_blob_list blobs = {0};
    bs_status status = BS_OK;

    self->pack_count = bsi_repo_index_pack_end(self->index);
    self->packs = bsi_calloc((size_t)self->pack_count + 1, sizeof(*self->packs));
    if (!self->packs) {
        return BS_E_NOMEM;
    }
    status = bsi_repo_list(self->repo, self->call, BSI_REPO_PACKS, &files);
    if (status == BS_OK) {
        status = survey_all(self, &files, &blobs);
    }
    bsi_repo_files_dispose(&files);
    bsi_blob_list_dispose(&blobs);
    return status;
}
