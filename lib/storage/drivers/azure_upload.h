/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_AZURE_UPLOAD_H
#define BSI_STORAGE_DRIVERS_AZURE_UPLOAD_H

#include "storage/drivers/azure_lock.h"

/*
 * Objects on their way into a container. What fits into one block goes in one
 * request; more goes in blocks, by bsi_parts, and becomes a blob by the list of them.
 */
typedef struct bsi_azure_upload_plan {
    uint64_t block_size; /* Of the first blocks; they grow where there are many. */
    unsigned parallel;   /* Blocks on their way at once, 1 to BSI_PARTS_PARALLEL_MAX. */
    const char *tier;    /* "Hot", "Cool", "Cold"; NULL: the account's own. */
    const char *scope;   /* Of encryption; NULL: the container's own. */
    bsi_azure_lock lock;
} bsi_azure_upload_plan;

enum {
    BSI_AZURE_BLOCK_MIN = 1024 * 1024,
    BSI_AZURE_BLOCK_MAX = 1024 * 1024 * 1024, /* Azure takes four times that; memory may not. */
    BSI_AZURE_BLOCKS_MAX = 50000,
};

typedef struct bsi_azure_upload bsi_azure_upload;

/* Methods of the driver, with BS_STORAGE_CAP_RESUME; `conn` and `plan` outlive the upload. */
BS_NODISCARD bs_status bsi_azure_upload_begin(bsi_azure_conn *conn,
                                              const bsi_azure_upload_plan *plan, const char *key,
                                              const bs_storage_put_options *options,
                                              bsi_azure_upload **out);
BS_NODISCARD bs_status bsi_azure_upload_write(bsi_azure_upload *upload, const bs_call *call,
                                              const void *data, size_t size);
void bsi_azure_upload_patch(bsi_azure_upload *upload, uint64_t offset, const void *data,
                            size_t size);
BS_NODISCARD bs_status bsi_azure_upload_commit(bsi_azure_upload *upload, const bs_call *call);
void bsi_azure_upload_abort(bsi_azure_upload *upload);

#endif
