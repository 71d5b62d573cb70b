/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_ROOTS_H
#define BSI_ENGINE_ROOTS_H

#include "engine/config.h"

/*
 * The settings SOURCE_ROOTS and RESTORE_ROOTS: where the paths of requests must lie. They bound
 * what a request can name; who may write beneath a root can still put a link in the way between
 * the check and the work.
 *
 * Whether the normalised `path` is one of the directories in the setting `roots`, or lies below one
 * with no symbolic link on the way; the last component counts too, and may be missing. BS_OK when
 * none are set. BS_E_ACCESS of layer CALLER: it does not; other failures: that cannot be told.
 */
BS_NODISCARD bs_status bsi_roots_allow(const bs_config *config, bsi_config_id roots,
                                       const char *path);

#endif
