/* SPDX-License-Identifier: MIT */
#ifndef BSI_TARGET_TARGET_H
#define BSI_TARGET_TARGET_H

#include "base/warn.h"
#include "os/entry.h"
#include "task/call.h"

/*
 * Where a restore lands: a tree of files beneath one root that nothing in a
 * manifest and nobody else on the machine can make it leave. Every step goes
 * from descriptor to descriptor and never through a symbolic link; a file gets
 * its name only when its content and metadata are complete.
 *
 * Order of calls: directories before what is in them and files in manifest
 * order, then hard links, symbolic links and nodes, then bsi_target_dir_finish()
 * for every directory, deepest first, bsi_target_root_finish() where the root stands for one of
 * them, then bsi_target_sync().
 *
 * Each call that places an entry answers
 *   BS_OK       it stands there,
 *   BS_PARTIAL  it was left out and the reason went to `warn`; go on,
 *   negative    it failed and nothing changed under its name. NO_SPACE and IO
 *               will most likely meet the next entry too. Not yet reported.
 *
 * Thread-safety: one thread, the job's, except for bsi_target_file_write(),
 * _commit() and _abort(): those may run on any thread, many files at a time and
 * several writes of one file, while the job's thread goes on. A file ends when
 * all its writes have come back.
 *
 * Memory: 64 directory descriptors, about 100 bytes for each directory made and
 * each file with several names (stat.nlink > 1), and what is under way. A file under
 * way holds a descriptor, and one more that files of its directory share;
 * callers bound how many there are.
 */
typedef struct bsi_target bsi_target;
typedef struct bsi_target_file bsi_target_file;

/* Who owns what `from` owned: each a name, or an id in decimal. */
typedef struct bsi_owner_rule {
    bsi_slice from;
    bsi_slice to;
    bool group; /* A rule for groups; else for users. */
} bsi_owner_rule;

typedef struct bsi_target_options {
    /* Replace what is there. Else it is kept, and reported with BS_E_EXISTS. Directories that
     * exist are entered in any case; one that is not empty is never removed for something else. */
    bool overwrite;
    /* Mode, ACL, extended attributes, modification time. Else: 0600, or 0644 and 0755 where the
     * entry is readable for others; the times of the restore. */
    bool permissions;
    /* Owner and group: by rule, else by name, else by number. */
    bool ownership;
    /* Also setuid and setgid bits of files (where the owner is right), devices, trusted.* and
     * security.* attributes. */
    bool privileged;
    const bsi_owner_rule *owners; /* First match counts, a name's before an id's. Borrowed. */
    size_t owner_count;
    /* Stands in the names of temporary files, up to 8 lower-case hexadecimal digits of
     * the job's id. NULL: random ones. */
    const char *short_id;
    const bsi_warn *warn; /* Borrowed; NULL: nobody listens. */
} bsi_target_options;

/*
 * Open the root, made with mode 0755 if missing, parents too. The root itself and what leads to it
 * may be symbolic links. Nothing is written but those directories when it fails: BS_E_EXISTS
 * (something else than a directory is there), BS_E_ACCESS, BS_E_READ_ONLY, BS_E_NO_SPACE.
 * `call` is polled by every entry and outlives the target; it may be NULL.
 */
BS_NODISCARD bs_status bsi_target_open(const char *path, const bsi_target_options *options,
                                       const bs_call *call, bsi_target **out);

/* Every file is committed or aborted by then. Reports what was counted and not yet told. */
void bsi_target_close(bsi_target *target);

/* BS_E_NO_SPACE, with what is needed and what there is, when so much cannot fit. */
BS_NODISCARD bs_status bsi_target_check_space(bsi_target *target, uint64_t bytes, uint64_t files);

/*
 * Make a directory, or enter the one that is there. Parents that are missing get mode 0755.
 * Others cannot enter it before bsi_target_dir_finish().
 */
BS_NODISCARD bs_status bsi_target_dir(bsi_target *target, const bsi_entry *entry);

/*
 * Give a directory its metadata, when everything in it is done: only one that this run made or,
 * with `overwrite`, one that was there. Once for each. BS_OK when there is nothing to do.
 */
BS_NODISCARD bs_status bsi_target_dir_finish(bsi_target *target, const bsi_entry *entry);

/*
 * The same for the root, which takes the place of `entry`; its path is only reported. When all
 * other directories are finished: no file may be begun after it.
 */
BS_NODISCARD bs_status bsi_target_root_finish(bsi_target *target, const bsi_entry *entry);

/*
 * Begin a file under a temporary name. Copies what it needs of the entry. What is never written
 * reads as zeros, and each byte is written once at most. `*out` is set only on BS_OK, and ends with
 * bsi_target_file_commit() or bsi_target_file_abort().
 */
BS_NODISCARD bs_status bsi_target_file_begin(bsi_target *target, const bsi_entry *entry,
                                             bsi_target_file **out);

/*
 * Write at any offset inside the entry's size (BS_E_RANGE beyond it), in any order. Blocks of
 * zeros in a sparse file stay holes. After a failure the file can only be aborted.
 */
BS_NODISCARD bs_status bsi_target_file_write(bsi_target_file *file, uint64_t offset,
                                             const void *data, size_t size);

/*
 * Metadata, then the name: the file is there whole, or not at all. The content is verified by the
 * caller before. Ends the file whatever it answers, as described above; durable only after
 * bsi_target_sync().
 */
BS_NODISCARD bs_status bsi_target_file_commit(bsi_target_file *file);

/* Remove what was written. NULL is ignored; the error record is left alone. */
void bsi_target_file_abort(bsi_target_file *file);

/* A symbolic link; its content is data and is never followed. */
BS_NODISCARD bs_status bsi_target_symlink(bsi_target *target, const bsi_entry *entry);

/*
 * A further name of what is at entry->linked, which this run must have committed. BS_E_NOT_FOUND:
 * it did not, or no link can be made: restore the content as a file of its own.
 */
BS_NODISCARD bs_status bsi_target_hardlink(bsi_target *target, const bsi_entry *entry);

/* A FIFO, or a device if privileged. Sockets and other devices are left out. */
BS_NODISCARD bs_status bsi_target_node(bsi_target *target, const bsi_entry *entry);

/*
 * Remove temporary files of runs that died, from one directory ("" is the root). The root and
 * every existing directory given to bsi_target_dir() are swept anyway. Those of runs
 * that live, and of runs that had another root, are left alone.
 */
BS_NODISCARD bs_status bsi_target_sweep(bsi_target *target, bsi_slice dir);

/*
 * Everything restored so far is durable when it returns. A failure is final: the restore must be
 * told as failed. Reports, once per kind, what the file system or the user could not keep.
 */
BS_NODISCARD bs_status bsi_target_sync(bsi_target *target);

#endif
