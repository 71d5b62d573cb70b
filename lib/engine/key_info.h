/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_KEY_INFO_H
#define BSI_ENGINE_KEY_INFO_H

#include <backupsvc/keys.h>

#include "base/error.h"

/* What a service keeps of keys, as the copy that programs get. */
BS_NODISCARD bs_status bsi_keyring_info_get(bs_service *service, bs_keyring_info **out);
/* NULL is ignored. */
void bsi_keyring_info_free(bs_keyring_info *info);

#endif
