/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_GCS_TOKEN_H
#define BSI_STORAGE_DRIVERS_GCS_TOKEN_H

#include <stdatomic.h>

#include "net/http.h"
#include "storage/drivers/gcs_credentials.h"

/* What a request shows of who asks. It does not change, but for what the service thinks of it. */
typedef struct bsi_gcs_token {
    atomic_uint references;
    atomic_bool accepted; /* The service has taken it at least once. */
    bsi_secret *line;     /* "Authorization: Bearer ...", ending in NUL. */
    int64_t due_sec;      /* Of bsi_now(): another one is asked for from then on... */
    int64_t ends_sec;     /* ...and this one is good for nothing from then on. */
} bsi_gcs_token;

bsi_gcs_token *bsi_gcs_token_ref(bsi_gcs_token *token);
/* NULL is ignored; the error record is left alone. */
void bsi_gcs_token_unref(bsi_gcs_token *token);

/* Whether the token stands in a text. NULL stands in none. */
bool bsi_gcs_token_is_in(const bsi_gcs_token *token, const char *text);

/* Who is asked over the network: the machine itself never by way of a proxy. */
BS_NODISCARD bs_status bsi_gcs_machine_http(bsi_http **out);

/* Ask for a token, which comes with one reference. Refusals are BS_E_ACCESS. */
BS_NODISCARD bs_status bsi_gcs_token_of_account(bsi_http *http, const bs_call *call,
                                                const bsi_google_account *account,
                                                bsi_gcs_token **out);
BS_NODISCARD bs_status bsi_gcs_token_of_machine(bsi_http *http, const bs_call *call,
                                                bsi_gcs_token **out);

#endif
