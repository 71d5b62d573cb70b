/* SPDX-License-Identifier: MIT */
/*
 * What is known of the clock is one small JSON object in the catalogue:
 *
 *     {"believed":1795413600000000000,"doubted":0,"accepted_seq":12}
 *
 * Backups up to number `accepted_seq` do not speak against the clock any more:
 * they were there when somebody said that it is right.
 */
#include "engine/clock.h"

#include <string.h>

#include "base/alloc.h"
#include "engine/service.h"
#include "policy/retention.h"
#include "text/json_read.h"
#include "text/json_write.h"
#include "text/rfc3339.h"

#define CLOCK_META "clock"

enum { CLOCK_JSON_MAX = 1024 };

/* It need not be written more often: jumps are measured in days. */
#define WRITE_EVERY (INT64_C(3600) * 1000000000)

typedef struct known {
    bsi_retention_clock clock;
    int64_t accepted_seq;
} known;

static const bsi_retention_limits limits = BSI_RETENTION_LIMITS;

static bs_status parse(const char *text, known *out)
{
    bsi_json_reader json;
    bsi_slice key;
    int64_t value = 0;
    bs_status status = BS_OK;

    bsi_json_init(&json, text, strlen(text), BS_LAYER_CATALOG, BS_E_CORRUPT);
    status = bsi_json_enter_object(&json);
    while (status >= 0) {
        status = bsi_json_next_key(&json, &key);
        if (status != BS_OK) {
            break;
        }
        status = bsi_json_read_i64(&json, &value);
        if (bsi_slice_is(key, "believed")) {
            out->clock.believed = value;
        } else if (bsi_slice_is(key, "doubted")) {
            out->clock.doubted = value;
        } else if (bsi_slice_is(key, "accepted_seq")) {
            out->accepted_seq = value;
        }
    }
    return status < 0 ? status : BS_OK;
}

static bs_status load(bs_service *service, known *out)
{
    char *text = NULL;
    bs_status status = bsi_catalog_get_meta(service->catalog, CLOCK_META, &text);

    *out = (known){.accepted_seq = 0};
    if (status == BS_E_NOT_FOUND) {
        return BS_OK;
    }
    if (status >= 0) {
        status = parse(text, out);
    }
    bsi_free(text);
    return status;
}

static bs_status save(bs_service *service, const known *state)
{
    bsi_json_writer json;
    bsi_buf buf;
    bs_status status = BS_OK;

    bsi_buf_init(&buf, CLOCK_JSON_MAX);
    bsi_json_writer_init(&json, &buf, BSI_JSON_COMPACT);
    bsi_json_begin_object(&json);
    bsi_json_put_i64(&json, "believed", state->clock.believed);
    bsi_json_put_i64(&json, "doubted", state->clock.doubted);
    bsi_json_put_i64(&json, "accepted_seq", state->accepted_seq);
    bsi_json_end_object(&json);
    status = bsi_json_writer_finish(&json);
    if (status >= 0) {
        status = bsi_buf_append_byte(&buf, 0);
    }
    if (status >= 0) {
        status = bsi_catalog_set_meta(service->catalog, CLOCK_META, (const char *)buf.data);
    }
    bsi_buf_dispose(&buf);
    return status;
}

static void show(int64_t ns, char out[BSI_RFC3339_SIZE])
{
    if (bsi_rfc3339_format(ns / 1000000000, 0, false, out) < 0) {
        memcpy(out, "?", 2);
    }
}

#define ADVICE \
    "; nothing is removed; when the clock is right, apply retention once with accept_clock"

static bs_status explain(bsi_retention_verdict verdict, int64_t now, int64_t since)
{
    char at[BSI_RFC3339_SIZE];
    char before[BSI_RFC3339_SIZE];

    show(now, at);
    show(since, before);
    if (verdict == BSI_RETENTION_CLOCK_BEHIND) {
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_CLOCK,
                        "the clock says %s, but something happened at %s already" ADVICE, at,
                        before);
    }
    return bsi_fail(BS_LAYER_SYSTEM, BS_E_CLOCK,
                    "the clock says %s, too long after %s, when it was last believed; it will be "
                    "again when it has gone on for 7 days" ADVICE,
                    at, before);
}

static bs_status look(bs_service *service, int64_t now, known *state)
{
    const int64_t believed = state->clock.believed;
    bsi_retention_verdict verdict = BSI_RETENTION_CLOCK_GOOD;
    int64_t newest = 0;

    BSI_TRY(bsi_catalog_newest(service->catalog, state->accepted_seq, &newest));
    verdict = bsi_retention_look(&state->clock, now, newest, &limits);
    if (verdict == BSI_RETENTION_CLOCK_GOOD) {
        return BS_OK;
    }
    return explain(verdict, now,
                   verdict == BSI_RETENTION_CLOCK_BEHIND && newest > believed ? newest : believed);
}

bs_status bsi_clock_look(bs_service *service, int64_t now)
{
    known state;
    known before;
    bs_error error;
    bs_status status = load(service, &state);

    if (status < 0) {
        return status;
    }
    before = state;
    status = look(service, now, &state);
    if (status < 0 && status != BS_E_CLOCK) {
        return status;
    }
    if (state.clock.doubted != before.clock.doubted ||
        state.clock.believed - before.clock.believed >= WRITE_EVERY) {
        bsi_error_save(&error);
        BSI_TRY(save(service, &state));
        bsi_error_restore(&error);
    }
    return status;
}

bs_status bsi_clock_judge(bs_service *service, int64_t now)
{
    known state;

    BSI_TRY(load(service, &state));
    return look(service, now, &state);
}

bs_status bsi_clock_accept(bs_service *service, int64_t now)
{
    known state = {.clock = {.believed = now}};

    BSI_TRY(bsi_catalog_last_seq(service->catalog, &state.accepted_seq));
    return save(service, &state);
}
