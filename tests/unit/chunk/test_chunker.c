/* SPDX-License-Identifier: MIT */
/*
 * Cuts that restic itself made, with three polynomials; the data is made by
 * counting. Besides, the definition of the fingerprint as it is written down,
 * byte for byte, finds the same cuts.
 */
#include "support/test.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/endian.h"
#include "chunk/chunker.h"
#include "chunk/polynomial.h"
#include "hash/sha256.h"

enum { MIB = 1024 * 1024, EDGE = 3 * MIB, ROOM = 20 * MIB, CUTS_MAX = 16 };

static uint8_t *room;

/* SHA-256 of a word and a counter, one after the other. */
static void fill(uint8_t *out, size_t size, const char *word)
{
    uint8_t seed[64];
    const size_t length = strlen(word);

    memcpy(seed, word, length);
    for (size_t at = 0; at < size; at += BSI_SHA256_SIZE) {
        bsi_digest digest;
        bsi_put_le64(seed + length, at / BSI_SHA256_SIZE);
        bsi_sha256_of(seed, length + 8, &digest);
        memcpy(out + at, digest.bytes, BSI_SHA256_SIZE);
    }
}

static void check_input(size_t size, const char *expected)
{
    bsi_digest digest;
    char text[2 * BSI_SHA256_SIZE + 1];

    bsi_sha256_of(room, size, &digest);
    bsi_digest_format(&digest, text);
    assert_string_equal(text, expected);
}

static size_t make_random(void)
{
    fill(room, ROOM, "restic-fixture-chunker");
    check_input(ROOM, "bde38d1449acec00f83a5b02a7ada9abc419b41c81ad4003fceea53141be6a17");
    return ROOM;
}

static size_t make_ones(void)
{
    memset(room, 1, ROOM);
    return ROOM;
}

/* Random data, zeros, random data, ones, random data. */
static size_t make_mixed(void)
{
    uint8_t *const edge = room + ROOM - EDGE;
    uint8_t *at = room;

    fill(edge, EDGE, "edge");
    memcpy(at, edge, 700000);
    memset(at += 700000, 0, 3000000);
    memcpy(at += 3000000, edge + 700000, EDGE - 700000);
    memset(at += EDGE - 700000, 1, 9000000);
    memmove(at += 9000000, edge, EDGE);
    check_input((size_t)(at - room) + EDGE,
                "257b4eb409f9a4425f57120ecd0a44991e2f42611c2bb2600d1abee79a3edaa6");
    return (size_t)(at - room) + EDGE;
}

static const struct {
    uint64_t polynomial;
    size_t (*make)(void);
    size_t lengths[CUTS_MAX];
} cases[] = {
    {0x3da3358b4dc173,
     make_random,
     {812253, 1532803, 1347844, 2073607, 1954293, 981850, 1829502, 1360403, 593976, 1859799, 700170,
      3211536, 818750, 1101933, 792801}},
    {0x3da3358b4dc173,
     make_mixed,
     {673514, 524288, 524288, 524288, 524288, 524288, 1400761, 1036270, 8388608, 1698649, 1022201,
      1036270, 413743}},
    {0x3da3358b4dc173, make_ones, {8388608, 8388608, 4194304}},
    {0x385b75efa910d1,
     make_random,
     {2037156, 701113, 707729, 709242, 1153132, 728199, 1006574, 3681641, 1120619, 1729150, 597942,
      1932596, 1755205, 1274617, 1001833, 834772}},
    {0x385b75efa910d1,
     make_mixed,
     {700064, 524288, 524288, 524288, 524288, 524288, 2169684, 8388608, 1322401, 2434719, 654540}},
    {0x385b75efa910d1, make_ones, {8388608, 8388608, 4194304}},
    {0x25b468838dcb75,
     make_random,
     {2137407, 1864381, 930059, 2020434, 1187446, 727804, 1502462, 1690474, 1471037, 847082,
      2045521, 2297470, 2249943}},
    {0x25b468838dcb75,
     make_mixed,
     {700064, 524288, 524288, 524288, 524288, 524288, 1100066, 664542, 577058, 8388608, 2515520,
      664542, 577058, 482558}},
    {0x25b468838dcb75, make_ones, {8388608, 8388608, 4194304}},
};

static void check_cuts(const bsi_chunker *chunker, size_t size, const size_t *lengths)
{
    size_t at = 0;

    for (size_t i = 0; i < CUTS_MAX && lengths[i] > 0; i++) {
        size_t length = bsi_chunk_length(chunker, room + at, size - at, 0);
        length = length > 0 ? length : size - at;
        assert_int_equal(length, lengths[i]);
        at += length;
    }
    assert_int_equal(at, size);
}

static void the_cuts_are_those_of_restic(void **state)
{
    size_t (*made)(void) = NULL;
    size_t size = 0;

    (void)state;
    for (size_t kind = 0; kind < 3; kind++) {
        for (size_t i = kind; i < BSI_ARRAY_SIZE(cases); i += 3) {
            bsi_chunker chunker;
            if (cases[i].make != made) {
                made = cases[i].make;
                size = made();
            }
            assert_ok(bsi_chunker_init(&chunker, cases[i].polynomial));
            check_cuts(&chunker, size, cases[i].lengths);
        }
    }
}

/* out[1], out[128] and out[255] as published, one step of x^8 before ours; in[] as it is. */
static void the_tables_are_the_published_ones(void **state)
{
    const uint64_t polynomial = 0x3da3358b4dc173;
    bsi_chunker chunker;

    (void)state;
    assert_ok(bsi_chunker_init(&chunker, polynomial));
    assert_int_equal(chunker.in[1], 0x3da3358b4dc173);
    assert_int_equal(chunker.in[2], 0x46e55e9dd64395);
    assert_int_equal(chunker.in[128], 0x1012ab55b228ad4d);
    assert_int_equal(chunker.in[255], 0x1ff7ac8a5af476a7);
    assert_int_equal(chunker.out[1], bsi_polynomial_multiply(0x17eb4232e19216, 256, polynomial));
    assert_int_equal(chunker.out[128], bsi_polynomial_multiply(0x5b54453ea6b5c, 256, polynomial));
    assert_int_equal(chunker.out[255], bsi_polynomial_multiply(0xb80b98cecc39a, 256, polynomial));
}

static void zeros_are_cut_at_the_minimum(void **state)
{
    bsi_chunker chunker;

    (void)state;
    assert_ok(bsi_chunker_init(&chunker, cases[0].polynomial));
    memset(room, 0, BSI_CHUNK_MIN + 1);
    assert_int_equal(bsi_chunk_length(&chunker, room, BSI_CHUNK_MIN - 1, 0), 0);
    assert_int_equal(bsi_chunk_length(&chunker, room, BSI_CHUNK_MIN, 0), BSI_CHUNK_MIN);
    assert_int_equal(bsi_chunk_length(&chunker, room, BSI_CHUNK_MIN + 1, 0), BSI_CHUNK_MIN);
    assert_int_equal(bsi_chunk_length(&chunker, room, 0, 0), 0);
}

/* The definition: the window's 64 bytes, divided anew at each place. */
static bool is_cut(const uint8_t *end, uint64_t polynomial)
{
    uint64_t digest = 0;

    for (const uint8_t *at = end - BSI_CHUNK_WINDOW; at < end; at++) {
        digest = bsi_polynomial_multiply(digest, 256, polynomial) ^ *at;
    }
    return (digest & (MIB - 1)) == 0;
}

/* A window that is a cut, put at each place around the borders of lanes and rounds. */
static void a_cut_is_found_wherever_it_lies(void **state)
{
    static const size_t around[] = {0, 16384, 32768, 49152, 65536, 131072};
    const uint64_t polynomial = cases[0].polynomial;
    const size_t size = BSI_CHUNK_MIN + 140000;
    uint8_t window[BSI_CHUNK_WINDOW];
    bsi_chunker chunker;

    (void)state;
    assert_ok(bsi_chunker_init(&chunker, polynomial));
    (void)make_random();
    memcpy(window, room + 812253 - BSI_CHUNK_WINDOW, sizeof(window));
    assert_true(is_cut(window + BSI_CHUNK_WINDOW, polynomial));
    for (size_t i = 0; i < BSI_ARRAY_SIZE(around); i++) {
        for (size_t at = BSI_CHUNK_MIN + around[i]; at < BSI_CHUNK_MIN + around[i] + 4; at++) {
            uint8_t saved[BSI_CHUNK_WINDOW];
            uint8_t *const place = room + at - BSI_CHUNK_WINDOW;
            memcpy(saved, place, sizeof(saved));
            memcpy(place, window, sizeof(window));
            assert_int_equal(bsi_chunk_length(&chunker, room, size, 0), at);
            assert_int_equal(bsi_chunk_length(&chunker, room, at, 0), at);
            assert_int_equal(bsi_chunk_length(&chunker, room, at - 1, 0), 0);
            assert_int_equal(bsi_chunk_length(&chunker, room, at, at), at);
            assert_int_equal(bsi_chunk_length(&chunker, room, size, at + 1), 0);
            memcpy(place, saved, sizeof(saved));
        }
    }
}

static void a_polynomial_that_is_none_is_refused(void **state)
{
    static const uint64_t bad[] = {0, 1, 0x3da3358b4dc175, 0x11b, UINT64_MAX};
    bsi_chunker chunker;

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(bad); i++) {
        assert_status(bsi_chunker_init(&chunker, bad[i]), BS_E_CORRUPT);
    }
}

static int setup(void **state)
{
    (void)state;
    room = bsi_alloc(ROOM);
    return room ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    bsi_free(room);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cuts_are_those_of_restic),
        cmocka_unit_test(the_tables_are_the_published_ones),
        cmocka_unit_test(zeros_are_cut_at_the_minimum),
        cmocka_unit_test(a_cut_is_found_wherever_it_lies),
        cmocka_unit_test(a_polynomial_that_is_none_is_refused),
    };

    return cmocka_run_group_tests_name("chunk/chunker", tests, setup, teardown);
}
