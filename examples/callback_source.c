/* SPDX-License-Identifier: MIT */
/*
 * Back up bytes that the program makes itself, and read them back.
 *
 *     callback_source STATE
 */
#include <backupsvc.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A table that exists only in memory: one line for each number. */
typedef struct table {
    uint32_t next;
    uint32_t end;
} table;

/* Called on a thread of the library, never twice at the same time. */
static int next_lines(void *user, void *buf, size_t size, size_t *got_out)
{
    table *rows = user;
    char *at = buf;
    size_t used = 0;
    char line[64];

    while (rows->next < rows->end) {
        int length = snprintf(line, sizeof(line), "%" PRIu32 " squared is %" PRIu64 "\n",
                              rows->next, (uint64_t)rows->next * rows->next);

        if (length < 0 || (size_t)length > size - used) {
            break;
        }
        memcpy(at + used, line, (size_t)length);
        used += (size_t)length;
        rows->next++;
    }
    *got_out = used;
    return 0;
}

static int count_bytes(void *user, const void *data, size_t size)
{
    (void)data;
    *(uint64_t *)user += size;
    return 0;
}

int main(int argc, char **argv)
{
    bs_service_options options = BS_SERVICE_OPTIONS_INIT;
    bs_backup_options backup = BS_BACKUP_OPTIONS_INIT;
    bs_service *service = NULL;
    table rows = {0, 100000};
    uint64_t size = 0;
    char id[BS_ID_SIZE];
    int code = 0;

    if (argc != 2) {
        return 2;
    }
    options.state_path = argv[1];
    backup.name = "table";
    backup.source_callback = next_lines;
    backup.source_user = &rows;
    backup.source_name = "squares.txt";
    backup.compression = BS_COMPRESSION_TAR_ZST;
    if (bs_service_open(&options, &service) < 0 || bs_backup_start(service, &backup, id) < 0 ||
        bs_backup_wait(service, id, BS_FOREVER) < 0 ||
        bs_backup_read(service, id, "squares.txt", count_bytes, &size) < 0) {
        (void)fprintf(stderr, "%s\n", bs_error_last()->message);
        code = 1;
    } else {
        (void)printf("squares.txt: %" PRIu64 " bytes in backup %s\n", size, id);
    }
    bs_service_close(service);
    return code;
}
