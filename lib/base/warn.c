/* SPDX-License-Identifier: MIT */
/*
 * Reports of what a job survives.
 */
#include "base/warn.h"

#include <stdio.h>

void bsi_warn_last(const bsi_warn *warn, bsi_slice path)
{
    if (warn && warn->report) {
        warn->report(warn->user, path, bs_error_last());
    }
}

void bsi_warn_new(const bsi_warn *warn, bsi_slice path, bs_layer layer, bs_status code,
                  const char *format, ...)
{
    bs_error error = {.code = code, .layer = layer};
    va_list args;

    if (!warn || !warn->report) {
        return;
    }
    va_start(args, format);
    (void)vsnprintf(error.message, sizeof(error.message), format, args);
    va_end(args);
    warn->report(warn->user, path, &error);
}
