/* SPDX-License-Identifier: MIT */
/*
 * A short list of what is in use: as many items as jobs and calls are running.
 */
#include "engine/uses.h"

#include <string.h>

#include "base/alloc.h"

typedef struct bsi_use {
    struct bsi_use *next;
    unsigned readers; /* 0: somebody owns it. */
    char key[];
} bsi_use;

void bsi_uses_init(bsi_uses *uses)
{
    bsi_mutex_init(&uses->lock);
    uses->items = NULL;
}

void bsi_uses_dispose(bsi_uses *uses)
{
    while (uses->items) {
        bsi_use *use = uses->items;
        uses->items = use->next;
        bsi_free(use);
    }
    bsi_mutex_dispose(&uses->lock);
}

/* The link that points at the item, or the NULL link at the end. */
static bsi_use **find_locked(bsi_uses *uses, const char *key)
{
    bsi_use **link = &uses->items;

    while (*link && strcmp((*link)->key, key) != 0) {
        link = &(*link)->next;
    }
    return link;
}

static bs_status begin(bsi_uses *uses, const char *key, unsigned readers)
{
    const size_t size = strlen(key) + 1;
    bsi_use *use = bsi_calloc(1, sizeof(*use) + size);
    bsi_use **link = NULL;
    bs_status status = BS_OK;

    if (!use) {
        return BS_E_NOMEM;
    }
    memcpy(use->key, key, size);
    use->readers = readers;
    bsi_mutex_lock(&uses->lock);
    link = find_locked(uses, key);
    if (!*link) {
        *link = use;
        use = NULL;
    } else if (readers > 0 && (*link)->readers > 0) {
        (*link)->readers++;
    } else {
        status = BS_E_BUSY;
    }
    bsi_mutex_unlock(&uses->lock);
    bsi_free(use);
    return status == BS_OK ? BS_OK
                           : bsi_fail(BS_LAYER_CALLER, status, "'%s' is used by another job", key);
}

bs_status bsi_uses_read(bsi_uses *uses, const char *key)
{
    return begin(uses, key, 1);
}

bs_status bsi_uses_own(bsi_uses *uses, const char *key)
{
    return begin(uses, key, 0);
}

void bsi_uses_end(bsi_uses *uses, const char *key)
{
    bsi_use *gone = NULL;
    bsi_use **link = NULL;

    bsi_mutex_lock(&uses->lock);
    link = find_locked(uses, key);
    BSI_ASSERT(*link);
    if (*link && (*link)->readers > 1) {
        (*link)->readers--;
    } else if (*link) {
        gone = *link;
        *link = gone->next;
    }
    bsi_mutex_unlock(&uses->lock);
    bsi_free(gone);
}
