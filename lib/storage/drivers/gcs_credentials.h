/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_GCS_CREDENTIALS_H
#define BSI_STORAGE_DRIVERS_GCS_CREDENTIALS_H

#include <backupsvc/sys/storage_driver.h>

#include "net/google_auth.h"

/*
 * Where credentials come from: settings, the file that a variable names, the one that Google's
 * own tools leave in the home directory, the machine, or nowhere. Source: "How Application
 * Default Credentials works". Texts name variables and files, never what stands in them.
 */
typedef enum bsi_gcs_place {
    BSI_GCS_NOBODY, /* Nothing is sent; for emulators and open buckets. */
    BSI_GCS_ACCOUNT,
    BSI_GCS_MACHINE,
} bsi_gcs_place;

typedef struct bsi_gcs_credentials {
    bsi_gcs_place place;
    bool guessed;                /* Nothing was told, and nothing else was found. */
    bsi_google_account *account; /* With BSI_GCS_ACCOUNT. */
} bsi_gcs_credentials;

/* `emulator`: the service is one that wants none unless told. */
BS_NODISCARD bs_status bsi_gcs_credentials_find(const bs_storage_settings *settings, bool emulator,
                                                bsi_gcs_credentials *out);

#endif
