/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_PAGES_H
#define BSI_STORAGE_DRIVERS_PAGES_H

#include <backupsvc/sys/storage_driver.h>

#include "base/error.h"
#include "net/service_xml.h"

/* Listings in pages, whatever the service. */

/*
 * Move the cursor on behind a page. A server that sends the same pages again and again is
 * found out, in a few times as many pages as it has: BS_E_CORRUPT.
 */
BS_NODISCARD bs_status bsi_pages_check_progress(const bsi_page *page, bs_storage_cursor *cursor);

/* Whether all keys begin with what was asked for. */
bool bsi_pages_are_below(const bsi_page *page, const char *prefix);

/* Tell the callback of each object, by its key without the first `skip` bytes. */
BS_NODISCARD bs_status bsi_pages_tell(const bsi_page *page, size_t skip,
                                      bs_storage_list_cb callback, void *user);

/* A driver's list_page(). */
typedef bs_status (*bsi_pages_next)(void *self, const bs_call *call, const char *prefix,
                                    bs_storage_cursor *cursor, bs_storage_list_cb callback,
                                    void *user);

/* Its list(): page by page. */
BS_NODISCARD bs_status bsi_pages_list(bsi_pages_next next, void *self, const bs_call *call,
                                      const char *prefix, bs_storage_list_cb callback, void *user);

#endif
