/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <string.h>

#include "base/alloc.h"
#include "hash/sha256.h"

static const char *const ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const char *const EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

static void assert_digest(const bsi_digest *digest, const char *hex)
{
    char text[2 * BSI_SHA256_SIZE + 1];

    bsi_digest_format(digest, text);
    assert_string_equal(text, hex);
}

static void the_digests_of_the_standard_come_out(void **state)
{
    bsi_digest digest;

    (void)state;
    bsi_sha256_of("abc", 3, &digest);
    assert_digest(&digest, ABC);
    bsi_sha256_of(NULL, 0, &digest);
    assert_digest(&digest, EMPTY);
    bsi_sha256_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, &digest);
    assert_digest(&digest, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void pieces_give_the_digest_of_the_whole(void **state)
{
    bsi_sha256 *hash = NULL;
    bsi_digest digest;

    (void)state;
    assert_ok(bsi_sha256_new(&hash));
    for (int i = 0; i < 1000000; i += 1000) {
        char block[1000];
        memset(block, 'a', sizeof(block));
        bsi_sha256_update(hash, block, sizeof(block));
    }
    bsi_sha256_finish(hash, &digest);
    assert_digest(&digest, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    bsi_sha256_free(hash);
}

static void finish_and_reset_begin_anew(void **state)
{
    bsi_sha256 *hash = NULL;
    bsi_digest digest;

    (void)state;
    assert_ok(bsi_sha256_new(&hash));
    bsi_sha256_update(hash, "rubbish", 7);
    bsi_sha256_reset(hash);
    bsi_sha256_update(hash, "abc", 3);
    bsi_sha256_finish(hash, &digest);
    assert_digest(&digest, ABC);
    bsi_sha256_finish(hash, &digest);
    assert_digest(&digest, EMPTY);
    bsi_sha256_free(hash);
    bsi_sha256_free(NULL);
}

static void text_and_digest_convert_both_ways(void **state)
{
    bsi_digest made;
    bsi_digest parsed;

    (void)state;
    bsi_sha256_of("abc", 3, &made);
    assert_ok(bsi_digest_parse(ABC, strlen(ABC), &parsed));
    assert_true(bsi_digest_equal(&made, &parsed));
    parsed.bytes[BSI_SHA256_SIZE - 1] ^= 1;
    assert_false(bsi_digest_equal(&made, &parsed));
}

static void other_text_is_refused(void **state)
{
    static const struct {
        size_t at;
        char digit;
    } wrong[] = {{0, 'B'}, {1, 'g'}, {63, ' '}, {31, '/'}, {32, ':'}, {5, '`'}, {6, '\0'}};
    bsi_digest digest = {{1}};

    (void)state;
    assert_status(bsi_digest_parse(ABC, 63, &digest), BS_E_INVALID);
    assert_status(bsi_digest_parse(ABC, 65, &digest), BS_E_INVALID);
    assert_status(bsi_digest_parse("", 0, &digest), BS_E_INVALID);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char text[65];
        memcpy(text, ABC, sizeof(text));
        text[wrong[i].at] = wrong[i].digit;
        assert_status(bsi_digest_parse(text, 64, &digest), BS_E_INVALID);
    }
    assert_int_equal(digest.bytes[0], 1);
}

static void no_memory_is_reported(void **state)
{
    bsi_sha256 *hash = NULL;

    (void)state;
    bsi_alloc_fail_after(0);
    assert_status(bsi_sha256_new(&hash), BS_E_NOMEM);
    bsi_alloc_fail_after(-1);
    assert_null(hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_digests_of_the_standard_come_out),
        cmocka_unit_test(pieces_give_the_digest_of_the_whole),
        cmocka_unit_test(finish_and_reset_begin_anew),
        cmocka_unit_test(text_and_digest_convert_both_ways),
        cmocka_unit_test(other_text_is_refused),
        cmocka_unit_test(no_memory_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
