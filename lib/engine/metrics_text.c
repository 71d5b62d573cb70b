/* SPDX-License-Identifier: MIT */
#include "engine/metrics_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    TEXT_MAX = 256 * 1024 * 1024,
    PLACES_MAX = 9,
    NUMBER_SIZE = 32,
};

void bsi_metrics_text_init(bsi_metrics_text *text)
{
    *text = (bsi_metrics_text){.status = BS_OK};
    bsi_buf_init(&text->buf, TEXT_MAX);
}

void bsi_metrics_text_dispose(bsi_metrics_text *text)
{
    bsi_buf_dispose(&text->buf);
}

static void put(bsi_metrics_text *text, const char *what)
{
    if (text->status >= 0) {
        text->status = bsi_buf_append_text(&text->buf, what);
    }
}

static void put_byte(bsi_metrics_text *text, char byte)
{
    if (text->status >= 0) {
        text->status = bsi_buf_append_byte(&text->buf, (uint8_t)byte);
    }
}

void bsi_metrics_text_family(bsi_metrics_text *text, const char *prefix, const char *name,
                             const char *type, const char *help)
{
    text->family = name;
    text->prefix = prefix;
    if (text->status >= 0) {
        text->status = bsi_buf_append_format(&text->buf, "# HELP %s%s %s\n# TYPE %s%s %s\n", prefix,
                                             name, help, prefix, name, type);
    }
}

/* In the value of a label, three characters stand behind a backslash. */
static void put_escaped(bsi_metrics_text *text, const char *value)
{
    for (; *value; value++) {
        if (*value == '\\' || *value == '"') {
            put_byte(text, '\\');
        }
        if (*value == '\n') {
            put(text, "\\n");
        } else {
            put_byte(text, *value);
        }
    }
}

/* `le` comes last; NULL: none. */
static void put_labels(bsi_metrics_text *text, const bsi_label *labels, const char *le)
{
    const char *before = "{";

    for (size_t i = 0; labels && i < BSI_LABELS_MAX && labels[i].name; i++) {
        put(text, before);
        put(text, labels[i].name);
        put(text, "=\"");
        put_escaped(text, labels[i].value);
        put(text, "\"");
        before = ",";
    }
    if (le) {
        put(text, before);
        put(text, "le=\"");
        put(text, le);
        put(text, "\"");
        before = ",";
    }
    put(text, *before == ',' ? "} " : " ");
}

static void put_sample(bsi_metrics_text *text, const char *suffix, const bsi_label *labels,
                       const char *le, const char *value)
{
    put(text, text->prefix);
    put(text, text->family);
    put(text, suffix);
    put_labels(text, labels, le);
    put(text, value);
    put(text, "\n");
}

static const char *format_count(uint64_t value, char out[NUMBER_SIZE])
{
    (void)snprintf(out, NUMBER_SIZE, "%" PRIu64, value);
    return out;
}

/* Without the locale's decimal point, and without zeros at the end. */
static const char *format_decimal(int64_t value, unsigned places, char out[NUMBER_SIZE])
{
    const uint64_t size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    uint64_t unit = 1;
    size_t end = 0;

    for (unsigned i = 0; i < places && i < PLACES_MAX; i++) {
        unit *= 10;
    }
    (void)snprintf(out, NUMBER_SIZE, "%s%" PRIu64 ".%0*" PRIu64, value < 0 ? "-" : "", size / unit,
                   (int)(places > 0 ? places : 1), size % unit);
    end = strlen(out);
    while (out[end - 1] == '0') {
        out[--end] = '\0';
    }
    if (out[end - 1] == '.') {
        out[end - 1] = '\0';
    }
    return out;
}

void bsi_metrics_text_count(bsi_metrics_text *text, const bsi_label *labels, uint64_t value)
{
    char number[NUMBER_SIZE];

    put_sample(text, "", labels, NULL, format_count(value, number));
}

void bsi_metrics_text_decimal(bsi_metrics_text *text, const bsi_label *labels, int64_t value,
                              unsigned places)
{
    char number[NUMBER_SIZE];

    put_sample(text, "", labels, NULL, format_decimal(value, places, number));
}

void bsi_metrics_text_histogram(bsi_metrics_text *text, const bsi_label *labels,
                                const bsi_histogram *histogram)
{
    char bound[NUMBER_SIZE];
    char number[NUMBER_SIZE];
    uint64_t below = 0;

    for (size_t i = 0; i <= histogram->bounds_count; i++) {
        below += histogram->counts[i];
        put_sample(text, "_bucket", labels,
                   i < histogram->bounds_count
                       ? format_decimal(histogram->bounds[i], histogram->places, bound)
                       : "+Inf",
                   format_count(below, number));
    }
    put_sample(text, "_sum", labels, NULL,
               format_decimal(histogram->sum, histogram->sum_places, number));
    put_sample(text, "_count", labels, NULL, format_count(below, number));
}
