/* SPDX-License-Identifier: MIT */
/*
 * Connection strings, taken apart.
 */
#include "net/azure_connection.h"

#include "base/ascii.h"

/* The account of every emulator. Source: "Use the Azurite emulator", "Well-known storage account
 * and key". */
#define EMULATOR_ACCOUNT "devstoreaccount1"
#define EMULATOR_KEY                   \
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDX"   \
    "J1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq" \
    "/K1SZFPTOtr/KBHBeksoGMGw=="
#define EMULATOR_ENDPOINT "http://127.0.0.1:10000/" EMULATOR_ACCOUNT

typedef struct connection {
    bsi_azure_texts *texts;
    bsi_slice emulator; /* "true" */
} connection;

static bs_status fail_connection(const char *what)
{
    return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "the connection string %s", what);
}

static bool is_name(bsi_slice text, const char *name)
{
    return text.size == strlen(name) && bsi_equal_but_for_case(text.data, name, text.size);
}

/* NULL for a name that is not known. */
static bsi_slice *find(connection *self, bsi_slice name)
{
    const struct {
        const char *name;
        bsi_slice *value;
    } known[] = {
        {"AccountName", &self->texts->account},
        {"AccountKey", &self->texts->key},
        {"SharedAccessSignature", &self->texts->sas},
        {"BlobEndpoint", &self->texts->endpoint},
        {"DefaultEndpointsProtocol", &self->texts->protocol},
        {"EndpointSuffix", &self->texts->suffix},
        {"UseDevelopmentStorage", &self->emulator},
    };

    for (size_t i = 0; i < BSI_ARRAY_SIZE(known); i++) {
        if (is_name(name, known[i].name)) {
            return known[i].value;
        }
    }
    return NULL;
}

/* Of the account's other services, and second places that are for reading alone. */
static bool is_of_others(bsi_slice name)
{
    static const char end[] = "Endpoint";
    const size_t size = sizeof(end) - 1;

    return name.size > size && bsi_equal_but_for_case(name.data + name.size - size, end, size);
}

/* Values end in '=' often, so that the first one counts. */
static bs_status take_pair(connection *self, bsi_slice pair)
{
    const char *equals = memchr(pair.data, '=', pair.size);
    bsi_slice name = {pair.data, 0};
    bsi_slice *value = NULL;

    if (!equals) {
        return fail_connection("takes NAME=VALUE, apart by ';'");
    }
    name.size = (size_t)(equals - pair.data);
    value = find(self, name);
    if (!value) {
        return is_of_others(name) ? BS_OK : fail_connection("has a name that is not known");
    }
    if (value->size > 0) {
        return fail_connection("has a name twice");
    }
    *value = (bsi_slice){equals + 1, pair.size - name.size - 1};
    return value->size > 0 ? BS_OK : fail_connection("has a name without a value");
}

static bs_status take_emulator(const connection *self)
{
    bsi_azure_texts *texts = self->texts;

    if (!is_name(self->emulator, "true")) {
        return fail_connection("takes nothing but true for UseDevelopmentStorage");
    }
    if (texts->account.size + texts->key.size + texts->sas.size + texts->endpoint.size > 0) {
        return fail_connection("names the emulator and an account");
    }
    texts->account = bsi_slice_of(EMULATOR_ACCOUNT);
    texts->key = bsi_slice_of(EMULATOR_KEY);
    texts->endpoint = bsi_slice_of(EMULATOR_ENDPOINT);
    return BS_OK;
}

static bs_status take_pairs(connection *self, bsi_slice text)
{
    while (text.size > 0) {
        const char *end = memchr(text.data, ';', text.size);
        const bsi_slice pair = {text.data, end ? (size_t)(end - text.data) : text.size};

        BSI_TRY(pair.size > 0 ? take_pair(self, pair) : BS_OK);
        text.data += pair.size + (end ? 1 : 0);
        text.size -= pair.size + (end ? 1 : 0);
    }
    return BS_OK;
}

bs_status bsi_azure_connection_parse(bsi_slice text, bsi_azure_texts *out)
{
    connection self = {.texts = out};

    *out = (bsi_azure_texts){.account = {NULL, 0}};
    BSI_TRY(take_pairs(&self, text));
    if (self.emulator.size > 0) {
        return take_emulator(&self);
    }
    return out->account.size + out->endpoint.size > 0
               ? BS_OK
               : fail_connection("names neither an AccountName nor a BlobEndpoint");
}
