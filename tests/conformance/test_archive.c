/* SPDX-License-Identifier: MIT */
/*
 * What every container format must do. The only argument is the format's name, as for
 * samples_format(). Each member that is encrypted costs the making of a key, so of these short
 * runs take fewer cases.
 */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "conformance/archive_samples.h"

static const bsi_archive_driver *driver;

/* How many cases stand for so many. */
static unsigned thinned(unsigned cases)
{
    return samples_cipher() && !getenv("BSI_TESTS_FULL") ? cases / 10 : cases;
}

typedef struct bench {
    sample_set set;
    container to;
    bsi_pool *pool;
} bench;

static int setup_with(void **state, bool small, unsigned threads)
{
    bench *test = calloc(1, sizeof(*test));

    samples_make(&test->set, small);
    test->to.fail_after = -1;
    *state = test;
    return bsi_pool_new(threads, &test->pool) == BS_OK ? 0 : -1;
}

static int setup(void **state)
{
    return setup_with(state, false, 2);
}

static int setup_small(void **state)
{
    return setup_with(state, true, 0);
}

static int teardown(void **state)
{
    bench *test = *state;

    bsi_alloc_fail_after(-1);
    bsi_pool_free(test->pool);
    container_dispose(&test->to);
    samples_dispose(&test->set);
    free(test);
    return 0;
}

static bs_status write_samples(bench *test)
{
    const bsi_archive_options options = container_options(&test->to, test->pool);

    return samples_write(driver, &options, &test->set);
}

static bool has_stored_content(const sample *item)
{
    return item->entry.stat.type == BSI_TYPE_FILE && item->entry.stat.size > 0 &&
           !(item->entry.linked.size > 0 && (bsi_archive_caps(driver) & BSI_ARCHIVE_HARDLINKS));
}

static void check_stretch(bsi_archive_reader *reader, const uint8_t *want, uint64_t size)
{
    uint8_t piece[7001];

    while (size > 0) {
        const size_t part = size < sizeof(piece) ? (size_t)size : sizeof(piece);
        assert_ok(bsi_archive_reader_read(reader, piece, part));
        assert_memory_equal(piece, want, part);
        want += part;
        size -= part;
    }
}

static void check_content(bsi_archive_reader *reader, const sample *item)
{
    const bsi_entry *entry = &item->entry;

    assert_ok(bsi_archive_reader_seek(reader, &item->locator));
    if (!has_stored_content(item)) {
        return;
    }
    if (!entry->sparse || !(bsi_archive_caps(driver) & BSI_ARCHIVE_SPARSE)) {
        check_stretch(reader, item->data, entry->stat.size);
        return;
    }
    for (size_t i = 0; i < entry->extent_count; i++) {
        check_stretch(reader, item->data + entry->extents[i].offset, entry->extents[i].size);
    }
}

static bsi_archive_reader *open_reader(container *from)
{
    bsi_archive_reader *reader = NULL;

    assert_ok(bsi_archive_reader_new(driver, container_read, from, from->size, &reader));
    bsi_archive_reader_use(reader, samples_cipher());
    return reader;
}

static void every_file_is_read_back_in_any_order(void **state)
{
    bench *test = *state;
    bsi_archive_reader *reader = NULL;

    assert_ok(write_samples(test));
    reader = open_reader(&test->to);
    for (size_t i = 0; i < test->set.count; i++) {
        check_content(reader, &test->set.items[i]);
    }
    for (size_t i = 0; i < test->set.count; i++) {
        check_content(reader, &test->set.items[i * 157 % test->set.count]);
    }
    bsi_archive_reader_free(reader);
}

static void the_bytes_do_not_depend_on_threads(void **state)
{
    bench *test = *state;
    bsi_pool *pool = NULL;
    container other = {.fail_after = -1};

    assert_ok(write_samples(test));
    assert_ok(bsi_pool_new(0, &pool));
    const bsi_archive_options options = container_options(&other, pool);
    assert_ok(samples_write(driver, &options, &test->set));
    assert_int_equal(other.size, test->to.size);
    if (!samples_cipher()) { /* Keys are made of chance. */
        assert_memory_equal(other.data, test->to.data, other.size);
    }
    container_dispose(&other);
    bsi_pool_free(pool);
}

static void every_block_can_be_verified(void **state)
{
    bench *test = *state;
    bsi_archive_options options = container_options(&test->to, test->pool);

    options.verify = true;
    assert_ok(samples_write(driver, &options, &test->set));
}

static void a_failing_sink_is_passed_up(void **state)
{
    bench *test = *state;
    bs_status status = BS_E_NO_SPACE;
    long step = 1;

    for (long n = 0; status != BS_OK; n += step) {
        container_dispose(&test->to);
        test->to.fail_after = n;
        status = write_samples(test);
        if (status != BS_OK) {
            assert_int_equal(status, BS_E_NO_SPACE);
            assert_string_equal(bs_error_last()->message, "the test's disk is full");
        }
        step = n > 20 ? 17 : 1;
    }
}

static void survives_running_out_of_memory(void **state)
{
    bench *test = *state;
    const long step = samples_cipher() ? 7 : 1;
    bs_status status = BS_E_NOMEM;

    for (long n = 0; status != BS_OK; n += step) {
        container_dispose(&test->to);
        bsi_alloc_fail_after(n);
        status = write_samples(test);
        bsi_alloc_fail_after(-1);
        if (status != BS_OK) {
            assert_int_equal(status, BS_E_NOMEM);
        }
    }
}

/* Read all of everything, whatever comes out. */
static void read_blindly(bench *test, bsi_archive_reader *reader)
{
    uint8_t *piece = malloc(80000);

    for (size_t i = 0; i < test->set.count; i++) {
        const sample *item = &test->set.items[i];
        bs_status status = bsi_archive_reader_seek(reader, &item->locator);
        if (status == BS_OK && has_stored_content(item)) {
            status = bsi_archive_reader_read(reader, piece, (size_t)item->entry.stat.size);
        }
        assert_true(status == BS_OK || status == BS_E_CORRUPT);
    }
    free(piece);
}

static void damage_is_never_worse_than_an_error(void **state)
{
    bench *test = *state;
    bsi_archive_reader *reader = NULL;
    uint32_t chance = 12345;

    assert_ok(write_samples(test));
    for (unsigned round = 0; round < thinned(150); round++) {
        chance = chance * 1664525 + 1013904223;
        const size_t at = chance % test->to.size;
        const uint8_t bit = (uint8_t)(1u << (chance >> 29));
        test->to.data[at] ^= bit;
        reader = open_reader(&test->to);
        read_blindly(test, reader);
        bsi_archive_reader_free(reader);
        test->to.data[at] ^= bit;
    }
}

static void a_container_cut_short_is_damage(void **state)
{
    bench *test = *state;
    bsi_archive_reader *reader = NULL;

    assert_ok(write_samples(test));
    test->to.size /= 3;
    reader = open_reader(&test->to);
    read_blindly(test, reader);
    bsi_archive_reader_free(reader);
}

static void locators_that_point_outside_are_refused(void **state)
{
    bench *test = *state;
    bsi_archive_reader *reader = NULL;
    uint8_t byte = 0;

    assert_ok(write_samples(test));
    reader = open_reader(&test->to);
    bsi_locator locator = test->set.items[2].locator;
    locator.offset = test->to.size + 1;
    assert_status(bsi_archive_reader_seek(reader, &locator), BS_E_CORRUPT);
    locator.offset = UINT64_MAX;
    assert_status(bsi_archive_reader_seek(reader, &locator), BS_E_CORRUPT);
    locator = test->set.items[2].locator;
    locator.stored = test->to.size + 1;
    assert_status(bsi_archive_reader_seek(reader, &locator), BS_E_CORRUPT);
    locator = test->set.items[2].locator;
    locator.method = samples_cipher() ? 98 : 99;
    assert_status(bsi_archive_reader_seek(reader, &locator), BS_E_CORRUPT);
    locator = test->set.items[2].locator;
    locator.skip = UINT64_MAX;
    assert_ok(bsi_archive_reader_seek(reader, &locator));
    assert_status(bsi_archive_reader_read(reader, &byte, 1), BS_E_CORRUPT);
    bsi_archive_reader_free(reader);
}

/* Content of members that are encrypted, and of others, in turn. */
static void a_member_is_read_as_its_locator_says(void **state)
{
    bench *test = *state;
    bsi_archive_reader *reader = NULL;
    bsi_locator locator;
    uint8_t byte = 0;
    bs_status status = BS_OK;

    if (!samples_cipher()) {
        return;
    }
    assert_ok(write_samples(test));
    reader = open_reader(&test->to);
    check_content(reader, &test->set.items[3]);
    locator = test->set.items[3].locator;
    locator.method = 0;
    assert_ok(bsi_archive_reader_seek(reader, &locator));
    assert_ok(bsi_archive_reader_read(reader, &byte, 1));
    assert_int_equal(byte, test->to.data[locator.offset]);
    check_content(reader, &test->set.items[3]);
    locator.method = 8;
    assert_ok(bsi_archive_reader_seek(reader, &locator));
    status = bsi_archive_reader_read(reader, &byte, 1); /* As if it were not encrypted. */
    assert_true(status == BS_OK || status == BS_E_CORRUPT);
    check_content(reader, &test->set.items[3]);
    bsi_archive_reader_use(reader, NULL);
    locator.method = 99;
    assert_status(bsi_archive_reader_seek(reader, &locator), BS_E_CORRUPT);
    bsi_archive_reader_free(reader);
}

static void an_encrypted_member_has_something_in_front(void **state)
{
    bench *test = *state;
    const bsi_locator locator = {.offset = BSI_MEMBER_HEAD_SIZE - 1, .stored = 10, .method = 99};
    bsi_archive_reader *reader = NULL;
    uint8_t byte = 0;

    if (!samples_cipher()) {
        return;
    }
    assert_ok(write_samples(test));
    reader = open_reader(&test->to);
    assert_ok(bsi_archive_reader_seek(reader, &locator));
    assert_status(bsi_archive_reader_read(reader, &byte, 1), BS_E_CORRUPT);
    check_content(reader, &test->set.items[3]);
    bsi_archive_reader_free(reader);
}

static bsi_archive_writer *new_writer(bench *test)
{
    const bsi_archive_options options = container_options(&test->to, test->pool);
    bsi_archive_writer *writer = NULL;

    assert_ok(bsi_archive_writer_new(driver, &options, &writer));
    return writer;
}

static void content_must_have_the_announced_size(void **state)
{
    bench *test = *state;
    const bsi_entry *entry = &test->set.items[3].entry;
    bsi_archive_mark mark = {0};
    bsi_archive_writer *writer = new_writer(test);

    assert_ok(bsi_archive_begin(writer, entry));
    assert_ok(bsi_archive_write(writer, "x", 1));
    assert_status(bsi_archive_end(writer, &mark), BS_E_INTERNAL);
    assert_status(bsi_archive_begin(writer, entry), BS_E_INTERNAL);
    bsi_archive_writer_free(writer);

    writer = new_writer(test);
    assert_ok(bsi_archive_begin(writer, &test->set.items[2].entry));
    assert_status(bsi_archive_write(writer, "xy", 2), BS_E_INTERNAL);
    bsi_archive_writer_free(writer);
}

static void room_ends_with_the_announced_size(void **state)
{
    bench *test = *state;
    bsi_archive_mark mark = {0};
    bsi_archive_writer *writer = new_writer(test);
    void *space = NULL;
    size_t size = 0;

    assert_ok(bsi_archive_begin(writer, &test->set.items[2].entry));
    assert_ok(bsi_archive_space(writer, &space, &size));
    assert_int_equal(size, 1);
    *(char *)space = 'x';
    assert_ok(bsi_archive_commit(writer, 1));
    assert_ok(bsi_archive_space(writer, &space, &size));
    assert_int_equal(size, 0);
    assert_ok(bsi_archive_commit(writer, 0));
    assert_ok(bsi_archive_end(writer, &mark));
    assert_ok(bsi_archive_finish(writer));
    bsi_archive_writer_free(writer);
}

static void a_size_may_come_later_where_the_format_allows(void **state)
{
    bench *test = *state;
    bsi_archive_writer *writer = new_writer(test);
    bsi_entry entry = test->set.items[3].entry;
    const uint64_t size = entry.stat.size;
    sample result = test->set.items[3];
    bsi_archive_reader *reader = NULL;

    entry.stat.size = BSI_SIZE_UNKNOWN;
    if (!(bsi_archive_caps(driver) & BSI_ARCHIVE_SIZE_LATER)) {
        assert_status(bsi_archive_begin(writer, &entry), BS_E_INVALID);
        bsi_archive_writer_free(writer);
        return;
    }
    for (int i = 0; i < 3; i++) {
        assert_ok(bsi_archive_begin(writer, &entry));
        if (i != 1) {
            assert_ok(bsi_archive_write(writer, result.data, size));
        }
        assert_ok(bsi_archive_end(writer, &result.mark));
    }
    assert_ok(bsi_archive_finish(writer));
    assert_ok(bsi_archive_locate(writer, &result.mark, &result.locator));
    reader = open_reader(&test->to);
    check_content(reader, &result);
    bsi_archive_reader_free(reader);
    bsi_archive_writer_free(writer);
}

static void a_container_may_be_empty(void **state)
{
    bench *test = *state;
    bsi_archive_writer *writer = new_writer(test);

    assert_ok(bsi_archive_finish(writer));
    assert_true(test->to.size > 0);
    assert_status(bsi_archive_finish(writer), BS_E_INTERNAL);
    bsi_archive_writer_free(writer);
}

static void paths_that_leave_the_tree_are_refused(void **state)
{
    bench *test = *state;
    bsi_entry entry = test->set.items[2].entry;
    bsi_archive_writer *writer = new_writer(test);

    entry.path = bsi_slice_of("../x");
    assert_status(bsi_archive_begin(writer, &entry), BS_E_INVALID);
    bsi_archive_writer_free(writer);
}

static void levels_outside_of_the_range_are_refused(void **state)
{
    bench *test = *state;
    bsi_archive_options options = container_options(&test->to, test->pool);
    bsi_archive_writer *writer = NULL;
    char text[100];
    int min = 0;
    int max = 0;
    int preset = 0;

    options.level = 99;
    assert_status(bsi_archive_writer_new(driver, &options, &writer), BS_E_INVALID);
    if (bsi_archive_levels(driver, &min, &max, &preset)) {
        assert_true(min <= preset && preset <= max);
        (void)snprintf(text, sizeof(text), "%s takes levels %d to %d, not 99",
                       bsi_archive_name(driver), min, max);
    } else {
        (void)snprintf(text, sizeof(text), "%s takes no level, not 99", bsi_archive_name(driver));
    }
    assert_string_equal(bs_error_last()->message, text);
}

static void every_level_works(void **state)
{
    bench *test = *state;
    int min = 0;
    int max = 0;
    int preset = 0;

    if (!bsi_archive_levels(driver, &min, &max, &preset)) {
        return;
    }
    for (int level = min; level <= max; level++) {
        bsi_archive_options options = container_options(&test->to, test->pool);
        bsi_archive_reader *reader = NULL;
        options.level = level;
        container_dispose(&test->to);
        assert_ok(samples_write(driver, &options, &test->set));
        reader = open_reader(&test->to);
        check_content(reader, &test->set.items[3]);
        bsi_archive_reader_free(reader);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_file_is_read_back_in_any_order, setup, teardown),
        cmocka_unit_test_setup_teardown(the_bytes_do_not_depend_on_threads, setup, teardown),
        cmocka_unit_test_setup_teardown(every_block_can_be_verified, setup_small, teardown),
        cmocka_unit_test_setup_teardown(a_failing_sink_is_passed_up, setup_small, teardown),
        cmocka_unit_test_setup_teardown(survives_running_out_of_memory, setup_small, teardown),
        cmocka_unit_test_setup_teardown(damage_is_never_worse_than_an_error, setup_small, teardown),
        cmocka_unit_test_setup_teardown(a_container_cut_short_is_damage, setup_small, teardown),
        cmocka_unit_test_setup_teardown(locators_that_point_outside_are_refused, setup_small,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_member_is_read_as_its_locator_says, setup_small,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_encrypted_member_has_something_in_front, setup_small,
                                        teardown),
        cmocka_unit_test_setup_teardown(content_must_have_the_announced_size, setup_small,
                                        teardown),
        cmocka_unit_test_setup_teardown(room_ends_with_the_announced_size, setup_small, teardown),
        cmocka_unit_test_setup_teardown(a_size_may_come_later_where_the_format_allows, setup_small,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_container_may_be_empty, setup_small, teardown),
        cmocka_unit_test_setup_teardown(paths_that_leave_the_tree_are_refused, setup_small,
                                        teardown),
        cmocka_unit_test_setup_teardown(levels_outside_of_the_range_are_refused, setup_small,
                                        teardown),
        cmocka_unit_test_setup_teardown(every_level_works, setup_small, teardown),
    };

    int failed = 1;

    driver = argc == 2 ? samples_format(argv[1]) : NULL;
    if (driver) {
        failed = cmocka_run_group_tests_name(argv[1], tests, NULL, NULL);
    }
    samples_forget_format();
    return failed;
}
