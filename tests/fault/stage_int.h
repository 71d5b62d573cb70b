/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FAULT_STAGE_INT_H
#define TESTS_FAULT_STAGE_INT_H

#include "stage.h"

#include "support/compare.h"

/* What the files of the stage share. */
enum { STAGE_LEFT_OUT = COMPARE_NO_SOCKETS | COMPARE_NO_TOP };

void stage_open(test_stage *stage, bool sweep);

/* Put a backup's files into `path`. Asserts nothing. */
bs_status stage_restore(test_stage *stage, const char *manifest_key, const char *path);

#endif
