/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "repo/unpacked.h"

enum { ROOM = 64 * 1024 * 1024 };

static void assert_decodes(uint32_t version, bsi_slice in, bsi_slice expected)
{
    bsi_buf out;

    bsi_buf_init(&out, ROOM);
    assert_ok(bsi_unpacked_decode(version, in, &out));
    assert_int_equal(out.size, expected.size);
    assert_memory_equal(out.data, expected.data, out.size);
    bsi_buf_dispose(&out);
}

static void version_1_is_the_text_itself(void **state)
{
    const bsi_slice text = bsi_slice_of("{\"a\":1}");
    bsi_buf out;

    (void)state;
    bsi_buf_init(&out, ROOM);
    assert_ok(bsi_unpacked_encode(1, text, &out));
    assert_int_equal(out.size, text.size);
    assert_memory_equal(out.data, text.data, text.size);
    assert_decodes(1, bsi_buf_slice(&out), text);
    bsi_buf_dispose(&out);
}

/* Longer than one frame of ours. */
static void version_2_is_compressed_whatever_the_length(void **state)
{
    static const size_t sizes[] = {
        1, 100, 255, 256, 65536, 8 * 1024 * 1024, 8 * 1024 * 1024 + 1, 17 * 1024 * 1024};

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(sizes); i++) {
        char *text = malloc(sizes[i]);
        bsi_buf out;
        assert_non_null(text);
        memset(text, 'x', sizes[i]);
        bsi_buf_init(&out, ROOM);
        assert_ok(bsi_unpacked_encode(2, (bsi_slice){text, sizes[i]}, &out));
        assert_int_equal(out.data[0], 2);
        assert_decodes(2, bsi_buf_slice(&out), (bsi_slice){text, sizes[i]});
        bsi_buf_dispose(&out);
        free(text);
    }
}

static void version_2_may_be_the_text_itself_too(void **state)
{
    (void)state;
    assert_decodes(2, bsi_slice_of("{}"), bsi_slice_of("{}"));
    assert_decodes(2, bsi_slice_of("[1]"), bsi_slice_of("[1]"));
}

/* As restic writes short ones. */
static void a_frame_need_not_tell_its_length(void **state)
{
    char frame[256] = {2};
    ZSTD_CCtx *context = ZSTD_createCCtx();
    size_t size = 0;

    (void)state;
    (void)ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
    size = ZSTD_compress2(context, frame + 1, sizeof(frame) - 1, "{\"a\":1}", 7);
    assert_false(ZSTD_isError(size));
    assert_true(ZSTD_getFrameContentSize(frame + 1, size) == ZSTD_CONTENTSIZE_UNKNOWN);
    assert_decodes(2, (bsi_slice){frame, size + 1}, bsi_slice_of("{\"a\":1}"));
    ZSTD_freeCCtx(context);
}

static void anything_else_is_refused(void **state)
{
    static const struct {
        uint32_t version;
        const char *text;
    } cases[] = {{1, ""},  {1, "\x02x"}, {1, "x"},     {2, ""},
                 {2, "x"}, {2, "\x01"},  {2, "\x02x"}, {2, " {}"}};

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        bsi_buf out;
        bsi_buf_init(&out, ROOM);
        assert_status(bsi_unpacked_decode(cases[i].version, bsi_slice_of(cases[i].text), &out),
                      BS_E_CORRUPT);
        assert_int_equal(bs_error_last()->layer, BS_LAYER_STORAGE);
        bsi_buf_dispose(&out);
    }
}

static void a_cut_frame_is_found(void **state)
{
    bsi_buf whole;

    (void)state;
    bsi_buf_init(&whole, ROOM);
    assert_ok(bsi_unpacked_encode(2, bsi_slice_of("{\"a\":1,\"b\":[1,2,3,4,5]}"), &whole));
    for (size_t size = 2; size < whole.size; size++) {
        bsi_buf out;
        bsi_buf_init(&out, ROOM);
        assert_status(bsi_unpacked_decode(2, (bsi_slice){(const char *)whole.data, size}, &out),
                      BS_E_CORRUPT);
        bsi_buf_dispose(&out);
    }
    bsi_buf_dispose(&whole);
}

/* Some hundred bytes that stand for 16 MiB. */
static void no_more_is_decoded_than_the_buffer_may_hold(void **state)
{
    const size_t size = (size_t)16 * 1024 * 1024;
    char *text = calloc(1, size);
    bsi_buf bomb;
    bsi_buf out;

    (void)state;
    assert_non_null(text);
    bsi_buf_init(&bomb, ROOM);
    bsi_buf_init(&out, 100000);
    assert_ok(bsi_unpacked_encode(2, (bsi_slice){text, size}, &bomb));
    assert_true(bomb.size < 4096);
    assert_status(bsi_unpacked_decode(2, bsi_buf_slice(&bomb), &out), BS_E_LIMIT);
    assert_true(out.capacity <= 100000);
    bsi_buf_dispose(&out);
    bsi_buf_dispose(&bomb);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_1_is_the_text_itself),
        cmocka_unit_test(version_2_is_compressed_whatever_the_length),
        cmocka_unit_test(version_2_may_be_the_text_itself_too),
        cmocka_unit_test(a_frame_need_not_tell_its_length),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(a_cut_frame_is_found),
        cmocka_unit_test(no_more_is_decoded_than_the_buffer_may_hold),
    };

    return cmocka_run_group_tests_name("repo/unpacked", tests, NULL, NULL);
}
