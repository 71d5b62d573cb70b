/* SPDX-License-Identifier: MIT */
/*
 * The snapshots of a repository, beside what the catalogue knows of them; what they are called,
 * and how their nodes are shown.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/held.h"
#include "engine/service.h"
#include "engine/snapshots.h"
#include "repo/snapshot_load.h"
#include "vault/repository/snapshot_info.h"
#include "vault/repository/tree_entry.h"

typedef struct page_box {
    bs_snapshot_page page; /* What the caller holds: must come first. */
    bsi_arena arena;
    bs_snapshot_info *items;
} page_box;

/* What the catalogue has of this storage's repository. */
typedef struct known_rows {
    bsi_row_backup *items; /* By the ends of their manifests' keys, which are ids. */
    size_t count;
} known_rows;

typedef struct snapshot_time {
    bs_snapshot_info info;
    bsi_go_time time;
} snapshot_time;

/* --- The catalogue --- */

static const char *snapshot_id(const char *manifest_key)
{
    const char *slash = strrchr(manifest_key, '/');

    return slash ? slash + 1 : manifest_key;
}

static int compare_rows(const void *a, const void *b)
{
    const bsi_row_backup *left = a;
    const bsi_row_backup *right = b;

    return strcmp(snapshot_id(left->manifest_key), snapshot_id(right->manifest_key));
}

static bs_status load_rows(bs_service *service, const char *storage, known_rows *out)
{
    const bsi_backup_filter filter = {.form = "repository",
                                      .storage = storage ? storage : BSI_REPOSITORY_STORAGE};

    BSI_TRY(bsi_catalog_list_backups(service->catalog, &filter, &out->items, &out->count, NULL));
    if (out->count > 0) {
        qsort(out->items, out->count, sizeof(*out->items), compare_rows);
    }
    return BS_OK;
}

static const bsi_row_backup *find_row(const known_rows *rows, const char *id)
{
    const bsi_row_backup key = {.manifest_key = id};

    return rows->count == 0
               ? NULL
               : bsearch(&key, rows->items, rows->count, sizeof(*rows->items), compare_rows);
}

/* --- One snapshot --- */

static const char *const *copy_texts(bsi_arena *arena, const bsi_snapshot_texts *from)
{
    const char **texts = bsi_arena_alloc(arena, from->count + 1, sizeof(*texts));

    for (size_t i = 0; texts && i < from->count; i++) {
        texts[i] = bsi_arena_slice(arena, from->items[i]);
        if (!texts[i]) {
            return NULL;
        }
    }
    return texts;
}

static void format_id(const bsi_snapshot_id *id, char out[BS_DIGEST_TEXT_SIZE])
{
    out[0] = '\0';
    if (id->given) {
        bsi_digest_format(&id->digest, out);
    }
}

static void fill_summary(const bsi_snapshot *from, bs_snapshot_info *out)
{
    out->has_summary = from->has_summary;
    if (from->has_summary) {
        out->files = from->summary.total_files_processed;
        out->bytes = from->summary.total_bytes_processed;
        out->bytes_added = from->summary.data_added_packed;
    }
}

static bs_status fill_snapshot(const bsi_snapshot *from, const known_rows *rows, bsi_arena *arena,
                               bs_snapshot_info *out)
{
    const bsi_row_backup *row = find_row(rows, out->id);

    format_id(&from->parent, out->parent);
    format_id(&from->tree, out->tree);
    fill_summary(from, out);
    bsi_info_id(row ? row->id : "", out->backup_id);
    out->name = bsi_arena_text(arena, row ? row->name : "");
    out->time = bsi_info_go_time(arena, &from->time);
    out->hostname = bsi_arena_slice(arena, from->hostname);
    out->username = bsi_arena_slice(arena, from->username);
    out->program_version = bsi_arena_slice(arena, from->program_version);
    out->paths = copy_texts(arena, &from->paths);
    out->tags = copy_texts(arena, &from->tags);
    return out->name && out->time && out->hostname && out->username && out->program_version &&
                   out->paths && out->tags
               ? BS_OK
               : BS_E_NOMEM;
}

static bs_status load_snapshot(const bsi_open_repository *repository, const known_rows *rows,
                               const bsi_digest *id, bsi_arena *arena, snapshot_time *out)
{
    bsi_snapshot snapshot;
    bs_status status = BS_OK;

    bsi_digest_format(id, out->info.id);
    BSI_TRY(bsi_snapshot_load(repository->session.repo, NULL, id, &snapshot));
    out->time = snapshot.time;
    status = fill_snapshot(&snapshot, rows, arena, &out->info);
    bsi_snapshot_dispose(&snapshot);
    return status;
}

/* --- All of them --- */

static int compare_times(const void *a, const void *b)
{
    const snapshot_time *left = a;
    const snapshot_time *right = b;

    if (left->time.sec != right->time.sec) {
        return left->time.sec < right->time.sec ? 1 : -1;
    }
    if (left->time.nsec != right->time.nsec) {
        return left->time.nsec < right->time.nsec ? 1 : -1;
    }
    return strcmp(left->info.id, right->info.id);
}

/* One that went meanwhile is none; one that cannot be read is counted. */
static bs_status take_failure(const bsi_open_repository *repository, const char *id,
                              bs_status status, page_box *box)
{
    if (status == BS_E_NOT_FOUND) {
        return BS_OK;
    }
    if (bs_error_last()->layer != BS_LAYER_STORAGE || status == BS_E_NOMEM) {
        return status;
    }
    bsi_warn_last(repository->env.warn, bsi_slice_of(id));
    box->page.unreadable++;
    return BS_OK;
}

static bs_status load_next(const bsi_open_repository *repository, const known_rows *rows,
                           const bsi_digest *id, snapshot_time *found, page_box *box)
{
    snapshot_time *one = &found[box->page.count];
    const bs_status status = load_snapshot(repository, rows, id, &box->arena, one);

    if (status >= 0) {
        box->page.count++;
        return BS_OK;
    }
    BSI_TRY(take_failure(repository, one->info.id, status, box));
    *one = (snapshot_time){.time = {0}};
    return BS_OK;
}

static bs_status load_all(const bsi_open_repository *repository, const known_rows *rows,
                          const bsi_repo_files *files, snapshot_time *found, page_box *box)
{
    for (size_t i = 0; i < files->count; i++) {
        BSI_TRY(load_next(repository, rows, &files->items[i].id, found, box));
    }
    return BS_OK;
}

static bs_status fill_page(const bsi_open_repository *repository, const known_rows *rows,
                           page_box *box)
{
    bsi_repo_files files = {0};
    snapshot_time *found = NULL;
    bs_status status = bsi_repo_list(repository->session.repo, NULL, BSI_REPO_SNAPSHOTS, &files);

    if (status < 0) {
        return status;
    }
    found = bsi_calloc(files.count + 1, sizeof(*found));
    box->items = bsi_calloc(files.count + 1, sizeof(*box->items));
    status = found && box->items ? load_all(repository, rows, &files, found, box) : BS_E_NOMEM;
    bsi_repo_files_dispose(&files);
    if (status >= 0) {
        qsort(found, box->page.count, sizeof(*found), compare_times);
        for (size_t i = 0; i < box->page.count; i++) {
            box->items[i] = found[i].info;
        }
        box->page.items = box->items;
    }
    bsi_free(found);
    return status;
}

static bs_status fill(bs_service *service, const bsi_open_repository *repository,
                      const char *storage, page_box *box)
{
    known_rows rows = {0};
    bs_status status = load_rows(service, storage, &rows);

    if (status >= 0) {
        status = fill_page(repository, &rows, box);
    }
    bsi_row_backups_free(rows.items, rows.count);
    return status;
}

bs_status bsi_snapshot_load_all(bs_service *service, const bsi_open_repository *repository,
                                const char *storage, bs_snapshot_page **out)
{
    page_box *box = bsi_calloc(1, sizeof(*box));
    const bs_status status = box ? fill(service, repository, storage, box) : BS_E_NOMEM;

    if (status < 0) {
        bsi_snapshot_page_free((bs_snapshot_page *)box);
        return status;
    }
    *out = &box->page;
    return BS_OK;
}

bs_status bsi_snapshot_list(bs_service *service, const char *storage, bs_snapshot_page **out)
{
    bsi_open_repository repository;
    bs_status status = bsi_repository_open(service, storage, BSI_SESSION_SHARED, NULL, &repository);

    if (status < 0) {
        return status;
    }
    status = bsi_snapshot_load_all(service, &repository, storage, out);
    bsi_repository_close(&repository);
    return status;
}

void bsi_snapshot_page_free(bs_snapshot_page *page)
{
    page_box *box = (page_box *)page;

    if (box) {
        bsi_free(box->items);
        bsi_arena_dispose(&box->arena);
        bsi_free(box);
    }
}

/* --- What a snapshot is called --- */

static bs_status take_row(const bsi_row_backup *row, const char *storage, bsi_digest *out)
{
    if (strcmp(row->form, "repository") != 0) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "backup %s is no snapshot, but of form %s",
                        row->id, row->form);
    }
    if (strcmp(row->storage, storage) != 0) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "backup %s lies on storage '%s', not on '%s'", row->id, row->storage,
                        storage);
    }
    return bsi_snapshot_id_of_key(row->manifest_key, out);
}

static bs_status resolve_backup(bs_service *service, const char *storage, const char *reference,
                                bsi_digest *out)
{
    bsi_held held;
    bs_status status = bsi_held_open(service, reference, &held);

    if (status < 0) {
        return status;
    }
    status = take_row(&held.row, storage, out);
    bsi_held_close(service, &held);
    return status;
}

bs_status bsi_snapshot_resolve(bs_service *service, const bsi_open_repository *repository,
                               const char *storage, const char *reference, bsi_digest *out)
{
    bs_error failure;
    bs_status status = bsi_repo_find(repository->session.repo, NULL, BSI_REPO_SNAPSHOTS,
                                     bsi_slice_of(reference), out);
    const bool is_hex = status != BS_E_INVALID;

    if (status != BS_E_NOT_FOUND && is_hex) {
        return status;
    }
    bsi_error_save(&failure);
    status = resolve_backup(service, storage ? storage : BSI_REPOSITORY_STORAGE, reference, out);
    if (is_hex && (status == BS_E_NOT_FOUND || status == BS_E_INVALID)) {
        bsi_error_restore(&failure);
        return BS_E_NOT_FOUND;
    }
    return status;
}

/* --- Nodes --- */

static bs_status show(const bsi_node *node, bsi_slice path, bsi_shown_node *out)
{
    bsi_entry entry;

    if (out->xattrs.max == 0) {
        bsi_buf_init(&out->xattrs, BSI_BLOB_TREE_MAX);
    }
    BSI_TRY(bsi_tree_entry(node, path, &out->xattrs, &entry));
    bsi_info_entry(&entry, &out->names, &out->entry);
    return BS_OK;
}

bs_status bsi_snapshot_show_node(const bsi_node *node, bsi_slice path, bsi_shown_node *out)
{
    const bsi_slice inside = {path.data + 1, path.size - 1};
    const bs_status status = show(node, inside, out);
    char shown[512];

    return status >= 0
               ? status
               : bsi_fail_context(BS_LAYER_STORAGE, status, "'%s'",
                                  bsi_printable(inside.data, inside.size, shown, sizeof(shown)));
}

void bsi_shown_node_dispose(bsi_shown_node *shown)
{
    bsi_buf_dispose(&shown->xattrs);
}
