/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_S3_CREDENTIALS_H
#define BSI_STORAGE_DRIVERS_S3_CREDENTIALS_H

#include <stdatomic.h>

#include <backupsvc/sys/storage_driver.h>

#include "base/slice.h"
#include "crypto/secret.h"

/*
 * Who asks: one set of credentials, which does not change. Found in settings, the
 * environment and the file that Amazon's own tools share. Source: "Configuration and
 * credential file settings" in the AWS CLI's user guide. Texts name variables, files
 * and profiles, never what stands in them.
 */
typedef struct bsi_s3_credentials {
    atomic_uint references;
    char *access_key;
    bsi_secret *secret;
    bsi_secret *token;   /* Of a session, ending in NUL; NULL: there is none. */
    int64_t expires_sec; /* Since 1970-01-01T00:00:00Z; 0: they do not. */
    bsi_secret *key;     /* Signs on `key_day`; NULL: not made yet. Guarded by who owns them. */
    int64_t key_day;     /* Days since 1970-01-01. */
} bsi_s3_credentials;

/* The texts of credentials, wherever they stand; sizes 0: not there. */
typedef struct bsi_s3_texts {
    bsi_slice access_key;
    bsi_slice secret;
    bsi_slice token;
} bsi_s3_texts;

/* With one reference. `where` tells a person where the texts were found. */
BS_NODISCARD bs_status bsi_s3_credentials_new(const bsi_s3_texts *texts, const char *where,
                                              bsi_s3_credentials **out);
bsi_s3_credentials *bsi_s3_credentials_ref(bsi_s3_credentials *credentials);
/* NULL is ignored; the error record is left alone. */
void bsi_s3_credentials_unref(bsi_s3_credentials *credentials);

/* Each is BS_E_NOT_FOUND of layer CALLER where there are none in its place. */
BS_NODISCARD bs_status bsi_s3_credentials_of_settings(const bs_storage_settings *settings,
                                                      bsi_s3_credentials **out);
BS_NODISCARD bs_status bsi_s3_credentials_of_environment(bsi_s3_credentials **out);
/* `profile` NULL: the usual one. */
BS_NODISCARD bs_status bsi_s3_credentials_of_file(const char *profile, bsi_s3_credentials **out);

#endif
