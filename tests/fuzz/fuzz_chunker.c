/* SPDX-License-Identifier: MIT */
/*
 * Cutting chunks. An input is
 *
 *     polynomial 8 | where more arrives 3 | pieces: kind 1, length 3, seed 1, ...
 *
 * The data is made of pieces: one byte repeated, chance, a stretch of itself, or a
 * window that is a cut. The cuts must be those of the description: a fingerprint
 * that is fed byte by byte, from a ring of the last 64. So must be the cuts when the
 * data arrives in two parts.
 */
#include "fuzz.h"

#include <stdlib.h>

#include "chunk/chunker.h"
#include "chunk/polynomial.h"

enum {
    DATA_MAX = BSI_CHUNK_MAX + 1024 * 1024,
    LENGTH_MASK = 0x1fffff,
    PIECES_MAX = 24,
    MASK = (1 << 20) - 1,
    KINDS = 4,
};

/* Found irreducible before; an input picks one, or brings its own. */
static const uint64_t known[] = {0x3da3358b4dc173, 0x25b468838dcb75, 0x385b75efa910d1,
                                 0x33aca5baadd15d, 0x2c1e094c6b8c31};

/* --- The reference --- */

typedef struct reference {
    uint64_t out[256]; /* A byte, 63 zero bytes behind it. */
    uint64_t mod[256]; /* Bits above the degree, and what they leave, to be added. */
    uint8_t ring[BSI_CHUNK_WINDOW];
    size_t slot;
    uint64_t digest;
} reference;

static void prepare(reference *self, uint64_t polynomial)
{
    for (uint64_t byte = 0; byte < 256; byte++) {
        const uint64_t power = polynomial ^ (uint64_t)1 << BSI_CHUNK_DEGREE;
        uint64_t value = byte;
        for (int i = 1; i < BSI_CHUNK_WINDOW; i++) {
            value = bsi_polynomial_multiply(value, 256, polynomial);
        }
        self->out[byte] = value;
        self->mod[byte] =
            byte << BSI_CHUNK_DEGREE ^ bsi_polynomial_multiply(byte, power, polynomial);
    }
}

static void feed(reference *self, uint8_t byte)
{
    self->digest ^= self->out[self->ring[self->slot]];
    self->ring[self->slot] = byte;
    self->slot = (self->slot + 1) % BSI_CHUNK_WINDOW;
    self->digest = (self->digest << 8 | byte) ^ self->mod[self->digest >> (BSI_CHUNK_DEGREE - 8)];
}

/* The chunk that the data begins with; 0: it does not end there. */
static size_t cut_of(reference *self, const uint8_t *data, size_t size)
{
    memset(self->ring, 0, sizeof(self->ring));
    self->slot = 0;
    self->digest = 0;
    feed(self, 1);
    for (size_t at = BSI_CHUNK_MIN - BSI_CHUNK_WINDOW; at < size; at++) {
        feed(self, data[at]);
        if (at + 1 >= BSI_CHUNK_MIN && ((self->digest & MASK) == 0 || at + 1 >= BSI_CHUNK_MAX)) {
            return at + 1;
        }
    }
    return 0;
}

/* --- The data --- */

typedef struct input_data {
    uint8_t *bytes;
    size_t size;
} input_data;

static void add_noise(uint8_t *out, size_t size, uint64_t seed)
{
    for (size_t i = 0; i < size; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        out[i] = (uint8_t)(seed >> 56);
    }
}

/* 64 bytes whose fingerprint is 0: nothing but zeros, or the polynomial itself at its end. */
static size_t add_cut(uint8_t *out, size_t size, uint64_t polynomial)
{
    if (size < BSI_CHUNK_WINDOW) {
        return 0;
    }
    memset(out, 0, BSI_CHUNK_WINDOW);
    for (size_t i = 0; i < sizeof(polynomial); i++) {
        out[BSI_CHUNK_WINDOW - 1 - i] = (uint8_t)(polynomial >> (8 * i));
    }
    return BSI_CHUNK_WINDOW;
}

static void add_piece(input_data *data, fuzz_input *in, uint64_t polynomial)
{
    const uint8_t kind = fuzz_byte(in) % KINDS;
    const size_t wanted = (size_t)fuzz_number(in, 3) & LENGTH_MASK;
    const uint8_t seed = fuzz_byte(in);
    const size_t room = DATA_MAX - data->size;
    size_t size = wanted < room ? wanted : room;
    uint8_t *const out = data->bytes + data->size;

    switch (kind) {
    case 0:
        memset(out, seed, size);
        break;
    case 1:
        add_noise(out, size, seed);
        break;
    case 2:
        size = size < data->size ? size : data->size;
        memcpy(out, data->bytes, size);
        break;
    default:
        size = add_cut(out, room, polynomial);
        break;
    }
    data->size += size;
}

static uint64_t choose(fuzz_input *in)
{
    const uint64_t given = fuzz_number(in, 8);
    static bsi_chunker chunker; /* Too large for the stack, here and below. */

    if (bsi_polynomial_degree(given) == BSI_CHUNK_DEGREE && bsi_polynomial_is_irreducible(given)) {
        return given;
    }
    fuzz_check(bsi_chunker_init(&chunker, given) == BS_E_CORRUPT);
    return known[given % BSI_ARRAY_SIZE(known)];
}

static void check_cuts(const bsi_chunker *chunker, reference *slow, const input_data *data,
                       size_t first_part)
{
    size_t at = 0;
    size_t cut = 1;

    while (cut > 0 && at < data->size) {
        const uint8_t *const bytes = data->bytes + at;
        const size_t size = data->size - at;
        const size_t part = first_part < size ? first_part : size;
        const size_t early = bsi_chunk_length(chunker, bytes, part, 0);

        cut = cut_of(slow, bytes, size);
        fuzz_check(bsi_chunk_length(chunker, bytes, size, 0) == cut);
        fuzz_check(early == (cut <= part ? cut : 0));
        fuzz_check(early > 0 || bsi_chunk_length(chunker, bytes, size, part + 1) == cut);
        at += cut;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = {data, size};
    const uint64_t polynomial = choose(&in);
    const size_t first_part = (size_t)fuzz_number(&in, 3);
    input_data made = {malloc(DATA_MAX), 0};
    static bsi_chunker chunker;
    static reference slow;

    fuzz_check(made.bytes);
    fuzz_ok(bsi_chunker_init(&chunker, polynomial));
    prepare(&slow, polynomial);
    for (int i = 0; i < PIECES_MAX && in.left > 0; i++) {
        add_piece(&made, &in, polynomial);
    }
    check_cuts(&chunker, &slow, &made, first_part);
    free(made.bytes);
    return 0;
}
