/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "crypto/derive_int.h"
#include "crypto/gcm_int.h"
#include "crypto/secret.h"
#include "os/fault.h"

static int teardown(void **state)
{
    (void)state;
    bsi_fault_set(NULL);
    bsi_alloc_fail_after(-1);
    return 0;
}

static void a_secret_holds_its_bytes(void **state)
{
    bsi_secret *secret = NULL;

    (void)state;
    assert_ok(bsi_secret_copy("abc", 3, &secret));
    assert_int_equal(bsi_secret_size(secret), 3);
    assert_memory_equal(bsi_secret_view(secret), "abc", 3);
    bsi_secret_bytes(secret)[0] = 'x';
    assert_memory_equal(bsi_secret_view(secret), "xbc", 3);
    assert_true(bsi_secret_is_intact(secret));
    bsi_secret_free(secret);
    bsi_secret_free(NULL);
}

static void new_bytes_are_zeros_and_random_ones_differ(void **state)
{
    static const uint8_t zeros[64];
    bsi_secret *a = NULL;
    bsi_secret *b = NULL;

    (void)state;
    assert_ok(bsi_secret_new(64, &a));
    assert_memory_equal(bsi_secret_view(a), zeros, 64);
    bsi_secret_free(a);
    assert_ok(bsi_secret_random(64, &a));
    assert_ok(bsi_secret_random(64, &b));
    assert_memory_not_equal(bsi_secret_view(a), bsi_secret_view(b), 64);
    bsi_secret_free(a);
    bsi_secret_free(b);
}

static void sizes_have_limits(void **state)
{
    bsi_secret *secret = NULL;

    (void)state;
    assert_status(bsi_secret_new(0, &secret), BS_E_LIMIT);
    assert_status(bsi_secret_new(BSI_SECRET_MAX + 1, &secret), BS_E_LIMIT);
    assert_null(secret);
    assert_ok(bsi_secret_new(BSI_SECRET_MAX, &secret));
    bsi_secret_bytes(secret)[BSI_SECRET_MAX - 1] = 1;
    assert_true(bsi_secret_is_intact(secret));
    bsi_secret_free(secret);
}

static void comparing_tells_equal_from_different(void **state)
{
    (void)state;
    assert_true(bsi_secret_equal("abcd", "abcd", 4));
    assert_true(bsi_secret_equal("abcd", "abce", 3));
    assert_false(bsi_secret_equal("abcd", "abce", 4));
    assert_false(bsi_secret_equal("bbcd", "abcd", 4));
}

static void wiping_overwrites(void **state)
{
    static const uint8_t zeros[8];
    uint8_t bytes[10] = "secrets!!";

    (void)state;
    bsi_wipe(bytes, 8);
    assert_memory_equal(bytes, zeros, 8);
    assert_int_equal(bytes[8], '!');
}

static void a_failure_of_chance_is_an_error(void **state)
{
    const bsi_fault_plan plan = {.op_mask = 1u << BSI_OS_RANDOM, .at = 1, .os_code = EIO};
    bsi_secret *secret = NULL;

    (void)state;
    bsi_fault_set(&plan);
    assert_status(bsi_secret_random(32, &secret), BS_E_IO);
    assert_null(secret);
}

static void no_memory_is_reported(void **state)
{
    const bsi_fault_plan plan = {.op_mask = 1u << BSI_OS_MAP, .at = 1, .os_code = ENOMEM};
    bsi_secret *secret = NULL;

    (void)state;
    bsi_fault_set(&plan);
    assert_status(bsi_secret_copy("abc", 3, &secret), BS_E_NOMEM);
    bsi_fault_set(NULL);
    bsi_alloc_fail_after(0);
    assert_status(bsi_secret_copy("abc", 3, &secret), BS_E_NOMEM);
    assert_null(secret);
}

/* In a forked child the key's pages are zeros: nothing may be done under such a key. */
static bool child_refuses(const bsi_secret *key)
{
    static const uint8_t salt[BSI_SALT_SIZE];
    static const uint8_t nonce[BSI_GCM_NONCE_SIZE];
    const bsi_gcm_bound bound = {.nonce = nonce};
    uint8_t out[BSI_DERIVED_SIZE];
    uint8_t sealed[1 + BSI_GCM_TAG_SIZE];

    return !bsi_secret_is_intact(key) && bsi_hkdf(key, salt, "x", out) == BS_E_INTERNAL &&
           bsi_hmac(key, "x", 1, out) == BS_E_INTERNAL &&
           bsi_gcm_seal(key, &bound, "x", 1, sealed) == BS_E_INTERNAL;
}

static void a_forked_child_can_not_use_keys(void **state)
{
    bsi_secret *key = NULL;
    pid_t child = 0;
    int result = 0;

    (void)state;
    assert_ok(bsi_secret_random(32, &key));
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(child_refuses(key) ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    assert_int_equal(WEXITSTATUS(result), 0);
    assert_true(bsi_secret_is_intact(key));
    bsi_secret_free(key);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_secret_holds_its_bytes), TEST(new_bytes_are_zeros_and_random_ones_differ),
        TEST(sizes_have_limits),        TEST(comparing_tells_equal_from_different),
        TEST(wiping_overwrites),        TEST(a_failure_of_chance_is_an_error),
        TEST(no_memory_is_reported),    TEST(a_forked_child_can_not_use_keys),
    };

    return cmocka_run_group_tests_name("crypto/secret", tests, NULL, NULL);
}
