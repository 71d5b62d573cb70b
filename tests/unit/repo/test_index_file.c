/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "repo/index_file.h"

enum { BYTE_A = 0xaa };

/* 64 digits each. */
#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ID_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

/* As restic writes it. */
static const char written[] =
    "{\"packs\":[{\"id\":\"" ID_A "\",\"blobs\":[{\"id\":\"" ID_B
    "\",\"type\":\"data\",\"offset\":38,\"length\":70,\"uncompressed_length\":511},{\"id\":\"" ID_C
    "\",\"type\":\"data\",\"offset\":0,\"length\":38}]},{\"id\":\"" ID_B
    "\",\"blobs\":[{\"id\":\"" ID_A
    "\",\"type\":\"tree\",\"offset\":0,\"length\":100,\"uncompressed_length\":300}]}]}\n";

static bs_status write_again(void *user, const bsi_digest *pack, const bsi_blob_list *blobs)
{
    return bsi_index_writer_add(user, pack, blobs);
}

/* What is read of a text, written again. */
static bs_status round_trip(const char *text, uint32_t version, bsi_index_writer *writer)
{
    bsi_index_writer_init(writer);
    BSI_TRY(bsi_index_parse(bsi_slice_of(text), version, write_again, writer));
    return bsi_index_writer_finish(writer);
}

static void assert_round_trip(const char *text, uint32_t version, const char *expected)
{
    bsi_index_writer writer;

    assert_ok(round_trip(text, version, &writer));
    assert_int_equal(writer.text.size, strlen(expected));
    assert_memory_equal(writer.text.data, expected, writer.text.size);
    bsi_index_writer_dispose(&writer);
}

static void an_index_is_written_as_it_was_read(void **state)
{
    bsi_index_writer writer;

    (void)state;
    assert_round_trip(written, 2, written);
    assert_ok(round_trip(written, 2, &writer));
    assert_int_equal(writer.packs, 2);
    assert_int_equal(writer.blobs, 3);
    bsi_index_writer_dispose(&writer);
}

static bs_status stop(void *user, const bsi_digest *pack, const bsi_blob_list *blobs)
{
    (void)user;
    assert_int_equal(pack->bytes[31], BYTE_A);
    assert_int_equal(blobs->count, 2);
    assert_int_equal(blobs->items[0].offset, 38);
    assert_int_equal(blobs->items[0].plain_size, 511);
    assert_int_equal(blobs->items[1].plain_size, 0);
    return BS_E_CANCELLED;
}

static void a_callback_ends_the_reading(void **state)
{
    (void)state;
    assert_status(bsi_index_parse(bsi_slice_of(written), 2, stop, NULL), BS_E_CANCELLED);
}

/* Members in any order, unknown ones, other types where null may stand, digits of either case. */
static void what_restic_reads_is_read(void **state)
{
    static const char *const empty[] = {
        "{}",
        "{\"packs\":null}",
        "{\"packs\":[]}",
        "{\"supersedes\":[\"" ID_A "\"],\"packs\":[]}\n",
        " {\n\"later\" : {\"packs\":[1,2,{\"id\":0}]} } ",
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(empty); i++) {
        assert_round_trip(empty[i], 2, "{\"packs\":[]}\n");
    }
    assert_round_trip("{\"packs\":[{\"blobs\":[{\"length\":38,\"offset\":0,\"more\":[],"
                      "\"uncompressed_length\":0,\"type\":\"da\\u0074a\",\"id\":\""
                      "CCCCCCCCCCCCCCCCcccccccccccccccccccccccccccccccccccccccccccccccc"
                      "\"}],\"id\":\"" ID_A "\"}]}",
                      1,
                      "{\"packs\":[{\"id\":\"" ID_A "\",\"blobs\":[{\"id\":\"" ID_C
                      "\",\"type\":\"data\",\"offset\":0,\"length\":38}]}]}\n");
    assert_round_trip("{\"packs\":[{\"id\":\"" ID_A "\",\"blobs\":null}]}", 2,
                      "{\"packs\":[{\"id\":\"" ID_A "\",\"blobs\":[]}]}\n");
}

#define BLOB(members) "{\"packs\":[{\"id\":\"" ID_A "\",\"blobs\":[{" members "}]}]}"
#define ID_TYPE "\"id\":\"" ID_B "\",\"type\":\"data\""

static void what_is_no_index_is_refused(void **state)
{
    static const struct {
        const char *json;
        bs_status status;
    } cases[] = {
        {"", BS_E_CORRUPT},
        {"{", BS_E_CORRUPT},
        {"{} {}", BS_E_CORRUPT},
        {"\"packs\"", BS_E_CORRUPT},
        {"[{\"id\":\"" ID_A "\"}]", BS_E_UNSUPPORTED},
        {"{\"packs\":{}}", BS_E_CORRUPT},
        {"{\"packs\":[0]}", BS_E_CORRUPT},
        {"{\"packs\":[{}]}", BS_E_CORRUPT},
        {"{\"packs\":[{\"id\":\"aa\"}]}", BS_E_CORRUPT},
        {"{\"packs\":[{\"id\":\"" ID_A "a\"}]}", BS_E_CORRUPT},
        {"{\"packs\":[{\"id\":5}]}", BS_E_CORRUPT},
        {BLOB(ID_TYPE ",\"offset\":0,\"length\":32"), BS_OK},
        {BLOB(ID_TYPE ",\"offset\":0"), BS_E_CORRUPT},
        {BLOB(ID_TYPE ",\"length\":32"), BS_E_CORRUPT},
        {BLOB("\"id\":\"" ID_B "\",\"offset\":0,\"length\":32"), BS_E_CORRUPT},
        {BLOB("\"type\":\"tree\",\"offset\":0,\"length\":32"), BS_E_CORRUPT},
        {BLOB("\"id\":\"" ID_B "\",\"type\":\"blob\",\"offset\":0,\"length\":32"), BS_E_CORRUPT},
        {BLOB(ID_TYPE ",\"offset\":0,\"length\":31"), BS_E_CORRUPT},
        {BLOB(ID_TYPE ",\"offset\":0,\"length\":4294967296"), BS_E_CORRUPT},
        {BLOB(ID_TYPE ",\"offset\":4294967264,\"length\":32"), BS_E_CORRUPT},
        {BLOB(ID_TYPE ",\"offset\":-1,\"length\":32"), BS_E_CORRUPT},
        {BLOB(ID_TYPE ",\"offset\":1.5,\"length\":32"), BS_E_CORRUPT},
        {BLOB(ID_TYPE ",\"offset\":0,\"length\":4294967295"), BS_E_LIMIT},
        {BLOB(ID_TYPE ",\"offset\":0,\"length\":32,\"uncompressed_length\":4294967295"),
         BS_E_LIMIT},
    };
    bsi_index_writer writer;

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        print_message("# %s\n", cases[i].json);
        assert_status(round_trip(cases[i].json, 2, &writer), cases[i].status);
        assert_true(cases[i].status == BS_OK || bs_error_last()->layer == BS_LAYER_STORAGE);
        bsi_index_writer_dispose(&writer);
    }
}

static void version_1_has_no_compressed_blobs(void **state)
{
    bsi_index_writer writer;

    (void)state;
    assert_status(round_trip(written, 1, &writer), BS_E_CORRUPT);
    assert_non_null(strstr(bs_error_last()->message, "data blob " ID_B));
    bsi_index_writer_dispose(&writer);
}

static void an_index_cut_anywhere_is_refused(void **state)
{
    bsi_index_writer writer;

    (void)state;
    for (size_t size = 0; size + 2 < sizeof(written); size++) {
        bsi_index_writer_init(&writer);
        assert_status(bsi_index_parse((bsi_slice){written, size}, 2, write_again, &writer),
                      BS_E_CORRUPT);
        bsi_index_writer_dispose(&writer);
    }
}

/* What lies too deep is refused as a whole; none of it is kept in memory. */
static void nesting_is_bounded(void **state)
{
    enum { DEEP = 100000 };
    char *text = malloc(DEEP + 16);
    bsi_index_writer writer;

    (void)state;
    assert_non_null(text);
    memcpy(text, "{\"x\":", 5);
    memset(text + 5, '[', DEEP);
    text[DEEP + 5] = '\0';
    assert_status(round_trip(text, 2, &writer), BS_E_CORRUPT);
    bsi_index_writer_dispose(&writer);
    free(text);
}

static void missing_memory_leaves_whole_packs(void **state)
{
    bs_status status = BS_E_NOMEM;

    (void)state;
    for (long n = 0; status == BS_E_NOMEM; n++) {
        bsi_index_writer writer;
        bsi_index_writer again;
        bsi_alloc_fail_after(n);
        status = round_trip(written, 2, &writer);
        bsi_alloc_fail_after(-1);
        bsi_index_writer_init(&again);
        if (status < 0) {
            assert_ok(bsi_index_writer_finish(&writer));
            assert_ok(bsi_index_parse((bsi_slice){(char *)writer.text.data, writer.text.size}, 2,
                                      write_again, &again));
            assert_int_equal(again.packs, writer.packs);
        }
        bsi_index_writer_dispose(&again);
        bsi_index_writer_dispose(&writer);
    }
    assert_ok(status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_index_is_written_as_it_was_read),
        cmocka_unit_test(a_callback_ends_the_reading),
        cmocka_unit_test(what_restic_reads_is_read),
        cmocka_unit_test(what_is_no_index_is_refused),
        cmocka_unit_test(version_1_has_no_compressed_blobs),
        cmocka_unit_test(an_index_cut_anywhere_is_refused),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(missing_memory_leaves_whole_packs),
    };

    return cmocka_run_group_tests_name("repo/index_file", tests, NULL, NULL);
}
