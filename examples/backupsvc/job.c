/* SPDX-License-Identifier: MIT */
#include "job.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "output.h"
#include "progress.h"

/* How long a signal may wait to be seen. */
#define STEP_MS 100
#define WARNINGS_SHOWN 20

/* Take one event if there is one. True when it says that the job has ended. */
static bool take_event(progress_bar *progress, bs_subscription *events, const char *id)
{
    bs_event *event = NULL;
    bool ended = false;

    if (bs_subscription_next(events, STEP_MS, &event) != BS_OK) {
        return false;
    }
    if (strcmp(event->job_id, id) == 0) {
        ended = event->type == BS_EVENT_STATE && event->status >= BS_STATE_COMPLETED;
        progress_show(progress, event);
    }
    bs_event_free(event);
    return ended;
}

bs_status job_follow(const tool_run *tool, const job_kind *kind, bs_subscription *events,
                     const char *id, double *seconds_out)
{
    progress_bar progress;
    bs_status status = BS_E_TIMEOUT;
    bool cancelled = false;
    bool ended = false;

    progress_begin(&progress, kind->noun, !tool->quiet && !tool->json);
    while (!ended && status == BS_E_TIMEOUT) {
        ended = take_event(&progress, events, id);
        if (tool_interrupted() && !cancelled) {
            cancelled = true;
            (void)fprintf(stderr, "%sbackupsvc: stopping\n", progress_line_end());
            (void)kind->cancel(tool->service, id);
        }
        status = kind->wait(tool->service, id, 0);
    }
    if (status == BS_E_TIMEOUT) {
        status = kind->wait(tool->service, id, BS_FOREVER);
    }
    *seconds_out = progress_end(&progress);
    return status;
}

int job_exit_code(bs_status status)
{
    if (status == BS_PARTIAL) {
        return TOOL_WARNINGS;
    }
    return status < 0 ? TOOL_FAILED : TOOL_DONE;
}

void job_show_json(const job_end *end, bs_status status, char *json)
{
    const bool good = end->state < BS_STATE_FAILED;

    (void)printf("{\"success\":%s,", good ? "true" : "false");
    if (end->id) {
        (void)printf("\"%s_id\":\"%s\",", end->noun, end->id);
    }
    (void)printf("\"%s\":", end->noun);
    output_json_owned(stdout, status, json);
    if (!good) {
        json = NULL;
        status = bs_error_to_json(end->error, &json);
        (void)printf(",\"error\":");
        output_json_owned(stdout, status, json);
    }
    (void)printf("}\n");
}

void job_show_warnings(const tool_run *tool, const bs_warning *warnings, size_t kept,
                       uint64_t count)
{
    size_t shown = tool->verbose || kept < WARNINGS_SHOWN ? kept : WARNINGS_SHOWN;

    if (tool->quiet) {
        return;
    }
    for (size_t i = 0; i < shown; i++) {
        (void)fputs("warning: ", stderr);
        if (*warnings[i].path) {
            output_text(stderr, warnings[i].path);
            (void)fputs(": ", stderr);
        }
        output_text(stderr, warnings[i].message);
        (void)fputc('\n', stderr);
    }
    if (count > shown) {
        (void)fprintf(stderr, "warning: and %" PRIu64 " more\n", count - shown);
    }
}

void job_show_error(const char *noun, const bs_error *error, bs_job_state state)
{
    char before[80];

    if (state == BS_STATE_CANCELLED) {
        (void)snprintf(before, sizeof(before), "the %s was cancelled", noun);
        output_complaint("", before);
        return;
    }
    (void)snprintf(before, sizeof(before), "the %s has failed (%s): ", noun,
                   bs_layer_name(error->layer));
    output_complaint(before, *error->message ? error->message : bs_status_text(error->code));
}
