/* SPDX-License-Identifier: MIT */
#ifndef BSI_OS_USERS_H
#define BSI_OS_USERS_H

#include "base/error.h"

/* Names of the system's user database. Thread-safe; each caches what it was asked. */
typedef struct bsi_users bsi_users;

BS_NODISCARD bs_status bsi_users_new(bsi_users **out);
void bsi_users_free(bsi_users *users);

/* The name of an id, or "" where there is none. Borrowed from `users`, never NULL. */
const char *bsi_user_name(bsi_users *users, uint32_t uid);
const char *bsi_group_name(bsi_users *users, uint32_t gid);

/* The id of a name: BS_E_NOT_FOUND. */
BS_NODISCARD bs_status bsi_user_id(bsi_users *users, const char *name, uint32_t *uid_out);
BS_NODISCARD bs_status bsi_group_id(bsi_users *users, const char *name, uint32_t *gid_out);

#endif
