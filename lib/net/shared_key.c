/* SPDX-License-Identifier: MIT */
/*
 * Shared Key: the text to sign, and its signature.
 */
#include "net/shared_key.h"

#include <inttypes.h>
#include <string.h>

#include "crypto/hmac.h"
#include "text/base64.h"

enum { TEXT_MAX = 64 * 1024 /* Of the text; names of blobs have 1024 characters at most. */ };

/* Headers that have a line of their own in the text, in its order, behind the method. */
static const char *const first_lines[] = {"content-encoding", "content-language"};
static const char *const last_lines[] = {"content-md5",         "content-type", "date",
                                         "if-modified-since",   "if-match",     "if-none-match",
                                         "if-unmodified-since", "range"};

static const char *value_of(const bsi_shared_key_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++) {
        if (strcmp(request->headers[i].name, name) == 0) {
            return request->headers[i].value;
        }
    }
    return "";
}

static bs_status append_lines(bsi_buf *out, const bsi_shared_key_request *request,
                              const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        BSI_TRY(bsi_buf_append_format(out, "%s\n", value_of(request, names[i])));
    }
    return BS_OK;
}

static bs_status append_length(bsi_buf *out, uint64_t size)
{
    return size > 0 ? bsi_buf_append_format(out, "%" PRIu64 "\n", size)
                    : bsi_buf_append_byte(out, '\n');
}

static bool is_own(const bsi_header *header)
{
    return strncmp(header->name, "x-ms-", strlen("x-ms-")) == 0;
}

/* Those of Azure alone, by name. */
static bs_status append_own(bsi_buf *out, const bsi_shared_key_request *request)
{
    const bsi_header *sorted[BSI_SHARED_KEY_HEADERS_MAX];
    size_t count = 0;

    for (size_t i = 0; i < request->header_count; i++) {
        const bsi_header *header = &request->headers[i];
        size_t at = count;
        if (!is_own(header)) {
            continue;
        }
        for (; at > 0 && strcmp(header->name, sorted[at - 1]->name) < 0; at--) {
            sorted[at] = sorted[at - 1];
        }
        sorted[at] = header;
        count++;
    }
    for (size_t i = 0; i < count; i++) {
        BSI_TRY(bsi_buf_append_format(out, "%s:%s\n", sorted[i]->name, sorted[i]->value));
    }
    return BS_OK;
}

static const char *text_of(const bsi_uri_pair *pair)
{
    return pair->value ? pair->value : "";
}

static bool is_before(const bsi_uri_pair *a, const bsi_uri_pair *b)
{
    const int order = strcmp(a->name, b->name);

    return order != 0 ? order < 0 : strcmp(text_of(a), text_of(b)) < 0;
}

/* "\nname:value", with all values of one name on its line. */
static bs_status append_query(bsi_buf *out, const bsi_shared_key_request *request)
{
    const bsi_uri_pair *sorted[BSI_URI_PAIRS_MAX];

    for (size_t i = 0; i < request->query_count; i++) {
        size_t at = i;
        for (; at > 0 && is_before(&request->query[i], sorted[at - 1]); at--) {
            sorted[at] = sorted[at - 1];
        }
        sorted[at] = &request->query[i];
    }
    for (size_t i = 0; i < request->query_count; i++) {
        const bool again = i > 0 && strcmp(sorted[i]->name, sorted[i - 1]->name) == 0;
        BSI_TRY(bsi_buf_append_format(out, "%s%s%s%s", again ? "," : "\n",
                                      again ? "" : sorted[i]->name, again ? "" : ":",
                                      text_of(sorted[i])));
    }
    return BS_OK;
}

bs_status bsi_shared_key_text(const char *account, const bsi_shared_key_request *request,
                              bsi_buf *out)
{
    BSI_CHECK(request->header_count <= BSI_SHARED_KEY_HEADERS_MAX);
    BSI_CHECK(request->query_count <= BSI_URI_PAIRS_MAX);
    BSI_TRY(bsi_buf_append_format(out, "%s\n", request->method));
    BSI_TRY(append_lines(out, request, first_lines, BSI_ARRAY_SIZE(first_lines)));
    BSI_TRY(append_length(out, request->body_size));
    BSI_TRY(append_lines(out, request, last_lines, BSI_ARRAY_SIZE(last_lines)));
    BSI_TRY(append_own(out, request));
    BSI_TRY(bsi_buf_append_format(out, "/%s%s", account, request->path));
    return append_query(out, request);
}

bs_status bsi_shared_key_sign(const bsi_secret *key, const char *account,
                              const bsi_shared_key_request *request, bsi_buf *out)
{
    uint8_t signature[BSI_HMAC_SIZE];
    bsi_buf text;
    bs_status status = BS_OK;

    bsi_buf_init(&text, TEXT_MAX);
    status = bsi_shared_key_text(account, request, &text);
    if (status == BS_OK) {
        status = bsi_hmac(key, text.data, text.size, signature);
    }
    bsi_buf_dispose(&text);
    if (status < 0) {
        return status;
    }
    BSI_TRY(bsi_buf_append_format(out, "SharedKey %s:", account));
    return bsi_base64_encode(signature, sizeof(signature), out);
}
