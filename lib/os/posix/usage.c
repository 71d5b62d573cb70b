/* SPDX-License-Identifier: MIT */
/*
 * Numbers of this process, from the clocks and from /proc (proc(5)).
 */
#include "os/usage.h"

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "os/file.h"

enum {
    NS_PER_SEC = 1000000000,
    NS_PER_US = 1000,
    PROC_TEXT_SIZE = 4096, /* More than any of these files has. */
    STAT_START_FIELD = 22, /* "starttime" of /proc/self/stat, counted from 1. */
    STAT_AFTER_NAME = 3,   /* The first field behind the name, which may hold anything. */
};

int64_t bsi_thread_cpu_ns(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * NS_PER_SEC + now.tv_nsec;
}

/* The text of a small file; empty when there is none. */
static const char *read_proc(const char *path, char out[PROC_TEXT_SIZE])
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = 0;

    out[0] = '\0';
    if (fd >= 0) {
        got = read(fd, out, PROC_TEXT_SIZE - 1);
        out[got > 0 ? got : 0] = '\0';
        (void)close(fd);
    }
    return out;
}

static uint64_t read_digits(const char *text)
{
    uint64_t value = 0;

    text += strspn(text, " \t");
    for (; *text >= '0' && *text <= '9'; text++) {
        value = value * 10 + (uint64_t)(*text - '0');
    }
    return value;
}

/* "Name:  123 kB" in bytes. */
static uint64_t read_kilobytes(const char *text, const char *name)
{
    const char *at = strstr(text, name);

    return at ? read_digits(at + strlen(name)) * 1024 : 0;
}

bsi_memory_usage bsi_memory_now(void)
{
    char text[PROC_TEXT_SIZE];

    (void)read_proc("/proc/self/status", text);
    return (bsi_memory_usage){
        .resident = read_kilobytes(text, "\nVmRSS:"),
        .peak = read_kilobytes(text, "\nVmHWM:"),
    };
}

static uint64_t count_open_files(void)
{
    bsi_dir *dir = NULL;
    bsi_dir_entry entry;
    uint64_t count = 0;
    int fd = -1;
    bs_status status = bsi_open(BSI_CWD, "/proc/self/fd", BSI_OPEN_READ | BSI_OPEN_DIR, 0, &fd);

    if (status == BS_OK) {
        status = bsi_dir_open(fd, &dir);
        bsi_close_quietly(fd);
    }
    while (status == BS_OK) {
        status = bsi_dir_next(dir, &entry);
        count += status == BS_OK;
    }
    bsi_dir_close(dir);
    return count > 0 ? count - 1 : 0; /* Without the one that lists them. */
}

/* When the machine was started plus the ticks until the process was. */
static int64_t read_start(void)
{
    const int64_t ticks_per_sec = sysconf(_SC_CLK_TCK);
    struct timespec wall = {0};
    struct timespec boot = {0};
    char text[PROC_TEXT_SIZE];
    const char *at = strrchr(read_proc("/proc/self/stat", text), ')');

    for (int field = STAT_AFTER_NAME - 1; at && field < STAT_START_FIELD; field++) {
        at = strchr(at + 1, ' ');
    }
    if (!at || ticks_per_sec <= 0) {
        return 0;
    }
    (void)clock_gettime(CLOCK_REALTIME, &wall);
    (void)clock_gettime(CLOCK_BOOTTIME, &boot);
    return (int64_t)(wall.tv_sec - boot.tv_sec) * NS_PER_SEC + wall.tv_nsec - boot.tv_nsec +
           (int64_t)read_digits(at) * (NS_PER_SEC / ticks_per_sec);
}

static int64_t time_ns(const struct timeval *time)
{
    return (int64_t)time->tv_sec * NS_PER_SEC + (int64_t)time->tv_usec * NS_PER_US;
}

bsi_process_usage bsi_process_usage_now(void)
{
    bsi_process_usage out = {.resident = bsi_memory_now().resident,
                             .open_files = count_open_files(),
                             .started_at = read_start()};
    struct rusage used = {0};
    struct rlimit limit = {0};

    if (getrusage(RUSAGE_SELF, &used) == 0) {
        out.cpu_ns = time_ns(&used.ru_utime) + time_ns(&used.ru_stime);
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        out.max_files = limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
    }
    return out;
}
