/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_WHO_H
#define BSI_REPO_WHO_H

#include "os/identity.h"

enum { BSI_USER_NAME_SIZE = 256 };

/* Who works on a repository, as its files tell of it. */
typedef struct bsi_repo_who {
    bsi_identity identity;
    char user[BSI_USER_NAME_SIZE]; /* "" when the system knows no name. */
} bsi_repo_who;

BS_NODISCARD bs_status bsi_repo_who_get(bsi_repo_who *out);

#endif
