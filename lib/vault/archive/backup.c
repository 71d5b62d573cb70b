/* SPDX-License-Identifier: MIT */
/*
 * A backup of the archive form, from plan to manifest: scan, store, finish the
 * container, then say what it holds. The container is durable before the
 * manifest exists, and so are the keys of both; nothing counts as a backup before
 * that.
 */
#include <stdio.h>
#include <string.h>

#include "archive/archive.h"
#include "base/alloc.h"
#include "vault/archive/form.h"
#include "vault/archive/members.h"
#include "vault/archive/store.h"
#include "vault/archive/stream.h"
#include "vault/bases.h"
#include "vault/keys.h"
#include "vault/names.h"
#include "vault/summary.h"
#include "vault/warn_log.h"

/* The container as it is written. */
typedef struct container {
    const bsi_archive_driver *driver;
    char *key;
    bsi_object_writer *object;
    bsi_archive_writer *writer;
} container;

typedef struct run {
    bsi_vault_env env; /* The caller's, but reporting to the log. */
    const bsi_backup_plan *plan;
    bsi_warn_log log;
    bsi_manifest_reader *base;
    bsi_scan scan;
    bsi_store store;
    bsi_keyset *keys;     /* NULL: it is not encrypted. */
    bsi_members *members; /* NULL: the container's members are not encrypted by themselves. */
    container container;
    char *manifest_key;
    bsi_manifest_info info;
} run;

/* --- The container --- */

static bs_status container_data(void *user, const void *data, size_t size)
{
    return bsi_object_write(user, data, size);
}

static bs_status container_patch(void *user, uint64_t offset, const void *data, size_t size)
{
    return bsi_object_patch(user, offset, data, size);
}

/* What envelopes of this run are made with. */
static bsi_crypt crypt_of(const run *self, bsi_envelope_kind kind)
{
    return (bsi_crypt){self->keys ? bsi_keyset_data_key(self->keys) : NULL, kind, self->plan->id};
}

static char *container_key(const run *self)
{
    char suffix[32];

    if (self->members) {
        return bsi_object_key(self->plan, BSI_WINZIP_SUFFIX);
    }
    (void)snprintf(suffix, sizeof(suffix), "%s%s", bsi_archive_extension(self->container.driver),
                   self->keys ? BSI_ENVELOPE_SUFFIX : "");
    return bsi_object_key(self->plan, suffix);
}

static bs_status container_open(run *self)
{
    container *to = &self->container;
    const bsi_vault_env *env = &self->env;
    const bool is_enveloped = self->keys && !self->members;
    const bsi_crypt crypt = crypt_of(self, BSI_ENVELOPE_CONTAINER);
    bsi_archive_options options = {.level = self->plan->level,
                                   .verify = true,
                                   .pool = env->pool,
                                   .call = env->call,
                                   .temp_dir = env->temp_dir,
                                   .sink = container_data,
                                   .patch = container_patch};

    to->driver = bsi_archive_find(bsi_slice_of(self->plan->compression));
    if (!to->driver) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_UNSUPPORTED, "no container is called '%s'",
                        self->plan->compression);
    }
    if (self->members && !(bsi_archive_caps(to->driver) & BSI_ARCHIVE_CIPHER)) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_UNSUPPORTED,
                        "the members of a %s container cannot be encrypted by themselves",
                        self->plan->compression);
    }
    to->key = container_key(self);
    if (!to->key) {
        return BS_E_NOMEM;
    }
    BSI_TRY(bsi_object_writer_new(env, to->key, is_enveloped ? &crypt : NULL,
                                  bsi_archive_needs_patch(to->driver), &to->object));
    options.sink_user = to->object;
    options.cipher = self->members ? bsi_members_cipher(self->members) : NULL;
    return bsi_archive_writer_new(to->driver, &options, &to->writer);
}

static bs_status container_commit(container *self)
{
    BSI_TRY(bsi_archive_finish(self->writer));
    BSI_TRY(bsi_object_finish(self->object));
    return bsi_object_commit(self->object);
}

static void container_dispose(container *self)
{
    bsi_archive_writer_free(self->writer);
    bsi_object_writer_free(self->object);
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
    if (self->members) {
        BSI_TRY(bsi_members_note(self->plan, self->keys, info));
    }
    info->scan_began = self->scan.began;
    info->container_size = bsi_object_stored_size(self->container.object);
    info->container_sha256 = *bsi_object_stored_digest(self->container.object);
    info->entries = store->entries;
    info->files = store->files;
    info->bytes = store->bytes;
    info->bytes_stored_data = info->container_size;
    info->bytes_deduplicated = store->bytes_deduplicated;
    info->warnings = self->log.count;
    info->completed_at = bsi_now();
    return self->log.status;
}

/* A line, whose end waited for the place of the file's content to be known. */
static bs_status put_record(const run *self, bsi_manifest_writer *manifest,
                            const bsi_record *record, bsi_buf *end)
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

static bs_status put_lines(const run *self, bsi_manifest_writer *manifest)
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

static bs_status write_manifest(const run *self, bsi_manifest_info *info,
                                bsi_manifest_writer *manifest)
{
    BSI_TRY(bsi_summary_put_warnings(&self->log, manifest));
    BSI_TRY(put_lines(self, manifest));
    return bsi_manifest_writer_finish(manifest, info);
}

/* Keys without a manifest are rubbish; a manifest without keys would be a backup that is lost. */
static bs_status put_manifest(run *self)
{
    const bsi_crypt crypt = crypt_of(self, BSI_ENVELOPE_MANIFEST);
    bsi_manifest_writer *manifest = NULL;
    bs_status status = bsi_manifest_writer_new(&self->env, self->manifest_key,
                                               self->keys ? &crypt : NULL, &self->info, &manifest);

    if (status >= 0) {
        status = write_manifest(self, &self->info, manifest);
    }
    if (status >= 0 && self->keys) {
        status = bsi_backup_keys_put(&self->env, self->plan, self->keys, &self->info);
    }
    if (status >= 0) {
        status = bsi_manifest_writer_commit(manifest);
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
        BSI_TRY(bsi_bases_open(&self->env, self->plan->base_manifest_key, &base));
        self->base = base;
    }
    return bsi_scan_run(&self->env, self->plan, self->base, false, &self->scan);
}

static bs_status store_content(run *self)
{
    if (self->plan->encryption != BSI_ENCRYPTION_NONE) {
        BSI_TRY(bsi_backup_keys_new(self->plan, &self->keys));
    }
    if (self->plan->winzip) {
        BSI_TRY(bsi_members_new(self->plan, &self->members));
    }
    BSI_TRY(container_open(self));
    BSI_TRY(
        bsi_store_init(&self->store, &self->env, self->plan, self->container.writer, &self->scan));
    BSI_TRY(self->plan->stream ? bsi_store_stream(&self->store) : bsi_store_run(&self->store));
    return container_commit(&self->container);
}

/* The next backup may build on this one without being able to read it. */
static bs_status keep_copy(const run *self, const char *copy_key)
{
    bsi_vault_env env = self->env;
    bsi_manifest_info info = self->info;
    bsi_manifest_writer *copy = NULL;
    bs_status status = BS_OK;

    env.storage = env.bases;
    env.call = NULL;
    bsi_draft_rewind(self->log.lines);
    bsi_draft_rewind(self->store.lines);
    status = bsi_manifest_writer_new(&env, copy_key, NULL, &info, &copy);
    if (status >= 0) {
        status = write_manifest(self, &info, copy);
    }
    if (status >= 0) {
        status = bsi_manifest_writer_commit(copy);
    }
    bsi_manifest_writer_free(copy);
    return status < 0 ? status : bsi_bases_prune(&env, self->plan->name, copy_key);
}

/* The backup is done whatever comes of it: a failure is only told, and no more in the manifest. */
static bs_status try_to_keep_copy(const run *self)
{
    char *copy_key = NULL;
    bs_status status = BS_OK;

    if (self->plan->encryption != BSI_ENCRYPTION_RSA || !self->env.bases) {
        return BS_OK;
    }
    copy_key = bsi_bases_key(self->manifest_key);
    status = copy_key ? keep_copy(self, copy_key) : BS_E_NOMEM;
    bsi_free(copy_key);
    if (status < 0) {
        bsi_warn_last(self->log.next, bsi_slice_of(self->manifest_key));
        return BS_PARTIAL;
    }
    return BS_OK;
}

static bs_status hand_over(const run *self, bsi_backup_result *out)
{
    const bsi_secret *data_key = self->keys ? bsi_keyset_data_key(self->keys) : NULL;
    bs_status status = BS_OK;

    BSI_TRY(bsi_summary_result(&self->info, self->manifest_key, out));
    if (data_key) {
        status =
            bsi_secret_copy(bsi_secret_view(data_key), bsi_secret_size(data_key), &out->data_key);
    }
    if (status < 0) {
        bsi_backup_result_dispose(out);
    }
    return status;
}

static bs_status finish(run *self, bsi_backup_result *out)
{
    BSI_TRY(describe(self));
    BSI_TRY(bsi_call_check(self->env.call)); /* The last moment to cancel. */
    self->manifest_key = bsi_object_key(
        self->plan, self->keys ? BSI_MANIFEST_SUFFIX BSI_ENVELOPE_SUFFIX : BSI_MANIFEST_SUFFIX);
    if (!self->manifest_key) {
        return BS_E_NOMEM;
    }
    BSI_TRY(put_manifest(self));
    BSI_TRY(hand_over(self, out));
    out->changes = self->plan->stream ? (bsi_file_changes){.added = 1} : self->scan.changes;
    return try_to_keep_copy(self);
}

/*
 * After a failure nothing may stay: first what makes it a backup, then the rest,
 * but not while a manifest that cannot be removed needs it.
 */
static void take_back(const run *self)
{
    bsi_vault_env env = self->env;
    bs_error failure;

    env.call = NULL;
    bsi_error_save(&failure);
    if (bsi_archive_form_remove(&env, self->manifest_key, self->container.key) < 0) {
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
    } else if (self.log.count > 0) {
        status = BS_PARTIAL;
    }
    bsi_free(self.manifest_key);
    bsi_store_dispose(&self.store);
    container_dispose(&self.container);
    bsi_members_free(self.members);
    bsi_keyset_free(self.keys);
    bsi_scan_dispose(&self.scan);
    bsi_manifest_close(self.base);
    bsi_manifest_info_dispose(&self.info);
    bsi_warn_log_dispose(&self.log);
    return status;
}
