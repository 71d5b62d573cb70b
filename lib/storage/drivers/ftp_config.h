/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_FTP_CONFIG_H
#define BSI_STORAGE_DRIVERS_FTP_CONFIG_H

#include <backupsvc/sys/storage_driver.h>

#include "net/ftp.h"

enum { BSI_FTP_CONNECTIONS_MAX = 16, BSI_FTP_ROOT_MAX = 1024 };

/* Where objects are kept and how it is reached. Does not change once the storage is open. */
typedef struct bsi_ftp_config {
    bsi_ftp_target target; /* The password lies in pages of its own. */
    char *root;            /* Absolute once it is open; without '/' at its end, unless it is all. */
    uint16_t connections;  /* At most so many at the same time, without those of uploads. */
    bool create;
    unsigned can; /* BSI_FTP_CAN_..., found when it is opened; likewise: */
    bool is_unix;
} bsi_ftp_config;

extern const bs_storage_option bsi_ftp_options[];

/* Disposed by the caller also after a failure. `out` comes zeroed. */
BS_NODISCARD bs_status bsi_ftp_config_read(const bs_storage_settings *settings,
                                           bsi_ftp_config *out);
void bsi_ftp_config_dispose(bsi_ftp_config *config);

#endif
