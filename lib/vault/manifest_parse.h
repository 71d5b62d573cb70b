/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_MANIFEST_PARSE_H
#define BSI_VAULT_MANIFEST_PARSE_H

#include "vault/manifest.h"

/*
 * One line of a manifest, as text, into what it says. Everything is checked
 * that can be seen in the line alone. Failures are BS_E_CORRUPT, layer STORAGE.
 */

/* The memory that a parsed entry points into; serves one entry after the other. */
typedef struct bsi_line_memory {
    bsi_buf path;
    bsi_buf link;
    bsi_buf linked;
    bsi_buf user;
    bsi_buf group;
    bsi_buf text;   /* Of the string just read. */
    bsi_buf xattrs; /* Names and values, one behind the other. */
    bsi_buf xattr_list;
    bsi_buf extent_list;
} bsi_line_memory;

void bsi_line_memory_init(bsi_line_memory *memory);
void bsi_line_memory_dispose(bsi_line_memory *memory);

/* Which of the four kinds a line is, by its first key. */
typedef enum bsi_line_kind {
    BSI_LINE_INFO = 1,
    BSI_LINE_WARNING,
    BSI_LINE_ENTRY,
    BSI_LINE_END,
} bsi_line_kind;
BS_NODISCARD bs_status bsi_line_kind_of(bsi_slice line, bsi_line_kind *out);

BS_NODISCARD bs_status bsi_parse_entry(bsi_slice line, bsi_line_memory *memory,
                                       bsi_manifest_entry *out);

/* `out` is disposed of with bsi_manifest_info_dispose(), also after a failure. */
BS_NODISCARD bs_status bsi_parse_info(bsi_slice line, bsi_info_part part, bsi_manifest_info *out);

/*
 * Manifests and key sets lie where their backup's own name puts them, beside its container: one
 * that was put in another's place must not pass for it, nor claim what is not its own. `key` is
 * where it lies, `suffix` what must stand behind the backup's stem in there.
 */
BS_NODISCARD bs_status bsi_manifest_check_claims(const bsi_manifest_info *info, const char *key,
                                                 const char *suffix);

/* path and error point into `memory`, and nowhere. */
BS_NODISCARD bs_status bsi_parse_warning(bsi_slice line, bsi_line_memory *memory,
                                         bsi_slice *path_out, bs_error *error_out);

BS_NODISCARD bs_status bsi_parse_end(bsi_slice line, uint64_t *entries_out, bsi_digest *sha256_out);

#endif
