/* SPDX-License-Identifier: MIT */
/*
 * The vectors of docs/format/envelope.md: what is stored opens to what it
 * should, and sealing the same again gives the same bytes. Another program, in
 * another language, made them from the description.
 */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "crypto/derive_int.h"
#include "crypto/envelope.h"
#include "crypto/keyset.h"
#include "crypto/winzip.h"
#include "support/hex.h"
#include "text/json_read.h"

enum {
    FILE_MAX = 1 << 20,
    VALUES_MAX = 100,
    PATH_MAX_SIZE = 64,
    OBJECT_MAX = 16384,
    KEYSET_MAX = 4096,
    MODULUS = 251
};

/* One value of the file, under a path such as "keyset.slots.0.kind". */
typedef struct value {
    char path[PATH_MAX_SIZE];
    char *text; /* Strings without their quotes. */
} value;

static const char *file_path;
static value values[VALUES_MAX];
static size_t value_count;

static void keep_value(const char *path, bsi_slice text)
{
    value *kept = &values[value_count++];

    assert_true(value_count <= VALUES_MAX);
    (void)snprintf(kept->path, sizeof(kept->path), "%s", path);
    kept->text = calloc(1, text.size + 1);
    assert_non_null(kept->text);
    memcpy(kept->text, text.data, text.size);
}

static void flatten(bsi_json_reader *json, const char *path, int depth);

static void flatten_members(bsi_json_reader *json, const char *path, int depth)
{
    const bool is_object = bsi_json_peek(json) == BSI_JSON_OBJECT;
    bs_status status = BS_OK;

    assert_ok(is_object ? bsi_json_enter_object(json) : bsi_json_enter_array(json));
    for (int i = 0; status == BS_OK; i++) {
        char below[PATH_MAX_SIZE];
        char index[16];
        bsi_slice key = {index, (size_t)snprintf(index, sizeof(index), "%d", i)};

        status = is_object ? bsi_json_next_key(json, &key) : bsi_json_next_item(json);
        if (status == BS_OK) {
            (void)snprintf(below, sizeof(below), "%s%s%.*s", path, path[0] != '\0' ? "." : "",
                           (int)key.size, key.data);
            flatten(json, below, depth + 1);
        }
    }
    assert_status(status, BS_END);
}

static void flatten(bsi_json_reader *json, const char *path, int depth)
{
    const bsi_json_type type = bsi_json_peek(json);
    bsi_slice text = {0};
    bsi_buf scratch;

    assert_true(depth < 6);
    if (type == BSI_JSON_OBJECT || type == BSI_JSON_ARRAY) {
        flatten_members(json, path, depth);
        return;
    }
    bsi_buf_init(&scratch, FILE_MAX);
    assert_ok(type == BSI_JSON_STRING ? bsi_json_read_string(json, &scratch, &text)
                                      : bsi_json_raw_value(json, &text));
    keep_value(path, text);
    bsi_buf_dispose(&scratch);
}

/* NULL when there is none. */
static const char *find(const char *path)
{
    for (size_t i = 0; i < value_count; i++) {
        if (strcmp(values[i].path, path) == 0) {
            return values[i].text;
        }
    }
    return NULL;
}

static const char *get(const char *path)
{
    const char *text = find(path);

    if (!text) {
        fail_msg("the vectors have no '%s'", path);
    }
    return text;
}

/* A member of one of the envelopes. */
static const char *of_envelope(size_t number, const char *name)
{
    char path[PATH_MAX_SIZE];

    (void)snprintf(path, sizeof(path), "envelopes.%zu.%s", number, name);
    return get(path);
}

static bsi_secret *secret_of(const char *hex)
{
    uint8_t bytes[64];
    bsi_secret *secret = NULL;

    assert_ok(bsi_secret_copy(bytes, hex_bytes(hex, bytes, sizeof(bytes)), &secret));
    return secret;
}

static int group_setup(void **state)
{
    FILE *file = fopen(file_path, "re");
    char *text = malloc(FILE_MAX);
    bsi_json_reader json;
    size_t size = 0;

    (void)state;
    assert_non_null(file);
    assert_non_null(text);
    size = fread(text, 1, FILE_MAX, file);
    assert_int_equal(fclose(file), 0);
    bsi_json_init(&json, text, size, BS_LAYER_CALLER, BS_E_INVALID);
    flatten(&json, "", 0);
    assert_ok(bsi_json_end(&json));
    free(text);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    while (value_count > 0) {
        free(values[--value_count].text);
    }
    return 0;
}

/* As stored; freed with bsi_keyset_free(). */
static bsi_keyset *parse_keyset(uint8_t object[KEYSET_MAX], size_t *size_out)
{
    bsi_keyset *keyset = NULL;

    *size_out = hex_bytes(get("keyset.object"), object, KEYSET_MAX);
    assert_ok(bsi_keyset_parse(object, *size_out, &keyset));
    return keyset;
}

static void assert_encodes(bsi_keyset *keyset, const uint8_t *object, size_t size)
{
    bsi_buf again;

    bsi_buf_init(&again, BSI_KEYSET_MAX);
    assert_ok(bsi_keyset_encode(keyset, &again));
    assert_int_equal(again.size, size);
    assert_memory_equal(again.data, object, size);
    bsi_buf_dispose(&again);
}

static void each_key_opens_the_set(void **state)
{
    uint8_t object[KEYSET_MAX];
    bsi_key *keys[3] = {NULL, NULL, NULL};

    (void)state;
    assert_ok(bsi_key_from_passphrase(bsi_slice_of(get("passphrase")), &keys[0]));
    assert_ok(bsi_key_from_raw(bsi_slice_of(get("raw_key")), &keys[1]));
    assert_ok(bsi_key_from_pem(bsi_slice_of(get("rsa_private_key")), NULL, &keys[2]));
    for (size_t i = 0; i < 3; i++) {
        size_t size = 0;
        bsi_keyset *keyset = parse_keyset(object, &size);

        assert_ok(bsi_keyset_open(keyset, &keys[i], 1));
        assert_hex(bsi_secret_view(bsi_keyset_data_key(keyset)), BSI_DATA_KEY_SIZE,
                   get("data_key"));
        assert_encodes(keyset, object, size);
        bsi_keyset_free(keyset);
        bsi_key_unref(keys[i]);
    }
}

static void the_set_tells_what_is_in_it(void **state)
{
    uint8_t object[KEYSET_MAX];
    size_t size = 0;
    bsi_keyset *keyset = parse_keyset(object, &size);
    char path[PATH_MAX_SIZE];

    (void)state;
    assert_string_equal(bsi_keyset_id(keyset), get("id"));
    assert_true(bsi_slice_is(bsi_keyset_public(keyset), get("keyset.public")));
    assert_hex(bsi_keyset_signer(keyset)->bytes, BSI_SIGN_KEY_SIZE, get("keyset.signing_key"));
    assert_int_equal(bsi_keyset_slots(keyset), 3);
    for (size_t i = 0; i < 3; i++) {
        const bsi_slot_info *slot = bsi_keyset_slot(keyset, i);
        const char *fingerprint = NULL;

        (void)snprintf(path, sizeof(path), "keyset.slots.%zu.kind", i);
        assert_string_equal(bsi_key_kind_name(slot->kind), get(path));
        (void)snprintf(path, sizeof(path), "keyset.slots.%zu.fingerprint", i);
        fingerprint = find(path);
        assert_string_equal(slot->fingerprint, fingerprint ? fingerprint : "");
    }
    assert_int_equal(bsi_keyset_slot(keyset, 2)->number, 5);
    assert_string_equal(bsi_keyset_slot(keyset, 0)->label, "phrase");
    bsi_keyset_free(keyset);
}

static void signing_again_gives_the_same_signature(void **state)
{
    uint8_t object[KEYSET_MAX];
    size_t size = 0;
    bsi_keyset *keyset = parse_keyset(object, &size);
    bsi_secret *data_key = secret_of(get("data_key"));
    bsi_secret *seed = secret_of(get("signing_seed"));
    bsi_signer *signer = NULL;

    (void)state;
    assert_ok(bsi_keyset_unlock(keyset, data_key));
    assert_ok(bsi_signer_new(seed, &signer));
    assert_ok(bsi_keyset_publish(keyset, bsi_slice_of(get("keyset.public")), signer));
    assert_encodes(keyset, object, size);
    bsi_signer_free(signer);
    bsi_keyset_free(keyset);
    bsi_secret_free(seed);
    bsi_secret_free(data_key);
}

static uint64_t number_of(const char *text)
{
    return strtoull(text, NULL, 10);
}

/* Open all segments of a stored object, and seal them again. */
static void check_segments(const bsi_envelope *envelope, const uint8_t *stored, size_t size)
{
    const size_t segment = bsi_envelope_segment_size(envelope);
    uint8_t *plain = malloc(segment);
    uint8_t *again = malloc(segment + BSI_ENVELOPE_TAG_SIZE);
    size_t at = BSI_ENVELOPE_HEADER_SIZE;
    size_t offset = 0;

    assert_non_null(plain);
    assert_non_null(again);
    for (uint64_t i = 0; at < size; i++) {
        const size_t whole = segment + BSI_ENVELOPE_TAG_SIZE;
        const size_t piece = size - at < whole ? size - at : whole;
        const size_t part = piece - BSI_ENVELOPE_TAG_SIZE;
        const bool last = at + piece == size;

        assert_ok(bsi_envelope_unseal(envelope, i, last, stored + at, part, plain));
        for (size_t j = 0; j < part; j++) {
            assert_int_equal(plain[j], (offset + j) % MODULUS);
        }
        assert_ok(bsi_envelope_seal(envelope, i, last, plain, part, again));
        assert_memory_equal(again, stored + at, piece);
        at += piece;
        offset += part;
    }
    free(again);
    free(plain);
}

static void check_envelope(size_t number, const bsi_secret *data_key)
{
    const bool is_manifest = strcmp(of_envelope(number, "kind"), "manifest") == 0;
    uint8_t *stored = malloc(OBJECT_MAX);
    const size_t size = hex_bytes(of_envelope(number, "object"), stored, OBJECT_MAX);
    bsi_envelope *envelope = NULL;
    uint64_t plain_size = 0;

    assert_ok(bsi_envelope_open(data_key,
                                is_manifest ? BSI_ENVELOPE_MANIFEST : BSI_ENVELOPE_CONTAINER,
                                get("id"), stored, &envelope));
    assert_ok(bsi_envelope_plain_size(envelope, size, &plain_size));
    assert_int_equal(plain_size, number_of(of_envelope(number, "plain_size")));
    assert_int_equal(bsi_envelope_stored_size(envelope, plain_size), size);
    check_segments(envelope, stored, size);
    bsi_envelope_free(envelope);
    free(stored);
}

static void envelopes_hold_what_they_should(void **state)
{
    bsi_secret *data_key = secret_of(get("data_key"));
    size_t count = 0;
    char path[PATH_MAX_SIZE] = "envelopes.0.kind";

    (void)state;
    while (find(path)) {
        check_envelope(count++, data_key);
        (void)snprintf(path, sizeof(path), "envelopes.%zu.kind", count);
    }
    assert_true(count >= 5);
    bsi_secret_free(data_key);
}

static void a_sealed_pass_phrase_opens(void **state)
{
    bsi_secret *data_key = secret_of(get("data_key"));
    uint8_t sealed[BSI_WINZIP_SEALED_SIZE];
    bsi_secret *phrase = NULL;

    (void)state;
    assert_int_equal(hex_bytes(get("zip_passphrase.sealed"), sealed, sizeof(sealed)),
                     sizeof(sealed));
    assert_ok(bsi_winzip_unseal(sealed, data_key, get("id"), &phrase));
    assert_int_equal(bsi_secret_size(phrase), strlen(get("passphrase")));
    assert_memory_equal(bsi_secret_view(phrase), get("passphrase"), bsi_secret_size(phrase));
    bsi_secret_free(phrase);
    bsi_secret_free(data_key);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_key_opens_the_set),
        cmocka_unit_test(the_set_tells_what_is_in_it),
        cmocka_unit_test(signing_again_gives_the_same_signature),
        cmocka_unit_test(envelopes_hold_what_they_should),
        cmocka_unit_test(a_sealed_pass_phrase_opens),
    };

    if (argc != 2) {
        return 2;
    }
    file_path = argv[1];
    return cmocka_run_group_tests_name("format/vectors", tests, group_setup, group_teardown);
}
