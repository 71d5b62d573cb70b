/* SPDX-License-Identifier: MIT */
/*
 * Boxes: a slot and what its data key seals. Integers little-endian:
 *
 *      0  magic 8
 *      8  version 1 | suite 1 | size of the slot 2 | size of the document 4
 *     16  salt 32
 *     48  commitment 32
 *     80  slot, whose label is the purpose
 *         document under AES-256-GCM | tag 16
 *         SHA-256 of all so far 32
 *
 * The key is used once, so the nonce is zeros; everything in front of the
 * document is authenticated with it. The digest at the end tells damage from a
 * key that does not fit.
 */
#include "crypto/box.h"

#include <string.h>

#include "base/endian.h"
#include "crypto/derive_int.h"
#include "crypto/gcm_int.h"
#include "crypto/slot_int.h"
#include "hash/sha256.h"
#include "os/random.h"

enum {
    AT_VERSION = 8,
    AT_SUITE = 9,
    AT_SLOT_SIZE = 10,
    AT_SIZE = 12,
    AT_SALT = 16,
    AT_COMMIT = 48,
    HEAD_SIZE = 80,

    VERSION = 1,
    SUITE = 1,
    TAIL_SIZE = BSI_GCM_TAG_SIZE + BSI_SHA256_SIZE,
};

static const uint8_t magic[AT_VERSION] = {'b', 's', 'v', 'c', '-', 'b', 'o', 'x'};

static const char payload_info[] = "bsvc1 box payload";
static const char commit_info[] = "bsvc1 box commit";

/* Whose slots these are: no id of a backup, so none passes for a key set's. */
static const uint8_t owner[BSI_SLOT_OWNER_SIZE] = "bsvc1 box";
static const uint8_t zero_nonce[BSI_GCM_NONCE_SIZE];

static bs_status corrupt(const char *purpose, const char *what)
{
    return bsi_fail(BS_LAYER_CRYPTO, BS_E_CORRUPT, "the %s is damaged: %s", purpose, what);
}

static bsi_gcm_bound bound_of(const void *box, size_t size)
{
    return (bsi_gcm_bound){.nonce = zero_nonce, .first = {box, size}};
}

/* Everything in front of the sealed document. */
static bs_status append_head(bsi_buf *out, const bsi_secret *data_key, const bsi_slot *slot,
                             size_t size)
{
    uint8_t head[HEAD_SIZE] = {0};

    memcpy(head, magic, sizeof(magic));
    head[AT_VERSION] = VERSION;
    head[AT_SUITE] = SUITE;
    bsi_put_le16(head + AT_SLOT_SIZE, (uint16_t)slot->size);
    bsi_put_le32(head + AT_SIZE, (uint32_t)size);
    BSI_TRY(bsi_random(head + AT_SALT, BSI_SALT_SIZE));
    BSI_TRY(bsi_hkdf(data_key, head + AT_SALT, commit_info, head + AT_COMMIT));
    BSI_TRY(bsi_buf_append(out, head, sizeof(head)));
    return bsi_buf_append(out, slot->bytes, slot->size);
}

static bs_status append_sealed(bsi_buf *out, size_t start, const bsi_secret *data_key,
                               const void *data, size_t size)
{
    const size_t head = out->size - start;
    const bsi_gcm_bound bound = bound_of(out->data + start, head);
    bsi_secret *key = NULL;
    bsi_digest digest;
    bs_status status = bsi_hkdf_secret(data_key, out->data + start + AT_SALT, payload_info, &key);

    if (status == BS_OK) {
        status = bsi_gcm_seal(key, &bound, data, size, out->data + out->size);
    }
    bsi_secret_free(key);
    if (status < 0) {
        return status;
    }
    out->size += size + BSI_GCM_TAG_SIZE;
    bsi_sha256_of(out->data + start, out->size - start, &digest);
    return bsi_buf_append(out, digest.bytes, sizeof(digest.bytes));
}

bs_status bsi_box_seal(bsi_key *key, const char *purpose, const void *data, size_t size,
                       bsi_buf *out)
{
    const size_t start = out->size;
    bsi_secret *data_key = NULL;
    bsi_slot slot = {0};
    bs_status status = BS_OK;

    if (size == 0 || size > BSI_BOX_MAX) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_LIMIT, "a %s has 1 to %d bytes, not %zu", purpose,
                        BSI_BOX_MAX, size);
    }
    status = bsi_secret_random(BSI_DATA_KEY_SIZE, &data_key);
    if (status == BS_OK) {
        status = bsi_slot_make(&slot, owner, 0, purpose, key, NULL, data_key);
    }
    if (status == BS_OK) {
        status = bsi_buf_reserve(out, HEAD_SIZE + slot.size + size + TAIL_SIZE);
    }
    if (status == BS_OK) {
        status = append_head(out, data_key, &slot, size);
    }
    if (status == BS_OK) {
        status = append_sealed(out, start, data_key, data, size);
    }
    if (status < 0) {
        out->size = start;
    }
    bsi_slot_dispose(&slot);
    bsi_secret_free(data_key);
    return status;
}

/* Structure, sizes and digest; the slot is the caller's afterwards. */
static bs_status parse(const uint8_t *box, size_t size, const char *purpose, bsi_slot *slot)
{
    bsi_digest digest;

    if (size < HEAD_SIZE + TAIL_SIZE || memcmp(box, magic, sizeof(magic)) != 0) {
        return corrupt(purpose, "its first bytes are not a box's");
    }
    if (box[AT_VERSION] != VERSION || box[AT_SUITE] != SUITE) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_VERSION,
                        "the %s has version %u and suite %u; this library knows version 1 and "
                        "suite 1",
                        purpose, box[AT_VERSION], box[AT_SUITE]);
    }
    if (bsi_le32(box + AT_SIZE) == 0 || bsi_le32(box + AT_SIZE) > BSI_BOX_MAX ||
        size != HEAD_SIZE + (size_t)bsi_le16(box + AT_SLOT_SIZE) + bsi_le32(box + AT_SIZE) +
                    TAIL_SIZE) {
        return corrupt(purpose, "it does not have the size it tells");
    }
    BSI_TRY(bsi_slot_parse(box + HEAD_SIZE, bsi_le16(box + AT_SLOT_SIZE), slot));
    bsi_sha256_of(box, size - BSI_SHA256_SIZE, &digest);
    if (slot->size != bsi_le16(box + AT_SLOT_SIZE) ||
        memcmp(digest.bytes, box + size - BSI_SHA256_SIZE, BSI_SHA256_SIZE) != 0) {
        return corrupt(purpose, "its checksum does not fit");
    }
    if (strcmp(slot->info.label, purpose) != 0) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_CORRUPT, "a %s stands where a %s should",
                        slot->info.label, purpose);
    }
    return BS_OK;
}

static bs_status find_data_key(const bsi_slot *slot, bsi_key *key, const char *purpose,
                               bsi_secret **out)
{
    if (!bsi_slot_suits(slot, key)) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_KEY, "the %s wants another key: %s %s", purpose,
                        bsi_key_kind_name(slot->info.kind), slot->info.fingerprint);
    }
    return bsi_slot_open(slot, owner, key, out);
}

static bs_status unseal(const uint8_t *box, size_t head, const bsi_secret *data_key,
                        const char *purpose, bsi_secret **out)
{
    const bsi_gcm_bound bound = bound_of(box, head);
    const size_t size = bsi_le32(box + AT_SIZE);
    uint8_t commit[BSI_DERIVED_SIZE];
    bsi_secret *key = NULL;
    bsi_secret *plain = NULL;
    bs_status status = bsi_hkdf(data_key, box + AT_SALT, commit_info, commit);

    if (status == BS_OK && !bsi_secret_equal(commit, box + AT_COMMIT, sizeof(commit))) {
        status = corrupt(purpose, "its slot is of another one");
    }
    if (status == BS_OK) {
        status = bsi_hkdf_secret(data_key, box + AT_SALT, payload_info, &key);
    }
    if (status == BS_OK) {
        status = bsi_secret_new(size, &plain);
    }
    if (status == BS_OK) {
        status = bsi_gcm_open(key, &bound, box + head, size, bsi_secret_bytes(plain));
    }
    bsi_secret_free(key);
    if (status < 0) {
        bsi_secret_free(plain);
        return status;
    }
    *out = plain;
    return BS_OK;
}

bs_status bsi_box_open(bsi_key *key, const char *purpose, const void *box, size_t size,
                       bsi_secret **out)
{
    bsi_slot slot = {0};
    bsi_secret *data_key = NULL;
    bs_status status = parse(box, size, purpose, &slot);

    if (status == BS_OK) {
        status = find_data_key(&slot, key, purpose, &data_key);
    }
    if (status == BS_OK) {
        status = unseal(box, HEAD_SIZE + slot.size, data_key, purpose, out);
    }
    bsi_secret_free(data_key);
    bsi_slot_dispose(&slot);
    return status;
}
