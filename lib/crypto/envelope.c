/* SPDX-License-Identifier: MIT */
/*
 * The envelope. Its header, integers little-endian:
 *
 *      0  magic 8
 *      8  version 1 | suite 1 | kind 1 | log2 of the segment size 1
 *     12  zeros 4
 *     16  id 16
 *     32  salt 32
 *     64  commitment 32
 *     96  HMAC of all so far 32
 *
 * All keys are made of data key and salt with the kind in the derivation. The
 * nonce of a segment is its index as 11 bytes, big-endian, and the final flag;
 * authenticated with it are the header's HMAC and the nonce.
 */
#include "crypto/envelope.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "crypto/derive_int.h"
#include "crypto/gcm_int.h"
#include "os/random.h"

enum {
    AT_VERSION = 8,
    AT_SUITE = 9,
    AT_KIND = 10,
    AT_SEGMENT = 11,
    AT_ZEROS = 12,
    AT_ID = 16,
    AT_SALT = 32,
    AT_COMMIT = 64,
    AT_MAC = 96,

    VERSION = 1,
    SUITE = 1, /* AES-256-GCM, HKDF and HMAC with SHA-256. */

    /* Segment sizes that readers take, as powers of two: 4 KiB to 1 MiB. */
    SEGMENT_LOG = 16,
    SEGMENT_LOG_MIN = 12,
    SEGMENT_LOG_MAX = 20,

    INFO_SIZE = 32,
};

static const uint8_t magic[AT_VERSION] = {'b', 's', 'v', 'c', 's', 'e', 'a', 'l'};

_Static_assert(1 << SEGMENT_LOG == BSI_ENVELOPE_SEGMENT_SIZE, "a header tells the segment size");
_Static_assert((int)BSI_ENVELOPE_TAG_SIZE == (int)BSI_GCM_TAG_SIZE, "tags are whole");
_Static_assert(AT_MAC + BSI_DERIVED_SIZE == BSI_ENVELOPE_HEADER_SIZE, "the HMAC ends the header");

struct bsi_envelope {
    uint8_t header[BSI_ENVELOPE_HEADER_SIZE];
    size_t segment_size;
    bsi_secret *payload_key;
};

/* NULL: not a kind that there is. */
static const char *kind_name(unsigned kind)
{
    switch (kind) {
    case BSI_ENVELOPE_CONTAINER:
        return "container";
    case BSI_ENVELOPE_MANIFEST:
        return "manifest";
    default:
        return NULL;
    }
}

static bs_status corrupt(const char *what)
{
    return bsi_fail(BS_LAYER_CRYPTO, BS_E_CORRUPT, "%s", what);
}

static const char *info_of(const bsi_envelope *envelope, const char *what, char out[INFO_SIZE])
{
    (void)snprintf(out, INFO_SIZE, "bsvc1 %s %s", kind_name(envelope->header[AT_KIND]), what);
    return out;
}

/* What the header holds of the data key: the commitment to it, and the HMAC. */
static bs_status compute_commit(const bsi_envelope *envelope, const bsi_secret *data_key,
                                uint8_t out[BSI_DERIVED_SIZE])
{
    char info[INFO_SIZE];

    return bsi_hkdf(data_key, envelope->header + AT_SALT, info_of(envelope, "commit", info), out);
}

static bs_status compute_mac(const bsi_envelope *envelope, const bsi_secret *data_key,
                             uint8_t out[BSI_DERIVED_SIZE])
{
    char info[INFO_SIZE];
    bsi_secret *key = NULL;
    bs_status status = bsi_hkdf_secret(data_key, envelope->header + AT_SALT,
                                       info_of(envelope, "header", info), &key);

    if (status == BS_OK) {
        status = bsi_hmac(key, envelope->header, AT_MAC, out);
    }
    bsi_secret_free(key);
    return status;
}

static bs_status derive_payload_key(bsi_envelope *envelope, const bsi_secret *data_key)
{
    char info[INFO_SIZE];

    envelope->segment_size = (size_t)1 << envelope->header[AT_SEGMENT];
    return bsi_hkdf_secret(data_key, envelope->header + AT_SALT, info_of(envelope, "payload", info),
                           &envelope->payload_key);
}

static bs_status fill(bsi_envelope *envelope, const bsi_secret *data_key, bsi_envelope_kind kind,
                      const char *id)
{
    uint8_t *header = envelope->header;

    memcpy(header, magic, sizeof(magic));
    header[AT_VERSION] = VERSION;
    header[AT_SUITE] = SUITE;
    header[AT_KIND] = (uint8_t)kind;
    header[AT_SEGMENT] = SEGMENT_LOG;
    BSI_TRY(bsi_id_parse(id, header + AT_ID));
    BSI_TRY(bsi_random(header + AT_SALT, BSI_SALT_SIZE));
    BSI_TRY(compute_commit(envelope, data_key, header + AT_COMMIT));
    BSI_TRY(compute_mac(envelope, data_key, header + AT_MAC));
    return derive_payload_key(envelope, data_key);
}

bs_status bsi_envelope_create(const bsi_secret *data_key, bsi_envelope_kind kind, const char *id,
                              bsi_envelope **out)
{
    bsi_envelope *envelope = NULL;
    bs_status status = BS_OK;

    BSI_CHECK(kind_name(kind));
    envelope = bsi_calloc(1, sizeof(*envelope));
    if (!envelope) {
        return BS_E_NOMEM;
    }
    status = fill(envelope, data_key, kind, id);
    if (status < 0) {
        bsi_envelope_free(envelope);
        return status;
    }
    *out = envelope;
    return BS_OK;
}

static bs_status check_structure(const uint8_t header[BSI_ENVELOPE_HEADER_SIZE])
{
    static const uint8_t zeros[AT_ID - AT_ZEROS];

    if (memcmp(header, magic, sizeof(magic)) != 0) {
        return corrupt("not encrypted by this library: the first bytes are not an envelope's");
    }
    if (header[AT_VERSION] != VERSION || header[AT_SUITE] != SUITE) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_VERSION,
                        "the envelope has version %u and suite %u; this library knows version 1 "
                        "and suite 1",
                        header[AT_VERSION], header[AT_SUITE]);
    }
    if (!kind_name(header[AT_KIND]) || header[AT_SEGMENT] < SEGMENT_LOG_MIN ||
        header[AT_SEGMENT] > SEGMENT_LOG_MAX ||
        memcmp(header + AT_ZEROS, zeros, sizeof(zeros)) != 0) {
        return corrupt("the envelope's header is damaged");
    }
    return BS_OK;
}

/* What the header says it is, before that is believed: the clearer text of two. */
static bs_status check_identity(const uint8_t *header, bsi_envelope_kind kind, const char *id)
{
    uint8_t wanted[BSI_ID_BYTES];
    char found[BS_ID_SIZE];

    BSI_TRY(bsi_id_parse(id, wanted));
    if (header[AT_KIND] != (unsigned)kind) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_CORRUPT, "a %s stands where a %s should",
                        kind_name(header[AT_KIND]), kind_name(kind));
    }
    if (memcmp(header + AT_ID, wanted, sizeof(wanted)) != 0) {
        bsi_id_format(header + AT_ID, found);
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_CORRUPT, "of backup %s, not of %s", found, id);
    }
    return BS_OK;
}

static bs_status check_header(const bsi_envelope *envelope, const bsi_secret *data_key)
{
    uint8_t expected[BSI_DERIVED_SIZE];

    BSI_TRY(compute_commit(envelope, data_key, expected));
    if (!bsi_secret_equal(expected, envelope->header + AT_COMMIT, sizeof(expected))) {
        return corrupt("encrypted with another key than this backup's, or its header was changed");
    }
    BSI_TRY(compute_mac(envelope, data_key, expected));
    if (!bsi_secret_equal(expected, envelope->header + AT_MAC, sizeof(expected))) {
        return corrupt("the envelope's header was changed");
    }
    return BS_OK;
}

bs_status bsi_envelope_open(const bsi_secret *data_key, bsi_envelope_kind kind, const char *id,
                            const unsigned char header[BSI_ENVELOPE_HEADER_SIZE],
                            bsi_envelope **out)
{
    bsi_envelope *envelope = NULL;
    bs_status status = BS_OK;

    BSI_CHECK(kind_name(kind));
    BSI_TRY(check_structure(header));
    BSI_TRY(check_identity(header, kind, id));
    envelope = bsi_calloc(1, sizeof(*envelope));
    if (!envelope) {
        return BS_E_NOMEM;
    }
    memcpy(envelope->header, header, sizeof(envelope->header));
    status = check_header(envelope, data_key);
    if (status == BS_OK) {
        status = derive_payload_key(envelope, data_key);
    }
    if (status < 0) {
        bsi_envelope_free(envelope);
        return status;
    }
    *out = envelope;
    return BS_OK;
}

void bsi_envelope_free(bsi_envelope *envelope)
{
    if (envelope) {
        bsi_secret_free(envelope->payload_key);
        bsi_free(envelope);
    }
}

const unsigned char *bsi_envelope_header(const bsi_envelope *envelope)
{
    return envelope->header;
}

size_t bsi_envelope_segment_size(const bsi_envelope *envelope)
{
    return envelope->segment_size;
}

/* How many pieces of `piece` bytes `size` bytes make; nothing makes one as well. */
static uint64_t pieces(uint64_t size, uint64_t piece)
{
    return size == 0 ? 1 : (size - 1) / piece + 1;
}

uint64_t bsi_envelope_stored_size(const bsi_envelope *envelope, uint64_t plain_size)
{
    return BSI_ENVELOPE_HEADER_SIZE + plain_size +
           pieces(plain_size, envelope->segment_size) * BSI_ENVELOPE_TAG_SIZE;
}

bs_status bsi_envelope_plain_size(const bsi_envelope *envelope, uint64_t stored_size, uint64_t *out)
{
    const uint64_t piece = envelope->segment_size + BSI_ENVELOPE_TAG_SIZE;
    uint64_t body = 0;
    uint64_t last = 0;

    if (stored_size < BSI_ENVELOPE_HEADER_SIZE + BSI_ENVELOPE_TAG_SIZE) {
        return corrupt("the encrypted object is cut short");
    }
    body = stored_size - BSI_ENVELOPE_HEADER_SIZE;
    last = (body - 1) % piece + 1;
    if (last < BSI_ENVELOPE_TAG_SIZE || (last == BSI_ENVELOPE_TAG_SIZE && body > last)) {
        return corrupt("the encrypted object is cut short or has grown");
    }
    *out = body - pieces(body, piece) * BSI_ENVELOPE_TAG_SIZE;
    return *out <= BSI_ENVELOPE_MAX ? BS_OK : corrupt("no encrypted object is that large");
}

enum { AAD_MAC = BSI_DERIVED_SIZE };

static void make_nonce(uint64_t index, bool last, uint8_t out[BSI_GCM_NONCE_SIZE])
{
    memset(out, 0, BSI_GCM_NONCE_SIZE);
    for (size_t i = 0; i < sizeof(index); i++) {
        out[BSI_GCM_NONCE_SIZE - 2 - i] = (uint8_t)(index >> (8 * i));
    }
    out[BSI_GCM_NONCE_SIZE - 1] = last ? 1 : 0;
}

/* `nonce` is filled, and must live as long as the result. */
static bsi_gcm_bound segment_bound(const bsi_envelope *envelope, uint64_t index, bool last,
                                   uint8_t nonce[BSI_GCM_NONCE_SIZE])
{
    make_nonce(index, last, nonce);
    return (bsi_gcm_bound){
        .nonce = nonce,
        .first = {(const char *)envelope->header + AT_MAC, AAD_MAC},
        .second = {(const char *)nonce, BSI_GCM_NONCE_SIZE},
    };
}

/* Whether a segment of this size can stand there: the rule of the last one. */
static bool is_possible(const bsi_envelope *envelope, uint64_t index, bool last, size_t size)
{
    if (!last || size > envelope->segment_size) {
        return size == envelope->segment_size;
    }
    return size > 0 || index == 0;
}

static bool is_within_max(const bsi_envelope *envelope, uint64_t index, size_t size)
{
    return index <= (BSI_ENVELOPE_MAX - size) / envelope->segment_size;
}

bs_status bsi_envelope_seal(const bsi_envelope *envelope, uint64_t index, bool last,
                            const void *plain, size_t size, unsigned char *out)
{
    uint8_t nonce[BSI_GCM_NONCE_SIZE];
    const bsi_gcm_bound bound = segment_bound(envelope, index, last, nonce);

    BSI_CHECK(is_possible(envelope, index, last, size));
    if (!is_within_max(envelope, index, size)) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_LIMIT,
                        "more than 64 TiB can not be encrypted as one object");
    }
    return bsi_gcm_seal(envelope->payload_key, &bound, plain, size, out);
}

bs_status bsi_envelope_unseal(const bsi_envelope *envelope, uint64_t index, bool last,
                              const unsigned char *stored, size_t size, void *plain)
{
    uint8_t nonce[BSI_GCM_NONCE_SIZE];
    const bsi_gcm_bound bound = segment_bound(envelope, index, last, nonce);
    bs_status status = BS_OK;

    if (!is_possible(envelope, index, last, size) || !is_within_max(envelope, index, size)) {
        return corrupt("an encrypted segment does not have the size it must have");
    }
    status = bsi_gcm_open(envelope->payload_key, &bound, stored, size, plain);
    if (status == BS_E_CORRUPT) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_CORRUPT,
                        "encrypted segment %llu is damaged, or from another place",
                        (unsigned long long)index);
    }
    return status;
}
