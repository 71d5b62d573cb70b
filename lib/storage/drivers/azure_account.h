/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_AZURE_ACCOUNT_H
#define BSI_STORAGE_DRIVERS_AZURE_ACCOUNT_H

#include <backupsvc/sys/storage_driver.h>

#include "crypto/secret.h"
#include "net/shared_key.h"

/*
 * Whose storage it is, where it is, and by what one may ask: the account's key, or a shared
 * access signature, which goes into each query as it is. Found in the settings, or in the
 * variables that Azure's own tools know: AZURE_STORAGE_CONNECTION_STRING, or
 * AZURE_STORAGE_ACCOUNT with AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN. Texts tell where
 * something was found, never what. Does not change; any thread.
 */
typedef struct bsi_azure_account {
    char *name;      /* "" where a signature needs none. */
    bsi_secret *key; /* NULL: there is a signature. */
    bsi_secret *sas; /* A query without '?', ending in NUL; NULL: there is a key. */
    char *host;      /* As error texts have it: with a port that is not the usual one. */
    char *url;       /* "https://HOST", before the path. */
    char *path;      /* Before the container: "", or "/ACCOUNT" of an emulator. */
} bsi_azure_account;

/* On failure nothing is left to do; else bsi_azure_account_close(). */
BS_NODISCARD bs_status bsi_azure_account_open(bsi_azure_account *account,
                                              const bs_storage_settings *settings);
void bsi_azure_account_close(bsi_azure_account *account);

/* Whether some of what must not be told stands in a text. */
bool bsi_azure_account_is_in(const bsi_azure_account *account, const char *text);

#endif
