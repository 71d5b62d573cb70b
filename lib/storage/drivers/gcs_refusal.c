/* SPDX-License-Identifier: MIT */
/*
 * What a bucket's refusals mean, and what helps. Source of the reasons: "HTTP status and error
 * codes for JSON" in Google Cloud Storage's reference.
 */
#include <string.h>

#include "storage/drivers/gcs_conn.h"
#include "storage/drivers/refusal.h"

static const bsi_refusal meanings[] = {
    {"forbidden", BS_E_ACCESS, false,
     "these credentials may not do this; the page of the driver lists what they need"},
    {"insufficientPermissions", BS_E_ACCESS, false,
     "these credentials may not do this; the page of the driver lists what they need"},
    {"accountDisabled", BS_E_ACCESS, false, "the project's billing is off"},
    {"retentionPolicyNotMet", BS_E_ACCESS, false,
     "the bucket's retention policy keeps the object for now"},
    {"rateLimitExceeded", BS_E_BUSY, true, NULL},
    {"userRateLimitExceeded", BS_E_BUSY, true, NULL},
    {"quotaExceeded", BS_E_NO_SPACE, false, NULL},
    {"conditionNotMet", BS_E_EXISTS, false, NULL},
    {"uploadTooLarge", BS_E_LIMIT, false, NULL},
    {"required", BS_E_ACCESS, false, "this bucket wants credentials"},
    {"authError", BS_E_ACCESS, false, "the token is over, or none of this service's"},
};

/* The service has no reason of its own for this one. */
static const bsi_refusal changed = {"invalid", BS_E_IO, true, "the bytes changed on their way"};

static const bsi_refusal no_bucket = {"notFound", BS_E_INVALID, false,
                                      "create the bucket, or name another one"};

static bool is_about_checksum(const bsi_service_error *error)
{
    return strcmp(error->code, changed.code) == 0 && strstr(error->message, "CRC32C");
}

static const bsi_refusal *find(const bsi_http_answer *answer, const bsi_service_error *error)
{
    if (answer->status == 404) {
        return &no_bucket;
    }
    return answer->status == 400 && is_about_checksum(error)
               ? &changed
               : bsi_refusal_find(meanings, BSI_ARRAY_SIZE(meanings), error->code);
}

/* A server that sends back what it got. */
static void hide_token(bsi_gcs_conn *conn, const bsi_gcs_token *token, char *text)
{
    if (bsi_gcs_token_is_in(token, text) || bsi_gcs_identity_is_in(&conn->identity, text)) {
        text[0] = '\0';
    }
}

/* Without a document of Google's, a 404 is none of an object or bucket that is not there. */
static bs_status fail(bsi_gcs_conn *conn, const bsi_http_answer *answer, const bsi_gcs_token *token)
{
    bsi_service_error error;
    const bsi_refusal *known = NULL;
    const bs_status status = bsi_gcs_error_parse(bsi_buf_slice(&answer->text), &error);

    if (status == BS_E_NOMEM) {
        return status;
    }
    if (status < 0) {
        return answer->status == 404 || answer->status == 410
                   ? bsi_refusal_fail_foreign(answer, "Google")
                   : bsi_http_fail(answer, (bsi_slice){NULL, 0});
    }
    hide_token(conn, token, error.message);
    hide_token(conn, token, error.code);
    known = find(answer, &error);
    return known ? bsi_refusal_fail(answer, &error, known, "Google")
                 : bsi_http_fail(answer, bsi_slice_of(error.message));
}

bs_status bsi_gcs_in_bucket(const bsi_gcs_conn *conn, bs_status status)
{
    return bsi_fail_context(BS_LAYER_STORAGE, status, "bucket '%s' at '%s'", conn->bucket,
                            bsi_gcs_host(conn));
}

bs_status bsi_gcs_refused(bsi_gcs_conn *conn, const bsi_http_answer *answer,
                          const bsi_gcs_token *token)
{
    return bsi_gcs_in_bucket(conn, fail(conn, answer, token));
}

bs_status bsi_gcs_not_gcs(const bsi_gcs_conn *conn, const char *what)
{
    return bsi_gcs_in_bucket(conn, bsi_refusal_fail_odd(what));
}
