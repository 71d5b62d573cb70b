/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_PACK_INT_H
#define BSI_REPO_PACK_INT_H

#include "repo/pack.h"

/* What reading and writing a pack's header share. */
enum {
    BSI_PACK_LENGTH_SIZE = 4,
    BSI_PACK_ENTRY_SIZE = 1 + 4 + BSI_SHA256_SIZE,
    BSI_PACK_ENTRY_COMPRESSED_SIZE = BSI_PACK_ENTRY_SIZE + 4,
    BSI_PACK_TREE = 1, /* Bits of an entry's type. */
    BSI_PACK_COMPRESSED = 2,
};

/* Bytes of a blob's entry in the header. */
size_t bsi_pack_entry_size(const bsi_blob *blob);

#endif
