/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_ZONES_H
#define BSI_ENGINE_ZONES_H

#include "base/error.h"
#include "policy/timezone.h"

/* Where Linux systems keep the time zone database. */
#define BSI_ZONES_FOLDER "/usr/share/zoneinfo"

/*
 * Load a zone such as "Europe/Berlin" from the database in `folder`. "UTC" is
 * always there. The caller frees `*out` with bsi_timezone_free(). Reads one
 * small file; any thread.
 *
 * BS_PARTIAL: there is no database, and `*out` is UTC. The caller warns.
 * BS_E_INVALID of layer CALLER: no zone has this name; the message names the
 * nearest that there is. BS_E_CORRUPT, BS_E_UNSUPPORTED and errors of reading:
 * the zone's file cannot be used; a schedule that is already kept then goes by
 * bsi_timezone_utc(), with a warning.
 */
BS_NODISCARD bs_status bsi_zone_load(const char *folder, const char *name, bsi_timezone **out);

#endif
