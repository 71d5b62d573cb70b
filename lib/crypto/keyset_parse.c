/* SPDX-License-Identifier: MIT */
/*
 * Reading stored key sets: the checksum, by which damage is told from a key that
 * does not fit and from costs that nobody allows; structure and limits.
 */
#include "crypto/keyset_int.h"

#include <string.h>

#include "base/alloc.h"
#include "base/endian.h"

static bs_status corrupt(const char *what)
{
    return bsi_fail(BS_LAYER_CRYPTO, BS_E_CORRUPT, "the key set is damaged: %s", what);
}

static bs_status parse_head(bsi_keyset *keyset, const uint8_t *data, size_t size)
{
    if (size < BSI_KEYSET_HEAD_SIZE + BSI_KEYSET_TAIL_SIZE || size > BSI_KEYSET_MAX) {
        return corrupt("no key set has its size");
    }
    if (memcmp(data, bsi_keyset_magic, sizeof(bsi_keyset_magic)) != 0) {
        return corrupt("its first bytes are not a key set's");
    }
    if (data[BSI_KEYSET_AT_VERSION] != BSI_KEYSET_VERSION ||
        data[BSI_KEYSET_AT_SUITE] != BSI_SUITE_AES_256_GCM) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_VERSION,
                        "the key set has version %u and suite %u; this library knows version 1 "
                        "and suite 1",
                        data[BSI_KEYSET_AT_VERSION], data[BSI_KEYSET_AT_SUITE]);
    }
    if ((data[BSI_KEYSET_AT_FLAGS] & ~BSI_KEYSET_FLAG_SIGNED) != 0) {
        return corrupt("it has flags that there are not");
    }
    memcpy(keyset->head, data, BSI_KEYSET_HEAD_SIZE);
    keyset->is_signed = data[BSI_KEYSET_AT_FLAGS] != 0;
    bsi_id_format(data + BSI_KEYSET_AT_ID, keyset->id);
    keyset->next_number = bsi_le32(data + BSI_KEYSET_AT_NEXT);
    return BS_OK;
}

static bs_status parse_public(bsi_keyset *keyset, const uint8_t *data, size_t size,
                              size_t *used_out)
{
    const uint32_t public_size = bsi_le32(keyset->head + BSI_KEYSET_AT_PUBLIC_SIZE);

    if (public_size > BSI_KEYSET_PUBLIC_MAX || public_size > size) {
        return corrupt("its public part does not fit in");
    }
    *used_out = public_size;
    return bsi_buf_append(&keyset->public_part, data, public_size);
}

static bs_status parse_signature(bsi_keyset *keyset, const uint8_t *data, size_t size,
                                 size_t *used_out)
{
    *used_out = 0;
    if (!keyset->is_signed) {
        return BS_OK;
    }
    if (size < BSI_KEYSET_SIGNED_SIZE) {
        return corrupt("its signature does not fit in");
    }
    memcpy(keyset->signer.bytes, data, BSI_SIGN_KEY_SIZE);
    memcpy(keyset->signature, data + BSI_SIGN_KEY_SIZE, BSI_SIGNATURE_SIZE);
    *used_out = BSI_KEYSET_SIGNED_SIZE;
    return BS_OK;
}

/* Numbers ascend, and none is yet to be given. */
static bs_status check_number(const bsi_keyset *keyset, const bsi_slot *slot)
{
    const uint32_t number = slot->info.number;
    const size_t count = keyset->slot_count;
    const bool ascends = count == 0 || number > keyset->slots[count - 1].info.number;

    return ascends && number < keyset->next_number ? BS_OK
                                                   : corrupt("its slots are not in their order");
}

static bs_status parse_slots(bsi_keyset *keyset, const uint8_t *data, size_t size)
{
    const size_t count = keyset->head[BSI_KEYSET_AT_SLOTS];
    size_t at = 0;
    bs_status status = BS_OK;

    if (count == 0 || count > BSI_KEYSET_SLOTS_MAX) {
        return corrupt("no key set has so many slots");
    }
    while (keyset->slot_count < count) {
        bsi_slot *slot = &keyset->slots[keyset->slot_count];

        BSI_TRY(bsi_slot_parse(data + at, size - at, slot));
        at += slot->size;
        status = check_number(keyset, slot);
        if (status < 0) {
            bsi_slot_dispose(slot);
            return status;
        }
        keyset->slot_count++;
    }
    return at == size ? BS_OK : corrupt("something follows the last slot");
}

static bs_status check_sum(const uint8_t *data, size_t size)
{
    bsi_digest digest;

    bsi_sha256_of(data, size - BSI_SHA256_SIZE, &digest);
    return memcmp(digest.bytes, data + size - BSI_SHA256_SIZE, BSI_SHA256_SIZE) == 0
               ? BS_OK
               : corrupt("its checksum does not fit");
}

static bs_status parse(bsi_keyset *keyset, const uint8_t *data, size_t size)
{
    size_t at = BSI_KEYSET_HEAD_SIZE;
    size_t used = 0;
    size_t end = 0;

    BSI_TRY(parse_head(keyset, data, size));
    BSI_TRY(check_sum(data, size));
    end = size - BSI_KEYSET_TAIL_SIZE;
    BSI_TRY(parse_public(keyset, data + at, end - at, &used));
    at += used;
    BSI_TRY(parse_signature(keyset, data + at, end - at, &used));
    at += used;
    BSI_TRY(parse_slots(keyset, data + at, end - at));
    memcpy(keyset->mac, data + end, BSI_DERIVED_SIZE);
    BSI_TRY(bsi_keyset_check_work(keyset));
    return keyset->is_signed ? bsi_keyset_check_signature(keyset) : BS_OK;
}

bs_status bsi_keyset_parse(const void *data, size_t size, bsi_keyset **out)
{
    bsi_keyset *keyset = bsi_keyset_new();
    bs_status status = BS_OK;

    if (!keyset) {
        return BS_E_NOMEM;
    }
    status = parse(keyset, data, size);
    if (status < 0) {
        bsi_keyset_free(keyset);
        return status;
    }
    *out = keyset;
    return BS_OK;
}
