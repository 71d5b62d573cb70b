/* SPDX-License-Identifier: MIT */
#ifndef TESTS_INTEGRATION_FULL_DISK_H
#define TESTS_INTEGRATION_FULL_DISK_H

#include "engine_fixture.h"
#include "remote_fixture.h"

/*
 * What a storage does when the disk of its server, which is `disk`, is full in the middle of an
 * upload, and when there is room again. `expected`: how that is told.
 */
void full_disk_check_uploads(const remote_settings *all, const char *disk, bs_status expected);

/* The same of a backup to the storage `name` of the service. */
void full_disk_check_backup(engine_fixture *engine, const char *name, const char *disk,
                            bs_status expected);

#endif
