/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_RCLONE_UPLOAD_H
#define BSI_STORAGE_DRIVERS_RCLONE_UPLOAD_H

#include "storage/drivers/rclone_files.h"

/*
 * An object on its way through rclone. What is not much is kept, and sent as a whole by the
 * commit, which may come again after a failure. Of more than that the beginning is not there any
 * more when a line breaks: such an upload has failed for good.
 */
typedef struct bsi_rclone_upload bsi_rclone_upload;

BS_NODISCARD bs_status bsi_rclone_upload_begin(bsi_rclone *rclone, const char *key,
                                               bsi_rclone_upload **out);

BS_NODISCARD bs_status bsi_rclone_upload_write(bsi_rclone_upload *upload, const bs_call *call,
                                               const void *data, size_t size);

/* Frees the upload on BS_OK; else the same call or bsi_rclone_upload_abort() follows. */
BS_NODISCARD bs_status bsi_rclone_upload_commit(bsi_rclone_upload *upload, const bs_call *call);

void bsi_rclone_upload_abort(bsi_rclone_upload *upload);

#endif
