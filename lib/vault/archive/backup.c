/* SPDX-License-Identifier: MIT */
/*
 * A backup of the archive form, from plan to manifest: scan, store, finish the
 * container, then say what it holds. The container is durable before the
 * manifest exists, and nothing counts as a backup before that.
 */
#include <string.h>

#include "archive/archive.h"
#include "base/alloc.h"
#include "vault/archive/form.h"
#include "vault/archive/store.h"
#include "vault/archive/stream.h"
#include "vault/manifest.h"
#include "vault/names.h"
#include "vault/summary.h"
#include "vault/warn_log.h"

/* The container as it is written. */
typedef struct container {
    const bsi_vault_env *env;
    const bsi_archive_driver *driver;
    char *key;
    bsi_upload *upload;
    bsi_archive_writer *writer;
    bsi_sha256 *hash;
    bsi_digest sha256;
    uint64_t size;
    bool patched; /* The running hash no longer fits. */
} container;

typedef struct run {
    bsi_vault_env env; /* The caller's, but reporting to the log. */
    const bsi_backup_plan *plan;
    bsi_warn_log log;
    bsi_manifest_reader *base;
    bsi_scan scan;
    bsi_store store;
    container container;
    char *manifest_key;
    bsi_manifest_info info;
} run;

/* --- The container --- */

static bs_status container_data(void *user, const void *data, size_t size)
{
    container *self = user;

    bsi_sha256_update(self->hash, data, size);
    self->size += size;
    return bsi_upload_write(self->upload, self->env->call, data, size);
}

static bs_status container_patch(void *user, uint64_t offset, const void *data, size_t size)
{
    container *self = user;

    self->patched = true;
    return bsi_upload_patch(self->upload, self->env->call, offset, data, size);
}

static bs_status container_open(container *self, const bsi_vault_env *env,
                                const bsi_backup_plan *plan)
{
    bs_storage_put_options put = BSI_PUT_DEFAULTS;
    bsi_archive_options options = {.level = plan->level,
                                   .verify = true,
                                   .pool = env->pool,
                                   .call = env->call,
                                   .temp_dir = env->temp_dir,
                                   .sink = container_data,
                                   .sink_user = self,
                                   .patch = container_patch};

    self->env = env;
    self->driver = bsi_archive_find(bsi_slice_of(plan->compression));
    if (!self->driver) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_UNSUPPORTED, "no container is called '%s'",
                        plan->compression);
    }
    if (bsi_archive_needs_patch(self->driver)) {
        put.flags |= BS_STORAGE_PUT_PATCHABLE;
    }
    self->key = bsi_object_key(plan, bsi_archive_extension(self->driver));
    if (!self->key) {
        return BS_E_NOMEM;
    }
    BSI_TRY(bsi_sha256_new(&self->hash));
    BSI_TRY(bsi_upload_begin(env->storage, env->call, self->key, &put, &self->upload));
    return bsi_archive_writer_new(self->driver, &options, &self->writer);
}

/* What was patched is hashed as it now lies on the storage. */
static bs_status hash_again(container *self)
{
    enum { PART = 1024 * 1024 };
    uint8_t *buffer = bsi_alloc(PART);
    uint64_t at = 0;
    bs_status status = buffer ? BS_OK : BS_E_NOMEM;

    bsi_sha256_reset(self->hash);
    while (status >= 0 && at < self->size) {
        const size_t part = self->size - at < PART ? (size_t)(self->size - at) : PART;
        status = bsi_storage_read(self->env->storage, self->env->call, self->key, at, buffer, part);
        if (status >= 0) {
            bsi_sha256_update(self->hash, buffer, part);
            at += part;
        }
    }
    bsi_free(buffer);
    return status;
}

static bs_status container_commit(container *self)
{
    bsi_upload *upload = NULL;

    BSI_TRY(bsi_archive_finish(self->writer));
    upload = self->upload;
    self->upload = NULL;
    BSI_TRY(bsi_upload_commit(upload, self->env->call));
    if (self->patched) {
        BSI_TRY(hash_again(self));
    }
    bsi_sha256_finish(self->hash, &self->sha256);
    return BS_OK;
}

static void container_dispose(container *self)
{
    bsi_archive_writer_free(self->writer);
    bsi_upload_abort(self->upload);
    bsi_sha256_free(self->hash);
    bsi_free(self->key);
    *self = (container){0};
}

/* --- What the manifest says --- */

static bs_status describe(run *self)
{
    bsi_manifest_info *info = &self->info;
    const bsi_store *store = &self->store;

    BSI_TRY(bsi_summary_fill(info, self->plan, "archive", self->container.key));
    BSI_TRY(bsi_summary_note_losses(info, self->plan->compression, store->losses));
    BSI_TRY(bsi_summary_needs(info, &store->needs,
                              self->base ? bsi_manifest_reader_info(self->base) : NULL));
    info->scan_began = self->scan.began;
    info->container_size = self->container.size;
    info->container_sha256 = self->container.sha256;
    info->entries = store->entries;
    info->files = store->files;
    info->bytes = store->bytes;
    info->bytes_stored_data = self->container.size;
    info->bytes_deduplicated = store->bytes_deduplicated;
    info->warnings = self->log.count;
    info->completed_at = bsi_now();
    return self->log.status;
}

/* A line, whose end waited for the place of the file's content to be known. */
static bs_status put_record(run *self, bsi_manifest_writer *manifest, const bsi_record *record,
                            bsi_buf *end)
{
    const bsi_archive_mark mark = {record->a, record->b};
    bsi_locator locator = {0};

    BSI_TRY(bsi_manifest_writer_put(manifest, record->bytes.data, record->bytes.size));
    if (record->kind != BSI_LINE_MARKED) {
        return BS_OK;
    }
    bsi_buf_clear(end);
    BSI_TRY(bsi_archive_locate(self->container.writer, &mark, &locator));
    BSI_TRY(bsi_manifest_format_end(end, &locator));
    return bsi_manifest_writer_put(manifest, end->data, end->size);
}

static bs_status put_lines(run *self, bsi_manifest_writer *manifest)
{
    bsi_record record;
    bsi_buf end;
    bs_status status = BS_OK;

    bsi_buf_init(&end, 1024);
    while (status >= 0) {
        status = bsi_draft_next(self->store.lines, &record);
        if (status != BS_OK) {
            break;
        }
        status = put_record(self, manifest, &record, &end);
    }
    bsi_buf_dispose(&end);
    return status < 0 ? status : BS_OK;
}

static bs_status put_manifest(run *self)
{
    bsi_manifest_writer *manifest = NULL;
    bs_status status =
        bsi_manifest_writer_new(&self->env, self->manifest_key, &self->info, &manifest);

    if (status >= 0) {
        status = bsi_summary_put_warnings(&self->log, manifest);
    }
    if (status >= 0) {
        status = put_lines(self, manifest);
    }
    if (status >= 0) {
        status = bsi_manifest_writer_commit(manifest, &self->info);
    }
    bsi_manifest_writer_free(manifest);
    return status;
}

/* --- The run --- */

static bs_status find_content(run *self)
{
    bsi_manifest_reader *base = NULL;

    if (self->plan->stream) {
        BSI_TRY(bsi_links_new(&self->scan.links));
        self->scan.began = bsi_now();
        return BS_OK;
    }
    if (self->plan->base_manifest_key) {
        BSI_TRY(bsi_manifest_open_checked(&self->env, self->plan->base_manifest_key, &base));
        self->base = base;
    }
    return bsi_scan_run(&self->env, self->plan, self->base, false, &self->scan);
}

static bs_status store_content(run *self)
{
    BSI_TRY(container_open(&self->container, &self->env, self->plan));
    BSI_TRY(
        bsi_store_init(&self->store, &self->env, self->plan, self->container.writer, &self->scan));
    BSI_TRY(self->plan->stream ? bsi_store_stream(&self->store) : bsi_store_run(&self->store));
    return container_commit(&self->container);
}

static bs_status finish(run *self, bsi_backup_result *out)
{
    BSI_TRY(describe(self));
    BSI_TRY(bsi_call_check(self->env.call)); /* The last moment to cancel. */
    self->manifest_key = bsi_object_key(self->plan, BSI_MANIFEST_SUFFIX);
    if (!self->manifest_key) {
        return BS_E_NOMEM;
    }
    BSI_TRY(put_manifest(self));
    return bsi_summary_result(&self->info, self->manifest_key, out);
}

/*
 * After a failure nothing may stay: first what makes it a backup, then the rest,
 * but not while a manifest that cannot be removed needs it.
 */
static void take_back(const run *self)
{
    bs_error failure;
    bs_status status = BS_OK;

    bsi_error_save(&failure);
    if (self->manifest_key) {
        status = bsi_storage_remove(self->env.storage, NULL, self->manifest_key);
    }
    if (status >= 0 && self->container.key) {
        status = bsi_storage_remove(self->env.storage, NULL, self->container.key);
    }
    if (status < 0) {
        bsi_warn_last(self->env.warn, bsi_slice_of(self->container.key)); /* Recovery removes it. */
    }
    bsi_error_restore(&failure);
}

bs_status bsi_archive_form_backup(const bsi_vault_env *env, const bsi_backup_plan *plan,
                                  bsi_backup_result *out)
{
    run self = {.env = *env, .plan = plan};
    bs_status status = bsi_warn_log_init(&self.log, env->temp_dir, env->warn);

    self.env.warn = &self.log.warn;
    if (status >= 0) {
        status = find_content(&self);
    }
    if (status >= 0) {
        status = store_content(&self);
    }
    if (status >= 0) {
        status = finish(&self, out);
    }
    if (status < 0) {
        take_back(&self);
    } else {
        status = self.log.count > 0 ? BS_PARTIAL : BS_OK;
    }
    bsi_free(self.manifest_key);
    bsi_store_dispose(&self.store);
    container_dispose(&self.container);
    bsi_scan_dispose(&self.scan);
    bsi_manifest_close(self.base);
    bsi_manifest_info_dispose(&self.info);
    bsi_warn_log_dispose(&self.log);
    return status;
}
