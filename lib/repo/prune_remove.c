/* SPDX-License-Identifier: MIT */
/*
 * Removing what goes. What the plan says is not enough: what has come since is read, and
 * each blob that is needed must open in a pack that stays.
 */
#include "base/alloc.h"
#include "os/time.h"
#include "repo/index_rewrite.h"
#include "repo/prune_int.h"
#include "repo/reader.h"

typedef struct remover {
    bsi_repo_prune *prune;
    bsi_repo_lock *lock;
    bsi_blob_reader *reader; /* Of copies that stay. */
    bsi_blob_list blobs;
    bsi_repo_files files; /* All packs on the storage. */
    bsi_repo_files old;   /* The index files that are read. */
    bsi_buf gone;         /* bsi_repo_file: packs that are removed. */
} remover;

/* --- What goes --- */

/* Whether a pack has been marked for long enough. A mark of tomorrow counts as one of now. */
static bool is_due(const bsi_repo_prune *self, const bsi_digest *pack, int64_t now_sec)
{
    const bsi_prune_options *options = &self->options;
    const bsi_mark *mark = bsi_marks_find(&self->marks, pack);

    if (!options->two_phases || options->no_grace) {
        return !options->two_phases || mark;
    }
    return mark && mark->since_sec <= now_sec && now_sec - mark->since_sec >= options->grace_sec;
}

/* Whether a pack has come since the plan: what this run has repacked is in such ones. */
static bool is_new(const bsi_repo_prune *self, uint32_t pack)
{
    return pack >= self->pack_count;
}

/* A fault of a copy, so that another one may be whole. */
static bool is_of_the_copy(bs_status status)
{
    return status == BS_E_CORRUPT || status == BS_E_MISSING || status == BS_E_LIMIT ||
           status == BS_E_IO;
}

/*
 * Whether a copy of a blob is in a pack that stays: in a new one, or, `old`, in another one,
 * where it is opened, for what has lain there for long may be damaged.
 */
static bs_status stays(remover *self, const bsi_blob *blob, bool old, bool *out)
{
    const bsi_repo_prune *prune = self->prune;
    bsi_blob_place place;
    bs_status status = BS_OK;

    *out = false;
    for (unsigned copy = 0; status == BS_OK && !*out; copy++) {
        bsi_slice plain = {0};
        status = bsi_repo_index_find(prune->index, blob->type, &blob->id, copy, &place);
        if (status != BS_OK || is_new(prune, place.pack_number) == old ||
            bsi_prune_goes(prune, place.pack_number)) {
            continue;
        }
        if (old) {
            status = bsi_blob_reader_read_at(self->reader, prune->call, &place, &plain);
        }
        *out = status == BS_OK;
        status = is_of_the_copy(status) ? BS_OK : status;
    }
    return status < 0 ? status : BS_OK;
}

/* Whether a blob of a pack that goes is needed, and nowhere else. */
static bs_status is_only_here(remover *self, const bsi_blob *blob, bool *out)
{
    bsi_blob_place first;
    bool needed = false;
    bool is_elsewhere = false;

    *out = false;
    BSI_TRY(bsi_prune_needs(self->prune, blob, &first, &needed));
    if (!needed) {
        return BS_OK;
    }
    BSI_TRY(stays(self, blob, false, &is_elsewhere));
    if (!is_elsewhere) {
        BSI_TRY(stays(self, blob, true, &is_elsewhere));
    }
    *out = !is_elsewhere;
    return BS_OK;
}

/* A pack that goes stays when it is not time, or when it is needed after all. */
static bs_status look_again(remover *self, uint32_t number, int64_t now_sec)
{
    bsi_repo_prune *prune = self->prune;
    bsi_digest id;
    bs_status status = bsi_prune_go_on(prune, self->lock);

    if (status == BS_OK) {
        status = bsi_repo_index_pack(prune->index, number, &id, &self->blobs);
    }
    if (status != BS_OK) {
        return status < 0 ? status : BS_OK;
    }
    if (!prune->packs[number].is_lost && !is_due(prune, &id, now_sec)) {
        prune->packs[number].fate = BSI_FATE_STAY;
        prune->report.packs_waiting++;
        return BS_OK;
    }
    for (size_t i = 0; i < self->blobs.count; i++) {
        bool only_here = false;
        BSI_TRY(is_only_here(self, &self->blobs.items[i], &only_here));
        if (only_here) {
            prune->packs[number].fate = BSI_FATE_STAY;
            prune->report.packs_kept_after_all++;
            return BS_OK;
        }
    }
    return BS_OK;
}

static bs_status open_reader(remover *self)
{
    BSI_TRY(bsi_blob_reader_new(self->prune->repo, self->prune->index, &self->reader));
    return bsi_blob_reader_use_blocks(self->reader);
}

static bs_status look_at_all(remover *self, int64_t now_sec)
{
    bs_status status = open_reader(self);

    for (uint32_t i = 0; status == BS_OK && i < self->prune->pack_count; i++) {
        if (bsi_prune_goes(self->prune, i)) {
            status = look_again(self, i, now_sec);
        }
    }
    return status;
}

/* --- The new index --- */

static bool leaves_out(void *user, uint32_t number, const bsi_digest *pack)
{
    (void)pack;
    return bsi_prune_goes(user, number);
}

static bs_status replace_index(remover *self)
{
    bsi_repo_prune *prune = self->prune;
    bsi_index_rewrite rewrite = {
        .index = prune->index,
        .lock = self->lock,
        .old = &self->old,
        .leaves_out = leaves_out,
        .user = prune,
    };
    const bs_status status = bsi_repo_index_rewrite(prune->repo, prune->call, &rewrite);

    prune->report.index_files_written += rewrite.files;
    return status;
}

/* --- Packs --- */

/* What is on the storage and in no index goes too: nobody else is at work. */
static bs_status list_unknown(remover *self, int64_t now_sec)
{
    bsi_repo_prune *prune = self->prune;

    BSI_TRY(bsi_repo_list(prune->repo, prune->call, BSI_REPO_PACKS, &self->files));
    for (size_t i = 0; i < self->files.count; i++) {
        const bsi_repo_file *file = &self->files.items[i];
        const bool known = bsi_repo_index_has_pack(prune->index, &file->id);
        const bool due = known || is_due(prune, &file->id, now_sec);
        prune->report.packs_waiting += !due;
        BSI_TRY(!known && due ? bsi_buf_append(&self->gone, file, sizeof(*file)) : BS_OK);
    }
    return BS_OK;
}

/* A pack of the index; one that is lost is on no storage. */
static bs_status list_one(remover *self, uint32_t number)
{
    const bsi_prune_pack *pack = &self->prune->packs[number];
    bsi_repo_file file = {.size = pack->file_size};
    const bs_status status =
        bsi_repo_index_pack(self->prune->index, number, &file.id, &self->blobs);

    BSI_CHECK(status != BS_END);
    BSI_TRY(status);
    return pack->is_lost ? BS_OK : bsi_buf_append(&self->gone, &file, sizeof(file));
}

/* Those of the index that go; how many. */
static bs_status list_known(remover *self, size_t *count)
{
    const bsi_repo_prune *prune = self->prune;
    bs_status status = BS_OK;

    for (uint32_t i = 0; status == BS_OK && i < prune->pack_count; i++) {
        if (bsi_prune_goes(prune, i)) {
            status = list_one(self, i);
            ++*count;
        }
    }
    return status;
}

static bs_status remove_packs(remover *self)
{
    bsi_repo_prune *prune = self->prune;
    const bsi_repo_file *files = (const bsi_repo_file *)(const void *)self->gone.data;

    for (size_t i = 0; i < self->gone.size / sizeof(*files); i++) {
        BSI_TRY(bsi_prune_go_on(prune, self->lock));
        BSI_TRY(bsi_repo_remove(prune->repo, prune->call, BSI_REPO_PACKS, &files[i].id));
        prune->report.packs_removed++;
        prune->report.bytes_removed += files[i].size;
    }
    return BS_OK;
}

/* --- Marks --- */

/* Those of packs that are still there and could still go. */
static bs_status keep_marks(remover *self)
{
    const bsi_repo_prune *prune = self->prune;
    const bsi_repo_file *gone = (const bsi_repo_file *)(const void *)self->gone.data;
    bsi_digest_table removed = {0};
    bsi_marks left = {0};
    bs_status status = BS_OK;

    for (size_t i = 0; status == BS_OK && i < self->gone.size / sizeof(*gone); i++) {
        status = bsi_digest_table_put(&removed, &gone[i].id, 0);
    }
    for (size_t i = 0; status == BS_OK && prune->options.two_phases && i < prune->marks.count;
         i++) {
        const bsi_mark *mark = &prune->marks.items[i];
        if (!bsi_digest_table_find(&removed, &mark->pack)) {
            status = bsi_marks_add(&left, &mark->pack, mark->since_sec);
        }
    }
    if (status == BS_OK) {
        status = bsi_marks_save(prune->repo, prune->call, &left);
    }
    bsi_digest_table_dispose(&removed);
    bsi_marks_dispose(&left);
    return status;
}

static bs_status mark_pack(bsi_repo_prune *self, bsi_marks *marks, const bsi_digest *pack,
                           int64_t now_sec)
{
    const bsi_mark *before = bsi_marks_find(&self->marks, pack);

    return bsi_marks_add(marks, pack,
                         before && before->since_sec < now_sec ? before->since_sec : now_sec);
}

static bs_status mark_all(remover *self, bsi_marks *marks, int64_t now_sec)
{
    bsi_repo_prune *prune = self->prune;
    const bsi_repo_file *files = NULL;
    size_t known = 0;

    BSI_TRY(list_known(self, &known));
    BSI_TRY(bsi_repo_list(prune->repo, prune->call, BSI_REPO_PACKS, &self->files));
    for (size_t i = 0; i < self->files.count; i++) {
        const bsi_repo_file *file = &self->files.items[i];
        BSI_TRY(bsi_repo_index_has_pack(prune->index, &file->id)
                    ? BS_OK
                    : bsi_buf_append(&self->gone, file, sizeof(*file)));
    }
    files = (const bsi_repo_file *)(const void *)self->gone.data;
    for (size_t i = 0; i < self->gone.size / sizeof(*files); i++) {
        BSI_TRY(mark_pack(prune, marks, &files[i].id, now_sec));
    }
    bsi_marks_sort(marks);
    return bsi_marks_save(prune->repo, prune->call, marks);
}

/* --- The whole --- */

static void remover_init(remover *self, bsi_repo_prune *prune, bsi_repo_lock *lock)
{
    *self = (remover){.prune = prune, .lock = lock};
    bsi_buf_init(&self->gone, SIZE_MAX / 2);
}

static void remover_dispose(remover *self)
{
    bsi_blob_reader_free(self->reader);
    bsi_blob_list_dispose(&self->blobs);
    bsi_repo_files_dispose(&self->files);
    bsi_repo_files_dispose(&self->old);
    bsi_buf_dispose(&self->gone);
}

bs_status bsi_repo_prune_mark(bsi_repo_prune *prune, bsi_repo_lock *lock, bool *due)
{
    const int64_t now_sec = bsi_now().sec;
    bsi_marks marks = {0};
    remover self;
    bs_status status = bsi_prune_go_on(prune, lock);

    *due = false;
    if (status < 0) {
        return status;
    }
    remover_init(&self, prune, lock);
    status = mark_all(&self, &marks, now_sec);
    remover_dispose(&self);
    if (status < 0) {
        bsi_marks_dispose(&marks);
        return status;
    }
    bsi_marks_dispose(&prune->marks);
    prune->marks = marks;
    prune->report.packs_waiting = marks.count;
    *due = bsi_repo_index_is_told_twice(prune->index);
    for (size_t i = 0; i < marks.count; i++) {
        *due |= is_due(prune, &marks.items[i].pack, now_sec);
    }
    return BS_OK;
}

/* Packs that came again with more blobs have other rows than those that the plan is about. */
static uint32_t count_renumbered(const bsi_repo_prune *self)
{
    bsi_repo_index_stats stats;

    bsi_repo_index_get_stats(self->index, &stats);
    return bsi_repo_index_pack_end(self->index) - (uint32_t)stats.packs;
}

static bs_status read_what_came(remover *self)
{
    bsi_repo_prune *prune = self->prune;
    const uint32_t before = count_renumbered(prune);

    BSI_TRY(bsi_prune_load_snapshots(prune, self->lock));
    if (count_renumbered(prune) != before) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_BUSY,
                        "packs are in the index otherwise than before: plan anew");
    }
    BSI_TRY(bsi_repo_list(prune->repo, prune->call, BSI_REPO_INDEX, &self->old));
    for (size_t i = 0; i < self->old.count; i++) {
        if (!bsi_digest_table_find(&prune->index_files, &self->old.items[i].id)) {
            return bsi_fail(BS_LAYER_STORAGE, BS_E_BUSY,
                            "index files come though the repository is locked");
        }
    }
    return BS_OK;
}

static bs_status remove_all(remover *self)
{
    const int64_t now_sec = bsi_now().sec;
    size_t known = 0;

    self->prune->report.packs_waiting = 0;
    BSI_TRY(read_what_came(self));
    BSI_TRY(look_at_all(self, now_sec));
    BSI_TRY(list_known(self, &known));
    BSI_TRY(list_unknown(self, now_sec));
    BSI_TRY(known > 0 || bsi_repo_index_is_told_twice(self->prune->index) ? replace_index(self)
                                                                          : BS_OK);
    BSI_TRY(remove_packs(self));
    return keep_marks(self);
}

bs_status bsi_repo_prune_remove(bsi_repo_prune *prune, bsi_repo_lock *lock)
{
    remover self;
    bs_status status = BS_OK;

    remover_init(&self, prune, lock);
    status = remove_all(&self);
    remover_dispose(&self);
    return status;
}
