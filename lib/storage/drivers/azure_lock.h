/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_AZURE_LOCK_H
#define BSI_STORAGE_DRIVERS_AZURE_LOCK_H

#include "net/http_date.h"
#include "storage/drivers/azure_conn.h"

/*
 * Immutability: until a time, or until a legal hold is taken away, the service lets nobody
 * change or remove a version of a blob. Source: "Store business-critical blob data with immutable
 * storage" in the Azure Storage documentation.
 */
typedef struct bsi_azure_lock {
    const char *mode; /* "unlocked" or "locked"; NULL: no policy. */
    uint64_t days;    /* Of the policy. */
    bool legal_hold;
} bsi_azure_lock;

/* When a blob's policy ends; "" without one. */
typedef struct bsi_azure_until {
    char text[BSI_HTTP_DATE_SIZE];
} bsi_azure_until;

/* From settings; what cannot be is BS_E_INVALID. */
BS_NODISCARD bs_status bsi_azure_lock_take(const bs_storage_settings *settings,
                                           bsi_azure_lock *out);

bool bsi_azure_lock_is_set(const bsi_azure_lock *lock);

/* BS_E_UNSUPPORTED when the container has no such versions. Asks nothing without a lock. */
BS_NODISCARD bs_status bsi_azure_lock_check_container(bsi_azure_conn *conn, const bs_call *call,
                                                      const bsi_azure_lock *lock);

/* Of a blob whose upload begins now. */
BS_NODISCARD bs_status bsi_azure_lock_until(const bsi_azure_lock *lock, bsi_azure_until *out);

void bsi_azure_lock_add(const bsi_azure_lock *lock, const bsi_azure_until *until,
                        bsi_wire_headers *list);

/* Whether the answer about a blob shows the lock that was asked for. */
BS_NODISCARD bs_status bsi_azure_lock_check_blob(const bsi_azure_lock *lock,
                                                 const bsi_azure_until *until,
                                                 const bsi_http_answer *answer);

#endif
