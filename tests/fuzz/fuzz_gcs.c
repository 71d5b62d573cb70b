/* SPDX-License-Identifier: MIT */
/*
 * What Google Cloud Storage and who gives tokens for it answer, and files with credentials.
 * The first byte says what the rest is.
 */
#include "fuzz.h"

#include <string.h>

#include "net/gcs_json.h"
#include "net/google_auth.h"

enum { NOW = 1700000000 };

static void check_read(bs_status status)
{
    fuzz_check(status == BS_OK || status == BS_E_CORRUPT || status == BS_E_LIMIT);
}

static void check_page(bsi_slice document)
{
    bsi_page page;
    const bs_status status = bsi_gcs_page_parse(document, &page);

    check_read(status);
    if (status < 0) {
        return;
    }
    fuzz_check(page.count <= BSI_GCS_PAGE_MAX);
    fuzz_check(!page.token || page.token[0] != '\0');
    for (size_t i = 0; i < page.count; i++) {
        const bsi_page_object *one = &page.objects[i];

        fuzz_check(one->key[0] != '\0' && strlen(one->key) <= BSI_GCS_NAME_MAX);
        fuzz_check(one->size <= INT64_MAX);
        fuzz_check(one->mtime_ns == BSI_SERVICE_NO_TIME || one->mtime_ns >= 0);
    }
    bsi_page_dispose(&page);
}

static void check_object(bsi_slice document)
{
    bsi_gcs_object object;
    const bs_status status = bsi_gcs_object_parse(document, &object);

    check_read(status);
    if (status == BS_OK) {
        fuzz_check(object.size <= INT64_MAX && object.generation > 0);
        fuzz_check(memchr(object.mark, '\0', sizeof(object.mark)));
    }
}

static void check_errors(bsi_slice document)
{
    bsi_service_error error;
    bsi_google_refusal refusal;

    if (bsi_gcs_error_parse(document, &error) == BS_OK) {
        fuzz_check(memchr(error.code, '\0', sizeof(error.code)));
        fuzz_check(memchr(error.message, '\0', sizeof(error.message)));
    }
    if (bsi_google_refusal_parse(document, &refusal) == BS_OK) {
        fuzz_check(refusal.code[0] != '\0');
        fuzz_check(memchr(refusal.code, '\0', sizeof(refusal.code)));
        fuzz_check(memchr(refusal.message, '\0', sizeof(refusal.message)));
    }
}

static void check_token(bsi_slice document)
{
    bsi_secret *token = NULL;
    uint64_t lasts = 0;
    const bs_status status = bsi_google_token_parse(document, &token, &lasts);

    check_read(status);
    if (status == BS_OK) {
        const char *text = (const char *)bsi_secret_view(token);

        /* It goes into a header as it is. */
        fuzz_check(text[0] != '\0' && strlen(text) + 1 == bsi_secret_size(token));
        fuzz_check(!strpbrk(text, " \r\n") && lasts > 0);
    }
    bsi_secret_free(token);
}

/* What can be read can also ask for a token. */
static void check_account(bsi_slice document)
{
    bsi_google_account *account = NULL;
    bsi_secret *form = NULL;
    const bs_status status = bsi_google_account_parse(document, &account);

    fuzz_check(status == BS_OK || status == BS_E_INVALID || status == BS_E_UNSUPPORTED ||
               status == BS_E_LIMIT);
    if (status == BS_OK) {
        fuzz_ok(bsi_google_request(account, NOW, &form));
    }
    bsi_secret_free(form);
    bsi_google_account_free(account);
}

static void check_headers(bsi_slice header)
{
    char sum[BSI_GCS_SUM_SIZE];
    uint64_t stored = 0;

    if (bsi_gcs_stored_parse(header, &stored)) {
        fuzz_check(stored > 0 && stored <= INT64_MAX);
    }
    if (bsi_gcs_hash_parse(header, sum)) {
        fuzz_check(memchr(sum, '\0', sizeof(sum)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const checks[])(bsi_slice) = {check_page,  check_object,  check_errors,
                                                check_token, check_account, check_headers};
    fuzz_input in = {data, size};
    const uint8_t kind = fuzz_byte(&in);

    checks[kind % (sizeof(checks) / sizeof(checks[0]))](fuzz_take(&in, in.left));
    return 0;
}
