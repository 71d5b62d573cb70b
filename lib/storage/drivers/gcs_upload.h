/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_GCS_UPLOAD_H
#define BSI_STORAGE_DRIVERS_GCS_UPLOAD_H

#include "storage/drivers/gcs_session.h"

/*
 * Objects on their way into a bucket. What fits into one chunk goes in one request; more goes
 * into a session, whose chunks a thread of the upload sends while the next one is filled.
 * Memory: two chunks. Where the beginning may still be changed, the first chunk waits in memory
 * for the end, the rest becomes an object of its own, and the service puts the two together.
 */
typedef struct bsi_gcs_upload_plan {
    size_t chunk_size;         /* A multiple of BSI_GCS_QUANTUM. */
    const char *storage_class; /* NULL: the bucket's own. */
} bsi_gcs_upload_plan;

enum {
    BSI_GCS_CHUNK_MIB_MIN = 1,
    BSI_GCS_CHUNK_MIB_MAX = 512,
};

typedef struct bsi_gcs_upload bsi_gcs_upload;

/* Methods of the driver, with BS_STORAGE_CAP_RESUME; `conn` and `plan` outlive the upload. */
BS_NODISCARD bs_status bsi_gcs_upload_begin(bsi_gcs_conn *conn, const bsi_gcs_upload_plan *plan,
                                            const char *key, const bs_storage_put_options *options,
                                            bsi_gcs_upload **out);
BS_NODISCARD bs_status bsi_gcs_upload_write(bsi_gcs_upload *upload, const bs_call *call,
                                            const void *data, size_t size);
void bsi_gcs_upload_patch(bsi_gcs_upload *upload, uint64_t offset, const void *data, size_t size);
BS_NODISCARD bs_status bsi_gcs_upload_commit(bsi_gcs_upload *upload, const bs_call *call);
void bsi_gcs_upload_abort(bsi_gcs_upload *upload);

#endif
