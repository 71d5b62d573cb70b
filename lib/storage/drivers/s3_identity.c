/* SPDX-License-Identifier: MIT */
/*
 * Finds credentials, keeps them, and replaces those that end.
 */
#include "storage/drivers/s3_identity.h"

#include <string.h>

#include "base/alloc.h"
#include "os/time.h"
#include "task/call.h"

enum {
    DAY_S = 24 * 60 * 60,
    EARLY_S = 5 * 60,   /* They are replaced so long before they end. */
    LOOK_NS = 50000000, /* How often a wait looks whether it is still wanted. */
    LONG_AGO = 1,       /* When credentials ended that are refused. */
};

/* --- Places --- */

static const char *const places[] = {"settings", "environment", "file", "container", "machine"};

static bs_status find_in(bsi_s3_identity *identity, const bs_call *call,
                         const bs_storage_settings *settings, const char *place,
                         bsi_s3_credentials **out)
{
    if (strcmp(place, "settings") == 0) {
        return bsi_s3_credentials_of_settings(settings, out);
    }
    if (strcmp(place, "environment") == 0) {
        return bsi_s3_credentials_of_environment(out);
    }
    if (strcmp(place, "file") == 0) {
        return bsi_s3_credentials_of_file(identity->profile, out);
    }
    return strcmp(place, "container") == 0
               ? bsi_s3_credentials_of_container(identity->http, call, out)
               : bsi_s3_credentials_of_machine(identity->http, call, out);
}

static bs_status keep(bsi_s3_identity *identity, const char *place, bsi_s3_credentials *found)
{
    identity->place = bsi_strdup(place);
    identity->present = found;
    return identity->place ? BS_OK : BS_E_NOMEM;
}

/* The last one is asked over the network, where nobody or anybody may answer. */
static bool is_nowhere(const char *place, bs_status status)
{
    return status == BS_E_NOT_FOUND || (strcmp(place, "machine") == 0 && status != BS_E_NOMEM);
}

static bs_status find_anywhere(bsi_s3_identity *identity, const bs_call *call,
                               const bs_storage_settings *settings)
{
    for (size_t i = 0; i < BSI_ARRAY_SIZE(places); i++) {
        bsi_s3_credentials *found = NULL;
        const bs_status status = find_in(identity, call, settings, places[i], &found);

        if (status == BS_OK) {
            return keep(identity, places[i], found);
        }
        BSI_TRY(bsi_call_check(call));
        if (!is_nowhere(places[i], status)) {
            return status;
        }
    }
    return bsi_fail(BS_LAYER_CALLER, BS_E_ACCESS,
                    "there are no credentials: set access_key_id and secret_access_key, or "
                    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or make ~/.aws/credentials");
}

static bs_status find_first(bsi_s3_identity *identity, const bs_call *call,
                            const bs_storage_settings *settings)
{
    const char *wanted = bs_storage_settings_text(settings, "credentials");

    if (strcmp(wanted, "auto") == 0) {
        return find_anywhere(identity, call, settings);
    }
    for (size_t i = 0; i < BSI_ARRAY_SIZE(places); i++) {
        if (strcmp(wanted, places[i]) == 0) {
            bsi_s3_credentials *found = NULL;
            const bs_status status = find_in(identity, call, settings, wanted, &found);
            return status < 0 ? bsi_fail_context(BS_LAYER_CALLER, status, "looking for credentials")
                              : keep(identity, wanted, found);
        }
    }
    return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                    "credentials: takes 'auto', 'settings', 'environment', 'file', 'container' or "
                    "'machine'");
}

static bs_status prepare(bsi_s3_identity *identity, const bs_storage_settings *settings)
{
    const char *profile = bs_storage_settings_text(settings, "profile");

    if (profile) {
        identity->profile = bsi_strdup(profile);
    }
    if (profile && !identity->profile) {
        return BS_E_NOMEM;
    }
    return bsi_s3_metadata_http(&identity->http);
}

bs_status bsi_s3_identity_open(bsi_s3_identity *identity, const bs_call *call,
                               const bs_storage_settings *settings)
{
    bs_status status = BS_OK;

    bsi_mutex_init(&identity->lock);
    bsi_cond_init(&identity->change);
    status = prepare(identity, settings);
    if (status == BS_OK) {
        status = find_first(identity, call, settings);
    }
    if (status < 0) {
        bsi_s3_identity_close(identity);
    }
    return status;
}

void bsi_s3_identity_close(bsi_s3_identity *identity)
{
    bsi_s3_credentials_unref(identity->present);
    bsi_http_free(identity->http);
    bsi_cond_dispose(&identity->change);
    bsi_mutex_dispose(&identity->lock);
    bsi_free(identity->place);
    bsi_free(identity->profile);
}

/* --- Use --- */

static bool can_change(const bsi_s3_identity *identity)
{
    return identity->present->expires_sec != 0;
}

static bool is_due(const bsi_s3_credentials *credentials)
{
    return credentials->expires_sec != 0 && bsi_now().sec > credentials->expires_sec - EARLY_S;
}

/* The lock is not held meanwhile. What failed leaves the old ones, which may still be good. */
static bs_status ask_again(bsi_s3_identity *identity, const bs_call *call)
{
    bsi_s3_credentials *found = NULL;
    bsi_s3_credentials *old = NULL;
    const bs_status status = find_in(identity, call, NULL, identity->place, &found);

    bsi_mutex_lock(&identity->lock);
    if (status == BS_OK) {
        old = identity->present;
        identity->present = found;
    }
    identity->asking = false;
    bsi_cond_broadcast(&identity->change);
    bsi_mutex_unlock(&identity->lock);
    bsi_s3_credentials_unref(old);
    return status;
}

/* Whether it is on this thread to ask; else somebody else has, or does. */
static bs_status take_turn(bsi_s3_identity *identity, const bs_call *call, bool *ours_out)
{
    bs_status status = BS_OK;

    bsi_mutex_lock(&identity->lock);
    while (identity->asking && status == BS_OK) {
        (void)bsi_cond_wait_until(&identity->change, &identity->lock, bsi_monotonic_ns() + LOOK_NS);
        status = bsi_call_check(call);
    }
    *ours_out = status == BS_OK && is_due(identity->present);
    identity->asking = identity->asking || *ours_out;
    bsi_mutex_unlock(&identity->lock);
    return status;
}

bs_status bsi_s3_identity_get(bsi_s3_identity *identity, const bs_call *call,
                              bsi_s3_credentials **out)
{
    bool ours = false;
    bs_status status = BS_OK;
    bsi_s3_credentials *present = NULL;

    BSI_TRY(take_turn(identity, call, &ours));
    if (ours) {
        status = ask_again(identity, call);
    }
    bsi_mutex_lock(&identity->lock);
    present = bsi_s3_credentials_ref(identity->present);
    bsi_mutex_unlock(&identity->lock);
    if (status < 0 && present->expires_sec <= bsi_now().sec) {
        bsi_s3_credentials_unref(present);
        return bsi_fail_context(BS_LAYER_STORAGE, status, "asking for new credentials");
    }
    *out = present;
    return BS_OK;
}

/* Those that are in use are due at once. */
bool bsi_s3_identity_refused(bsi_s3_identity *identity, const bsi_s3_credentials *credentials)
{
    bool may_change = false;

    bsi_mutex_lock(&identity->lock);
    if (identity->present != credentials) {
        may_change = true; /* Others are there already. */
    } else if (can_change(identity)) {
        identity->present->expires_sec = LONG_AGO;
        may_change = true;
    }
    bsi_mutex_unlock(&identity->lock);
    return may_change;
}

/* Lock held. */
static bs_status need_key_locked(bsi_s3_credentials *credentials, const bsi_sigv4_scope *scope)
{
    const int64_t day = scope->sec / DAY_S;
    bsi_secret *key = NULL;
    bsi_secret *plain = NULL;
    bs_status status = BS_OK;

    if (credentials->key && credentials->key_day == day && bsi_secret_is_intact(credentials->key)) {
        return BS_OK;
    }
    /* Without the NUL at its end. */
    status = bsi_secret_copy(bsi_secret_view(credentials->secret),
                             bsi_secret_size(credentials->secret) - 1, &plain);
    if (status == BS_OK) {
        status = bsi_sigv4_key(plain, scope, &key);
    }
    bsi_secret_free(plain);
    if (status < 0) {
        return status;
    }
    bsi_secret_free(credentials->key);
    credentials->key = key;
    credentials->key_day = day;
    return BS_OK;
}

bs_status bsi_s3_identity_sign(bsi_s3_identity *identity, bsi_s3_credentials *credentials,
                               const bsi_sigv4_scope *scope, const bsi_sigv4_request *request,
                               bsi_buf *out)
{
    bs_status status = BS_OK;

    bsi_mutex_lock(&identity->lock);
    status = need_key_locked(credentials, scope);
    if (status == BS_OK) {
        status = bsi_sigv4_sign(credentials->key, credentials->access_key, scope, request, out);
    }
    bsi_mutex_unlock(&identity->lock);
    return status;
}

bool bsi_s3_identity_is_in(bsi_s3_identity *identity, const char *text)
{
    const bsi_secret *token = NULL;
    bool found = false;

    bsi_mutex_lock(&identity->lock);
    token = identity->present->token;
    found = token && strstr(text, (const char *)bsi_secret_view(token));
    bsi_mutex_unlock(&identity->lock);
    return found;
}
