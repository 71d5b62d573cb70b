/* SPDX-License-Identifier: MIT */
#ifndef BSI_CRYPTO_ENVELOPE_H
#define BSI_CRYPTO_ENVELOPE_H

#include "crypto/secret.h"

/*
 * The envelope around one stored object: a header of fixed size, then segments
 * of AES-256-GCM, each decrypted by itself (the STREAM construction of Hoang,
 * Reyhanitabar, Rogaway and Vizar, as age and Tink use it).
 * docs/format/envelope.md describes it to the byte.
 *
 *     header 128 | segment 0 | segment 1 | ... | last segment
 *
 * Here are only the pure parts: bytes in, bytes out. vault/object.h reads and
 * writes them on a storage. Who wrote an object says the signature in its
 * backup's key set, which names the digests of both. Failures carry layer CRYPTO.
 */
enum {
    BSI_ENVELOPE_HEADER_SIZE = 128,
    BSI_ENVELOPE_SEGMENT_SIZE = 64 * 1024, /* Of plain bytes, in what this library writes. */
    BSI_ENVELOPE_TAG_SIZE = 16,
};

/* Most plain bytes of one envelope: 64 TiB; beyond it the bounds for GCM would not hold. */
#define BSI_ENVELOPE_MAX ((uint64_t)1 << 46)

/* What an object is; one kind does not open as another. */
typedef enum bsi_envelope_kind {
    BSI_ENVELOPE_CONTAINER = 1,
    BSI_ENVELOPE_MANIFEST = 2,
} bsi_envelope_kind;

typedef struct bsi_envelope bsi_envelope;

/* For writing: a new salt, a header. `id` is the backup's. */
BS_NODISCARD bs_status bsi_envelope_create(const bsi_secret *data_key, bsi_envelope_kind kind,
                                           const char *id, bsi_envelope **out);

/*
 * For reading: BS_E_CORRUPT when it is no envelope, of another kind or backup, was changed, or the
 * key is not this backup's; BS_E_VERSION for suites and versions that this library does not know.
 */
BS_NODISCARD bs_status bsi_envelope_open(const bsi_secret *data_key, bsi_envelope_kind kind,
                                         const char *id,
                                         const unsigned char header[BSI_ENVELOPE_HEADER_SIZE],
                                         bsi_envelope **out);
/* NULL is ignored. */
void bsi_envelope_free(bsi_envelope *envelope);

const unsigned char *bsi_envelope_header(const bsi_envelope *envelope);
size_t bsi_envelope_segment_size(const bsi_envelope *envelope);

/* Sizes: of the stored object with so many plain bytes, and back (BS_E_CORRUPT: impossible). */
uint64_t bsi_envelope_stored_size(const bsi_envelope *envelope, uint64_t plain_size);
BS_NODISCARD bs_status bsi_envelope_plain_size(const bsi_envelope *envelope, uint64_t stored_size,
                                               uint64_t *out);

/*
 * Seal segment `index`: `out` gets size + tag bytes. All but the last are full; only an empty
 * object has an empty one. Each index is sealed once: sealing it twice under one envelope with
 * other bytes would break GCM. Any thread; several at once for different segments.
 */
BS_NODISCARD bs_status bsi_envelope_seal(const bsi_envelope *envelope, uint64_t index, bool last,
                                         const void *plain, size_t size, unsigned char *out);
/* BS_E_CORRUPT when anything about it was changed. `size` is that of the plain bytes. */
BS_NODISCARD bs_status bsi_envelope_unseal(const bsi_envelope *envelope, uint64_t index, bool last,
                                           const unsigned char *stored, size_t size, void *plain);

#endif
