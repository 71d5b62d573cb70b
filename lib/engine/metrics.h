/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_METRICS_H
#define BSI_ENGINE_METRICS_H

#include "engine/arena.h"
#include "os/thread.h"

/*
 * What is counted while a service is open, for bs_metrics(). Only what cannot
 * be derived from the catalogue is counted here: these counters begin at 0 with
 * each open, as Prometheus allows.
 *
 * A family has up to two labels. The values of most are a few fixed words, whose
 * series are there from the beginning; a value that is a name made by a person is the
 * first one, and as soon as there are METRICS_MAX_NAMES of those, further ones
 * count as "_other". Ids and paths are never values.
 *
 * X(id, name behind "backupsvc_", first label, second label, help)
 */
/* clang-format off */
#define BSI_METRIC_MAP(X)                                                                          \
    X(JOB_WARNINGS, "job_warnings_total", "kind", "reason",                                        \
      "What jobs left out or passed over, and why.")                                               \
    X(SOURCE_FILES, "source_files_total", "change", NULL,                                          \
      "Files of sources in completed backups, by what had changed since the one before.")          \
    X(VERIFY_ERRORS, "verify_errors_total", "kind", NULL,                                          \
      "Damaged objects that verifications found.")                                                 \
    X(RETENTION_DELETED, "retention_deleted_total", "reason", NULL,                                \
      "Backups that were removed, and why.")                                                       \
    X(RETENTION_RECLAIMED, "retention_reclaimed_bytes_total", NULL, NULL,                          \
      "Bytes of storage that removed backups gave back.")                                          \
    X(AUDIT_EVENTS, "audit_events_total", "action", NULL,                                          \
      "Records of the audit log.")
/* clang-format on */

typedef enum bsi_metric {
#define BSI_METRIC_ENUM(id, name, first, second, help) BSI_METRIC_##id,
    BSI_METRIC_MAP(BSI_METRIC_ENUM)
#undef BSI_METRIC_ENUM
        BSI_METRIC_COUNT
} bsi_metric;

/* The value that stands for all names beyond the limit. */
#define BSI_METRIC_OTHER "_other"

typedef struct bsi_metrics {
    bsi_mutex lock; /* Guards what follows. Taken alone. */
    size_t max_names;
    struct bsi_metric_series *families[BSI_METRIC_COUNT];
} bsi_metrics;

void bsi_metrics_init(bsi_metrics *metrics);
void bsi_metrics_dispose(bsi_metrics *metrics);

/* The series whose words are known, at 0; and how many names a label may take. */
BS_NODISCARD bs_status bsi_metrics_begin(bsi_metrics *metrics, size_t max_names);

/*
 * Count. `first` and `second` are values of the labels, and NULL where the
 * family has none. Any thread. Without memory for a new series the count is lost.
 */
void bsi_metrics_count(bsi_metrics *metrics, bsi_metric metric, const char *first,
                       const char *second, uint64_t by);

/* One series as it stands. */
typedef struct bsi_metric_value {
    const char *first; /* "" without that label. */
    const char *second;
    uint64_t value;
} bsi_metric_value;

/* All series of a family, sorted; in `arena`. */
BS_NODISCARD bs_status bsi_metrics_copy(bsi_metrics *metrics, bsi_metric metric, bsi_arena *arena,
                                        bsi_metric_value **out, size_t *count_out);

#endif
