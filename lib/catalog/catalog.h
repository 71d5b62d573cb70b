/* SPDX-License-Identifier: MIT */
#ifndef BSI_CATALOG_CATALOG_H
#define BSI_CATALOG_CATALOG_H

#include "base/error.h"
#include "catalog/rows.h"

/*
 * The list of backups, jobs, schedules and storage profiles in the state
 * directory. Of backups it is a cache: all that it says of them is also on
 * their storages, and a lost or damaged one is rebuilt from there.
 *
 * Each call that changes something is one transaction, durable when it returns.
 * Texts must be UTF-8. Failures carry layer CATALOG: BS_E_BUSY when another
 * program holds the file, BS_E_CORRUPT when it is damaged, BS_E_READ_ONLY,
 * BS_E_NO_SPACE, BS_E_IO. What is not there is BS_E_NOT_FOUND.
 *
 * Thread-safety: any thread; one lock orders the calls. The process's exclusive
 * right to the state directory is the engine's business.
 */
typedef struct bsi_catalog bsi_catalog;

#define BSI_CATALOG_FILE "catalog.sqlite"

/*
 * Open the catalogue in directory `path`, or make it, and bring it up to date.
 * The whole file is checked: BS_E_CORRUPT when it is damaged, BS_E_INVALID when
 * it is not a catalogue of ours, BS_E_VERSION when a newer version wrote it.
 */
BS_NODISCARD bs_status bsi_catalog_open(const char *path, bsi_catalog **out);

/* NULL is ignored; the error record is left alone. */
void bsi_catalog_close(bsi_catalog *catalog);

/*
 * Rename a catalogue that cannot be opened, so that a new one can be made and
 * filled from the storages: "catalog.sqlite.aside-..." with the time. Only while
 * nobody has it open. BS_OK also when there is none.
 */
BS_NODISCARD bs_status bsi_catalog_move_aside(const char *path);

/* --- Backups --- */

/* Add a row. row->seq is ignored; the new one, larger than all before, goes to `seq_out`
 * (may be NULL). BS_E_EXISTS: the id is taken. */
BS_NODISCARD bs_status bsi_catalog_add_backup(bsi_catalog *catalog, const bsi_row_backup *row,
                                              int64_t *seq_out);

/*
 * Write every member of the row with row->id but seq and deleting. With `needs`
 * not NULL, the backups whose containers this one needs are replaced too.
 */
BS_NODISCARD bs_status bsi_catalog_update_backup(bsi_catalog *catalog, const bsi_row_backup *row,
                                                 const char *const *needs, size_t needs_count);

/* `out` is disposed of with bsi_row_backup_dispose(). */
BS_NODISCARD bs_status bsi_catalog_get_backup(bsi_catalog *catalog, const char *id,
                                              bsi_row_backup *out);

/*
 * What a person calls a backup: an id, the beginning of one (4 characters or
 * more), "latest:NAME" for the last one of that name that completed, or
 * "stalest:NAME" for the completed one whose last verification began longest ago,
 * if there was any; "stalest:" looks at all names.
 * BS_E_AMBIGUOUS with up to five candidates in the text, BS_E_INVALID.
 */
BS_NODISCARD bs_status bsi_catalog_resolve_backup(bsi_catalog *catalog, const char *reference,
                                                  char id_out[BS_ID_SIZE]);

/* NULL and 0 stand for "any". */
typedef struct bsi_backup_filter {
    const char *name;
    const char *backup_type;
    const char *form;
    const char *storage;
    bsi_row_status status;
    int64_t since_ns; /* Created at this time or later. */
    int64_t until_ns; /* Created before this time. */
    bool deleting;    /* Also those that are being removed. */
    uint32_t limit;   /* 0: BSI_CATALOG_LIST_MAX, which is also the most. */
    uint64_t offset;
} bsi_backup_filter;

enum { BSI_CATALOG_LIST_MAX = 10000 };

/*
 * Newest first. `total_out` (may be NULL) counts all that match. `rows_out` is
 * freed with bsi_row_backups_free(). `filter` may be NULL.
 */
BS_NODISCARD bs_status bsi_catalog_list_backups(bsi_catalog *catalog,
                                                const bsi_backup_filter *filter,
                                                bsi_row_backup **rows_out, size_t *count_out,
                                                uint64_t *total_out);

/*
 * What an incremental of this form builds on (the last that completed) or, `full_only`, a
 * differential.
 */
BS_NODISCARD bs_status bsi_catalog_last_base(bsi_catalog *catalog, const char *name,
                                             const char *storage, const char *form, bool full_only,
                                             bsi_row_backup *out);

/* Ids of the backups that need `id`, only directly or also through others. Newest first. */
BS_NODISCARD bs_status bsi_catalog_dependants(bsi_catalog *catalog, const char *id, bool transitive,
                                              bsi_id **ids_out, size_t *count_out);
/* Ids of the backups whose containers `id` needs. */
BS_NODISCARD bs_status bsi_catalog_needs(bsi_catalog *catalog, const char *id, bsi_id **ids_out,
                                         size_t *count_out);
/* The same of completed ones, also those that these need. Oldest first. */
BS_NODISCARD bs_status bsi_catalog_all_needs(bsi_catalog *catalog, const char *id, bsi_id **ids_out,
                                             size_t *count_out);

/*
 * Removal in two steps: mark first, remove the objects, then the row. A marked
 * backup is no base, and is not listed unless asked for. BS_E_NEEDED, naming
 * one, when an unmarked backup needs it or a pending or running one has it as base, and
 * when it is pinned at `now_ns`; BS_E_BUSY when it is itself pending or running.
 */
BS_NODISCARD bs_status bsi_catalog_mark_deleting(bsi_catalog *catalog, const char *id,
                                                 int64_t now_ns);
/* The same for what nobody asked to remove: BS_E_NEEDED also for the last good one of its name
 * on its storage. */
BS_NODISCARD bs_status bsi_catalog_mark_expired(bsi_catalog *catalog, const char *id,
                                                int64_t now_ns);
/* With its needs and warnings. BS_OK also when there is none. */
BS_NODISCARD bs_status bsi_catalog_remove_backup(bsi_catalog *catalog, const char *id);
/* Those whose removal was begun and not finished. */
BS_NODISCARD bs_status bsi_catalog_deleting(bsi_catalog *catalog, bsi_id **ids_out,
                                            size_t *count_out);

/* Everything pending or running, backups and jobs, becomes failed with BS_E_INTERRUPTED. */
BS_NODISCARD bs_status bsi_catalog_mark_interrupted(bsi_catalog *catalog, int64_t now_ns,
                                                    uint64_t *count_out);

typedef struct bsi_backup_import {
    bsi_row_backup row;
    const char *const *needs;
    size_t needs_count;
    bsi_row_copy *copies; /* In their order; id and number are not looked at. */
    size_t copies_count;
} bsi_backup_import;

/* Instead of all backups these, in one transaction; seq follows their order. */
BS_NODISCARD bs_status bsi_catalog_replace_backups(bsi_catalog *catalog,
                                                   const bsi_backup_import *items, size_t count);

/* --- Copies on other storages --- */

/*
 * Keep how the copy on row->storage stands. One that is new is tried behind the others: row->number
 * is not looked at. BS_E_NOT_FOUND: no backup.
 */
BS_NODISCARD bs_status bsi_catalog_put_copy(bsi_catalog *catalog, const bsi_row_copy *row);
/* Keep that a copy is wanted there; one that is known stays as it is. */
BS_NODISCARD bs_status bsi_catalog_want_copy(bsi_catalog *catalog, const char *id,
                                             const char *storage);
/* BS_OK also when there is none. */
BS_NODISCARD bs_status bsi_catalog_remove_copy(bsi_catalog *catalog, const char *id,
                                               const char *storage);
/* In the order in which they are tried. */
BS_NODISCARD bs_status bsi_catalog_list_copies(bsi_catalog *catalog, const char *id,
                                               bsi_row_copy **rows_out, size_t *count_out);
/* The completed backups of a name on `storage` whose copies on `to` are wanted and not complete.
 * Oldest first. */
BS_NODISCARD bs_status bsi_catalog_lacking_copies(bsi_catalog *catalog, const char *name,
                                                  const char *storage, const char *to,
                                                  bsi_id **ids_out, size_t *count_out);
/* How many copies lie on a storage. */
BS_NODISCARD bs_status bsi_catalog_count_copies(bsi_catalog *catalog, const char *storage,
                                                uint64_t *count_out);
/* Nothing is known of copies on this storage any more. */
BS_NODISCARD bs_status bsi_catalog_forget_copies(bsi_catalog *catalog, const char *storage);

/* --- Keeping and removing by rules --- */

/* Replaces the one of the same kind; takes the backup's mark away. BS_E_NOT_FOUND: no backup. */
BS_NODISCARD bs_status bsi_catalog_put_pin(bsi_catalog *catalog, const bsi_row_pin *row);
/* BS_E_NOT_FOUND when there is none. */
BS_NODISCARD bs_status bsi_catalog_remove_pin(bsi_catalog *catalog, const char *id,
                                              const char *kind);
/* BS_E_NEEDED, with its reason, when a pin or hold is in force. */
BS_NODISCARD bs_status bsi_catalog_check_pins(bsi_catalog *catalog, const char *id, int64_t now_ns);
BS_NODISCARD bs_status bsi_catalog_list_pins(bsi_catalog *catalog, const char *id,
                                             bsi_row_pin **rows_out, size_t *count_out);

/* Mark for removal, which may happen from row->remove_after on. Marks that are there stay as they
 * are; backups that are not are passed over. Marked backups are no bases for others. */
BS_NODISCARD bs_status bsi_catalog_put_marks(bsi_catalog *catalog, const bsi_row_mark *rows,
                                             size_t count);
/* BS_E_NOT_FOUND when it is not marked. */
BS_NODISCARD bs_status bsi_catalog_remove_mark(bsi_catalog *catalog, const char *id);
/* `out` zeroed when it is not marked; its texts are not set. */
BS_NODISCARD bs_status bsi_catalog_get_mark(bsi_catalog *catalog, const char *id,
                                            bsi_row_mark *out);

/* What rules of retention look at of a backup. */
typedef struct bsi_series_item {
    bsi_id id;
    bsi_id base_id;
    size_t storage; /* Index into storages. */
    bsi_row_status status;
    int64_t seq;
    int64_t created_at;
    int64_t expires_at;
    uint64_t size;  /* Bytes that it takes on the storage, */
    uint64_t freed; /* and that are free once it is removed. */
} bsi_series_item;

typedef struct bsi_series_storage {
    char *name;
    char *options; /* Of the newest good backup that brought rules with it; NULL: none did. */
} bsi_series_storage;

/* All backups of a name at one moment, but those that are being removed. */
typedef struct bsi_series {
    bsi_series_item *items; /* By storage; the newest first. */
    size_t count;
    bsi_series_storage *storages;
    size_t storage_count;
    bsi_row_need *needs; /* Of these backups, by whichever needs them. */
    size_t need_count;
    bsi_row_pin *pins;
    size_t pin_count;
    bsi_row_mark *marks;
    size_t mark_count;
} bsi_series;

/* Disposed of with bsi_series_dispose(); nothing is there of an unknown name. */
BS_NODISCARD bs_status bsi_catalog_load_series(bsi_catalog *catalog, const char *name,
                                               bsi_series *out);
/* A zeroed one is ignored. */
void bsi_series_dispose(bsi_series *series);

/* The first name behind `after` ("": of all) in the order of bytes; BS_END. Freed with bsi_free().
 */
BS_NODISCARD bs_status bsi_catalog_next_name(bsi_catalog *catalog, const char *after,
                                             char **name_out);

/* How a backup of a name stands whose id ends in `tail`; one that failed only when there is no
 * other. BSI_ROW_NONE: nobody knows it. */
BS_NODISCARD bs_status bsi_catalog_status_by_tail(bsi_catalog *catalog, const char *name,
                                                  const char *tail, bsi_row_status *out);

/* The last instant at which a backup with a larger number was begun or ended; 0: none. */
BS_NODISCARD bs_status bsi_catalog_newest(bsi_catalog *catalog, int64_t after_seq, int64_t *ns_out);
/* The largest number that a backup has; 0: there are none. */
BS_NODISCARD bs_status bsi_catalog_last_seq(bsi_catalog *catalog, int64_t *seq_out);

/* How many completed backups lie on a storage, without those whose removal has begun. */
BS_NODISCARD bs_status bsi_catalog_count_stored(bsi_catalog *catalog, const char *storage,
                                                uint64_t *count_out);

/* Bytes that all backups take on a storage. */
BS_NODISCARD bs_status bsi_catalog_stored_bytes(bsi_catalog *catalog, const char *storage,
                                                uint64_t *bytes_out);

/* --- Restores, verifications and other jobs --- */

BS_NODISCARD bs_status bsi_catalog_add_job(bsi_catalog *catalog, const bsi_row_job *row);
BS_NODISCARD bs_status bsi_catalog_update_job(bsi_catalog *catalog, const bsi_row_job *row);
BS_NODISCARD bs_status bsi_catalog_get_job(bsi_catalog *catalog, const char *id, bsi_row_job *out);
/* As bsi_catalog_resolve_backup(), without "latest:". */
BS_NODISCARD bs_status bsi_catalog_resolve_job(bsi_catalog *catalog, const char *reference,
                                               char id_out[BS_ID_SIZE]);
BS_NODISCARD bs_status bsi_catalog_remove_job(bsi_catalog *catalog, const char *id);

typedef struct bsi_job_filter {
    const char *kind;
    const char *backup_id;
    bsi_row_status status;
    uint32_t limit; /* 0: BSI_CATALOG_LIST_MAX. */
    uint64_t offset;
} bsi_job_filter;

BS_NODISCARD bs_status bsi_catalog_list_jobs(bsi_catalog *catalog, const bsi_job_filter *filter,
                                             bsi_row_job **rows_out, size_t *count_out,
                                             uint64_t *total_out);

/* --- Drills --- */

/* A drill's two rows, together. */
BS_NODISCARD bs_status bsi_catalog_add_drill(bsi_catalog *catalog, const bsi_row_job *job,
                                             const bsi_row_drill *row);
BS_NODISCARD bs_status bsi_catalog_update_drill(bsi_catalog *catalog, const bsi_row_job *job,
                                                const bsi_row_drill *row);
BS_NODISCARD bs_status bsi_catalog_get_drill(bsi_catalog *catalog, const char *job_id,
                                             bsi_row_drill *out);

typedef struct bsi_drill_filter {
    const char *name; /* NULL or "": any. */
    bool proven;      /* Only such. */
    bool scratch;     /* Only those whose scratch directory is not removed. */
    uint32_t limit;   /* 0: BSI_CATALOG_LIST_MAX. */
    uint64_t offset;
} bsi_drill_filter;

/* Newest first. `total_out` (may be NULL) counts all that match. */
BS_NODISCARD bs_status bsi_catalog_list_drills(bsi_catalog *catalog, const bsi_drill_filter *filter,
                                               bsi_row_drill **rows_out, size_t *count_out,
                                               uint64_t *total_out);

/* The scratch directory of a drill is gone. */
BS_NODISCARD bs_status bsi_catalog_clear_scratch(bsi_catalog *catalog, const char *job_id);

/* --- Warnings of backups and jobs --- */

/* Of each job the first so many are kept; the others are only counted. */
enum { BSI_CATALOG_WARNINGS_MAX = 10000 };

/* `id` is that of a backup or a job. Calling it for many at a time is much cheaper. */
BS_NODISCARD bs_status bsi_catalog_add_warnings(bsi_catalog *catalog, const char *id,
                                                const bsi_row_warning *rows, size_t count);
/* In the order they came. `total_out` (may be NULL) counts also those that were not kept. */
BS_NODISCARD bs_status bsi_catalog_list_warnings(bsi_catalog *catalog, const char *id,
                                                 uint64_t offset, uint32_t limit,
                                                 bsi_row_warning **rows_out, size_t *count_out,
                                                 uint64_t *total_out);

/* --- Schedules and their runs --- */

/* Of each schedule the newest so many runs are kept. */
enum { BSI_CATALOG_RUNS_MAX = 1000 };

/* BS_E_EXISTS: the name is taken. */
BS_NODISCARD bs_status bsi_catalog_add_schedule(bsi_catalog *catalog, const bsi_row_schedule *row);
BS_NODISCARD bs_status bsi_catalog_get_schedule(bsi_catalog *catalog, const char *id,
                                                bsi_row_schedule *out);
/* Its name, or as bsi_catalog_resolve_job(). */
BS_NODISCARD bs_status bsi_catalog_resolve_schedule(bsi_catalog *catalog, const char *reference,
                                                    char id_out[BS_ID_SIZE]);

/*
 * Write every member of the row with row->id, and with it what is said of its
 * runs; all or nothing. A run with number 0 is a new one; their schedule_id is
 * not looked at. BS_E_CHANGED: row->revision is not the stored one, which each
 * call makes larger by one.
 */
BS_NODISCARD bs_status bsi_catalog_write_schedule(bsi_catalog *catalog, const bsi_row_schedule *row,
                                                  const bsi_row_run *runs, size_t count);

/* With its runs. BS_OK also when there is none. */
BS_NODISCARD bs_status bsi_catalog_remove_schedule(bsi_catalog *catalog, const char *id);

typedef struct bsi_schedule_filter {
    bool no_active;
    bool no_inactive;
    uint32_t limit; /* 0: BSI_CATALOG_LIST_MAX. */
    uint64_t offset;
} bsi_schedule_filter;

/* By name. */
BS_NODISCARD bs_status bsi_catalog_list_schedules(bsi_catalog *catalog,
                                                  const bsi_schedule_filter *filter,
                                                  bsi_row_schedule **rows_out, size_t *count_out,
                                                  uint64_t *total_out);

/* The active ones whose next_run_at is `now_ns` or before, the oldest first. */
BS_NODISCARD bs_status bsi_catalog_due_schedules(bsi_catalog *catalog, int64_t now_ns,
                                                 bsi_id **ids_out, size_t *count_out);
/* The first next_run_at of an active one behind `after_ns`; 0: there is none. */
BS_NODISCARD bs_status bsi_catalog_next_due(bsi_catalog *catalog, int64_t after_ns, int64_t *out);

/* Newest first. */
BS_NODISCARD bs_status bsi_catalog_list_runs(bsi_catalog *catalog, const char *schedule_id,
                                             uint32_t limit, uint64_t offset,
                                             bsi_row_run **rows_out, size_t *count_out);
/* The run that started the job; with "", all that are pending or running. */
BS_NODISCARD bs_status bsi_catalog_find_runs(bsi_catalog *catalog, const char *job_id,
                                             bsi_row_run **rows_out, size_t *count_out);

/* --- Storage profiles and other values --- */

/* Replaces. */
BS_NODISCARD bs_status bsi_catalog_put_profile(bsi_catalog *catalog, const bsi_row_profile *row);
BS_NODISCARD bs_status bsi_catalog_get_profile(bsi_catalog *catalog, const char *name,
                                               bsi_row_profile *out);
/* By name. */
BS_NODISCARD bs_status bsi_catalog_list_profiles(bsi_catalog *catalog, bsi_row_profile **rows_out,
                                                 size_t *count_out);
/* BS_OK also when there is none. */
BS_NODISCARD bs_status bsi_catalog_remove_profile(bsi_catalog *catalog, const char *name);

/* Replaces; NULL removes. */
BS_NODISCARD bs_status bsi_catalog_set_meta(bsi_catalog *catalog, const char *key,
                                            const char *value);
/* Freed with bsi_free(). */
BS_NODISCARD bs_status bsi_catalog_get_meta(bsi_catalog *catalog, const char *key,
                                            char **value_out);

#endif
