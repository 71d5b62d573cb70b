/* SPDX-License-Identifier: MIT */
/*
 * The keyring and its file: what is put there comes back, whatever is done to
 * the file is noticed, and no failure leaves anything but the old ring or the new.
 */
#include "support/test.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "engine/keyring.h"
#include "os/fault.h"
#include "os/file.h"
#include "support/crypto_keys.h"
#include "support/tempdir.h"

#define OLD "bsvc-key-1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define NEW "bsvc-key-1 ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static bsi_key *raw_key(const char *text)
{
    bsi_key *key = NULL;

    assert_ok(bsi_key_from_raw(bsi_slice_of(text), &key));
    return key;
}

static bs_status add(bsi_keyring *ring, const char *name, const char *content)
{
    bsi_secret *secret = NULL;
    bs_status status = BS_OK;

    assert_ok(bsi_secret_copy(content, strlen(content), &secret));
    status = bsi_keyring_add(ring, name, 1700000000123456789, secret, NULL);
    bsi_secret_free(secret);
    return status;
}

/* Whoever reads them many times takes a raw key for `mine`: to read an RSA key takes long. */
static bsi_keyring three_entries(const char *mine)
{
    bsi_keyring ring = {0};

    assert_ok(add(&ring, "nightly", "correct horse battery"));
    assert_ok(add(&ring, "raw.1", OLD));
    assert_ok(add(&ring, "me", mine));
    return ring;
}

static void assert_three(const bsi_keyring *ring)
{
    const bsi_ring_entry *entry = NULL;

    assert_int_equal(ring->count, 3);
    entry = bsi_keyring_find(ring, "nightly");
    assert_non_null(entry);
    assert_int_equal(bsi_secret_size(entry->content), 21);
    assert_memory_equal(bsi_secret_view(entry->content), "correct horse battery", 21);
    assert_true(entry->added_at == 1700000000123456789);
    assert_int_equal(bsi_key_kind_of(bsi_keyring_find(ring, "raw.1")->key), BSI_KEY_RAW);
    assert_true(bsi_key_can_open(bsi_keyring_find(ring, "me")->key));
    assert_null(bsi_keyring_find(ring, "others"));
}

static int teardown(void **state)
{
    bsi_fault_set(NULL);
    bsi_alloc_fail_after(-1);
    return test_dir_teardown(state);
}

static void what_is_saved_comes_back(void **state)
{
    const test_dir *dir = *state;
    bsi_key *master = raw_key(NEW);
    bsi_keyring ring = three_entries(TEST_RSA_PRIVATE);
    bsi_keyring back = {0};
    bsi_stat stat;
    bool exists = true;

    assert_ok(bsi_keyring_exists(dir->fd, &exists));
    assert_false(exists);
    assert_ok(bsi_keyring_load(dir->fd, master, &back));
    assert_int_equal(back.count, 0);
    assert_ok(bsi_keyring_save(dir->fd, master, &ring));
    assert_ok(bsi_keyring_exists(dir->fd, &exists));
    assert_true(exists);
    assert_ok(bsi_stat_at(dir->fd, BSI_KEYRING_FILE, &stat));
    assert_int_equal(stat.mode, 0600);
    assert_ok(bsi_keyring_load(dir->fd, master, &back));
    assert_three(&back);
    assert_ok(bsi_keyring_remove(&back, "nightly"));
    assert_status(bsi_keyring_remove(&back, "nightly"), BS_E_NOT_FOUND);
    assert_int_equal(back.count, 2);
    assert_non_null(bsi_keyring_find(&back, "me"));
    bsi_keyring_dispose(&back);
    bsi_keyring_dispose(&ring);
    bsi_key_unref(master);
}

static void names_and_contents_are_checked(void **state)
{
    static const char *const names[] = {
        "", "a b", "a/b", "ä", "12345678901234567890123456789012345678901234567890123456789012345",
    };
    bsi_keyring ring = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_status(add(&ring, names[i], "x"), BS_E_INVALID);
    }
    assert_status(add(&ring, "a", "bsvc-key-1 not hex"), BS_E_INVALID);
    assert_int_equal(ring.count, 0);
    assert_ok(add(&ring, "a", "x"));
    assert_status(add(&ring, "a", "y"), BS_E_EXISTS);
    bsi_keyring_dispose(&ring);
}

static void another_master_key_is_told(void **state)
{
    const test_dir *dir = *state;
    bsi_key *old = raw_key(OLD);
    bsi_key *other = raw_key(NEW);
    bsi_keyring ring = three_entries(TEST_RSA_PRIVATE);
    bsi_keyring back = {0};

    assert_ok(bsi_keyring_save(dir->fd, old, &ring));
    assert_status(bsi_keyring_load(dir->fd, other, &back), BS_E_KEY);
    assert_non_null(strstr(bs_error_last()->message, "ENCRYPTION_KEY"));
    bsi_keyring_dispose(&ring);
    bsi_key_unref(old);
    bsi_key_unref(other);
}

/* The bytes of the file; how many. */
static size_t read_ring(const test_dir *dir, unsigned char *bytes, size_t size)
{
    size_t got = 0;
    int fd = -1;

    assert_ok(bsi_open(dir->fd, BSI_KEYRING_FILE, BSI_OPEN_READ, 0, &fd));
    assert_ok(bsi_read(fd, bytes, size, &got));
    assert_ok(bsi_close(fd));
    return got;
}

static void write_ring(const test_dir *dir, const unsigned char *bytes, size_t size)
{
    int fd = -1;

    assert_ok(bsi_open(dir->fd, BSI_KEYRING_FILE, BSI_OPEN_WRITE, 0, &fd));
    assert_ok(bsi_truncate(fd, 0));
    assert_ok(bsi_write(fd, bytes, size));
    assert_ok(bsi_close(fd));
}

static void every_changed_byte_and_every_cut_is_found(void **state)
{
    const test_dir *dir = *state;
    unsigned char bytes[1024];
    bsi_key *master = raw_key(OLD);
    bsi_keyring ring = {0};
    bsi_keyring back = {0};
    size_t size = 0;

    assert_ok(add(&ring, "a", "canary"));
    assert_ok(bsi_keyring_save(dir->fd, master, &ring));
    size = read_ring(dir, bytes, sizeof(bytes));
    assert_in_range(size, 100, sizeof(bytes) - 1);
    assert_null(memmem(bytes, size, "canary", 6));
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= 0x10;
        write_ring(dir, bytes, size);
        bytes[i] ^= 0x10;
        assert_true(bsi_keyring_load(dir->fd, master, &back) < 0);
        write_ring(dir, bytes, i);
        assert_true(bsi_keyring_load(dir->fd, master, &back) < 0);
    }
    write_ring(dir, bytes, size);
    assert_ok(bsi_keyring_load(dir->fd, master, &back));
    bsi_keyring_dispose(&back);
    bsi_keyring_dispose(&ring);
    bsi_key_unref(master);
}

/* The old ring under the old key, or the new one under the new key. */
static void assert_either(const test_dir *dir, bsi_key *old, bsi_key *fresh, bool *is_new)
{
    bsi_keyring back = {0};

    *is_new = bsi_keyring_load(dir->fd, fresh, &back) == BS_OK;
    if (!*is_new) {
        assert_ok(bsi_keyring_load(dir->fd, old, &back));
    }
    assert_three(&back);
    bsi_keyring_dispose(&back);
}

static void an_error_at_any_call_leaves_one_of_both(void **state)
{
    const test_dir *dir = *state;
    bsi_key *old = raw_key(OLD);
    bsi_key *fresh = raw_key(NEW);
    bsi_keyring ring = three_entries(NEW);
    bs_status status = BS_E_IO;
    unsigned tried = 0;
    bool is_new = false;

    for (uint64_t at = 1; status < 0; at++) {
        bsi_fault_plan plan = {.at = at, .os_code = 5};
        assert_ok(bsi_keyring_save(dir->fd, old, &ring));
        bsi_fault_set(&plan);
        status = bsi_keyring_save(dir->fd, fresh, &ring);
        bsi_fault_set(NULL);
        assert_either(dir, old, fresh, &is_new);
        assert_true(status < 0 || is_new);
        tried++;
    }
    assert_in_range(tried, 8, 200);
    bsi_keyring_dispose(&ring);
    bsi_key_unref(old);
    bsi_key_unref(fresh);
}

/*
 * Save the ring anew in a process that is killed at its `at`-th call from there. Secrets are
 * wiped in forked children, so it makes its own. True when it was killed.
 */
static bool dies_saving(const test_dir *dir, uint64_t at)
{
    const bsi_fault_plan plan = {.at = at};
    const pid_t child = fork();
    int how = 0;

    assert_true(child >= 0);
    if (child == 0) {
        bsi_key *old = raw_key(OLD);
        bsi_key *fresh = raw_key(NEW);
        bsi_keyring ring = three_entries(NEW);
        if (bsi_keyring_save(dir->fd, old, &ring) < 0) {
            _exit(2);
        }
        bsi_fault_set(&plan);
        _exit(bsi_keyring_save(dir->fd, fresh, &ring) == BS_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how) || WEXITSTATUS(how) == 0);
    return WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL;
}

static void a_death_at_any_call_leaves_one_of_both(void **state)
{
    const test_dir *dir = *state;
    bsi_key *old = raw_key(OLD);
    bsi_key *fresh = raw_key(NEW);
    unsigned news = 0;
    unsigned tried = 0;
    bool killed = true;
    bool is_new = false;

    for (uint64_t at = 1; killed; at++) {
        killed = dies_saving(dir, at);
        assert_either(dir, old, fresh, &is_new);
        news += is_new ? 1 : 0;
        tried++;
    }
    assert_in_range(tried, 8, 200);
    assert_in_range(news, 1, 4); /* Only after the rename. */
    bsi_key_unref(old);
    bsi_key_unref(fresh);
}

static void missing_memory_at_any_point_leaves_the_old_one(void **state)
{
    const test_dir *dir = *state;
    bsi_key *old = raw_key(OLD);
    bsi_key *fresh = raw_key(NEW);
    bsi_keyring ring = three_entries(NEW);
    bs_status status = BS_E_NOMEM;
    bool is_new = false;

    assert_ok(bsi_keyring_save(dir->fd, old, &ring));
    for (long n = 0; status != BS_OK; n++) {
        bsi_alloc_fail_after(n);
        status = bsi_keyring_save(dir->fd, fresh, &ring);
        bsi_alloc_fail_after(-1);
        assert_true(status == BS_OK || status == BS_E_NOMEM);
        assert_either(dir, old, fresh, &is_new);
        assert_int_equal(is_new, status == BS_OK);
    }
    bsi_keyring_dispose(&ring);
    bsi_key_unref(old);
    bsi_key_unref(fresh);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, test_dir_setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_is_saved_comes_back),
        TEST(names_and_contents_are_checked),
        TEST(another_master_key_is_told),
        TEST(every_changed_byte_and_every_cut_is_found),
        TEST(an_error_at_any_call_leaves_one_of_both),
        TEST(a_death_at_any_call_leaves_one_of_both),
        TEST(missing_memory_at_any_point_leaves_the_old_one),
    };

    test_dir_in_memory();
    return cmocka_run_group_tests_name("engine/keyring", tests, NULL, NULL);
}
