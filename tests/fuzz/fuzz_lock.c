/* SPDX-License-Identifier: MIT */
/*
 * Locks of a repository, as their files are. An input is
 *
 *     version 1 | what was encrypted
 *
 * It is decoded as JSON or as a compressed text. A lock that is read and written
 * is the same when it is read again.
 */
#include "fuzz.h"

#include "repo/lock.h"
#include "repo/unpacked.h"

static void check_lock(bsi_slice json)
{
    bsi_lock_info info;
    bsi_lock_info again;
    bsi_buf text;

    if (bsi_lock_info_parse(json, &info) != BS_OK) {
        return;
    }
    bsi_buf_init(&text, 8 * BSI_LOCK_MAX);
    fuzz_ok(bsi_lock_info_write(&info, &text));
    fuzz_ok(bsi_lock_info_parse(bsi_buf_slice(&text), &again));
    fuzz_check(info.time.sec == again.time.sec && info.time.nsec == again.time.nsec);
    fuzz_check(info.exclusive == again.exclusive && info.pid == again.pid);
    fuzz_check(info.uid == again.uid && info.gid == again.gid);
    fuzz_check(bsi_slice_equal(info.hostname, again.hostname));
    fuzz_check(bsi_slice_equal(info.username, again.username));
    fuzz_check(bsi_slice_equal(info.table, again.table));
    bsi_lock_info_dispose(&info);
    bsi_lock_info_dispose(&again);
    bsi_buf_dispose(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = {data, size};
    const uint32_t version = fuzz_byte(&in) % 2 + 1;
    const bsi_slice stored = fuzz_take(&in, in.left);
    bsi_buf text;
    bs_status status = BS_OK;

    bsi_buf_init(&text, BSI_LOCK_MAX);
    status = bsi_unpacked_decode(version, stored, &text);
    fuzz_check(status == BS_OK || status == BS_E_CORRUPT || status == BS_E_LIMIT);
    fuzz_check(text.size <= BSI_LOCK_MAX);
    if (status == BS_OK) {
        check_lock(bsi_buf_slice(&text));
    }
    bsi_buf_dispose(&text);
    return 0;
}
