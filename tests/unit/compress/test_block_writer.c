/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "compress/block_reader.h"
#include "compress/block_writer.h"

/*
 * A codec that shows what it was given: each block becomes '[', its bytes and
 * ']' or, when it is the last one, '.'. A block that begins with 'X' fails.
 */
enum { TINY_BLOCK = 8 };

static atomic_int encoders;
static bs_status tiny_failure = BS_E_INTERNAL;

static size_t tiny_block_size(int level)
{
    (void)level;
    return TINY_BLOCK;
}

static size_t tiny_bound(size_t size)
{
    return size + 2;
}

struct bsi_encoder {
    char unused;
};

static bs_status tiny_encoder_new(int level, bsi_encoder **out)
{
    (void)level;
    *out = bsi_alloc(sizeof(bsi_encoder));
    if (!*out) {
        return BS_E_NOMEM;
    }
    atomic_fetch_add(&encoders, 1);
    return BS_OK;
}

static void tiny_encoder_free(bsi_encoder *encoder)
{
    atomic_fetch_sub(&encoders, 1);
    bsi_free(encoder);
}

static bs_status tiny_encode(bsi_encoder *encoder, const void *data, size_t size, bool last,
                             bool verify, void *out, size_t *size_out)
{
    char *text = out;

    (void)encoder;
    (void)verify;
    if (size > 0 && *(const char *)data == 'X') {
        return bsi_fail(BS_LAYER_STORAGE, tiny_failure, "a block with X");
    }
    text[0] = '[';
    memcpy(text + 1, data, size);
    text[size + 1] = last ? '.' : ']';
    *size_out = size + 2;
    return BS_OK;
}

static const bsi_codec tiny_codec = {
    .name = "tiny",
    .level_min = 1,
    .level_max = 1,
    .level_default = 1,
    .block_size = tiny_block_size,
    .bound = tiny_bound,
    .encoder_new = tiny_encoder_new,
    .encoder_free = tiny_encoder_free,
    .encode = tiny_encode,
    .trailer = "$",
    .trailer_size = 1,
};

/* What came out: the bytes, and where each segment began. */
typedef struct output {
    bsi_buf bytes;
    uint64_t next;
    uint64_t raw;
    uint32_t starts[1000];
    size_t fail_at; /* Refuse data from this many bytes on. */
} output;

static bs_status on_segment(void *user, uint64_t segment, uint64_t raw_size, uint64_t stored_size)
{
    output *got = user;

    (void)stored_size;
    assert_int_equal(segment, got->next);
    if (segment < 1000) {
        got->starts[segment] = (uint32_t)got->bytes.size;
    }
    got->next++;
    got->raw += raw_size;
    return BS_OK;
}

static bs_status on_data(void *user, const void *data, size_t size)
{
    output *got = user;

    assert_true(size > 0);
    if (got->bytes.size + size > got->fail_at) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_NO_SPACE, "the sink is full");
    }
    return bsi_buf_append(&got->bytes, data, size);
}

typedef struct fixture {
    bsi_pool *pool;
    output got;
    bsi_cancel cancel;
    bs_call call;
    bsi_block_writer *writer;
} fixture;

static void begin_codec(fixture *f, const bsi_codec *codec, unsigned threads, bool verify)
{
    memset(f, 0, sizeof(*f));
    bsi_buf_init(&f->got.bytes, 64 << 20);
    f->got.fail_at = SIZE_MAX;
    f->call.cancel = &f->cancel;
    assert_ok(bsi_pool_new(threads, &f->pool));
    const bsi_block_options options = {codec, codec->level_default, verify, f->pool, &f->call};
    const bsi_block_sink sink = {.segment = on_segment, .data = on_data, .user = &f->got};
    assert_ok(bsi_block_writer_new(&options, &sink, &f->writer));
}

static void begin(fixture *f, unsigned threads)
{
    begin_codec(f, &tiny_codec, threads, false);
}

static void end(fixture *f)
{
    bsi_block_writer_free(f->writer);
    bsi_pool_free(f->pool);
    bsi_buf_dispose(&f->got.bytes);
    assert_int_equal(atomic_load(&encoders), 0);
}

static void put(fixture *f, const char *text)
{
    assert_ok(bsi_block_writer_write(f->writer, text, strlen(text)));
}

static void assert_output(const fixture *f, const char *text)
{
    assert_int_equal(f->got.bytes.size, strlen(text));
    assert_memory_equal(f->got.bytes.data, text, strlen(text));
}

static void a_stream_is_cut_into_blocks_in_order(void **state)
{
    (void)state;
    for (unsigned threads = 0; threads < 4; threads++) {
        fixture f;
        begin(&f, threads);
        put(&f, "abc");
        put(&f, "defghijklmnopqrs");
        put(&f, "t");
        assert_ok(bsi_block_writer_finish(f.writer));
        assert_output(&f, "[abcdefgh][ijklmnop][qrst.$");
        assert_int_equal(f.got.raw, 20);
        end(&f);
    }
}

static void a_full_block_may_be_the_last(void **state)
{
    fixture f;

    (void)state;
    begin(&f, 2);
    put(&f, "abcdefgh");
    assert_ok(bsi_block_writer_finish(f.writer));
    assert_output(&f, "[abcdefgh.$");
    end(&f);
}

static void nothing_written_gives_an_empty_stream(void **state)
{
    fixture f;

    (void)state;
    begin(&f, 1);
    assert_ok(bsi_block_writer_finish(f.writer));
    assert_output(&f, "[.$");
    end(&f);
}

static void cuts_end_segments_and_streams(void **state)
{
    fixture f;

    (void)state;
    begin(&f, 2);
    assert_ok(bsi_block_writer_cut(f.writer, false));
    put(&f, "ab");
    assert_ok(bsi_block_writer_cut(f.writer, false));
    assert_ok(bsi_block_writer_cut(f.writer, false));
    put(&f, "cd");
    assert_ok(bsi_block_writer_cut(f.writer, true));
    assert_ok(bsi_block_writer_cut(f.writer, true));
    put(&f, "efghijklmn");
    assert_ok(bsi_block_writer_cut(f.writer, false));
    assert_ok(bsi_block_writer_cut(f.writer, true));
    assert_ok(bsi_block_writer_finish(f.writer));
    assert_output(&f, "[ab][cd.$[.$[efgh][ijklmn][.$");
    end(&f);
}

static void finish_after_a_stream_adds_none(void **state)
{
    fixture f;

    (void)state;
    begin(&f, 1);
    put(&f, "ab");
    assert_ok(bsi_block_writer_cut(f.writer, true));
    assert_ok(bsi_block_writer_finish(f.writer));
    assert_output(&f, "[ab.$");
    end(&f);
}

static void tell_names_the_place_of_the_next_byte(void **state)
{
    fixture f;
    uint64_t segment = 9;
    uint64_t skip = 9;

    (void)state;
    begin(&f, 1);
    bsi_block_writer_tell(f.writer, &segment, &skip);
    assert_true(segment == 0 && skip == 0);
    put(&f, "abc");
    bsi_block_writer_tell(f.writer, &segment, &skip);
    assert_true(segment == 0 && skip == 3);
    put(&f, "defgh");
    bsi_block_writer_tell(f.writer, &segment, &skip);
    assert_true(segment == 1 && skip == 0);
    put(&f, "i");
    assert_ok(bsi_block_writer_cut(f.writer, false));
    bsi_block_writer_tell(f.writer, &segment, &skip);
    assert_true(segment == 2 && skip == 0);
    put(&f, "jk");
    bsi_block_writer_tell(f.writer, &segment, &skip);
    assert_true(segment == 2 && skip == 2);
    assert_ok(bsi_block_writer_finish(f.writer));
    assert_int_equal(f.got.starts[1], 10);
    assert_int_equal(f.got.starts[2], 13);
    end(&f);
}

static void blocks_can_be_filled_in_place(void **state)
{
    fixture f;
    size_t left = 100;

    (void)state;
    begin(&f, 2);
    while (left > 0) {
        void *room = NULL;
        size_t size = 0;

        assert_ok(bsi_block_writer_space(f.writer, &room, &size));
        assert_true(size > 0 && size <= TINY_BLOCK);
        size = size > 3 ? 3 : size;
        size = size > left ? left : size;
        memset(room, 'x', size);
        assert_ok(bsi_block_writer_commit(f.writer, size));
        left -= size;
    }
    assert_ok(bsi_block_writer_finish(f.writer));
    assert_int_equal(f.got.raw, 100);
    assert_int_equal(f.got.next, 13);
    end(&f);
}

static void committing_more_than_there_is_fails(void **state)
{
    fixture f;
    void *room = NULL;
    size_t size = 0;

    (void)state;
    begin(&f, 1);
    assert_ok(bsi_block_writer_space(f.writer, &room, &size));
    assert_status(bsi_block_writer_commit(f.writer, size + 1), BS_E_INTERNAL);
    end(&f);
}

static void many_short_streams_keep_their_order(void **state)
{
    fixture f;
    char wanted[32];

    (void)state;
    begin(&f, 3);
    for (int i = 0; i < 1000; i++) {
        char text[8];
        (void)snprintf(text, sizeof(text), "%d", i);
        put(&f, text);
        assert_ok(bsi_block_writer_cut(f.writer, true));
    }
    assert_ok(bsi_block_writer_finish(f.writer));
    assert_int_equal(f.got.next, 1000);
    for (int i = 0; i < 1000; i++) {
        const size_t size = (size_t)snprintf(wanted, sizeof(wanted), "[%d.$", i);
        assert_memory_equal(f.got.bytes.data + f.got.starts[i], wanted, size);
    }
    end(&f);
}

/* Writes until it fails. */
static bs_status write_on(fixture *f, const char *text)
{
    for (int i = 0; i < 1000; i++) {
        BSI_TRY(bsi_block_writer_write(f->writer, text, strlen(text)));
    }
    return bsi_block_writer_finish(f->writer);
}

static void a_failed_sink_ends_the_writer(void **state)
{
    fixture f;

    (void)state;
    for (unsigned threads = 0; threads < 3; threads++) {
        begin(&f, threads);
        f.got.fail_at = 55;
        assert_status(write_on(&f, "abcdefgh"), BS_E_NO_SPACE);
        assert_string_equal(bs_error_last()->message, "the sink is full");
        assert_int_equal(f.got.bytes.size, 50);
        (void)bsi_fail(BS_LAYER_SYSTEM, BS_E_IO, "something else");
        assert_status(bsi_block_writer_write(f.writer, "x", 1), BS_E_NO_SPACE);
        assert_string_equal(bs_error_last()->message, "the sink is full");
        assert_status(bsi_block_writer_finish(f.writer), BS_E_NO_SPACE);
        end(&f);
    }
}

/* A sink that reads what it was given no sooner than it must. */
typedef struct late_sink {
    bsi_buf bytes;
    const void *data[200];
    size_t sizes[200];
    uint64_t given;
    uint64_t taken;
    uint64_t fail_at; /* Number of the bytes that cannot be taken. */
} late_sink;

static bs_status late_data(void *user, const void *data, size_t size)
{
    late_sink *got = user;

    assert_true(got->given < 200);
    got->data[got->given] = data;
    got->sizes[got->given] = size;
    got->given++;
    return BS_OK;
}

static uint64_t late_mark(void *user)
{
    const late_sink *got = user;

    return got->given;
}

static bs_status late_settle(void *user, uint64_t mark)
{
    late_sink *got = user;

    for (; got->taken < mark; got->taken++) {
        if (got->taken == got->fail_at) {
            return bsi_fail(BS_LAYER_STORAGE, BS_E_NO_SPACE, "the sink is full");
        }
        BSI_TRY(bsi_buf_append(&got->bytes, got->data[got->taken], got->sizes[got->taken]));
    }
    return BS_OK;
}

/* A hundred blocks, each different, to a sink that waits. */
static bs_status write_late(late_sink *got, unsigned threads)
{
    bsi_block_options options = {.codec = &tiny_codec, .level = 1};
    const bsi_block_sink sink = {
        .data = late_data, .user = got, .mark = late_mark, .settle = late_settle};
    bsi_block_writer *writer = NULL;
    bs_status status = BS_OK;

    assert_ok(bsi_pool_new(threads, &options.pool));
    assert_ok(bsi_block_writer_new(&options, &sink, &writer));
    for (int i = 0; i < 100 && status == BS_OK; i++) {
        char text[TINY_BLOCK + 1];
        (void)snprintf(text, sizeof(text), "%08d", i);
        status = bsi_block_writer_write(writer, text, TINY_BLOCK);
    }
    if (status == BS_OK) {
        status = bsi_block_writer_finish(writer);
    }
    if (status == BS_OK) {
        status = late_settle(got, got->given);
    }
    bsi_block_writer_free(writer);
    bsi_pool_free(options.pool);
    return status;
}

static void memory_is_not_used_again_before_the_sink_has_settled(void **state)
{
    (void)state;
    for (unsigned threads = 0; threads < 4; threads++) {
        late_sink got = {.fail_at = UINT64_MAX};
        char wanted[16];

        bsi_buf_init(&got.bytes, 1 << 20);
        assert_ok(write_late(&got, threads));
        assert_int_equal(got.bytes.size, 1001);
        for (int i = 0; i < 100; i++) {
            const size_t place = (size_t)i * 10;
            (void)snprintf(wanted, sizeof(wanted), "[%08d%s", i, i < 99 ? "]" : ".");
            assert_memory_equal(got.bytes.data + place, wanted, 10);
        }
        bsi_buf_dispose(&got.bytes);
    }
}

static void a_sink_that_cannot_settle_ends_the_writer(void **state)
{
    (void)state;
    for (unsigned threads = 0; threads < 3; threads++) {
        late_sink got = {.fail_at = 20};

        bsi_buf_init(&got.bytes, 1 << 20);
        assert_status(write_late(&got, threads), BS_E_NO_SPACE);
        assert_true(got.given < 100);
        bsi_buf_dispose(&got.bytes);
    }
}

static void a_failed_block_ends_the_writer_with_its_error(void **state)
{
    fixture f;

    (void)state;
    for (unsigned threads = 0; threads < 3; threads++) {
        begin(&f, threads);
        put(&f, "abcdefgh");
        put(&f, "Xbcdefgh");
        assert_status(write_on(&f, "ijklmnop"), BS_E_INTERNAL);
        assert_string_equal(bs_error_last()->message, "a block with X");
        assert_int_equal(bs_error_last()->layer, BS_LAYER_STORAGE);
        assert_output(&f, "[abcdefgh]");
        end(&f);
    }
}

static void a_cancelled_call_ends_the_writer(void **state)
{
    fixture f;

    (void)state;
    for (unsigned threads = 0; threads < 3; threads++) {
        begin(&f, threads);
        put(&f, "abcdefghi");
        bsi_cancel_request(&f.cancel);
        assert_status(write_on(&f, "abcdefgh"), BS_E_CANCELLED);
        end(&f);
    }
}

static void a_writer_may_be_freed_at_any_time(void **state)
{
    fixture f;

    (void)state;
    for (int i = 0; i < 200; i++) {
        begin(&f, 2);
        for (int n = 0; n < i % 20; n++) {
            put(&f, "abcdefgh");
        }
        end(&f);
    }
    bsi_block_writer_free(NULL);
}

static bs_status make_and_write(bsi_pool *pool, output *got)
{
    const bsi_block_options options = {&tiny_codec, 1, true, pool, NULL};
    const bsi_block_sink sink = {.data = on_data, .user = got};
    bsi_block_writer *writer = NULL;
    bs_status status = bsi_block_writer_new(&options, &sink, &writer);

    for (int i = 0; i < 10 && status == BS_OK; i++) {
        status = bsi_block_writer_write(writer, "abcdefgh", 8);
    }
    if (status == BS_OK) {
        status = bsi_block_writer_finish(writer);
    }
    bsi_block_writer_free(writer);
    return status;
}

static void every_failing_allocation_is_survived(void **state)
{
    bs_status status = BS_E_NOMEM;

    (void)state;
    for (unsigned threads = 0; threads < 2; threads++) {
        bsi_pool *pool = NULL;
        assert_ok(bsi_pool_new(threads, &pool));
        for (long n = 0;; n++) {
            output got = {.fail_at = SIZE_MAX};
            bsi_buf_init(&got.bytes, 1 << 20);
            bsi_alloc_fail_after(n);
            status = make_and_write(pool, &got);
            const bool failed = bsi_alloc_has_failed();
            bsi_alloc_fail_after(-1);
            bsi_buf_dispose(&got.bytes);
            assert_status(status, failed ? BS_E_NOMEM : BS_OK);
            assert_int_equal(atomic_load(&encoders), 0);
            if (!failed) {
                break;
            }
        }
        bsi_pool_free(pool);
    }
}

static bs_status read_from(void *user, uint64_t offset, void *buf, size_t size)
{
    const bsi_buf *bytes = user;

    assert_true(offset + size <= bytes->size);
    memcpy(buf, bytes->data + offset, size);
    return BS_OK;
}

/* Numbers as text: compressible, and different everywhere. */
static char *make_text(size_t size)
{
    char *text = malloc(size + 16);
    size_t at = 0;

    assert_non_null(text);
    for (unsigned i = 0; at < size; i++) {
        at += (size_t)snprintf(text + at, 16, "%u ", i * 7919u);
    }
    return text;
}

static void check_codec(const bsi_codec *codec)
{
    const size_t size = 5 << 20;
    char *text = make_text(size);
    char *back = malloc(size);
    bsi_block_reader *reader = NULL;
    size_t got = 0;
    uint64_t segment = 0;
    uint64_t skip = 0;
    fixture f;

    assert_non_null(back);
    begin_codec(&f, codec, 2, true);
    assert_ok(bsi_block_writer_write(f.writer, text, 3000000));
    bsi_block_writer_tell(f.writer, &segment, &skip);
    assert_ok(bsi_block_writer_write(f.writer, text + 3000000, size - 3000000));
    assert_ok(bsi_block_writer_finish(f.writer));
    const bsi_block_source source = {read_from, &f.got.bytes, f.got.bytes.size};
    assert_ok(bsi_block_reader_new(codec, &source, &reader));
    assert_ok(bsi_block_reader_start(reader, 0));
    assert_ok(bsi_block_reader_read(reader, back, size));
    assert_memory_equal(text, back, size);
    assert_status(bsi_block_reader_read_some(reader, back, 1, &got), BS_END);
    assert_ok(bsi_block_reader_start(reader, f.got.starts[segment]));
    assert_ok(bsi_block_reader_skip(reader, skip));
    assert_ok(bsi_block_reader_read(reader, back, 1000000));
    assert_memory_equal(text + 3000000, back, 1000000);
    assert_status(bsi_block_reader_skip(reader, size), BS_E_CORRUPT);
    assert_status(bsi_block_reader_start(reader, source.size + 1), BS_E_CORRUPT);
    bsi_block_reader_free(reader);
    end(&f);
    free(text);
    free(back);
}

static void a_reader_gets_every_codec_back_from_any_segment(void **state)
{
    (void)state;
    check_codec(&bsi_codec_store);
    check_codec(&bsi_codec_gzip);
    check_codec(&bsi_codec_bzip2);
    check_codec(&bsi_codec_zstd);
    check_codec(&bsi_codec_deflate);
    check_codec(&bsi_codec_lzma2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_is_cut_into_blocks_in_order),
        cmocka_unit_test(a_full_block_may_be_the_last),
        cmocka_unit_test(nothing_written_gives_an_empty_stream),
        cmocka_unit_test(cuts_end_segments_and_streams),
        cmocka_unit_test(finish_after_a_stream_adds_none),
        cmocka_unit_test(tell_names_the_place_of_the_next_byte),
        cmocka_unit_test(blocks_can_be_filled_in_place),
        cmocka_unit_test(committing_more_than_there_is_fails),
        cmocka_unit_test(many_short_streams_keep_their_order),
        cmocka_unit_test(a_failed_sink_ends_the_writer),
        cmocka_unit_test(memory_is_not_used_again_before_the_sink_has_settled),
        cmocka_unit_test(a_sink_that_cannot_settle_ends_the_writer),
        cmocka_unit_test(a_failed_block_ends_the_writer_with_its_error),
        cmocka_unit_test(a_cancelled_call_ends_the_writer),
        cmocka_unit_test(a_writer_may_be_freed_at_any_time),
        cmocka_unit_test(every_failing_allocation_is_survived),
        cmocka_unit_test(a_reader_gets_every_codec_back_from_any_segment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
