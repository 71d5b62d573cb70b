/* SPDX-License-Identifier: MIT */
#ifndef BSI_NET_URI_H
#define BSI_NET_URI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/slice.h"

/*
 * Paths and queries in the one spelling that Signature Version 4 signs: every
 * byte but letters, digits and "-_.~" (RFC 3986, 2.3) becomes %XX in upper
 * case. What is signed is what goes over the wire, byte by byte.
 */

/* A parameter of a query: plain bytes, not encoded yet. */
typedef struct bsi_uri_pair {
    const char *name;
    const char *value; /* NULL for one without a value. */
} bsi_uri_pair;

/* More parameters in one query are refused. */
enum { BSI_URI_PAIRS_MAX = 32 };

/* Append an encoded path, in which '/' stays; dots are left alone. */
BS_NODISCARD bs_status bsi_uri_append_path(bsi_buf *out, const char *path);

/* Append one encoded component of a path: '/' is escaped as well. */
BS_NODISCARD bs_status bsi_uri_append_component(bsi_buf *out, const char *text);

/*
 * Append encoded "name=value" joined by '&', in order of the encoded names and
 * then values. `pairs` may be in any order.
 */
BS_NODISCARD bs_status bsi_uri_append_query(bsi_buf *out, const bsi_uri_pair *pairs, size_t count);

/*
 * Append decoded text, as servers encode names in their answers: %XX in either
 * case, '+' for a space. A broken escape or one of NUL is BS_E_CORRUPT of layer STORAGE,
 * with `out` unchanged.
 */
BS_NODISCARD bs_status bsi_uri_decode(bsi_slice text, bsi_buf *out);

/* Whether a URL is "http://HOST", with whatever may follow that. */
bool bsi_uri_is_plain_at(const char *url, const char *host);

/* Whether what goes to a URL can be read by whoever is on the way: "http://...". */
bool bsi_uri_is_cleartext(const char *url);

/* Whether secrets may go to a URL: over TLS, or without leaving this machine. */
bool bsi_uri_keeps_secrets(const char *url);

#endif
