/* SPDX-License-Identifier: MIT */
/*
 * Keeps a token, and replaces it before it ends.
 */
#include "storage/drivers/gcs_identity.h"

#include "os/time.h"
#include "task/call.h"

enum { LOOK_NS = 50000000 }; /* How often a wait looks whether it is still wanted. */

bs_status bsi_gcs_identity_open(bsi_gcs_identity *identity, const bs_storage_settings *settings,
                                bool emulator)
{
    bs_status status = BS_OK;

    bsi_mutex_init(&identity->lock);
    bsi_cond_init(&identity->change);
    status = bsi_gcs_credentials_find(settings, emulator, &identity->credentials);
    if (status == BS_OK && identity->credentials.place == BSI_GCS_MACHINE) {
        status = bsi_gcs_machine_http(&identity->http);
    }
    if (status < 0) {
        bsi_gcs_identity_close(identity);
    }
    return status;
}

void bsi_gcs_identity_close(bsi_gcs_identity *identity)
{
    bsi_gcs_token_unref(identity->present);
    bsi_http_free(identity->http);
    bsi_google_account_free(identity->credentials.account);
    bsi_cond_dispose(&identity->change);
    bsi_mutex_dispose(&identity->lock);
}

/* --- Asking --- */

static bs_status fail_nowhere(void)
{
    return bsi_fail(BS_LAYER_CALLER, BS_E_ACCESS,
                    "there are no credentials: set credentials_file or "
                    "GOOGLE_APPLICATION_CREDENTIALS, or log in with gcloud");
}

static bs_status ask(const bsi_gcs_identity *identity, bsi_http *http, const bs_call *call,
                     bsi_gcs_token **out)
{
    const bsi_gcs_credentials *credentials = &identity->credentials;
    bs_status status = BS_OK;

    if (credentials->place == BSI_GCS_ACCOUNT) {
        return bsi_gcs_token_of_account(http, call, credentials->account, out);
    }
    status = bsi_gcs_token_of_machine(identity->http, call, out);
    if (status == BS_OK || status == BS_E_NOMEM || !credentials->guessed) {
        return status;
    }
    BSI_TRY(bsi_call_check(call));
    return fail_nowhere();
}

/* The lock is not held meanwhile. What failed leaves the old one, which may still be good. */
static bs_status ask_for_all(bsi_gcs_identity *identity, bsi_http *http, const bs_call *call)
{
    bsi_gcs_token *found = NULL;
    bsi_gcs_token *old = NULL;
    const bs_status status = ask(identity, http, call, &found);

    bsi_mutex_lock(&identity->lock);
    if (status == BS_OK) {
        old = identity->present;
        identity->present = found;
    }
    identity->asking = false;
    bsi_cond_broadcast(&identity->change);
    bsi_mutex_unlock(&identity->lock);
    bsi_gcs_token_unref(old);
    return status;
}

static bool is_due_locked(const bsi_gcs_identity *identity)
{
    return !identity->present || bsi_now().sec >= identity->present->due_sec;
}

/* Whether it is on this thread to ask; else somebody else has, or does. */
static bs_status take_turn(bsi_gcs_identity *identity, const bs_call *call, bool *ours_out)
{
    bs_status status = BS_OK;

    bsi_mutex_lock(&identity->lock);
    while (identity->asking && status == BS_OK) {
        (void)bsi_cond_wait_until(&identity->change, &identity->lock, bsi_monotonic_ns() + LOOK_NS);
        status = bsi_call_check(call);
    }
    *ours_out = status == BS_OK && is_due_locked(identity);
    identity->asking = identity->asking || *ours_out;
    bsi_mutex_unlock(&identity->lock);
    return status;
}

bs_status bsi_gcs_identity_get(bsi_gcs_identity *identity, bsi_http *http, const bs_call *call,
                               bsi_gcs_token **out)
{
    bool ours = false;
    bs_status status = BS_OK;

    *out = NULL;
    if (identity->credentials.place == BSI_GCS_NOBODY) {
        return BS_OK;
    }
    BSI_TRY(take_turn(identity, call, &ours));
    if (ours) {
        status = ask_for_all(identity, http, call);
    }
    bsi_mutex_lock(&identity->lock);
    if (identity->present && bsi_now().sec < identity->present->ends_sec) {
        *out = bsi_gcs_token_ref(identity->present);
        status = BS_OK;
    }
    bsi_mutex_unlock(&identity->lock);
    if (status == BS_OK && !*out) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_ACCESS, "the token ended before it could be used");
    }
    return status;
}

bool bsi_gcs_identity_refused(bsi_gcs_identity *identity, const bsi_gcs_token *token)
{
    bool may_change = false;

    bsi_mutex_lock(&identity->lock);
    if (identity->present != token) {
        may_change = true; /* There is another one already. */
    } else {
        may_change = atomic_load(&token->accepted);
        identity->present->due_sec = 0;
        identity->present->ends_sec = 0;
    }
    bsi_mutex_unlock(&identity->lock);
    return may_change;
}

bool bsi_gcs_identity_is_in(bsi_gcs_identity *identity, const char *text)
{
    bool found = false;

    bsi_mutex_lock(&identity->lock);
    found = bsi_gcs_token_is_in(identity->present, text);
    bsi_mutex_unlock(&identity->lock);
    return found;
}
