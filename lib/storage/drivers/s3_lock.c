/* SPDX-License-Identifier: MIT */
/*
 * Retention and legal holds of new objects.
 */
#include "storage/drivers/s3_lock.h"

#include <string.h>

#include "os/time.h"

enum {
    DAYS_MAX = 36500, /* Source: "PutObjectLockConfiguration" takes no more. */
    DAY_S = 86400,
    ANSWER_MAX = 64 * 1024,
};

static bs_status take_mode(const char *text, const char **out)
{
    static const struct {
        const char *word;
        const char *mode;
    } modes[] = {{"governance", "GOVERNANCE"}, {"compliance", "COMPLIANCE"}};

    for (size_t i = 0; i < BSI_ARRAY_SIZE(modes); i++) {
        if (strcmp(text, modes[i].word) == 0) {
            *out = modes[i].mode;
            return BS_OK;
        }
    }
    return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "object_lock: takes governance or compliance");
}

bs_status bsi_s3_lock_take(const bs_storage_settings *settings, bsi_s3_lock *out)
{
    const char *mode = bs_storage_settings_text(settings, "object_lock");

    out->days = bs_storage_settings_number(settings, "object_lock_days");
    out->legal_hold = bs_storage_settings_flag(settings, "legal_hold");
    if (mode && mode[0]) {
        BSI_TRY(take_mode(mode, &out->mode));
    }
    if (out->mode ? out->days == 0 || out->days > DAYS_MAX : out->days != 0) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "object_lock_days: takes 1 to %d, together with object_lock", DAYS_MAX);
    }
    /* The service takes no locked object without. */
    if (bsi_s3_lock_is_set(out) && !bs_storage_settings_flag(settings, "checksums")) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "checksums: locked objects must have them");
    }
    return BS_OK;
}

bool bsi_s3_lock_is_set(const bsi_s3_lock *lock)
{
    return lock->mode || lock->legal_hold;
}

static bs_status fail_no_lock(const bsi_s3_conn *conn)
{
    return bsi_fail(BS_LAYER_STORAGE, BS_E_UNSUPPORTED,
                    "bucket '%s' at '%s' has no Object Lock, so nothing in it can be locked",
                    conn->bucket, conn->host);
}

bs_status bsi_s3_lock_check_bucket(bsi_s3_conn *conn, const bs_call *call, const bsi_s3_lock *lock)
{
    static const bsi_uri_pair query[] = {{"object-lock", NULL}};
    bsi_service_error error = {.code = ""};
    const bsi_wire_request request = {.method = "GET",
                                      .query = query,
                                      .query_count = BSI_ARRAY_SIZE(query),
                                      .answer_max = ANSWER_MAX,
                                      .error = &error};
    bsi_http_answer answer;
    bool enabled = false;
    bs_status status = BS_OK;

    if (!bsi_s3_lock_is_set(lock)) {
        return BS_OK;
    }
    status = bsi_s3_send(conn, call, &request, &answer);
    if (status < 0) {
        return strcmp(error.code, "ObjectLockConfigurationNotFoundError") == 0 ? fail_no_lock(conn)
                                                                               : status;
    }
    status =
        bsi_s3_lock_parse((bsi_slice){(const char *)answer.text.data, answer.text.size}, &enabled);
    bsi_http_answer_dispose(&answer);
    if (status < 0) {
        return status;
    }
    return enabled ? BS_OK : fail_no_lock(conn);
}

bs_status bsi_s3_lock_until(const bsi_s3_lock *lock, char out[BSI_RFC3339_SIZE])
{
    out[0] = '\0';
    return lock->mode
               ? bsi_rfc3339_format(bsi_now().sec + (int64_t)lock->days * DAY_S, 0, false, out)
               : BS_OK;
}

static bool has_word(const bsi_http_answer *answer, const char *name, const char *word)
{
    bsi_slice value = {NULL, 0};

    return bsi_http_header(answer, name, &value) && bsi_slice_is(value, word);
}

/* Services write the same time in other ways. */
static bool lasts(const bsi_http_answer *answer, const char *until)
{
    bsi_slice value = {NULL, 0};
    int64_t wanted = 0;
    int64_t told = 0;
    int32_t nsec = 0;

    return bsi_http_header(answer, BSI_S3_LOCK_UNTIL, &value) &&
           bsi_rfc3339_parse(until, strlen(until), &wanted, NULL) == BS_OK &&
           bsi_rfc3339_parse(value.data, value.size, &told, &nsec) == BS_OK && told >= wanted;
}

bs_status bsi_s3_lock_check_object(const bsi_s3_lock *lock, const char *until,
                                   const bsi_http_answer *answer)
{
    if (lock->mode && (!has_word(answer, BSI_S3_LOCK_MODE, lock->mode) || !lasts(answer, until))) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_UNSUPPORTED,
                        "the server has stored it, and does not tell that it is locked until %s",
                        until);
    }
    if (lock->legal_hold && !has_word(answer, BSI_S3_LEGAL_HOLD, "ON")) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_UNSUPPORTED,
                        "the server has stored it, and does not tell of a legal hold");
    }
    return BS_OK;
}
