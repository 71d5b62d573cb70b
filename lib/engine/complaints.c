/* SPDX-License-Identifier: MIT */
/*
 * Collects complaints in a text of fixed size.
 */
#include "engine/complaints.h"

#include <stdio.h>
#include <string.h>

/* Room for "\n... and 18446744073709551615 more". */
enum { COMPLAINTS_TAIL = 40 };

static void merge_code(bsi_complaints *complaints, bs_status code, bs_layer layer)
{
    if (complaints->count == 0) {
        complaints->code = code;
        complaints->layer = layer;
    } else if (complaints->code != code) {
        complaints->code = BS_E_INVALID;
        complaints->layer = BS_LAYER_CALLER;
    }
}

void bsi_complain(bsi_complaints *complaints, bs_status code, bs_layer layer, const char *format,
                  ...)
{
    char line[BS_ERROR_MESSAGE_SIZE - COMPLAINTS_TAIL];
    va_list args;
    size_t size = 0;

    merge_code(complaints, code, layer);
    complaints->count++;
    (void)snprintf(line, sizeof(line), "%s", complaints->prefix ? complaints->prefix : "");
    size = strlen(line);
    va_start(args, format);
    (void)vsnprintf(line + size, sizeof(line) - size, format, args);
    va_end(args);
    size = strlen(line);
    for (size_t i = 0; i < size; i++) {
        line[i] = (char)(line[i] == '\n' ? ' ' : line[i]);
    }
    if (complaints->shown + 1 != complaints->count ||
        complaints->used + 1 + size + COMPLAINTS_TAIL > sizeof(complaints->text)) {
        return;
    }
    if (complaints->used > 0) {
        complaints->text[complaints->used++] = '\n';
    }
    memcpy(complaints->text + complaints->used, line, size);
    complaints->used += size;
    complaints->text[complaints->used] = '\0';
    complaints->shown++;
}

void bsi_complain_last(bsi_complaints *complaints)
{
    const bs_error error = *bs_error_last();
    const char *line = error.message;

    while (*line) {
        const size_t size = strcspn(line, "\n");
        bsi_complain(complaints, error.code, error.layer, "%.*s", (int)size, line);
        line += size + (line[size] == '\n');
    }
}

bs_status bsi_complaints_status(const bsi_complaints *complaints)
{
    if (complaints->count == 0) {
        return BS_OK;
    }
    if (complaints->shown == complaints->count) {
        return bsi_fail(complaints->layer, complaints->code, "%s", complaints->text);
    }
    return bsi_fail(complaints->layer, complaints->code, "%s\n... and %zu more", complaints->text,
                    complaints->count - complaints->shown);
}
