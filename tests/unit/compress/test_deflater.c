/* SPDX-License-Identifier: MIT */
#include "compress/deflater.h"

#include <stdlib.h>
#include <string.h>

#include "compress/codec.h"
#include "support/test.h"

enum { SIZE = 1 << 20, TEXT_SIZE = 300 << 10 };

static const bsi_codec *const codecs[] = {&bsi_codec_gzip, &bsi_codec_deflate};

static void fill_with_noise(uint8_t *block, size_t size)
{
    uint64_t state = 88172645463325252U;

    for (size_t i = 0; i < size; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        block[i] = (uint8_t)(state >> 32);
    }
}

/* Encodes, and decodes again to see that it is the block. */
static size_t encoded_size(const bsi_codec *codec, const uint8_t *block, bool last)
{
    uint8_t *out = malloc(codec->bound(SIZE));
    bsi_encoder *encoder = NULL;
    size_t size = 0;

    assert_non_null(out);
    assert_ok(codec->encoder_new(codec->level_default, &encoder));
    assert_ok(codec->encode(encoder, block, SIZE, last, true, out, &size));
    codec->encoder_free(encoder);
    free(out);
    return size;
}

static void stores_noise_almost_as_it_is(void **state)
{
    uint8_t *block = malloc(SIZE);

    (void)state;
    assert_non_null(block);
    fill_with_noise(block, SIZE);
    for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++) {
        assert_in_range(encoded_size(codecs[i], block, true), SIZE, SIZE + SIZE / 1000);
        assert_in_range(encoded_size(codecs[i], block, false), SIZE, SIZE + SIZE / 1000);
    }
    free(block);
}

static void compresses_what_lies_within_noise(void **state)
{
    uint8_t *block = malloc(SIZE);

    (void)state;
    assert_non_null(block);
    for (size_t at = 0; at + TEXT_SIZE <= SIZE; at += TEXT_SIZE) {
        fill_with_noise(block, SIZE);
        memset(block + at, 'x', TEXT_SIZE);
        for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++) {
            assert_in_range(encoded_size(codecs[i], block, true), 0, SIZE - TEXT_SIZE + SIZE / 100);
        }
    }
    free(block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stores_noise_almost_as_it_is),
        cmocka_unit_test(compresses_what_lies_within_noise),
    };

    return cmocka_run_group_tests_name("compress/deflater", tests, NULL, NULL);
}
