/* SPDX-License-Identifier: MIT */
/*
 * Backs up what test_webhook.py asks for, with the settings of the environment,
 * and prints each log line.
 *
 * Usage: webhook_probe STATE SOURCE [COUNT]
 */
#include <stdio.h>
#include <stdlib.h>

#include <backupsvc.h>

static void log_line(bs_log_level level, const char *module, const char *message, void *user)
{
    (void)user;
    (void)printf("%d %s: %s\n", (int)level, module, message);
}

static int back_up(bs_service *service, const char *source)
{
    const char *const paths[] = {source, NULL};
    bs_backup_options options = BS_BACKUP_OPTIONS_INIT;
    char id[BS_ID_SIZE];

    options.name = "home";
    options.source_paths = paths;
    if (bs_backup_start(service, &options, id) < 0) {
        return -1;
    }
    return bs_backup_wait(service, id, BS_FOREVER) < 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
    bs_service_options options = BS_SERVICE_OPTIONS_INIT;
    bs_service *service = NULL;
    const long count = argc > 3 ? strtol(argv[3], NULL, 10) : 1;
    int code = 0;

    if (argc < 3 || bs_config_new(&options.config) < 0) {
        return 2;
    }
    if (bs_config_load_env(options.config) < 0) {
        (void)printf("settings: %s\n", bs_error_last()->message);
        bs_config_free(options.config);
        return 2;
    }
    options.state_path = argv[1];
    options.log = log_line;
    if (bs_service_open(&options, &service) < 0) {
        (void)printf("open: %s\n", bs_error_last()->message);
        code = 2;
    }
    for (long i = 0; i < count && service; i++) {
        code |= back_up(service, argv[2]);
    }
    bs_service_close(service);
    bs_config_free(options.config);
    return code;
}
