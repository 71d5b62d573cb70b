/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DECORATORS_LIMITS_H
#define BSI_STORAGE_DECORATORS_LIMITS_H

#include "policy/timetable.h"
#include "storage/storage.h"

/*
 * A storage over another one that is used only so fast, and by only so many at
 * the same time. It stands below whatever repeats failed calls: what is sent again
 * counts again, and who pauses keeps nobody waiting.
 *
 * Bytes wait before they are given to the driver, and before they are asked for, in
 * pieces. What a driver makes of the pieces is its own: one that collects a part
 * of an upload sends that as fast as the line is, and is kept from the next.
 *
 * A call that waits in a listing's callback keeps no place, nor does an upload that
 * nothing is done for.
 */
typedef struct bsi_limits_plan {
    bsi_timetable upload;
    bsi_timetable download;
    uint32_t requests; /* Calls at the same time; 0: any number. */
} bsi_limits_plan;

/*
 * Takes a reference of its own to `inner`. `plan` is copied; NULL limits nothing. `zone` is
 * whose clocks the timetables go by; it must outlive the storage.
 */
BS_NODISCARD bs_status bsi_storage_limits_new(bsi_storage *inner, const bsi_limits_plan *plan,
                                              const bsi_timezone *zone, bsi_storage **out);

/* From now on, also for who waits. Any thread. */
void bsi_storage_limits_set(bsi_storage *limits, const bsi_limits_plan *plan);

/* What is set. Any thread. */
void bsi_storage_limits_get(bsi_storage *limits, bsi_limits_plan *out);

#endif
