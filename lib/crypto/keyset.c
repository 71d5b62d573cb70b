/* SPDX-License-Identifier: MIT */
/*
 * Key sets: making, opening, changing, storing.
 */
#include "crypto/keyset.h"

#include <string.h>

#include "base/alloc.h"
#include "base/endian.h"
#include "crypto/keyset_int.h"

/* What a set may have of them beside the largest public part. */
enum {
    SLOTS_SIZE_MAX = BSI_KEYSET_MAX - BSI_KEYSET_PUBLIC_MAX - BSI_KEYSET_HEAD_SIZE -
                     BSI_KEYSET_SIGNED_SIZE - BSI_KEYSET_TAIL_SIZE,
};

const uint8_t bsi_keyset_magic[BSI_KEYSET_AT_VERSION] = {'b', 's', 'v', 'c', 'k', 'e', 'y', 's'};

static const char signature_context[] = "bsvc1 keyset";
static const char mac_info[] = "bsvc1 keyset";
static const char commit_info[] = "bsvc1 keyset commit";

bsi_keyset *bsi_keyset_new(void)
{
    bsi_keyset *keyset = bsi_calloc(1, sizeof(*keyset));

    if (keyset) {
        bsi_buf_init(&keyset->public_part, BSI_KEYSET_PUBLIC_MAX);
        keyset->next_number = 1;
    }
    return keyset;
}

void bsi_keyset_free(bsi_keyset *keyset)
{
    if (!keyset) {
        return;
    }
    for (size_t i = 0; i < keyset->slot_count; i++) {
        bsi_slot_dispose(&keyset->slots[i]);
    }
    bsi_buf_dispose(&keyset->public_part);
    bsi_secret_free(keyset->data_key);
    bsi_free(keyset);
}

bool bsi_keyset_is_open(const bsi_keyset *keyset)
{
    return keyset->data_key != NULL;
}

const bsi_secret *bsi_keyset_data_key(const bsi_keyset *keyset)
{
    return keyset->data_key;
}

const char *bsi_keyset_id(const bsi_keyset *keyset)
{
    return keyset->id;
}

bsi_slice bsi_keyset_public(const bsi_keyset *keyset)
{
    return (bsi_slice){(const char *)keyset->public_part.data, keyset->public_part.size};
}

size_t bsi_keyset_slots(const bsi_keyset *keyset)
{
    return keyset->slot_count;
}

const bsi_slot_info *bsi_keyset_slot(const bsi_keyset *keyset, size_t index)
{
    BSI_ASSERT(index < keyset->slot_count);
    return &keyset->slots[index].info;
}

static bs_status must_be_open(const bsi_keyset *keyset)
{
    return keyset->data_key ? BS_OK
                            : bsi_fail(BS_LAYER_CRYPTO, BS_E_KEY, "the key set was not opened");
}

static size_t slots_size(const bsi_keyset *keyset)
{
    size_t size = 0;

    for (size_t i = 0; i < keyset->slot_count; i++) {
        size += keyset->slots[i].size;
    }
    return size;
}

/* Whether an earlier slot has the same derivation, which is then remembered. */
static bool is_shared(const bsi_keyset *keyset, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (bsi_slice_equal(keyset->slots[i].facts.shared, keyset->slots[index].facts.shared)) {
            return true;
        }
    }
    return false;
}

bs_status bsi_keyset_check_work(const bsi_keyset *keyset)
{
    uint64_t work = 0;

    for (size_t i = 0; i < keyset->slot_count; i++) {
        if (keyset->slots[i].facts.work > 0 && !is_shared(keyset, i)) {
            work += keyset->slots[i].facts.work;
        }
    }
    if (work > BSI_SCRYPT_WORK_MAX) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_LIMIT,
                        "the pass phrases' slots ask scrypt for %llu units of N*r*p together; "
                        "at most %llu are allowed: let slots share a salt, or lower their cost",
                        (unsigned long long)work, (unsigned long long)BSI_SCRYPT_WORK_MAX);
    }
    return BS_OK;
}

static void drop_slot(bsi_keyset *keyset, size_t index)
{
    bsi_slot_dispose(&keyset->slots[index]);
    keyset->slot_count--;
    memmove(&keyset->slots[index], &keyset->slots[index + 1],
            (keyset->slot_count - index) * sizeof(keyset->slots[0]));
}

static bs_status check_limits(const bsi_keyset *keyset)
{
    if (slots_size(keyset) > SLOTS_SIZE_MAX) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_LIMIT,
                        "the keys of a backup have no room in %d bytes: fewer or smaller ones",
                        SLOTS_SIZE_MAX);
    }
    return bsi_keyset_check_work(keyset);
}

bs_status bsi_keyset_add(bsi_keyset *keyset, bsi_key *key, const char *label,
                         const bsi_keyset_cost *cost, uint32_t *number_out)
{
    const uint32_t number = keyset->next_number;
    bs_status status = must_be_open(keyset);

    if (status < 0) {
        return status;
    }
    if (keyset->slot_count == BSI_KEYSET_SLOTS_MAX || number == UINT32_MAX) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_LIMIT, "a backup has at most %d keys",
                        BSI_KEYSET_SLOTS_MAX);
    }
    BSI_TRY(bsi_slot_make(&keyset->slots[keyset->slot_count], keyset->head + BSI_KEYSET_AT_ID,
                          number, label ? label : "", key, cost, keyset->data_key));
    keyset->slot_count++;
    status = check_limits(keyset);
    if (status < 0) {
        drop_slot(keyset, keyset->slot_count - 1);
        return status;
    }
    keyset->next_number++;
    if (number_out) {
        *number_out = number;
    }
    return BS_OK;
}

/* Whether a key that this library knows could open it without the slot at `index`. */
static bool opens_without(const bsi_keyset *keyset, size_t index)
{
    for (size_t i = 0; i < keyset->slot_count; i++) {
        if (i != index && keyset->slots[i].driver) {
            return true;
        }
    }
    return false;
}

bs_status bsi_keyset_remove(bsi_keyset *keyset, uint32_t number)
{
    BSI_TRY(must_be_open(keyset));
    for (size_t i = 0; i < keyset->slot_count; i++) {
        if (keyset->slots[i].info.number != number) {
            continue;
        }
        if (!opens_without(keyset, i)) {
            return bsi_fail(BS_LAYER_CRYPTO, BS_E_NEEDED,
                            "slot %u holds the last key: add another one first", number);
        }
        drop_slot(keyset, i);
        return BS_OK;
    }
    return bsi_fail(BS_LAYER_CRYPTO, BS_E_NOT_FOUND, "the backup has no key number %u", number);
}

/*
 * What is signed: id, salt and commitment, which tie it to one data key, and the digest of the
 * public part.
 */
enum {
    SIGNED_HEAD = BSI_KEYSET_AT_NEXT - BSI_KEYSET_AT_ID,
    SIGNED_SIZE = SIGNED_HEAD + BSI_SHA256_SIZE,
};

static void signed_message(const bsi_keyset *keyset, uint8_t out[SIGNED_SIZE])
{
    bsi_digest digest;

    bsi_sha256_of(keyset->public_part.data, keyset->public_part.size, &digest);
    memcpy(out, keyset->head + BSI_KEYSET_AT_ID, SIGNED_HEAD);
    memcpy(out + SIGNED_HEAD, digest.bytes, sizeof(digest.bytes));
}

bs_status bsi_keyset_check_signature(const bsi_keyset *keyset)
{
    uint8_t message[SIGNED_SIZE];

    signed_message(keyset, message);
    return bsi_sign_check(&keyset->signer, signature_context, message, sizeof(message),
                          keyset->signature);
}

static bs_status set_public(bsi_keyset *keyset, bsi_slice public_part)
{
    bsi_buf fresh;
    bs_status status = BS_OK;

    bsi_buf_init(&fresh, BSI_KEYSET_PUBLIC_MAX);
    status = bsi_buf_append(&fresh, public_part.data, public_part.size);
    if (status < 0) {
        bsi_buf_dispose(&fresh);
        return status;
    }
    bsi_buf_dispose(&keyset->public_part);
    keyset->public_part = fresh;
    keyset->is_signed = false;
    return BS_OK;
}

bs_status bsi_keyset_publish(bsi_keyset *keyset, bsi_slice public_part, const bsi_signer *signer)
{
    uint8_t message[SIGNED_SIZE];

    BSI_TRY(must_be_open(keyset));
    BSI_TRY(set_public(keyset, public_part));
    if (!signer) {
        return BS_OK;
    }
    signed_message(keyset, message);
    BSI_TRY(bsi_sign(signer, signature_context, message, sizeof(message), keyset->signature));
    keyset->signer = *bsi_signer_public(signer);
    keyset->is_signed = true;
    return BS_OK;
}

const bsi_public_key *bsi_keyset_signer(const bsi_keyset *keyset)
{
    return keyset->is_signed ? &keyset->signer : NULL;
}

/* Identity, data key, salt and commitment of a new set. `data_key` NULL: a new one. */
static bs_status begin(bsi_keyset *keyset, const char *id, const bsi_secret *data_key)
{
    uint8_t *head = keyset->head;

    memcpy(head, bsi_keyset_magic, sizeof(bsi_keyset_magic));
    head[BSI_KEYSET_AT_VERSION] = BSI_KEYSET_VERSION;
    head[BSI_KEYSET_AT_SUITE] = BSI_SUITE_AES_256_GCM;
    BSI_TRY(bsi_id_parse(id, head + BSI_KEYSET_AT_ID));
    bsi_id_format(head + BSI_KEYSET_AT_ID, keyset->id);
    BSI_TRY(set_public(keyset, bsi_slice_of("{}")));
    BSI_TRY(bsi_random(head + BSI_KEYSET_AT_SALT, BSI_SALT_SIZE));
    BSI_TRY(data_key
                ? bsi_secret_copy(bsi_secret_view(data_key), BSI_DATA_KEY_SIZE, &keyset->data_key)
                : bsi_secret_random(BSI_DATA_KEY_SIZE, &keyset->data_key));
    return bsi_hkdf(keyset->data_key, head + BSI_KEYSET_AT_SALT, commit_info,
                    head + BSI_KEYSET_AT_COMMIT);
}

static bs_status create(const char *id, const bsi_secret *data_key, bsi_key *const *keys,
                        size_t count, const bsi_keyset_cost *cost, bsi_keyset **out)
{
    bsi_keyset *keyset = NULL;
    bs_status status = BS_OK;

    if (count == 0) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_INVALID, "an encrypted backup needs a key");
    }
    keyset = bsi_keyset_new();
    if (!keyset) {
        return BS_E_NOMEM;
    }
    status = begin(keyset, id, data_key);
    for (size_t i = 0; status == BS_OK && i < count; i++) {
        status = bsi_keyset_add(keyset, keys[i], "", cost, NULL);
    }
    if (status < 0) {
        bsi_keyset_free(keyset);
        return status;
    }
    *out = keyset;
    return BS_OK;
}

bs_status bsi_keyset_create(const char *id, bsi_key *const *keys, size_t count,
                            const bsi_keyset_cost *cost, bsi_keyset **out)
{
    return create(id, NULL, keys, count, cost, out);
}

bs_status bsi_keyset_create_for(const char *id, const bsi_secret *data_key, bsi_key *const *keys,
                                size_t count, const bsi_keyset_cost *cost, bsi_keyset **out)
{
    BSI_CHECK(bsi_secret_size(data_key) == BSI_DATA_KEY_SIZE && bsi_secret_is_intact(data_key));
    return create(id, data_key, keys, count, cost, out);
}

/* Everything under the authenticator, appended. */
static bs_status encode_authentic(bsi_keyset *keyset, bsi_buf *out)
{
    uint8_t *head = keyset->head;

    head[BSI_KEYSET_AT_SLOTS] = (uint8_t)keyset->slot_count;
    head[BSI_KEYSET_AT_FLAGS] = keyset->is_signed ? BSI_KEYSET_FLAG_SIGNED : 0;
    bsi_put_le32(head + BSI_KEYSET_AT_PUBLIC_SIZE, (uint32_t)keyset->public_part.size);
    bsi_put_le32(head + BSI_KEYSET_AT_NEXT, keyset->next_number);
    BSI_TRY(bsi_buf_append(out, head, BSI_KEYSET_HEAD_SIZE));
    BSI_TRY(bsi_buf_append(out, keyset->public_part.data, keyset->public_part.size));
    if (keyset->is_signed) {
        BSI_TRY(bsi_buf_append(out, keyset->signer.bytes, BSI_SIGN_KEY_SIZE));
        BSI_TRY(bsi_buf_append(out, keyset->signature, BSI_SIGNATURE_SIZE));
    }
    for (size_t i = 0; i < keyset->slot_count; i++) {
        BSI_TRY(bsi_buf_append(out, keyset->slots[i].bytes, keyset->slots[i].size));
    }
    return BS_OK;
}

/* Append everything under the authenticator, and tell that. */
static bs_status append_authentic(bsi_keyset *keyset, const bsi_secret *data_key, bsi_buf *out,
                                  uint8_t mac_out[BSI_DERIVED_SIZE])
{
    const size_t start = out->size;
    bsi_secret *key = NULL;
    bs_status status = encode_authentic(keyset, out);

    if (status == BS_OK) {
        status = bsi_hkdf_secret(data_key, keyset->head + BSI_KEYSET_AT_SALT, mac_info, &key);
    }
    if (status == BS_OK) {
        status = bsi_hmac(key, out->data + start, out->size - start, mac_out);
    }
    bsi_secret_free(key);
    return status;
}

bs_status bsi_keyset_encode(bsi_keyset *keyset, bsi_buf *out)
{
    const size_t start = out->size;
    uint8_t mac[BSI_DERIVED_SIZE];
    bsi_digest digest;
    bs_status status = must_be_open(keyset);

    if (status == BS_OK) {
        status = append_authentic(keyset, keyset->data_key, out, mac);
    }
    if (status == BS_OK) {
        status = bsi_buf_append(out, mac, sizeof(mac));
    }
    if (status == BS_OK) {
        bsi_sha256_of(out->data + start, out->size - start, &digest);
        status = bsi_buf_append(out, digest.bytes, sizeof(digest.bytes));
    }
    if (status < 0) {
        out->size = start;
    }
    return status;
}

/* What was parsed encodes to the bytes it was parsed from: so these need not be kept. */
static bs_status check_authentic(bsi_keyset *keyset, const bsi_secret *data_key)
{
    uint8_t mac[BSI_DERIVED_SIZE];
    bsi_buf bytes;
    bs_status status = BS_OK;

    bsi_buf_init(&bytes, BSI_KEYSET_MAX);
    status = append_authentic(keyset, data_key, &bytes, mac);
    bsi_buf_dispose(&bytes);
    if (status == BS_OK && !bsi_secret_equal(mac, keyset->mac, sizeof(mac))) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_CORRUPT,
                        "the key set was changed by somebody without its key");
    }
    return status;
}

/* Take `data_key`, which is the set's own or freed, when the set is what its maker wrote. */
static bs_status take_data_key(bsi_keyset *keyset, bsi_secret *data_key)
{
    uint8_t commit[BSI_DERIVED_SIZE];
    bs_status status = bsi_hkdf(data_key, keyset->head + BSI_KEYSET_AT_SALT, commit_info, commit);

    if (status == BS_OK &&
        !bsi_secret_equal(commit, keyset->head + BSI_KEYSET_AT_COMMIT, sizeof(commit))) {
        status = bsi_fail(BS_LAYER_CRYPTO, BS_E_CORRUPT,
                          "the data key is not that of this key set, whose slots were exchanged");
    }
    if (status == BS_OK) {
        status = check_authentic(keyset, data_key);
    }
    if (status < 0) {
        bsi_secret_free(data_key);
        return status;
    }
    keyset->data_key = data_key;
    return BS_OK;
}

bs_status bsi_keyset_unlock(bsi_keyset *keyset, const bsi_secret *data_key)
{
    bsi_secret *copy = NULL;

    if (keyset->data_key) {
        return BS_OK;
    }
    BSI_CHECK(bsi_secret_size(data_key) == BSI_DATA_KEY_SIZE && bsi_secret_is_intact(data_key));
    BSI_TRY(bsi_secret_copy(bsi_secret_view(data_key), BSI_DATA_KEY_SIZE, &copy));
    return take_data_key(keyset, copy);
}

/* What the slots want, for the person who looks for the key. */
static bs_status no_key(const bsi_keyset *keyset, size_t offered)
{
    bsi_buf text;
    bs_status status = BS_OK;

    bsi_buf_init(&text, BS_ERROR_MESSAGE_SIZE);
    for (size_t i = 0; status == BS_OK && i < keyset->slot_count; i++) {
        const bsi_slot_info *info = &keyset->slots[i].info;

        status = bsi_buf_append_format(&text, "%s%s%s%s", i > 0 ? ", " : "",
                                       bsi_key_kind_name(info->kind),
                                       info->fingerprint[0] != '\0' ? " " : "", info->fingerprint);
    }
    status = bsi_fail(BS_LAYER_CRYPTO, BS_E_KEY,
                      "none of the %zu keys offered opens the backup; its slots are for: %.*s",
                      offered, (int)text.size, text.data ? (const char *)text.data : "");
    bsi_buf_dispose(&text);
    return status;
}

/* Try one key on all slots; the first data key that comes out stays. */
static bs_status try_key(const bsi_keyset *keyset, bsi_key *key, bsi_secret **found)
{
    for (size_t i = 0; i < keyset->slot_count; i++) {
        const bsi_slot *slot = &keyset->slots[i];
        bsi_secret *data_key = NULL;
        bs_status status = BS_E_KEY;

        if (bsi_slot_suits(slot, key)) {
            status = bsi_slot_open(slot, keyset->head + BSI_KEYSET_AT_ID, key, &data_key);
        }
        if (status == BS_OK && !*found) {
            *found = data_key;
            continue;
        }
        bsi_secret_free(data_key);
        if (status < 0 && status != BS_E_KEY) {
            return status;
        }
    }
    return BS_OK;
}

/* Whether a slot is the key's; BS_E_KEY when it is not. */
static bs_status try_slot(const bsi_keyset *keyset, const bsi_slot *slot, bsi_key *key)
{
    bsi_secret *data_key = NULL;
    bs_status status = BS_OK;

    if (slot->driver == key->driver && !key->can_open) {
        return strcmp(slot->info.fingerprint, key->fingerprint) == 0 ? BS_OK : BS_E_KEY;
    }
    if (!bsi_slot_suits(slot, key)) {
        return BS_E_KEY;
    }
    status = bsi_slot_open(slot, keyset->head + BSI_KEYSET_AT_ID, key, &data_key);
    bsi_secret_free(data_key);
    return status;
}

bs_status bsi_keyset_find(const bsi_keyset *keyset, bsi_key *key, uint32_t *number_out)
{
    for (size_t i = 0; i < keyset->slot_count; i++) {
        const bs_status status = try_slot(keyset, &keyset->slots[i], key);

        if (status == BS_OK) {
            *number_out = keyset->slots[i].info.number;
            return BS_OK;
        }
        if (status != BS_E_KEY) {
            return status;
        }
    }
    return bsi_fail(BS_LAYER_CRYPTO, BS_E_NOT_FOUND, "none of the slots is this key's");
}

bs_status bsi_keyset_open(bsi_keyset *keyset, bsi_key *const *keys, size_t count)
{
    bsi_secret *data_key = NULL;
    bs_status status = BS_OK;

    if (keyset->data_key) {
        return BS_OK;
    }
    for (size_t i = 0; status == BS_OK && i < count; i++) {
        status = try_key(keyset, keys[i], &data_key);
    }
    if (status < 0) {
        bsi_secret_free(data_key);
        return status;
    }
    return data_key ? take_data_key(keyset, data_key) : no_key(keyset, count);
}
