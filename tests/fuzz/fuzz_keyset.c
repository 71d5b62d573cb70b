/* SPDX-License-Identifier: MIT */
/*
 * Key sets. An input is
 *
 *     how 1 | a stored key set, without HMAC and checksum
 *
 * Everything that depends on the data key, which is always the same, is put
 * right: commitment, signature, HMAC, checksum. So what can be parsed must also
 * open, come out as it went in, and be fit to be changed. The slots that the input
 * holds are of other data keys; one more, for a raw key, is put behind them.
 */
#include "fuzz.h"

#include <stdbool.h>

#include "base/endian.h"
#include "crypto/keyset_int.h"
#include "support/crypto_keys.h"

enum {
    HOW_AS_IT_IS = 1, /* The last 64 bytes are the input's own. */
    HOW_UNSIGNED = 2, /* The signature is the input's own. */
    HOW_NO_SLOT = 4,  /* Only the slots of the input. */
    HOW_RSA = 8,      /* An RSA key is tried as well, which takes its time. */
};

/* What all runs have in common. */
typedef struct fixture {
    bsi_secret *data_key;
    bsi_signer *signer;
    bsi_key *raw;
    bsi_key *rsa;
} fixture;

static const fixture *made(void)
{
    static fixture self;
    uint8_t bytes[BSI_DATA_KEY_SIZE];
    char text[] = "bsvc-key-1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n";

    if (!self.data_key) {
        memset(bytes, 'k', sizeof(bytes));
        fuzz_ok(bsi_secret_copy(bytes, sizeof(bytes), &self.data_key));
        fuzz_ok(bsi_signer_new(self.data_key, &self.signer));
        fuzz_ok(bsi_key_from_raw(bsi_slice_of(text), &self.raw));
        fuzz_ok(bsi_key_from_pem(bsi_slice_of(TEST_RSA_PRIVATE), NULL, &self.rsa));
    }
    return &self;
}

/* --- Putting right --- */

/* A slot that the raw key opens, behind the others; its number is the last that was given. */
static void put_slot(bsi_buf *object)
{
    bsi_slot slot;

    if (object->data[BSI_KEYSET_AT_SLOTS] == BSI_KEYSET_SLOTS_MAX) {
        return;
    }
    object->data[BSI_KEYSET_AT_SLOTS]++;
    fuzz_ok(bsi_slot_make(&slot, object->data + BSI_KEYSET_AT_ID,
                          bsi_le32(object->data + BSI_KEYSET_AT_NEXT) - 1, "mine", made()->raw,
                          NULL, made()->data_key));
    fuzz_ok(bsi_buf_append(object, slot.bytes, slot.size));
    bsi_slot_dispose(&slot);
}

/* The signature, where there is room for one. */
static void put_signature(bsi_buf *object)
{
    uint8_t message[BSI_KEYSET_AT_NEXT - BSI_KEYSET_AT_ID + BSI_SHA256_SIZE];
    uint8_t *data = object->data;
    const size_t public_size = bsi_le32(data + BSI_KEYSET_AT_PUBLIC_SIZE);
    uint8_t *at = NULL;
    bsi_digest digest;

    if (data[BSI_KEYSET_AT_FLAGS] != BSI_KEYSET_FLAG_SIGNED ||
        object->size < BSI_KEYSET_HEAD_SIZE + BSI_KEYSET_SIGNED_SIZE ||
        public_size > object->size - BSI_KEYSET_HEAD_SIZE - BSI_KEYSET_SIGNED_SIZE) {
        return;
    }
    at = data + BSI_KEYSET_HEAD_SIZE + public_size;
    memcpy(message, data + BSI_KEYSET_AT_ID, BSI_KEYSET_AT_NEXT - BSI_KEYSET_AT_ID);
    bsi_sha256_of(data + BSI_KEYSET_HEAD_SIZE, public_size, &digest);
    memcpy(message + BSI_KEYSET_AT_NEXT - BSI_KEYSET_AT_ID, digest.bytes, sizeof(digest.bytes));
    memcpy(at, bsi_signer_public(made()->signer)->bytes, BSI_SIGN_KEY_SIZE);
    fuzz_ok(
        bsi_sign(made()->signer, "bsvc1 keyset", message, sizeof(message), at + BSI_SIGN_KEY_SIZE));
}

static void put_tail(bsi_buf *object)
{
    uint8_t mac[BSI_DERIVED_SIZE];
    bsi_digest digest;
    bsi_secret *key = NULL;

    fuzz_ok(
        bsi_hkdf_secret(made()->data_key, object->data + BSI_KEYSET_AT_SALT, "bsvc1 keyset", &key));
    fuzz_ok(bsi_hmac(key, object->data, object->size, mac));
    bsi_secret_free(key);
    fuzz_ok(bsi_buf_append(object, mac, sizeof(mac)));
    bsi_sha256_of(object->data, object->size, &digest);
    fuzz_ok(bsi_buf_append(object, digest.bytes, sizeof(digest.bytes)));
}

static void put_right(bsi_buf *object, uint8_t how)
{
    if ((how & HOW_AS_IT_IS) || object->size < BSI_KEYSET_HEAD_SIZE) {
        return;
    }
    fuzz_ok(bsi_hkdf(made()->data_key, object->data + BSI_KEYSET_AT_SALT, "bsvc1 keyset commit",
                     object->data + BSI_KEYSET_AT_COMMIT));
    if (!(how & HOW_NO_SLOT)) {
        put_slot(object);
    }
    if (!(how & HOW_UNSIGNED)) {
        put_signature(object);
    }
    put_tail(object);
}

/* --- What must hold --- */

static void encode(bsi_keyset *keyset, bsi_buf *out)
{
    bsi_buf_init(out, BSI_KEYSET_MAX);
    fuzz_ok(bsi_keyset_encode(keyset, out));
}

/* Open by the keys that there are, or at least by the data key. */
static void open_keyset(bsi_keyset *keyset, uint8_t how)
{
    bsi_key *const keys[] = {made()->raw, made()->rsa};
    const bs_status status = bsi_keyset_open(keyset, keys, how & HOW_RSA ? 2 : 1);

    if (status != BS_OK) {
        fuzz_check(how & HOW_NO_SLOT);
        fuzz_check(status == BS_E_KEY || status == BS_E_CORRUPT);
        fuzz_ok(bsi_keyset_unlock(keyset, made()->data_key));
    }
    fuzz_check(bsi_keyset_is_open(keyset));
    fuzz_check(bsi_secret_equal(bsi_secret_view(bsi_keyset_data_key(keyset)),
                                bsi_secret_view(made()->data_key), BSI_DATA_KEY_SIZE));
}

/* Numbers ascend, labels and fingerprints are texts that end. */
static void check_slots(const bsi_keyset *keyset)
{
    uint32_t before = 0;

    fuzz_check(bsi_keyset_slots(keyset) >= 1);
    fuzz_check(bsi_keyset_slots(keyset) <= BSI_KEYSET_SLOTS_MAX);
    for (size_t i = 0; i < bsi_keyset_slots(keyset); i++) {
        const bsi_slot_info *info = bsi_keyset_slot(keyset, i);

        fuzz_check(i == 0 || info->number > before);
        fuzz_check(memchr(info->label, '\0', sizeof(info->label)));
        fuzz_check(memchr(info->fingerprint, '\0', sizeof(info->fingerprint)));
        before = info->number;
    }
}

/* Another slot comes, the first one goes, and somebody signs. */
static void check_changes(bsi_keyset *keyset)
{
    const uint32_t first = bsi_keyset_slot(keyset, 0)->number;
    const size_t count = bsi_keyset_slots(keyset);
    bsi_keyset *again = NULL;
    uint32_t number = 0;
    bsi_buf object;
    bs_status status = bsi_keyset_add(keyset, made()->raw, "new", NULL, &number);

    fuzz_check(status == BS_OK || status == BS_E_LIMIT);
    fuzz_check(bsi_keyset_slots(keyset) == count + (status == BS_OK));
    if (status == BS_OK) {
        fuzz_check(number > bsi_keyset_slot(keyset, count - 1)->number);
        fuzz_ok(bsi_keyset_remove(keyset, first));
        fuzz_check(bsi_keyset_slots(keyset) == count);
    }
    fuzz_ok(bsi_keyset_publish(keyset, bsi_slice_of("{\"b\":2}"), made()->signer));
    encode(keyset, &object);
    fuzz_ok(bsi_keyset_parse(object.data, object.size, &again));
    fuzz_ok(bsi_keyset_unlock(again, made()->data_key));
    fuzz_check(status != BS_OK || bsi_keyset_open(again, &made()->raw, 1) == BS_OK);
    check_slots(again);
    bsi_keyset_free(again);
    bsi_buf_dispose(&object);
}

static void check_keyset(bsi_keyset *keyset, const bsi_buf *object, uint8_t how)
{
    bsi_buf encoded;

    check_slots(keyset);
    open_keyset(keyset, how);
    encode(keyset, &encoded);
    fuzz_check(encoded.size == object->size);
    fuzz_check(memcmp(encoded.data, object->data, object->size) == 0);
    check_changes(keyset);
    bsi_buf_dispose(&encoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = {data, size};
    const uint8_t how = fuzz_byte(&in);
    const bsi_slice given = fuzz_take(&in, in.left);
    bsi_keyset *keyset = NULL;
    bsi_buf object;
    bs_status status = BS_OK;

    bsi_buf_init(&object, BSI_KEYSET_MAX);
    fuzz_ok(bsi_buf_append(&object, given.data, given.size));
    put_right(&object, how);
    status = bsi_keyset_parse(object.data, object.size, &keyset);
    fuzz_check(status == BS_OK || status == BS_E_CORRUPT || status == BS_E_VERSION ||
               status == BS_E_LIMIT);
    fuzz_check((status == BS_OK) == (keyset != NULL));
    if (status == BS_OK && !(how & HOW_AS_IT_IS)) {
        check_keyset(keyset, &object, how);
    }
    bsi_keyset_free(keyset);
    bsi_buf_dispose(&object);
    return 0;
}
