/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_METRICS_RENDER_H
#define BSI_ENGINE_METRICS_RENDER_H

#include <backupsvc/service.h>

#include "engine/metrics_text.h"

/*
 * All metrics of a service as text, ended by NUL; freed with bsi_free(). `version` is the
 * library's. What follows from
 * the catalogue outlives restarts; counters of storages and of bsi_metrics begin at 0.
 */
BS_NODISCARD bs_status bsi_metrics_render(bs_service *service, const char *version, char **out);

/* --- Parts; what fails to be written stays in the text. --- */

/* Jobs that have ended. */
BS_NODISCARD bs_status bsi_metrics_put_runs(bs_service *service, bsi_metrics_text *text);

/* What is held, by name. */
BS_NODISCARD bs_status bsi_metrics_put_names(bs_service *service, bsi_metrics_text *text);

/* Jobs that wait or run, and who runs them. */
BS_NODISCARD bs_status bsi_metrics_put_live(bs_service *service, bsi_metrics_text *text);

/* Storages and what was asked of them. */
BS_NODISCARD bs_status bsi_metrics_put_storages(bs_service *service, bsi_metrics_text *text);

#endif
