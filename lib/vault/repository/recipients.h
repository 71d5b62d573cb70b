/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_REPOSITORY_RECIPIENTS_H
#define BSI_VAULT_REPOSITORY_RECIPIENTS_H

#include "crypto/keyset.h"

/*
 * The public keys of those whom a repository is for, in the public part of its
 * key set:
 *
 *     {"recipients":["-----BEGIN PUBLIC KEY-----\n...", ...]}
 *
 * A slot has no more than a key's fingerprint; another pass phrase, which comes
 * when one of them goes, is wrapped for the others with what stands here.
 */
typedef struct bsi_recipients {
    bsi_key *items[BSI_KEYSET_SLOTS_MAX]; /* Each with its reference. */
    size_t count;
} bsi_recipients;

/* Those of an open set that has a slot for each; what else it names counts for nothing. */
BS_NODISCARD bs_status bsi_recipients_read(const bsi_keyset *set, bsi_recipients *out);
/* A zeroed one is empty. */
void bsi_recipients_dispose(bsi_recipients *recipients);

/* The one whose key it is, or NULL. */
bsi_key *bsi_recipients_find(const bsi_recipients *recipients, const char *fingerprint);

/* Make them the public part of an open set; `signer` NULL: nobody signs it. */
BS_NODISCARD bs_status bsi_recipients_publish(bsi_keyset *set, bsi_key *const *keys, size_t count,
                                              const bsi_signer *signer);

#endif
