/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_CONTENT_H
#define BSI_VAULT_CONTENT_H

#include "vault/manifest.h"

/*
 * Where the bytes of a backup's files come from: containers for the archive
 * form, objects for the mirror. What reads files (restore, verification,
 * browsing) is the same for all forms and sees only this. One thread at a time.
 */
typedef struct bsi_content {
    /* Go to a file's first data byte. Files in the order of the manifest are the fast way. */
    bs_status (*begin)(void *self, const bsi_manifest_entry *entry);
    /* The next data bytes, exactly so many: of a sparse file, those of its extents. */
    bs_status (*next)(void *self, void *buf, size_t size);
    void *self;
    /* Forget what was read of the storage, which gives other bytes from now on; NULL: nothing is
     * kept. */
    void (*forget)(void *self);
} bsi_content;

/*
 * Read a file whole, hand it on piece by piece (`data` may be NULL) and compare
 * its hash: BS_E_CORRUPT at the end when it differs.
 */
BS_NODISCARD bs_status bsi_content_check(const bsi_content *content, const bs_call *call,
                                         const bsi_manifest_entry *entry, bsi_sha256 *hash,
                                         bsi_bytes_cb data, void *user);

/* The file at `path` for bsi_vault.read: its bytes with zeros in the holes. */
BS_NODISCARD bs_status bsi_content_read(const bsi_content *content, const bs_call *call,
                                        bsi_manifest_reader *manifest, bsi_slice path,
                                        bsi_bytes_cb data, void *user);

#endif
