/* SPDX-License-Identifier: MIT */
/*
 * Says when schedules are due, for comparison with others who know.
 *
 * Standard input, one question a line, its parts divided by tabs:
 *
 *     next SCHEDULE ZONE SECONDS COUNT    the next COUNT instants after SECONDS
 *     previous SCHEDULE ZONE SECONDS      the last instant before SECONDS
 *     offsets ZONE SECONDS SECONDS        each change of the clocks in between, as instant:offset
 *
 * Standard output, one line for each: the answers with spaces between them,
 * "none" where there is none, or "refused: " and why. The one argument is the
 * folder of the time zone database.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/zones.h"
#include "policy/cron.h"

enum {
    LINE_MAX_SIZE = 1024,
    PARTS_MAX = 5,
};

static size_t split(char *line, char *parts[PARTS_MAX])
{
    size_t count = 0;

    line[strcspn(line, "\n")] = '\0';
    while (line && count < PARTS_MAX) {
        char *tab = strchr(line, '\t');
        parts[count++] = line;
        if (tab) {
            *tab++ = '\0';
        }
        line = tab;
    }
    return count;
}

static int64_t number(const char *text)
{
    return strtoll(text, NULL, 10);
}

static void answer_next(const bsi_cron *cron, const bsi_timezone *zone, int64_t after,
                        int64_t count)
{
    int64_t found = after;

    for (int64_t i = 0; i < count; i++) {
        if (bsi_cron_next(cron, zone, found, &found) < 0) {
            (void)printf("none");
            return;
        }
        (void)printf("%s%lld", i > 0 ? " " : "", (long long)found);
    }
}

static void answer_previous(const bsi_cron *cron, const bsi_timezone *zone, int64_t before)
{
    int64_t found = 0;

    if (bsi_cron_previous(cron, zone, before, &found) < 0) {
        (void)printf("none");
        return;
    }
    (void)printf("%lld", (long long)found);
}

static void answer_offsets(const bsi_timezone *zone, int64_t from, int64_t to)
{
    bsi_timezone_span span = bsi_timezone_span_at(zone, from);

    (void)printf("%lld:%d", (long long)from, span.offset);
    while (span.end < to) {
        span = bsi_timezone_span_at(zone, span.end);
        (void)printf(" %lld:%d", (long long)span.begin, span.offset);
    }
}

static void answer(const char *folder, char *line)
{
    char *parts[PARTS_MAX] = {NULL};
    const size_t count = split(line, parts);
    const bool offsets = strcmp(parts[0], "offsets") == 0;
    bsi_timezone *zone = NULL;
    bsi_cron cron = {0};

    if (count < 4 || bsi_zone_load(folder, parts[offsets ? 1 : 2], &zone) != BS_OK ||
        (!offsets && bsi_cron_parse(parts[1], strlen(parts[1]), &cron) < 0)) {
        (void)printf("refused: %s", bs_error_last()->message);
    } else if (offsets) {
        answer_offsets(zone, number(parts[2]), number(parts[3]));
    } else if (count == PARTS_MAX) {
        answer_next(&cron, zone, number(parts[3]), number(parts[4]));
    } else {
        answer_previous(&cron, zone, number(parts[3]));
    }
    (void)putchar('\n');
    bsi_timezone_free(zone);
}

int main(int argc, char **argv)
{
    char line[LINE_MAX_SIZE];

    if (argc != 2) {
        return 2;
    }
    while (fgets(line, sizeof(line), stdin)) {
        answer(argv[1], line);
    }
    return 0;
}
