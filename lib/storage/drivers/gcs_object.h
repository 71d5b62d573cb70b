/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_GCS_OBJECT_H
#define BSI_STORAGE_DRIVERS_GCS_OBJECT_H

#include "storage/drivers/gcs_session.h"

/*
 * Objects that are made by one request. When the service says that there is one already, and it
 * is this one whose answer got lost, all is well.
 */

/* From bytes at hand. The service checks their sum, and tells its own. */
BS_NODISCARD bs_status bsi_gcs_put(const bsi_gcs_target *target, const bs_call *call,
                                   const void *data, size_t size, uint32_t crc32c);

/* Of two that are there, one behind the other; `size` and `crc32c` are those of the whole. */
BS_NODISCARD bs_status bsi_gcs_compose(const bsi_gcs_target *target, const bs_call *call,
                                       const char *const keys[2], uint64_t size, uint32_t crc32c);

/*
 * BS_OK when an object is what was sent; where it is not it is removed again, as long as nobody
 * has put another in its place.
 */
BS_NODISCARD bs_status bsi_gcs_check_stored(const bsi_gcs_target *target, const bs_call *call,
                                            const bsi_gcs_object *object, uint64_t size,
                                            uint32_t crc32c);

/* After BS_E_EXISTS: BS_OK when the object is the target's own, of so many bytes. */
BS_NODISCARD bs_status bsi_gcs_find_out(const bsi_gcs_target *target, const bs_call *call,
                                        uint64_t size, bs_status refusal);

#endif
