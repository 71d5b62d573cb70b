/* SPDX-License-Identifier: MIT */
#ifndef BSI_CATALOG_NUMBERS_H
#define BSI_CATALOG_NUMBERS_H

#include "catalog/catalog.h"

/*
 * Sums that the catalogue keeps beside its rows, changed in the transaction that
 * changes the rows: statistics take as long with a million backups as with a
 * few. What is held is about rows that are there; runs are what has ended, and stay
 * when the rows go.
 *
 * Numbers that are added up wrap around beyond 64 bits; those that come out of the
 * functions below are cut at 2^63. Durations and processor times are microseconds.
 */

/* A backup that is being removed is held under this word instead of its status. */
#define BSI_HELD_DELETING "deleting"

/* Backups that are there. Only those that completed have bytes and files. */
typedef struct bsi_row_held {
    const char *name;
    const char *backup_type;
    const char *storage;
    const char *compression;
    const char *encryption;
    const char *status;
    int64_t backups;
    int64_t source_bytes;
    int64_t files;
    int64_t size;                /* What they take on their storage. */
    int64_t packed_source_bytes; /* What went into containers, */
    int64_t packed_bytes;        /* and their size. */
    int64_t deduplicated_bytes;  /* What did not have to go into them. */
    void *memory;
} bsi_row_held;

/* Jobs that have ended, since the catalogue exists. */
typedef struct bsi_row_total {
    const char *kind; /* "backup", or as rows of jobs have it. */
    const char *backup_type;
    const char *storage;
    const char *compression;
    const char *encryption;
    const char *status;
    int64_t runs;
    int64_t duration;
    int64_t source_bytes; /* Of other jobs: bytes they went through. */
    int64_t files;
    int64_t stored_bytes; /* Written. */
    int64_t packed_source_bytes;
    int64_t packed_bytes;
    int64_t deduplicated_bytes;
    int64_t cpu;
    int64_t bytes_sent;
    int64_t bytes_received;
    void *memory;
} bsi_row_total;

/* Jobs of a kind that ended within one hour, or several; bytes and times of those that completed.
 */
typedef struct bsi_row_hour {
    const char *kind;
    int64_t hour; /* Since 1970-01-01T00:00:00Z. */
    int64_t runs;
    int64_t completed;
    int64_t completed_with_warnings;
    int64_t failed;
    int64_t cancelled;
    int64_t duration;
    int64_t source_bytes;
    int64_t files;
    int64_t stored_bytes;
    int64_t deduplicated_bytes;
    int64_t added_bytes; /* By which what is held grew. */
    int64_t cpu;
    int64_t bytes_sent;
    int64_t bytes_received;
    int64_t removed; /* Completed backups that went. */
    int64_t removed_bytes;
    void *memory;
} bsi_row_hour;

/* How many jobs took how long: bucket n holds what is longer than bound n - 1, up to bound n. */
typedef struct bsi_row_duration {
    const char *kind;
    const char *backup_type;
    int64_t good; /* 1: completed. */
    int64_t bucket;
    int64_t runs;
    void *memory;
} bsi_row_duration;

/* Milliseconds. Among them are the bounds that metrics show. */
enum { BSI_DURATION_BOUNDS = 29 };
extern const int64_t bsi_duration_bounds[BSI_DURATION_BOUNDS];

typedef struct bsi_row_failure {
    const char *kind;
    int64_t layer; /* bs_layer */
    int64_t code;  /* bs_status */
    int64_t runs;
    void *memory;
} bsi_row_failure;

/* All that has a backup in the catalogue, by name. Successes are of backups that are held. */
typedef struct bsi_row_name {
    const char *name;
    int64_t backups; /* Held, of any status. */
    int64_t completed;
    int64_t size;      /* What they take. */
    int64_t oldest_at; /* Creation of the oldest and newest completed one. */
    int64_t newest_at;
    int64_t last_run_seq; /* The last one that ended, whether it is held or not. */
    int64_t last_run_at;
    const char *last_run_status;
    int64_t last_success_at; /* End of the newest completed one, and what is known of that. */
    int64_t last_success_duration;
    uint64_t last_success_source_bytes;
    uint64_t last_success_size;
    uint64_t last_success_files;
    int64_t last_full_at; /* Likewise, of each type. */
    int64_t last_incremental_at;
    int64_t last_differential_at;
    int64_t last_mirror_at;
    int64_t samples; /* Runs that ever completed; what follows is of the newest BSI_SAMPLES_MAX. */
    int64_t duration_average;
    int64_t duration_median;
    int64_t duration_p95;
    uint64_t source_bytes_median;
    int64_t source_growth; /* Bytes a day, by least squares. */
    uint64_t stored_bytes_average;
    int64_t verified_at; /* End of the last verification of one of them. */
    bool verified_good;
    void *memory;
} bsi_row_name;

enum { BSI_SAMPLES_MAX = 32 };

void bsi_row_helds_free(bsi_row_held *rows, size_t count);
void bsi_row_totals_free(bsi_row_total *rows, size_t count);
void bsi_row_hours_free(bsi_row_hour *rows, size_t count);
void bsi_row_durations_free(bsi_row_duration *rows, size_t count);
void bsi_row_failures_free(bsi_row_failure *rows, size_t count);
void bsi_row_names_free(bsi_row_name *rows, size_t count);

/* What a completed backup takes on its storage; 0 for others. */
uint64_t bsi_backup_size(const bsi_row_backup *row);

/*
 * Bytes that are free as soon as it is removed. What a snapshot has added to a repository lies
 * there until that is pruned, since others may need it.
 */
uint64_t bsi_backup_freed(const bsi_row_backup *row);

/* One row for each type, storage, compression, encryption and status; names are "". */
BS_NODISCARD bs_status bsi_catalog_sum_held(bsi_catalog *catalog, bsi_row_held **rows_out,
                                            size_t *count_out);

/* One row for each name, type and status, by name; the other texts are "". */
BS_NODISCARD bs_status bsi_catalog_sum_held_names(bsi_catalog *catalog, bsi_row_held **rows_out,
                                                  size_t *count_out);

BS_NODISCARD bs_status bsi_catalog_sum_runs(bsi_catalog *catalog, bsi_row_total **rows_out,
                                            size_t *count_out);
BS_NODISCARD bs_status bsi_catalog_sum_durations(bsi_catalog *catalog, bsi_row_duration **rows_out,
                                                 size_t *count_out);
BS_NODISCARD bs_status bsi_catalog_sum_failures(bsi_catalog *catalog, bsi_row_failure **rows_out,
                                                size_t *count_out);

/*
 * Hours from `from_hour` on, added up in stretches of `hours` that begin with multiples of
 * it, oldest first; hours in which nothing happened are left out.
 */
BS_NODISCARD bs_status bsi_catalog_sum_hours(bsi_catalog *catalog, const char *kind,
                                             int64_t from_hour, int64_t hours,
                                             bsi_row_hour **rows_out, size_t *count_out);

/* In the order in which they came to be, at most `limit`. `total_out` counts all. */
BS_NODISCARD bs_status bsi_catalog_list_names(bsi_catalog *catalog, uint32_t limit,
                                              bsi_row_name **rows_out, size_t *count_out,
                                              uint64_t *total_out);

/* Creation of the oldest and of the newest completed backup that is held; 0: there is none. */
BS_NODISCARD bs_status bsi_catalog_held_since(bsi_catalog *catalog, int64_t *oldest_out,
                                              int64_t *newest_out);

/* Compute anew what follows from the rows, and compare. BS_E_CORRUPT says what differs. */
BS_NODISCARD bs_status bsi_catalog_check_numbers(bsi_catalog *catalog);

#endif
