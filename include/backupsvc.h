/* SPDX-License-Identifier: MIT */
#ifndef BACKUPSVC_H
#define BACKUPSVC_H

/**
 * @file backupsvc.h
 * @brief Everything a program needs to take, keep, check and restore backups.
 */

#include <backupsvc/base.h>

#endif
