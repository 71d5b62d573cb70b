/* SPDX-License-Identifier: MIT */
/*
 * Snapshots as containers: the entries of the walk, one after the other, into the
 * writer of archives.
 */
#include "vault/repository/export.h"

#include "repo/reader.h"
#include "vault/repository/snapshots.h"
#include "vault/selection.h"

typedef struct exporting {
    const bsi_vault_env *env;
    const bsi_export_plan *plan;
    bsi_opened_snapshot opened;
    bsi_selection *selection;
    bsi_tree_watch watch;
    bsi_tree_walk *walk;
    bsi_blob_reader *reader;
    bsi_archive_writer *writer;
    bsi_warn unmet; /* Hears of paths that nothing is called as. */
    bs_status unmet_status;
} exporting;

/* --- One entry --- */

static bs_status copy_content(const exporting *self, const bsi_tree_item *item)
{
    bsi_slice plain = {0};

    for (size_t i = 0; i < item->content_count; i++) {
        BSI_TRY(bsi_repo_session_keep(&self->opened.session));
        BSI_TRY(bsi_blob_reader_read(self->reader, self->env->call, BSI_BLOB_DATA,
                                     &item->content[i], &plain));
        BSI_TRY(bsi_archive_write(self->writer, plain.data, plain.size));
    }
    return BS_OK;
}

/* A file's further name is a link where the container has them, and has the first name too. */
static bs_status can_link(const exporting *self, const bsi_entry *entry, bool *out)
{
    const bsi_entry head = {.path = entry->linked, .stat = {.type = BSI_TYPE_FILE}};

    *out = false;
    if (entry->linked.size == 0 || entry->stat.type != BSI_TYPE_FILE ||
        (bsi_archive_caps(self->plan->driver) & BSI_ARCHIVE_HARDLINKS) == 0) {
        return BS_OK;
    }
    return bsi_selection_wants(self->selection, &head, out);
}

static bs_status write_item(const exporting *self, const bsi_tree_item *item)
{
    bsi_entry entry = item->entry.listed.entry;
    bool is_link = false;

    BSI_TRY(can_link(self, &entry, &is_link));
    if (!is_link) {
        entry.linked = (bsi_slice){0};
    }
    BSI_TRY(bsi_archive_begin(self->writer, &entry));
    BSI_TRY(is_link ? BS_OK : copy_content(self, item));
    return bsi_archive_end(self->writer, NULL);
}

static bs_status add_item(const exporting *self, const bsi_tree_item *item)
{
    const bsi_entry *entry = &item->entry.listed.entry;
    char shown[512];
    bool is_wanted = false;
    bs_status status = BS_OK;

    BSI_TRY(bsi_repo_session_keep(&self->opened.session));
    BSI_TRY(bsi_selection_wants(self->selection, entry, &is_wanted));
    if (!is_wanted) {
        return BS_OK;
    }
    status = write_item(self, item);
    if (status < 0) {
        return bsi_fail_context(
            BS_LAYER_STORAGE, status, "'%s'",
            bsi_printable(entry->path.data, entry->path.size, shown, sizeof(shown)));
    }
    return BS_OK;
}

/* --- All of them --- */

static bool enters(void *user, bsi_slice dir)
{
    return bsi_selection_may_hold(((const exporting *)user)->selection, dir);
}

/* The first path that nothing is called as. */
static void take_unmet(void *user, bsi_slice path, const bs_error *error)
{
    exporting *self = user;
    char shown[512];

    if (self->unmet_status == BS_OK) {
        self->unmet_status =
            bsi_fail(error->layer, error->code, "'%s': %s",
                     bsi_printable(path.data, path.size, shown, sizeof(shown)), error->message);
    }
}

static bs_status write_all(exporting *self)
{
    const bsi_tree_item *item = NULL;
    bs_status status = bsi_tree_walk_next(self->walk, &item);

    while (status == BS_OK) {
        BSI_TRY(add_item(self, item));
        status = bsi_tree_walk_next(self->walk, &item);
    }
    BSI_TRY(status);
    bsi_selection_report_unmet(self->selection, &self->unmet);
    BSI_TRY(self->unmet_status);
    return bsi_archive_finish(self->writer);
}

static bs_status open_all(exporting *self, bsi_bytes_cb data, void *user)
{
    const bsi_archive_options options = {
        .level = self->plan->level,
        .pool = self->env->pool,
        .call = self->env->call,
        .temp_dir = self->env->temp_dir,
        .sink = data,
        .sink_user = user,
    };
    const bsi_repo_session *session = &self->opened.session;

    BSI_TRY(bsi_selection_new(self->plan->paths, &self->selection));
    BSI_TRY(bsi_snapshot_walk(&self->opened, &self->watch, &self->walk));
    BSI_TRY(bsi_blob_reader_new(session->repo, session->index, &self->reader));
    BSI_TRY(bsi_blob_reader_use_blocks(self->reader));
    return bsi_archive_writer_new(self->plan->driver, &options, &self->writer);
}

bs_status bsi_repository_export(const bsi_vault_env *env, const bsi_export_plan *plan,
                                bsi_bytes_cb data, void *user)
{
    exporting self = {.env = env, .plan = plan};
    bs_status status = BS_OK;

    BSI_CHECK(!bsi_archive_needs_patch(plan->driver));
    self.unmet = (bsi_warn){take_unmet, &self};
    self.watch = (bsi_tree_watch){.enters = enters, .user = &self};
    BSI_TRY(bsi_snapshot_open(env, plan->manifest_key, true, &self.opened));
    status = open_all(&self, data, user);
    if (status >= 0) {
        status = write_all(&self);
    }
    bsi_archive_writer_free(self.writer);
    bsi_blob_reader_free(self.reader);
    bsi_tree_walk_free(self.walk);
    bsi_selection_free(self.selection);
    bsi_snapshot_close(&self.opened);
    return status;
}
