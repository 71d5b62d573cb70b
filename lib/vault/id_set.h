/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_ID_SET_H
#define BSI_VAULT_ID_SET_H

#include "base/error.h"

/* The ids of backups whose containers a run refers to. Few; one thread at a time. */
typedef struct bsi_id_set {
    char (*ids)[BS_ID_SIZE];
    size_t count;
    size_t last; /* Where the last one was found: the next is most often the same. */
} bsi_id_set;

void bsi_id_set_dispose(bsi_id_set *set);

/* "" is left out. */
BS_NODISCARD bs_status bsi_id_set_add(bsi_id_set *set, const char *id);

#endif
