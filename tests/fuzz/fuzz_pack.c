/* SPDX-License-Identifier: MIT */
/*
 * The header of a pack. An input is
 *
 *     how 1 | bytes before the header 4 | decrypted header
 *
 * What is read is put into a pack again by the writer, as far as sizes allow it,
 * and its header must be the same bytes. Unless the input says how many bytes
 * lie before the header, they are what the header's entries come to.
 */
#include "fuzz.h"

#include <stdlib.h>

#include "base/endian.h"
#include "repo/pack.h"

enum {
    HOW_VERSION_1 = 1,
    HOW_AS_IT_IS = 2, /* The number of bytes is the input's own. */
    REBUILD_MAX = 1024 * 1024,
    LENGTH = 4,
};

static const bsi_secret *key(void)
{
    static bsi_secret *made;
    uint8_t bytes[BSI_CTR_POLY_KEY_SIZE];

    if (!made) {
        memset(bytes, 'k', sizeof(bytes));
        fuzz_ok(bsi_secret_copy(bytes, sizeof(bytes), &made));
    }
    return made;
}

/* What the entries come to, as far as there are any. */
static uint64_t total(bsi_slice header)
{
    const uint8_t *const bytes = (const uint8_t *)header.data;
    uint64_t sum = 0;
    size_t at = 0;

    while (at + 5 <= header.size) {
        sum += bsi_le32(bytes + at + 1);
        at += bytes[at] & 2 ? 41 : 37;
    }
    return sum;
}

static void check_blobs(const bsi_blob_list *list, bsi_slice header, uint64_t stored,
                        uint32_t version)
{
    uint64_t offset = 0;
    bool compressed = false;

    for (size_t i = 0; i < list->count; i++) {
        fuzz_check(list->items[i].offset == offset);
        fuzz_ok(bsi_blob_check(&list->items[i], version));
        offset += list->items[i].size;
        compressed = compressed || list->items[i].plain_size > 0;
    }
    fuzz_check(offset == stored);
    fuzz_check(!compressed || version == 2);
    fuzz_check(bsi_pack_size(list) == stored + header.size + BSI_CTR_POLY_OVERHEAD + LENGTH);
}

/* The same blobs, of one type each time, in packs of their own. */
static void check_writer(const bsi_blob_list *list, bsi_slice header, uint64_t stored)
{
    bsi_pack_writer *writer = NULL;
    uint8_t *blobs = calloc(1, (size_t)stored + 1);
    uint8_t *plain = malloc(header.size + 1);
    bsi_slice bytes;

    fuzz_check(blobs && plain);
    fuzz_ok(bsi_pack_writer_new(BSI_PACK_TARGET, &writer));
    for (size_t i = 0; i < list->count; i++) {
        fuzz_ok(bsi_pack_writer_add(writer, &list->items[i], blobs));
    }
    fuzz_ok(bsi_pack_writer_finish(writer, key()));
    bytes = bsi_pack_writer_bytes(writer);
    fuzz_check(bytes.size == bsi_pack_size(list));
    fuzz_ok(bsi_ctr_poly_open(key(), (const uint8_t *)bytes.data + stored,
                              bytes.size - (size_t)stored - LENGTH, plain));
    fuzz_check(memcmp(plain, header.data, header.size) == 0);
    bsi_pack_writer_free(writer);
    free(blobs);
    free(plain);
}

static bool is_of_one_type(const bsi_blob_list *list)
{
    for (size_t i = 1; i < list->count; i++) {
        if (list->items[i].type != list->items[0].type) {
            return false;
        }
    }
    return list->count > 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = {data, size};
    const uint8_t how = fuzz_byte(&in);
    const uint64_t given = fuzz_number(&in, 4);
    const bsi_slice header = fuzz_take(&in, in.left);
    const uint64_t stored = how & HOW_AS_IT_IS ? given : total(header);
    const uint32_t version = how & HOW_VERSION_1 ? 1 : 2;
    bsi_blob_list list = {0};
    const bs_status status = bsi_pack_parse_header(header, stored, version, &list);

    fuzz_check(status == BS_OK || status == BS_E_CORRUPT || status == BS_E_LIMIT);
    fuzz_check(status == BS_OK || list.count == 0);
    if (status == BS_OK) {
        check_blobs(&list, header, stored, version);
        if (is_of_one_type(&list) && stored <= REBUILD_MAX) {
            check_writer(&list, header, stored);
        }
    }
    bsi_blob_list_dispose(&list);
    return 0;
}
