/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_S3_REMOVE_H
#define BSI_STORAGE_DRIVERS_S3_REMOVE_H

#include "storage/drivers/s3_conn.h"

/* Methods of the driver. */
BS_NODISCARD bs_status bsi_s3_remove(bsi_s3_conn *conn, const bs_call *call, const char *key);
BS_NODISCARD bs_status bsi_s3_remove_many(bsi_s3_conn *conn, const bs_call *call,
                                          const char *const *keys, size_t count);

#endif
