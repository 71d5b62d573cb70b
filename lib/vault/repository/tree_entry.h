/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_REPOSITORY_TREE_ENTRY_H
#define BSI_VAULT_REPOSITORY_TREE_ENTRY_H

#include "base/buffer.h"
#include "os/entry.h"
#include "repo/tree.h"

/*
 * A node of a tree as the entry of a backup. `path` is where it is; `xattrs` is
 * memory for the list, which the entry points to afterwards, as it points to
 * what the node points to. A file's size is what the node says.
 *
 * BS_E_CORRUPT of layer STORAGE: no such thing can be in a backup.
 */
BS_NODISCARD bs_status bsi_tree_entry(const bsi_node *node, bsi_slice path, bsi_buf *xattrs,
                                      bsi_entry *out);

#endif
