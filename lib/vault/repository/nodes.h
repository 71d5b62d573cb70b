/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_REPOSITORY_NODES_H
#define BSI_VAULT_REPOSITORY_NODES_H

#include "policy/timezone.h"
#include "repo/tree.h"
#include "source/file.h"

/* From what a walk has found to the nodes of trees, with the members that restic sets. */

/*
 * The zone of this machine's clocks: restic writes times with what they show. UTC when the
 * system has none. Freed with bsi_timezone_free().
 */
BS_NODISCARD bs_status bsi_local_zone_load(bsi_timezone **out);

/* An instant as the clocks of a zone show it. */
bsi_go_time bsi_node_time(const bsi_timezone *zone, const bsi_time *time);

/*
 * All that a state tells of a node; the rest is empty. Its name is that of the path's last
 * component. A file's size counts for what will be read of it.
 */
void bsi_node_from_stat(bsi_node *out, bsi_slice path, const bsi_stat *stat,
                        const bsi_timezone *zone);

/*
 * Set the owner's names, the attributes and a link's target of what was opened. The node is valid
 * for as long as the file is open; `xattrs` keeps the list of its attributes, in their order.
 */
BS_NODISCARD bs_status bsi_node_take_file(bsi_node *node, const bsi_source_file *file,
                                          bsi_buf *xattrs);

/* The type of a node as files have it. */
bsi_file_type bsi_node_file_type(bsi_node_type type);

/* Whether what has this state need not be read again: see bsi_source_unchanged(). */
bool bsi_node_unchanged(const bsi_node *before, const bsi_stat *now, const bsi_time *scan_began);

/*
 * The content of a file without a break, holes and all. Begins at the first byte when what comes
 * behind `user` is zero.
 */
typedef struct bsi_flat_reader {
    const bsi_entry *entry;
    /* The next bytes of what is no hole, up to `size`; fewer than that are the last ones. */
    bs_status (*read)(void *user, const bs_call *call, void *buf, size_t size, size_t *got_out);
    void *user;
    uint64_t at;   /* The next byte. */
    size_t extent; /* The first one of a sparse file that does not end before it. */
} bsi_flat_reader;

/* For an open file. */
bsi_flat_reader bsi_flat_of_file(bsi_source_file *file);

/* As bsi_source_read(); what was got counts also when it fails. */
BS_NODISCARD bs_status bsi_flat_read(bsi_flat_reader *reader, const bs_call *call, void *buf,
                                     size_t size, size_t *got_out);

/* How many of the next bytes are known to be 0 without reading them. */
uint64_t bsi_flat_hole(bsi_flat_reader *reader);
/* Pass over some of these. */
void bsi_flat_skip(bsi_flat_reader *reader, uint64_t size);

#endif
