/* SPDX-License-Identifier: MIT */
/*
 * What a bucket's refusals mean, and what helps. Source of the codes: "Error
 * responses" in the Amazon S3 API reference.
 */
#include <stdio.h>
#include <string.h>

#include "storage/drivers/refusal.h"
#include "storage/drivers/s3_conn.h"

enum { SHOWN = 256 };

static const bsi_refusal meanings[] = {
    {"NoSuchKey", BS_E_NOT_FOUND, false, NULL},
    {"NoSuchBucket", BS_E_INVALID, false, "create the bucket, or name another one"},
    {"NoSuchUpload", BS_E_IO, false, "somebody has ended this upload"},
    {"AccessDenied", BS_E_ACCESS, false,
     "these credentials may not do this; the page of the driver lists what they need"},
    {"AllAccessDisabled", BS_E_ACCESS, false, NULL},
    {"AccountProblem", BS_E_ACCESS, false, NULL},
    {"InvalidAccessKeyId", BS_E_ACCESS, false, "this service does not know the access key"},
    {"SignatureDoesNotMatch", BS_E_ACCESS, false,
     "the secret access key is not that of the access key, or requests change on their way"},
    {"ExpiredToken", BS_E_ACCESS, false, "the session is over; it takes new credentials"},
    {"InvalidToken", BS_E_ACCESS, false, "the session token is not that of the access key"},
    {"InvalidObjectState", BS_E_ACCESS, false,
     "the object lies in an archive class; have the service restore it first"},
    {"PreconditionFailed", BS_E_EXISTS, false, NULL},
    {"InvalidRange", BS_E_RANGE, false, NULL},
    {"EntityTooLarge", BS_E_LIMIT, false, NULL},
    {"KeyTooLongError", BS_E_LIMIT, false, NULL},
    {"TooManyParts", BS_E_LIMIT, false, "a larger part_size_mib makes fewer parts"},
    {"QuotaExceeded", BS_E_NO_SPACE, false, NULL},
    {"XMinioStorageFull", BS_E_NO_SPACE, false, NULL},
    {"NotImplemented", BS_E_UNSUPPORTED, false, NULL},
    {"InvalidStorageClass", BS_E_INVALID, false, "this service does not know the storage_class"},
    {"SlowDown", BS_E_BUSY, true, NULL},
    {"ServiceUnavailable", BS_E_BUSY, true, NULL},
    {"OperationAborted", BS_E_BUSY, true, NULL},
    {"ConditionalRequestConflict", BS_E_BUSY, true, NULL},
    {"InternalError", BS_E_IO, true, NULL},
    {"RequestTimeout", BS_E_TIMEOUT, true, NULL},
    {"IncompleteBody", BS_E_IO, true, NULL},
    {"BadDigest", BS_E_IO, true, "the bytes changed on their way"},
    {"XAmzContentSHA256Mismatch", BS_E_IO, true, "the bytes changed on their way"},
    {"XAmzContentChecksumMismatch", BS_E_IO, true, "the bytes changed on their way"},
};

static void copy_header(const bsi_http_answer *answer, const char *name, char *out, size_t size)
{
    bsi_slice value = {NULL, 0};

    if (out[0] == '\0' && bsi_http_header(answer, name, &value)) {
        (void)snprintf(out, size, "%.*s", (int)value.size, value.data);
    }
}

/* Answers to HEAD have no text; a redirect of one tells the region in a header. */
static void read_error(const bsi_http_answer *answer, bsi_service_error *out)
{
    const bsi_slice text = {(const char *)answer->text.data, answer->text.size};

    *out = (bsi_service_error){.code = ""};
    if (text.size > 0 && !bsi_service_error_parse(text, out)) {
        *out = (bsi_service_error){.code = ""};
    }
    if (answer->status == 301 || answer->status == 307 || answer->status == 400) {
        copy_header(answer, "x-amz-bucket-region", out->region, sizeof(out->region));
    }
}

/* --- Texts --- */

static bs_status fail_region(const bsi_s3_conn *conn, const bsi_service_error *error)
{
    char shown[SHOWN];

    return bsi_fail(BS_LAYER_STORAGE, BS_E_INVALID,
                    "it lies in another region: set region to '%s' instead of '%s'",
                    bsi_printable(error->region, strlen(error->region), shown, sizeof(shown)),
                    conn->region);
}

static bool is_about_region(const bsi_http_answer *answer, const bsi_service_error *error)
{
    return error->region[0] != '\0' &&
           (answer->status == 301 || answer->status == 307 ||
            strcmp(error->code, "AuthorizationHeaderMalformed") == 0 ||
            strcmp(error->code, "IllegalLocationConstraintException") == 0);
}

static bs_status fail(const bsi_s3_conn *conn, const bsi_http_answer *answer,
                      const bsi_service_error *error)
{
    const bsi_refusal *known = bsi_refusal_find(meanings, BSI_ARRAY_SIZE(meanings), error->code);

    if (is_about_region(answer, error)) {
        return fail_region(conn, error);
    }
    if (strcmp(error->code, "RequestTimeTooSkewed") == 0) {
        return bsi_refusal_fail_clock(answer);
    }
    return bsi_refusal_fail(answer, error, known, "S3");
}

bs_status bsi_s3_in_bucket(const bsi_s3_conn *conn, bs_status status)
{
    return bsi_fail_context(BS_LAYER_STORAGE, status, "bucket '%s' at '%s'", conn->bucket,
                            conn->host);
}

bs_status bsi_s3_refused(bsi_s3_conn *conn, const bsi_http_answer *answer, bsi_service_error *error)
{
    read_error(answer, error);
    if (bsi_s3_identity_is_in(&conn->identity, error->message)) {
        error->message[0] = '\0'; /* A server that sends back what it got. */
    }
    return bsi_s3_in_bucket(conn, fail(conn, answer, error));
}

bs_status bsi_s3_refused_one(bsi_s3_conn *conn, bsi_service_error *error)
{
    const bsi_http_answer answer = {.status = 200};

    if (bsi_s3_identity_is_in(&conn->identity, error->message)) {
        error->message[0] = '\0';
    }
    return bsi_s3_in_bucket(conn, fail(conn, &answer, error));
}

bs_status bsi_s3_not_s3(const bsi_s3_conn *conn, const char *what)
{
    return bsi_s3_in_bucket(conn, bsi_refusal_fail_odd(what));
}
