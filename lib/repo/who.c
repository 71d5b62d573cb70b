/* SPDX-License-Identifier: MIT */
/*
 * This process, with the name of its user.
 */
#include "repo/who.h"

#include <stdio.h>

#include "os/users.h"

bs_status bsi_repo_who_get(bsi_repo_who *out)
{
    bsi_users *users = NULL;

    BSI_TRY(bsi_identity_get(&out->identity));
    BSI_TRY(bsi_users_new(&users));
    (void)snprintf(out->user, sizeof(out->user), "%s", bsi_user_name(users, out->identity.uid));
    bsi_users_free(users);
    return BS_OK;
}
