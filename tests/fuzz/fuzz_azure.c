/* SPDX-License-Identifier: MIT */
/*
 * What Azure's blob service answers, and what people hand over of their accounts. The first
 * byte says whether the rest is a page of a listing, the name of a blob, a key, or a connection
 * string. Errors, dates and XML itself are those of the target s3.
 */
#include "fuzz.h"

#include <string.h>

#include "base/buffer.h"
#include "base/utf8.h"
#include "net/azure_connection.h"
#include "net/azure_name.h"
#include "net/azure_xml.h"
#include "net/endpoint.h"

enum { BUFFER_MAX = 8 * 1024 * 1024 };

static void check_page(bsi_slice document)
{
    bsi_page page;
    const bs_status status = bsi_azure_page_parse(document, &page);

    fuzz_check(status == BS_OK || status == BS_E_CORRUPT || status == BS_E_LIMIT);
    if (status < 0) {
        return;
    }
    fuzz_check(page.count <= BSI_AZURE_PAGE_MAX);
    fuzz_check(!page.token || page.token[0] != '\0');
    for (size_t i = 0; i < page.count; i++) {
        fuzz_check(page.objects[i].key[0] != '\0' && page.objects[i].size <= INT64_MAX);
    }
    bsi_page_dispose(&page);
}

/* A name that a key has is the only one of that key. */
static void check_name(bsi_slice name)
{
    bsi_buf key;
    bsi_buf again;
    bs_status status = BS_OK;

    bsi_buf_init(&key, BUFFER_MAX);
    bsi_buf_init(&again, BUFFER_MAX);
    status = bsi_azure_name_decode(name, &key);
    fuzz_check(status == BS_OK || key.size == 0);
    if (status == BS_OK) {
        fuzz_ok(bsi_azure_name_append(&again, bsi_buf_slice(&key)));
        fuzz_check(bsi_slice_equal(bsi_buf_slice(&again), name));
    }
    bsi_buf_dispose(&key);
    bsi_buf_dispose(&again);
}

/* Any key has a name that Azure takes, and comes back from it. Keys have no NUL. */
static void check_key(bsi_slice key)
{
    bsi_buf name;
    bsi_buf again;

    if (key.size > 1024 || (key.size > 0 && memchr(key.data, '\0', key.size))) {
        return;
    }
    bsi_buf_init(&name, BUFFER_MAX);
    bsi_buf_init(&again, BUFFER_MAX);
    fuzz_ok(bsi_azure_name_append(&name, key));
    fuzz_check(bsi_utf8_valid((const char *)name.data, name.size));
    for (size_t i = 0; i < name.size; i++) {
        fuzz_check(name.data[i] >= ' ' && name.data[i] != '\\' && name.data[i] != 0x7f);
    }
    fuzz_check(name.size == 0 || name.data[name.size - 1] != '.');
    fuzz_ok(bsi_azure_name_decode(bsi_buf_slice(&name), &again));
    fuzz_check(bsi_slice_equal(bsi_buf_slice(&again), key));
    bsi_buf_dispose(&name);
    bsi_buf_dispose(&again);
}

static void check_part(bsi_slice part, bsi_slice whole, bool may_be_own)
{
    const bool inside = part.size == 0 || (part.data >= whole.data &&
                                           part.data + part.size <= whole.data + whole.size);

    fuzz_check(inside || may_be_own);
}

static void check_connection(bsi_slice text)
{
    bsi_azure_texts texts;
    bsi_endpoint endpoint;

    if (bsi_azure_connection_parse(text, &texts) == BS_OK) {
        fuzz_check(texts.account.size + texts.endpoint.size > 0);
        check_part(texts.account, text, texts.protocol.size == 0);
        check_part(texts.sas, text, false);
        check_part(texts.protocol, text, false);
        check_part(texts.suffix, text, false);
    }
    if (bsi_endpoint_parse(text, &endpoint)) {
        fuzz_check(endpoint.host.size > 0);
        check_part(endpoint.host, text, false);
        check_part(endpoint.path, text, false);
        fuzz_check(endpoint.path.size != 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const checks[])(bsi_slice) = {check_page, check_name, check_key,
                                                check_connection};
    fuzz_input in = {data, size};
    const uint8_t kind = fuzz_byte(&in);

    checks[kind % (sizeof(checks) / sizeof(checks[0]))](fuzz_take(&in, in.left));
    return 0;
}
