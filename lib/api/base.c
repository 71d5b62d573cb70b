/* SPDX-License-Identifier: MIT */
/*
 * What needs no service: versions and features.
 */
#include <backupsvc/base.h>

#include "api/version.h"

#ifdef BSI_REMOTE
#define WITH_REMOTE " azure_blob google_cloud rclone s3"
#else
#define WITH_REMOTE ""
#endif
#ifdef BSI_FTP
#define WITH_FTP " ftp"
#else
#define WITH_FTP ""
#endif
#ifdef BSI_SFTP
#define WITH_SFTP " sftp"
#else
#define WITH_SFTP ""
#endif

const char *bs_version(void)
{
    return BSI_VERSION;
}

/* The containers of lib/archive and the storage drivers of lib/storage; a test compares. */
const char *bs_features(void)
{
    return "none zip tar.gz tar.bz2 tar.zst 7z local mem" WITH_FTP WITH_REMOTE WITH_SFTP;
}
