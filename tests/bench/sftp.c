/* SPDX-License-Identifier: MIT */
/*
 * bench-sftp [MEGABYTES [SMALL]]: the driver for SFTP beside OpenSSH's own sftp.
 *
 * Starts an sshd on 127.0.0.1. A large object (of 1024 MB) goes there and back,
 * by either side in turn; and so do many small ones (2000 of 16 KB), ours on as
 * many threads as there are connections. Medians. sftp does not sync what it
 * puts unless it is told to (-f), so both of its ways are shown.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/thread.h"
#include "os/time.h"
#include "storage/storage.h"
#include "support/sshd.h"

enum { RUNS = 5, MB = 1000000, BLOCK = 4 * MB, SMALL_SIZE = 16000, THREADS = 4 };

static test_sshd server;
static bsi_storage *storage;
static uint8_t block[BLOCK];

static void give_up(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, bs_error_last()->message);
    test_sshd_teardown(&server);
    exit(1);
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;

    return (x > y) - (x < y);
}

/* --- One large object --- */

static void put_large(size_t size)
{
    bsi_upload *upload = NULL;

    if (bsi_upload_begin(storage, NULL, "large", NULL, &upload) < 0) {
        give_up("begin");
    }
    for (size_t left = size; left > 0;) {
        const size_t part = left < BLOCK ? left : BLOCK;
        if (bsi_upload_write(upload, NULL, block, part) < 0) {
            give_up("write");
        }
        left -= part;
    }
    if (bsi_upload_commit(upload, NULL) < 0) {
        give_up("commit");
    }
}

static void get_large(size_t size)
{
    for (size_t at = 0; at < size; at += BLOCK) {
        const size_t part = size - at < BLOCK ? size - at : BLOCK;
        if (bsi_storage_read(storage, NULL, "large", at, block, part) < 0) {
            give_up("read");
        }
    }
}

/* --- Many small ones --- */

typedef struct share {
    size_t begin;
    size_t end;
    bool put;
    bsi_thread thread;
} share;

static void move_share(void *user)
{
    const share *self = user;
    uint8_t *bytes = calloc(1, SMALL_SIZE);
    char key[64];

    if (!bytes) {
        give_up("memory");
    }
    for (size_t i = self->begin; i < self->end; i++) {
        bs_status status = BS_OK;
        (void)snprintf(key, sizeof(key), "small/%zu", i);
        status = self->put ? bsi_storage_put(storage, NULL, key, bytes, SMALL_SIZE)
                           : bsi_storage_read(storage, NULL, key, 0, bytes, SMALL_SIZE);
        if (status < 0) {
            give_up(key);
        }
    }
    free(bytes);
}

static void move_small(size_t count, bool put)
{
    share shares[THREADS];

    for (size_t i = 0; i < THREADS; i++) {
        shares[i] = (share){count * i / THREADS, count * (i + 1) / THREADS, put, 0};
        if (bsi_thread_start(&shares[i].thread, "bench", move_share, &shares[i]) < 0) {
            give_up("thread");
        }
    }
    for (size_t i = 0; i < THREADS; i++) {
        bsi_thread_join(shares[i].thread);
    }
}

static void ours(const char *what, size_t amount)
{
    if (strcmp(what, "put large") == 0) {
        put_large(amount);
    } else if (strcmp(what, "get large") == 0) {
        get_large(amount);
    } else {
        move_small(amount, strcmp(what, "put small") == 0);
    }
}

/* --- The program --- */

static void theirs(const char *batch, const char *flag)
{
    char command[2000];

    (void)snprintf(command, sizeof(command),
                   "cd '%s' && sftp -q %s -b - -P %s -i '%s' -o UserKnownHostsFile='%s' "
                   "-o IdentitiesOnly=yes %s@127.0.0.1 <<'END'\n%s\nEND",
                   server.dir, flag, server.port_text, server.key, server.known_hosts, server.user,
                   batch);
    if (!test_run((const char *const[]){"sh", "-c", command, NULL})) {
        give_up("sftp");
    }
}

static void make_files(size_t size, size_t count)
{
    char command[1200];

    (void)snprintf(command, sizeof(command),
                   "cd '%s' && mkdir -p mine/small data/theirs && chmod 777 data/theirs && "
                   "head -c %zu /dev/zero >mine/large && for i in $(seq %zu); do "
                   "head -c %d /dev/zero >mine/small/$i; done",
                   server.dir, size, count, SMALL_SIZE);
    if (!test_run((const char *const[]){"sh", "-c", command, NULL})) {
        give_up("making files");
    }
}

static double seconds_since(int64_t begin)
{
    return (double)(bsi_monotonic_ns() - begin) / 1e9;
}

/* Ours and both of theirs, in turn. */
static void row(const char *what, size_t amount, double bytes, const char *batch)
{
    double times[3][RUNS];

    for (int run = 0; run < RUNS; run++) {
        int64_t begin = bsi_monotonic_ns();
        ours(what, amount);
        times[0][run] = seconds_since(begin);
        begin = bsi_monotonic_ns();
        theirs(batch, "");
        times[1][run] = seconds_since(begin);
        begin = bsi_monotonic_ns();
        theirs(batch, "-f");
        times[2][run] = seconds_since(begin);
    }
    printf("%-12s", what);
    for (int side = 0; side < 3; side++) {
        qsort(times[side], RUNS, sizeof(double), compare);
        printf("%9.2f s %8.1f MB/s", times[side][RUNS / 2], bytes / times[side][RUNS / 2] / 1e6);
    }
    printf("\n");
    (void)fflush(stdout);
}

static void open_storage(void)
{
    char path[400];
    const bsi_setting settings[] = {
        {"host", "127.0.0.1"},
        {"port", server.port_text},
        {"user", server.user},
        {"path", path},
        {"key_file", server.key},
        {"connections", "4"},
        {"known_hosts", server.known_hosts},
    };

    (void)snprintf(path, sizeof(path), "%s/ours", server.data);
    if (bsi_storage_open("sftp", settings, sizeof(settings) / sizeof(settings[0]), NULL, &storage) <
        0) {
        give_up("opening");
    }
}

int main(int argc, char **argv)
{
    const size_t large = (argc > 1 ? strtoul(argv[1], NULL, 10) : 1024) * MB;
    const size_t small = argc > 2 ? strtoul(argv[2], NULL, 10) : 2000;

    if (!test_sshd_is_there() || !test_sshd_setup(&server, NULL)) {
        give_up("no sshd");
    }
    open_storage();
    make_files(large, small);
    printf("%-12s%9s%24s%24s\n", "", "ours", "sftp", "sftp -f");
    row("put large", large, (double)large, "put mine/large data/theirs/large");
    row("get large", large, (double)large, "get data/theirs/large mine/back");
    row("put small", small, (double)small * SMALL_SIZE, "put -R mine/small data/theirs/");
    row("get small", small, (double)small * SMALL_SIZE, "get -R data/theirs/small mine/back-small");
    bsi_storage_unref(storage);
    test_sshd_teardown(&server);
    return 0;
}
