/* SPDX-License-Identifier: MIT */
/*
 * Ranges of objects: where their bytes go, and whether they are the right ones.
 */
#include "storage/drivers/ranges.h"

#include <inttypes.h>
#include <string.h>

#include "net/service_xml.h"
#include "storage/drivers/refusal.h"

bs_status bsi_range_take(void *user, const void *data, size_t size)
{
    bsi_range *self = user;

    if (size > self->left) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_IO, "the server sends more than was asked for");
    }
    memcpy(self->at, data, size);
    self->at += size;
    self->left -= size;
    return BS_OK;
}

static bool take_digits(bsi_slice *text, char end, uint64_t *out)
{
    const char *found = end ? memchr(text->data, end, text->size) : text->data + text->size;
    bsi_slice digits = {text->data, 0};

    if (!found) {
        return false;
    }
    digits.size = (size_t)(found - text->data);
    text->data += digits.size + (end ? 1 : 0);
    text->size -= digits.size + (end ? 1 : 0);
    return bsi_service_parse_size(digits, out);
}

/* "bytes 0-9/100": RFC 9110, 14.4. False for anything else. */
static bool parse_range(bsi_slice text, uint64_t *first, uint64_t *last, uint64_t *total)
{
    static const char unit[] = "bytes ";

    if (text.size < sizeof(unit) || memcmp(text.data, unit, sizeof(unit) - 1) != 0) {
        return false;
    }
    text.data += sizeof(unit) - 1;
    text.size -= sizeof(unit) - 1;
    return take_digits(&text, '-', first) && take_digits(&text, '/', last) &&
           take_digits(&text, '\0', total);
}

bs_status bsi_range_check(const bsi_http_answer *answer, uint64_t offset, size_t size)
{
    bsi_slice header = {NULL, 0};
    uint64_t first = 0;
    uint64_t last = 0;
    uint64_t total = 0;

    if (answer->status == 200 && offset == 0 && answer->size == size) {
        return BS_OK;
    }
    if (answer->status != 206 || !bsi_http_header(answer, "content-range", &header) ||
        !parse_range(header, &first, &last, &total)) {
        return bsi_refusal_fail_odd("does not answer with the range that was asked for");
    }
    if (answer->size == 0 && offset >= total) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_RANGE, "has only %" PRIu64 " bytes", total);
    }
    if (first != offset || last < first || last >= total || last - first + 1 != answer->size) {
        return bsi_refusal_fail_odd("answers with another range than it says");
    }
    if (answer->size < size && last + 1 == total) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_RANGE, "has only %" PRIu64 " bytes", total);
    }
    return answer->size == size ? BS_OK : bsi_refusal_fail_odd("answers with less than the range");
}
