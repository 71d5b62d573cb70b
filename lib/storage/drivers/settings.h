/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_SETTINGS_H
#define BSI_STORAGE_DRIVERS_SETTINGS_H

#include <backupsvc/sys/storage_driver.h>

#include "crypto/secret.h"
#include "net/http.h"

/* Settings that several drivers have. What cannot be is BS_E_INVALID, and names the setting. */

/* A text that goes into headers: `own` is a copy to free, and `out` points at it; neither is
 * touched when the setting is empty. */
BS_NODISCARD bs_status bsi_settings_copy_text(const bs_storage_settings *settings, const char *key,
                                              char **own, const char **out);

BS_NODISCARD bs_status bsi_settings_take_number(const bs_storage_settings *settings,
                                                const char *key, uint64_t least, uint64_t most,
                                                uint64_t *out);

/* `prefix`: what all keys begin with, "" or ending with '/'. To be freed. */
BS_NODISCARD bs_status bsi_settings_take_prefix(const bs_storage_settings *settings, char **out);

/* By `ca_file`, `proxy`, `resolve` and `stall_timeout_s`. */
BS_NODISCARD bs_status bsi_settings_make_http(const bs_storage_settings *settings, bsi_http **out);

/* A file with credentials, of which `room` takes as much as it has room for. */
BS_NODISCARD bs_status bsi_settings_read_file(const char *path, bsi_secret *room, size_t *size_out);

#endif
