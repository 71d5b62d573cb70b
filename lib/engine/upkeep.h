/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_UPKEEP_H
#define BSI_ENGINE_UPKEEP_H

#include <backupsvc/service.h>

/*
 * What the service does by itself after backups: it applies retention to their
 * names, and once a day to all names. A runner does it when its job is over and
 * everybody has been told, so that nobody waits for it.
 */

/* A backup of this name completes. Without memory, or unless cleaning up is wanted: nothing. */
void bsi_upkeep_want(bs_service *service, const char *name);

/* Do what is wanted. Failures are logged. */
void bsi_upkeep_do(bs_service *service);

/* Forget what is left. */
void bsi_upkeep_drop(bs_service *service);

#endif
