/* SPDX-License-Identifier: MIT */
/*
 * What S3 services answer. The first byte says which document the rest is, or
 * that it is a date, or the names of a URI. A document is also read as plain XML, in
 * pieces of the size in the second byte, with the same result as in one.
 */
#include "fuzz.h"

#include <string.h>

#include "base/buffer.h"
#include "net/http_date.h"
#include "net/s3_xml.h"
#include "net/uri.h"
#include "net/xml.h"

enum {
    BUFFER_MAX = 1024 * 1024,
    HASH_START = 5381,
};

static void check_read(bs_status status)
{
    fuzz_check(status == BS_OK || status == BS_E_CORRUPT || status == BS_E_LIMIT);
}

/* --- Plain XML --- */

typedef struct seen {
    uint64_t hash;
    uint64_t elements;
} seen;

static void mix(seen *self, bsi_slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        self->hash = self->hash * 33 + (uint8_t)text.data[i];
    }
    self->hash = self->hash * 33 + 256;
}

static bs_status take_element(void *user, bsi_slice path, bsi_slice text)
{
    seen *self = user;

    fuzz_check(path.size > 0 && text.size <= BSI_XML_TEXT_MAX);
    self->elements++;
    mix(self, path);
    mix(self, text);
    return BS_OK;
}

static bs_status read_xml(bsi_slice document, size_t piece, seen *out)
{
    bsi_xml *xml = NULL;
    bs_status status = BS_OK;

    *out = (seen){.hash = HASH_START};
    fuzz_ok(bsi_xml_new(take_element, out, &xml));
    for (size_t at = 0; at < document.size && status == BS_OK; at += piece) {
        const size_t left = document.size - at;
        status = bsi_xml_read(xml, document.data + at, left < piece ? left : piece);
    }
    if (status == BS_OK) {
        status = bsi_xml_end(xml);
    }
    bsi_xml_free(xml);
    return status;
}

static void check_xml(bsi_slice document, size_t piece)
{
    seen whole;
    seen pieces;
    const bs_status status = read_xml(document, document.size + 1, &whole);

    check_read(status);
    check_read(read_xml(document, piece, &pieces));
    if (status == BS_OK) {
        fuzz_ok(read_xml(document, piece, &pieces));
        fuzz_check(whole.elements > 0);
        fuzz_check(whole.hash == pieces.hash && whole.elements == pieces.elements);
    }
}

/* --- S3's documents --- */

static void check_page(bsi_slice document)
{
    bsi_page page;
    const bs_status status = bsi_s3_page_parse(document, &page);

    check_read(status);
    if (status < 0) {
        return;
    }
    fuzz_check(page.count <= BSI_S3_PAGE_MAX);
    fuzz_check(!page.token || page.token[0] != '\0');
    for (size_t i = 0; i < page.count; i++) {
        fuzz_check(page.objects[i].key[0] != '\0' && page.objects[i].size <= INT64_MAX);
    }
    bsi_page_dispose(&page);
}

static void check_pending(bsi_slice document)
{
    bsi_s3_pending_page page;
    const bs_status status = bsi_s3_pending_parse(document, &page);

    check_read(status);
    if (status < 0) {
        return;
    }
    for (size_t i = 0; i < page.count; i++) {
        fuzz_check(page.uploads[i].key[0] != '\0' && page.uploads[i].id[0] != '\0');
    }
    bsi_s3_pending_dispose(&page);
}

static void check_answers(bsi_slice document)
{
    bsi_service_error error;
    uint64_t bytes = 0;
    uint32_t next = 0;
    bool enabled = false;
    bsi_buf id;

    bsi_buf_init(&id, BUFFER_MAX);
    check_read(bsi_s3_upload_id_parse(document, &id));
    bsi_buf_dispose(&id);
    check_read(bsi_s3_parts_parse(document, &bytes, &next));
    check_read(bsi_s3_complete_parse(document));
    check_read(bsi_s3_lock_parse(document, &enabled));
    check_read(bsi_s3_removed_parse(document, &error));
    if (bsi_service_error_parse(document, &error)) {
        fuzz_check(error.code[0] != '\0');
        fuzz_check(memchr(error.code, '\0', sizeof(error.code)));
        fuzz_check(memchr(error.message, '\0', sizeof(error.message)));
        fuzz_check(memchr(error.region, '\0', sizeof(error.region)));
    }
}

/* --- Others --- */

/* A date that can be read is the only way to write that time. */
static void check_date(bsi_slice text)
{
    char again[BSI_HTTP_DATE_SIZE];
    int64_t sec = 0;

    if (bsi_http_date_parse(text, &sec)) {
        fuzz_ok(bsi_http_date_format(sec, again));
        fuzz_check(strlen(again) == text.size && memcmp(again, text.data, text.size) == 0);
    }
}

/* What was decoded, encoded and decoded again is the same. */
static void check_name(bsi_slice text)
{
    bsi_buf name;
    bsi_buf encoded;
    bsi_buf again;

    bsi_buf_init(&name, BUFFER_MAX);
    bsi_buf_init(&encoded, BUFFER_MAX);
    bsi_buf_init(&again, BUFFER_MAX);
    if (bsi_uri_decode(text, &name) == BS_OK) {
        fuzz_ok(bsi_buf_append(&name, "", 1));
        fuzz_ok(bsi_uri_append_path(&encoded, (const char *)name.data));
        fuzz_ok(bsi_uri_decode((bsi_slice){(const char *)encoded.data, encoded.size}, &again));
        fuzz_check(again.size == strlen((const char *)name.data));
        fuzz_check(again.size == 0 || memcmp(again.data, name.data, again.size) == 0);
    }
    bsi_buf_dispose(&name);
    bsi_buf_dispose(&encoded);
    bsi_buf_dispose(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const checks[])(bsi_slice) = {check_page, check_pending, check_answers,
                                                check_date, check_name};
    fuzz_input in = {data, size};
    const uint8_t kind = fuzz_byte(&in);
    const size_t piece = (size_t)fuzz_byte(&in) + 1;
    const bsi_slice rest = fuzz_take(&in, in.left);

    checks[kind % (sizeof(checks) / sizeof(checks[0]))](rest);
    check_xml(rest, piece);
    return 0;
}
