/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_GCS_IDENTITY_H
#define BSI_STORAGE_DRIVERS_GCS_IDENTITY_H

#include "os/thread.h"
#include "storage/drivers/gcs_token.h"

/*
 * The token in use. One is asked for when it is needed first, and another before it ends, by
 * one thread for all. Any thread.
 */
typedef struct bsi_gcs_identity {
    bsi_gcs_credentials credentials;
    bsi_http *http; /* To ask for tokens; NULL: the service's own. */
    bsi_mutex lock; /* Guards what follows. */
    bsi_cond change;
    bool asking;            /* Somebody does, for all. */
    bsi_gcs_token *present; /* NULL: none was asked for yet. */
} bsi_gcs_identity;

/* On failure nothing is left to do; else bsi_gcs_identity_close(). Asks nobody. */
BS_NODISCARD bs_status bsi_gcs_identity_open(bsi_gcs_identity *identity,
                                             const bs_storage_settings *settings, bool emulator);
void bsi_gcs_identity_close(bsi_gcs_identity *identity);

/*
 * The token to use now, with a reference; NULL: there are no credentials, and nothing is to be
 * shown. `http` is how the service is reached, and who gives tokens.
 */
BS_NODISCARD bs_status bsi_gcs_identity_get(bsi_gcs_identity *identity, bsi_http *http,
                                            const bs_call *call, bsi_gcs_token **out);

/*
 * The service takes this token no more: whether another one may do. One that was refused
 * before it was ever taken is no reason to ask for more of its kind.
 */
bool bsi_gcs_identity_refused(bsi_gcs_identity *identity, const bsi_gcs_token *token);

/* Whether the present token stands in a text. */
bool bsi_gcs_identity_is_in(bsi_gcs_identity *identity, const char *text);

#endif
