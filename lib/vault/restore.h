/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_RESTORE_H
#define BSI_VAULT_RESTORE_H

#include "vault/content.h"

/*
 * Puts what a backup lists back beneath a target, whatever form it has. See
 * bsi_vault.restore for what it promises.
 *
 * Four passes over the entries: they are counted; then directories and files;
 * then links and special files; then the metadata of directories, deepest first. Where the
 * backup has a copy, files whose content is damaged are tried again with that, behind the pass in
 * which they were found so.
 * Memory: what the source has under way, and the path to the present entry.
 */
typedef struct bsi_restore bsi_restore;

/*
 * Where the entries of a backup and their content come from: what is different between the
 * forms. Called on the job's thread; what it puts on the pool counts in restore->under_way.
 */
typedef struct bsi_restore_source {
    const bsi_manifest_info *info;
    /* Begin again at the first entry. */
    bs_status (*rewind)(bsi_restore *restore);
    /* BS_END behind the last. Valid until the next call. */
    bs_status (*next)(bsi_restore *restore, const bsi_manifest_entry **out);
    /*
     * Restore a file's content at `entry->path`; `from`, the present entry, says where the bytes
     * are. What becomes of it is settled here, or later on the pool.
     */
    bs_status (*file)(bsi_restore *restore, const bsi_entry *entry, const bsi_manifest_entry *from);
    /* Nothing of what file() was asked for waits for more; NULL: nothing ever does. */
    bs_status (*flush)(bsi_restore *restore);
    /* The storage gives other bytes from now on; NULL: files are not tried again. */
    void (*again)(bsi_restore *restore);
    void *self;
} bsi_restore_source;

BS_NODISCARD bs_status bsi_restore_run(const bsi_vault_env *env, const bsi_restore_plan *plan,
                                       const bsi_restore_source *source, bsi_restore_result *out);

/*
 * The same of a manifest, whose files lie one behind the other in `content`. Small files are
 * verified and written on the pool while the job's thread decodes the next; 32 MiB of content are
 * under way.
 */
BS_NODISCARD bs_status bsi_restore_manifest(const bsi_vault_env *env, const bsi_restore_plan *plan,
                                            bsi_manifest_reader *manifest,
                                            const bsi_content *content, bsi_restore_result *out);

#endif
