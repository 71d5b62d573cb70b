/* SPDX-License-Identifier: MIT */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdio.h>

#include "tool.h"

/*
 * What the tool says. Texts for people go to standard output, complaints and
 * progress to standard error. With --json standard output gets one document
 * and nothing else, also for a failure.
 */

#if defined(__GNUC__)
#define TOOL_PRINTF(format_index, first_arg) \
    __attribute__((format(printf, format_index, first_arg)))
#else
#define TOOL_PRINTF(format_index, first_arg)
#endif

/* A failure of the tool's own. TOOL_FAILED. */
int output_fail(const tool_run *tool, bs_status code, const char *format, ...) TOOL_PRINTF(3, 4);

/* The library's last failure. TOOL_FAILED. */
int output_fail_last(const tool_run *tool);

/* A wrong command line. TOOL_USAGE. */
int output_usage(const tool_run *tool, const char *format, ...) TOOL_PRINTF(2, 3);

/* What a call without an answer says when it is done, or the library's last failure. */
int output_done(const tool_run *tool, bs_status status, const char *what);

/* On standard error, with a line of its own for each line of the message. */
void output_complaint(const char *before, const char *message);

/* Make sure that standard output has arrived; `code`, or TOOL_FAILED when it has not. */
int output_flush(int code);

/*
 * Print bytes; on a terminal with control characters, bytes that are no UTF-8 and
 * what changes the direction of writing as \xNN.
 */
void output_bytes(FILE *to, const char *bytes, size_t size);
void output_text(FILE *to, const char *text);

/* As a JSON string with its quotes. */
void output_json_text(FILE *to, const char *text);

/* Print `json`, or null when `status` tells that there is none, and free it. */
void output_json_owned(FILE *to, bs_status status, char *json);

/* "12.3 MiB"; the buffer is the result. */
#define OUTPUT_SIZE_TEXT 24
const char *output_size(uint64_t bytes, char out[OUTPUT_SIZE_TEXT]);

/* "1:02:03" or "0:07". */
#define OUTPUT_TIME_TEXT 24
const char *output_duration(double seconds, char out[OUTPUT_TIME_TEXT]);

#endif
