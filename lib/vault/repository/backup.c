/* SPDX-License-Identifier: MIT */
/*
 * A backup of the repository form, from plan to snapshot: open, store, then say what it
 * is. Packs and their index are durable before the snapshot exists, and nothing counts
 * as a backup before that. What a failed run has stored is there for the next one.
 */
#include "vault/repository/backup.h"

#include <stdio.h>

#include "base/alloc.h"
#include "repo/snapshot.h"
#include "repo/who.h"
#include "vault/repository/deposit.h"
#include "vault/repository/record.h"
#include "vault/summary.h"

typedef struct run {
    bsi_vault_env env; /* The caller's, but reporting to the log. */
    const bsi_backup_plan *plan;
    bsi_warn_log log;
    bsi_repo_session session;
    bsi_repo_writer *writer;
    bsi_parent *parent;
    bsi_deposit deposit;
    bsi_save_stats stats;
    bsi_timezone *zone;
    bsi_repo_who who;
    bsi_manifest_info info;
    bsi_digest id; /* Of the snapshot. */
    bool is_saved; /* There may be one. */
} run;

/* --- Opening --- */

static bs_status open_session(run *self)
{
    const bsi_backup_plan *plan = self->plan;
    const bsi_repo_wrap wrap = {plan->wrap_keys, plan->wrap_count, plan->signer};
    bsi_repo_options make = {.version = 2};
    bsi_session_options options = {.lock = BSI_SESSION_SHARED, .with_index = true, .make = &make};

    if (plan->encryption == BSI_ENCRYPTION_RSA) {
        options.keys = self->env.keys;
        options.key_count = self->env.key_count;
        options.wrap = &wrap;
    } else if (plan->encryption != BSI_ENCRYPTION_NONE) {
        options.keys = plan->wrap_keys;
        options.key_count = plan->wrap_count;
    }
    if (plan->cost.log_n > 0) {
        make.cost = (bsi_scrypt_cost){.log_n = plan->cost.log_n, .r = 8, .p = 1};
    }
    return bsi_repo_session_open(&self->env, &options, &self->session);
}

/*
 * Without a base there may be none because no run came to its end: then packs that no index
 * tells of are looked for. To do so costs a list of all packs.
 */
static bs_status open_writer(run *self)
{
    uint64_t adopted = 0;
    const bsi_save_options options = {.level = self->plan->level,
                                      .store_data = strcmp(self->plan->compression, "none") == 0};

    BSI_TRY(bsi_repo_writer_new(self->session.repo, self->session.index, self->env.pool,
                                self->env.call, &options, &self->writer));
    return self->plan->base_manifest_key ? BS_OK : bsi_repo_writer_adopt(self->writer, &adopted);
}

/* One that cannot be read is told, and everything is read again. */
static bs_status open_parent(run *self)
{
    const char *key = self->plan->base_manifest_key;
    bs_status status = BS_OK;

    if (!key || self->plan->kind == BSI_KIND_FULL || self->plan->stream) {
        return BS_OK;
    }
    status = bsi_parent_open(&self->session, key, &self->parent);
    if (status == BS_E_CORRUPT || status == BS_E_NOT_FOUND || status == BS_E_MISSING ||
        status == BS_E_VERSION) {
        bsi_warn_last(self->env.warn, bsi_slice_of(key));
        return BS_OK;
    }
    return status;
}

static bs_status store_content(run *self)
{
    self->deposit = (bsi_deposit){.env = &self->env,
                                  .plan = self->plan,
                                  .session = &self->session,
                                  .writer = self->writer,
                                  .parent = self->parent};
    BSI_TRY(bsi_deposit_run(&self->deposit));
    BSI_TRY(bsi_repo_writer_finish(self->writer));
    bsi_repo_writer_stats(self->writer, &self->stats);
    return bsi_repo_session_keep(&self->session);
}

/* --- What the snapshot says --- */

static bs_status describe(run *self)
{
    bsi_manifest_info *info = &self->info;
    const bsi_deposit *deposit = &self->deposit;

    BSI_TRY(bsi_summary_fill(info, self->plan, "repository", BSI_RECORD_CONTAINER));
    if (self->parent) {
        memcpy(info->base_id, bsi_parent_info_of(self->parent)->backup, BS_ID_SIZE);
    }
    info->scan_began = deposit->began;
    info->entries = deposit->entries;
    info->files = deposit->files;
    info->bytes = deposit->bytes;
    info->bytes_stored_data = self->stats.sealed_bytes;
    info->container_size = self->stats.sealed_bytes;
    info->bytes_deduplicated =
        deposit->bytes > deposit->new_bytes ? deposit->bytes - deposit->new_bytes : 0;
    info->warnings = self->log.count;
    info->completed_at = bsi_now();
    return self->log.status;
}

static bsi_snapshot_summary summarize(const run *self)
{
    const bsi_deposit *deposit = &self->deposit;

    return (bsi_snapshot_summary){
        .backup_start = bsi_node_time(self->zone, &self->plan->started_at),
        .backup_end = bsi_node_time(self->zone, &self->info.completed_at),
        .files_new = deposit->changes.added,
        .files_changed = deposit->changes.changed,
        .files_unmodified = deposit->changes.unmodified,
        .dirs_new = deposit->dirs.added,
        .dirs_changed = deposit->dirs.changed,
        .dirs_unmodified = deposit->dirs.unmodified,
        .data_blobs = self->stats.data_blobs,
        .tree_blobs = self->stats.tree_blobs,
        .data_added = self->stats.plain_bytes,
        .data_added_packed = self->stats.sealed_bytes,
        .total_files_processed = deposit->files,
        .total_bytes_processed = deposit->bytes,
    };
}

/* What was backed up, as restic lists it: bsi_slice each, to be freed with what `path` is. */
static bs_status list_paths(const run *self, bsi_buf *list, char **path)
{
    const bsi_backup_plan *plan = self->plan;
    bsi_slice one = {0};

    if (plan->stream) {
        const size_t size = strlen(plan->stream_name);
        *path = bsi_alloc(size + 1);
        if (!*path) {
            return BS_E_NOMEM;
        }
        (*path)[0] = '/';
        memcpy(*path + 1, plan->stream_name, size);
        one = (bsi_slice){*path, size + 1};
        return bsi_buf_append(list, &one, sizeof(one));
    }
    for (size_t i = 0; i < plan->walk.root_count; i++) {
        one = bsi_slice_of(plan->walk.roots[i]);
        BSI_TRY(bsi_buf_append(list, &one, sizeof(one)));
    }
    return BS_OK;
}

/* --- The snapshot --- */

static void fill_snapshot(const run *self, bsi_snapshot *out)
{
    out->time = bsi_node_time(self->zone, &self->plan->started_at);
    out->tree = (bsi_snapshot_id){true, self->deposit.root};
    out->hostname = bsi_slice_of(self->who.identity.host);
    out->username = bsi_slice_of(self->who.user);
    out->uid = self->who.identity.uid;
    out->gid = self->who.identity.gid;
    out->has_summary = true;
    out->summary = summarize(self);
    if (self->parent) {
        out->parent = (bsi_snapshot_id){true, bsi_parent_info_of(self->parent)->id};
    }
}

/* `others`, `paths` and `path` are memory for it. */
static bs_status write_snapshot(run *self, bsi_buf *others, bsi_buf *paths, char **path,
                                bsi_buf *text)
{
    const bsi_slice tag = bsi_slice_of(self->plan->name);
    char program[64];
    bsi_snapshot snapshot = {.tags = {&tag, 1}};

    fill_snapshot(self, &snapshot);
    (void)snprintf(program, sizeof(program), "backupsvc %s", bs_version());
    snapshot.program_version = bsi_slice_of(program);
    BSI_TRY(list_paths(self, paths, path));
    snapshot.paths.items = (const bsi_slice *)(const void *)paths->data;
    snapshot.paths.count = paths->size / sizeof(bsi_slice);
    BSI_TRY(bsi_record_write(others, &self->info, self->log.lines));
    snapshot.others = bsi_buf_slice(others);
    return bsi_snapshot_write(&snapshot, text);
}

/* What was stored is what was meant. */
static bs_status read_again(const run *self, bsi_slice text)
{
    bsi_buf stored;
    bs_status status = BS_OK;

    bsi_buf_init(&stored, BSI_SNAPSHOT_MAX);
    status =
        bsi_repo_load(self->session.repo, self->env.call, BSI_REPO_SNAPSHOTS, &self->id, &stored);
    if (status == BS_OK && !bsi_slice_equal(text, bsi_buf_slice(&stored))) {
        status = bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                          "the new snapshot comes back with other bytes than were stored");
    }
    bsi_buf_dispose(&stored);
    return status;
}

static bs_status save_text(run *self, bsi_slice text)
{
    BSI_TRY(bsi_call_check(self->env.call)); /* The last moment to cancel. */
    self->is_saved = true;
    BSI_TRY(bsi_repo_save(self->session.repo, self->env.call, BSI_REPO_SNAPSHOTS, text, &self->id));
    return read_again(self, text);
}

static bs_status save_snapshot(run *self)
{
    char *path = NULL;
    bsi_buf others;
    bsi_buf paths;
    bsi_buf text;
    bs_status status = BS_OK;

    bsi_buf_init(&others, BSI_SNAPSHOT_MAX);
    bsi_buf_init(&paths, BSI_SNAPSHOT_MAX);
    bsi_buf_init(&text, BSI_SNAPSHOT_MAX);
    status = bsi_local_zone_load(&self->zone);
    if (status == BS_OK) {
        status = bsi_repo_who_get(&self->who);
    }
    if (status == BS_OK) {
        status = write_snapshot(self, &others, &paths, &path, &text);
    }
    if (status == BS_OK) {
        status = save_text(self, bsi_buf_slice(&text));
    }
    bsi_free(path);
    bsi_buf_dispose(&others);
    bsi_buf_dispose(&paths);
    bsi_buf_dispose(&text);
    return status;
}

/* --- The run --- */

static bs_status hand_over(run *self, bsi_backup_result *out)
{
    char key[BSI_REPO_KEY_SIZE];
    bs_storage_object object = {.size = 0};

    bsi_repo_object_key(self->session.repo, BSI_REPO_SNAPSHOTS, &self->id, key);
    BSI_TRY(bsi_storage_stat(self->env.storage, self->env.call, key, &object));
    self->info.manifest_size = object.size;
    self->info.manifest_sha256 = self->id; /* That is how it is called. */
    bsi_free(self->info.container_key);
    self->info.container_key = bsi_strdup(key);
    if (!self->info.container_key) {
        return BS_E_NOMEM;
    }
    BSI_TRY(bsi_summary_result(&self->info, key, out));
    out->changes = self->deposit.changes;
    return BS_OK;
}

/* After a failure no snapshot may stay; the blobs may, and are of use. */
static void take_back(const run *self)
{
    bs_error failure;

    if (!self->is_saved) {
        return;
    }
    bsi_error_save(&failure);
    if (bsi_repo_remove(self->session.repo, NULL, BSI_REPO_SNAPSHOTS, &self->id) < 0) {
        bsi_warn_last(self->env.warn, bsi_slice_of("snapshots"));
    }
    bsi_error_restore(&failure);
}

static bs_status back_up(run *self, bsi_backup_result *out)
{
    BSI_TRY(open_session(self));
    BSI_TRY(open_writer(self));
    BSI_TRY(open_parent(self));
    BSI_TRY(store_content(self));
    BSI_TRY(describe(self));
    BSI_TRY(save_snapshot(self));
    return hand_over(self, out);
}

bs_status bsi_repository_form_backup(const bsi_vault_env *env, const bsi_backup_plan *plan,
                                     bsi_backup_result *out)
{
    run self = {.env = *env, .plan = plan};
    bs_status status = bsi_warn_log_init(&self.log, env->temp_dir, env->warn);

    self.env.warn = &self.log.warn;
    if (status >= 0) {
        status = back_up(&self, out);
    }
    if (status < 0) {
        take_back(&self);
    } else if (self.log.count > 0) {
        status = BS_PARTIAL;
    }
    bsi_parent_free(self.parent);
    bsi_repo_writer_free(self.writer);
    bsi_repo_session_close(&self.session);
    bsi_timezone_free(self.zone);
    bsi_manifest_info_dispose(&self.info);
    bsi_warn_log_dispose(&self.log);
    return status;
}
