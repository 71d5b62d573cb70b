/* SPDX-License-Identifier: MIT */
#ifndef BSI_CATALOG_ROWS_H
#define BSI_CATALOG_ROWS_H

#include "base/error.h"
#include "base/slice.h"

/*
 * Rows of the catalogue. A row that comes out of it owns its texts by way of
 * `memory`; in a row that goes in they are borrowed for the call and `memory`
 * is not looked at. A NULL text goes in as "" and never comes out.
 *
 * Times are nanoseconds since 1970-01-01T00:00:00Z; 0: has not happened.
 */

typedef struct bsi_id {
    char text[BS_ID_SIZE];
} bsi_id;

/* The words of bsi_row_status_name() are what the file holds. */
typedef enum bsi_row_status {
    BSI_ROW_NONE = 0,
    BSI_ROW_PENDING,
    BSI_ROW_RUNNING,
    BSI_ROW_COMPLETED,
    BSI_ROW_COMPLETED_WITH_WARNINGS,
    BSI_ROW_FAILED,
    BSI_ROW_CANCELLED,
} bsi_row_status;

/* Such as "completed_with_warnings"; "" for NONE and unknown values; and back (NONE). */
const char *bsi_row_status_name(bsi_row_status status);
bsi_row_status bsi_row_status_parse(const char *name);

/* With or without warnings. */
bool bsi_row_is_completed(bsi_row_status status);
/* Nothing more happens. */
bool bsi_row_has_ended(bsi_row_status status);

/* What a job took of the machine. */
typedef struct bsi_row_usage {
    uint64_t cpu_ns;
    uint64_t peak_memory; /* Bytes of the whole process while it ran; 0: not known. */
    uint64_t bytes_sent;  /* Over a network. */
    uint64_t bytes_received;
} bsi_row_usage;

typedef struct bsi_row_backup {
    const char *id;
    int64_t seq; /* Grows with each backup; tells which of two came later. */
    const char *name;
    const char *backup_type;    /* As it ran: "full", "incremental", "differential", "mirror". */
    const char *requested_type; /* As it was asked for. */
    const char *form;           /* "archive", "repository", "mirror". */
    const char *storage;        /* Name of the storage profile. */
    const char *compression;
    int32_t compression_level;
    const char *encryption;
    bsi_row_status status;
    int64_t created_at;
    int64_t started_at;
    int64_t completed_at;
    int64_t expires_at;
    const char *source_paths; /* JSON: array of texts. */
    const char *options;      /* JSON: what it takes to run it again; no secrets. */
    const char *metadata;     /* JSON: the user's object. */
    const char *container_key;
    const char *manifest_key;
    uint64_t container_size;
    uint64_t manifest_size;
    const char *manifest_sha256; /* Hex digits. */
    uint64_t bytes_processed;
    uint64_t files_processed;
    uint64_t total_bytes;
    uint64_t total_files;
    uint64_t bytes_stored;
    uint64_t bytes_deduplicated;
    const char *base_id;   /* Of an incremental or differential. */
    const char *base_note; /* Why an incremental became a full. */
    bs_status error_code;
    bs_layer error_layer;
    const char *error_message;
    uint32_t retention_days;
    bool deleting; /* Its removal has begun. */
    bsi_row_usage usage;
    void *memory;
} bsi_row_backup;

typedef struct bsi_row_job {
    const char *id;
    const char *kind;      /* "restore", "verify", ... */
    const char *backup_id; /* "": none. */
    bsi_row_status status;
    const char *target;
    const char *options; /* JSON. */
    const char *result;  /* JSON. */
    int64_t created_at;
    int64_t started_at;
    int64_t completed_at;
    uint64_t bytes_processed;
    uint64_t files_processed;
    uint64_t total_bytes;
    uint64_t total_files;
    bs_status error_code;
    bs_layer error_layer;
    const char *error_message;
    bsi_row_usage usage;
    void *memory;
} bsi_row_job;

typedef struct bsi_row_warning {
    bs_status code;
    bs_layer layer;
    bsi_slice path; /* May hold any byte. */
    const char *message;
    void *memory;
} bsi_row_warning;

typedef struct bsi_row_profile {
    const char *name;
    const char *driver;
    const char *settings; /* JSON object without secrets. */
    void *memory;
} bsi_row_profile;

/* What is to be done again and again, and how it went. */
typedef struct bsi_row_schedule {
    const char *id;
    const char *name;    /* No two have the same. */
    const char *action;  /* "backup", "verify", ... */
    const char *request; /* JSON: what the action is to do; no secrets. */
    const char *cron_expression;
    const char *timezone;
    const char *missed; /* What becomes of due times that were missed. */
    bool is_active;
    int64_t revision; /* Grows with every change of the row. */
    int64_t created_at;
    int64_t updated_at;  /* By a person. */
    int64_t next_run_at; /* The next due time that nobody has dealt with yet. */
    const char *dealt;   /* The stretches of due times that were dealt with. */
    int64_t last_run_at;
    const char *last_job_id;
    const char *last_status; /* Of the latest run: a job's status or an outcome. */
    uint64_t runs_started;
    uint64_t runs_skipped_busy;
    uint64_t runs_missed;
    uint64_t runs_failed_to_start;
    void *memory;
} bsi_row_schedule;

/* What came of one due time. */
typedef struct bsi_row_run {
    const char *schedule_id;
    int64_t number; /* Grows with each run of the schedule. */
    int64_t due_at; /* 0: a person asked for it. */
    int64_t recorded_at;
    const char *outcome; /* "started", "skipped_busy", "missed", "failed_to_start". */
    const char *job_id;  /* Of one that was started. */
    const char *status;  /* How that job stands; "pending" until something else is known. */
    int64_t completed_at;
    bs_status error_code;
    bs_layer error_layer;
    const char *error_message;
    void *memory;
} bsi_row_run;

#define BSI_PIN_PIN "pin"
#define BSI_PIN_HOLD "hold"

/* Keeps a backup from being removed. There is at most one of each kind. */
typedef struct bsi_row_pin {
    const char *backup_id;
    const char *kind; /* BSI_PIN_... */
    const char *reason;
    int64_t until; /* 0: without an end. */
    int64_t created_at;
    void *memory;
} bsi_row_pin;

/* A backup that retention is going to remove. */
typedef struct bsi_row_mark {
    const char *backup_id;
    int64_t marked_at;
    int64_t remove_after;
    void *memory;
} bsi_row_mark;

/* A copy of a backup on a storage other than its own. */
typedef struct bsi_row_copy {
    const char *backup_id;
    const char *storage;
    int64_t number;        /* The copies of a backup are tried in this order. */
    bsi_row_status status; /* PENDING, COMPLETED or FAILED. */
    int64_t completed_at;
    bs_status error_code;
    bs_layer error_layer;
    const char *error_message;
    void *memory;
} bsi_row_copy;

/* What a job of kind "drill" has found and measured; the rest is in its job's row. */
typedef struct bsi_row_drill {
    const char *job_id;
    const char *name; /* Of the backup, which may be gone. */
    const char *backup_id;
    const char *scratch; /* Path of a directory that has to be removed; "": it is. */
    bool proven;         /* All that was restored was right. */
    int64_t proven_at;
    uint64_t files; /* Restored, with right content or wrong. */
    uint64_t bytes;
    uint64_t files_wrong;
    int64_t duration; /* Of the restore alone, in nanoseconds. */
    uint64_t backup_files;
    uint64_t backup_bytes;
    void *memory;
} bsi_row_drill;

/* Which backup needs which. */
typedef struct bsi_row_need {
    const char *backup_id;
    const char *needs_id;
    void *memory;
} bsi_row_need;

/* Zeroed and half-filled rows are fine; the row is zeroed. */
void bsi_row_backup_dispose(bsi_row_backup *row);
void bsi_row_job_dispose(bsi_row_job *row);
void bsi_row_drill_dispose(bsi_row_drill *row);
void bsi_row_profile_dispose(bsi_row_profile *row);
void bsi_row_schedule_dispose(bsi_row_schedule *row);

/* NULL is ignored. */
void bsi_row_backups_free(bsi_row_backup *rows, size_t count);
void bsi_row_jobs_free(bsi_row_job *rows, size_t count);
void bsi_row_drills_free(bsi_row_drill *rows, size_t count);
void bsi_row_warnings_free(bsi_row_warning *rows, size_t count);
void bsi_row_profiles_free(bsi_row_profile *rows, size_t count);
void bsi_row_schedules_free(bsi_row_schedule *rows, size_t count);
void bsi_row_runs_free(bsi_row_run *rows, size_t count);
void bsi_row_pins_free(bsi_row_pin *rows, size_t count);
void bsi_row_marks_free(bsi_row_mark *rows, size_t count);
void bsi_row_copies_free(bsi_row_copy *rows, size_t count);

#endif
