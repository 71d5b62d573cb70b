/* SPDX-License-Identifier: MIT */
#include "progress.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "output.h"

#define CLEAR_LINE "\r\033[K"
#define SECONDS_BETWEEN_LINES 10
#define SECONDS_BETWEEN_BARS 0.1
#define NARROWEST 40
/* Room for the words behind the bar, so that the bar does not jump. */
#define WORDS 46

/* Whether a bar stands on the last line; log lines come from other threads. */
static atomic_bool bar_stands;

const char *progress_line_end(void)
{
    return atomic_exchange(&bar_stands, false) ? CLEAR_LINE : "";
}

static double now(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static size_t columns(void)
{
    struct winsize size;
    const char *text = getenv("COLUMNS");

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        return size.ws_col;
    }
    return text && atoi(text) > 0 ? (size_t)atoi(text) : 80;
}

void progress_begin(progress_bar *progress, const char *noun, bool wanted)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    bool terminal = isatty(STDERR_FILENO) && (!term || strcmp(term, "dumb") != 0);

    *progress = (progress_bar){
        .noun = noun,
        .bar = wanted && terminal,
        .lines = wanted && !terminal,
        .color = !no_color || !*no_color,
        .began = now(),
    };
    progress->shown = progress->began;
    progress->rate_at = progress->began;
}

static void measure(progress_bar *progress, uint64_t bytes, double time)
{
    double span = time - progress->rate_at;
    double rate = 0;

    if (span < 0.2 || bytes < progress->rate_bytes) {
        return;
    }
    rate = (double)(bytes - progress->rate_bytes) / span;
    progress->rate = progress->rate > 0 ? 0.7 * progress->rate + 0.3 * rate : rate;
    progress->rate_at = time;
    progress->rate_bytes = bytes;
}

/* "1.2 GiB of 3.4 GiB, 120.0 MiB/s, 0:17 left", as far as it is known. */
static void describe(const progress_bar *progress, const bs_event *event, char *out, size_t size)
{
    char done[OUTPUT_SIZE_TEXT];
    char total[OUTPUT_SIZE_TEXT];
    char rate[OUTPUT_SIZE_TEXT];
    char left[OUTPUT_TIME_TEXT];
    size_t used = 0;

    used += (size_t)snprintf(out, size, "%s", output_size(event->bytes_processed, done));
    if (event->total_bytes > 0) {
        used += (size_t)snprintf(out + used, size - used, " of %s",
                                 output_size(event->total_bytes, total));
    }
    if (progress->rate < 1) {
        return;
    }
    used += (size_t)snprintf(out + used, size - used, ", %s/s",
                             output_size((uint64_t)progress->rate, rate));
    if (event->total_bytes > event->bytes_processed) {
        double bytes = (double)(event->total_bytes - event->bytes_processed);

        (void)snprintf(out + used, size - used, ", %s left",
                       output_duration(bytes / progress->rate, left));
    }
}

static void draw_bar(const progress_bar *progress, const bs_event *event, const char *text)
{
    size_t width = columns();
    size_t taken = (strlen(text) > WORDS ? strlen(text) : WORDS) + 10;
    size_t room = 0;
    size_t filled = 0;
    double share = event->progress < 0 ? 0 : event->progress > 100 ? 1 : event->progress / 100;
    char bar[64];

    if (width < NARROWEST || width < taken + 8) {
        (void)fprintf(stderr, CLEAR_LINE "%3.0f%%", event->progress);
    } else {
        room = width - taken < sizeof(bar) - 1 ? width - taken : sizeof(bar) - 1;
        filled = (size_t)(share * (double)room);
        memset(bar, '=', filled);
        memset(bar + filled, ' ', room - filled);
        bar[room] = '\0';
        (void)fprintf(stderr, CLEAR_LINE "%3.0f%% [%s%s%s] %s", event->progress,
                      progress->color ? "\033[32m" : "", bar, progress->color ? "\033[0m" : "",
                      text);
    }
    (void)fflush(stderr);
    atomic_store(&bar_stands, true);
}

void progress_show(progress_bar *progress, const bs_event *event)
{
    double time = now();
    char text[160];

    measure(progress, event->bytes_processed, time);
    if (progress->bar && time - progress->shown >= SECONDS_BETWEEN_BARS) {
        describe(progress, event, text, sizeof(text));
        draw_bar(progress, event, text);
        progress->shown = time;
    } else if (progress->lines && time - progress->shown >= SECONDS_BETWEEN_LINES) {
        describe(progress, event, text, sizeof(text));
        (void)fprintf(stderr, "%s: %.0f%%, %s\n", progress->noun, event->progress, text);
        progress->shown = time;
    }
}

double progress_end(progress_bar *progress)
{
    if (progress->bar) {
        (void)fputs(progress_line_end(), stderr);
        (void)fflush(stderr);
    }
    return now() - progress->began;
}
