/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_LINKS_H
#define BSI_VAULT_LINKS_H

#include "archive/archive.h"
#include "vault/vault.h"

/*
 * Groups of hard links found in one run: files of one inode under several
 * names. The first name in order is the group's head; its content is the
 * content of all. Memory: about 150 bytes and the head's path for each inode
 * that has more than one link. One thread at a time.
 */
typedef struct bsi_links bsi_links;

#define BSI_NO_GROUP UINT32_MAX

/* Where a group's content is. */
typedef struct bsi_group_content {
    bool known;         /* false: the head was not stored (yet, or never). */
    bool stored_before; /* In a container that exists: locator and stored_in count. */
    uint64_t size;      /* Of the head when it was stored, */
    bsi_time mtime;     /* and its time: other names must agree. */
    bsi_digest sha256;
    char stored_in[BS_ID_SIZE];
    bsi_locator locator;
    bsi_archive_mark mark; /* In the container that is being written. */
} bsi_group_content;

BS_NODISCARD bs_status bsi_links_new(bsi_links **out);
void bsi_links_free(bsi_links *links);

/*
 * The group of an inode, made when this is its first name: *is_new_out tells.
 * The first name becomes the head.
 */
BS_NODISCARD bs_status bsi_links_add(bsi_links *links, const bsi_stat *stat, bsi_slice path,
                                     uint32_t *group_out, bool *is_new_out);

/* Whether something is of the group's inode, and as it was when the head was stored. */
bool bsi_links_is_member(const bsi_links *links, uint32_t group, const bsi_stat *stat);

/* Borrowed until the next bsi_links_add() or bsi_links_set_head(). */
bsi_slice bsi_links_head(const bsi_links *links, uint32_t group);
bsi_group_content *bsi_links_content(bsi_links *links, uint32_t group);
/* Another name takes the head's place, because the head could not be stored. */
BS_NODISCARD bs_status bsi_links_set_head(bsi_links *links, uint32_t group, bsi_slice path);

#endif
