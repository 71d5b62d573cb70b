/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_SERIES_H
#define BSI_ENGINE_SERIES_H

#include <backupsvc/service.h>

#include "catalog/catalog.h"
#include "policy/retention.h"

/*
 * What the rules say of all backups of a name, at one moment. Each storage is
 * decided on by itself.
 */
typedef struct bsi_fate {
    bsi_retention_decision decision; /* needed_by: index into the series. */
    const bsi_row_mark *mark;        /* NULL: it is not marked. */
} bsi_fate;

typedef struct bsi_fates {
    bsi_series series;
    bsi_fate *fates; /* One for each item of the series. */
} bsi_fates;

/*
 * Decide by `rules`, or with NULL by those of the newest good backup that brought
 * some. When these cannot be read, everything is kept, and that is logged.
 */
BS_NODISCARD bs_status bsi_fates_load(bs_service *service, const char *name,
                                      const bsi_retention_rules *rules, int64_t now,
                                      bsi_fates *out);

/* A zeroed one is ignored. */
void bsi_fates_dispose(bsi_fates *fates);

#endif
