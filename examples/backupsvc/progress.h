/* SPDX-License-Identifier: MIT */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdbool.h>
#include <time.h>

#include <backupsvc.h>

/*
 * How far a job is, on standard error: a bar with rate and time left on a
 * terminal, a plain line now and then elsewhere, nothing when it is not wanted.
 */
typedef struct progress_bar {
    const char *noun;
    bool bar;
    bool lines;
    bool color;
    double began;   /* Seconds of the monotonic clock. */
    double shown;   /* When something was last shown. */
    double rate;    /* Bytes per second, smoothed. */
    double rate_at; /* When it was last measured, and at how many bytes. */
    uint64_t rate_bytes;
} progress_bar;

void progress_begin(progress_bar *progress, const char *noun, bool wanted);
void progress_show(progress_bar *progress, const bs_event *event);
/* Remove the bar. Seconds that the job took. */
double progress_end(progress_bar *progress);

/* What clears a bar that stands on the line where something else is to be said; often "". */
const char *progress_line_end(void);

#endif
