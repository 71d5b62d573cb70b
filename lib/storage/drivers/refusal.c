/* SPDX-License-Identifier: MIT */
/*
 * Refusals of services, in words.
 */
#include "storage/drivers/refusal.h"

#include <stdio.h>
#include <string.h>

#include "net/http_date.h"
#include "os/time.h"

enum { SHOWN = 256 };

const bsi_refusal *bsi_refusal_find(const bsi_refusal *table, size_t count, const char *code)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(table[i].code, code) == 0) {
            return &table[i];
        }
    }
    return NULL;
}

bs_status bsi_refusal_fail_clock(const bsi_http_answer *answer)
{
    char now[BSI_HTTP_DATE_SIZE] = "";
    char shown[SHOWN] = "another time";
    bsi_slice theirs = {NULL, 0};

    if (bsi_http_header(answer, "date", &theirs)) {
        bsi_printable(theirs.data, theirs.size, shown, sizeof(shown));
    }
    if (bsi_http_date_format(bsi_now().sec, now) < 0) {
        (void)snprintf(now, sizeof(now), "beyond any calendar");
    }
    return bsi_fail(BS_LAYER_STORAGE, BS_E_CLOCK,
                    "the clocks differ too much: here it is %s, at the server %s", now, shown);
}

/* "the server answers 403 AccessDenied (Access Denied.): advice" */
static bs_status fail_with(const bsi_http_answer *answer, const bsi_service_error *error,
                           bs_status status, const char *advice)
{
    char code[SHOWN];
    char message[2 * SHOWN];

    bsi_printable(error->code, strlen(error->code), code, sizeof(code));
    bsi_printable(error->message, strlen(error->message), message, sizeof(message));
    return bsi_fail(BS_LAYER_STORAGE, status, "the server answers %d %s%s%s%s%s%s", answer->status,
                    code, message[0] ? " (" : "", message, message[0] ? ")" : "",
                    advice ? ": " : "", advice ? advice : "");
}

static bs_status fail_known(const bsi_http_answer *answer, const bsi_service_error *error,
                            const bsi_refusal *known)
{
    bs_retry retry = BS_RETRY_NEVER;

    (void)fail_with(answer, error, known->status, known->advice);
    if (known->passes) {
        retry = answer->retry_after_ms > 0 ? BS_RETRY_AFTER : BS_RETRY_SAFE;
    }
    bsi_error_set_retry(retry, retry == BS_RETRY_AFTER ? answer->retry_after_ms : 0);
    return known->status;
}

bs_status bsi_refusal_fail_foreign(const bsi_http_answer *answer, const char *service)
{
    (void)bsi_fail(BS_LAYER_STORAGE, BS_E_IO,
                   "the server answers %d, and not as %s does: is the endpoint right?",
                   answer->status, service);
    bsi_error_set_retry(BS_RETRY_NEVER, 0);
    return BS_E_IO;
}

static bs_status fail_unknown(const bsi_http_answer *answer, const bsi_service_error *error,
                              const char *service)
{
    const bsi_slice code = bsi_slice_of(error->code);

    if (answer->status < 300) {
        return fail_with(answer, error, BS_E_IO, NULL);
    }
    if ((answer->status == 404 || answer->status == 410) && answer->text.size > 0) {
        return bsi_refusal_fail_foreign(answer, service);
    }
    return bsi_http_fail(answer, code);
}

bs_status bsi_refusal_fail(const bsi_http_answer *answer, const bsi_service_error *error,
                           const bsi_refusal *known, const char *service)
{
    return known ? fail_known(answer, error, known) : fail_unknown(answer, error, service);
}

bs_status bsi_refusal_fail_odd(const char *what)
{
    return bsi_fail(BS_LAYER_STORAGE, BS_E_IO, "the server %s; is the endpoint right?", what);
}
