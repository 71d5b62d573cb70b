/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_RETENTION_H
#define BSI_ENGINE_RETENTION_H

#include <backupsvc/retention.h>

#include "base/error.h"

/*
 * Retention in two steps: what no rule keeps is marked, and removed when a later
 * look still finds it so and its time of grace is over. Each step of each
 * backup stands for itself, so that a run may die anywhere and several may go
 * on at once.
 */
BS_NODISCARD bs_status bsi_retention_plan(bs_service *service, const bs_retention_options *options,
                                          bs_retention_report **out);
BS_NODISCARD bs_status bsi_retention_apply(bs_service *service, const bs_retention_options *options,
                                           bs_retention_report **out);
void bsi_retention_report_free(bs_retention_report *report);

/*
 * What the service does by itself: apply the own rules of one name, or with
 * NULL of all, and sweep up. What happens is logged. BS_PARTIAL: something is
 * left for the next time, also when the service is closing. BS_E_CLOCK.
 */
BS_NODISCARD bs_status bsi_retention_run(bs_service *service, const char *name);

/* Space is short on a storage: what is marked there already goes without waiting. Else as above,
 * but for the sweeping. */
BS_NODISCARD bs_status bsi_retention_press(bs_service *service, const char *storage);

#endif
