/* SPDX-License-Identifier: MIT */
#include "repo/known_keys.h"

#include <string.h>

#include "base/alloc.h"
#include "crypto/hmac.h"
#include "os/thread.h"

typedef struct known_key {
    uint8_t password[BSI_HMAC_SIZE]; /* What HMAC makes of it. */
    uint8_t salt[BSI_KNOWN_SALT_SIZE];
    bsi_scrypt_cost cost;
    uint8_t key[BSI_KNOWN_KEY_SIZE];
} known_key;

struct bsi_known_keys {
    bsi_secret *mac_key; /* Does not change. */
    bsi_secret *room;    /* BSI_KNOWN_KEYS_MAX of known_key. */
    bsi_mutex lock;      /* Guards what lies in `room`, and what follows. Not held for scrypt. */
    size_t count;
    size_t oldest; /* Once there is no more room. */
};

bs_status bsi_known_keys_new(bsi_known_keys **out)
{
    bsi_known_keys *self = bsi_calloc(1, sizeof(*self));
    bs_status status = BS_E_NOMEM;

    if (!self) {
        return status;
    }
    bsi_mutex_init(&self->lock);
    status = bsi_secret_random(BSI_HMAC_SIZE, &self->mac_key);
    if (status == BS_OK) {
        status = bsi_secret_new(BSI_KNOWN_KEYS_MAX * sizeof(known_key), &self->room);
    }
    if (status < 0) {
        bsi_known_keys_free(self);
        return status;
    }
    *out = self;
    return BS_OK;
}

void bsi_known_keys_free(bsi_known_keys *self)
{
    if (self) {
        bsi_secret_free(self->room);
        bsi_secret_free(self->mac_key);
        bsi_mutex_dispose(&self->lock);
        bsi_free(self);
    }
}

static bs_status mark_of(const bsi_known_keys *self, const bsi_secret *password,
                         uint8_t out[BSI_HMAC_SIZE])
{
    return bsi_hmac(self->mac_key, password ? bsi_secret_view(password) : NULL,
                    password ? bsi_secret_size(password) : 0, out);
}

static known_key *key_at(const bsi_known_keys *self, size_t index)
{
    return (known_key *)(void *)bsi_secret_bytes(self->room) + index;
}

static bool is_of_password(const known_key *known, const uint8_t mark[BSI_HMAC_SIZE])
{
    return bsi_secret_equal(known->password, mark, BSI_HMAC_SIZE);
}

/* NULL: not known. */
static known_key *find_locked(const bsi_known_keys *self, const bsi_known_from *from,
                              const uint8_t mark[BSI_HMAC_SIZE])
{
    for (size_t i = 0; i < self->count; i++) {
        known_key *known = key_at(self, i);
        if (known->cost.log_n == from->cost.log_n && known->cost.r == from->cost.r &&
            known->cost.p == from->cost.p &&
            memcmp(known->salt, from->salt.data, BSI_KNOWN_SALT_SIZE) == 0 &&
            is_of_password(known, mark)) {
            return known;
        }
    }
    return NULL;
}

static known_key *next_place_locked(bsi_known_keys *self)
{
    known_key *place = NULL;

    if (self->count < BSI_KNOWN_KEYS_MAX) {
        return key_at(self, self->count++);
    }
    place = key_at(self, self->oldest);
    self->oldest = (self->oldest + 1) % BSI_KNOWN_KEYS_MAX;
    return place;
}

bs_status bsi_known_keys_get(bsi_known_keys *self, const bsi_known_from *from, bsi_secret **out)
{
    uint8_t mark[BSI_HMAC_SIZE];
    const known_key *known = NULL;
    bs_status status = BS_E_KEY;

    BSI_CHECK(from->salt.size == BSI_KNOWN_SALT_SIZE && bsi_secret_is_intact(self->room));
    BSI_TRY(mark_of(self, from->password, mark));
    bsi_mutex_lock(&self->lock);
    known = find_locked(self, from, mark);
    if (known) {
        status = bsi_secret_copy(known->key, BSI_KNOWN_KEY_SIZE, out);
    }
    bsi_mutex_unlock(&self->lock);
    bsi_wipe(mark, sizeof(mark));
    return status == BS_E_KEY
               ? bsi_fail(BS_LAYER_CRYPTO, status, "nothing is known of this key file")
               : status;
}

bs_status bsi_known_keys_put(bsi_known_keys *self, const bsi_known_from *from,
                             const bsi_secret *key)
{
    uint8_t mark[BSI_HMAC_SIZE];
    known_key *place = NULL;

    BSI_CHECK(from->salt.size == BSI_KNOWN_SALT_SIZE && bsi_secret_is_intact(self->room) &&
              bsi_secret_size(key) == BSI_KNOWN_KEY_SIZE);
    BSI_TRY(mark_of(self, from->password, mark));
    bsi_mutex_lock(&self->lock);
    if (!find_locked(self, from, mark)) {
        place = next_place_locked(self);
        memcpy(place->password, mark, sizeof(mark));
        memcpy(place->salt, from->salt.data, BSI_KNOWN_SALT_SIZE);
        place->cost = from->cost;
        memcpy(place->key, bsi_secret_view(key), BSI_KNOWN_KEY_SIZE);
    }
    bsi_mutex_unlock(&self->lock);
    bsi_wipe(mark, sizeof(mark));
    return BS_OK;
}

bool bsi_known_keys_has(bsi_known_keys *self, const bsi_secret *password)
{
    uint8_t mark[BSI_HMAC_SIZE];
    bool has = false;

    if (mark_of(self, password, mark) < 0) {
        return false;
    }
    bsi_mutex_lock(&self->lock);
    for (size_t i = 0; i < self->count && !has; i++) {
        has = is_of_password(key_at(self, i), mark);
    }
    bsi_mutex_unlock(&self->lock);
    bsi_wipe(mark, sizeof(mark));
    return has;
}
