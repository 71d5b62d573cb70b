/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_S3_UPLOAD_H
#define BSI_STORAGE_DRIVERS_S3_UPLOAD_H

#include "storage/drivers/s3_lock.h"

/*
 * Objects on their way into a bucket. What fits into one part goes in one
 * request; more goes in parts, by bsi_parts.
 */
typedef struct bsi_s3_upload_plan {
    uint64_t part_size;         /* Of the first parts; they grow where there are many. */
    unsigned parallel;          /* Parts on their way at once, 1 to BSI_PARTS_PARALLEL_MAX. */
    const char *storage_class;  /* NULL: the service's own choice; likewise the next two. */
    const char *encryption;     /* Of the service: "AES256", "aws:kms". */
    const char *encryption_key; /* Its name, with "aws:kms". */
    bool checksums;             /* Also have the service keep SHA-256 digests. */
    const char *tags;           /* As in the query of a URL; NULL: none. */
    bsi_s3_lock lock;
} bsi_s3_upload_plan;

enum {
    BSI_S3_PART_MIN = 5 * 1024 * 1024,
    BSI_S3_PART_MAX = 1024 * 1024 * 1024, /* Amazon takes five times that; memory may not. */
    BSI_S3_PARTS_MAX = 10000,
};

typedef struct bsi_s3_upload bsi_s3_upload;

/* Methods of the driver, with BS_STORAGE_CAP_RESUME; `conn` and `plan` outlive the upload. */
BS_NODISCARD bs_status bsi_s3_upload_begin(bsi_s3_conn *conn, const bsi_s3_upload_plan *plan,
                                           const char *key, const bs_storage_put_options *options,
                                           bsi_s3_upload **out);
BS_NODISCARD bs_status bsi_s3_upload_write(bsi_s3_upload *upload, const bs_call *call,
                                           const void *data, size_t size);
void bsi_s3_upload_patch(bsi_s3_upload *upload, uint64_t offset, const void *data, size_t size);
BS_NODISCARD bs_status bsi_s3_upload_commit(bsi_s3_upload *upload, const bs_call *call);
void bsi_s3_upload_abort(bsi_s3_upload *upload);

/* End an upload in parts, whoever began it. */
BS_NODISCARD bs_status bsi_s3_upload_end(bsi_s3_conn *conn, const bs_call *call, const char *key,
                                         const char *id);

#endif
