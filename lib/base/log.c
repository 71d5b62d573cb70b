/* SPDX-License-Identifier: MIT */
/*
 * Formats log lines for the sink of the program that embeds the library.
 */
#include "base/log.h"

#include <stdio.h>

void bsi_log_write(const bsi_log *log, bs_log_level level, const char *module, const char *format,
                   ...)
{
    char message[BS_ERROR_MESSAGE_SIZE];
    va_list args;

    if (!log || !log->sink || level > log->level) {
        return;
    }
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    log->sink(level, module, message, log->user);
}
