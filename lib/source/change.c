/* SPDX-License-Identifier: MIT */
/*
 * When a file counts as unchanged.
 */
#include "source/change.h"

/*
 * Clocks of file systems tick coarsely, every few milliseconds on Linux, and a
 * change within the tick of the scan leaves the same time behind.
 */
static bool was_settled(const bsi_time *changed, const bsi_time *scan_began)
{
    const bsi_time settled = {scan_began->sec - 1, scan_began->nsec};

    return bsi_time_compare(changed, &settled) <= 0;
}

bool bsi_source_unchanged(const bsi_stat *now, const bsi_stat *then,
                          const bsi_time *then_scan_began)
{
    return now->type == then->type && now->size == then->size && now->ino == then->ino &&
           bsi_time_compare(&now->mtime, &then->mtime) == 0 &&
           bsi_time_compare(&now->ctime, &then->ctime) == 0 &&
           was_settled(&then->mtime, then_scan_began) && was_settled(&then->ctime, then_scan_began);
}
