/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_DRIVERS_H
#define BSI_STORAGE_DRIVERS_DRIVERS_H

#include <backupsvc/sys/storage_driver.h>

/* The drivers of this tree; each is the one symbol of its file. */
extern const bs_storage_driver bsi_storage_driver_local;
extern const bs_storage_driver bsi_storage_driver_mem;
#ifdef BSI_FTP
extern const bs_storage_driver bsi_storage_driver_ftp;
#endif
#ifdef BSI_REMOTE
extern const bs_storage_driver bsi_storage_driver_azure_blob;
extern const bs_storage_driver bsi_storage_driver_gcs;
extern const bs_storage_driver bsi_storage_driver_rclone;
extern const bs_storage_driver bsi_storage_driver_s3;
#endif
#ifdef BSI_SFTP
extern const bs_storage_driver bsi_storage_driver_sftp;
#endif

#endif
