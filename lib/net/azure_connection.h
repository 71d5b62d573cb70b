/* SPDX-License-Identifier: MIT */
#ifndef BSI_NET_AZURE_CONNECTION_H
#define BSI_NET_AZURE_CONNECTION_H

#include "base/error.h"
#include "base/slice.h"

/*
 * Connection strings of Azure's storage accounts: "NAME=VALUE;NAME=VALUE". Source: "Configure
 * Azure Storage connection strings" in the Azure Storage documentation.
 */

/* Of a parsed one; sizes 0: not there. */
typedef struct bsi_azure_texts {
    bsi_slice account;
    bsi_slice key;      /* In base 64. */
    bsi_slice sas;      /* A query, with or without '?' before it. */
    bsi_slice endpoint; /* Of blobs. */
    bsi_slice protocol; /* Of an endpoint that is made of the account's name: "https". */
    bsi_slice suffix;   /* Likewise: "core.windows.net". */
} bsi_azure_texts;

/*
 * Take it apart; `out` borrows from it. BS_E_INVALID of layer CALLER, with a text that shows
 * nothing of it. UseDevelopmentStorage=true is the emulator on this machine.
 */
BS_NODISCARD bs_status bsi_azure_connection_parse(bsi_slice text, bsi_azure_texts *out);

#endif
