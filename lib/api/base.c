/* SPDX-License-Identifier: MIT */
/*
 * What needs no service: versions and features.
 */
#include <backupsvc/base.h>

#include "api/version.h"

const char *bs_version(void)
{
    return BSI_VERSION;
}

/* The containers of lib/archive and the storage drivers of lib/storage; a test compares. */
const char *bs_features(void)
{
#ifdef BSI_REMOTE
    return "none zip tar.gz tar.bz2 tar.zst 7z local mem s3";
#else
    return "none zip tar.gz tar.bz2 tar.zst 7z local mem";
#endif
}
