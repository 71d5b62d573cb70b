/* SPDX-License-Identifier: MIT */
/*
 * Pass phrases. scrypt makes a key of phrase and salt, which many slots may
 * share; each slot has a salt of its own behind that, so no two slots are
 * wrapped under one key.
 *
 *     body: log2 N 1 | r 1 | p 1 | 0 | salt of scrypt 32 | salt 32 | data key 32 | tag 16
 */
#include <string.h>

#include "base/alloc.h"
#include "crypto/cipher_int.h"
#include "crypto/derive_int.h"
#include "os/random.h"
#include "os/thread.h"

enum {
    COST_SIZE = 4,
    SHARED_SIZE = COST_SIZE + BSI_SALT_SIZE, /* What a derived key is of, besides the phrase. */
    BODY_SIZE = SHARED_SIZE + BSI_WRAP_SIZE,

    WRITTEN_LOG_N = 17, /* 128 MiB and 0.4 s. */
    WRITTEN_LOG_N_MIN = 15,
    WRITTEN_LOG_N_MAX = 20, /* 1 GiB, the most that readers allow. */
    WRITTEN_R = 8,
    WRITTEN_P = 1,

    REMEMBERED = 8,
};

static const char wrap_info[] = "bsvc1 passphrase slot";

/* A key that scrypt made; `of` is the beginning of the slot's body. */
typedef struct derived_key {
    uint8_t of[SHARED_SIZE];
    bsi_secret *key;
} derived_key;

typedef struct passphrase_key {
    bsi_key base;
    bsi_secret *phrase;
    bsi_mutex lock; /* Guards what follows. Held while scrypt runs: who waits wants its result. */
    bool has_lock;
    derived_key derived[REMEMBERED];
    size_t oldest;
} passphrase_key;

static bs_status passphrase_open(bsi_key *self, bsi_slice text, const bsi_secret *passphrase)
{
    passphrase_key *key = (passphrase_key *)self;

    (void)passphrase;
    if (text.size == 0) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_INVALID, "the pass phrase is empty");
    }
    BSI_TRY(bsi_secret_copy(text.data, text.size, &key->phrase));
    bsi_mutex_init(&key->lock);
    key->has_lock = true;
    self->can_open = true;
    return BS_OK;
}

static void passphrase_close(bsi_key *self)
{
    passphrase_key *key = (passphrase_key *)self;

    for (size_t i = 0; i < REMEMBERED; i++) {
        bsi_secret_free(key->derived[i].key);
    }
    bsi_secret_free(key->phrase);
    if (key->has_lock) {
        bsi_mutex_dispose(&key->lock);
    }
}

static size_t passphrase_body_size(const bsi_key *self)
{
    (void)self;
    return BODY_SIZE;
}

static bsi_scrypt_cost cost_of(const uint8_t *body)
{
    return (bsi_scrypt_cost){.log_n = body[0], .r = body[1], .p = body[2]};
}

static bs_status passphrase_check(bsi_slice body, bsi_slot_facts *out)
{
    const uint8_t *bytes = (const uint8_t *)body.data;
    bsi_scrypt_cost cost;

    if (body.size != BODY_SIZE || bytes[COST_SIZE - 1] != 0) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_CORRUPT, "no slot of a pass phrase");
    }
    cost = cost_of(bytes);
    out->shared = (bsi_slice){body.data, SHARED_SIZE};
    return bsi_scrypt_check(&cost, &out->work);
}

static const bsi_secret *find_derived_locked(const passphrase_key *key, const uint8_t *of)
{
    for (size_t i = 0; i < REMEMBERED; i++) {
        if (key->derived[i].key && memcmp(key->derived[i].of, of, SHARED_SIZE) == 0) {
            return key->derived[i].key;
        }
    }
    return NULL;
}

/* What scrypt makes of phrase and body, remembered in the place of the oldest. */
static bs_status derive_locked(passphrase_key *key, const uint8_t *body, const bsi_secret **out)
{
    derived_key *place = &key->derived[key->oldest];
    const bsi_scrypt_cost cost = cost_of(body);
    const bsi_slice salt = {(const char *)body + COST_SIZE, BSI_SALT_SIZE};
    bsi_secret *derived = NULL;

    *out = find_derived_locked(key, body);
    if (*out) {
        return BS_OK;
    }
    BSI_TRY(bsi_scrypt(key->phrase, salt, &cost, BSI_DERIVED_SIZE, &derived));
    bsi_secret_free(place->key);
    place->key = derived;
    memcpy(place->of, body, SHARED_SIZE);
    key->oldest = (key->oldest + 1) % REMEMBERED;
    *out = derived;
    return BS_OK;
}

static bs_status write_cost(const bsi_keyset_cost *cost, uint8_t *body)
{
    const unsigned log_n = cost && cost->log_n != 0 ? cost->log_n : WRITTEN_LOG_N;

    if (log_n < WRITTEN_LOG_N_MIN || log_n > WRITTEN_LOG_N_MAX) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_INVALID,
                        "the cost of scrypt is N=2^%d to N=2^%d, not N=2^%u", WRITTEN_LOG_N_MIN,
                        WRITTEN_LOG_N_MAX, log_n);
    }
    body[0] = (uint8_t)log_n;
    body[1] = WRITTEN_R;
    body[2] = WRITTEN_P;
    body[3] = 0;
    if (cost && cost->salt) {
        memcpy(body + COST_SIZE, cost->salt, BSI_SALT_SIZE);
        return BS_OK;
    }
    return bsi_random(body + COST_SIZE, BSI_SALT_SIZE);
}

static bs_status passphrase_wrap(bsi_key *self, const bsi_slot_frame *frame,
                                 const bsi_keyset_cost *cost, const bsi_secret *data_key)
{
    passphrase_key *key = (passphrase_key *)self;
    uint8_t *body = frame->bytes + frame->head;
    const bsi_secret *derived = NULL;
    bs_status status = write_cost(cost, body);

    if (status < 0) {
        return status;
    }
    bsi_mutex_lock(&key->lock);
    status = derive_locked(key, body, &derived);
    if (status == BS_OK) {
        status = bsi_wrap_data_key(derived, wrap_info, frame, data_key);
    }
    bsi_mutex_unlock(&key->lock);
    return status;
}

static bs_status passphrase_unwrap(bsi_key *self, const bsi_slot_frame *frame,
                                   bsi_secret **data_key_out)
{
    passphrase_key *key = (passphrase_key *)self;
    const bsi_secret *derived = NULL;
    bs_status status = BS_OK;

    bsi_mutex_lock(&key->lock);
    status = derive_locked(key, frame->bytes + frame->head, &derived);
    if (status == BS_OK) {
        status = bsi_unwrap_data_key(derived, wrap_info, frame, data_key_out);
    }
    bsi_mutex_unlock(&key->lock);
    return status;
}

static const bsi_secret *passphrase_phrase(const bsi_key *self)
{
    return ((const passphrase_key *)self)->phrase;
}

const bsi_cipher_driver bsi_cipher_driver_passphrase = {
    .kind = BSI_KEY_PASSPHRASE,
    .name = "passphrase",
    .self_size = sizeof(passphrase_key),
    .open = passphrase_open,
    .close = passphrase_close,
    .body_size = passphrase_body_size,
    .check = passphrase_check,
    .wrap = passphrase_wrap,
    .unwrap = passphrase_unwrap,
    .phrase = passphrase_phrase,
};
