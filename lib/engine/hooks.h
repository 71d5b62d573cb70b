/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_HOOKS_H
#define BSI_ENGINE_HOOKS_H

#include "engine/config.h"
#include "engine/job.h"

/*
 * Commands that the settings HOOK_BEFORE, HOOK_AFTER and HOOK_FAILURE name, each
 * a JSON array of texts: the program's absolute path and its arguments. Behind
 * them come the backup's id, its name and its status. There is no shell.
 */

/* Before a backup reads its source. When it fails, so does the backup. */
BS_NODISCARD bs_status bsi_hook_before(bsi_job *job, const char *name);

/* How a backup ended: HOOK_AFTER, or HOOK_FAILURE when it failed or was cancelled. */
void bsi_hook_end(bsi_job *job, const bsi_job_view *end);

/* Whether a setting's text is such an array. */
bool bsi_hook_is_valid(const char *text);

#endif
