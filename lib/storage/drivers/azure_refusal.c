/* SPDX-License-Identifier: MIT */
/*
 * What a container's refusals mean, and what helps. Source of the codes: "Status and error
 * codes" and "Blob Storage error codes" in the Azure Storage REST API reference.
 */
#include <stdio.h>
#include <string.h>

#include "net/http_date.h"
#include "os/time.h"
#include "storage/drivers/azure_conn.h"
#include "storage/drivers/refusal.h"

enum { SKEW_MAX_S = 15 * 60 /* The service takes no request that is older. */ };

static const char may_not[] =
    "this account, key or signature may not do this; the page of the driver lists what it needs";

static const bsi_refusal meanings[] = {
    {"BlobNotFound", BS_E_NOT_FOUND, false, NULL},
    {"ContainerNotFound", BS_E_INVALID, false, "create the container, or name another one"},
    {"ContainerBeingDeleted", BS_E_BUSY, true, NULL},
    {"ContainerDisabled", BS_E_ACCESS, false, NULL},
    {"ResourceNotFound", BS_E_INVALID, false, "there is no such container for who asks"},
    {"InvalidResourceName", BS_E_INVALID, false, NULL},
    {"OutOfRangeInput", BS_E_INVALID, false, NULL},
    {"AuthenticationFailed", BS_E_ACCESS, false,
     "the key is not that of the account, the signature is over or not whole, or requests change "
     "on their way"},
    {"InvalidAuthenticationInfo", BS_E_ACCESS, false, NULL},
    {"NoAuthenticationInformation", BS_E_ACCESS, false, NULL},
    {"AuthorizationFailure", BS_E_ACCESS, false,
     "the account's firewall keeps this machine out, the signature may not do this, or the key is "
     "not that of the account"},
    {"AuthorizationPermissionMismatch", BS_E_ACCESS, false, may_not},
    {"AuthorizationProtocolMismatch", BS_E_ACCESS, false, "the signature is for https alone"},
    {"AuthorizationResourceTypeMismatch", BS_E_ACCESS, false, may_not},
    {"AuthorizationServiceMismatch", BS_E_ACCESS, false, may_not},
    {"AuthorizationSourceIPMismatch", BS_E_ACCESS, false,
     "the signature is for other addresses than this machine's"},
    {"InsufficientAccountPermissions", BS_E_ACCESS, false, may_not},
    {"KeyBasedAuthenticationNotPermitted", BS_E_ACCESS, false,
     "the account takes no keys; a shared access signature of a user does"},
    {"PublicAccessNotPermitted", BS_E_ACCESS, false, may_not},
    {"AccountIsDisabled", BS_E_ACCESS, false, NULL},
    {"UnauthorizedBlobOverwrite", BS_E_ACCESS, false,
     "the signature may create blobs and not replace them"},
    {"BlobArchived", BS_E_ACCESS, false,
     "the blob lies in the archive tier; have the service rehydrate it first"},
    {"BlobBeingRehydrated", BS_E_ACCESS, false, "the service is rehydrating it; that takes hours"},
    {"BlobImmutableDueToPolicy", BS_E_ACCESS, false,
     "an immutability policy or a legal hold protects it"},
    {"SnapshotsPresent", BS_E_ACCESS, false, "it has snapshots; remove these first"},
    {"InvalidBlobType", BS_E_ACCESS, false, "a blob of another type lies under this name"},
    {"BlobAlreadyExists", BS_E_EXISTS, false, NULL},
    {"ConditionNotMet", BS_E_EXISTS, false, NULL},
    {"InvalidRange", BS_E_RANGE, false, NULL},
    {"RequestBodyTooLarge", BS_E_LIMIT, false, NULL},
    {"BlockCountExceedsLimit", BS_E_LIMIT, false, "a larger block_size_mib makes fewer blocks"},
    {"BlockListTooLong", BS_E_LIMIT, false, "a larger block_size_mib makes fewer blocks"},
    {"InvalidBlobOrBlock", BS_E_BUSY, false,
     "blocks that another program has left lie under this name; the service forgets them a week "
     "after the last one"},
    {"InvalidBlockList", BS_E_BUSY, false,
     "somebody else has stored an object of this name meanwhile"},
    {"InvalidBlobTier", BS_E_INVALID, false, "this service does not know the access_tier"},
    {"AccessTierNotSupportedForBlobType", BS_E_INVALID, false, "this account has no access tiers"},
    {"UnsupportedHeader", BS_E_UNSUPPORTED, false, NULL},
    {"FeatureNotSupported", BS_E_UNSUPPORTED, false, NULL},
    {"FeatureVersionMismatch", BS_E_UNSUPPORTED, false, NULL},
    {"NotImplemented", BS_E_UNSUPPORTED, false, NULL},
    {"APINotImplemented", BS_E_UNSUPPORTED, false, NULL},
    {"LeaseIdMissing", BS_E_BUSY, false, "somebody holds a lease of it"},
    {"LeaseAlreadyPresent", BS_E_BUSY, false, "somebody holds a lease of it"},
    {"PendingCopyOperation", BS_E_BUSY, true, NULL},
    {"AccountBeingCreated", BS_E_BUSY, true, NULL},
    {"ServerBusy", BS_E_BUSY, true, NULL},
    {"InternalError", BS_E_IO, true, NULL},
    {"OperationTimedOut", BS_E_TIMEOUT, true, NULL},
    {"Md5Mismatch", BS_E_IO, true, "the bytes changed on their way"},
    {"Crc64Mismatch", BS_E_IO, true, "the bytes changed on their way"},
};

/* Answers to HEAD have no text, but the code in a header. Lines of a message but the first are
 * for the service's own people. */
static void read_error(const bsi_http_answer *answer, bsi_service_error *out)
{
    const bsi_slice text = {(const char *)answer->text.data, answer->text.size};
    bsi_slice code = {NULL, 0};

    *out = (bsi_service_error){.code = ""};
    if (text.size > 0 && !bsi_service_error_parse(text, out)) {
        *out = (bsi_service_error){.code = ""};
    }
    if (bsi_http_header(answer, "x-ms-error-code", &code)) {
        (void)snprintf(out->code, sizeof(out->code), "%.*s", (int)code.size, code.data);
    }
    out->message[strcspn(out->message, "\r\n")] = '\0';
}

/* The service has one code for a wrong signature and for one of another time. */
static bool is_about_clock(const bsi_http_answer *answer, const bsi_service_error *error)
{
    const int64_t now = bsi_now().sec;
    bsi_slice date = {NULL, 0};
    int64_t theirs = 0;

    return strcmp(error->code, "AuthenticationFailed") == 0 &&
           bsi_http_header(answer, "date", &date) && bsi_http_date_parse(date, &theirs) &&
           (theirs > now + SKEW_MAX_S || theirs < now - SKEW_MAX_S);
}

/* One that is not there always has a code, so that a 404 without is none of Azure. */
static bs_status fail(const bsi_http_answer *answer, const bsi_service_error *error)
{
    const bsi_refusal *known = bsi_refusal_find(meanings, BSI_ARRAY_SIZE(meanings), error->code);

    if (is_about_clock(answer, error)) {
        return bsi_refusal_fail_clock(answer);
    }
    if (error->code[0] == '\0' && (answer->status == 404 || answer->status == 410)) {
        return bsi_refusal_fail_foreign(answer, "Azure");
    }
    return bsi_refusal_fail(answer, error, known, "Azure");
}

bs_status bsi_azure_in_container(const bsi_azure_conn *conn, bs_status status)
{
    return bsi_fail_context(BS_LAYER_STORAGE, status, "container '%s' at '%s'", conn->container,
                            conn->account.host);
}

bs_status bsi_azure_refused(const bsi_azure_conn *conn, const bsi_http_answer *answer,
                            bsi_service_error *error)
{
    read_error(answer, error);
    if (bsi_azure_account_is_in(&conn->account, error->message)) {
        error->message[0] = '\0'; /* A server that sends back what it got. */
    }
    return bsi_azure_in_container(conn, fail(answer, error));
}

bs_status bsi_azure_not_azure(const bsi_azure_conn *conn, const char *what)
{
    return bsi_azure_in_container(conn, bsi_refusal_fail_odd(what));
}
