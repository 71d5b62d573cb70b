/* SPDX-License-Identifier: MIT */
/*
 * Finds the account, and checks what was found.
 */
#include "storage/drivers/azure_account.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "net/azure_connection.h"
#include "net/endpoint.h"
#include "os/process.h"
#include "text/base64.h"

enum {
    NAME_MIN = 3, /* Source: "Storage account overview", "Storage account name". */
    NAME_MAX = 24,
    KEY_MAX = 512, /* Decoded; Azure's have 64 bytes. */
    SAS_MAX = 4096,
    SUFFIX_MAX = 200,
    URL_SIZE = 600,
};

/* Texts, and where they were found. */
typedef struct found {
    bsi_azure_texts texts;
    const char *where;
} found;

static bs_status fail(const found *from, const char *what)
{
    return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "%s: %s", from->where, what);
}

static bsi_slice text_of(const char *text)
{
    return text ? bsi_slice_of(text) : (bsi_slice){NULL, 0};
}

static void replace(bsi_slice *own, const char *text)
{
    if (text && text[0]) {
        *own = bsi_slice_of(text);
    }
}

/* --- Where it stands --- */

static bs_status parse_connection(const char *text, const char *where, found *out)
{
    const bs_status status = bsi_azure_connection_parse(bsi_slice_of(text), &out->texts);

    out->where = where;
    return status < 0 ? bsi_fail_context(BS_LAYER_CALLER, status, "%s", where) : BS_OK;
}

static bs_status find_in_variables(found *out)
{
    const char *connection = bsi_environment("AZURE_STORAGE_CONNECTION_STRING");

    out->where = "the environment";
    if (connection && connection[0]) {
        return parse_connection(connection, "AZURE_STORAGE_CONNECTION_STRING", out);
    }
    out->texts.account = text_of(bsi_environment("AZURE_STORAGE_ACCOUNT"));
    out->texts.key = text_of(bsi_environment("AZURE_STORAGE_KEY"));
    out->texts.sas = text_of(bsi_environment("AZURE_STORAGE_SAS_TOKEN"));
    if (out->texts.account.size == 0) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_ACCESS,
                        "there is no account: set connection_string, or account and account_key "
                        "or sas_token, or AZURE_STORAGE_CONNECTION_STRING");
    }
    return BS_OK;
}

static bs_status find(const bs_storage_settings *settings, found *out)
{
    const char *connection = bs_storage_settings_text(settings, "connection_string");
    const char *account = bs_storage_settings_text(settings, "account");
    const char *key = bs_storage_settings_text(settings, "account_key");
    const char *sas = bs_storage_settings_text(settings, "sas_token");
    const bool has_parts = (account && account[0]) || (key && key[0]) || (sas && sas[0]);

    *out = (found){.where = "the settings"};
    if (connection && connection[0]) {
        if (has_parts) {
            return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                            "connection_string: has account and key in it; set either");
        }
        return parse_connection(connection, "connection_string", out);
    }
    if (!has_parts) {
        return find_in_variables(out);
    }
    out->texts.account = text_of(account);
    out->texts.key = text_of(key);
    out->texts.sas = text_of(sas);
    return BS_OK;
}

/* --- What it says --- */

static bs_status copy(bsi_slice text, char **out)
{
    *out = bsi_calloc(1, text.size + 1);
    if (!*out) {
        return BS_E_NOMEM;
    }
    if (text.size > 0) {
        memcpy(*out, text.data, text.size);
    }
    return BS_OK;
}

static bs_status take_name(const found *from, char **out)
{
    const bsi_slice name = from->texts.account;
    const bool needed = from->texts.key.size > 0 || from->texts.endpoint.size == 0;

    if ((needed || name.size > 0) &&
        (name.size < NAME_MIN || name.size > NAME_MAX || !bsi_is_plain(name, ""))) {
        return fail(from, "the account's name takes 3 to 24 letters and digits");
    }
    return copy(name, out);
}

static bs_status take_key(const found *from, bsi_secret **out)
{
    bsi_buf key;
    bs_status status = BS_OK;

    bsi_buf_init(&key, KEY_MAX);
    status = bsi_base64_decode(from->texts.key.data, from->texts.key.size, &key);
    if (status == BS_OK && key.size > 0) {
        status = bsi_secret_copy(key.data, key.size, out);
    } else if (status != BS_E_NOMEM) {
        status = fail(from, "the account's key takes base 64, as Azure shows it");
    }
    if (key.data) {
        bsi_wipe(key.data, key.capacity);
    }
    bsi_buf_dispose(&key);
    return status;
}

/* Its characters are those of a query that is encoded already. */
static bool is_query(bsi_slice text)
{
    return text.size > 0 && text.size <= SAS_MAX && memchr(text.data, '=', text.size) &&
           bsi_is_plain(text, "-_.~%&=+:/,;@!$'()*");
}

static bs_status take_sas(const found *from, bsi_secret **out)
{
    bsi_slice sas = from->texts.sas;

    if (sas.data[0] == '?') {
        sas.data++;
        sas.size--;
    }
    if (!is_query(sas)) {
        return fail(from, "the shared access signature takes NAME=VALUE, apart by '&'");
    }
    BSI_TRY(bsi_secret_new(sas.size + 1, out));
    memcpy(bsi_secret_bytes(*out), sas.data, sas.size);
    return BS_OK;
}

static bs_status take_credentials(const found *from, bsi_azure_account *account)
{
    if ((from->texts.key.size > 0) == (from->texts.sas.size > 0)) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "%s: takes the account's key or a shared access signature, one of them",
                        from->where);
    }
    return from->texts.key.size > 0 ? take_key(from, &account->key) : take_sas(from, &account->sas);
}

/* --- Where it is --- */

static bs_status take_endpoint(const bsi_endpoint *at, bsi_azure_account *account)
{
    char url[URL_SIZE];

    (void)snprintf(url, sizeof(url), "%s://%.*s", at->tls ? "https" : "http", (int)at->host.size,
                   at->host.data);
    BSI_TRY(copy(at->host, &account->host));
    BSI_TRY(copy(bsi_slice_of(url), &account->url));
    return copy(at->path, &account->path);
}

static bs_status make_endpoint(const found *from, bsi_azure_account *account, char out[URL_SIZE])
{
    const bsi_slice usual = bsi_slice_of("core.windows.net");
    const bsi_slice suffix = from->texts.suffix.size > 0 ? from->texts.suffix : usual;
    const bsi_slice protocol = from->texts.protocol;

    if (suffix.size > SUFFIX_MAX || (protocol.size > 0 && !bsi_slice_is(protocol, "https") &&
                                     !bsi_slice_is(protocol, "http"))) {
        return fail(from, "the protocol takes https or http, the suffix a host");
    }
    (void)snprintf(out, URL_SIZE, "%s://%s.blob.%.*s",
                   bsi_slice_is(protocol, "http") ? "http" : "https", account->name,
                   (int)suffix.size, suffix.data);
    return BS_OK;
}

static bs_status take_address(const found *from, bsi_azure_account *account)
{
    char made[URL_SIZE];
    bsi_slice text = from->texts.endpoint;
    bsi_endpoint at;

    if (text.size == 0) {
        BSI_TRY(make_endpoint(from, account, made));
        text = bsi_slice_of(made);
    }
    if (!bsi_endpoint_parse(text, &at)) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "endpoint: takes http://HOST or https://HOST, with :PORT if it is "
                        "another, and a path such as /ACCOUNT");
    }
    return take_endpoint(&at, account);
}

static bs_status take_all(const bs_storage_settings *settings, bsi_azure_account *account)
{
    found from;

    BSI_TRY(find(settings, &from));
    replace(&from.texts.endpoint, bs_storage_settings_text(settings, "endpoint"));
    BSI_TRY(take_name(&from, &account->name));
    BSI_TRY(take_credentials(&from, account));
    return take_address(&from, account);
}

bs_status bsi_azure_account_open(bsi_azure_account *account, const bs_storage_settings *settings)
{
    const bs_status status = take_all(settings, account);

    if (status < 0) {
        bsi_azure_account_close(account);
    }
    return status;
}

void bsi_azure_account_close(bsi_azure_account *account)
{
    bsi_free(account->name);
    bsi_secret_free(account->key);
    bsi_secret_free(account->sas);
    bsi_free(account->host);
    bsi_free(account->url);
    bsi_free(account->path);
    *account = (bsi_azure_account){.name = NULL};
}

/* A whole query, a signature in it, or one of a header, which holds for a quarter of an hour. */
bool bsi_azure_account_is_in(const bsi_azure_account *account, const char *text)
{
    const char *sas = account->sas ? (const char *)bsi_secret_view(account->sas) : NULL;

    return (sas && strstr(text, sas)) || strstr(text, "sig=") || strstr(text, "SharedKey");
}
