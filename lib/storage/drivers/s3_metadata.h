/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_S3_METADATA_H
#define BSI_STORAGE_DRIVERS_S3_METADATA_H

#include "net/http.h"
#include "storage/drivers/s3_credentials.h"

/*
 * Credentials of a role, from the container or the machine that the process runs
 * in. They end, and are asked for anew. Source: "Container credential provider" and
 * "IMDS credential provider" in the AWS SDKs' reference guide.
 */

/* For both: no proxy, and short waits, as the answer comes from next door or not at all. */
BS_NODISCARD bs_status bsi_s3_metadata_http(bsi_http **out);

/* By AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI; BS_E_NOT_FOUND when neither is set. */
BS_NODISCARD bs_status bsi_s3_credentials_of_container(bsi_http *http, const bs_call *call,
                                                       bsi_s3_credentials **out);

/* By the machine's metadata service; BS_E_NOT_FOUND when it is switched off, or is none. */
BS_NODISCARD bs_status bsi_s3_credentials_of_machine(bsi_http *http, const bs_call *call,
                                                     bsi_s3_credentials **out);

#endif
