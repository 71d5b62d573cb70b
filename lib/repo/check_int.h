/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_CHECK_INT_H
#define BSI_REPO_CHECK_INT_H

#include "repo/check.h"
#include "repo/digest_table.h"
#include "repo/index.h"
#include "repo/reader.h"

/* What the files of a check share. */
typedef struct bsi_check {
    const bsi_repo *repo;
    const bs_call *call;
    bsi_check_options options;
    bsi_check_report report;
    bsi_repo_index *index;
    bsi_blob_reader *reader;
    bsi_repo_files snapshots; /* As they were at the beginning: what they need is in the index. */
    bsi_repo_files packs;     /* On the storage. */
    uint64_t *pack_sizes;     /* Stored bytes of the packs in the index, by their numbers. */
    uint32_t pack_count;
    bsi_buf bad_places; /* uint64_t: number of a pack, and offset of a blob that is damaged. */
    uint64_t salt;      /* Of the choice by chance. */
} bsi_check;

/* The size of a pack that is missing. */
#define BSI_CHECK_NO_PACK UINT64_MAX

/* Count and tell. */
void bsi_check_tell(bsi_check *self, const bsi_check_finding *finding);
/* An error of this thread's record about an index or a pack. */
void bsi_check_tell_error(bsi_check *self, bsi_check_subject subject, const bsi_digest *id);

/* Whether a failure is one of what is looked at, so that the check goes on. */
bool bsi_check_is_finding(bs_status status);

/* Read the packs that are chosen. */
BS_NODISCARD bs_status bsi_check_data(bsi_check *self);

/* Walk the trees of all snapshots. */
BS_NODISCARD bs_status bsi_check_snapshots(bsi_check *self);

/* BS_OK: there is a copy of which no fault is known. BS_E_MISSING, BS_E_CORRUPT: none. */
BS_NODISCARD bs_status bsi_check_blob(bsi_check *self, bsi_blob_type type, const bsi_digest *id);

#endif
