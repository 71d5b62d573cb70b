/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_SELECTION_H
#define BSI_VAULT_SELECTION_H

#include "text/pattern.h"
#include "vault/manifest.h"

/*
 * Which entries a restore wants. Each wish is the path of an entry, which takes
 * along all that is below it, or a gitignore pattern on whole paths. One thread
 * at a time.
 */
typedef struct bsi_selection bsi_selection;

/* `paths` is copied; NULL or empty wants everything. BS_E_INVALID names a wish that is no pattern.
 */
BS_NODISCARD bs_status bsi_selection_new(const char *const *paths, bsi_selection **out);
void bsi_selection_free(bsi_selection *selection);

BS_NODISCARD bs_status bsi_selection_wants(bsi_selection *selection, const bsi_entry *entry,
                                           bool *out);

/* Whether anything below a directory may be wanted: true where only looking can tell. */
bool bsi_selection_may_hold(const bsi_selection *selection, bsi_slice folder);

/* Report every wish that nothing has met. */
void bsi_selection_report_unmet(const bsi_selection *selection, const bsi_warn *warn);

#endif
