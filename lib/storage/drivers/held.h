/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_HELD_H
#define BSI_STORAGE_DRIVERS_HELD_H

#include <backupsvc/sys/storage_driver.h>

#include "base/buffer.h"

/*
 * A listing that puts off telling what it finds. As long as nothing was told, whoever tries again
 * after a failure can begin anew: so that is put off while there is room.
 */
typedef struct bsi_held {
    bs_storage_list_cb callback;
    void *user;
    bool told;       /* Something was, before the end. */
    bsi_buf objects; /* An object and its key with a NUL, again and again. */
} bsi_held;

void bsi_held_begin(bsi_held *held, bs_storage_list_cb callback, void *user);

/* What the callback answers, when there was no more room and it was called. */
BS_NODISCARD bs_status bsi_held_add(bsi_held *held, const char *key,
                                    const bs_storage_object *object);

/* Whether a key is among what is not told yet. */
bool bsi_held_has(const bsi_held *held, const char *key);

/* After a listing that ended so: on BS_OK what is left is told. Gives back the memory. */
BS_NODISCARD bs_status bsi_held_end(bsi_held *held, bs_status status);

#endif
