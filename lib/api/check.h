/* SPDX-License-Identifier: MIT */
#ifndef BSI_API_CHECK_H
#define BSI_API_CHECK_H

#include <backupsvc/backup.h>

#include "base/error.h"

/*
 * What exported functions do before they call down: arguments that must be
 * there, and options structs of other releases.
 */

/* Return BS_E_INVALID when a pointer argument is NULL. */
#define BSI_REQUIRE(argument)                                                                  \
    do {                                                                                       \
        if (!(argument)) {                                                                     \
            return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "%s: must not be NULL", #argument); \
        }                                                                                      \
    } while (0)

/*
 * Copy a caller's options struct, which begins with its size, into `own`: a
 * zeroed struct of this release. A caller of an earlier release gives less; one
 * of a later release may give more, as long as that is all zero. NULL: all
 * defaults. `first_size` is the struct's size in the first release.
 */
BS_NODISCARD bs_status bsi_options_take(const char *what, const void *options, size_t first_size,
                                        void *own, size_t own_size);

/* The same for the options of a backup, which also stand in those of a schedule. */
BS_NODISCARD bs_status bsi_backup_options_take(const char *what, const bs_backup_options *options,
                                               bs_backup_options *own);

/* What ..._options_init() does: zeros and the size. */
void bsi_options_init(void *options, size_t size);

#endif
