/* SPDX-License-Identifier: MIT */
#ifndef BACKUPSVC_H
#define BACKUPSVC_H

/**
 * @file backupsvc.h
 * @brief Everything a program needs to take, keep, check and restore backups.
 */

#include <backupsvc/audit.h>
#include <backupsvc/backup.h>
#include <backupsvc/base.h>
#include <backupsvc/config.h>
#include <backupsvc/drill.h>
#include <backupsvc/events.h>
#include <backupsvc/json.h>
#include <backupsvc/keys.h>
#include <backupsvc/log.h>
#include <backupsvc/replicate.h>
#include <backupsvc/repository.h>
#include <backupsvc/restore.h>
#include <backupsvc/retention.h>
#include <backupsvc/schedule.h>
#include <backupsvc/service.h>
#include <backupsvc/snapshot.h>
#include <backupsvc/stats.h>
#include <backupsvc/storage.h>

#endif
