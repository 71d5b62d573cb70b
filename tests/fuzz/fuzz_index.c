/* SPDX-License-Identifier: MIT */
/*
 * Index files. An input is
 *
 *     version 1 | text of an index
 *
 * What can be read is written and read again, and must be the same. All of it goes
 * into an index in memory, where each blob must be found that the text tells of, and
 * each pack must have the blobs that were told, unless two of them lie in one place.
 */
#include "fuzz.h"

#include "repo/index.h"
#include "repo/index_file.h"

/* What was read of a text, in an index besides when there is one. */
typedef struct reading {
    bsi_index_writer writer;
    bsi_repo_index *index;
    bs_status added; /* The first failure. */
    size_t blobs;
} reading;

static bs_status take(void *user, const bsi_digest *pack, const bsi_blob_list *blobs)
{
    reading *self = user;

    self->blobs += blobs->count;
    if (self->index && self->added == BS_OK) {
        self->added = bsi_repo_index_add(self->index, pack, blobs);
        fuzz_check(self->added == BS_OK || self->added == BS_E_CORRUPT);
    }
    return bsi_index_writer_add(&self->writer, pack, blobs);
}

static void check_again(const reading *before, uint32_t version)
{
    const bsi_buf *text = &before->writer.text;
    reading self = {0};

    bsi_index_writer_init(&self.writer);
    fuzz_ok(bsi_index_parse((bsi_slice){(char *)text->data, text->size}, version, take, &self));
    fuzz_ok(bsi_index_writer_finish(&self.writer));
    fuzz_check(self.blobs == before->blobs);
    fuzz_check(self.writer.text.size == text->size);
    fuzz_check(memcmp(self.writer.text.data, text->data, text->size) == 0);
    bsi_index_writer_dispose(&self.writer);
}

static bool is_same(const bsi_blob *a, const bsi_blob *b)
{
    return a->offset == b->offset && a->size == b->size && a->plain_size == b->plain_size &&
           a->type == b->type && bsi_digest_equal(&a->id, &b->id);
}

/* One of the places that are told is the one in which the pack has it, or there are too many. */
static void check_found(bsi_repo_index *index, uint32_t pack, const bsi_blob *blob)
{
    bsi_blob_place place;
    bs_status status = BS_OK;
    bool found = false;
    unsigned copy = 0;

    fuzz_ok(bsi_repo_index_has(index, blob->type, &blob->id));
    while (status == BS_OK && !found) {
        status = bsi_repo_index_find(index, blob->type, &blob->id, copy++, &place);
        found = status == BS_OK && place.pack_number == pack && is_same(&place.blob, blob);
    }
    fuzz_check(found || copy > BSI_INDEX_COPIES_MAX);
}

static void check_packs(bsi_repo_index *index)
{
    bsi_repo_index_stats stats;
    bsi_blob_list list = {0};
    uint64_t blobs = 0;
    uint64_t packs = 0;

    for (uint32_t i = 0; i < bsi_repo_index_pack_end(index); i++) {
        bsi_digest id;
        const bs_status status = bsi_repo_index_pack(index, i, &id, &list);
        uint64_t end = 0;
        fuzz_check(status == BS_OK || status == BS_END);
        packs += status == BS_OK;
        blobs += list.count;
        for (size_t at = 0; at < list.count; at++) {
            fuzz_check(list.items[at].offset >= end);
            end = (uint64_t)list.items[at].offset + list.items[at].size;
            check_found(index, i, &list.items[at]);
        }
    }
    bsi_repo_index_get_stats(index, &stats);
    fuzz_check(stats.blobs == blobs);
    fuzz_check(stats.packs == packs);
    bsi_blob_list_dispose(&list);
}

static bool is_even(void *user, const bsi_digest *pack)
{
    (void)user;
    return pack->bytes[0] % 2 == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = {data, size};
    const uint32_t version = 1 + fuzz_byte(&in) % 2;
    const bsi_slice text = fuzz_take(&in, in.left);
    reading self = {0};
    bs_status status = BS_OK;

    bsi_index_writer_init(&self.writer);
    fuzz_ok(bsi_repo_index_new(&self.index));
    status = bsi_index_parse(text, version, take, &self);
    fuzz_check(status == BS_OK || status == BS_E_CORRUPT || status == BS_E_LIMIT ||
               status == BS_E_UNSUPPORTED);
    if (status == BS_OK) {
        fuzz_ok(bsi_index_writer_finish(&self.writer));
        check_again(&self, version);
    }
    check_packs(self.index);
    bsi_repo_index_remove(self.index, is_even, NULL);
    check_packs(self.index);
    bsi_index_writer_dispose(&self.writer);
    bsi_repo_index_free(self.index);
    return 0;
}
