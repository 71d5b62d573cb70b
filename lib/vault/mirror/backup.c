/* SPDX-License-Identifier: MIT */
/*
 * A run of a mirror: put what is new or changed beside the tree, commit the
 * manifest, bring the tree in line. Metadata lives in the manifest alone.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "source/file.h"
#include "vault/mirror/form.h"
#include "vault/mirror/hands.h"
#include "vault/mirror/tree.h"
#include "vault/names.h"
#include "vault/scan.h"
#include "vault/summary.h"

enum { PART = 1024 * 1024, ATTEMPTS = 2 };

typedef struct run {
    bsi_vault_env env; /* The caller's, but reporting to the log. */
    const bsi_backup_plan *plan;
    bsi_warn_log log;
    bsi_manifest_reader *base;
    bsi_scan scan;
    bsi_source_tree *tree;
    bsi_hands *hands;
    bsi_sha256 *hash;
    uint8_t *buffer;
    bsi_buf line;
    bsi_draft *lines;
    char *prefix;  /* Of the tree. */
    char *staging; /* Of this run. */
    char *manifest_key;
    bsi_manifest_info info;
} run;

static bool is_source_failure(bs_status status)
{
    return status < 0 && bs_error_last()->layer == BS_LAYER_SOURCE;
}

/* --- One entry --- */

static bs_status put_line(run *self, const bsi_listed *listed)
{
    bsi_record record = {.kind = 1};

    bsi_buf_clear(&self->line);
    BSI_TRY(bsi_manifest_format_entry(&self->line, listed));
    BSI_TRY(bsi_manifest_format_end(&self->line, NULL));
    record.bytes = (bsi_slice){(const char *)self->line.data, self->line.size};
    self->info.entries++;
    if (listed->entry.stat.type == BSI_TYPE_FILE) {
        self->info.files++;
        self->info.bytes += listed->entry.stat.size;
        bsi_progress_add(self->env.progress, 1, listed->entry.stat.size);
    }
    return bsi_draft_put(self->lines, &record);
}

static bs_status write_zeros(run *self, bsi_upload *upload, uint64_t size)
{
    static const uint8_t zeros[4096];

    while (upload && size > 0) {
        const size_t part = (size_t)bsi_min_u64(size, sizeof(zeros));
        BSI_TRY(bsi_upload_write(upload, self->env.call, zeros, part));
        size -= part;
    }
    return BS_OK;
}

static bs_status became_shorter(void)
{
    return bsi_fail(BS_LAYER_SOURCE, BS_E_CHANGED, "it became shorter while it was read");
}

/* One extent, or the whole of a file without holes. */
static bs_status copy_stretch(run *self, bsi_source_file *file, bsi_upload *upload, uint64_t size)
{
    while (size > 0) {
        size_t got = 0;
        BSI_TRY(bsi_source_read(file, self->env.call, self->buffer, (size_t)bsi_min_u64(PART, size),
                                &got));
        if (got == 0) {
            return became_shorter();
        }
        bsi_sha256_update(self->hash, self->buffer, got);
        BSI_TRY(upload ? bsi_upload_write(upload, self->env.call, self->buffer, got) : BS_OK);
        size -= got;
    }
    return BS_OK;
}

static bs_status copy_sparse(run *self, bsi_source_file *file, bsi_upload *upload)
{
    const bsi_entry *entry = bsi_source_entry(file);
    uint64_t at = 0;

    for (size_t i = 0; i < entry->extent_count; i++) {
        const bsi_extent *extent = &entry->extents[i];
        BSI_TRY(write_zeros(self, upload, extent->offset - at));
        BSI_TRY(copy_stretch(self, file, upload, extent->size));
        at = extent->offset + extent->size;
    }
    return write_zeros(self, upload, entry->stat.size - at);
}

/* Read the file whole for its hash; `upload` may be NULL. */
static bs_status copy_file(run *self, bsi_source_file *file, bsi_upload *upload, bsi_digest *out)
{
    const bsi_entry *entry = bsi_source_entry(file);
    bs_status status = BS_OK;

    bsi_sha256_reset(self->hash);
    status = entry->sparse ? copy_sparse(self, file, upload)
                           : copy_stretch(self, file, upload, entry->stat.size);
    bsi_sha256_finish(self->hash, out);
    return status < 0 ? status : bsi_source_check(file);
}

/* A mirror's objects bear the files' own names, which storages limit. */
static bs_status check_key(const char *key)
{
    return bsi_storage_key_is_valid(key)
               ? BS_OK
               : bsi_fail(BS_LAYER_SOURCE, BS_E_LIMIT,
                          "left out: its path cannot be the key of an object in a mirror");
}

static int64_t mtime_of(const bsi_entry *entry)
{
    const bsi_time *mtime = &entry->stat.mtime;

    return mtime->sec > -INT64_C(9000000000) && mtime->sec < 9000000000
               ? mtime->sec * 1000000000 + mtime->nsec
               : BS_STORAGE_NO_TIME;
}

/* Read here, put by a hand, whose failure comes out later. */
static bs_status hand_out(run *self, bsi_source_file *file, char *key, bsi_digest *out)
{
    const bsi_entry *entry = bsi_source_entry(file);
    const size_t size = (size_t)entry->stat.size;
    bsi_hand *hand = NULL;
    bs_status status = bsi_hands_take(self->hands, &hand);

    if (status < 0) {
        bsi_free(key);
        return status;
    }
    hand->key = key;
    hand->mtime_ns = mtime_of(entry);
    BSI_TRY(bsi_buf_reserve(&hand->content, size));
    bsi_sha256_reset(self->hash);
    while (hand->content.size < size) {
        uint8_t *to = hand->content.data + hand->content.size;
        size_t got = 0;
        BSI_TRY(bsi_source_read(file, self->env.call, to, size - hand->content.size, &got));
        BSI_TRY(got > 0 ? BS_OK : became_shorter());
        bsi_sha256_update(self->hash, to, got);
        hand->content.size += got;
    }
    bsi_sha256_finish(self->hash, out);
    BSI_TRY(bsi_source_check(file));
    self->info.bytes_stored_data += size;
    bsi_hands_start(self->hands, hand);
    return BS_OK;
}

static bs_status put_small(void *user, bsi_hand *hand)
{
    const run *self = user;

    return bsi_hand_put(&self->env, hand, hand->key);
}

static bs_status upload_file(run *self, bsi_source_file *file, bsi_digest *out)
{
    const bsi_entry *entry = bsi_source_entry(file);
    bs_storage_put_options put = BSI_PUT_DEFAULTS;
    bsi_upload *upload = NULL;
    char *key = bsi_join_key(self->staging, entry->path);
    bs_status status = key ? check_key(key) : BS_E_NOMEM;

    if (status == BS_OK && !entry->sparse && entry->stat.size <= BSI_HANDS_BYTES_MAX) {
        return hand_out(self, file, key, out);
    }
    put.expected_size = entry->stat.size;
    put.mtime_ns = mtime_of(entry);
    if (status >= 0) {
        status = bsi_upload_begin(self->env.storage, self->env.call, key, &put, &upload);
    }
    bsi_free(key);
    BSI_TRY(status);
    status = copy_file(self, file, upload, out);
    if (status < 0) {
        bsi_upload_abort(upload);
        return status;
    }
    self->info.bytes_stored_data += entry->stat.size;
    return bsi_upload_commit(upload, self->env.call);
}

static bs_status mirror_file(run *self, bsi_source_file *file, const bsi_scan_known *known,
                             bsi_slice linked)
{
    bsi_listed listed = {.entry = *bsi_source_entry(file), .has_digest = true};

    listed.entry.linked = linked;
    if (known && bsi_scan_same_shape(known, &listed.entry)) {
        BSI_TRY(copy_file(self, file, NULL, &listed.sha256));
        if (bsi_digest_equal(&listed.sha256, &known->sha256)) {
            self->info.bytes_deduplicated += listed.entry.stat.size;
            return put_line(self, &listed);
        }
        bsi_source_rewind(file);
    }
    BSI_TRY(upload_file(self, file, &listed.sha256));
    return put_line(self, &listed);
}

static bs_status mirror_once(run *self, bsi_slice path, const bsi_scan_known *known,
                             bsi_slice linked)
{
    bsi_source_file *file = NULL;
    bs_status status = bsi_source_open(self->tree, path, &file);

    BSI_TRY(status);
    if (bsi_source_entry(file)->stat.type == BSI_TYPE_FILE) {
        status = mirror_file(self, file, known, linked);
    } else {
        bsi_listed listed = {.entry = *bsi_source_entry(file)};
        listed.entry.linked = linked;
        status = put_line(self, &listed);
    }
    bsi_source_close(file);
    return status;
}

static bs_status mirror_path(run *self, bsi_slice path, const bsi_scan_known *known,
                             bsi_slice linked)
{
    bs_status status = BS_E_CHANGED;

    for (int attempt = 1; attempt <= ATTEMPTS && status == BS_E_CHANGED; attempt++) {
        status = mirror_once(self, path, known, linked);
    }
    if (is_source_failure(status)) {
        bsi_warn_last(self->env.warn, path);
        return BS_OK;
    }
    return status;
}

static bs_status keep_line(run *self, const bsi_record *found)
{
    const bsi_record record = {.kind = 1, .bytes = found->bytes};

    self->info.entries++;
    self->info.files += found->a;
    self->info.bytes += found->b;
    self->info.bytes_deduplicated += found->b;
    if (found->a) {
        bsi_progress_add(self->env.progress, found->a, found->b);
    }
    return bsi_draft_put(self->lines, &record);
}

static bs_status mirror_record(run *self, const bsi_record *found)
{
    bsi_scan_known known;

    switch (found->kind) {
    case BSI_SCAN_KEEP:
        return keep_line(self, found);
    case BSI_SCAN_STORE:
        return mirror_path(self, found->bytes, NULL, (bsi_slice){0});
    case BSI_SCAN_LINK:
        return mirror_path(self, found->bytes, NULL,
                           bsi_links_head(self->scan.links, found->group));
    case BSI_SCAN_COMPARE:
        memcpy(&known, found->bytes.data, sizeof(known));
        return mirror_path(
            self, (bsi_slice){found->bytes.data + sizeof(known), found->bytes.size - sizeof(known)},
            &known, (bsi_slice){0});
    default:
        return BS_OK;
    }
}

/* --- The run --- */

/* A source that lost most of its files is more likely not mounted than cleaned up. */
static bs_status check_losses(const run *self)
{
    const bsi_scan *scan = &self->scan;

    if (self->plan->allow_empty_mirror || scan->files_before == 0 ||
        scan->changes.removed * 2 <= scan->files_before) {
        return BS_OK;
    }
    return bsi_fail(BS_LAYER_SOURCE, BS_E_LIMIT,
                    "%llu of the %llu files in the mirror are no longer in the source; nothing "
                    "was deleted (allow_empty_mirror says that this is meant)",
                    (unsigned long long)scan->changes.removed,
                    (unsigned long long)scan->files_before);
}

static bs_status prepare(run *self)
{
    const bsi_backup_plan *plan = self->plan;

    if (plan->stream) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_UNSUPPORTED, "a mirror has source paths only");
    }
    self->prefix = bsi_mirror_key(plan->name);
    self->staging = bsi_mirror_staging_key(plan->name, plan->id);
    self->buffer = bsi_alloc(PART);
    if (!self->prefix || !self->staging || !self->buffer) {
        return BS_E_NOMEM;
    }
    BSI_TRY(bsi_sha256_new(&self->hash));
    BSI_TRY(bsi_draft_new(self->env.temp_dir, &self->lines));
    if (plan->base_manifest_key) {
        BSI_TRY(bsi_manifest_open_checked(&self->env, plan->base_manifest_key, &self->base));
        BSI_TRY(bsi_mirror_finish(&self->env, bsi_manifest_reader_info(self->base),
                                  plan->base_manifest_key));
    }
    return bsi_source_tree_new(plan->walk.roots, plan->walk.root_count, self->env.warn,
                               &self->tree);
}

static bs_status mirror_records(run *self)
{
    bsi_record found;
    bs_status status = BS_OK;

    while ((status = bsi_draft_next(self->scan.draft, &found)) == BS_OK) {
        BSI_TRY(bsi_call_check(self->env.call));
        BSI_TRY(mirror_record(self, &found));
    }
    return status < 0 ? status : bsi_hands_wait(self->hands);
}

/* Nothing is under way when it returns. */
static bs_status mirror_all(run *self)
{
    bs_status status = bsi_scan_run(&self->env, self->plan, self->base, false, &self->scan);

    BSI_TRY(status);
    BSI_TRY(check_losses(self));
    BSI_TRY(bsi_hands_new(&self->env, put_small, self, &self->hands));
    status = mirror_records(self);
    bsi_hands_free(self->hands);
    self->hands = NULL;
    return status;
}

static bs_status put_lines(run *self, bsi_manifest_writer *manifest)
{
    bsi_record record;
    bs_status status = bsi_summary_put_warnings(&self->log, manifest);

    BSI_TRY(status);
    while ((status = bsi_draft_next(self->lines, &record)) == BS_OK) {
        BSI_TRY(bsi_manifest_writer_put(manifest, record.bytes.data, record.bytes.size));
    }
    return status < 0 ? status : BS_OK;
}

static bs_status put_manifest(run *self)
{
    bsi_manifest_writer *manifest = NULL;
    bs_status status =
        bsi_manifest_writer_new(&self->env, self->manifest_key, NULL, &self->info, &manifest);

    if (status >= 0) {
        status = put_lines(self, manifest);
    }
    if (status >= 0) {
        status = bsi_manifest_writer_finish(manifest, &self->info);
    }
    if (status >= 0) {
        status = bsi_manifest_writer_commit(manifest);
    }
    bsi_manifest_writer_free(manifest);
    return status;
}

static bs_status describe(run *self)
{
    self->info.warnings = self->log.count;
    self->info.scan_began = self->scan.began;
    self->info.completed_at = bsi_now();
    BSI_TRY(self->log.status);
    self->manifest_key = bsi_object_key(self->plan, BSI_MANIFEST_SUFFIX);
    if (!self->manifest_key) {
        return BS_E_NOMEM;
    }
    return bsi_summary_fill(&self->info, self->plan, "mirror", self->prefix);
}

static bs_status run_all(run *self, bsi_backup_result *out)
{
    BSI_TRY(prepare(self));
    BSI_TRY(mirror_all(self));
    BSI_TRY(describe(self));
    BSI_TRY(bsi_call_check(self->env.call)); /* The last moment to cancel. */
    BSI_TRY(put_manifest(self));
    BSI_TRY(bsi_summary_result(&self->info, self->manifest_key, out));
    out->changes = self->scan.changes;
    return BS_OK;
}

/*
 * A failure before the manifest was committed: what was staged goes again, but
 * not while a manifest that cannot be removed needs it.
 */
static void take_back(run *self)
{
    bs_error failure;
    bsi_vault_env env = self->env;
    bs_status status = BS_OK;

    bsi_error_save(&failure);
    env.call = NULL; /* Also when the run was cancelled. */
    if (self->manifest_key) {
        status = bsi_storage_remove(env.storage, NULL, self->manifest_key);
    }
    if (status >= 0 && self->staging) {
        status = bsi_mirror_remove_below(&env, self->staging);
    }
    if (status < 0) {
        bsi_warn_last(env.warn, bsi_slice_of(self->staging)); /* Recovery will try again. */
    }
    bsi_error_restore(&failure);
}

/* The run stands from here on: it cannot be cancelled, and what fails is left to the next run. */
static bs_status settle(const run *self)
{
    bsi_vault_env env = self->env;
    bs_status status = BS_OK;

    env.call = NULL;
    status = bsi_mirror_settle(&env, self->plan->name, self->manifest_key);
    if (status < 0) {
        (void)bsi_fail_context(bs_error_last()->layer, status,
                               "the mirror is complete, but its tree is not yet in line");
        bsi_warn_last(env.warn, bsi_slice_of(self->prefix));
        return BS_PARTIAL;
    }
    return self->log.count > 0 ? BS_PARTIAL : BS_OK;
}

static void dispose(run *self)
{
    bsi_source_tree_free(self->tree);
    bsi_sha256_free(self->hash);
    bsi_buf_dispose(&self->line);
    bsi_draft_free(self->lines);
    bsi_scan_dispose(&self->scan);
    bsi_manifest_close(self->base);
    bsi_manifest_info_dispose(&self->info);
    bsi_warn_log_dispose(&self->log);
    bsi_free(self->buffer);
    bsi_free(self->prefix);
    bsi_free(self->staging);
    bsi_free(self->manifest_key);
}

bs_status bsi_mirror_form_backup(const bsi_vault_env *env, const bsi_backup_plan *plan,
                                 bsi_backup_result *out)
{
    run self = {.env = *env, .plan = plan};
    bs_status status = BS_OK;

    if (plan->encryption != BSI_ENCRYPTION_NONE) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "a mirror is made of plain files and cannot be encrypted");
    }
    status = bsi_warn_log_init(&self.log, env->temp_dir, env->warn);
    self.env.warn = &self.log.warn;
    bsi_buf_init(&self.line, BSI_MANIFEST_LINE_MAX);
    if (status >= 0) {
        status = run_all(&self, out);
    }
    if (status < 0) {
        take_back(&self);
    } else {
        status = settle(&self);
    }
    dispose(&self);
    return status;
}
