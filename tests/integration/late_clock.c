/* SPDX-License-Identifier: MIT */
/*
 * Linked with the tool: where TEST_SECOND stands in the environment, the clock is put
 * forward to that second of the minute before it begins, and goes on from there.
 */
#include <stdlib.h>

#include "os/time.h"

__attribute__((constructor)) static void put_clock_forward(void)
{
    const char *second = getenv("TEST_SECOND");

    if (second) {
        bsi_clock_shift((60 + atoi(second) - bsi_now().sec % 60) % 60);
    }
}
