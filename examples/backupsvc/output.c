/* SPDX-License-Identifier: MIT */
#include "output.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "progress.h"

void output_complaint(const char *before, const char *message)
{
    while (*message) {
        size_t size = strcspn(message, "\n");

        (void)fprintf(stderr, "%sbackupsvc: %s", progress_line_end(), before);
        output_bytes(stderr, message, size);
        (void)fputc('\n', stderr);
        message += size;
        message += *message == '\n';
    }
}

static int show_error(const tool_run *tool, const bs_error *error)
{
    char *json = NULL;

    if (tool->json) {
        bs_status status = bs_error_to_json(error, &json);

        (void)fputs("{\"success\":false,\"error\":", stdout);
        output_json_owned(stdout, status, json);
        (void)fputs("}\n", stdout);
        return TOOL_FAILED;
    }
    output_complaint("", *error->message ? error->message : bs_status_text(error->code));
    return TOOL_FAILED;
}

int output_fail(const tool_run *tool, bs_status code, const char *format, ...)
{
    bs_error error = {.code = code, .layer = BS_LAYER_CALLER};
    va_list args;

    va_start(args, format);
    (void)vsnprintf(error.message, sizeof(error.message), format, args);
    va_end(args);
    return show_error(tool, &error);
}

int output_fail_last(const tool_run *tool)
{
    /* A copy: turning it into JSON may fail, and then it would be another. */
    bs_error error = *bs_error_last();

    return show_error(tool, &error);
}

int output_done(const tool_run *tool, bs_status status, const char *what)
{
    if (status < 0) {
        return output_fail_last(tool);
    }
    if (tool->json) {
        (void)fputs("{\"success\":true}\n", stdout);
    } else if (!tool->quiet) {
        (void)printf("%s\n", what);
    }
    return TOOL_DONE;
}

int output_usage(const tool_run *tool, const char *format, ...)
{
    bs_error error = {.code = BS_E_INVALID, .layer = BS_LAYER_CALLER};
    va_list args;

    va_start(args, format);
    (void)vsnprintf(error.message, sizeof(error.message), format, args);
    va_end(args);
    (void)show_error(tool, &error);
    return TOOL_USAGE;
}

int output_flush(int code)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        (void)fprintf(stderr, "backupsvc: writing to standard output: %s\n", strerror(errno));
        return TOOL_FAILED;
    }
    return code;
}

/* Length of the UTF-8 character at `bytes`, with its value; 0 when there is none. */
static size_t decode(const unsigned char *bytes, size_t size, uint32_t *value)
{
    static const uint32_t lowest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = bytes[0] < 0x80 ? 1 : bytes[0] >= 0xf0 ? 4 : bytes[0] >= 0xe0 ? 3 : 2;

    if (length == 1) {
        *value = bytes[0];
        return 1;
    }
    if (bytes[0] < 0xc2 || bytes[0] > 0xf4 || length > size) {
        return 0;
    }
    *value = bytes[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80) {
            return 0;
        }
        *value = *value << 6 | (bytes[i] & 0x3fu);
    }
    if (*value < lowest[length] || *value > 0x10ffff || (*value >= 0xd800 && *value <= 0xdfff)) {
        return 0;
    }
    return length;
}

static bool is_shown(uint32_t value)
{
    bool control = value < 0x20 || (value >= 0x7f && value < 0xa0);
    bool direction = (value >= 0x202a && value <= 0x202e) || (value >= 0x2066 && value <= 0x2069) ||
                     value == 0x200e || value == 0x200f;

    return !control && !direction;
}

static void escape(FILE *to, const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        (void)fprintf(to, "\\x%02x", bytes[i]);
    }
}

void output_bytes(FILE *to, const char *bytes, size_t size)
{
    const unsigned char *at = (const unsigned char *)bytes;

    if (!isatty(fileno(to))) {
        (void)fwrite(bytes, 1, size, to);
        return;
    }
    while (size > 0) {
        uint32_t value = 0;
        size_t length = decode(at, size, &value);

        if (length > 0 && is_shown(value)) {
            (void)fwrite(at, 1, length, to);
        } else {
            length = length > 0 ? length : 1;
            escape(to, at, length);
        }
        at += length;
        size -= length;
    }
}

void output_text(FILE *to, const char *text)
{
    output_bytes(to, text, strlen(text));
}

void output_json_text(FILE *to, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t size = strlen(text);

    (void)fputc('"', to);
    while (size > 0) {
        uint32_t value = 0;
        size_t length = decode(at, size, &value);

        if (length == 0) {
            (void)fputs("\\ufffd", to);
            length = 1;
        } else if (value < 0x20 || value == '"' || value == '\\' || value == 0x7f) {
            (void)fprintf(to, "\\u%04x", value);
        } else {
            (void)fwrite(at, 1, length, to);
        }
        at += length;
        size -= length;
    }
    (void)fputc('"', to);
}

void output_json_owned(FILE *to, bs_status status, char *json)
{
    (void)fputs(status < 0 ? "null" : json, to);
    if (status >= 0) {
        bs_free(json);
    }
}

const char *output_size(uint64_t bytes, char out[OUTPUT_SIZE_TEXT])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes;
    size_t unit = 0;

    while (value >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        value /= 1024;
        unit++;
    }
    (void)snprintf(out, OUTPUT_SIZE_TEXT, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return out;
}

const char *output_duration(double seconds, char out[OUTPUT_TIME_TEXT])
{
    uint64_t whole = seconds > 0 && seconds < 1e9 ? (uint64_t)(seconds + 0.5) : 0;

    if (whole >= 3600) {
        (void)snprintf(out, OUTPUT_TIME_TEXT, "%u:%02u:%02u", (unsigned)(whole / 3600),
                       (unsigned)(whole / 60 % 60), (unsigned)(whole % 60));
    } else {
        (void)snprintf(out, OUTPUT_TIME_TEXT, "%u:%02u", (unsigned)(whole / 60),
                       (unsigned)(whole % 60));
    }
    return out;
}
