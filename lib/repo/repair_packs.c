/* SPDX-License-Identifier: MIT */
/*
 * What can still be opened out of packs that are damaged.
 */
#include "compress/zstd_frame.h"
#include "repo/digest_table.h"
#include "repo/index_load.h"
#include "repo/index_rewrite.h"
#include "repo/pack.h"
#include "repo/reader.h"
#include "repo/repair_int.h"
#include "repo/save.h"

enum { TYPES = 2 };

typedef struct salvage {
    bsi_repair base;
    bsi_digest_table damaged;
    bsi_buf list; /* bsi_digest: these, in order. */
    bsi_repo_files index_files;
    bsi_repo_writer *writer;
    bsi_blob_sealer *opener;
    bsi_blob_reader *reader; /* Of other copies. */
    bsi_buf sealed;
    bsi_blob_list blobs;  /* Of a pack, by the index, */
    bsi_blob_list header; /* and by itself. */
    bsi_digest_table saved[TYPES];
    bsi_digest_table lost[TYPES]; /* In one pack at least. */
    bs_status failure;            /* While they are looked for. */
} salvage;

/* --- Which they are --- */

static bs_status add_damaged(salvage *self, const bsi_digest *pack)
{
    if (bsi_digest_table_find(&self->damaged, pack)) {
        return BS_OK;
    }
    BSI_TRY(bsi_digest_table_put(&self->damaged, pack, 0));
    return bsi_buf_append(&self->list, pack, sizeof(*pack));
}

static void found(void *user, const bsi_check_finding *finding)
{
    salvage *self = user;

    if (finding->subject != BSI_CHECK_PACK || finding->is_note) {
        return;
    }
    bsi_repair_tell(&self->base, finding);
    if (self->failure == BS_OK) {
        self->failure = add_damaged(self, finding->id);
    }
}

/* A check of all data tells. */
static bs_status look_for_them(salvage *self)
{
    const bsi_check_options options = {
        .read_data = true,
        .pool = self->base.options.pool,
        .found = found,
        .user = self,
    };
    bsi_check_report report;

    BSI_TRY(bsi_repo_check(self->base.repo, self->base.call, &options, &report));
    return self->failure;
}

static bs_status take_list(salvage *self, const bsi_repo_files *packs)
{
    for (size_t i = 0; i < packs->count; i++) {
        BSI_TRY(add_damaged(self, &packs->items[i].id));
    }
    return BS_OK;
}

/* --- Their blobs --- */

/* Whether a blob can be opened in a pack that stays. */
static bs_status is_elsewhere(salvage *self, const bsi_blob *blob, bool *out)
{
    bsi_blob_place place;
    bs_status status = BS_OK;

    *out = false;
    for (unsigned copy = 0; status == BS_OK && !*out; copy++) {
        bsi_slice plain = {0};
        status = bsi_repo_index_find(self->base.index, blob->type, &blob->id, copy, &place);
        if (status != BS_OK || bsi_digest_table_find(&self->damaged, &place.pack)) {
            continue;
        }
        status = bsi_blob_reader_read_at(self->reader, self->base.call, &place, &plain);
        *out = status == BS_OK;
        status = bsi_repair_is_damage(status) ? BS_OK : status;
    }
    return status < 0 ? status : BS_OK;
}

static bs_status open_blob(salvage *self, const char *key, const bsi_blob *blob)
{
    bsi_slice plain = {0};

    bsi_buf_clear(&self->sealed);
    BSI_TRY(bsi_buf_reserve(&self->sealed, blob->size));
    BSI_TRY(bsi_storage_read(bsi_repo_storage(self->base.repo), self->base.call, key, blob->offset,
                             self->sealed.data, blob->size));
    return bsi_blob_open(self->opener, blob, self->sealed.data, &plain);
}

/* It is lost unless another one of the packs has it. */
static bs_status tell_lost(salvage *self, const bsi_digest *pack, const bsi_blob *blob)
{
    bs_error error;

    bsi_error_save(&error);
    bsi_repair_tell_pack(&self->base, pack, error.message);
    return bsi_digest_table_put(&self->lost[blob->type], &blob->id, 0);
}

static bs_status save_blob(salvage *self, const bsi_digest *pack, const char *key,
                           const bsi_blob *blob)
{
    bool elsewhere = false;
    bs_status status = BS_OK;

    BSI_TRY(bsi_repair_go_on(&self->base));
    if (bsi_digest_table_find(&self->saved[blob->type], &blob->id)) {
        return BS_OK;
    }
    BSI_TRY(is_elsewhere(self, blob, &elsewhere));
    if (elsewhere) {
        return BS_OK;
    }
    status = open_blob(self, key, blob);
    if (bsi_repair_is_damage(status) || status == BS_E_RANGE || status == BS_E_NOT_FOUND) {
        return tell_lost(self, pack, blob);
    }
    BSI_TRY(status);
    BSI_TRY(bsi_digest_table_put(&self->saved[blob->type], &blob->id, 0));
    return self->writer ? bsi_repo_writer_copy(self->writer, blob, self->sealed.data) : BS_OK;
}

/* What the pack itself says is in it; nothing when that cannot be read. */
static bs_status read_header(salvage *self, const bsi_digest *id, const char *key)
{
    const bsi_repo *repo = self->base.repo;
    const bsi_pack_object pack = {bsi_repo_storage(repo), key, *id};
    bs_status status = BS_OK;

    bsi_blob_list_clear(&self->header);
    status = bsi_pack_load_header(&pack, self->base.call, bsi_repo_master_key(repo),
                                  bsi_repo_config_of(repo)->version, &self->header);
    return bsi_repair_is_damage(status) ? BS_OK : status;
}

/* Of its header first: what the index alone tells of is more likely to be wrong. */
static bs_status save_both(salvage *self, const bsi_digest *pack, const char *key)
{
    BSI_TRY(read_header(self, pack, key));
    for (size_t i = 0; i < self->header.count; i++) {
        BSI_TRY(save_blob(self, pack, key, &self->header.items[i]));
    }
    if (bsi_blob_list_equal(&self->header, &self->blobs)) {
        return BS_OK;
    }
    for (size_t i = 0; i < self->blobs.count; i++) {
        BSI_TRY(save_blob(self, pack, key, &self->blobs.items[i]));
    }
    return BS_OK;
}

/* A pack of which no index tells what is in it is left alone. */
static bs_status save_blobs(salvage *self, const bsi_digest *pack)
{
    char key[BSI_REPO_KEY_SIZE];
    bsi_digest id;
    uint32_t number = 0;

    if (!bsi_repo_index_number(self->base.index, pack, &number)) {
        return BS_OK;
    }
    self->base.report->packs_damaged++;
    BSI_TRY(bsi_repo_index_pack(self->base.index, number, &id, &self->blobs));
    bsi_repo_object_key(self->base.repo, BSI_REPO_PACKS, pack, key);
    return save_both(self, pack, key);
}

static void count_blobs(salvage *self)
{
    bsi_repair_report *report = self->base.report;

    for (int type = 0; type < TYPES; type++) {
        const bsi_digest_table *lost = &self->lost[type];
        report->blobs_saved += self->saved[type].count;
        for (size_t i = 0; i < lost->capacity; i++) {
            const bsi_digest_slot *slot = &lost->slots[i];
            report->blobs_lost +=
                slot->taken && !bsi_digest_table_find(&self->saved[type], &slot->digest);
        }
    }
}

/* --- The packs themselves --- */

static bool is_damaged(void *user, uint32_t number, const bsi_digest *pack)
{
    const salvage *self = user;

    (void)number;
    return bsi_digest_table_find(&self->damaged, pack) != NULL;
}

static bs_status remove_pack(salvage *self, const bsi_digest *pack)
{
    if (!bsi_repo_index_has_pack(self->base.index, pack)) {
        return BS_OK;
    }
    BSI_TRY(bsi_repair_go_on(&self->base));
    return bsi_repo_remove(self->base.repo, self->base.call, BSI_REPO_PACKS, pack);
}

/* Old index files tell of them still. */
static bs_status remove_packs(void *user)
{
    salvage *self = user;
    const bsi_digest *packs = (const bsi_digest *)(const void *)self->list.data;

    for (size_t i = 0; i < self->list.size / sizeof(*packs); i++) {
        BSI_TRY(remove_pack(self, &packs[i]));
    }
    return BS_OK;
}

/* All that can be saved is in new packs, which the new index tells of. */
static bs_status take_out(salvage *self)
{
    const bsi_repair *base = &self->base;
    bsi_index_rewrite rewrite = {
        .index = base->index,
        .lock = base->lock,
        .old = &self->index_files,
        .leaves_out = is_damaged,
        .durable = remove_packs,
        .user = self,
    };

    BSI_TRY(bsi_repo_writer_finish(self->writer));
    return bsi_repo_index_rewrite(base->repo, base->call, &rewrite);
}

/* --- The whole --- */

static bs_status prepare(salvage *self)
{
    const bsi_repair *base = &self->base;
    const bsi_save_options saving = {.pack_target = base->options.pack_target, .no_index = true};
    const bsi_index_load_options loading = {.pool = base->options.pool};
    const bsi_blob_options opening = {
        .key = bsi_repo_master_key(base->repo),
        .version = bsi_repo_config_of(base->repo)->version,
        .level = BSI_ZSTD_FRAME_LEVEL_DEFAULT,
    };

    BSI_TRY(bsi_repo_index_new(&self->base.index));
    BSI_TRY(bsi_repo_list(base->repo, base->call, BSI_REPO_INDEX, &self->index_files));
    BSI_TRY(bsi_repo_index_load(base->repo, base->call, &loading, base->index));
    BSI_TRY(bsi_blob_sealer_new(&opening, &self->opener));
    BSI_TRY(bsi_blob_reader_new(base->repo, base->index, &self->reader));
    return base->options.dry_run ? BS_OK
                                 : bsi_repo_writer_new(base->repo, base->index, base->options.pool,
                                                       base->call, &saving, &self->writer);
}

static bs_status repair(salvage *self, const bsi_repo_files *packs)
{
    const bsi_repair *base = &self->base;
    const bsi_digest *damaged = NULL;

    BSI_TRY(packs ? take_list(self, packs) : look_for_them(self));
    if (self->list.size == 0) {
        return BS_OK;
    }
    BSI_TRY(prepare(self));
    damaged = (const bsi_digest *)(const void *)self->list.data;
    for (size_t i = 0; i < self->list.size / sizeof(*damaged); i++) {
        BSI_TRY(save_blobs(self, &damaged[i]));
    }
    count_blobs(self);
    return base->options.dry_run || base->report->packs_damaged == 0 ? BS_OK : take_out(self);
}

bs_status bsi_repo_repair_packs(const bsi_repo *repo, const bs_call *call, bsi_repo_lock *lock,
                                const bsi_repair_options *options, const bsi_repo_files *packs,
                                bsi_repair_report *report)
{
    salvage self = {.base = {.repo = repo, .call = call, .lock = lock, .report = report}};
    bs_status status = BS_OK;

    *report = (bsi_repair_report){0};
    if (options) {
        self.base.options = *options;
    }
    BSI_CHECK(self.base.options.pool || self.base.options.dry_run);
    bsi_buf_init(&self.list, SIZE_MAX / 2);
    bsi_buf_init(&self.sealed, UINT32_MAX);
    status = repair(&self, packs);
    bsi_repo_writer_free(self.writer);
    bsi_blob_sealer_free(self.opener);
    bsi_blob_reader_free(self.reader);
    bsi_repo_index_free(self.base.index);
    bsi_digest_table_dispose(&self.damaged);
    for (int type = 0; type < TYPES; type++) {
        bsi_digest_table_dispose(&self.saved[type]);
        bsi_digest_table_dispose(&self.lost[type]);
    }
    bsi_repo_files_dispose(&self.index_files);
    bsi_blob_list_dispose(&self.blobs);
    bsi_blob_list_dispose(&self.header);
    bsi_buf_dispose(&self.list);
    bsi_buf_dispose(&self.sealed);
    return status < 0 ? bsi_fail_context(BS_LAYER_STORAGE, status, "repairing packs") : BS_OK;
}
