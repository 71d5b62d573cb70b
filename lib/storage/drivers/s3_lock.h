/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_S3_LOCK_H
#define BSI_STORAGE_DRIVERS_S3_LOCK_H

#include "storage/drivers/s3_conn.h"
#include "text/rfc3339.h"

/*
 * Object Lock: until a time, or until a legal hold is taken away, the service lets nobody
 * remove a version of an object. Source: "Locking objects with Object Lock" in the Amazon S3
 * user guide.
 */
typedef struct bsi_s3_lock {
    const char *mode; /* "GOVERNANCE" or "COMPLIANCE"; NULL: no retention. */
    uint64_t days;    /* Of retention. */
    bool legal_hold;
} bsi_s3_lock;

/* Headers of one object's lock. */
#define BSI_S3_LOCK_MODE "x-amz-object-lock-mode"
#define BSI_S3_LOCK_UNTIL "x-amz-object-lock-retain-until-date"
#define BSI_S3_LEGAL_HOLD "x-amz-object-lock-legal-hold"

/* From settings; what cannot be is BS_E_INVALID. */
BS_NODISCARD bs_status bsi_s3_lock_take(const bs_storage_settings *settings, bsi_s3_lock *out);

bool bsi_s3_lock_is_set(const bsi_s3_lock *lock);

/* BS_E_UNSUPPORTED when the bucket was made without Object Lock. Asks nothing without a lock. */
BS_NODISCARD bs_status bsi_s3_lock_check_bucket(bsi_s3_conn *conn, const bs_call *call,
                                                const bsi_s3_lock *lock);

/* When an object's retention ends that begins now; "" without one. */
BS_NODISCARD bs_status bsi_s3_lock_until(const bsi_s3_lock *lock, char out[BSI_RFC3339_SIZE]);

/* Whether the answer about an object shows the lock that was asked for. */
BS_NODISCARD bs_status bsi_s3_lock_check_object(const bsi_s3_lock *lock, const char *until,
                                                const bsi_http_answer *answer);

#endif
