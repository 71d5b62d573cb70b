/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_ARCHIVE_MEMBERS_H
#define BSI_VAULT_ARCHIVE_MEMBERS_H

#include "archive/archive.h"
#include "vault/keys.h"

/*
 * The encryption of a zip container's members, between crypto/, which does it, and
 * archive/, which has it done. The members' pass phrase is the backup's first; it is kept in the
 * manifest and the key set's public part, sealed under the data key. So whatever opens the
 * backup reads its members, whichever keys come and go. One thread at a time.
 */
typedef struct bsi_members bsi_members;

/* Of a new backup: BS_E_KEY when its key is no pass phrase that zip files can have. */
BS_NODISCARD bs_status bsi_members_new(const bsi_backup_plan *plan, bsi_members **out);
/* Of the backup `id`, whose keys are open; BS_E_CORRUPT when they are another's. */
BS_NODISCARD bs_status bsi_members_open(const bsi_backup_keys *keys, const char *id,
                                        bsi_members **out);
/* NULL is ignored. */
void bsi_members_free(bsi_members *members);

/* Borrowed. */
const bsi_member_cipher *bsi_members_cipher(const bsi_members *members);

/* Note a new backup's pass phrase in `info`, sealed under the data key of its open key set. */
BS_NODISCARD bs_status bsi_members_note(const bsi_backup_plan *plan, const bsi_keyset *keys,
                                        bsi_manifest_info *info);

#endif
