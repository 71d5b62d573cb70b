/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_FORGE_ENVELOPE_H
#define TESTS_SUPPORT_FORGE_ENVELOPE_H

#include "base/buffer.h"
#include "crypto/envelope.h"

/*
 * Envelopes as somebody makes them who has the data key and departs from the
 * format in one thing only: all that is made of that thing is made of the lie, so
 * that nothing but the check of the thing itself can refuse it.
 *
 * Made by docs/format/envelope.md; with the library they share HKDF, HMAC and GCM.
 */
typedef enum forge_segments {
    FORGE_SEGMENTS_RIGHT,
    FORGE_NO_FINAL_FLAG,
    FORGE_ALL_FINAL,
    FORGE_SAME_COUNTER, /* 0 in all nonces. */
    FORGE_COUNT_FROM_1,
    FORGE_OTHER_HEADER, /* Bound to another header's HMAC. */
} forge_segments;

typedef struct forge_lie {
    const char *what;
    size_t at;          /* This byte of the header is changed, */
    unsigned char flip; /* by these bits; 0: none is. */
    forge_segments segments;
    const char *refusal; /* A part of its text. NULL: no lie; a reader takes it. */
} forge_lie;

/* By number, from 0; NULL: there are no more. */
const forge_lie *forge_lie_at(size_t index);

/* `header`: of the envelope to imitate, by salt, kind and id. The object is appended to `out`. */
void forge_envelope(const forge_lie *lie, const bsi_secret *data_key,
                    const unsigned char header[BSI_ENVELOPE_HEADER_SIZE], const void *plain,
                    size_t size, bsi_buf *out);

#endif
