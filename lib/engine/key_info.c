/* SPDX-License-Identifier: MIT */
/*
 * Infos of the keyring and of signers.
 */
#include "engine/key_info.h"

#include <string.h>

#include "base/alloc.h"
#include "engine/info_parts.h"
#include "engine/service.h"

typedef struct ring_box {
    bs_keyring_info info; /* What the caller holds: must come first. */
    bsi_arena arena;
} ring_box;

_Static_assert((int)BS_SIGNER_SIZE == 2 * (int)BSI_SIGN_KEY_SIZE + 1, "the hex digits of a key");

static bs_status fill_entries(const bsi_keyring *ring, ring_box *box)
{
    bs_keyring_entry *entries = bsi_arena_alloc(&box->arena, ring->count + 1, sizeof(*entries));

    if (!entries) {
        return BS_E_NOMEM;
    }
    for (size_t i = 0; i < ring->count; i++) {
        const bsi_ring_entry *entry = &ring->entries[i];
        entries[i].name = bsi_arena_text(&box->arena, entry->name);
        entries[i].added_at = bsi_info_time(&box->arena, entry->added_at);
        entries[i].kind = (bs_key_kind)bsi_key_kind_of(entry->key);
        entries[i].can_open = bsi_key_can_open(entry->key);
        bsi_key_fingerprint(entry->key, entries[i].fingerprint);
        if (!entries[i].name || !entries[i].added_at) {
            return BS_E_NOMEM;
        }
    }
    box->info.entries = entries;
    box->info.entries_count = ring->count;
    return BS_OK;
}

static bs_status fill_signers(bs_service *service, ring_box *box)
{
    bsi_known_signer *known = NULL;
    bs_signer *signers = NULL;
    bsi_public_key own;
    size_t count = 0;
    bs_status status = bsi_service_signing_key(service, &own);

    if (status >= 0) {
        bsi_public_key_format(&own, box->info.signing_key);
    } else if (status != BS_E_NOT_FOUND) {
        return status;
    }
    BSI_TRY(bsi_signers_list(service, &box->arena, &known, &count));
    signers = bsi_arena_alloc(&box->arena, count + 1, sizeof(*signers));
    if (!signers) {
        return BS_E_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        bsi_public_key_format(&known[i].key, signers[i].public_key);
        signers[i].name = known[i].name;
        signers[i].is_own = strcmp(signers[i].public_key, box->info.signing_key) == 0;
    }
    box->info.signers = signers;
    box->info.signers_count = count;
    return BS_OK;
}

bs_status bsi_keyring_info_get(bs_service *service, bs_keyring_info **out)
{
    ring_box *box = bsi_calloc(1, sizeof(*box));
    bsi_keyring ring = {0};
    bs_status status = box ? bsi_keys_ring_load(service, &ring) : BS_E_NOMEM;

    if (status >= 0) {
        status = fill_entries(&ring, box);
    }
    bsi_keyring_dispose(&ring);
    if (status >= 0) {
        status = fill_signers(service, box);
    }
    if (status < 0) {
        bsi_keyring_info_free(box ? &box->info : NULL);
        return status;
    }
    *out = &box->info;
    return BS_OK;
}

void bsi_keyring_info_free(bs_keyring_info *info)
{
    ring_box *box = (ring_box *)info;

    if (box) {
        bsi_arena_dispose(&box->arena);
        bsi_free(box);
    }
}
