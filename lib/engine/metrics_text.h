/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_METRICS_TEXT_H
#define BSI_ENGINE_METRICS_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/*
 * Writes Prometheus' text format 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/): families with
 * help and type, then their samples. The first failure sticks; what follows is
 * ignored, so callers look at `status` once.
 */
typedef struct bsi_metrics_text {
    bsi_buf buf;
    bs_status status;
    const char *family; /* Without its prefix; set by bsi_metrics_text_family(). */
    const char *prefix;
} bsi_metrics_text;

typedef struct bsi_label {
    const char *name; /* NULL: this one and those behind it are not there. */
    const char *value;
} bsi_label;

enum { BSI_LABELS_MAX = 5 };

/* "backupsvc_", before all names but those that are everybody's. */
#define BSI_METRICS_PREFIX "backupsvc_"

void bsi_metrics_text_init(bsi_metrics_text *text);
void bsi_metrics_text_dispose(bsi_metrics_text *text);

/* `name` and `prefix` are kept. Each family once, with all its samples behind it. */
void bsi_metrics_text_family(bsi_metrics_text *text, const char *prefix, const char *name,
                             const char *type, const char *help);

/* Samples of the family begun last. `labels`: BSI_LABELS_MAX of them, or NULL. */
void bsi_metrics_text_count(bsi_metrics_text *text, const bsi_label *labels, uint64_t value);

/* A number with this many decimal places, such as nanoseconds as seconds with 9. */
void bsi_metrics_text_decimal(bsi_metrics_text *text, const bsi_label *labels, int64_t value,
                              unsigned places);

/* One of "_bucket", "_sum", "_count" of a histogram; `le` NULL: it has none. */
typedef struct bsi_histogram {
    const int64_t *bounds;  /* In units of `places` decimal places. */
    const uint64_t *counts; /* One more than bounds; each of its own bucket. */
    size_t bounds_count;
    unsigned places;
    int64_t sum;
    unsigned sum_places;
} bsi_histogram;

void bsi_metrics_text_histogram(bsi_metrics_text *text, const bsi_label *labels,
                                const bsi_histogram *histogram);

#endif
