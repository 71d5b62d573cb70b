/* SPDX-License-Identifier: MIT */
/*
 * From a backup that another form lends to its snapshot. Packs and their index are durable
 * before there is one.
 */
#include "vault/repository/adopt.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "repo/index_load.h"
#include "repo/snapshot_load.h"
#include "repo/who.h"
#include "vault/repository/intake.h"
#include "vault/repository/nodes.h"
#include "vault/repository/record.h"
#include "vault/repository/snapshot_info.h"

/* A snapshot that is there. */
typedef struct present {
    bsi_digest id;
    bsi_digest original;
    bsi_digest tree;
    bsi_go_time time;
    char backup[BS_ID_SIZE]; /* "": nobody knows. */
} present;

struct bsi_adopter {
    const bsi_repo_session *session;
    const bs_call *call;
    bsi_repo_index *index;
    bsi_repo_writer *writer;
    bsi_timezone *zone;
    bsi_repo_who who;
    bsi_buf present; /* All that are there. */
};

/* One backup. */
typedef struct adoption {
    bsi_adopter *adopter;
    const bsi_vault_env *env;
    const bsi_manifest_info *info; /* What the manifest says. */
    bsi_intake intake;
    bsi_save_stats before;
    bsi_save_stats after;
    bsi_warn_log log; /* The backup's own warnings. */
    bsi_adopted *out;
} adoption;

/* --- What is there --- */

static bs_status note_present(bsi_adopter *self, const bsi_digest *id, const bsi_snapshot *snapshot,
                              const char *backup)
{
    present one = {
        .id = *id,
        .original = snapshot->original.given ? snapshot->original.digest : *id,
        .tree = snapshot->tree.digest,
        .time = snapshot->time,
    };

    memcpy(one.backup, backup, strlen(backup) + 1);
    return bsi_buf_append(&self->present, &one, sizeof(one));
}

static bs_status take_loaded(bsi_adopter *self, const bsi_digest *id, const bsi_snapshot *snapshot)
{
    bsi_manifest_info info;
    bs_status status = bsi_record_parse(snapshot->others, &info);

    if (status != BS_OK) {
        return status < 0 && status != BS_E_CORRUPT && status != BS_E_VERSION
                   ? status
                   : note_present(self, id, snapshot, "");
    }
    status = note_present(self, id, snapshot, info.id);
    bsi_manifest_info_dispose(&info);
    return status;
}

static bs_status list_present(bsi_adopter *self, const bsi_repo_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        const bsi_digest *id = &files->items[i].id;
        bsi_snapshot snapshot;
        bs_status status = bsi_snapshot_load(self->session->repo, self->call, id, &snapshot);
        if (status == BS_E_NOT_FOUND || status == BS_E_CORRUPT) {
            continue; /* None that could be the same. */
        }
        if (status == BS_OK) {
            status = take_loaded(self, id, &snapshot);
            bsi_snapshot_dispose(&snapshot);
        }
        BSI_TRY(status);
    }
    return BS_OK;
}

/* The snapshot of a backup, by its id; or with `tree` given, by that and its time. */
static const present *find_present(const adoption *self, const bsi_digest *tree)
{
    const bsi_buf *list = &self->adopter->present;
    const present *all = (const present *)(const void *)list->data;
    const bsi_manifest_info *info = self->info;

    for (size_t i = 0; i < list->size / sizeof(*all); i++) {
        const present *one = &all[i];
        if (!bsi_digest_equal(&one->original, &info->manifest_sha256)) {
            continue;
        }
        if (tree ? bsi_digest_equal(&one->tree, tree) && one->time.sec == info->started_at.sec &&
                       one->time.nsec == info->started_at.nsec
                 : strcmp(one->backup, info->id) == 0) {
            return one;
        }
    }
    return NULL;
}

/* --- What the snapshot says --- */

/* What our own record tells, with texts that are not the manifest's. */
typedef struct told {
    bsi_manifest_info info;
    char note[256];
    char form[16];
    char container[16];
    char compression[16];
} told;

/* A backup of this form, which needs no other. */
static void describe(const adoption *self, told *out)
{
    const bsi_repo_session *session = self->adopter->session;
    const uint64_t added = self->intake.new_bytes;
    bsi_manifest_info *info = &out->info;

    *info = *self->info;
    (void)snprintf(out->form, sizeof(out->form), "repository");
    (void)snprintf(out->container, sizeof(out->container), "%s", BSI_RECORD_CONTAINER);
    (void)snprintf(out->compression, sizeof(out->compression), "%s",
                   bsi_session_compression(session));
    (void)snprintf(out->note, sizeof(out->note), "copied from the form '%s': %s, %s", info->form,
                   bsi_backup_kind_name(info->kind), info->compression);
    info->base_id[0] = '\0';
    info->kind = BSI_KIND_FULL;
    info->form = out->form;
    info->note = out->note;
    info->container_key = out->container;
    info->compression = out->compression;
    info->encryption = bsi_session_encryption(session);
    info->level = 0;
    info->zip_passphrase = NULL;
    info->container_size = self->after.sealed_bytes - self->before.sealed_bytes;
    info->container_sha256 = (bsi_digest){{0}};
    info->bytes_stored_data = info->container_size;
    info->bytes_deduplicated = info->bytes > added ? info->bytes - added : 0;
    info->needs = NULL;
    info->needs_count = 0;
}

static bs_status write_record(const adoption *self, bsi_buf *out)
{
    told all;

    describe(self, &all);
    BSI_TRY(self->log.status);
    return bsi_record_write(out, &all.info, self->log.lines);
}

/* Sources as the backup tells of them, in memory of one's own. */
typedef struct path_list {
    bsi_json_texts texts;
    bsi_buf items; /* bsi_slice */
    char *only;    /* Of a stream. */
    bool holds;    /* The first entry is one of them, or in one, or on the way to one. */
    const char *first;
} path_list;

static bs_status take_path(bsi_json_reader *json, void *user)
{
    path_list *list = user;
    const bsi_slice first = bsi_slice_of(list->first ? list->first : "");
    bsi_slice path;
    bsi_slice inside;

    BSI_TRY(bsi_json_read_text(json, &list->texts, &path));
    if (path.size == 0 || path.data[0] != '/') {
        return BS_OK; /* Another word of a command. */
    }
    inside = (bsi_slice){path.data + 1, path.size - 1};
    list->holds = list->holds || !list->first || inside.size == 0 ||
                  bsi_slice_equal(first, inside) || bsi_path_is_below(first, inside);
    return bsi_buf_append(&list->items, &path, sizeof(path));
}

/* What came from a command is called as its file. */
static bs_status take_stream(path_list *list)
{
    bsi_slice path;

    bsi_buf_clear(&list->items);
    if (!list->first) {
        return BS_OK;
    }
    list->only = bsi_alloc(strlen(list->first) + 2);
    if (!list->only) {
        return BS_E_NOMEM;
    }
    list->only[0] = '/';
    memcpy(list->only + 1, list->first, strlen(list->first) + 1);
    path = bsi_slice_of(list->only);
    return bsi_buf_append(&list->items, &path, sizeof(path));
}

static bs_status list_paths(const adoption *self, path_list *out)
{
    const char *json = self->info->source_paths;
    bsi_json_reader reader;

    out->first = self->intake.first;
    bsi_buf_init(&out->items, BSI_MANIFEST_LINE_MAX);
    BSI_TRY(bsi_json_texts_init(&out->texts, strlen(json)));
    bsi_json_init(&reader, json, strlen(json), BS_LAYER_STORAGE, BS_E_CORRUPT);
    BSI_TRY(bsi_json_each_item(&reader, take_path, out));
    return out->holds ? BS_OK : take_stream(out);
}

static void dispose_paths(path_list *list)
{
    bsi_json_texts_dispose(&list->texts);
    bsi_buf_dispose(&list->items);
    bsi_free(list->only);
}

static bsi_snapshot_summary summarize(const adoption *self)
{
    const bsi_manifest_info *info = self->info;
    const bsi_timezone *zone = self->adopter->zone;

    return (bsi_snapshot_summary){
        .backup_start = bsi_node_time(zone, &info->started_at),
        .backup_end = bsi_node_time(zone, &info->completed_at),
        .files_new = info->files,
        .dirs_new = self->intake.dirs,
        .data_blobs = self->after.data_blobs - self->before.data_blobs,
        .tree_blobs = self->after.tree_blobs - self->before.tree_blobs,
        .data_added = self->after.plain_bytes - self->before.plain_bytes,
        .data_added_packed = self->after.sealed_bytes - self->before.sealed_bytes,
        .total_files_processed = info->files,
        .total_bytes_processed = info->bytes,
    };
}

/* --- The snapshot --- */

static bs_status save(adoption *self, const bsi_snapshot *snapshot)
{
    bsi_adopter *adopter = self->adopter;

    BSI_TRY(bsi_call_check(adopter->call)); /* The last moment to cancel. */
    BSI_TRY(
        bsi_snapshot_save(adopter->session->repo, adopter->call, snapshot, &self->out->snapshot));
    self->out->is_new = true;
    return note_present(adopter, &self->out->snapshot, snapshot, self->info->id);
}

/* `others` and `paths` are memory for it. */
static bs_status write_snapshot(adoption *self, bsi_buf *others, path_list *paths)
{
    const bsi_adopter *adopter = self->adopter;
    const bsi_slice tag = bsi_slice_of(self->info->name);
    bsi_snapshot snapshot = {.tags = {&tag, 1}};
    char program[64];

    (void)snprintf(program, sizeof(program), "backupsvc %s", bs_version());
    BSI_TRY(list_paths(self, paths));
    BSI_TRY(write_record(self, others));
    snapshot.time = bsi_node_time(adopter->zone, &self->info->started_at);
    snapshot.tree = (bsi_snapshot_id){true, self->intake.root};
    snapshot.original = (bsi_snapshot_id){true, self->info->manifest_sha256};
    snapshot.paths.items = (const bsi_slice *)(const void *)paths->items.data;
    snapshot.paths.count = paths->items.size / sizeof(bsi_slice);
    snapshot.hostname = bsi_slice_of(adopter->who.identity.host);
    snapshot.username = bsi_slice_of(adopter->who.user);
    snapshot.uid = adopter->who.identity.uid;
    snapshot.gid = adopter->who.identity.gid;
    snapshot.program_version = bsi_slice_of(program);
    snapshot.has_summary = true;
    snapshot.summary = summarize(self);
    snapshot.others = bsi_buf_slice(others);
    return save(self, &snapshot);
}

static bs_status make_snapshot(adoption *self)
{
    path_list paths = {.only = NULL};
    bsi_buf others;
    bs_status status = BS_OK;

    bsi_buf_init(&others, BSI_SNAPSHOT_MAX);
    status = write_snapshot(self, &others, &paths);
    dispose_paths(&paths);
    bsi_buf_dispose(&others);
    return status;
}

/* --- One backup --- */

static bs_status store(adoption *self)
{
    bsi_adopter *adopter = self->adopter;
    const present *known = NULL;

    bsi_repo_writer_stats(adopter->writer, &self->before);
    BSI_TRY(bsi_intake_run(&self->intake));
    BSI_TRY(bsi_repo_writer_finish(adopter->writer));
    BSI_TRY(bsi_repo_session_keep(adopter->session));
    bsi_repo_writer_stats(adopter->writer, &self->after);
    self->out->trees = self->intake.dirs;
    self->out->blobs = self->after.data_blobs + self->after.tree_blobs - self->before.data_blobs -
                       self->before.tree_blobs;
    self->out->bytes = self->after.plain_bytes - self->before.plain_bytes;
    known = find_present(self, &self->intake.root);
    if (known) {
        self->out->snapshot = known->id;
        return BS_OK;
    }
    return make_snapshot(self);
}

static bs_status adopt(adoption *self, bsi_manifest_reader *manifest)
{
    const present *known = find_present(self, NULL);
    bs_status status = BS_OK;

    if (known) {
        self->out->snapshot = known->id;
        bsi_progress_add(self->env->progress, self->info->files, self->info->bytes);
        return BS_OK;
    }
    status = bsi_warn_log_init(&self->log, self->env->temp_dir, NULL);
    if (status == BS_OK) {
        bsi_manifest_report_to(manifest, &self->log.warn);
        status = store(self);
    }
    bsi_warn_log_dispose(&self->log);
    bsi_free(self->intake.first);
    return status;
}

static bs_status take_lent(void *user, struct bsi_manifest_reader *manifest,
                           const struct bsi_content *content)
{
    adoption *self = user;
    const bsi_adopter *adopter = self->adopter;

    self->info = bsi_manifest_reader_info(manifest);
    self->intake = (bsi_intake){.session = adopter->session,
                                .index = adopter->index,
                                .writer = adopter->writer,
                                .manifest = manifest,
                                .content = content,
                                .progress = self->env->progress};
    return adopt(self, manifest);
}

bs_status bsi_adopter_add(bsi_adopter *adopter, const bsi_vault *form, const bsi_vault_env *env,
                          const char *manifest_key, bsi_adopted *out)
{
    adoption self = {.adopter = adopter, .env = env, .out = out};

    BSI_CHECK(form->lend);
    *out = (bsi_adopted){.is_new = false};
    return form->lend(env, manifest_key, take_lent, &self);
}

/* --- Life --- */

static bs_status load(bsi_adopter *self)
{
    const bsi_repo_session *session = self->session;
    const bsi_index_load_options loading = {.pool = session->env->pool};
    bsi_repo_files files = {0};
    uint64_t packs = 0;
    bs_status status = BS_OK;

    BSI_TRY(bsi_local_zone_load(&self->zone));
    BSI_TRY(bsi_repo_who_get(&self->who));
    BSI_TRY(bsi_repo_index_new(&self->index));
    BSI_TRY(bsi_repo_index_load(session->repo, self->call, &loading, self->index));
    BSI_TRY(bsi_repo_writer_new(session->repo, self->index, session->env->pool, self->call, NULL,
                                &self->writer));
    BSI_TRY(bsi_repo_writer_adopt(self->writer, &packs));
    BSI_TRY(bsi_repo_list(session->repo, self->call, BSI_REPO_SNAPSHOTS, &files));
    status = list_present(self, &files);
    bsi_repo_files_dispose(&files);
    return status;
}

bs_status bsi_adopter_new(const bsi_repo_session *session, bsi_adopter **out)
{
    bsi_adopter *self = bsi_calloc(1, sizeof(*self));
    bs_status status = BS_OK;

    if (!self) {
        return BS_E_NOMEM;
    }
    self->session = session;
    self->call = session->env->call;
    bsi_buf_init(&self->present, SIZE_MAX / 2);
    status = load(self);
    if (status < 0) {
        bsi_adopter_free(self);
        return status;
    }
    *out = self;
    return BS_OK;
}

void bsi_adopter_free(bsi_adopter *adopter)
{
    if (adopter) {
        bsi_repo_writer_free(adopter->writer);
        bsi_repo_index_free(adopter->index);
        bsi_timezone_free(adopter->zone);
        bsi_buf_dispose(&adopter->present);
        bsi_free(adopter);
    }
}
