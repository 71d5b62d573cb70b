/* SPDX-License-Identifier: MIT */
/*
 * Slots: the stored form around what the drivers of keys make.
 */
#include "crypto/slot_int.h"

#include <string.h>

#include "base/alloc.h"
#include "base/endian.h"
#include "base/utf8.h"

enum {
    AT_NUMBER = 0,
    AT_KIND = 4,
    AT_LABEL_SIZE = 5,
    AT_BODY_SIZE = 6,
};

_Static_assert(sizeof(((bsi_slot_info *)0)->label) == BSI_SLOT_LABEL_MAX + 1,
               "a label has room for its NUL");

void bsi_slot_dispose(bsi_slot *slot)
{
    bsi_free(slot->bytes);
    *slot = (bsi_slot){0};
}

/* UTF-8 that does nothing to a terminal. */
static bool is_label(const char *text, size_t size)
{
    if (size > BSI_SLOT_LABEL_MAX || !bsi_utf8_valid(text, size)) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        const unsigned char byte = (unsigned char)text[i];
        const bool is_c1 = byte == 0xc2 && (unsigned char)text[i + 1] < 0xa0;

        if (byte < 0x20 || byte == 0x7f || is_c1) {
            return false;
        }
    }
    return true;
}

static bsi_slot_frame frame_of(const bsi_slot *slot, const uint8_t *owner)
{
    return (bsi_slot_frame){
        .owner = owner,
        .bytes = slot->bytes,
        .head = BSI_SLOT_HEAD_SIZE + (size_t)slot->bytes[AT_LABEL_SIZE],
        .size = slot->size,
    };
}

/* What the stored form says, whose sizes agree. */
static bs_status read_parts(bsi_slot *slot)
{
    const bsi_slot_frame frame = frame_of(slot, NULL);
    const char *label = (const char *)slot->bytes + BSI_SLOT_HEAD_SIZE;
    const size_t label_size = slot->bytes[AT_LABEL_SIZE];
    const bsi_slice body = {(const char *)slot->bytes + frame.head, frame.size - frame.head};

    if (!is_label(label, label_size)) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_CORRUPT, "the label of a slot is no short text");
    }
    slot->info.number = bsi_le32(slot->bytes + AT_NUMBER);
    slot->info.kind = (bsi_key_kind)slot->bytes[AT_KIND];
    memcpy(slot->info.label, label, label_size);
    slot->info.label[label_size] = '\0';
    slot->driver = bsi_cipher_driver_of(slot->bytes[AT_KIND]);
    if (!slot->driver) {
        return BS_OK;
    }
    BSI_TRY(slot->driver->check(body, &slot->facts));
    memcpy(slot->info.fingerprint, slot->facts.fingerprint, BSI_FINGERPRINT_SIZE);
    return BS_OK;
}

static bs_status fill(bsi_slot *slot, const uint8_t *owner, bsi_key *key,
                      const bsi_keyset_cost *cost, const bsi_secret *data_key)
{
    const bsi_slot_frame frame = frame_of(slot, owner);

    BSI_TRY(key->driver->wrap(key, &frame, cost, data_key));
    return read_parts(slot);
}

bs_status bsi_slot_make(bsi_slot *out, const uint8_t *owner, uint32_t number, const char *label,
                        bsi_key *key, const bsi_keyset_cost *cost, const bsi_secret *data_key)
{
    const size_t label_size = strlen(label);
    const size_t body_size = key->driver->body_size(key);
    bsi_slot slot = {0};
    bs_status status = BS_OK;

    if (!is_label(label, label_size)) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_INVALID,
                        "the label of a key is UTF-8 of at most %d bytes that can be printed",
                        BSI_SLOT_LABEL_MAX);
    }
    BSI_CHECK(body_size <= UINT16_MAX);
    slot.size = BSI_SLOT_HEAD_SIZE + label_size + body_size;
    slot.bytes = bsi_calloc(1, slot.size);
    if (!slot.bytes) {
        return BS_E_NOMEM;
    }
    bsi_put_le32(slot.bytes + AT_NUMBER, number);
    slot.bytes[AT_KIND] = (uint8_t)key->driver->kind;
    slot.bytes[AT_LABEL_SIZE] = (uint8_t)label_size;
    bsi_put_le16(slot.bytes + AT_BODY_SIZE, (uint16_t)body_size);
    memcpy(slot.bytes + BSI_SLOT_HEAD_SIZE, label, label_size);
    status = fill(&slot, owner, key, cost, data_key);
    if (status < 0) {
        bsi_slot_dispose(&slot);
        return status;
    }
    *out = slot;
    return BS_OK;
}

bs_status bsi_slot_parse(const uint8_t *data, size_t size, bsi_slot *out)
{
    bsi_slot slot = {0};
    bs_status status = BS_OK;

    if (size >= BSI_SLOT_HEAD_SIZE) {
        slot.size =
            BSI_SLOT_HEAD_SIZE + (size_t)data[AT_LABEL_SIZE] + bsi_le16(data + AT_BODY_SIZE);
    }
    if (slot.size == 0 || slot.size > size) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_CORRUPT, "a slot is cut short");
    }
    slot.bytes = bsi_memdup(data, slot.size);
    if (!slot.bytes) {
        return BS_E_NOMEM;
    }
    status = read_parts(&slot);
    if (status < 0) {
        bsi_slot_dispose(&slot);
        return status;
    }
    *out = slot;
    return BS_OK;
}

bool bsi_slot_suits(const bsi_slot *slot, const bsi_key *key)
{
    return slot->driver == key->driver && key->can_open &&
           strcmp(slot->info.fingerprint, key->fingerprint) == 0;
}

bs_status bsi_slot_open(const bsi_slot *slot, const uint8_t *owner, bsi_key *key,
                        bsi_secret **data_key_out)
{
    const bsi_slot_frame frame = frame_of(slot, owner);

    return slot->driver->unwrap(key, &frame, data_key_out);
}
