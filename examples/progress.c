/* SPDX-License-Identifier: MIT */
/*
 * Follow a backup with poll(), as a program with an event loop of its own does.
 *
 *     progress STATE SOURCE
 */
#include <backupsvc.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>

/* Take what waits, without waiting. True once the job has ended. */
static bool take_events(bs_subscription *events)
{
    bs_event *event = NULL;
    bs_status status = BS_OK;

    for (;;) {
        status = bs_subscription_next(events, 0, &event);
        if (status != BS_OK) {
            return status != BS_E_TIMEOUT;
        }
        if (event->type == BS_EVENT_WARNING) {
            (void)printf("warning: %s: %s\n", event->warning.path, event->warning.message);
        } else {
            (void)printf("%s: %.0f%%, %" PRIu64 " of %" PRIu64 " files\n",
                         bs_job_state_name(event->status), event->progress, event->files_processed,
                         event->total_files);
        }
        bs_event_free(event);
    }
}

static bs_status follow(bs_service *service, const char *id)
{
    bs_subscription *events = NULL;
    bs_status status = bs_subscribe(service, id, &events);

    if (status < 0) {
        return status;
    }
    /* In a real loop other descriptors stand beside this one. */
    struct pollfd waiting = {.fd = bs_subscription_fd(events), .events = POLLIN};
    while (!take_events(events)) {
        (void)poll(&waiting, 1, -1);
    }
    bs_unsubscribe(events);
    return bs_backup_wait(service, id, BS_FOREVER);
}

int main(int argc, char **argv)
{
    bs_service_options options = BS_SERVICE_OPTIONS_INIT;
    bs_backup_options backup = BS_BACKUP_OPTIONS_INIT;
    bs_service *service = NULL;
    char id[BS_ID_SIZE];
    int code = 0;

    if (argc != 3) {
        return 2;
    }
    options.state_path = argv[1];
    backup.name = "progress";
    backup.source_paths = (const char *const[]){argv[2], NULL};
    if (bs_service_open(&options, &service) < 0 || bs_backup_start(service, &backup, id) < 0 ||
        follow(service, id) < 0) {
        (void)fprintf(stderr, "%s\n", bs_error_last()->message);
        code = 1;
    }
    bs_service_close(service);
    return code;
}
