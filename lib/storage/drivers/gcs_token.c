/* SPDX-License-Identifier: MIT */
/*
 * Asks Google's server for tokens, or the machine. Source of the latter: "About VM metadata" and
 * "Authenticate workloads using service accounts" in Compute Engine's documentation.
 */
#include "storage/drivers/gcs_token.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "net/http_date.h"
#include "os/process.h"
#include "os/time.h"
#include "storage/drivers/refusal.h"

enum {
    CONNECT_TIMEOUT_MS = 1000, /* Of the machine, which is near or not there. */
    STALL_TIMEOUT_S = 5,
    EARLY_S = 5 * 60, /* Tokens are replaced so long before they end, or at half of their time. */
    CLOCK_S = 5 * 60, /* Clocks that differ more are what is wrong. */
    URL_SIZE = 512,
    SHOWN = 256,
};

static const char machine_host[] = "metadata.google.internal";
static const char machine_path[] = "/computeMetadata/v1/instance/service-accounts/default/token";

static const char line_begin[] = "Authorization: Bearer ";
enum { BEGIN_SIZE = sizeof(line_begin) - 1 };

/* --- Tokens --- */

bsi_gcs_token *bsi_gcs_token_ref(bsi_gcs_token *token)
{
    atomic_fetch_add(&token->references, 1);
    return token;
}

void bsi_gcs_token_unref(bsi_gcs_token *token)
{
    if (token && atomic_fetch_sub(&token->references, 1) == 1) {
        bsi_secret_free(token->line);
        bsi_free(token);
    }
}

bool bsi_gcs_token_is_in(const bsi_gcs_token *token, const char *text)
{
    return token && strstr(text, (const char *)bsi_secret_view(token->line) + BEGIN_SIZE);
}

static bs_status write_line(const bsi_secret *text, bsi_secret **out)
{
    BSI_TRY(bsi_secret_new(BEGIN_SIZE + bsi_secret_size(text), out));
    memcpy(bsi_secret_bytes(*out), line_begin, BEGIN_SIZE);
    memcpy(bsi_secret_bytes(*out) + BEGIN_SIZE, bsi_secret_view(text), bsi_secret_size(text));
    return BS_OK;
}

static bs_status make_token(const bsi_secret *text, uint64_t lasts_s, bsi_gcs_token **out)
{
    const int64_t now = bsi_now().sec;
    const uint64_t early_s = bsi_min_u64(EARLY_S, lasts_s / 2);
    bsi_gcs_token *made = bsi_calloc(1, sizeof(*made));
    bs_status status = BS_OK;

    if (!made) {
        return BS_E_NOMEM;
    }
    atomic_init(&made->references, 1);
    atomic_init(&made->accepted, false);
    made->due_sec = now + (int64_t)(lasts_s - early_s);
    made->ends_sec = now + (int64_t)lasts_s;
    status = write_line(text, &made->line);
    if (status < 0) {
        bsi_gcs_token_unref(made);
        return status;
    }
    *out = made;
    return BS_OK;
}

/* What came holds secrets. */
static void wipe(bsi_http_answer *answer)
{
    if (answer->text.data) {
        bsi_wipe(answer->text.data, answer->text.capacity);
    }
    bsi_http_answer_dispose(answer);
}

static bs_status take_answer(const bsi_http_answer *answer, bsi_gcs_token **out)
{
    bsi_secret *text = NULL;
    uint64_t lasts_s = 0;
    bs_status status = bsi_google_token_parse(bsi_buf_slice(&answer->text), &text, &lasts_s);

    if (status == BS_OK) {
        status = make_token(text, lasts_s, out);
    }
    bsi_secret_free(text);
    return status;
}

/* --- Refusals --- */

/* False where the clocks are about alike, or the server tells none. */
static bool clock_is_off(const bsi_http_answer *answer)
{
    const int64_t ours = bsi_now().sec;
    bsi_slice date = {NULL, 0};
    int64_t theirs = 0;

    return bsi_http_header(answer, "date", &date) && bsi_http_date_parse(date, &theirs) &&
           (theirs < ours - CLOCK_S || theirs > ours + CLOCK_S);
}

static const char *advice_for(const bsi_google_account *account, const char *code)
{
    if (strcmp(code, "invalid_grant") == 0) {
        return account->signer ? ": the key was removed, or is none of this account's"
                               : ": the login was revoked or is over; log in anew";
    }
    return strcmp(code, "invalid_client") == 0 ? ": the client was removed, or has another secret"
                                               : "";
}

/* A server that sends back what it got. */
static bool tells_secret(const bsi_google_account *account, const char *text)
{
    return !account->signer &&
           (strstr(text, (const char *)bsi_secret_view(account->refresh_token)) ||
            strstr(text, (const char *)bsi_secret_view(account->client_secret)));
}

/* "the server answers 400 invalid_grant (Invalid JWT Signature.): advice" */
static bs_status refuse(const bsi_google_account *account, const bsi_http_answer *answer)
{
    bsi_google_refusal refusal;
    char code[SHOWN];
    char message[2 * SHOWN];
    const bs_status status = bsi_google_refusal_parse(bsi_buf_slice(&answer->text), &refusal);

    if (status == BS_E_NOMEM) {
        return status;
    }
    if (status < 0 || answer->status < 400 || answer->status > 499 ||
        answer->retry != BS_RETRY_NEVER) {
        return bsi_http_fail(answer, (bsi_slice){NULL, 0});
    }
    if (account->signer && clock_is_off(answer)) {
        return bsi_refusal_fail_clock(answer);
    }
    if (tells_secret(account, refusal.message) || tells_secret(account, refusal.code)) {
        refusal = (bsi_google_refusal){.code = "with what it was sent"};
    }
    bsi_printable(refusal.code, strlen(refusal.code), code, sizeof(code));
    bsi_printable(refusal.message, strlen(refusal.message), message, sizeof(message));
    return bsi_fail(BS_LAYER_STORAGE, BS_E_ACCESS, "the server answers %d %s%s%s%s%s",
                    answer->status, code, message[0] ? " (" : "", message, message[0] ? ")" : "",
                    advice_for(account, refusal.code));
}

/* --- Asking --- */

static bs_status post(bsi_http *http, const bs_call *call, const char *url, const bsi_secret *form,
                      bsi_http_answer *answer)
{
    static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded", NULL};
    const bsi_http_request request = {
        .method = "POST",
        .url = url,
        .headers = headers,
        .body = bsi_secret_view(form),
        .body_size = bsi_secret_size(form) - 1, /* Without its NUL. */
        .answer_max = BSI_GOOGLE_ANSWER_MAX,
    };

    return bsi_http_send(http, call, &request, answer);
}

static bs_status ask_server(bsi_http *http, const bs_call *call, const bsi_google_account *account,
                            bsi_gcs_token **out)
{
    bsi_secret *form = NULL;
    bsi_http_answer answer;
    bs_status status = bsi_google_request(account, bsi_now().sec, &form);

    if (status < 0) {
        return status;
    }
    status = post(http, call, account->token_uri, form, &answer);
    bsi_secret_free(form);
    if (status < 0) {
        return status;
    }
    status = answer.status < 200 || answer.status > 299 ? refuse(account, &answer)
                                                        : take_answer(&answer, out);
    wipe(&answer);
    return status;
}

bs_status bsi_gcs_token_of_account(bsi_http *http, const bs_call *call,
                                   const bsi_google_account *account, bsi_gcs_token **out)
{
    const bs_status status = ask_server(http, call, account, out);

    return status < 0 ? bsi_fail_context(BS_LAYER_STORAGE, status, "asking for a token") : BS_OK;
}

bs_status bsi_gcs_machine_http(bsi_http **out)
{
    const bsi_http_options options = {.connect_timeout_ms = CONNECT_TIMEOUT_MS,
                                      .stall_timeout_s = STALL_TIMEOUT_S};

    return bsi_http_new(&options, out);
}

/* Only the metadata server says this of itself; a portal that answers for all names does not. */
static bs_status check_flavor(const bsi_http_answer *answer)
{
    bsi_slice flavor = {NULL, 0};

    return bsi_http_header(answer, "metadata-flavor", &flavor) && bsi_slice_is(flavor, "Google")
               ? BS_OK
               : bsi_fail(BS_LAYER_STORAGE, BS_E_NOT_FOUND,
                          "what answers is no metadata server of Google's");
}

static bs_status ask_machine(bsi_http *http, const bs_call *call, bsi_gcs_token **out)
{
    static const char *const headers[] = {"Metadata-Flavor: Google", NULL};
    const char *set = bsi_environment("GCE_METADATA_HOST");
    char url[URL_SIZE];
    const bsi_http_request request = {
        .method = "GET", .url = url, .headers = headers, .answer_max = BSI_GOOGLE_ANSWER_MAX};
    bsi_http_answer answer;
    bs_status status = BS_OK;

    if (snprintf(url, sizeof(url), "http://%s%s", set && set[0] ? set : machine_host,
                 machine_path) >= URL_SIZE) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "GCE_METADATA_HOST is too long");
    }
    BSI_TRY(bsi_http_send(http, call, &request, &answer));
    if (answer.status < 200 || answer.status > 299) {
        status = bsi_http_fail(&answer, (bsi_slice){NULL, 0});
    } else {
        status = check_flavor(&answer);
    }
    if (status == BS_OK) {
        status = take_answer(&answer, out);
    }
    wipe(&answer);
    return status;
}

bs_status bsi_gcs_token_of_machine(bsi_http *http, const bs_call *call, bsi_gcs_token **out)
{
    const bs_status status = ask_machine(http, call, out);

    return status < 0 ? bsi_fail_context(BS_LAYER_STORAGE, status, "asking the machine for a token")
                      : BS_OK;
}
