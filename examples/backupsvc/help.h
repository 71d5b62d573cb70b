/* SPDX-License-Identifier: MIT */
#ifndef HELP_H
#define HELP_H

#include <stdbool.h>
#include <stdio.h>

void help_overview(FILE *to);

/* False when there is no such verb. */
bool help_verb(FILE *to, const char *name);

#endif
