/* SPDX-License-Identifier: MIT */
/*
 * Back up a directory and restore it somewhere else.
 *
 *     minimal STATE SOURCE TARGET
 */
#include <backupsvc.h>
#include <stdio.h>

static int failed(bs_service *service)
{
    (void)fprintf(stderr, "%s\n", bs_error_last()->message);
    bs_service_close(service);
    return 1;
}

int main(int argc, char **argv)
{
    bs_service_options options = BS_SERVICE_OPTIONS_INIT;
    bs_backup_options backup = BS_BACKUP_OPTIONS_INIT;
    bs_restore_options restore = BS_RESTORE_OPTIONS_INIT;
    bs_service *service = NULL;
    char backup_id[BS_ID_SIZE];
    char restore_id[BS_ID_SIZE];

    if (argc != 4) {
        return 2;
    }
    options.state_path = argv[1];
    backup.name = "minimal";
    backup.source_paths = (const char *const[]){argv[2], NULL};
    restore.backup_id = "latest:minimal";
    restore.restore_path = argv[3];

    if (bs_service_open(&options, &service) < 0 ||
        bs_backup_start(service, &backup, backup_id) < 0 ||
        bs_backup_wait(service, backup_id, BS_FOREVER) < 0 ||
        bs_restore_start(service, &restore, restore_id) < 0 ||
        bs_restore_wait(service, restore_id, BS_FOREVER) < 0) {
        return failed(service);
    }
    bs_service_close(service);
    return 0;
}
