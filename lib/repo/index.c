/* SPDX-License-Identifier: MIT */
/*
 * The index in memory. Blobs are rows in the order of their packs and of their
 * places in them, so that a row needs neither its pack nor its offset:
 *
 *     row of a blob: id 32 | type 1 bit, sealed size 27 bits, plain size 28 bits
 *     row of a pack: id 32 | number of its first blob's row 4
 *
 * Each 64th row's offset is kept besides. A stretch of a pack of which nothing is
 * known is a row of its own, a hole. Sizes that do not fit stand in a table of
 * large ones. Rows are found by way of hash tables of their numbers; that of the
 * blobs is brought up to date when something is looked for.
 */
#include "repo/index.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/endian.h"
#include "os/thread.h"
#include "repo/index_file.h"
#include "repo/index_int.h"
#include "repo/pack.h"

enum {
    PACK_ROW_SIZE = BSI_SHA256_SIZE + 4,
    LARGE_FIRST = 16,
    PREFETCH_ROWS = 16,    /* So far ahead. */
    MERGES_MAX = 16,       /* Times that all rows may be looked at again for packs in parts, */
    MERGED_FREE = 1000000, /* and so many rows besides. */
    SIZE_BITS = 27,
    PLAIN_BITS = 28,
    SIZE_LARGE = (1 << SIZE_BITS) - 1,  /* See the table of large ones. */
    PLAIN_HOLE = (1 << PLAIN_BITS) - 1, /* It is no blob. */
};

/* In a pack's row: there is no such pack any more. */
#define PACK_GONE UINT32_C(0x80000000)
/* A hole's plain size in a bsi_blob. */
#define HOLE UINT32_MAX

/* --- Rows of blobs --- */

bool bsi_index_is_hole(const bsi_blob *blob)
{
    return blob->plain_size == HOLE;
}

static bool fits(const bsi_blob *blob)
{
    return blob->size < SIZE_LARGE && (bsi_index_is_hole(blob) || blob->plain_size < PLAIN_HOLE);
}

static const bsi_large_row *find_large(const bsi_repo_index *self, uint32_t row)
{
    size_t low = 0;
    size_t high = self->large_count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (self->large[middle].row < row) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return &self->large[low];
}

static uint64_t read_sizes(const uint8_t *bytes)
{
    return (uint64_t)bsi_le32(bytes) | (uint64_t)bsi_le16(bytes + 4) << 32 |
           (uint64_t)bytes[6] << 48;
}

static void write_sizes(uint8_t *bytes, uint64_t sizes)
{
    bsi_put_le32(bytes, (uint32_t)sizes);
    bsi_put_le16(bytes + 4, (uint16_t)(sizes >> 32));
    bytes[6] = (uint8_t)(sizes >> 48);
}

/* All of a blob but its offset. */
void bsi_index_row(const bsi_repo_index *self, uint32_t row, bsi_blob *out)
{
    const uint8_t *const bytes = bsi_rows_at(&self->blobs, row);
    const uint64_t sizes = read_sizes(bytes + BSI_SHA256_SIZE);

    memcpy(out->id.bytes, bytes, sizeof(out->id.bytes));
    out->type = sizes & 1 ? BSI_BLOB_TREE : BSI_BLOB_DATA;
    out->size = (uint32_t)(sizes >> 1) & SIZE_LARGE;
    out->plain_size = (uint32_t)(sizes >> (SIZE_BITS + 1));
    if (out->size == SIZE_LARGE) {
        const bsi_large_row *large = find_large(self, row);
        out->size = large->size;
        out->plain_size = large->plain_size;
    } else if (out->plain_size == PLAIN_HOLE) {
        out->plain_size = HOLE;
    }
}

static uint32_t size_of(const bsi_repo_index *self, uint32_t row)
{
    const uint8_t *const bytes = bsi_rows_at(&self->blobs, row) + BSI_SHA256_SIZE;
    const uint32_t size = bsi_le32(bytes) >> 1 & SIZE_LARGE;

    return size == SIZE_LARGE ? find_large(self, row)->size : size;
}

/* Behind the last row; there is memory. */
static void append_blob(bsi_repo_index *self, const bsi_blob *blob)
{
    const uint32_t row = self->blobs.count;
    uint8_t *const bytes = bsi_rows_add(&self->blobs);
    uint64_t size = blob->size;
    uint64_t plain_size = bsi_index_is_hole(blob) ? PLAIN_HOLE : blob->plain_size;

    if (!fits(blob)) {
        self->large[self->large_count++] = (bsi_large_row){row, blob->size, blob->plain_size};
        size = SIZE_LARGE;
        plain_size = 0;
    }
    memcpy(bytes, blob->id.bytes, sizeof(blob->id.bytes));
    write_sizes(bytes + BSI_SHA256_SIZE, (uint64_t)(blob->type == BSI_BLOB_TREE) | size << 1 |
                                             plain_size << (SIZE_BITS + 1));
    if (row % BSI_INDEX_MARK_EVERY == 0) {
        bsi_put_le32(bsi_rows_add(&self->marks), blob->offset);
    }
    self->holes += bsi_index_is_hole(blob);
}

/* --- Rows of packs --- */

uint32_t bsi_index_pack_first(const bsi_repo_index *self, uint32_t pack)
{
    return bsi_le32(bsi_rows_at(&self->packs, pack) + BSI_SHA256_SIZE) & ~PACK_GONE;
}

/* Behind its last row. */
uint32_t bsi_index_pack_end(const bsi_repo_index *self, uint32_t pack)
{
    return pack + 1 < self->packs.count ? bsi_index_pack_first(self, pack + 1) : self->blobs.count;
}

bool bsi_index_pack_is_gone(const bsi_repo_index *self, uint32_t pack)
{
    return (bsi_le32(bsi_rows_at(&self->packs, pack) + BSI_SHA256_SIZE) & PACK_GONE) != 0;
}

void bsi_index_pack_id(const bsi_repo_index *self, uint32_t pack, bsi_digest *out)
{
    memcpy(out->bytes, bsi_rows_at(&self->packs, pack), sizeof(out->bytes));
}

void bsi_index_put_pack(uint8_t *row, const bsi_digest *id, uint32_t first)
{
    memcpy(row, id->bytes, sizeof(id->bytes));
    bsi_put_le32(row + BSI_SHA256_SIZE, first);
}

/* The pack in which a row of a blob is: the last one that begins at it or before. */
static uint32_t pack_of(const bsi_repo_index *self, uint32_t row)
{
    uint32_t low = 0;
    uint32_t high = self->packs.count;

    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        if (bsi_index_pack_first(self, middle) <= row) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool find_pack(const bsi_repo_index *self, const bsi_digest *id, uint32_t *out)
{
    bsi_slots_search search;
    uint32_t number = 0;

    bsi_slots_find(&self->pack_slots, bsi_id_hash_of(&self->hash, id), &search);
    while (bsi_slots_next(&self->pack_slots, &search, &number)) {
        bsi_digest other;
        bsi_index_pack_id(self, number, &other);
        if (!bsi_index_pack_is_gone(self, number) && bsi_digest_equal(&other, id)) {
            *out = number;
            return true;
        }
    }
    return false;
}

void bsi_index_slot_packs(bsi_repo_index *self)
{
    for (uint32_t i = 0; i < self->packs.count; i++) {
        bsi_digest id;
        if (!bsi_index_pack_is_gone(self, i)) {
            bsi_index_pack_id(self, i, &id);
            bsi_slots_put(&self->pack_slots, bsi_id_hash_of(&self->hash, &id), i);
        }
    }
}

/* Where in its pack a row of a blob lies. */
static uint32_t offset_of(const bsi_repo_index *self, uint32_t row, uint32_t first)
{
    const uint32_t marked = row - row % BSI_INDEX_MARK_EVERY;
    uint32_t at = first;
    uint32_t offset = 0;

    if (marked >= first) {
        at = marked;
        offset = bsi_le32(bsi_rows_at(&self->marks, marked / BSI_INDEX_MARK_EVERY));
    }
    for (; at < row; at++) {
        offset += size_of(self, at);
    }
    return offset;
}

/* --- Finding --- */

static bool is_blob(const bsi_repo_index *self, uint32_t row, bsi_blob_type type,
                    const bsi_digest *id)
{
    const uint8_t *const bytes = bsi_rows_at(&self->blobs, row);

    return memcmp(bytes, id->bytes, sizeof(id->bytes)) == 0 &&
           (bytes[BSI_SHA256_SIZE] & 1) == (type == BSI_BLOB_TREE);
}

/* The row of the n-th place of a blob. */
static bool find_row(const bsi_repo_index *self, bsi_blob_type type, const bsi_digest *id,
                     unsigned copy, uint32_t *out)
{
    bsi_slots_search search;
    uint32_t row = 0;

    bsi_slots_find(&self->blob_slots, bsi_id_hash_of(&self->hash, id), &search);
    while (bsi_slots_next(&self->blob_slots, &search, &row)) {
        if (is_blob(self, row, type, id) && copy-- == 0) {
            *out = row;
            return true;
        }
    }
    return false;
}

/* The places of all blobs are all over the table: without this each one is waited for. */
static void prefetch(const bsi_repo_index *self, uint32_t row)
{
    if (row < self->blobs.count) {
        bsi_digest id;
        memcpy(id.bytes, bsi_rows_at(&self->blobs, row), sizeof(id.bytes));
        bsi_slots_prefetch(&self->blob_slots, bsi_id_hash_of(&self->hash, &id));
    }
}

static void slot_blob(bsi_repo_index *self, uint32_t row)
{
    uint32_t last = 0;
    bsi_blob blob;

    bsi_index_row(self, row, &blob);
    if (!bsi_index_is_hole(&blob) &&
        !find_row(self, blob.type, &blob.id, BSI_INDEX_COPIES_MAX - 1, &last)) {
        bsi_slots_put(&self->blob_slots, bsi_id_hash_of(&self->hash, &blob.id), row);
    }
}

/* Have all blobs in the slots. */
static bs_status settle(bsi_repo_index *self)
{
    if (self->slotted == self->blobs.count) {
        return BS_OK;
    }
    if (!bsi_slots_has_room(&self->blob_slots, self->blobs.count)) {
        BSI_TRY(bsi_slots_renew(&self->blob_slots, self->blobs.count));
        self->slotted = 0;
    }
    for (; self->slotted < self->blobs.count; self->slotted++) {
        bsi_rows_pass(&self->blobs, self->slotted);
        prefetch(self, self->slotted + PREFETCH_ROWS);
        slot_blob(self, self->slotted);
    }
    return BS_OK;
}

static bs_status has_locked(bsi_repo_index *self, bsi_blob_type type, const bsi_digest *id)
{
    uint32_t row = 0;

    BSI_TRY(settle(self));
    return find_row(self, type, id, 0, &row) ? BS_OK : BS_END;
}

bs_status bsi_repo_index_has(bsi_repo_index *index, bsi_blob_type type, const bsi_digest *id)
{
    bs_status status = BS_OK;

    bsi_mutex_lock(&index->lock);
    status = has_locked(index, type, id);
    if (status == BS_END &&
        bsi_pending_has(&index->pending, bsi_id_hash_of(&index->hash, id), id, type)) {
        status = BS_OK;
    }
    bsi_mutex_unlock(&index->lock);
    return status;
}

static bs_status find_locked(bsi_repo_index *self, bsi_blob_type type, const bsi_digest *id,
                             unsigned copy, bsi_blob_place *out)
{
    uint32_t row = 0;

    BSI_TRY(settle(self));
    if (!find_row(self, type, id, copy, &row)) {
        return BS_END;
    }
    out->row = row;
    out->pack_number = pack_of(self, row);
    bsi_index_pack_id(self, out->pack_number, &out->pack);
    bsi_index_row(self, row, &out->blob);
    out->blob.offset = offset_of(self, row, bsi_index_pack_first(self, out->pack_number));
    return BS_OK;
}

bs_status bsi_repo_index_find(bsi_repo_index *index, bsi_blob_type type, const bsi_digest *id,
                              unsigned copy, bsi_blob_place *out)
{
    bs_status status = BS_OK;

    bsi_mutex_lock(&index->lock);
    status = find_locked(index, type, id, copy, out);
    bsi_mutex_unlock(&index->lock);
    return status;
}

bool bsi_repo_index_number(bsi_repo_index *index, const bsi_digest *pack, uint32_t *out)
{
    bool found = false;

    bsi_mutex_lock(&index->lock);
    found = find_pack(index, pack, out);
    bsi_mutex_unlock(&index->lock);
    return found;
}

bool bsi_repo_index_has_pack(bsi_repo_index *index, const bsi_digest *pack)
{
    uint32_t number = 0;

    return bsi_repo_index_number(index, pack, &number);
}

static bs_status claim_locked(bsi_repo_index *self, bsi_blob_type type, const bsi_digest *id,
                              bsi_claim *out)
{
    const bs_status status = has_locked(self, type, id);

    if (status != BS_END) {
        *out = BSI_CLAIM_KNOWN;
        return status;
    }
    if (bsi_pending_has(&self->pending, bsi_id_hash_of(&self->hash, id), id, type)) {
        *out = BSI_CLAIM_PENDING;
        return BS_OK;
    }
    *out = BSI_CLAIM_MINE;
    return bsi_pending_add(&self->pending, &self->hash, id, type);
}

bs_status bsi_repo_index_claim(bsi_repo_index *index, bsi_blob_type type, const bsi_digest *id,
                               bsi_claim *out)
{
    bs_status status = BS_OK;

    bsi_mutex_lock(&index->lock);
    status = claim_locked(index, type, id, out);
    bsi_mutex_unlock(&index->lock);
    return status;
}

void bsi_repo_index_release(bsi_repo_index *index, bsi_blob_type type, const bsi_digest *id)
{
    bsi_mutex_lock(&index->lock);
    bsi_pending_remove(&index->pending, &index->hash, id, type);
    bsi_mutex_unlock(&index->lock);
}

/* --- Adding --- */

static int compare_places(const void *a, const void *b)
{
    const bsi_blob *left = a;
    const bsi_blob *right = b;

    if (left->offset != right->offset) {
        return left->offset < right->offset ? -1 : 1;
    }
    return (left->size > right->size) - (left->size < right->size);
}

/* Sort the merged blobs, each once. How many holes lie between them. */
static bs_status put_in_order(bsi_blob_list *list, uint32_t *holes_out)
{
    uint32_t end = 0;
    uint32_t holes = 0;
    size_t kept = 0;

    if (list->count > 0) {
        qsort(list->items, list->count, sizeof(*list->items), compare_places);
    }
    for (size_t i = 0; i < list->count; i++) {
        const bsi_blob *blob = &list->items[i];
        if (kept > 0 && bsi_blob_equal(blob, &list->items[kept - 1])) {
            continue;
        }
        if (blob->offset < end) {
            return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                            "by the index two of its blobs lie in the same place");
        }
        holes += blob->offset > end;
        end = blob->offset + blob->size;
        list->items[kept++] = *blob;
    }
    list->count = kept;
    *holes_out = holes;
    return BS_OK;
}

/* Append what is known of a pack. */
static bs_status list_blobs(const bsi_repo_index *self, uint32_t pack, bsi_blob_list *out)
{
    const uint32_t end = bsi_index_pack_end(self, pack);
    bs_status status = BS_OK;
    uint32_t offset = 0;

    for (uint32_t row = bsi_index_pack_first(self, pack); status == BS_OK && row < end; row++) {
        bsi_blob blob;
        bsi_index_row(self, row, &blob);
        blob.offset = offset;
        offset += blob.size;
        status = bsi_index_is_hole(&blob) ? BS_OK : bsi_blob_list_add(out, &blob);
    }
    return status;
}

static size_t known_blobs(const bsi_repo_index *self, uint32_t pack)
{
    size_t count = 0;

    for (uint32_t row = bsi_index_pack_first(self, pack); row < bsi_index_pack_end(self, pack);
         row++) {
        bsi_blob blob;
        bsi_index_row(self, row, &blob);
        count += !bsi_index_is_hole(&blob);
    }
    return count;
}

static bs_status merge(bsi_repo_index *self, const bsi_blob_list *blobs, const uint32_t *known,
                       uint32_t *holes_out)
{
    bsi_blob_list_clear(&self->merged);
    if (known) {
        self->merged_rows += bsi_index_pack_end(self, *known) - bsi_index_pack_first(self, *known);
        if (self->merged_rows >
            MERGED_FREE + (uint64_t)MERGES_MAX * (self->blobs.count - self->holes)) {
            return bsi_fail(BS_LAYER_STORAGE, BS_E_LIMIT,
                            "the index tells of it and of others again and again");
        }
        BSI_TRY(list_blobs(self, *known, &self->merged));
    }
    for (size_t i = 0; i < blobs->count; i++) {
        BSI_TRY(bsi_blob_list_add(&self->merged, &blobs->items[i]));
    }
    return put_in_order(&self->merged, holes_out);
}

/* Room for those of the merged blobs, and of the holes before them, that are large. */
static bs_status reserve_large(bsi_repo_index *self)
{
    size_t need = self->large_count;
    size_t room = self->large_room > 0 ? self->large_room : LARGE_FIRST;
    bsi_large_row *large = NULL;
    uint32_t end = 0;

    for (size_t i = 0; i < self->merged.count; i++) {
        const bsi_blob *blob = &self->merged.items[i];
        need += blob->offset - end >= SIZE_LARGE;
        need += !fits(blob);
        end = blob->offset + blob->size;
    }
    if (need <= self->large_room) {
        return BS_OK;
    }
    while (room < need) {
        room *= 2;
    }
    large = bsi_realloc_array(self->large, room, sizeof(*large));
    if (!large) {
        return BS_E_NOMEM;
    }
    self->large = large;
    self->large_room = room;
    return BS_OK;
}

/* Memory for the merged blobs and the holes between them. */
static bs_status reserve(bsi_repo_index *self, uint32_t holes)
{
    const size_t rows = self->blobs.count + self->merged.count + holes;
    const uint32_t packs = self->packs.count + 1;

    if (rows > BSI_INDEX_ROWS_MAX) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_LIMIT, "the index has more than %d blobs",
                        BSI_INDEX_ROWS_MAX);
    }
    BSI_TRY(bsi_rows_reserve(&self->blobs, rows));
    BSI_TRY(bsi_rows_reserve(&self->marks, rows / BSI_INDEX_MARK_EVERY + 1));
    BSI_TRY(bsi_rows_reserve(&self->packs, packs));
    BSI_TRY(reserve_large(self));
    if (!bsi_slots_has_room(&self->pack_slots, packs)) {
        BSI_TRY(bsi_slots_renew(&self->pack_slots, packs));
        bsi_index_slot_packs(self);
    }
    return BS_OK;
}

/* What is known of it is in the merged list, and comes anew. */
static void forget_pack(bsi_repo_index *self, uint32_t pack)
{
    static const bsi_digest none;
    const uint32_t first = bsi_index_pack_first(self, pack);

    for (uint32_t row = first; row < bsi_index_pack_end(self, pack); row++) {
        uint8_t *const bytes = bsi_rows_at(&self->blobs, row);
        bsi_blob blob;
        bsi_index_row(self, row, &blob);
        if (!bsi_index_is_hole(&blob)) {
            self->holes++;
        }
        memset(bytes, 0, BSI_SHA256_SIZE);
        write_sizes(bytes + BSI_SHA256_SIZE, (uint64_t)PLAIN_HOLE << (SIZE_BITS + 1));
    }
    bsi_index_put_pack(bsi_rows_at(&self->packs, pack), &none, first | PACK_GONE);
    self->packs_gone++;
    bsi_slots_clear(&self->blob_slots); /* Rows that were slotted are holes now. */
    self->slotted = 0;
}

static void append_pack(bsi_repo_index *self, const bsi_digest *pack)
{
    const uint32_t number = self->packs.count;
    uint32_t end = 0;

    bsi_index_put_pack(bsi_rows_add(&self->packs), pack, self->blobs.count);
    bsi_slots_put(&self->pack_slots, bsi_id_hash_of(&self->hash, pack), number);
    for (size_t i = 0; i < self->merged.count; i++) {
        const bsi_blob *blob = &self->merged.items[i];
        if (blob->offset > end) {
            const bsi_blob hole = {.offset = end, .size = blob->offset - end, .plain_size = HOLE};
            append_blob(self, &hole);
        }
        append_blob(self, blob);
        end = blob->offset + blob->size;
    }
}

static bs_status add_merged(bsi_repo_index *self, const bsi_digest *pack,
                            const bsi_blob_list *blobs)
{
    uint32_t number = 0;
    uint32_t holes = 0;
    const bool known = find_pack(self, pack, &number);

    BSI_TRY(merge(self, blobs, known ? &number : NULL, &holes));
    if (known && self->merged.count == known_blobs(self, number)) {
        return BS_OK;
    }
    BSI_TRY(reserve(self, holes));
    if (known) {
        forget_pack(self, number);
    }
    append_pack(self, pack);
    return BS_OK;
}

bs_status bsi_repo_index_add(bsi_repo_index *index, const bsi_digest *pack,
                             const bsi_blob_list *blobs)
{
    bs_status status = BS_OK;

    bsi_mutex_lock(&index->lock);
    status = add_merged(index, pack, blobs);
    for (size_t i = 0; status == BS_OK && i < blobs->count; i++) {
        bsi_pending_remove(&index->pending, &index->hash, &blobs->items[i].id,
                           blobs->items[i].type);
    }
    bsi_mutex_unlock(&index->lock);
    return status < 0 ? bsi_pack_failed(status, pack) : BS_OK;
}

bs_status bsi_repo_index_add_told(bsi_repo_index *index, const bsi_digest *pack,
                                  const bsi_blob_list *blobs)
{
    BSI_TRY(bsi_repo_index_add(index, pack, blobs));
    bsi_mutex_lock(&index->lock);
    index->packs_told++;
    bsi_mutex_unlock(&index->lock);
    return BS_OK;
}

static bs_status take_pack(void *user, const bsi_digest *pack, const bsi_blob_list *blobs)
{
    return bsi_repo_index_add_told(user, pack, blobs);
}

bs_status bsi_index_file_failed(bs_status status, const bsi_digest *file)
{
    char hex[2 * BSI_SHA256_SIZE + 1];

    if (status >= 0) {
        return status;
    }
    bsi_digest_format(file, hex);
    return bsi_fail_context(BS_LAYER_STORAGE, status, "index %s", hex);
}

bs_status bsi_repo_index_add_file(bsi_repo_index *index, const bsi_digest *file, bsi_slice json,
                                  uint32_t version)
{
    return bsi_index_file_failed(bsi_index_parse(json, version, take_pack, index), file);
}

/* --- All of it --- */

uint32_t bsi_repo_index_pack_end(bsi_repo_index *index)
{
    uint32_t end = 0;

    bsi_mutex_lock(&index->lock);
    end = index->packs.count;
    bsi_mutex_unlock(&index->lock);
    return end;
}

bs_status bsi_repo_index_pack(bsi_repo_index *index, uint32_t number, bsi_digest *id_out,
                              bsi_blob_list *blobs_out)
{
    bs_status status = BS_END;

    bsi_blob_list_clear(blobs_out);
    bsi_mutex_lock(&index->lock);
    if (number < index->packs.count && !bsi_index_pack_is_gone(index, number)) {
        bsi_index_pack_id(index, number, id_out);
        status = list_blobs(index, number, blobs_out);
    }
    bsi_mutex_unlock(&index->lock);
    return status;
}

void bsi_repo_index_get_stats(bsi_repo_index *index, bsi_repo_index_stats *out)
{
    bsi_mutex_lock(&index->lock);
    out->blobs = index->blobs.count - index->holes;
    out->packs = index->packs.count - index->packs_gone;
    out->packs_told = index->packs_told;
    out->memory = sizeof(*index) + bsi_rows_memory(&index->blobs) + bsi_rows_memory(&index->marks) +
                  bsi_rows_memory(&index->packs) + bsi_slots_memory(&index->blob_slots) +
                  bsi_slots_memory(&index->pack_slots) + index->large_room * sizeof(*index->large) +
                  index->pending.capacity * sizeof(*index->pending.places) +
                  index->merged.capacity * sizeof(*index->merged.items);
    bsi_mutex_unlock(&index->lock);
}

bool bsi_repo_index_is_told_twice(bsi_repo_index *index)
{
    bsi_repo_index_stats stats;

    bsi_repo_index_get_stats(index, &stats);
    return stats.packs_told > stats.packs;
}

/* --- Life --- */

bs_status bsi_repo_index_new(bsi_repo_index **out)
{
    bsi_repo_index *self = bsi_calloc(1, sizeof(*self));
    bs_status status = self ? bsi_id_hash_init(&self->hash) : BS_E_NOMEM;

    if (status < 0) {
        bsi_free(self);
        return status;
    }
    bsi_mutex_init(&self->lock);
    bsi_rows_init(&self->blobs, BSI_INDEX_BLOB_ROW_SIZE);
    bsi_rows_init(&self->marks, sizeof(uint32_t));
    bsi_rows_init(&self->packs, PACK_ROW_SIZE);
    *out = self;
    return BS_OK;
}

void bsi_repo_index_limit(bsi_repo_index *index, int dir, uint64_t bytes)
{
    bsi_mutex_lock(&index->lock);
    if (index->blobs.block_count == 0) {
        bsi_rows_limit(&index->blobs, dir, bytes);
    }
    bsi_mutex_unlock(&index->lock);
}

void bsi_repo_index_free(bsi_repo_index *index)
{
    if (!index) {
        return;
    }
    bsi_rows_dispose(&index->blobs);
    bsi_rows_dispose(&index->marks);
    bsi_rows_dispose(&index->packs);
    bsi_slots_dispose(&index->blob_slots);
    bsi_slots_dispose(&index->pack_slots);
    bsi_pending_dispose(&index->pending);
    bsi_blob_list_dispose(&index->merged);
    bsi_free(index->large);
    bsi_mutex_dispose(&index->lock);
    bsi_free(index);
}
