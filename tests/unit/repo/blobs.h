/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_REPO_BLOBS_H
#define TESTS_UNIT_REPO_BLOBS_H

#include "support/test.h"

#include "repo/pack.h"

static inline void assert_same_blobs(const bsi_blob_list *a, const bsi_blob_list *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        assert_true(bsi_digest_equal(&a->items[i].id, &b->items[i].id));
        assert_int_equal(a->items[i].type, b->items[i].type);
        assert_int_equal(a->items[i].offset, b->items[i].offset);
        assert_int_equal(a->items[i].size, b->items[i].size);
        assert_int_equal(a->items[i].plain_size, b->items[i].plain_size);
    }
}

#endif
