/* SPDX-License-Identifier: MIT */
/*
 * The names of machine and process.
 */
#include "os/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BOOT_ID_SIZE = 37, NAMESPACE_SIZE = 48 };

/* proc(5): 36 characters and a line end. */
static bool read_boot_id(char out[BOOT_ID_SIZE])
{
    const int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t size = 0;

    if (fd < 0) {
        return false;
    }
    size = read(fd, out, BOOT_ID_SIZE - 1);
    (void)close(fd);
    out[BOOT_ID_SIZE - 1] = '\0';
    return size == BOOT_ID_SIZE - 1;
}

/* namespaces(7): such as "pid:[4026531836]". */
static bool read_namespace(char out[NAMESPACE_SIZE])
{
    const ssize_t size = readlink("/proc/self/ns/pid", out, NAMESPACE_SIZE - 1);

    out[size > 0 ? size : 0] = '\0';
    return size > 0 && size < NAMESPACE_SIZE - 1;
}

static void name_table(char out[BSI_TABLE_NAME_SIZE])
{
    char boot[BOOT_ID_SIZE];
    char space[NAMESPACE_SIZE];

    if (read_boot_id(boot) && read_namespace(space)) {
        (void)snprintf(out, BSI_TABLE_NAME_SIZE, "%s %s", boot, space);
    }
}

bs_status bsi_identity_get(bsi_identity *out)
{
    memset(out, 0, sizeof(*out));
    if (gethostname(out->host, sizeof(out->host) - 1) != 0) {
        return bsi_fail_os(BS_LAYER_SYSTEM, errno, "asking for the name of this machine");
    }
    out->pid = (uint32_t)getpid();
    out->uid = getuid();
    out->gid = getgid();
    name_table(out->table);
    return BS_OK;
}

/* Process 0 and numbers that are none would address whole groups. */
bool bsi_process_exists(uint32_t pid)
{
    if (pid == 0 || pid > INT_MAX) {
        return false;
    }
    return kill((pid_t)pid, 0) == 0 || errno != ESRCH;
}
