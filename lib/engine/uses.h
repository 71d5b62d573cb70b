/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_USES_H
#define BSI_ENGINE_USES_H

#include "base/error.h"
#include "os/thread.h"

/*
 * Which backups are being read by a job or a call, and which are being
 * replaced or removed: never both. Keys are ids, or names of other things of
 * which there is one owner at a time. Any thread.
 */
typedef struct bsi_uses {
    bsi_mutex lock; /* Guards items. */
    struct bsi_use *items;
} bsi_uses;

/* Read by those who remove rows, owned by who makes all of them anew. */
#define BSI_USES_CATALOG "the catalogue"

void bsi_uses_init(bsi_uses *uses);
void bsi_uses_dispose(bsi_uses *uses);

/* Any number may read: BS_E_BUSY while somebody owns it. Ends with bsi_uses_end(). */
BS_NODISCARD bs_status bsi_uses_read(bsi_uses *uses, const char *key);

/* Alone: BS_E_BUSY while somebody else reads or owns it. Ends with bsi_uses_end(). */
BS_NODISCARD bs_status bsi_uses_own(bsi_uses *uses, const char *key);

void bsi_uses_end(bsi_uses *uses, const char *key);

#endif
