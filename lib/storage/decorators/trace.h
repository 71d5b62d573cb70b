/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DECORATORS_TRACE_H
#define BSI_STORAGE_DECORATORS_TRACE_H

#include "base/log.h"
#include "storage/storage.h"

/*
 * A storage over another one that writes a line at debug level for each call: the storage,
 * what was done, to which key, how many bytes, how long it took and what came of it. An upload has
 * one line, when it is over, with the time that was spent in the driver. Right above a driver it
 * shows each attempt.
 *
 * Takes a reference of its own to `inner`. `name` is the storage's, and copied; `log` must outlive
 * the storage.
 */
BS_NODISCARD bs_status bsi_storage_trace_new(bsi_storage *inner, const char *name,
                                             const bsi_log *log, bsi_storage **out);

#endif
