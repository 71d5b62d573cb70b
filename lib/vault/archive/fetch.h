/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_ARCHIVE_FETCH_H
#define BSI_VAULT_ARCHIVE_FETCH_H

#include "source/file.h"
#include "vault/scan.h"

/*
 * What the scan found, in its order, with what must be stored opened already:
 * a thread beside the job's opens entries, and reads and hashes small files,
 * while the ones before them go into the container. Memory and descriptors are
 * bounded. Without a thread the same happens when it is asked for.
 */
typedef struct bsi_fetch bsi_fetch;

/* Files with fewer data bytes are read whole. */
enum { BSI_FETCH_SMALL = 1024 * 1024 };

/* One record of the scan. Valid until the next is asked for. */
typedef struct bsi_fetched {
    bsi_record found;
    bool tried;            /* To open it: records to store or compare. What follows is for those. */
    bs_status status;      /* Of opening and reading it. */
    bs_error error;        /* With a failed status. */
    bsi_source_file *file; /* NULL: it could not be opened. Closed by what fetched it. */
    const uint8_t *content; /* Of a small file; NULL: nothing was read, or reading failed. */
    size_t size;
    bsi_digest sha256; /* Of `content`. */
} bsi_fetched;

/* `env`, `plan` and `draft`, from which nobody else reads, are borrowed. */
BS_NODISCARD bs_status bsi_fetch_new(const bsi_vault_env *env, const bsi_backup_plan *plan,
                                     bsi_draft *draft, bsi_fetch **out);
/* NULL is ignored. */
void bsi_fetch_free(bsi_fetch *fetch);

/* BS_END behind the last record. */
BS_NODISCARD bs_status bsi_fetch_next(bsi_fetch *fetch, const bsi_fetched **out);

#endif
