/* SPDX-License-Identifier: MIT */
/*
 * Linked with the tool: where TEST_DIES_AT stands in the environment, it dies at that one of
 * its calls that change something.
 */
#include <stdlib.h>

#include "os/fault.h"

__attribute__((constructor)) static void plan_death(void)
{
    const char *number = getenv("TEST_DIES_AT");
    bsi_fault_plan plan = {
        .op_mask = UINT64_C(1) << BSI_OS_WRITE | UINT64_C(1) << BSI_OS_SYNC |
                   UINT64_C(1) << BSI_OS_MKDIR | UINT64_C(1) << BSI_OS_UNLINK |
                   UINT64_C(1) << BSI_OS_RENAME | UINT64_C(1) << BSI_OS_LINK |
                   UINT64_C(1) << BSI_OS_META,
    };

    if (number) {
        plan.at = strtoull(number, NULL, 10);
        bsi_fault_set(&plan);
    }
}
