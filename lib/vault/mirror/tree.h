/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_MIRROR_TREE_H
#define BSI_VAULT_MIRROR_TREE_H

#include "vault/content.h"

/*
 * The files of a mirror on its storage. A run first puts what is new or changed
 * beside the tree, under the run's own staging prefix; then it commits its
 * manifest; then it brings the tree in line with it. Until the manifest is
 * there the tree is untouched and the mirror before is whole; from then on each
 * file is either still staged or in place, and readers look in both. So a run
 * may die anywhere: before its manifest nothing has happened, afterwards
 * bsi_mirror_settle() finishes the work.
 */

/*
 * Bring the tree in line with a committed manifest, and remove older ones of the
 * name with what runs that failed have staged.
 */
BS_NODISCARD bs_status bsi_mirror_settle(const bsi_vault_env *env, const char *name,
                                         const char *manifest_key);

/* The same, where a run was kept from doing it: something of it is still staged. */
BS_NODISCARD bs_status bsi_mirror_finish(const bsi_vault_env *env, const bsi_manifest_info *info,
                                         const char *manifest_key);

/* Remove the tree of a name, and what runs have staged beside it. */
BS_NODISCARD bs_status bsi_mirror_remove_tree(const bsi_vault_env *env, const char *name);

/* Remove every object below a prefix. */
BS_NODISCARD bs_status bsi_mirror_remove_below(const bsi_vault_env *env, const char *prefix);

/* Whether `key` is a mirror's manifest. */
bool bsi_mirror_is_manifest(const char *key);

/* The manifest of the name that belongs to the run `id`, or with NULL any one; NULL: none. */
BS_NODISCARD bs_status bsi_mirror_find_manifest(const bsi_vault_env *env, const char *name,
                                                const char *id, char **out);

/* The files' bytes, staged or in place. `info` is borrowed. */
typedef struct bsi_mirror_files bsi_mirror_files;
BS_NODISCARD bs_status bsi_mirror_files_new(const bsi_vault_env *env, const bsi_manifest_info *info,
                                            bsi_mirror_files **out);
void bsi_mirror_files_free(bsi_mirror_files *files);
bsi_content bsi_mirror_files_content(bsi_mirror_files *files);
/* Whether the holes of the file last begun are zeros on the storage: BS_E_CORRUPT when not. */
BS_NODISCARD bs_status bsi_mirror_files_check_holes(bsi_mirror_files *files);
/* The key under which the file last begun was found. */
const char *bsi_mirror_files_key(const bsi_mirror_files *files);

#endif
