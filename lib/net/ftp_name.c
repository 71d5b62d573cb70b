/* SPDX-License-Identifier: MIT */
/*
 * Escapes in names.
 */
#include "net/ftp_name.h"

#include "base/ascii.h"
#include "base/utf8.h"

enum { ESCAPE_SIZE = 3 };

static bool is_upper_hex(char byte)
{
    return bsi_is_digit(byte) || (byte >= 'A' && byte <= 'F');
}

static bool is_escape(bsi_slice name, size_t at)
{
    return name.size - at >= ESCAPE_SIZE && name.data[at] == '%' &&
           is_upper_hex(name.data[at + 1]) && is_upper_hex(name.data[at + 2]);
}

/* How many bytes from here on stay as they are; 0: this one does not. */
static size_t plain_size(bsi_slice name, size_t at)
{
    const char byte = name.data[at];
    const bool at_border = at == 0 || at + 1 == name.size;

    if ((uint8_t)byte < 0x20 || byte == 0x7f || byte == '\\' || (byte == ' ' && at_border) ||
        is_escape(name, at)) {
        return 0;
    }
    return bsi_utf8_sequence(name.data + at, name.size - at);
}

bs_status bsi_ftp_name_encode(bsi_buf *out, bsi_slice name)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t at = 0; at < name.size;) {
        const size_t plain = plain_size(name, at);
        const uint8_t byte = (uint8_t)name.data[at];
        const char escape[ESCAPE_SIZE] = {'%', digits[byte >> 4], digits[byte & 15]};

        BSI_TRY(plain > 0 ? bsi_buf_append(out, name.data + at, plain)
                          : bsi_buf_append(out, escape, sizeof(escape)));
        at += plain > 0 ? plain : 1;
    }
    return BS_OK;
}

static bs_status append_decoded(bsi_buf *out, bsi_slice name)
{
    for (size_t at = 0; at < name.size;) {
        const bool escaped = is_escape(name, at);
        const int byte =
            escaped ? bsi_hex_value(name.data[at + 1]) * 16 + bsi_hex_value(name.data[at + 2])
                    : (uint8_t)name.data[at];

        BSI_TRY(bsi_buf_append_byte(out, (uint8_t)byte));
        at += escaped ? ESCAPE_SIZE : 1;
    }
    return BS_OK;
}

/* Known are those that the decoded name is encoded to. */
bs_status bsi_ftp_name_decode(bsi_buf *out, bsi_slice name, bool *known_out)
{
    const size_t before = out->size;
    bsi_buf again;
    bsi_slice decoded;
    bs_status status = append_decoded(out, name);

    if (status < 0) {
        return status;
    }
    decoded = (bsi_slice){(const char *)out->data + before, out->size - before};
    bsi_buf_init(&again, ESCAPE_SIZE * name.size);
    status = bsi_ftp_name_encode(&again, decoded);
    *known_out = status == BS_OK && bsi_slice_equal(bsi_buf_slice(&again), name) &&
                 !(decoded.size > 0 && (memchr(decoded.data, '\0', decoded.size) ||
                                        memchr(decoded.data, '/', decoded.size)));
    bsi_buf_dispose(&again);
    return status;
}
