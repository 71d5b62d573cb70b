/* SPDX-License-Identifier: MIT */
/*
 * Snapshots of a repository. An input is the text of one. What is read and
 * written is read again as the same text, members that are not known among it.
 */
#include "fuzz.h"

#include "repo/snapshot.h"

enum { TEXT_MAX = 1024 * 1024 };

/* Parse what must be a snapshot, and write it. */
static void write_again(const bsi_snapshot *snapshot, bsi_buf *out)
{
    bsi_buf_init(out, TEXT_MAX);
    fuzz_ok(bsi_snapshot_write(snapshot, out));
}

static void compare(const bsi_snapshot *a, const bsi_snapshot *b)
{
    fuzz_check(a->time.sec == b->time.sec && a->time.offset_sec == b->time.offset_sec);
    fuzz_check(bsi_digest_equal(&a->tree.digest, &b->tree.digest));
    fuzz_check(a->parent.given == b->parent.given && a->original.given == b->original.given);
    fuzz_check(a->paths.count == b->paths.count && a->tags.count == b->tags.count);
    for (size_t i = 0; i < a->tags.count; i++) {
        fuzz_check(bsi_slice_equal(a->tags.items[i], b->tags.items[i]));
    }
    fuzz_check(bsi_slice_equal(a->hostname, b->hostname) && a->uid == b->uid);
    fuzz_check(a->has_summary == b->has_summary);
    fuzz_check(bsi_slice_equal(a->others, b->others));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bsi_snapshot snapshot;
    bsi_snapshot again;
    bsi_buf first;
    bsi_buf second;

    if (bsi_snapshot_parse((bsi_slice){(const char *)data, size}, &snapshot) != BS_OK) {
        return 0;
    }
    write_again(&snapshot, &first);
    fuzz_ok(bsi_snapshot_parse(bsi_buf_slice(&first), &again));
    compare(&snapshot, &again);
    write_again(&again, &second);
    fuzz_check(first.size == second.size && memcmp(first.data, second.data, first.size) == 0);
    bsi_snapshot_dispose(&snapshot);
    bsi_snapshot_dispose(&again);
    bsi_buf_dispose(&first);
    bsi_buf_dispose(&second);
    return 0;
}
