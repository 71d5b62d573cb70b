/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_KEY_MAKE_H
#define BSI_ENGINE_KEY_MAKE_H

#include <backupsvc/keys.h>

#include "base/error.h"

/* See bs_key_generate(). */
BS_NODISCARD bs_status bsi_key_generate(const bs_key_options *options,
                                        char fingerprint_out[BS_FINGERPRINT_SIZE]);

#endif
