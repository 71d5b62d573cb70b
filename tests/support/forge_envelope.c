/* SPDX-License-Identifier: MIT */
#include "support/forge_envelope.h"

#include <stdio.h>
#include <string.h>

#include "crypto/derive_int.h"
#include "crypto/gcm_int.h"
#include "support/envelope_fields.h"
#include "support/test.h"

enum { MAC = HEADER - AT_MAC };

#define DAMAGED "the envelope's header is damaged"
#define SEGMENT "encrypted segment"

/* Of containers in segments of 64 KiB. */
static const forge_lie lies[] = {
    {"nothing", 0, 0, FORGE_SEGMENTS_RIGHT, NULL},
    {"segments of 4 KiB", AT_SEGMENT, 16 ^ 12, FORGE_SEGMENTS_RIGHT, NULL},
    {"segments of 1 MiB", AT_SEGMENT, 16 ^ 20, FORGE_SEGMENTS_RIGHT, NULL},
    {"the first bytes", 0, 1, FORGE_SEGMENTS_RIGHT, "not encrypted by this library"},
    {"the last of them", AT_VERSION - 1, 1, FORGE_SEGMENTS_RIGHT, "not encrypted by this library"},
    {"version", AT_VERSION, 1 ^ 2, FORGE_SEGMENTS_RIGHT, "version 2"},
    {"suite", AT_SUITE, 1 ^ 2, FORGE_SEGMENTS_RIGHT, "suite 2"},
    {"no kind there is", AT_KIND, 1 ^ 3, FORGE_SEGMENTS_RIGHT, DAMAGED},
    {"another kind", AT_KIND, 1 ^ 2, FORGE_SEGMENTS_RIGHT,
     "a manifest stands where a container should"},
    {"segments of 2 KiB", AT_SEGMENT, 16 ^ 11, FORGE_SEGMENTS_RIGHT, DAMAGED},
    {"segments of 2 MiB", AT_SEGMENT, 16 ^ 21, FORGE_SEGMENTS_RIGHT, DAMAGED},
    {"not all zeros", AT_ID - 1, 1, FORGE_SEGMENTS_RIGHT, DAMAGED},
    {"another backup", AT_SALT - 1, 1, FORGE_SEGMENTS_RIGHT, "of backup"},
    {"commitment", AT_MAC - 1, 1, FORGE_SEGMENTS_RIGHT, "another key"},
    {"HMAC", HEADER - 1, 1, FORGE_SEGMENTS_RIGHT, "the envelope's header was changed"},
    {"no final flag", 0, 0, FORGE_NO_FINAL_FLAG, SEGMENT},
    {"a final flag on all", 0, 0, FORGE_ALL_FINAL, SEGMENT},
    {"one counter for all", 0, 0, FORGE_SAME_COUNTER, SEGMENT},
    {"counted from 1", 0, 0, FORGE_COUNT_FROM_1, SEGMENT},
    {"another header's segments", 0, 0, FORGE_OTHER_HEADER, SEGMENT},
};

const forge_lie *forge_lie_at(size_t index)
{
    return index < sizeof(lies) / sizeof(lies[0]) ? &lies[index] : NULL;
}

/* --- The header --- */

static const char *info_of(const unsigned char *header, const char *what, char out[32])
{
    const bool manifest = header[AT_KIND] == BSI_ENVELOPE_MANIFEST;

    (void)snprintf(out, 32, "bsvc1 %s %s", manifest ? "manifest" : "container", what);
    return out;
}

static bsi_secret *derive(const bsi_secret *data_key, const unsigned char *header, const char *what)
{
    char info[32];
    bsi_secret *key = NULL;

    assert_ok(bsi_hkdf_secret(data_key, header + AT_SALT, info_of(header, what, info), &key));
    return key;
}

/* The change, if it lies before `end` and not before `begin`. */
static void lie_within(const forge_lie *lie, size_t begin, size_t end, unsigned char *header)
{
    if (lie->at >= begin && lie->at < end) {
        header[lie->at] ^= lie->flip;
    }
}

static void make_header(const forge_lie *lie, const bsi_secret *data_key, unsigned char *header)
{
    char info[32];
    bsi_secret *key = NULL;

    lie_within(lie, 0, AT_COMMIT, header);
    assert_ok(
        bsi_hkdf(data_key, header + AT_SALT, info_of(header, "commit", info), header + AT_COMMIT));
    lie_within(lie, AT_COMMIT, AT_MAC, header);
    key = derive(data_key, header, "header");
    assert_ok(bsi_hmac(key, header, AT_MAC, header + AT_MAC));
    lie_within(lie, AT_MAC, HEADER, header);
    bsi_secret_free(key);
}

/* --- Segments --- */

static void make_nonce(forge_segments how, size_t index, bool last,
                       unsigned char out[BSI_GCM_NONCE_SIZE])
{
    const size_t counter = how == FORGE_SAME_COUNTER ? 0 : index + (how == FORGE_COUNT_FROM_1);

    assert_true(counter < 256);
    memset(out, 0, BSI_GCM_NONCE_SIZE);
    out[BSI_GCM_NONCE_SIZE - 2] = (unsigned char)counter;
    out[BSI_GCM_NONCE_SIZE - 1] = (last && how != FORGE_NO_FINAL_FLAG) || how == FORGE_ALL_FINAL;
}

static void put_segments(const forge_lie *lie, const bsi_secret *key, const unsigned char *header,
                         bsi_slice plain, bsi_buf *out)
{
    static const char other[MAC];
    const size_t piece = (size_t)1 << header[AT_SEGMENT];
    size_t at = 0;

    for (size_t i = 0; i == 0 || at < plain.size; i++) {
        const size_t size = plain.size - at < piece ? plain.size - at : piece;
        unsigned char nonce[BSI_GCM_NONCE_SIZE];
        const bsi_gcm_bound bound = {
            .nonce = nonce,
            .first = {lie->segments == FORGE_OTHER_HEADER ? other : (const char *)header + AT_MAC,
                      MAC},
            .second = {(const char *)nonce, sizeof(nonce)},
        };

        make_nonce(lie->segments, i, at + size == plain.size, nonce);
        assert_ok(bsi_buf_reserve(out, size + BSI_GCM_TAG_SIZE));
        assert_ok(bsi_gcm_seal(key, &bound, plain.data + at, size, out->data + out->size));
        out->size += size + BSI_GCM_TAG_SIZE;
        at += size;
    }
}

void forge_envelope(const forge_lie *lie, const bsi_secret *data_key,
                    const unsigned char header[BSI_ENVELOPE_HEADER_SIZE], const void *plain,
                    size_t size, bsi_buf *out)
{
    unsigned char made[HEADER];
    bsi_secret *key = NULL;

    memcpy(made, header, HEADER);
    make_header(lie, data_key, made);
    assert_ok(bsi_buf_append(out, made, HEADER));
    key = derive(data_key, made, "payload");
    put_segments(lie, key, made, (bsi_slice){plain, size}, out);
    bsi_secret_free(key);
}
