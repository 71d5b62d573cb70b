/* SPDX-License-Identifier: MIT */
#ifndef BSI_CRYPTO_SLOT_INT_H
#define BSI_CRYPTO_SLOT_INT_H

#include "crypto/cipher_int.h"

/*
 * A data key wrapped for one key, as key sets and boxes store it:
 *
 *     number 4 | kind 1 | size of the label 1 | size of the body 2 | label | body
 *
 * Slots of kinds that are not known are kept as they are; nothing opens them.
 */
enum { BSI_SLOT_HEAD_SIZE = 8, BSI_SLOT_LABEL_MAX = 64 };

typedef struct bsi_slot {
    bsi_slot_info info;
    const bsi_cipher_driver *driver; /* NULL: of a kind that is not known. */
    uint8_t *bytes;                  /* The stored form. */
    size_t size;
    bsi_slot_facts facts; /* Points into `bytes`. */
} bsi_slot;

void bsi_slot_dispose(bsi_slot *slot);

/* A slot for `key`, filled. `owner` has BSI_SLOT_OWNER_SIZE bytes; label: "" for none. */
BS_NODISCARD bs_status bsi_slot_make(bsi_slot *out, const uint8_t *owner, uint32_t number,
                                     const char *label, bsi_key *key, const bsi_keyset_cost *cost,
                                     const bsi_secret *data_key);

/* The slot that `data` begins with, copied. BS_E_CORRUPT or BS_E_LIMIT when it can be none. */
BS_NODISCARD bs_status bsi_slot_parse(const uint8_t *data, size_t size, bsi_slot *out);

/* Whether to try `key` on it: of its kind, able to open, with its fingerprint. */
bool bsi_slot_suits(const bsi_slot *slot, const bsi_key *key);
/* BS_E_KEY when it does not fit. */
BS_NODISCARD bs_status bsi_slot_open(const bsi_slot *slot, const uint8_t *owner, bsi_key *key,
                                     bsi_secret **data_key_out);

#endif
