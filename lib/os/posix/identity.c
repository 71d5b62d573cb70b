/* SPDX-License-Identifier: MIT */
/*
 * The names of machine and process.
 */
#include "os/identity.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

bs_status bsi_identity_get(bsi_identity *out)
{
    memset(out, 0, sizeof(*out));
    if (gethostname(out->host, sizeof(out->host) - 1) != 0) {
        return bsi_fail_os(BS_LAYER_SYSTEM, errno, "asking for the name of this machine");
    }
    out->pid = (uint32_t)getpid();
    out->uid = getuid();
    out->gid = getgid();
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
