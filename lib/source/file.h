/* SPDX-License-Identifier: MIT */
#ifndef BSI_SOURCE_FILE_H
#define BSI_SOURCE_FILE_H

#include "base/warn.h"
#include "os/entry.h"
#include "task/call.h"

/*
 * Opening what a walk has found. A tree keeps the descriptors, owner names and
 * buffers that the next file can use again; paths in order are the fast way.
 * One thread at a time for a tree; each thread that opens has its own.
 *
 * Failures are of layer SOURCE and name the path.
 */
typedef struct bsi_source_tree bsi_source_tree;

/* `roots` as for a walk; they and `warn`, which may be NULL, are borrowed. Opens nothing yet. */
BS_NODISCARD bs_status bsi_source_tree_new(const char *const *roots, size_t root_count,
                                           const bsi_warn *warn, bsi_source_tree **out);
/* After all its files are closed. NULL is ignored. */
void bsi_source_tree_free(bsi_source_tree *tree);

/* What was opened. May be read by another thread than the tree's, one at a time. */
typedef struct bsi_source_file bsi_source_file;

/*
 * Open one path as walks give it. The content is only opened of regular files;
 * nothing waits for the other end of a FIFO. Attributes that cannot be read are
 * reported, the file is given without them. Several files may be open at once.
 *
 * BS_E_NOT_FOUND: vanished, or below none of the roots.
 */
BS_NODISCARD bs_status bsi_source_open(bsi_source_tree *tree, bsi_slice path,
                                       bsi_source_file **out);
/*
 * The same for a directory on the way to one of the roots, and none of them: links on the
 * way are followed, as whoever names a root has chosen them.
 */
BS_NODISCARD bs_status bsi_source_open_above(bsi_source_tree *tree, bsi_slice path,
                                             bsi_source_file **out);
/* Gives the file back to its tree, on the tree's thread. NULL is ignored. */
void bsi_source_close(bsi_source_file *file);

/*
 * All there is to know of it but `linked`. Valid until it is closed. A file
 * with holes has `sparse` set, unless it has more than a million extents.
 */
const bsi_entry *bsi_source_entry(const bsi_source_file *file);

/*
 * The names of its attributes in the system's order, each with its NUL; those that could not
 * be read are among them.
 */
bsi_slice bsi_source_attribute_names(const bsi_source_file *file);

/*
 * The next stored bytes: of a sparse file those in extents only, never beyond
 * the size it had when it was opened. Fewer than `size` only at the end, then 0.
 * BS_E_CHANGED: it has become shorter.
 */
BS_NODISCARD bs_status bsi_source_read(bsi_source_file *file, const bs_call *call, void *buf,
                                       size_t size, size_t *got_out);

/* Nothing more is read: gives the descriptor back. What the entry tells stays. */
void bsi_source_end_reading(bsi_source_file *file);

/* Begin again at the first byte. */
void bsi_source_rewind(bsi_source_file *file);

/* BS_E_CHANGED when it is not what it was when it was opened: size, times. */
BS_NODISCARD bs_status bsi_source_check(bsi_source_file *file);

#endif
