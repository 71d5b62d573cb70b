/* SPDX-License-Identifier: MIT */
/* Which bytes of the source a reader asks for, and when those it has are still good. */
#include "support/test.h"

#include <string.h>

#include "compress/block_reader.h"

enum { SIZE = 1000, END = 300 };

/* Bytes that are told differently when `mask` changes. */
typedef struct source {
    uint8_t mask;
    unsigned reads;
    uint64_t farthest; /* End of what was asked for. */
} source;

static bs_status read_masked(void *user, uint64_t offset, void *buf, size_t size)
{
    source *from = user;
    uint8_t *out = buf;

    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)((offset + i) * 7) ^ from->mask;
    }
    from->reads++;
    from->farthest = offset + size > from->farthest ? offset + size : from->farthest;
    return BS_OK;
}

static bsi_block_reader *reader_of(source *from)
{
    const bsi_block_source block_source = {read_masked, from, SIZE};
    bsi_block_reader *reader = NULL;

    assert_ok(bsi_block_reader_new(&bsi_codec_store, &block_source, &reader));
    return reader;
}

static void assert_next(bsi_block_reader *reader, const source *from, uint64_t offset)
{
    uint8_t bytes[20];

    assert_ok(bsi_block_reader_read(reader, bytes, sizeof(bytes)));
    for (size_t i = 0; i < sizeof(bytes); i++) {
        assert_int_equal(bytes[i], (uint8_t)((offset + i) * 7) ^ from->mask);
    }
}

static void what_was_read_is_not_read_again(void **state)
{
    source from = {0};
    bsi_block_reader *reader = reader_of(&from);

    (void)state;
    assert_ok(bsi_block_reader_start(reader, 0));
    assert_next(reader, &from, 0);
    assert_ok(bsi_block_reader_start(reader, 500));
    assert_next(reader, &from, 500);
    assert_int_equal(from.reads, 1);
    bsi_block_reader_free(reader);
}

static void a_stream_alone_takes_nothing_from_the_one_before_nor_gives_it_to_the_next(void **state)
{
    source from = {0};
    bsi_block_reader *reader = reader_of(&from);

    (void)state;
    assert_ok(bsi_block_reader_start(reader, 0));
    assert_next(reader, &from, 0);
    from.mask = 0x55;
    assert_ok(bsi_block_reader_start_alone(reader, 100, END));
    assert_next(reader, &from, 100);
    from.mask = 0xaa;
    assert_ok(bsi_block_reader_start_alone(reader, 110, END));
    assert_next(reader, &from, 110);
    from.mask = 0;
    assert_ok(bsi_block_reader_start(reader, 120));
    assert_next(reader, &from, 120);
    bsi_block_reader_free(reader);
}

static void a_stream_alone_asks_for_nothing_behind_its_end(void **state)
{
    source from = {0};
    bsi_block_reader *reader = reader_of(&from);
    uint8_t bytes[END];

    (void)state;
    assert_ok(bsi_block_reader_start_alone(reader, 10, END));
    assert_ok(bsi_block_reader_read(reader, bytes, END - 10));
    assert_status(bsi_block_reader_read(reader, bytes, 1), BS_E_CORRUPT);
    assert_int_equal(from.farthest, END);
    assert_ok(bsi_block_reader_start(reader, END));
    assert_next(reader, &from, END);
    bsi_block_reader_free(reader);
}

static void streams_outside_of_the_source_are_refused(void **state)
{
    source from = {0};
    bsi_block_reader *reader = reader_of(&from);

    (void)state;
    assert_status(bsi_block_reader_start(reader, SIZE + 1), BS_E_CORRUPT);
    assert_status(bsi_block_reader_start_alone(reader, 0, SIZE + 1), BS_E_CORRUPT);
    assert_status(bsi_block_reader_start_alone(reader, 2, 1), BS_E_CORRUPT);
    assert_status(bsi_block_reader_start_alone(reader, UINT64_MAX, UINT64_MAX), BS_E_CORRUPT);
    assert_int_equal(from.reads, 0);
    bsi_block_reader_free(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_read_is_not_read_again),
        cmocka_unit_test(a_stream_alone_takes_nothing_from_the_one_before_nor_gives_it_to_the_next),
        cmocka_unit_test(a_stream_alone_asks_for_nothing_behind_its_end),
        cmocka_unit_test(streams_outside_of_the_source_are_refused),
    };

    return cmocka_run_group_tests_name("compress/block_reader", tests, NULL, NULL);
}
