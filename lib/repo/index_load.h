/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_INDEX_LOAD_H
#define BSI_REPO_INDEX_LOAD_H

#include "base/warn.h"
#include "repo/index.h"
#include "repo/repository.h"

/*
 * Read all index files of a repository into an index. When one of them goes while
 * they are read, for somebody replaces it, they are read again, up to
 * BSI_INDEX_LOAD_ROUNDS times: then it is BS_E_BUSY.
 *
 * With `damaged`, a file that cannot be made use of is reported there under its
 * key, and passed over; some of what it tells may be in the index. Without, it is
 * the failure, whose text names it.
 */
enum { BSI_INDEX_LOAD_ROUNDS = 4 };
BS_NODISCARD bs_status bsi_repo_index_load(const bsi_repo *repo, const bs_call *call,
                                           const bsi_warn *damaged, bsi_repo_index *index);

#endif
