/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_SFTP_CONFIG_H
#define BSI_STORAGE_DRIVERS_SFTP_CONFIG_H

#include <backupsvc/sys/storage_driver.h>

#include "net/ssh.h"

/* Where objects are kept and how it is reached. Does not change while the storage is open. */
typedef struct bsi_sftp_config {
    bsi_ssh_target ssh;   /* The secrets lie in pages of their own. */
    char *root;           /* Without '/' at its end, unless that is all. */
    uint16_t connections; /* At most so many at the same time. */
    bool create;
    bool unsafe_replace;
} bsi_sftp_config;

extern const bs_storage_option bsi_sftp_options[];

/* Disposed by the caller also after a failure. `out` comes zeroed. */
BS_NODISCARD bs_status bsi_sftp_config_read(const bs_storage_settings *settings,
                                            bsi_sftp_config *out);
void bsi_sftp_config_dispose(bsi_sftp_config *config);

#endif
