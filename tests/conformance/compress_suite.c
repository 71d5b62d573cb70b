/* SPDX-License-Identifier: MIT */
/*
 * What every codec must do. Damage is checked against the rule that decoding
 * either reports it or gives other bytes than the original, and never touches
 * memory beyond what it was given: every buffer here has exactly its size, for
 * the address sanitizer to watch.
 */
#include "support/test.h"

#include "conformance/compress_suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"

enum {
    BUF_MAX = 64 << 20,
    SMALL = 50000,
};

typedef enum content { TEXT, ZEROS, RANDOM } content;

static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static uint8_t *make_content(content kind, size_t size)
{
    uint8_t *data = malloc(size > 0 ? size : 1);
    uint32_t random = 2463534242u;
    size_t at = 0;

    assert_non_null(data);
    memset(data, 0, size);
    while (kind != ZEROS && at < size) {
        const uint32_t value = next_random(&random);
        char word[16];
        const int length = snprintf(word, sizeof(word), "%u, ", value % 5000);
        const size_t part = kind == RANDOM ? sizeof(value) : (size_t)length;
        const size_t room = size - at;

        memcpy(data + at, kind == RANDOM ? (const void *)&value : word, part < room ? part : room);
        at += part;
    }
    return data;
}

static const compress_subject *subject_of(void **state)
{
    return *state;
}

/* Encode one block to memory of exactly the bound's size and append it. */
static void append_block(const bsi_codec *codec, bsi_encoder *encoder, const void *data,
                         size_t size, bool last, bsi_buf *to)
{
    const size_t room = codec->bound(size);
    uint8_t *out = malloc(room > 0 ? room : 1);
    size_t used = 0;

    assert_non_null(out);
    assert_ok(codec->encode(encoder, data, size, last, true, out, &used));
    assert_true(used <= room);
    assert_ok(bsi_buf_append(to, out, used));
    free(out);
}

static void append_trailer(const bsi_codec *codec, bsi_buf *to)
{
    assert_ok(bsi_buf_append(to, codec->trailer, codec->trailer_size));
}

/* One block that is a whole stream. */
static void encode_whole(const bsi_codec *codec, int level, const void *data, size_t size,
                         bsi_buf *to)
{
    bsi_encoder *encoder = NULL;

    assert_ok(codec->encoder_new(level, &encoder));
    append_block(codec, encoder, data, size, true, to);
    append_trailer(codec, to);
    codec->encoder_free(encoder);
}

/*
 * Decode all of `in`, in pieces of at most the given sizes, into `out`. BS_END:
 * the stream ended; BS_OK: the input did; or the failure.
 */
static bs_status decode_pieces(const bsi_codec *codec, bsi_decoder *decoder, const uint8_t *in,
                               size_t in_size, size_t in_step, size_t out_step, bsi_buf *out)
{
    uint8_t *piece_in = malloc(in_step);
    uint8_t *piece_out = malloc(out_step);
    bs_status status = BS_OK;
    size_t at = 0;

    assert_non_null(piece_in);
    assert_non_null(piece_out);
    while (status == BS_OK) {
        const size_t part = in_size - at < in_step ? in_size - at : in_step;
        size_t used = 0;
        size_t got = 0;

        if (part > 0) {
            memcpy(piece_in + in_step - part, in + at, part);
        }
        status = codec->decode(decoder, piece_in + in_step - part, part, &used, piece_out, out_step,
                               &got);
        if (status < 0) {
            break;
        }
        assert_true(used <= part && got <= out_step);
        assert_ok(bsi_buf_append(out, piece_out, got));
        at += used;
        if (status == BS_OK && used == 0 && got == 0) {
            break;
        }
        if (out->size > BUF_MAX / 2) {
            break;
        }
    }
    free(piece_in);
    free(piece_out);
    return status;
}

static bs_status decode_all(const bsi_codec *codec, const bsi_buf *in, size_t in_step,
                            size_t out_step, bsi_buf *out)
{
    bsi_decoder *decoder = NULL;
    bs_status status = BS_OK;

    assert_ok(codec->decoder_new(&decoder));
    status = decode_pieces(codec, decoder, in->data, in->size, in_step, out_step, out);
    codec->decoder_free(decoder);
    return status;
}

static void assert_decodes(const bsi_codec *codec, const bsi_buf *coded, size_t in_step,
                           size_t out_step, const void *data, size_t size)
{
    bsi_buf back;

    bsi_buf_init(&back, BUF_MAX);
    assert_status(decode_all(codec, coded, in_step, out_step, &back), BS_END);
    assert_int_equal(back.size, size);
    if (size > 0) {
        assert_memory_equal(back.data, data, size);
    }
    bsi_buf_dispose(&back);
}

static void round_trip(const bsi_codec *codec, int level, content kind, size_t size)
{
    uint8_t *data = make_content(kind, size);
    bsi_buf coded;

    bsi_buf_init(&coded, BUF_MAX);
    encode_whole(codec, level, data, size, &coded);
    assert_decodes(codec, &coded, 1 << 20, 1 << 20, data, size);
    bsi_buf_dispose(&coded);
    free(data);
}

static void what_goes_in_comes_out(void **state)
{
    const bsi_codec *codec = subject_of(state)->codec;
    const int level = codec->level_default;

    for (int kind = TEXT; kind <= RANDOM; kind++) {
        round_trip(codec, level, (content)kind, 0);
        round_trip(codec, level, (content)kind, 1);
        round_trip(codec, level, (content)kind, 65536);
        round_trip(codec, level, (content)kind, codec->block_size(level) - 1);
        round_trip(codec, level, (content)kind, codec->block_size(level));
    }
}

static void every_level_works(void **state)
{
    const bsi_codec *codec = subject_of(state)->codec;

    assert_in_range(codec->level_default, codec->level_min, codec->level_max);
    for (int level = codec->level_min; level <= codec->level_max; level++) {
        assert_true(codec->block_size(level) > 0);
        for (int kind = TEXT; kind <= RANDOM; kind++) {
            const size_t block = codec->block_size(level);
            round_trip(codec, level, (content)kind, block < 300000 ? block : 300000);
        }
    }
}

static void random_bytes_hardly_grow(void **state)
{
    const bsi_codec *codec = subject_of(state)->codec;
    const size_t size = codec->block_size(codec->level_default);
    uint8_t *data = make_content(RANDOM, size);
    bsi_buf coded;

    bsi_buf_init(&coded, BUF_MAX);
    encode_whole(codec, codec->level_default, data, size, &coded);
    assert_true(coded.size < size + size / 100 + 100);
    bsi_buf_dispose(&coded);
    free(data);
}

static void pieces_of_any_size_decode(void **state)
{
    static const size_t steps[][2] = {{1, SMALL}, {SMALL, 1}, {7, 3}, {1, 1}, {1000, 4096}};
    const bsi_codec *codec = subject_of(state)->codec;
    uint8_t *data = make_content(TEXT, SMALL);
    bsi_buf coded;

    bsi_buf_init(&coded, BUF_MAX);
    encode_whole(codec, codec->level_default, data, SMALL, &coded);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(steps); i++) {
        assert_decodes(codec, &coded, steps[i][0], steps[i][1], data, SMALL);
    }
    bsi_buf_dispose(&coded);
    free(data);
}

/* Blocks of these sizes, one after the other, are one stream; where each begins. */
static const size_t block_sizes[] = {1, 0, 5000, 70000, 13, 200000};
enum { BLOCKS = sizeof(block_sizes) / sizeof(block_sizes[0]) };

static size_t encode_blocks(const bsi_codec *codec, const uint8_t *data, bsi_buf *coded,
                            size_t starts[BLOCKS])
{
    bsi_encoder *encoder = NULL;
    size_t at = 0;

    assert_ok(codec->encoder_new(codec->level_default, &encoder));
    for (size_t i = 0; i < BLOCKS; i++) {
        starts[i] = coded->size;
        append_block(codec, encoder, data + at, block_sizes[i], i + 1 == BLOCKS, coded);
        at += block_sizes[i];
    }
    append_trailer(codec, coded);
    codec->encoder_free(encoder);
    return at;
}

static void blocks_one_after_the_other_are_one_stream(void **state)
{
    const bsi_codec *codec = subject_of(state)->codec;

    for (int kind = TEXT; kind <= RANDOM; kind++) {
        uint8_t *data = make_content((content)kind, 300000);
        size_t starts[BLOCKS];
        bsi_buf coded;

        bsi_buf_init(&coded, BUF_MAX);
        const size_t size = encode_blocks(codec, data, &coded, starts);
        assert_decodes(codec, &coded, 1 << 20, 1 << 20, data, size);
        assert_decodes(codec, &coded, 11, 1000, data, size);
        bsi_buf_dispose(&coded);
        free(data);
    }
}

static void reading_can_begin_at_any_block(void **state)
{
    const bsi_codec *codec = subject_of(state)->codec;
    uint8_t *data = make_content(TEXT, 300000);
    bsi_decoder *decoder = NULL;
    size_t starts[BLOCKS];
    size_t before = 0;
    bsi_buf coded;
    bsi_buf back;

    bsi_buf_init(&coded, BUF_MAX);
    bsi_buf_init(&back, BUF_MAX);
    const size_t size = encode_blocks(codec, data, &coded, starts);
    assert_ok(codec->decoder_new(&decoder));
    for (size_t i = 0; i < BLOCKS; i++) {
        /* Leave the decoder in the middle of something first. */
        bsi_buf_clear(&back);
        (void)decode_pieces(codec, decoder, coded.data, coded.size / 2, 999, 1000, &back);
        codec->decoder_reset(decoder);
        bsi_buf_clear(&back);
        assert_status(decode_pieces(codec, decoder, coded.data + starts[i], coded.size - starts[i],
                                    65536, 65536, &back),
                      BS_END);
        assert_int_equal(back.size, size - before);
        assert_memory_equal(back.data, data + before, back.size);
        before += block_sizes[i];
    }
    codec->decoder_free(decoder);
    bsi_buf_dispose(&coded);
    bsi_buf_dispose(&back);
    free(data);
}

static void the_end_of_a_stream_stops_the_decoder(void **state)
{
    const compress_subject *subject = subject_of(state);
    const bsi_codec *codec = subject->codec;
    bsi_decoder *decoder = NULL;
    uint8_t out[64];
    size_t used = 0;
    size_t got = 0;
    bsi_buf coded;

    bsi_buf_init(&coded, BUF_MAX);
    encode_whole(codec, codec->level_default, "hello", 5, &coded);
    const size_t whole = coded.size;
    encode_whole(codec, codec->level_default, "again", 5, &coded);
    assert_ok(codec->decoder_new(&decoder));
    const bs_status status =
        codec->decode(decoder, coded.data, coded.size, &used, out, sizeof(out), &got);
    if (subject->ends) {
        assert_status(status, BS_END);
        assert_int_equal(used, whole);
        assert_int_equal(got, 5);
        assert_status(codec->decode(decoder, coded.data, coded.size, &used, out, sizeof(out), &got),
                      BS_END);
        assert_int_equal(used + got, 0);
    } else {
        assert_status(status, BS_OK);
        assert_memory_equal(out, "helloagain", 5);
    }
    codec->decoder_free(decoder);
    bsi_buf_dispose(&coded);
}

/* Decode what was tampered with: it must be noticed, by the codec or by comparing. */
static void check_damaged(const compress_subject *subject, const bsi_buf *coded, const void *data,
                          size_t size)
{
    bsi_buf back;
    bs_status status = BS_OK;

    bsi_buf_init(&back, BUF_MAX);
    status = decode_all(subject->codec, coded, 4096, 4096, &back);
    if (status < 0) {
        assert_status(status, BS_E_CORRUPT);
        assert_int_equal(bs_error_last()->layer, BS_LAYER_STORAGE);
    } else if (status == BS_END && subject->finds_damage) {
        /* Only what carries no content may change in silence, such as a name in a gzip header. */
        assert_int_equal(back.size, size);
        assert_memory_equal(back.data, data, size);
    }
    bsi_buf_dispose(&back);
}

static void flipped_bits_are_noticed_or_harmless(void **state)
{
    const compress_subject *subject = subject_of(state);
    uint8_t *data = make_content(TEXT, 3000);
    bsi_buf coded;

    bsi_buf_init(&coded, BUF_MAX);
    encode_whole(subject->codec, subject->codec->level_default, data, 3000, &coded);
    for (size_t bit = 0; bit<coded.size * 8; bit += coded.size> 2000 ? 7 : 3) {
        coded.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        check_damaged(subject, &coded, data, 3000);
        coded.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    bsi_buf_dispose(&coded);
    free(data);
}

static void a_cut_stream_does_not_look_whole(void **state)
{
    const compress_subject *subject = subject_of(state);
    uint8_t *data = make_content(TEXT, 3000);
    bsi_buf coded;

    bsi_buf_init(&coded, BUF_MAX);
    encode_whole(subject->codec, subject->codec->level_default, data, 3000, &coded);
    for (size_t size = 1; size < coded.size; size++) {
        const bsi_buf cut = {coded.data, size, size, size};
        bsi_buf back;

        bsi_buf_init(&back, BUF_MAX);
        const bs_status status = decode_all(subject->codec, &cut, 4096, 4096, &back);
        if (subject->codec != &bsi_codec_store) {
            assert_status(status, BS_OK);
        }
        assert_true(back.size <= 3000);
        assert_true(back.size == 0 || memcmp(back.data, data, back.size) == 0);
        bsi_buf_dispose(&back);
    }
    bsi_buf_dispose(&coded);
    free(data);
}

static void rubbish_is_refused_or_harmless(void **state)
{
    const compress_subject *subject = subject_of(state);

    for (uint32_t seed = 1; seed < 300; seed++) {
        uint32_t random = seed * 2654435761u;
        uint8_t rubbish[256];
        bsi_buf back;
        const bsi_buf in = {rubbish, sizeof(rubbish), sizeof(rubbish), sizeof(rubbish)};

        for (size_t i = 0; i < sizeof(rubbish); i++) {
            rubbish[i] = (uint8_t)next_random(&random);
        }
        bsi_buf_init(&back, BUF_MAX);
        const bs_status status = decode_all(subject->codec, &in, 64, 4096, &back);
        assert_true(status >= 0 || status == BS_E_CORRUPT);
        bsi_buf_dispose(&back);
    }
}

static void more_than_a_block_is_refused(void **state)
{
    const bsi_codec *codec = subject_of(state)->codec;
    const size_t size = codec->block_size(codec->level_default) + 1;
    uint8_t *data = make_content(ZEROS, size);
    uint8_t *out = malloc(codec->bound(size));
    bsi_encoder *encoder = NULL;
    size_t used = 99;

    assert_non_null(out);
    assert_ok(codec->encoder_new(codec->level_default, &encoder));
    assert_status(codec->encode(encoder, data, size, true, true, out, &used), BS_E_INTERNAL);
    assert_int_equal(used, 99);
    codec->encoder_free(encoder);
    free(data);
    free(out);
}

/* Encode and decode with an allocation failing; what came of it. */
static bs_status try_both(const bsi_codec *codec, const uint8_t *data, uint8_t *coded,
                          uint8_t *back)
{
    bsi_encoder *encoder = NULL;
    bsi_decoder *decoder = NULL;
    size_t size = 0;
    size_t used = 0;
    size_t got = 0;
    bs_status status = codec->encoder_new(codec->level_default, &encoder);

    if (status == BS_OK) {
        status = codec->encode(encoder, data, SMALL, false, true, coded, &size);
    }
    if (status == BS_OK) {
        status = codec->decoder_new(&decoder);
    }
    if (status == BS_OK) {
        status = codec->decode(decoder, coded, size, &used, back, SMALL, &got);
    }
    if (status == BS_OK) {
        codec->decoder_reset(decoder);
        status = codec->decode(decoder, coded, size, &used, back, SMALL, &got);
    }
    if (decoder) {
        codec->decoder_free(decoder);
    }
    codec->encoder_free(encoder);
    return status;
}

static void every_failing_allocation_is_survived(void **state)
{
    const bsi_codec *codec = subject_of(state)->codec;
    uint8_t *data = make_content(TEXT, SMALL);
    uint8_t *coded = malloc(codec->bound(SMALL));
    uint8_t *back = malloc(SMALL);
    bool failed = true;

    assert_non_null(coded);
    assert_non_null(back);
    for (long n = 0; failed; n++) {
        assert_true(n < 1000);
        bsi_alloc_fail_after(n);
        const bs_status status = try_both(codec, data, coded, back);
        failed = bsi_alloc_has_failed();
        bsi_alloc_fail_after(-1);
        assert_status(status, failed ? BS_E_NOMEM : BS_OK);
    }
    assert_memory_equal(back, data, SMALL);
    free(data);
    free(coded);
    free(back);
}

static void write_file(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wbe");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void an_ordinary_program_reads_it(void **state)
{
    const compress_subject *subject = subject_of(state);
    char path[] = "/tmp/compress-suite-XXXXXX";
    char line[512];
    size_t starts[BLOCKS];
    uint8_t *data = make_content(TEXT, 300000);
    uint8_t *back = malloc(300001);
    bsi_buf coded;

    assert_non_null(back);
    bsi_buf_init(&coded, BUF_MAX);
    const size_t size = encode_blocks(subject->codec, data, &coded, starts);
    const int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    write_file(path, coded.data, coded.size);
    (void)snprintf(line, sizeof(line), "%s <%s", subject->command, path);
    FILE *pipe = popen(line, "re");
    assert_non_null(pipe);
    assert_int_equal(fread(back, 1, 300001, pipe), size);
    assert_int_equal(pclose(pipe), 0);
    assert_memory_equal(back, data, size);
    assert_int_equal(remove(path), 0);
    bsi_buf_dispose(&coded);
    free(data);
    free(back);
}

int compress_suite_run(const compress_subject *subject)
{
    void *state = (void *)(uintptr_t)subject;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(what_goes_in_comes_out, state),
        cmocka_unit_test_prestate(every_level_works, state),
        cmocka_unit_test_prestate(random_bytes_hardly_grow, state),
        cmocka_unit_test_prestate(pieces_of_any_size_decode, state),
        cmocka_unit_test_prestate(blocks_one_after_the_other_are_one_stream, state),
        cmocka_unit_test_prestate(reading_can_begin_at_any_block, state),
        cmocka_unit_test_prestate(the_end_of_a_stream_stops_the_decoder, state),
        cmocka_unit_test_prestate(flipped_bits_are_noticed_or_harmless, state),
        cmocka_unit_test_prestate(a_cut_stream_does_not_look_whole, state),
        cmocka_unit_test_prestate(rubbish_is_refused_or_harmless, state),
        cmocka_unit_test_prestate(more_than_a_block_is_refused, state),
        cmocka_unit_test_prestate(every_failing_allocation_is_survived, state),
        cmocka_unit_test_prestate(an_ordinary_program_reads_it, state),
    };

    print_message("# codec %s\n", subject->codec->name);
    return cmocka_run_group_tests_name(subject->codec->name, tests, NULL, NULL);
}
