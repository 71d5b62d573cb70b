/* SPDX-License-Identifier: MIT */
#ifndef BSI_CATALOG_CATALOG_INT_H
#define BSI_CATALOG_CATALOG_INT_H

#include "catalog/catalog.h"
#include "catalog/sql.h"
#include "os/thread.h"

/*
 * Inside of a catalogue. Everything but opening and closing takes the lock;
 * what expects it held says so by `_locked`.
 */
struct bsi_catalog {
    bsi_mutex lock; /* Guards the connection. Taken alone. */
    bsi_db *db;
};

/* Take the lock and begin a transaction that writes. After a failure nothing is held. */
BS_NODISCARD bs_status bsi_catalog_begin(bsi_catalog *catalog);

/* Commit when `status` is no failure, else roll back; let go of the lock; tell the outcome. */
BS_NODISCARD bs_status bsi_catalog_end(bsi_catalog *catalog, bs_status status);

/* Check a file and bring it up to the present version, or with `create` fill an empty one. */
BS_NODISCARD bs_status bsi_schema_prepare(bsi_db *db, bool create);

BS_NODISCARD bs_status bsi_meta_get_locked(bsi_db *db, const char *key, char **value_out);
BS_NODISCARD bs_status bsi_meta_set_locked(bsi_db *db, const char *key, const char *value);

BS_NODISCARD bs_status bsi_backup_get_locked(bsi_db *db, const char *id, bsi_row_backup *out);
BS_NODISCARD bs_status bsi_backup_insert_locked(bsi_db *db, const bsi_row_backup *row,
                                                int64_t *seq_out);
BS_NODISCARD bs_status bsi_needs_replace_locked(bsi_db *db, const char *id,
                                                const char *const *needs, size_t count);
BS_NODISCARD bs_status bsi_warnings_remove_locked(bsi_db *db, const char *id);

/* A row of a job, with what it changes in the sums. */
BS_NODISCARD bs_status bsi_job_add_locked(bsi_db *db, const bsi_row_job *row);
BS_NODISCARD bs_status bsi_job_update_locked(bsi_db *db, const bsi_row_job *row);

/* Copies of a backup that goes. */
BS_NODISCARD bs_status bsi_copies_remove_locked(bsi_db *db, const char *id);
/* Those of a backup that is imported. */
BS_NODISCARD bs_status bsi_copies_import_locked(bsi_db *db, const bsi_backup_import *item);

/* Pins and the mark of a backup that goes; with NULL those whose backup is gone. */
BS_NODISCARD bs_status bsi_pins_remove_locked(bsi_db *db, const char *id);
/* BS_E_NEEDED, with its reason, when a pin or hold is in force. */
BS_NODISCARD bs_status bsi_pins_check_locked(bsi_db *db, const char *id, int64_t now_ns);

#ifdef BSI_TESTING
/* Lead SQLite's own file calls past the seam of os/fault.h, for the whole process. */
void bsi_sql_faults_install(void);
#endif

#endif
