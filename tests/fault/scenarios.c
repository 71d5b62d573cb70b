/* SPDX-License-Identifier: MIT */
/* What is played on the stage. */
#include "stage.h"

const test_scenario scenarios[] = {
    {"full tar.zst", DEED_BACKUP, "archive", "tar.zst", BSI_KIND_FULL, 2},
    {"full zip", DEED_BACKUP, "archive", "zip", BSI_KIND_FULL, 19},
    {"full tar", DEED_BACKUP, "archive", "none", BSI_KIND_FULL, 19},
    {"full tar.gz", DEED_BACKUP, "archive", "tar.gz", BSI_KIND_FULL, 19},
    {"full tar.bz2", DEED_BACKUP, "archive", "tar.bz2", BSI_KIND_FULL, 31},
    {"full 7z", DEED_BACKUP, "archive", "7z", BSI_KIND_FULL, 31},
    {"incremental zip", DEED_BACKUP, "archive", "zip", BSI_KIND_INCREMENTAL, 13},
    {"incremental 7z", DEED_BACKUP, "archive", "7z", BSI_KIND_INCREMENTAL, 31},
    {"mirror", DEED_BACKUP, "mirror", "none", BSI_KIND_MIRROR, 3},
    {"removal of an incremental", DEED_REMOVE, "archive", "tar.zst", BSI_KIND_INCREMENTAL, 1},
    {"removal of a mirror", DEED_REMOVE, "mirror", "none", BSI_KIND_MIRROR, 1},
    {"restore tar.zst", DEED_RESTORE, "archive", "tar.zst", BSI_KIND_INCREMENTAL, 5},
    {"restore zip", DEED_RESTORE, "archive", "zip", BSI_KIND_INCREMENTAL, 9},
    {"restore of a mirror", DEED_RESTORE, "mirror", "none", BSI_KIND_MIRROR, 9},
};
const size_t scenario_count = sizeof(scenarios) / sizeof(scenarios[0]);
