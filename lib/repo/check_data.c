/* SPDX-License-Identifier: MIT */
/*
 * Reading packs: the digest of the whole file, the header against the index,
 * and each blob. A pack is read once, from its beginning to its end.
 */
#include "base/checked.h"
#include "base/endian.h"
#include "repo/check_int.h"
#include "repo/pack.h"

enum { BLOCK_SIZE = 1024 * 1024, PERCENT_ALL = 100 };

/* One pack while it is read. */
typedef struct pack_run {
    bsi_check *check;
    uint32_t number;
    bsi_digest id;
    char key[BSI_REPO_KEY_SIZE];
    bsi_blob_list blobs;  /* As the index has them. */
    bsi_blob_list header; /* As the pack itself has them. */
    bsi_blob_sealer *sealer;
    bsi_sha256 *hash;
    bsi_buf bytes;
    uint64_t at; /* How far it was read. */
} pack_run;

static bool is_chosen(const bsi_check *self, const bsi_digest *id)
{
    const bsi_check_options *options = &self->options;
    const uint64_t chance = (bsi_le64(id->bytes + 8) ^ self->salt) * UINT64_C(0x9e3779b97f4a7c15);

    if (options->parts > 0 && id->bytes[0] % options->parts != options->part - 1) {
        return false;
    }
    return options->percent == 0 || (chance >> 32) % PERCENT_ALL < options->percent;
}

/* Read on, up to `size` bytes, into the buffer. */
static bs_status read_on(pack_run *self, uint64_t size)
{
    bsi_check *check = self->check;

    bsi_buf_clear(&self->bytes);
    BSI_TRY(bsi_buf_reserve(&self->bytes, (size_t)size));
    BSI_TRY(bsi_storage_read(bsi_repo_storage(check->repo), check->call, self->key, self->at,
                             self->bytes.data, (size_t)size));
    bsi_sha256_update(self->hash, self->bytes.data, (size_t)size);
    self->at += size;
    check->report.bytes_read += size;
    return BS_OK;
}

/* What lies before the next blob, or behind the last: it counts for the digest only. */
static bs_status pass_to(pack_run *self, uint64_t end)
{
    while (self->at < end) {
        BSI_TRY(read_on(self, bsi_min_u64(end - self->at, BLOCK_SIZE)));
    }
    return BS_OK;
}

static bs_status note_bad(pack_run *self, const bsi_blob *blob)
{
    const uint64_t place = (uint64_t)self->number << 32 | blob->offset;

    bsi_check_tell_error(self->check, BSI_CHECK_PACK, &self->id);
    return bsi_buf_append(&self->check->bad_places, &place, sizeof(place));
}

/* A blob that is whole as far as its file goes, but cannot be opened, is a finding. */
static bs_status check_blob(pack_run *self, const bsi_blob *blob, uint64_t file_size)
{
    bsi_slice plain = {0};
    bs_status status = BS_OK;

    if (blob->offset < self->at || (uint64_t)blob->offset + blob->size > file_size) {
        return BS_OK; /* Told of with the pack's size. */
    }
    BSI_TRY(pass_to(self, blob->offset));
    BSI_TRY(read_on(self, blob->size));
    status = bsi_blob_open(self->sealer, blob, self->bytes.data, &plain);
    return bsi_check_is_finding(status) ? note_bad(self, blob) : status;
}

static bs_status check_blobs(pack_run *self, uint64_t file_size)
{
    for (size_t i = 0; i < self->blobs.count; i++) {
        BSI_TRY(check_blob(self, &self->blobs.items[i], file_size));
    }
    return pass_to(self, file_size);
}

static void tell(pack_run *self, const char *text)
{
    bsi_check_tell(self->check,
                   &(bsi_check_finding){.subject = BSI_CHECK_PACK, .id = &self->id, .text = text});
}

static void check_digest(pack_run *self)
{
    bsi_digest digest;

    bsi_sha256_finish(self->hash, &digest);
    if (!bsi_digest_equal(&digest, &self->id)) {
        tell(self, "its bytes are not those that its name stands for");
    }
}

static bool is_same_blob(const bsi_blob *a, const bsi_blob *b)
{
    return bsi_digest_equal(&a->id, &b->id) && a->type == b->type && a->offset == b->offset &&
           a->size == b->size && a->plain_size == b->plain_size;
}

static void compare_header(pack_run *self)
{
    bool same = self->header.count == self->blobs.count;

    for (size_t i = 0; same && i < self->blobs.count; i++) {
        same = is_same_blob(&self->header.items[i], &self->blobs.items[i]);
    }
    if (!same) {
        tell(self, "its header lists other blobs than the index");
    }
}

static bs_status check_header(pack_run *self)
{
    const bsi_check *check = self->check;
    const bsi_pack_object pack = {bsi_repo_storage(check->repo), self->key, self->id};
    bs_status status = BS_OK;

    bsi_blob_list_clear(&self->header);
    status = bsi_pack_load_header(&pack, check->call, bsi_repo_master_key(check->repo),
                                  bsi_repo_config_of(check->repo)->version, &self->header);
    if (bsi_check_is_finding(status)) {
        bsi_check_tell_error(self->check, BSI_CHECK_PACK, &self->id);
        return BS_OK;
    }
    BSI_TRY(status);
    compare_header(self);
    return BS_OK;
}

/* A file that went away, or became shorter, while it was read is a finding as well. */
static bs_status read_pack(pack_run *self)
{
    bsi_check *check = self->check;
    const uint64_t size = check->pack_sizes[self->number];
    bs_status status = BS_OK;

    bsi_repo_object_key(check->repo, BSI_REPO_PACKS, &self->id, self->key);
    bsi_sha256_reset(self->hash);
    self->at = 0;
    BSI_TRY(check_header(self));
    status = check_blobs(self, size);
    if (bsi_check_is_finding(status)) {
        check->pack_sizes[self->number] = BSI_CHECK_NO_PACK;
        bsi_check_tell_error(check, BSI_CHECK_PACK, &self->id);
        return BS_OK;
    }
    BSI_TRY(status);
    check_digest(self);
    check->report.packs_read++;
    return BS_OK;
}

static bs_status check_number(pack_run *self, uint32_t number)
{
    const bsi_check *check = self->check;
    const bs_status status = bsi_repo_index_pack(check->index, number, &self->id, &self->blobs);

    self->number = number;
    if (status != BS_OK) {
        return status < 0 ? status : BS_OK;
    }
    if (check->pack_sizes[number] == BSI_CHECK_NO_PACK || !is_chosen(check, &self->id)) {
        return BS_OK;
    }
    BSI_TRY(bsi_call_check(check->call));
    return read_pack(self);
}

bs_status bsi_check_data(bsi_check *self)
{
    const bsi_blob_options options = {
        .key = bsi_repo_master_key(self->repo),
        .version = bsi_repo_config_of(self->repo)->version,
        .level = 1,
    };
    pack_run run = {.check = self};
    bs_status status = bsi_blob_sealer_new(&options, &run.sealer);

    bsi_buf_init(&run.bytes, UINT32_MAX);
    if (status == BS_OK) {
        status = bsi_sha256_new(&run.hash);
    }
    for (uint32_t i = 0; status == BS_OK && i < self->pack_count; i++) {
        status = check_number(&run, i);
    }
    bsi_blob_sealer_free(run.sealer);
    bsi_sha256_free(run.hash);
    bsi_blob_list_dispose(&run.blobs);
    bsi_blob_list_dispose(&run.header);
    bsi_buf_dispose(&run.bytes);
    return status;
}
