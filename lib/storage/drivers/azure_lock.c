/* SPDX-License-Identifier: MIT */
/*
 * Immutability policies and legal holds of new blobs.
 */
#include "storage/drivers/azure_lock.h"

#include <string.h>

#include "base/ascii.h"
#include "os/time.h"

#define MODE "x-ms-immutability-policy-mode"
#define UNTIL "x-ms-immutability-policy-until-date"
#define LEGAL_HOLD "x-ms-legal-hold"

enum {
    DAYS_MAX = 146000, /* Source: "Time-based retention policies for immutable blob data". */
    DAY_S = 86400,
};

bs_status bsi_azure_lock_take(const bs_storage_settings *settings, bsi_azure_lock *out)
{
    static const char *const modes[] = {"unlocked", "locked"};
    const char *mode = bs_storage_settings_text(settings, "immutability");

    out->days = bs_storage_settings_number(settings, "immutability_days");
    out->legal_hold = bs_storage_settings_flag(settings, "legal_hold");
    for (size_t i = 0; mode && i < BSI_ARRAY_SIZE(modes); i++) {
        out->mode = strcmp(mode, modes[i]) == 0 ? modes[i] : out->mode;
    }
    if (mode && mode[0] && !out->mode) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "immutability: takes unlocked or locked");
    }
    if (out->mode ? out->days == 0 || out->days > DAYS_MAX : out->days != 0) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "immutability_days: takes 1 to %d, together with immutability", DAYS_MAX);
    }
    return BS_OK;
}

bool bsi_azure_lock_is_set(const bsi_azure_lock *lock)
{
    return lock->mode || lock->legal_hold;
}

static bool has_word(const bsi_http_answer *answer, const char *name, const char *word)
{
    bsi_slice value = {NULL, 0};

    return bsi_http_header(answer, name, &value) && value.size == strlen(word) &&
           bsi_equal_but_for_case(value.data, word, value.size);
}

bs_status bsi_azure_lock_check_container(bsi_azure_conn *conn, const bs_call *call,
                                         const bsi_azure_lock *lock)
{
    static const bsi_uri_pair query[] = {{"restype", "container"}};
    const bsi_wire_request request = {
        .method = "HEAD", .query = query, .query_count = BSI_ARRAY_SIZE(query)};
    bsi_http_answer answer;
    bool has_versions = false;

    if (!bsi_azure_lock_is_set(lock)) {
        return BS_OK;
    }
    BSI_TRY(bsi_azure_send(conn, call, &request, 200, &answer));
    has_versions = has_word(&answer, "x-ms-immutable-storage-with-versioning-enabled", "true");
    bsi_http_answer_dispose(&answer);
    return has_versions ? BS_OK
                        : bsi_fail(BS_LAYER_STORAGE, BS_E_UNSUPPORTED,
                                   "container '%s' at '%s' has no version-level immutability, so "
                                   "nothing in it can be locked",
                                   conn->container, conn->account.host);
}

bs_status bsi_azure_lock_until(const bsi_azure_lock *lock, bsi_azure_until *out)
{
    out->text[0] = '\0';
    return lock->mode ? bsi_http_date_format(bsi_now().sec + (int64_t)lock->days * DAY_S, out->text)
                      : BS_OK;
}

void bsi_azure_lock_add(const bsi_azure_lock *lock, const bsi_azure_until *until,
                        bsi_wire_headers *list)
{
    bsi_wire_add(list, MODE, lock->mode);
    bsi_wire_add(list, UNTIL, until->text);
    bsi_wire_add(list, LEGAL_HOLD, lock->legal_hold ? "true" : NULL);
}

static bool lasts(const bsi_http_answer *answer, const bsi_azure_until *until)
{
    bsi_slice value = {NULL, 0};
    int64_t wanted = 0;
    int64_t told = 0;

    return bsi_http_header(answer, UNTIL, &value) &&
           bsi_http_date_parse(bsi_slice_of(until->text), &wanted) &&
           bsi_http_date_parse(value, &told) && told >= wanted;
}

bs_status bsi_azure_lock_check_blob(const bsi_azure_lock *lock, const bsi_azure_until *until,
                                    const bsi_http_answer *answer)
{
    if (lock->mode && (!has_word(answer, MODE, lock->mode) || !lasts(answer, until))) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_UNSUPPORTED,
                        "the server has stored it, and does not tell that it is %s until %s",
                        lock->mode, until->text);
    }
    if (lock->legal_hold && !has_word(answer, LEGAL_HOLD, "true")) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_UNSUPPORTED,
                        "the server has stored it, and does not tell of a legal hold");
    }
    return BS_OK;
}
