/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "compress/zstd_frame.h"
#include "support/hex.h"

enum { ROOM = 9 * 1024 * 1024 };

/* "content\n" as one raw block, in a frame that does not tell how many bytes it has. */
static const char without_size[] = "28b52ffd0000410000636f6e74656e740a";
/* 128 KiB of 'a' as one repeated byte, likewise, under a window of 128 KiB. */
static const char repeated[] = "28b52ffd003803001061";

static void fill(uint8_t *bytes, size_t size)
{
    uint32_t seed = 1;

    for (size_t i = 0; i < size; i++) {
        seed = seed * 1664525 + 1013904223;
        bytes[i] = i % 4096 < 2048 ? (uint8_t)(seed >> 24) : (uint8_t)(i >> 8);
    }
}

static void check_round(bsi_zstd_frames *frames, const uint8_t *data, size_t size)
{
    uint8_t *frame = malloc(bsi_zstd_frame_bound(size));
    uint8_t *back = malloc(size + 1);
    size_t used = 0;

    assert_true(frame && back);
    assert_ok(bsi_zstd_frame_encode(frames, data, size, frame, &used));
    assert_true(used <= bsi_zstd_frame_bound(size));
    assert_ok(bsi_zstd_frame_decode(frames, frame, used, back, size));
    assert_memory_equal(back, data, size);
    assert_status(bsi_zstd_frame_decode(frames, frame, used, back, size + 1), BS_E_CORRUPT);
    assert_status(bsi_zstd_frame_decode(frames, frame, used, back, size - 1), BS_E_CORRUPT);
    free(frame);
    free(back);
}

static void what_was_encoded_decodes_at_every_level(void **state)
{
    static const size_t sizes[] = {1, 255, 256, 65791, 65792, 524288, 524289, ROOM};
    uint8_t *data = malloc(ROOM);

    (void)state;
    assert_non_null(data);
    fill(data, ROOM);
    for (int level = BSI_ZSTD_FRAME_LEVEL_MIN; level <= BSI_ZSTD_FRAME_LEVEL_DEFAULT; level++) {
        bsi_zstd_frames *frames = NULL;
        assert_ok(bsi_zstd_frames_new(level, &frames));
        for (size_t i = 0; i < BSI_ARRAY_SIZE(sizes); i++) {
            check_round(frames, data, sizes[i]);
        }
        bsi_zstd_frames_free(frames);
    }
    free(data);
}

static bs_status decode_hex(const char *hex, size_t size, uint8_t *out)
{
    uint8_t frame[64];
    const size_t frame_size = hex_bytes(hex, frame, sizeof(frame));
    bsi_zstd_frames *frames = NULL;
    bs_status status = BS_OK;

    assert_ok(bsi_zstd_frames_new(BSI_ZSTD_FRAME_LEVEL_DEFAULT, &frames));
    status = bsi_zstd_frame_decode(frames, frame, frame_size, out, size);
    bsi_zstd_frames_free(frames);
    return status;
}

static void a_frame_need_not_tell_its_size(void **state)
{
    uint8_t out[9] = {0};

    (void)state;
    assert_ok(decode_hex(without_size, 8, out));
    assert_string_equal((const char *)out, "content\n");
    assert_status(decode_hex(without_size, 7, out), BS_E_CORRUPT);
    assert_status(decode_hex(without_size, 9, out), BS_E_CORRUPT);
}

static void more_than_was_said_is_not_written(void **state)
{
    uint8_t *out = malloc(128 * 1024);

    (void)state;
    assert_non_null(out);
    assert_ok(decode_hex(repeated, 128 * 1024, out));
    assert_int_equal(out[128 * 1024 - 1], 'a');
    memset(out, 0, 128 * 1024);
    assert_status(decode_hex(repeated, 1000, out), BS_E_CORRUPT);
    assert_int_equal(out[1000], 0);
    free(out);
}

static void what_is_not_exactly_one_frame_is_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "28b52ffd",
        "28b52ffd0000410000636f6e74656e74",     /* Its last byte is missing. */
        "28b52ffd0000410000636f6e74656e740a00", /* There is one more. */
        "28b52ffd0000410000636f6e74656e740a28b52ffd0000410000636f6e74656e740a",
        "502a4d1800000000",                   /* A frame that is skipped. */
        "28b52ffd0000470000636f6e74656e740a", /* A type of block that there is not. */
        "28b52ffd0100410000636f6e74656e740a", /* With a dictionary. */
        "29b52ffd0000410000636f6e74656e740a",
    };
    uint8_t out[64];

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        print_message("# %s\n", cases[i]);
        assert_status(decode_hex(cases[i], 8, out), BS_E_CORRUPT);
        assert_int_equal(bs_error_last()->layer, BS_LAYER_STORAGE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_encoded_decodes_at_every_level),
        cmocka_unit_test(a_frame_need_not_tell_its_size),
        cmocka_unit_test(more_than_was_said_is_not_written),
        cmocka_unit_test(what_is_not_exactly_one_frame_is_refused),
    };

    return cmocka_run_group_tests_name("compress/zstd_frame", tests, NULL, NULL);
}
