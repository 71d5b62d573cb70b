/* SPDX-License-Identifier: MIT */
#ifndef BSI_OS_IDENTITY_H
#define BSI_OS_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Who this process is, as others on the same storage may know it. */
enum { BSI_HOST_NAME_SIZE = 256 };

typedef struct bsi_identity {
    char host[BSI_HOST_NAME_SIZE];
    uint32_t pid;
    uint32_t uid;
    uint32_t gid;
} bsi_identity;

BS_NODISCARD bs_status bsi_identity_get(bsi_identity *out);

/* Whether a process of that id runs on this machine, whoever's it is. Sends no signal. */
bool bsi_process_exists(uint32_t pid);

#endif
