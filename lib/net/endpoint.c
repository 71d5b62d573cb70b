/* SPDX-License-Identifier: MIT */
/*
 * Addresses of services, as people write them.
 */
#include "net/endpoint.h"

#include "base/ascii.h"

enum { HOST_MAX = 255 };

bool bsi_is_plain(bsi_slice text, const char *more)
{
    for (size_t i = 0; i < text.size; i++) {
        const char byte = bsi_lower(text.data[i]);
        if (!bsi_is_digit(byte) && !(byte >= 'a' && byte <= 'z') &&
            (byte == '\0' || !strchr(more, byte))) {
            return false;
        }
    }
    return true;
}

static bool skip(bsi_slice *text, const char *begin)
{
    const size_t size = strlen(begin);

    if (text->size < size || memcmp(text->data, begin, size) != 0) {
        return false;
    }
    text->data += size;
    text->size -= size;
    return true;
}

static bool ends_with(bsi_slice text, const char *end)
{
    const size_t size = strlen(end);

    return text.size > size && memcmp(text.data + text.size - size, end, size) == 0;
}

bool bsi_endpoint_parse(bsi_slice text, bsi_endpoint *out)
{
    const char *slash = NULL;

    out->tls = skip(&text, "https://");
    if (!out->tls && !skip(&text, "http://")) {
        return false;
    }
    slash = text.size > 0 ? memchr(text.data, '/', text.size) : NULL;
    out->host = (bsi_slice){text.data, slash ? (size_t)(slash - text.data) : text.size};
    out->path = (bsi_slice){text.data + out->host.size, text.size - out->host.size};
    while (out->path.size > 0 && out->path.data[out->path.size - 1] == '/') {
        out->path.size--;
    }
    if (ends_with(out->host, out->tls ? ":443" : ":80")) {
        out->host.size -= out->tls ? 4 : 3;
    }
    return out->host.size > 0 && out->host.size <= HOST_MAX && bsi_is_plain(out->host, ".-:[]_") &&
           bsi_is_plain(out->path, "/-_.~");
}
