/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_S3_IDENTITY_H
#define BSI_STORAGE_DRIVERS_S3_IDENTITY_H

#include "net/sigv4.h"
#include "os/thread.h"
#include "storage/drivers/s3_metadata.h"

/*
 * The credentials in use: found once, in the order that Amazon's own tools have,
 * and asked for anew before they end where that is possible. Any thread.
 */
typedef struct bsi_s3_identity {
    char *place;    /* Where they come from. */
    char *profile;  /* Of the file; NULL: the usual one. */
    bsi_http *http; /* To ask for them; NULL where nobody is asked. */
    bsi_mutex lock; /* Guards what follows, and the signing keys. */
    bsi_cond change;
    bool asking; /* Somebody does, for all. */
    bsi_s3_credentials *present;
} bsi_s3_identity;

/* On failure nothing is left to do; else bsi_s3_identity_close(). */
BS_NODISCARD bs_status bsi_s3_identity_open(bsi_s3_identity *identity, const bs_call *call,
                                            const bs_storage_settings *settings);
void bsi_s3_identity_close(bsi_s3_identity *identity);

/* Those to use now, with a reference. New ones are asked for when fewer than 5 minutes are left. */
BS_NODISCARD bs_status bsi_s3_identity_get(bsi_s3_identity *identity, const bs_call *call,
                                           bsi_s3_credentials **out);

/* The service takes these no more: whether there may be others the next time. */
bool bsi_s3_identity_refused(bsi_s3_identity *identity, const bsi_s3_credentials *credentials);

/* Append the value of the header Authorization. */
BS_NODISCARD bs_status bsi_s3_identity_sign(bsi_s3_identity *identity,
                                            bsi_s3_credentials *credentials,
                                            const bsi_sigv4_scope *scope,
                                            const bsi_sigv4_request *request, bsi_buf *out);

/* Whether the present token stands in a text. */
bool bsi_s3_identity_is_in(bsi_s3_identity *identity, const char *text);

#endif
