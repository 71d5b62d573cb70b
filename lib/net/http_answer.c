/* SPDX-License-Identifier: MIT */
/*
 * What an answer's status and headers mean.
 */
#include <inttypes.h>
#include <string.h>

#include "base/ascii.h"
#include "net/http_date.h"
#include "net/http_int.h"
#include "os/time.h"

enum { RETRY_AFTER_MAX_S = 3600, MS_PER_S = 1000 };

void bsi_http_answer_init(bsi_http_answer *answer, uint64_t text_max)
{
    memset(answer, 0, sizeof(*answer));
    bsi_buf_init(&answer->headers, BSI_HTTP_HEADERS_MAX);
    bsi_buf_init(&answer->text, (size_t)text_max);
}

void bsi_http_answer_dispose(bsi_http_answer *answer)
{
    bsi_buf_dispose(&answer->headers);
    bsi_buf_dispose(&answer->text);
}

static bsi_slice trim(bsi_slice text)
{
    while (text.size > 0 && strchr(" \t\r\n", text.data[text.size - 1])) {
        text.size--;
    }
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text.data++;
        text.size--;
    }
    return text;
}

/* The line that begins at `*at`, which moves to the next one. */
static bool next_line(bsi_slice text, size_t *at, bsi_slice *line_out)
{
    const char *end = NULL;

    if (*at >= text.size) {
        return false;
    }
    line_out->data = text.data + *at;
    end = memchr(line_out->data, '\n', text.size - *at);
    line_out->size = end ? (size_t)(end - line_out->data) : text.size - *at;
    *at += line_out->size + 1;
    return true;
}

bool bsi_http_header(const bsi_http_answer *answer, const char *name, bsi_slice *value_out)
{
    const bsi_slice all = {(const char *)answer->headers.data, answer->headers.size};
    const size_t size = strlen(name);
    bsi_slice line = {NULL, 0};
    size_t at = 0;

    while (next_line(all, &at, &line)) {
        if (line.size > size && line.data[size] == ':' &&
            bsi_equal_but_for_case(line.data, name, size)) {
            *value_out = trim((bsi_slice){line.data + size + 1, line.size - size - 1});
            return true;
        }
    }
    return false;
}

/* Seconds of digits, cut at the most that is waited for; false when there is something else. */
static bool parse_seconds(bsi_slice text, int64_t *sec_out)
{
    int64_t sec = 0;

    for (size_t i = 0; i < text.size; i++) {
        if (!bsi_is_digit(text.data[i])) {
            return false;
        }
        sec = sec < RETRY_AFTER_MAX_S ? sec * 10 + (text.data[i] - '0') : sec;
    }
    *sec_out = sec;
    return text.size > 0;
}

/* Retry-After: seconds or a date (RFC 9110, 10.2.3). 0 when it is neither or in the past. */
static uint32_t retry_after_ms(const bsi_http_answer *answer)
{
    bsi_slice value = {NULL, 0};
    int64_t sec = 0;

    if (!bsi_http_header(answer, "retry-after", &value)) {
        return 0;
    }
    if (!parse_seconds(value, &sec)) {
        sec = bsi_http_date_parse(value, &sec) ? sec - bsi_now().sec : 0;
    }
    if (sec <= 0) {
        return 0;
    }
    return (uint32_t)(sec < RETRY_AFTER_MAX_S ? sec : RETRY_AFTER_MAX_S) * MS_PER_S;
}

/* 501 and 507 among those from 500 on do not pass by waiting. */
static bool may_pass(int status)
{
    switch (status) {
    case 408:
    case 425:
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
        return true;
    default:
        return false;
    }
}

void bsi_http_answer_classify(bsi_http_answer *answer)
{
    answer->retry = BS_RETRY_NEVER;
    answer->retry_after_ms = 0;
    if (!may_pass(answer->status)) {
        return;
    }
    answer->retry_after_ms = retry_after_ms(answer);
    answer->retry = answer->retry_after_ms > 0 ? BS_RETRY_AFTER : BS_RETRY_SAFE;
}

static bs_status code_of(int status)
{
    switch (status) {
    case 401:
    case 403:
    case 407:
        return BS_E_ACCESS;
    case 404:
    case 410:
        return BS_E_NOT_FOUND;
    case 408:
    case 504:
        return BS_E_TIMEOUT;
    case 412:
        return BS_E_EXISTS;
    case 413:
        return BS_E_LIMIT;
    case 416:
        return BS_E_RANGE;
    case 425:
    case 429:
    case 503:
        return BS_E_BUSY;
    case 501:
        return BS_E_UNSUPPORTED;
    case 507:
        return BS_E_NO_SPACE;
    default:
        return BS_E_IO;
    }
}

bs_status bsi_http_fail(const bsi_http_answer *answer, bsi_slice what)
{
    const bs_status code = code_of(answer->status);
    char shown[512];

    (void)bsi_fail(BS_LAYER_STORAGE, code, "the server answers %d%s%s", answer->status,
                   what.size > 0 ? ": " : "",
                   bsi_printable(what.data, what.size, shown, sizeof(shown)));
    bsi_error_set_retry(answer->retry, answer->retry_after_ms);
    return code;
}
