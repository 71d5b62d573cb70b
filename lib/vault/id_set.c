/* SPDX-License-Identifier: MIT */
/*
 * A short list of ids, each once.
 */
#include "vault/id_set.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

void bsi_id_set_dispose(bsi_id_set *set)
{
    bsi_free(set->ids);
    *set = (bsi_id_set){0};
}

bs_status bsi_id_set_add(bsi_id_set *set, const char *id)
{
    char(*grown)[BS_ID_SIZE] = NULL;

    if (!id[0] || (set->count > 0 && strcmp(set->ids[set->last], id) == 0)) {
        return BS_OK;
    }
    for (size_t i = 0; i < set->count; i++) {
        if (strcmp(set->ids[i], id) == 0) {
            set->last = i;
            return BS_OK;
        }
    }
    grown = bsi_realloc_array(set->ids, set->count + 1, sizeof(*grown));
    if (!grown) {
        return BS_E_NOMEM;
    }
    set->ids = grown;
    (void)snprintf(grown[set->count], BS_ID_SIZE, "%s", id);
    set->last = set->count;
    set->count++;
    return BS_OK;
}
