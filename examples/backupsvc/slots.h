/* SPDX-License-Identifier: MIT */
#ifndef SLOTS_H
#define SLOTS_H

#include "tool.h"

/* The keys of backups that are there: those verbs of `key` that name backups. */

/* Whether the arguments name backups rather than an entry of the keyring. */
bool slots_are_meant(int argc, char **argv);

int slots_add(tool_run *tool, int argc, char **argv);
int slots_remove(tool_run *tool, int argc, char **argv);
int slots_change(tool_run *tool, int argc, char **argv);

/* Of one backup; the service is open. */
int slots_list(tool_run *tool, const char *id);

#endif
