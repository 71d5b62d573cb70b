/* SPDX-License-Identifier: MIT */
/*
 * The public part of the key set beside a repository, written and read.
 */
#include "vault/repository/recipients.h"

#include <string.h>

#include "repo/json_parts.h"
#include "text/json_write.h"

#define MEMBER "recipients"

enum { PEM_MAX = 16 * 1024 }; /* Of a public key; the longest has less than 3 KiB. */

void bsi_recipients_dispose(bsi_recipients *recipients)
{
    for (size_t i = 0; i < recipients->count; i++) {
        bsi_key_unref(recipients->items[i]);
    }
    *recipients = (bsi_recipients){.count = 0};
}

bsi_key *bsi_recipients_find(const bsi_recipients *recipients, const char *fingerprint)
{
    char own[BSI_FINGERPRINT_SIZE];

    for (size_t i = 0; i < recipients->count; i++) {
        bsi_key_fingerprint(recipients->items[i], own);
        if (strcmp(own, fingerprint) == 0) {
            return recipients->items[i];
        }
    }
    return NULL;
}

/* --- Reading --- */

/* What is worked with while a public part is read. */
typedef struct reading {
    const bsi_keyset *set;
    bsi_recipients *out;
    size_t seen;
    bsi_buf scratch;
} reading;

/* Whether it is one of the set's, and not known yet. */
static bool is_wanted(const reading *self, const bsi_key *key)
{
    char fingerprint[BSI_FINGERPRINT_SIZE];

    bsi_key_fingerprint(key, fingerprint);
    if (bsi_key_can_open(key) || bsi_recipients_find(self->out, fingerprint)) {
        return false;
    }
    for (size_t i = 0; i < bsi_keyset_slots(self->set); i++) {
        if (strcmp(bsi_keyset_slot(self->set, i)->fingerprint, fingerprint) == 0) {
            return true;
        }
    }
    return false;
}

static bs_status take_key(bsi_json_reader *json, void *user)
{
    reading *self = user;
    bsi_slice pem;
    bsi_key *key = NULL;
    bs_status status = bsi_json_read_string(json, &self->scratch, &pem);

    if (status >= 0 && self->seen++ == BSI_KEYSET_SLOTS_MAX) {
        status = bsi_json_fail(json, "more than %d public keys", BSI_KEYSET_SLOTS_MAX);
    }
    BSI_TRY(status);
    status = bsi_key_from_pem(pem, NULL, &key);
    if (status == BS_E_INVALID || status == BS_E_KEY) {
        return BS_OK; /* Whoever it is for is not known, then. */
    }
    BSI_TRY(status);
    if (is_wanted(self, key)) {
        self->out->items[self->out->count++] = key; /* There is one at most for each slot. */
    } else {
        bsi_key_unref(key);
    }
    return BS_OK;
}

static bs_status take_member(bsi_json_reader *json, bsi_slice name, void *user)
{
    return bsi_slice_is(name, MEMBER) ? bsi_json_each_item(json, take_key, user)
                                      : bsi_json_skip(json);
}

bs_status bsi_recipients_read(const bsi_keyset *set, bsi_recipients *out)
{
    const bsi_slice text = bsi_keyset_public(set);
    reading self = {.set = set, .out = out};
    bsi_json_reader json;
    bs_status status = BS_OK;

    BSI_CHECK(bsi_keyset_is_open(set)); /* Before that anybody may have written it. */
    *out = (bsi_recipients){.count = 0};
    bsi_buf_init(&self.scratch, PEM_MAX);
    bsi_json_init(&json, text.data, text.size, BS_LAYER_STORAGE, BS_E_CORRUPT);
    status = bsi_json_each_member(&json, take_member, &self);
    if (status >= 0) {
        status = bsi_json_end(&json);
    }
    bsi_buf_dispose(&self.scratch);
    if (status < 0) {
        bsi_recipients_dispose(out);
        return bsi_fail_context(BS_LAYER_STORAGE, status, "the key set's public part");
    }
    return BS_OK;
}

/* --- Writing --- */

static bs_status write_keys(bsi_json_writer *json, bsi_key *const *keys, size_t count)
{
    bsi_buf pem;
    bs_status status = BS_OK;

    bsi_buf_init(&pem, PEM_MAX);
    for (size_t i = 0; i < count && status >= 0; i++) {
        pem.size = 0;
        status = bsi_key_public_pem(keys[i], &pem);
        if (status >= 0) {
            bsi_json_write_string(json, bsi_buf_slice(&pem));
        }
    }
    bsi_buf_dispose(&pem);
    return status;
}

bs_status bsi_recipients_publish(bsi_keyset *set, bsi_key *const *keys, size_t count,
                                 const bsi_signer *signer)
{
    bsi_json_writer json;
    bsi_buf text;
    bs_status status = BS_OK;

    bsi_buf_init(&text, BSI_KEYSET_PUBLIC_MAX);
    bsi_json_writer_init(&json, &text, BSI_JSON_COMPACT);
    bsi_json_begin_object(&json);
    bsi_json_write_key(&json, MEMBER);
    bsi_json_begin_array(&json);
    status = write_keys(&json, keys, count);
    bsi_json_end_array(&json);
    bsi_json_end_object(&json);
    if (status >= 0) {
        status = bsi_json_writer_finish(&json);
    }
    if (status >= 0) {
        status = bsi_keyset_publish(set, bsi_buf_slice(&text), signer);
    }
    bsi_buf_dispose(&text);
    return status;
}
