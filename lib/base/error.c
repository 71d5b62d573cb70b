/* SPDX-License-Identifier: MIT */
/*
 * The thread-local error record and the texts that go into it.
 */
#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

static _Thread_local bs_error last_error;

static bs_retry default_retry(bs_status code)
{
    switch (code) {
#define STATUS_RETRY(name, value, text, retry_class) \
    case name:                                       \
        return retry_class;
        BS_STATUS_MAP(STATUS_RETRY)
#undef STATUS_RETRY
    }
    return BS_RETRY_NEVER;
}

static void record(bs_layer layer, bs_status code, int os_code)
{
    last_error.code = code;
    last_error.layer = layer;
    last_error.retry = default_retry(code);
    last_error.retry_after_ms = 0;
    last_error.os_code = os_code;
}

bs_status bsi_fail(bs_layer layer, bs_status code, const char *format, ...)
{
    va_list args;

    record(layer, code, 0);
    va_start(args, format);
    (void)vsnprintf(last_error.message, sizeof(last_error.message), format, args);
    va_end(args);
    return code;
}

bs_status bsi_fail_os(bs_layer layer, int os_code, const char *format, ...)
{
    va_list args;
    const bs_status code = bsi_status_from_os(os_code);
    const char *reason = strerrordesc_np(os_code); /* Never translated, unlike strerror(). */
    size_t used = 0;

    record(layer, code, os_code);
    va_start(args, format);
    (void)vsnprintf(last_error.message, sizeof(last_error.message), format, args);
    va_end(args);
    used = strlen(last_error.message);
    (void)snprintf(last_error.message + used, sizeof(last_error.message) - used, ": %s",
                   reason ? reason : "unknown system error");
    return code;
}

/* These say nothing of a file, so no layer can claim them. */
static bool belongs_to_system(bs_status status)
{
    return status == BS_E_NOMEM || status == BS_E_CANCELLED || status == BS_E_TIMEOUT ||
           status == BS_E_INTERNAL;
}

bs_status bsi_fail_context(bs_layer layer, bs_status status, const char *format, ...)
{
    char before[BS_ERROR_MESSAGE_SIZE];
    va_list args;
    char *message = last_error.message;
    size_t used = 0;
    size_t rest = 0;

    va_start(args, format);
    (void)vsnprintf(before, sizeof(before) - 2, format, args);
    va_end(args);
    used = strlen(before);
    memcpy(before + used, ": ", 3);
    used += 2;
    rest = sizeof(last_error.message) - used;
    if (rest > 0) {
        size_t kept = strlen(message);
        kept = kept < rest - 1 ? kept : rest - 1;
        memmove(message + used, message, kept);
        message[used + kept] = '\0';
        memcpy(message, before, used);
    }
    if (last_error.layer == BS_LAYER_SYSTEM && !belongs_to_system(status)) {
        last_error.layer = layer;
    }
    return status;
}

bs_status bsi_as_damage(bs_status status)
{
    bs_error error;

    if (status != BS_E_CORRUPT && status != BS_E_VERSION && status != BS_E_LIMIT) {
        return status;
    }
    bsi_error_save(&error);
    return bsi_fail(BS_LAYER_STORAGE, status, "%s", error.message);
}

void bsi_error_set_retry(bs_retry retry, uint32_t retry_after_ms)
{
    last_error.retry = retry;
    last_error.retry_after_ms = retry == BS_RETRY_AFTER ? retry_after_ms : 0;
}

bs_status bsi_status_from_os(int os_code)
{
    switch (os_code) {
    case ENOENT:
    case ENOTDIR:
        return BS_E_NOT_FOUND;
    case EEXIST:
    case ENOTEMPTY:
        return BS_E_EXISTS;
    case EACCES:
    case EPERM:
        return BS_E_ACCESS;
    case EROFS:
        return BS_E_READ_ONLY;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return BS_E_NO_SPACE;
    case ENOMEM:
        return BS_E_NOMEM;
    case EBUSY:
    case ETXTBSY:
    case EAGAIN:
        return BS_E_BUSY;
    case ENAMETOOLONG:
    case EMFILE:
    case ENFILE:
    case EMLINK:
        return BS_E_LIMIT;
    case ENOTSUP:
    case ENOSYS:
        return BS_E_UNSUPPORTED;
    case EINVAL:
        return BS_E_INVALID;
    case ETIMEDOUT:
        return BS_E_TIMEOUT;
    case ECANCELED:
        return BS_E_CANCELLED;
    default:
        return BS_E_IO;
    }
}

void bsi_error_save(bs_error *out)
{
    *out = last_error;
}

void bsi_error_restore(const bs_error *error)
{
    last_error = *error;
}

const bs_error *bs_error_last(void)
{
    return &last_error;
}

const char *bs_status_name(bs_status status)
{
    switch (status) {
#define STATUS_NAME(name, value, text, retry_class) \
    case name:                                      \
        return #name;
        BS_STATUS_MAP(STATUS_NAME)
#undef STATUS_NAME
    }
    return "BS_E_UNKNOWN";
}

const char *bs_status_text(bs_status status)
{
    switch (status) {
#define STATUS_TEXT(name, value, text, retry_class) \
    case name:                                      \
        return text;
        BS_STATUS_MAP(STATUS_TEXT)
#undef STATUS_TEXT
    }
    return "unknown status";
}

const char *bs_layer_name(bs_layer layer)
{
    static const char *const names[] = {"system",  "caller", "source", "storage",
                                        "catalog", "crypto", "target"};

    if ((size_t)layer >= BSI_ARRAY_SIZE(names)) {
        return "unknown";
    }
    return names[layer];
}

const char *bsi_printable(const char *bytes, size_t size, char *out, size_t out_size)
{
    static const char digits[] = "0123456789abcdef";
    size_t used = 0;
    size_t at = 0;

    BSI_ASSERT(out_size >= 8);
    while (at < size) {
        const uint8_t byte = (uint8_t)bytes[at];
        const size_t run = bsi_utf8_sequence(bytes + at, size - at);
        const bool plain = run > 1 || (run == 1 && byte >= 0x20 && byte != 0x7f && byte != '\\');
        const size_t need = plain ? run : 4;

        if (used + need + 4 > out_size) {
            memcpy(out + used, "...", 3);
            used += 3;
            break;
        }
        if (plain) {
            memcpy(out + used, bytes + at, run);
        } else {
            out[used] = '\\';
            out[used + 1] = 'x';
            out[used + 2] = digits[byte >> 4];
            out[used + 3] = digits[byte & 15];
        }
        used += need;
        at += plain ? run : 1;
    }
    out[used] = '\0';
    return out;
}

#ifdef BSI_DEBUG
void bsi_assert_failed(const char *expression, const char *file, int line)
{
    (void)fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, expression);
    abort();
}
#endif
