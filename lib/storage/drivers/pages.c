/* SPDX-License-Identifier: MIT */
/*
 * Listings in pages.
 */
#include "storage/drivers/pages.h"

#include <stdio.h>
#include <string.h>

enum { PAGES_MAX = 10 * 1000 * 1000 };

/* FNV-1a, 64 bits; never 0. */
static uint64_t hash_of(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (; *text; text++) {
        hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
    }
    return hash | 1;
}

/*
 * Of each page the first key must differ from that of one before, which is replaced by a later one
 * after each doubling of the pages (Brent's search for a cycle).
 */
bs_status bsi_pages_check_progress(const bsi_page *page, bs_storage_cursor *cursor)
{
    const uint64_t number = cursor->notes[0] + 1;
    const uint64_t seen = page->count > 0 ? hash_of(page->objects[0].key) : 0;
    const bool same = page->token && strcmp(page->token, cursor->token) == 0;

    if (same || number > PAGES_MAX || (seen != 0 && seen == cursor->notes[1])) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "the server's listing has no end");
    }
    cursor->notes[0] = number;
    if (seen != 0 && (number & (number - 1)) == 0) {
        cursor->notes[1] = seen;
    }
    (void)snprintf(cursor->token, sizeof(cursor->token), "%s", page->token ? page->token : "");
    return BS_OK;
}

bool bsi_pages_are_below(const bsi_page *page, const char *prefix)
{
    for (size_t i = 0; i < page->count; i++) {
        if (strncmp(page->objects[i].key, prefix, strlen(prefix)) != 0) {
            return false;
        }
    }
    return true;
}

bs_status bsi_pages_tell(const bsi_page *page, size_t skip, bs_storage_list_cb callback, void *user)
{
    bs_status status = BS_OK;

    for (size_t i = 0; i < page->count && status == BS_OK; i++) {
        const bsi_page_object *one = &page->objects[i];
        const bs_storage_object object = {
            one->size, one->mtime_ns == BSI_SERVICE_NO_TIME ? BS_STORAGE_NO_TIME : one->mtime_ns};
        status = callback(user, one->key + skip, &object);
    }
    return status;
}

bs_status bsi_pages_list(bsi_pages_next next, void *self, const bs_call *call, const char *prefix,
                         bs_storage_list_cb callback, void *user)
{
    bs_storage_cursor cursor = {.token = ""};
    bs_status status = BS_OK;

    do {
        status = next(self, call, prefix, &cursor, callback, user);
    } while (status == BS_OK && cursor.token[0] != '\0');
    return status;
}
