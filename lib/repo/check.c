/* SPDX-License-Identifier: MIT */
/*
 * The order of a check: indexes, packs, their data, snapshots. What is found on
 * the way tells what the next can rely on.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "os/random.h"
#include "repo/check_int.h"
#include "repo/index_load.h"
#include "repo/pack.h"

enum { TEXT_SIZE = 256, PARTS_MAX = 256, PERCENT_ALL = 100 };

void bsi_check_tell(bsi_check *self, const bsi_check_finding *finding)
{
    self->report.errors += !finding->is_note;
    self->report.notes += finding->is_note;
    if (self->options.found) {
        self->options.found(self->options.user, finding);
    }
}

void bsi_check_tell_error(bsi_check *self, bsi_check_subject subject, const bsi_digest *id)
{
    bs_error error;

    bsi_error_save(&error);
    bsi_check_tell(self, &(bsi_check_finding){.subject = subject, .id = id, .text = error.message});
}

bool bsi_check_is_finding(bs_status status)
{
    return status == BS_E_CORRUPT || status == BS_E_MISSING || status == BS_E_NOT_FOUND ||
           status == BS_E_LIMIT || status == BS_E_RANGE || status == BS_E_IO;
}

/* --- Indexes --- */

/* A key ends in the id of its file. */
static void index_failed(void *user, bsi_slice key, const bs_error *error)
{
    const size_t digits = 2 * BSI_SHA256_SIZE;
    bsi_digest id = {0};

    if (key.size >= digits &&
        bsi_digest_parse(key.data + key.size - digits, digits, &id) == BS_OK) {
        bsi_check_tell(user, &(bsi_check_finding){
                                 .subject = BSI_CHECK_INDEX, .id = &id, .text = error->message});
    }
}

static bs_status count_indexes(bsi_check *self)
{
    bsi_repo_files files = {0};

    BSI_TRY(bsi_repo_list(self->repo, self->call, BSI_REPO_INDEX, &files));
    self->report.indexes = files.count;
    bsi_repo_files_dispose(&files);
    return BS_OK;
}

/* --- Packs --- */

static void tell_pack(bsi_check *self, const bsi_digest *id, bool is_note, const char *text)
{
    bsi_check_tell(self,
                   &(bsi_check_finding){
                       .subject = BSI_CHECK_PACK, .is_note = is_note, .id = id, .text = text});
}

static void check_size(bsi_check *self, const bsi_repo_file *file, const bsi_blob_list *blobs)
{
    const uint64_t expected = bsi_pack_size(blobs);
    char text[TEXT_SIZE];

    if (file->size != expected) {
        (void)snprintf(text, sizeof(text),
                       "has %" PRIu64 " bytes; by what the index says it must have %" PRIu64,
                       file->size, expected);
        tell_pack(self, &file->id, false, text);
    }
}

static void check_types(bsi_check *self, const bsi_digest *id, const bsi_blob_list *blobs)
{
    for (size_t i = 1; i < blobs->count; i++) {
        if (blobs->items[i].type != blobs->items[0].type) {
            tell_pack(self, id, true, "has data and trees in one; the next prune divides it");
            return;
        }
    }
}

/* The pack of a number, against the file on the storage. */
static bs_status check_pack(bsi_check *self, uint32_t number, bsi_blob_list *blobs,
                            bsi_digest_table *known)
{
    const bsi_repo_file *file = NULL;
    bsi_digest id;
    const bs_status status = bsi_repo_index_pack(self->index, number, &id, blobs);

    if (status != BS_OK) {
        return status < 0 ? status : BS_OK;
    }
    BSI_TRY(bsi_digest_table_put(known, &id, 0));
    self->report.packs++;
    self->report.blobs += blobs->count;
    file = bsi_repo_files_find(&self->packs, &id);
    if (!file) {
        tell_pack(self, &id, false, "is missing, though the index knows of it");
        return BS_OK;
    }
    self->pack_sizes[number] = file->size;
    check_size(self, file, blobs);
    check_types(self, &id, blobs);
    return BS_OK;
}

static void tell_unknown(bsi_check *self, const bsi_digest_table *known)
{
    for (size_t i = 0; i < self->packs.count; i++) {
        const bsi_digest *id = &self->packs.items[i].id;
        if (!bsi_digest_table_find(known, id)) {
            tell_pack(self, id, true, "is in no index; the next prune removes it");
        }
    }
}

static bs_status check_packs(bsi_check *self)
{
    bsi_digest_table known = {0};
    bsi_blob_list blobs = {0};
    bs_status status = BS_OK;

    self->pack_count = bsi_repo_index_pack_end(self->index);
    self->pack_sizes = bsi_calloc(self->pack_count, sizeof(*self->pack_sizes));
    if (!self->pack_sizes) {
        return BS_E_NOMEM;
    }
    for (uint32_t i = 0; status == BS_OK && i < self->pack_count; i++) {
        self->pack_sizes[i] = BSI_CHECK_NO_PACK;
        status = check_pack(self, i, &blobs, &known);
    }
    if (status == BS_OK) {
        tell_unknown(self, &known);
    }
    bsi_digest_table_dispose(&known);
    bsi_blob_list_dispose(&blobs);
    return status;
}

/* --- Blobs --- */

static int compare_places(const void *a, const void *b)
{
    const uint64_t one = *(const uint64_t *)a;
    const uint64_t other = *(const uint64_t *)b;

    return (one > other) - (one < other);
}

static bool is_bad(const bsi_check *self, const bsi_blob_place *place)
{
    const uint64_t key = (uint64_t)place->pack_number << 32 | place->blob.offset;
    const size_t count = self->bad_places.size / sizeof(key);

    return count > 0 && bsearch(&key, self->bad_places.data, count, sizeof(key), compare_places);
}

/* Whether all of it is where it should be, as far as is known. */
static bool is_there(const bsi_check *self, const bsi_blob_place *place)
{
    const uint64_t size =
        place->pack_number < self->pack_count ? self->pack_sizes[place->pack_number] : 0;

    return size != BSI_CHECK_NO_PACK && (uint64_t)place->blob.offset + place->blob.size <= size &&
           !is_bad(self, place);
}

bs_status bsi_check_blob(bsi_check *self, bsi_blob_type type, const bsi_digest *id)
{
    bsi_blob_place place;

    for (unsigned copy = 0;; copy++) {
        const bs_status status = bsi_repo_index_find(self->index, type, id, copy, &place);
        if (status == BS_END) {
            return copy == 0 ? BS_E_MISSING : BS_E_CORRUPT;
        }
        BSI_TRY(status);
        if (is_there(self, &place)) {
            return BS_OK;
        }
    }
}

/* --- The whole --- */

static bs_status check_data(bsi_check *self)
{
    uint64_t *places = NULL;

    if (!self->options.read_data) {
        return BS_OK;
    }
    BSI_TRY(bsi_random(&self->salt, sizeof(self->salt)));
    BSI_TRY(bsi_check_data(self));
    places = (uint64_t *)(void *)self->bad_places.data;
    if (self->bad_places.size > sizeof(*places)) {
        qsort(places, self->bad_places.size / sizeof(*places), sizeof(*places), compare_places);
    }
    return BS_OK;
}

static bs_status load_index(bsi_check *self)
{
    const bsi_warn damaged = {.report = index_failed, .user = self};
    const bsi_index_load_options options = {&damaged, self->options.pool};

    BSI_TRY(count_indexes(self));
    BSI_TRY(bsi_repo_index_new(&self->index));
    return bsi_repo_index_load(self->repo, self->call, &options, self->index);
}

static bs_status run(bsi_check *self)
{
    BSI_TRY(bsi_repo_list(self->repo, self->call, BSI_REPO_SNAPSHOTS, &self->snapshots));
    BSI_TRY(load_index(self));
    BSI_TRY(bsi_blob_reader_new(self->repo, self->index, &self->reader));
    BSI_TRY(bsi_blob_reader_use_blocks(self->reader));
    BSI_TRY(bsi_repo_list(self->repo, self->call, BSI_REPO_PACKS, &self->packs));
    BSI_TRY(check_packs(self));
    BSI_TRY(check_data(self));
    return bsi_check_snapshots(self);
}

bs_status bsi_repo_check(const bsi_repo *repo, const bs_call *call,
                         const bsi_check_options *options, bsi_check_report *out)
{
    bsi_check self = {.repo = repo, .call = call};
    bs_status status = BS_OK;

    if (options) {
        self.options = *options;
    }
    if (self.options.parts > PARTS_MAX || self.options.percent > PERCENT_ALL ||
        (self.options.parts > 0 &&
         (self.options.part < 1 || self.options.part > self.options.parts))) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "part %" PRIu32 " of %" PRIu32 " and %" PRIu32
                        " percent: parts go from 1 to at most %d, and no more than all can be read",
                        self.options.part, self.options.parts, self.options.percent, PARTS_MAX);
    }
    bsi_buf_init(&self.bad_places, SIZE_MAX / 2);
    status = run(&self);
    bsi_blob_reader_free(self.reader);
    bsi_repo_index_free(self.index);
    bsi_repo_files_dispose(&self.snapshots);
    bsi_repo_files_dispose(&self.packs);
    bsi_free(self.pack_sizes);
    bsi_buf_dispose(&self.bad_places);
    *out = self.report;
    return status;
}
