/* SPDX-License-Identifier: MIT */
#ifndef BSI_OS_IDENTITY_H
#define BSI_OS_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Who this process is, as others on the same storage may know it. */
enum { BSI_HOST_NAME_SIZE = 256, BSI_TABLE_NAME_SIZE = 96 };

typedef struct bsi_identity {
    char host[BSI_HOST_NAME_SIZE];
    /*
     * In which table of processes the number counts: of which run of which system (Linux's
     * boot_id), and of which of its PID namespaces, since machines may have the same name and
     * containers of one have tables of their own. "": not known.
     */
    char table[BSI_TABLE_NAME_SIZE];
    uint32_t pid;
    uint32_t uid;
    uint32_t gid;
} bsi_identity;

BS_NODISCARD bs_status bsi_identity_get(bsi_identity *out);

/* Whether a process of that id runs on this machine, whoever's it is. Sends no signal. */
bool bsi_process_exists(uint32_t pid);

#endif
