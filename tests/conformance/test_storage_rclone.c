/* SPDX-License-Identifier: MIT */
/* Over the system's rclone, on directories of this machine. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "conformance/storage_suite.h"
#include "os/process.h"
#include "support/tempdir.h"

enum {
    SKIPPED = 77,
    KEY_MAX = 3500, /* With the directory's path less than Linux's PATH_MAX. */
};

static test_dir *place_of_all;
static unsigned opened;

static bs_status open_directory(void **place, bsi_storage **out)
{
    char remote[400];
    const bsi_setting settings[] = {{"remote", remote}};

    *place = NULL;
    (void)snprintf(remote, sizeof(remote), "%s/%u", place_of_all->path, opened++);
    return bsi_storage_open("rclone", settings, BSI_ARRAY_SIZE(settings), NULL, out);
}

static void close_rclone(void *place)
{
    (void)place;
}

static bool is_there(void)
{
    bsi_process *process = NULL;
    const char *const command[] = {"rclone", "version", NULL};
    bs_status status = bsi_process_start(command, NULL, &process);

    if (status == BS_OK) {
        status = bsi_process_finish(process);
    }
    bsi_process_free(process);
    return status == BS_OK;
}

int main(void)
{
    static const storage_subject directory = {"rclone", open_directory, close_rclone,
                                              true,     true,           KEY_MAX};
    int failed = 1;

    if (!is_there()) {
        print_message("no rclone here\n");
        return SKIPPED;
    }
    if (test_dir_setup((void **)&place_of_all) == 0) {
        failed = storage_suite_run_one_line(&directory);
        failed += test_dir_teardown((void **)&place_of_all);
    }
    return failed;
}
