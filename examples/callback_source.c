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
    char line[64]; /* The line that is being handed out, */
    size_t size;
    size_t at; /* and how much of it has been. */
} table;

static void make_line(table *rows)
{
    int size = snprintf(rows->line, sizeof(rows->line), "%" PRIu32 " squared is %" PRIu64 "\n",
                        rows->next, (uint64_t)rows->next * rows->next);

    rows->size = size > 0 ? (size_t)size : 0;
    rows->at = 0;
    rows->next++;
}

/*
 * Called on a thread of the library, never twice at the same time. There may be
 * room for one byte only: what is left of a line waits for the next call, as
 * giving nothing means the end.
 */
static int next_bytes(void *user, void *buf, size_t size, size_t *got_out)
{
    table *rows = user;
    char *to = buf;
    size_t used = 0;

    while (used < size && (rows->at < rows->size || rows->next < rows->end)) {
        size_t part = 0;

        if (rows->at == rows->size) {
            make_line(rows);
        }
        part = rows->size - rows->at < size - used ? rows->size - rows->at : size - used;
        memcpy(to + used, rows->line + rows->at, part);
        rows->at += part;
        used += part;
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
    table rows = {.end = 100000};
    uint64_t size = 0;
    char id[BS_ID_SIZE];
    int code = 0;

    if (argc != 2) {
        return 2;
    }
    options.state_path = argv[1];
    backup.name = "table";
    backup.source_callback = next_bytes;
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
