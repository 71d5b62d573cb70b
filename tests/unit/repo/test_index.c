/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/endian.h"
#include "os/fault.h"
#include "os/thread.h"
#include "repo/index.h"
#include "repo/index_int.h"
#include "support/index_memory.h"

enum {
    MANY = 20000, /* Blobs: the tables grow several times. */
    PER_PACK = 7,
    SIZE = 100,
    BYTES_MOST = 48, /* What a blob may take. */
};

static uint64_t index_memory_most;
static int temp_dir = -1;

static int start(void **state)
{
    (void)state;
    index_memory_most = limit_index_memory(&temp_dir);
    return 0;
}

static int setup(void **state)
{
    bsi_repo_index *index = NULL;

    assert_ok(bsi_repo_index_new(&index));
    if (index_memory_most > 0) {
        bsi_repo_index_limit(index, temp_dir, index_memory_most);
    }
    *state = index;
    return 0;
}

static int teardown(void **state)
{
    bsi_repo_index_free(*state);
    return 0;
}

/* The id of a number: its digest, so that it is spread as ids are. */
static bsi_digest id_of(uint64_t number)
{
    uint8_t bytes[8];
    bsi_digest id;

    bsi_put_le64(bytes, number);
    bsi_sha256_of(bytes, sizeof(bytes), &id);
    return id;
}

static bsi_digest pack_id(uint64_t number)
{
    return id_of(number + UINT64_C(1000000000));
}

static void add_blob(bsi_blob_list *list, uint64_t number, uint32_t offset, uint32_t size)
{
    const bsi_blob blob = {.id = id_of(number),
                           .type = number % 3 == 0 ? BSI_BLOB_TREE : BSI_BLOB_DATA,
                           .offset = offset,
                           .size = size,
                           .plain_size = number % 2 == 0 ? size + 50 : 0};

    assert_ok(bsi_blob_list_add(list, &blob));
}

static bsi_blob_type type_of(uint64_t number)
{
    return number % 3 == 0 ? BSI_BLOB_TREE : BSI_BLOB_DATA;
}

/* Blobs from `first` on, `count` of them, in a pack of that number; the sizes differ. */
static void add_pack(bsi_repo_index *index, uint64_t pack, uint64_t first, unsigned count)
{
    const bsi_digest id = pack_id(pack);
    bsi_blob_list list = {0};
    uint32_t offset = 0;

    for (unsigned i = 0; i < count; i++) {
        add_blob(&list, first + i, offset, SIZE + i);
        offset += SIZE + i;
    }
    assert_ok(bsi_repo_index_add(index, &id, &list));
    bsi_blob_list_dispose(&list);
}

static bs_status find(bsi_repo_index *index, uint64_t number, unsigned copy, bsi_blob_place *out)
{
    const bsi_digest id = id_of(number);

    return bsi_repo_index_find(index, type_of(number), &id, copy, out);
}

static void assert_place(bsi_repo_index *index, uint64_t number, unsigned copy, uint64_t pack,
                         uint32_t offset)
{
    const bsi_digest id = pack_id(pack);
    bsi_blob_place place;

    assert_ok(find(index, number, copy, &place));
    assert_true(bsi_digest_equal(&place.pack, &id));
    assert_int_equal(place.blob.offset, offset);
    assert_int_equal(place.blob.type, type_of(number));
    assert_int_equal(place.blob.plain_size, number % 2 == 0 ? place.blob.size + 50 : 0);
}

static void add_many(bsi_repo_index *index)
{
    for (uint64_t i = 0; i < MANY; i += PER_PACK) {
        add_pack(index, i / PER_PACK, i, PER_PACK);
    }
}

static void assert_many(bsi_repo_index *index)
{
    for (uint64_t i = 0; i < MANY; i++) {
        const uint32_t at = (uint32_t)(i % PER_PACK);
        assert_place(index, i, 0, i / PER_PACK, at * SIZE + at * (at - 1) / 2);
    }
}

static void every_blob_is_found_where_it_is(void **state)
{
    bsi_repo_index *index = *state;
    bsi_repo_index_stats stats;
    bsi_blob_place place;

    assert_status(find(index, 1, 0, &place), BS_END);
    add_many(index);
    assert_many(index);
    assert_status(find(index, 0, 1, &place), BS_END);
    for (uint64_t i = 2 * (uint64_t)MANY; i < 3 * (uint64_t)MANY; i++) {
        assert_status(find(index, i, 0, &place), BS_END);
    }
    bsi_repo_index_get_stats(index, &stats);
    assert_int_equal(stats.packs, (MANY + PER_PACK - 1) / PER_PACK);
    assert_int_equal(stats.blobs, stats.packs * PER_PACK);
}

/* What is added between look-ups is found like the rest. */
static void an_index_grows_while_it_is_used(void **state)
{
    bsi_repo_index *index = *state;
    bsi_blob_place place;

    for (uint64_t i = 0; i < MANY; i += PER_PACK) {
        assert_status(find(index, i, 0, &place), BS_END);
        add_pack(index, i / PER_PACK, i, PER_PACK);
        assert_ok(find(index, i, 0, &place));
    }
    assert_many(index);
}

/* Of few blobs a pack's own share is large: 16 to a pack is what chunks of 1 MiB come to. */
static void a_blob_takes_no_more_than_48_bytes(void **state)
{
    enum { PACKS = 40000, PER = 16 };
    bsi_repo_index *index = *state;
    bsi_repo_index_stats stats;

    for (uint64_t i = 0; i < PACKS; i++) {
        add_pack(index, i, i * PER, PER);
    }
    assert_place(index, 5, 0, 0, 5 * SIZE + 10);
    bsi_repo_index_get_stats(index, &stats);
    print_message("# %.2f bytes\n", (double)stats.memory / (double)stats.blobs);
    assert_int_equal(stats.blobs, PACKS * PER);
    assert_true(stats.memory < BYTES_MOST * stats.blobs);
}

static void data_and_trees_are_kept_apart(void **state)
{
    const bsi_digest id = id_of(3);
    bsi_blob_place place;

    add_pack(*state, 0, 3, 1);
    assert_ok(bsi_repo_index_find(*state, BSI_BLOB_TREE, &id, 0, &place));
    assert_status(bsi_repo_index_find(*state, BSI_BLOB_DATA, &id, 0, &place), BS_END);
    assert_ok(bsi_repo_index_has(*state, BSI_BLOB_TREE, &id));
    assert_status(bsi_repo_index_has(*state, BSI_BLOB_DATA, &id), BS_END);
}

static void a_blob_may_lie_in_several_packs(void **state)
{
    bsi_blob_place place;

    for (uint64_t pack = 0; pack < 5; pack++) {
        add_pack(*state, pack, 40 - pack, 10);
    }
    for (unsigned copy = 0; copy < 5; copy++) {
        assert_place(*state, 40, copy, copy, copy * SIZE + copy * (copy - 1) / 2);
    }
    assert_status(find(*state, 40, 5, &place), BS_END);
}

/* Somebody may write the same blob a thousand times; that must not make look-ups slow. */
static void of_many_copies_some_are_told(void **state)
{
    bsi_repo_index_stats stats;
    bsi_blob_place place;

    for (uint64_t pack = 0; pack < 1000; pack++) {
        add_pack(*state, pack, 7, 1);
    }
    assert_ok(find(*state, 7, BSI_INDEX_COPIES_MAX - 1, &place));
    assert_status(find(*state, 7, BSI_INDEX_COPIES_MAX, &place), BS_END);
    bsi_repo_index_get_stats(*state, &stats);
    assert_int_equal(stats.blobs, 1000);
}

static void the_same_pack_twice_counts_once(void **state)
{
    bsi_repo_index_stats stats;
    bsi_blob_place place;

    add_pack(*state, 1, 10, 10);
    add_pack(*state, 1, 10, 10);
    assert_status(find(*state, 10, 1, &place), BS_END);
    bsi_repo_index_get_stats(*state, &stats);
    assert_int_equal(stats.blobs, 10);
    assert_int_equal(stats.packs, 1);
}

/* Blobs number `parts[i]` of a pack whose blobs all have SIZE bytes. */
static bs_status add_parts(bsi_repo_index *index, uint64_t pack, const unsigned *parts,
                           size_t count)
{
    const bsi_digest id = pack_id(pack);
    bsi_blob_list list = {0};
    bs_status status = BS_OK;

    for (size_t i = 0; i < count; i++) {
        add_blob(&list, parts[i], parts[i] * SIZE, SIZE);
    }
    status = bsi_repo_index_add(index, &id, &list);
    bsi_blob_list_dispose(&list);
    return status;
}

static void assert_parts(bsi_repo_index *index, uint64_t pack, const unsigned *parts, size_t count)
{
    bsi_repo_index_stats stats;

    for (size_t i = 0; i < count; i++) {
        assert_place(index, parts[i], 0, pack, parts[i] * SIZE);
    }
    bsi_repo_index_get_stats(index, &stats);
    assert_int_equal(stats.blobs, count);
    assert_int_equal(stats.packs, 1);
}

static void a_pack_described_in_parts_is_put_together(void **state)
{
    static const unsigned middle[] = {5, 3};
    static const unsigned more[] = {0, 3, 9};
    static const unsigned both[] = {0, 3, 5, 9};

    assert_ok(add_parts(*state, 1, middle, 2));
    assert_parts(*state, 1, middle, 2);
    assert_ok(add_parts(*state, 1, more, 3));
    assert_parts(*state, 1, both, 4);
    assert_ok(add_parts(*state, 1, middle, 2));
    assert_parts(*state, 1, both, 4);
}

/* Each part is merged with all that is known of the pack: that is not done without end. */
static void a_pack_in_a_thousand_parts_is_refused(void **state)
{
    enum { KNOWN = 4000 };
    const bsi_digest id = pack_id(1);
    bsi_blob_list list = {0};
    bs_status status = BS_OK;
    unsigned parts = 0;

    for (uint32_t i = 0; i < KNOWN; i++) {
        add_blob(&list, i, 2 * i * SIZE, SIZE);
    }
    assert_ok(bsi_repo_index_add(*state, &id, &list));
    bsi_blob_list_dispose(&list);
    for (; status == BS_OK && parts < KNOWN - 1; parts++) {
        const unsigned part = 2 * (KNOWN - 1 - parts) - 1;
        status = add_parts(*state, 1, &part, 1);
    }
    assert_status(status, BS_E_LIMIT);
    assert_true(parts > 100);
    assert_place(*state, 1, 0, 1, 2 * SIZE);
    assert_place(*state, 2 * KNOWN - 3, 0, 1, (2 * KNOWN - 3) * SIZE);
}

static void order_within_a_pack_is_free(void **state)
{
    static const unsigned parts[] = {3, 1, 4, 0, 5, 2};

    assert_ok(add_parts(*state, 1, parts, BSI_ARRAY_SIZE(parts)));
    assert_parts(*state, 1, parts, BSI_ARRAY_SIZE(parts));
}

static void blobs_in_one_place_are_damage(void **state)
{
    const bsi_digest id = pack_id(1);
    bsi_repo_index_stats stats;
    bsi_blob_list list = {0};
    char hex[2 * BSI_SHA256_SIZE + 1];

    add_blob(&list, 1, 0, SIZE);
    add_blob(&list, 2, SIZE - 1, SIZE);
    assert_status(bsi_repo_index_add(*state, &id, &list), BS_E_CORRUPT);
    bsi_digest_format(&id, hex);
    assert_non_null(strstr(bs_error_last()->message, hex));
    bsi_repo_index_get_stats(*state, &stats);
    assert_int_equal(stats.blobs + stats.packs, 0);
    list.count = 1;
    assert_ok(bsi_repo_index_add(*state, &id, &list));
    list.items[0].size--;
    assert_status(bsi_repo_index_add(*state, &id, &list), BS_E_CORRUPT);
    assert_place(*state, 1, 0, 1, 0);
    bsi_blob_list_dispose(&list);
}

/* Sizes that most blobs never have are kept as exactly. */
static void large_blobs_and_large_gaps_are_kept(void **state)
{
    static const uint32_t sizes[] = {0x7fffffe, 0x7ffffff, 0x8000000, 0x10000000, 33, 0x20000000};
    const bsi_digest id = pack_id(1);
    bsi_blob_list list = {0};
    uint32_t offset = 0x9000000;

    for (uint64_t i = 0; i < BSI_ARRAY_SIZE(sizes); i++) {
        add_blob(&list, 2 * i, offset, sizes[i]);
        offset += sizes[i] + (i == 3 ? 0x8000000 : 0);
    }
    assert_ok(bsi_repo_index_add(*state, &id, &list));
    add_pack(*state, 2, 100, 10);
    for (size_t i = 0; i < list.count; i++) {
        bsi_blob_place place;
        assert_place(*state, 2 * i, 0, 1, list.items[i].offset);
        assert_ok(find(*state, 2 * i, 0, &place));
        assert_int_equal(place.blob.size, sizes[i]);
    }
    bsi_blob_list_dispose(&list);
}

static void packs_are_told_in_order(void **state)
{
    bsi_repo_index *index = *state;
    bsi_blob_list list = {0};
    bsi_digest id;

    add_many(index);
    assert_int_equal(bsi_repo_index_pack_end(index), (MANY + PER_PACK - 1) / PER_PACK);
    for (uint32_t i = 0; i < bsi_repo_index_pack_end(index); i++) {
        const bsi_digest expected = pack_id(i);
        assert_ok(bsi_repo_index_pack(index, i, &id, &list));
        assert_true(bsi_digest_equal(&id, &expected));
        assert_int_equal(list.count, PER_PACK);
        assert_int_equal(list.items[1].offset, SIZE);
        assert_int_equal(list.items[6].size, SIZE + 6);
    }
    assert_status(bsi_repo_index_pack(index, UINT32_MAX, &id, &list), BS_END);
    bsi_blob_list_dispose(&list);
}

static bool is_odd(void *user, const bsi_digest *pack)
{
    uint64_t *number = user;
    const bsi_digest expected = pack_id(*number);

    assert_true(bsi_digest_equal(pack, &expected));
    return (*number)++ % 2 == 1;
}

static bool is_any(void *user, const bsi_digest *pack)
{
    (void)user;
    (void)pack;
    return true;
}

static void packs_can_be_taken_out(void **state)
{
    bsi_repo_index *index = *state;
    bsi_repo_index_stats stats;
    uint64_t number = 0;

    add_many(index);
    assert_many(index);
    bsi_repo_index_remove(index, is_odd, &number);
    for (uint64_t i = 0; i < MANY; i++) {
        const uint32_t at = (uint32_t)(i % PER_PACK);
        bsi_blob_place place;
        if (i / PER_PACK % 2 == 1) {
            assert_status(find(index, i, 0, &place), BS_END);
        } else {
            assert_place(index, i, 0, i / PER_PACK, at * SIZE + at * (at - 1) / 2);
        }
    }
    add_pack(index, 1, PER_PACK, PER_PACK);
    assert_place(index, PER_PACK + 1, 0, 1, SIZE);
    bsi_repo_index_remove(index, is_any, NULL);
    bsi_repo_index_get_stats(index, &stats);
    assert_int_equal(stats.blobs + stats.packs, 0);
}

/* Pack 1 goes; of its copies the ones behind the told ones come up. */
static void copies_that_were_not_told_come_up(void **state)
{
    uint64_t number = 0;
    bsi_blob_place place;

    for (uint64_t pack = 0; pack < 2 * (uint64_t)BSI_INDEX_COPIES_MAX; pack++) {
        add_pack(*state, pack, 7, 1);
    }
    assert_ok(find(*state, 7, 0, &place));
    bsi_repo_index_remove(*state, is_odd, &number);
    assert_place(*state, 7, BSI_INDEX_COPIES_MAX - 1, 2 * (uint64_t)BSI_INDEX_COPIES_MAX - 2, 0);
}

static void large_blobs_survive_the_removal_of_others(void **state)
{
    const bsi_digest first = pack_id(0);
    const bsi_digest second = pack_id(1);
    const bsi_digest third = pack_id(2);
    bsi_blob_list list = {0};
    uint64_t number = 0;
    bsi_blob_place place;

    add_blob(&list, 2, 0x10000000, 0x11000000);
    assert_ok(bsi_repo_index_add(*state, &first, &list));
    bsi_blob_list_clear(&list);
    add_blob(&list, 4, 0x20000000, 0x12000000);
    assert_ok(bsi_repo_index_add(*state, &second, &list));
    bsi_blob_list_clear(&list);
    add_blob(&list, 8, 0x30000000, 0x13000000);
    assert_ok(bsi_repo_index_add(*state, &third, &list));
    bsi_blob_list_dispose(&list);
    bsi_repo_index_remove(*state, is_odd, &number);
    assert_place(*state, 2, 0, 0, 0x10000000);
    assert_place(*state, 8, 0, 2, 0x30000000);
    assert_ok(find(*state, 8, 0, &place));
    assert_int_equal(place.blob.size, 0x13000000);
    assert_status(find(*state, 4, 0, &place), BS_END);
}

static bsi_claim claim(bsi_repo_index *index, uint64_t number)
{
    const bsi_digest id = id_of(number);
    bsi_claim answer = BSI_CLAIM_KNOWN;

    assert_ok(bsi_repo_index_claim(index, type_of(number), &id, &answer));
    return answer;
}

static void a_blob_to_come_is_claimed_once(void **state)
{
    const bsi_digest id = id_of(5);

    assert_int_equal(claim(*state, 5), BSI_CLAIM_MINE);
    assert_int_equal(claim(*state, 5), BSI_CLAIM_PENDING);
    assert_int_equal(claim(*state, 6), BSI_CLAIM_MINE);
    assert_ok(bsi_repo_index_has(*state, type_of(5), &id));
    bsi_repo_index_release(*state, type_of(5), &id);
    bsi_repo_index_release(*state, type_of(5), &id);
    assert_int_equal(claim(*state, 5), BSI_CLAIM_MINE);
    add_pack(*state, 1, 5, 2);
    assert_int_equal(claim(*state, 5), BSI_CLAIM_KNOWN);
    assert_int_equal(claim(*state, 6), BSI_CLAIM_KNOWN);
    assert_int_equal(claim(*state, 7), BSI_CLAIM_MINE);
}

static void many_claims_come_and_go(void **state)
{
    for (uint64_t i = 0; i < MANY; i++) {
        assert_int_equal(claim(*state, i), BSI_CLAIM_MINE);
    }
    for (uint64_t i = 0; i < MANY; i += 2) {
        const bsi_digest id = id_of(i);
        bsi_repo_index_release(*state, type_of(i), &id);
    }
    for (uint64_t i = 0; i < MANY; i++) {
        assert_int_equal(claim(*state, i), i % 2 == 0 ? BSI_CLAIM_MINE : BSI_CLAIM_PENDING);
    }
}

static const char file_text[] =
    "{\"packs\":[{\"id\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\","
    "\"blobs\":[{\"id\":\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\","
    "\"type\":\"data\",\"offset\":5,\"length\":38}]}]}\n";

static void an_index_file_is_taken_in(void **state)
{
    const bsi_digest file = id_of(1);
    bsi_blob_place place;
    bsi_digest id;

    memset(id.bytes, 0xbb, sizeof(id.bytes));
    assert_ok(bsi_repo_index_add_file(*state, &file, bsi_slice_of(file_text), 2));
    assert_ok(bsi_repo_index_find(*state, BSI_BLOB_DATA, &id, 0, &place));
    assert_int_equal(place.pack.bytes[0], 0xaa);
    assert_int_equal(place.blob.offset, 5);
    assert_int_equal(place.blob.size, 38);
}

static void a_damaged_index_file_is_named(void **state)
{
    const bsi_digest file = id_of(1);
    char hex[2 * BSI_SHA256_SIZE + 1];

    bsi_digest_format(&file, hex);
    for (size_t size = 0; size + 2 < sizeof(file_text); size++) {
        assert_status(bsi_repo_index_add_file(*state, &file, (bsi_slice){file_text, size}, 2),
                      BS_E_CORRUPT);
        assert_non_null(strstr(bs_error_last()->message, hex));
    }
}

/* After each failure what was there is there, and the same can be added. */
static void missing_memory_leaves_it_as_it_was(void **state)
{
    enum { STEP = 3000 };
    bsi_repo_index *index = *state;

    for (uint64_t i = 0; i < 4; i++) {
        bs_status status = BS_E_NOMEM;
        for (long n = 0; status == BS_E_NOMEM; n++) {
            const bsi_digest id = pack_id(i);
            const bsi_digest sought = id_of(i * STEP + STEP - 1);
            bsi_blob_list list = {0};
            for (uint32_t at = 0; at < STEP; at++) {
                add_blob(&list, i * STEP + at, at * SIZE, SIZE);
            }
            bsi_alloc_fail_after(n);
            status = bsi_repo_index_add(index, &id, &list);
            if (status == BS_OK) {
                status = bsi_repo_index_has(index, type_of(i * STEP + STEP - 1), &sought);
            }
            bsi_alloc_fail_after(-1);
            bsi_blob_list_dispose(&list);
            if (i > 0) {
                assert_place(index, (i - 1) * STEP + 5, 0, i - 1, 5 * SIZE);
            }
        }
        assert_ok(status);
    }
}

/* --- Several threads --- */

enum { THREADS = 4, SHARED = 4000 };

typedef struct crowd {
    bsi_repo_index *index;
    atomic_uint next_pack;
    atomic_uint mine;
} crowd;

/* Claim every blob; store what is won, a few to a pack; look for what is known. */
static void work(void *user)
{
    crowd *self = user;
    bsi_blob_list list = {0};
    uint32_t offset = 0;

    for (uint64_t i = 0; i < SHARED; i++) {
        const bsi_claim answer = claim(self->index, i);
        bsi_blob_place place;
        if (answer == BSI_CLAIM_KNOWN) {
            assert_ok(find(self->index, i, 0, &place));
            continue;
        }
        if (answer == BSI_CLAIM_MINE) {
            add_blob(&list, i, offset, SIZE);
            offset += SIZE;
            atomic_fetch_add(&self->mine, 1);
        }
        if (list.count == PER_PACK || (i + 1 == SHARED && list.count > 0)) {
            const bsi_digest id = pack_id(atomic_fetch_add(&self->next_pack, 1));
            assert_ok(bsi_repo_index_add(self->index, &id, &list));
            bsi_blob_list_clear(&list);
            offset = 0;
        }
    }
    if (list.count > 0) {
        const bsi_digest id = pack_id(atomic_fetch_add(&self->next_pack, 1));
        assert_ok(bsi_repo_index_add(self->index, &id, &list));
    }
    bsi_blob_list_dispose(&list);
}

static void of_several_threads_one_stores_a_blob(void **state)
{
    crowd self = {.index = *state};
    bsi_thread threads[THREADS];
    bsi_repo_index_stats stats;
    bsi_blob_place place;

    for (size_t i = 0; i < THREADS; i++) {
        assert_ok(bsi_thread_start(&threads[i], "crowd", work, &self));
    }
    for (size_t i = 0; i < THREADS; i++) {
        bsi_thread_join(threads[i]);
    }
    assert_int_equal(self.mine, SHARED);
    bsi_repo_index_get_stats(self.index, &stats);
    assert_int_equal(stats.blobs, SHARED);
    for (uint64_t i = 0; i < SHARED; i++) {
        assert_ok(find(self.index, i, 0, &place));
        assert_status(find(self.index, i, 1, &place), BS_END);
    }
}

/* --- Rows in a file --- */

enum { ROW = 16, ROWS_HEAP = 2 * BSI_ROWS_PER_BLOCK, ROWS = 600000 };

static void fill_rows(bsi_rows *rows, uint32_t count, uint64_t salt)
{
    assert_ok(bsi_rows_reserve(rows, count));
    while (rows->count < count) {
        const uint64_t number = rows->count;
        uint8_t *const row = bsi_rows_add(rows);
        bsi_put_le64(row, number);
        bsi_put_le64(row + 8, number * salt);
    }
}

static void check_rows(const bsi_rows *rows, uint32_t from, uint32_t to, uint64_t salt)
{
    for (uint32_t i = from; i < to; i++) {
        const uint8_t *const row = bsi_rows_at(rows, i);
        bsi_rows_pass(rows, i);
        if (bsi_le64(row) != i || bsi_le64(row + 8) != i * salt) {
            fail_msg("row %u is another one", i);
        }
    }
}

static bsi_rows limited_rows(int dir)
{
    bsi_rows rows;

    bsi_rows_init(&rows, ROW);
    bsi_rows_limit(&rows, dir, (uint64_t)ROWS_HEAP * ROW + 1);
    return rows;
}

/* Twice: what was passed over once is read from the file. */
static void rows_beyond_the_limit_are_kept_in_a_file(void **state)
{
    const int dir = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bsi_rows rows = limited_rows(dir);

    (void)state;
    assert_true(dir >= 0);
    fill_rows(&rows, ROWS_HEAP, 3);
    assert_int_equal(rows.fd, -1);
    fill_rows(&rows, ROWS, 3);
    assert_true(rows.fd >= 0);
    assert_true(bsi_rows_memory(&rows) < (uint64_t)(ROWS_HEAP + 1000) * ROW);
    check_rows(&rows, 0, ROWS, 3);
    check_rows(&rows, 0, ROWS, 3);
    bsi_rows_cut(&rows, ROWS / 2 + 1);
    fill_rows(&rows, ROWS, 5);
    check_rows(&rows, 0, ROWS / 2 + 1, 3);
    check_rows(&rows, ROWS / 2 + 1, ROWS, 5);
    bsi_rows_cut(&rows, 0);
    fill_rows(&rows, ROWS_HEAP + 1, 7);
    check_rows(&rows, 0, ROWS_HEAP + 1, 7);
    bsi_rows_dispose(&rows);
    assert_int_equal(close(dir), 0);
}

/* Of the file itself, its room and its memory. */
static void a_full_disk_is_told_and_nothing_is_lost(void **state)
{
    static const struct {
        bsi_os_op op;
        int code;
        bs_status status;
    } cases[] = {{BSI_OS_OPEN, ENOSPC, BS_E_NO_SPACE},
                 {BSI_OS_WRITE, ENOSPC, BS_E_NO_SPACE},
                 {BSI_OS_MAP, ENOMEM, BS_E_NOMEM}};
    const int dir = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const bsi_fault_plan plan = {
            .op_mask = UINT64_C(1) << cases[i].op, .at = 1, .os_code = cases[i].code};
        bsi_rows rows = limited_rows(dir);
        fill_rows(&rows, ROWS_HEAP, 3);
        bsi_fault_set(&plan);
        assert_status(bsi_rows_reserve(&rows, ROWS_HEAP + 1), cases[i].status);
        bsi_fault_set(NULL);
        fill_rows(&rows, ROWS_HEAP + 1, 3);
        check_rows(&rows, 0, ROWS_HEAP + 1, 3);
        bsi_rows_dispose(&rows);
    }
    assert_int_equal(close(dir), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(every_blob_is_found_where_it_is),
        TEST(an_index_grows_while_it_is_used),
        TEST(a_blob_takes_no_more_than_48_bytes),
        TEST(data_and_trees_are_kept_apart),
        TEST(a_blob_may_lie_in_several_packs),
        TEST(of_many_copies_some_are_told),
        TEST(the_same_pack_twice_counts_once),
        TEST(a_pack_described_in_parts_is_put_together),
        TEST(a_pack_in_a_thousand_parts_is_refused),
        TEST(order_within_a_pack_is_free),
        TEST(blobs_in_one_place_are_damage),
        TEST(large_blobs_and_large_gaps_are_kept),
        TEST(packs_are_told_in_order),
        TEST(packs_can_be_taken_out),
        TEST(copies_that_were_not_told_come_up),
        TEST(large_blobs_survive_the_removal_of_others),
        TEST(a_blob_to_come_is_claimed_once),
        TEST(many_claims_come_and_go),
        TEST(an_index_file_is_taken_in),
        TEST(a_damaged_index_file_is_named),
        TEST(missing_memory_leaves_it_as_it_was),
        TEST(of_several_threads_one_stores_a_blob),
        cmocka_unit_test(rows_beyond_the_limit_are_kept_in_a_file),
        cmocka_unit_test(a_full_disk_is_told_and_nothing_is_lost),
    };

    return cmocka_run_group_tests_name("repo/index", tests, start, NULL);
}
