/* SPDX-License-Identifier: MIT */
/*
 * Makes encrypted objects for other programs to read:
 *
 *     seal_probe KEYS CONTAINER MANIFEST PLAIN KEY...
 *
 * A key set for the keys in the files KEY, signed, and PLAIN sealed as a
 * container and as a manifest. A key file is PEM, a raw key or a pass phrase.
 */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "crypto/envelope.h"
#include "crypto/keyset.h"
#include "hash/sha256.h"

#define ID "01890a5d-ac96-774b-bcce-b302099a8057"

enum { KEYS_MAX = 8, FILE_MAX = 16 << 20 };

static void must(bs_status status)
{
    if (status < 0) {
        (void)fprintf(stderr, "%s\n", bs_error_last()->message);
        exit(1);
    }
}

static void load(const char *path, bsi_buf *out)
{
    FILE *file = fopen(path, "re");
    size_t got = 1;

    bsi_buf_init(out, FILE_MAX);
    while (file && got > 0) {
        must(bsi_buf_reserve(out, 65536));
        got = fread(out->data + out->size, 1, 65536, file);
        out->size += got;
    }
    if (!file || fclose(file) != 0) {
        (void)fprintf(stderr, "%s can not be read\n", path);
        exit(1);
    }
}

static void store(const char *path, const bsi_buf *bytes)
{
    FILE *file = fopen(path, "we");

    if (!file || fwrite(bytes->data, 1, bytes->size, file) != bytes->size || fclose(file) != 0) {
        (void)fprintf(stderr, "%s can not be written\n", path);
        exit(1);
    }
}

static bsi_key *load_key(const char *path)
{
    bsi_buf text;
    bsi_key *key = NULL;
    bsi_slice slice = {0};

    load(path, &text);
    slice = (bsi_slice){(const char *)text.data, text.size};
    if (bsi_key_text_is_pem(slice)) {
        must(bsi_key_from_pem(slice, NULL, &key));
    } else if (bsi_key_text_is_raw(slice)) {
        must(bsi_key_from_raw(slice, &key));
    } else {
        must(bsi_key_from_passphrase(slice, &key));
    }
    bsi_buf_dispose(&text);
    return key;
}

static void seal(const bsi_keyset *keyset, bsi_envelope_kind kind, const bsi_buf *plain,
                 bsi_buf *out)
{
    bsi_envelope *envelope = NULL;
    size_t at = 0;

    bsi_buf_init(out, 2 * (size_t)FILE_MAX);
    must(bsi_envelope_create(bsi_keyset_data_key(keyset), kind, ID, &envelope));
    must(bsi_buf_append(out, bsi_envelope_header(envelope), BSI_ENVELOPE_HEADER_SIZE));
    for (uint64_t i = 0; at < plain->size || i == 0; i++) {
        const size_t left = plain->size - at;
        const bool last = left <= BSI_ENVELOPE_SEGMENT_SIZE;
        const size_t size = last ? left : BSI_ENVELOPE_SEGMENT_SIZE;

        must(bsi_buf_reserve(out, size + BSI_ENVELOPE_TAG_SIZE));
        must(bsi_envelope_seal(envelope, i, last, plain->data + at, size, out->data + out->size));
        out->size += size + BSI_ENVELOPE_TAG_SIZE;
        at += size;
    }
    bsi_envelope_free(envelope);
}

static void digest_of(const bsi_buf *bytes, char out[2 * BSI_SHA256_SIZE + 1])
{
    bsi_digest digest;

    bsi_sha256_of(bytes->data, bytes->size, &digest);
    bsi_digest_format(&digest, out);
}

/* What the public part of a real backup tells of both objects. */
static void publish(bsi_keyset *keyset, const bsi_buf *container, const bsi_buf *manifest)
{
    char container_digest[2 * BSI_SHA256_SIZE + 1];
    char manifest_digest[2 * BSI_SHA256_SIZE + 1];
    char key[2 * BSI_SIGN_KEY_SIZE + 1];
    bsi_signer *signer = NULL;
    bsi_secret *seed = NULL;
    bsi_buf text;

    digest_of(container, container_digest);
    digest_of(manifest, manifest_digest);
    bsi_buf_init(&text, 4096);
    must(bsi_buf_append_format(&text,
                               "{\"container\":{\"size\":%zu,\"sha256\":\"%s\"},"
                               "\"manifest_size\":%zu,\"manifest_sha256\":\"%s\"}",
                               container->size, container_digest, manifest->size, manifest_digest));
    must(bsi_secret_random(BSI_SIGN_KEY_SIZE, &seed));
    must(bsi_signer_new(seed, &signer));
    must(bsi_keyset_publish(keyset, (bsi_slice){(const char *)text.data, text.size}, signer));
    bsi_public_key_format(bsi_signer_public(signer), key);
    (void)printf("%s\n", key);
    bsi_signer_free(signer);
    bsi_secret_free(seed);
    bsi_buf_dispose(&text);
}

int main(int argc, char **argv)
{
    const bsi_keyset_cost cost = {.log_n = 15};
    bsi_key *keys[KEYS_MAX];
    size_t count = 0;
    bsi_keyset *keyset = NULL;
    bsi_buf plain;
    bsi_buf container;
    bsi_buf manifest;
    bsi_buf stored;

    if (argc < 6 || argc > 5 + KEYS_MAX) {
        return 2;
    }
    for (int i = 5; i < argc; i++) {
        keys[count++] = load_key(argv[i]);
    }
    must(bsi_keyset_create(ID, keys, count, &cost, &keyset));
    load(argv[4], &plain);
    seal(keyset, BSI_ENVELOPE_CONTAINER, &plain, &container);
    seal(keyset, BSI_ENVELOPE_MANIFEST, &plain, &manifest);
    publish(keyset, &container, &manifest);
    bsi_buf_init(&stored, FILE_MAX);
    must(bsi_keyset_encode(keyset, &stored));
    store(argv[1], &stored);
    store(argv[2], &container);
    store(argv[3], &manifest);
    bsi_buf_dispose(&stored);
    bsi_buf_dispose(&manifest);
    bsi_buf_dispose(&container);
    bsi_buf_dispose(&plain);
    bsi_keyset_free(keyset);
    while (count > 0) {
        bsi_key_unref(keys[--count]);
    }
    return 0;
}
