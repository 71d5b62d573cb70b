/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_REPAIR_INT_H
#define BSI_REPO_REPAIR_INT_H

#include "repo/index.h"
#include "repo/repair.h"

/* What the files of repair share. */
typedef struct bsi_repair {
    const bsi_repo *repo;
    const bs_call *call;
    bsi_repo_lock *lock;
    bsi_repair_options options;
    bsi_repair_report *report;
    bsi_repo_index *index;
} bsi_repair;

BS_NODISCARD static inline bs_status bsi_repair_go_on(const bsi_repair *self)
{
    BSI_TRY(bsi_call_check(self->call));
    return self->lock ? bsi_repo_lock_keep(self->lock, self->call) : BS_OK;
}

static inline void bsi_repair_tell(const bsi_repair *self, const bsi_check_finding *finding)
{
    if (self->options.found) {
        self->options.found(self->options.user, finding);
    }
}

static inline void bsi_repair_tell_pack(const bsi_repair *self, const bsi_digest *pack,
                                        const char *text)
{
    bsi_repair_tell(self,
                    &(bsi_check_finding){.subject = BSI_CHECK_PACK, .id = pack, .text = text});
}

/* Whether a failure is one of what is stored, for good. */
static inline bool bsi_repair_is_damage(bs_status status)
{
    return status == BS_E_CORRUPT || status == BS_E_MISSING || status == BS_E_LIMIT;
}

#endif
