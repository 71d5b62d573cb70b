/* SPDX-License-Identifier: MIT */
/*
 * Listings that put off telling what they find.
 */
#include "storage/drivers/held.h"

#include <string.h>

enum { HELD_MAX = 16 << 20 }; /* Bytes of a listing that are not told yet. */

void bsi_held_begin(bsi_held *held, bs_storage_list_cb callback, void *user)
{
    *held = (bsi_held){.callback = callback, .user = user};
    bsi_buf_init(&held->objects, HELD_MAX);
}

static bs_status tell(bsi_held *held)
{
    bs_status status = BS_OK;

    held->told = true;
    for (size_t at = 0; at < held->objects.size && status == BS_OK;) {
        const char *key = (const char *)held->objects.data + at + sizeof(bs_storage_object);
        bs_storage_object object;
        memcpy(&object, held->objects.data + at, sizeof(object));
        status = held->callback(held->user, key, &object);
        at += sizeof(object) + strlen(key) + 1;
    }
    bsi_buf_clear(&held->objects);
    return status;
}

bs_status bsi_held_add(bsi_held *held, const char *key, const bs_storage_object *object)
{
    const size_t size = strlen(key) + 1;

    if (size + sizeof(*object) > HELD_MAX - held->objects.size) {
        BSI_TRY(tell(held));
    }
    BSI_TRY(bsi_buf_append(&held->objects, object, sizeof(*object)));
    return bsi_buf_append(&held->objects, key, size);
}

bool bsi_held_has(const bsi_held *held, const char *key)
{
    size_t at = 0;

    while (at < held->objects.size) {
        const char *one = (const char *)held->objects.data + at + sizeof(bs_storage_object);

        if (strcmp(one, key) == 0) {
            return true;
        }
        at += sizeof(bs_storage_object) + strlen(one) + 1;
    }
    return false;
}

bs_status bsi_held_end(bsi_held *held, bs_status status)
{
    if (status == BS_OK) {
        status = tell(held);
    }
    bsi_buf_dispose(&held->objects);
    return status;
}
